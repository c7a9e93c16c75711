"""Open training code: procedural worlds to learn from. Nothing below imports it."""
