"""Predict what every plan needs on a card, and choose the fastest that fits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from flashworld.models.config import FLASHWORLD, ModelConfig
from flashworld.placement.card import Card
from flashworld.placement.plans import GIB, PLANS, RESIDENT, Plan
from flashworld.planner.arithmetic import (
    CUDA_CONTEXT,
    FULL_SIZE,
    Size,
    Weights,
    count_weights,
    num_gaussians,
    operations,
    scene_bytes,
    stage_bytes,
)

USABLE = 0.94
"""Of the free memory: the allocator loses some between its blocks."""

EFFICIENCY = {"denoise": 0.44, "decode": 0.51, "encode": 0.28}
"""Reached share of the card's rate for bfloat16 products, by stage; in the last two with our kernels. Without what
Triton needs to start, scenes take about 1.4 times as long as predicted."""

FP8_GAIN = 1.74
"""How much faster the transformer is with eight-bit products, and the kernels between them."""

SECONDS_PER_RASTERISED = 4.4e5
"""For a Gaussian in a view, times the card's matrix rate, by which cards are scaled: 0.4 ns on an H200."""

EXAMPLE_CARD = Card("an RTX 4090, as an example", 24 * GIB, 23 * GIB, fp8_product=True, matrix_rate=165e12)


@dataclass(frozen=True)
class Prediction:
    """What a plan will need: peak bytes of device memory, by part, and seconds of a warm scene by stage."""

    plan: str
    parts: dict[str, int]
    stages: dict[str, float]

    @property
    def peak(self) -> int:
        """Bytes of device memory when most is in use."""
        return sum(self.parts.values())

    @property
    def seconds(self) -> float:
        """Of a warm scene, from request to Gaussians."""
        return sum(self.stages.values())

    def describe(self) -> str:
        """Peak and duration, for a person."""
        return (
            f"{self.peak / GIB:.1f} GiB, about {self.seconds:.0f} s"
            if self.seconds >= 10
            else (f"{self.peak / GIB:.1f} GiB, about {self.seconds:.1f} s")
        )


@dataclass(frozen=True)
class Choice:
    """The plan to use, what is predicted for it, and why it was chosen, as a sentence's end."""

    plan: Plan
    prediction: Prediction
    reason: str


def predict(
    plan: Plan,
    card: Card,
    config: ModelConfig = FLASHWORLD,
    size: Size = FULL_SIZE,
    dtype: torch.dtype = torch.bfloat16,
) -> Prediction:
    """Peak memory and seconds of one plan."""
    weights = count_weights(config, plan.blocks, dtype)
    stages = stage_bytes(config, size, plan, dtype)
    weight_peaks = {stage: _weights_during(stage, plan, weights) for stage in stages}
    worst = max(stages, key=lambda stage: stages[stage] + weight_peaks[stage])
    parts = {
        "context": CUDA_CONTEXT,
        "weights": weight_peaks[worst],
        "scene": scene_bytes(config, size),
        worst: stages[worst],
    }
    return Prediction(plan.name, parts, _seconds(plan, card, config, size, weights))


def predict_all(card: Card, config: ModelConfig = FLASHWORLD, size: Size = FULL_SIZE) -> list[Prediction]:
    """Every plan as it suits the card, from the fastest to the thriftiest."""
    return [predict(plan, card, config, size) for plan in suited(card)]


def suited(card: Card) -> Sequence[Plan]:
    """The plans for a card: without eight-bit products, such weights only save memory, so the first plan has none."""
    if card.fp8_product:
        return PLANS
    return (replace(RESIDENT, blocks="full"), *PLANS[1:])


def choose_plan(card: Card, config: ModelConfig = FLASHWORLD, size: Size = FULL_SIZE) -> Choice:
    """The fastest plan whose predicted peak fits into the free memory; else the thriftiest."""
    room = USABLE * card.free
    found = f"{card.free / GIB:.0f} of {card.total / GIB:.0f} GiB are free on the {card.name}"
    for plan in suited(card):
        prediction = predict(plan, card, config, size)
        if prediction.peak <= room:
            return Choice(plan, prediction, found)
    return Choice(plan, prediction, f"{found}, which may be too little")


def _weights_during(stage: str, plan: Plan, weights: Weights) -> int:
    """Bytes of weights on the device while a stage works."""
    text = weights.text_encoder if plan.text_encoder == "resident" else 0
    away = plan.transformer == "leaving" and stage in ("decode", "encode")
    transformer = 0 if away else weights.transformer
    if plan.transformer == "streamed":  # a block at work and the next one coming
        transformer = weights.transformer_rest + (2 * weights.transformer_block if stage == "denoise" else 0)
    decoders = weights.vae + weights.recon_decoder
    if plan.decoders == "visiting":
        decoders = {"decode": weights.recon_decoder, "encode": weights.vae}.get(stage, 0)
    return text + transformer + decoders


def _seconds(plan: Plan, card: Card, config: ModelConfig, size: Size, weights: Weights) -> dict[str, float]:
    steps = len(config.denoising_steps)
    calls = {"denoise": steps, "decode": steps, "encode": steps - 1}
    seconds = {
        stage: calls[stage] * work / (card.matrix_rate * EFFICIENCY[stage])
        for stage, work in operations(config, size).items()
    }
    if plan.blocks == "fp8" and card.fp8_product:
        seconds["denoise"] /= FP8_GAIN
    drawn = (steps - 1) * size.frames * num_gaussians(config, size)
    seconds["render"] = drawn * SECONDS_PER_RASTERISED / card.matrix_rate
    moved = 0
    if plan.text_encoder == "streamed":
        moved += weights.text_encoder
    if plan.transformer == "leaving":
        moved += steps * 2 * weights.transformer
    if plan.decoders == "visiting":
        moved += 2 * (steps * weights.recon_decoder + (steps - 1) * weights.vae)
    seconds["transfer"] = moved / card.host_link
    if plan.transformer == "streamed":  # comes while the block before it works, so only what is longer counts
        stream = steps * weights.transformer / card.host_link
        seconds["transfer"] += max(0.0, stream - seconds["denoise"])
    return seconds
