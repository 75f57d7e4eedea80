"""Many systems, one split, one record."""

import signal

import numpy as np
import pytest
from small_corpus import small_corpus, small_split, write_small_glove

from bywords.data.corpus import Corpus, Split
from bywords.errors import DataError, SettingError
from bywords.evaluation.metrics import wilson_interval
from bywords.experiments.compare import compare
from bywords.experiments.pairwise import from_text
from bywords.records.base import from_json, plain, read_record, to_json
from bywords.records.run import RunRecord
from bywords.report import render_comparison

FAST = ["tfidf-svc", "tfidf-nb", "averaging"]


@pytest.fixture(scope="module")
def run():
    return compare(small_split(), FAST, seeds=[0, 1])


def without_times(value):
    """The record without what differs from one run to the next: seconds, speeds, dates, and sizes, which hold some."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if not _is_time(key)}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def _is_time(key):
    return "second" in key or key in ("created", "size_bytes")


def test_the_record_has_every_system_with_its_scores(run):
    assert [row.name for row in run.systems] == FAST
    for row in run.systems:
        assert row.accuracy_interval == wilson_interval(row.accuracy, 60)
        assert row.accuracy == pytest.approx(np.mean([seed.accuracy for seed in row.seeds]))
        assert [seed.seed for seed in row.seeds] == [0, 1]
        assert row.accuracy_spread.min <= row.accuracy <= row.accuracy_spread.max
        assert np.sum(row.confusion) == 60
        assert row.fit_seconds > 0
        assert row.predict_documents_per_second > 0
        assert row.size_bytes > 1000
    assert len(run.systems[2].epochs) == run.systems[2].seeds[0].n_epochs > 0
    assert run.finished


def test_the_record_says_which_is_better_how_far_to_trust_each_and_where_it_fails(run):
    assert len(run.pairwise) == 3
    labels = from_text(run.test_labels)
    for row in run.systems:
        right = [(from_text(seed.answers) == labels).mean() for seed in row.seeds]
        assert np.mean(right) == pytest.approx(row.accuracy)
        assert row.macro_f1_interval[0] <= row.macro_f1 <= row.macro_f1_interval[1]
        assert sum(part.n_documents for part in row.reliability.bins) == 60
        assert row.coverage[-1].coverage == 1
        assert {part.by for part in row.slices} >= {"length", "class"}
        assert set(row.class_words) == {"motor", "space", "sport"}


def test_the_record_written_and_read_is_the_same(run):
    assert from_json(RunRecord, to_json(run), where="run.json") == run


def test_the_same_seeds_give_the_same_record(run):
    assert without_times(compare(small_split(), FAST, seeds=[0, 1])) == without_times(run)


def test_the_best_system_and_what_it_got_wrong_are_named():
    confusing = small_corpus(60, seed=1)
    swapped = Corpus.of("swapped", confusing.texts, np.roll(confusing.names(), 1).tolist())
    run = compare(Split(small_corpus(), swapped), ["tfidf-nb"])
    assert run.best == "tfidf-nb"
    assert len(run.wrong_documents) == 10
    first = run.wrong_documents[0]
    assert first.text == confusing.texts[first.row]
    assert first.label != first.predicted
    probabilities = [row.probability for row in run.wrong_documents]
    assert probabilities == sorted(probabilities, reverse=True)


def test_classes_stand_in_the_order_of_the_corpus_where_that_is_not_alphabetical():
    numbers = {"motor": "10", "space": "2", "sport": "1"}
    train, test = (
        Corpus.of("numbers", corpus.texts, [numbers[name] for name in corpus.names()])
        for corpus in (small_corpus(), small_corpus(60, seed=1))
    )
    run = compare(Split(train, test), ["tfidf-nb"])
    assert run.corpus.label_names == ["1", "2", "10"]
    assert [row.label for row in run.systems[0].per_class] == ["1", "2", "10"]
    assert run.systems[0].accuracy == 1.0
    assert np.trace(run.systems[0].confusion) == 60


def test_a_limited_training_part_keeps_every_class_and_is_said():
    train = small_corpus()
    rare = Corpus.of("rare", [*train.texts, "one oddity"], [*train.names(), "zebra"])
    split = Split(rare, Corpus("rare", *_parts(small_corpus(60, seed=1), rare.label_names)))
    assert (split.limited(50, seed=0).train.counts() > 0).all()
    run = compare(split, ["tfidf-nb"], limits={"tfidf-nb": 50})
    assert run.systems[0].notes == ["Trained on 50 of the 151 documents."]


def test_documents_without_words_are_dropped_and_counted_in_each_part():
    train, test = small_corpus(), small_corpus(60, seed=1)
    train = Corpus.of("odd", [*train.texts, "", " "], [*train.names(), "space", "space"])
    test = Corpus.of("odd", [*test.texts, "\n"], [*test.names(), "space"])
    run = compare(Split(train, test), ["tfidf-nb"])
    assert run.corpus.dropped == {"train": 2, "test": 1}
    assert (run.corpus.n_train, run.corpus.n_test) == (150, 60)


def test_given_vectors_replace_those_of_the_systems_that_have_some(tmp_path):
    run = compare(small_split(), ["tfidf-nb", "glove-mean"], vectors=write_small_glove(tmp_path))
    without, with_vectors = run.systems
    assert without.vectors is None
    assert with_vectors.vectors.dimension == 4
    assert 0.5 < with_vectors.vectors.types_share < 1


def test_ctrl_c_keeps_the_finished_systems_and_resuming_makes_the_rest():
    written = []

    def interrupt(name, seed):
        if name == "averaging":
            raise KeyboardInterrupt

    stopped = compare(small_split(), FAST, on_start=interrupt, on_system=lambda run: written.append(len(run.systems)))
    assert not stopped.finished
    assert [row.name for row in stopped.systems] == FAST[:2]
    assert written == [1, 2]
    started = []
    resumed = compare(small_split(), FAST, earlier=stopped, on_start=lambda name, seed: started.append(name))
    assert started == ["averaging"]
    assert resumed.finished
    assert resumed.systems[:2] == stopped.systems


def test_ctrl_c_between_the_seeds_of_a_system_keeps_those_that_are_finished():
    def interrupt(name, seed):
        if (name, seed) == ("tfidf-svc", 2):
            signal.raise_signal(signal.SIGINT)

    systems, seeds = ["tfidf-nb", "tfidf-svc"], range(3)
    stopped = compare(small_split(), systems, seeds=seeds, on_start=interrupt)
    assert not stopped.finished
    row = stopped.systems[1]
    assert ([one.seed for one in row.seeds], row.interrupted) == ([0, 1], True)
    assert "Interrupted with seed 2, which is left out." in row.notes
    assert "Interrupted with seed 2" in render_comparison(stopped)
    resumed = compare(small_split(), systems, seeds=seeds, earlier=stopped)
    assert [one.seed for one in resumed.systems[1].seeds] == [0, 1, 2]


def test_an_interrupted_resume_loses_no_finished_row():
    earlier = compare(small_split(), ["tfidf-svc", "tfidf-nb"])

    def interrupt(name, seed):
        raise KeyboardInterrupt

    stopped = compare(small_split(), ["averaging", "tfidf-svc", "tfidf-nb"], earlier=earlier, on_start=interrupt)
    assert sorted(row.name for row in stopped.systems) == ["tfidf-nb", "tfidf-svc"]
    assert not stopped.finished


@pytest.mark.parametrize(
    ("change", "said"), [("seeds", r"seeds was \[0\] and is \[1\]"), ("documents", "not the same documents")]
)
def test_an_earlier_run_of_something_else_is_refused(change, said):
    earlier = compare(small_split(), ["tfidf-nb"])
    split = Split(small_corpus(120), small_corpus(60, seed=1)) if change == "documents" else small_split()
    with pytest.raises(SettingError, match=f"the earlier record is of another run: {said}"):
        compare(split, ["tfidf-nb"], seeds=[1] if change == "seeds" else [0], earlier=earlier)


def test_a_row_with_other_settings_is_made_again(tmp_path):
    first = write_small_glove(tmp_path)
    earlier = compare(small_split(), ["tfidf-nb", "glove-mean"], vectors=first)
    other = (tmp_path / "small.glove.txt").rename(tmp_path / "other.glove.txt")
    started = []
    compare(
        small_split(),
        ["tfidf-nb", "glove-mean"],
        vectors=str(other),
        earlier=earlier,
        on_start=lambda name, seed: started.append(name),
    )
    assert started == ["glove-mean"]


def test_a_system_that_cannot_be_fitted_is_named_and_the_others_go_on():
    run = compare(small_split(), ["glove-mean", "tfidf-nb"], vectors="nowhere.txt")
    assert [row.name for row in run.systems] == ["tfidf-nb"]
    assert [row.name for row in run.failed] == ["glove-mean"]
    assert "nowhere.txt" in run.failed[0].reason
    assert run.finished


def test_when_no_system_can_be_fitted_the_first_reason_is_the_error():
    with pytest.raises(DataError, match=r"none of the systems could be fitted. glove-mean: .*nowhere.txt"):
        compare(small_split(), ["glove-mean"], vectors="nowhere.txt")


def test_a_class_whose_words_a_system_does_not_take_gets_no_probability():
    signs = [["! ?", "? !", "!", "?", "! !", "? ?"], ["signs"] * 6]
    train, test = small_corpus(), small_corpus(60, seed=1)
    train = Corpus.of("odd", [*train.texts, *signs[0]], [*train.names(), *signs[1]])
    test = Corpus.of("odd", [*test.texts, "! ?"], [*test.names(), "signs"])
    run = compare(Split(train, test), ["averaging", "tfidf-nb"])
    assert [row.name for row in run.systems] == ["averaging", "tfidf-nb"]
    assert run.systems[1].per_class[1].label == "signs"
    assert run.systems[1].per_class[1].recall == 0


def test_a_class_that_dropping_empties_goes_with_its_documents():
    train = small_corpus()
    train = Corpus.of("odd", [*train.texts, " "], [*train.names(), "blank"])
    test = Corpus("odd", *_parts(small_corpus(60, seed=1), train.label_names))
    run = compare(Split(train, test), ["tfidf-nb"])
    assert run.corpus.label_names == ["motor", "space", "sport"]


def _parts(corpus, label_names):
    labels = np.array([label_names.index(name) for name in corpus.names()])
    return corpus.texts, labels, label_names, corpus.rows


@pytest.mark.parametrize("more", [{"systems": []}, {"systems": ["tfidf-nb"], "seeds": []}])
def test_nothing_to_compare_is_refused(more):
    with pytest.raises(SettingError, match="at least one system and one seed"):
        compare(small_split(), **more)


def test_a_system_named_twice_is_one_row():
    run = compare(small_split(), ["tfidf-nb", "tfidf-nb"])
    assert len(run.systems) == 1
    assert run.finished


def test_a_system_that_there_is_not_is_refused_before_anything_is_trained():
    with pytest.raises(SettingError, match=r"no system 'tfidf-svm'.*Did you mean 'tfidf-svc'"):
        compare(small_split(), ["averaging", "tfidf-svm"], on_start=lambda *_: pytest.fail("trained"))


def test_one_class_only_is_refused():
    train = small_corpus().select(np.arange(0, 150, 3))
    with pytest.raises(DataError, match="one class only"):
        compare(Split(train, train), FAST)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "run.json: expected the JSON that `bywords compare` writes"),
        ("[]", "run.json: expected the JSON that `bywords compare` writes: it holds a list"),
        ('{"format": "bywords-run/2"}', "found 'bywords-run/2'. Make it anew with `bywords compare`"),
        ('{"format": "bywords-run/3"}', "run.json lacks 'bywords_version'"),
    ],
)
def test_a_file_that_is_no_record_is_named(tmp_path, content, message):
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_record(RunRecord, path)


def test_a_split_without_test_documents_is_refused():
    with pytest.raises(DataError, match="there are no test documents with words"):
        compare(Split(small_corpus(), small_corpus().select(np.arange(0))), ["tfidf-nb"])
