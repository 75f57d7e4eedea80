"""What does training a mean of word vectors on more texts than memory take, and is it the model that memory gives?

The texts are those of `on_disk.py`: sentences of imdb's reviews in another order, with invented names, and tested on
the reviews that they are not of. `bywords train FILE --system glove-mean --memory SIZE` runs as a process of its own,
of the smaller file with all texts in memory too. Then the logistic regression is fitted to the same documents, of imdb
and, where it is, of 20 Newsgroups, at once by scikit-learn, and from files in several numbers of parts.

Claims: no more memory than may be used, however large the file; right within .01 as often as with all texts in memory;
and, from the same documents, the labels of at least 99.9 % of those held out, and logits within .001.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from measure import write_result
from on_disk import line_of, write_texts
from on_disk_auto import tell, trained

from bywords.data.targets import Targets
from bywords.io.datasets import is_available, load_dataset
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.models.mean_vector import MeanVector, MeanVectorConfig
from bywords.systems import SYSTEMS
from bywords.training.system import with_vectors

SIZES, MEMORY, MOST_PEAK = [100, 1_000], "500MB", 500  # MB
WITHIN, LEAST_SAME, MOST_APART = 0.01, 0.999, 1e-3
PARTS = [1, 2, 3, 7]  # 1 is as many as memory asks for
SYSTEM = "glove-mean"


def main() -> None:
    """Write the texts, train on them, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where there is room for the texts and their ids")
    split = load_dataset("imdb")
    reviews = list(zip(split.train.texts.to_list(), split.train.names().tolist(), strict=True))
    tested = list(zip(split.test.texts.to_list(), split.test.names().tolist(), strict=True))
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as name:
        folder = Path(name)
        (folder / "test.jsonl").write_text("".join(map(line_of, tested)), encoding="utf-8")
        for megabytes in SIZES:
            write_texts(folder / "train.jsonl", reviews, megabytes)
            for way, memory in {"on disk": MEMORY, "in memory": "1000GB"}.items():
                if way == "on disk" or megabytes == SIZES[0]:
                    its = trained(folder, memory, "--system", SYSTEM)
                    runs.append({"way": way, "n_megabytes": megabytes, **its})
                    tell(runs[-1])
        parts = {name: alike(folder, name) for name in ("imdb", "20newsgroups") if is_available(name)}
    write_result("vectors_on_disk", {"memory": MEMORY, "runs": runs, "parts": parts})
    assert all(run["peak_megabytes"] <= MOST_PEAK for run in runs if run["way"] == "on disk"), runs
    assert abs(runs[0]["accuracy"] - runs[1]["accuracy"]) <= WITHIN, runs
    for rows in parts.values():
        assert all(row["same"] >= LEAST_SAME and row["apart"] <= MOST_APART for row in rows), rows


def alike(folder: Path, name: str) -> list[dict[str, Any]]:
    """How near regressions of files are to that of memory, of the same documents: by the part held out to test on."""
    config, corpus = SYSTEMS[SYSTEM], load_dataset(name).train
    assert isinstance(config.model, MeanVectorConfig)
    lines = map(line_of, zip(corpus.texts.to_list(), corpus.names().tolist(), strict=True))
    (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    source = Source(data=str(folder / f"{name}.jsonl"))
    stored = corpus_on_disk(source, folder / name, config.tokenizer, config.vocabulary)
    vocabulary, _, aligned = with_vectors(config, stored.train.documents, stored.vocabulary, seed=0)
    documents, held_out = (part.documents_for(vocabulary) for part in (stored.train, stored.test))
    targets, tested = Targets.of(stored.train.codes), held_out.select(np.arange(len(held_out)))
    whole, _ = MeanVector.fit(config.model, documents.select(np.arange(len(documents))), targets, aligned=aligned)
    expected, rows = whole.logits(tested), []
    for n_parts in PARTS:
        model = replace(config.model, parts=n_parts)
        prepared = MeanVector.prepare(model, documents, vocabulary)
        fitted, notes = MeanVector.fit(model, prepared, targets, aligned=aligned)
        found = fitted.logits(tested)
        same = float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1)))
        apart = float(np.abs(found - expected).max())
        rows.append({"parts": n_parts, "same": same, "apart": apart, "notes": notes, "n_tested": len(tested)})
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
