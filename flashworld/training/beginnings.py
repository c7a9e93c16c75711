"""How scenes begin: with a trained autoencoder, the first prediction is already a picture at a constant distance."""

import math

import torch

from flashworld.geometry.harmonics import HARMONIC_OF_COLOUR
from flashworld.models.gaussian_head import MAX_SCALE
from flashworld.training.pupil import Pupil

START_OPACITY = 0.8
START_SCALE = 0.3
"""Standard deviation in half-resolution pixels: narrow, or the picture is blurred before depth is known."""


@torch.no_grad()
def begin_scenes(pupil: Pupil) -> None:
    """Let transformer, decoder and head begin with what the autoencoder knows."""
    copy_inputs(pupil)
    colour_head(pupil)
    pupil.recon_decoder.extra_conv_in.weight.zero_()


def copy_inputs(pupil: Pupil) -> None:
    """Let the velocity begin as `noisy - condition`, up to the last norm's scale.

    The narrow transformer need not learn to pass its input on: unit columns carry noisy and condition latents through
    it, and the output takes their difference. Blocks begin still: their gates, the time embedding and what they take
    from the text are zero.
    """
    transformer, z = pupil.transformer, pupil.config.autoencoder.z_dim
    embedding = transformer.patch_embedding.weight
    if embedding[0, 0].numel() > 1 or embedding.shape[0] < 2 * z:
        return  # wide patches do not fit into the width as they are
    embedding[: 2 * z] = 0
    embedding[:, :z] = embedding[:, z + 6 : 2 * z + 6] = 0
    channel = torch.arange(z)
    embedding[channel, channel] = 1.0
    embedding[z + channel, z + 6 + channel] = 1.0
    transformer.condition_embedder.time_embedder.linear_2.weight.zero_()
    transformer.scale_shift_table.zero_()
    for name, parameter in transformer.blocks.named_parameters():
        if name.endswith("scale_shift_table"):
            parameter[:, [2, 5]] = 0
        elif name.endswith("attn2.to_out.0.weight"):
            parameter.zero_()
    gain = math.sqrt(2 * z / embedding.shape[0])
    transformer.proj_out.weight[:z] = 0
    transformer.proj_out.weight[channel, channel] = gain
    transformer.proj_out.weight[channel, z + channel] = -gain


def colour_head(pupil: Pupil) -> None:
    """Give Gaussians the colours that the autoencoder decodes: point p of a 2 x 2 patch takes column p's mean."""
    head, out = pupil.recon_decoder.gs_head, pupil.colour_out
    weight, bias = (parameter.unflatten(0, (head.points, -1)) for parameter in head.gs_proj.parameters())
    geometry = head.num_harmonics
    weight[:, :geometry], bias[:, :geometry] = 0, 0
    weight[:, geometry : geometry + 2], bias[:, geometry : geometry + 2] = 0, 0
    weight[:, :3] = HARMONIC_OF_COLOUR * _columns(out.weight.squeeze(2)).mean(2).movedim(1, 0)
    bias[:, :3] = HARMONIC_OF_COLOUR * _columns(out.bias).mean(2).movedim(1, 0)
    native = pupil.config.native
    assert native is not None
    assert head.points == 2
    quarter = 0.25 * 2 / native[2]  # of a half-resolution pixel, as a share of the picture's width
    offset = quarter / 0.5 / head.learning_rates()[geometry]
    bias[:, geometry] = torch.tensor([-offset, offset])
    bias[:, geometry + 3] = math.log(START_OPACITY / (1 - START_OPACITY))
    share = START_SCALE / MAX_SCALE
    bias[:, geometry + 4 : geometry + 7] = math.log(share / (1 - share))


def _columns(folded: torch.Tensor) -> torch.Tensor:
    """Channels 4 * colour + 2 * column + row to [colour, column, row, ...]."""
    return folded.unflatten(0, (3, 2, 2))
