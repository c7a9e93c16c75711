"""`Pace`: how fast this machine makes scenes, learnt from the scenes that it has made.

The time of a stage is taken to be proportional to the pixels it works on, so runs of all sizes tell something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from flashworld.jobs.job import Amounts, Job, JobProgress

STAGES_OF_A_STEP = ("denoise", "decode", "render", "encode")
STAGES = ("prepare", *STAGES_OF_A_STEP, "write", "film")
"""In the order of a run; those of a step come once in every step."""

_USUAL = {"prepare": 2.0, "denoise": 40.0, "decode": 10.0, "render": 10.0, "encode": 8.0, "write": 10.0, "film": 20.0}
"""Shares of the whole before anything was measured."""


@dataclass(frozen=True)
class Pace:
    """Seconds per pixel of each stage; empty before the first run."""

    seconds_per_pixel: dict[str, float]

    @classmethod
    def of_runs(cls, runs: Sequence[Job]) -> "Pace":
        """The median over completed jobs."""
        rates = {
            stage: [job.seconds[stage] / max(1, _pixels(stage, job.amounts)) for job in runs if stage in job.seconds]
            for stage in STAGES
        }
        return cls({stage: median(values) for stage, values in rates.items() if values})

    def seconds(self, amounts: Amounts) -> float | None:
        """How long a job will take; None before anything was measured."""
        if not self.seconds_per_pixel:
            return None
        return sum(self._by_stage(amounts).values())

    def fraction(self, progress: JobProgress, amounts: Amounts) -> float:
        """How much of a job is behind, 0 to 1, when its work is at `progress`."""
        times = self._by_stage(amounts)
        part = progress.done / max(1, progress.total)
        if progress.step is None:
            at = STAGES.index(progress.stage)
            behind = sum(times[name] for name in STAGES[:at]) + part * times[progress.stage]
        else:
            step = {name: times[name] / progress.steps for name in STAGES_OF_A_STEP}
            at = STAGES_OF_A_STEP.index(progress.stage)
            behind = times["prepare"] + progress.step * sum(step.values())
            behind += sum(step[name] for name in STAGES_OF_A_STEP[:at]) + part * step[progress.stage]
        return min(1.0, behind / (sum(times.values()) or 1.0))

    def _by_stage(self, amounts: Amounts) -> dict[str, float]:
        if not self.seconds_per_pixel:
            return _USUAL
        return {stage: self.seconds_per_pixel.get(stage, 0.0) * _pixels(stage, amounts) for stage in STAGES}


def _pixels(stage: str, amounts: Amounts) -> int:
    return amounts.filmed if stage == "film" else amounts.work
