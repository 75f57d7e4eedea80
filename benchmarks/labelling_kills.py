"""Does a labelling project lose or double an answer when whoever labels is killed at any moment?

    python benchmarks/labelling_kills.py [1000]

Claim: of 1,000 processes that label one project, each killed (SIGKILL) at a moment drawn at random, every answer that
one has said is kept is in the project, once; and of each process at most one that it had no time to say.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

from bywords.labelling.project import Project

N_KILLS, N_TEXTS, MOST_SECONDS = 1_000, 2_000, 0.15


def main() -> None:
    """Kill so many processes, and count."""
    n_kills = int(sys.argv[1]) if len(sys.argv) > 1 else N_KILLS
    draw, told = random.Random(0), list[int]()
    n_answers = n_open = 0
    with tempfile.TemporaryDirectory() as folder:
        for kill in range(n_kills):
            path = Path(folder) / f"{kill // 50}.bywords"  # no project ends before its kills do
            if not path.exists():
                Project.of_texts(path, [f"text {number}" for number in range(N_TEXTS)], labels=["a", "b"]).close()
                told = []
            told += killed(path, draw.uniform(0, MOST_SECONDS), waits=draw.random() < 0.8)
            if (kill + 1) % 50 == 0 or kill + 1 == n_kills:
                with Project.open(path) as project:
                    kept = [answer.text_id for answer in project.answers()]
                n_lost, n_doubled = len(set(told) - set(kept)), len(kept) - len(set(kept)) + len(told) - len(set(told))
                assert (n_lost, n_doubled) == (0, 0), (kill, n_lost, n_doubled)
                assert len(kept) - len(told) <= 50, "more than one a kill was written and not said"
                n_answers, n_open = n_answers + len(kept), n_open + len(kept) - len(told)
    print(f"{n_kills:,} kills, {n_answers:,} answers: 0 lost, 0 doubled; {n_open:,} were kept and had not been said")


def killed(path: Path, seconds: float, *, waits: bool) -> list[int]:
    """Fork a process that labels, kill it after so many seconds, and give the texts that it said are answered.

    Where it `waits`, seconds count from when the process has opened the project.
    """
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            project = Project.open(path)
            os.write(writer, b"\n")
            while (item := project.next_text("ann")) is not None:
                project.answer(item.id, ["a"], "ann")
                os.write(writer, f"{item.id}\n".encode())
        finally:
            os._exit(0)
    os.close(writer)
    if waits:
        select.select([reader], [], [], 30)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader) as said:
        return [int(line) for line in said if line.strip()]


if __name__ == "__main__":
    main()
