"""TextClassifier among scikit-learn's estimators: its checks, its tools, and the containers that texts come in.

scikit-learn has no check for estimators that take texts: `parametrize_with_checks` yields none for them. So the checks
are given one that takes tables of numbers, makes a text of each row, and is a TextClassifier in all else.
"""

import atexit
import functools
import pickle
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data
from small_corpus import small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.config import changed
from bywords.errors import DataError, SettingError
from bywords.systems import SYSTEMS

TRAIN, TEST = small_corpus(), small_corpus(60, seed=1)


class NumbersAsTexts(TextClassifier):
    """Reads each row of a table as a text with a word for each column and its number, rounded."""

    def fit(self, X, y, sample_weight=None):  # noqa: N803 (scikit-learn's name)
        numbers, y = validate_data(self, X, y, multi_output=True)
        return super().fit(self._texts(numbers), y, sample_weight)

    def score(self, X, y, sample_weight=None):  # noqa: N803 (scikit-learn's name)
        check_is_fitted(self)
        return super().score(self._texts(validate_data(self, X, reset=False)), y, sample_weight)

    def predict_documents(self, numbers):
        check_is_fitted(self)
        return super().predict_documents(self._texts(validate_data(self, numbers, reset=False)))

    def transform(self, X):  # noqa: N803 (scikit-learn's name)
        check_is_fitted(self)
        return super().transform(self._texts(validate_data(self, X, reset=False)))

    @staticmethod
    def _texts(numbers):
        return [" ".join(f"c{column}n{round(float(n) * 2)}" for column, n in enumerate(row)) for row in numbers]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        return tags


class NumbersAsWords(NumbersAsTexts):
    """The same with one word for a negative number too, so that there can be a vector for it."""

    @staticmethod
    def _texts(numbers):
        return [text.replace("-", "minus") for text in NumbersAsTexts._texts(numbers)]


CANNOT = {
    "check_sample_weight_equivalence_on_dense_data": "some documents are held out at random to stop by and to set the "
    "temperature: of two copies of a document one may be held out, of a document that counts twice none is, or both."
}


CANNOT_OF = {
    "glove-corpus-mean": {
        "check_fit2d_1feature": "texts of one word have no words beside each other, of which GloVe learns; it says so."
    },
    "gru": {
        "check_methods_subset_invariance": "PyTorch adds up in 32 bits, in another order for other numbers of texts: "
        "log-odds differ in their seventh digit."
    },
}
ALL_CHECKS = ["auto", "tfidf-svc", "tfidf-nb", "glove-mean", "glove-corpus-mean", "word2vec-mean", "dan"]
# Of systems that differ from dan in nothing that scikit-learn sees, and take a minute and more for all checks.
CHECKS_OF_OTHERS = {
    *("check_estimators_overwrite_params", "check_dont_overwrite_attributes", "check_estimators_pickle"),
    *("check_fit2d_1sample", "check_classifiers_one_label", "check_classifiers_multilabel_output_format_predict_proba"),
    *("check_methods_sample_order_invariance", "check_methods_subset_invariance", "check_sample_weights_pandas_series"),
    *("check_sample_weights_not_overwritten", "check_sample_weights_shape", "check_dict_unchanged"),
    *("check_fit_idempotent", "check_classifiers_regression_target", "check_supervised_y_no_nan"),
}


def glove_of_numbers():
    """Vectors of the words that `NumbersAsTexts` makes, in a file that is there as long as the tests run."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    lines = []
    for column in range(12):
        for number in range(-500, 501):
            vector = (np.arange(6) == column % 6) * np.clip(number / 4, -3, 3)
            word = f"c{column}n{number}".replace("-", "minus")
            lines.append(f"{word} {' '.join(f'{value:.2f}' for value in vector)}\n")
    (folder / "numbers.glove.txt").write_text("".join(lines))
    return str(folder / "numbers.glove.txt")


def all_checks():
    """A check of scikit-learn's for each system, with its name; what cannot be is marked as such."""
    glove = glove_of_numbers()
    for name in SYSTEMS:
        cannot = CANNOT | CANNOT_OF.get(name, {})
        config = small_system(name, glove)
        is_read = config.vectors is not None and config.vectors.is_pretrained
        for estimator, check in estimator_checks_generator((NumbersAsWords if is_read else NumbersAsTexts)(config)):
            what = check.func.__name__ if isinstance(check, functools.partial) else check.__name__
            if name in ALL_CHECKS or what in CHECKS_OF_OTHERS:
                marks = [pytest.mark.xfail(reason=cannot[what])] if what in cannot else []
                yield pytest.param(estimator, check, id=f"{name}-{what}", marks=marks)


@pytest.mark.parametrize(("estimator", "check"), list(all_checks()))
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


def test_it_says_by_its_tags_that_it_takes_texts_and_many_labels():
    tags = get_tags(TextClassifier())
    assert (tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array) == (True, True, False)
    assert tags.classifier_tags.multi_label
    assert tags.estimator_type == "classifier"


@pytest.fixture(scope="module")
def expected():
    return TextClassifier("tfidf-svc").fit(TRAIN.texts.to_list(), TRAIN.names().tolist()).predict_proba(TEST.texts)


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "array of objects": lambda values: np.array(list(values), dtype=object),
    "array of strings": lambda values: np.array(list(values)),
    "pandas": lambda values: pd.Series(list(values), index=range(1000, 1000 + len(values))),
    "pandas categories": lambda values: pd.Series(list(values)).astype("category"),
    "pandas table of one column": lambda values: pd.DataFrame({"a": list(values)}),
    "polars": lambda values: pl.Series("a", list(values)),
    "polars table of one column": lambda values: pl.DataFrame({"a": list(values)}),
}


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize("of", CONTAINERS.values(), ids=CONTAINERS)
def test_texts_and_labels_come_in_any_container(of, expected):
    classifier = TextClassifier("tfidf-svc").fit(of(TRAIN.texts), of(TRAIN.names()))
    np.testing.assert_array_equal(classifier.predict_proba(of(TEST.texts)), expected)
    assert classifier.score(of(TEST.texts), of(TEST.names())) == classifier.score(TEST.texts, TEST.names())


def test_it_stands_in_a_pipeline_behind_what_cleans_texts():
    shout = FunctionTransformer(lambda texts: [text.replace("moon", "car") for text in texts])
    pipeline = make_pipeline(shout, TextClassifier("tfidf-svc")).fit(TRAIN.texts.to_list(), TRAIN.names())
    assert pipeline.predict(["moon"]) == pipeline.predict(["car"])


def test_a_grid_search_finds_a_system_and_its_settings():
    systems = ["tfidf-svc", changed(SYSTEMS["tfidf-svc"], ["tokenizer.pattern=goal|car|the"]), "tfidf-nb"]
    search = GridSearchCV(TextClassifier(), {"system": systems, "class_weight": [None, "balanced"]}, cv=2)
    search.fit(TRAIN.texts.to_list(), TRAIN.names())
    assert search.best_params_["system"] in ("tfidf-svc", "tfidf-nb")
    assert search.best_score_ > 0.9


def test_cross_validation_in_two_processes_gives_what_one_gives():
    texts, labels = TRAIN.texts.to_list(), TRAIN.names()
    alone = cross_val_score(TextClassifier("tfidf-nb"), texts, labels, cv=3)
    np.testing.assert_array_equal(cross_val_score(TextClassifier("tfidf-nb"), texts, labels, cv=3, n_jobs=2), alone)


def test_it_can_be_calibrated_and_can_vote():
    texts, labels = TRAIN.texts.to_list(), TRAIN.names()
    calibrated = CalibratedClassifierCV(TextClassifier("tfidf-svc"), cv=2).fit(texts, labels)
    voting = VotingClassifier([(name, TextClassifier(name)) for name in ("tfidf-svc", "tfidf-nb")], voting="soft").fit(
        texts, labels
    )
    for estimator in (calibrated, voting):
        assert estimator.score(TEST.texts.to_list(), TEST.names()) > 0.9


@pytest.mark.parametrize("name", ["auto", "dan", "lstm", "glove-mean"])
def test_pickled_and_cloned_it_is_what_it_was(name, tmp_path):
    config = small_system(name, write_small_glove(tmp_path))
    classifier = TextClassifier(config, seed=3).fit(TRAIN.texts, TRAIN.names())
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(TEST.texts), classifier.predict_proba(TEST.texts))
    copy = clone(classifier)
    assert copy.get_params() == classifier.get_params()
    assert not hasattr(copy, "fitted_")


WRONG = {
    "system": [(5, "system is 5 of type int"), (["auto"], "of type list"), (len, "of type builtin_function")],
    "vectors": [(5, "vectors is 5 of type int"), (np.zeros((2, 2)), "of type ndarray")],
    "random_state": [("x", "random_state is 'x' of type str"), (0.5, "random_state is 0.5 of type float")],
    "class_weight": [
        ([1, 2], "class_weight is .1, 2."),
        ({"space": "x"}, "of 'space' is 'x'"),
        (3, "class_weight is 3"),
    ],
    "metric": [(None, "metric is None"), (len, "metric is")],
    "validation_share": [("0.1", "validation_share is '0.1'"), (None, "is None"), (True, "is True of type bool")],
    "budget_seconds": [("5m", "budget_seconds is '5m'"), (-1, "budget_seconds is -1")],
    "keep_together": [(True, "keep_together is True")],
    "label_hierarchy": [(5, "label_hierarchy is 5 of type int"), ("", "label hierarchy is ''")],
    "tokenizer": [
        (5, "tokenizer is 5, expected .*tokenizer=str.split"),
        (np.zeros((2, 2)), "tokenizer is array"),
        (["words"], "tokenizer is .'words'., expected"),
    ],
    "use_label_names": [("yes", "use_label_names is 'yes'"), (1, "use_label_names is 1 of type int")],
    "unseen_labels": [("sports", "unseen_labels is 'sports' of type str"), ([5], "unseen_labels is 5 of type int")],
    "text": [(5, "text is 5 of type int"), (["subject", 5], "text is .'subject', 5. of type list")],
    "columns": [(5, "columns is 5 of type int"), ([5], "columns is .5. of type list"), ({"a": 1}, "of type dict")],
    "seed": [(None, "seed is None"), ("x", "seed is 'x'"), (1.5, "seed is 1.5"), (-1, "seed is -1")],
}


@pytest.mark.parametrize(
    ("name", "value", "message"), [(name, *case) for name, cases in WRONG.items() for case in cases]
)
def test_a_parameter_of_the_wrong_kind_is_named_in_one_error(name, value, message):
    system = {"vectors": "averaging-glove", "budget_seconds": "auto"}.get(name, "tfidf-nb")
    parameters = {"system": system, name: value}
    with pytest.raises(SettingError, match=message):
        TextClassifier(**parameters).fit(TRAIN.texts, TRAIN.names())


def test_every_parameter_is_tried_with_a_value_of_the_wrong_kind():
    assert set(WRONG) == set(TextClassifier().get_params(deep=False))


@pytest.mark.parametrize("setting", ["tokenizer", "vocabulary", "model", "vectors", "training"])
@pytest.mark.parametrize("value", ["x", 5, str.split, SYSTEMS["auto"]])
def test_a_setting_of_the_wrong_kind_is_named_in_one_error(setting, value):
    with pytest.raises(SettingError, match=f"^{setting} is .* expected .*settings"):
        replace(SYSTEMS["averaging"], **{setting: value})


@pytest.mark.parametrize("value", ["x", ["a"] * 150, {"a": 1}, [None] * 150, np.ones(3), [-1] * 150])
def test_a_sample_weight_that_is_none_is_named_in_one_error(value):
    with pytest.raises(SettingError, match="sample_weight"):
        TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names(), value)


def test_arguments_have_scikit_learns_names():
    classifier = TextClassifier("tfidf-nb").fit(X=TRAIN.texts, y=TRAIN.names())
    assert classifier.score(X=TEST.texts, y=TEST.names()) > 0.9
    np.testing.assert_array_equal(classifier.predict(X=TEST.texts), classifier.predict(TEST.texts))
    np.testing.assert_array_equal(classifier.predict_proba(X=TEST.texts), classifier.predict_proba(TEST.texts))


def test_a_label_that_training_lacks_is_wrong_in_a_score():
    classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())
    labels = [*TEST.names()[:-30], *["cooking"] * 30]
    assert classifier.score(TEST.texts, labels) == pytest.approx(
        classifier.score(TEST.texts[:-30], labels[:-30]) * 30 / 60
    )
    sets = [(label,) for label in TRAIN.names()]
    many = TextClassifier("tfidf-nb").fit(TRAIN.texts, sets)
    given = [(label,) for label in TEST.names()]
    assert many.score(TEST.texts, [*given[:-1], (*given[-1], "cooking")]) == pytest.approx(
        many.score(TEST.texts[:-1], given[:-1]) * 59 / 60
    )
    with pytest.raises(DataError, match="did not occur in training"):
        classifier.score(TEST.texts, list(range(60)))  # of another type: not labels of these at all


def test_a_class_of_one_document_leaves_scores_of_folds_that_are_numbers():
    texts, labels = [*TRAIN.texts, "eggs flour butter"], [*TRAIN.names(), "cooking"]
    with pytest.warns(UserWarning, match="least populated class"):
        scores = cross_val_score(TextClassifier("tfidf-nb"), texts, labels, cv=3)
    assert np.isfinite(scores).all()
    search = GridSearchCV(TextClassifier(), {"system": ["tfidf-svc", "tfidf-nb"]}, cv=2)
    with pytest.warns(UserWarning, match="least populated class"):
        search.fit(texts, labels)
    assert search.best_score_ > 0.9


def test_it_is_bagged_and_its_one_column_permuted():
    texts, labels = TRAIN.texts.to_numpy()[:, np.newaxis], TRAIN.names()
    bagged = BaggingClassifier(TextClassifier("tfidf-nb"), n_estimators=3, random_state=0).fit(texts, labels)
    assert bagged.score(TEST.texts.to_numpy()[:, np.newaxis], TEST.names()) > 0.9
    classifier = TextClassifier("tfidf-nb").fit(texts, labels)
    found = permutation_importance(
        classifier, TEST.texts.to_numpy()[:, np.newaxis], TEST.names(), n_repeats=2, random_state=0
    )
    assert found.importances_mean[0] > 0.3


def test_a_table_of_several_columns_is_no_column_of_texts():
    with pytest.raises(DataError, match="expected one column of texts, found a table of 2"):
        TextClassifier("tfidf-nb").fit(pd.DataFrame({"a": TRAIN.texts.to_list(), "b": 1}), TRAIN.names())


def test_texts_whose_labels_are_all_new_are_all_wrong():
    classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())
    assert classifier.score(TEST.texts[:3], ["cooking", "sewing", "cooking"]) == 0


def test_no_texts_have_no_score():
    classifier = TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())
    with pytest.raises(DataError, match="there are no texts"):
        classifier.score([], [])


@pytest.mark.parametrize(
    ("columns", "named"), [({"text": 3}, "text is 3"), ({"text": "a", "columns": 1}, "columns is 1")]
)
def test_what_are_no_names_of_columns_is_refused(columns, named):
    with pytest.raises(SettingError, match=f"{named}.*expected the name of a column or a list of names"):
        TextClassifier("tfidf-svc", **columns).fit(TRAIN.texts, TRAIN.names())
