"""Applications: they translate between people and the library, and hold no tensors and no knowledge of models."""
