"""One normalisation of texts: what means the same becomes the same tokens, what differs stays apart."""

import hashlib
import itertools
import json
import re
import shutil
import unicodedata

import composition_table
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from normalization_table import TABLE, replacements, rows
from small_corpus import small_corpus

from bywords.artifact.description import load_classifier, save_classifier
from bywords.data.duplicates import find_duplicates
from bywords.kernels.normalization import LOOKED_AT, UNCOMPOSED, suspects
from bywords.kernels.utf8 import joined_texts
from bywords.text.normalization import normalized, orders_of_characters
from bywords.text.normalization import replacements as replaced_characters
from bywords.text.offsets import token_offsets
from bywords.text.tokenizer import Tokenizer, TokenizerConfig

SAME, APART = "read as", "kept apart from"
# kind, an input, SAME or APART, another, what happens in one line
ROWS = [
    ("apostrophe", "it’s", SAME, "it's", "a curly apostrophe is a straight one"),
    ("apostrophe", "об\u02bcєкт", SAME, "об'єкт", "the modifier letter apostrophe of Ukrainian is a straight one"),
    ("apostrophe", "don\uff07t", SAME, "don't", "a full-width apostrophe is a straight one"),
    ("apostrophe", "‘tis", SAME, "'tis", "an opening quote is an apostrophe too"),
    ("apostrophe", "doesn´t", SAME, "doesn't", "an accent by itself, typed for an apostrophe, is one"),
    ("apostrophe", "o\u02bbzbek", SAME, "o'zbek", "the turned comma of Uzbek and Hawaiian is an apostrophe"),
    ("apostrophe", "it\x92s", SAME, "it's", "Windows' apostrophe that was read as latin-1 is one"),
    ("apostrophe", "“yes”", SAME, '"yes"', "curly double quotes are straight ones"),
    ("form", "ＦＲＥＥ　ｐｒｉｚｅ", SAME, "free prize", "full-width letters are letters"),
    ("form", "ｶﾞﾗｽ", SAME, "ガラス", "half-width katakana are katakana, with their voicing mark"),
    ("form", "oﬃce ﬁne", SAME, "office fine", "ligatures are their letters"),
    ("form", "𝐅𝐫𝐞𝐞 𝓶𝓸𝓷𝓮𝔂", SAME, "free money", "bold and script letters of mathematics are letters"),
    ("form", "ﻣﺮﺣﺒﺎ", SAME, "مرحبا", "presentation forms of Arabic are its letters"),
    ("form", "25℃ 5㎏", SAME, "25°C 5kg", "units of one sign are their letters"),
    ("form", "Henry Ⅷ", SAME, "Henry VIII", "Roman numerals of one sign are letters"),
    ("form", "x²", APART, "x2", "a square is no 2"),
    ("form", "½", APART, "1/2", "a half is no date and no list"),
    ("form", "①", APART, "1", "a number in a circle is a sign of its own"),
    ("form", "№ 5", APART, "no 5", "the numero sign is not the word no"),
    ("form", "50㎡", APART, "50m2", "a square metre keeps its square"),
    ("form", "ㅋㅋ", APART, "크", "Korean letters by themselves do not become syllables"),
    ("form", "cafe\u0301", SAME, "café", "a letter and its accent are one letter"),
    ("unseen", "mo\u00adtor", SAME, "motor", "a soft hyphen goes"),
    ("unseen", "fr\u200bee", SAME, "free", "a zero-width space within a word goes"),
    ("unseen", "\ufeffhello", SAME, "hello", "a byte order mark goes"),
    ("unseen", "pay\u2060pal\u200e", SAME, "paypal", "a word joiner and a mark of direction go"),
    ("unseen", "fr\U000e0041ee", SAME, "free", "tag characters that hide in a word go"),
    ("unseen", "I ❤\ufe0f it", SAME, "I ❤ it", "a selector of how an emoji looks goes"),
    ("unseen", "ad\u200dmin", SAME, "admin", "a zero-width joiner within a Latin word goes"),
    ("unseen", "ភាសា\u200bខ្មែរ", SAME, "ភាសា ខ្មែរ", "the zero-width space between Khmer words is a blank"),
    ("unseen", "👨\u200d👩\u200d👧", APART, "👨👩👧", "the joiner stays within emoji: a family is not three people"),
    ("unseen", "❤\ufe0f\u200d🔥", APART, "❤🔥", "the joiner stays behind a selector too"),
    ("unseen", "می\u200cخواهم", APART, "میخواهم", "the non-joiner of Persian stays"),
    ("unseen", "क्\u200dष", APART, "क्ष", "the joiner of Hindi stays"),
    ("unseen", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", APART,
     "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "the flag of England is not that of Scotland"),
    ("case", "İSTANBUL", SAME, "istanbul", "İ is the capital of i, without another dot"),
    ("case", "i\u0307stanbul", SAME, "istanbul", "i with a dot, which other software makes of İ, is i"),
    ("case", "IŞIK", SAME, "ışık", "I is the capital of ı in a word that only Turkish writes"),
    ("case", "KIRMIZI ARABA İSTEDİ", SAME, "kırmızı araba istedi", "capitals beside İ are Turkish"),
    ("case", "kır", APART, "kir", "ı is a letter of its own"),
    ("case", "Internet İstanbul", SAME, "internet istanbul", "a word that Turkish did not make keeps its i"),
    ("case", "IN MIRI", SAME, "in miri", "I is the capital of i elsewhere"),
    ("case", "ΟΔΟΣ", SAME, "οδος", "the sigma at the end of a word is the final one"),
    ("case", "ÄRGER ẞ", SAME, "ärger ß", "other capitals are their small letters"),
    ("entity", "isn&#39;t", SAME, "isn't", "a number of HTML is its character"),
    ("entity", "R&amp;D", SAME, "R&D", "a name of HTML is its character"),
    ("entity", "isn&amp;#39;t", SAME, "isn't", "an entity that was encoded twice is decoded twice"),
    ("entity", "&amp;amp;lt;b&amp;amp;gt;", SAME, "<b>", "and one that was encoded three times"),
    ("entity", "caf&eacute;&nbsp;noir", SAME, "café noir", "letters and blanks too"),
    ("entity", "it&#x2019;s", SAME, "it's", "what an entity gives is normalised in turn"),
    ("entity", "it&#146;s", SAME, "it's", "Windows' numbers mean what browsers show"),
    ("entity", "?a=1&copy=2", APART, "?a=1©=2", "an address is no entity: a semicolon has to end it"),
    ("entity", "AT&T; rest", SAME, "AT & T ; rest", "an unknown name stays as it is"),
    ("escape", r"one line\nanother", SAME, "one line another", "a literal line end of a bad export is a blank"),
    ("escape", r"name\tamount", SAME, "name amount", "and so is a literal tab"),
    ("escape", r"end.\r\n\r\nNext", SAME, "end. Next", "and line ends of Windows"),
    ("escape", r"end\\nNext", SAME, "end Next", "and one that was escaped twice"),
    ("escape", r"isn\'t \"it\"", SAME, "isn't \"it\"", "an escaped quote is a quote"),
    ("escape", r"don\u2019t", SAME, "don't", "an escaped character of JSON is the character"),
    ("escape", r"\ud83d\ude00 ok", SAME, "😀 ok", "and a pair of surrogates is one"),
    ("escape", r"caf\xc3\xa9", SAME, "café", "escaped bytes are what they are as UTF-8"),
    ("escape", r"http:\/\/a.b", SAME, "http://a.b", "an escaped slash is a slash"),
    ("escape", r"Q:\nWhat?", SAME, "Q: What?", "a question is no drive"),
    ("escape", r"C:\new", SAME, r"C : \ new", "the folder new of a drive is no line end"),
    ("escape", r"C:\Program Files\tools", SAME, r"C : \ Program Files \ tools", "nor is it behind a blank"),
    ("escape", r"see \\server\new\table", SAME, r"see \ \ server \ new \ table", "nor on a server"),
    ("escape", r"..\new and src\test.py", SAME, r". . \ new and src \ test . py", "nor in a relative path"),
    ("escape", r"src\main\test", SAME, r"src \ main \ test", "nor in one without a file's ending"),
    ("escape", r"saved to C:\temp.\nThen", SAME, r"saved to C : \ temp . Then", "a sentence ends even there"),
    ("escape", r"\theta \times \rho", SAME, r"\ theta \ times \ rho", "commands of LaTeX stay"),
    ("escape", r"$\nu$", SAME, r"$ \ nu $", "short ones stay in formulas"),
    ("vowel signs", "مُحَمَّدٌ", SAME, "محمد", "vowel signs of Arabic go"),
    ("vowel signs", "كـــتاب", SAME, "كتاب", "the stroke that makes an Arabic word longer goes"),
    ("vowel signs", "رَحْمٰن", SAME, "رحمن", "and so does the small alef"),
    ("vowel signs", "שָׁלוֹם", SAME, "שלום", "vowel points of Hebrew go"),
    ("vowel signs", "سأل", APART, "سال", "hamza is no vowel sign, and stays"),
    ("vowel signs", "हिन्दी", APART, "हन्द", "vowel signs of other scripts stay"),
    ("long", "goooood", SAME, "good", "a letter that is drawn out stands twice"),
    ("long", "YESSSS", SAME, "YESSSSSSS", "however long"),
    ("long", "оооочень", SAME, "оочень", "in Cyrillic too"),
    ("long", "جميييييل", SAME, "جمييل", "and in Arabic"),
    ("long", "cooool", SAME, "cool", "so that the word is found"),
    ("long", "soooo", APART, "so", "but a letter that stands once stays apart from one that is drawn out"),
    ("long", "www.a.b", APART, "ww.a.b", "a word of one letter alone stays"),
    ("long", "viii", APART, "vii", "Roman numerals stay"),
    ("long", "IEEE", APART, "IEE", "short words of capitals stay"),
    ("long", "1000", APART, "100", "digits stay"),
    ("long", "哈哈哈", APART, "哈哈", "characters that are words stay"),
    ("sign", ":)", APART, ":(", "emoticons are told apart"),
    ("sign", ":-D", APART, "D", "and from their letters"),
    ("sign", "C++", APART, "C", "C++ is not C"),
    ("sign", "C#", APART, "C", "C# is not C"),
    ("sign", "C#", APART, "C++", "nor C++"),
    ("sign", ".NET", APART, "net", ".NET is no net"),
    ("sign", "!!!", APART, "!", "three exclamation marks are more than one"),
    ("sign", "$500", APART, "500", "an amount is no number"),
    ("sign", "$500", APART, "€500", "of one currency, not of another"),
    ("sign", "100%", APART, "100", "a share is no number"),
    ("sign", "US", SAME, "us", "capitals are not kept: neighbours alone tell US from us, or lowercase=False"),
    ("sign", "in the US, they", APART, "in the us they", "as a comma does, or a word before"),
    ("sign", "wait... what", APART, "wait. what", "three dots are more than one"),
]  # fmt: skip


def tokens_of(text, **choices):
    return Tokenizer(TokenizerConfig(**choices))([text]).documents()[0]


def with_pairs(text):
    """What a model of words and pairs is told."""
    tokens = tokens_of(text)
    return {*tokens, *itertools.pairwise(tokens)}


@pytest.mark.parametrize(("kind", "given", "how", "other", "what"), ROWS, ids=[row[-1] for row in ROWS])
def test_texts_are_read_alike_where_they_mean_the_same_and_apart_where_they_do_not(kind, given, how, other, what):
    if how == SAME:
        assert tokens_of(given) == tokens_of(other)
    else:
        assert tokens_of(given) != tokens_of(other)
        assert with_pairs(given) != with_pairs(other)
    assert len(token_offsets(given)) == len(tokens_of(given))


def test_each_kind_is_there_and_no_input_twice():
    assert len({(given, other) for _, given, _, other, _ in ROWS}) == len(ROWS)
    assert {row[0] for row in ROWS} == {
        "apostrophe", "form", "unseen", "case", "entity", "escape", "vowel signs", "long", "sign",
    }  # fmt: skip


def test_the_table_is_what_unicode_says():
    kept = TABLE.read_text().splitlines()
    if unicodedata.unidata_version == "14.0.0":
        assert kept == rows()
    else:  # newer Unicode may have small letters that were not there before
        assert set(kept) <= set(rows())


def test_what_may_be_in_another_form_is_what_unicode_says():
    kept = composition_table.TABLE.read_text().splitlines()
    if unicodedata.unidata_version == "14.0.0":
        assert kept == composition_table.rows()
    expected, found = composition_table.orders(), orders_of_characters()
    assert (found[found != expected] == LOOKED_AT).all()  # code points that are newer than the table


@given(
    st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("aeso\u0301\u0323\u0345\u3099か\u1161\u1100각")))
)
def test_a_text_in_another_form_than_nfc_is_seen_to_be(text):
    flags, _ = suspects(*joined_texts([text]), replaced_characters(True).specials, orders_of_characters())
    assert flags[0] & UNCOMPOSED or unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize("lowercase", [True, False])
def test_what_a_character_becomes_stays_as_it_is(lowercase):
    once = normalized([f"x{chr(point)}x" for point in replacements()], lowercase=lowercase)
    assert normalized(once, lowercase=lowercase) == once


DIRTY = ["It’s <b>gooood</b> &amp;amp; caf&eacute;\\nﬁne", "İSTANBUL\u200b KIRMIZI", "مَرْحَبًا", "plain text"]
CLEAN = ["it's <b>good</b> & café fine", "istanbul kırmızı", "مرحبا", "plain text"]


@pytest.mark.parametrize(
    "texts",
    [
        DIRTY,
        tuple(DIRTY),
        np.array(DIRTY),
        np.array(DIRTY, dtype=object),
        pl.Series(DIRTY),
        pl.DataFrame({"text": DIRTY}),
    ],
    ids=["list", "tuple", "array", "objects", "polars", "frame"],
)
@pytest.mark.parametrize("pattern", [None, r"\w[\w']*|[^\w\s]"])
def test_every_kind_of_column_and_pattern_goes_the_same_way(texts, pattern):
    tokenizer = Tokenizer(TokenizerConfig(pattern=pattern))
    assert tokenizer(texts).documents() == tokenizer(CLEAN).documents()


def test_chunks_read_by_several_threads_are_normalised_alike(monkeypatch):
    texts = DIRTY * 200
    whole = Tokenizer()(texts).documents()
    monkeypatch.setattr("bywords.text.threads.CHUNK_SIZE", 60)
    assert Tokenizer()(texts).documents() == whole == Tokenizer()(CLEAN * 200).documents()


def test_capitals_can_stay_while_all_else_is_normalised():
    assert tokens_of("It’s İSTANBUL ＡＢＣ goooood ΣΣ Straße", lowercase=False) == [
        "It's", "İSTANBUL", "ABC", "good", "ΣΣ", "Straße",
    ]  # fmt: skip


def test_without_the_setting_texts_are_read_as_they_were():
    assert tokens_of("it’s ＡＢ &amp; goood İ fr\u200bee", normalize=False) == [
        "it’s", "ａｂ", "&", "amp", ";", "goood", "i\u0307", "fr", "\u200b", "ee",
    ]  # fmt: skip


def test_offsets_are_those_of_the_text_that_was_given():
    text = "He isn&amp;#39;t so\u00adber,\\nsooo ﬁne Ｃ++ ﷺ"
    found = [text[start:end] for start, end in token_offsets(text)]
    assert found == [
        "He", "isn&amp;#39;t", "so\u00adber", ",", "sooo", "ﬁne", "Ｃ", "+", "+", *["ﷺ"] * 4,
    ]  # fmt: skip
    assert tokens_of(text)[1:6] == ["isn't", "sober", ",", "soo", "fine"]


def test_exact_duplicates_are_the_same_after_the_normalisation():
    found = find_duplicates(pl.Series(["It’s a goooood ﬁlm", "it&#39;s a good film", "another text altogether"]))
    assert found.train.has_exact.tolist() == [True, True, False]


def test_a_model_keeps_the_setting_and_one_saved_before_there_was_this_has_it_off(tmp_path):
    from bywords import SYSTEMS, fit_classifier

    corpus = small_corpus(60)
    classifier = fit_classifier(SYSTEMS["tfidf-nb"], corpus.texts, corpus.names())
    save_classifier(classifier, tmp_path / "new")
    assert load_classifier(tmp_path / "new").tokenizer.config.normalize
    shutil.copytree(tmp_path / "new", tmp_path / "old")
    described = json.loads((tmp_path / "old/model.json").read_text())
    del described["config"]["tokenizer"]["normalize"]
    (tmp_path / "old/model.json").write_text(json.dumps(described))
    _sign(tmp_path / "old")
    old = load_classifier(tmp_path / "old")
    assert not old.tokenizer.config.normalize
    assert old.tokenizer(["ＡＢＣ"]).documents() == [["ａｂｃ"]]


def _sign(folder):
    """Write the sums anew."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in (re.split("  ", line)[1] for line in lines[:-1])
    ]
    whole = "".join(sums).encode()
    (folder / "SHA256SUMS").write_bytes(
        whole + b"# of the lines above: " + hashlib.sha256(whole).hexdigest().encode() + b"\n"
    )
