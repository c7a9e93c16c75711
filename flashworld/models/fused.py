"""Networks made ready for CUDA: laid out as its convolutions like it, and with fused kernels between the products."""

from importlib import import_module
from importlib.util import find_spec

from flashworld.models.frames import put_channels_last
from flashworld.models.fused_block import fuse_blocks
from flashworld.models.fused_frames import fuse_frames
from flashworld.models.model import Networks


def suit_cuda(networks: Networks) -> None:
    """In place. Weights keep their names, and numbers change by rounding only.

    The kernels are imported now, where there is Triton, not in a scene's time: on ZeroGPU each scene has a new process.
    """
    if find_spec("triton"):
        import_module("flashworld.models.block_kernels")
        import_module("flashworld.models.frame_kernels")
    fuse_blocks(networks.transformer)
    for network in (networks.vae, networks.recon_decoder):
        put_channels_last(network)
        fuse_frames(network)
