"""Does a crafted model folder, whose sums are right, do more than answer or be refused?

Claim: of 10,000 folders of each kind of model, each changed once or twice by `crafted.py` and sealed again, all are
refused with one ModelFolderError or answer: probabilities of 5 texts that are finite and, for one label each, sum to 1.
None ends the process by a signal, none in another exception, none takes 10 seconds or 1 GB.

`--folders N --seed S --kinds "auto;lstm"` runs a part; results of other kinds stay as they were.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from crafted import Outcome, answer_of, crafted, read_files, run_cases, write_sealed
from measure import RESULTS, read_result, write_result

from bywords.artifact.description import load_classifier, save_classifier
from bywords.artifact.validate import look_at
from bywords.cli import info
from bywords.config import changed
from bywords.explain.explanation import explain
from bywords.extras import needed
from bywords.fitted import CardRecord, DataSummary, FittedClassifier
from bywords.models.base import StorageFormat
from bywords.system_config import FitParameters
from bywords.systems import SYSTEMS

SMALL: dict[str, list[str]] = {
    "glove-corpus-mean": ["vectors.dimension=6", "vectors.n_epochs=3", "vocabulary.min_count=1"],
    "word2vec-mean": ["vectors.dimension=6", "vectors.n_epochs=3", "vocabulary.min_count=1"],
    "averaging": ["model.dimension=6", "training.max_epochs=3"],
    "averaging-glove": ["training.max_epochs=3"],
    "averaging-glove-frozen": ["training.max_epochs=3"],
    "dan": ["model.dimension=6", "training.max_epochs=3"],
    "dan-ngrams": ["model.dimension=6", "training.max_epochs=3"],
    "label-tree": ["model.max_leaf=2"],
    "lstm": ["model.dimension=6", "model.hidden=4", "training.max_epochs=2"],
    "lstm-glove": ["model.hidden=4", "training.max_epochs=2"],
}
COMPRESSED: tuple[StorageFormat, ...] = ("float16", "int8", "int8-rows")
VARIANTS = [
    "auto, many labels", "dan, many labels", "label-tree, many labels", "auto, columns", "tfidf-nb, numbers as labels",
    "auto, paths",
]  # fmt: skip
KINDS = [*SYSTEMS, *VARIANTS, *(f"{system}, {form}" for system in ("auto", "dan") for form in COMPRESSED)]
TOPICS = {"space": "orbit moon rocket nasa", "sport": "goal team hockey season", "motor": "engine car oil wheel"}
COMMON = ["the", "a", "of", "is", "and", "it", "was", ",", "."]
TEXTS = [
    "the rocket's engine and a team",
    "",
    "\U0001f680 Łódź ﬁn 東京 naïve \u0301 \x00 \x1f",
    " ".join(["moon goal oil season unknown words of a longer text"] * 200),
    "x" * 3_000,
]
EXPLAINED, TOLD = 0.1, 0.2  # shares of the folders: that answer, and are explained; that `info` shows
FAULTS = ("signal", "traceback", "hang", "memory", "no number")


def main() -> None:
    """Train one small model of each kind, craft, ask; then assert the claim."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="all")
    asked = parser.parse_args()
    kinds = KINDS if asked.kinds == "all" else [kind.strip() for kind in asked.kinds.split(";")]
    needed("captum.attr", what="fuzzing")  # here, so that no worker imports it within its 10 seconds
    found: dict[str, Any] = read_result("fuzz_models")["kinds"] if (RESULTS / "fuzz_models.json").exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(target=train, args=(kinds, Path(folder)))
        process.start()  # by itself, so that what forks the workers has no threads
        process.join()
        for kind in kinds:
            started = time.perf_counter()
            counts, faults = fuzz(Path(folder) / f"{KINDS.index(kind)}", asked.folders, asked.seed)
            found[kind] = {"folders": asked.folders, "seed": asked.seed, **counts, "faults": faults}
            print(f"{kind:30} {time.perf_counter() - started:6.1f} s  {counts}", *faults[:20], sep="\n  ", flush=True)
            write_result("fuzz_models", {"kinds": {one: found[one] for one in KINDS if one in found}})
    wrong = {kind: found[kind]["faults"] for kind in kinds if found[kind]["faults"]}
    assert not wrong, wrong


def train(kinds: list[str], folder: Path) -> None:
    """Save a small model of each kind, in folders called by their index in KINDS."""
    for kind in kinds:
        train_one(kind, folder / f"{KINDS.index(kind)}")


def train_one(kind: str, folder: Path) -> None:
    """Save a small model of a kind."""
    system, _, variant = kind.partition(", ")
    generator = np.random.default_rng(0)
    topics = [list(TOPICS)[number % 3] for number in range(90)]
    texts = [" ".join([*generator.choice(TOPICS[topic].split(), 3), *generator.choice(COMMON, 4)]) for topic in topics]
    config = changed(SYSTEMS[system], SMALL.get(system, []))
    if config.vectors is not None and config.vectors.is_pretrained:
        config = changed(config, [f"vectors.name={_vectors(folder.with_suffix('.txt'))}"])
    labels: Any = topics
    if variant == "many labels":
        labels = [[topic, "even"] if number % 2 else [topic] for number, topic in enumerate(topics)]
    elif variant == "paths":
        labels = [f"things/{topic}" if topic == "motor" else topic for topic in topics]
    elif variant == "numbers as labels":
        labels = [list(TOPICS).index(topic) for topic in topics]
    if variant == "columns":
        from bywords.classifier import TextClassifier

        rows = [
            {"title": text, "body": text[:20], "shop": topic, "price": str(n), "day": f"2024-01-{1 + n % 28:02}"}
            for n, (text, topic) in enumerate(zip(texts, topics, strict=True))
        ]
        estimator = TextClassifier(config, text=["title", "body"], columns=["shop", "price", "day"])
        fitted = estimator.fit(rows, labels).fitted_
        answers = fitted.evaluate(rows, labels)
    else:
        from bywords.training.fit import fit_classifier

        parameters = FitParameters(label_hierarchy="/" if variant == "paths" else None)
        fitted = fit_classifier(config, texts, labels, system=system, parameters=parameters)
        answers = fitted.evaluate(texts, labels)
    card = CardRecord(
        system=system, data=DataSummary(name="texts", n_documents=90, classes=dict.fromkeys(TOPICS, 30)),
        test=answers.summary(), hardest_confusions=answers.hardest_confusions(),
        also_in_training={"n_documents": 90, "without_them": None},
    )  # fmt: skip
    trained_on: dict[str, Any] = {"data": "x.csv", "test": None, "test_share": 0.2, "keep_together": "equal", "seed": 0}
    storage = dict.fromkeys(fitted.model.arrays(), variant) if variant in COMPRESSED else {}
    record = replace(fitted.record, card=card, trained_on=trained_on)
    save_classifier(replace(fitted, record=record, storage=storage), folder)


def _vectors(path: Path) -> Path:
    generator = np.random.default_rng(0)
    words = [*" ".join(TOPICS.values()).split(), *COMMON]
    lines = [" ".join([word, *(f"{number:.4f}" for number in generator.normal(size=4))]) for word in words]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def fuzz(folder: Path, n_folders: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """How many of so many crafted folders came to what, and the first faults in words."""
    files = read_files(folder)
    counts = Counter(dict.fromkeys(("answered", "refused", *FAULTS), 0))
    faults: list[str] = []
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=in_memory) as place:
        for number, outcome in run_cases(case_of(files, Path(place) / "model", seed), n_folders):
            counts[outcome.kind] += 1
            if outcome.kind in FAULTS and len(faults) < 20:
                faults.append(f"{number}: {crafted(files, _generator(seed, number)).change}: {' '.join(outcome)}")
    return dict(counts), faults


def case_of(files: dict[str, bytes], place: Path, seed: int) -> Callable[[int], Outcome]:
    """Craft the folder of a number, then load it, look at it, ask it, and at times explain."""

    def case(number: int) -> Outcome:
        generator = _generator(seed, number)
        write_sealed(place, crafted(files, generator).files)
        is_told = generator.random() < TOLD
        found = answer_of(lambda: info.info(place) if is_told else look_at(place))
        whole: list[FittedClassifier] = []
        loaded = answer_of(lambda: whole.append(load_classifier(place)))
        if not whole:
            return loaded if loaded.kind == found.kind else Outcome("traceback", f"info: {found}, load: {loaded}")
        if found.kind != "answered":
            return Outcome("traceback", f"info refuses what loads: {found}")
        return _asked(whole[0], is_explained=generator.random() < EXPLAINED)

    return case


def _asked(classifier: FittedClassifier, *, is_explained: bool) -> Outcome:
    columns, texts = classifier.record.columns, list(TEXTS)
    rows: Any = texts
    if columns is not None and not columns.is_one_text:
        rows = [dict.fromkeys(columns.inputs, text) for text in [*texts, "2024-01-01", "7", "1,5"]]
    wrong: list[str] = []

    def ask() -> None:
        answers = classifier.predict(rows)
        probabilities = answers.probabilities
        if not np.isfinite(probabilities).all() or (probabilities < 0).any() or (probabilities > 1).any():
            wrong.append(f"probabilities {probabilities}")
        elif not classifier.is_multilabel and not np.allclose(probabilities.sum(axis=1), 1):
            wrong.append(f"sums {probabilities.sum(axis=1)}")
        if is_explained and rows is texts and not wrong:
            explanation = explain(classifier, texts[0])
            if not np.isfinite(explanation.logits).all():
                wrong.append(f"explained logits {explanation.logits}")

    found = answer_of(ask)
    return Outcome("no number", wrong[0]) if wrong else found


def _generator(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number])


if __name__ == "__main__":
    main()
