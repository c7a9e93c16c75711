"""What is told of a job that failed: words that help, and nothing of the machine's own."""

import torch

from flashworld.errors import FlashWorldError

OUT_OF_MEMORY = (
    "The memory of the machine is not enough for this scene: ask for fewer frames or smaller pictures, or start the "
    "server with --offload-t5, --offload-vae or --offload-transformer-during-vae."
)


def in_words(error: Exception, folder: str) -> str:
    """An error for the one who asked. `folder` is where jobs lie; it is not told."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return OUT_OF_MEMORY
    if isinstance(error, FlashWorldError):
        return str(error).replace(folder, "").strip()
    return f"The server could not make this scene ({type(error).__name__}). Its log tells more."
