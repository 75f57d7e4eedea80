"""What the words of a corpus look like."""

import json

from hypothesis import given
from hypothesis import strategies as st

from bywords.text.statistics import text_statistics
from bywords.text.tokenizer import Tokenizer


def profile(train, test, **more):
    tokenizer = Tokenizer()
    return text_statistics(tokenizer(train), tokenizer(test), **more)


def test_sizes_coverage_and_lengths_are_counted():
    words = profile(["the cat the", "a dog"], ["the bird", "a the a cat"], cut_lengths=[2, 3])
    assert (words["n_tokens"], words["n_types"]) == ({"train": 5, "test": 6}, 4)
    assert words["zipf"] == {"rank": [1, 2, 3, 4], "count": [2, 1, 1, 1]}
    assert words["coverage"] == [{"size": 4, "train": 1.0, "test": 5 / 6}]
    assert words["lengths"]["train"]["max"] == 3
    assert words["lengths"]["cut"] == [
        {"length": 2, "train": 0.5, "test": 0.5},
        {"length": 3, "train": 0.0, "test": 0.5},
    ]


def test_coverage_of_unseen_texts_counts_the_training_words():
    train = [f"w{number} " * (2000 - number) for number in range(1500)]
    words = profile(train, ["w0 w999 w1000 other"])
    assert [row["size"] for row in words["coverage"]] == [1000, 1500]
    assert [row["test"] for row in words["coverage"]] == [0.5, 0.75]


@given(st.lists(st.text(max_size=40), max_size=8), st.lists(st.text(max_size=40), max_size=8))
def test_any_texts_give_plain_json_in_which_every_document_is_counted(train, test):
    words = profile(train, test)
    json.dumps(words, allow_nan=False)
    histogram = words["lengths"]["histogram"]
    lengths = Tokenizer()(train).lengths
    assert sum(histogram["train"]) == int((lengths > 0).sum())
    assert words["zipf"]["rank"] == sorted(set(words["zipf"]["rank"]))
