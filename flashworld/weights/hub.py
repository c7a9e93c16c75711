"""The published weights on the Hugging Face hub, downloaded once into its cache."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HFValidationError

from flashworld.errors import WeightsError

WAN = "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
FLASHWORLD = "imlixinyang/FlashWorld"
CHECKPOINT = "model.ckpt"

Found = TypeVar("Found")


def download_wan() -> Path:
    """The folder with autoencoder, text encoder and tokenizer. The 20 GB of the pretrained transformer stay away."""
    wanted = ["vae/*", "text_encoder/*", "tokenizer/*", "transformer/config.json"]
    folder = _download(
        lambda: snapshot_download(WAN, allow_patterns=wanted), WAN, "give a local copy of it as --model FOLDER"
    )
    return Path(folder)


def download_checkpoint() -> Path:
    """FlashWorld's own weights."""
    file = _download(
        lambda: hf_hub_download(FLASHWORLD, CHECKPOINT),
        f"{CHECKPOINT} of {FLASHWORLD}",
        f"give a local copy of {CHECKPOINT} with --ckpt",
    )
    return Path(file)


def has_checkpoint() -> bool:
    """Whether FlashWorld's own weights are in the hub's cache on this machine."""
    return isinstance(try_to_load_from_cache(FLASHWORLD, CHECKPOINT), str)


def _download(download: Callable[[], Found], what: str, remedy: str) -> Found:
    try:
        return download()
    except GatedRepoError as error:
        raise WeightsError(
            f"{what} is gated: accept its terms on huggingface.co and log in with 'hf auth login', or {remedy}."
        ) from error
    except (OSError, EntryNotFoundError, HFValidationError) as error:
        raise WeightsError(
            f"{what} is neither in the local cache nor could it be downloaded from the Hugging Face hub "
            f"({type(error).__name__}): check the network and 'hf auth login', or {remedy}."
        ) from error
