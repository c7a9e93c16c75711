"""Noise levels, velocities, and how one distribution is drawn to another. Nothing here knows a network or a picture.

At level sigma a sample is `noisy = (1 - sigma) clean + sigma noise`, and its velocity is `noise - clean`. The mean
velocity at a noisy sample tells the mean of the clean ones that it may come from, `noisy - sigma velocity`, and with it
the score of the noisy distribution (Tweedie's formula):

    score(noisy, sigma) = ((1 - sigma) mean_clean - noisy) / sigma^2.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.training.draws import normal, there

Velocity = Callable[[Tensor, Tensor], Tensor]
"""From noisy samples [b z t h w] and their levels [b] to the mean velocities there."""


def spread(sigma: Float[Tensor, " b"]) -> Float[Tensor, "b 1 1 1 1"]:
    """Noise levels, ready to multiply latents."""
    return sigma[:, None, None, None, None]


def noised(
    clean: Float[Tensor, "b z t h w"], noise: Float[Tensor, "b z t h w"], sigma: Float[Tensor, " b"]
) -> Float[Tensor, "b z t h w"]:
    """Samples at noise levels of their own."""
    return spread(sigma) * noise + (1 - spread(sigma)) * clean


def levels(like: Float[Tensor, "b *shape"], shift: float, generator: torch.Generator) -> Float[Tensor, " b"]:
    """A noise level for each sample, uniform and then bent as in generation."""
    uniform = there(torch.rand(len(like), generator=generator), like.device)
    return shift * uniform / (1 + (shift - 1) * uniform)


def velocity_loss(
    velocity: Velocity,
    clean: Float[Tensor, "b z t h w"],
    sigma: Float[Tensor, " b"],
    noise: Float[Tensor, "b z t h w"],
) -> Float[Tensor, ""]:
    """Flow matching: the mean squared error of velocities (Lipman et al., arXiv 2210.02747)."""
    return (velocity(noised(clean, noise, sigma), sigma) - (noise - clean)).square().mean()


def guided(conditional: Velocity, unconditional: Velocity, guidance: float) -> Velocity:
    """Classifier-free guidance (Ho and Salimans, arXiv 2207.12598): away from what would be said unconditionally.

    A guidance of 1 is the conditional velocity.
    """
    if guidance == 1:
        return conditional

    def velocity(noisy: Tensor, sigma: Tensor) -> Tensor:
        without = unconditional(noisy, sigma)
        return without + guidance * (conditional(noisy, sigma) - without)

    return velocity


def matching_loss(
    samples: Float[Tensor, "b z t h w"],
    real: Velocity,
    fake: Velocity,
    sigma: Float[Tensor, " b"],
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """A loss whose gradient by the samples is `matching_gradient` at these levels, divided by the number of values.

    Its value is half the mean square of that gradient. Nothing flows into the two velocities.
    """
    with torch.no_grad():
        noisy = noised(samples, normal(samples.shape, generator, samples.device), sigma)
        clean_real, clean_fake = (noisy - spread(sigma) * velocity(noisy, sigma) for velocity in (real, fake))
        gradient = matching_gradient(samples, clean_real, clean_fake)
    return 0.5 * (samples - (samples - gradient).detach()).square().mean()


def matching_gradient(
    samples: Float[Tensor, "b z t h w"], clean_real: Float[Tensor, "b z t h w"], clean_fake: Float[Tensor, "b z t h w"]
) -> Float[Tensor, "b z t h w"]:
    """Where samples would go if they were to leave the real distribution; descent brings them there.

    `clean_real` and `clean_fake` are the means of the clean samples that the noised ones may come from, in either
    distribution. The result is the gradient of KL(fake || real) of the noised distributions by the samples,
    `(1 - sigma) (score_fake - score_real)`, times a weight that gives it the same size at all noise levels,

        weight = sigma^2 / ((1 - sigma)^2 mean |sample - clean_real|),

    the mean being over the values of one sample: by Tweedie's formula `(clean_fake - clean_real)` over that mean.
    (Yin et al., arXiv 2311.18828, equations 7 and 8; their weight has one factor of `1 - sigma` more.)
    """
    apart = (samples - clean_real).abs().mean(dim=(1, 2, 3, 4), keepdim=True)
    return (clean_fake - clean_real) / apart.clamp(min=1e-6)
