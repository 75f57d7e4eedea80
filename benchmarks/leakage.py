"""What gives the class of 20 Newsgroups' untouched messages away, how much, and what is left when it is stripped?

Claims: addresses and domains, names of senders and header fields are named for the untouched messages; stripped of
headers, footers and quotes they have less than a tenth as many, and a rule of them alone is right less than a third as
often; no ordinary word is among them; and a linear classifier that learned from untouched messages loses more on
stripped ones than one that learned from these. All is chosen on training documents; accuracy is on the test part.
Writes docs/leakage.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import time
from pathlib import Path
from typing import Any

from measure import write_result

from bywords.auditing.leakage import find_leakage
from bywords.classifier import TextClassifier
from bywords.data.corpus import Corpus, Split
from bywords.evaluation.metrics import accuracy, wilson_interval
from bywords.files import write_whole
from bywords.io.datasets import load_dataset
from bywords.records.base import plain
from bywords.text.tokenizer import Tokenizer

NAMES = {"untouched": "20newsgroups-full", "stripped": "20newsgroups"}
SYSTEM = "tfidf-svc"
PAGE = Path(__file__).parents[1] / "docs" / "leakage.md"
N_KEPT = 50  # patterns of each form in the result
N_OF_KIND = 8  # patterns of each kind that the page names
KINDS = ("address", "domain", "person", "header field", "header line")


def main() -> None:
    """Find them in both forms of the messages, fit to each, ask about each, write and assert."""
    splits = {form: load_dataset(name) for form, name in NAMES.items()}
    found = {form: measured(form, split.train) for form, split in splits.items()}
    scores = {
        f"{trained} to {tested}": scored(split, splits[tested].test, f"{trained} to {tested}")
        for trained, split in splits.items()
        for tested in splits
    }
    result = {"system": SYSTEM, "forms": found, "accuracy": scores}
    shown = {form: {**row, "found": row["found"][:N_KEPT]} for form, row in found.items()}
    write_result("leakage", {**result, "forms": shown})
    write_whole(PAGE, page(result).encode())
    check(result)


def measured(form: str, train: Corpus) -> dict[str, Any]:
    """What leaks in the training messages in one form, as JSON values, and the seconds it took to find it."""
    tokens = Tokenizer()(train.texts)
    started = time.perf_counter()
    found = find_leakage(train, tokens)
    seconds = time.perf_counter() - started
    right = found.rule.accuracy if found.rule else float("nan")
    print(f"{form:10} {found.n_found:6,} patterns, rule right {right:.4f}, {seconds:.1f} s", flush=True)
    return {"seconds": seconds, **plain(found)}


def scored(trained: Split, test: Corpus, what: str) -> dict[str, Any]:
    """How often the system is right about test messages in one form after training on one form."""
    classifier = TextClassifier(SYSTEM).fit(trained.train.texts, trained.train.names())
    share = accuracy(test.names(), classifier.predict(test.texts))
    print(f"{what:24} {share:.4f}", flush=True)
    return {"accuracy": share, "interval": list(wilson_interval(share, len(test))), "n_documents": len(test)}


def page(result: dict[str, Any]) -> str:
    """docs/leakage.md."""
    untouched, stripped = (result["forms"][form] for form in NAMES)
    lines = [
        "# What gives 20 Newsgroups away",
        "",
        "Made by `python benchmarks/leakage.py`; do not edit. The same "
        f"{untouched['rule']['n_documents']:,} training messages in two forms: untouched (`20newsgroups-full`), and "
        "without headers, footers and quotes (`20newsgroups`). A pattern counts when the lower bound (Wilson, 95 %) of "
        "the share of its documents that are of one class is at least halfway from guessing to certainty. The rule "
        "is chosen on one half of the messages and asked about the other: of the patterns in a message the one with "
        "the highest lower bound decides; for a message without any, the commonest class of such messages is guessed.",
        "",
        "| | untouched | stripped |",
        "|---|---|---|",
        f"| patterns | {untouched['n_found']:,} | {stripped['n_found']:,} |",
        f"| messages that the rule speaks about | {_share_decided(untouched)} | {_share_decided(stripped)} |",
        f"| right about those | {untouched['rule']['accuracy_of_decided']:.3f} | "
        f"{stripped['rule']['accuracy_of_decided']:.3f} |",
        "| **right about all messages** | "
        f"**{untouched['rule']['accuracy']:.3f}** | **{stripped['rule']['accuracy']:.3f}** |",
        f"| always the commonest class | {untouched['rule']['guess']:.3f} | {stripped['rule']['guess']:.3f} |",
        "",
        f"Accuracy of `{result['system']}` on the {result['accuracy']['stripped to stripped']['n_documents']:,} test "
        "messages, with its 95 % interval, by what it learned from and what it is asked about:",
        "",
        "| learned from | asked about untouched | asked about stripped |",
        "|---|---|---|",
        *(
            f"| {trained} | "
            + " | ".join(_score(result["accuracy"][f"{trained} to {tested}"]) for tested in NAMES)
            + " |"
            for trained in NAMES
        ),
        "",
        "## Patterns of the untouched messages",
        "",
        "The first of each kind by how many messages they tell of; also: what nearly the same messages have.",
        "",
        "| kind | pattern | class | messages | of the class | share of the class | also |",
        "|---|---|---|---|---|---|---|",
        *(row for kind in KINDS for row in _rows(untouched, kind)),
        "",
        "## Header fields",
        "",
        "How often the value of a field gives the class: the commonest class of that value in the other half of the "
        "messages, and the commonest class of all messages with the field where the value is new.",
        "",
        "| field | messages | values | right | guessing |",
        "|---|---|---|---|---|",
        *(
            f"| `{row['field']}` | {row['n_documents']:,} | {row['n_values']:,} | "
            f"{row['accuracy']:.3f} | {row['guess']:.3f} |"
            for row in untouched["fields"]
        ),
        "",
        "## What is left in the stripped messages",
        "",
        "| kind | pattern | class | messages | of the class | share of the class | also |",
        "|---|---|---|---|---|---|---|",
        *(_row(row) for row in stripped["found"][:20]),
        "",
    ]
    return "\n".join(lines)


def check(result: dict[str, Any]) -> None:
    """Assert what the first lines claim."""
    untouched, stripped = (result["forms"][form] for form in NAMES)
    kinds = {row["kind"] for row in untouched["found"]} | {row["kind"] for row in untouched["kinds"]}
    assert set(KINDS) <= kinds, kinds
    telling = {row["field"] for row in untouched["fields"] if row["interval"][0] > row["guess"]}
    assert {"From", "Organization", "Distribution", "Nntp-Posting-Host", "Article-I.D."} <= telling, telling
    for form in (untouched, stripped):
        assert "word" not in {row["kind"] for row in form["kinds"]}
    assert stripped["n_found"] < 0.1 * untouched["n_found"]
    assert stripped["rule"]["accuracy"] < untouched["rule"]["accuracy"] / 3
    scores = {name: row["accuracy"] for name, row in result["accuracy"].items()}
    assert scores["untouched to stripped"] < scores["stripped to stripped"] < scores["untouched to untouched"], scores


def _share_decided(found: dict[str, Any]) -> str:
    return f"{found['rule']['n_decided']:,} ({found['rule']['n_decided'] / found['rule']['n_documents']:.1%})"


def _score(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['accuracy']:.3f} ({low:.3f} to {high:.3f})"


def _rows(found: dict[str, Any], kind: str) -> list[str]:
    return [_row(row) for row in found["found"] if row["kind"] == kind][:N_OF_KIND]


def _row(row: dict[str, Any]) -> str:
    also = "; ".join(f"{other['kind']} {_code(other['what'])}" for other in row["also"][:3])
    return (
        f"| {row['kind']} | {_code(row['what'])} | {row['label']} | {row['n_documents']} | {row['share']:.1%} | "
        f"{row['share_of_class']:.1%} | {also} |"
    )


def _code(text: str) -> str:
    """The text for a table in Markdown, on one line."""
    return "`" + " ".join(text.split()).replace("`", "'").replace("|", "\\|") + "`"


if __name__ == "__main__":
    main()
