"""Comparison with recorded numbers of the published release: `flashworld parity FOLDER`.

A folder holds any of the files that the reference describes; every comparison that its files allow is made.
"""

from flashworld.testing.parity.comparison import Comparison
from flashworld.testing.parity.folder import compare_folder

__all__ = ["Comparison", "compare_folder"]
