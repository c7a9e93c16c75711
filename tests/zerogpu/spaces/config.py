"""What the program asks in order to know where it is."""

from types import SimpleNamespace

Config = SimpleNamespace(zero_gpu=True)
