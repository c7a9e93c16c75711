"""Predictions are arithmetic: they follow from sizes, and the sums in docs/memory.md are theirs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flashworld.anchoring import anchored_batch
from flashworld.cameras import Cameras
from flashworld.conditioning import PictureAt
from flashworld.gaussians import Gaussians
from flashworld.models.config import FLASHWORLD, TINY
from flashworld.models.model import build_networks
from flashworld.placement import PLANS, RESIDENT, Card, Plan, find_card
from flashworld.placement.plans import GIB
from flashworld.planner import FULL_SIZE, Size, choose_plan, predict, predict_all
from flashworld.planner.arithmetic import count_weights, num_gaussians, operations, stage_bytes
from flashworld.planner.prediction import suited

DOCUMENT = Path(__file__).parents[1] / "docs/memory.md"


def card(gib: float, fp8: bool = True) -> Card:
    return Card(f"{gib:g} GB card", int(gib * GIB), int(0.97 * gib * GIB), fp8_product=fp8, matrix_rate=165e12)


def test_weights_are_counted_as_the_manifest_counts_them():
    """5,026,211,008 values of the transformer are 10.05 GB in bfloat16, but for the few that stay in float32."""
    full = count_weights(FLASHWORLD, "full", torch.bfloat16)
    assert 2 * 5_026_211_008 < full.transformer < 2.03 * 5_026_211_008
    eight = count_weights(FLASHWORLD, "fp8", torch.bfloat16)
    in_blocks = FLASHWORLD.transformer.num_layers * (8 * 3072 * 3072 + 2 * 3072 * 14336)
    assert full.transformer - eight.transformer == pytest.approx(in_blocks, rel=1e-2)
    assert eight.transformer_rest + 30 * eight.transformer_block == eight.transformer
    buffers = 76  # of the Gaussian head; the manifest counts them too
    assert count_weights(FLASHWORLD, "full", torch.float32).recon_decoder == 4 * (207_832_776 - buffers)


def test_weights_of_a_small_model_are_those_it_has():
    networks = build_networks(TINY)
    counted = count_weights(TINY, "full", torch.float32)
    assert counted.vae == sum(4 * p.numel() for p in networks.vae.parameters())
    assert counted.text_encoder == sum(4 * p.numel() for p in networks.text_encoder.parameters())


def test_a_full_size_scene_has_four_million_gaussians():
    assert num_gaussians(FLASHWORLD, FULL_SIZE) == 4_055_040


@pytest.mark.parametrize(("height", "width"), [(96, 128), (160, 64)])
def test_anchored_scenes_have_as_many_gaussians_as_they_get(height: int, width: int):
    """A picture becomes twice as many Gaussians as its view had, and has a backdrop."""
    size = Size(3, height, width, scenes=2)
    decoded = num_gaussians(replace(TINY, anchored=False), size)
    generator = torch.Generator().manual_seed(0)
    scenes = Gaussians.from_vectors(torch.rand(2, decoded // 2, 11 + 27, generator=generator) + 1)
    ahead = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0.9, 1.2, 0.5, 0.5]).expand(2, 3, 11)
    picture = PictureAt(torch.zeros(3, height, width), 1)
    made = anchored_batch(scenes, Cameras.from_vectors(ahead), [picture, None])
    assert num_gaussians(replace(TINY, anchored=True), size) == pytest.approx(2 * len(made), rel=0.02)


@pytest.mark.parametrize(
    ("gib", "fp8", "plan"),
    [(80, True, "resident"), (48, True, "resident"), (24, True, "24GB"), (16, True, "16GB"), (12, True, "12GB"),
     (8, True, "8GB"), (80, False, "resident"), (24, False, "24GB"), (4, True, "8GB")],
)  # fmt: skip
def test_a_card_gets_the_plan_of_its_name(gib, fp8, plan):
    assert choose_plan(card(gib, fp8)).plan.name == plan


@pytest.mark.parametrize("gib", [80, 48, 24, 16, 12, 8])
def test_the_chosen_plan_fits_into_what_is_free(gib):
    choice = choose_plan(card(gib))
    assert choice.prediction.peak < card(gib).free
    assert choice.reason == f"{0.97 * gib:.0f} of {gib} GiB are free on the {gib} GB card"


def test_a_card_that_is_too_small_is_told_so():
    assert choose_plan(card(3)).reason.endswith("which may be too little")


def test_without_eight_bit_products_only_the_first_plan_keeps_full_blocks():
    assert [plan.blocks for plan in suited(card(80, fp8=False))] == ["full", *["fp8"] * 4]
    assert list(suited(card(80))) == list(PLANS)


def test_every_plan_needs_less_memory_and_no_less_time_than_the_one_before():
    predictions = predict_all(card(24))
    peaks, seconds = [p.peak for p in predictions], [p.seconds for p in predictions]
    assert peaks == sorted(peaks, reverse=True)
    assert seconds == sorted(seconds)


def test_more_views_and_larger_pictures_need_more_of_everything():
    small, large = (predict(RESIDENT, card(80), size=size) for size in (Size(12, 240, 352), FULL_SIZE))
    assert small.peak < large.peak
    assert all(small.stages[stage] < large.stages[stage] for stage in ("denoise", "decode", "encode", "render"))
    two = operations(FLASHWORLD, replace(FULL_SIZE, scenes=2))
    assert two == pytest.approx({name: 2 * work for name, work in operations(FLASHWORLD, FULL_SIZE).items()})


def test_attention_makes_twice_the_views_more_than_twice_the_work():
    once, twice = (operations(FLASHWORLD, Size(frames, 480, 704))["denoise"] for frames in (12, 24))
    assert 2 < twice / once < 4


def test_counted_operations_are_those_of_the_layers():
    """The decoder's convolutions, counted by running it without memory for its numbers."""
    from torch.utils.flop_counter import FlopCounterMode

    size = Size(1, 64, 64)
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        decoder = build_networks(FLASHWORLD).recon_decoder
        decoder.decode(torch.empty(1, 1024, 4, 4), torch.empty(1, 48, 4, 4))
    assert operations(FLASHWORLD, size)["decode"] == pytest.approx(counter.get_total_flops(), rel=0.15)


def test_counted_operations_of_the_transformer_are_those_of_its_layers():
    from torch.utils.flop_counter import FlopCounterMode

    size = Size(4, 128, 128)
    with FlopCounterMode(display=False) as counter:
        transformer = build_networks(FLASHWORLD).transformer
        inputs = torch.empty(1, FLASHWORLD.in_channels, 4, 8, 8, device="meta")
        transformer.rope.to("meta")
        transformer(inputs, torch.empty(1, device="meta"), torch.empty(1, 512, 4096, device="meta"))
    # The sentence's own keys and values are left out of the count; with so few views they weigh the most.
    text = 30 * 2 * 2 * 512 * 3072 * 3072
    assert operations(FLASHWORLD, size)["denoise"] + text == pytest.approx(counter.get_total_flops(), rel=0.1)


def test_memory_of_a_stage_follows_the_views_at_once():
    few, many = (
        stage_bytes(FLASHWORLD, FULL_SIZE, replace(RESIDENT, views_at_once=views), torch.bfloat16) for views in (1, 8)
    )
    assert few["denoise"] == many["denoise"]
    assert all(few[stage] < many[stage] for stage in ("decode", "render", "encode"))


def test_there_is_no_card_on_a_processor():
    assert find_card(torch.device("cpu")) is None


def test_the_documents_arithmetic_is_the_planners():
    """docs/memory.md works the sums through; every row of its table of plans is what `predict` gives."""
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| \w+ ([\d.]+) \| ([\d.]+) \|", DOCUMENT.read_text(), re.M
    )
    assert [row[0] for row in rows] == [plan.name for plan in PLANS]
    for name, *numbers in rows:
        plan: Plan = next(plan for plan in PLANS if plan.name == name)
        prediction = predict(plan, card(24))
        expected = [*prediction.parts.values(), prediction.peak]
        assert [float(number) for number in numbers] == [round(value / GIB, 1) for value in expected], name
