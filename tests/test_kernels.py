"""Kernels give the same bits as their twins in plain Python, and refuse arrays that they would misread."""

import contextlib
import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.bags import pooled_sums
from twins.normalization import shorten_runs

from bywords.evaluation.metrics import softmax
from bywords.kernels import _native, bags, calibration, class_sums, ids, normalization, rows, svm, utf8, words
from bywords.text.characters import kinds_of_characters
from bywords.text.normalization import NOTHING, orders_of_characters, replacements
from bywords.text.ragged import offsets_of
from bywords.text.tokenizer import LONGER_WORDS, Tokenizer, TokenizerConfig
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.text.word_table import Words

UNKNOWN, N_ROWS = 1, 12
SIGNS = "aZé'\u2019_ 3.\t\u0301我ーกิ👍"
few_examples = settings(max_examples=40)
texts = st.lists(st.one_of(st.text(SIGNS), st.text(st.characters(codec="utf-8"))), min_size=1, max_size=4)
documents = st.lists(st.lists(st.integers(0, N_ROWS - 1), max_size=6), min_size=1, max_size=5)
small_floats = st.floats(-4, 4, width=32)


def both(kernel, *arguments):
    """The results of a kernel; those of its twin, and the arguments as both left them, are the same to the last bit."""
    twin = getattr(importlib.import_module(f"twins.{kernel.__module__.rpartition('.')[2]}"), kernel.__name__)

    def form(call):
        copies = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments]
        with np.errstate(all="ignore"):  # integers overflow, as in C
            results = call(*copies)
        return results, [as_bytes(value) for value in (results if isinstance(results, tuple) else (results,), *copies)]

    expected, seen = form(twin), form(kernel)
    assert seen[1] == expected[1]
    return seen[0]


def as_bytes(value):
    if isinstance(value, tuple):
        return [as_bytes(one) for one in value]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return repr(value.item() if isinstance(value, np.generic) else value)


def flat(listed):
    offsets = offsets_of(np.array([len(document) for document in listed]))
    return np.array([number for document in listed for number in document], dtype=np.int32), offsets


@few_examples
@given(
    texts,
    st.booleans(),
    st.sampled_from([words.WORDS, words.SIGNS, words.LONGER]),
    st.integers(1, 3),
    st.integers(0, 2),
)
def test_words_and_char_ngrams_are_the_same(listed, lowercase, what, shortest, more):
    encoded = [text.encode() for text in listed]
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    ends = np.cumsum([len(text) for text in encoded])
    codes, _, *scanned = both(words.scan, data, ends, kinds_of_characters(), lowercase, what)
    counts = both(words.count_codes, codes, len(scanned[2]))
    both(words.renumber, codes, np.argsort(scanned[2]).astype(np.int32), np.empty_like(codes))
    both(words.select_words, *scanned[:2], np.argsort(scanned[2])[::-2].copy())
    is_first = np.arange(len(counts)) % 3 == 1
    for least in (1, 2):
        ranked = both(words.rank, *scanned[:2], counts, is_first, least)
        parts = [both(words.rank, *scanned[:2], counts, is_first, least, which) for which in (words.OFTEN, words.ONCE)]
        assert np.concatenate(parts).tolist() == ranked.tolist()
    assert Words(*scanned[:2]).hashes.tolist() == scanned[2].tolist()
    both(words.cut, *scanned[:2], shortest, shortest + more)
    n_words, room = len(scanned[2]), 2 * len(data) + 8
    table = (
        np.zeros(3 * room, np.uint8),
        np.zeros(room, np.int64),
        np.zeros(room, np.uint64),
        np.zeros((1 << room.bit_length() + 1, 2), np.uint64),
    )
    _, slots, n_added = both(words.add, *scanned, *table, 0)
    assert n_added == n_words
    both(words.find, *scanned, *scanned[:2], slots)


def test_many_words_of_the_same_count_are_ranked_the_same():
    generator = np.random.default_rng(0)
    listed = sorted({"".join(generator.choice(list("ab中\0"), 1 + n % 12)) for n in range(3000)})
    distinct = Words.of([listed[index] for index in generator.permutation(len(listed))])
    counts = generator.choice([1, 1, 1, 2, 500], len(listed))
    both(words.rank, distinct.data, distinct.starts, counts, counts == 500, 1)


def test_thousands_of_pairs_without_spaces_are_the_same():
    generator = np.random.default_rng(0)
    signs = [*map(chr, range(0x4E00, 0x4E00 + 60)), "ก", "ิ", "\U00020000", "。", "é", "a", " "]
    plain = "".join(generator.choice(signs[:60], 3000))  # of three bytes each, without a mark
    text = plain + "".join(generator.choice(signs, 9000))
    data = np.frombuffer((text + text[:50]).encode(), dtype=np.uint8)
    ends = np.array([3 * 63, 3 * 64, 3 * 193, 3 * 3000, len(data)])
    _, _, _, _, hashes = both(words.scan, data, ends, kinds_of_characters(), True, words.SIGNS)
    assert len(hashes) > 3000


RUNS = st.lists(st.tuples(st.sampled_from("aABivXw3éЖжب ہकＡﾊ"), st.integers(1, 5)), max_size=8)
TO_NORMALISE = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.text("aI&\\\u200c\u200d\u200b\u0307ıİΣşｶﾞﬁ\u00ad\u0301\u0300\u064eببक \ufdfa🏴👩"),
    st.lists(st.sampled_from(["&amp", "&#39", ";", "& ", "\\", "n", "\\x", "é" * 30])).map("".join),
    RUNS.map(lambda runs: "".join(letter * n for letter, n in runs)),
)


@settings(max_examples=200)
@given(st.lists(TO_NORMALISE, min_size=1, max_size=4), st.booleans())
def test_what_a_normalisation_changes_is_the_same(listed, lowercase):
    encoded = [text.encode() for text in listed]
    data, table = np.frombuffer(bytearray().join(encoded), dtype=np.uint8), replacements(lowercase)
    ends = np.cumsum([len(text) for text in encoded])
    flags, _ = both(normalization.suspects, data, ends, table.specials, orders_of_characters())
    tables = table.targets, table.data, table.starts, kinds_of_characters()
    data, ends, _ = both(normalization.replace_characters, data, ends, flags, *tables)
    flags, _ = both(normalization.suspects, data, ends, NOTHING, NOTHING)
    # What lies behind the bytes that are left is of no account, so the twin's results are compared alone.

    expected, found = (
        shorten_runs(data.copy(), ends.copy(), flags),
        normalization.shorten_runs(data.copy(), ends, flags),
    )
    assert [one.tolist() for one in found] == [one.tolist() for one in expected]


@pytest.mark.parametrize("what", [words.WORDS, words.SIGNS, words.LONGER])
def test_words_that_lie_across_the_bytes_that_are_read_together_are_whole(what):
    for before in range(56, 72):
        listed = [
            "x" * before + " don't I'm o''k it's é'à e'é _9' end!!",
            "a" * before + "'",
            "'b",
            "." * before + "Ünd",
        ]
        encoded = [text.encode() for text in listed]
        data, ends = np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum([len(text) for text in encoded])
        both(words.scan, data, ends, kinds_of_characters(), True, what)
        other = kinds_of_characters().copy()
        other[ord("#")] = words.SPACE  # no longer those that text has
        both(words.scan, data, ends, other, False, what)


def test_hashes_overflow_and_tables_grow_without_a_warning():
    text = " ".join(f"word{number}" * (1 + number % 4) for number in range(300)).encode()
    data = np.frombuffer(text, dtype=np.uint8)
    _, _, *scanned = both(words.scan, data, np.array([len(data)]), kinds_of_characters()[:128], True, words.SIGNS)
    assert len(scanned[2]) == 300
    both(words.cut, *scanned[:2], 2, 4)


@few_examples
@given(documents, st.booleans(), st.integers(1, 3), st.integers(1, 2))
def test_pairs_of_ids_are_the_same(listed, has_edges, gap, min_count):
    codes, offsets = flat(listed)
    numbers = np.where(codes % 5 == 3, np.int32(ids.NOT_THERE), codes)
    edged, edged_offsets = both(ids.with_edges, numbers, offsets, 0) if has_edges else (numbers, offsets)
    keys, _ = both(ids.count_pairs, edged, edged, edged_offsets, gap, min_count)
    shares = [both(ids.count_pairs, edged, edged, edged_offsets, gap, min_count, share, 3)[0] for share in range(3)]
    assert sorted(np.concatenate(shares)) == sorted(keys)
    pairs = np.stack([keys >> np.uint64(32), keys & np.uint64(2**32 - 1)], axis=1).astype(np.int32)
    listed_keys = [np.unique(keys[places]) for places in (slice(None, None, 2), slice(None, None, 3))]
    counted = [(its, np.arange(1, len(its) + 1)) for its in listed_keys]
    both(ids.add_counts, *counted[0], *counted[1])
    hashes = np.random.default_rng(0).integers(0, 1 << 64, N_ROWS, dtype=np.uint64)
    both(ids.keys_of_documents, codes, offsets, hashes, np.arange(N_ROWS) % 3 == 0)
    table = both(ids.table_of_pairs, pairs, np.arange(len(pairs), dtype=np.int32) + np.int32(N_ROWS))
    both(ids.find_pairs, edged, edged, edged_offsets, gap, *table)


WILD = st.lists(
    st.one_of(
        st.text("aab eeeZé'\u2019_3.\t\u0301我ー漢กิ👍&;Σ\x1fI"),
        st.text(st.characters(codec="utf-8")),
        st.lists(st.sampled_from(["the", "cat", "sat", "goooood", "&#39;", "\\n", "Işık", "x" * 30])).map(" ".join),
    ),
    max_size=6,
)
CONFIGS = st.builds(
    VocabularyConfig,
    max_size=st.sampled_from([None, 3]),
    max_length=st.sampled_from([None, 1, 2, 5]),
    keep_unknown=st.booleans(),
    ngrams=st.integers(1, 4),
    ngram_min_count=st.integers(1, 2),
    char_ngrams=st.sampled_from([None, (1, 1), (2, 4), (3, 5)]),
    char_ngram_min_count=st.integers(1, 2),
)


@settings(max_examples=100, deadline=None)
@given(WILD, WILD, CONFIGS, st.booleans(), st.sampled_from(["words", "signs", "longer"]), st.booleans())
def test_texts_have_the_ids_of_their_tokens(learned, others, config, lowercase, what, normalize):
    pattern = LONGER_WORDS if what == "longer" and normalize else None
    tokenizer = Tokenizer(
        TokenizerConfig(lowercase=lowercase, punctuation=what == "signs", normalize=normalize, pattern=pattern)
    )
    assert tokenizer.reads_bytes
    tokens, texts = tokenizer(learned), [*others, *learned[:2], ""]
    vocabulary = Vocabulary.of(tokens, config)
    for known in (np.zeros(0, np.int32), vocabulary.ids(tokens.words)):
        both(ids.encode, tokens.codes, tokens.lengths, *tokens.words.arrays(), known, vocabulary.tables)
    both(ids.encode_texts, *tokenizer.bytes_of(texts), vocabulary.tables)
    expected, encoded = vocabulary.encode(tokenizer(texts)), vocabulary.encode_texts(texts, tokenizer)
    for name in ("ids", "offsets", "in_vocabulary_share"):
        assert as_bytes(getattr(encoded, name)) == as_bytes(getattr(expected, name))
    idf, *matrices = np.random.default_rng(0).random((3, len(vocabulary), 3), dtype=np.float32)
    starts = np.unique([0, *(start for start in vocabulary.blocks if start < len(vocabulary)), len(vocabulary)])
    groups = np.stack([np.arange(len(starts) - 1), np.arange(len(starts) - 1) - 1])
    pool = ids.Pool.of(idf[:, 0], matrices, starts, groups, bags.LOG_TFIDF)
    sums, shares, are_unknown = ids.answer_texts(*tokenizer.bytes_of(texts), vocabulary.tables, pool, 3)
    assert as_bytes(sums) == as_bytes(bags.pooled_sums(encoded.ids, encoded.offsets, *pool, 3))
    assert as_bytes(shares) == as_bytes(encoded.in_vocabulary_share)
    assert as_bytes(are_unknown) == as_bytes(encoded.all_out_of_vocabulary)


def _pool(vocabulary, weighting):
    idf, *matrices = np.random.default_rng(0).random((3, len(vocabulary), 2), dtype=np.float32)
    starts = np.unique([0, *(start for start in vocabulary.blocks if start < len(vocabulary)), len(vocabulary)])
    groups = np.stack([np.arange(len(starts) - 1), np.zeros(len(starts) - 1, np.int64)])
    return ids.Pool.of(idf[:, 0], matrices, starts, groups, weighting)


FEW_LETTERS = st.text("ab é", max_size=30) | st.sampled_from(["ab " * 400, "b" * 70_000, "a " * 20_000, "", "?"])


@few_examples
@given(st.lists(FEW_LETTERS, min_size=1, max_size=12), st.sampled_from([(1, 2), (2, 4), (3, 5)]), st.booleans())
def test_sums_of_words_are_those_of_their_ngrams(texts, char_ngrams, is_log):
    """Many texts at a time have the bits of each alone, whatever repeats in a word, between words and between texts."""
    config = VocabularyConfig(ngrams=2, ngram_min_count=1, char_ngrams=char_ngrams, char_ngram_min_count=1)
    tokenizer, many = Tokenizer(), [*texts, *texts[::-1], *["a ab aba abab b é"] * 200]
    vocabulary = Vocabulary.of(tokenizer(["a aa ab aba b bb é ab a", "b" * 70_000]), config)
    pool = _pool(vocabulary, bags.LOG_TFIDF if is_log else bags.TFIDF)
    encoded = vocabulary.encode_texts(many, tokenizer)
    of_ids = bags.pooled_sums(encoded.ids, encoded.offsets, *pool, 2)
    sums, _, are_unknown = ids.answer_texts(*tokenizer.bytes_of(many), vocabulary.tables, pool, 2)
    assert as_bytes(sums) == as_bytes(of_ids)
    assert as_bytes(are_unknown) == as_bytes(encoded.all_out_of_vocabulary)
    alone = [ids.answer_texts(*tokenizer.bytes_of([text]), vocabulary.tables, pool, 2)[0] for text in texts]
    assert as_bytes(np.concatenate(alone)) == as_bytes(sums[: len(texts)])
    assert as_bytes(sums[: len(texts)]) == as_bytes(sums[len(texts) : 2 * len(texts)][::-1].copy())


def test_stamps_of_many_texts_are_no_counts_of_later_ones():
    tokenizer, texts = Tokenizer(), [*["ab " * 3000, "ab cab ab"] * 30, *["ab", "cab"] * 40_000]
    config = VocabularyConfig(ngrams=2, ngram_min_count=1, char_ngrams=(2, 4), char_ngram_min_count=1)
    vocabulary = Vocabulary.of(tokenizer(["ab cab ab"]), config)
    pool = _pool(vocabulary, bags.LOG_TFIDF)
    sums, *_ = ids.answer_texts(*tokenizer.bytes_of(texts), vocabulary.tables, pool, 2)
    once = {text: ids.answer_texts(*tokenizer.bytes_of([text]), vocabulary.tables, pool, 2)[0] for text in set(texts)}
    assert as_bytes(sums) == as_bytes(np.concatenate([once[text] for text in texts]))


@few_examples
@given(WILD, CONFIGS, st.integers(-3, 3))
def test_ids_are_written_into_an_array_that_has_room_for_them(texts, config, more):
    tokens = Tokenizer()([*texts, "", "the cat"])
    vocabulary = Vocabulary.of(tokens, config)
    given_tokens = tokens.codes, tokens.lengths, *tokens.words.arrays(), vocabulary.ids(tokens.words), vocabulary.tables
    expected = ids.encode(*given_tokens)
    room = np.full(max(0, len(expected[0]) + more), -7, dtype=np.int32)
    assert as_bytes(ids.encode(*given_tokens, room)) == as_bytes(expected)
    if config.ngrams == 1 and config.char_ngrams is None and not config.max_length:
        most = np.empty(len(tokens.codes) + int((tokens.lengths == 0).sum()), dtype=np.int32)
        assert ids.encode(*given_tokens, most)[0].base is most


@few_examples
@given(WILD, CONFIGS, st.lists(st.text("abc", max_size=2), min_size=1, max_size=3))
def test_ids_of_rows_with_fields_and_side_tokens_are_the_same(texts, config, sides):
    tokenizer = Tokenizer(TokenizerConfig(fields=("title",), fielded=("title",)))
    texts = [text.replace("\x1f", "") for text in ["the cat", *texts]]
    tokens = tokenizer(["\x1f".join([text, *sides]) for text in texts])
    vocabulary = Vocabulary.of(tokens, config)
    both(ids.encode, tokens.codes, tokens.lengths, *tokens.words.arrays(), np.zeros(0, np.int32), vocabulary.tables)


@few_examples
@given(documents, st.sampled_from([(), (3,), (3, 7), (0, 5, N_ROWS), (4, N_ROWS)]), st.data())
def test_counts_weights_and_their_sums_are_the_same(listed, block_starts, data):
    numbers, offsets = flat(listed)
    floats = np.random.default_rng(data.draw(st.integers(0, 9)))
    n_rows = data.draw(st.integers(2, N_ROWS))
    idf, matrix = floats.random(n_rows, dtype=np.float32) + 1, floats.random((n_rows, 3), dtype=np.float32)
    idf[n_rows - n_rows // 2 :] = 0  # of words that were added later
    distinct, new_offsets, counts = both(bags.count, numbers, offsets, n_rows, UNKNOWN)
    for weighting in range(4):
        both(bags.weigh, distinct, new_offsets, idf, block_starts, weighting, counts)
        both(bags.weighed_sums, numbers, offsets, idf, block_starts, weighting, matrix)


@few_examples
@given(documents, st.sampled_from([1, 3, 9]), st.integers(1, 3), st.data())
def test_pooled_sums_are_those_of_each_model_added_up(listed, n_classes, n_models, data):
    """Other sums are divided by the lengths than in the twin, so that the last bits differ."""
    numbers, offsets = flat(listed)
    floats = np.random.default_rng(data.draw(st.integers(0, 9)))
    starts = np.array(
        data.draw(st.sampled_from([[0, N_ROWS], [0, 4, N_ROWS], [0, 3, 7, N_ROWS], [0, 1, 5, 9, N_ROWS]]))
    )
    several = st.lists(st.integers(-1, len(starts) - 2), min_size=len(starts) - 1, max_size=len(starts) - 1)
    several = several.filter(lambda of_model: max(of_model) >= 0)  # a model without any segment is none
    groups = np.array(data.draw(st.lists(several, min_size=3, max_size=3)))[:n_models]
    matrices = floats.standard_normal((n_models, N_ROWS, n_classes), dtype=np.float32)
    idf = floats.random(N_ROWS, dtype=np.float32) + 1
    idf[[1, N_ROWS - 2]] = 0  # the unknown word, and one that was added later
    for weighting in (bags.TFIDF, bags.LOG_TFIDF):
        with np.errstate(over="ignore"):  # integers overflow, as in C
            expected = pooled_sums(numbers, offsets, idf, matrices, starts, groups, weighting)
        pool = ids.Pool.of(idf, matrices, starts, groups, weighting)
        np.testing.assert_allclose(bags.pooled_sums(numbers, offsets, *pool, n_classes), expected, rtol=1e-5, atol=1e-5)
        mirrored = np.stack([matrices[:, :, 0], -matrices[:, :, 0]], axis=2)
        whole, half = (ids.Pool.of(idf, mirrored[:, :, :n], starts, groups, weighting) for n in (2, 1))
        np.testing.assert_array_equal(
            bags.pooled_sums(numbers, offsets, *half, 2), bags.pooled_sums(numbers, offsets, *whole, 2)
        )


@few_examples
@given(documents, st.integers(1, 4), st.data())
def test_sums_and_steps_are_the_same(listed, dimension, data):
    numbers, offsets = flat(listed)
    floats = np.random.default_rng(data.draw(st.integers(0, 9)))
    matrix = floats.standard_normal((N_ROWS, dimension), dtype=np.float32)
    weights = floats.standard_normal(len(numbers), dtype=np.float32)
    sums = np.empty((len(listed), dimension), dtype=np.float32)
    both(rows.add_rows, matrix, numbers, offsets, weights, sums)
    index_of = np.full(N_ROWS, -1, dtype=np.int32)
    read, gradients = both(rows.gradients_of_rows, numbers, offsets, weights, sums, index_of)
    both(rows.adagrad, matrix, np.zeros(N_ROWS, dtype=np.float32), read, gradients, *np.array([0.1, 1e-8]))


logits_of_two = st.lists(st.floats(-900, 900), min_size=2, max_size=2)
CURVES = st.one_of(st.none(), st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(-3, 3)))


@few_examples
@given(st.lists(logits_of_two, min_size=1, max_size=4), st.integers(1, 3), st.floats(0.01, 100), CURVES)
def test_calibrated_probabilities_are_the_same_and_those_of_numpys_softmax(listed, width, temperature, curve):
    logits = np.array(listed).reshape(len(listed), 2)[:, [0, 1, 0][:width]]
    probabilities = both(calibration.calibrate, logits, temperature, curve)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    if curve is None:
        np.testing.assert_allclose(probabilities, softmax(logits / temperature), rtol=1e-12, atol=1e-300)


@few_examples
@given(st.integers(0, 12), st.integers(1, 3), st.booleans(), st.integers(0, 9))
def test_the_sigmoids_of_labels_are_the_same(n_documents, n_labels, is_weighed, seed):
    floats = np.random.default_rng(seed)
    logits = floats.normal(size=(n_documents, n_labels)) * floats.choice([0, 1, 30], n_labels)
    has = floats.random(logits.shape) < 1 / (1 + np.exp(-logits))
    weights = floats.integers(0, 3, n_documents).astype(np.float32) if is_weighed else np.ones(n_documents, np.float32)
    both(calibration.fit_sigmoids, logits, has, weights, 1e-6, 1e3)


@few_examples
@given(documents, st.sampled_from([1, 2, 8, 16, 24, 32, 40]), st.booleans(), st.integers(0, 9))
def test_a_pass_of_the_svm_is_the_same(listed, n_classes, is_scaled, seed):
    numbers, offsets = flat(listed)
    floats = np.random.default_rng(seed)
    rows = floats.permutation(len(listed))[: max(1, len(listed) - 1)]
    shape = (len(rows), n_classes)
    weights = floats.random(len(numbers), dtype=np.float32)
    signs = floats.integers(-1, 2, shape).astype(np.float32)  # 0: there is no such class
    slacks, norms, duals = floats.random(shape[0], dtype=np.float32), *floats.random((2, *shape), dtype=np.float32)
    norms[:1] = -1  # and so 0 below: not known yet
    table = floats.random((N_ROWS, n_classes * (1 + is_scaled)), dtype=np.float32)
    bias = np.zeros(n_classes, dtype=np.float32)
    order = floats.permutation(len(rows))
    norms += np.float32(1)
    both(svm.dual_pass, numbers, offsets, rows, weights, signs, order, slacks, norms, table, bias, duals)
    both(svm.classifiers_of, numbers, offsets, rows, weights, signs, duals, table, bias)
    both(svm.scores_of, numbers, offsets, rows, weights, table, norms)
    both(
        svm.times_curvature,
        numbers,
        offsets,
        rows,
        weights,
        duals,
        table[:, :n_classes].copy(),
        np.zeros_like(table[:, :n_classes]),
    )
    slopes = floats.random((3, n_classes))
    both(svm.bias_slopes, duals, signs, slacks, *slopes)


@few_examples
@given(documents, st.integers(0, 9))
def test_the_sums_of_classes_are_the_same(listed, seed):
    numbers, offsets = flat(listed)
    floats = np.random.default_rng(seed)
    rows, labels = floats.integers(0, len(listed), 5), floats.integers(0, 3, 5)
    counts, weights = floats.random(5, dtype=np.float32), floats.random(len(numbers), dtype=np.float32)
    both(class_sums.class_sums, numbers, offsets, rows, labels, counts, weights, (N_ROWS, 3))
    without = class_sums.class_sums(numbers, offsets, rows, labels, counts, None, (N_ROWS, 3))
    ones = np.ones_like(weights)
    np.testing.assert_array_equal(
        without, class_sums.class_sums(numbers, offsets, rows, labels, counts, ones, (N_ROWS, 3))
    )


@pytest.mark.parametrize(
    ("ids", "offsets", "rows", "n_rows", "fits"),
    [
        ([0, 1, 9, 2], [0, 2, 3, 4], [0, 2], 3, True),  # 9 is of a document that is not asked for
        ([0, 1, 9, 2], [0, 2, 3, 4], [0, 1], 3, False),
        ([0, 1, -1, 2], [0, 2, 3, 4], [1], 3, False),
        ([0], [0, 1], [0], 0, False),
        ([0, 1, 1, 2], [0, 2, 9, 4], [0], 3, True),
        ([0, 1, 1, 2], [0, 2, 9, 4], [1], 3, False),
        ([0, 1, 1, 2], [0, 2, 1, 4], [1], 3, False),
        ([0, 1, 1, 2], [-1, 2, 3, 4], [0], 3, False),
        ([0, 1, 1, 2], [0, 2, 3, 4], [3], 3, False),
        ([0, 1, 1, 2], [0, 2, 3, 4], [-1], 3, False),
    ],
)
def test_documents_that_are_asked_for_are_checked_and_no_others(ids, offsets, rows, n_rows, fits):
    weights, scores = np.ones(len(ids), dtype=np.float32), np.zeros((len(rows), 1), dtype=np.float32)
    numbers = np.array(ids, dtype=np.int32), np.array(offsets), np.array(rows), weights
    with contextlib.nullcontext() if fits else pytest.raises(ValueError, match="documents_of_rows_fit"):
        svm.scores_of(*numbers, np.ones((n_rows, 1), dtype=np.float32), scores)
        assert scores[0, 0] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"ids": a["ids"].astype(np.int64)}, "format l with 1 dimensions, expected format i"),
        (lambda a: {"matrix": a["matrix"][:, ::2]}, "not C-contiguous"),
        (lambda a: {"offsets": a["offsets"].tolist()}, "a bytes-like object is required"),
        (lambda a: {"sums": as_read_only(a["sums"])}, "read-only"),
        (lambda a: {"weights": a["weights"].reshape(1, 1, -1)}, "with 3 dimensions"),
    ],
)
def test_an_array_of_another_kind_is_refused_before_anything_is_written(change, message):
    arguments = {
        "matrix": np.ones((3, 4), np.float32),
        "ids": np.array([0, 2], np.int32),
        "offsets": np.array([0, 2]),
        "weights": np.ones(2, np.float32),
        "sums": np.zeros((1, 4), np.float32),
    }
    changed = arguments | change(arguments)
    with pytest.raises((TypeError, ValueError, BufferError), match=message):
        rows.add_rows(**changed)
    assert not arguments["sums"].any()
    rows.add_rows(**arguments)
    assert arguments["sums"].tolist() == [[2, 2, 2, 2]]


def as_read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("arguments", [(), (np.zeros(1), 1, 2, 3)])
def test_a_wrong_number_of_arguments_is_refused(arguments):
    with pytest.raises(TypeError, match=f"hashes_of got .*{len(arguments)} arguments|format d"):
        _native.hashes_of(*arguments)


PIECES = [*(sign.encode() for sign in "aé我😀"), b"\n", b"\r\n", b'"', b'""', b",", b"x" * 33]
WRONG_PIECES = [b"\xc3", b"\xa9", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80"]
WRONG_PIECES += [b"\xc0\x80", b"\xff", b"\xe6\x88", b"\xf0\x9f\x98"]


@given(st.lists(st.sampled_from(PIECES) | st.sampled_from([*PIECES, *WRONG_PIECES])))
def test_bytes_of_files_are_judged_alike(pieces):
    data = b"".join(pieces)
    both(utf8.is_utf8, data)
    for separator in (",", "\xe9"):
        both(utf8.has_plain_quotes, data, separator)


@pytest.mark.parametrize("piece", WRONG_PIECES)
def test_each_kind_of_bytes_that_are_no_utf8_is_known(piece):
    assert not any(utf8.is_utf8(b"x" * n + piece + "é".encode() * 20) for n in range(40))
    assert utf8.is_utf8("xé我😀\ud7ff\ue000\U0010ffff".encode())
