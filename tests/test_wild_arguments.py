"""Wild values for arguments, options, settings and parameters: an answer or one error that names what is wrong."""

import contextlib
import dataclasses
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import small_corpus, write_small_glove
from typer.main import get_command

from bywords import (
    SYSTEMS,
    Tokenizer,
    VocabularyConfig,
    compare,
    compress,
    fit_classifier,
    load_classifier,
    load_dataset,
    load_vectors,
    save_classifier,
)
from bywords.cli import main as cli
from bywords.errors import BywordsError, SettingError
from bywords.system_config import setting_kinds
from bywords.vectors.word_vectors import WordVectors

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from wild_arguments import GOOD, NUMBERS, PATHS, WORDS, parameters  # noqa: E402

HUGE = str(10**30)
CORPUS = small_corpus(60)
# What ended in a traceback, took gigabytes or hung, and what is said instead.
REFUSED = {
    "vectors nearest vectors.txt z": "have no word 'z'",
    "vectors nearest vectors.txt moon -n 0": "'--n'",
    "vectors nearest pipe.csv moon": "is a pipe or a device, expected a file",
    "train pipe.csv": "is a pipe or a device, expected a file. Give - and let it come from standard input.",
    "predict nothing pipe.csv": "there is no such folder",
    "train circle": "this cannot be the path of a file: Too many levels of symbolic links",
    f"train {'x' * 5000}": "File name too long",
    "train '~there is no one/x'": "there is no such file or folder",
    f"predict {'x' * 5000} moon": "this cannot be the path of a file: File name too long",
    "train data.csv --test /proc/self/mem": "/proc/self/mem: the file cannot be read",
    f"train data.csv --seed {HUGE}": "'--seed'",
    f"vocab data.csv --seed {HUGE}": "'--seed'",
    f"curve data.csv --seeds {HUGE}": "'--seeds'",
    f"compare data.csv --seeds {HUGE}": "'--seeds'",
    f"compare data.csv --systems tfidf-nb --limit tfidf-nb={'9' * 5000}": "expected a system, an equals sign and a",
    f"train data.csv --max-size {'9' * 400}MB": "expected a number and a unit: 500kB",
    f"train data.csv --budget {'9' * 400}h": "budget_seconds is inf",
    f"train data.csv --system dan --set model.dimension={HUGE}": "dimension is 1000",
    "train data.csv --system dan --set model.hidden_layers=1000000": "expected 20 or less",
    f"train data.csv --system dan --set training.learning_rate={'9' * 400}": "learning_rate",
    f"train data.csv --system dan --set training.batch_size={HUGE}": "batch_size",
    f"train data.csv --system lstm --set vocabulary.max_length={2**64}": "max_length",
    "train data.csv --system auto --set vocabulary.ngrams=1000000": "expected 20 or less",
    "train data.csv --system auto --set vocabulary.char_ngrams=[3,1000000]": "a longest of at most 32",
    "train data.csv --system word2vec-mean --set vectors.noise_exponent=1e300": "expected 10 or less",
    "train data.csv --system word2vec-mean --set vectors.n_threads=1000000": "expected 200 or less",
    f"train data.csv --system dan --set model.dropout={'[' * 50_000}": "expected float, found",
    "train data.csv --system dan --set tokenizer.pattern=*.csv": "repetition operator missing expression",
    "train data.csv --system dan --set 'tokenizer.pattern=(?:a{999}){999}'": "exceeds size limit",
    f"vectors train data.csv --out v.npy --min-count {HUGE}": "min_count",
    "predict model data.csv --out pipe.csv": "",
    "evaluate model data.csv --at-least recall:sport=0.5 --at-least recall:sport=0.6": "expected once",
}


@pytest.fixture
def inputs(tmp_path):
    pl.DataFrame({"text": CORPUS.texts, "label": CORPUS.names().tolist()}).write_csv(tmp_path / "data.csv")
    Path(write_small_glove(tmp_path)).rename(tmp_path / "vectors.txt")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "circle").symlink_to("circle")
    return tmp_path


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: line[:60])
def test_what_cannot_be_is_refused_on_one_line_and_leaves_nothing_behind(bywords, inputs, line):
    before = sorted(inputs.rglob("*"))
    code, _, error = bywords(*shlex.split(line))
    said = [one for one in error.splitlines() if one.startswith("error: ")]
    assert code == 2
    assert len(said) == 1
    assert REFUSED[line] in said[0]
    assert sorted(inputs.rglob("*")) == before


def test_a_word_of_the_command_line_has_no_nul(bywords, inputs):
    code, _, error = bywords("predict", "model", "data.csv", "--out", "a\0b.csv")
    assert (code, error.count("\n")) == (2, 1)


def test_many_files_are_more_than_one_path_can_be_long(bywords, inputs):
    for number in range(60):
        (inputs / f"{number:03} part.csv").write_bytes((inputs / "data.csv").read_bytes())
    parts = sorted(path.name for path in inputs.glob("* part.csv"))
    code, out, _ = bywords("vocab", *parts, "--out", "words.svg")
    assert (code, "60 files" in out or "2,880 training" in out) == (0, True)
    code, _, error = bywords("vocab", *parts, "--out", parts[3])
    assert (code, "is what is read" in error) == (2, True)


def test_an_answer_is_not_written_to_a_pipe_that_nobody_reads(bywords, inputs):
    save_classifier(fit_classifier(SYSTEMS["tfidf-nb"], CORPUS.texts, CORPUS.names()), inputs / "model")
    assert bywords("predict", "model", "data.csv", "--out", "pipe.csv")[0] == 2
    assert (inputs / "pipe.csv").is_fifo()


def test_every_command_is_fuzzed():
    """A new command needs a line that goes well in benchmarks/wild_arguments.py; its options come by themselves."""
    known = {line.split(" -")[0] for line in GOOD}
    for name, command in get_command(cli.app_of(cli.COMMANDS)).commands.items():
        for path in [f"{name} {below}" for below in getattr(command, "commands", {})] or [name]:
            assert any(line == path or line.startswith(f"{path} ") for line in known), path
    named = {(parameter.line.split()[0], parameter.place) for parameter in parameters() if parameter.line}
    assert {
        ("train", "--seed"),
        ("predict", "--top-k"),
        ("predict", "--at-least"),
        ("explain", 1),
        ("curve", "--seeds"),
    } <= named
    settings_of_auto = {parameter.before for parameter in parameters() if parameter.place == "--set"}
    assert {"vocabulary.ngrams=", "model.C=", "training.batch_size=", "tokenizer.pattern="} <= settings_of_auto


def test_command_lines_with_wild_values_are_answered_or_refused():
    options = ["--light", "--cases", "40", "--seconds", "10", "--no-result"]
    script = [sys.executable, str(BENCHMARKS / "fuzz_commands.py"), *options]
    found = subprocess.run(script, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-1000:]


WILD = [
    None, True, 0, -1, 2, 2.5, float("nan"), float("inf"), 10**30, 2**63, -(2**70), 1e308, "", "x", "\0", "\udcff",
    "~there is no one/x", "x" * 5_000, b"x", [], (), {}, [1], ["a"], {"a": 1}, object(), np.int64(3), np.float32("nan"),
    np.array([1.5, 2]), np.array("x"), print, Path("\0"), 1j, range(10**30),
]  # fmt: skip
VALUES = st.one_of(st.sampled_from(WILD), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers()))


@settings(max_examples=300)
@given(st.data())
def test_settings_of_a_wrong_kind_are_refused(data):
    kind = data.draw(st.sampled_from([*setting_kinds().values()]))
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(kind)]))
    needed = {"description": "x", "model": SYSTEMS["tfidf-nb"].model} if kind.__name__ == "SystemConfig" else {}
    try:
        made = kind(**{**needed, name: data.draw(VALUES)})
    except SettingError as error:
        said = str(error)
        assert name in said or "nothing to select" in said or "has no members" in said
    else:
        value = getattr(made, name)
        assert value is None or isinstance(value, bool | int | float | str | tuple | dict | type(needed.get("model")))


@pytest.mark.parametrize("value", [np.array([1.5, 2.0]), np.array(["a", "b"]), [np.array([1, 2])]], ids=repr)
def test_an_array_for_any_setting_is_taken_or_refused(value):
    for kind in setting_kinds().values():
        needed = {"description": "x", "model": SYSTEMS["tfidf-nb"].model} if kind.__name__ == "SystemConfig" else {}
        for field in dataclasses.fields(kind):
            with contextlib.suppress(SettingError):
                kind(**{**needed, field.name: value})


@pytest.mark.parametrize("value", [True, 2.5, "3", float("nan"), 2**31, None])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(SettingError, match="min_count is"):
        VocabularyConfig(min_count=value)


def test_numbers_of_numpy_and_lists_are_taken_as_those_of_python():
    config = VocabularyConfig(min_count=np.int64(3), char_ngrams=[3, 5])
    assert (type(config.min_count), config.char_ngrams) == (int, (3, 5))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (load_dataset, name)
        for name in (
            "name_or_path",
            "text",
            "label",
            "label_separator",
            "bad_rows",
            "map_label",
            "encoding",
            "test_share",
            "seed",
        )
    ]
    + [(load_vectors, "source"), (load_classifier, "folder"), (Tokenizer, "config")]
    + [(WordVectors.nearest, "word"), (WordVectors.nearest, "n"), (WordVectors.vector, "word")]
    + [
        (WordVectors.similarity, "one"),
        (WordVectors.analogy, "one"),
        (WordVectors.analogy, "n"),
        (compress, "max_bytes"),
        (compare, "seeds"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_public_functions_refuse_wild_arguments_or_answer(call, name, inputs, monkeypatch):
    monkeypatch.chdir(inputs)
    vectors = load_vectors("vectors.txt")
    given = {
        load_dataset: {"name_or_path": "data.csv"},
        WordVectors.nearest: {"self": vectors, "word": "moon"},
        WordVectors.vector: {"self": vectors},
        WordVectors.similarity: {"self": vectors, "other": "moon"},
        WordVectors.analogy: {"self": vectors, "one": "moon", "less": "moon", "plus": "moon"},
        compress: {"classifier": None, "texts": [], "labels": []},
        compare: {"split": load_dataset("data.csv"), "systems": []},
    }
    for value in WILD:
        try:
            call(**{**given.get(call, {}), name: value})
        except (BywordsError, TypeError):
            continue


def test_wild_values_are_of_every_kind():
    assert {"", "\0", "\udcff", "nan", "pipe", "/dev/null", str(2**70)} <= {*WORDS, *NUMBERS, *PATHS}
