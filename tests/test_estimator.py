"""TextClassifier among scikit-learn's estimators: its checks, its tools, and the containers that texts come in.

scikit-learn has no check for estimators that take texts: `parametrize_with_checks` yields none for them. So the checks
are given one that takes tables of numbers, makes a text of each row, and is a TextClassifier in all else.
"""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data
from small_corpus import small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.config import changed
from bywords.errors import DataError
from bywords.systems import SYSTEMS

TRAIN, TEST = small_corpus(), small_corpus(60, seed=1)


class NumbersAsTexts(TextClassifier):
    """Reads each row of a table as a text with a word for each column and its number, rounded."""

    def fit(self, X, y, sample_weight=None):  # noqa: N803 (scikit-learn's name)
        numbers, y = validate_data(self, X, y, multi_output=True)
        return super().fit(self._texts(numbers), y, sample_weight)

    def predict_documents(self, numbers):
        check_is_fitted(self)
        return super().predict_documents(self._texts(validate_data(self, numbers, reset=False)))

    @staticmethod
    def _texts(numbers):
        return [" ".join(f"c{column}n{round(float(n) * 2)}" for column, n in enumerate(row)) for row in numbers]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        return tags


CANNOT = {
    "check_sample_weight_equivalence_on_dense_data": "some documents are held out at random to stop by and to set the "
    "temperature: of two copies of a document one may be held out, of a document that counts twice none is, or both."
}


@parametrize_with_checks(
    [NumbersAsTexts(), NumbersAsTexts("tfidf-svc"), NumbersAsTexts("dan")],
    expected_failed_checks=lambda estimator: CANNOT,
)
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


def test_a_table_of_several_columns_is_no_column_of_texts():
    with pytest.raises(DataError, match="expected one column of texts, found a table of 2"):
        TextClassifier("tfidf-nb").fit(pd.DataFrame({"a": TRAIN.texts.to_list(), "b": 1}), TRAIN.names())
