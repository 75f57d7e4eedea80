"""Exact and near duplicates within and across two parts, held against a comparison of all with all."""

import re
from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bywords.data.distinct_texts import DistinctTextsBuilder
from bywords.data.duplicates import MOST_ALIKE, MOST_PARTNERS, THRESHOLD, duplicates_of, find_duplicates
from bywords.kernels.overlap import numbered

LONG = "the engine of the old car was loud and the driver stopped it at the side of a narrow road near town"


def column(texts):
    return pl.Series("text", texts, dtype=pl.String)


def pairs_of(pairs):
    return list(zip(pairs.firsts.tolist(), pairs.seconds.tolist(), strict=True))


def found(train, test=()):
    return find_duplicates(column(train), column(test) if test else None)


@pytest.mark.parametrize(
    "copy",
    [LONG.upper(), LONG.replace(" ", "  "), f" {LONG}\n", LONG.replace(" ", "\t"), LONG.replace("a", "A")],
    ids=["capitals", "two spaces", "around it", "tabs", "some capitals"],
)
def test_case_and_white_space_play_no_part_in_exact_duplicates(copy):
    across = found([LONG], [copy]).across
    assert pairs_of(across.pairs) == [(0, 0)]
    assert across.pairs.is_exact.all()
    assert across.pairs.similarities[0] == 1


def test_composed_and_decomposed_letters_are_the_same():
    assert found(["un café noir"], ["un cafe\u0301 noir"]).across.pairs.is_exact.tolist() == [True]


def test_the_same_words_with_other_punctuation_are_near_duplicates_and_wholly_alike():
    pairs = found(["well, that is it"], ["well that is it!"]).across.pairs
    assert (pairs.is_exact.tolist(), pairs.similarities.tolist()) == ([False], [1.0])


@pytest.mark.parametrize("index", range(len(LONG.split())))
def test_a_change_of_any_one_word_is_found(index):
    words = LONG.split()
    words[index] = "zebra"
    pairs = found([LONG], [" ".join(words)]).across.pairs
    n = len(words)
    assert pairs.similarities.tolist() == pytest.approx([(n - 1) / (n + 1)])


def test_a_change_of_one_word_is_found_in_short_texts_too():
    train = ["who painted the roof", "when did it begin", "where is the sea"]
    assert pairs_of(found(train, ["who painted the ceiling"]).across.pairs) == [(0, 0)]
    assert pairs_of(found(train, ["who painted roof"]).across.pairs) == [(0, 0)]
    assert pairs_of(found(train, ["who ate the ceiling"]).across.pairs) == []


def test_a_template_that_many_texts_fill_makes_no_duplicates():
    fillers = ["peru", "chad", "laos", "mali", "fiji"]
    texts = [f"what is the capital of {name}" for name in fillers]
    assert pairs_of(found(texts[:MOST_ALIKE]).train.pairs) == [(0, 1), (0, 2), (1, 2)]
    assert pairs_of(found(texts[: MOST_ALIKE + 1]).train.pairs) == []
    copies = found(texts, [texts[0], "what was the capital of peru"]).across  # the template has no word for "was"
    assert pairs_of(copies.pairs) == [(0, 0), (0, 1)]


def test_texts_of_two_words_are_no_near_duplicates():
    assert pairs_of(found(["good film", "good cast"]).train.pairs) == []


def test_a_word_counts_as_often_as_it_occurs():
    assert pairs_of(found(["no no no no no"], ["no"]).across.pairs) == []


def test_empty_texts_play_no_part_and_signs_are_exact_duplicates_only():
    duplicates = found(["", "  ", "!!!", "..."], ["", "!!!", "\n"])
    assert pairs_of(duplicates.across.pairs) == [(2, 1)]
    assert pairs_of(duplicates.train.pairs) == []
    assert len(set(duplicates.train.groups.tolist())) == 4


def test_no_texts_have_no_duplicates():
    duplicates = find_duplicates(column([]), column([]))
    assert len(duplicates.train.pairs) == len(duplicates.across.pairs) == 0


def test_what_is_alike_to_one_that_is_alike_is_of_the_same_group():
    words = [f"w{number}" for number in range(20)]
    chain = [" ".join([*words[:-step], *(f"x{number}" for number in range(step))]) for step in (1, 3, 5)]
    within = found([*chain, "something else"]).train
    assert pairs_of(within.pairs) == [(0, 1), (1, 2)]  # the ends share 15 of 25 words
    assert within.groups[0] == within.groups[1] == within.groups[2] != within.groups[3]


def test_who_has_which_duplicates():
    duplicates = found([LONG, LONG, f"{LONG} again", "other words here"], ["a fish", f"{LONG} now", LONG.title()])
    assert duplicates.train.has_exact.tolist() == [True, True, False, False]
    assert duplicates.train.has_near.tolist() == [True, True, True, False]
    assert duplicates.across.test_has_exact.tolist() == [False, False, True]
    assert duplicates.across.test_has_near.tolist() == [False, True, True]
    assert duplicates.across.train_has_any.tolist() == [True, True, True, False]


def test_of_thousands_of_like_texts_not_each_pair_is_listed_but_all_are_in_one_group():
    copies = ["the same text again"] * 1_000
    alike = [f"{LONG} {number}" for number in range(1_000)]
    duplicates = found(copies + alike, ["the same text again", LONG])
    within, across = duplicates.train, duplicates.across
    assert len(within.pairs) < 1_000 + 1_000 * (MOST_PARTNERS + 1)
    assert within.has_exact[:1_000].all()
    assert within.has_near[1_000:].all()
    assert len(np.unique(within.groups[:1_000])) == len(np.unique(within.groups[1_000:])) == 1
    assert across.train_has_any.all()
    assert across.test_has_near.tolist() == [False, True]


def test_each_occurrence_of_a_word_is_an_element_of_its_own():
    codes, offsets = np.array([0, 1, 0, 0, 1, 1], dtype=np.int32), np.array([0, 3, 6])
    elements, n_elements = numbered(codes, offsets, 2)
    assert elements.tolist() == [0, 2, 1, 0, 2, 3]
    assert n_elements == 4


def slow_pairs(train, test):
    """All pairs across that are near or exact duplicates, with their similarity, by the definition alone."""
    texts = [" ".join(text.lower().split()) for text in [*train, *test]]
    words = [tuple(sorted(re.findall(r"\w+", text))) for text in texts]
    gaps = defaultdict(set)
    for text, bag in zip(texts, words, strict=True):
        for key in {bag, *(bag[:index] + bag[index + 1 :] for index in range(len(bag)))}:
            gaps[key].add(text)
    pairs = {}
    for one, other in combinations(range(len(texts)), 2):
        if one >= len(train) or other < len(train) or not texts[one]:
            continue
        left, right = Counter(words[one]), Counter(words[other])
        shared, size = sum((left & right).values()), max(sum(left.values()), sum(right.values()))
        similarity = shared / max(sum((left | right).values()), 1)
        is_one_off = (
            3 <= size <= 8
            and shared >= size - 1
            and min(len(words[one]), len(words[other])) > 1
            and len(gaps[tuple(sorted((left & right).elements()))]) <= MOST_ALIKE
        )
        if texts[one] == texts[other]:
            pairs[one, other - len(train)] = 1.0
        elif similarity >= THRESHOLD - 1e-12 or is_one_off:
            pairs[one, other - len(train)] = similarity
    return pairs


WORDS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), max_size=12)
NEAR = st.tuples(
    st.lists(WORDS, min_size=8, max_size=30), st.lists(st.tuples(st.integers(0, 29), WORDS), max_size=3)
)  # a text, and what becomes of some of its words


@given(TEXTS, TEXTS)
def test_all_pairs_of_short_texts_are_those_of_a_comparison_of_all_with_all(train, test):
    pairs = find_duplicates(column(train), column(test)).across.pairs
    told = dict(zip(pairs_of(pairs), pairs.similarities.tolist(), strict=True))
    assert told == pytest.approx(slow_pairs(train, test))


@given(st.lists(NEAR, min_size=1, max_size=6))
def test_all_pairs_of_longer_texts_are_those_of_a_comparison_of_all_with_all(texts):
    train = [" ".join(words) for words, _ in texts]
    test = []
    for words, changes in texts:
        changed = list(words)
        for index, word in changes:
            changed[index % len(changed)] = word
        test.append(" ".join(changed))
    pairs = find_duplicates(column(train), column(test)).across.pairs
    told = dict(zip(pairs_of(pairs), pairs.similarities.tolist(), strict=True))
    assert told == pytest.approx(slow_pairs(train, test))


@given(TEXTS)
def test_within_a_part_every_duplicate_is_linked_to_its_group(texts):
    within = find_duplicates(column(texts)).train
    for one, other in slow_pairs(texts, texts):
        assert within.groups[one] == within.groups[other]


def same_duplicates(one, other):
    """Whether all arrays of what was found are equal."""
    if one is None or other is None or isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return all(same_duplicates(getattr(one, name), getattr(other, name)) for name in vars(one))


def found_on_disk(folder, train, test, n_bytes, n_together):
    """The duplicates of texts that come so many at a time."""
    builder = DistinctTextsBuilder(folder, n_bytes)
    for texts, is_test in ((train, False), (test, True)):
        blocks = (column(texts[start : start + n_together]) for start in range(0, len(texts), n_together))
        builder.add(blocks, is_test=is_test)
    return duplicates_of(builder, has_test=True)


@given(TEXTS, TEXTS, st.integers(1, 3_000), st.integers(1, 20))
def test_duplicates_do_not_depend_on_how_much_memory_there_is(tmp_path_factory, train, test, n_bytes, n_together):
    folder = tmp_path_factory.getbasetemp()
    on_disk = found_on_disk(folder, train, test, n_bytes, n_together)
    assert same_duplicates(on_disk, find_duplicates(column(train), column(test)))


def test_of_very_many_like_texts_the_same_pairs_are_listed_with_little_memory(tmp_path):
    generator = np.random.default_rng(0)
    alike = [f"{LONG} {generator.choice(list('abcdef'))} {number % 40}" for number in range(150)]
    alike += [f"{' '.join(LONG.split()[:-2])} {number}" for number in range(150)]
    train, test = alike[::2], alike[1::2]
    in_memory = find_duplicates(column(train), column(test))
    assert len(in_memory.train.pairs) > 20 * MOST_PARTNERS
    for n_bytes in (2_000, 20_000):
        assert same_duplicates(found_on_disk(tmp_path, train, test, n_bytes, 40), in_memory)
    assert not list(tmp_path.iterdir())
