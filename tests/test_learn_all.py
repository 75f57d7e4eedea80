"""The model that is saved has learned from everything; its score is of documents that were held out."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_corpus import small_corpus, small_system, write_small_glove

from bywords.artifact.description import load_classifier
from bywords.systems import SYSTEMS
from bywords.training.fit import fit_classifier

TRAIN, TEST = small_corpus(120), small_corpus(40, seed=1)


def with_test(config, texts=TEST.texts, labels=None, **more):
    """The classifier that has not seen the test documents, and the one that has."""
    tested = []
    labels = TEST.names() if labels is None else labels
    fitted = fit_classifier(
        config, TRAIN.texts, TRAIN.names(), test=(texts, labels), on_fitted=tested.append, **more
    )  # fmt: skip
    return tested[0], fitted


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_words_that_only_test_documents_have_are_known_at_last(name, tmp_path):
    config = small_system(name, write_small_glove(tmp_path))
    texts = [f"{text} zebrix zebrix moon moon" for text in TEST.texts]  # the vectors that are read know no zebrix
    tested, fitted = with_test(config, texts)
    learns_words = config.vectors is None or not config.leave_out_missing
    assert "zebrix" not in tested.vocabulary.words.to_list()
    if learns_words and not name.endswith("corpus-mean") and name != "word2vec-mean":
        assert "zebrix" in fitted.vocabulary.words.to_list()
    assert fitted.record.summary.n_learned_after == 40
    assert fitted.record.summary.n_documents == 160
    assert any(
        one.shape != other.shape or not np.array_equal(one, other)
        for one, other in zip(tested.model.arrays().values(), fitted.model.arrays().values(), strict=True)
    )


@pytest.mark.parametrize("name", ["auto", "tfidf-svc", "dan"])
def test_what_was_found_out_by_documents_held_out_stays(name):
    tested, fitted = with_test(SYSTEMS[name])
    assert fitted.calibration == tested.calibration
    assert fitted.reliability == tested.reliability
    assert fitted.record.selection == tested.record.selection
    assert fitted.record.history == tested.record.history
    assert fitted.evaluate(TEST.texts, TEST.names()).accuracy == 1


def test_the_one_that_is_tested_is_what_it_would_be_without_the_test_documents():
    for name in ("auto", "tfidf-nb", "dan"):
        tested, _ = with_test(SYSTEMS[name])
        alone = fit_classifier(SYSTEMS[name], TRAIN.texts, TRAIN.names())
        np.testing.assert_array_equal(tested.predict(TEST.texts).logits, alone.predict(TEST.texts).logits)


def test_what_it_learns_at_last_is_what_a_fit_to_all_of_the_documents_learns():
    _, fitted = with_test(SYSTEMS["tfidf-nb"])
    texts, labels = [*TRAIN.texts, *TEST.texts], [*TRAIN.names(), *TEST.names()]
    alone = fit_classifier(SYSTEMS["tfidf-nb"], texts, labels)
    np.testing.assert_allclose(fitted.predict(TEST.texts).logits, alone.predict(TEST.texts).logits, atol=1e-6)


@pytest.mark.parametrize("name", ["auto", "dan", "lstm"])
def test_an_interrupted_last_fit_is_resumed_to_the_same_bits(name, tmp_path):
    config = small_system(name, "")

    def stop(fitted):
        raise InterruptedError

    _, whole = with_test(config)
    given = (TEST.texts, TEST.names())
    with pytest.raises(InterruptedError):
        fit_classifier(config, TRAIN.texts, TRAIN.names(), test=given, on_fitted=stop, checkpoint=tmp_path / "kept")
    _, resumed = with_test(config, checkpoint=tmp_path / "kept", resume=True)
    np.testing.assert_array_equal(resumed.predict(TEST.texts).logits, whole.predict(TEST.texts).logits)


def test_ctrl_c_in_the_last_fit_keeps_the_model_that_was_tested():
    class Impatient:
        is_tested = False

        def vectors_epoch(self, *told): ...
        def batch(self, *told): ...
        def epoch(self, *told): ...

        def step(self, *told):
            if self.is_tested:
                raise KeyboardInterrupt

    callback = Impatient()
    fitted = fit_classifier(
        SYSTEMS["auto"], TRAIN.texts, TRAIN.names(), test=(TEST.texts, TEST.names()), callback=callback,
        on_fitted=lambda fitted: setattr(callback, "is_tested", True),
    )  # fmt: skip
    assert fitted.record.history.interrupted
    assert fitted.record.summary.n_learned_after == 0


def train(bywords, *options, corpus=None):
    corpus = corpus or small_corpus(150)
    rows = zip(corpus.texts, corpus.names(), strict=True)
    with Path("small.csv").open("w") as file:
        file.write("text,label\n" + "".join(f'"{text}",{name}\n' for text, name in rows))
    return bywords("train", "small.csv", "--out", "model", *options)


@pytest.mark.parametrize("system", ["auto", "averaging"])
def test_screen_card_record_and_json_say_both(bywords, system):
    code, out, _ = train(bywords, "--system", system)
    assert (code, "has since learned from these 30 documents too" in out) == (0, True)
    with Path("model/README.md").open() as file:
        card = file.read()
    assert "30 test documents that it had not seen" in card
    assert "It has since learned from these too" in card
    assert "- Documents: 150" in card
    assert load_classifier("model").record.summary.n_documents == 150
    assert json.loads(train(bywords, "--system", system, "--json")[1])["n_learned_after"] == 30


def test_the_test_part_is_kept_out_where_that_is_asked_for_or_it_is_a_file(bywords):
    _, out, _ = train(bywords, "--system", "tfidf-nb", "--keep-test-out")
    assert "has since learned" not in out
    assert load_classifier("model").record.summary.n_documents == 120
    _, out, _ = train(bywords, "--system", "tfidf-nb", "--test", "small.csv")
    assert "has since learned" not in out
    assert "All" not in out.split("\n")[0]
    assert load_classifier("model").record.summary.n_documents == 150


def test_test_documents_that_are_in_training_are_said_with_the_scores_without_them(bywords):
    train(bywords, "--system", "tfidf-nb")
    with Path("test.csv").open("w") as file:
        file.write("text,label\n")
        with Path("small.csv").open() as other:
            file.writelines(line.upper().replace("SPACE", "space").replace("SPORT", "sport").replace("MOTOR", "motor")
                            for line in other.readlines()[1:11])  # fmt: skip
        file.write("moon moon orbit,space\nengine car oil,motor\n")
    _, out, _ = train(bywords, "--system", "tfidf-nb", "--test", "test.csv")
    assert (
        "10 of the 12 test documents are also among the training documents. Without them: right on 100.0% of 2" in out
    )
    found = json.loads(train(bywords, "--system", "tfidf-nb", "--test", "test.csv", "--json")[1])
    assert found["test_also_in_training"]["n_documents"] == 10
    assert found["test_also_in_training"]["without_them"]["n_documents"] == 2
    with Path("model/README.md").open() as file:
        assert "10 are also among those of training" in file.read()


@pytest.mark.parametrize("system", ["auto", "dan"])
def test_a_model_that_goes_on_learns_from_what_it_was_tested_on(bywords, system):
    train(bywords, "--system", system)
    more = small_corpus(100, seed=7)
    rows = zip([f"zebrix{number % 4} {text}" for number, text in enumerate(more.texts)], more.names(), strict=True)
    with Path("more.csv").open("w") as file:
        file.write("text,label\n" + "".join(f'"{text}",{name}\n' for text, name in rows))
    _, out, _ = bywords("train", "more.csv", "--from", "model", "--out", "model2")
    assert "has since learned from these 20 documents too" in out
    assert load_classifier("model2").record.summary.n_documents == 250


def test_a_smaller_model_has_learned_from_all_too(bywords):
    _, out, _ = train(bywords, "--system", "auto", "--max-size", "30kB")
    assert "has since learned from these 30" in out
    assert load_classifier("model").record.summary.n_documents == 150
