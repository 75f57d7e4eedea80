"""The record of an audit in, the pairs of texts to look at first out, as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bywords.cli.screen import one_line

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus

    Document = tuple[Corpus, int]  # and its row

N_SHOWN = 5  # examples of each kind
SHOWN_CHARACTERS = 100  # of an example's text


def example_pairs(record: dict[str, Any], train: Corpus, test: Corpus | None) -> list[str]:
    """The pairs to look at first, a few lines each: those across the parts, or else those within training."""
    across, within = record["near_duplicates_across_splits"], record["near_duplicates_within"]["train"]
    lines = []
    if test is not None and across:
        for pair in _worst(across, "train_row", "test_row"):
            lines.append(f"  {_kind(pair)}: training row {pair['train_row']} and test row {pair['test_row']}")
            lines += _texts(pair, (train, pair["train_row"]), (test, pair["test_row"]))
    else:
        for pair in _worst(within, "row", "other_row"):
            lines.append(f"  {_kind(pair)}: rows {pair['row']} and {pair['other_row']}")
            lines += _texts(pair, (train, pair["row"]), (train, pair["other_row"]))
    return lines


def text_of(corpus: Corpus, row: int) -> str:
    """The text of a document on one line."""
    return " ".join(corpus.texts[corpus.rows.tolist().index(row)].split())


def shortened(text: str) -> str:
    """A text, or what stands in it, as an example on a line."""
    return one_line(text, SHOWN_CHARACTERS)


def _worst(pairs: list[dict[str, Any]], left: str, right: str) -> list[dict[str, Any]]:
    """One pair of each group, those with unlike labels first, and of these the texts that are only alike."""

    def documents(pair: dict[str, Any]) -> tuple[tuple[bool, int], tuple[bool, int]]:
        return (left == "test_row", pair[left]), (right == "test_row", pair[right])

    partners: dict[tuple[bool, int], list[tuple[bool, int]]] = {}
    for one, other in map(documents, pairs):
        partners.setdefault(one, []).append(other)
        partners.setdefault(other, []).append(one)
    shown: set[tuple[bool, int]] = set()
    worst: list[dict[str, Any]] = []
    for pair in sorted(pairs, key=lambda pair: (pair["same_label"], pair["kind"] == "exact")):
        reached = [documents(pair)[0]]
        if len(worst) == N_SHOWN or reached[0] in shown:
            continue
        worst.append(pair)
        while reached:
            document = reached.pop()
            if document not in shown:
                shown.add(document)
                reached += partners[document]
    return worst


def _kind(pair: dict[str, Any]) -> str:
    labels = "" if pair["same_label"] else ", with different labels"
    if pair["kind"] == "exact":
        return f"the same text{labels}"
    return ("the same words" if pair["similarity"] == 1 else f"{pair['similarity']:.0%} alike") + labels


def _texts(pair: dict[str, Any], one: Document, other: Document) -> list[str]:
    """Label and text of two documents, a line each, or one for the same text; of long ones from where they differ."""
    labels = _label(*one), _label(*other)
    texts = [text_of(*one), text_of(*other)]
    if pair["kind"] == "exact":
        return [f"    {' and '.join(dict.fromkeys(labels))}: {shortened(texts[0])}"]
    if shortened(texts[0]) == shortened(texts[1]):
        n_alike = next((index for index, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), len(texts[0]))
        start = max(n_alike - SHOWN_CHARACTERS // 3, 0)
        texts = [f"…{text[start:]}" for text in texts]
    return [f"    {label}: {shortened(text)}" for label, text in zip(labels, texts, strict=True)]


def _label(corpus: Corpus, row: int) -> str:
    labels = corpus.select([corpus.rows.tolist().index(row)]).names()[0]
    return ", ".join(labels) if corpus.is_multilabel else str(labels)
