"""How much memory is free, and one clear refusal of what needs more, before the work."""

from __future__ import annotations

import os
from pathlib import Path

from bywords.errors import BywordsError, DataError

GIGABYTE = 1 << 30
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def free_bytes() -> int:
    """The memory that this process may still take: of the machine, of its container and of its own limit.

    Where the system does not say, as Windows, a number that nothing exceeds.
    """
    free = [1 << 60, _of_machine(), *(_of_container(*files) for files in _CGROUPS), _of_process()]
    return max(min(free), 0)


def check_memory(n_bytes: float, what: str, remedy: str, *, error: type[BywordsError] = DataError) -> None:
    """Raise an `error` where `what` takes more than is free: how much it takes, how much there is, and the remedy."""
    free = free_bytes()
    if n_bytes > free:
        raise error(
            f"{what} takes about {n_bytes / GIGABYTE:,.1f} GB of memory, and {free / GIGABYTE:,.1f} GB are free. "
            f"{remedy}"
        )


def _of_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 1 << 60


def _of_container(limit: str, used: str) -> int:
    try:
        return int(Path(limit).read_text(encoding="ascii")) - int(Path(used).read_text(encoding="ascii"))
    except (OSError, ValueError):  # there is none, or it says "max"
        return 1 << 60


def _of_process() -> int:
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return 1 << 60
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return limit - pages * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):
        return 1 << 60
