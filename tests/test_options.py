"""An option that is taken does something, and in the right direction, in every system; or it is refused."""

import dataclasses

import numpy as np
import pytest
from small_corpus import COMMON, small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.errors import BywordsError, SettingError
from bywords.system_config import FitParameters
from bywords.systems import SYSTEMS


def hard(n_documents, *, seed):
    """Documents of two classes that a few words hint at, so that many could be of either."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 2, n_documents)
    texts = []
    for code in codes:
        hints = ["moon" if generator.random() < (0.65, 0.35)[code] else "car"]
        hints.append("goal" if generator.random() < (0.6, 0.4)[code] else "team")
        texts.append(" ".join([*generator.choice(COMMON[:6], 5), *hints, f"w{generator.integers(60)}"]))
    return texts, codes


@pytest.fixture(scope="module")
def glove(tmp_path_factory):
    return write_small_glove(tmp_path_factory.mktemp("vectors"))


def quick(name, glove):
    """A system whose training is short; how good it is does not matter here."""
    config = small_system(name, glove)
    if config.training is None:
        return config
    return dataclasses.replace(config, training=dataclasses.replace(config.training, max_epochs=6))


@pytest.mark.parametrize("n_documents", [60, 300])
@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_the_more_a_class_counts_the_more_texts_get_it(name, n_documents, glove):
    texts, codes = hard(n_documents, seed=0)
    new, _ = hard(300, seed=1)
    shares, probabilities = [], []
    for weight in (0.02, 1, 50):
        classifier = TextClassifier(quick(name, glove), class_weight={0: 1, 1: weight}).fit(texts, codes)
        shares.append(classifier.predict(new).mean())
        probabilities.append(classifier.predict_proba(new)[:, 1].mean())
    assert shares[0] - 0.02 <= shares[1] <= shares[2] + 0.02
    assert shares[0] + 0.3 < shares[2]
    assert probabilities[0] - 0.02 <= probabilities[1] <= probabilities[2] + 0.02


@pytest.mark.parametrize("name", ["auto", "tfidf-svc", "tfidf-nb", "dan"])
def test_a_class_among_three_that_counts_more_takes_from_the_others(name):
    generator = np.random.default_rng(0)
    corpus, new = small_corpus(240), small_corpus(150, seed=1)
    labels = np.where(generator.random(240) < 0.5, corpus.names(), generator.permutation(corpus.names()))
    shares = [
        (TextClassifier(name, class_weight={"sport": weight}).fit(corpus.texts, labels).predict(new.texts) == "sport")
        for weight in (0.05, 1, 20)
    ]
    assert shares[0].mean() < shares[1].mean() < shares[2].mean()


def test_weights_that_are_all_the_same_change_no_logit_of_naive_bayes():
    texts, codes = hard(100, seed=0)
    plain = TextClassifier("tfidf-nb").fit(texts, codes)
    heavy = TextClassifier("tfidf-nb", class_weight={0: 5, 1: 5}).fit(texts, codes)
    np.testing.assert_allclose(heavy.fitted_.predict(texts).logits, plain.fitted_.predict(texts).logits, atol=1e-5)


def outcome(**parameters):
    """What a fit gives: its probabilities for texts and what was tried, or the words of its refusal."""
    texts, codes = hard(200, seed=0)
    near = [f"{text} {text} {text} zebra{index % 3}" for index, text in enumerate(texts[:40])]
    try:
        fitted = TextClassifier(**parameters).fit([*texts, *near], [*codes, *codes[:40]])
    except SettingError as error:
        return str(error)
    selection = fitted.fitted_.record.selection
    n_tried = 0 if selection is None else len(selection.trials)
    return fitted.predict_proba(hard(50, seed=1)[0]).round(6).tolist(), n_tried


CHANGED = {
    "class_weight": {0: 1, 1: 5},
    "metric": "accuracy",
    "validation_share": 0.4,
    "budget_seconds": 6.0,  # several times what the candidates take, on a busy machine too
    "keep_together": "near",
    "seed": 1,
}


def test_all_parameters_are_tried():
    # tests/test_hierarchy.py: it changes no probability of a class; tests/test_static_vectors.py, test_named_classes.py
    others = {"vectors", "label_hierarchy", "use_label_names", "unseen_labels"}
    assert set(CHANGED) | others == {field.name for field in dataclasses.fields(FitParameters)}


# The epoch or candidate that is best may be so by both metrics: tests/test_imbalance.py looks at their scores.
TRIED = [
    (name, parameter)
    for name in sorted(SYSTEMS)
    for parameter in sorted(CHANGED)
    if parameter != "metric" or SYSTEMS[name].training is None
]


@pytest.mark.parametrize(("name", "parameter"), TRIED)
def test_a_parameter_changes_what_is_fitted_or_is_refused(name, parameter, glove):
    config = quick(name, glove)
    plain, changed = outcome(system=config), outcome(system=config, **{parameter: CHANGED[parameter]})
    assert changed != plain
    if isinstance(changed, str):
        assert "of no use" in changed


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_vectors_are_read_or_refused(name):
    texts, codes = hard(60, seed=0)
    with pytest.raises(BywordsError, match=r"no-such-file|does not start from given vectors"):
        TextClassifier(name, vectors="no-such-file.txt").fit(texts, codes)
