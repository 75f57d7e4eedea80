"""What the workers of test_cluster.py do: a module of its own, since they import it."""

import os
import signal
import time
from pathlib import Path

from bywords.cluster.local import LocalExecutor
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


def interrupted(_, number):
    signal.raise_signal(signal.SIGINT)  # as of Ctrl-C, which a terminal sends to all processes
    return number


def added(held, number):
    """The sum, and twice the sum, which stays."""
    return held["sum"] + number, {"sum": 2 * (held["sum"] + number)}


def dies_once_with(folder, held, number):
    """`added`, by a process that ends the first time that 2 is worked at."""
    dies_once(folder, number)
    return added(held, number)


def refused_with(held, number):
    raise DataError(f"new.csv, line {number + held}: no text.")


def writes(held):
    held += 1
    return (held,)


def lose_the_command():
    """Start workers, and end without a word to them."""
    with LocalExecutor(2) as workers:
        for _ in workers.map(times, 2, range(8)):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    lose_the_command()
