"""`Shelf`: what lies on the disk for each job. Only files with names of ours, in folders of ours, are ever removed.

jobs/<id>/request.json        what was asked for
jobs/<id>/making/             files in the making; nothing here is ever shown
jobs/<id>/previews/0.spz      the world after a step
jobs/<id>/result/             the finished files: it appears whole, by one renaming, or not at all
"""

from collections.abc import Iterator
from pathlib import Path

from flashworld.jobs.job import NoJobError, is_id
from flashworld.jobs.summary import Summary
from flashworld.publish import make_folder, published

FILES = {
    "ply": "scene.ply",
    "spz": "scene.spz",
    "mp4": "flight.mp4",
    "record": "record.json",
    "thumbnail": "thumbnail.jpg",
}
"""Kind of a result's file to its name."""

_SUMMARY = "summary.json"
_OURS = {"making": (*FILES.values(), _SUMMARY), "result": (*FILES.values(), _SUMMARY)}


class Shelf:
    """The folders of all jobs, below one folder of the server's."""

    def __init__(self, folder: Path):
        self._folder = make_folder(folder)

    def keep_request(self, job_id: str, text: str) -> int:
        """Store what was asked for; return its size in bytes."""
        path = make_folder(self._of(job_id)) / "request.json"
        with published(path) as beside:
            beside.write_text(text, encoding="utf-8")
        return path.stat().st_size

    def request_file(self, job_id: str) -> Path:
        """The file with what was asked for."""
        return self._existing(self._of(job_id) / "request.json")

    def begin(self, job_id: str) -> Path:
        """An empty folder to make the result in."""
        self.clear_results(job_id)
        return make_folder(self._of(job_id) / "making")

    def publish(self, job_id: str, summary: Summary) -> None:
        """Turn what was made into the result. This one renaming is the moment at which a job is completed."""
        making = self._of(job_id) / "making"
        (making / _SUMMARY).write_bytes(summary.to_json())
        making.rename(self._of(job_id) / "result")

    def has_result(self, job_id: str) -> bool:
        """Whether there is a result, sound or damaged."""
        return (self._of(job_id) / "result" / _SUMMARY).is_file()

    def summary(self, job_id: str) -> Summary:
        """What `publish` was given.

        Raises:
            FormatError: It is damaged.
            NoJobError: There is no result.
        """
        return Summary.parse(self._existing(self._of(job_id) / "result" / _SUMMARY).read_bytes())

    def file(self, job_id: str, kind: str) -> Path:
        """A file of the result.

        Raises:
            NoJobError: There is none of that kind (any more).
        """
        if kind not in FILES:
            raise NoJobError(f"There is no kind of file {kind[:40]!r}; there are {', '.join(FILES)}.")
        return self._existing(self._of(job_id) / "result" / FILES[kind])

    def sizes(self, job_id: str) -> dict[str, int]:
        """The files of a result or of what is in the making: kind to bytes."""
        folders = [self._of(job_id) / name for name in ("result", "making")]
        folder = next((place for place in folders if place.is_dir()), folders[0])
        return {kind: path.stat().st_size for kind, name in FILES.items() if (path := folder / name).is_file()}

    def preview(self, job_id: str, step: int) -> Path:
        """Where the world after a step lies; its folder exists, the file may not."""
        return make_folder(self._of(job_id) / "previews") / f"{int(step)}.spz"

    def existing_preview(self, job_id: str, step: int) -> Path:
        """The world after a step.

        Raises:
            NoJobError: It is not there yet, or not any more.
        """
        return self._existing(self._of(job_id) / "previews" / f"{int(step)}.spz")

    def clear_results(self, job_id: str) -> None:
        """Remove what is half made, and what was made."""
        for name, ours in _OURS.items():
            _remove(self._of(job_id) / name, ours)

    def clear_previews(self, job_id: str) -> None:
        """Remove the previews."""
        folder = self._of(job_id) / "previews"
        _remove(folder, tuple(path.name for path in _glob(folder, "*.spz") if path.stem.isdigit()))

    def remove(self, job_id: str) -> list[str]:
        """Remove all of a job's files; return the kinds of those that a person could have downloaded."""
        kinds = list(self.sizes(job_id)) if (self._of(job_id) / "result").is_dir() else []
        self.clear_results(job_id)
        self.clear_previews(job_id)
        _remove(self._of(job_id), ("request.json",))
        return kinds

    def ids(self) -> Iterator[str]:
        """Every job that has a folder here."""
        return (path.name for path in self._folder.iterdir() if is_id(path.name) and path.is_dir())

    def _of(self, job_id: str) -> Path:
        if not is_id(job_id):
            raise NoJobError("There is no such job.")
        return self._folder / job_id

    @staticmethod
    def _existing(path: Path) -> Path:
        if not path.is_file():
            raise NoJobError("There is no such file (any more).")
        return path


def _glob(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern)) if folder.is_dir() else []


def _remove(folder: Path, names: tuple[str, ...]) -> None:
    """Remove files by name, what `published` left of them, and the folder if nothing else is in it."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for name in names:
        (folder / name).unlink(missing_ok=True)
        for left in folder.glob(f".{name[:40]}.*.part"):
            left.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
