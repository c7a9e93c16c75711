"""What is told of a job that failed: words that help, and nothing of the machine's own."""

import re

import torch

from flashworld.errors import FlashWorldError

OUT_OF_MEMORY = (
    "The memory of the machine is not enough for this scene: ask for fewer frames or smaller pictures, or start the "
    "server with --offload-t5, --offload-vae or --offload-transformer-during-vae."
)

_FOLDERS = re.compile(r"""(?<![^\s'"(])(?:[A-Za-z]:)?[/\\](?:[^/\\'":\n]+[/\\])+""")
"""The folders before a file's name, as Linux, macOS and Windows write them."""


def in_words(error: Exception) -> str:
    """An error for the one who asked, without the folders of this machine."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return OUT_OF_MEMORY
    if isinstance(error, FlashWorldError):
        return _FOLDERS.sub("", str(error))
    return f"The server could not make this scene ({type(error).__name__}). Its log tells more."
