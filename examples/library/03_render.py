"""3. Render any scene file along any path: colour, alpha and depth, differentiable."""

from flashworld import load_gaussians, make_path, render

gaussians = load_gaussians("house.ply")
views = render(gaussians, make_path("spiral", amount=0.5, frames=3, fov=60, height=96, width=128), 96, 128)
print(f"colour {tuple(views.colour.shape)}, depth up to {views.depth.max():.1f}")
