"""Check and measure everything that needs a GPU, in one call of less than eight minutes.

Run `python -m benchmarks.gpu --json gpu.json` on a machine with CUDA: random weights of the published sizes (times and
memory do not depend on the values), full-size scenes. `--dry` does the same with small sizes on the CPU, to try the
script. `--table gpu.json` makes the README's table again from an earlier JSON. `--only` chooses sections.
"""

import argparse
import gc
import json
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks import gpu_speed
from benchmarks.gpu_checks import checks
from benchmarks.gpu_model import DRY, FULL, Subject
from benchmarks.gpu_table import renewed, table
from flashworld.runtime import let_memory_grow

README = Path(__file__).parents[1] / "README.md"

BUDGET_SECONDS = 450
"""No section begins later than this, so that what was measured is always written."""

Section = Callable[[Subject], Any]

SECTIONS: dict[str, Section] = {
    "checks": lambda subject: [
        {"check": name, "error": error, "limit": limit, "ok": error <= limit} for name, error, limit in checks(subject)
    ],
    "ceilings": gpu_speed.ceilings,
    "plans": gpu_speed.plans,
    "release": gpu_speed.released_schedule,
    "fused": gpu_speed.fused,
    "attention": gpu_speed.attention,
    "linears": gpu_speed.linears,
    "decoding": gpu_speed.decoding,
    "rasterising": gpu_speed.rasterising,
    "compiled": gpu_speed.compiled,
    "batches": gpu_speed.batches,
}
"""In the order of their worth."""


def measure(
    subject: Subject,
    names: list[str],
    budget: float = BUDGET_SECONDS,
    keep: Callable[[dict[str, Any]], object] = lambda _: None,
) -> dict[str, Any]:
    """Run sections one after the other. One that fails or comes too late says so in its place and stops no other.

    `keep` gets what there is after each of them, so that nothing is lost if the machine goes away.
    """
    started = perf_counter()
    result: dict[str, Any] = {"machine": _machine(subject), "seconds": {}, "failed": {}}
    for name in names:
        began = perf_counter()
        if began - started > budget:
            result["failed"][name] = "not begun: the time was up"
            continue
        try:
            result[name] = SECTIONS[name](subject)
        except Exception as error:  # whatever goes wrong in a section, the others' numbers are worth having
            traceback.print_exc()
            result["failed"][name] = f"{type(error).__name__}: {error}"
        gc.collect()
        torch.cuda.empty_cache()
        result["seconds"][name] = perf_counter() - began
        print(f"{name}: {result['seconds'][name]:.1f} s", file=sys.stderr, flush=True)
        keep(result)
    return result


def _machine(subject: Subject) -> dict[str, Any]:
    cuda = subject.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(subject.device) if cuda else platform.processor() or "processor",
        "memory_gib": torch.cuda.get_device_properties(subject.device).total_memory / 2**30 if cuda else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "frames": subject.size.frames,
        "height": subject.size.height,
        "width": subject.size.width,
    }


def main() -> None:
    """Measure, write, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--table", type=Path, help="make the README's table from this JSON, and measure nothing")
    parser.add_argument("--dry", action="store_true", help="small sizes on the CPU")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="which sections")
    options = parser.parse_args()
    if options.table:
        README.write_text(renewed(README.read_text(encoding="utf-8"), json.loads(options.table.read_bytes())), "utf-8")
        return
    if not options.dry and not torch.cuda.is_available():
        sys.exit("There is no CUDA device here: use --dry to try the script on the CPU.")
    let_memory_grow()

    def keep(result: dict[str, Any]) -> None:
        if options.json:
            options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")

    print(table(measure(DRY if options.dry else FULL, options.only, keep=keep)))


if __name__ == "__main__":
    main()
