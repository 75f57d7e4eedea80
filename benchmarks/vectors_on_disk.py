"""What does training a mean of word vectors on more texts than memory take, and is it the model that memory gives?

The texts are those of `on_disk.py`: sentences of imdb's reviews in another order, with invented names, and tested on
the reviews that they are not of. `bywords train FILE --system glove-mean --memory SIZE` runs as a process of its own,
of the smaller file with all texts in memory too. Then the logistic regression is fitted to the same documents, of imdb
and, where it is, of 20 Newsgroups, at once by scikit-learn, and from files in several numbers of parts.

Claims: no more memory than may be used, however large the file; right within .01 as often as with all texts in memory;
and, from the same documents of imdb, the labels of at least 99.9 % of those held out, and logits within .001. Of 20
Newsgroups the tolerance ends before the optimum, in memory too: the labels of at least 99.5 % are those of memory, and
those of the optimum are as many as with all in memory, within .5 %.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from measure import read_result, write_result
from on_disk import line_of, write_texts
from on_disk_auto import tell, trained

from bywords.data.targets import Targets
from bywords.io.datasets import is_available, load_dataset
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.models import logistic_in_parts
from bywords.models.mean_vector import MeanVector, MeanVectorConfig
from bywords.systems import SYSTEMS
from bywords.text.bags import Floats
from bywords.training.system import with_vectors

SIZES, MEMORY, MOST_PEAK = [100, 1_000], "500MB", 500  # MB
WITHIN, LEAST_SAME, MOST_APART, LEAST_SAME_EARLY, WITHIN_OF_OPTIMUM = 0.01, 0.999, 1e-3, 0.995, 0.005
PARTS = [1, 2, 3, 7]  # 1 is as many as memory asks for
OF_OPTIMUM = 1e-8  # the tolerance that ends at it
SYSTEM = "glove-mean"


def main() -> None:
    """Write the texts, train on them, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where there is room for the texts and their ids")
    parser.add_argument("--parts-alone", action="store_true", help="the runs are those that were measured before")
    asked = parser.parse_args()
    split = load_dataset("imdb")
    reviews = list(zip(split.train.texts.to_list(), split.train.names().tolist(), strict=True))
    tested = list(zip(split.test.texts.to_list(), split.test.names().tolist(), strict=True))
    runs: list[dict[str, Any]] = read_result("vectors_on_disk")["runs"] if asked.parts_alone else []
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        (folder / "test.jsonl").write_text("".join(map(line_of, tested)), encoding="utf-8")
        for megabytes in [] if asked.parts_alone else SIZES:
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
    for name, found in parts.items():
        for row in found["rows"]:
            assert row["same"] >= (LEAST_SAME if name == "imdb" else LEAST_SAME_EARLY), (name, found)
            assert row["apart"] <= MOST_APART or name != "imdb", (name, found)
            assert row["same_as_optimum"] >= found["same_as_optimum"] - WITHIN_OF_OPTIMUM, (name, found)


def alike(folder: Path, name: str) -> dict[str, Any]:
    """How near regressions of files are to that of memory, of the same documents: by the part held out to test on."""
    config, corpus = SYSTEMS[SYSTEM], load_dataset(name).train
    assert isinstance(config.model, MeanVectorConfig)
    settings: MeanVectorConfig = config.model
    lines = map(line_of, zip(corpus.texts.to_list(), corpus.names().tolist(), strict=True))
    (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    source = Source(data=str(folder / f"{name}.jsonl"))
    stored = corpus_on_disk(source, folder / name, config.tokenizer, config.vocabulary)
    vocabulary, _, aligned = with_vectors(config, stored.train.documents, stored.vocabulary, seed=0)
    documents, held_out = (part.documents_for(vocabulary) for part in (stored.train, stored.test))
    targets, tested = Targets.of(stored.train.codes), held_out.select(np.arange(len(held_out)))
    whole, _ = MeanVector.fit(settings, documents.select(np.arange(len(documents))), targets, aligned=aligned)

    def in_parts(n_parts: int) -> tuple[Floats, str]:
        model = replace(settings, parts=n_parts)
        prepared = MeanVector.prepare(model, documents, vocabulary)
        fitted, notes = MeanVector.fit(model, prepared, targets, aligned=aligned)
        return fitted.logits(tested), notes[0]

    def same(one: Floats, other: Floats) -> float:
        return float(np.mean(one.argmax(axis=1) == other.argmax(axis=1)))

    before, logistic_in_parts.TOLERANCE = logistic_in_parts.TOLERANCE, OF_OPTIMUM
    optimum, _ = in_parts(1)
    logistic_in_parts.TOLERANCE = before
    expected, rows = whole.logits(tested), []
    for n_parts in PARTS:
        found, note = in_parts(n_parts)
        apart = float(np.abs(found - expected).max())
        its = {"same": same(found, expected), "apart": apart, "same_as_optimum": same(found, optimum), "note": note}
        rows.append({"parts": n_parts, **its})
        print(name, rows[-1], flush=True)
    return {"n_tested": len(tested), "same_as_optimum": same(expected, optimum), "rows": rows}


if __name__ == "__main__":
    main()
