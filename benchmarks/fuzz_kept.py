"""Does whatever is kept between runs, crafted by somebody who can compute its sums, end in an answer or one error?

Claims: of 2,000 crafted checkpoints, 500 corpora on disk, 500 unfinished outputs and 200 records of comparisons and
curves, none ends in a signal, in an error that is not one of bywords', takes 10 seconds or 1 GB more, or trains a model
with a number that is not finite. In a case one value or array of one file is another: cut, grown, of another type,
shape or sign, extreme, or missing. The sums are right, but for one case of eight.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import dataclasses
import hashlib
import importlib
import itertools
import json
import multiprocessing
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from crafted import Outcome, _changed_array, _changed_json, _changed_vocabulary, answer_of, run_cases
from measure import RESULTS, read_result, write_result
from safetensors.numpy import load, save

from bywords import checkpoint as checkpoint_module
from bywords.artifact.model_folder import MODEL, VOCABULARY, WEIGHTS
from bywords.checkpoint import Checkpoint, Run
from bywords.classifier import TextClassifier
from bywords.config import changed
from bywords.data.corpus import Corpus, Split
from bywords.errors import DataError
from bywords.experiments.compare import compare
from bywords.experiments.learning_curve import learning_curve
from bywords.files import write_whole
from bywords.io import corpus_record, resumable
from bywords.io.on_disk import OnDiskCorpus, Source, corpus_on_disk
from bywords.io.resumable import ResumableOutput
from bywords.records.base import from_json, to_json
from bywords.records.curve import CurveRecord
from bywords.records.run import RunRecord
from bywords.report import render_comparison, render_curve
from bywords.systems import SYSTEMS
from bywords.text.memory_mapped import FileSum
from bywords.text.tokenizer import TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig
from bywords.training import loop
from bywords.validation import naming

# By the process that the workers are forked from, which have seconds only.
IMPORTED = [
    "lightning_fabric", "gensim.models", "sklearn.linear_model", "scipy.optimize", "scipy.sparse", "matplotlib.pyplot",
    *(f"bywords.kernels.{name}" for name in ("glove", "ids", "lstm", "rows", "svm", "words")),
]  # fmt: skip
N_CASES = {"checkpoints": 2000, "corpora": 500, "outputs": 500, "records": 200}
OUTPUT_RUN, COMPARED = Run({"model": "x"}, {"threshold": 0.5}), ["tfidf-nb", "tfidf-svc"]
UNSEALED = 8  # of so many cases, in one the sums are those of before
WORDS = [[f"{topic}{number}" for number in range(6)] for topic in ("star", "goal", "car")]
SMALL: dict[str, list[str]] = {
    "auto": [],
    "dan": [],
    "averaging": ["model.dimension=16", "training.max_epochs=6"],
    "lstm": ["model.dimension=16", "model.hidden=12", "training.max_epochs=4"],
    "glove-corpus-mean": ["vectors.dimension=8", "vectors.n_epochs=4", "vocabulary.min_count=1"],
    "word2vec-mean": ["vectors.dimension=8", "vectors.n_epochs=4", "vocabulary.min_count=1"],
}
# Runs that were stopped at their n-th entry: what a system keeps at a time.
STOPPED = {
    "auto": [2, 11], "dan": [3, 9], "averaging": [4], "lstm": [4], "glove-corpus-mean": [2, 5], "word2vec-mean": [2],
}  # fmt: skip
FINE = ("answered", "refused", "written anew")
Generator = np.random.Generator


class FaultError(Exception):
    """What must not be: a model that is not finite, or one of what was not read."""


class StoppedError(BaseException):
    """The run was to be stopped here."""


def crafted_line(value: Any, generator: Generator) -> bytes:
    """JSON values of which one is another, on one line."""
    return _changed_json({MODEL: json.dumps({"": value}).encode()}, generator)[2].replace(b"\n", b" ")


def crafted_json(value: dict[str, Any], generator: Generator) -> bytes:
    """The JSON of an object with one other value."""
    return _changed_json({MODEL: json.dumps(value).encode()}, generator)[2]


def crafted_arrays(arrays: dict[str, npt.NDArray[Any]], generator: Generator) -> bytes:
    """Arrays as safetensors, of which one is another."""
    while True:
        with suppress(IndexError, TypeError, ValueError):  # of a change that a number, or none, cannot have
            return _changed_array({WEIGHTS: save(arrays)}, generator)[2]


def crafted_bytes(content: bytes, generator: Generator) -> bytes:
    """Bytes of which some are others, missing or doubled."""
    start, end = sorted(generator.integers(0, len(content) + 1, size=2).tolist())
    drawn = generator.bytes(int(generator.integers(1, 9)))
    other = content[:start] + drawn + content[start + len(drawn) :]
    return [content[:start] + content[end:], other, content[:end] * 2][generator.integers(3)]


# What it is given to


def small_split() -> Split:
    """Three topics with words of their own, and common ones."""
    generator = np.random.default_rng(0)
    parts: list[Corpus] = []
    for n_documents in (120, 30):
        labels = [["space", "sport", "motor"][number % 3] for number in range(n_documents)]
        texts = [" ".join([*generator.choice(WORDS[number % 3], 3), *generator.choice(list("abcde"), 4)])
                 for number in range(n_documents)]  # fmt: skip
        parts.append(Corpus.of("small", texts, labels))
    return Split(parts[0], parts[1])


def fitted(system: str, folder: Path) -> TextClassifier:
    """Go on with a checkpoint of a small system; that of "auto" is judged once and for all, and searches."""
    split, config = small_split(), changed(SYSTEMS[system], SMALL[system])
    classifier = TextClassifier(config, budget_seconds=1e-9 if system == "auto" else None)
    validation = (split.test.texts, split.test.names()) if system == "auto" else None
    return classifier.fit(split.train.texts, split.train.names(), validation=validation, checkpoint=folder, resume=True)


def check_finite(classifier: TextClassifier) -> None:
    """Raise FaultError where a model, or an answer of it, is not finite."""
    answers = classifier.predict_proba([*small_split().test.texts[:5], "", "unheard"])
    for name, array in {**classifier.fitted_.model.arrays(), "answers": answers}.items():
        if not np.isfinite(array).all():
            raise FaultError(f"the trained model has {name} that are not finite")


def prepare(index: Path) -> None:
    """Write what cases start from: checkpoints of runs that were stopped, corpora, outputs and records."""
    loop.SECONDS_BETWEEN = 0
    prepare_checkpoints(index, STOPPED)
    for kind in ("one", "sets", "ngrams"):
        corpus_of(kind, index / "corpora")
    prepare_outputs(index)
    prepare_records(index)


def prepare_checkpoints(index: Path, stopped: dict[str, list[int]]) -> None:
    """Write the checkpoints of runs that were stopped at their n-th entries."""
    for system, stops in stopped.items():
        for stop in stops:
            numbers = itertools.count()

            def write_or_stop(path: Path, content: Any, *, numbers: Iterator[int] = numbers, most: int = stop) -> None:
                if next(numbers) > most:  # checkpoint.json comes first
                    raise StoppedError
                write_whole(path, content)

            with suppress(StoppedError), patch.object(checkpoint_module, "write_whole", write_or_stop):
                fitted(system, index / "checkpoints" / f"{system}+{stop}")
    if "auto" in stopped:
        folder = index / "checkpoints" / f"auto+{stopped['auto'][-1]}"
        opened(folder).save("search", {"failed": np.array([0], dtype=np.int64)}, [3, 0.5])


def prepare_outputs(index: Path) -> None:
    """Write outputs that were stopped after two chunks."""
    for ending in (".jsonl", ".parquet"):
        output = ResumableOutput(index / "outputs" / f"out{ending}", OUTPUT_RUN)
        for number in range(2):
            frame = pl.DataFrame({"label": ["a", "b"], "number": [number, 2]})
            chunk = frame if ending == ".parquet" else frame.write_ndjson().encode()
            output.add(chunk, n_rows=2, input_digest=f"{number}")
        output.save()


def prepare_records(index: Path) -> None:
    """Write the records of a comparison and of a learning curve."""
    split = small_split()
    (index / "records").mkdir()
    (index / "records" / "run.json").write_text(to_json(compare(split, COMPARED, seeds=[0, 1])))
    (index / "records" / "curve.json").write_text(to_json(learning_curve(split, COMPARED[0], seeds=[0, 1])))


def drawn_of(folder: Path, generator: Generator) -> Path:
    """One of the files in a folder."""
    files = sorted(folder.iterdir())
    return files[generator.integers(len(files))]


def opened(folder: Path) -> Checkpoint:
    """The checkpoint in a folder, of whatever run."""
    about = json.loads((folder / checkpoint_module.ABOUT).read_bytes())
    return Checkpoint(folder, hashlib.sha256(json.dumps(about).encode()).hexdigest())


def crafted_checkpoint(index: Path, folder: Path, generator: Generator) -> str:
    """Go on with a checkpoint in which an entry is crafted."""
    bases = sorted((index / "checkpoints").iterdir())
    base = bases[generator.integers(len(bases))]
    shutil.copytree(base, folder / "ck")
    entries = sorted(path.name.removesuffix(".entry") for path in (folder / "ck").glob("*.entry"))
    name = str(generator.choice([*entries, ""]))
    path = folder / "ck" / f"{name}.entry"
    if not name:
        path = folder / "ck" / checkpoint_module.ABOUT
        path.write_bytes(crafted_json(json.loads(path.read_bytes()), generator))
    elif not generator.integers(UNSEALED):
        path.write_bytes(crafted_bytes(path.read_bytes(), generator))
    else:
        _, values, arrays = path.read_bytes().split(b"\n", 2)
        way, own = int(generator.integers(10)), load(arrays)
        if way == 0:
            values, arrays = crafted_bytes(values, generator).replace(b"\n", b" "), crafted_bytes(arrays, generator)
        elif way < 4 or not own:
            values = crafted_line(json.loads(values), generator)
        else:
            arrays = crafted_arrays(own, generator)
        path.write_bytes(opened(folder / "ck")._digest(name, values + b"\n", arrays) + values + b"\n" + arrays)
    check_finite(fitted(base.name.partition("+")[0], folder / "ck"))
    return "answered"


def corpus_of(kind: str, folder: Path, tell: Callable[[str], None] = lambda what: None) -> OnDiskCorpus:
    """A small corpus on disk of one label a document, or sets of them, or with n-grams; written if it is not there."""
    data = folder.parent / f"{kind}.jsonl"
    if not data.exists():
        data.parent.mkdir(exist_ok=True, parents=True)
        split = small_split()
        rows = zip(split.train.texts, split.train.names().tolist(), strict=True)
        lines = [
            {"text": text, "label": ([name, "more"] if number % 2 else [name]) if kind == "sets" else name}
            for number, (text, name) in enumerate(rows)
        ]
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = VocabularyConfig(ngrams=2 if kind == "ngrams" else 1)
    return corpus_on_disk(Source(data=str(data)), folder / kind, TokenizerConfig(), config, tell=tell)


def sums_of(folder: Path) -> dict[str, str]:
    """What tells two folders apart."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def crafted_corpus(index: Path, folder: Path, generator: Generator) -> str:
    """Train on a corpus on disk in which a file is crafted. One that is not as it was written is written anew."""
    kind = str(generator.choice(["one", "sets", "ngrams"]))
    base = index / "corpora" / kind
    stored = shutil.copytree(base, folder / "corpora" / kind)
    shutil.copy2(index / f"{kind}.jsonl", folder)  # with its time
    path = drawn_of(stored, generator)
    record = json.loads((stored / corpus_record.CORPUS).read_bytes())
    record["run"] = json.loads(json.dumps(record["run"]).replace(str(index), str(folder)))
    is_sealed = bool(generator.integers(UNSEALED))
    if path.name == corpus_record.CORPUS:
        run = record.pop("run")
        content = crafted_json(record, generator)
        with suppress(ValueError, RecursionError):  # of what is no JSON
            record = {**json.loads(content), "run": run}
            record = {**record, "sha256": corpus_record._sum_of(values_of(record))} if is_sealed else record
            content = json.dumps(record).encode()
    else:
        path.write_bytes(crafted_file(path, generator))
        if is_sealed:
            record["sums"][path.name] = dataclasses.asdict(sum_of(path))
        content = json.dumps({**record, "sha256": corpus_record._sum_of(values_of(record))}).encode()
    (stored / corpus_record.CORPUS).write_bytes(content)
    told: list[str] = []
    corpus = corpus_of(kind, stored.parent, told.append)
    if told and sums_of(stored).keys() != sums_of(base).keys():
        raise FaultError("what was written anew is not what was written at first")
    check_finite(TextClassifier(changed(SYSTEMS["dan"], ["training.max_epochs=1"])).fit_on_disk(corpus))
    return "written anew" if told else "answered"


def crafted_file(path: Path, generator: Generator) -> bytes:
    """A file of numbers, or of words, of which some are others."""
    if path.suffix == ".txt":
        return _changed_vocabulary({VOCABULARY: path.read_bytes()}, generator)[2]
    dtype = {".i32": np.int32, ".i64": np.int64, ".f32": np.float32, ".bool": np.uint8}[path.suffix]
    packed = crafted_arrays({"x": np.fromfile(path, dtype=dtype)}, generator)
    return b"".join(array.tobytes() for array in load(packed).values())


def values_of(record: dict[str, Any]) -> dict[str, Any]:
    """What the sum of a record is of."""
    return {key: value for key, value in record.items() if key not in ("format", "sha256")}


def sum_of(path: Path) -> FileSum:
    """What corpus.json says of a file."""
    content = path.read_bytes()
    return FileSum(len(content), hashlib.sha256(content).hexdigest())


def crafted_output(index: Path, folder: Path, generator: Generator) -> str:
    """Go on with an output in which a file is crafted."""
    name = str(generator.choice(["out.jsonl", "out.parquet"]))
    part = shutil.copytree(index / "outputs" / f"{name}.part", folder / f"{name}.part")
    path = drawn_of(part, generator)
    progress = json.loads((part / resumable.PROGRESS).read_bytes())
    if path.name == resumable.PROGRESS:
        path.write_bytes(crafted_json(progress, generator))
    else:
        path.write_bytes(crafted_bytes(path.read_bytes(), generator))
        if generator.integers(UNSEALED):
            files = sorted(part.glob("*.parquet")) or [part / resumable.DATA]
            content = b"".join(file.read_bytes() for file in files)
            progress["digest"] = hashlib.sha256(content[: progress["n_bytes"] or None]).hexdigest()
            (part / resumable.PROGRESS).write_text(json.dumps(progress))
    output = ResumableOutput(folder / name, OUTPUT_RUN, resume=True)
    n_before = output.n_rows
    frame = pl.DataFrame({"label": ["c"], "number": [7]})
    output.add(frame if name.endswith(".parquet") else frame.write_ndjson().encode(), n_rows=1, input_digest="2")
    output.finish()
    return "answered" if n_before else "written anew"


def crafted_record(index: Path, folder: Path, generator: Generator) -> str:
    """Go on with the record of a comparison, or of a curve, in which a value is crafted."""
    split, name = small_split(), str(generator.choice(["run.json", "curve.json"]))
    record = json.loads((index / "records" / name).read_bytes())
    text = crafted_json(record, generator).decode(errors="replace")
    if name == "run.json":
        run = compare(split, COMPARED, seeds=[0, 1], earlier=from_json(RunRecord, text, where=name))
        with naming(name, error=DataError):  # as the command does
            render_comparison(run)
    else:
        curve = learning_curve(split, COMPARED[0], seeds=[0, 1], earlier=from_json(CurveRecord, text, where=name))
        with naming(name, error=DataError):
            render_curve(curve)
    return "answered"


KINDS: dict[str, Callable[[Path, Path, Generator], str]] = {
    "checkpoints": crafted_checkpoint, "corpora": crafted_corpus, "outputs": crafted_output, "records": crafted_record,
}  # fmt: skip


def case_of(kind: str, index: Path) -> Callable[[int], Outcome]:
    """Craft the files of a number and go on with them."""

    def case(number: int) -> Outcome:
        torch.set_num_threads(1)
        said = list[str]()
        with tempfile.TemporaryDirectory() as folder:
            found = answer_of(lambda: said.append(KINDS[kind](index, Path(folder), generator_of(kind, number))))
        if found.kind == "refused" and (not found.detail.strip() or "\n" in found.detail):
            raise FaultError(f"a message of no line or several: {found.detail!r}")
        return Outcome(said[0]) if said else found

    return case


def generator_of(kind: str, number: int) -> Generator:
    """What draws the case of a number."""
    return np.random.default_rng([list(KINDS).index(kind), number])


def main() -> None:
    """Run all cases; then assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases")
    parser.add_argument("--kinds", help="checkpoints,corpora say; results of other kinds stay as they were")
    parser.add_argument("--case", type=int, help="run one case of the kind here, and show its error")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        index = Path(name)
        process = multiprocessing.get_context("spawn").Process(target=prepare, args=(index,))
        process.start()  # by itself, so that what forks the workers has no threads
        process.join()
        for name in IMPORTED:
            importlib.import_module(name)
        if chosen.case is not None:
            with tempfile.TemporaryDirectory() as folder:
                print(KINDS[chosen.kinds](index, Path(folder), generator_of(chosen.kinds, chosen.case)))
            return
        kinds = chosen.kinds.split(",") if chosen.kinds else list(KINDS)
        counts: dict[str, Any] = read_result("fuzz_kept")["kinds"] if (RESULTS / "fuzz_kept.json").exists() else {}
        for kind in kinds:
            found = dict(run_cases(case_of(kind, index), round(N_CASES[kind] * chosen.share)))
            faults = [f"{number}: {' '.join(one)}" for number, one in found.items() if one.kind not in FINE]
            counts[kind] = {"cases": len(found), **Counter(one.kind for one in found.values()), "faults": faults[:20]}
            print(kind, counts[kind], flush=True)
            write_result("fuzz_kept", {"kinds": counts})
    wrong = {kind: counts[kind]["faults"] for kind in kinds if counts[kind]["faults"]}
    assert not wrong, wrong


if __name__ == "__main__":
    main()
