"""Files: scenes as PLY and SPZ, videos, pictures, depth. Conversion to other axes and units happens here only."""

from flashworld.formats.pictures import to_uint8, write_depth, write_frames
from flashworld.formats.scenes import SceneInfo, inspect, load, provenance_of, save
from flashworld.formats.video import write_video

__all__ = [
    "SceneInfo",
    "inspect",
    "load",
    "provenance_of",
    "save",
    "to_uint8",
    "write_depth",
    "write_frames",
    "write_video",
]
