"""The record of an audit → the pairs of texts to look at first, as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bywords.terminal import shorten

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus
    from bywords.records.audit import AuditRecord, DuplicatePair
    from bywords.records.base import Part

N_SHOWN = 5  # examples of each kind
SHOWN_CHARACTERS = 100  # of an example's text


def example_pairs(record: AuditRecord, train: Corpus, test: Corpus | None) -> list[str]:
    """The pairs to look at first, a few lines each: those across the parts, or else those within training."""
    lines, (pairs, is_across) = [], _examples(record)
    for pair in pairs:
        which = "training row {} and test row {}" if is_across else "rows {} and {}"
        lines.append(f"  {_kind(pair)}: {which.format(pair.row, pair.other_row)}")
        lines += _texts(pair, train, test if test is not None and is_across else train)
    return lines


def shown_rows(record: AuditRecord) -> list[tuple[Part, int]]:
    """Of which documents such lines have the texts."""
    pairs, is_across = _examples(record)
    other: Part = "test" if is_across else "train"
    return [shown for pair in pairs for shown in (("train", pair.row), (other, pair.other_row))]


def text_of(corpus: Corpus, row: int) -> str:
    """The text of a document on one line."""
    return " ".join(corpus.texts[corpus.rows.tolist().index(row)].split())


def shortened(text: str) -> str:
    """A text, or what occurs in it, as an example on a line."""
    return shorten(text, SHOWN_CHARACTERS)


def _examples(record: AuditRecord) -> tuple[list[DuplicatePair], bool]:
    """The pairs to look at first, and whether they are across the parts."""
    pairs = record.duplicate_pairs
    is_across = bool(pairs.across)
    return _worst(pairs.across if is_across else pairs.train, is_across=is_across), is_across


def _worst(pairs: list[DuplicatePair], *, is_across: bool) -> list[DuplicatePair]:
    """One pair of each group, those with different labels first, and of these the texts that are only alike."""
    partners: dict[tuple[bool, int], list[tuple[bool, int]]] = {}
    for pair in pairs:
        one, other = (False, pair.row), (is_across, pair.other_row)
        partners.setdefault(one, []).append(other)
        partners.setdefault(other, []).append(one)
    shown: set[tuple[bool, int]] = set()
    worst: list[DuplicatePair] = []
    for pair in sorted(pairs, key=lambda pair: (pair.same_label, pair.kind == "exact")):
        reached = [(False, pair.row)]
        if len(worst) == N_SHOWN or reached[0] in shown:
            continue
        worst.append(pair)
        while reached:
            document = reached.pop()
            if document not in shown:
                shown.add(document)
                reached += partners[document]
    return worst


def _kind(pair: DuplicatePair) -> str:
    labels = "" if pair.same_label else ", with different labels"
    if pair.kind == "exact":
        return f"the same text{labels}"
    return ("the same words" if pair.similarity == 1 else f"{pair.similarity:.0%} alike") + labels


def _texts(pair: DuplicatePair, one: Corpus, other: Corpus) -> list[str]:
    """Label and text of two documents, a line each, or one for the same text; of long ones from where they differ."""
    labels = _label(one, pair.row), _label(other, pair.other_row)
    texts = [text_of(one, pair.row), text_of(other, pair.other_row)]
    if pair.kind == "exact":
        return [f"    {' and '.join(dict.fromkeys(labels))}: {shortened(texts[0])}"]
    if shortened(texts[0]) == shortened(texts[1]):
        n_alike = next((index for index, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), len(texts[0]))
        start = max(n_alike - SHOWN_CHARACTERS // 3, 0)
        texts = [f"…{text[start:]}" for text in texts]
    return [f"    {label}: {shortened(text)}" for label, text in zip(labels, texts, strict=True)]


def _label(corpus: Corpus, row: int) -> str:
    labels = corpus.select([corpus.rows.tolist().index(row)]).names()[0]
    return ", ".join(labels) if corpus.is_multilabel else str(labels)
