"""A system that chooses by itself: what it tries, what it takes, what it says."""

import numpy as np
import pytest
from small_corpus import TOPICS, small_corpus, write_small_glove

from bywords.classifier import TextClassifier
from bywords.config import changed
from bywords.data.splits import stratified_folds
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.models import tfidf_linear
from bywords.system_config import SelectionConfig
from bywords.systems import SYSTEMS
from bywords.text.tokenizer import Tokenizer
from bywords.training.model_selection import FEW_FOLDS, in_percent, select_model

TRAIN, TEST = small_corpus(240), small_corpus(90, seed=1)


def noisy(corpus, share, *, seed=0):
    """Its labels, some of them drawn anew: then no candidate is certain, and there is something to choose."""
    generator = np.random.default_rng(seed)
    is_wrong = generator.random(len(corpus)) < share
    return np.where(is_wrong, generator.integers(0, 3, len(corpus)), corpus.labels)


def chosen(**more):
    more = {"valid": None, "seed": 0, **more}
    return select_model(SYSTEMS["auto"], Tokenizer()(TRAIN.texts), Targets.of(noisy(TRAIN, 0.4)), **more)


def strengths(selection, title):
    """The C of each trial of a model, and its log loss, in the order of the trials."""
    return [(one.settings[0].C, one.log_loss) for one in selection.trials if one.name == title]


def test_every_kind_of_candidate_is_tried_and_every_trial_is_kept():
    selection = chosen()
    assert list(dict.fromkeys(trial.name for trial in selection.trials if trial.name != "ensemble")) == [
        "naive Bayes SVM on words and n-grams",
        "SVM on words, n-grams and character n-grams",
        "naive Bayes on words and n-grams",
        "naive Bayes on words",
        "logistic regression on English word vectors",
        "discriminant analysis on English word vectors",
    ]
    assert all(0 < trial.accuracy <= 1 and trial.log_loss > 0 for trial in selection.trials)


def test_machines_that_differ_in_their_strength_share_the_ratios_of_their_documents(monkeypatch):
    counted, usual = [], tfidf_linear.count_ratios
    monkeypatch.setattr(tfidf_linear, "count_ratios", lambda *a, **k: counted.append(1) or usual(*a, **k))
    shared = chosen()
    n_parts = FEW_FOLDS
    assert len(strengths(shared, "naive Bayes SVM on words and n-grams")) > 1
    assert len(counted) == n_parts + 1  # and once for all documents
    monkeypatch.setattr(tfidf_linear, "MOST_KEPT", 0)  # what is too large is worked out anew, to the same
    apart = chosen()
    assert len(counted) > 2 * (n_parts + 1)
    np.testing.assert_array_equal(shared.logits, apart.logits)
    assert [one.plain() for one in shared.trials] == [one.plain() for one in apart.trials]


@pytest.mark.parametrize("share", [0.2, 0.4])  # of labels that are wrong: the more, the smaller C has to be
def test_a_race_tries_fewer_strengths_and_finds_the_best_of_all(share):
    targets, tokens = Targets.of(noisy(TRAIN, share)), Tokenizer()(TRAIN.texts)
    auto = SYSTEMS["auto"]
    race = select_model(auto, tokens, targets, None, seed=0)
    everything = select_model(changed(auto, ["model.is_race=false"]), tokens, targets, None, seed=0)
    for title in {trial.name for trial in everything.trials} - {"ensemble"}:
        raced, tried = strengths(race, title), strengths(everything, title)
        assert set(raced) <= set(tried)
        assert min(loss for _, loss in raced) == min(loss for _, loss in tried)
    assert len(race.trials) < len(everything.trials)


def test_an_svm_of_all_documents_goes_on_from_those_of_the_folds():
    selection = chosen()
    member = next(one for one in selection.members if one.duals is not None)
    assert member.duals.shape[:2] == (FEW_FOLDS, len(TRAIN))
    held_out = (member.duals == 0).all(axis=2)
    assert [held_out[number][rows].all() for number, (_, rows) in enumerate(selection.workbench.parts)] == [True] * 5
    np.testing.assert_allclose(member.start, member.duals.sum(axis=0) / (FEW_FOLDS - 1), rtol=1e-6)


def test_what_is_chosen_has_the_least_log_loss_of_all_trials_and_the_reason_says_so():
    selection = chosen()
    best = min(selection.trials, key=lambda trial: trial.log_loss)
    assert f"{best.log_loss:.3f}" in selection.reason
    assert best.name.casefold() in selection.reason.casefold()
    assert f"held out in {FEW_FOLDS} turns" in selection.reason


def test_few_documents_are_all_held_out_once():
    selection = chosen()
    assert len(selection.targets) == len(selection.logits) == len(TRAIN)


def test_given_validation_documents_are_the_ones_it_is_judged_on_and_are_learned_in_the_end():
    tokenizer = Tokenizer()
    valid = tokenizer([*TEST.texts, "zeppelin zeppelin"]), Targets.of(np.append(TEST.labels, 0))
    selection = chosen(valid=valid)
    assert selection.targets.codes.tolist() == valid[1].codes.tolist()
    assert "zeppelin" in selection.fit.vocabulary.words


def test_the_chosen_model_was_fitted_to_all_documents():
    texts = [*TRAIN.texts, *["quokka quokka"] * 5]
    labels = [*TRAIN.names(), *["sport"] * 5]
    classifier = TextClassifier("auto").fit(texts, labels)
    assert classifier.predict(["quokka"]).tolist() == ["sport"]


def test_runs_of_words_tell_what_words_alone_do_not():
    texts = [f"{a} {b}" for a, b in [("not", "good"), ("good", "not")] for _ in range(30)]
    labels = ["bad"] * 30 + ["fine"] * 30
    assert TextClassifier("auto").fit(texts, labels).predict(["not good", "good not"]).tolist() == ["bad", "fine"]


def test_pieces_of_words_tell_what_new_words_mean():
    texts = [f"{start}{ending}" for start in "bcdfghjklm" for ending in ("ization", "fulness")]
    labels = ["a", "b"] * 10
    assert TextClassifier("auto").fit(texts, labels).predict(["zorization", "zorfulness"]).tolist() == ["a", "b"]


def test_many_running_words_do_without_pieces(monkeypatch):
    monkeypatch.setattr("bywords.training.model_selection.CHAR_NGRAMS_UP_TO", 100)
    selection = chosen()
    assert len(selection.fit.vocabulary.char_ngrams) == 0
    assert "SVM on words, n-grams and character n-grams" not in [trial.name for trial in selection.trials]


def test_a_budget_buys_more_trials_and_the_search_is_seeded(monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr("bywords.training.model_selection.time.perf_counter", lambda: next(clock))
    first = chosen(budget_seconds=60)
    assert len(first.trials) > len(chosen().trials)
    clock = iter(range(10_000))
    again = chosen(budget_seconds=60)
    assert [trial.settings for trial in again.trials] == [trial.settings for trial in first.trials]


def test_ctrl_c_ends_the_search_and_keeps_what_was_found():
    class Impatient:
        def step(self, n_done, n_steps, what):
            if n_steps == 0:
                raise KeyboardInterrupt

        def epoch(self, record, max_epochs):
            pass

        def batch(self, epoch, n_done, n_batches):
            pass

    selection = chosen(budget_seconds=600, callback=Impatient())
    assert selection.fit.model.logits(selection.fit.vocabulary.encode(Tokenizer()(["moon"]))).shape == (1, 3)


def test_given_vectors_make_one_more_candidate(tmp_path):
    classifier = TextClassifier("auto", vectors=write_small_glove(tmp_path)).fit(TRAIN.texts, TRAIN.names())
    assert "averaging on words" in [trial["name"] for trial in classifier.selection_.trials]


def test_a_budget_for_a_system_that_has_nothing_to_choose_is_refused():
    with pytest.raises(SettingError, match="has nothing to select, so a budget is of no use"):
        TextClassifier("tfidf-nb", budget_seconds=5).fit(TRAIN.texts, TRAIN.names())


def test_choosing_among_nothing_is_refused():
    with pytest.raises(SettingError, match="nothing to select from"):
        select_model(SYSTEMS["dan"], Tokenizer()(TRAIN.texts), Targets.of(TRAIN.labels), None, seed=0)


def test_settings_of_the_vocabulary_can_be_changed():
    config = changed(SYSTEMS["auto"], ["vocabulary.ngrams=1"])
    classifier = TextClassifier(config).fit(TRAIN.texts, TRAIN.names())
    assert len(classifier.fitted_.vocabulary.ngrams) == 0
    assert classifier.evaluate(TEST.texts, TEST.names()).accuracy > 0.9


def test_a_class_of_one_document_and_of_two_is_no_reason_to_fail():
    texts = [*TRAIN.texts, "lonely zebra", "second gnu", "second gnu again"]
    labels = [*TRAIN.names(), "one", "two", "two"]
    classifier = TextClassifier("auto").fit(texts, labels)
    assert set(classifier.classes_) == {*TOPICS, "one", "two"}


def test_folds_hold_out_each_document_once_and_spread_each_class():
    labels = np.repeat([0, 1, 2], [10, 7, 1])
    folds = stratified_folds(labels, 3, seed=0)
    assert sorted(np.concatenate([held_out for _, held_out in folds]).tolist()) == list(range(18))
    for kept, held_out in folds:
        assert not set(kept) & set(held_out)
        assert len(held_out) == 6
        assert 3 <= (labels[held_out] == 0).sum() <= 4


def test_ctrl_c_within_a_trial_ends_the_search_too(monkeypatch):
    from bywords.training.model_selection import HyperparameterSearch
    from bywords.training.workbench import DAN

    monkeypatch.setattr(HyperparameterSearch, "propose", lambda self: DAN)
    seen = []

    class Impatient:
        def step(self, n_done, n_steps, what):
            pass

        def epoch(self, record, max_epochs):
            seen.append(record)
            if len(seen) == 2:
                raise KeyboardInterrupt

        def batch(self, epoch, n_done, n_batches):
            pass

    # The averaging models of a search tell nobody of their epochs, so the interrupt comes from the training itself.
    monkeypatch.setattr("bywords.training.workbench.fit_model", _told(Impatient()))
    selection = chosen(budget_seconds=600)
    assert DAN.title not in [trial.name for trial in selection.trials]


def _told(callback):
    from bywords.training.system import fit_model

    return lambda *arguments, **more: fit_model(*arguments, **more, callback=callback)


def test_vectors_that_have_none_of_the_words_are_refused(tmp_path):
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("xx 1 2\nyy 2 1\n")
    with pytest.raises(SettingError, match="have none of the"):
        TextClassifier("auto", vectors=str(foreign)).fit(TRAIN.texts, TRAIN.names())


def test_as_many_validation_as_training_documents_are_counted_as_such():
    classifier = TextClassifier().fit(TRAIN.texts, TRAIN.names(), validation=(TRAIN.texts, TRAIN.names()))
    assert (classifier.summary_.n_train, classifier.summary_.n_valid) == (len(TRAIN), len(TRAIN))


def test_a_model_that_was_chosen_and_loaded_can_be_trained_anew_and_chooses_again(tmp_path):
    first = TextClassifier().fit(TRAIN.texts, TRAIN.names())
    first.save(tmp_path / "model")
    again = TextClassifier.load(tmp_path / "model").fit(TRAIN.texts, TRAIN.names())
    np.testing.assert_array_equal(again.predict_proba(TEST.texts), first.predict_proba(TEST.texts))


def test_a_word_known_by_its_pieces_is_not_nothing_known():
    classifier = TextClassifier().fit(["wonderful"] * 20 + ["horrible"] * 20, ["p"] * 20 + ["n"] * 20)
    answers = classifier.predict_documents(["wonderous", "xyz", ""])
    assert answers.in_vocabulary_share.tolist() == [0, 0, 0]
    assert answers.all_out_of_vocabulary.tolist() == [False, True, True]


def test_classes_of_one_document_each_cannot_be_judged():
    with pytest.raises(DataError, match="no class has two"):
        TextClassifier().fit(list("abcdefghij"), list("abcdefghij"))


@pytest.mark.parametrize(
    ("more", "message"), [({"validation_share": 2}, "share to hold out is 2"), ({"seed": -1}, "seed is -1")]
)
def test_a_share_or_a_seed_that_cannot_be_is_refused(more, message):
    with pytest.raises(SettingError, match=message):
        TextClassifier(**more).fit(TRAIN.texts, TRAIN.names())


def test_a_choice_of_nothing_is_refused():
    with pytest.raises(SettingError, match="one candidate at least"):
        SelectionConfig(candidates=())


def test_a_share_that_is_not_nothing_is_not_said_to_be_nothing():
    assert [in_percent(share) for share in (0.304, 0.006, 0.004)] == ["30%", "1%", "less than 1%"]
