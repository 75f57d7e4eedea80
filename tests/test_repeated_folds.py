"""Few documents are held out in turn: what that says, and how sure it is of it."""

import functools
import itertools
import json
import pkgutil
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import FEWEST_TESTED
from small_corpus import small_corpus

from bywords.artifact.description import load_classifier
from bywords.classifier import TextClassifier
from bywords.cli.screen import ProgressLines
from bywords.data.corpus import Corpus
from bywords.data.label_sets import LabelSets
from bywords.evaluation.evaluation import LEAST_AGREEMENT, InTurn, KeptAnswers
from bywords.evaluation.metrics import document_f1, label_f1, log_losses, wilson_interval
from bywords.evaluation.reliability import Bins, calibration_sentence
from bywords.evaluation.slices import find_slices
from bywords.experiments import learning_curve
from bywords.experiments.forecast import forecast
from bywords.fitted import FittedClassifier
from bywords.io.datasets import divided
from bywords.systems import SYSTEMS
from bywords.training import fit, repeated_folds
from bywords.training.fit import fit_classifier
from bywords.training.repeated_folds import (
    N_FOLDS,
    N_REPEATS,
    agreement,
    can_take_turns,
    evaluate_in_turn,
    folds_of,
    takes_turns,
)


def write(corpus, path="few.csv"):
    rows = zip(corpus.texts, corpus.names(), strict=True)
    Path(path).write_text("text,label\n" + "".join(f'"{text}",{name}\n' for text, name in rows))
    return path


def noisy(n_documents, seed=0):
    """A third of the labels are wrong, so that no model can be right on all."""
    corpus = small_corpus(n_documents, seed=seed)
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random(n_documents) < 1 / 3, generator.permutation(corpus.names()), corpus.names())
    return Corpus.of("noisy", corpus.texts.to_list(), labels.tolist())


@pytest.fixture(scope="module")
def in_turn():
    """What was fitted to, and the evaluation, of 60 documents and one of a class that has no other."""
    texts = [*noisy(60).texts.to_list(), "a lone text of its own"]
    corpus, seen = Corpus.of("few", texts, [*noisy(60).names().tolist(), "lone"]), []

    def fit(part):
        seen.append(set(part.texts.to_list()))
        return fit_classifier(SYSTEMS["tfidf-nb"], part.texts, part.names())

    return corpus, seen, *evaluate_in_turn(corpus, fit, seed=0)


def test_no_model_answers_for_a_text_that_it_has_seen(in_turn):
    corpus, seen, _, _ = in_turn
    held_out = [
        set(corpus.select(held).texts.to_list())
        for seed in range(N_REPEATS)
        for _, held in folds_of(corpus, seed, "equal")
    ]
    assert len(seen) == N_FOLDS * N_REPEATS
    assert all(not its & asked for its, asked in zip(seen, held_out, strict=True))


def test_each_document_is_held_out_but_the_only_one_of_a_class(in_turn):
    corpus, seen, rows, found = in_turn
    assert rows.tolist() == list(range(60))
    assert all("a lone text of its own" in its for its in seen)
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert found.label_names == corpus.label_names
    assert found.summary()["n_documents"] == 60


def test_intervals_are_wider_than_those_of_as_many_documents_that_one_model_was_tested_on(in_turn):
    *_, found = in_turn
    assert 0 < found.in_turn.agreement < 1
    assert found.accuracy_interval == wilson_interval(found.accuracy, 60 * found.in_turn.share)
    low, high = wilson_interval(found.accuracy, 60)
    assert found.accuracy_interval[0] < low
    assert high < found.accuracy_interval[1]
    assert found.macro_f1_interval[0] < found.macro_f1 < found.macro_f1_interval[1]


def test_the_less_two_divisions_agree_the_less_a_document_counts():
    first = np.tile([True, False], 50)
    assert agreement(np.stack([first, first])) == pytest.approx(1)
    assert agreement(np.stack([first, ~first])) == 0
    assert agreement(np.stack([first, np.ones(100, dtype=bool)])) == 1
    shares = [InTurn(n_folds=5, n_repeats=2, n_done=10, agreement=value).share for value in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.09, 0.25, 1])


def test_documents_that_cannot_be_divided_are_not_held_out_in_turn():
    assert can_take_turns(small_corpus(60), "equal")
    assert not can_take_turns(Corpus.of("same", ["one"] * 30 + ["two"] * 30, ["a"] * 30 + ["b"] * 30), "equal")
    assert not can_take_turns(Corpus.of("one", [f"word{i}" for i in range(9)], ["a"] * 8 + ["b"]), "equal")


def test_train_states_the_score_of_all_few_documents_and_saves_what_learned_them(bywords):
    data = write(noisy(90))
    code, out, _ = bywords("train", data, "--system", "tfidf-nb", "--out", "model")
    assert (code, "of 90 documents, each held out in turn (95 % interval" in out) == (0, True)
    assert "2 times in 5 parts each was answered by models that had learned from the other parts only" in out
    assert "There are not enough documents to say how far the probability of an answer can be trusted" in out
    card = Path("model/README.md").read_text()
    assert "of 90 documents, each held out in turn" in card
    assert "the saved model has learned from all of them" in out
    assert "this model has learned from all of them" in card
    assert "There are not enough documents to say" in card
    assert "- Documents: 90" in card
    shown = bywords("info", "model")[1]
    assert "of 90 documents, each held out in turn" in shown
    assert "There are not enough documents to say" in shown
    assert "The model has learned from 90 of these documents" in bywords("evaluate", "model", data)[1]


def test_a_network_too_learns_from_all_where_all_were_held_out_in_turn(bywords):
    few = noisy(60)
    texts = [f"{text} number{number}" for number, text in enumerate(few.texts)]
    data = write(Corpus.of("few", texts, few.names().tolist()))
    options = ("--system", "averaging", "--set", "training.max_epochs=1", "--set", "vocabulary.min_count=1")
    code, out, error = bywords("train", data, "--out", "model", *options)
    assert (code, "learned from all of them" in out) == (0, True), error
    words = set(load_classifier("model").vocabulary.words.to_list())
    assert {f"number{number}" for number in range(60)} <= words


def test_of_about_three_hundred_documents_and_fewer_all_are_held_out_in_turn(monkeypatch):
    few, many = (divided(noisy(n_documents), test_share=0.2, seed=0) for n_documents in (290, 300))
    monkeypatch.setattr(repeated_folds, "FEWEST_TESTED", FEWEST_TESTED)
    assert takes_turns(few, "equal")
    assert not takes_turns(many, "equal")


@pytest.mark.parametrize(("n_documents", "options"), [(90, ["--keep-test-out"]), (150, [])])
def test_a_part_is_held_out_once_where_that_is_asked_for_or_it_is_large_enough(bywords, n_documents, options):
    data = write(noisy(n_documents))
    found = json.loads(bywords("train", data, "--system", "tfidf-nb", "--out", "model", "--json", *options)[1])
    assert "held_out_in_turn" not in found["test"]
    assert found["n_test"] == found["test"]["n_documents"] == n_documents // 5


def test_the_error_of_calibration_has_an_interval_that_chance_alone_does_not_raise():
    generator, held = np.random.default_rng(0), []
    for _ in range(200):
        probabilities = generator.uniform(0.4, 1, 400)
        low, high = Bins.of(probabilities, generator.random(400) < probabilities).error_interval()
        held.append(low == 0)
        assert 0 <= low < high < 0.15
    assert np.mean(held) > 0.95
    off = generator.uniform(0.4, 1, 2_000)
    low, high = Bins.of(off, generator.random(2_000) < off - 0.2).error_interval()
    assert low < 0.2 < high
    assert high - low < 0.06
    assert np.isnan(Bins.of(np.zeros(0), np.zeros(0, dtype=bool)).error_interval()).all()


def test_the_error_of_calibration_is_said_with_its_interval_or_not_at_all():
    assert "off by 3.0 points on average (95 % interval 1.0 to 5.0)" in calibration_sentence(0.03, (0.01, 0.05))
    assert "not enough documents" in calibration_sentence(0.03, (0.0, 0.12))
    assert "not known" in calibration_sentence(None, None)


def test_curve_says_what_the_next_hundred_labels_would_bring(bywords):
    data = write(noisy(120))
    code, out, error = bywords("curve", data, "--system", "tfidf-nb", "--out", "curve")
    assert (code, "The next 100 labels would bring" in out) == (0, True), error
    in_turn = "of 120 documents, tested on those held out, all in turn"
    assert in_turn in out
    assert in_turn in Path("curve/curve.html").read_text()
    record = json.loads(Path("curve/curve.json").read_text())
    found = record["next_labels"]
    assert (record["n_folds"], record["corpus"]["n_test"], found["n_documents"]) == (5, 120, 220)
    assert found["gain_interval"][0] <= found["gain"] <= found["gain_interval"][1]
    assert "The next 100 labels would bring" in Path("curve/curve.html").read_text()
    again = bywords("curve", data, "--system", "tfidf-nb", "--out", "curve", "--resume")
    assert (again[0], json.loads(Path("curve/curve.json").read_text())["points"]) == (0, record["points"])


def test_the_intervals_of_a_curve_are_widened_where_all_are_held_out_in_turn(bywords, monkeypatch):
    data, widths = write(noisy(120)), []
    for seeds in (1, 3):
        bywords("curve", data, "--system", "tfidf-nb", "--out", f"of-{seeds}", "--seeds", seeds)
        row = json.loads(Path(f"of-{seeds}/curve.json").read_text())["sizes"][-1]
        low, high = row["accuracy_interval"]
        assert low < row["accuracy"] < high
        widths.append(high - low)
    assert 2 * widths[1] < widths[0]  # of one division it is not known how much it matters
    monkeypatch.setattr(learning_curve, "agreement", lambda is_right: 0.5)
    bywords("curve", data, "--system", "tfidf-nb", "--out", "halved", "--seeds", 3)
    low, high = json.loads(Path("halved/curve.json").read_text())["sizes"][-1]["accuracy_interval"]
    assert high - low > 1.4 * widths[1]


@pytest.mark.parametrize("n_fits", [0, 6])
def test_ctrl_c_while_a_curve_holds_all_out_in_turn_leaves_the_fits_that_are_done(bywords, monkeypatch, n_fits):
    curve = ["curve", write(noisy(120)), "--system", "tfidf-nb", "--out", "c"]
    with monkeypatch.context() as patch:
        patch.setattr(TextClassifier, "fit", after(n_fits, TextClassifier.fit))  # five are a point, three points a size
        code, out, error = bywords(*curve)
    assert (code, f"Interrupted after {n_fits // 5} fit" in out) == (130, True), error
    assert "This run was interrupted." in Path("c/curve.html").read_text()
    calls = itertools.count()
    monkeypatch.setattr(TextClassifier, "fit", lambda *given, fit=TextClassifier.fit: (next(calls), fit(*given))[1])
    assert bywords(*curve, "--resume")[0] == 0
    assert next(calls) == 5 * (15 - n_fits // 5)


def test_three_documents_of_the_other_class_are_said_to_be_too_few_to_show_anything(bywords):
    common = [(f"{text} number{n}", "ham") for n, text in enumerate(noisy(37).texts)]
    few = Corpus.of("few", *zip(*common, *(("win a prize", "spam"), ("a car for you", "spam")), strict=True))
    code, out, error = bywords("train", write(few), "--system", "tfidf-nb", "--out", "model")
    assert code == 0, error
    told = "WARNING: only 2 documents of another label than 'ham' were there to show whether this model tells the"
    assert told in out
    assert "it has learned nothing" not in out
    assert re.search(r"Saved in model \([1-9]\d? kB\)", out)
    assert "(1 documents)" not in out


def test_the_commands_to_type_next_read_the_file_as_it_was_read(bywords):
    rows = "".join(f'"{text} für",{name}\n' for text, name in zip(noisy(90).texts, noisy(90).names(), strict=True))
    Path("old.csv").write_bytes(f"Text,Art\n{rows}ohne,\n".encode("cp1252"))
    read = ["--bad-rows", "skip", "--encoding", "cp1252", "--map-label", "space=sky"]
    out = bywords("train", "old.csv", "--text", "Text", "--label", "Art", *read, "--system", "tfidf-nb")[1]
    typed = {words[1]: words[2:] for words in map(str.split, out.split("Next:")[1].splitlines()) if words}
    end = typed["compare"].index("every")
    code, compared, error = bywords("compare", *typed["compare"][:end], "--systems", "tfidf-nb")
    assert (code, "72 training documents" in compared) == (0, True), error
    assert typed["audit"][:end] == typed["compare"][:end] == ["old.csv", "--text", "Text", "--label", "Art", *read]


FRUITS = [
    f"{fruit} {said}" for said in ("is ripe", "tastes sour", "fell down", "is cut") for fruit in ("apple", "plum")
]


@pytest.mark.parametrize("n_each", [3, 4])
def test_labels_with_three_or_four_texts_are_held_out_in_as_many_parts(bywords, n_each):
    texts = FRUITS[: 2 * n_each]
    data = write(Corpus.of("fruits", texts, [text.split()[0] for text in texts]))
    code, out, error = bywords("train", data, "--system", "tfidf-nb", "--out", "model", "--test-share", "0.3")
    assert (code, f"of {2 * n_each} documents, each held out in turn" in out) == (0, True), error
    assert f"2 times in {n_each} parts each" in out
    assert load_classifier("model").record.card.test["held_out_in_turn"]["n_done"] == 2 * n_each


def test_labels_with_two_texts_are_learned_from_all_and_said_to_be_untested(bywords):
    data = write(Corpus.of("fruits", FRUITS[:4], ["apple", "plum", "apple", "plum"]))
    code, out, error = bywords("train", data, "--system", "tfidf-nb", "--out", "model")
    assert (code, "It was not tested: no label has three different texts" in out) == (0, True), error
    assert "Right on" not in out
    assert "not tested on others" in bywords("info", "model")[1]
    assert "The model has learned from 4 of these documents" in bywords("evaluate", "model", data)[1]
    assert bywords("train", data, "--system", "tfidf-nb", "--out", "tested", "--keep-test-out")[0] == 2


def test_a_label_of_two_documents_is_not_said_to_have_one_where_they_are_in_different_parts(bywords):
    corpus = noisy(120)
    texts, labels = [*corpus.texts.to_list(), "odd one", "odd two"], [*corpus.names().tolist(), "odd", "odd"]
    data = write(Corpus.of("noisy", texts, labels))
    assert "One label has one document" not in bywords("curve", data, "--system", "tfidf-nb", "--out", "c")[1]


def test_a_forecast_is_wider_where_a_document_counts_for_less():
    right = np.random.default_rng(0).random((3, 4, 80)) < np.array([0.5, 0.6, 0.7, 0.75])[:, np.newaxis]
    found = [forecast([20, 40, 60, 80], right, 200, since=100, share=share) for share in (1.0, 0.5)]
    wide = [high - low for high, low in (one.gain_interval[::-1] for one in found)]
    assert wide[1] == pytest.approx(wide[0] / np.sqrt(0.5))
    assert found[0].now == pytest.approx(1 - float(found[0].law.errors(100)))
    assert found[0].gain == found[1].gain


def with_signs(n_documents, seed=0):
    """Documents of any number of labels: their topic, but for some, and "query" where the text has that word."""
    generator, one = np.random.default_rng(seed), noisy(n_documents, seed)
    asks = generator.random(n_documents) < 0.4
    texts = [
        f"{text} why number{n}" if ask else f"{text} number{n}"
        for n, (text, ask) in enumerate(zip(one.texts, asks, strict=True))
    ]
    topics = [(name,) if n % 5 else () for n, name in enumerate(one.names().tolist())]
    sets = [(*topic, "query") if ask else topic for topic, ask in zip(topics, asks, strict=True)]
    return of_sets([*texts, "a lone text"], [*sets, ("lone", "query")])


def of_sets(texts, sets):
    return Corpus.of_sets("sets", texts, pl.Series(list(map(list, sets)), dtype=pl.List(pl.String)))


def write_sets(corpus, path="several.jsonl"):
    rows = [{"text": text, "labels": list(its)} for text, its in zip(corpus.texts, corpus.names(), strict=True)]
    Path(path).write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def sets_in_turn():
    """What was fitted to, and the evaluation, of 80 documents with any number of labels and a lone one."""
    corpus, fits = with_signs(80), []

    def fit(part):
        fits.append((part, fit_classifier(SYSTEMS["tfidf-nb"], part.texts, part.names())))
        return fits[-1][1]

    return corpus, fits, *evaluate_in_turn(corpus, fit, seed=0)


def test_documents_with_several_labels_are_answered_by_models_that_have_not_seen_them(sets_in_turn):
    corpus, fits, rows, found = sets_in_turn
    assert rows.tolist() == list(range(80))
    assert found.labels.lists() == corpus.labels[rows].lists()
    assert found.summary()["n_documents"] == 80
    folds = [fold for repeat in range(N_REPEATS) for fold in folds_of(corpus, repeat, "equal")]
    table, limits = (np.zeros((80, len(corpus.label_names))) for _ in range(2))
    for (part, fitted), (kept, held) in zip(fits, folds, strict=True):
        assert not set(part.texts) & set(corpus.select(held).texts)
        assert "a lone text" in set(part.texts)
        assert len(kept) + len(held) == 81
        table[held] += fitted.predict(corpus.select(held).texts.to_list()).probabilities / N_REPEATS
        limits[held] += fitted.calibration.thresholds / N_REPEATS
    np.testing.assert_allclose(found.probabilities, table)
    assert found.predicted.table().tolist() == (table >= limits).tolist()


def test_intervals_of_several_labels_held_out_in_turn_are_wider(sets_in_turn):
    *_, found = sets_in_turn
    assert 0 < found.in_turn.agreement < 1
    wide, narrow = found.summary(), replace(found, in_turn=None).summary()
    assert wide["held_out_in_turn"]["n_done"] == N_FOLDS * N_REPEATS
    assert "held_out_in_turn" not in narrow
    for name in ("micro_f1", "macro_f1", "samples_f1", "accuracy", "log_loss"):
        assert wide[name] == narrow[name]
        (low, high), (lower, higher) = narrow[f"{name}_interval"], wide[f"{name}_interval"]
        assert lower < low < high < higher
    at_first = [one["ranking"]["1"]["precision_interval"] for one in (narrow, wide)]
    assert at_first[1][0] < at_first[0][0]
    slices = [find_slices(one, n_tokens=np.arange(80)) for one in (replace(found, in_turn=None), found)]
    for row, wider in zip(*slices, strict=True):
        assert wider["interval"][1] - wider["interval"][0] > row["interval"][1] - row["interval"][0]
        assert row["p_value"] is None or wider["p_value"] > row["p_value"]
    assert any(row["p_value"] for row in slices[0])


def test_some_of_the_documents_with_several_labels_have_scores_of_their_own(sets_in_turn):
    *_, found = sets_in_turn
    is_in = np.arange(80) % 3 == 0
    some = found.select(is_in)
    assert some.summary()["n_documents"] == 27
    assert some.f1 == label_f1(found.labels[is_in], found.predicted[is_in])
    losses = log_losses(found.labels[is_in], found.probabilities[is_in])
    assert some.summary()["log_loss"] == pytest.approx(losses.mean())
    alone = replace(found, table=None, uncalibrated=None, kept=KeptAnswers(found.top)).select(is_in)
    assert alone.ranking["1"]["precision"] == some.ranking["1"]["precision"]


def test_two_divisions_agree_by_how_right_each_document_is():
    first = np.array([0.0, 0.5, 1.0, 0.5])
    assert agreement(np.stack([first, first])) == pytest.approx(1)
    assert agreement(np.stack([first, 1 - first])) == 0
    assert agreement(np.stack([first, np.full(4, 0.5)])) == 1
    has, got = (LabelSets.of_table(table) for table in ([[1, 1], [1, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]]))
    assert document_f1(has, got).tolist() == pytest.approx([2 / 3, 0, 1])


@pytest.mark.parametrize(
    ("sets", "can"),
    [
        ([("a",)] * 3 + [()] * 3, True),
        ([("a",)] * 5 + [()], False),  # what lacks the label is learned from or asked
        ([("a",), ()] + [("b",)] * 1, False),
        ([("a", name) for name in "bcdefg"], False),  # each has a label that no other has
        ([("a", "b"), ("a", "c"), ("d",), ("e",)], False),  # so that none is held out
        ([("a",)] * 3 + [("a", "b")] * 3, True),
    ],
)
def test_several_labels_can_be_held_out_where_two_texts_have_one_and_two_lack_it(sets, can):
    corpus = of_sets([f"word{n} more" for n in range(len(sets))], sets)
    assert can_take_turns(corpus, "equal") == can
    same = of_sets(["one", "two", "three"] * 4, [("a",), ("b",), ()] * 4)
    assert not can_take_turns(same, "equal")
    if can:
        fit = functools.partial(fit_of, SYSTEMS["tfidf-nb"])
        rows, found = evaluate_in_turn(corpus, fit, seed=0)
        assert len(rows) == len(found.labels) > 0


def fit_of(system, part):
    return fit_classifier(system, part.texts, part.names())


def test_a_label_that_a_model_has_not_learned_counts_as_missed():
    corpus = with_signs(60)

    def fit(part):
        has = part.labels.has(part.label_names.index("sport"))
        return fit_of(SYSTEMS["tfidf-nb"], part.select(np.flatnonzero(~has)))

    rows, found = evaluate_in_turn(corpus, fit, seed=0)
    sport = {row["label"]: row for row in found.per_class()}["sport"]
    assert sport["support"] == corpus.select(rows).counts()[corpus.label_names.index("sport")] > 0
    assert (sport["recall"], sport["threshold"]) == (0, 1)
    assert found.summary()["log_loss"] is None
    assert found.f1["micro_f1"] > 0


def test_train_holds_documents_with_several_labels_out_in_turn_and_says_so(bywords):
    data = write_sets(with_signs(90))
    code, out, error = bywords("train", data, "--system", "tfidf-nb", "--out", "model")
    assert (code, "On 90 documents, each held out in turn: micro F1" in out) == (0, True), error
    assert "2 times in 5 parts each was answered by models that had learned from the other parts only" in out
    assert "The intervals are widened for that." in out
    card, shown = Path("model/README.md").read_text(), bywords("info", "model")[1]
    for told in (card, shown):
        assert "of 90 documents, each held out in turn" in told
    assert "this model has learned from all of them" in card
    assert "The model has learned from 91 of these documents" in bywords("evaluate", "model", data)[1]
    kept = json.loads(bywords("train", data, "--system", "tfidf-nb", "--keep-test-out", "--out", "m", "--json")[1])
    assert "held_out_in_turn" not in kept["test"]


@pytest.mark.parametrize("n_models", [0, 3])
def test_ctrl_c_while_several_labels_are_held_out_leaves_the_model_and_what_is_known(bywords, monkeypatch, n_models):
    monkeypatch.setattr(fit, "fit_classifier", after(1 + n_models, fit_classifier))  # the first fits to all
    code, out, error = bywords("train", write_sets(with_signs(90)), "--system", "tfidf-nb", "--out", "model")
    assert (code, "the model is whole, but it was not tested to the end" in out) == (130, True), error
    test = load_classifier("model").record.card.test
    assert (test is None) == (n_models == 0)
    if test is not None:
        assert f"hese are the answers of {n_models} of 10 models" in bywords("info", "model")[1]
        assert test["held_out_in_turn"]["n_done"] == n_models
        assert test["accuracy_interval"] == wilson_interval(test["accuracy"], LEAST_AGREEMENT**2 * test["n_documents"])


def test_a_curve_of_few_documents_with_several_labels_holds_them_all_out_in_turn(bywords):
    data = write_sets(with_signs(120))
    code, out, error = bywords("curve", data, "--system", "tfidf-nb", "--out", "curve")
    assert (code, "of 121 documents, tested on those held out, all in turn" in out) == (0, True), error
    record = json.loads(Path("curve/curve.json").read_text())
    assert (record["metric"], record["n_folds"], record["corpus"]["n_test"]) == ("micro_f1", 5, 120)
    for row in record["sizes"]:
        assert row["micro_f1_interval"][0] < row["micro_f1"] < row["micro_f1_interval"][1]
    assert record["next_labels"]["n_documents"] == 221
    again = bywords("curve", data, "--system", "tfidf-nb", "--out", "curve", "--resume")
    assert (again[0], json.loads(Path("curve/curve.json").read_text())["points"]) == (0, record["points"])


def after(n_calls, function):
    """The function, which Ctrl-C stops when it is called once more than so many times."""
    calls = itertools.count()

    def called(*arguments, **options):
        if next(calls) == n_calls:
            signal.raise_signal(signal.SIGINT)
        return function(*arguments, **options)

    return called


@pytest.mark.parametrize("n_models", [0, 1, 5, 9])
def test_ctrl_c_while_all_are_held_out_in_turn_leaves_the_model_and_what_is_known_of_it(bywords, monkeypatch, n_models):
    train = ["train", write(noisy(90)), "--system", "tfidf-nb", "--out"]
    assert bywords(*train, "whole")[0] == 0
    monkeypatch.setattr(fit, "fit_classifier", after(1 + n_models, fit_classifier))  # the first fits to all
    code, out, error = bywords(*train, "model")
    assert (code, "the model is whole, but it was not tested to the end" in out) == (130, True), error
    whole, model = map(load_classifier, ("whole", "model"))  # the same, as the test comes after it
    assert np.array_equal(whole.predict(["good", "bad"]).probabilities, model.predict(["good", "bad"]).probabilities)
    assert out.splitlines()[-1] == "  bywords train few.csv --system tfidf-nb --out model"
    shown, card, test = bywords("info", "model")[1], Path("model/README.md").read_text(), model.record.card.test
    if not n_models:
        assert "Right on" not in out
        assert test is None
        assert "not tested on others" in shown
        assert "It was not tested on others" in card
        return
    assert test["n_documents"] == min(90, 18 * n_models)
    low, high = test["accuracy_interval"]
    assert (low, high) == wilson_interval(test["accuracy"], LEAST_AGREEMENT**2 * test["n_documents"])
    for told in (out, card, shown):
        assert f"hese are the answers of {n_models} of 10 models" in told
    assert "were not divided" not in out + card
    assert "has learned from 90 of these documents" in bywords("evaluate", "model", "few.csv")[1]


def test_ctrl_c_while_it_is_fitted_to_all_does_not_start_the_test(bywords, monkeypatch):
    options = ("--system", "averaging", "--set", "training.max_epochs=50", "--set", "training.patience=50")
    monkeypatch.setattr(ProgressLines, "epoch", after(3, ProgressLines.epoch))
    code, out, error = bywords("train", write(noisy(60)), "--out", "model", *options)
    assert (code, "the best so far, and it was not tested to the end" in out) == (130, True), error
    assert load_classifier("model").record.card.test is None


@pytest.mark.parametrize(
    ("place", "unfinished"),
    [
        ("bywords.fitted.FittedClassifier.evaluate", "test"),
        ("bywords.training.fit.fit_classifier", "corrections"),
        ("bywords.artifact.compression.compress", "size"),
        ("bywords.cli.train_steps.slices_in", "slices"),
        ("bywords.artifact.description.save_classifier", None),
    ],
)
def test_ctrl_c_after_it_is_trained_loses_nothing_of_what_is_there(bywords, monkeypatch, place, unfinished):
    data = write(noisy(200))
    label = noisy(200).names()[0]
    Path("new.csv").write_text(f"row,label,suggested,confidence,new_label,text\n0,{label},motor,0.9,motor,\n")
    module, name = pkgutil.resolve_name(place.rpartition(".")[0]), place.rpartition(".")[2]
    monkeypatch.setattr(module, name, after(name == "fit_classifier", getattr(module, name)))
    options = ["--system", "tfidf-nb", "--labels", "new.csv", "--max-size", "1MB", "--out", "model", "--json"]
    code, out, error = bywords("train", data, *options)
    assert code == (0 if unfinished is None else 130), error
    found = json.loads(out)
    assert found["unfinished"] == unfinished
    assert (found["test"] is None) == (unfinished == "test")
    assert (found["corrections"] is None) == (unfinished in ("test", "corrections"))
    kept = load_classifier("model").record.card.test
    assert kept is found["test"] is None or kept["accuracy"] == found["test"]["accuracy"]


def test_ctrl_c_while_a_classifier_on_disk_is_tested_leaves_the_classifier(bywords, monkeypatch):
    monkeypatch.setattr(FittedClassifier, "evaluate_on_disk", after(0, FittedClassifier.evaluate_on_disk))
    code, out, error = bywords(
        "train", write(noisy(200)), "--system", "tfidf-nb", "--on-disk", "stored", "--out", "model"
    )
    assert (code, "it was not tested to the end" in out) == (130, True), error
    assert load_classifier("model").record.card.test is None
