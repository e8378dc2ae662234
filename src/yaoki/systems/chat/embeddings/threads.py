"""One thread for each product of matrices: beside other work, more threads wait for each other longer than they compute."""

from __future__ import annotations

import os
import sys

__all__ = ["THREADS", "one_thread_each"]

THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
"""The variables of the environment that say so, to the libraries that numpy may use."""


def one_thread_each() -> bool:
    """Set them, unless the user has set others. Call it before numpy is imported; whether it was in time."""
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)
    return "numpy" not in sys.modules
