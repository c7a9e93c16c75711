"""Networks in training can be compiled block by block, whole, and learn the same."""

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


@pytest.mark.slow
def test_blocks_are_compiled_without_a_break_and_have_the_same_gradients():
    """Tracing is what can fail here; what a GPU makes of it needs one."""
    ended = ran([sys.executable, "-c", PROGRAM], 480)
    assert ended.returncode == 0, ended.stderr[-2000:]
