"""What runs in a worker process: a task → its result, or the error that it ended with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bywords.errors import BywordsError, SettingError
from bywords.text.threads import limit_threads
from bywords.version import __version__

_last: tuple[Any, Any] | None = None  # what tasks of the same map share, and by what it is known


@dataclass(frozen=True)
class Failed:
    """An error of bywords as a value: it is raised where the result is asked for."""

    error: BywordsError


def run(work: Callable[[Any, Any], Any], key: Any, load: Callable[[], Any], chunk: Any, version: str) -> Any:
    """The result of one task with one thread; `load` gets what is shared the first time that a process needs it."""

    def worked() -> Any:
        global _last
        if _last is None or _last[0] != key:
            _last = None  # before the next is there: it may be large
            _last = key, load()
        return work(_last[1], chunk)

    return result_of(worked, version)


def result_of(call: Callable[[], Any], version: str) -> Any:
    """What a call gives, with one thread, for a command of this version; its error of bywords as a value."""
    limit_threads(1)
    try:
        if version != __version__:
            raise SettingError(
                f"a worker has bywords {__version__}, and this is {version}. Install the same on all machines."
            )
        return call()
    except BywordsError as error:
        return Failed(error)
