"""2. Watch a scene grow: every denoising step shows the whole scene so far. Leaving the loop stops the work."""

from flashworld import load_model, make_path, stream
from flashworld.cameras.views import to_path
from flashworld.request import SceneRequest

path = to_path(make_path("orbit-left", frames=4, height=96, width=128), height=96, width=128)
request = SceneRequest(text_prompt="a harbour at dawn", cameras=path.cameras, resolution=(4, 96, 128), seed=1)
for step in stream(request, load_model("tiny")):
    views = step.scene.render()
    print(f"step {step.index + 1} of {step.num_steps}: mean colour {views.colour.mean():.3f}")
