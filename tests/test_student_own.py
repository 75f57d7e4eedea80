"""What is one's own in place of what the package brings, by public names: a tokenizer, vectors, a module of PyTorch."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import bywords as bw


@pytest.fixture(scope="module")
def reviews():
    """1,000 film reviews to learn from and 400 others, of each the first 500 characters."""
    corpus = bw.load_dataset("imdb")
    parts = []
    for part, n_documents in ((corpus.train, 1000), (corpus.test, 400)):
        chosen = part.select(range(0, len(part), len(part) // n_documents))
        parts.append(bw.Corpus.of("reviews", chosen.texts.str.head(500), chosen.names()))
    return bw.Split(*parts)


def spacy_words(text):
    return [token.text for token in BLANK(text)]


BLANK = None


@pytest.mark.parametrize("name", ["str.split", "spacy", "given"])
def test_a_tokenizer_of_ones_own_goes_all_the_way(name, reviews, tmp_path, monkeypatch):
    tokenizer = {"str.split": str.split, "spacy": spacy_words, "given": "given"}[name]
    if name == "spacy":
        monkeypatch.setattr(f"{__name__}.BLANK", pytest.importorskip("spacy").blank("en"))
    texts, test_texts = reviews.train.texts.to_list(), reviews.test.texts.to_list()
    if name == "given":
        texts, test_texts = ([text.split() for text in part] for part in (texts, test_texts))
    classifier = bw.TextClassifier("tfidf-svc", tokenizer=tokenizer).fit(texts, reviews.train.names())
    assert classifier.score(test_texts, reviews.test.names()) > 0.65
    classifier.save(tmp_path / "model")
    loaded = bw.TextClassifier.load(tmp_path / "model", **({} if name == "given" else {"tokenizer": tokenizer}))
    np.testing.assert_array_equal(loaded.predict_proba(test_texts), classifier.predict_proba(test_texts))
    (found,) = loaded.explain(test_texts[:1])
    assert list(found.tokens[:3]) == list(bw.Tokenizer(tokenizer)(test_texts[:1]).documents()[0][:3])
    vocabulary = bw.Vocabulary.from_tokens(bw.Tokenizer(tokenizer)(texts), min_count=2)
    data = bw.TextDataset(test_texts, vocabulary=vocabulary, tokenizer=bw.Tokenizer(tokenizer))
    assert max(int(ids.max()) for ids, _ in data) < len(vocabulary)


def test_vectors_that_gensim_trained_are_those_of_a_pipeline_and_of_a_module(reviews):
    word2vec = pytest.importorskip("gensim.models").Word2Vec
    texts, labels = reviews.train.texts.to_list(), reviews.train.names()
    own = word2vec(bw.Tokenizer()(texts).documents(), vector_size=40, sg=1, epochs=4, workers=1, seed=0).wv
    model = make_pipeline(bw.DocumentVectors(own), StandardScaler(), LogisticRegression(max_iter=500))
    assert model.fit(texts, labels).score(reviews.test.texts.to_list(), reviews.test.names()) > 0.55
    vectors = bw.load_vectors(own)
    assert vectors.similarity("good", "bad") == pytest.approx(own.similarity("good", "bad"), abs=1e-5)
    vocabulary = bw.Vocabulary.of(bw.Tokenizer()(texts))
    aligned = vectors.align(vocabulary, seed=0)
    module = bw.AveragingModel(len(vocabulary), 2, vectors=aligned.matrix)
    torch.testing.assert_close(module.embedding.weight.detach(), torch.from_numpy(aligned.matrix))


class OwnModule(nn.Module):
    """The maximum and the mean of word vectors, and a layer."""

    def __init__(self, n_words, n_classes, dimension=32):
        super().__init__()
        self.embedding = nn.Embedding(n_words, dimension, padding_idx=0)
        self.output = nn.Linear(2 * dimension, n_classes)

    def forward(self, ids, lengths, is_token):
        vectors = self.embedding(ids)  # (N, L, D)
        highest = vectors.masked_fill(~is_token.unsqueeze(2), -1e4).amax(dim=1)
        return self.output(torch.cat([highest, vectors.sum(dim=1) / lengths.unsqueeze(1)], dim=1))


def test_a_module_of_ones_own_is_trained_saved_loaded_explained_and_compared_with_auto(reviews, tmp_path, monkeypatch):
    system = bw.module_system(OwnModule, training=bw.TrainingConfig(learning_rate=0.02, max_epochs=4))
    texts = reviews.test.texts.to_list()
    classifier = bw.TextClassifier(system).fit(reviews.train.texts, reviews.train.names())
    assert classifier.score(texts, reviews.test.names()) > 0.6
    classifier.save(tmp_path / "model")
    loaded = bw.TextClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(texts), classifier.predict_proba(texts))
    (found,) = loaded.explain(["a wonderful film , and not a word of it is dull"])
    assert found.method == "integrated gradients"
    np.testing.assert_allclose(found.attributions.sum(axis=0) + found.bias, found.logits, atol=0.05)
    monkeypatch.setitem(bw.SYSTEMS, "own", system)
    (pair,) = bw.compare(reviews, ["auto", "own"]).pairwise
    assert {pair.one, pair.other} == {"auto", "own"}
    assert 0 <= pair.accuracy.p_value <= 1
