"""A labelling project keeps every answer once, whoever gives it and whatever ends the process."""

import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bywords.auditing import audit as run_audit
from bywords.data.corpus import Corpus
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.io.corrections import read_corrections
from bywords.io.projects import database_errors
from bywords.io.readers import read_blocks, read_corpus
from bywords.labelling.agreement import agreement, krippendorff_alpha
from bywords.labelling.estimates import FEWEST_TESTED, Accuracy, Estimate, Forecast, sentence_of
from bywords.labelling.expectation import N_ROUNDS, PRIOR, SHARE, SMOOTHING, naive_bayes_of_all
from bywords.labelling.held_out import estimated
from bywords.labelling.learner import Learner
from bywords.labelling.pool import Pool
from bywords.labelling.project import Project
from bywords.labelling.review import create_review, review_items, write_corrections
from bywords.labelling.strategies import STRATEGIES, ranked
from bywords.labelling.transfer import create_from_answers, export_answers, import_answers
from bywords.records.base import write_record
from bywords.text.bags import Bags
from bywords.text.ragged import Ragged

WORDS = {"fruit": ("apple", "pear", "plum", "cherry"), "metal": ("iron", "zinc", "copper", "tin")}


def texts_of(n_texts, seed=0):
    """Texts of fruit and metal in turn, each of its own words."""
    draw = random.Random(seed)
    return [f"text {i} about {' '.join(draw.choices(list(WORDS.values())[i % 2], k=3))}" for i in range(n_texts)]


def truth(text):
    return next(label for label, words in WORDS.items() if any(word in text for word in words))


@pytest.fixture
def project(tmp_path):
    with Project.of_texts(tmp_path / "p.bywords", texts_of(60), labels=["fruit", "metal"]) as made:
        yield made


def label(project, n_texts, annotator=""):
    for _ in range(n_texts):
        item = project.next_text(annotator)
        project.answer(item.id, [truth(item.text)], annotator)


def test_a_text_is_shown_until_it_is_answered_and_then_no_more(project):
    seen = []
    while (item := project.next_text("ann")) is not None:
        assert project.next_text("ann") == item
        seen.append(item.id)
        project.answer(item.id, [truth(item.text)], "ann")
    assert sorted(seen) == list(range(60))
    assert project.status().counts == {"fruit": 30, "metal": 30}


def test_of_texts_that_were_shown_and_not_answered_the_first_is_shown_again_first(project):
    first = project.next_text()
    second = project.next_text(skip=[first.id])
    assert project.next_text() == first
    with Project.open(project.path) as again:
        assert [again.next_text().id, again.next_text(skip=[first.id]).id] == [first.id, second.id]
    project.answer(first.id, ["fruit"])
    project.undo()
    assert project.next_text().id == first.id


def test_an_answer_is_in_the_file_when_it_was_given(project):
    label(project, 7)
    copy = sqlite3.connect(project.path)
    assert copy.execute("SELECT count(*) FROM answers").fetchone() == (7,)
    copy.close()


def test_undo_takes_back_one_answer_after_the_other_and_shows_their_texts(project):
    first, second = (project.next_text(), label(project, 1))[0], project.next_text()
    project.answer(second.id, ["fruit"], note="odd")
    project.answer(second.id, ["metal"])
    assert project.undo() == second
    assert project.answers(second.id)[0][4:6] == (("fruit",), "odd")
    assert project.undo().id == second.id
    assert project.answers(second.id) == []
    assert project.next_text().id == second.id
    assert project.undo().id == first.id
    assert project.undo() is None
    assert project.status().n_labelled == 0


def test_an_answer_sent_twice_counts_once_and_does_not_take_back_a_later_one(project):
    project.answer(3, ["fruit"], token="a")
    project.answer(3, ["metal"], token="b")
    project.answer(3, ["fruit"], token="a")
    assert project.outcomes() == {3: ("metal",)}


def test_nobody_is_asked_for_blank_texts(tmp_path):
    (tmp_path / "in.csv").write_text('text,label\napple,\n" ",\n"",fruit\niron,metal\n"\t\n",\n')
    with Project.create(tmp_path / "p.bywords", [tmp_path / "in.csv"], list(WORDS), label="label") as project:
        assert project.n_blank() == 2
        assert project.next_text().text == "apple"
        project.answer(0, ["fruit"])
        assert project.next_text() is None
        assert sorted(project.outcomes()) == [0, 2, 3]  # a label that the file has is kept
    with pytest.raises(DataError, match="there is no text to label"):
        Project.of_texts(tmp_path / "none.bywords", ["", " "])


def test_skipped_and_unsure_texts_have_no_label(project):
    project.answer(0, kind="skip")
    project.answer(1, kind="unsure", note="both?")
    status = project.status()
    assert (status.n_labelled, status.n_skipped, status.n_unsure) == (0, 1, 1)


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (["friut"], "label", "there is no label 'friut'. Did you mean 'fruit'"),
        ([], "label", "0 labels, expected one"),
        (["fruit", "metal"], "label", "2 labels, expected one"),
        (["fruit"], "skip", "expected none"),
        (["fruit"], "nonsense", "kind is"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_and_not_kept(project, labels, kind, message):
    with pytest.raises(SettingError, match=message):
        project.answer(0, labels, kind=kind)
    with pytest.raises(SettingError, match="there is no text 60"):
        project.answer(60, ["fruit"])
    assert project.answers() == []


def test_labels_are_added_renamed_and_merged_in_all_answers(project):
    label(project, 10)
    project.add_label("alloy")
    project.answer(project.next_text().id, ["alloy"])
    project.rename_label("fruit", "fruits")
    project.merge_labels(["alloy"], "metal")
    assert [row.name for row in project.labels()] == ["fruits", "metal"]
    assert sum(project.status().counts.values()) == 11
    assert set(project.texts_of("fruits")) | set(project.texts_of("metal")) == set(project.outcomes())
    with pytest.raises(SettingError, match="there is a label 'metal' already"):
        project.rename_label("fruits", "metal")
    project.add_label("alloy")  # one of this name is another now
    assert project.status().counts["alloy"] == 0


def test_what_was_answered_is_there_when_it_is_opened_again(project):
    label(project, 9)
    before, shown = project.outcomes(), project.next_text()
    with Project.open(project.path) as again:
        assert again.outcomes() == before
        assert again.next_text().id == shown.id


def test_another_process_sees_answers_and_new_labels_at_once(project):
    with Project.open(project.path) as other:
        other.add_label("stone")
        other.answer(5, ["stone"])
        assert project.outcomes() == {5: ("stone",)}
        project.merge_labels(["stone"], "metal")
        assert other.outcomes() == {5: ("metal",)}


def test_answers_are_kept_where_another_process_opens_and_closes_the_project_meanwhile(project):
    count = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*c.execute(sys.argv[2]).fetchone()); c.close()"
    )
    command = [sys.executable, "-c", count, str(project.path), "SELECT count(*) FROM answers"]
    for n_answers in (3, 6):
        label(project, 3)
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [str(n_answers)]


def test_two_people_never_have_the_same_text_unless_it_is_asked_for(tmp_path, project):
    assert project.next_text("ann").id != project.next_text("bob").id
    with Project.of_texts(tmp_path / "two.bywords", texts_of(4), labels=WORDS, overlap=2) as two:
        label(two, 4, "ann")
        label(two, 4, "bob")
        assert two.next_text("eve") is None
        assert [len(two.answers(number)) for number in range(4)] == [2, 2, 2, 2]
        assert {(number, person) for number, person, _ in two.who_saw()} == {
            (n, p) for n in range(4) for p in ("ann", "bob")
        }


def test_people_who_disagree_give_no_label_until_one_has_the_last_word(tmp_path):
    with Project.of_texts(tmp_path / "two.bywords", texts_of(4), labels=WORDS, overlap=2) as two:
        two.answer(0, ["fruit"], "ann")
        two.answer(0, ["metal"], "bob")
        assert two.disagreements() == [0]
        assert two.outcomes() == {}
        two.answer(0, ["metal"], "eve", source="settled")
        assert two.disagreements() == []
        assert two.outcomes() == {0: ("metal",)}
        assert agreement(two).n_answers == 2  # the last word is no opinion


def test_of_several_labels_one_that_half_have_given_is_undecided_until_one_has_the_last_word(tmp_path):
    with Project.of_texts(tmp_path / "two.bywords", texts_of(3), labels=WORDS, several=True, overlap=2) as two:
        for number, said in enumerate((["fruit"], ["metal"], ["fruit", "metal"])):
            two.answer(number, ["fruit"], "ann")
            two.answer(number, said, "bob")
        assert two.disagreements() == [1, 2]
        assert two.outcomes() == {0: ("fruit",)}
        assert len(read_corpus(two.path)) == 1
        two.answer(1, [], "eve", source="settled")
        assert two.outcomes() == {0: ("fruit",), 1: ()}


def test_who_labels_is_known_when_it_is_opened_again_and_as_many_as_a_text_needs(tmp_path):
    with Project.of_texts(tmp_path / "two.bywords", texts_of(3), labels=WORDS, overlap=2) as two:
        for few in ([], ["ann"]):
            with pytest.raises(SettingError, match=r"2 people label each text, .*--annotators anna,ben"):
                two.set_people(few)
        assert two.people == ()
        two.set_people(["ann", "bob"])
        two.answer(0, ["fruit"], "ann")
        two.set_people(["bob"])  # and ann, who has labelled
    with Project.open(two.path) as again:
        assert again.people == ("bob",)


def test_a_steady_share_is_to_test_on_and_no_model_learns_from_it(project):
    learner = Learner(project)
    for number in range(45):
        item = project.next_text()
        project.answer(item.id, [truth(item.text)])
        if number in (18, 30):
            learner.learn()
    whys = [why for _, _, why in project.who_saw()]
    assert whys[:20] == ["start"] * 20
    assert set(whys[20:]) == {"random", "uncertain"}
    assert whys.count("random") == 7  # of 25 a fourth, the first at once
    drawn = [number for number, _, why in project.who_saw() if why == "random"]
    assert sorted(drawn) == project.held_out()
    assert drawn == project.test_order[:7].tolist()
    assert not set(project.queue.uncertain.tolist()) & set(project.test_order.tolist())
    learner.learn()
    assert learner.n_learned == 45 - 7


def test_where_the_labels_are_all_the_same_there_is_no_model_and_texts_go_on_being_drawn(project):
    learner = Learner(project)
    for _ in range(30):
        project.answer(project.next_text().id, ["fruit"])
    assert not learner.learn()
    assert project.next_text().why == "start"
    assert "not enough yet" in project.status().sentence


def test_a_model_of_the_answers_suggests_labels_and_the_words_they_come_from(project):
    label(project, 30)
    learner = Learner(project)
    assert learner.learn()
    for number in set(range(60)) - set(project.outcomes()):
        item = project.item(number)
        assert item.suggestion[0][0] == truth(item.text)
        start, stop, _ = max(item.words, key=lambda word: word[2])
        assert truth(item.text[start:stop]) == truth(item.text)


def test_of_a_very_long_text_the_beginning_makes_the_suggestion(tmp_path):
    long = "iron " * 4_000 + "apple " * 100_000
    with Project.of_texts(tmp_path / "p.bywords", [*texts_of(60), long], labels=WORDS) as project:
        label(project, 40)
        assert Learner(project).learn()
        item = project.item(60)
        assert item.text == long
        assert item.suggestion[0][0] == "metal"
        assert max(stop for _, stop, _ in item.words) <= 20_000


def test_what_stops_a_model_is_said_and_the_next_one_is_made(project, monkeypatch):
    label(project, 30)
    fits = []

    def fit(pool, rows, targets, **more):
        fits.append(len(rows))
        if len(fits) == 1:
            raise FloatingPointError("no model")
        return whole(pool, rows, targets, **more)

    whole = Pool.fit
    monkeypatch.setattr(Pool, "fit", fit)
    with Learner(project) as learner:
        wait_until(lambda: learner.error == "FloatingPointError: no model")
        label(project, 6)
        wait_until(lambda: learner.error is None and project.queue is not None)


@pytest.mark.parametrize("change", ["split", "merge"])
def test_a_label_that_is_split_or_merged_makes_another_model_and_estimate(tmp_path, change):
    texts, labels = texts_of(140), [*WORDS, "copper"]
    given = [("copper" if "copper" in text else truth(text)) if change == "merge" else truth(text) for text in texts]
    with Project.of_texts(tmp_path / "p.bywords", texts, labels=labels) as project:
        whys = ["random" if number in project.test_order else "start" for number in range(140)]
        project._shown.executemany("INSERT INTO shown VALUES (?, '', ?, 0)", enumerate(whys))
        for number, name in enumerate(given):
            project.answer(number, [name])
        with Learner(project):
            wait_until(lambda: project.estimate and project.estimate.accuracy)
            before = project.queue, project.estimate
            if change == "merge":
                project.merge_labels(["copper"], "metal")
            else:
                for number in (number for number, text in enumerate(texts) if "copper" in text):
                    project.answer(number, ["copper"])
            wait_until(lambda: before[0] is not project.queue and before[1] is not project.estimate)
            wait_until(lambda: ("copper" in dict(project.item(0).suggestion)) == (change == "split"))


def wait_until(is_so):
    for _ in range(600):
        if is_so():
            return
        threading.Event().wait(0.05)
    pytest.fail("30 seconds")


def test_the_same_answers_and_seed_give_the_same_order(project, tmp_path):
    label(project, 30)
    orders = []
    for _ in range(2):
        Learner(project, seed=3).learn()
        orders.append(project.queue.uncertain.tolist())
    assert orders[0] == orders[1]


def test_each_strategy_ranks_every_text_once_and_only_random_does_not_look():
    probabilities = np.array([[0.9, 0.05, 0.05], [0.5, 0.49, 0.01], [0.4, 0.3, 0.3], [0.98, 0.01, 0.01]])
    directions = np.eye(4, dtype=np.float32)
    first = {}
    for strategy in STRATEGIES:
        order = ranked(strategy, probabilities, directions, 2, np.random.default_rng(0), is_multilabel=False)
        assert sorted(order.tolist()) == [0, 1, 2, 3]
        first[strategy] = int(order[0])
    assert first["margin"] == 1
    assert first["entropy"] == first["least confidence"] == 2
    alike = np.array([[1, 0], [1, 0], [0.99, 0.1], [0, 1]], dtype=np.float32)
    unsure = np.array([[0.5, 0.5], [0.51, 0.49], [0.52, 0.48], [0.6, 0.4]])
    spread = ranked("spread margin", unsure, alike, 2, np.random.default_rng(0), is_multilabel=False)
    assert spread[:2].tolist() == [0, 3]


def test_a_word_that_no_labelled_text_has_says_what_texts_without_labels_say_that_have_it():
    labelled = ["apple pear", "pear plum", "iron zinc", "zinc tin"]
    others = [f"{word} blorp" for word in WORDS["fruit"]] + [f"{word} zarn" for word in WORDS["metal"]]
    pool = Pool([*labelled, *others, "blorp", "zarn"])
    rows, new, targets = np.arange(4), np.array([12, 13]), Targets.of(np.array([0, 0, 1, 1]), 2)
    alone, taught = pool.fit(rows, targets), pool.fit(rows, targets, unlabelled=np.arange(12))
    assert alone.probabilities(new)[:, 0] == pytest.approx(0.5, abs=0.1)
    assert taught.predicted(new).tolist() == [[True, False], [False, True]]
    assert taught.probabilities(new)[:, 0].tolist() == pytest.approx([0.9, 0.1], abs=0.1)
    ((start, stop, adds),) = taught.explained("blorp")[1]
    assert (start, stop) == (0, 5)
    assert adds > 0
    again = pool.fit(rows, targets, unlabelled=np.arange(12))
    assert np.array_equal(again.logits(new), taught.logits(new))


def test_naive_bayes_of_all_texts_is_that_of_plain_python():
    generator = np.random.default_rng(0)
    documents = Ragged.of([generator.integers(2, 9, 4).tolist() for _ in range(7)])
    bags = Bags.of(documents, 10).weighed("tfidf", np.ones(10, dtype=np.float32))
    logits, targets = generator.normal(size=(7, 3)), Targets.of(np.array([0, 1, 2, 0]), 3)
    table = bags.times(np.eye(10, dtype=np.float32)).astype(float)  # texts by words
    together, divisor, spread = logits, 1.0, (logits - logits.mean(axis=1, keepdims=True)).std()
    for _ in range(N_ROUNDS):
        has = np.exp(together / divisor) / np.exp(together / divisor).sum(axis=1, keepdims=True)
        has[:4] = np.eye(3)[[0, 1, 2, 0]]
        weights = np.zeros((10, 3))
        words = [word for word in range(2, 10) if table[:, word].any()]
        for k in range(3):
            rest = [j for j in range(3) if j != k]
            count = {w: sum(table[:, w] @ has[:, j] / (3 * has[:, j].mean()) for j in rest) + SMOOTHING for w in words}
            for word in words:
                weights[word, k] = -np.log(count[word] / sum(count.values()))
        weights[words] -= weights[words].mean(axis=1, keepdims=True)
        says = table @ weights
        scale = SHARE * spread / says.std()
        bias = PRIOR * np.log(has.mean(axis=0) + 1e-4) - scale * says.mean(axis=0)
        together, divisor = logits + scale * says + bias, 1 + SHARE
    found = naive_bayes_of_all(bags, logits, targets)
    np.testing.assert_allclose(found[0], scale * weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], bias, rtol=1e-4, atol=1e-5)


def test_texts_to_test_on_teach_a_model_no_words_and_those_of_several_labels_none(project, tmp_path, monkeypatch):
    seen, whole = [], Pool.fit

    def fit(pool, rows, targets, **more):
        seen.append((whole(pool, rows, targets, **more), whole(pool, rows, targets), more["unlabelled"]))
        return seen[-1][0]

    monkeypatch.setattr(Pool, "fit", fit)
    label(project, 30)
    learner = Learner(project)
    assert learner.learn(estimates=False)
    (taught, alone, rows), compared = seen[0], np.arange(60)
    numbers = set(project.order[rows].tolist())
    assert numbers == set(range(60)) - set(project.test_order.tolist())
    assert not np.array_equal(taught.logits(compared), alone.logits(compared))
    with Project.of_texts(tmp_path / "many.bywords", texts_of(60), labels=WORDS, several=True) as many:
        label(many, 30)
        assert Learner(many).learn(estimates=False)
    (taught, alone, _) = seen[1]
    assert np.array_equal(taught.logits(compared), alone.logits(compared))


def test_accuracy_is_that_of_the_tested_texts_and_a_label_never_learned_is_wrong():
    texts, labels = texts_of(140), np.array([index % 2 for index in range(140)])
    pool, rows, tested = Pool(texts), np.arange(100), np.arange(100, 140)
    targets, truth = Targets.of(labels[:100], 2), np.arange(2) == labels[100:, np.newaxis]
    model, is_known = pool.fit(rows, targets), np.ones(40, dtype=bool)
    found = estimated(model, rows, targets, tested, truth, is_known)
    assert (found.n_learned, found.accuracy.value, found.accuracy.n) == (100, 1.0, 40)
    assert abs(found.accuracy.low - 0.025 ** (1 / 40)) < 1e-6
    assert abs(found.forecast.gain) < 0.01
    is_known[:10] = False
    assert estimated(model, rows, targets, tested, truth, is_known).accuracy.value == 0.75
    few = tested[: FEWEST_TESTED - 1]
    assert estimated(model, rows, targets, few, truth[: len(few)], is_known[: len(few)]).accuracy is None


def test_the_sentence_says_stop_only_with_a_number_and_where_more_brings_little():
    accuracy = Accuracy(0.9, 0.8, 0.95, n=60)
    stop, may_stop = sentence_of(300, Estimate(240, accuracy, Forecast(100, 0.002, -0.01, 0.01), is_stable=True))
    assert may_stop
    assert stop.startswith("Stop here: a model of 240 labels is right on 90% of texts like these")
    assert "100 more would bring about +0.2 points (at most +1.0)" in stop
    said = sentence_of(300, Estimate(240, Accuracy(1.0, 0.92, 1.0, n=44)))[0]  # no model is right on 100 % of texts
    assert "is right on 92% of texts like these or more (95 % interval, by all of 44 drawn at random" in said
    for estimate in (
        Estimate(240, accuracy, Forecast(100, 0.02, 0.01, 0.03), is_stable=True),
        Estimate(240, accuracy, Forecast(100, 0.002, -0.01, 0.01), is_stable=False),
        Estimate(240, accuracy),
        Estimate(240),
        None,
    ):
        assert not sentence_of(300, estimate)[1]


def test_several_labels_a_text_are_learned_and_kept(tmp_path):
    texts = [f"{one} and {other}" for one in WORDS["fruit"] for other in (*WORDS["metal"], "nothing else at all")] * 3
    with Project.of_texts(tmp_path / "many.bywords", texts, labels=WORDS, several=True) as many:
        for number, text in enumerate(texts):
            many.answer(number, ["fruit"] if "nothing" in text else ["fruit", "metal"])
        many.answer(0, [])
        assert Learner(many).learn()
        assert dict(many.item(4).suggestion)["metal"] < 0.5 < dict(many.item(1).suggestion)["metal"]
        corpus = read_corpus(many.path)
        assert corpus.is_multilabel
        assert corpus.names()[0] == ()
        assert corpus.names()[1] == ("fruit", "metal")


def test_train_reads_the_labelled_texts_of_a_project_and_their_columns(bywords, tmp_path):
    rows = [{"subject": text, "body": f"more of {text}", "id": str(i)} for i, text in enumerate(texts_of(60))]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    path = tmp_path / "p.bywords"
    with Project.create(path, [tmp_path / "in.jsonl"], list(WORDS), text=["subject", "body"]) as made:
        item = made.next_text()
        assert item.text == f"{rows[item.id]['subject']}\n\n{rows[item.id]['body']}"
        label(made, 40)
        numbers = sorted(made.outcomes())
    corpus = read_corpus(path)
    assert corpus.read_as.text == ("subject", "body")
    assert corpus.rows.tolist() == numbers
    assert sum(len(block.texts) for block in read_blocks(path)) == 60
    assert read_corpus(path, columns=["id"]).columns["id"].to_list() == [str(number) for number in numbers]
    model = str(tmp_path / "model")
    assert bywords("train", str(path), "--system", "tfidf-nb", "--out", model)[0] == 0
    assert "of 40 documents" in bywords("evaluate", model, str(path))[1]


def test_train_says_which_answered_texts_have_no_label(bywords, tmp_path):
    with Project.of_texts(tmp_path / "two.bywords", texts_of(40), labels=WORDS, overlap=2) as two:
        two.answer(0, ["fruit"], "ann")
        two.answer(0, ["metal"], "bob")
        for number, kind in ((1, "skip"), (2, "unsure"), (3, "leave out")):
            two.answer(number, kind=kind, annotator="ann")
        answered = "1 people disagree on, 1 are left out of training, 2 are skipped or not sure: they have no label"
        with pytest.raises(DataError, match=f"no text has a label yet .of the texts that were answered, {answered}."):
            read_corpus(two.path)
        two.answer(4, ["fruit"], "ann")
        two.undo("ann")
        for number in range(5, 40):
            two.answer(number, [truth(two.text(number))], "ann")
    code, _, err = bywords("train", "two.bywords", "--system", "tfidf-nb", "--out", "m")
    assert code == 0
    assert answered in err


def test_train_says_how_many_texts_were_chosen_for_being_hard(project):
    learner = Learner(project)
    for _ in range(6):
        label(project, 5)
        learner.learn(estimates=False)
    n_chosen = sum(why == "uncertain" for _, _, why in project.who_saw())
    assert n_chosen > 0
    note = f"{n_chosen} of the 30 labelled texts were chosen because a model was least sure of them"
    assert [text.startswith(note) for text in read_corpus(project.path).notes] == [True]


def test_a_project_without_labels_is_no_documents_to_train_on(project):
    with pytest.raises(DataError, match=r"no text has a label yet\. Label some: bywords label"):
        read_corpus(project.path)


def damaged(path, tmp_path, change):
    copy = tmp_path / "copy.bywords"
    copy.write_bytes(path.read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(change)
    connection.close()
    return copy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM answers; END", "no labelling project"),
        ("CREATE VIEW v AS SELECT * FROM texts", "no labelling project"),
        ("DROP TABLE shown", "no labelling project"),
        (
            "UPDATE meta SET value = 'bywords-project/99' WHERE key = 'format'",
            "has the format bywords-project/99.* Install",
        ),
        ("UPDATE meta SET value = '[1' WHERE key = 'record'", "is damaged"),
        ("UPDATE meta SET value = '{}' WHERE key = 'record'", "is damaged"),
        ("UPDATE meta SET value = '-1' WHERE key = 'seed'", "is damaged"),
        ("INSERT INTO meta VALUES ('people', '[7]')", "is damaged"),
        ("UPDATE answers SET labels = '[99]'", "a label that there is not"),
        ("UPDATE answers SET labels = '{'", "is damaged"),
        ("UPDATE answers SET labels = '[[1]]'", "a label that there is not"),
        ("UPDATE answers SET kind = 'eval'", "of no known kind"),
        ("UPDATE answers SET text_id = 1000", "there is no text 1000"),
        ("UPDATE labels SET merged_into = id", "a label that there is not"),
        ("DELETE FROM texts WHERE id = 3", "its texts or people are not those"),
    ],
)
def test_a_damaged_or_foreign_project_is_refused_in_one_sentence(project, tmp_path, change, message):
    label(project, 3)
    project.close()
    with pytest.raises(DataError, match=message):
        Project.open(damaged(project.path, tmp_path, change))


@pytest.mark.parametrize("cells", ["[]", "[1]", "7", "[[]]", '["a", "b"]', "["])
def test_a_text_without_the_columns_of_the_others_is_refused(tmp_path, cells):
    with Project.of_texts(tmp_path / "p.bywords", texts_of(3), labels=WORDS, cells={"id": ["a", "b", "c"]}) as made:
        label(made, 3)
    with pytest.raises(DataError, match="is damaged"):
        read_corpus(damaged(made.path, tmp_path, f"UPDATE texts SET cells = '{cells}' WHERE id = 1"))


@pytest.mark.parametrize("is_there", [True, False])
def test_a_full_disk_is_said_and_what_is_kept_only_where_something_is(is_there, tmp_path):
    if is_there:
        (tmp_path / "p.bywords").touch()
    full = pytest.raises(DataError, match=r"p.bywords: cannot be written: disk is full")
    with full as raised, database_errors(tmp_path / "p.bywords"):
        raise sqlite3.OperationalError("disk is full")
    assert ("What was answered before is in it." in str(raised.value)) == is_there


def test_what_is_no_database_or_cut_off_is_refused(project, tmp_path):
    label(project, 30)
    project.close()
    whole = project.path.read_bytes()
    copy = tmp_path / "copy.bywords"
    for content, message in (
        (b"", "is no labelling project"),
        (b"text,label\na,b\n", "is no labelling project"),
        (whole[: len(whole) // 2], "is damaged"),
        (whole[:100], "is damaged|no labelling project"),
        (whole[:8192] + random.Random(0).randbytes(len(whole) - 8192), "is damaged"),
    ):
        copy.write_bytes(content)
        with pytest.raises(DataError, match=message):
            Project.open(copy)
    with pytest.raises(DataError, match="cannot be read"):
        Project.open(tmp_path / "none.bywords")
    with pytest.raises(SettingError, match="is there already"):
        Project.of_texts(copy, ["a"])


def test_twenty_people_at_once_lose_and_double_nothing(tmp_path):
    texts, given = texts_of(300), [[] for _ in range(20)]
    with Project.of_texts(tmp_path / "p.bywords", texts, labels=WORDS) as project:

        def work(person):
            while (item := project.next_text(str(person))) is not None:
                project.answer(item.id, [truth(item.text)], str(person))
                given[person].append(item.id)

        threads = [threading.Thread(target=work, args=(person,), daemon=True) for person in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert sorted(number for numbers in given for number in numbers) == list(range(300))
        kept = [(one.text_id, one.annotator) for one in project.answers()]
        assert sorted(kept) == sorted((number, str(person)) for person in range(20) for number in given[person])


def test_killed_at_any_moment_it_has_lost_and_doubled_nothing():
    """In full by `benchmarks/labelling_kills.py`: 1,000 kills."""
    root = Path(__file__).parents[1]
    command = [sys.executable, str(root / "benchmarks" / "labelling_kills.py"), "8"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert "8 kills" in done.stdout, done.stderr
    assert "0 lost, 0 doubled" in done.stdout


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.jsonl", "out.parquet", "out.xlsx"])
def test_a_table_of_a_project_can_be_read_as_documents_and_imported(project, tmp_path, name):
    label(project, 20)
    assert export_answers(project, tmp_path / name) == 20
    read = read_corpus(tmp_path / name)
    whole = read_corpus(project.path)
    assert read.texts.to_list() == whole.texts.to_list()
    assert list(read.names()) == list(whole.names())
    with Project.of_texts(tmp_path / "other.bywords", texts_of(60)) as other:
        found = import_answers(other, tmp_path / name)
        assert (found.n_answers, found.n_not_there) == (20, 0)
        assert other.outcomes() == project.outcomes()


def test_labels_that_differ_only_by_capitals_are_one_and_which_was_taken_for_which_is_said(tmp_path, project, bywords):
    texts = texts_of(3)
    pl.DataFrame({"text": texts, "label": ["Metal", "FRUIT", "alloy"]}).write_csv(tmp_path / "in.csv")
    found = import_answers(project, tmp_path / "in.csv")
    assert found.matched == {"Metal": "metal", "FRUIT": "fruit"}
    assert sorted(row.name for row in project.labels()) == ["alloy", "fruit", "metal"]
    with pytest.raises(SettingError, match="there is a label 'metal' already, and 'METAL' differs only by capitals"):
        project.add_label("METAL")
    project.rename_label("metal", "Metal")  # itself
    code, _, err = bywords("label", str(project.path), "--import", "in.csv")
    assert (code, "only by capitals are one: 'FRUIT' for 'fruit'." in err) == (0, True)
    with Project.create(tmp_path / "new.bywords", [tmp_path / "in.csv"], ["metal", "Alloy"], label="label") as made:
        assert [(row.name, row.count) for row in made.labels()] == [("metal", 1), ("Alloy", 1), ("FRUIT", 1)]
        assert made.matched == {"Metal": "metal", "alloy": "Alloy"}


def test_a_review_keeps_labels_that_differ_only_by_capitals_apart(tmp_path):
    with Project.of_texts(tmp_path / "p.bywords", ["a", "b"], ["Metal", "metal"]) as project:
        assert sorted(row.name for row in project.labels()) == ["Metal", "metal"]
        project.answer(0, ["metal"], source="settled")
        assert project.outcomes()[0] == ("metal",)


def test_how_a_file_to_import_is_read_may_be_said(project, tmp_path, bywords):
    rows = "".join(f"{text};neu für alle;x\n" for text in texts_of(2))
    (tmp_path / "in.csv").write_bytes(f"body;topic;label\n{rows}".encode("cp1252"))
    words = ["label", str(project.path), "--import", "in.csv", "--label", "topic"]
    assert "say --encoding cp1252" in bywords(*words, "--text", "body")[2]
    assert bywords(*words, "--text", "body", "--encoding", "cp1252")[0] == 0
    assert project.outcomes()[1] == ("neu für alle",)


@pytest.mark.parametrize("style", ["argilla", "label-studio"])
def test_what_each_person_said_goes_to_other_tools_and_back(tmp_path, style):
    with Project.of_texts(tmp_path / "two.bywords", texts_of(10), labels=WORDS, overlap=2) as two:
        label(two, 6, "ann")
        two.answer(0, ["metal"], "bob")
        export_answers(two, tmp_path / "out.json", style=style)
        with create_from_answers(tmp_path / "again.bywords", tmp_path / "out.json") as again:
            import_answers(again, tmp_path / "out.json")
            texts = {number: two.text(number) for number in {one.text_id for one in two.answers()}}
            assert sorted((again.text(one.text_id), one.annotator, one.labels) for one in again.answers()) == sorted(
                (texts[one.text_id], one.annotator, one.labels) for one in two.answers()
            )


@pytest.mark.parametrize("style", ["argilla", "label-studio"])
def test_the_last_word_is_the_last_word_in_other_tools_and_back(tmp_path, style):
    with Project.of_texts(tmp_path / "p.bywords", ["one", "two"], labels=["a", "b", "c"], overlap=2) as project:
        for number in range(2):
            project.answer(number, ["a"], "ann")
            project.answer(number, ["b"], "bob")
        project.answer(0, ["c"], "eve", source="settled")
        export_answers(project, tmp_path / "out.json", style=style)
        with create_from_answers(tmp_path / "again.bywords", tmp_path / "out.json", overlap=2) as again:
            assert again.outcomes() == project.outcomes() == {0: ("c",)}
            assert again.disagreements() == project.disagreements() == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"annotations": 3, "data": {"text": "a"}}]', "record 0: expected a list of 'annotations'"),
        ('[{"annotations": [], "data": {}}]', "record 0: expected one text in 'data'"),
        ('[{"annotations": [7], "data": {"text": "a"}}]', "expected annotations that are objects"),
        ('[{"responses": [], "fields": {"text": "a"}}]', "expected 'responses' by question"),
        ('[{"responses": {"a": [], "b": []}, "fields": {"text": "a"}}]', "there are the questions"),
        ('[{"annotations"', "this is not JSON"),
    ],
)
def test_a_file_of_another_tool_that_is_not_whole_is_refused_with_its_record(project, tmp_path, content, message):
    (tmp_path / "in.json").write_text(content)
    with pytest.raises(DataError, match=message):
        import_answers(project, tmp_path / "in.json")
    assert project.answers() == []


def test_a_file_of_another_tool_makes_a_project_that_is_whole_or_none(tmp_path):
    choices = [{"result": [{"value": {"choices": ["a", "b"]}}]}]
    tasks = [{"data": {"text": "one"}, "annotations": []}, {"data": {"text": "two"}, "annotations": choices}]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    out = tmp_path / "p.bywords"
    with pytest.raises(DataError, match=r"'two' has 'a', 'b', and a text of this project has one label.*--several"):
        create_from_answers(out, tmp_path / "tasks.json")
    tasks[1]["annotations"][0]["result"][0]["value"]["choices"] = ["x" * 300]
    (tmp_path / "long.json").write_text(json.dumps(tasks))
    with pytest.raises(SettingError, match="cannot be a label"):
        create_from_answers(out, tmp_path / "long.json")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".json"] == []
    with create_from_answers(out, tmp_path / "tasks.json", several=True) as project:
        assert project.outcomes() == {1: ("a", "b")}


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.jsonl", "out.parquet", "out.xlsx"])
def test_several_labels_and_none_of_them_are_exported_and_imported(tmp_path, name):
    given = [["a", "b,c"], [], ["a"], None]
    with Project.of_texts(tmp_path / "p.bywords", texts_of(4), given, several=True) as project:
        assert export_answers(project, tmp_path / name) == 3
        with Project.of_texts(tmp_path / "other.bywords", texts_of(4), several=True, labels=["a"]) as other:
            found = import_answers(other, tmp_path / name)
            assert (found.n_answers, found.new, found.n_none) == (3, ("b,c",), 1)
            assert other.outcomes() == project.outcomes()


@pytest.mark.parametrize(("name", "is_clear"), [("out.csv", False), ("out.xlsx", False), ("out.jsonl", True)])
def test_a_label_with_the_sign_between_labels_is_not_written_as_if_it_were_two(tmp_path, name, is_clear):
    with Project.of_texts(tmp_path / "p.bywords", texts_of(2), [["a|b"], ["c"]], several=True) as project:
        if is_clear:
            assert export_answers(project, tmp_path / name) == 2
            return
        with pytest.raises(SettingError, match=r"the label 'a\|b' has \| in it.*Write .jsonl or .parquet"):
            export_answers(project, tmp_path / name)
        assert not (tmp_path / name).exists()
    with Project.of_texts(tmp_path / "one.bywords", texts_of(1), ["a|b"]) as project:
        assert export_answers(project, tmp_path / name) == 1


@pytest.mark.parametrize("separator", [None, ";"])
def test_of_several_labels_in_a_cell_each_is_one_and_an_empty_cell_is_no_answer(tmp_path, separator):
    (tmp_path / "in.csv").write_text(f"text,topics\none,a{separator or '|'}b\ntwo,\nthree,c\n")
    reading = {"label": "topics", "label_separator": separator}
    with Project.create(tmp_path / "p.bywords", [tmp_path / "in.csv"], several=True, **reading) as project:
        assert project.outcomes() == {0: ("a", "b"), 2: ("c",)}


def test_where_a_text_has_one_label_an_empty_list_is_no_answer(tmp_path, project):
    one, two = texts_of(2)
    rows = [{"text": one, "label": ["metal"]}, {"text": two, "label": []}]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert import_answers(project, tmp_path / "in.jsonl").n_answers == 1
    assert project.outcomes() == {0: ("metal",)}


def test_texts_that_a_file_labels_differently_are_counted(tmp_path, project):
    one, two = texts_of(2)
    pl.DataFrame({"text": [one, two, one, one], "label": ["a", "a", "b", "b"]}).write_csv(tmp_path / "in.csv")
    assert import_answers(project, tmp_path / "in.csv").n_contrary == 1
    assert import_answers(project, tmp_path / "in.csv").new == ()


@pytest.mark.parametrize("style", ["argilla", "label-studio"])
def test_only_texts_with_a_label_are_counted_as_labelled_in_the_files_of_other_tools(tmp_path, style):
    with Project.of_texts(tmp_path / "p.bywords", ["one", "", "two", "three"], labels=["a"]) as project:
        project.answer(0, kind="skip")
        with pytest.raises(DataError, match="no text has a label yet"):
            export_answers(project, tmp_path / "out.json", style=style)
        project.answer(2, ["a"])
        assert export_answers(project, tmp_path / "out.json", style=style) == 1
        assert [str(record["id"]) for record in json.loads((tmp_path / "out.json").read_text())] == ["0", "2"]


def test_an_audit_is_reviewed_and_its_corrections_are_read_by_train(tmp_path):
    texts, labels = texts_of(120), [truth(text) for text in texts_of(120)]
    labels[7] = "fruit"  # is metal
    texts, labels = [*texts, texts[10]], [*labels, "metal"]  # is fruit
    corpus = Corpus.of("texts.csv", texts, labels)
    write_record(run_audit(corpus, None), tmp_path / "audit.json")
    with create_review(tmp_path / "r.bywords", tmp_path, corpus) as project:
        items = review_items(project)
        assert (items[0].row, items[0].other_row, items[0].label, items[0].other_label) == (10, 120, "fruit", "metal")
        doubtful = next(item for item in items if item.row == 7)
        assert (doubtful.label, doubtful.suggested, doubtful.is_done) == ("fruit", "metal", False)
        for change in (lambda: project.rename_label("metal", "tin"), lambda: project.merge_labels(["metal"], "fruit")):
            with pytest.raises(SettingError, match=r"the label 'metal', and it has to stay.*--map-label metal=NEW"):
                change()
        project.add_label("new")
        project.rename_label("new", "newer")
        project.answer(items[0].number, ["fruit"], source="settled")
        project.answer(items[0].other, kind="leave out", source="settled")
        project.answer(doubtful.number, ["metal"], source="settled")
        assert {item.row for item in review_items(project) if item.is_done} == {10, 7, 120}
        assert write_corrections(project, tmp_path / "fixed.csv") == 2
        found = {one.row: (one.label, one.new_label) for one in read_corrections(tmp_path / "fixed.csv")}
        assert found == {7: ("fruit", "metal"), 120: ("metal", "-")}
    with pytest.raises(DataError, match=r"others.csv has '(fruit|metal)' now. Audit these documents anew"):
        create_review(tmp_path / "s.bywords", tmp_path, Corpus.of("others.csv", texts, labels[::-1]))


def test_alpha_is_the_published_one():
    """Krippendorff (2011), example C: four people, nominal data, some missing: .743; binary data, example A: .095."""
    rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    units = [[(cell,) for cell in column if cell != "."] for column in zip(*(row.split() for row in rows), strict=True)]
    found = krippendorff_alpha(units)
    assert round(found.alpha, 3) == 0.743
    assert found.low < found.alpha < found.high
    ann, bob = "0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"
    pairs = [[(a,), (b,)] for a, b in zip(ann.split(), bob.split(), strict=True)]
    assert round(krippendorff_alpha(pairs).alpha, 3) == 0.095
    assert krippendorff_alpha([[("a",)], []]) is None
    assert krippendorff_alpha([[("a",), ("a",)]]).alpha == 1
