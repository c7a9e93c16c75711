"""Files: scenes as PLY and SPZ, videos, pictures, depth. Conversion to other axes and units happens here only.

Videos are in `formats.video`, apart: who trains or measures needs no codec.
"""

from flashworld.formats.pictures import to_uint8, write_depth, write_frames
from flashworld.formats.scenes import SceneInfo, inspect, load, provenance_of, save

__all__ = [
    "SceneInfo",
    "inspect",
    "load",
    "provenance_of",
    "save",
    "to_uint8",
    "write_depth",
    "write_frames",
]
