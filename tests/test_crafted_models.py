"""A folder whose sums are right, made by somebody who means harm: refused with one error, by load and by info alike."""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from small_corpus import small_corpus, small_system

from bywords.artifact.description import load_classifier, save_classifier
from bywords.artifact.model_folder import MODEL, VOCABULARY, WEIGHTS
from bywords.artifact.validate import look_at
from bywords.errors import ModelFolderError
from bywords.explain.explanation import explain
from bywords.training.fit import fit_classifier

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from crafted import Outcome, answer_of, crafted, read_files, run_cases, write_sealed

KINDS = ("auto", "tfidf-nb, many labels", "glove-corpus-mean", "averaging", "lstm", "label-tree, many labels")
TEXTS = ["the rocket's engine and a team", "", "🚀 Łódź ﬁn 東京 \x00", "moon goal oil " * 300]
_files: dict[str, dict[str, bytes]] = {}


@pytest.fixture(scope="module")
def files_of(tmp_path_factory):
    """The files of a small model of a kind."""

    def files(kind):
        if kind not in _files:
            corpus, (system, _, variant) = small_corpus(), kind.partition(", ")
            labels = [[name, "any"] if n % 2 else [name] for n, name in enumerate(corpus.names().tolist())]
            folder = tmp_path_factory.mktemp("trained") / "model"
            given = labels if variant else corpus.names()
            config = small_system(system, "")
            if config.model.candidates:  # without the rows of words never seen, which test_static_vectors.py has
                candidates = tuple(one for one in config.model.candidates if not one.knows_unseen)
                config = replace(config, model=replace(config.model, candidates=candidates))
            save_classifier(fit_classifier(config, corpus.texts, given), folder)
            _files[kind] = read_files(folder)
        return _files[kind]

    return files


def told(change):
    """The files with other JSON."""

    def changed(files):
        found = json.loads(files[MODEL])
        change(found)
        return {**files, MODEL: json.dumps(found).encode()}

    return changed


def stored(change):
    """The files with other arrays."""

    def changed(files):
        arrays = load(files[WEIGHTS])
        change(arrays)
        return {**files, WEIGHTS: save({name: np.ascontiguousarray(array) for name, array in arrays.items()})}

    return changed


def lines(change):
    """The files with other lines of the vocabulary."""
    return lambda files: {**files, VOCABULARY: change(files[VOCABULARY])}


def put(path, value):
    """The files with another value of JSON."""

    def change(found):
        *way, last = path.split(".")
        for key in way:
            found = found[int(key) if isinstance(found, list) else key]
        found[int(last) if isinstance(found, list) else last] = value

    return told(change)


def array(name, make):
    return stored(lambda arrays: arrays.update({name: make(arrays[name])}))


def filled(name, number, index=...):
    def make(values):
        values = values.copy()
        values[index] = number
        return values

    return array(name, make)


def scaled(arrays):
    arrays["0.bias"], arrays["0.bias:scale"] = np.ones((1, 60_000), np.int8), np.ones((60_000, 1), np.float32)


WEIGHT, IDF, NGRAMS = "0.weights", "0.idf", "vocabulary.ngrams"
CURVES, POINTS = "operating_curves.", ("thresholds", "n_given", "n_right")
PIECES, LENGTHS = "vocabulary.char_ngrams", "vocabulary.char_ngram_lengths"
REFUSED = {
    "piece lengths of 60,000": (put("config.vocabulary.char_ngrams", [1, 60_000]), "char_ngrams is .*at most 32"),
    "n-grams of a million words": (put("config.vocabulary.ngrams", 1_000_000), "is 1000000, expected 20 or less"),
    "documents of 10^18 words": (put("config.vocabulary.max_length", 10**18), "max_length is 10{18}, expected"),
    "weights of two rows": (array(WEIGHT, lambda weights: weights[:2]), "'weights' is 2 x 3, expected"),
    "more weights than rows": (array(WEIGHT, lambda weights: np.tile(weights, (2, 1))), "'weights' is"),
    "weights of another type": (array(WEIGHT, lambda weights: weights.astype(np.int64)), "of int64, expected float32"),
    "weights that are no numbers": (filled(WEIGHT, np.nan, 5), r"weights\[5, 0\] is nan"),
    "an infinite bias": (filled("0.bias", np.inf), r"bias\[0\] is inf"),
    "weights near the largest float": (filled(WEIGHT, 1e38), "expected a number from -1e"),
    "a rarity below 0": (filled(IDF, -1, 3), r"idf\[3\] is -1"),
    "an array that nobody asked for": (stored(lambda arrays: arrays.update(more=np.ones(3))), "does not have: 'more'"),
    "an array that is missing": (stored(lambda arrays: arrays.pop(IDF)), "no array 'idf'"),
    "scales that would make 14 GB": (stored(scaled), "for 1 x 60000, expected a number for each"),
    "twice the same array": (
        stored(lambda arrays: arrays.update({"0.bias:mirrored": np.ones((3, 1), np.float32)})), "two arrays of",
    ),
    "temperature 0": (put("calibration.temperature", 0), r"temperature\[0\] is 0"),
    "temperature NaN": (put("calibration.temperature", float("nan")), "it says NaN"),
    "a curve that falls": (put("calibration.curve", [-1.0, 1.0, 0.0]), "has to rise"),
    "a curve of coverage that falls": (put("reliability.selection", [[0.5, 1.0, 1.0], [0.9, 0.1, 1.0]]), "not rise"),
    "a profile of other texts": (put("reliability.profile.n_answers", 7), "not those of 7 answers"),
    "a profile of other bins": (put("reliability.profile.confidence", [150]), "has 1 counts, expected 101"),
    "a profile of other labels": (put("reliability.profile.labels", [150]), "expected one for each of 3"),
    "a profile with less than nothing": (put("reliability.profile.labels", [-1, 1, 0]), "a count that none can be"),
    "curves that are missing": (stored(lambda arrays: arrays.pop(f"{CURVES}n_given")), "operating curves are"),
    "another array beside the curves": (
        stored(lambda arrays: arrays.update({f"{CURVES}more": np.ones(3)})), "operating curves are",
    ),
    "thresholds that are no numbers": (filled(f"{CURVES}thresholds", np.nan), "expected a number from 0 to 1"),
    "a curve of 64-bit numbers": (array(f"{CURVES}n_given", lambda counts: counts.astype(np.int64)), "of int64"),
    "more right than there are": (filled(f"{CURVES}n_right", 60), "documents that cannot be|expected a number"),
    "more given than there are": (filled(f"{CURVES}n_given", 10**6), "expected a number from 1 to"),
    "none given": (filled(f"{CURVES}n_given", 0), "expected a number from 1 to"),
    "a curve cut off": (
        stored(lambda arrays: arrays.update({f"{CURVES}{name}": arrays[f"{CURVES}{name}"][:-1] for name in POINTS})),
        "lengths sum to",
    ),
    "thresholds without counts": (
        array(f"{CURVES}n_right", lambda counts: counts[:-1]), "thresholds, 6 n_given, 5 n_right",
    ),
    "lengths below zero": (filled(f"{CURVES}lengths", -1, 0), "expected a number from 0 to 64"),
    "curves of two labels": (array(f"{CURVES}n_with", lambda counts: counts[:2]), "'n_with' is 2, expected 3"),
    "curves of few documents": (filled(f"{CURVES}n_with", 3), "n_with sum to 9, expected 150"),
    "paths that are none": (put("parameters.label_hierarchy", "/"), "separated by '/', which is in none of them"),
    "labels of 1.6 GB": (put("label_dtype", "<U400000000"), "the longest label has 5 signs"),
    "labels that are tables": (put("label_dtype", "(9999,9999)f8"), "expected that of strings or numbers"),
    "a label twice": (put("label_names.0", "sport"), "again, expected each once"),
    "no labels": (put("label_names", None), "label_names: expected a list, found null"),
    "lists of tokens for a tokenizer of texts": (
        told(lambda found: found.update(columns={"text": ["t"], "label": [], "side": [], "tokens": True})),
        "its tokenizer cuts texts",
    ),
    "more labels than columns": (told(lambda found: found["label_names"].append("x")), "expected"),
    "labels of two types": (put("label_names.0", 5), "one or more of the type"),
    "a list for settings": (put("config", []), "expected settings, found "),
    "true for a number": (put("config.vocabulary.min_count", True), "min_count: expected a whole number, found true"),
    "null for a group": (put("card", None), "card: expected an object, found null"),
    "a key that is missing": (told(lambda found: found.pop("summary")), "lacks 'summary'"),
    "documents of a label below none": (
        told(lambda found: found["summary"].update(n_by_label=[-1, *[1] * (len(found["label_names"]) - 1)])),
        "n_by_label",
    ),
    "documents of more labels than there are": (
        told(lambda found: found["summary"].update(n_by_label=[1] * (len(found["label_names"]) + 1))), "n_by_label",
    ),
    "scores that are none": (put("card.test", {"accuracy": 1.0}), "card.test lacks 'accuracy_interval'"),
    "a link to nowhere": (filled(NGRAMS, 255), "expected a number from 0 to"),
    "an n-gram of itself": (
        stored(lambda arrays: arrays.update({NGRAMS: np.full((len(arrays[NGRAMS]), 2), [600, 3], np.int32)})),
        "begins with row 600",
    ),
    "n-grams twice": (array(NGRAMS, lambda pairs: np.concatenate([pairs[:1], pairs[:-1]])), "there twice"),
    "lengths of other data": (array(PIECES, lambda data: data[:-1]), "char_ngram_lengths sum to|expected a number"),
    "lengths below 0": (array(LENGTHS, lambda lengths: lengths.astype(np.int8)), "of int8, expected"),
    "a tokenizer that is a number": (put("config.tokenizer.custom", 5), "custom: expected a text, found 5"),
    "a tokenizer by a word": (put("config.tokenizer.custom", "spaced"), 'custom is \'spaced\', expected "given"'),
    "stop words of another kind": (put("config.tokenizer.stop_words", [["a"]]), "stop_words"),
    "stop words by a name": (put("config.tokenizer.stop_words", "klingon"), "stop_words is 'klingon'"),
    "accents by a word": (put("config.tokenizer.strip_accents", "unicode"), "strip_accents: expected true or false"),
    "words of no documents": (put("config.vocabulary.min_df", 0), "min_df is 0, expected 1 or more"),
    "words of more than all documents": (put("config.vocabulary.max_df", 1.5), "max_df is 1.5, expected"),
    "words beside a fixed vocabulary": (put("config.vocabulary.words", ["goal"]), "which the fixed vocabulary lacks"),
    "a fixed vocabulary with a word twice": (put("config.vocabulary.words", ["goal", "goal"]), "'goal' twice"),
    "half a character": (filled(PIECES, 0x80, 0), "are not UTF-8"),
    "a word twice": (lines(lambda text: text.replace(b"\thockey\n", b"\tgoal\n")), "'goal' twice"),
    "a line cut off": (lines(lambda text: text[:-2]), "expected an end of the line"),
    "half of the lines": (lines(lambda text: b"".join(text.splitlines(keepends=True)[:9])), "expected|begins with"),
    "a count below 0": (lines(lambda text: text.replace(b"0\t<pad>", b"-1\t<pad>")), "line 1: expected a count"),
    "a word of two": (lines(lambda text: text.replace(b"\tgoal\n", b"\tgo\tal\n")), "expected a count, a tab"),
    "no UTF-8": (lines(lambda text: text.replace(b"\tgoal\n", b"\t\xff\n")), "expected UTF-8"),
    "JSON without end": (lambda files: {**files, MODEL: b'{"a":' * 100_000}, "within each other"),
    "a key twice": (lambda files: {**files, MODEL: files[MODEL].replace(b"{", b'{"label_names": [], ', 1)}, "again"),
    "a list for everything": (lambda files: {**files, MODEL: b"[1]"}, "it holds a list"),
    "no weights": (lambda files: {**files, WEIGHTS: b""}, "cannot be read"),
    "a header without end": (lambda files: {**files, WEIGHTS: b"\xff" * 64}, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_no_training_gives_is_refused_by_load_and_by_info(files_of, tmp_path, change, message):
    write_sealed(tmp_path / "model", change(files_of("auto")))
    for call in (load_classifier, look_at):
        with pytest.raises(ModelFolderError, match=rf"(?s)^{tmp_path}/model.*{message}"):
            call(tmp_path / "model")


def test_a_folder_from_before_near_duplicates_were_kept_together_loads(files_of, tmp_path):
    older = {"data": "x.csv", "test": None, "test_share": 0.2, "seed": 0}
    write_sealed(tmp_path / "model", put("trained_on", older)(files_of("auto")))
    look_at(tmp_path / "model")
    assert load_classifier(tmp_path / "model").record.trained_on == older


@pytest.mark.parametrize("command", [["info", "model"], ["predict", "model", "texts.txt"]], ids=lambda one: one[0])
def test_a_command_says_so_in_one_line(files_of, bywords, tmp_path, command):
    write_sealed(tmp_path / "model", put("label_names", None)(files_of("auto")))
    (tmp_path / "texts.txt").write_text("one text\n")
    code, out, error = bywords(*command)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert error.startswith("error: model/model.json: label_names: expected a list, found null.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("calibration.thresholds", [0.5, 0.5, 0.5, 2.0]), r"thresholds\[3\] is 2"),
        (put("calibration.scales", [1.0, 1.0, 0.0, 1.0]), r"scales\[2\] is 0"),
        (put("calibration.offsets", [1.0]), "'offsets' is 1, expected 4"),
        (put("calibration", {"temperature": 1.0, "curve": [1, 1, 0]}), "lacks 'offsets'"),
        (put("label_format", "one"), "lacks 'curve'"),
    ],
)
def test_a_calibration_of_something_else_is_refused(files_of, tmp_path, change, message):
    write_sealed(tmp_path / "model", change(files_of("tfidf-nb, many labels")))
    with pytest.raises(ModelFolderError, match=message):
        load_classifier(tmp_path / "model")


def test_a_model_whose_logits_overflow_says_so_instead_of_answering(files_of, tmp_path):
    changed = filled("embedding.weight", 1e30)(filled("output.weight", 1e30)(files_of("averaging")))
    write_sealed(tmp_path / "model", changed)
    classifier = load_classifier(tmp_path / "model")
    for ask in (lambda: classifier.predict(TEXTS), lambda: explain(classifier, TEXTS[0])):
        with pytest.raises(ModelFolderError, match="logits are no finite numbers"):
            ask()


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_was_changed_in_any_way_answers_or_is_refused(files_of, tmp_path, kind):
    files, folder = files_of(kind), tmp_path / "model"

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
    @given(st.integers(0, 10**6))
    def answers_or_is_refused(seed):
        write_sealed(folder, crafted(files, np.random.default_rng(seed)).files)
        try:
            classifier = load_classifier(folder)
        except ModelFolderError:
            with pytest.raises(ModelFolderError):
                look_at(folder)
            return
        look_at(folder)
        try:
            probabilities = classifier.predict(TEXTS).probabilities
        except ModelFolderError:  # of logits that overflow
            return
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        assert classifier.is_multilabel or np.allclose(probabilities.sum(axis=1), 1)

    answers_or_is_refused()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="how large a process is, only Linux says there")
def test_workers_outlive_what_cases_do_to_them():
    def case(number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 2:
            raise ValueError("a fault")
        if number == 3:
            while True:
                pass
        if number == 4:
            return answer_of(lambda: np.ones(1 << 30))
        return Outcome("answered")

    found = [(number, outcome.kind) for number, outcome in run_cases(case, 6, seconds=1)]
    assert found == list(enumerate(["answered", "signal", "traceback", "hang", "memory", "answered"]))
