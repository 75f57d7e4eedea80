"""Documents with any number of labels, compared: by micro F1 and by the first labels, with paired tests."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from pages import Page
from small_corpus import COMMON, TOPICS

from bywords.data.corpus import Corpus, Split
from bywords.data.label_sets import LabelSets
from bywords.errors import DataError
from bywords.evaluation.metrics import label_f1
from bywords.evaluation.significance import paired_overlap_difference
from bywords.experiments.compare import compare
from bywords.experiments.pairwise import as_text, from_text, precisions, sets_from_text
from bywords.records.base import from_json, to_json
from bywords.records.run import RunRecord
from bywords.report import render_comparison

NAMES = [f"{topic}/{word}" for topic, words in TOPICS.items() for word in words[:3]]
FAST = ["tfidf-svc", "tfidf-nb", "label-tree"]


def corpus(n_documents, *, seed, extra=()):
    """Texts on some of nine paths, a fifth of them with a word that is not theirs."""
    generator = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n_documents):
        names = [NAMES[k] for k in np.flatnonzero(generator.random(len(NAMES)) < 0.2)]
        words = [name.split("/")[1] for name in names if generator.random() < 0.85]
        words += [NAMES[generator.integers(len(NAMES))].split("/")[1]] * (generator.random() < 0.2)
        texts.append(" ".join([*words, *generator.choice(COMMON, 4)]))
        labels.append([*names, *extra])
    return texts, labels


def split_of(train, test):
    names = sorted({name for _, labels in (train, test) for row in labels for name in row})
    parts = [Corpus.of_sets("topics", texts, pl.Series(labels), label_names=names) for texts, labels in (train, test)]
    return Split(*(replace(part, label_hierarchy="/") for part in parts))


@pytest.fixture(scope="module")
def split():
    return split_of(corpus(300, seed=0), corpus(120, seed=1))


@pytest.fixture(scope="module")
def run(split):
    return compare(split, FAST, seeds=[0, 1])


def test_systems_are_ranked_by_the_micro_f1_of_their_answers(run, split):
    assert run.is_multilabel
    assert not run.failed
    for row in run.systems:
        given = [sets_from_text(seed.answers, 9) for seed in row.seeds]
        f1 = [label_f1(split.test.labels, sets) for sets in given]
        assert row.score == row.micro_f1 == pytest.approx(np.mean([one["micro_f1"] for one in f1]))
        assert row.macro_f1 == pytest.approx(np.mean([one["macro_f1"] for one in f1]))
        assert row.micro_f1_interval[0] < row.micro_f1 < row.micro_f1_interval[1]
        assert 0.4 < row.micro_f1 < 1
        assert len(row.per_class) == 9
        assert row.hierarchy.levels[0].micro_f1 > row.hierarchy.levels[1].micro_f1 > 0.3
    assert run.best == max(run.systems, key=lambda row: row.micro_f1).name


def test_the_first_labels_are_kept_so_that_their_precision_can_be_counted_again(run, split):
    has_some = split.test.labels.lengths > 0
    for row in run.systems:
        first = from_text(row.seeds[0].first_right)[np.newaxis, has_some]
        assert set(row.ranking) == {"1", "3", "5"}
        for k, scores in row.ranking.items():
            assert precisions(first, int(k)).mean() == pytest.approx(scores.precision)
            assert scores.precision_interval[0] < scores.precision < scores.precision_interval[1]


def test_each_two_systems_are_compared_by_every_measure(run):
    scores = {row.name: row for row in run.systems}
    assert len(run.pairwise) == 3
    for pair in run.pairwise:
        one, other = scores[pair.one], scores[pair.other]
        assert pair.score is pair.micro_f1
        assert pair.micro_f1.difference == pytest.approx(one.micro_f1 - other.micro_f1, abs=2e-3)  # seeds together
        assert pair.macro_f1.difference == pytest.approx(one.macro_f1 - other.macro_f1)
        assert pair.accuracy.difference == pytest.approx(one.accuracy - other.accuracy)
        assert set(pair.precision) == {"1", "3", "5"}
        assert pair.is_better == (pair.micro_f1.p_holm < 0.05 and pair.micro_f1.interval[0] > 0)
        assert "micro F1" in pair.sentence


def test_the_difference_of_micro_f1_is_tested_as_shuffling_the_answers_would():
    generator = np.random.default_rng(3)
    has = generator.random((150, 6)) < 0.3
    one, other = (has ^ (generator.random(has.shape) < share) for share in (0.1, 0.14))
    n_has = has.sum(axis=1).astype(float)

    def overlap(given):
        return np.stack([(given & has).sum(axis=1), given.sum(axis=1)]).astype(float)

    def micro(parts):
        return 2 * parts[0].sum() / (parts[1].sum() + n_has.sum())

    a, b = overlap(one), overlap(other)
    found = paired_overlap_difference(a, b, n_has)
    assert found.difference == pytest.approx(micro(a) - micro(b))
    swaps = generator.random((4000, 1, 150)) < 0.5
    shuffled = [micro(np.where(swap, b, a)) - micro(np.where(swap, a, b)) for swap in swaps]
    p_value = np.mean(np.abs(shuffled) >= abs(found.difference))
    assert found.p_value == pytest.approx(p_value, abs=0.02)
    assert 0.001 < found.p_value < 0.2


def test_equal_answers_are_no_proof_that_two_systems_are_equal():
    parts, has = np.ones((2, 20)), np.ones(20)
    found = paired_overlap_difference(parts, parts, has)
    assert (found.difference, found.p_value, found.n_needed) == (0, 1, None)
    assert found.interval[0] < -0.05 < 0.05 < found.interval[1]


def test_a_record_is_gone_on_with_and_one_that_was_changed_is_refused(run, split):
    assert from_json(RunRecord, to_json(run), where="run.json") == run
    started = []
    again = compare(split, FAST, seeds=[0, 1], earlier=run, on_start=lambda name, seed: started.append(name))
    assert (started, again.systems, again.pairwise) == ([], run.systems, run.pairwise)
    for key, wrong in (
        ("micro_f1", 0.99), ("answers", run.systems[0].seeds[0].answers.replace(",", " ", 1)),
        ("answers", "9 " * 120), ("answers", "3,1 " * 120), ("first_right", "64 " * 120), ("first_right", "0 " * 120),
    ):  # fmt: skip
        changed = json.loads(to_json(run))
        changed["systems"][0]["seeds"][0][key] = wrong
        with pytest.raises(DataError, match=f"the earlier record of {run.systems[0].name}: .*without --resume"):
            compare(split, FAST, seeds=[0, 1], earlier=from_json(RunRecord, json.dumps(changed), where="run.json"))


def test_labels_are_kept_as_text_in_any_number():
    sets = LabelSets.of_pairs([0, 2, 2], [1, 3, 0], n_documents=3, n_labels=4)
    assert as_text(sets) == "1 - 0,3"
    assert sets_from_text("1 - 0,3", 4).are_equal(sets).all()


def test_a_label_that_a_limit_leaves_without_documents_is_missed():
    texts, labels = corpus(40, seed=0)
    for n in range(12):  # three documents each, in every one a label that is rarer and has one document more
        labels += [[f"rest/{n}", f"own/{n}-{m}"] for m in range(3)] + [[f"own/{n}-{m}"] for m in range(3)]
        texts += [f"word{n} {topic}" for topic in TOPICS] * 2
    row = compare(split_of((texts, labels), (texts, labels)), ["tfidf-nb"], limits={"tfidf-nb": 50}).systems[0]
    missed = [one for one in row.per_class if one.threshold == 1]
    assert missed
    assert all((one.support, one.recall) == (3, 0) and one.label.startswith("rest/") for one in missed)
    assert row.log_loss is None
    assert "Trained on" in row.notes[-1]


def test_a_system_that_cannot_be_fitted_is_in_the_table_with_its_reason(split, capsys):
    from bywords.cli.compare import _tell

    run = compare(split, ["tfidf-nb", "glove-mean"], vectors="/nowhere/glove.txt")
    assert [failed.name for failed in run.failed] == ["glove-mean"]
    _tell(run)
    out = capsys.readouterr().out
    assert any(line.split()[:3] == ["glove-mean", "not", "fitted"] for line in out.splitlines())
    assert "glove-mean could not be fitted: " in out
    assert "P@1" in out


def test_the_page_shows_micro_f1_and_the_first_labels_and_says_what_it_leaves_out(run, monkeypatch):
    monkeypatch.setattr("bywords.report.comparison.MOST_CLASSES", 4)
    page = Page(render_comparison(run))
    ids = [tag["id"] for _, tag in page.tags if "id" in tag]
    assert {"systems", "ranking", "pairwise", "levels"} <= set(ids)
    assert "reliability" not in ids
    text = " ".join(page.text.split())
    assert f"{run.best} has a micro F1 of " in text
    assert "How many of the first labels are right" in text
    assert "5 labels are left out" in text
    assert "test accuracy" not in text
    assert "nan" not in text.lower().split()
