"""Learning curves: nested parts of the documents, a fitted law, a forecast that can be checked, and its page."""

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import HOSTILE, Page, needs_chromium, opened
from small_corpus import small_corpus

from bywords.classifier import TextClassifier
from bywords.data.corpus import Corpus, Split, labelled_as
from bywords.errors import DataError, SettingError
from bywords.experiments.forecast import (
    backtest,
    backtest_sentence,
    drawn_scores,
    fit_power_law,
    forecast,
    sentence,
    sizes_needed,
)
from bywords.experiments.learning_curve import labels_missing, learning_curve, right_answers
from bywords.records.base import from_json, plain, to_json, typed
from bywords.records.curve import Backtest, CurveRecord, Forecast, PowerLaw
from bywords.report import render_curve

SIZES = [500, 1_000, 2_000, 4_000, 8_000]


def noisy_split(n_train=400, n_test=150):
    """Documents of which one in five has a label of another class, so that there are mistakes to count."""
    parts = []
    for n_documents, seed in ((n_train, 0), (n_test, 1)):
        corpus = small_corpus(n_documents, seed=seed)
        names = corpus.names()
        is_moved = np.random.default_rng(seed).random(n_documents) < 0.2
        parts.append(Corpus.of(corpus.name, corpus.texts, np.where(is_moved, np.roll(names, 1), names).tolist()))
    return Split(*parts)


@pytest.fixture(scope="module")
def split():
    return noisy_split()


@pytest.fixture(scope="module")
def run(split):
    return learning_curve(split, "tfidf-nb", seeds=[0, 1])


def drawn_right(generator, n_seeds=3, n_test=400, *, a=0.05, b=2.0, c=0.35, sizes=SIZES):
    """Answers of which so many are wrong as the law has it, but for chance: of seeds and of test documents."""
    difficulty = generator.random(n_test)
    errors = a + b * np.array(sizes) ** -c
    of_seed = errors + generator.normal(scale=0.004, size=(n_seeds, len(sizes)))
    return difficulty > of_seed[:, :, np.newaxis]


def without_times(value):
    """The record without what differs from run to run."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if "second" not in key and key != "created"}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("rate", [0.2, 0.35, 0.8])
@pytest.mark.parametrize("asymptote", [0.0, 0.08])
def test_a_law_is_found_again_in_its_own_points(asymptote, rate):
    errors = asymptote + 3.0 * np.array(SIZES) ** -rate
    law = fit_power_law(SIZES, errors, 10_000_000)
    np.testing.assert_allclose(law.errors([*SIZES, 16_000]), [*errors, asymptote + 3.0 * 16_000**-rate], atol=2e-3)
    assert law.c == pytest.approx(rate, rel=0.1)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=5), st.integers(1, 10_000))
def test_whatever_the_points_a_law_never_rises_and_leaves_no_less_than_no_errors(errors, n_test):
    law = fit_power_law(SIZES[: len(errors)], errors, n_test)
    assert min(law.a, law.b, law.c) >= 0
    found = law.errors(np.geomspace(10, 1e9, 30))
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found) <= 1e-12)


def test_a_law_that_would_go_below_no_errors_ends_there_and_suits_the_points_as_well_as_it_can():
    errors = np.array([0.40, 0.35, 0.28, 0.18, 0.02])  # ever faster, which no power law is
    law = fit_power_law(SIZES, errors, 1_000)
    weights = 1_000 / (errors * (1 - errors))

    def loss(b):
        return float((weights * (errors - b * np.array(SIZES) ** -law.c) ** 2).sum())

    assert law.a == 0
    assert loss(law.b) < min(loss(0.99 * law.b), loss(1.01 * law.b))


def test_a_few_points_that_chance_has_moved_make_no_wild_law():
    assert fit_power_law(SIZES[:3], [0.30, 0.20, 0.199], 100).c < 1  # 2 would suit them best


def test_the_interval_of_a_forecast_holds_the_truth_in_most_drawn_worlds():
    generator = np.random.default_rng(0)
    truth = 1 - (0.05 + 2.0 * 16_000**-0.35)
    is_held = []
    for _ in range(25):
        found = forecast(SIZES, drawn_right(generator), 16_000)
        low, high = found.interval
        is_held.append(low <= truth <= high)
        assert low <= found.score <= high
        assert high - low < 0.12
    assert np.mean(is_held) >= 0.9


def test_a_forecast_is_bits_of_its_seed_and_its_parts_agree():
    right = drawn_right(np.random.default_rng(0))
    found = forecast(SIZES, right, 16_000)
    assert found == forecast(SIZES, right, 16_000)
    assert found != forecast(SIZES, right, 16_000, seed=1)
    assert typed(Forecast, plain(found)) == found
    assert found.now == right[:, -1].mean()
    assert found.gain == pytest.approx(found.score - found.now)
    assert (found.band[0].n_documents, found.band[-1].n_documents) == (500, 16_000)
    assert (found.band[-1].low, found.band[-1].high) == found.interval


def test_what_is_always_right_is_forecast_to_stay_so():
    found = forecast(SIZES, np.ones((2, 5, 50), dtype=bool), 16_000)
    assert found.score == pytest.approx(1, abs=1e-6)
    assert found.interval[0] > 0.95


def test_a_law_that_missed_the_largest_size_gives_a_wider_interval():
    right = drawn_right(np.random.default_rng(0))
    broken = right.copy()
    broken[:, -1] &= np.arange(400) % 10 > 0  # a tenth more is wrong with all documents
    usual, widened = (np.ptp(forecast(SIZES, answers, 16_000).gain_interval) for answers in (right, broken))
    assert widened > 3 * abs(backtest(SIZES, broken).error) > 2 * usual


def test_drawn_scores_spread_as_seeds_and_documents_do():
    generator = np.random.default_rng(0)
    alike = np.broadcast_to(generator.random(1_000) < 0.8, (3, 1, 1_000))
    assert drawn_scores(alike, generator).std() == pytest.approx(np.sqrt(0.8 * 0.2 / 1_000), rel=0.1)
    of_seed = np.array([0.5, 0.7, 0.9])
    apart = np.arange(1_000) < (1_000 * of_seed)[:, np.newaxis, np.newaxis]
    expected = np.sqrt(of_seed.var(ddof=1) / 3 + 0.7 * 0.3 / 1_000)
    assert drawn_scores(apart, generator).std() == pytest.approx(expected, rel=0.1)


def test_a_backtest_sees_all_but_the_largest_size():
    right = drawn_right(np.random.default_rng(0))
    found = backtest(SIZES, right)
    assert (found.from_documents, found.n_documents) == (4_000, 8_000)
    assert found.forecast == forecast(SIZES[:-1], right[:, :-1], 8_000).score
    assert found.score == right[:, -1].mean()
    assert found.error == found.forecast - found.score
    assert found.holds
    wrong = right.copy()
    wrong[:, -1] = False
    assert not backtest(SIZES, wrong).holds
    assert backtest(SIZES[:3], right[:, :3]) is None


def test_one_seed_needs_one_size_more():
    right = drawn_right(np.random.default_rng(0))
    assert (sizes_needed(1), sizes_needed(2)) == (4, 3)
    forecast(SIZES[:3], right[:, :3], 4_000)
    with pytest.raises(DataError, match="a forecast needs 4 sizes, found 3"):
        forecast(SIZES[:3], right[:1, :3], 4_000)


def test_a_forecast_says_whether_more_texts_are_worth_it():
    found = Forecast(
        n_documents=40_000, score=0.934, interval=(0.926, 0.941), now=0.928, gain=0.006,
        gain_interval=(0.003, 0.009), law=PowerLaw(a=0.02, b=0.6, c=0.3), band=[],
    )  # fmt: skip
    assert sentence(found) == (
        "With twice the documents (40,000) about 93.4% (92.6% to 94.1%) instead of 92.8%, a gain of 0.6 points "
        "(0.3 to 0.9): more texts like these will help little."
    )
    assert sentence(replace(found, gain_interval=(0.003, 0.02))).endswith("more texts like these will help.")
    assert sentence(replace(found, gain_interval=(-0.003, 0.02))).endswith("more texts like these may help.")


def test_a_curve_that_falls_promises_nothing():
    generator = np.random.default_rng(0)
    right = generator.random((3, 5, 400)) < np.array([0.80, 0.78, 0.77, 0.75, 0.73])[:, np.newaxis]
    said = sentence(forecast([100, 200, 400, 800, 1600], right, 3200))
    assert said.startswith("Accuracy does not rise with the documents at hand, ")


def test_a_backtest_says_how_far_off_it_was():
    found = Backtest(
        from_documents=2_726, n_documents=5_452, forecast=0.906, interval=(0.887, 0.918), score=0.916, error=-0.01,
        holds=True,
    )  # fmt: skip
    assert backtest_sentence(found) == (
        "Checked: from up to 2,726 documents, 90.6% (88.7% to 91.8%) would have been forecast for 5,452; it is 91.6%, "
        "1.0 points off."
    )
    assert "off and outside of the interval" in backtest_sentence(replace(found, holds=False))


def test_a_curve_has_a_point_for_each_size_and_seed_and_the_test_part_never_changes(run, split):
    assert [(point.n_documents, point.seed) for point in run.points] == [
        (size, seed) for size in (25, 50, 100, 200, 400) for seed in (0, 1)
    ]
    assert [row.n_documents for row in run.sizes] == [25, 50, 100, 200, 400]
    assert run.finished
    assert run.forecast.n_documents == 800
    assert run.backtest.n_documents == 400
    assert run.notes == []
    assert from_json(CurveRecord, to_json(run), where="curve.json") == run
    _, right = right_answers(run)
    assert right.shape == (2, 5, 150)
    for index, row in enumerate(run.sizes):
        assert row.accuracy == pytest.approx(right[:, index].mean())
        assert row.accuracy_interval[0] < row.accuracy < row.accuracy_interval[1]
        assert row.accuracy_spread.min <= row.accuracy <= row.accuracy_spread.max
    whole = TextClassifier("tfidf-nb").fit(split.train.texts, split.train.names())
    evaluation = whole.evaluate(split.test.texts, split.test.names())
    assert right[0, -1].tolist() == (evaluation.predicted == evaluation.labels).tolist()
    assert run.points[-2].log_loss == evaluation.log_loss


def test_the_same_seeds_give_the_same_curve(run, split):
    assert without_times(learning_curve(split, "tfidf-nb", seeds=[0, 1])) == without_times(run)


def test_ctrl_c_keeps_the_points_there_are_and_a_later_run_goes_on_to_the_same_curve(run, split, monkeypatch):
    left = []

    def stop_at_the_seventh(so_far, point):
        assert point == so_far.points[-1]
        left[:] = [from_json(CurveRecord, to_json(so_far), where="curve.json")]
        if len(so_far.points) == 7:
            raise KeyboardInterrupt

    cut = learning_curve(split, "tfidf-nb", seeds=[0, 1], on_point=stop_at_the_seventh)
    assert not cut.finished
    assert [len(cut.points), len(cut.sizes)] == [7, 3]
    assert cut.forecast.n_documents == 200  # twice the largest size that all seeds have
    assert left == [cut]
    fitted = []
    started = TextClassifier.fit
    monkeypatch.setattr(TextClassifier, "fit", lambda *a, **more: fitted.append(1) or started(*a, **more))
    whole = learning_curve(split, "tfidf-nb", seeds=[0, 1], earlier=left[0])
    assert without_times(whole) == without_times(run)
    assert len(fitted) == 3


def test_a_run_of_something_else_is_not_gone_on_with(run, split):
    with pytest.raises(SettingError, match="of another run: system was 'tfidf-nb' and is 'tfidf-svc'"):
        learning_curve(split, "tfidf-svc", seeds=[0, 1], earlier=run)
    other = Split(split.train.select(np.arange(399)), split.test)
    with pytest.raises(SettingError, match="not the same documents"):
        learning_curve(other, "tfidf-nb", seeds=[0, 1], earlier=run)


def test_parts_that_would_be_too_small_are_left_out_and_said():
    run = learning_curve(noisy_split(100, 60), "tfidf-nb", seeds=[0])
    assert [row.n_documents for row in run.sizes] == [25, 50, 100]
    assert run.notes == [
        "Left out: 1/16 and 1/8 of the documents, which would be fewer than 20: 20 and two of each class.",
        "There is no forecast: it needs 4 sizes or more seeds.",
    ]
    assert (run.forecast, run.backtest) == (None, None)


def test_a_part_has_two_documents_of_each_class():
    corpus = small_corpus(600)
    names = [*corpus.names()[:-40].tolist(), *(f"rare {number // 2}" for number in range(40))]
    split = Split(Corpus.of("rare", corpus.texts, names), Corpus.of("rare", corpus.texts[-45:], names[-45:]))
    run = learning_curve(split, "tfidf-nb", seeds=[0])
    assert [row.n_documents for row in run.sizes] == [75, 150, 300, 600]  # 1/16 would be 38, 23 classes need 46
    assert run.notes[0].startswith("Left out: 1/16 of the documents, which would be fewer than 46")


def test_what_cannot_have_a_curve_says_why(split):
    with pytest.raises(DataError, match=r"30 training documents are too few for a curve: half of them have to be 20"):
        learning_curve(noisy_split(30, 30), "tfidf-nb")
    with pytest.raises(DataError, match=r"20 and two of each label that is a text's rarest\. Add"):
        learning_curve(Split(*map(_as_sets, (noisy_split(30, 30).train, noisy_split(30, 30).test))), "tfidf-nb")
    with pytest.raises(SettingError, match="there is no system 'tfidf'"):
        learning_curve(split, "tfidf")
    with pytest.raises(SettingError, match="at least one seed"):
        learning_curve(split, "tfidf-nb", seeds=[])


def _as_sets(corpus):
    return labelled_as(corpus, multilabel=True)


# Documents with any number of labels


def sets_split(n_train=320, n_test=100):
    """Half of the documents have a second label, which says what their first words are, and a few have none."""
    parts = []
    for part in (noisy_split(n_train, n_test).train, noisy_split(n_train, n_test).test):
        names = [[name, *(["odd"] if row % 2 else [])] if row % 10 else [] for row, name in enumerate(part.names())]
        texts = [("odd one " if row % 2 else "") + text for row, text in enumerate(part.texts)]
        parts.append(Corpus.of_sets(part.name, texts, pl.Series(names)))
    return Split(*parts)


@pytest.fixture(scope="module")
def run_of_sets():
    return learning_curve(sets_split(), "tfidf-nb", seeds=[0, 1])


def test_a_curve_of_several_labels_is_of_the_micro_f1_that_evaluating_gives(run_of_sets):
    split, run = sets_split(), run_of_sets
    assert (run.metric, [row.n_documents for row in run.sizes], run.finished) == (
        "micro_f1",
        [20, 40, 80, 160, 320],
        True,
    )
    whole = TextClassifier("tfidf-nb").fit(split.train.texts, split.train.names())
    evaluation = whole.evaluate(split.test.texts, split.test.names())
    point = run.points[-2]
    assert (point.score, point.macro_f1) == (evaluation.f1["micro_f1"], evaluation.f1["macro_f1"])
    assert (point.accuracy, point.log_loss) == (evaluation.accuracy, evaluation.summary()["log_loss"])
    for row in run.sizes:
        assert row.score_interval[0] < row.score < row.score_interval[1]
        assert row.accuracy_interval[0] < row.accuracy < row.accuracy_interval[1]
        assert row.score == pytest.approx(np.mean([row.score_spread.min, row.score_spread.max]))
    assert run.forecast.now == pytest.approx(run.sizes[-1].score)
    assert run.backtest.score == pytest.approx(run.sizes[-1].score)
    assert from_json(CurveRecord, to_json(run), where="curve.json") == run


def test_a_curve_of_several_labels_goes_on_and_refuses_counts_that_are_not_of_these_documents(run_of_sets):
    again = learning_curve(sets_split(), "tfidf-nb", seeds=[0, 1], earlier=run_of_sets)
    assert without_times(again) == without_times(run_of_sets)
    first = run_of_sets.points[0]
    for counts in ("", "?", first.label_counts[:-8], "AAAA" * (len(first.label_counts) // 4)):
        forged = replace(run_of_sets, points=[replace(first, label_counts=counts), *run_of_sets.points[1:]])
        with pytest.raises(DataError, match=r"the earlier record of 20 documents.*Start anew without --resume"):
            learning_curve(sets_split(), "tfidf-nb", seeds=[0, 1], earlier=forged)
    forged = replace(run_of_sets, points=[replace(first, micro_f1=first.micro_f1 / 2), *run_of_sets.points[1:]])
    with pytest.raises(DataError, match="its micro F1 is"):
        learning_curve(sets_split(), "tfidf-nb", seeds=[0, 1], earlier=forged)


def test_labels_that_a_small_part_lacks_are_counted_and_said():
    split = sets_split(30)  # "odd" is in every second document
    assert labels_missing(split, [np.arange(30), np.arange(12)]) == []
    assert labels_missing(split, [np.arange(12), np.arange(2, 30, 2)]) == [
        "Of 4 labels up to 1 are in no document of the smallest part: there they are never given, and count as missed."
    ]
    assert labels_missing(noisy_split(30), [np.arange(1)]) == []


def test_an_accuracy_is_the_ratio_that_a_micro_f1_is_where_each_document_has_one_label():
    right = drawn_right(np.random.default_rng(0))
    ratio, share = forecast(SIZES, 2 * right, 16_000, of=np.full(right.shape, 2)), forecast(SIZES, right, 16_000)
    assert (ratio.score, ratio.now, *ratio.interval) == pytest.approx((share.score, share.now, *share.interval))
    checked = backtest(SIZES, 2 * right, of=np.full(right.shape, 2))
    assert (checked.score, checked.forecast) == pytest.approx((right[:, -1].mean(), backtest(SIZES, right).forecast))
    nothing = np.zeros_like(right, dtype=np.int64)
    assert forecast(SIZES, nothing, 16_000, of=nothing).now == 0


def test_the_page_and_the_words_of_several_labels_say_micro_f1_and_no_percentage(run_of_sets):
    page = Page(render_curve(run_of_sets))
    assert "test micro F1" in page.text
    assert "test accuracy" not in page.text
    said = sentence(run_of_sets.forecast, "micro_f1")
    assert (
        re.match(r"With twice the documents \(640\) a micro F1 of about 0\.\d{3} \(0", said) or "Micro F1 does" in said
    )
    assert "%" not in said + backtest_sentence(run_of_sets.backtest, "micro_f1")
    assert said in page.text


# The command


@pytest.fixture
def files(tmp_path, split):
    for name, part in (("train.csv", split.train), ("test.csv", split.test)):
        pl.DataFrame({"text": part.texts, "label": part.names()}).write_csv(tmp_path / name)
    return ["train.csv", "--test", "test.csv", "--system", "tfidf-nb", "--seeds", "2"]


def test_curve_says_what_twice_the_documents_would_bring_and_writes_record_and_page(bywords, files, tmp_path, run):
    code, out, error = bywords("curve", *files)
    assert (code, error) == (0, "")
    assert re.search(r"With twice the documents \(800\) about \d+\.\d% \(.*more texts like these", out)
    assert "Checked: from up to 200 documents" in out
    written = json.loads((tmp_path / "train-curve" / "curve.json").read_text(encoding="utf-8"))
    assert typed(Forecast, written["forecast"]) == run.forecast
    assert "</html>" in (tmp_path / "train-curve" / "curve.html").read_text(encoding="utf-8")
    assert json.loads(bywords("curve", *files, "--json")[1])["sizes"][-1]["accuracy"] == run.sizes[-1].accuracy


def test_an_interrupted_curve_is_left_whole_and_goes_on_where_it_was(bywords, files, tmp_path, run, monkeypatch):
    fit, fitted = TextClassifier.fit, []

    def stop_at_the_fourth(*arguments, **more):
        fitted.append(1)
        if len(fitted) == 4:
            raise KeyboardInterrupt
        return fit(*arguments, **more)

    monkeypatch.setattr(TextClassifier, "fit", stop_at_the_fourth)
    code, out, _ = bywords("curve", *files, "--out", "c")
    assert (code, "Interrupted after 3 fits. Go on with the same command and --resume." in out) == (130, True)
    assert "This run was interrupted." in (tmp_path / "c" / "curve.html").read_text(encoding="utf-8")
    code, out, _ = bywords("curve", *files, "--out", "c", "--resume", "--json")
    assert code == 0
    assert json.loads(out)["sizes"][-1]["accuracy"] == run.sizes[-1].accuracy
    assert len(fitted) == 4 + 7
    (tmp_path / "c" / "curve.json").write_text('{"format": "bywords-run/1"}')
    code, _, error = bywords("curve", *files, "--out", "c", "--resume")
    assert (code, "expected the format bywords-curve/4, found 'bywords-run/1'" in error) == (2, True)


# The page


def test_the_page_says_the_forecast_first_and_in_the_picture(run):
    page = Page(render_curve(run))
    assert page.text.index("With twice the documents (800)") < page.text.index("The last doubling, from 200 to 400")
    (drawn,) = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert "and a forecast of" in drawn["aria-label"]
    for row in run.sizes:
        assert f"{row.n_documents:,}" in page.text
    assert render_curve(run) == render_curve(run)


def test_the_page_calls_a_step_a_doubling_and_documents_the_same_only_where_they_are(run):
    assert "The test documents stay the same" in Page(render_curve(run)).text
    short = replace(run, n_folds=5, sizes=[*run.sizes[:-1], replace(run.sizes[-1], n_documents=300)])
    page = Page(render_curve(short)).text
    assert "The last step, from 200 to 300 documents" in page
    assert not re.search("doubl|test documents stay the same|never trained on", page)
    assert "No document is answered by a model that was trained on it" in page


def test_the_next_labels_are_said_with_what_there_is_before_and_have_a_row_in_order(run):
    found = replace(run.forecast, n_documents=500, now=0.5, score=0.55, gain=0.05, gain_interval=(-0.01, 0.1))
    page = Page(render_curve(replace(run, next_labels=found))).text
    assert re.search(r"would bring 5.0 points \(−1.0 to 10.0\): an accuracy of about 55.0.% ", page)
    assert re.search("with 500 documents to learn from, 50.0.% with 400", page)
    assert page.index("the next 100 labels") < page.index("800forecast")
    assert "the next 100 labels" not in Page(render_curve(replace(run, next_labels=None))).text


def test_names_that_are_no_names_stay_text(run):
    hostile = replace(run, system=HOSTILE, command=HOSTILE, notes=[HOSTILE], machine={HOSTILE: HOSTILE})
    text = render_curve(replace(hostile, corpus=replace(run.corpus, name=HOSTILE)))
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert page.text.count('<script>alert("x")</script>') >= 5
    assert not re.search("[\x00\x1b]", text)
    assert len(text) < 300_000


@pytest.mark.parametrize(
    "lost", [{}, {"forecast": None, "backtest": None}, {"sizes": [], "points": [], "forecast": None}]
)
def test_a_page_of_an_interrupted_run_says_what_there_is(run, lost):
    page = Page(render_curve(replace(run, **lost, finished=not lost)))
    assert ("This run was interrupted." in page.text) == bool(lost)
    assert ("With twice the documents" in page.text) == ("forecast" not in lost)
    assert any(tag == "svg" for tag, _ in page.tags) == ("sizes" not in lost)


@needs_chromium
def test_in_a_browser_the_page_has_no_errors_and_fits_a_phone(run, tmp_path):
    hostile = replace(run, system=HOSTILE, notes=[HOSTILE * 3], corpus=replace(run.corpus, name=HOSTILE))
    assert 'data-sortable="yes"' in opened(render_curve(hostile), tmp_path)
