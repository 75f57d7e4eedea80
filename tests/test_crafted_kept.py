"""What is kept between runs, crafted so that its sums are right: refused or made anew, never believed."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bywords.checkpoint import CheckpointError
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.evaluation.calibration import fit_calibration
from bywords.experiments.compare import compare
from bywords.experiments.learning_curve import learning_curve
from bywords.io import corpus_record, resumable
from bywords.io.resumable import ResumableOutput
from bywords.records.base import from_json
from bywords.records.curve import CurveRecord
from bywords.records.run import RunRecord
from bywords.training import loop

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import fuzz_kept
from crafted import answer_of

STOPPED = {"auto": [11], "dan": [3], "glove-corpus-mean": [2, 5]}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Checkpoints, corpora, outputs and records that are whole."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "SECONDS_BETWEEN", 0)
        fuzz_kept.prepare_checkpoints(folder, STOPPED)
    for kind in ("one", "sets", "ngrams"):
        fuzz_kept.corpus_of(kind, folder / "corpora")
    fuzz_kept.prepare_outputs(folder)
    fuzz_kept.prepare_records(folder)
    return folder


def changed_number(array, number, place=(0,)):
    array = array.copy()
    array[place] = number
    return array


# Checkpoints: the entry and what becomes of it, its arrays and values, and a word of the error.
TRAINING, JUDGED = "first.training", "judged-"
OF_DAN = [
    (TRAINING, "weights output.weight", lambda a: a[:1], "'weights output.weight' is 1 x 64, expected 3 x 64"),
    (TRAINING, "weights output.weight", lambda a: a.astype(np.float64), "of float64, expected float32"),
    (TRAINING, "weights output.weight", lambda a: changed_number(a, np.nan), "nan"),
    (TRAINING, "weights output.weight", None, "there is no array 'weights output.weight'"),
    (TRAINING, "generator 0", lambda a: a * 0, "RuntimeError"),
    (TRAINING, "optimizer 1 0 squares", lambda a: a - 100, "squares"),
    (TRAINING, "n_done", lambda n: 10**9, "the number of batches is 1000000000"),
    (TRAINING, "n_done", lambda n: True, "n_done"),
    (TRAINING, "epochs", lambda n: [{}], "lacks 'epoch'"),
    (TRAINING, "total_loss", lambda n: float("nan"), "total_loss"),
    (TRAINING, "generator", lambda g: {**g, "state": {**g["state"], "inc": 0}}, "the generator is of another seed"),
    (TRAINING, "generator", lambda g: {**g, "uinteger": -1}, "uinteger is -1"),
]  # fmt: skip
OF_AUTO = [
    (JUDGED, "duals", lambda a: a[:, :1], "'duals' is 1 x 1 x 3, expected 1 x 150 x 3"),
    (JUDGED, "duals", lambda a: a - 1, "duals"),
    (JUDGED, "logits", lambda a: a[:, :2], "'logits' is 30 x 2, expected 30 x 3"),
    (JUDGED, "logits", lambda a: changed_number(a, np.inf), "inf"),
    (JUDGED, "", lambda n: [10**9, []], "the number of epochs is 1000000000"),
    ("fitted-", "weights", lambda a: a[:2], "'weights' is 2 x 3"),
    ("search", "", lambda n: [-1, 1.0], "the number of settings tried is -1"),
    ("search", "", lambda n: [1], "it"),
]
OF_GLOVE = [
    ("first.vectors.glove", "words.vectors", lambda a: a[:, :3], "expected"),
    ("first.vectors.glove", "words.vectors_squares", lambda a: a * 0, "expected a number from 1"),
    ("first.vectors.glove", "", lambda v: [10**9, v[1]], "the next epoch is 1000000000"),
]
OF_VECTORS = [("first.vectors", "matrix", lambda a: a[1:], "expected"), ("first.vectors", "", lambda v: 7, "a text")]
ENTRIES = [
    (base, *row)
    for base, rows in (
        ("dan+3", OF_DAN),
        ("auto+11", OF_AUTO),
        ("glove-corpus-mean+2", OF_GLOVE),
        ("glove-corpus-mean+5", OF_VECTORS),
    )
    for row in rows
]


def craft_entry(folder, start, name, change):
    """Change an array, a value by its key, or all values, of the first entry that begins so and has it."""
    checkpoint = fuzz_kept.opened(folder)
    for path in sorted(folder.glob(f"{start}*.entry")):
        entry = checkpoint.load(path.stem)
        arrays, values = dict(entry.arrays), entry.values
        if name in arrays:
            arrays = {key: array for key, array in arrays.items() if key != name or change is not None}
            arrays |= {name: change(arrays[name])} if change is not None else {}
        elif name:
            if name not in (values or {}):
                continue
            values = {**values, name: change(values[name])}
        else:
            values = change(values)
        checkpoint.save(path.stem, arrays, values)
        return path
    raise LookupError(name)


@pytest.mark.parametrize(("base", "start", "name", "change", "says"), ENTRIES)
def test_an_entry_that_the_run_cannot_have_saved_is_refused_and_its_file_named(
    index, tmp_path, base, start, name, change, says
):
    folder = shutil.copytree(index / "checkpoints" / base, tmp_path / "ck")
    path = craft_entry(folder, start, name, change)
    with pytest.raises(CheckpointError) as caught:
        fuzz_kept.fitted(base.partition("+")[0], folder)
    message = str(caught.value)
    assert message.startswith(f"{path} was not saved by this run: ")
    assert says in message
    assert message.endswith("Start anew in another folder.")
    assert "\n" not in message


@pytest.mark.parametrize("base", ["dan+3", "auto+11", "glove-corpus-mean+2", "glove-corpus-mean+5"])
def test_entries_that_were_not_changed_are_gone_on_with(index, tmp_path, base):
    folder = shutil.copytree(index / "checkpoints" / base, tmp_path / "ck")
    fuzz_kept.check_finite(fuzz_kept.fitted(base.partition("+")[0], folder))


@pytest.mark.parametrize("content", ['{"format": "bywords-checkpoint/2", "finished": "no"}', "[" * 100_000, "[]"])
def test_a_checkpoint_that_says_nothing_of_its_run_is_none(index, tmp_path, content):
    folder = shutil.copytree(index / "checkpoints" / "dan+3", tmp_path / "ck")
    (folder / "checkpoint.json").write_text(content)
    with pytest.raises(SettingError, match="not a checkpoint that this version can read"):
        fuzz_kept.fitted("dan", folder)


def test_a_model_whose_answers_are_not_finite_is_not_calibrated():
    with pytest.raises(SettingError, match="not finite numbers"):
        fit_calibration(np.array([[np.nan, 1.0], [0.0, 1.0]]), Targets.of(np.array([0, 1])))


# Corpora on disk


@pytest.mark.parametrize("kind", ["one", "sets", "ngrams"])
def test_a_corpus_that_was_not_changed_is_used(index, tmp_path, kind):
    stored = craft_corpus(index, tmp_path, kind, None, None)
    written = {path: path.stat().st_mtime_ns for path in stored.iterdir()}
    assert opened_again(index, stored) == []
    assert {path: path.stat().st_mtime_ns for path in stored.iterdir()} == written


def ids_with(number):
    return lambda ids: changed_number(ids, number, 3)


FILES = [
    ("one", "train.ids.i32", np.int32, ids_with(-5), "ids[3] is -5"),
    ("one", "train.ids.i32", np.int32, ids_with(2 * 10**9), "ids[3] is 2000000000"),
    ("one", "train.ids.i32", np.int32, ids_with(0), "ids[3] is 0"),
    ("one", "train.ids.i32", np.int32, lambda ids: ids[:-1], "offsets"),
    ("one", "train.ids.i32", np.int32, lambda ids: np.append(ids, 2), "ends with"),
    ("one", "valid.offsets.i64", np.int64, lambda o: o[::-1], "offsets"),
    ("one", "valid.offsets.i64", np.int64, lambda o: changed_number(o, 0, 1), "offsets"),
    ("one", "valid.offsets.i64", np.int64, lambda o: changed_number(o, 1), "offsets"),
    ("one", "valid.offsets.i64", np.int64, lambda o: changed_number(o, 2**62, 1), "offsets"),
    ("one", "test.in_vocabulary_share.f32", np.float32, lambda s: changed_number(s, np.nan), "shares[0] is nan"),
    ("one", "test.in_vocabulary_share.f32", np.float32, lambda s: s * 2 + 1, "shares[0]"),
    ("one", "train.codes.i64", np.int64, lambda c: changed_number(c, 3), "codes[0] is 3"),
    ("one", "train.codes.i64", np.int64, lambda c: changed_number(c, -1), "codes[0] is -1"),
    ("one", "train.codes.i64", np.int64, lambda c: changed_number(c, (c[0] + 1) % 3), "n_by_label"),
    ("one", "train.codes.i64", np.int64, lambda c: c[1:], "bytes"),
    ("sets", "valid.labels.i32", np.int32, lambda c: changed_number(c, 50), "codes[0] is 50"),
    ("sets", "valid.labels.i32", np.int32, lambda c: changed_number(c, -1), "codes[0] is -1"),
    ("sets", "train.labels.i32", np.int32, lambda c: c[::-1], "expected one above that before it"),
    ("sets", "train.labels.i32", np.int32, lambda c: c[:-1], "offsets"),
    ("sets", "train.labels.i32", np.int32, lambda c: np.append(c, 0), "expected the number of labels"),
    ("sets", "valid.label_offsets.i64", np.int64, lambda o: o[::-1], "offsets"),
    ("sets", "valid.label_offsets.i64", np.int64, lambda o: changed_number(o, 1), "offsets"),
    ("sets", "valid.label_offsets.i64", np.int64, lambda o: changed_number(o, 2**62, 1), "offsets"),
    ("ngrams", "ngrams.i32", np.int32, lambda n: changed_number(n, 10**6), "pairs[0, 0] is 1000000"),
    ("ngrams", "ngrams.i32", np.int32, lambda n: n[1:], "bytes"),
    ("one", "vocabulary.txt", np.uint8, lambda v: v[: len(v) // 2], "vocabulary.txt"),
]


def craft_corpus(index, tmp_path, kind, name, content, **changes):
    """A copy of a corpus with another file, or other values in corpus.json, and sums that are right."""
    shutil.copy2(index / f"{kind}.jsonl", tmp_path)
    stored = shutil.copytree(index / "corpora" / kind, tmp_path / "corpora" / kind)
    if name:
        (stored / name).write_bytes(content)
    record = json.loads((stored / "corpus.json").read_bytes())
    record = json.loads(json.dumps(record).replace(str(index), str(tmp_path))) | changes
    if name:
        record["sums"][name] = dataclasses.asdict(fuzz_kept.sum_of(stored / name))
    record["sha256"] = corpus_record._sum_of(fuzz_kept.values_of(record))
    (stored / "corpus.json").write_text(json.dumps(record))
    return stored


def opened_again(index, stored):
    """What is told of a corpus that is opened; afterwards it is as it was written at first."""
    told = []
    fuzz_kept.corpus_of(stored.name, stored.parent, told.append)
    for path in (index / "corpora" / stored.name).iterdir():
        if path.name != "corpus.json":  # which has the path of its source
            assert (stored / path.name).read_bytes() == path.read_bytes(), path.name
    return told


@pytest.mark.parametrize(("kind", "name", "dtype", "change", "says"), FILES)
def test_a_corpus_with_numbers_that_cannot_be_is_written_anew_and_that_is_said(
    index, tmp_path, kind, name, dtype, change, says
):
    numbers = np.fromfile(index / "corpora" / kind / name, dtype=dtype)
    changed = change(numbers.reshape(-1, 2) if name == "ngrams.i32" and says != "bytes" else numbers)
    (told,) = opened_again(index, craft_corpus(index, tmp_path, kind, name, changed.astype(dtype).tobytes()))
    assert says in told
    assert told.endswith(" It is written anew.")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label_names": ["space", "motor", "sport"]}, "sorted"),
        ({"label_names": ["motor", "space"]}, "codes"),
        ({"label_names": "abc"}, "label_names"),
        ({"n_documents": {"train": 1, "valid": 1, "test": 1}}, "bytes"),
        ({"n_documents": {"train": 1}}, "it does not fit"),
        ({"n_by_label": [1, 2, 3]}, "n_by_label"),
        ({"is_multilabel": 1}, "is_multilabel"),
        ({"sums": {}}, "vocabulary.txt"),
        ({"skipped": []}, "it does not fit"),
        ({"dropped": {"train": -1, "test": 0}}, "dropped"),
        ({"columns": {"text": 1}}, "columns"),
    ],
)
def test_a_record_of_a_corpus_that_cannot_be_is_written_anew(index, tmp_path, changes, says):
    (told,) = opened_again(index, craft_corpus(index, tmp_path, "one", None, None, **changes))
    assert says in told


def test_a_changed_byte_in_any_file_of_a_corpus_is_seen(index, tmp_path):
    stored = craft_corpus(index, tmp_path, "sets", None, None)
    assert opened_again(index, stored) == []
    names = sorted(path.name for path in stored.iterdir() if path.stat().st_size)
    for name in names:
        content = bytearray((stored / name).read_bytes())
        content[len(content) // 2] ^= 1
        (stored / name).write_bytes(content)
        (told,) = opened_again(index, stored)
        assert name in told or "corpus.json" in told


def test_a_corpus_on_disk_that_was_damaged_is_told_of_on_the_screen(index, bywords, tmp_path):
    shutil.copy2(index / "one.jsonl", tmp_path)
    train = ("train", "one.jsonl", "--system", "tfidf-nb", "--on-disk", "ids", "--json")
    assert bywords(*train)[2] == ""
    (tmp_path / "ids" / "train.ids.i32").write_bytes(b"")
    code, _, error = bywords(*train)
    (told,) = (line for line in error.splitlines() if "ids.i32" in line)
    assert (code, told) == (0, "ids/train.ids.i32: it has 0 bytes, expected 1,032. It is written anew.")
    assert "anew" not in bywords(*train)[2]


# Unfinished outputs, and records


@pytest.mark.parametrize(
    "changes",
    [{"n_bytes": -1}, {"n_parts": -1}, {"n_rows": 2.5}, {"run": []}, {"run": {"data": {}}}, {"more": 1}, {"digest": 7}],
)
def test_progress_that_cannot_be_is_refused_and_the_file_named(index, tmp_path, changes):
    part = shutil.copytree(index / "outputs" / "out.jsonl.part", tmp_path / "out.jsonl.part")
    progress = json.loads((part / resumable.PROGRESS).read_bytes())
    (part / resumable.PROGRESS).write_text(json.dumps({**progress, **changes}))
    with pytest.raises(DataError, match=r"progress.json: .*Move the folder away"):
        ResumableOutput(tmp_path / "out.jsonl", fuzz_kept.OUTPUT_RUN, resume=True)


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize("changes", [None, {"n_bytes": 3}, {"n_parts": 10**9}, {"finished": True}])
def test_chunks_that_are_not_those_that_were_written_are_not_gone_on_with(index, tmp_path, name, changes):
    part = shutil.copytree(index / "outputs" / f"{name}.part", tmp_path / f"{name}.part")
    (tmp_path / name).write_text("an older file")
    assert ResumableOutput(tmp_path / name, fuzz_kept.OUTPUT_RUN, resume=True).n_rows == 4
    path = part / resumable.DATA if name == "out.jsonl" else part / "000001.parquet"
    if changes is None:
        path.write_bytes(path.read_bytes().replace(b"a", b"b"))
    else:
        progress = json.loads((part / resumable.PROGRESS).read_bytes())
        (part / resumable.PROGRESS).write_text(json.dumps({**progress, **changes}))
        if "finished" in changes:
            path.unlink()
    output = ResumableOutput(tmp_path / name, fuzz_kept.OUTPUT_RUN, resume=True)
    if name == "out.parquet" and changes == {"n_bytes": 3}:  # which it has no use for
        assert output.n_rows == 4
    else:
        assert (output.n_rows, output.is_damaged) == (0, True)


def test_scores_of_an_earlier_record_have_to_be_those_of_its_answers(index):
    run = (index / "records" / "run.json").read_text()
    curve = (index / "records" / "curve.json").read_text()
    row = json.loads(run)["systems"][0]["seeds"][0]
    point = json.loads(curve)["points"][0]
    answers = row["answers"].split()
    for forged in (" ".join(answers[1:]), " ".join(["9", *answers[1:]]), "x", "1" * 30, " ".join(answers[::-1])):
        earlier = from_json(RunRecord, run.replace(row["answers"], forged), where="run.json")
        with pytest.raises(DataError, match=r"the earlier record of tfidf-.*Start anew without --resume"):
            compare(fuzz_kept.small_split(), fuzz_kept.COMPARED, seeds=[0, 1], earlier=earlier)
    for forged in ("?", "AAAA", point["right"][:-4], point["right"] * 9):
        earlier = from_json(CurveRecord, curve.replace(point["right"], forged), where="curve.json")
        with pytest.raises(DataError, match=r"the earlier record of \d+ documents.*Start anew without --resume"):
            learning_curve(fuzz_kept.small_split(), fuzz_kept.COMPARED[0], seeds=[0, 1], earlier=earlier)


@settings(max_examples=12, derandomize=True)
@pytest.mark.parametrize("kind", ["checkpoints", "corpora", "outputs"])
@given(number=st.integers(3_000, 10**6))
def test_whatever_is_crafted_ends_in_an_answer_or_one_error(index, tmp_path_factory, kind, number):
    folder, said = tmp_path_factory.mktemp(kind), []
    generator = fuzz_kept.generator_of(kind, number)
    found = answer_of(lambda: said.append(fuzz_kept.KINDS[kind](index, folder, generator)))
    assert found.kind in fuzz_kept.FINE
    assert "\n" not in found.detail
