"""What the scores of a model hide: slices of documents where it is worse than elsewhere, and its surest mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bywords.cli.screen import say
from bywords.terminal import shorten

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.fitted import FittedClassifier

SHOWN_CHARACTERS = 100  # of an example, so that it stays on a line or two


def slices_in(classifier: FittedClassifier, evaluation: AnyEvaluation, corpus: Corpus) -> list[dict[str, Any]]:
    """The slices of the documents that were evaluated, by length, known words, class, and the corpus's columns."""
    from bywords.evaluation.slices import find_slices

    n_tokens = classifier.tokenizer(corpus.texts).lengths
    return find_slices(evaluation, n_tokens=n_tokens, columns=corpus.columns)


def tell_slices(rows: list[dict[str, Any]], *, n: int) -> None:
    """The n slices that cost most right answers, where some are worse than others by more than chance; and how many."""
    from bywords.evaluation.slices import sentence, worst
    from bywords.report.formats import count

    slices = count(len(rows), "slice")
    n_worse = sum(row["is_worse"] for row in rows)
    by = ", ".join(dict.fromkeys(row["by"] for row in rows))
    if not n_worse:
        say(f"Looked at {slices}, by {by}: none is worse than the rest by more than chance.")
        return
    shown = worst(rows, n)
    which = f"{n_worse:,} are" if n_worse > 1 else "1 is"
    example = ", for example" if len(shown) < n_worse else ""
    say(f"Looked at {slices}, by {by}: {which} worse than the rest by more than chance{example}:")
    for row in shown:
        say(f"  {sentence(row)}")


def tell_examples(confusions: list[dict[str, Any]]) -> None:
    """The surest mistakes of each kind."""
    from bywords.report.formats import count

    for mistake in confusions:
        say()
        true, predicted = (shorten(mistake[key], SHOWN_CHARACTERS) for key in ("true", "predicted"))
        say(f"{true}, taken for {predicted} ({count(mistake['count'], 'document')}):")
        for example in mistake["examples"]:
            line = shorten(example["text"], SHOWN_CHARACTERS)
            say(f"  row {example['row']}, {example['probability']:.1%} sure: {line}")
