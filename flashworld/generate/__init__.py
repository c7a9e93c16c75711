"""The joined stages: a request goes in, a scene comes out. Read `flashworld.generate.stream` first."""

from flashworld.generate.record import Record, read_record
from flashworld.generate.scene import Scene
from flashworld.generate.stream import GenerationStep, generate, stream

__all__ = ["GenerationStep", "Record", "Scene", "generate", "read_record", "stream"]
