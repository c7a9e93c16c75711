"""Anchoring: the view that the picture shows takes its colours from the picture's own pixels, at predicted distances.

Not part of the published method. A small autoencoder blurs what it codes and a small model's views do not quite agree;
anchored, the given view stays sharp and no other view's Gaussians float before it (`cells.py`, `sight.py`). What its
distances put between two things belongs to one of them (`edges.py`). Beyond the picture's border its colours go on into
what the model imagines, and stand behind all of it (`beyond.py`). `ModelConfig.anchored` asks for it.
"""

from flashworld.anchoring.beyond import NUM_IN_BACKDROP
from flashworld.anchoring.cells import OPAQUE
from flashworld.anchoring.scenes import AnchoredDecoder, anchored, anchored_batch, decoder_for
from flashworld.anchoring.sight import stands_before

__all__ = ["NUM_IN_BACKDROP", "OPAQUE", "AnchoredDecoder", "anchored", "anchored_batch", "decoder_for", "stands_before"]
