"""Tokens → ids."""

import itertools
import pickle
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from bywords.errors import DataError, ModelFolderError, SettingError
from bywords.text.ragged import UNKNOWN
from bywords.text.tokenizer import SEPARATOR, Tokenizer, TokenizerConfig, Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig, _counted_pairs
from bywords.text.word_table import Words

TEXTS = ["the cat sat on the mat", "the dog sat", "a dog"]


def tokens_of(texts, **choices) -> Tokens:
    return Tokenizer(TokenizerConfig(**choices))(texts)


def vocabulary_of(texts, **choices) -> Vocabulary:
    return Vocabulary.of(tokens_of(texts), VocabularyConfig(**choices))


def test_words_are_ordered_by_count_then_by_spelling():
    assert vocabulary_of(TEXTS).words.to_list() == ["the", "dog", "sat", "a", "cat", "mat", "on"]
    assert vocabulary_of(TEXTS).counts.tolist() == [0, 0, 3, 2, 2, 1, 1, 1, 1]


def test_the_order_of_the_documents_plays_no_part():
    texts = [f"w{number % 7} w{number % 11} w{number % 13}" for number in range(200)]
    shuffled = random.Random(0).sample(texts, len(texts))
    assert vocabulary_of(texts).words.to_list() == vocabulary_of(shuffled).words.to_list()


def test_rare_words_and_words_beyond_the_size_are_unknown_and_counted():
    assert vocabulary_of(TEXTS, min_count=2).words.to_list() == ["the", "dog", "sat"]
    assert vocabulary_of(TEXTS, min_count=2).counts[UNKNOWN] == 4
    assert vocabulary_of(TEXTS, max_size=1).words.to_list() == ["the"]


def test_encoding_leaves_unknown_words_out_or_puts_the_unknown_word():
    texts = ["the bird sat", "birds", ""]
    dropped = vocabulary_of(TEXTS).encode(tokens_of(texts))
    assert np.split(dropped.ids, dropped.offsets[1:-1])[0].tolist() == [2, 4]
    kept = vocabulary_of(TEXTS, keep_unknown=True).encode(tokens_of(texts))
    assert np.split(kept.ids, kept.offsets[1:-1])[0].tolist() == [2, 1, 4]


@pytest.mark.parametrize("keep_unknown", [False, True])
def test_a_document_in_which_nothing_is_known_becomes_one_unknown_word_and_is_flagged(keep_unknown):
    encoded = vocabulary_of(TEXTS, keep_unknown=keep_unknown).encode(tokens_of(["two birds sang", "the", ""]))
    assert encoded.lengths.tolist() == [1, 1, 1]
    assert encoded.ids.tolist() == [UNKNOWN, 2, UNKNOWN]
    assert encoded.in_vocabulary_share.tolist() == [0, 1, 0]


@pytest.mark.parametrize("keep_unknown", [False, True])
def test_documents_are_cut_at_the_maximum_length(keep_unknown):
    vocabulary = vocabulary_of(TEXTS, max_length=2, keep_unknown=keep_unknown)
    assert vocabulary.encode(tokens_of(["the dog sat", "the"])).lengths.tolist() == [2, 1]
    assert vocabulary.encode(tokens_of(["bird bird the"])).ids.tolist() == [UNKNOWN]


def test_words_spelt_like_the_markers_are_words_like_others():
    tokens = tokens_of(["<unk> <pad> <unk>"], pattern=r"\S+")
    vocabulary = Vocabulary.of(tokens)
    assert vocabulary.encode(tokens).ids.tolist() == [2, 3, 2]


def test_coverage_is_the_share_of_tokens_that_the_most_frequent_words_cover():
    assert vocabulary_of(TEXTS).coverage([0, 1, 2, 100], tokens_of(["the dog bird the"])) == [0, 0.5, 0.75, 0.75]
    assert np.isnan(vocabulary_of(TEXTS).coverage([1], tokens_of([""]))[0])


def test_kept_rows_hand_the_counts_of_the_others_to_the_unknown_word():
    vocabulary = vocabulary_of(TEXTS)
    smaller = vocabulary.keep(np.array([False, False, True, False, True, False, False, False, False]))
    assert smaller.words.to_list() == ["the", "sat"]
    assert smaller.counts.tolist() == [0, 6, 3, 2]


@given(st.data())
def test_rows_that_are_left_out_are_missing_in_documents_and_nothing_else_is(data):
    texts = [*TEXTS, "the dog", "the dog sat high"]
    vocabulary = vocabulary_of(texts, ngrams=3, char_ngrams=(2, 3))
    is_kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(vocabulary), max_size=len(vocabulary))))
    smaller, old_rows = vocabulary.keep_rows(is_kept)
    names, kept_names = names_of(vocabulary), names_of(smaller)
    assert kept_names == [names[row] for row in old_rows]
    parts = dict(zip(names[vocabulary.n_words :], vocabulary.ngrams.tolist(), strict=False))
    for row, name in enumerate(names):
        is_whole = all(names[part] in kept_names for part in parts.get(name, ()))
        assert (name in kept_names) == (row < 2 or (bool(is_kept[row]) and is_whole))
    for found, all_names in zip(encoded_names(smaller, texts), encoded_names(vocabulary, texts), strict=True):
        assert found == ([name for name in all_names if name in kept_names] or ["<unk>"])


words = st.lists(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("\\tn\t\n")), min_size=1), unique=True)


@given(words)
def test_any_words_survive_the_file(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    written = Vocabulary(Words.of(words), np.arange(len(words) + 2))
    path.write_bytes(written.text())
    read = Vocabulary.load(path)
    assert read.words.to_list() == words
    assert read.counts.tolist() == written.counts.tolist()


@pytest.mark.parametrize("line", ["no count", "7", "\tword", "+7\tword", "7 \tword", "9999999999999999999\tword", ""])
def test_a_line_of_another_form_is_named(tmp_path, line):
    path = tmp_path / "vocabulary.txt"
    path.write_text(f"0\t<pad>\n0\t<unk>\n{line}\n3\tgood\n")
    with pytest.raises(
        ModelFolderError, match="line 3: expected a count, a tab and a word, found " + re.escape(repr(line))
    ):
        Vocabulary.load(path)


def test_a_file_without_the_markers_is_refused(tmp_path):
    (tmp_path / "vocabulary.txt").write_text("0\t<pad>\n")
    with pytest.raises(ModelFolderError, match="expected the rows <pad> and <unk> first, found 1 rows"):
        Vocabulary.load(tmp_path / "vocabulary.txt")


def test_a_size_below_one_is_refused():
    with pytest.raises(SettingError, match="min_count is 0, expected 1 or more"):
        VocabularyConfig(min_count=0)


@given(st.lists(st.lists(st.sampled_from(["the", "dog", "bird", "sat"]))), st.booleans(), st.integers(1, 5))
def test_encoding_agrees_with_a_loop_over_words(documents, keep_unknown, max_length):
    vocabulary = vocabulary_of(TEXTS, keep_unknown=keep_unknown, max_length=max_length)
    look_up = {word: index for index, word in enumerate(vocabulary.words, start=2)}
    expected = []
    for document in documents:
        ids = [look_up.get(word, UNKNOWN) for word in document[:max_length]]
        known = [number for number in ids if number != UNKNOWN]
        expected.append((ids if keep_unknown else known) if known else [UNKNOWN])
    encoded = vocabulary.encode(tokens_of([" ".join(document) for document in documents]))
    assert [part.tolist() for part in np.split(encoded.ids, encoded.offsets[1:-1])][: len(documents)] == expected


def names_of(vocabulary: Vocabulary) -> list[str]:
    """Every row by what it stands for: n-grams joined by underscores, character n-grams in slashes."""
    names = ["^", "<unk>", *vocabulary.words]
    for left, right in vocabulary.ngrams.tolist():
        names.append(f"{names[left]}_{names[right]}" if right else f"{names[left]}_$")
    return names + [f"/{char_ngram}/" for char_ngram in vocabulary.char_ngrams.strings()]


def encoded_names(vocabulary: Vocabulary, texts) -> list[list[str]]:
    encoded = vocabulary.encode(tokens_of(texts))
    names = names_of(vocabulary)
    return [[names[number] for number in part] for part in np.split(encoded.ids, encoded.offsets[1:-1])]


def test_ngrams_have_rows_and_the_edges_of_a_document_belong_to_them():
    vocabulary = vocabulary_of([*TEXTS, "the dog"], ngrams=3)
    assert names_of(vocabulary)[9:] == ["^_the", "the_dog", "dog_$", "^_the_dog"]
    assert encoded_names(vocabulary, ["the dog", "a dog the"]) == [
        ["the", "dog", "^_the", "the_dog", "dog_$", "^_the_dog"],
        ["a", "dog", "the"],
    ]


documents = st.lists(st.lists(st.sampled_from("abcd"), max_size=6), max_size=8)


@given(documents, st.integers(1, 4), st.integers(1, 3))
def test_ngrams_are_those_that_a_loop_over_the_documents_counts(documents, longest, min_count):
    texts = [" ".join(document) for document in documents]
    vocabulary = vocabulary_of(texts, ngrams=longest, ngram_min_count=min_count)
    kept = {(word,) for word in "abcd"} | {("^",), ("$",)}
    for length in range(2, longest + 1):
        counts = Counter(
            run
            for document in filter(None, documents)
            for run in zip(*(["^", *document, "$"][start:] for start in range(length)), strict=False)
            if run[:-1] in kept  # a run of which the beginning is rare is rare itself
        )
        kept |= {run for run, count in counts.items() if count >= min_count}
    found = names_of(vocabulary)[vocabulary.n_words : vocabulary.n_rows("ngrams")]
    assert set(found) == {"_".join(run) for run in kept if len(run) > 1}
    assert len(set(found)) == len(found)


def test_a_cut_document_has_no_ngram_across_the_cut_and_no_end():
    vocabulary = vocabulary_of(["a b c", "a b c"], ngrams=2, max_length=2)
    assert encoded_names(vocabulary, ["a b c"]) == [["a", "b", "^_a", "a_b"]]


def test_an_unknown_word_parts_the_words_beside_it():
    vocabulary = vocabulary_of(["a b", "a b"], ngrams=2)
    assert encoded_names(vocabulary, ["a x b"]) == [["a", "b", "^_a", "b_$"]]


def test_char_ngrams_have_rows_and_new_words_are_known_by_them():
    vocabulary = vocabulary_of(["cats cats", "cat"], char_ngrams=(3, 4))
    assert encoded_names(vocabulary, ["scat"]) == [["/cat/"]]
    share = vocabulary.encode(tokens_of(["scat"])).in_vocabulary_share
    assert share.tolist() == [0]  # no word is known: character n-grams are a guess


@given(
    st.lists(st.text("aé日b", min_size=1, max_size=6), min_size=1, unique=True), st.integers(1, 3), st.integers(0, 2)
)
def test_char_ngrams_are_those_that_a_loop_over_characters_cuts(words, shortest, more):
    texts = [" ".join(words)]
    config = {"char_ngrams": (shortest, shortest + more), "char_ngram_min_count": 1}
    tokens = tokens_of(texts, pattern=r"\S+", normalize=False)  # which would cut runs of a letter short
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(**config))
    expected = set()
    for word in words:
        padded = f" {word} "
        for size in range(shortest, shortest + more + 1):
            expected |= {padded[start : start + size] for start in range(len(padded) - size + 1)}
        if len(padded) < shortest:
            expected.add(padded)
    assert set(vocabulary.char_ngrams.strings()) == expected


def test_ngrams_survive_the_file(tmp_path):
    written = vocabulary_of(TEXTS, ngrams=3, char_ngrams=(2, 3))
    (tmp_path / "vocabulary.txt").write_bytes(written.text())
    read = Vocabulary.load(tmp_path / "vocabulary.txt", config=written.config, arrays=written.arrays())
    assert names_of(read) == names_of(written)
    assert encoded_names(read, ["the dog sat high"]) == encoded_names(written, ["the dog sat high"])


def test_words_cannot_be_left_out_where_ngrams_are_made_of_them():
    vocabulary = vocabulary_of(TEXTS, ngrams=2)
    with pytest.raises(SettingError, match="n-grams of words or characters"):
        vocabulary.keep(np.ones(len(vocabulary), dtype=bool))


def test_impossible_lengths_of_char_ngrams_are_refused():
    with pytest.raises(SettingError, match=r"char_ngrams is \(3, 2\)"):
        VocabularyConfig(char_ngrams=(3, 2))


DOCUMENTS = [["the", "fire", "the"], ["New York", "the"], []]


def test_a_vocabulary_of_lists_of_tokens_is_that_of_their_texts():
    vocabulary = Vocabulary.from_tokens(DOCUMENTS)
    assert vocabulary.index == {"the": 2, "New York": 3, "fire": 4}
    assert vocabulary.words.to_list() == list(vocabulary.index)
    assert vocabulary.counts.tolist() == [0, 0, 3, 1, 1]
    assert Vocabulary.from_tokens(Tokenizer("given")(DOCUMENTS)).text() == vocabulary.text()
    fewer = Vocabulary.from_tokens(DOCUMENTS, max_size=2, min_count=1)
    assert (fewer.index, fewer.counts.tolist()) == ({"the": 2, "New York": 3}, [0, 1, 3, 1])
    assert Vocabulary.from_tokens(DOCUMENTS, min_count=2).index == {"the": 2}


def test_a_vocabulary_of_counts_is_that_of_the_tokens_that_were_counted():
    counter = Counter(itertools.chain.from_iterable(DOCUMENTS))
    for counts in (counter, dict(counter)):
        assert Vocabulary.from_counts(counts).text() == Vocabulary.from_tokens(DOCUMENTS).text()
        assert Vocabulary.from_counts(counts, max_size=1).text() == Vocabulary.from_tokens(DOCUMENTS, max_size=1).text()
    assert Vocabulary.from_counts({"a": 1, "b": np.int64(5)}, min_count=2).counts.tolist() == [0, 1, 5]


def test_a_vocabulary_of_words_has_them_in_their_order():
    vocabulary = Vocabulary.from_words(["fire", "a", "<unk>"], max_size=5)
    assert vocabulary.index == {"fire": 2, "a": 3, "<unk>": 4}
    assert vocabulary.encode(["a", "<unk>", "no", "fire"]).tolist() == [3, 4, 2]
    assert Vocabulary.from_words(["fire", "a"], max_size=1).index == {"fire": 2}


def test_documents_are_encoded_one_or_many_from_tokens_or_with_what_cuts_a_text():
    vocabulary = Vocabulary.from_tokens(DOCUMENTS)
    many = vocabulary.encode([["fire", "New York"], ["the"], []])
    assert (many.ids.tolist(), many.offsets.tolist()) == ([4, 3, 2, 1], [0, 2, 3, 4])  # none is one unknown word
    assert vocabulary.encode(["fire", "New York"]).tolist() == [4, 3]
    assert vocabulary.encode(("fire", "New York")).tolist() == [4, 3]
    assert vocabulary.encode("The fire", tokenizer=Tokenizer()).tolist() == [2, 4]
    with pytest.raises(DataError, match="'the fire' is a text: cut it first, as in"):
        vocabulary.encode("the fire")
    with pytest.raises(
        DataError, match=r"the tokens of one document, .* found 'the fire' among them\. Cut texts first"
    ):
        vocabulary.encode(["the fire", "fire"])


@pytest.mark.parametrize(
    ("make", "wrong", "said"),
    [
        (
            Vocabulary.from_tokens,
            ["the fire"],
            r"lists of tokens, as in \[\['the', 'printer'\], \['fire'\]\].*Cut texts",
        ),
        (Vocabulary.from_tokens, "the fire", "lists of tokens"),
        (Vocabulary.from_tokens, [["a"], [5]], "document 1 has the token 5"),
        (Vocabulary.from_tokens, 5, "lists of tokens"),
        (Vocabulary.from_counts, [("a", 1)], r"words with their counts, as in \{'the': 12, 'fire': 3\} or a Counter"),
        (Vocabulary.from_counts, {"a": "1"}, "found 'a': '1' in them"),
        (Vocabulary.from_counts, {"a": -1}, "found 'a': -1 in them"),
        (Vocabulary.from_counts, {5: 1}, "found 5: 1 in them"),
        (Vocabulary.from_words, "fire", "a list of strings, as in"),
        (Vocabulary.from_words, [5], "a list of strings, as in"),
    ],
)
def test_what_is_none_of_these_is_said_with_an_example(make, wrong, said):
    with pytest.raises(DataError, match=said):
        make(wrong)


def test_coverage_is_of_what_was_counted_or_of_other_tokens():
    vocabulary = Vocabulary.from_counts({"a": 6, "b": 3, "c": 1}, max_size=2)
    assert vocabulary.coverage([0, 1, 2, 9]) == [0, 0.6, 0.9, 0.9]
    assert vocabulary.coverage([1, 2], Tokenizer("given")([["b", "b", "a", "d"]])) == [0.25, 0.75]
    assert np.isnan(Vocabulary.from_words(["a"]).coverage([1])[0])


def test_zipf_is_drawn_with_two_logarithms():
    axes = Vocabulary.from_counts({"a": 6, "b": 3, "c": 1}).plot_zipf()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    ((line,),) = [axes.lines]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([1, 2, 3], [6, 3, 1])
    assert axes.figure.axes == [axes]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_df": 0}, "min_df is 0"),
        ({"min_df": 1.5}, "min_df is 1.5"),
        ({"max_df": 0}, "max_df is 0"),
        ({"max_df": -0.5}, "max_df is -0.5"),
        ({"min_df": True}, "min_df is True"),
        ({"words": ()}, "words is an empty vocabulary"),
        ({"words": ["a", "a"]}, "words has 'a' twice"),
        ({"words": ["a", ""]}, "words has ''"),
        ({"words": "abc"}, "words is 'abc'"),
    ],
)
def test_limits_that_cannot_be_are_said(settings, said):
    with pytest.raises(SettingError, match=said):
        VocabularyConfig(**settings)


def test_limits_by_documents_that_leave_nothing_are_said_with_their_numbers():
    with pytest.raises(
        SettingError, match=r"max_df is 1 and min_df is 0\.9: of 5 documents that is at most 1 and at least"
    ):
        Vocabulary.of(tokens_of(["a"] * 5), VocabularyConfig(min_df=0.9, max_df=1))


def test_a_fixed_vocabulary_has_a_row_for_each_word_and_for_no_other():
    vocabulary = vocabulary_of(["the dog bird the", "cat"], words=("bird", "zebra", "the"), min_count=5, max_size=1)
    assert (vocabulary.index, vocabulary.counts.tolist()) == ({"the": 2, "bird": 3, "zebra": 4}, [0, 2, 2, 1, 0])


def test_columns_beside_the_text_stay_whatever_the_limits_of_words():
    tokens = Tokenizer(TokenizerConfig(fields=("body",)))([f"a b{SEPARATOR}k=x", f"a c{SEPARATOR}k=x"])
    for config in (VocabularyConfig(max_df=1), VocabularyConfig(words=("b", "c"))):
        assert sorted(Vocabulary.of(tokens, config).index) == [f"{SEPARATOR}k=x", "b", "c"]


ROOT = Path(__file__).parents[1]
PARAGRAPHS = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("[dl][oa][cb]*/*.md"))).split(
    "\n\n"
)
REAL = [
    *(text for text in PARAGRAPHS if max(text, default="") < "\u0300"),  # marks are in a word here, and not there
    *("Où est le café ? L'été, à Nîmes — déjà vu.", "Größe, Übermut, ein Straßencafé", "¡Mañana será otro día!"),
]


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ({}, {}),
        ({"stop_words": "english"}, {"min_df": 2}),
        ({"stop_words": ["the", "und", "est"]}, {"min_df": 0.01, "max_df": 0.2}),
        ({"strip_accents": True}, {"max_df": 100}),
        ({"strip_accents": True, "stop_words": "english"}, {"min_df": 3, "max_df": 0.5}),
        ({"strip_accents": True}, {"words": ("cafe", "vocabulary", "the", "nowhere", "été")}),
        ({"lowercase": False}, {"min_df": 4}),
    ],
)
def test_words_and_counts_are_those_of_scikit_learn_with_the_same_settings(tokens, words):
    texts = [*REAL, "x²"] if "strip_accents" in tokens else REAL  # whose word is another without its accents
    tokenizer = Tokenizer(TokenizerConfig(pattern=r"\b\w\w+\b", normalize=False, **tokens))
    vocabulary = Vocabulary.of(found := tokenizer(texts), VocabularyConfig(**words))
    theirs = dict(tokens)
    theirs["strip_accents"] = "unicode" if theirs.pop("strip_accents", False) else None
    limits = {"vocabulary" if name == "words" else name: value for name, value in words.items()}
    vectorizer = CountVectorizer(**theirs, **limits)
    expected = vectorizer.fit_transform(texts)
    names = vectorizer.get_feature_names_out().tolist()
    assert sorted(vocabulary.index) == sorted(names)
    assert len(names) > 4 or words
    table = np.zeros((len(texts), len(vocabulary)), dtype=np.int64)
    documents = np.repeat(np.arange(len(texts)), found.lengths)
    np.add.at(table, (documents, vocabulary.token_ids(found)), 1)
    np.testing.assert_array_equal(table[:, [vocabulary.index[name] for name in names]], expected.toarray())


def test_ngrams_are_in_the_order_of_their_counts_and_ids_however_they_are_sorted_and_shared(monkeypatch):
    generator = np.random.default_rng(0)
    tokens = Tokenizer()([" ".join(f"w{word}" for word in generator.zipf(1.5, 40) % 50) for _ in range(60)])
    expected = Vocabulary.of(tokens, VocabularyConfig(ngrams=3))
    keys, counts = expected.pairs_in(tokens)
    assert (np.diff(keys.astype(np.int64)) > 0).all()
    order = np.lexsort((keys, -counts))
    pairs = np.stack([keys >> np.uint64(32), keys & np.uint64(2**32 - 1)], axis=1).astype(np.int32)[order]
    assert (pairs[counts[order] >= 2] == expected.ngrams[: int((counts >= 2).sum())]).all()
    monkeypatch.setattr("bywords.text.vocabulary.PAIRS_TOGETHER", 100)
    assert (Vocabulary.of(tokens, VocabularyConfig(ngrams=3)).ngrams == expected.ngrams).all()
    huge = np.array(5 * [7, 2**31 - 1] + [0], dtype=np.int32)  # too large to be one number with their counts
    pairs, counts = _counted_pairs(huge, huge, np.array([0, 11]), 1, 1)
    assert pairs.tolist() == [[7, 2**31 - 1], [2**31 - 1, 7], [2**31 - 1, 0]]
    assert counts.tolist() == [5, 4, 1]


CHINESE = [f"{chr(0x4E00 + number * 7 % 61)}{chr(0x4E00 + number % 13)}人。ok{number % 9}" for number in range(90)]


def test_the_order_of_words_is_the_same_where_two_threads_rank_them(monkeypatch):
    tokens = Tokenizer(TokenizerConfig(fields=("title",)))([f"{text}\x1fside{len(text)}" for text in CHINESE])
    for min_count in (1, 2):
        expected = Vocabulary.of(tokens, VocabularyConfig(min_count=min_count))
        with monkeypatch.context() as patched:
            patched.setattr("bywords.text.vocabulary.MANY_WORDS", 3)
            ranked = Vocabulary.of(tokens, VocabularyConfig(min_count=min_count))
        assert ranked.words.to_list() == expected.words.to_list()
        assert ranked.counts.tolist() == expected.counts.tolist()
        assert (1 in expected.counts[2:]) == (min_count == 1)


@pytest.mark.parametrize("settings", [{}, {"min_count": 2}, {"min_count": 2, "keep_unknown": True}, {"ngrams": 2}])
def test_ids_are_the_same_where_several_threads_encode(monkeypatch, settings):
    tokens = Tokenizer()(["", *CHINESE[:40], "", "", *CHINESE[40:], "rare", 300 * "long ", ""])
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(**settings))
    expected = vocabulary.encode(tokens)
    monkeypatch.setattr("bywords.text.vocabulary.MANY_TOKENS", 5)
    for n_threads in (1, 2, 7):
        monkeypatch.setattr("bywords.text.vocabulary.n_threads", lambda n=n_threads: n)
        encoded = vocabulary.encode(tokens)
        assert encoded.ids.tolist() == expected.ids.tolist()
        assert encoded.offsets.tolist() == expected.offsets.tolist()
        assert encoded.in_vocabulary_share.tolist() == expected.in_vocabulary_share.tolist()


def test_a_copy_encodes_as_the_vocabulary_that_remembers_what_it_was_made_of():
    tokens = Tokenizer()(["fire fire printer", "the fire"])
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(min_count=2))
    copied, same = pickle.loads(pickle.dumps(vocabulary)), Tokenizer()(["fire fire printer", "the fire"])
    for encoded in (vocabulary.encode(same), copied.encode(tokens)):
        assert encoded.ids.tolist() == vocabulary.encode(tokens).ids.tolist() == [2, 2, 2]
