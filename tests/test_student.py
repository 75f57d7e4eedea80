"""The course's lab by public names: each figure at or above the published one, on 20 Newsgroups where it is at hand.

On the film reviews that come as a package where it is not, and for part 26: bars there are what time leaves room for.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bywords as bw

GROUPS = {"comp": range(1, 6), "rec": range(7, 11), "sci": range(11, 15), "misc": [6], "politics": [16, 17, 18]}
GROUPS |= {"religion": [0, 15, 19]}
PUBLISHED = {"GloVe": (0.727, 0.72), "scratch": (0.7766, 0.7429), "tuned": (0.80, 0.7756), "frozen": (0.567, 0.5608)}
PUBLISHED |= {"word2vec": 0.618}
ON_REVIEWS = {"GloVe": 0.7, "scratch": 0.78, "tuned": 0.78, "frozen": 0.65, "word2vec": 0.55}
COVERAGE = {5_000: 0.85, 10_000: 0.89, 20_000: 0.93, 50_000: 0.96, 100_000: 0.98}


class Lab:
    """What the parts hand on: texts and labels of three parts, the vocabulary, vectors, data sets, models."""

    def __init__(self, name="20newsgroups"):
        torch.manual_seed(0)
        try:
            corpus = bw.load_dataset(name)  # headers, footers and quotes removed
        except bw.DataError:
            corpus = bw.load_dataset("imdb")
        self.is_news = len(corpus.train.label_names) == 20
        groups = GROUPS if self.is_news else {"neg": [0], "pos": [1]}
        names = {number: group for group, numbers in groups.items() for number in numbers}
        self.bars, step, self.n_epochs = (PUBLISHED, 1, 5) if self.is_news else (ON_REVIEWS, 5, 3)
        self.corpus = corpus.drop_empty(bw.Tokenizer())
        texts, labels, self.test_texts, self.test_labels = (
            values
            for part in (self.corpus.train, self.corpus.test)
            for values in (part.texts.to_list()[::step], [names[code] for code in part.labels.tolist()][::step])
        )
        (self.texts, self.labels), (self.valid_texts, self.valid_labels) = bw.split(texts, labels, (0.8, 0.2))
        self.tokens = bw.Tokenizer()(self.texts)
        self.vocabulary = bw.Vocabulary.from_tokens(self.tokens, max_size=10_000)
        self.start = bw.load_vectors("glove-6b-50d", words=self.vocabulary.words).align(self.vocabulary, seed=0)
        self.train = bw.TextDataset(self.texts, self.labels, self.vocabulary, max_length=200)
        more = {"vocabulary": self.vocabulary, "classes": self.train.classes, "max_length": 200}
        self.valid = bw.TextDataset(self.valid_texts, self.valid_labels, **more)
        self.test = bw.TextDataset(self.test_texts, self.test_labels, **more)

    def reaches(self, name, *scores):
        assert np.all(np.array(scores) >= self.bars.get(name, 0)), (name, scores)
        return scores

    def means(self, name, vectors, step=1):
        model = make_pipeline(bw.DocumentVectors(vectors, pooling="idf"), StandardScaler(), LogisticRegression(C=0.1))
        score = model.fit(self.texts[::step], self.labels[::step]).score
        return self.reaches(name, score(self.valid_texts, self.valid_labels), score(self.test_texts, self.test_labels))

    def averaging(self, name, **options):
        model = bw.AveragingModel(len(self.vocabulary), len(self.train.classes), dimension=50, **options)
        more = {"max_epochs": self.n_epochs, "batch_size": 256, "learning_rate": 0.05 if "frozen" in options else 0.02}
        history = bw.fit_module(model, self.train, self.valid, **more)
        self.reaches(name, self.accuracy(model, self.valid), self.accuracy(model, self.test))
        return model, history

    def accuracy(self, model, part):
        return accuracy_score(part.labels, bw.predict_module(model, part).argmax(axis=1))


lab = pytest.fixture(scope="module")(lambda: Lab())


def test_this_file_takes_nothing_of_bywords_but_public_names():
    nodes = list(ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8"))))
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and "bywords" in node.module]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "bw"}
    assert used <= {*bw.__all__, "__all__"}


def test_parts_1_to_7_documents_words_counts_and_three_parts(lab):
    assert set(lab.train.classes) == (set(GROUPS) if lab.is_news else {"neg", "pos"})
    assert lab.corpus.n_dropped_train + lab.corpus.n_dropped_test == (515 if lab.is_news else 0)
    words, rank = bw.Vocabulary.of(lab.tokens), np.arange(10, 5_000)
    assert np.all(np.diff(counts := words.counts[2:]) <= 0)  # Zipf: a line in log-log
    assert -1.5 < np.polyfit(np.log(rank), np.log(counts[rank]), 1)[0] < -0.9
    assert np.all(np.array(words.coverage(list(COVERAGE), lab.tokens)) >= list(COVERAGE.values()))
    assert abs(len(lab.valid_texts) / (len(lab.texts) + len(lab.valid_texts)) - 0.2) < 0.005
    assert not set(lab.texts) & set(lab.valid_texts)
    three = bw.split(lab.texts[:1000], lab.labels[:1000], (0.8, 0.1, 0.1))
    assert [round(len(part[1]), -1) for part in three] == [800, 100, 100]


def test_parts_8_to_14_vectors_pretrained_and_trained_here_and_documents_as_functions_of_them(lab):
    assert (lab.start.matrix.shape, lab.start.coverage.n_types_found > 9_000) == ((10_002, 50), True)
    assert bw.DocumentVectors(pooling=np.prod).fit_transform(["the cat", "a dog"]).shape == (2, 50)
    lab.means("GloVe", "glove-6b-50d")
    tokens = bw.Tokenizer()(lab.texts[:: 4 if lab.is_news else 2])
    words = bw.Vocabulary.from_tokens(tokens, max_size=10_000, min_count=2)
    skip_gram = bw.train_word2vec(tokens, words, bw.Word2VecConfig(dimension=50, n_epochs=lab.n_epochs))
    glove = bw.train_glove(tokens, words, bw.GloveConfig(dimension=50, window=10, n_epochs=lab.n_epochs))
    own = lab.means("word2vec", skip_gram, 2), lab.means("own GloVe", glove, 2)
    assert abs(np.mean(own[0]) - np.mean(own[1])) < 0.15  # 14: of the same texts neither learns far more


def test_parts_15_to_18_tensors_data_sets_and_batches(lab):
    toy = bw.TextDataset(["one two", "two three four", "four", "one four two two", "three"], list("abaab"))
    batches = list(torch.utils.data.DataLoader(toy, batch_size=2, collate_fn=bw.collate_padded))
    assert [len(batch.ids) for batch in batches] == [2, 2, 1]
    weights, x = torch.zeros(2, requires_grad=True), torch.tensor([[1.0, 2.0], [3.0, 1.0]])
    for _ in range(200):  # gradient descent by hand
        loss = ((x @ weights - torch.tensor([1.0, 2.0])) ** 2).mean()
        weights = (weights - 0.1 * torch.autograd.grad(loss, weights)[0]).detach().requires_grad_()
    assert loss < 1e-6
    batch = next(iter(torch.utils.data.DataLoader(lab.train, batch_size=200, collate_fn=bw.collate_padded)))
    assert tuple(batch.ids.shape) == (200, 200)
    assert (batch.ids[~batch.is_token] == 0).all()


def test_parts_19_to_23_averaging_models_their_loss_curve_and_what_sets_them_apart(lab):
    lab.averaging("scratch")
    tuned, history = lab.averaging("tuned", vectors=lab.start.matrix)
    frozen, _ = lab.averaging("frozen", vectors=lab.start.matrix, frozen=True)
    assert history.best_epoch == 1 + np.argmin([record.valid_loss for record in history.epochs])  # its weights are kept
    assert len(history.plot().lines) >= 2
    answers = [bw.predict_module(model, lab.test).argmax(axis=1) for model in (tuned, frozen)]
    is_right = [answer == lab.test.labels.numpy() for answer in answers]
    assert confusion_matrix(lab.test.labels, answers[0]).trace() == is_right[0].sum()
    assert "macro avg" in classification_report(lab.test.labels, answers[0], target_names=lab.train.classes)
    assert (is_right[0] & ~is_right[1]).sum() > (is_right[1] & ~is_right[0]).sum()


def test_parts_24_and_25_an_lstm_learns_when_padding_takes_no_part(lab):
    step, h = (24, 100) if lab.is_news else (3, 50)
    more = {"vocabulary": lab.vocabulary, "classes": lab.train.classes, "max_length": 50}
    few = bw.TextDataset(lab.texts[::step], lab.labels[::step], **more)
    lstm = bw.LSTMModel(len(lab.vocabulary), len(lab.train.classes), vectors=lab.start.matrix, hidden=h, pooling="mean")
    bw.fit_module(lstm, few, max_epochs=3, batch_size=32, learning_rate=0.01)
    some = bw.TextDataset(lab.test_texts[::step], lab.test_labels[::step], **more)
    assert lab.accuracy(lstm, some) >= (0.2705 if lab.is_news else 0.55)


def test_part_26_the_same_models_learn_film_reviews(lab):
    reviews = Lab("imdb") if lab.is_news else lab
    reviews.means("GloVe", "glove-6b-50d")
    reviews.averaging("tuned", vectors=reviews.start.matrix)
