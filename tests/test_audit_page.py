"""The page of an audit: its record → one page that says what is wrong, the worst first, and breaks on nothing."""

from __future__ import annotations

import json
import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from markupsafe import Markup
from pages import HOSTILE, Page, needs_chromium, opened
from small_corpus import small_corpus

from bywords.auditing import audit
from bywords.data.corpus import Corpus, with_label_names
from bywords.errors import DataError
from bywords.records.audit import AuditRecord, Leakage
from bywords.records.base import from_json, plain, typed
from bywords.report import audit_pictures
from bywords.report import render_audit as page_of
from bywords.report.audit_words import leakage_named

COUNTED = {"n_documents": 3, "share": 0.003, "rows": [4, 5, 6]}


def record_of(record: dict[str, Any]) -> AuditRecord:
    """The record as it is read from a file."""
    return from_json(AuditRecord, json.dumps(record), where="audit.json")


def render_audit(record: dict[str, Any]) -> str:
    return page_of(record_of(record))


NONE = {"n_documents": 0, "share": 0.0, "rows": []}


SAME = {"same_label": True, "labels": ["space", "space"]}
OTHER = {"same_label": False, "labels": ["space", "sport <i>"]}


def audit_record(*, labels: tuple[str, ...] = ("ham", "spam"), text: str = "win a prize now") -> dict[str, Any]:
    """A whole record of the shape that `bywords audit` writes, small and the same every time."""
    duplicates = {"n_exact": 12, "n_near": 8, "n_groups": 9, "n_conflicting": 2, "n_conflicting_exact": 0}
    scored = {"n_documents": 200, "accuracy": 0.8, "interval": [0.75, 0.85]}
    quantiles = {"min": 1, "p10": 5, "median": 20, "p90": 60, "p99": 300, "max": 2000, "mean": 33.3}
    part = {
        "n_documents": 1000,
        "n_distinct_texts": 980,
        "characters": quantiles,
        "tokens": quantiles,
        **dict.fromkeys(("very_long", "very_short", "without_words", "unlike_the_rest", "mixed"), COUNTED),
        "scripts": [{"script": "Latin", "n_documents": 990, "share": 0.99}],
        "remains": dict.fromkeys(("html_tag", "html_entity", "url", "broken_encoding", "control_sign"), COUNTED),
    }
    k = len(labels)
    return {
        "format": "bywords-audit/3",
        "bywords_version": "0.1.0",
        "command": "bywords audit mails.csv",
        "seed": 0,
        "notes": [],
        "data": {
            "train": "mails",
            "test": "later mails",
            "n_train": 1000,
            "n_test": 200,
            "label_names": list(labels),
            "class_counts": {"train": [900] + [100] * (k - 1), "test": [180] + [20] * (k - 1)},
        },
        "duplicates": {
            "threshold": 0.8,
            "train": duplicates,
            "test": duplicates,
            "across": {"n_exact": 20, "n_near": 10, "n_test_documents": 30, "n_conflicting": 4},
            "impact": {
                "system": "tfidf-svc",
                "all_documents": scored,
                "without_duplicates": scored | {"n_documents": 170, "accuracy": 0.77},
                "duplicates_only": scored | {"n_documents": 30, "accuracy": 0.97},
                "gain": {"difference": 0.03, "interval": [0.01, 0.05]},
            },
        },
        "duplicate_pairs": {
            "across": [
                {"row": 3, "other_row": 7, "similarity": 0.91, "kind": "near", **SAME},
                {"row": 4, "other_row": 8, "similarity": 1.0, "kind": "exact", **SAME},
            ],
            "train": [{"row": 3, "other_row": 5, "similarity": 0.85, "kind": "near", **OTHER}],
            "test": [],
        },
        "label_errors": [
            {"row": 3, "label": labels[0], "suggested": labels[-1], "confidence": 0.99, "is_flagged": True},
            {"row": 5, "label": labels[-1], "suggested": labels[0], "confidence": 0.4, "is_flagged": True},
            {"row": 9, "label": labels[0], "suggested": labels[-1], "confidence": 0.01, "is_flagged": False},
        ],
        "n_flagged": 2,
        "without_words": {"train": [12, 13], "test": []},
        "texts": {"train": {3: f"{text} today", 4: text, 5: "see you"}, "test": {7: f"{text} tomorrow", 8: text}},
        "leakage": {
            "found": [
                {
                    "kind": "address",
                    "what": f"{index}@mill.org",
                    "label": labels[-1],
                    "n_documents": 50 - index,
                    "n_of_class": 49 - index,
                    "share": 0.98,
                    "lower_bound": 0.9,
                    "share_of_class": 0.49,
                    "lift": 9.8,
                    "rows": [1, 2],
                    "also": [{"kind": "person", "what": "Anna Berg"}],
                }
                for index in range(3)
            ],
            "n_found": 3,
            "kinds": [{"kind": "address", "n_patterns": 3, "n_documents": 60, "accuracy": 0.95}],
            "fields": [{"field": "Organization", "n_documents": 90, "n_values": 12, "accuracy": 0.6,
                        "interval": [0.5, 0.7], "guess": 0.5}],
            "rule": {"n_documents": 1000, "n_decided": 60, "accuracy_of_decided": 0.98, "accuracy": 0.95,
                     "interval": [0.93, 0.97], "guess": 0.9},
        },
        "drift": {
            "auc": 0.7,
            "interval": [0.65, 0.75],
            "n_compared": 200,
            "is_drift": True,
            "verdict": "By their words test documents are clearly different.",
            "median_tokens": {"train": 20, "test": 22},
            "roc": {"train": [0, 0.2, 0.5, 1], "test": [0, 0.5, 0.8, 1]},
            "words": {
                "train": [{"word": "fax", "train_per_thousand": 40.0, "test_per_thousand": 0.0, "g2": 30.0}],
                "test": [{"word": "app", "train_per_thousand": 1.0, "test_per_thousand": 50.0, "g2": 50.0}],
            },
        },
        "profile": {
            "parts": {"train": part, "test": part},
            "classes": [
                {"label": label, "n_train": 100 if i < k - 1 else 7, "share": 0.1, "n_test": 20, "is_small": i == k - 1,
                 "median_tokens": 20.0 + i, "length_auc": 0.8, "is_told_by_length": i == 0}
                for i, label in enumerate(labels)
            ],
            "lengths_by_class": {"edges": [0, 1, 5, 20, 80], "counts": [[0, 10, 60, 30]] * k},
            "names_alike": [],
            "known_words": {"n_tokens": 4000, "tokens_share": 0.8, "n_types": 900, "types_share": 0.6,
                         "half_unknown": COUNTED, "unknown_words": [{"word": "app", "n_documents": 10}]},
            "limits": {"small_class": 10, "very_long": 10.0, "very_short": 0.1, "mixed": 0.1, "told_by_length": 0.75,
                        "half_known": 0.5},
        },
    }  # fmt: skip


@pytest.fixture
def without_pictures(monkeypatch):
    """For what is not about pictures: drawing them takes most of the time."""
    monkeypatch.setattr(audit_pictures, "picture", lambda draw, *_, **__: Markup("<svg></svg>"))


def said(record: dict[str, Any]) -> list[str]:
    """The sentences of the summary."""
    summary = re.search(r'aria-label="Summary">(.*?)</section>', render_audit(record), re.DOTALL)[1]
    return [" ".join(Page(sentence).text.split()) for sentence in re.findall(r"<p>(.*?)</p>", summary, re.DOTALL)]


def nothing_wrong() -> dict[str, Any]:
    """A record of an audit that found nothing."""
    record = audit_record()
    none = {"n_exact": 0, "n_near": 0, "n_groups": 0, "n_conflicting": 0, "n_conflicting_exact": 0}
    across = {"n_exact": 0, "n_near": 0, "n_test_documents": 0, "n_conflicting": 0}
    record["duplicates"] = {"threshold": 0.8, "train": none, "test": none, "impact": None, "across": across}
    record |= {"duplicate_pairs": {"across": [], "train": [], "test": []}, "n_flagged": 0}
    record |= {
        "without_words": {"train": [], "test": []},
    }
    record["leakage"] |= {"found": [], "n_found": 0}
    record["drift"] |= {"is_drift": False}
    record["profile"]["known_words"] |= {"tokens_share": 0.97}
    for row in record["profile"]["classes"]:
        row |= {"is_told_by_length": False, "is_small": False}
    train = record["profile"]["parts"]["train"]
    record["profile"]["parts"]["train"] = train | {"remains": dict.fromkeys(train["remains"], NONE)}
    return record


def test_the_summary_names_every_problem_with_its_number(without_pictures):
    sentences = " ".join(said(audit_record()))
    for words in (
        "30 test documents (15.0 %) are in training too", "right on 77.0 % instead of 80.0 %",
        "4 of them have another label there", "20 training documents are the same as another one",
        "In 2 groups of duplicate training texts labels differ",
        "2 training labels are likely wrong (0.2 %)", "row 3, labelled ham, perhaps spam",
        "3 addresses give a class away", "address “0@mill.org” means spam",
        "right on 95.0 %", "clearly different. Words that tell them apart: “app”, “fax”", "1 class is too small",
        "(fewer than 10 documents): the smallest, spam, has 7",
        "2 training documents have no words (row 12 is the first",
        "only 80.0 % of the tokens of test", "Documents of ham are longer",
    ):  # fmt: skip
        assert words.replace(" %", "\u202f%") in sentences.replace(" %", "\u202f%"), words


def test_the_worst_comes_first(without_pictures):
    record = audit_record()
    assert said(record)[0].startswith("3 addresses")
    record["leakage"]["rule"]["accuracy"] = 0.91
    assert said(record)[0].startswith("30 test documents")
    record["profile"]["names_alike"] = [["Spam", "spam "]]
    assert said(record)[0].startswith("The labels “Spam”, “spam”")
    record["duplicates"]["across"]["n_test_documents"] = 190
    assert said(record)[0].startswith("190 test documents")


def test_how_far_test_and_training_differ_says_where_that_stands(without_pictures):
    record = nothing_wrong() | {"n_flagged": 200}  # a fifth of the labels
    record["drift"] |= {"is_drift": True, "auc": 0.99}
    assert said(record)[0].startswith("By their words test documents are clearly different")
    record["drift"]["auc"] = 0.55
    assert [sentence.split()[0] for sentence in said(record)] == ["200", "By"]


def test_an_audit_that_finds_nothing_says_what_it_looked_at(without_pictures):
    (sentence,) = said(nothing_wrong())
    assert sentence.startswith("Nothing was found wrong. Looked at: duplicates, labels, leakage, drift, lengths")


def test_without_a_test_part_the_page_says_what_was_not_looked_at(without_pictures):
    record = audit_record()
    record["data"] |= {"test": None, "n_test": 0, "class_counts": {"train": [900, 100]}}
    record["duplicates"] |= {"test": None, "across": None, "impact": None}
    record["duplicate_pairs"]["across"], record["drift"] = [], None
    record["profile"] |= {"parts": {"train": record["profile"]["parts"]["train"]}, "known_words": None}
    sentences = said(record)
    assert "There was no test part" in sentences[-1]
    page = render_audit(record)
    assert 'id="drift"' not in page
    assert "are in training too" not in " ".join(sentences)


def test_pairs_stand_side_by_side_with_what_differs_marked(without_pictures):
    page = render_audit(audit_record())
    marked = re.findall(r"<mark>(.*?)</mark>", page)
    assert marked[:2] == ["today", "tomorrow"]
    assert "Training row 3 and test row 7: near, similarity 0.910" in page
    assert "Row 3 and other row 5: near, similarity 0.850, <strong>different labels" in page


@pytest.fixture(scope="module")
def page_of_planted():
    """The page of a real audit: row 60 of training, one word, is very short; row 61 is in test under another label."""
    train, test = (
        Corpus.of(corpus.name, corpus.texts + " " + corpus.texts.reverse(), corpus.names())
        for corpus in (small_corpus(60), small_corpus(30, seed=1))
    )
    copied = "the engine of the old car was loud and the driver stopped it at the side of the road"
    train = Corpus.of("train.csv", [*train.texts, "moon", copied], [*train.names(), "space", "motor"])
    test = with_label_names(Corpus.of("test.csv", [*test.texts, copied], [*test.names(), "space"]), train.label_names)
    return page_of(audit(train, test))


def test_the_page_of_a_real_audit_says_in_which_rows_conspicuous_documents_are(page_of_planted):
    (found,) = re.findall(r'<th scope="row">very short</th>(.*?)</tr>', page_of_planted)
    assert re.findall(r"<td.*?>(.*?)</td>", found)[:3] == ["1", "1.6\u202f%", "60"]


def test_the_page_of_a_real_audit_says_that_a_copy_in_test_has_another_label(page_of_planted):
    pair = "Training row 61 and test row 30: exact, similarity 1.000"
    assert f"{pair}, <strong>different labels</strong>" in page_of_planted


def test_pairs_across_with_different_labels_come_first_and_say_so(without_pictures):
    record = audit_record()
    record["duplicate_pairs"]["across"] = [
        {"row": 3, "other_row": 7, "similarity": 0.91, "kind": "near", **SAME},
        {"row": 4, "other_row": 8, "similarity": 1.0, "kind": "exact", **OTHER},
    ]
    text = " ".join(Page(render_audit(record)).text.split())
    unlike = text.index("Training row 4 and test row 8: exact, similarity 1.000, different labels; space and sport <i>")
    assert unlike < text.index("Training row 3 and test row 7: near, similarity 0.910; space")


@pytest.mark.parametrize(("median", "is_topic"), [(12, True), (200, False)])
def test_what_short_texts_begin_with_is_not_called_beside_their_subject(median, is_topic, without_pictures):
    record = audit_record()
    record["profile"]["parts"]["train"]["tokens"]["median"] = median
    record["leakage"]["found"][0] |= {"kind": "beginning", "what": "i lost my phone"}
    text = " ".join(Page(render_audit(record)).text.split())
    assert ("may be what a text is about" in text) == is_topic
    assert ("that may be what they are about: read some" in text) == is_topic


@pytest.mark.parametrize(
    ("left", "right", "marked"),
    [
        ("see you later", "see you, later!", [",", "!"]),
        ("win a prize today  or never", "win a big fat prize or never", ["today", "big fat"]),
        ("See\nYOU", "see you", []),
        ("call 0800", "call now", ["0800", "now"]),
    ],
)
def test_only_what_differs_is_marked_and_no_space_around_it(left, right, marked, without_pictures):
    record = audit_record()
    record["duplicate_pairs"] |= {"train": [], "across": record["duplicate_pairs"]["across"][:1]}
    record["texts"] = {"train": {"3": left}, "test": {"7": right}}
    page = render_audit(record)
    assert re.findall(r"<mark>(.*?)</mark>", page) == marked
    shown = re.findall(r'<p class="text" dir="auto">(.*?)</p>', page, flags=re.DOTALL)
    assert [re.sub("</?mark>", "", text) for text in shown] == [left, right]


def test_rows_are_names_and_written_plainly(without_pictures):
    record = audit_record()
    record["duplicate_pairs"]["across"][0] |= {"row": 12345}
    record["label_errors"][0]["row"] = 23456
    record["without_words"]["train"] = [34567]
    record["profile"]["parts"]["train"]["very_long"] = COUNTED | {"rows": [45678, 4, 5]}
    text = Page(render_audit(record)).text
    assert all(row in text for row in ("12345", "row 23456,", "row 34567)", "45678, 4, 5"))
    assert not re.search("12,345|23,456|34,567|45,678", text)


@pytest.mark.parametrize(
    ("n", "n_exact", "expected"),
    [
        (6, 0, "In 6 groups of duplicate training texts labels differ. The texts are alike, not the same, and each"),
        (6, 6, "labels differ for the very same text: one label is wrong, or the text fits both."),
        (6, 2, "labels differ, in 2 of them for the very same text: one label is wrong, or the text fits both."),
        (1, 1, "In 1 group of duplicate training texts labels differ for the very same text"),
    ],
)
def test_one_label_is_called_wrong_only_where_the_texts_are_the_same(n, n_exact, expected, without_pictures):
    record = audit_record()
    record["duplicates"]["train"] |= {"n_conflicting": n, "n_conflicting_exact": n_exact}
    (sentence,) = (sentence for sentence in said(record) if "labels differ" in sentence)
    assert expected in sentence
    assert ("one label is wrong" in sentence) == (n_exact != 0)


@pytest.mark.parametrize(
    ("kinds", "n_found", "expected"),
    [
        ({"markup": 3, "number": 9, "web host": 1}, 13, "9 numbers, 3 pieces of markup and 1 web host give a class"),
        ({"number": 1}, 1, "1 number gives a class away"),
        ({"word": 1, "end": 2}, 3, "2 fixed ends and 1 word that nearly all documents have give a class away"),
        (dict(zip(("number", "end", "domain", "person", "markup"), (5, 4, 3, 2, 1), strict=True)), 15,
         "5 numbers, 4 fixed ends, 3 domains, 2 names of persons and 1 other pattern give a class away"),
        ({}, 2, "2 patterns give a class away"),
    ],
)  # fmt: skip
def test_leakage_is_named_by_the_kinds_that_were_found(kinds, n_found, expected):
    rows = [{"kind": kind, "n_patterns": n, "n_documents": n} for kind, n in kinds.items()]
    assert leakage_named(typed(Leakage, {"kinds": rows, "n_found": n_found})).startswith(expected)


def test_a_class_of_longer_documents_is_less_of_a_problem_than_many_duplicates(without_pictures):
    record = nothing_wrong()
    record["duplicates"]["train"] = record["duplicates"]["train"] | {"n_exact": 100, "n_near": 74, "n_groups": 60}
    record["profile"]["classes"][1] |= {"share": 0.13, "length_auc": 0.83, "is_told_by_length": True}
    first, second = said(record)
    assert first.startswith("174 training documents are the same")
    assert second.startswith("Documents of spam are longer")


def test_a_record_written_and_read_is_the_same():
    record = record_of(audit_record())
    assert from_json(AuditRecord, json.dumps(plain(record)), where="audit.json") == record


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("label_errors", [3, 4], r"audit.json: label_errors\[0\]: expected an object, found 3"),
        ("label_errors", [None], r"audit.json: label_errors\[0\]: expected an object, found null"),
        ("label_errors", {"row": 3}, r"audit.json: label_errors: expected a list, found"),
        ("drift", [0.5], r"audit.json: drift: expected an object, found \[0.5\]"),
        ("drift", {"ver": ""}, r"audit.json: drift has a key 'ver' that is unknown"),
        ("texts", {"tests": {}}, r"audit.json: texts: expected 'train' or 'test', found \"tests\""),
    ],
)
def test_a_part_of_another_kind_is_an_error_and_not_passed_over(name, wrong, message):
    with pytest.raises(DataError, match=message):
        record_of(audit_record() | {name: wrong})


@pytest.mark.parametrize("part", [name for name in audit_record() if name not in ("format", "command")])
def test_an_audit_is_whole_or_refused(part):
    record = audit_record()
    del record[part]
    with pytest.raises(DataError, match=f"audit.json lacks '{part}'"):
        record_of(record)


def test_notes_of_what_could_not_be_looked_at_are_said_last(without_pictures):
    record = audit_record() | {"notes": ["Label errors cannot be found: fewer than two classes."]}
    assert said(record)[-1] == record["notes"][0]


def test_label_errors_stand_with_their_texts_and_the_others_are_left_out(without_pictures):
    page = Page(render_audit(audit_record())).text
    section = page[page.index("Label errors", page.index("How the numbers")) :]
    assert "win a prize now today" in section
    assert "0.990" in section
    assert "0.010" not in section[: section.index("what gives the class away")]


def test_hostile_labels_names_and_texts_are_shown_and_never_run():
    record = audit_record(labels=(HOSTILE, "plain", HOSTILE + "2"), text=HOSTILE * 3)
    record["data"] |= {"train": HOSTILE, "test": HOSTILE}
    record |= {"command": HOSTILE, "bywords_version": HOSTILE}
    for row in record["leakage"]["found"]:
        row |= {"what": HOSTILE, "kind": HOSTILE, "also": [{"kind": HOSTILE, "what": HOSTILE}]}
    record["leakage"]["fields"][0]["field"] = HOSTILE
    record["drift"] |= {"verdict": HOSTILE}
    for part in ("train", "test"):
        record["drift"]["words"][part][0]["word"] = HOSTILE
    record["profile"]["names_alike"] = [[HOSTILE, HOSTILE]]
    record["profile"]["known_words"]["unknown_words"][0]["word"] = HOSTILE
    written = render_audit(record)
    page = Page(written)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert 'alert("x")' in page.text
    assert "{{ 7*7 }}" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", written)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.svgs
    for svg in page.svgs:
        ElementTree.fromstring(svg)


def test_a_record_of_another_format_is_refused():
    with pytest.raises(DataError, match=r"expected the format bywords-audit/3, found 'bywords-audit/1'.*bywords audit"):
        render_audit(audit_record() | {"format": "bywords-audit/1"})


def test_numbers_that_are_not_finite_become_a_dash_where_they_may_be_unknown():
    record = audit_record()
    record["drift"] |= {"auc": math.nan}
    record["duplicates"]["impact"]["all_documents"] |= {"accuracy": math.nan, "interval": None}
    record["profile"]["classes"][0] |= {"length_auc": math.inf, "median_tokens": math.nan}
    page = Page(render_audit(record))
    assert not re.search(r"\b(nan|inf|None)\b", page.text + "".join(page.svgs))


def test_the_same_record_gives_the_same_page(without_pictures):
    assert render_audit(audit_record()) == render_audit(audit_record())


def test_a_large_audit_stays_below_three_megabytes():
    labels = tuple(f"comp.sys.ibm.pc.hardware-{number}" for number in range(150))
    record = audit_record(labels=labels, text="many words " * 500)
    record["texts"] = {part: dict.fromkeys(range(50), "many words " * 500) for part in ("train", "test")}
    pair, error = record["duplicate_pairs"]["across"][0], record["label_errors"][0]
    record["duplicate_pairs"]["across"] = [pair | {"row": row, "other_row": row} for row in range(20_000)]
    record["label_errors"] = [error | {"row": row} for row in range(20_000)]
    record["leakage"]["found"] *= 60
    page = render_audit(record)
    assert len(page.encode()) < 3_000_000
    assert "The first 200 of 20,000; the JSON has all." in page


def test_pictures_say_in_words_what_they_show():
    page = Page(render_audit(audit_record()))
    labels = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert len(labels) == 3
    assert "“app” is in 50 of a thousand test documents and in 1 of training" in labels[0]
    assert "the area below it is 0.700" in labels[1]
    assert "longest documents are those of spam, with a median of 21 tokens" in labels[2]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


_CLICK = """<script>
const table = document.querySelector("#leakage table");
const order = () => [...table.tBodies[0].rows].map((row) => row.cells[0].firstChild.textContent).join();
const before = order();
table.tHead.rows[0].cells[3].querySelector("button").click();
table.tHead.rows[0].cells[3].querySelector("button").click();
document.documentElement.dataset.orders = [before, order()].join("|");
</script>"""


@needs_chromium
def test_in_a_browser_the_page_has_no_errors_its_tables_sort_and_it_fits_a_phone(tmp_path):
    document = opened(render_audit(audit_record()), tmp_path, _CLICK)
    assert 'data-orders="0@mill.org,1@mill.org,2@mill.org|2@mill.org,1@mill.org,0@mill.org"' in document
