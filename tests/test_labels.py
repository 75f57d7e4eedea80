"""Labels as users have them: what forms are read, what they become, and what is refused with its place."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from bywords.data.labels import classes_of, codes_of, in_type_of, names_of, read_labels, weights_of
from bywords.errors import DataError, SettingError


def classes_and_codes(labels):
    given = read_labels(labels, part="training")
    classes = classes_of(given)
    codes = codes_of(given, classes, given.label_format, part="training")
    return given.label_format, classes.tolist(), (codes if given.label_format == "one" else codes.table()).tolist()


@pytest.mark.parametrize(
    "labels",
    [["b", "a", "b"], ("b", "a", "b"), np.array(["b", "a", "b"]), np.array(["b", "a", "b"], dtype=object),
     pd.Series(["b", "a", "b"], index=[7, 7, 9]), pd.Series(["b", "a", "b"], dtype="category"),
     pl.Series(["b", "a", "b"])],
)  # fmt: skip
def test_one_label_a_document_comes_in_any_sequence(labels):
    assert classes_and_codes(labels) == ("one", ["a", "b"], [1, 0, 1])


@pytest.mark.parametrize(
    "labels",
    [[["b"], [], ["a", "b"]], [("b",), (), ("a", "b")], [{"b"}, set(), {"b", "a"}], [["b"], [], ["b", "a", "b"]],
     np.array([["b"], [], ["a", "b"]], dtype=object), pd.Series([["b"], [], ["a", "b"]]),
     pl.Series([["b"], [], ["a", "b"]])],
)  # fmt: skip
def test_sets_of_labels_come_in_any_sequence(labels):
    assert classes_and_codes(labels) == ("sets", ["a", "b"], [[False, True], [False, False], [True, True]])


TABLE = [[0, 1], [0, 0], [1, 1]]


@pytest.mark.parametrize(
    "of", [np.array, lambda t: np.array(t, dtype=bool), lambda t: np.array(t, float), csr_array, list]
)
def test_a_table_of_flags_has_a_label_for_each_column(of):
    label_format, classes, codes = classes_and_codes(of(TABLE))
    assert (label_format, classes, np.array(codes).astype(int).tolist()) == ("indicator", [0, 1], TABLE)


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda table: pl.DataFrame({k: table[k] for k in table})])
def test_the_columns_of_a_data_frame_are_the_labels(frame):
    assert classes_and_codes(frame({"joy": [0, 1], "anger": [1, 1]}))[:2] == ("indicator", ["joy", "anger"])


def test_labels_come_back_in_the_form_in_which_they_were_given():
    for labels in (["b", "a"], [("a", "b"), ()], np.array(TABLE)):
        given = read_labels(labels, part="training")
        classes = classes_of(given)
        codes = codes_of(given, classes, given.label_format, part="training")
        assert names_of(codes, classes, given.label_format).tolist() == np.array(labels, dtype=object).tolist() or list(
            names_of(codes, classes, given.label_format)
        ) == list(labels)


def test_some_documents_keep_their_labels():
    given = read_labels([["a"], ["b", "c"], [], ["c"]], part="training").select(np.array([1, 3]))
    assert (given.values.tolist(), given.offsets.tolist(), len(given)) == (["b", "c", "c"], [0, 2, 3], 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", None], r"document 1 \(counted from 0\) is missing: None"),
        (["a", float("nan")], r"document 1 \(counted from 0\) is missing: nan"),
        (pd.Series(["a", None, "b"]), r"document 1 \(counted from 0\) is missing"),
        (pl.Series(["a", None]), r"document 1 \(counted from 0\) is missing: None"),
        ([1.0, float("nan")], r"document 1 \(counted from 0\) is missing: nan"),
        ([0.5, 1.0], r"Unknown label type: continuous. The training label of document 0 .* is 0.5"),
        (["a", 1], "of several types, int and str"),
        ([True, "a"], "of several types, bool and str"),
        ([b"a", b"b"], "labels are bytes, expected strings"),
        ("a,b", "expected a sequence of training labels, found str"),
        (7, "expected a sequence of training labels, found int"),
        ([["a"], "b"], r"document 1 \(counted from 0\) is 'b', expected a list of labels"),
        ([["a"], ["b", None]], r"labels of document 1 \(counted from 0\) have one that is missing: None"),
        (np.array([[0, 2], [1, 0]]), "has 2 in row 0, column 1"),
        (np.array([["a", "b"]]), "expected 0 and 1"),
        (["a\ud83d", "b"], "half of a surrogate pair"),
        (["a\0", "b"], "ends in a zero byte"),
        ([{"a": 1}, {"b": 2}], "labels are dict, expected strings"),
    ],
)
def test_what_is_no_label_is_refused_with_its_index(labels, message):
    with pytest.raises(DataError, match=message):
        read_labels(labels, part="training")


@pytest.mark.parametrize(
    "labels", [[1, 0, 1], [True, False, True], np.array([3, 1, 3], dtype=np.uint8), [2.0, 1.0, 2.0]]
)
def test_labels_keep_their_type(labels):
    given = read_labels(labels, part="training")
    classes = classes_of(given)
    assert names_of(codes_of(given, classes, "one", part="training"), classes, "one").tolist() == list(labels)


def test_a_label_that_there_is_not_is_named_with_its_document():
    classes = np.array(["a", "b"])
    with pytest.raises(DataError, match="test label 'c' of document 1 did not occur in training"):
        codes_of(read_labels(["a", "c"], part="test"), classes, "one", part="test")
    with pytest.raises(DataError, match="test label 'c' of document 2 did not occur in training"):
        codes_of(read_labels([["a"], [], ["b", "c"]], part="test"), classes, "sets", part="test")
    with pytest.raises(DataError, match="label 1 of document 0 did not occur"):
        codes_of(read_labels([1, 2], part="test"), classes, "one", part="test")
    with pytest.raises(DataError, match="of another form"):
        codes_of(read_labels([["a"]], part="test"), classes, "one", part="test")
    with pytest.raises(DataError, match="3 columns, expected 2"):
        codes_of(read_labels(np.eye(3), part="test"), np.arange(2), "indicator", part="test")


def test_balanced_classes_count_the_same_and_given_weights_are_those_of_their_labels():
    given = read_labels(["a", "a", "a", "b"], part="training")
    classes = classes_of(given)
    np.testing.assert_allclose(weights_of("balanced", given, classes, None), [2 / 3, 2 / 3, 2 / 3, 2])
    np.testing.assert_allclose(weights_of({"b": 5}, given, classes, [1, 2, 0, 1]), [1, 2, 0, 5])


@pytest.mark.parametrize(
    ("class_weight", "sample_weight", "message"),
    [
        ("fair", None, "class_weight is 'fair', expected 'balanced' or a weight for each label"),
        ({"c": 1}, None, "class_weight names the label 'c'. There are: 'a', 'b'"),
        ({"a": -1}, None, "class_weight of 'a' is -1, expected a number of 0 or more"),
        (None, [1], r"sample_weight has the shape \(1,\), expected one weight for each of 2 documents"),
        (None, [1, -1], "sample_weight 1 is -1.0, expected a number of 0 or more"),
        (None, [float("nan"), 1], "sample_weight 0 is nan"),
        (None, [1, 1e30], "sample_weight 1 is 1e\\+30, expected a number of 0 or more, and at most 1e\\+09"),
        ({"a": 1e300}, None, "class_weight of 'a' is 1e\\+300, expected a number of 0 or more, and at most 1e\\+09"),
    ],
)
def test_weights_that_cannot_be_are_refused(class_weight, sample_weight, message):
    given = read_labels(["a", "b"], part="training")
    with pytest.raises(SettingError, match=message):
        weights_of(class_weight, given, classes_of(given), sample_weight)


def test_a_label_that_pandas_does_not_know_is_missing():
    for labels in (pd.Series(["a", pd.NA, "b"], dtype="string"), pd.Series([1, pd.NA], dtype="Int64")):
        with pytest.raises(DataError, match=r"document 1 \(counted from 0\) is missing"):
            read_labels(labels, part="training")
    with pytest.raises(DataError, match=r"has <NA> in row 1, column 0 \(counted from 0\), expected 0 or 1"):
        read_labels(pd.DataFrame({"a": pd.array([1, pd.NA], dtype="Int64"), "b": [0, 1]}), part="training")
    with pytest.raises(SettingError, match="class_weight names the label <NA>"):
        weights_of({pd.NA: 2}, read_labels(["a", "b"], part="training"), np.array(["a", "b"]), None)


def test_a_label_under_numpys_mask_is_missing():
    with pytest.raises(DataError, match=r"document 1 \(counted from 0\) is missing"):
        read_labels(np.ma.array([1, 2], mask=[False, True]), part="training")
    assert classes_and_codes(np.ma.array([2, 1], mask=[False, False])) == ("one", [1, 2], [1, 0])


def test_half_of_a_surrogate_pair_is_found_in_an_array_of_strings_too():
    with pytest.raises(DataError, match=r"document 1 .* half of a surrogate pair"):
        read_labels(np.array(["a", "b\ud83d"]), part="training")


def test_classes_that_all_weigh_nothing_are_refused():
    given = read_labels(["a", "b"], part="training")
    with pytest.raises(SettingError, match="gives every document the weight zero"):
        weights_of({"a": 0, "b": 0}, given, classes_of(given), None)


@pytest.mark.parametrize(
    ("words", "classes", "typed"),
    [(["2", "1"], [1, 2], [2, 1]), (["true", "False"], [False, True], [True, False]), (["1.0"], [1.0, 2.0], [1.0]),
     (["x", "1"], [1, 2], ["x", "1"]), (["a"], ["a", "b"], ["a"])],
)  # fmt: skip
def test_words_of_a_file_take_the_type_of_the_classes(words, classes, typed):
    assert in_type_of(np.array(words), np.array(classes)).tolist() == typed
