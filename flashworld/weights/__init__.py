"""Where weights are and how they get into the networks."""

from flashworld.weights.loading import load
from flashworld.weights.saving import save

__all__ = ["load", "save"]
