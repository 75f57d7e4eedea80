"""What do two of Ray's workers bring against one, where gigabytes of texts are trained on?

The texts are those of `on_disk.py`; `bywords train FILE --on ray --parts 2` runs from start to end on a cluster of one
worker and on one of two, which run already, in turn.

Claim: both models are the same bytes. How much faster two workers are is measured and not claimed: they share the
processors of this machine with each other and with the command, which merges what they find.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from cluster import Took, command
from measure import write_result
from on_disk import line_of, write_texts

from bywords.io.datasets import load_dataset

STORE_BYTES = 6 << 30  # of objects of the cluster: both parts of what is learned from, and what is made of them
SAME = ("weights.safetensors", "vocabulary.txt")  # the rest of a model says when it was trained


def main() -> None:
    """Write the texts, train with one worker and with two, and assert that nothing else is different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where there is room for the texts, six times")
    parser.add_argument("--megabytes", type=int, default=5_000)
    parser.add_argument("--system", default="tfidf-svc")
    asked = parser.parse_args()
    split = load_dataset("imdb")
    reviews = list(zip(split.train.texts.to_list(), split.train.names().tolist(), strict=True))
    tested = list(zip(split.test.texts.to_list(), split.test.names().tolist(), strict=True))
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        (folder / "test.jsonl").write_text("".join(map(line_of, tested)), encoding="utf-8")
        n_documents = write_texts(folder / "train.jsonl", reviews, asked.megabytes)
        result: dict[str, Any] = {
            "system": asked.system, "n_documents": n_documents, "n_bytes": (folder / "train.jsonl").stat().st_size,
        }  # fmt: skip
        for n_workers in (1, 2):
            took = trained(folder, n_workers, asked.system)
            result |= {f"seconds {n_workers}": took.seconds, f"processor seconds {n_workers}": took.processor_seconds}
            print(f"{n_workers} workers: {took.seconds:.0f} s; the command {took.processor_seconds:.0f} s", flush=True)
        for part in SAME:
            assert (folder / "1" / part).read_bytes() == (folder / "2" / part).read_bytes(), part
    result |= {"times": result["seconds 1"] / result["seconds 2"], "load": os.getloadavg()[0]}
    write_result("two_workers", result)
    print(result)


def trained(folder: Path, n_workers: int, system: str) -> Took:
    """Train on a cluster of so many workers; the model is in the folder of their number."""
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="ray-") as of_ray:
        os.environ |= {"RAY_TMPDIR": of_ray, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
        settings = {"num_cpus": n_workers, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        cluster = Cluster(True, head_node_args=settings)
        words = ["train", "train.jsonl", "--test", "test.jsonl", "--system", system, "--parts", "2", "--on", "ray"]
        try:
            return command(folder, *words, "--out", str(n_workers), address=cluster.address)
        finally:
            cluster.shutdown()
            shutil.rmtree(folder / f"{n_workers}.encoded", ignore_errors=True)


if __name__ == "__main__":
    main()
