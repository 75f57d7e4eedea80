"""Chunks of work → their results in order, by worker processes: of this machine, or of a cluster by Ray.

`executor` gives one by its name; what is worked out does not know which. `bywords.cluster.worker` is what runs there.
"""

from __future__ import annotations

from bywords.cluster.base import Executor, HeldLostError, Holder, executor, unless_lost
from bywords.cluster.here import HolderHere

__all__ = ["Executor", "HeldLostError", "Holder", "HolderHere", "executor", "unless_lost"]
