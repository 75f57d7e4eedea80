"""Many systems, one split, one record."""

import json

import numpy as np
import pytest
from small_corpus import small_corpus, small_split, write_small_glove

from bywords.compare import compare, read_run
from bywords.corpus import Corpus, Split
from bywords.errors import DataError, SettingError
from bywords.metrics import wilson_interval

FAST = ["tfidf-svc", "tfidf-nb", "averaging"]


@pytest.fixture(scope="module")
def run():
    return compare(small_split(), FAST, seeds=[0, 1])


def without_times(value):
    """The record without what differs from one run to the next: seconds, speeds, dates, and sizes, which hold some."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if not _is_time(key)}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def _is_time(key):
    return "second" in key or key in ("created", "size_bytes")


def test_the_record_has_every_system_with_its_scores(run):
    assert [row["name"] for row in run["systems"]] == FAST
    for row in run["systems"]:
        assert row["accuracy_interval"] == list(wilson_interval(row["accuracy"], 60))
        assert row["accuracy"] == pytest.approx(np.mean([seed["accuracy"] for seed in row["seeds"]]))
        assert [seed["seed"] for seed in row["seeds"]] == [0, 1]
        assert row["accuracy_spread"]["min"] <= row["accuracy"] <= row["accuracy_spread"]["max"]
        assert np.sum(row["confusion"]) == 60
        assert row["fit_seconds"] > 0
        assert row["predict_documents_per_second"] > 0
        assert row["size_bytes"] > 1000
    assert len(run["systems"][2]["epochs"]) == run["systems"][2]["seeds"][0]["n_epochs"] > 0
    assert run["finished"]


def test_the_record_is_plain_json(run):
    assert json.loads(json.dumps(run, allow_nan=False)) == run


def test_the_same_seeds_give_the_same_record(run):
    assert without_times(compare(small_split(), FAST, seeds=[0, 1])) == without_times(run)


def test_the_best_system_and_what_it_got_wrong_are_named():
    confusing = small_corpus(60, seed=1)
    swapped = Corpus.of("swapped", confusing.texts, np.roll(confusing.names(), 1).tolist())
    run = compare(Split(small_corpus(), swapped), ["tfidf-nb"])
    assert run["best"] == "tfidf-nb"
    assert len(run["wrong_documents"]) == 10
    first = run["wrong_documents"][0]
    assert first["text"] == confusing.texts[first["row"]]
    assert first["label"] != first["predicted"]
    probabilities = [row["probability"] for row in run["wrong_documents"]]
    assert probabilities == sorted(probabilities, reverse=True)


def test_classes_stand_in_the_order_of_the_corpus_where_that_is_not_alphabetical():
    numbers = {"motor": "10", "space": "2", "sport": "1"}
    train, test = (
        Corpus.of("numbers", corpus.texts, [numbers[name] for name in corpus.names()])
        for corpus in (small_corpus(), small_corpus(60, seed=1))
    )
    run = compare(Split(train, test), ["tfidf-nb"])
    assert run["corpus"]["label_names"] == ["1", "2", "10"]
    assert [row["label"] for row in run["systems"][0]["per_class"]] == ["1", "2", "10"]
    assert run["systems"][0]["accuracy"] == 1.0
    assert np.trace(run["systems"][0]["confusion"]) == 60


def test_a_limited_training_part_keeps_every_class():
    train = small_corpus()
    rare = Corpus.of("rare", [*train.texts, "one oddity"], [*train.names(), "zebra"])
    test = Corpus(
        "rare", small_corpus(60, seed=1).texts, small_corpus(60, seed=1).labels, rare.label_names, np.arange(60)
    )
    run = compare(Split(rare, test), ["tfidf-nb"], limits={"tfidf-nb": 50})
    assert run["systems"][0]["notes"] == ["Trained on 50 of the 151 documents."]
    assert len(run["systems"][0]["per_class"]) == 4


def test_documents_without_words_are_dropped_and_counted_in_each_part():
    train, test = small_corpus(), small_corpus(60, seed=1)
    train = Corpus.of("odd", [*train.texts, "", " "], [*train.names(), "space", "space"])
    test = Corpus.of("odd", [*test.texts, "\n"], [*test.names(), "space"])
    run = compare(Split(train, test), ["tfidf-nb"])
    assert run["corpus"]["dropped"] == {"train": 2, "test": 1}
    assert (run["corpus"]["n_train"], run["corpus"]["n_test"]) == (150, 60)


def test_given_vectors_replace_those_of_the_systems_that_have_some(tmp_path):
    run = compare(small_split(), ["tfidf-nb", "glove-mean"], vectors=write_small_glove(tmp_path))
    plain, with_vectors = run["systems"]
    assert plain["vectors"] is None
    assert with_vectors["vectors"]["dimension"] == 4
    assert 0.5 < with_vectors["vectors"]["types_share"] < 1


def test_ctrl_c_keeps_the_finished_systems_and_resuming_makes_the_rest():
    written = []

    def interrupt(name, seed):
        if name == "averaging":
            raise KeyboardInterrupt

    stopped = compare(
        small_split(), FAST, on_start=interrupt, on_system=lambda run: written.append(len(run["systems"]))
    )
    assert not stopped["finished"]
    assert [row["name"] for row in stopped["systems"]] == FAST[:2]
    assert written == [1, 2]
    started = []
    resumed = compare(small_split(), FAST, earlier=stopped, on_start=lambda name, seed: started.append(name))
    assert started == ["averaging"]
    assert resumed["finished"]
    assert resumed["systems"][:2] == stopped["systems"]


@pytest.mark.parametrize("change", ["seeds", "corpus", "vectors"])
def test_rows_of_another_run_are_not_taken_over(change, tmp_path):
    earlier = compare(small_split(), ["glove-mean"], vectors=write_small_glove(tmp_path))
    started = []
    other = Split(small_corpus(120), small_corpus(60, seed=1)) if change == "corpus" else small_split()
    more = {"seeds": [1] if change == "seeds" else [0]}
    vectors = tmp_path / "small.glove.txt"
    if change == "vectors":
        vectors = vectors.rename(tmp_path / "renamed.glove.txt")
    on_start = lambda name, seed: started.append(name)  # noqa: E731
    compare(other, ["glove-mean"], vectors=str(vectors), earlier=earlier, on_start=on_start, **more)
    assert started == ["glove-mean"]


def test_a_system_that_there_is_not_is_refused_before_anything_is_trained():
    with pytest.raises(SettingError, match=r"no system 'tfidf-svm'.*Did you mean 'tfidf-svc'"):
        compare(small_split(), ["averaging", "tfidf-svm"], on_start=lambda *_: pytest.fail("trained"))


def test_one_class_only_is_refused():
    train = small_corpus().select(np.arange(0, 150, 3))
    with pytest.raises(DataError, match="one class only"):
        compare(Split(train, train), FAST)


def test_a_file_that_is_no_record_is_named(tmp_path):
    path = tmp_path / "run.json"
    for content, message in (("{", "expected the JSON of a run"), ("{}", "expected a run of the format")):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            read_run(path)
