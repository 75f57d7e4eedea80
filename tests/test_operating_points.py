"""A wanted precision or recall of a label → its threshold, by answers held out; and what is given by it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_corpus import small_corpus

from bywords.artifact.description import load_classifier, save_classifier
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation import operating_points
from bywords.evaluation.metrics import wilson_bounds
from bywords.evaluation.operating_points import FEWEST, MOST_POINTS, OPEN, OperatingCurves, OperatingPoint, decided
from bywords.system_config import FitParameters
from bywords.systems import SYSTEMS
from bywords.training.fit import fit_classifier

WISHES = [
    *({kind: least} for kind in ("precision", "recall") for least in (0.3, 0.6, 0.8, 0.9)),
    {"precision": 0.5, "recall": 0.5}, {"precision": 0.6, "recall": 0.7},
]  # fmt: skip


def answers(n_documents, *, is_multilabel=False, seed=0, sure=1.5):
    """Probabilities of three classes that are right often, and the true labels."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(3, n_documents, p=[0.5, 0.35, 0.15])
    logits = generator.normal(size=(n_documents, 3)) + sure * (labels[:, np.newaxis] == np.arange(3))
    odds = np.exp(logits.round(2))  # some are equal
    if is_multilabel:
        return odds / (1 + odds), Targets.of(LabelSets.of_table(labels[:, np.newaxis] == np.arange(3)))
    return odds / odds.sum(axis=1, keepdims=True), Targets.of(labels, 3)


def every_point(probabilities, has, asked):
    """Threshold, documents that get the label, and that have it too, for every threshold that there is."""
    points = []
    for threshold in np.unique(probabilities[asked])[::-1]:
        gets = asked & (probabilities >= threshold)
        points.append((gets.sum(), (gets & has).sum()))
    return np.array(points).T


@pytest.mark.parametrize("is_multilabel", [False, True])
@pytest.mark.parametrize("wanted", WISHES, ids=str)
@pytest.mark.parametrize("n_documents", [120, 700])
def test_of_all_thresholds_that_give_what_is_wanted_the_best_is_chosen(monkeypatch, is_multilabel, wanted, n_documents):
    monkeypatch.setattr(operating_points, "MOST_POINTS", 10_000)
    probabilities, targets = answers(n_documents, is_multilabel=is_multilabel)
    curves = OperatingCurves.of(probabilities, targets)
    for label in range(3):
        has = targets.one_hot()[:, label]
        is_likeliest = probabilities.argmax(axis=1) == label
        asked = is_likeliest if not is_multilabel and "recall" not in wanted else np.ones(n_documents, dtype=bool)
        n_given, n_right = every_point(probabilities[:, label], has, asked)
        shares = {"precision": n_right / n_given, "recall": n_right / has.sum()}
        low = {"precision": wilson_bounds(shares["precision"], n_given)[0]}
        low["recall"] = wilson_bounds(shares["recall"], has.sum())[0]
        is_met = np.all([shares[kind] >= least for kind, least in wanted.items()], axis=0)
        is_assured = np.all([low[kind] >= least for kind, least in wanted.items()], axis=0)
        if "precision" in wanted:
            is_met &= n_given >= FEWEST
        is_assured &= is_met
        if not is_met.any():
            with pytest.raises(SettingError, match="no threshold gives"):
                curves.point(label, label, wanted)
            continue
        point = curves.point(label, label, wanted)
        gets = asked & (probabilities[:, label] >= point.threshold)
        assert (point.n_given, point.n_right, point.n_with_label) == (gets.sum(), (gets & has).sum(), has.sum())
        assert point.is_assured == is_assured.any()
        if "precision" not in wanted:
            assert point.precision == shares["precision"][is_assured if is_assured.any() else is_met].max()
        elif is_assured.any():
            assert point.recall == shares["recall"][is_assured].max()
        else:
            assert point.precision_interval[0] == pytest.approx(low["precision"][is_met].max())


def test_a_long_curve_is_thinned_and_never_says_more_than_was_seen():
    probabilities, targets = answers(40_000, sure=0.3, is_multilabel=True)
    curves = OperatingCurves.of(probabilities, targets)
    assert curves.lengths.max() == MOST_POINTS
    for label in range(3):
        has = targets.one_hot()[:, label]
        n_given, n_right = every_point(probabilities[:, label], has, np.ones(len(has), dtype=bool))
        for least in (0.5, 0.55, 0.7):
            point = curves.point(label, label, {"recall": least})
            gets = probabilities[:, label] >= point.threshold
            assert (point.n_given, point.n_right) == (gets.sum(), (gets & has).sum())
            assert point.recall_interval[0] >= least
            best = (n_right / n_given)[wilson_bounds(n_right / has.sum(), has.sum())[0] >= least].max()
            assert best - 0.02 < point.precision <= best


def test_what_cannot_be_reached_is_said_with_what_can():
    probabilities, targets = answers(300, sure=0.5)
    curves = OperatingCurves.of(probabilities, targets)
    with pytest.raises(
        SettingError, match=r"no threshold gives 'c' a precision of 100\.0%: .* the best is \d\d\.\d% \("
    ):
        curves.point(2, "c", {"precision": 1.0})
    with pytest.raises(
        SettingError, match=r"precision of 40\.0% and a recall of 100\.0% together.* recall is at most .*"
    ):
        curves.point(2, "c", {"precision": 0.4, "recall": 1.0})
    rare = Targets.of(np.where(np.arange(300) < FEWEST - 1, 2, targets.codes % 2), 3)
    with pytest.raises(SettingError, match=r"too few of the 300 documents .* the label 'c': 9, and it takes 10"):
        OperatingCurves.of(probabilities, rare).point(2, "c", {"precision": 0.5})
    never = probabilities * [1, 1, 1e-9]
    with pytest.raises(SettingError, match="fewer than 10 of the documents held out got the label 'c'"):
        OperatingCurves.of(never, targets).point(2, "c", {"precision": 0.5})
    assert OperatingCurves.of(never, targets).point(2, "c", {"recall": 0.5}).recall >= 0.5


@pytest.mark.parametrize(
    "wanted",
    [{}, None, 0.9, {"f1": 0.9}, {"precision": 0}, {"precision": 1.1}, {"recall": True}, {"recall": "all"},
     {"precision": float("nan")}],
)  # fmt: skip
def test_wishes_that_are_none_are_refused(wanted):
    with pytest.raises(SettingError, match=r"'a'.*(as in|did you mean)"):
        OperatingCurves.of(*answers(100)).point(0, "a", wanted)


def point_of(index, threshold, **wanted):
    return OperatingPoint(
        label=index,
        index=index,
        wanted=wanted,
        threshold=threshold,
        n_documents=9,
        n_with_label=5,
        n_given=3,
        n_right=2,
    )


def test_a_label_with_a_wanted_precision_is_given_where_it_is_likeliest_and_one_with_a_wanted_recall_before_others():
    probabilities = np.array([[0.9, 0.06, 0.04], [0.6, 0.3, 0.1], [0.3, 0.5, 0.2], [0.35, 0.25, 0.4], [0.5, 0.1, 0.4]])
    likeliest = probabilities.argmax(axis=1)

    def by(points):
        return decided(points, probabilities[:, [point.index for point in points]], likeliest)

    assert by([point_of(0, 0.7, precision=0.9)]).tolist() == [0, OPEN, 1, 2, OPEN]
    assert by([point_of(2, 0.2, recall=0.9)]).tolist() == [0, 0, 2, 2, 2]
    both = [point_of(1, 0.3, recall=0.9), point_of(2, 0.15, recall=0.9)]
    assert by(both).tolist() == [0, 1, 1, 2, 2]
    mixed = [point_of(0, 0.7, precision=0.9), point_of(1, 0.3, recall=0.9, precision=0.5)]
    assert by(mixed).tolist() == [0, 1, 1, 2, OPEN]
    assert likeliest.tolist() == [0, 0, 1, 2, 0]


@pytest.fixture(scope="module")
def fitted():
    """A classifier of labels of which one in eight is wrong, so that answers are too."""
    corpus = small_corpus(900)
    generator = np.random.default_rng(0)
    noisy = np.where(generator.random(900) < 0.12, generator.permutation(corpus.names()), corpus.names())
    return fit_classifier(SYSTEMS["tfidf-nb"], corpus.texts, noisy, parameters=FitParameters(validation_share=0.5))


@pytest.fixture
def model(fitted, tmp_path):
    save_classifier(fitted, tmp_path / "model")
    return tmp_path / "model"


def new_texts():
    corpus = small_corpus(200, seed=5)
    mixed = [f"{one} {other}" for one, other in zip(corpus.texts, corpus.texts[1:], strict=False)]
    return [*corpus.texts, *mixed]


def test_a_classifier_gives_labels_by_what_is_wanted_and_says_the_same_when_it_was_saved(fitted, model):
    loaded, texts = load_classifier(model), new_texts()
    point = fitted.operating_point("sport", precision=0.8)
    assert loaded.operating_point("sport", precision=0.8) == point
    plain, found = fitted.predict(texts), loaded.predict(texts, at_least={"sport": {"precision": 0.8}})
    probability = plain.probabilities[:, point.index]
    expected = [
        None if label == "sport" and one < point.threshold else label
        for label, one in zip(plain.labels.tolist(), probability.tolist(), strict=True)
    ]
    assert found.labels.tolist() == expected
    assert None in expected
    assert "sport" in expected
    wide = fitted.operating_point("sport", recall=0.9)
    gets = fitted.predict(texts, at_least={"sport": {"recall": 0.9}}).labels == "sport"
    assert (gets == (probability >= wide.threshold)).all()
    with pytest.raises(SettingError, match="Did you mean 'sport'"):
        fitted.predict(texts, at_least={"sprt": {"recall": 0.9}})
    with pytest.raises(SettingError, match=r"at_least is 0\.9"):
        fitted.predict(texts, at_least=0.9)
    with pytest.raises(SettingError, match="a label twice"):
        fitted.predict(texts, at_least={"sport": {"recall": 0.9}, Path("sport"): {"recall": 0.8}})
    assert fitted.predict([], at_least={"sport": {"recall": 0.9}}).labels.tolist() == []


def test_of_a_model_that_was_made_smaller_it_is_said_that_the_curves_are_older(fitted, bywords, tmp_path):
    save_classifier(replace(fitted, storage=dict.fromkeys(fitted.model.arrays(), "float16")), tmp_path / "small")
    smaller = load_classifier(tmp_path / "small")
    assert smaller.operating_point("sport", precision=0.8) == fitted.operating_point("sport", precision=0.8)
    assert "before it was made smaller" in bywords("predict", "small", "a goal", "--at-least", "recall:sport=0.8")[2]


def test_learning_from_the_test_documents_too_keeps_the_curves_of_those_held_out():
    corpus, more = small_corpus(200), small_corpus(100, seed=1)
    seen = []
    after = fit_classifier(
        SYSTEMS["tfidf-nb"], corpus.texts, corpus.names(), test=(more.texts, more.names()), on_fitted=seen.append
    )
    assert after.record.summary.n_learned_after == 100
    assert after.operating_curves is seen[0].operating_curves
    assert after.operating_curves.n_documents == after.reliability.n_documents


def test_predict_leaves_open_what_is_not_sure_enough_and_says_what_it_expects(bywords, model, fitted, tmp_path):
    texts = new_texts()
    (tmp_path / "in.txt").write_text("\n".join(texts))
    code, shown, told = bywords("predict", "model", "in.txt", "--at-least", "precision:sport=80%", "--top-k", 2)
    rows = [json.loads(line) for line in shown.splitlines()]
    wanted = {"sport": {"precision": 0.8}}
    expected = fitted.predict(texts, at_least=wanted).labels.tolist()
    assert (code, [row["label"] for row in rows]) == (0, expected)
    assert all(len(row["labels"]) == 2 for row in rows)
    point = fitted.operating_point("sport", precision=0.8)
    assert f"sport, for at least a precision of 80.0%: given at or above a probability of {point.threshold:.3g}" in told
    assert f"precision {point.precision:.1%} ({point.precision_interval[0]:.1%} to " in told
    assert f"{len(texts) - expected.count(None)} of {len(texts)} texts got a label" in told
    wide = [
        json.loads(line)
        for line in bywords("predict", "model", "in.txt", "--at-least", "recall:sport=0.9")[1].splitlines()
    ]
    least = fitted.operating_point("sport", recall=0.9).threshold
    given = [row for row in wide if row["label"] == "sport"]
    assert len(given) > expected.count("sport")
    assert min(row["probability"] for row in given) == pytest.approx(least, abs=0.1)
    assert any(row["probability"] < 0.5 for row in given)  # that of the label that is given


def test_a_label_with_a_threshold_of_its_own_needs_no_other_confidence(bywords, model, fitted, tmp_path):
    (tmp_path / "in.txt").write_text("\n".join(new_texts()))
    options = ("--at-least", "recall:sport=0.9", "--min-confidence", "0.99")
    rows = [json.loads(line) for line in bywords("predict", "model", "in.txt", *options)[1].splitlines()]
    found = fitted.predict(new_texts())
    reaches = found.probabilities[:, 2] >= fitted.operating_point("sport", recall=0.9).threshold
    sure = np.where(found.probabilities.max(axis=1) >= 0.99, found.labels, None)
    expected = np.where(found.out_of_distribution, None, np.where(reaches, "sport", sure))
    assert fitted.classes.tolist()[2] == "sport"
    assert [row["label"] for row in rows] == expected.tolist()


def test_a_warning_says_that_what_is_asked_is_not_sure(bywords, model):
    assert "begins below" not in bywords("predict", "model", "a goal", "--at-least", "precision:sport=0.8")[2]
    assert "the interval begins below" in bywords("predict", "model", "a goal", "--at-least", "precision:sport=1")[2]
    assert "the interval begins below" in bywords("predict", "model", "a goal", "--at-least", "recall:sport=1")[2]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            "sport",
            "expected precision or recall, a colon, a label, an equals sign and a share, as in precision:motor=0.95",
        ),
        ("precision:sport", "an equals sign"),
        ("precision:=0.9", "a colon, a label"),
        ("precison:sport=0.9", "Did you mean 'precision'?"),
        ("f1:sport=0.9", "expected precision or recall before the colon"),
        ("recall:sprot=0.9", "Did you mean 'sport'?"),
        ("recall:sport=0", "expected a recall above 0 and up to 1"),
        ("recall:sport=1.2", "expected a recall above 0 and up to 1, as in precision:motor=0.95 or 95%"),
        ("recall:sport=120%", "expected a recall"),
        ("recall:sport=nan", "expected a recall"),
        ("recall:sport=", "expected a recall"),
        ("recall:sport=-0.5", "expected a recall"),
        (f"recall:sport={'9' * 400}", "expected a recall"),
        ("", "expected precision or recall"),
        ("==", "expected precision or recall"),
        ("::=:=", "expected precision or recall"),
        (f"precision:{'x' * 5000}=0.5", "the model has no label"),
        ("precision:a\x1b[31m=0.5", "the model has no label"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_what_is_asked_of_a_label_is_checked(bywords, model, command, asked, message):
    code, shown, told = bywords(
        command, "model", "nothing.csv" if command == "evaluate" else "a goal", "--at-least", asked
    )
    assert (code, shown) == (2, "")
    assert message in told
    assert told.count("\n") == 1


def test_twice_the_same_is_refused_and_both_kinds_hold_together(bywords, model, fitted):
    twice = ("--at-least", "recall:sport=0.9", "--at-least", "Recall:sport=0.8")
    assert "the recall of 'sport' is asked for twice" in bywords("predict", "model", "a goal", *twice)[2]
    both = ("--at-least", "recall:sport=0.7", "--at-least", "precision:sport=0.6")
    code, _, told = bywords("predict", "model", "a goal", *both)
    assert code == 0
    hopeless = bywords("predict", "model", "a goal", "--at-least", "recall:sport=1", "--at-least", "precision:sport=1")
    assert hopeless[:2] == (2, "")
    assert "together. On the documents held out, with that precision the recall is at most" in hopeless[2]
    assert "at least a recall of 70.0% and a precision of 60.0%" in told


def test_a_run_is_resumed_with_what_was_asked_of_labels_alone(bywords, model, tmp_path, monkeypatch):
    from bywords.cli import predict as command

    (tmp_path / "in.txt").write_text("\n".join(new_texts()))
    monkeypatch.setattr(command, "CHUNK_ROWS", 50)
    calls, answer = [], command.Answers.__call__

    def stops(self, found):
        calls.append(len(found.labels))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return answer(self, found)

    arguments = ("predict", "model", "in.txt", "--out", "out.csv", "--at-least")
    with monkeypatch.context() as patched:
        patched.setattr(command.Answers, "__call__", stops)
        assert bywords(*arguments, "recall:sport=0.9")[0] == 130
    code, _, told = bywords(*arguments, "recall:sport=0.8", "--resume")
    assert (code, "at least was ['recall:sport=0.9'] and is" in told) == (2, True)
    assert bywords(*arguments, "recall:sport=0.9", "--resume")[0] == 0
    resumed = (tmp_path / "out.csv").read_bytes()
    (tmp_path / "out.csv").unlink()
    bywords(*arguments, "recall:sport=0.9")
    assert (tmp_path / "out.csv").read_bytes() == resumed


def test_evaluate_says_what_is_kept_beside_what_was_expected(bywords, model, fitted, tmp_path):
    corpus = small_corpus(300, seed=7)
    names = np.where(np.arange(300) % 9 == 0, "motor", corpus.names())
    pl.DataFrame({"text": corpus.texts, "label": names}).write_csv(tmp_path / "new.csv")
    options = ("--at-least", "precision:sport=0.8", "--at-least", "recall:motor=0.8")
    (motor, sport) = json.loads(bywords("evaluate", "model", "new.csv", *options, "--json")[1])["at_least"]
    wanted = {"sport": {"precision": 0.8}, "motor": {"recall": 0.8}}
    labels = fitted.predict(corpus.texts, at_least=wanted).labels
    for row, label in ((motor, "motor"), (sport, "sport")):
        gets, has = labels == label, names == label
        assert row["precision"] == (gets & has).sum() / gets.sum()
        assert row["recall"] == (gets & has).sum() / has.sum()
        assert (row["n_precision"], row["n_recall"]) == (gets.sum(), has.sum())
        point = fitted.operating_point(label, **wanted[label])
        assert row["expected"] == json.loads(json.dumps(point.plain()))
    shown = bywords("evaluate", "model", "new.csv", *options)[1]
    (line,) = (line for line in shown.splitlines() if line.startswith("sport, precision"))
    assert line.split()[2] == "80.0%"
    assert f"{sport['precision']:.1%} (" in line
    assert f"{sport['expected']['precision']:.1%} (" in line


@pytest.fixture(scope="module")
def many_labels(tmp_path_factory):
    corpus = small_corpus(600)
    generator = np.random.default_rng(0)
    sets = [
        [name, "any"] if drawn < 0.4 else [name]
        for name, drawn in zip(corpus.names(), generator.random(600), strict=True)
    ]
    return fit_classifier(SYSTEMS["tfidf-nb"], corpus.texts, sets, parameters=FitParameters(validation_share=0.5))


def test_of_any_number_of_labels_one_that_is_asked_for_has_another_threshold(many_labels, bywords, tmp_path):
    texts, at_least = new_texts(), {"any": {"recall": 0.7}}
    point, plain = many_labels.operating_point("any", recall=0.7), many_labels.predict(texts)
    others = [set(labels) - {"any"} for labels in plain.labels]
    reaches = plain.probabilities[:, point.index] >= point.threshold
    expected = [given | ({"any"} if one else set()) for given, one in zip(others, reaches.tolist(), strict=True)]
    assert list(map(set, many_labels.predict(texts, at_least=at_least).labels)) == expected
    save_classifier(many_labels, tmp_path / "many")
    (tmp_path / "in.txt").write_text("\n".join(texts))
    options = ("--at-least", "recall:any=0.7")
    rows = [json.loads(line) for line in bywords("predict", "many", "in.txt", *options)[1].splitlines()]
    assert [set(row["labels"]) for row in rows] == expected
    rows = [json.loads(line) for line in bywords("predict", "many", "in.txt", *options, "--top-k", 1)[1].splitlines()]
    likeliest = plain.probabilities.argmax(axis=1)
    for row, first, one in zip(rows, likeliest.tolist(), reaches.tolist(), strict=True):
        name = many_labels.classes.tolist()[first]
        assert row["labels"] == ([] if name == "any" and not one else [name])


def test_evaluate_of_any_number_of_labels_is_of_the_thresholds_that_are_asked_for(many_labels, bywords, tmp_path):
    corpus = small_corpus(200, seed=3)
    has = np.arange(200) % 3 == 0
    names = [f"{name}|any" if one else name for name, one in zip(corpus.names(), has, strict=True)]
    pl.DataFrame({"text": corpus.texts, "label": names}).write_csv(tmp_path / "new.csv")
    save_classifier(many_labels, tmp_path / "many")
    options = ("--label-separator", "|", "--at-least", "recall:any=0.7", "--json")
    found = json.loads(bywords("evaluate", "many", "new.csv", *options)[1])
    (row,), point = found["at_least"], many_labels.operating_point("any", recall=0.7)
    gets = many_labels.predict(corpus.texts).probabilities[:, point.index] >= point.threshold
    assert (row["precision"], row["recall"]) == ((gets & has).sum() / gets.sum(), (gets & has).sum() / has.sum())
    (by_class,) = (one for one in found["per_class"] if one["label"] == "any")
    assert (by_class["threshold"], by_class["precision"]) == (point.threshold, row["precision"])


@pytest.mark.parametrize("is_multilabel", [False, True])
def test_a_model_that_finds_the_likeliest_alone_says_that_it_knows_no_threshold(is_multilabel, fitted, monkeypatch):
    _, targets = answers(500, is_multilabel=is_multilabel)
    none = OperatingCurves.none(targets)
    kept = OperatingCurves.restored(none.arrays(), 500, 3, is_multilabel=is_multilabel)
    assert kept.n_with.tolist() == targets.counts().tolist()
    monkeypatch.setattr(type(fitted.model), "is_ranked", True)
    with pytest.raises(SettingError, match="finds the likeliest of many labels alone"):
        fitted.operating_point(fitted.classes[0], precision=0.9)


def test_a_model_that_kept_no_curves_says_so(fitted):
    empty = replace(
        fitted, operating_curves=OperatingCurves.of(np.zeros((0, 3)), Targets.of(np.zeros(0, dtype=np.int64), 3))
    )
    with pytest.raises(SettingError, match="too few of the 0 documents held out"):
        empty.operating_point("sport", precision=0.9)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("thresholds", lambda values: np.roll(values, 1)),
        ("thresholds", np.zeros_like),
        ("n_right", lambda counts: counts[::-1]),
        ("n_given", lambda counts: counts + 300),
        ("n_right", lambda counts: counts * 2),
        ("n_with", lambda counts: counts + 1),
        ("n_with", lambda counts: counts[::-1]),
        ("lengths", lambda lengths: lengths[:, ::-1]),
        ("lengths", lambda lengths: lengths[::-1]),
        ("thresholds", lambda values: values.astype(np.float64)),
    ],
)
def test_curves_that_no_answers_give_are_refused(name, change):
    probabilities, targets = answers(400)
    arrays = OperatingCurves.of(probabilities, targets).arrays()
    assert OperatingCurves.restored(arrays, 400, 3, is_multilabel=False).point(0, "a", {"precision": 0.5})
    changed = arrays | {name: np.ascontiguousarray(change(arrays[name]))}
    with pytest.raises(SettingError):
        OperatingCurves.restored(changed, 400, 3, is_multilabel=False)
    with pytest.raises(SettingError):
        OperatingCurves.restored(arrays, 100, 3, is_multilabel=False)


@pytest.mark.parametrize(
    "wild", [None, 7, "", "x" * 5000, b"x", (), object(), np.array([1.5, 2]), print, 1j, float("nan")], ids=type
)
def test_wild_labels_and_wishes_are_refused(fitted, wild):
    for call in (
        lambda: fitted.operating_point(wild, precision=0.5),
        lambda: fitted.operating_point("sport", precision=wild),
        lambda: fitted.predict(["x"], at_least={"sport": wild}),
        lambda: fitted.predict(["x"], at_least={"sport": {"recall": wild}}),
        lambda: fitted.predict(["x"], at_least=[wild]),
    ):
        with pytest.raises(SettingError):
            call()
