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
import copy
import dataclasses
import hashlib
import json
import select
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords import checkpoint as checkpoint_module
from bywords.checkpoint import Checkpoint, Run
from bywords.classifier import TextClassifier
from bywords.config import changed
from bywords.data.corpus import Corpus, Split
from bywords.errors import BywordsError, DataError
from bywords.experiments.compare import compare
from bywords.experiments.learning_curve import learning_curve
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

N_CASES = {"checkpoints": 2000, "corpora": 500, "outputs": 500, "records": 200}
MOST_SECONDS, MOST_BYTES = 10.0, 1 << 30
UNSEALED = 8  # of so many cases, in one the sums are those of before
WORDS = [[f"{topic}{number}" for number in range(6)] for topic in ("star", "goal", "car")]
EXTREMES = [0, -1, 1, 2, 127, 255, 2**31 - 1, -(2**31), 2**40, 2**62, 1e30, -1e30, 3e38, np.nan, np.inf, -np.inf]
DTYPES = ["f2", "f4", "f8", "i1", "u1", "i2", "i4", "i8", "u8", "?"]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 7, 10**9, 2**63, 10**30, -0.5, 1e308, float("nan"), float("inf"), "", "x", "0" * 9,
    "\udcff\0", "ff" * 32, [], [1], ["x"], {}, {"x": 1}, [[[[]]]], [0] * 5_000,
]  # fmt: skip
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
    "auto": [2, 5], "dan": [3, 9], "averaging": [4], "lstm": [4], "glove-corpus-mean": [2, 5], "word2vec-mean": [2],
}  # fmt: skip
Generator = np.random.Generator


class FaultError(Exception):
    """What must not be: a model that is not finite, or one of what was not read."""


class StoppedError(BaseException):
    """The run was to be stopped here."""


# What is crafted


def crafted_array(array: npt.NDArray[Any], generator: Generator) -> npt.NDArray[Any]:
    """An array with one thing wrong."""
    way = int(generator.integers(8))
    flat = array.reshape(-1)
    if way == 0:
        return array[: int(generator.integers(len(array)))] if array.ndim and len(array) else array[np.newaxis]
    if way == 1:
        return np.concatenate([array, array[:1]]) if array.ndim else np.array([array, array])
    if way == 2:
        return flat.astype(DTYPES[generator.integers(len(DTYPES))]).reshape(array.shape)
    if way == 3:
        first = array[..., :1] if array.ndim else flat
        return [flat, array.T, array[np.newaxis], flat[:0], first][generator.integers(5)]
    if way == 4:
        return generator.permuted(flat).reshape(array.shape)
    with np.errstate(all="ignore"):
        value = np.array(EXTREMES[generator.integers(len(EXTREMES))]).astype(array.dtype)
    other = array.copy().reshape(-1)
    if way == 5:
        other[:] = value
    elif len(other):
        other[generator.integers(len(other), size=1 if way == 6 else 3)] = value
    return other.reshape(array.shape)


def crafted_arrays(arrays: dict[str, npt.NDArray[Any]], generator: Generator) -> dict[str, npt.NDArray[Any]]:
    """Arrays of which one is crafted, missing, called otherwise, doubled or another."""
    found, way = dict(arrays), int(generator.integers(8))
    name, other = (str(generator.choice(sorted(found))) for _ in range(2))
    if way == 0:
        del found[name]
    elif way == 1:
        found[f"{name}s"] = found.pop(name)
    elif way == 2:
        found[f"{name}s"] = found[name]
    elif way == 3:
        found[name] = found[other]
    else:
        found[name] = crafted_array(found[name], generator)
    return found


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each part of JSON values."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value[:20]) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places_in(part, (*path, key))


def crafted_json(value: Any, generator: Generator) -> Any:
    """JSON values of which one is another, missing, doubled or new."""
    whole = {"": copy.deepcopy(value)}
    places = list(places_in(whole))[1:]
    *above, key = places[generator.integers(len(places))]
    parent: Any = whole
    for step in above:
        parent = parent[step]
    way = int(generator.integers(10))
    if way == 0:
        del parent[key]
    elif way == 1 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif way == 1:
        parent["more"] = parent[key]
    elif way == 2 and isinstance(parent[key], int | float):
        parent[key] = parent[key] + int(generator.integers(-3, 4))
    elif way == 3:
        for _ in range(int(generator.choice([50, 800]))):
            parent[key] = [parent[key]]
    else:
        parent[key] = VALUES[generator.integers(len(VALUES))]
    return whole.get("")


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
    parts = []
    for n_documents in (120, 30):
        labels = [["space", "sport", "motor"][number % 3] for number in range(n_documents)]
        texts = [" ".join([*generator.choice(WORDS[number % 3], 3), *generator.choice(list("abcde"), 4)])
                 for number in range(n_documents)]  # fmt: skip
        parts.append(Corpus.of("small", texts, labels))
    return Split(*parts)


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
    write = checkpoint_module.write_whole
    for system, stops in STOPPED.items():
        for stop in stops:
            left = stop + 1  # checkpoint.json comes first

            def write_or_stop(path: Path, content: Any) -> None:
                nonlocal left
                if not left:
                    raise StoppedError
                left -= 1
                write(path, content)

            checkpoint_module.write_whole = write_or_stop  # type: ignore[attr-defined]
            try:
                fitted(system, index / "checkpoints" / f"{system}+{stop}")
            except StoppedError:
                pass
            finally:
                checkpoint_module.write_whole = write  # type: ignore[attr-defined]
    add_search(index / "checkpoints" / "auto+5")
    for kind in ("one", "sets", "ngrams"):
        corpus_of(kind, index / "corpora")
    for ending in (".jsonl", ".parquet"):
        output_of(index / "outputs" / f"out{ending}")
    split = small_split()
    (index / "records").mkdir()
    (index / "records" / "run.json").write_text(to_json(compare(split, COMPARED, seeds=[0, 1])))
    (index / "records" / "curve.json").write_text(to_json(learning_curve(split, COMPARED[0], seeds=[0, 1])))


def add_search(folder: Path) -> None:
    """What a search keeps, beside the candidates."""
    opened(folder).save("search", {"failed": np.array([0], dtype=np.int64)}, [3, 0.5])


def opened(folder: Path) -> Checkpoint:
    """The checkpoint in a folder, of whatever run."""
    about = json.loads((folder / checkpoint_module.ABOUT).read_bytes())
    return Checkpoint(folder, hashlib.sha256(json.dumps(about).encode()).hexdigest())


def crafted_checkpoint(index: Path, folder: Path, generator: Generator) -> str:
    """Go on with a checkpoint in which an entry is crafted."""
    bases = sorted((index / "checkpoints").iterdir())
    base = bases[generator.integers(len(bases))]
    shutil.copytree(base, folder / "ck")
    checkpoint = opened(folder / "ck")
    entries = sorted(path.name.removesuffix(".entry") for path in (folder / "ck").glob("*.entry"))
    name = str(generator.choice([*entries, ""]))
    path = folder / "ck" / f"{name}.entry"
    if not name:
        about = json.loads((folder / "ck" / checkpoint_module.ABOUT).read_bytes())
        (folder / "ck" / checkpoint_module.ABOUT).write_text(json.dumps(crafted_json(about, generator)))
    elif not generator.integers(UNSEALED):
        path.write_bytes(crafted_bytes(path.read_bytes(), generator))
    elif not generator.integers(10):
        _, values, arrays = path.read_bytes().split(b"\n", 2)
        line, packed = crafted_bytes(values, generator).replace(b"\n", b" ") + b"\n", crafted_bytes(arrays, generator)
        path.write_bytes(checkpoint._digest(name, line, packed) + line + packed)
    else:
        entry = checkpoint.load(name)
        assert entry is not None
        if entry.arrays and (entry.values is None or generator.integers(3)):
            checkpoint.save(name, crafted_arrays(entry.arrays, generator), entry.values)
        else:
            checkpoint.save(name, entry.arrays, crafted_json(entry.values, generator))
    check_finite(fitted(base.name.partition("+")[0], folder / "ck"))
    return "answered"


def corpus_of(kind: str, folder: Path, on_damage: Callable[[str], None] = lambda what: None) -> OnDiskCorpus:
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
    return corpus_on_disk(Source(data=str(data)), folder / kind, TokenizerConfig(), config, on_damage=on_damage)


def sums_of(folder: Path) -> dict[str, str]:
    """What tells two folders apart."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def crafted_corpus(index: Path, folder: Path, generator: Generator) -> str:
    """Train on a corpus on disk in which a file is crafted. One that is not as it was written is written anew."""
    kind = str(generator.choice(["one", "sets", "ngrams"]))
    base = index / "corpora" / kind
    stored = shutil.copytree(base, folder / "corpora" / kind)
    shutil.copy2(index / f"{kind}.jsonl", folder)  # with its time
    path = _one_of(sorted(stored.iterdir()), generator)
    record = json.loads((stored / corpus_record.CORPUS).read_bytes())
    record["run"] = json.loads(json.dumps(record["run"]).replace(str(index), str(folder)))
    if path.name == corpus_record.CORPUS:
        run, rest = record.pop("run"), record
        record = crafted_json(rest, generator)
        record = {**record, "run": run} if isinstance(record, dict) else record
    elif path.suffix == ".txt":
        lines = path.read_bytes().splitlines(keepends=True)
        crafted = [lines[::-1], [*lines, lines[-1]], lines[: len(lines) // 2]][generator.integers(3)]
        content = b"".join(lines)
        path.write_bytes(b"".join(crafted) if generator.integers(2) else crafted_bytes(content, generator))
    else:
        dtype = {".i32": np.int32, ".i64": np.int64, ".f32": np.float32, ".bool": np.uint8}[path.suffix]
        path.write_bytes(crafted_array(np.fromfile(path, dtype=dtype), generator).tobytes())
    if generator.integers(UNSEALED) and isinstance(record, dict):
        if path.name != corpus_record.CORPUS:
            record["sums"][path.name] = dataclasses.asdict(sum_of(path))
        values = {key: value for key, value in record.items() if key not in ("format", "sha256")}
        record["sha256"] = corpus_record._sum_of(values)
    (stored / corpus_record.CORPUS).write_text(json.dumps(record))
    told: list[str] = []
    corpus = corpus_of(kind, stored.parent, told.append)
    if told and sums_of(stored).keys() != sums_of(base).keys():
        raise FaultError("what was written anew is not what was written at first")
    check_finite(TextClassifier(changed(SYSTEMS["dan"], ["training.max_epochs=1"])).fit_on_disk(corpus))
    return "written anew" if told else "answered"


def sum_of(path: Path) -> FileSum:
    """What corpus.json says of a file."""
    content = path.read_bytes()
    return FileSum(len(content), hashlib.sha256(content).hexdigest())


OUTPUT_RUN, COMPARED = Run({"model": "x"}, {"threshold": 0.5}), ["tfidf-nb", "tfidf-svc"]


def output_of(out: Path) -> None:
    """An output that was stopped after two chunks."""
    output = ResumableOutput(out, OUTPUT_RUN)
    for number in range(2):
        frame = pl.DataFrame({"label": ["a", "b"], "number": [number, 2]})
        chunk = frame if out.suffix == ".parquet" else frame.write_ndjson().encode()
        output.add(chunk, n_rows=2, input_digest=f"{number}")


def crafted_output(index: Path, folder: Path, generator: Generator) -> str:
    """Go on with an output in which a file is crafted."""
    name = str(generator.choice(["out.jsonl", "out.parquet"]))
    part = shutil.copytree(index / "outputs" / f"{name}.part", folder / f"{name}.part")
    path = Path(str(generator.choice(sorted(part.iterdir()))))
    progress = json.loads((part / resumable.PROGRESS).read_bytes())
    if path.name == resumable.PROGRESS:
        progress = crafted_json(progress, generator)
    else:
        path.write_bytes(crafted_bytes(path.read_bytes(), generator))
    if generator.integers(UNSEALED) and isinstance(progress, dict):
        files = sorted(part.glob("*.parquet")) or [part / resumable.DATA]
        content = b"".join(file.read_bytes() for file in files)
        n_bytes = progress.get("n_bytes")
        is_cut = len(files) == 1 and type(n_bytes) is int and n_bytes >= 0
        progress["digest"] = hashlib.sha256(content[:n_bytes] if is_cut else content).hexdigest()
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
    text = json.dumps(crafted_json(record, generator))
    if not generator.integers(UNSEALED):
        text = crafted_bytes(text.encode(), generator).decode(errors="replace")
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


def outcome(kind: str, case: int, index: Path) -> str:
    """What comes of a case: answered, written anew or refused; else what is wrong, with where."""
    generator = np.random.default_rng([list(KINDS).index(kind), case])
    with tempfile.TemporaryDirectory() as folder:
        try:
            return KINDS[kind](index, Path(folder), generator)
        except BywordsError as error:
            return "refused" if str(error).strip() and "\n" not in str(error) else f"FAULT message {str(error)!r:.200}"
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            line = f"FAULT {type(error).__name__} {Path(last.filename).name}:{last.lineno} {error!s:.200}"
            return line.replace("\n", " ")


# The process that runs them


def outcomes(kind: str, cases: Sequence[int], index: Path) -> dict[int, str]:
    """What came of each case; those that end their process are known by that, and the others go on in a new one."""
    found: dict[int, str] = {}
    while left := cases[len(found) :]:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            with os.fdopen(writer, "w", buffering=1) as file:
                _work(kind, left, index, file)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            for case in left:
                is_there = select.select([file], [], [], MOST_SECONDS * (3 if case == left[0] else 1))[0]  # it warms up
                line = file.readline() if is_there else "FAULT hang"
                if not is_there:
                    os.kill(child, signal.SIGKILL)
                found[case] = line.strip()
                if not line or not is_there:
                    break
        status = os.waitpid(child, 0)[1]
        last = list(found)[-1]
        if not found[last]:
            found[last] = f"FAULT signal {os.waitstatus_to_exitcode(status)}"
        print(f"{kind}: {len(found):,} of {len(cases):,}", file=sys.stderr)
    return found


def _work(kind: str, cases: Sequence[int], index: Path, file: Any) -> None:
    import torch

    torch.set_num_threads(1)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    outcome(kind, cases[0], index)  # imports and tables that all need
    for case in cases:
        Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
        before = _status("VmRSS")
        found = outcome(kind, case, index)
        if (taken := _status("VmHWM") - before) > MOST_BYTES:
            found = f"FAULT memory {taken:,}"
        file.write(found + "\n")


def _status(name: str) -> int:
    """A line of the process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


def prepared(folder: Path) -> None:
    """Prepare in a process of its own: threads of torch do not outlive a fork."""
    child = os.fork()
    if not child:
        try:
            prepare(folder)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise SystemExit("could not prepare")


def main() -> None:
    """Run all cases; then assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases")
    parser.add_argument("--kind", choices=list(KINDS))
    parser.add_argument("--case", type=int, help="run one case of the kind here, and show its error")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        index = Path(name)
        prepared(index)
        if chosen.case is not None:
            generator = np.random.default_rng([list(KINDS).index(chosen.kind), chosen.case])
            with tempfile.TemporaryDirectory() as folder:
                print(KINDS[chosen.kind](index, Path(folder), generator))
            return
        result: dict[str, dict[str, int]] = {}
        faults = []
        for kind in [chosen.kind] if chosen.kind else KINDS:
            found = outcomes(kind, range(round(N_CASES[kind] * chosen.share)), index)
            result[kind] = dict(Counter(line.split(" ")[0] if "FAULT" in line else line for line in found.values()))
            faults += [f"{kind} {case}: {line}" for case, line in found.items() if line.startswith("FAULT")]
            print(kind, result[kind], flush=True)
    print("\n".join(faults))
    assert not faults, len(faults)
    if chosen.share >= 1 and chosen.kind is None:
        from measure import write_result

        write_result("fuzz_kept", {"cases": result, "faults": len(faults)})


if __name__ == "__main__":
    main()
