"""GPU seconds: what is asked for, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashworld.apps.gradio.budget import (
    BASE_SECONDS,
    FULL,
    LEAST_SECONDS,
    MOST_SECONDS,
    START_SECONDS,
    Workload,
    check_fits,
    duration,
    predicted,
    seconds_for,
)
from flashworld.errors import RequestError
from flashworld.models.config import FLASHWORLD, TINY
from flashworld.placement import CPU_PLAN, PLANS, RESIDENT, Plan
from flashworld.planner import Size

README = (Path(__file__).parents[1] / "README.md").read_text()

OFFLOADED = RESIDENT.with_flags(text_encoder=True, decoders=True, transformer_meanwhile=False)

workloads = st.builds(
    Workload,
    config=st.sampled_from([FLASHWORLD, TINY, replace(FLASHWORLD, denoising_steps=tuple(range(50)))]),
    plan=st.sampled_from([*PLANS, CPU_PLAN, OFFLOADED]),
    size=st.builds(Size, st.integers(1, 64), st.integers(2, 40).map(lambda n: 32 * n), st.just(704)),
    video_pictures=st.integers(0, 2000),
)


def test_the_full_scene_gets_the_base_budget():
    assert duration(FULL) == BASE_SECONDS


def test_the_base_budget_holds_what_is_predicted():
    """If the planner is fitted to slower runs, the base has to grow."""
    assert START_SECONDS + predicted(FULL) <= BASE_SECONDS


@pytest.mark.slow
@given(workloads)
def test_never_more_than_allowed_and_never_nothing(work: Workload):
    assert LEAST_SECONDS <= duration(work) <= MOST_SECONDS


@given(workloads)
def test_what_is_let_through_has_the_seconds_that_it_needs(work: Workload):
    try:
        check_fits(work)
    except RequestError:
        assert seconds_for(work) > MOST_SECONDS
    else:
        assert duration(work) >= seconds_for(work) - 1e-3


@pytest.mark.parametrize(
    "lighter",
    [
        replace(FULL, video_pictures=0),
        replace(FULL, size=Size(16, 480, 704)),
        replace(FULL, size=Size(24, 256, 352)),
        replace(FULL, config=replace(FLASHWORLD, denoising_steps=(0, 500))),
        replace(FULL, config=TINY),
    ],
)
def test_less_work_asks_for_less(lighter: Workload):
    assert seconds_for(lighter) < seconds_for(FULL)


@pytest.mark.parametrize("plan", [OFFLOADED, PLANS[-1]])
def test_offloading_asks_for_more(plan: Plan):
    assert seconds_for(replace(FULL, plan=plan)) > seconds_for(FULL)


def test_a_text_encoder_on_the_cpu_costs_no_gpu():
    """It has read the sentence before the call; see `test_gradio_serving`."""
    assert seconds_for(replace(FULL, plan=RESIDENT.with_flags(True, False, False))) == seconds_for(FULL)


def too_long(**changes) -> str:
    with pytest.raises(RequestError) as caught:
        check_fits(replace(FULL, **changes))
    return str(caught.value)


def test_a_refusal_names_a_change_that_makes_it_fit():
    size = Size(64, 1280, 704)
    frames = int(re.findall(r"fits with (\d+) frames", too_long(size=size))[0])
    check_fits(replace(FULL, size=replace(size, frames=frames)))
    with pytest.raises(RequestError):
        check_fits(replace(FULL, size=replace(size, frames=frames + 1)))


def test_the_smallest_change_is_named():
    assert "fits with no video" in too_long(video_pictures=20_000)
    assert "fewer frames and a lower resolution" in too_long(
        size=Size(64, 1280, 1280), config=replace(FLASHWORLD, denoising_steps=tuple(range(900)))
    )


def test_the_readme_shows_what_is_asked_for():
    """The table of cases: frames, height x width, with or without video, options, seconds."""
    rows = re.findall(r"^\| (\d+) \| (\d+)x(\d+) \| (yes|no) \| ([^|]+) \| (\d+) \|$", README, flags=re.MULTILINE)
    assert len(rows) >= 6
    for frames, height, width, video, options, seconds in rows:
        plan = RESIDENT.with_flags("--offload-t5" in options, "--offload-vae" in options, False)
        pictures = (int(frames) - 1) * 5 + 1 if video == "yes" else 0
        work = Workload(FLASHWORLD, plan, Size(int(frames), int(height), int(width)), pictures)
        assert duration(work) == int(seconds), (frames, height, width, video, options)
