"""Texts without labels: idf and self-training where documents held out gain, and nothing of what is asked for later."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_corpus import TOPICS, small_corpus

from bywords import SYSTEMS, TextClassifier, fit_classifier
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.evaluation.calibration import Temperature
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.system_config import FitParameters, SelectionConfig, SystemConfig
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.training import unlabelled as module
from bywords.training.callback import Callback

SMALL = SystemConfig(
    description="small", model=SelectionConfig(candidates=(TfidfConfig(features="words"), TfidfConfig(estimator="nb"))),
)  # fmt: skip
CORPUS = small_corpus(60)
TEXTS, LABELS = CORPUS.texts.to_list(), CORPUS.names().tolist()
NEW = {"space": "astronaut", "sport": "referee", "motor": "gearbox"}  # words that no document with a label has
OTHERS = [f"{NEW[topic]} {' '.join(words[:4])} {number}" for number in range(20) for topic, words in TOPICS.items()]


def fitted(others, texts=TEXTS, labels=LABELS, **more):
    return fit_classifier(SMALL, texts, labels, unlabelled=others, **more)


def test_self_training_teaches_words_that_no_document_with_a_label_has(monkeypatch):
    monkeypatch.setattr(module._Judged, "score", property(lambda judged: len(judged.result.trial.name)))  # each gains
    for name, value in (("AS_BEFORE", "a"), ("COUNTED", "ab"), ("SELF_TRAINED", "abc")):
        monkeypatch.setattr(module, name, value)
    plain, taught = fit_classifier(SMALL, TEXTS, LABELS), fitted(OTHERS)
    assert plain.predict(["astronaut"]).all_out_of_vocabulary.all()
    found = taught.predict(["astronaut", "referee", "gearbox"])
    assert found.labels.tolist() == list(NEW)
    assert not found.all_out_of_vocabulary.any()
    reason = taught.record.selection.reason
    assert reason.startswith(plain.record.selection.reason)
    assert "60 texts without labels were read. What follows" in reason
    assert "How rare words are is counted in them too" in reason
    assert "60 of them, for which the model was 60% sure or more" in reason
    assert "brought 23 more words" in reason  # three, and the numbers 0 to 19
    assert taught.record.summary.n_train == plain.record.summary.n_train


def test_what_does_not_gain_is_not_used_and_the_model_is_as_without(monkeypatch):
    monkeypatch.setattr(module._Judged, "score", property(lambda judged: -len(judged.result.trial.name)))
    for name, value in (("AS_BEFORE", "a"), ("COUNTED", "ab"), ("SELF_TRAINED", "abc")):
        monkeypatch.setattr(module, name, value)
    plain, same = fit_classifier(SMALL, TEXTS, LABELS), fitted(OTHERS)
    for name, array in plain.model.arrays().items():
        np.testing.assert_array_equal(array, same.model.arrays()[name])
    assert same.calibration == plain.calibration
    reason = same.record.selection.reason
    assert "How rare words are is counted without them" in reason
    assert "Self-training on them is not used" in reason
    assert [trial["name"] for trial in same.record.selection.trials[-3:]] == ["a", "ab", "abc"]


def test_the_way_of_most_gain_on_documents_held_out_is_taken_and_scores_are_of_documents_with_labels_alone():
    found = fitted(OTHERS)
    trials = {trial["name"]: trial["score"] for trial in found.record.selection.trials[-3:]}
    counted, taught = trials[module.COUNTED] > trials[module.AS_BEFORE], trials[module.SELF_TRAINED]
    reason = found.record.selection.reason
    assert ("counted in them too" in reason) == counted
    assert ("are learned from as" in reason) == (taught > max(trials[module.COUNTED], trials[module.AS_BEFORE]))
    assert found.reliability.n_documents == len(TEXTS)
    assert found.record.summary.n_documents == len(TEXTS)


def test_idf_counts_texts_without_labels_but_gives_no_row_to_a_word_that_no_document_has():
    tokens, more = Tokenizer()(["fire moon", "moon orbit"]), Tokenizer()(["fire", "fire goal", "fire oil"])
    vocabulary = Vocabulary.of(tokens).with_unseen(more.words)  # as models do that know words by vectors
    config = TfidfConfig(features="words")
    idf = TfidfLinear.prepare(config, vocabulary.encode(tokens), vocabulary, vocabulary.encode(more)).idf
    of = dict(zip(vocabulary.words.to_list(), idf[2:].tolist(), strict=True))
    assert of["fire"] == pytest.approx(np.log(6 / 5) + 1)
    assert of["moon"] == pytest.approx(np.log(6 / 3) + 1)
    assert of["orbit"] == pytest.approx(np.log(6 / 2) + 1)
    assert of["goal"] == of["oil"] == 0


def test_near_duplicates_are_left_out_too_where_they_are_kept_together():
    long = [f"{text} the season of the hockey coach was over and nobody had an answer for it {n}"
            for n, text in enumerate(TEXTS)]  # fmt: skip
    others = [f"{long[0]} again", *OTHERS[:5]]
    reasons = [
        fitted(others, texts=long, parameters=FitParameters(keep_together=together)).record.selection.reason
        for together in ("equal", "near")
    ]
    assert "6 texts without labels were read. What" in reasons[0]
    assert "6 texts without labels were read; 1 of them" in reasons[1]


@pytest.mark.parametrize("role", ["training", "validation", "test"])
def test_a_text_that_equals_one_with_a_label_is_left_out_whatever_its_capitals(monkeypatch, role):
    seen = []
    ways = module.with_unlabelled
    monkeypatch.setattr(
        "bywords.training.fit.with_unlabelled",
        lambda *args, **more: seen.append(args[2].tokens.documents()) or ways(*args, **more),
    )
    more = {} if role == "training" else {role: (["The Nasa referee, late"], ["space"])}
    copy = TEXTS[0].upper() if role == "training" else "the nasa REFEREE late"
    found = fitted([copy, "", *OTHERS[:5]], **more)
    assert [document[0] for document in seen[0]] == [text.split()[0] for text in OTHERS[:5]]
    assert "7 texts without labels were read; 2 of them" in found.record.selection.reason


def test_what_a_part_holds_out_is_in_no_fit_that_answers_for_it(monkeypatch):
    """Nor among what is self-trained: of each part the fits have the words of the others alone."""
    parts = []
    again = module.SelectionResult.fit_again

    def spy(self, part, *more):
        config, fit = again(self, part, *more)
        parts.append((len(part[0]), set(fit.vocabulary.words.to_list())))
        return config, fit

    monkeypatch.setattr(module.SelectionResult, "fit_again", spy)
    texts = [f"{text} own{number}" for number, text in enumerate(TEXTS)]  # a word of its own each
    fitted(OTHERS, texts=texts)
    judged = [words for n, words in parts if n < len(texts)]
    assert len(judged) == 15  # three ways, five parts
    for words in judged:
        assert sum(f"own{number}" in words for number in range(len(texts))) == 48


def test_confident_answers_count_little_and_of_each_class_the_surest_are_taken_as_it_is_common(monkeypatch):
    class Fit:
        vocabulary = Vocabulary.of(Tokenizer()(OTHERS))

        class model:  # noqa: N801
            logits = staticmethod(lambda documents: np.linspace([0, 4], [8, 4], len(documents), dtype=np.float32))

    monkeypatch.setattr(module, "MOST_TIMES", 2)
    labelled = Targets.of(np.array([0, 1, 1]), weights=[2.0, 4, 6], class_weights=[1, 2])
    tokens, targets = module._confident(Fit, Tokenizer()(OTHERS), Temperature(1.0), labelled)
    assert np.bincount(targets.codes).tolist() == [2, 4]  # twice as many as there are
    assert tokens.documents() == Tokenizer()([*OTHERS[:4], *OTHERS[-2:]]).documents()
    of_class = dict(zip(targets.codes.tolist(), targets.weights.tolist(), strict=True))
    assert of_class[1] == pytest.approx(2 * of_class[0])
    assert of_class[0] == pytest.approx(module.WEIGHT * (2 + 2 + 3) / 3)
    monkeypatch.setattr(module, "CONFIDENT", 0.999)
    assert module._confident(Fit, Tokenizer()(OTHERS), Temperature(1.0), labelled) is None


def test_documents_with_any_number_of_labels_are_not_self_trained_and_that_is_said():
    labels = [[label] if number % 5 else [] for number, label in enumerate(LABELS)]
    reason = fitted(OTHERS, labels=labels).record.selection.reason
    assert "There was no self-training on them: documents have any number of labels." in reason


@pytest.mark.parametrize(("system", "others", "error", "message"), [
    ("tfidf-svc", OTHERS, SettingError, "SVM on .* has no candidates .* or take 'auto'"),
    ("auto", TEXTS[:3], DataError, "none of the 3 texts without labels has words and differs from all documents"),
    ("auto", [], DataError, "none of the 0 texts without labels"),
    ("auto", ["a", 3], DataError, "3"),
])  # fmt: skip
def test_texts_that_cannot_be_used_are_refused(system, others, error, message):
    with pytest.raises(error, match=message):
        fit_classifier(SYSTEMS[system], TEXTS, LABELS, unlabelled=others)


def test_the_estimator_and_a_checkpoint_know_of_them(tmp_path):
    first = TextClassifier(SMALL).fit(TEXTS, LABELS, unlabelled=OTHERS, checkpoint=tmp_path / "c")
    assert "60 texts without labels were read" in first.selection_.reason
    with pytest.raises(SettingError, match="texts without labels"):
        TextClassifier(SMALL).fit(TEXTS, LABELS, unlabelled=OTHERS[:9], checkpoint=tmp_path / "c", resume=True)
    same = TextClassifier(SMALL).fit(TEXTS, LABELS, unlabelled=OTHERS, checkpoint=tmp_path / "c", resume=True)
    np.testing.assert_array_equal(same.predict_proba(OTHERS), first.predict_proba(OTHERS))


@pytest.fixture
def files(bywords, monkeypatch):
    """A file of labelled documents and one of texts without labels; the small system stands in for auto."""
    rows = "\n".join(f"{text.replace(',', ' ')},{label}" for text, label in zip(TEXTS, LABELS, strict=True))
    Path("train.csv").write_text(f"body,topic\n{rows}\n")
    Path("more.csv").write_text("body,id\n" + "\n".join(f"{text},1" for text in [*OTHERS, TEXTS[0].replace(",", " ")]))
    monkeypatch.setitem(SYSTEMS, "auto", SMALL)


@pytest.mark.parametrize("options", [[], ["--keep-test-out"]])
def test_train_reads_the_file_as_predict_does_and_says_what_came_of_it(bywords, files, options):
    """With no part to test on all documents are held out in turn: none of them is learned from before."""
    code, out, error = bywords("train", "train.csv", "--text", "body", "--label", "topic", "--unlabelled", "more.csv",
                               "--out", "model", *options)  # fmt: skip
    assert code == 0, error
    assert "more.csv: of its 61 texts 1 equal documents with a label, and were left out." in error
    assert "60 texts without labels were read." in out
    assert "60 texts without labels were read." in json.loads(bywords("info", "model", "--json")[1])["reason"]


@pytest.mark.parametrize(("options", "message"), [
    (["--unlabelled", "none.csv"], "none.csv"), (["--unlabelled", "train.csv"], "differs from all documents of"),
    (["--unlabelled", "more.csv", "--system", "tfidf-svc"], "take 'auto'"),
    (["--unlabelled", "more.csv", "--on-disk", "ids"], "--unlabelled needs"),
    (["--unlabelled", "more.csv", "--from", "model"], "leave out --"),
    (["--unlabelled", "other.csv"], "body"),
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_error(bywords, files, options, message):
    Path("other.csv").write_text("words,id\nfire,1\n")
    code, _, error = bywords("train", "train.csv", "--text", "body", "--label", "topic", *options)
    assert (code, message in error) == (2, True), error
    assert not Path("train-model").exists()


def test_where_many_labels_leave_nothing_to_select_it_is_said_that_they_are_not_used(monkeypatch):
    monkeypatch.setattr("bywords.training.fit.MOST_NUMBERS", 10)
    notes = fit_classifier(SYSTEMS["auto"], TEXTS, LABELS, unlabelled=OTHERS).record.notes
    assert any(note.startswith("60 texts without labels were read and not used") for note in notes)


def test_ctrl_c_while_they_are_tried_keeps_what_was_selected():
    class Impatient(Callback):
        def step(self, n_done, n_steps, what):
            if what.startswith(module.COUNTED):
                raise KeyboardInterrupt

    found = fitted(OTHERS, callback=Impatient())
    assert found.record.history.interrupted
    assert found.predict(TEXTS).labels.tolist() == fit_classifier(SMALL, TEXTS, LABELS).predict(TEXTS).labels.tolist()
