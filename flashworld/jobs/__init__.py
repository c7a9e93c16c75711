"""Scenes made one after the other for many askers: records, queue, workers. Read `flashworld.jobs.workshop` first."""

from flashworld.jobs.job import (
    Amounts,
    BusyError,
    Job,
    JobError,
    JobProgress,
    NoJobError,
    NoRoomError,
    NotNowError,
    QueueFullError,
)
from flashworld.jobs.limits import Limits
from flashworld.jobs.making import Maker
from flashworld.jobs.workshop import Workshop

__all__ = [
    "Amounts",
    "BusyError",
    "Job",
    "JobError",
    "JobProgress",
    "Limits",
    "Maker",
    "NoJobError",
    "NoRoomError",
    "NotNowError",
    "QueueFullError",
    "Workshop",
]
