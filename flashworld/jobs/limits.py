"""`Limits`: how much the queue and the folder of results may hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a workshop.

    Attributes:
        queued: Jobs that may wait at once.
        queued_per_client: Jobs that may wait at once for one client.
        keep_seconds: Age at which a finished job's files are removed.
        keep_bytes: Sum of all files; beyond it the oldest finished jobs go first.
        preview_seconds: How long the previews of its steps outlive a finished job.
        record_seconds: How long the record of a job whose files are gone is kept.
    """

    queued: int = 200
    queued_per_client: int = 100
    keep_seconds: float = 30 * 86400
    keep_bytes: int = 20 * 10**9
    preview_seconds: float = 600
    record_seconds: float = 86400
