"""Where weights are and how they get into the networks."""

from flashworld.weights.loading import load, plan_for
from flashworld.weights.saving import save

__all__ = ["load", "plan_for", "save"]
