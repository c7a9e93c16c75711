// Everything by others that the pages may import, under one name each.
export * from 'three';
export { Line2 } from 'three/addons/lines/Line2.js';
export { LineGeometry } from 'three/addons/lines/LineGeometry.js';
export { LineMaterial } from 'three/addons/lines/LineMaterial.js';
export { LineSegments2 } from 'three/addons/lines/LineSegments2.js';
export { LineSegmentsGeometry } from 'three/addons/lines/LineSegmentsGeometry.js';
export { SparkRenderer, SplatFileType, SplatMesh, workerPool } from '@sparkjsdev/spark';
