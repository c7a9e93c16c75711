"""FlashWorld: one picture or one sentence, plus a camera path, becomes a 3D Gaussian world."""
