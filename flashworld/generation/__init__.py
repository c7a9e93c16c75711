"""The joined stages: a request goes in, a scene comes out. Read `flashworld.generation.stream` first."""

from flashworld.generation.record import Record, Replay, read_record
from flashworld.generation.scene import Scene
from flashworld.generation.stream import GenerationStep, generate, path_of, stream, work_for

__all__ = ["GenerationStep", "Record", "Replay", "Scene", "generate", "path_of", "read_record", "stream", "work_for"]
