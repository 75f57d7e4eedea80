"""A plain `torch.nn.Module` is a system: trained, saved, loaded, explained, and compared like all others."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_corpus import small_split, write_small_glove
from torch import nn

from bywords import (
    SYSTEMS,
    AveragingModel,
    ModelFolderError,
    SettingError,
    TextClassifier,
    TrainingConfig,
    compare,
    load_classifier,
    module_system,
    register_model,
)
from bywords.models.base import MODELS
from bywords.systems import system_config
from bywords.training.callback import Callback

SPLIT = small_split()
TEXTS, LABELS = SPLIT.train.texts, SPLIT.train.names()
TRAINING = TrainingConfig(learning_rate=0.02, max_epochs=6)


class MyNet(nn.Module):
    """Words that are summed, a layer, dropout: of a padded batch."""

    def __init__(self, n_words, n_classes, hidden=64):
        super().__init__()
        self.embedding = nn.Embedding(n_words, hidden, padding_idx=0)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(hidden, n_classes)

    def forward(self, ids, is_token):
        vectors = self.embedding(ids).masked_fill(~is_token.unsqueeze(2), 0)
        return self.output(self.dropout(torch.tanh(vectors.sum(dim=1))))


class MyBag(nn.Module):
    """The mean of words, normalised by batches, whose buffers are learned too: of a ragged batch."""

    def __init__(self, n_words, n_classes, *, vectors=None, dimension=8, layers=(6,)):
        super().__init__()
        width = dimension if vectors is None else vectors.shape[1]
        self.bag = nn.EmbeddingBag(n_words, width, mode="mean", include_last_offset=True, _weight=vectors)
        self.top = nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, layers[0]), nn.Tanh())
        self.last = nn.Linear(layers[0], n_classes)

    def forward(self, ids, offsets):
        return self.last(self.top(self.bag(ids, offsets)))


@pytest.fixture(scope="module", autouse=True)
def nothing_stays_registered():
    before = dict(MODELS)
    yield
    MODELS.clear()
    MODELS.update(before)


@pytest.fixture(scope="module")
def fitted():
    return {
        "padded": TextClassifier(module_system(MyNet, hidden=16, training=TRAINING)).fit(TEXTS, LABELS),
        "ragged": TextClassifier(module_system(MyBag, dimension=12, training=TRAINING)).fit(TEXTS, LABELS),
    }


@pytest.mark.parametrize("name", ["padded", "ragged"])
def test_a_custom_module_learns_and_is_the_same_when_it_was_saved_or_pickled(name, fitted, tmp_path):
    classifier = fitted[name]
    assert classifier.score(SPLIT.test.texts, SPLIT.test.names()) > 0.9
    expected = classifier.predict_proba(SPLIT.test.texts)
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    for other in (loaded, pickle.loads(pickle.dumps(classifier))):
        np.testing.assert_array_equal(other.predict_proba(SPLIT.test.texts), expected)
    assert loaded.config_ == classifier.config_
    assert loaded.config_.model.arguments() == (
        {"hidden": 16} if name == "padded" else {"dimension": 12, "layers": (6,)}
    )


@pytest.mark.parametrize("name", ["padded", "ragged"])
def test_the_words_of_a_text_add_up_to_its_logits_by_integrated_gradients(name, fitted):
    for text in ["the moon and the goal", "rocket", "qqq"]:
        (found,) = fitted[name].explain([text])
        assert found.method == "integrated gradients"
        np.testing.assert_allclose(found.attributions.sum(axis=0) + found.bias, found.logits, atol=0.05)
    (found,) = fitted[name].explain(["rocket the"])
    space = list(found.labels).index("space")
    assert found.attributions[0, space] > abs(found.attributions[1, space])


def test_it_is_compared_with_auto_by_a_paired_test_once_it_is_in_the_table(monkeypatch):
    monkeypatch.setitem(SYSTEMS, "my-net", module_system(MyNet, hidden=16, training=TRAINING))
    record = compare(SPLIT, ["auto", "my-net"])
    assert [row.name for row in record.systems] == ["auto", "my-net"]
    (pair,) = record.pairwise
    assert {pair.one, pair.other} == {"auto", "my-net"}
    assert 0 <= pair.accuracy.p_value <= 1


def test_the_class_itself_is_a_system_and_the_same_seed_gives_the_same_bits():
    quick = replace(system_config(MyNet), training=TrainingConfig(max_epochs=1))
    assert TextClassifier(MyNet).config == module_system(MyNet)
    torch.manual_seed(1)
    first = TextClassifier(quick, seed=3).fit(TEXTS, LABELS).fitted_.model.arrays()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again = TextClassifier(quick, seed=3).fit(TEXTS, LABELS).fitted_.model.arrays()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    other = TextClassifier(quick, seed=4).fit(TEXTS, LABELS).fitted_.model.arrays()
    assert not np.array_equal(first["output.weight"], other["output.weight"])


def test_a_training_that_was_cut_off_goes_on_with_the_same_bits(fitted, tmp_path):
    class CutOff(Callback):
        def epoch(self, record, max_epochs):
            if record.epoch == 3:
                raise RuntimeError("cut off")

    classifier = TextClassifier(fitted["padded"].config_)
    with pytest.raises(RuntimeError, match="cut off"):
        classifier.fit(TEXTS, LABELS, checkpoint=tmp_path / "kept", callback=CutOff())
    seen = Seen()
    classifier.fit(TEXTS, LABELS, checkpoint=tmp_path / "kept", resume=True, callback=seen)
    assert seen.epochs[0] > 1
    expected = fitted["padded"].fitted_.model.arrays()
    for name, array in classifier.fitted_.model.arrays().items():
        np.testing.assert_array_equal(array, expected[name])


class Seen(Callback):
    def __init__(self):
        self.epochs = []

    def epoch(self, record, max_epochs):
        self.epochs.append(record.epoch)


def test_given_vectors_are_handed_to_it(tmp_path):
    glove = write_small_glove(tmp_path)
    config = module_system(MyBag, vectors=glove, training=TrainingConfig(max_epochs=1))
    classifier = TextClassifier(config).fit(TEXTS, LABELS)
    assert classifier.fitted_.model.arrays()["bag.weight"].shape[1] == 4
    classifier.save(tmp_path / "model")
    assert TextClassifier.load(tmp_path / "model").predict(TEXTS[:3]).shape == (3,)
    with pytest.raises(SettingError, match="MyNet takes no word vectors: give its __init__ a parameter `vectors`"):
        TextClassifier(module_system(MyNet, vectors=glove)).fit(TEXTS, LABELS)


def test_a_folder_of_a_module_that_is_not_registered_says_to_register_it(fitted, tmp_path):
    fitted["padded"].save(tmp_path / "model")
    kept = MODELS.pop("MyNetConfig")
    with pytest.raises(ModelFolderError, match=r"no model with the settings 'MyNetConfig'.*bywords\.register_model"):
        load_classifier(tmp_path / "model")
    assert register_model(MyNet) is MyNet
    assert load_classifier(tmp_path / "model").classes.tolist() == ["motor", "space", "sport"]
    MODELS["MyNetConfig"] = kept


def test_a_folder_whose_arrays_are_not_those_of_the_module_is_refused(fitted, tmp_path):
    class Changed(MyNet):
        def __init__(self, n_words, n_classes, hidden=64):
            super().__init__(n_words, n_classes, hidden)
            self.output = nn.Linear(hidden, n_classes, bias=False)

    fitted["padded"].save(tmp_path / "model")
    Changed.__name__, Changed.__qualname__ = "MyNet", "MyNet"
    kept = MODELS.pop("MyNetConfig")
    register_model(Changed)
    try:
        with pytest.raises(ModelFolderError, match=r"do not fit this version: .*'output.bias'"):
            load_classifier(tmp_path / "model")
    finally:
        MODELS["MyNetConfig"] = kept


class NoSizes(nn.Module):
    def __init__(self, hidden=4):
        super().__init__()


class NoWords(nn.Module):
    def __init__(self, n_words, n_classes):
        super().__init__()
        self.output = nn.Linear(1, n_classes)

    def forward(self, lengths):
        return self.output(lengths.unsqueeze(1).float())


class TooNarrow(MyNet):
    def __init__(self, n_words, n_classes):
        super().__init__(n_words, 2)


class NeedsLong(MyNet):
    def __init__(self, n_words, n_classes):
        super().__init__(n_words, n_classes)
        self.filters = nn.Conv1d(64, 64, 3)

    def forward(self, ids):
        return self.output(self.filters(self.embedding(ids).transpose(1, 2)).amax(dim=2))


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (lambda: module_system(MyNet(5, 2)), "expected a class MyNet.*the class itself. It is made in each fit anew"),
        (lambda: module_system("lstm"), "the module is 'lstm', expected a class MyNet"),
        (lambda: TextClassifier(str).config, "expected a class MyNet"),
        (lambda: module_system(MyNet, hiden=3), "takes no 'hiden'. Did you mean 'hidden'"),
        (lambda: module_system(MyNet, hidden=np.tanh), "expected a number, a string or several"),
        (
            lambda: module_system(NoSizes),
            "__init__ of NoSizes takes no 'n_words' and 'n_classes'|'n_words', 'n_classes'",
        ),
        (lambda: TextClassifier(NoWords).fit(TEXTS, LABELS), "has no nn.Embedding or nn.EmbeddingBag with a row for"),
        (lambda: TextClassifier(TooNarrow).fit(TEXTS, LABELS), "gives 2 logits a document, expected one for each of 3"),
        (lambda: TextClassifier(NeedsLong).fit(TEXTS, LABELS), "NeedsLong has no answer to a document of one word"),
    ],
)
def test_what_is_no_text_classifier_is_one_clear_error(system, message):
    with pytest.raises(SettingError, match=message):
        system()


def test_a_module_of_the_package_is_one_too():
    config = module_system(AveragingModel, dimension=8, training=TRAINING)
    assert TextClassifier(config).fit(TEXTS, LABELS).score(SPLIT.test.texts, SPLIT.test.names()) > 0.9
