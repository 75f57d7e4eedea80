"""Labels that are paths: how they are read, scored at each level, and backed off from where they are not sure."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from bywords import SYSTEMS, Corpus, TextClassifier, fit_classifier, load_classifier, load_dataset, save_classifier
from bywords.data.corpus import Split
from bywords.data.hierarchy import MOST_LEVELS, Hierarchy
from bywords.data.label_names import remarks_on_labels
from bywords.data.label_sets import LabelSets
from bywords.errors import DataError, ModelFolderError, SettingError
from bywords.evaluation.back_off import RATES, BackOff, back_off_table, check_table, thresholds_for
from bywords.evaluation.evaluation import Evaluation, ManyLabelsEvaluation
from bywords.evaluation.levels import hierarchy_scores
from bywords.experiments.compare import compare
from bywords.report.comparison import render_comparison
from bywords.system_config import FitParameters

# Words of each label; those of a sub-topic are only in half of its texts, so that the topic is surer than the label.
PATHS = {
    "sport/hockey": "puck stick goalie ice",
    "sport/football/rules": "referee offside card whistle",
    "sport/football/clubs": "stadium manager transfer fans",
    "space/orbit": "satellite orbit apogee launch",
    "space/planets": "mars venus crater rover",
    "garage": "engine brake tire oil",
}
TOPICS = {"sport": "team match score season", "space": "nasa telescope rocket star", "garage": "car wheel repair fuel"}


def documents(n_documents=360, *, seed=0, clear=0.5):
    """Texts and paths: the words of the topic, and in a share of the texts one that tells the label."""
    generator = np.random.default_rng(seed)
    labels = [list(PATHS)[index % len(PATHS)] for index in range(n_documents)]
    texts = []
    for label in labels:
        words = list(generator.choice(TOPICS[label.split("/")[0]].split(), 3))
        words += [generator.choice(PATHS[label].split())] if generator.random() < clear else []
        texts.append(" ".join([*words, *generator.choice(["the", "a", "of", "and", "it"], 3)]))
    return texts, labels


def csv_of(path, texts, labels):
    pl.DataFrame({"text": texts, "label": labels}).write_csv(path)
    return path


@pytest.fixture(scope="module")
def fitted():
    return fit_classifier(SYSTEMS["tfidf-nb"], *documents(1200), parameters=FitParameters(label_hierarchy="/"))


@pytest.fixture(scope="module")
def unseen():
    return documents(900, seed=1)


# --- the hierarchy


def test_a_tree_holds_each_class_once_under_its_parents():
    hierarchy = Hierarchy.of(["a/x", "b/x", "a", "a-z/q", "b/y/1", "b/y/2", "c/d/e"], "/")
    assert hierarchy.tree() == [[2, 0], 3, [1, [4, 5]], 6]
    assert [level.names for level in hierarchy.levels[:2]] == [
        ("a", "a-z", "b", "c"),
        ("a", "a/x", "a-z/q", "b/x", "b/y", "c/d"),
    ]


def test_one_name_under_two_parents_is_two_classes():
    hierarchy = Hierarchy.of(["billing/other", "delivery/other"], "/")
    assert hierarchy.levels[1].names == ("billing/other", "delivery/other")


def test_the_probability_of_a_node_is_the_sum_of_its_labels_or_the_highest_of_many():
    hierarchy = Hierarchy.of(["b/x", "a", "a/y", "b/z"], "/")
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4]])
    first = hierarchy.level(1)
    np.testing.assert_allclose(hierarchy.probabilities_at(first, probabilities), [[0.5, 0.5]])
    np.testing.assert_allclose(hierarchy.probabilities_at(first, probabilities, is_multilabel=True), [[0.3, 0.4]])


@pytest.mark.parametrize("depth", [2, 10, MOST_LEVELS])
def test_deep_paths_have_a_level_for_each_part(depth):
    hierarchy = Hierarchy.of(["/".join([str(n) for n in range(depth)]), "/".join(["x"] * depth)], "/")
    assert hierarchy.depth == len(hierarchy.levels) == depth
    assert hierarchy.tree() == [0, 1]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("a//b", "'a//b' has a level without a name.*'a/b', say"),
        ("a/b/", "begins or ends with the separator"),
        ("/a", "level without a name"),
        ("a / b", "blanks around a level: expected 'a/b'"),
        ("/".join("x" * (MOST_LEVELS + 1)), f"expected {MOST_LEVELS} at most"),
        (3, "is no string"),
    ],
)
def test_a_label_that_is_no_path_is_named(label, words):
    with pytest.raises(DataError, match=words):
        Hierarchy.of(["a/c", label], "/")


def test_a_separator_that_is_in_no_label_is_refused():
    with pytest.raises(DataError, match=r"'\.', which is in none of them.*'a/b'"):
        fit_classifier(SYSTEMS["tfidf-nb"], ["one", "two"], ["a/b", "c"], parameters=FitParameters(label_hierarchy="."))
    with pytest.raises(SettingError, match="label hierarchy is '', expected"):
        FitParameters(label_hierarchy="")


# --- reading


def test_blanks_around_levels_are_left_out_and_that_is_said(tmp_path):
    texts, labels = documents(60)
    labels = [label.replace("/", " / ", 1) if index % 2 else label for index, label in enumerate(labels)]
    split = load_dataset(
        csv_of(tmp_path / "a.csv", texts, labels), label_hierarchy="/", map_label=["space / orbit = space/moon"]
    )
    assert set(split.train.label_names) == {label for label in PATHS if label != "space/orbit"} | {"space/moon"}
    assert "Blanks around the levels of labels are left out: 'space / orbit' is 'space/orbit'" in split.train.remarks[0]


def test_a_row_whose_label_is_no_path_is_named_unless_it_is_renamed(tmp_path):
    texts, labels = documents(60)
    path = csv_of(tmp_path / "a.csv", texts, [*labels[:7], "space//orbit", *labels[8:]])
    with pytest.raises(DataError, match=r"a\.csv, row 7 \(counted from 0\).*'space//orbit' has a level without a name"):
        load_dataset(path, label_hierarchy="/")
    assert (
        "space/orbit"
        in load_dataset(path, label_hierarchy="/", map_label=["space//orbit=space/orbit"]).train.label_names
    )
    with pytest.raises(DataError, match=r"a\.csv: labels are to be paths separated by '::', which is in none"):
        load_dataset(path, label_hierarchy="::")


def test_a_column_for_each_level_is_a_path_that_ends_where_they_are_empty(tmp_path):
    texts, labels = documents(60)
    cells = [[*label.split("/"), "", ""][:3] for label in labels]
    table = {"text": texts, **{name: [row[n] for row in cells] for n, name in enumerate(("area", "topic", "part"))}}
    pl.DataFrame(table).write_csv(tmp_path / "a.csv")
    read = {"label": ["area", "topic", "part"], "label_hierarchy": "/"}
    assert load_dataset(tmp_path / "a.csv", **read).train.label_names == tuple(sorted(PATHS))
    table["area"][4], table["area"][9] = "", "space/time"
    pl.DataFrame(table).write_csv(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"b\.csv, line 6: the level 'area' of the label is empty"):
        load_dataset(tmp_path / "b.csv", **read)
    skipped = load_dataset(tmp_path / "b.csv", **read, bad_rows="skip").train
    assert skipped.n_skipped == 2
    table["area"][4] = "space"
    pl.DataFrame(table).write_csv(tmp_path / "c.csv")
    with pytest.raises(DataError, match=r"line 11: the level 'space/time' of the label has '/' in it"):
        load_dataset(tmp_path / "c.csv", **read)


def test_columns_of_0_and_1_may_have_paths_as_names(tmp_path):
    texts, labels = documents(60)
    flags = {name: [int(label == name) for label in labels] for name in PATHS}
    pl.DataFrame({"text": texts, **flags}).write_csv(tmp_path / "a.csv")
    split = load_dataset(tmp_path / "a.csv", label=list(PATHS), label_hierarchy="/")
    assert split.train.is_multilabel
    assert set(split.train.label_names) == set(PATHS)


def test_labels_that_look_like_paths_are_remarked_and_others_are_not():
    texts, labels = documents(60)
    (remark,) = remarks_on_labels(Corpus.of("a", texts, labels))
    assert "look like paths" in remark
    assert "--label-hierarchy /" in remark
    lists = ["and/or", "and/not", "and/but", "or/and"] * 15
    assert not any("paths" in remark for remark in remarks_on_labels(Corpus.of("a", texts, lists)))
    told = dataclasses.replace(Corpus.of("a", texts, labels), label_hierarchy="/")
    assert remarks_on_labels(told) == []


# --- scores


def evaluation_of(labels, true, given):
    probabilities = np.eye(len(labels))[given]
    known = np.ones(len(true), dtype=np.float32), np.zeros(len(true), dtype=bool)
    return Evaluation(tuple(labels), np.array(true), probabilities, *known, hierarchy=Hierarchy.of(labels, "/"))


def test_scores_of_each_level_and_of_paths_are_those_worked_out_by_hand():
    labels = ["a/x/1", "a/x/2", "a/y", "b/z"]
    scores = evaluation_of(labels, [0, 0, 2, 3], [0, 1, 3, 3]).summary()["hierarchy"]
    assert [(row["level"], row["n_labels"], row["accuracy"]) for row in scores["levels"]] == [
        (1, 2, 0.75),
        (2, 3, 0.75),
        (3, 4, 0.5),
    ]
    # in both 3 + 2 + 0 + 2 nodes; in the answers 3 + 3 + 2 + 2, in the labels 3 + 3 + 2 + 2
    assert scores["precision"] == scores["recall"] == scores["f1"] == pytest.approx(7 / 10)
    low, high = scores["f1_interval"]
    assert low < 0.7 < high
    assert scores["levels"][0]["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)


def test_scores_of_any_number_of_labels_count_each_node_once():
    labels = ["a/x", "a/y", "b"]
    true, table = np.array([[1, 1, 0], [0, 0, 1]], bool), np.array([[1, 0, 1], [0, 0, 1]], bool)
    known = np.ones(2, dtype=np.float32), np.zeros(2, dtype=bool)
    sets = LabelSets.of_table(true), LabelSets.of_table(table)
    evaluation = ManyLabelsEvaluation(tuple(labels), *sets, table.astype(float), np.full(3, 0.5), *known)
    scores = hierarchy_scores(evaluation, Hierarchy.of(labels, "/"))
    # given {a, a/x, b} and {b}; true {a, a/x, a/y} and {b}
    assert scores["precision"] == scores["recall"] == pytest.approx(3 / 4)
    assert [row["micro_f1"] for row in scores["levels"]] == pytest.approx([2 * 2 / (3 + 2), 2 * 2 / (3 + 3)])


def test_without_a_hierarchy_there_are_no_scores_by_level():
    evaluation = evaluation_of(["a/x", "a/y"], [0, 1], [0, 1])
    assert "hierarchy" not in dataclasses.replace(evaluation, hierarchy=None).summary()


# --- backing off


def test_an_answer_backs_off_to_the_deepest_level_that_is_sure_enough():
    hierarchy = Hierarchy.of(["a/x", "a/y", "b"], "/")
    found = BackOff(hierarchy, [0.8, 0.6])(np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.4, 0.3, 0.3], [0, 0.2, 0.8]]))
    assert found.labels.tolist() == ["a/x", "a", None, "b"]
    assert found.levels.tolist() == [2, 1, 0, 1]
    assert found.are_whole.tolist() == [True, False, False, True]
    np.testing.assert_allclose(found.probabilities, [0.7, 0.9, 0.7, 0.8])


def test_the_node_of_a_level_may_be_another_than_that_of_the_likeliest_label():
    hierarchy = Hierarchy.of(["a", "b/x", "b/y"], "/")
    found = BackOff(hierarchy, [0.55, 0.55])(np.array([[0.4, 0.3, 0.3]]))
    assert found.labels.tolist() == ["b"]


def test_thresholds_of_a_level_are_chosen_on_what_no_deeper_one_answers():
    hierarchy = Hierarchy.of(["a/x", "a/y", "b/x", "b/y"], "/")
    n = 400
    codes = np.zeros(n, dtype=np.int64)
    probabilities = np.tile([0.9, 0.1, 0, 0], (n, 1))  # right and sure, but for the second half:
    probabilities[200:] = [0.3, 0.31, 0.3, 0.09]
    codes[300:] = 2  # of those the first level is right half the time
    table = {row[0]: row[1:] for row in back_off_table(hierarchy, probabilities, codes)}
    assert table[0.9] == [None, 0.9]  # on all documents the first level is right at 3 of 4, of those left at 1 of 2
    assert table[0.5] == [None, 0.31] or table[0.5][0] is not None
    check_table(back_off_table(hierarchy, probabilities, codes), 2)


def test_answers_are_right_as_often_as_is_asked_and_more_texts_get_one_than_without(fitted, unseen):
    evaluation = fitted.evaluate(*unseen)
    nobody = np.zeros(len(evaluation.labels), dtype=bool)
    scores = fitted.back_off_by(accuracy=0.95).scores(evaluation.labels, evaluation.probabilities, nobody)
    flat = evaluation.answered(fitted.reliability.min_confidence_for(0.95), nobody)
    assert scores["coverage"] >= flat["coverage"] + 0.2
    for row in (scores, scores["whole_label"], *scores["levels"]):
        assert row["interval"][1] >= 0.95


def test_what_no_level_gives_is_refused(fitted):
    with pytest.raises(SettingError, match=r"at no level more than 50\.0%"):
        thresholds_for([[0.5, None, 0.4]], 0.9, 100)
    with pytest.raises(SettingError, match="100 documents held out, and at no level"):
        thresholds_for([], 0.9, 100)
    with pytest.raises(SettingError, match="accuracy and min_confidence"):
        fitted.back_off(["x"])
    with pytest.raises(SettingError, match="the level is 4, and the labels have 3"):
        fitted.predict_at(["x"], 4)


def test_a_level_of_one_node_says_nothing_and_is_left_out():
    hierarchy = Hierarchy.of(["root/a/x", "root/b/y"], "/")
    codes = np.arange(100) % 2
    probabilities = np.where((np.arange(100) < 50)[:, np.newaxis], np.eye(2)[codes], [[0.6, 0.4]])
    table = back_off_table(hierarchy, probabilities, codes)
    assert len(table) == len(RATES)
    assert all(row[1] is None for row in table)
    assert table[-1][1:] == [None, None, 1.0]


def test_answers_of_a_level_are_its_likeliest_nodes(fitted, unseen):
    texts, labels = unseen
    found = fitted.predict_at(texts, 1)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert found.names == ("garage", "space", "sport")
    assert np.mean(found.labels == [label.split("/")[0] for label in labels]) > 0.95
    np.testing.assert_array_equal(fitted.predict_at(texts, 3).labels, fitted.predict(texts).labels)


def test_texts_with_any_number_of_labels_get_the_nodes_of_those():
    texts, labels = documents(240, clear=1)
    sets = [[label, "space/orbit"] if index % 3 else [label] for index, label in enumerate(labels)]
    classifier = TextClassifier("tfidf-svc", label_hierarchy="/").fit(texts, sets)
    at = classifier.predict_at(texts, 1)
    expected = [tuple(sorted({label.split("/")[0] for label in given})) for given in classifier.predict(texts)]
    assert at.labels.tolist() == expected
    assert "hierarchy" in classifier.evaluate(texts, sets).summary()
    with pytest.raises(SettingError, match="any number of labels"):
        classifier.back_off(texts, min_confidence=0.5)


def test_a_document_labelled_with_an_inner_node_is_of_a_class_of_its_own():
    texts, labels = documents(240, clear=1)
    labels = ["sport" if label == "sport/hockey" else label for label in labels]
    classifier = TextClassifier("tfidf-nb", label_hierarchy="/").fit(texts, labels)
    assert "sport" in classifier.classes_
    assert classifier.predict_at(texts, 1).names == ("garage", "space", "sport")
    found = classifier.back_off(["team match score season"], min_confidence=0.7)
    assert (found.labels.tolist(), found.are_whole.tolist()) == (["sport"], [False])


def test_a_model_without_a_hierarchy_says_how_to_get_one():
    classifier = TextClassifier("tfidf-nb").fit(*documents(60))
    with pytest.raises(SettingError, match="no paths: train it with label_hierarchy"):
        classifier.predict_at(["x"], 1)


# --- folders, continuing, comparing


def test_a_saved_hierarchy_answers_as_before_and_a_crafted_one_is_refused(fitted, unseen, tmp_path):
    save_classifier(fitted, tmp_path / "model")
    loaded = load_classifier(tmp_path / "model")
    before, after = (one.back_off(unseen[0], accuracy=0.9) for one in (fitted, loaded))
    assert before.labels.tolist() == after.labels.tolist()
    parameters = dataclasses.replace(fitted.record.parameters, label_hierarchy=".")
    other = dataclasses.replace(fitted, record=dataclasses.replace(fitted.record, parameters=parameters))
    save_classifier(dataclasses.replace(fitted, reliability=dataclasses.replace(fitted.reliability, back_off=[[0.5]])),
                    tmp_path / "crafted")  # fmt: skip
    with pytest.raises(ModelFolderError, match="thresholds of levels are no rows"):
        load_classifier(tmp_path / "crafted")
    with pytest.raises(DataError, match="is in none of them"):
        other.hierarchy  # noqa: B018 (a property)


@pytest.mark.parametrize(
    "table",
    [[[0.5, 0.1]], [[0.5, 0.1, 2.0]], [[0.4, 0.1, 0.2]], [[0.51, 0.1, 0.2]], [[None, 0.1, 0.2]], [[]]],
)
def test_a_table_that_no_training_gives_is_refused(table):
    with pytest.raises(SettingError, match="thresholds of levels"):
        check_table(table, 2)


def test_a_continued_model_keeps_its_hierarchy_and_learns_new_paths(fitted):
    texts, labels = documents(120, seed=2)
    new = [label.replace("space/orbit", "space/moon") for label in labels]
    classifier = TextClassifier.of(fitted)
    classifier.label_hierarchy = None
    classifier.continue_fit(texts, new)
    assert classifier.fitted_.hierarchy.separator == "/"
    assert "space/moon" in classifier.fitted_.hierarchy.labels
    classifier.label_hierarchy = "."
    with pytest.raises(SettingError, match=r"separated by '\.', and those of the model are paths"):
        classifier.continue_fit(texts, new)


def test_a_comparison_has_each_level_in_its_record_and_on_its_page():
    corpora = [Corpus.of("tickets", *documents(90, seed=seed)) for seed in (0, 1)]
    train, test = (dataclasses.replace(corpus, label_hierarchy="/") for corpus in corpora)
    run = compare(Split(train, test), ["tfidf-nb"])
    levels = run.systems[0].hierarchy.levels
    assert levels[-1].accuracy == pytest.approx(run.systems[0].accuracy)
    assert levels[0].accuracy > levels[-1].accuracy
    page = render_comparison(run)
    assert "Level by level" in page
    assert "hierarchical F1" in page


# --- commands


def test_the_commands_say_levels_where_a_user_expects_them(bywords, tmp_path):
    csv_of(tmp_path / "tickets.csv", *documents(1200))
    csv_of(tmp_path / "others.csv", *documents(300, seed=1))
    code, said, _ = bywords("train", "tickets.csv", "--label-hierarchy", "/", "--system", "tfidf-nb", "--out", "m")
    assert code == 0
    assert "labels cut to" in said
    assert "hierarchical precision" in said
    assert "--label-hierarchy /" in said  # of what to type next
    assert "Labels are paths of up to 3 levels, separated by '/': 3 at level 1, 5 at level 2, 6 at level 3" in bywords(
        "info", "m"
    )[1].replace("\n", " ")
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "Labels are paths of up to 3 levels" in card
    assert "| 2 levels | 5 |" in card
    found = json.loads(bywords("evaluate", "m", "others.csv", "--abstain", "90%", "--json")[1])
    assert [row["level"] for row in found["hierarchy"]["levels"]] == [1, 2, 3]
    assert found["answered"]["levels"][-1]["n_documents"] > 0
    code, said, _ = bywords("evaluate", "m", "others.csv", "--abstain", "90%")
    assert "cut to 1 level:" in said
    assert bywords("explain", "m", "nasa rocket mars")[0] == 0
    code, _, told = bywords("predict", "m", "others.csv", "--abstain", "90%", "--out", "answers.csv")
    assert code == 0
    assert "one that is cut to 1 level" in told
    answers = pl.read_csv(tmp_path / "answers.csv")
    assert answers["level"].max() == 3
    assert {"sport", "space"} & set(answers["label_2"] if "label_2" in answers.columns else answers["label"])
    code, _, told = bywords("evaluate", "m", "others.csv", "--label-hierarchy", ".")
    assert (code, "paths separated by '/'" in told) == (2, True)


def test_train_refuses_what_is_no_path_in_one_sentence(bywords, tmp_path):
    texts, labels = documents(60)
    csv_of(tmp_path / "tickets.csv", texts, ["sport/", *labels[1:]])
    code, _, told = bywords("train", "tickets.csv", "--label-hierarchy", "/")
    assert code == 2
    assert "tickets.csv, row 0 (counted from 0)" in told
    assert "Traceback" not in told
