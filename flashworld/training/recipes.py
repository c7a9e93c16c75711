"""Recipes: functions that return everything a training run needs to know."""

from dataclasses import dataclass, replace

import torch

from flashworld.models.config import FLASHWORLD, TINY, ModelConfig
from flashworld.training.autoencoder import AutoencoderStage
from flashworld.training.data import Sight
from flashworld.training.distil import DistilStage
from flashworld.training.dual import DualStage
from flashworld.training.lift import LiftStage
from flashworld.training.trainer import Plan


@dataclass(frozen=True)
class Recipe:
    """A model, how worlds are looked at, and the stages in their order."""

    name: str
    model: ModelConfig
    sight: Sight
    autoencoder: AutoencoderStage
    lift: LiftStage
    dual: DualStage
    distil: DistilStage
    seed: int = 20251123
    statistics: int = 64
    """Training worlds over whose views the scale of the latents is measured."""
    stored: torch.dtype = torch.float16
    """Format in which the model's matrices are written, see `flashworld.weights.save`."""


def tiny() -> Recipe:
    """The model that comes with the package."""
    return Recipe(
        name="tiny",
        model=TINY,
        sight=Sight(96, 128, num_views=6, num_extra=2),
        autoencoder=AutoencoderStage(
            Plan(
                samples=400_000, batch=256, rate=2e-3, warm_up=12_800, half_life=40_000, log_every=50, score_every=500
            ),
            window=1024,
            renew=2,
        ),
        lift=LiftStage(
            Plan(
                samples=2_500_000,
                batch=512,
                rate=1e-3,
                warm_up=100_000,
                half_life=40_000,
                log_every=50,
                score_every=1000,
            ),
            window=1024,
            renew=1,
            image_drop=0.3,
        ),
        dual=DualStage(
            Plan(
                samples=600_000, batch=128, rate=7e-4, warm_up=20_000, half_life=12_000, log_every=50, score_every=1000
            ),
            window=1024,
            renew=1,
            multiview_share=0.25,
            image_drop=0.25,
            render_from=0.0,
        ),
        distil=DistilStage(
            Plan(samples=60_000, batch=64, rate=1e-4, warm_up=3_200, half_life=4_000, log_every=12, score_every=200),
            window=1024,
            renew=1,
        ),
        stored=torch.int8,
    )


def tiny_smoke() -> Recipe:
    """Every stage from nothing in minutes on a processor: proves the way, not the model."""
    autoencoder = replace(
        TINY.autoencoder,
        base_dim=8,
        decoder_base_dim=16,
        z_dim=48,
        latents_mean=(0.0,) * 48,
        latents_std=(1.0,) * 48,
    )
    transformer = replace(TINY.transformer, num_layers=2, num_attention_heads=4, ffn_dim=256)
    return Recipe(
        name="tiny-smoke",
        model=replace(
            TINY,
            transformer=transformer,
            autoencoder=autoencoder,
            text=replace(TINY.text, num_layers=2),
            feature_channels=16,
            native=(3, 48, 64),
        ),
        sight=Sight(48, 64, num_views=3, num_extra=1),
        autoencoder=AutoencoderStage(
            Plan(samples=3_200, batch=8, rate=3e-3, warm_up=160, half_life=200, score_every=200),
            window=32,
            renew=4,
            held_out=8,
        ),
        lift=LiftStage(
            Plan(samples=1_600, batch=8, rate=1e-3, warm_up=160, half_life=200, score_every=100),
            window=64,
            renew=4,
            held_out=8,
        ),
        dual=DualStage(
            Plan(samples=800, batch=4, rate=7e-4, warm_up=80, half_life=100, log_every=4, score_every=100),
            window=32,
            renew=4,
            held_out=8,
        ),
        distil=DistilStage(
            Plan(samples=120, batch=4, rate=1e-4, warm_up=20, half_life=40, log_every=3, score_every=15),
            window=32,
            renew=4,
            held_out=8,
        ),
        statistics=8,
    )


def with_steps(recipe: Recipe, stage: str, steps: int) -> Recipe:
    """The recipe with so many steps of a stage; its rate warms up for the same share of them."""
    settings = getattr(recipe, stage)
    plan = settings.plan
    samples = steps * plan.batch
    shorter = replace(plan, samples=samples, warm_up=round(plan.warm_up * samples / plan.samples))
    return replace(recipe, **{stage: replace(settings, plan=shorter)})


def flashworld() -> Recipe:
    """The published model's sizes, for several large GPUs; a step takes one scene after another.

    Nobody has run it as a whole. That its networks, losses and gradients fit together is tested without memory. To
    begin with published weights is far cheaper than from nothing.
    """
    return Recipe(
        name="flashworld",
        model=replace(FLASHWORLD, native=(24, 480, 704)),
        sight=Sight(480, 704, num_views=24, num_extra=4),
        autoencoder=AutoencoderStage(
            Plan(samples=10_000_000, batch=256, parts=32, rate=1e-4, warm_up=256_000, half_life=256_000),
            window=64,
            renew=4,
            examples=2,
            held_out=4,
        ),
        lift=LiftStage(
            Plan(samples=2_000_000, batch=64, parts=64, rate=2e-5, warm_up=64_000, half_life=64_000),
            window=64,
            renew=1,
            held_out=4,
        ),
        dual=DualStage(
            Plan(samples=1_000_000, batch=64, parts=64, rate=2e-5, warm_up=64_000, half_life=64_000),
            window=64,
            renew=1,
            taught_steps=1,
            held_out=4,
        ),
        distil=DistilStage(
            Plan(samples=200_000, batch=64, parts=64, rate=2e-6, warm_up=6_400, half_life=32_000),
            window=64,
            renew=1,
            held_out=4,
        ),
        statistics=8,
    )


RECIPES = {"tiny": tiny, "tiny-smoke": tiny_smoke, "flashworld": flashworld}
"""By the name that a person gives."""
