"""What the workers of test_cluster.py do: a module of its own, since they import it."""

import os
import signal
import time
from pathlib import Path

from bywords.errors import DataError


def times(factor, number):
    time.sleep(0.05 * (number % 3))  # later ones are ready before
    return factor * number


def refused(_, number):
    if number == 3:
        raise DataError("new.csv, line 4: no text.")
    return number


def dies_once(folder, number):
    """End the own process hard the first time that 2 is worked at."""
    mark = Path(folder) / f"{number}"
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies(_, number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
