"""Slices of evaluated documents: which are worse than the rest, by more than chance, and which are only looked at."""

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from small_corpus import small_corpus

from bywords.data.label_sets import LabelSets
from bywords.evaluation.evaluation import Evaluation, InTurn, ManyLabelsEvaluation
from bywords.evaluation.metrics import wilson_interval
from bywords.evaluation.significance import label_f1_draws
from bywords.evaluation.slices import find_slices, fisher_p_value, newcombe_interval, sentence, slices_of, worst

KEYS = ["by", "name", "n_documents", "metric", "accuracy", "interval", "others", "difference", "difference_interval"]
KEYS += ["p_value", "p_value_holm", "is_worse"]


def evaluated(is_right, *, n_classes=2, in_vocabulary_share=1.0):
    """N documents, of each class in turn; the answer to a wrong one is the next class."""
    labels = np.arange(len(is_right)) % n_classes
    answers = np.where(is_right, labels, (labels + 1) % n_classes)
    probabilities = np.full((len(labels), n_classes), 0.1 / (n_classes - 1))
    probabilities[np.arange(len(labels)), answers] = 0.9
    known = np.broadcast_to(np.float32(in_vocabulary_share), len(labels))
    return Evaluation(tuple("abcdef"[:n_classes]), labels, probabilities, known, known == 0)


def many_labels(is_right, generator):
    """N documents with two of four labels each; of a wrong one one of them is not found."""
    order = generator.random((len(is_right), 4)).argsort(axis=1)
    labels = order < 2
    predicted = labels & (is_right[:, np.newaxis] | (order > 0))
    known = np.ones(len(labels), dtype=np.float32)
    return ManyLabelsEvaluation(
        tuple("abcd"),
        *map(LabelSets.of_table, (labels, predicted)),
        predicted.astype(float),
        np.full(4, 0.5),
        known,
        known == 0,
    )


def by_name(rows, by):
    return {row["name"]: row for row in rows if row["by"] == by}


def test_a_source_on_which_it_is_wrong_is_named_and_nothing_else_is():
    generator = np.random.default_rng(0)
    sources = generator.choice(["mail", "web", "chat", "phone"], 2_000)
    lengths = generator.integers(1, 300, 2_000)
    is_right = generator.random(2_000) < np.where(sources == "chat", 0.75, 0.9)
    known = generator.choice([0.8, 0.9, 1.0], 2_000)
    rows = find_slices(
        evaluated(is_right, in_vocabulary_share=known), n_tokens=lengths, columns=pl.DataFrame({"source": sources})
    )
    assert [(row["by"], row["name"]) for row in rows if row["is_worse"]] == [("source", "chat")]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert list(rows[0]) == KEYS
    chat = by_name(rows, "source")["chat"]
    assert chat["accuracy"] == pytest.approx(is_right[sources == "chat"].mean())
    assert chat["others"] == pytest.approx(is_right[sources != "chat"].mean())
    assert chat["interval"] == list(wilson_interval(chat["accuracy"], chat["n_documents"]))
    low, high = chat["difference_interval"]
    assert low < chat["difference"] < high < 0
    assert chat["p_value"] < chat["p_value_holm"] < 0.001


def test_labels_any_number_of_which_are_wrong_in_one_source_name_that_source():
    generator = np.random.default_rng(0)
    sources = generator.choice(["mail", "web", "chat"], 1_500)
    rows = find_slices(
        many_labels(generator.random(1_500) < np.where(sources == "chat", 0.7, 0.9), generator),
        columns=pl.DataFrame({"source": sources}),
    )
    chat = by_name(rows, "source")["chat"]
    assert [(row["by"], row["name"]) for row in rows if row["is_worse"]] == [("source", "chat")]
    assert chat["interval"][0] < chat["micro_f1"] < chat["interval"][1] < chat["others"]
    assert sentence(chat).startswith(f"documents with source chat: micro F1 {chat['micro_f1']:.3f} on ")


def test_the_interval_of_micro_f1_is_as_wide_as_drawn_test_sets_have_it():
    """Each document has several decisions: taken for one that is right or wrong, the interval is twice as wide."""
    generator = np.random.default_rng(0)
    evaluation = many_labels(generator.random(400) < 0.8, generator)
    is_web = np.arange(400) < 200
    rows = find_slices(evaluation, columns=pl.DataFrame({"source": np.where(is_web, "web", "mail")}))
    low, high = by_name(rows, "source")["web"]["interval"]
    drawn = label_f1_draws(evaluation.labels[is_web], evaluation.predicted[is_web])["micro_f1"]
    assert high - low == pytest.approx(np.diff(np.quantile(drawn, [0.025, 0.975])).item(), rel=0.15)


@pytest.mark.parametrize("is_multilabel", [False, True])
def test_where_nothing_has_an_effect_a_slice_is_named_in_fewer_than_one_of_twenty_cases(is_multilabel):
    generator = np.random.default_rng(0)
    n_alarms, n_cases = 0, 200
    for _ in range(n_cases):
        is_right = generator.random(400) < 0.8
        evaluation = many_labels(is_right, generator) if is_multilabel else evaluated(is_right, n_classes=3)
        columns = pl.DataFrame({"source": generator.choice(list("vwxyz"), 400)})
        rows = find_slices(evaluation, n_tokens=generator.integers(1, 100, 400), columns=columns)
        n_alarms += any(row["p_value_holm"] < 0.05 for row in rows)
    assert 0 < n_alarms < 0.05 * n_cases


@given(st.integers(1, 60), st.data())
def test_the_p_value_is_that_of_scipys_exact_test(n_all, data):
    n_in, n_right_in_all = data.draw(st.integers(0, n_all)), data.draw(st.integers(0, n_all))
    n_right = data.draw(st.integers(max(0, n_in + n_right_in_all - n_all), min(n_in, n_right_in_all)))
    table = [[n_right, n_in - n_right], [n_right_in_all - n_right, n_all - n_in - n_right_in_all + n_right]]
    assert fisher_p_value(n_right, n_in, n_right_in_all, n_all) == pytest.approx(fisher_exact(table)[1])


def test_the_interval_of_a_difference_is_that_of_newcombes_paper():
    """Table II, (a) and (b), method 10."""
    for one, its, other, others, expected in ((56, 70, 48, 80, (0.0524, 0.3339)), (9, 10, 3, 10, (0.1705, 0.8090))):
        shares = one / its, other / others
        found = newcombe_interval(
            shares[0], wilson_interval(shares[0], its), shares[1], wilson_interval(shares[1], others)
        )
        assert found == pytest.approx(expected, abs=5e-5)


@given(st.lists(st.tuples(st.integers(0, 900), st.floats(0, 1, width=32), st.text(max_size=3)), min_size=1))
def test_slices_by_one_thing_have_each_document_once_and_names_of_their_own(documents):
    lengths, known, words = zip(*documents, strict=True)
    evaluation = evaluated(np.arange(len(documents)) % 3 > 0, n_classes=3, in_vocabulary_share=np.array(known))
    columns = pl.DataFrame({"word": words, "known": [str(share) for share in known]})
    found = [part for part in slices_of(evaluation, n_tokens=np.array(lengths), columns=columns) if part.is_in.any()]
    for by in ("length", "known words", "class", "predicted class", "word", "known"):
        of_kind = [part for part in found if part.by == by]
        assert np.sum([part.is_in for part in of_kind], axis=0).tolist() == [1] * len(documents)
        assert len({part.name for part in of_kind}) == len(of_kind)
    assert all(row["n_documents"] < len(documents) for row in find_slices(evaluation, columns=columns))


def test_slices_of_documents_that_were_held_out_in_turn_are_judged_by_as_many_as_are_independent():
    is_right = np.arange(200) % 2 == np.arange(200) // 2 % 2
    is_right[::2] = True  # all of one class, half of the other
    alone = evaluated(is_right)
    in_turn = replace(alone, in_turn=InTurn(n_folds=5, n_repeats=2, n_done=10, agreement=0.5))  # one counts for 1/4
    known, less = (by_name(find_slices(one), "class")["b"] for one in (alone, in_turn))
    assert (known["accuracy"], known["difference"]) == (less["accuracy"], less["difference"]) == (0.5, -0.5)
    assert less["interval"] == list(wilson_interval(0.5, 25))
    assert less["p_value"] == pytest.approx(fisher_exact([[12, 12], [25, 0]]).pvalue, rel=1e-6)
    assert less["difference_interval"][0] < known["difference_interval"][0]


def test_lengths_are_cut_into_bins_of_equal_count_that_say_their_bounds():
    parts = slices_of(evaluated(np.ones(1_000, dtype=bool)), n_tokens=np.arange(1, 1_001) + 500)
    found = {part.name: int(part.is_in.sum()) for part in parts if part.by == "length"}
    assert found == {
        "at most 700 tokens": 200,
        "701 to 900 tokens": 200,
        "901 to 1,100 tokens": 200,
        "1,101 to 1,300 tokens": 200,
        "more than 1,300 tokens": 200,
    }
    parts = slices_of(evaluated(np.ones(9, dtype=bool)), n_tokens=np.array([1, 1, 1, 1, 1, 2, 2, 2, 3]))
    assert [part.name for part in parts if part.by == "length"] == [
        "at most 1 tokens",
        "2 tokens",
        "more than 2 tokens",
    ]


def test_documents_of_which_all_words_are_known_are_a_slice_and_the_rest_is_cut_by_percents():
    known = np.array([1.0] * 60 + [0.5] * 10 + [0.75] * 10 + [0.8] * 10 + [0.95] * 10)
    rows = find_slices(evaluated(np.arange(100) % 4 > 0, in_vocabulary_share=known))
    assert {name: row["n_documents"] for name, row in by_name(rows, "known words").items()} == {
        "less than 75% of the words known": 10,
        "75% to 80% of the words known": 10,
        "80% to 95% of the words known": 10,
        "95% or more, but not all of the words known": 10,
        "all words known": 60,
    }
    assert by_name(find_slices(evaluated(np.arange(100) % 4 > 0)), "known words") == {}  # all documents are in it


def test_rare_values_of_a_column_are_one_slice_and_numbers_are_put_into_bins():
    n = 400
    values = [f"common {i % 20}" if i < 300 else f"rare {i}" for i in range(n)]
    columns = pl.DataFrame(
        {
            "word": values,
            "year": [str(1900 + i // 4) if i % 4 else "" for i in range(n)],
            "stars": [i % 5 for i in range(n)],
        }
    )
    rows = find_slices(evaluated(np.arange(n) % 4 > 0), columns=columns)
    words = by_name(rows, "word")
    assert len(words) == 21
    assert words["others (100 values)"]["n_documents"] == 100
    assert {name: row["n_documents"] for name, row in by_name(rows, "year").items()} == {
        "at most 1919": 60,
        "over 1919 and at most 1939": 60,
        "over 1939 and at most 1959": 60,
        "over 1959 and at most 1979": 60,
        "over 1979": 60,
        "(nothing)": 100,
    }
    assert sorted(by_name(rows, "stars")) == ["0", "1", "2", "3", "4"]


def test_a_column_that_is_called_as_a_slice_is_told_apart():
    rows = find_slices(evaluated(np.arange(40) % 4 > 0), columns=pl.DataFrame({"length": ["long", "short"] * 20}))
    assert sorted(by_name(rows, "column length")) == ["long", "short"]


def test_a_slice_of_few_documents_is_named_but_not_tested():
    sources = ["web"] * 9 + ["mail"] * 10 + ["chat"] * 81
    rows = find_slices(evaluated(np.arange(100) >= 9), columns=pl.DataFrame({"source": sources}))
    web, mail = by_name(rows, "source")["web"], by_name(rows, "source")["mail"]
    assert (web["accuracy"], web["n_documents"]) == (0.0, 9)
    assert (web["difference"], web["p_value"], web["p_value_holm"], web["is_worse"]) == (None, None, None, False)
    assert mail["p_value"] is not None


def test_no_documents_give_no_slices():
    assert find_slices(evaluated(np.zeros(0, dtype=bool)), n_tokens=np.zeros(0, dtype=int)) == []


def test_the_worst_slices_cost_most_right_answers_and_are_not_all_of_one_kind():
    def row(by, name, difference, n_documents, is_worse=True):
        return {"by": by, "name": name, "difference": difference, "n_documents": n_documents, "is_worse": is_worse}

    rows = [
        row("class", "a", -0.1, 100),
        row("class", "b", -0.2, 100),
        row("class", "c", -0.05, 100),
        row("source", "web", -0.01, 100),
        row("source", "few", None, 3, is_worse=False),
        row("length", "short", -0.5, 100, is_worse=False),
    ]
    assert [found["name"] for found in worst(rows)] == ["b", "a", "web"]
    assert [found["name"] for found in worst(rows, 1)] == ["b"]


def test_a_finding_is_one_sentence():
    found = {
        "by": "length", "name": "at most 80 tokens", "n_documents": 1_000, "metric": "accuracy", "accuracy": 0.841,
        "others": 0.912, "difference": -0.071, "difference_interval": [-0.093, -0.05],
    }  # fmt: skip
    assert sentence(found) == (
        "documents of at most 80 tokens: right on 84.1% of 1,000, others on 91.2%: 7.1 points less (5.0 to 9.3)"
    )
    unsure = found | {"by": "class", "name": "spam", "difference": -0.01, "difference_interval": [-0.03, 0.01]}
    assert sentence(unsure).endswith("1.0 points less (-1.0 to 3.0)")
    assert sentence(unsure).startswith("documents labelled spam: ")


def test_confusions_have_their_surest_mistakes_with_row_text_and_probability():
    labels = np.array([0, 0, 0, 0, 1])
    probabilities = np.array([[0.4, 0.6], [0.1, 0.9], [0.3, 0.7], [0.9, 0.1], [0.8, 0.2]])
    known = np.ones(5, dtype=np.float32)
    evaluation = Evaluation(("ham", "spam"), labels, probabilities, known, known == 0)
    texts = ["first", "x" * 1_000, "third " * 60, "right", "fifth"]
    first, second = evaluation.confusion_examples(texts, np.arange(5) + 100, examples=2)
    assert (first["true"], first["predicted"], first["count"], first["share"]) == ("ham", "spam", 3, 0.75)
    assert first["examples"] == [
        {"row": 101, "text": "x" * 299 + "…", "probability": 0.9},
        {"row": 102, "text": " ".join(["third"] * 49) + "…", "probability": 0.7},
    ]
    assert [example["row"] for example in second["examples"]] == [104]
    many = many_labels(np.zeros(5, dtype=bool), np.random.default_rng(0))
    assert many.confusion_examples(texts, np.arange(5)) == []


def test_train_and_evaluate_name_the_source_where_labels_are_no_good(bywords, tmp_path):
    corpus = small_corpus(900)
    names, sources = corpus.names(), np.arange(900) // 3 % 4
    names = np.where(sources == 2, np.roll(names, 1), names)  # of these every label is another one
    table = pl.DataFrame({"text": corpus.texts, "label": names, "origin": [f"folder {source}" for source in sources]})
    table.write_csv(tmp_path / "a.csv")
    told = "  documents with origin folder 2: right on 0.0% of "
    code, out, error = bywords("train", "a.csv", "--system", "tfidf-nb", "--slice-by", "origin", "--out", "m")
    assert (code, error, told in out) == (0, "", True)
    assert "slices, by length, class, predicted class, origin: 1 is worse than the rest by more than chance:\n" in out
    code, out, _ = bywords("evaluate", "m", "a.csv", "--slice-by", "origin", "--examples", "1")
    assert (code, told in out) == (0, True)
    assert re.search(r"\nmotor, taken for space \(\d+ documents\):\n  row [\d,]+, \d+\.\d% sure: ", out)
    scores = json.loads(bywords("evaluate", "m", "a.csv", "--slice-by", "origin", "--json")[1])
    assert [row["name"] for row in scores["slices"] if row["is_worse"]] == ["folder 2"]
    example = scores["hardest_confusions"][0]["examples"][0]
    assert example["text"] == corpus.texts[example["row"]]
    assert "origin" not in {row["by"] for row in json.loads(bywords("evaluate", "m", "a.csv", "--json")[1])["slices"]}
    code, _, error = bywords("evaluate", "m", "a.csv", "--slice-by", "orign")
    assert (code, "a.csv has no column 'orign'. Did you mean 'origin'?" in error) == (2, True)
    code, _, error = bywords("train", "a.csv", "--slice-by", "origin", "--on-disk", "d")
    assert (code, "which --slice-by needs: leave out one of the two" in error) == (2, True)
