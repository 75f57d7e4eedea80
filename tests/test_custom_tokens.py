"""Tokens by a custom function, and documents that are lists of tokens: in every kind of system, saved and loaded."""

import functools
import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import spacy
from nltk.tokenize import NLTKWordTokenizer, RegexpTokenizer, wordpunct_tokenize
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from small_corpus import small_split, small_system, write_small_glove

from bywords import TextClassifier, TextDataset, Tokenizer, TokenizerConfig, Vocabulary, load_classifier, split
from bywords.config import import_path
from bywords.errors import DataError, ModelFolderError, SettingError
from bywords.text.custom_tokens import found_in_order
from bywords.text.tokenizer import SEPARATOR

SPLIT = small_split()
TEXTS = list(SPLIT.train.texts)
LABELS = [SPLIT.train.label_names[code] for code in SPLIT.train.labels.tolist()]
TOKENS = [text.split() for text in TEXTS]
SAID = "The printer isn't on “fire”, he said."
BLANK = spacy.blank("en")


def upper_words(text):
    """A function that can be imported: words in capitals, which are not in the text as they are."""
    return text.upper().split()


def stems(text):
    """Another: words of which the end has become another."""
    return [f"{word}~" for word in text.split()]


def documents(tokenizer, *texts):
    return Tokenizer(tokenizer)(list(texts)).documents()


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [
        (str.split, ["The", "printer", "isn't", "on", "“fire”,", "he", "said."]),
        (wordpunct_tokenize, ["The", "printer", "isn", "'", "t", "on", "“", "fire", "”,", "he", "said", "."]),
        (
            lambda text: [token.text for token in BLANK(text)],
            ["The", "printer", "is", "n't", "on", "“", "fire", "”", ",", "he", "said", "."],
        ),
        ("words", ["the", "printer", "isn't", "on", '"', "fire", '"', ",", "he", "said", "."]),
        (r"\w+", ["the", "printer", "isn", "t", "on", "fire", "he", "said"]),
    ],
)
def test_a_function_a_name_or_a_pattern_cuts_texts(tokenizer, expected):
    assert documents(tokenizer, SAID, "") == [expected, []]


def test_characters_are_tokens_with_their_marks_and_blanks_are_none():
    assert documents("characters", "Ab e\u0301\n日") == [["a", "b", "é", "日"]]


def test_a_tokenizer_is_what_another_is():
    assert Tokenizer(Tokenizer(str.split)).config == TokenizerConfig(custom=str.split, lowercase=False, normalize=False)


def test_tokens_of_a_function_are_taken_as_they_are_but_for_what_is_empty_or_of_a_column():
    assert documents(lambda text: text.split(" "), f"A  New\u200b {SEPARATOR}x \ud800") == [
        ["A", "New\u200b", "x", "?"]
    ]


def test_tokens_of_a_function_are_lower_case_where_settings_say_so():
    assert documents(TokenizerConfig(custom=str.split), "The Fire") == [["the", "fire"]]


@pytest.mark.parametrize(
    "given",
    [
        [["New York", "calls"], ["no", "", "answer"], []],
        (("New York", "calls"), ("no", "answer"), ()),
        [np.array(["New York", "calls"]), np.array(["no", "answer"]), np.array([], dtype=str)],
        pl.Series([["New York", "calls"], ["no", "answer"], []]),
        pd.Series([["New York", "calls"], ["no", "answer"], []]),
        pd.DataFrame({"tokens": [["New York", "calls"], ["no", "answer"], []]}),
        [["New York", "calls"], "no answer", " "],
    ],
    ids=["lists", "tuples", "arrays", "polars", "pandas", "frame", "and texts"],
)
def test_documents_of_given_tokens_are_any_lists_and_texts_with_blanks(given):
    assert Tokenizer("given")(given).documents() == [["New York", "calls"], ["no", "answer"], []]


def test_texts_of_given_tokens_are_cut_at_blanks():
    assert documents("given", "The  printer's\non fire!") == [["The", "printer's", "on", "fire!"]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([["a"], 5], r"document 1 is 5 of type int, expected its tokens: a list of strings, as in \['the'"),
        ([["a"], ["b", 5]], "document 1 has the token 5 of type int"),
        ([["a", None]], "document 0 has the token None of type NoneType"),
        ([["a\ufdd0b"]], "document 0 has the token"),
        ("a b", "found one text"),
        ({"a": ["b"]}, "no order"),
    ],
)
def test_what_are_no_tokens_is_said_with_its_index(given, said):
    with pytest.raises(DataError, match=said):
        Tokenizer("given")(given)


def test_lists_of_tokens_are_no_texts_and_the_error_says_what_takes_them():
    with pytest.raises(DataError, match=r"text 0 is \['a'\] of type list, expected a string.*tokenizer=\"given\""):
        TextClassifier("tfidf-nb").fit([["a"], ["b"]], ["x", "y"])


def fails_at_two(text):
    return text.split() if text != "two" else text.index("3")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (fails_at_two, "test_custom_tokens:fails_at_two failed for text 1, 'two': ValueError: substring not found"),
        (lambda text: None if text == "two" else [], "<lambda> gave None of type NoneType for text 1, expected a list"),
        (lambda text: text, "gave 'one' of type str for text 0, expected a list of strings, as in"),
        (lambda text: [text, 5], r"gave \['one', 5\] of type list with 5 of type int in it for text 0"),
        (BLANK, r"English\(\) gave one of type Doc with one of type Token in it for text 0"),
    ],
)
def test_what_a_function_gives_is_checked_and_what_it_raises_is_the_cause(function, said):
    with pytest.raises(DataError, match=said) as raised:
        Tokenizer(function)(["one", "two"])
    assert isinstance(raised.value.__cause__, ValueError) == (function is fails_at_two)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (5, "tokenizer is 5, expected .*tokenizer=str.split"),
        (["a"], "tokenizer is"),
        ("word", "Did you mean 'words'"),
        ("", "expected"),
        (str, "expected"),
        ("[", "not a valid regular expression"),
    ],
)
def test_what_is_no_tokenizer_is_said_with_what_is(wrong, said):
    with pytest.raises(SettingError, match=said):
        TextClassifier("tfidf-nb", tokenizer=wrong).fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"custom": "str.split"}, 'expected "given", or a function'),
        ({"custom": 5}, "custom is 5"),
        ({"custom": "given", "fields": ("subject",)}, "documents of given tokens are lists"),
        ({"stop_words": "german"}, "stop_words is 'german', expected \"english\", or words"),
        ({"stop_words": ["to be"]}, "stop_words has 'to be', expected words"),
        ({"stop_words": [5]}, "stop_words is"),
    ],
)
def test_settings_that_cannot_be_are_said(settings, said):
    with pytest.raises(SettingError, match=said):
        TokenizerConfig(**settings)


@pytest.mark.parametrize(
    ("function", "path"),
    [
        (str.split, "builtins:str.split"),
        (len, "builtins:len"),
        (wordpunct_tokenize, "nltk.tokenize.regexp:WordPunctTokenizer().tokenize"),
        (upper_words, "test_custom_tokens:upper_words"),
        (RegexpTokenizer(r"\w+").tokenize, "nltk.tokenize.regexp:RegexpTokenizer().tokenize"),
        (functools.partial(str.split, sep=","), "functools:partial()"),
        (lambda text: [], "test_custom_tokens:<lambda>"),
    ],
)
def test_functions_have_import_paths_and_those_without_say_so(function, path):
    assert import_path(function) == path


class Counting:
    """Cuts at blanks and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, text):
        self.asked.append(text)
        return text.split()


def test_a_function_is_called_once_a_text_in_their_order():
    function = Counting()
    classifier = TextClassifier("tfidf-nb", tokenizer=function).fit(TEXTS, LABELS)
    assert function.asked == TEXTS
    many = [
        f"{text} {number} {'moon ' * 2000}" for number, text in enumerate(TEXTS)
    ]  # so much that threads would share
    function.asked.clear()
    classifier.predict(many)
    assert function.asked == many


@pytest.mark.parametrize("name", ["auto", "tfidf-svc", "glove-mean", "averaging", "dan", "lstm"])
def test_every_kind_of_system_learns_from_given_tokens_what_it_learns_from_a_function(name, tmp_path):
    config = small_system(name, write_small_glove(tmp_path))
    given = TextClassifier(config, tokenizer="given").fit(TOKENS, LABELS)
    by_function = TextClassifier(config, tokenizer=str.split).fit(TEXTS, LABELS)
    expected = given.predict_proba(TOKENS)
    np.testing.assert_array_equal(by_function.predict_proba(TEXTS), expected)
    assert (given.predict(TOKENS) == LABELS).mean() > 0.9
    given.save(tmp_path / "given")
    loaded = TextClassifier.load(tmp_path / "given")
    assert loaded.tokenizer == "given"
    np.testing.assert_array_equal(loaded.predict_proba(TOKENS), expected)
    by_function.save(tmp_path / "function")
    loaded = TextClassifier.load(tmp_path / "function", tokenizer=str.split)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), expected)
    assert loaded.fitted_.record.config == by_function.config_


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of models whose texts a function cuts, by its name."""
    folder = tmp_path_factory.mktemp("models")
    functions = {"split": str.split, "upper": upper_words, "lambda": lambda text: text.split()}
    for name, function in functions.items():
        TextClassifier("tfidf-nb", tokenizer=function).fit(TEXTS, LABELS).save(folder / name)
    TextClassifier("tfidf-nb").fit(TEXTS, LABELS).save(folder / "none")
    return folder


@pytest.mark.parametrize(
    ("name", "tokenizer", "said"),
    [
        (
            "split",
            None,
            r"builtins:str.split, and nothing is imported .* load_classifier\(folder, tokenizer=function\)",
        ),
        ("lambda", None, r"<lambda> \(no name that can be imported\), and nothing is imported"),
        (
            "split",
            upper_words,
            "function builtins:str.split, and tokenizer is test_custom_tokens:upper_words. Give the",
        ),
        ("split", "given", "builtins:str.split, and nothing is imported"),
        ("split", 5, "tokenizer is 5, expected"),
        ("none", str.split, "the model cuts its texts itself. Leave out tokenizer"),
    ],
)
def test_a_function_has_to_be_given_to_a_model_that_needs_it(saved, name, tokenizer, said):
    with pytest.raises(SettingError, match=said):
        load_classifier(saved / name, tokenizer=tokenizer)


@pytest.mark.parametrize(
    ("name", "tokenizer"),
    [
        ("split", str.split),
        ("split", Tokenizer(str.split)),
        ("split", lambda text: text.split()),
        ("lambda", str.split),
        ("upper", upper_words),
    ],
)
def test_a_function_without_a_name_is_not_held_against_one(saved, name, tokenizer):
    assert load_classifier(saved / name, tokenizer=tokenizer).predict(TEXTS).labels.tolist() == LABELS


def test_nothing_of_a_folder_is_imported(saved, tmp_path):
    """Whatever name a crafted folder gives: it is shown, and not more."""
    import shutil

    from bywords.artifact import model_folder

    folder = tmp_path / "crafted"
    shutil.copytree(saved / "split", folder)
    model = (folder / "model.json").read_text().replace("builtins:str.split", "no_such_module:boom")
    (folder / "model.json").write_text(model)
    names = model_folder.FILES
    sums = {name: model_folder._sha256(folder / name) for name in names}
    (folder / "SHA256SUMS").write_bytes(model_folder._sums(sums))
    with pytest.raises(SettingError, match="no_such_module:boom"):
        load_classifier(folder)
    (folder / "model.json").write_text(model.replace('"no_such_module:boom"', "5"))
    (folder / "SHA256SUMS").write_bytes(
        model_folder._sums({name: model_folder._sha256(folder / name) for name in names})
    )
    with pytest.raises(ModelFolderError, match="custom: expected a text, found 5"):
        load_classifier(folder)


def test_the_command_line_says_what_such_a_model_needs(saved, bywords):
    code, out, _ = bywords("info", saved / "split")
    assert code == 0
    assert "Its tokens come from the function builtins:str.split, which has to be given to load it." in out
    for command in (["predict"], ["explain"], ["evaluate"]):
        code, out, said = bywords(*command, saved / "split", "a text")
        assert (code, out) == (2, "")
        assert "cut by the function builtins:str.split" in said


def test_the_command_line_trains_on_tokens_with_blanks_between_them(bywords, tmp_path):
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, said = bywords(
        "train", "data.jsonl", "--system", "tfidf-nb", "--set", "tokenizer.custom=given", "--out", "model"
    )
    assert code == 0, said
    assert "Its tokens are given" in bywords("info", "model")[1]
    code, out, _ = bywords("predict", "model", "moon , rocket!")
    assert (json.loads(out)["label"], json.loads(out)["in_vocabulary_share"]) == ("space", 0.6667)


def test_explanations_show_given_tokens_with_blanks_between_them():
    classifier = TextClassifier("tfidf-nb", tokenizer="given").fit(TOKENS, LABELS)
    (found,) = classifier.explain([["the", "Moon Base", "moon", "moon"]])
    assert found.tokens == ("the", "Moon Base", "moon", "moon")
    assert [found.shown_text[start:end] for start, end in found.offsets] == list(found.tokens)
    assert found.shown_text == "the Moon Base moon moon "
    assert found.words()[0].word == "moon"
    changed = classifier.counterfactual(["the", "moon", "New York"])
    assert changed.words == ("moon",)
    assert changed.plain()["text"].split() == ["the", "New", "York"]


def test_explanations_find_the_tokens_of_a_function_in_the_text_whatever_their_case():
    classifier = TextClassifier("tfidf-nb", tokenizer=upper_words).fit(TEXTS, LABELS)
    (found,) = classifier.explain(["the Moon,  goal"])
    assert (found.text, found.is_by_token) == ("the Moon,  goal", False)
    assert [found.text[start:end] for start, end in found.offsets] == ["the", "Moon,", "goal"]


def test_explanations_are_by_token_where_tokens_are_not_in_the_text():
    classifier = TextClassifier("tfidf-nb", tokenizer=stems).fit(TEXTS, LABELS)
    (found,) = classifier.explain(["the moon goal"])
    assert (found.text, found.shown_text, found.is_by_token) == ("the moon goal", "the~ moon~ goal~", True)
    assert [found.shown_text[start:end] for start, end in found.offsets] == ["the~", "moon~", "goal~"]
    assert found.plain()["by_token"] is True
    assert found.plain()["text"] == "the~ moon~ goal~"
    changed = classifier.counterfactual("the moon goal team")
    left = [word for word in ("the", "moon", "goal", "team") if f"{word}~" not in changed.words]
    assert (
        changed.predicted
        == tuple(classifier.predict([" ".join(left)]))
        != tuple(classifier.predict(["the moon goal team"]))
    )
    assert changed.text.split() == [one for one in ("the~", "moon~", "goal~", "team~") if one not in changed.words]


def test_tokens_are_found_in_their_order_with_the_quotes_of_the_treebank():
    text = 'He said "no" twice, "really no".'
    tokens = NLTKWordTokenizer().tokenize(text)
    assert tokens[2:5] == ["``", "no", "''"]
    assert [text[start:end] for start, end in found_in_order(text, tokens)] == [
        token.replace("``", '"').replace("''", '"') for token in tokens
    ]
    assert found_in_order("a b", ["b", "a"]) is None


def test_a_function_cuts_the_texts_of_rows(tmp_path):
    frame = pd.DataFrame({"subject": TEXTS, "body": TEXTS[::-1], "label": LABELS})
    classifier = TextClassifier("tfidf-nb", tokenizer=stems, text=["subject", "body"]).fit(frame, frame["label"])
    (found,) = classifier.explain(frame[:1])
    assert set(found.fields) == {"subject", "body"}
    assert "moon~" in classifier.fitted_.vocabulary.index
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model", tokenizer=stems)
    np.testing.assert_array_equal(loaded.predict_proba(frame), classifier.predict_proba(frame))


def test_lists_of_tokens_go_wherever_texts_go():
    classifier = TextClassifier("tfidf-nb", tokenizer="given").fit(TOKENS, LABELS, validation=(TOKENS[:9], LABELS[:9]))
    assert classifier.evaluate(TOKENS, LABELS).accuracy == classifier.score(TOKENS, LABELS) > 0.9
    assert (
        classifier.fitted_.top(TOKENS, 1).labels[:, 0].tolist() == classifier.predict(np.array(TOKENS, object)).tolist()
    )
    assert set(classifier.class_words(TOKENS)) == set(LABELS)
    assert classifier.compress(10_000, TOKENS, LABELS).classifier.predict(TOKENS).labels.tolist() == LABELS
    scores = cross_val_score(TextClassifier("tfidf-nb", tokenizer="given"), TOKENS, LABELS, cv=3)
    assert scores.min() > 0.9
    train, test = split(TOKENS, LABELS, (0.8, 0.2))
    assert {len(part) for part, _ in (train, test)} == {120, 30}
    assert all(document in TOKENS for document in train[0])
    data = TextDataset(*train, tokenizer="given")
    assert data.vocabulary.text() == Vocabulary.from_tokens(train[0]).text()


def test_an_own_tokenizer_is_a_parameter_of_the_estimator():
    classifier = TextClassifier("tfidf-nb", tokenizer=str.split)
    assert clone(classifier).get_params()["tokenizer"] is str.split
    fitted = classifier.fit(TEXTS, LABELS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(TEXTS), fitted.predict(TEXTS))


def test_a_model_goes_on_learning_from_given_tokens():
    classifier = TextClassifier("tfidf-nb", tokenizer="given").fit(TOKENS[:90], LABELS[:90])
    classifier.continue_fit([[*document, "brand-new word"] for document in TOKENS[90:]], LABELS[90:])
    assert "brand-new word" in classifier.fitted_.vocabulary.index


def test_the_card_says_what_the_tokens_are(saved):
    assert "tokens come from the function builtins:str.split" in (saved / "split" / "README.md").read_text()


def test_pieces_of_words_are_cut_from_the_tokens_of_a_function():
    classifier = TextClassifier("auto", tokenizer="given").fit(TOKENS, LABELS)
    pieces = classifier.fitted_.vocabulary.char_ngrams.strings()
    assert any(piece.strip() in "rocket" for piece in pieces)
    assert not any(" " in piece.strip() for piece in pieces)


# Lists of tokens in files and columns


def token_lines(path, split):
    rows = zip(split.texts.to_list(), split.names().tolist(), strict=True)
    lines = [json.dumps({"tokens": [*text.split(), "New York"], "label": label}) for text, label in rows]
    path.write_text("\n".join(lines))
    return path.name


def test_lists_of_tokens_in_a_file_are_read_wherever_texts_are(bywords, tmp_path):
    train, test = (token_lines(tmp_path / f"{name}.jsonl", getattr(SPLIT, name)) for name in ("train", "test"))
    code, out, err = bywords("train", train, "--test", test, "--system", "tfidf-nb", "--out", "m")
    assert code == 0, err
    assert "text: tokens (lists of tokens, as they are) · label: label" in out
    fitted = load_classifier("m")
    assert fitted.tokenizer.config.is_given
    assert "New York" in fitted.vocabulary.words.to_list()
    code, out, _ = bywords("predict", "m", test)
    answers = [json.loads(line) for line in out.splitlines()]
    same = TextClassifier("tfidf-nb", tokenizer="given").fit([[*row, "New York"] for row in TOKENS], LABELS)
    rows = [[*text.split(), "New York"] for text in SPLIT.test.texts]
    assert [row["label"] for row in answers] == same.predict(rows).tolist()
    assert answers[0]["tokens"] == rows[0]
    for command in (
        ("evaluate", "m", test), ("explain", "m", test), ("vocab", train), ("compare", train, "--systems", "tfidf-nb"),
        ("audit", train), ("curve", train, "--system", "tfidf-nb", "--seeds", "1"),
    ):  # fmt: skip
        code, out, err = bywords(*command)
        assert code == 0, (command, err)
    assert "\ufdd0" not in out
    record = json.loads((tmp_path / "train-compared" / "run.json").read_text())
    assert "New York" in json.dumps(record["systems"][0]["class_words"])


def test_a_model_that_cuts_texts_refuses_lists_of_tokens(bywords, tmp_path):
    lists = token_lines(tmp_path / "lists.jsonl", SPLIT.test)
    TextClassifier("tfidf-nb").fit(TEXTS, LABELS).save("m")
    for command in (("predict", "m", lists), ("evaluate", "m", lists), ("explain", "m", lists)):
        code, _, err = bywords(*command)
        assert code == 2
        assert "'tokens' holds lists of tokens, expected texts" in err
    (tmp_path / "mixed.jsonl").write_text('{"tokens": ["a"], "label": "x"}\n{"tokens": "a b", "label": "y"}\n')
    assert "cannot tell which column is the text" in bywords("train", "mixed.jsonl")[2]
    (tmp_path / "text.jsonl").write_text('{"text": ["a"], "label": "x"}\n{"text": ["b"], "label": "y"}\n')
    assert "If these are the tokens of each text, say --text text" in bywords("train", "text.jsonl")[2]


def test_a_column_of_lists_in_a_frame_is_a_column_of_tokens():
    expected = TextClassifier("tfidf-nb", tokenizer="given").fit(TOKENS, LABELS).predict_proba(TOKENS)
    for frame in (pl.DataFrame({"words": TOKENS, "more": LABELS}), pd.DataFrame({"words": TOKENS, "more": LABELS})):
        classifier = TextClassifier("tfidf-nb", tokenizer="given", text="words").fit(frame, LABELS)
        np.testing.assert_array_equal(classifier.predict_proba(frame), expected)
        np.testing.assert_array_equal(classifier.predict_proba(TOKENS), expected)
    with pytest.raises(DataError, match="column 'words', row 0: found"):
        TextClassifier("tfidf-nb", text="words").fit(frame, LABELS)


def test_a_text_with_the_sign_between_tokens_is_refused_but_for_one_that_lists_made():
    (made,) = Tokenizer("given").read([["New York", "calls"]])
    assert documents("given", made) == [["New York", "calls"]]
    with pytest.raises(DataError, match="document 1 is 'a\\\\ufdd0b c' with"):
        Tokenizer("given")(["a b", "a\ufdd0b c"])
