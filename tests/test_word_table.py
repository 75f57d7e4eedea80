"""Words as arrays, and the table that finds them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bywords.text.word_table import Words, WordTable

spellings = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.lists(spellings, unique=True)), st.lists(spellings))
def test_a_table_gives_each_word_one_index_in_the_order_of_coming(parts, asked):
    table, indices = WordTable(), {}
    for part in parts:
        expected = [indices.setdefault(word, len(indices)) for word in part]
        assert table.add(Words.of(part)).tolist() == expected
    assert table.words().strings() == list(indices)
    assert table.find(Words.of(asked)).tolist() == [indices.get(word, -1) for word in asked]


def test_a_table_grows_with_its_words():
    words = [f"{number}" + "x" * (number % 9) for number in range(20_000)]
    table = WordTable.of(Words.of(words))
    assert table.find(Words.of(words)).tolist() == list(range(20_000))
    assert table.find(Words.of(["none of them"])).tolist() == [-1]


def test_words_are_told_apart_by_length_where_their_bytes_start_alike():
    words = ["\0", "\0\0", "abcdefgh", "abcdefgh\0", "abcdefghi"]
    assert WordTable.of(Words.of(words)).find(Words.of(words)).tolist() == [0, 1, 2, 3, 4]


def test_some_of_the_words_come_as_strings_in_the_order_asked_for():
    assert Words.of(["a", "né", "c"]).strings(np.array([1, 1, 0])) == ["né", "né", "a"]
