"""The Space: FlashWorld as a page on ZeroGPU, or on any machine.

    python app_gradio.py                                  # http://localhost:7860
    python app_gradio.py --offload_t5 --ckpt model.ckpt   # less GPU memory; a checkpoint that is already here

The model is loaded once, here, for all visitors. On ZeroGPU that happens before there is a GPU: `spaces` keeps the
weights, and each call of `generate_on_gpu` runs in a process of its own in which they lie on a GPU for some seconds.
"""

import sys
from collections.abc import Generator

from flashworld.apps.gradio import zerogpu  # before torch

# isort: split
from flashworld.apps.gradio.budget import duration
from flashworld.apps.gradio.folder import OwnFolder
from flashworld.apps.gradio.launch import run
from flashworld.apps.gradio.order import Maker, Order
from flashworld.apps.gradio.page import build
from flashworld.apps.gradio.serving import Service
from flashworld.apps.gradio.settings import load_chosen, read_settings
from flashworld.apps.gradio.shelf import Shelf
from flashworld.apps.gradio.work import Told, work_on
from flashworld.errors import WeightsError

SETTINGS = read_settings(sys.argv[1:] if __name__ == "__main__" else [], hosted=zerogpu.is_hosted())
try:
    MODEL, PLAN = load_chosen(SETTINGS)
except WeightsError as error:
    sys.exit(f"app_gradio.py: {error}")


@zerogpu.on_gpu(duration=lambda order, _folder: duration(order.workload))
def generate_on_gpu(order: Order, folder: str) -> Generator[Told, None, None]:
    """Make a scene and leave it in `folder`. The model is this program's; everything else comes and goes pickled."""
    yield from work_on(MODEL, order, folder)


FOLDER = OwnFolder()
SHELF = Shelf(FOLDER.path)
BLOCKS, STYLE = build(Service(Maker(MODEL, PLAN, SETTINGS.hosted), generate_on_gpu, SHELF))

if __name__ == "__main__":
    run(BLOCKS, STYLE, SETTINGS, SHELF, FOLDER)
