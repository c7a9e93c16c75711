"""What is compiled in training is compiled whole, once, and learns the same."""

import sys

import pytest
from programs import ran

# In a process of its own: the checks of shapes that tests add to every function cannot be traced.
PROGRAM = """
from functools import partial
import torch
from flashworld.models.compilation import compile_regions
from flashworld.training.pupil import Pupil
from flashworld.training.recipes import tiny_smoke

config = tiny_smoke().model
pupil = Pupil(config, 0).requires_grad_(True)
inputs, text = torch.randn(2, config.in_channels, 3, 3, 4), torch.randn(2, 64, config.text.d_model)
pictures = torch.randn(2, 3, 48, 64)

def gradients():
    pupil.zero_grad()
    found = pupil.transformer(inputs, torch.tensor([900.0, 400.0]), text, return_dict=False)[0]
    decoded = pupil.decode_pictures(pupil.vae.moments(pictures).chunk(2, dim=1)[0])
    (found.square().mean() + decoded.square().mean()).backward()
    return [p.grad for p in pupil.parameters() if p.grad is not None]

plain = gradients()
torch.compile = partial(torch.compile, backend="aot_eager", fullgraph=True)
compile_regions(pupil.networks)
compiled = gradients()
assert len(plain) == len(compiled) > 100
for one, other in zip(plain, compiled):
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
"""


TEACHING = """
from functools import partial
import torch
torch.compile = partial(torch.compile, backend="aot_eager")
torch._dynamo.config.error_on_recompile = True
from flashworld.training import dual, lift
from flashworld.training.beginnings import begin_scenes
from flashworld.training.first_views import any_view_first
from flashworld.training.pupil import Pupil
from flashworld.training.recipes import tiny_smoke
from flashworld.training.scenes import SceneBatch
from flashworld.training.worlds import training_seed

recipe = tiny_smoke()
pupil = Pupil(recipe.model, 0)
begin_scenes(pupil)
stage = recipe.dual
dual.task(pupil, stage, lambda _: iter(()), [recipe.sight(0)], 3, torch.device("cpu"))

def gradients(losses):
    pupil.zero_grad()
    losses["loss"].backward()
    return [p.grad for p in pupil.parameters() if p.grad is not None]

for number in range(2):
    worlds = [recipe.sight(training_seed(2 * number + each)) for each in range(2)]
    batch = SceneBatch.of(worlds, torch.device("cpu"))
    ways = [
        lambda g, compiled: lift.lift_losses(pupil, any_view_first(batch, g), g, recipe.lift, compiled),
        lambda g, compiled: dual.multiview_losses(pupil, batch.views(3), g, stage, compiled),
        lambda g, compiled: dual.scene_losses(pupil, batch, 3, g, stage, 1.0, compiled),
    ]
    for way in ways:
        seed = 5 + number
        plain, fast = (gradients(way(torch.Generator().manual_seed(seed), compiled)) for compiled in (False, True))
        assert len(plain) == len(fast) > 50
        for one, other in zip(plain, fast):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [PROGRAM, TEACHING], ids=["blocks", "teaching"])
def test_what_is_compiled_has_no_break_and_the_same_gradients(program: str):
    """Tracing is what can fail here, and to trace again for every caption; what a GPU makes of it needs one."""
    ended = ran([sys.executable, "-c", program], 480)
    assert ended.returncode == 0, ended.stderr[-2000:]
