"""Every failure as one helpful sentence. The README's troubleshooting table of the Space has the same ones."""

import logging
import re
from dataclasses import dataclass

from flashworld.apps.gradio.work import Failed
from flashworld.errors import Cancelled, RequestError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """A kind of failure: how it is recognised in an error's class or text, and what its visitor is told."""

    name: str
    signs: re.Pattern[str]
    sentence: str


def _trouble(name: str, signs: str, sentence: str) -> Trouble:
    return Trouble(name, re.compile(signs, re.IGNORECASE), sentence)


TROUBLES = (
    _trouble(
        "GPU budget exceeded",
        r"gpu task aborted|timeouterror|illegal duration|budget",
        "The GPU's time for this scene was over before it was finished: ask for fewer frames, a lower resolution or no "
        "video, and try again.",
    ),
    _trouble(
        "GPU quota used up",
        r"quota|credits exceeded",
        "Your daily GPU time on this site is used up, or too little is left for this scene: sign in, ask for fewer "
        "frames, or come back tomorrow.",
    ),
    _trouble(
        "No GPU free",
        r"queue timeout|no gpu|client error|connection closed|connecterror|schedule error",
        "No GPU was free in time: try again in a minute; scenes with fewer frames are served sooner.",
    ),
    _trouble(
        "Out of memory",
        r"outofmemory|out of memory|memoryerror|allocate memory|not enough memory|cublas_status_alloc",
        "The GPU's memory was not enough: ask for fewer frames or a lower resolution; who runs this page can start it "
        "with --offload-t5 and --offload-vae.",
    ),
    _trouble(
        "Checkpoint not found",
        r"weightserror|checkpoint",
        "The model's weights could not be read: who runs this page should check the connection and the access to the "
        "model's page, or name a file with --ckpt.",
    ),
    _trouble(
        "gsplat extension missing",
        r"gsplat|type_ptr\.hpp|backenderror|no kernel image",
        "The rasteriser does not work on this GPU: who runs this page should remove gsplat, so that the one that needs "
        "no build is used, or install packages.txt.",
    ),
    _trouble(
        "Disk full",
        r"no space left|disk of this space is full|disk quota",
        "The disk of this Space is full at the moment; try again in some minutes.",
    ),
)

UNKNOWN = Trouble(
    "Anything else",
    re.compile("(?!)"),
    "Something went wrong on our side and has been noted: try again, and the second time with another seed or path.",
)


class WorkFailed(Exception):  # noqa: N818 - what happened, told by the process that it happened to
    """The GPU's part failed."""

    def __init__(self, failed: Failed):
        super().__init__(failed.message)
        self.failed = failed


def sentence_for(error: BaseException) -> str:
    """What to tell the visitor.

    Faults of the request are told as they are. Everything else is told by the table, since its words may hold what is
    not the visitor's business; the log has them.
    """
    kind, text = type(error).__name__, str(error)
    if isinstance(error, WorkFailed):
        kind, text = error.failed.kind, error.failed.message
    if kind == RequestError.__name__:
        return text
    if not isinstance(error, Cancelled):
        log.error("A scene failed: %s: %s", kind, text, exc_info=error)
    found = f"{kind} {getattr(error, 'title', '')} {text}"
    return next((trouble for trouble in TROUBLES if trouble.signs.search(found)), UNKNOWN).sentence
