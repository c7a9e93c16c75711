"""`Job`: one scene that somebody asked for, from the queue to its files. Imports no torch."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Literal

from flashworld.errors import FlashWorldError

State = Literal["queued", "running", "completed", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = ("queued", "running", "completed", "failed", "cancelled", "interrupted")
FINISHED: tuple[State, ...] = ("completed", "failed", "cancelled", "interrupted")
REPEATABLE: tuple[State, ...] = ("failed", "cancelled", "interrupted")
"""States from which a job can be put into the queue again."""

MAX_NAME = 120

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class JobError(FlashWorldError):
    """Something that cannot be done with a job, or with the queue, now."""


class NoJobError(JobError):
    """There is no such job, or no such file of it."""


class NotNowError(JobError):
    """The job's state does not allow it."""


class NoRoomError(JobError):
    """The disk does not take what has to be kept."""


class BusyError(JobError):
    """Too many ask for the same heavy thing at this moment."""


class QueueFullError(JobError):
    """No more jobs are taken at present. `mine` tells that this client alone has too many waiting."""

    def __init__(self, message: str, mine: bool):
        self.mine = mine
        super().__init__(message)


def new_id() -> str:
    """An identifier that nobody can guess: 122 random bits from the operating system, written as a UUID."""
    return str(uuid.uuid4())


def is_id(text: str) -> bool:
    """Whether a text has the form of `new_id`. Only such texts ever become part of a path."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class Amounts:
    """How much work a job is, in pixels: `work` of the model's views, `filmed` of the video's pictures."""

    work: int
    filmed: int


@dataclass(frozen=True)
class Job:
    """The record of a job, as it is stored.

    `number` counts jobs as they came, `place` orders those that wait. Times are Unix seconds, none until reached.
    `note` says how the model's work differs from what was asked. `seconds` are the times of the stages and `files` the
    sizes in bytes by kind of file, both empty until the job is completed. `removed_at` is when its files went.
    """

    number: int
    id: str
    name: str
    state: State
    place: int
    client: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    removed_at: float | None
    previews_gone: bool
    error: str | None
    note: str | None
    text_prompt: str
    has_image: bool
    frames: int
    height: int
    width: int
    image_index: int
    seed: int | None
    exact_size: bool
    model: str
    trained: bool
    work: int
    filmed: int
    num_gaussians: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    bytes: int = 0

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in FINISHED

    @property
    def amounts(self) -> Amounts:
        """How much work it is."""
        return Amounts(self.work, self.filmed)


@dataclass(frozen=True)
class JobProgress:
    """Where a running job is: `done` of `total` in a stage, in step `step` of `steps` (none outside of the steps).

    `fraction` (0 to 1) is of the whole job, judged by the times that its stages took in earlier runs. `previews` are
    the steps whose world can be looked at.
    """

    stage: str = "waiting"
    step: int | None = None
    steps: int = 0
    done: int = 0
    total: int = 1
    fraction: float = 0.0
    previews: tuple[int, ...] = ()


@dataclass(frozen=True)
class JobStatus:
    """A job as it stands now.

    `position` is its place in the queue, from 1, and 0 for all that do not wait. `expected_seconds` is the time until
    it will be completed, None if it is finished or nothing was measured yet.
    """

    job: Job
    progress: JobProgress
    position: int
    expected_seconds: float | None
