"""All benchmarks, one after the other, each in a process of its own: `python -m benchmarks`."""

import subprocess
import sys

BENCHMARKS = ("rasteriser", "formats", "generation", "worlds", "studio")


def main() -> None:
    """Run them and print what they print."""
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
