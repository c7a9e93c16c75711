"""Where weights are and how they get into the networks."""
