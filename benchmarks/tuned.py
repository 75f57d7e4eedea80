"""How often is plain `auto` right, and in what time, beside a scikit-learn that was tuned with care?

The peer is `tuned_svc` of peers.py: words, pairs of words and pieces of words together, C by three folds. Corpora: the
data sets at hand, the groups of 20 Newsgroups that begin alike (comp, rec, sci, talk) as corpora of their own, and
files that are given: NAME=TRAIN or NAME=TRAIN,TEST; documents with several labels are left out. The peer takes minutes,
so it is fitted once a corpus and its numbers are kept in results/tuned.json; `--again` fits it once more.

Claims: `auto` is nowhere under it by more than chance (two standard errors of the difference on the same test
documents), .01 above it on average or more, and takes a tenth of its CPU time at most, over all corpora.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import statistics
import time
from typing import Any

import numpy as np
from measure import RESULTS, read_result, write_result
from peers import OURS, tuned_svc

from bywords.data.corpus import Corpus
from bywords.io.datasets import is_available, load_dataset
from bywords.text.tokenizer import Tokenizer

Part = tuple[list[str], list[str]]
NAMED = ("20newsgroups-6", "20newsgroups", "20newsgroups-full", "imdb")
GROUPS = ("comp", "rec", "sci", "talk")
LEAST_MEAN = 0.01  # how far above the peer on average
MOST_TIME = 0.1  # of the peer's


def main() -> None:
    """Measure what is asked for, add it to the results there are, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="names, or NAME=TRAIN[,TEST]; by default the data sets at hand")
    parser.add_argument("--again", action="store_true", help="fit the peer again, where its numbers are known")
    arguments = parser.parse_args()
    rows = read_result("tuned")["corpora"] if (RESULTS / "tuned.json").exists() else {}
    for corpus in arguments.corpora or at_hand():
        name, _, files = corpus.partition("=")
        train, test = parts(files.split(",") if files else [name])
        known = rows.get(name, {})
        if arguments.again or "peer" not in known:
            known["peer"] = measured(tuned_svc(), train, test)
        known["auto"] = measured(OURS["bywords auto"](0), train, test)
        rows[name] = known
        print(name, {kind: {**found, "is_right": None} for kind, found in known.items()}, flush=True)
        write_result("tuned", {"corpora": rows})
    check(rows)


def at_hand() -> list[str]:
    """The corpora that this machine has by name."""
    return [name for name in (*NAMED, *GROUPS) if is_available("20newsgroups" if name in GROUPS else name)]


def measured(classifier: Any, train: Part, test: Part) -> dict[str, Any]:
    """Its accuracy on the test part, where it is right, as 0 and 1, and the seconds of its fit."""
    wall, own = time.perf_counter(), time.process_time()
    classifier.fit(*train)
    wall, own = time.perf_counter() - wall, time.process_time() - own
    is_right = np.asarray(classifier.predict(test[0])) == np.asarray(test[1])
    flags = "".join(map(str, is_right.astype(int).tolist()))
    return {"accuracy": float(is_right.mean()), "seconds": wall, "cpu_seconds": own, "is_right": flags}


def check(rows: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Assert the claims, after printing how far each corpus is from them."""
    margins, ours, theirs = list[float](), 0.0, 0.0
    under = list[str]()
    for name, row in rows.items():
        right = {kind: np.array(list(found["is_right"]), dtype=int) for kind, found in row.items()}
        apart = right["auto"] - right["peer"]
        error = float(apart.std() / len(apart) ** 0.5)
        margins.append(float(apart.mean()))
        ours, theirs = ours + row["auto"]["cpu_seconds"], theirs + row["peer"]["cpu_seconds"]
        share = row["auto"]["cpu_seconds"] / row["peer"]["cpu_seconds"]
        print(
            f"{name:20} auto {row['auto']['accuracy']:.4f}, tuned {row['peer']['accuracy']:.4f}: {margins[-1]:+.4f} "
            f"± {error:.4f}; {share:.3f} of its CPU time"
        )
        under += [name] if margins[-1] < -2 * error else []
    print(f"mean {statistics.mean(margins):+.4f}; {ours / theirs:.3f} of its CPU time over all")
    assert not under, under
    assert statistics.mean(margins) >= LEAST_MEAN, margins
    assert ours <= MOST_TIME * theirs, (ours, theirs)


def parts(source: list[str]) -> tuple[Part, Part]:
    """The training and the test part of a corpus, with one label a document."""
    name = "20newsgroups" if source[0] in GROUPS else source[0]
    split = load_dataset(name, test=source[1] if len(source) == 2 else None).drop_empty(Tokenizer())
    return _single(split.train, source[0]), _single(split.test, source[0])


def _single(corpus: Corpus, name: str) -> Part:
    """Texts and labels of the documents that have one label, of a group of 20 Newsgroups only those that begin so."""
    labels = [label if isinstance(label, str) else "\n".join(label) for label in corpus.names()]
    kept = [
        row for row, label in enumerate(labels)
        if label and "\n" not in label and (name not in GROUPS or label.startswith(name))
    ]  # fmt: skip
    texts = corpus.texts.to_list()
    return [texts[row] for row in kept], [labels[row] for row in kept]


if __name__ == "__main__":
    main()
