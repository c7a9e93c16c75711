"""4. A scene is five tensors: select, move, turn and scale it, and write it in another format."""

import torch

from flashworld import load_gaussians, save_gaussians
from flashworld.geometry import Similarity

gaussians = load_gaussians("house.ply")
near = gaussians[gaussians.means.norm(dim=-1) < gaussians.means.norm(dim=-1).median()]
half_turn_about_y = torch.tensor([0.0, 0.0, 1.0, 0.0])
turned = near.transformed(Similarity(half_turn_about_y, torch.tensor([0.0, 1.0, 0.0]), torch.tensor(2.0)))
print(f"{save_gaussians(turned, 'turned.spz'):,} Gaussians in turned.spz")
