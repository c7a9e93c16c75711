"""Where weights are and how they get into the networks."""

from flashworld.weights.loading import load, suit_memory
from flashworld.weights.saving import save

__all__ = ["load", "save", "suit_memory"]
