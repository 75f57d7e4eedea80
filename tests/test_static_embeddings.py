"""Static embeddings give texts the vectors that their own libraries give, and words the mean of their pieces."""

import json
import re

import numpy as np
import polars as pl
import pytest
from model2vec import StaticModel
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from bywords import TextClassifier, VectorFileError, Vocabulary, load_vectors
from bywords.data.corpus import Corpus
from bywords.io.datasets import load_dataset
from bywords.text.tokenizer import Tokenizer as Words

DIMENSION = 12


@pytest.fixture(scope="module")
def texts():
    corpus: Corpus = load_dataset("imdb").test
    return [text[:400] for text in corpus.texts.head(1000)] + ["", "…", "新しい", "\ud800"]


def word_pieces(texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts[:1000], trainers.WordPieceTrainer(vocab_size=2000, special_tokens=["[UNK]"]))
    return tokenizer


def byte_pieces(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.train_from_iterator(texts[:1000], trainers.BpeTrainer(vocab_size=2000))
    return tokenizer


def sentence_pieces(texts):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=1500, special_tokens=["<unk>"], unk_token="<unk>")
    tokenizer.train_from_iterator(texts[:1000], trainer)
    return tokenizer


def matrix_of(tokenizer):
    return np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), DIMENSION)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(texts, tmp_path_factory):
    """A folder as model2vec writes it, of pieces of words."""
    tokenizer = word_pieces(texts)
    path = tmp_path_factory.mktemp("static") / "small"
    StaticModel(matrix_of(tokenizer), tokenizer, normalize=True).save_pretrained(path)
    return path


@pytest.mark.parametrize("is_normalized", [True, False])
@pytest.mark.parametrize("make", [word_pieces, byte_pieces, sentence_pieces])
def test_texts_have_the_vectors_of_model2vec(make, is_normalized, texts, tmp_path):
    tokenizer = make(texts)
    model = StaticModel(matrix_of(tokenizer), tokenizer, normalize=is_normalized, max_length=None)
    model.save_pretrained(tmp_path / "model")
    ours = load_vectors(tmp_path / "model").subwords.encode(texts)
    theirs = model.encode([text.encode("utf-8", "replace").decode() for text in texts], max_length=None)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_rows_that_pieces_share_and_their_weights_are_read(texts, tmp_path):
    tokenizer = word_pieces(texts)
    generator = np.random.default_rng(1)
    mapping = generator.integers(0, 50, size=tokenizer.get_vocab_size())
    weights = generator.random(len(mapping)).astype(np.float32)
    matrix = generator.normal(size=(50, DIMENSION)).astype(np.float16)
    model = StaticModel(matrix, tokenizer, weights=weights, token_mapping=mapping, max_length=None)
    model.save_pretrained(tmp_path / "model")
    ours = load_vectors(tmp_path / "model").subwords.encode(texts[:1000])
    np.testing.assert_allclose(ours, model.encode(texts[:1000], max_length=None), atol=2e-3)  # theirs sums in float16


def test_a_folder_of_sentence_transformers_is_read_with_its_unknown_piece(texts, tmp_path):
    tokenizer, inner = word_pieces(texts), tmp_path / "model" / "0_StaticEmbedding"
    matrix = matrix_of(tokenizer)
    inner.mkdir(parents=True)
    tokenizer.save(str(inner / "tokenizer.json"))
    save_file({"embedding.weight": matrix}, inner / "model.safetensors")
    kinds = ["StaticEmbedding", "Normalize"]
    modules = [{"idx": at, "type": f"sentence_transformers.models.{kind}"} for at, kind in enumerate(kinds)]
    (tmp_path / "model" / "modules.json").write_text(json.dumps(modules))
    ids = tokenizer.encode("a film about 新 things", add_special_tokens=False).ids
    assert tokenizer.token_to_id("[UNK]") in ids
    mean = matrix[ids].mean(axis=0)
    found = load_vectors(tmp_path / "model").subwords.encode(["a film about 新 things"])[0]
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_word_has_its_own_piece_or_the_mean_of_its_pieces(folder):
    vectors, tokenizer = load_vectors(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
    matrix = load_file(folder / "model.safetensors")["embeddings"]
    assert "the" in vectors.words.to_list()
    assert not vectors.words.str.starts_with("##").any()
    np.testing.assert_allclose(vectors.vector("The"), matrix[tokenizer.token_to_id("the")], atol=1e-6)
    pieces = tokenizer.encode("thegloomier").ids
    assert len(pieces) > 1
    np.testing.assert_allclose(vectors.vector("thegloomier"), matrix[pieces].mean(axis=0), atol=1e-6)


def test_the_words_of_a_vocabulary_are_found_by_their_pieces_and_unknown_ones_are_not(folder):
    vocabulary = Vocabulary.of(Words()(["the thegloomier 新"]))
    aligned = load_vectors(folder).align(vocabulary, seed=0)
    found = dict(zip(vocabulary.words.to_list(), aligned.has_vector[2:].tolist(), strict=True))
    assert found == {"the": True, "thegloomier": True, "新": False}
    assert aligned.coverage.n_by_subwords == 1


def test_pieces_of_bytes_are_those_inside_of_a_text(texts, tmp_path):
    tokenizer = byte_pieces(texts)
    StaticModel(matrix_of(tokenizer), tokenizer).save_pretrained(tmp_path / "model")
    vectors = load_vectors(tmp_path / "model")
    expected = load_file(tmp_path / "model" / "model.safetensors")["embeddings"][tokenizer.token_to_id("Ġfilm")]
    np.testing.assert_allclose(vectors.vector("film"), expected, atol=1e-6)


def test_a_classifier_learns_with_them(folder, tmp_path):
    kinds = {"up": ["good", "fine", "great", "best"], "down": ["bad", "awful", "worst", "boring"]}
    texts = [f"{word} {thing}" for words in kinds.values() for word in words for thing in ("film", "acting", "plot")]
    labels = [label for label in kinds for _ in range(12)]
    classifier = TextClassifier("glove-mean", vectors=str(folder)).fit(texts, labels)
    assert classifier.predict(["good acting"]).tolist() == ["up"]
    classifier.save(tmp_path / "model")
    assert TextClassifier.load(tmp_path / "model").predict(["awful plot"]).tolist() == ["down"]


def test_their_words_are_saved(folder, tmp_path):
    vectors = load_vectors(folder)
    vectors.save(tmp_path / "words.npy")
    again = load_vectors(tmp_path / "words.npy")
    assert again.words.to_list() == vectors.words.to_list()
    assert again.subwords is None
    np.testing.assert_array_equal(again.matrix, vectors.matrix)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tokenizer.json", b"{", "the tokenizer cannot be read"),
        ("model.safetensors", b"cut off", "the tensors cannot be read"),
        ("config.json", b"{", "expected JSON"),
    ],
)
def test_a_damaged_folder_is_refused_and_the_file_is_named(name, content, said, folder, tmp_path):
    for file in ("tokenizer.json", "model.safetensors", "config.json"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VectorFileError, match=f"{re.escape(name)}: {said}"):
        load_vectors(tmp_path)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"bert.weight": np.zeros((3, 3), np.float32)}, "a transformer, or something else"),
        ({"embeddings": np.zeros(5, np.float32)}, "expected a matrix of numbers"),
        ({"embeddings": np.zeros((5, 3), np.float32)}, "5 rows, but its tokenizer has"),
        ({"embeddings": np.full((9000, 3), np.nan, np.float32)}, "not all finite"),
        ({"embeddings": np.zeros((9, 3), np.float32), "mapping": np.full(9000, 9)}, "names rows"),
        ({"embeddings": np.zeros((9000, 3), np.float32), "weights": np.ones(2, np.float32)}, "weights"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tensors, said, folder, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(VectorFileError, match=said):
        load_vectors(tmp_path)


def test_a_name_of_the_hub_says_what_is_missing_without_a_network(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(VectorFileError, match="no file 'nobody/no-such-model', and it could not be fetched"):
        load_vectors("nobody/no-such-model")


def test_wordllamas_package_is_read_where_it_is_installed():
    pytest.importorskip("wordllama")
    vectors = load_vectors("wordllama")
    assert vectors.dimension == 256
    assert isinstance(vectors.words, pl.Series)
    assert vectors.similarity("film", "movie") > vectors.similarity("film", "carrot")
