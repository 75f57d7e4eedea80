"""The report: a run record → one page that holds everything and breaks on nothing."""

from __future__ import annotations

import json
import math
import re
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from markupsafe import Markup
from pages import HOSTILE, Page, dumped, needs_chromium, opened

from bywords import SYSTEMS, files
from bywords.config import to_plain
from bywords.errors import DataError, SettingError
from bywords.files import write_whole
from bywords.records.base import from_json, plain, typed
from bywords.records.run import RunRecord, SystemScores, TextStatistics
from bywords.report import (
    comparison_words,
    formats,
    render_comparison,
    system_pictures,
    text_pictures,
    time_picture,
    write_vocabulary_picture,
)
from bywords.report import page as page_module
from bywords.report.label_placement import Box, place_labels
from bywords.terminal import shorten


def run_record(
    *,
    n_classes: int = 3,
    names: tuple[str, ...] = ("averaging", "lstm", "bayes"),
    seeds: int = 2,
    finished: bool = True,
    labels: list[str] | None = None,
    text: str = "a text that was labelled wrongly",
) -> dict[str, Any]:
    """A whole run record of the shape that `bywords compare` writes, small and the same every time."""
    labels = labels or [f"class-{number}" for number in range(n_classes)]
    rank = np.unique(np.geomspace(1, 20_000, 60).astype(int))
    lengths = {"min": 1, "median": 85, "mean": 180.5, "p90": 330, "p99": 1800, "max": 11_000}
    return {
        "format": "bywords-run/3",
        "bywords_version": "0.1.0",
        "created": "2026-11-22T22:00:00+00:00",
        "command": "bywords compare newsgroups",
        "finished": finished,
        "seeds": list(range(seeds)),
        "validation_share": 0.1,
        "machine": {"python": "3.11.7", "torch": "2.13.0", "platform": "Linux x86_64", "threads": 2},
        "corpus": {
            "name": "newsgroups",
            "fingerprint": "c0ffee",
            "n_train": 1000,
            "n_valid": 200,
            "n_test": 60 * n_classes,
            "dropped": {"train": 23, "test": 7},
            "label_names": labels,
            "class_counts": {"train": [300 + 20 * i for i in range(n_classes)], "test": [60] * n_classes},
        },
        "words": {
            "n_tokens": {"train": 1_900_000, "test": 1_200_000},
            "n_types": 20_000,
            "zipf": {"rank": rank.tolist(), "count": (90_000 / rank).astype(int).tolist()},
            "coverage": [
                {"size": size, "train": train, "test": train - 0.02}
                for size, train in ((1000, 0.7), (5000, 0.85), (20_000, 0.93), (100_000, 0.98))
            ],
            "lengths": {
                "train": lengths,
                "test": lengths,
                "histogram": {
                    "edges": [0, 50, 100, 200, 400, 800],
                    "train": [30, 40, 50, 20, 5],
                    "test": [9, 8, 7, 2, 0],
                },
                "cut": [{"length": 200, "train": 0.2, "test": 0.19}],
            },
        },
        "test_labels": "0 1",
        "systems": [_system(index, name, labels, seeds) for index, name in enumerate(names)],
        "best": names[0] if names else None,
        "pairwise": [
            claim_of(one, other, is_better=index == 0, n_documents=60 * n_classes)
            for index, (one, other) in enumerate(combinations(names, 2))
        ],
        "wrong_documents": [
            {"row": 12 + i, "text": text, "label": labels[0], "predicted": labels[-1], "probability": 0.98}
            for i in range(10)
        ],
    }


def claim_of(one: str, other: str, *, is_better: bool, n_documents: int) -> dict[str, Any]:
    """What a record says of two systems."""
    interval = [0.002, 0.018] if is_better else [-0.004, 0.024]
    measured = {"difference": 0.01, "interval": interval, "p_value": 0.001, "p_holm": 0.02 if is_better else 0.3}
    return {
        "one": one,
        "other": other,
        "n_documents": n_documents,
        "accuracy": {**measured, "n_needed": 900},
        "macro_f1": measured,
        "is_better": is_better,
        "sentence": f"{one} is better than {other}." if is_better else f"{one} and {other} cannot be told apart.",
    }


def _system(index: int, name: str, labels: list[str], seeds: int) -> dict[str, Any]:
    k = len(labels)
    accuracy = 0.84 - 0.01 * index
    wrong = np.arange(k * k).reshape(k, k) % 5
    confusion = wrong - np.diag(np.diag(wrong)) + np.eye(k, dtype=int) * 50
    is_neural = index % 3 != 2
    bins = [
        {"from": p, "to": p + 1 / 15, "n_documents": 20, "probability": p, "share": p, "interval": [p - 0.1, p + 0.1]}
        for p in (0.4, 0.6, 0.8)
    ]
    return {
        "name": name,
        "description": f"What {name} does.",
        "kind": "neural" if is_neural else "linear",
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - 0.013, accuracy + 0.012],
        "macro_f1": accuracy - 0.01,
        "macro_f1_interval": [accuracy - 0.03, accuracy + 0.01],
        "calibration_error": 0.021,
        "log_loss": 0.5 + 0.02 * index,
        "valid_accuracy": accuracy + 0.03,
        "fit_seconds": 20.0 / (1 + index),
        "predict_documents_per_second": 12_000.0 + index,
        "size_bytes": 5_000_000 + index,
        "seeds": [
            {
                "seed": seed,
                "accuracy": accuracy,
                "macro_f1": 0.8,
                "log_loss": 0.5,
                "valid_accuracy": 0.87,
                "fit_seconds": 20.0,
                "predict_documents_per_second": 12_000.0,
                "n_epochs": 5,
                "size_bytes": 5_000_000,
                "answers": "0 1",
            }
            for seed in range(seeds)
        ],
        "accuracy_spread": {"min": accuracy - 0.004, "max": accuracy + 0.004, "std": 0.003},
        "epochs": [
            {
                "epoch": epoch,
                "train_loss": 2.0 / epoch,
                "valid_loss": 2.0 / epoch + 0.05 * epoch,
                "valid_accuracy": 0.8,
                "seconds": 1.5,
            }
            for epoch in range(1, 6)
        ]
        if is_neural
        else [],
        "best_epoch": 4 if is_neural else None,
        "per_class": [{"label": label, "precision": 0.8, "recall": 0.7, "f1": 0.75, "support": 60} for label in labels],
        "confusion": confusion.tolist(),
        "hardest_confusions": [
            {
                "true": labels[0],
                "predicted": labels[-1],
                "count": 12,
                "share": 0.2,
                "examples": [{"row": 7, "text": "a text that is taken for another", "probability": 0.9}],
            }
        ],
        "slices": [
            {
                "by": "length",
                "name": name,
                "n_documents": 40,
                "metric": "accuracy",
                "accuracy": 0.6,
                "interval": [0.5, 0.7],
                "others": 0.85,
                "difference": -0.25,
                "difference_interval": [-0.4, -0.1],
                "is_worse": name == "at most 80 tokens",
            }
            for name in ("at most 80 tokens", "more than 80 tokens")
        ],
        "class_words": {label: [{"word": "goal", "attribution": 1.5, "n_documents": 9}] for label in labels},
        "reliability": {"bins": bins, "error": 0.021, "bins_before": bins[1:], "error_before": 0.094},
        "coverage": [
            {"min_confidence": 1 - share / 2, "coverage": share, "accuracy": 1 - share / 6, "interval": [0.8, 0.99]}
            for share in (0.25, 0.5, 0.75, 1.0)
        ],
        "vectors": {"name": "glove-6b-50d", "dimension": 50, "types_share": 0.5, "tokens_share": 0.9}
        if index == 0
        else None,
        "notes": ["stopped early"] if index == 0 else [],
        "config": {"model": name, "training": {"learning_rate": 0.01, "patience": 3}},
    }


def record_of(run: dict[str, Any]) -> RunRecord:
    """The record as it is read from a file."""
    return from_json(RunRecord, json.dumps(run), where="run.json")


def render_report(run: dict[str, Any]) -> str:
    return render_comparison(record_of(run))


@pytest.fixture
def without_pictures(monkeypatch):
    """For what is not about pictures: drawing them takes most of the time."""
    for module in (system_pictures, text_pictures, time_picture):
        monkeypatch.setattr(module, "picture", lambda draw, *_, **__: Markup("<svg></svg>"))


def test_the_page_asks_for_nothing_outside_of_itself():
    page = Page(render_report(run_record()))
    fetched = [
        value
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "srcset", "href", "xlink:href", "data", "action", "poster")
    ]
    assert fetched
    assert all(value and value.startswith(("#", "data:")) for value in fetched), fetched
    style = (Path(page_module.__file__).parent / "page.css").read_text(encoding="utf-8")
    assert "@import" not in style
    assert "url(" not in style


def test_every_system_is_in_the_table_and_has_its_section(without_pictures):
    names = tuple(f"system-{number}" for number in range(12))
    page = render_report(run_record(names=names))
    table = page[page.index('id="table-of-systems"') : page.index("</table>")]
    for name in names:
        assert table.count(f"<bdi>{name}</bdi>") == 1
    anchors = [attributes["id"] for attributes in Page(page).named("details") if "id" in attributes]
    assert [f"#{anchor}" for anchor in anchors] == re.findall(r'<a href="(#system-\d+)"><bdi>', table)
    assert len(anchors) == 12


def test_only_the_best_system_is_unfolded_and_it_comes_first(without_pictures):
    run = run_record()
    run["best"] = "lstm"
    run["systems"][1]["accuracy"] = 0.9
    sections = [a for a in Page(render_report(run)).named("details") if a.get("class") == "system"]
    assert ["open" in section for section in sections] == [True, False, False]
    assert re.search(r'<tr class="best .*?<bdi>(.*?)</bdi>', render_report(run), re.DOTALL)[1] == "lstm"


def test_hostile_labels_names_and_texts_are_shown_and_never_run():
    run = run_record(labels=[HOSTILE, "plain", HOSTILE + "2"], names=(HOSTILE, "b"), text=HOSTILE * 40)
    for part in ("name", "fingerprint"):
        run["corpus"][part] = HOSTILE
    run["command"] = run["created"] = run["bywords_version"] = HOSTILE
    run["machine"] = {HOSTILE: HOSTILE}
    run["systems"][0] |= {"notes": [HOSTILE], "description": HOSTILE, "config": {HOSTILE: {HOSTILE: [HOSTILE]}}}
    run["systems"][0]["vectors"]["name"] = HOSTILE
    written = render_report(run)
    page = Page(written)
    assert len(page.named("script")) == 1
    assert 'alert("x")' in page.text
    assert "{{ 7*7 }}" in page.text
    assert "中文 🎉" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", written)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    for svg in page.svgs:
        ElementTree.fromstring(svg)


def test_an_interrupted_run_says_so_and_shows_what_there_is():
    run = run_record(finished=False)
    del run["words"], run["wrong_documents"], run["systems"][1:], run["pairwise"], run["machine"]
    page = Page(render_report(run)).text
    assert "This run was interrupted." in page
    assert "averaging labels 84.0" in page
    assert "This run was interrupted." not in Page(render_report(run_record())).text


REQUIRED = {"bywords_version", "seeds", "validation_share", "corpus", "test_labels"}


@pytest.mark.parametrize("missing", run_record())
def test_a_record_may_lack_any_part_but_those_that_every_run_has(missing, without_pictures):
    run = run_record(names=("averaging",))
    del run[missing]
    if missing == "format":
        with pytest.raises(
            DataError, match=r"run.json: expected the format bywords-run/3, found None.*bywords compare"
        ):
            render_report(run)
    elif missing in REQUIRED:
        with pytest.raises(DataError, match=f"run.json lacks '{missing}'"):
            render_report(run)
    else:
        assert "</html>" in render_report(run)


REQUIRED_OF_SYSTEM = {
    "name", "kind", "accuracy", "accuracy_interval", "accuracy_spread", "macro_f1", "log_loss", "fit_seconds",
    "predict_documents_per_second", "size_bytes",
}  # fmt: skip


@pytest.mark.parametrize("missing", sorted(_system(0, "a", ["x", "y"], 1)))
def test_a_system_may_lack_any_part_but_its_name_and_scores(missing):
    run = run_record(names=("averaging",))
    del run["words"], run["systems"][0][missing]
    if missing in REQUIRED_OF_SYSTEM:
        with pytest.raises(DataError, match=rf"run.json: systems\[0\] lacks '{missing}'"):
            render_report(run)
    else:
        assert "</html>" in render_report(run)


def test_a_run_without_systems_says_so():
    assert "No system of this run has been scored." in render_report(run_record(names=()))


@pytest.mark.parametrize(("n_classes", "n_systems", "seeds"), [(2, 1, 1), (2, 3, 2), (20, 3, 1), (1, 1, 1), (70, 2, 1)])
def test_pages_of_any_shape_are_whole_and_without_nan(n_classes, n_systems, seeds):
    names = ("averaging", "lstm", "bayes")[:n_systems]
    page = render_report(run_record(n_classes=n_classes, names=names, seeds=seeds))
    parsed = Page(page)
    assert page.rstrip().endswith("</html>")
    assert "Confusion matrix" in parsed.text
    part = f"The {system_pictures.BUSIEST} of {n_classes} classes that are most often confused"
    assert (part in parsed.text) == (n_classes > system_pictures.MOST_DRAWN)
    assert ("Seed by seed" in parsed.text) == (seeds > 1)
    for svg in parsed.svgs:
        assert not re.search(r"\b(nan|inf|None|NaN)\b", svg)


def test_settings_are_a_table_of_what_is_not_as_by_default_and_all_are_folded(without_pictures):
    run = run_record()
    run["systems"][0]["config"] = json.loads(json.dumps(to_plain(SYSTEMS["auto"])))
    page = render_report(run)
    tables = [
        re.findall(r"<tr><th.*?<code>(.*?)</code></th>(.*?)</tr>", table.replace("<wbr>", ""))
        for table in re.findall(r'<table class="tight settings">(.*?)</table>', page, flags=re.DOTALL)
    ]
    own, every = (dict(table) for table in tables[:2])
    assert re.findall("<td.*?>(.*?)</td>", own["vocabulary.char_ngrams"]) == ["3, 5", "none"]
    assert "tokenizer.lowercase" not in own
    assert re.findall("<td.*?>(.*?)</td>", every["tokenizer.lowercase"]) == ["yes"]
    candidates = re.findall("<td.*?>(.*?)</td>", every["model.candidates"])[0].split("<br>")
    assert candidates[1] == "Tfidf, estimator nb-svc, C 0.3, sublinear yes, features ngrams"
    assert not {"kind", "description", "model.kind"} & set(every)
    assert re.search(r'<details class="fold"><summary>All \d+ settings</summary>', page)
    assert "{" not in "".join(own.values()) + "".join(every.values())


def test_each_of_77_classes_has_its_words_and_the_worst_come_first(without_pictures):
    run = run_record(n_classes=77)
    best = max(run["systems"], key=lambda system: system["accuracy"])
    best["class_words"]["class-76"] = []
    best["per_class"][70]["f1"] = 0.1
    page = render_report(run)
    goes_by = page[page.index('aria-label="Words that speak for each class"') :].partition("</table>")[0]
    words = re.findall(r'<bdi>(class.*?)</bdi></th><td class="words">(.*?)</td></tr>', goes_by)
    assert [label for label, _ in words] == [f"class-{index}" for index in range(77)]
    assert "No word of the test documents speaks for it" in words[76][1]
    scores = page[page.index('aria-label="Scores of each class"') :]
    assert re.search(r"<bdi>(.*?)</bdi>", scores)[1] == "class-70"
    best["class_words"] = {}
    assert "Not shown: words are listed here for a model whose answer is a sum over words" in render_report(run)


def test_runs_without_epochs_have_no_loss_section(without_pictures):
    run = run_record()
    for system in run["systems"]:
        system["epochs"] = []
    assert "Loss by epoch" not in render_report(run)
    assert "Loss by epoch" in render_report(run_record())


def test_numbers_that_are_not_finite_become_a_dash_where_they_may_be_unknown():
    run = run_record()
    run["systems"][1] |= {"valid_accuracy": math.nan, "macro_f1_interval": None, "calibration_error": math.inf}
    run["systems"][0]["epochs"][2]["valid_loss"] = math.nan
    run["words"]["coverage"][0]["test"] = math.nan
    page = render_report(run)
    assert not re.search(r"\b(nan|inf)\b", Page(page).text + "".join(Page(page).svgs))
    assert '<td data-value="">–</td>' in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"macro_f1": math.nan}, r"run.json: systems\[0\].macro_f1: expected a number, found NaN"),
        ({"accuracy_interval": [0.8]}, r"systems\[0\].accuracy_interval: expected a pair, found \[0.8\]"),
        ({"seeds": [{"sed": 0}]}, r"systems\[0\].seeds\[0\] has a key 'sed' that is unknown. Did you mean 'seed'"),
        ({"kind": "quick"}, r"systems\[0\].kind: expected 'neural' or 'linear', found \"quick\""),
        ({"epochs": {}}, r"systems\[0\].epochs: expected a list, found {}"),
        ({"size_bytes": True}, r"systems\[0\].size_bytes: expected a whole number, found true"),
        ({"reliability": 3}, r"systems\[0\].reliability: expected an object, found 3"),
    ],
)
def test_a_key_of_another_type_or_unknown_is_named_with_its_file(wrong, message):
    run = run_record()
    run["systems"][0] |= wrong
    with pytest.raises(DataError, match=message):
        record_of(run)


def test_a_record_written_and_read_is_the_same():
    record = record_of(run_record())
    assert typed(RunRecord, {key: part for key, part in plain(record).items() if key != "format"}) == record
    assert plain(record)["systems"][0]["reliability"]["bins"][0]["from"] == 0.4


def test_a_large_run_stays_below_three_megabytes():
    labels = [f"comp.sys.ibm.pc.hardware-{number}" for number in range(20)]
    run = run_record(
        n_classes=20, names=tuple(f"system-{i}" for i in range(16)), labels=labels, text="many words " * 90_000
    )
    assert len(render_report(run).encode()) < 3_000_000


def test_long_texts_are_shortened_and_the_rest_unfolds(without_pictures):
    text = "start " + "middle " * 200 + "end"
    page = render_report(run_record(text=text))
    assert page.count("The rest of it") == 10
    assert page.count("end</p></details>") == 10
    assert "The rest of it" not in render_report(run_record(text="short"))


def test_ids_on_the_page_are_unique_and_every_reference_has_its_target():
    page = Page(render_report(run_record(names=("a", "b", "c", "d", "e"))))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for value in (attributes.get("href"), attributes.get("clip-path"), attributes.get("xlink:href")):
            for name in re.findall(r"#([\w-]+)", value or ""):
                assert name in ids


def test_every_picture_says_in_words_what_it_shows():
    page = Page(render_report(run_record()))
    drawn = [attributes for attributes in page.named("svg") if attributes.get("class") == "picture"]
    assert len(drawn) == 4 + 2 + 2 + 3  # the whole run, reliability, two neural systems, three confusion matrices
    assert all(attributes["role"] == "img" and len(attributes["aria-label"]) > 20 for attributes in drawn)
    labels = " ".join(attributes["aria-label"] for attributes in drawn)
    assert "lstm: best epoch 4 of 5, validation loss 0.700." in labels
    assert "The most frequent word occurs 90,000 times" in labels


def test_the_same_record_gives_the_same_page():
    assert render_report(run_record()) == render_report(run_record())


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("failing", ["write", "rename"])
def test_when_writing_fails_the_old_page_is_whole(tmp_path, without_pictures, monkeypatch, failing):
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"write": (files.os, "fsync", fail), "rename": (Path, "replace", fail)}[failing])
    with pytest.raises(SettingError, match="cannot be written: No space left on device"):
        write_whole(path, render_report(run_record()).encode())
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["report.html"]


def test_a_page_is_written_into_a_new_folder_and_nothing_beside_it(tmp_path, without_pictures):
    path = tmp_path / "new" / "report.html"
    write_whole(path, render_report(run_record()).encode())
    assert path.read_bytes() == render_report(run_record()).encode()
    assert _names(path.parent) == ["report.html"]


def test_a_system_that_could_not_be_fitted_is_named_with_its_reason(without_pictures):
    run = run_record() | {"failed": [{"name": HOSTILE, "reason": "no <vectors>"}]}
    page = render_report(run)
    assert "could not be fitted: no &lt;vectors&gt;" in page
    assert "<script>alert" not in page


# The words


def _said(*systems: dict[str, Any]) -> str:
    run = run_record(names=("first", "second", "third")[: len(systems)])
    for system, values in zip(run["systems"], systems, strict=True):
        system |= values
    return " ".join(comparison_words.summary(record_of(run))).replace("\u202f", " ").replace("\u2060", "")


def test_the_summary_says_of_the_best_two_what_the_paired_test_says_and_no_more():
    run = run_record(names=("a", "b", "c"))
    start = "The next is b with 83.0\u202f%"
    assert f"{start}: a is better than b." in comparison_words.summary(record_of(run))
    run["pairwise"][0] = claim_of("a", "b", is_better=False, n_documents=180)
    assert f"{start}: a and b cannot be told apart." in comparison_words.summary(record_of(run))
    run["pairwise"] = []
    assert f"{start}." in comparison_words.summary(record_of(run))


def test_each_two_systems_are_compared_from_both_sides():
    page = Page(render_report(run_record(names=("a", "b", "c"))))
    marks = [attributes.get("class") for attributes in page.named("td") if attributes.get("title", "").startswith("a")]
    assert marks == ["ahead", "undecided", "behind", "undecided"]
    assert "+1.0+0.2 to +1.8" in page.text
    assert "−1.0−1.8 to −0.2" in page.text
    assert "~ +1.0−0.4 to +2.4" in page.text
    assert "a and c cannot be told apart." in page.text


def test_a_page_without_pairs_reliability_or_slices_goes_without_their_sections():
    run = run_record()
    assert {"pairwise", "reliability", "fails"} <= {
        attributes.get("id") for attributes in Page(render_report(run)).named("section")
    }
    run["pairwise"] = []
    for system in run["systems"]:
        for part in ("reliability", "slices", "class_words", "hardest_confusions"):
            del system[part]
    page = Page(render_report(run))
    assert not {"pairwise", "reliability", "fails"} & {attributes.get("id") for attributes in page.named("section")}
    assert not {"#pairwise", "#reliability", "#fails"} & {attributes.get("href") for attributes in page.named("a")}


def test_where_the_best_system_fails_is_shown_with_examples():
    text = Page(render_report(run_record())).text.replace("\u202f", " ")
    assert "length: at most 80 tokens" in text
    assert "more than 80 tokens" not in text
    assert "a text that is taken for another" in text
    assert "Of 2 slices of the test documents" in text
    assert "goal" in text
    assert "Where it does worst: documents of at most 80 tokens: right on 60.0% of 40, others on 85.0%: 25" in text
    assert "Of the 75 % of its answers that it is surest of, 87.5 % are right." in text


def test_how_reliable_the_best_system_is_is_drawn_and_told():
    text = Page(render_report(run_record())).text.replace("\u202f", " ")
    assert "off by 2.1 points on average; before calibration it was 9.4 points" in text
    assert "right on 91.7 % of the 50 % of the documents that it is surest of" in text


def test_the_fastest_is_looked_for_within_the_best_systems_interval():
    said = _said(
        {"accuracy": 0.84, "accuracy_interval": [0.83, 0.85], "fit_seconds": 300},
        {"accuracy": 0.831, "fit_seconds": 12},
        {"accuracy": 0.829, "fit_seconds": 1},
    )
    assert "fastest system whose accuracy is within that interval is second: 83.1 % after 12 s" in said
    assert "where first takes 5 min 00 s" in said


def test_when_the_best_is_the_fastest_it_says_that():
    assert "Of the 2 systems within its interval it is the fastest" in _said(
        {"accuracy": 0.84, "accuracy_interval": [0.83, 0.85], "fit_seconds": 1}, {"accuracy": 0.835, "fit_seconds": 2}
    )


def test_a_validation_that_would_have_chosen_otherwise_is_named():
    said = _said({"accuracy": 0.84, "valid_accuracy": 0.80}, {"accuracy": 0.83, "valid_accuracy": 0.81})
    assert "would have chosen second (83.0 % on test)" in said


def test_one_system_is_compared_with_nothing_but_the_most_frequent_label():
    said = _said({"accuracy": 0.84})
    assert "next" not in said
    assert "always answering “class-0” would be right for 33.3 %" in said


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (formats.percent(0.8345), "83.5 %"),
        (formats.interval([0.825, 0.8421]), "82.5 – 84.2 %"),
        (formats.count(10991), "10,991"),
        (formats.seconds(0.042), "0.04 s"),
        (formats.seconds(9.97), "10 s"),
        (formats.seconds(34.1), "34 s"),
        (formats.seconds(125), "2 min 05 s"),
        (formats.seconds(7300), "2 h 01 min"),
        (formats.size(999), "999 B"),
        (formats.size(1_234_567), "1.2 MB"),
        (formats.size(999_960), "1.0 MB"),
        (formats.percent(None), "–"),
        (shorten("a  b\nc", 10), "a b c"),
        (shorten("abcdef", 4), "abc…"),
        (formats.count(1, "document"), "1 document"),
        (formats.count(1200, "class", "classes"), "1,200 classes"),
        (formats.percent(math.nan), "–"),
        (formats.breakable("lost_or_stolen<b>"), "lost_<wbr>or_<wbr>stolen&lt;b&gt;"),
        (formats.breakable("not_sent"), "not_sent"),
        (formats.breakable("a_b" * 20, 8), "a_ba_ba…"),
        (formats.in_sentence("0.5 of n-grams in lost_or_stolen"), "0.5 of n-grams in lost_<wbr>or_<wbr>stolen"),
        (formats.in_sentence("a <b>"), "a &lt;b&gt;"),
    ],
)
def test_numbers_are_written_as_people_write_them(written, expected):
    assert written.replace("\u202f", " ").replace("\u2060", "") == expected


def test_long_labels_that_begin_alike_are_told_apart_by_their_ends():
    labels = ["sys_mac_about_apples", "sys_mac_about_drives", "sys_ibm_about_drives", "motor"]
    assert formats.shorten_apart(labels, 12) == ["sys_m…apples", "sys_m…drives", "sys_ibm_abo…", "motor"]


# The pictures


def test_a_difference_of_nothing_has_no_sign():
    assert [formats.points(share) for share in (0.0, -0.0002, 0.0123, -0.0123)] == ["0.0", "0.0", "+1.2", "\u22121.2"]
    assert [formats.signed(number, 0) for number in (-0.4, 10, -1000)] == ["0", "+10", "\u22121,000"]


def test_labels_of_crowded_points_do_not_overlap():
    points = [(300 + 7 * (i % 4), 200 + 6 * (i // 4)) for i in range(14)]
    sizes = [(90.0 + i, 14.0) for i in range(14)]
    bounds = Box(0, 0, 800, 420)
    marks = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    placed = place_labels(points, sizes, bounds=bounds, obstacles=marks)
    for index, box in enumerate(placed):
        assert bounds.left <= box.left
        assert box.right <= bounds.right
        assert bounds.bottom <= box.bottom
        assert box.top <= bounds.top
        assert not any(box.overlap(other) for other in placed[index + 1 :] + marks)


def test_counts_are_written_into_a_small_confusion_matrix_only():
    labels = [f"label {number}" for number in range(13)]
    for k, written in ((12, True), (13, False)):
        system = record_of(run_record(n_classes=k, labels=labels[:k])).systems[0]
        svg = system_pictures.confusion_picture(system, labels[:k])
        assert (">50<" in svg) == written
        assert svg.count(">label 1<") == 2  # once a row, once a column


@pytest.mark.parametrize("accuracies", [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (1.0,), (0.999, 0.2)])
def test_accuracies_at_the_ends_can_be_drawn(accuracies):
    run = run_record(names=("a", "b")[: len(accuracies)])
    for system, share in zip(run["systems"], accuracies, strict=True):
        bounds = [max(share - 0.02, 0.0), min(share + 0.02, 1.0)]
        system |= {"accuracy": share, "accuracy_interval": bounds, "fit_seconds": 0.0}
    svg = time_picture.time_picture(record_of(run).systems)
    assert not re.search(r"\b(nan|inf)\b", svg)
    assert ">a<" in svg


def test_good_systems_lie_apart_also_beside_one_that_failed():
    floor = time_picture.error_floor([0.29, 0.84, 0.86])
    failed, good, best = time_picture.stretch([0.29, 0.84, 0.86], floor)
    assert (best - good) / (best - failed) > 2 * (0.86 - 0.84) / (0.86 - 0.29)
    np.testing.assert_allclose(np.diff(time_picture.stretch([0.2, 0.6, 0.8, 0.9], floor)), np.log(2))


@pytest.mark.parametrize("name", ["$x^2$", "$\\frac{$", "新闻 🎉", "عربي", "<b>&amp;", "a\nb\tc", "\x07\ufffe"])
def test_names_of_any_script_are_drawn_as_they_are(name):
    run = record_of(run_record(names=(name, "b"), labels=[name, "b"], n_classes=2))
    shown = shorten(name, 30)
    for svg in (
        time_picture.time_picture(run.systems),
        system_pictures.confusion_picture(run.systems[0], run.corpus.label_names),
    ):
        texts = ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("text")]
        assert shown in texts


def zipf_picture() -> str:
    return text_pictures.text_pictures(record_of(run_record()).words)["zipf"][0]


def test_colours_follow_the_page():
    svg = zipf_picture()
    assert "var(--blue, #0072b2)" in svg
    assert not re.search(r"(fill|stroke): #", svg)


def test_drawing_leaves_matplotlib_as_it_was():
    import matplotlib

    with matplotlib.rc_context({"font.size": 33, "axes.facecolor": "pink"}):
        before = dict(matplotlib.rcParams)
        svg = zipf_picture()
        assert dict(matplotlib.rcParams) == before
    assert svg == zipf_picture()


def test_a_vocabulary_picture_is_svg_or_png_by_its_ending(tmp_path):
    counted = typed(TextStatistics, run_record()["words"])
    write_vocabulary_picture(counted, tmp_path / "words.SVG")
    write_vocabulary_picture(counted, tmp_path / "words.png")
    root = ElementTree.fromstring((tmp_path / "words.SVG").read_bytes())
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert "85.0" in title.text or "93.0" in title.text
    assert (tmp_path / "words.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SettingError, match=r"words\.jpg ends in '\.jpg', expected \.svg or \.png"):
        write_vocabulary_picture(counted, tmp_path / "words.jpg")
    assert _names(tmp_path) == ["words.SVG", "words.png"]


@pytest.mark.parametrize("missing", ["zipf", "coverage", "lengths"])
def test_a_vocabulary_picture_leaves_out_what_was_not_counted(tmp_path, missing):
    counted = run_record()["words"]
    del counted[missing]
    write_vocabulary_picture(typed(TextStatistics, counted), tmp_path / "words.svg")
    assert "<path" in (tmp_path / "words.svg").read_text(encoding="utf-8")


def test_a_corpus_of_one_word_can_be_drawn(tmp_path):
    counted = {
        "n_types": 1,
        "zipf": {"rank": [1], "count": [1]},
        "coverage": [{"size": 1, "train": 1.0, "test": 0.0}],
        "lengths": {"histogram": {"edges": [0, 1], "train": [1], "test": [0]}},
    }
    write_vocabulary_picture(typed(TextStatistics, counted), tmp_path / "words.svg")
    assert "nan" not in (tmp_path / "words.svg").read_text(encoding="utf-8")


def test_a_corpus_without_words_is_said_to_have_none(tmp_path):
    counted = {
        "zipf": {"rank": [], "count": []},
        "coverage": [{"size": 5000, "train": math.nan, "test": math.nan}],
        "lengths": {"train": None, "histogram": {"edges": [0, 1], "train": [0], "test": [0]}},
    }
    for nothing in (counted, {}):
        with pytest.raises(SettingError, match="no counts to draw"):
            write_vocabulary_picture(typed(TextStatistics, nothing), tmp_path / "none.svg")
    assert "</html>" in render_report(run_record(names=()) | {"words": counted})


def test_losses_that_are_not_finite_leave_a_gap():
    system = run_record()["systems"][0]
    for row in system["epochs"][1:]:
        row["valid_loss"] = math.nan
    assert not re.search(r"\b(nan|inf)\b", system_pictures.loss_picture(typed(SystemScores, system)))


# In a browser

_CLICK = """<script>
const heads = [...document.querySelectorAll("#table-of-systems thead th")];
const head = heads.find((each) => each.textContent.startsWith("validation accuracy"));
const names = () => [...document.querySelectorAll("#table-of-systems tbody th a")];
const order = () => names().map((each) => each.textContent).join();
const before = order();
head.querySelector("button").click();
const descending = order();
head.querySelector("button").click();
document.documentElement.dataset.orders = [before, descending, order()].join("|");
</script>"""


@needs_chromium
def test_in_a_browser_the_page_has_no_errors_its_table_sorts_and_it_fits_a_phone(tmp_path):
    run = run_record()
    run["systems"].append(run["systems"][2] | {"name": "unchecked", "accuracy": 0.9, "valid_accuracy": None})
    document = opened(render_report(run), tmp_path, _CLICK)
    assert (
        'data-orders="unchecked,averaging,lstm,bayes|averaging,lstm,bayes,unchecked|bayes,lstm,averaging,unchecked"'
        in document
    )


@needs_chromium
def test_in_a_browser_the_pages_own_policy_lets_its_script_run(tmp_path):
    write_whole(tmp_path / "report.html", render_report(run_record()).encode())
    assert 'data-sortable="yes"' in dumped(tmp_path / "report.html", tmp_path / "profile")
