"""5. The rasteriser has gradients: pull the colours of a scene towards a picture."""

from dataclasses import replace

import torch

from flashworld import load_gaussians, make_path, render

gaussians = load_gaussians("house.ply")
camera = make_path("forward", frames=1, height=96, width=128)
picture = torch.zeros(3, 96, 128)
picture[2] = 1.0

harmonics = gaussians.harmonics.clone().requires_grad_()
optimiser = torch.optim.Adam([harmonics], lr=0.05)
for iteration in range(10):
    views = render(replace(gaussians, harmonics=harmonics), camera, 96, 128)
    loss = (views.colour[0] - picture).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    print(f"iteration {iteration}: {loss.item():.4f}")
