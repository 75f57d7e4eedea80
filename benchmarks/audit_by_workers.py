"""How much of the work of an audit do workers take from the command, and what do they cost on one machine?

The texts are those of `duplicates_on_disk.py`. `bywords audit` runs as a process of its own, in memory and on disk,
without workers, with one process and with two, in turn: the median of the ratios of each round.

Claims: what is found is the same, and workers do more than half of the work on disk, a third of it in memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from duplicates_on_disk import write_texts
from measure import ENVIRONMENT, write_result

WAYS = {"threads": [], "one worker": ["--on", "local:1"], "two workers": ["--on", "local:2"]}
LEAST_SHARE = {"400MB": 0.5, "1000GB": 1 / 3}  # of the work, by the memory
MEASURED = """
import resource, sys
from bywords.cli.main import main
sys.argv = ["bywords", *sys.argv[1:]]
try:
    main()
finally:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])  # ru_maxrss has the starter's, too
    print(*(one.ru_utime + one.ru_stime for one in used), own / 1000, used[1].ru_maxrss / 1000, file=sys.stderr)
"""


def main() -> None:
    """Write the texts, audit them in turn, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder / "texts.jsonl", given.texts)
        for memory in LEAST_SHARE:
            rounds: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
            for _ in range(given.rounds):
                for way, options in WAYS.items():
                    rounds[way].append(audited(folder, [*options, "--memory", memory]))
            assert len({str(one["found"]) for way in rounds.values() for one in way}) == 1
            for way, its in rounds.items():
                row: dict[str, Any] = {"way": way, "memory": memory}
                for what in ("seconds", "of_command", "of_workers", "megabytes", "megabytes_of_worker"):
                    row[what] = statistics.median(one[what] for one in its)
                pairs = zip(its, rounds["threads"], strict=True)
                row["times"] = statistics.median(one["seconds"] / other["seconds"] for one, other in pairs)
                row["share_of_workers"] = row["of_workers"] / (row["of_command"] + row["of_workers"])
                rows.append(row)
                print(json.dumps(row), flush=True)
    write_result("audit_by_workers", {"n_texts": given.texts, "n_rounds": given.rounds, "rows": rows})
    of_workers = [row for row in rows if row["way"] != "threads"]
    assert all(row["share_of_workers"] > LEAST_SHARE[row["memory"]] for row in of_workers), rows


def audited(folder: Path, options: list[str]) -> dict[str, Any]:
    """Audit the texts in the folder: time and memory of the command and of its largest worker, and what was found."""
    line = [sys.executable, "-c", MEASURED, "audit", str(folder / "texts.jsonl"), "--out", str(folder / "found")]
    started = time.perf_counter()
    done = subprocess.run([*line, *options], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    seconds = time.perf_counter() - started
    of_command, of_workers, megabytes, of_worker = map(float, done.stderr.splitlines()[-1].split())
    found = json.loads((folder / "found" / "audit.json").read_text(encoding="utf-8"))
    return {
        "seconds": seconds,
        "of_command": of_command,
        "of_workers": of_workers,
        "megabytes": megabytes,
        "megabytes_of_worker": of_worker,
        "found": [found[name] for name in ("label_errors", "duplicate_pairs", "leakage", "profile", "notes")],
    }


if __name__ == "__main__":
    main()
