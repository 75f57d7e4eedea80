"""`bywords train DATA --labels FIXED.csv`: what differs where labels are corrected, and what that brings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bywords.cli.screen import say

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus, Split
    from bywords.fitted import FittedClassifier
    from bywords.io.corrections import Corrected
    from bywords.text.tokenizer import Tokenizer


def corrected_split(labels: Path, split: Split, *, is_drawn: bool, tokenizer: Tokenizer) -> Corrected:
    """The split with the corrections of the file, both sides of it without documents that have no words."""
    from bywords.io.corrections import corrected, read_corrections

    found = corrected(split, read_corrections(labels), is_drawn=is_drawn)
    return dataclasses.replace(
        found, split=found.split.drop_empty(tokenizer), before=found.before.drop_empty(tokenizer)
    )


def gain_of_corrections(
    fitted: FittedClassifier, as_they_were: FittedClassifier, corrections: Corrected
) -> dict[str, Any]:
    """How much more often a trained classifier is right than one like it that learned the labels as they were.

    Both are asked for the same test documents, and held to the same labels of them: the corrected ones. Where some of
    those were corrected, the difference by the labels as they were is there too.
    """
    from bywords.evaluation.significance import paired_difference

    test = corrections.split.test
    answers, answers_before = fitted.predict(test.texts).labels, as_they_were.predict(test.texts).labels

    def compared(truth: Corpus) -> dict[str, Any]:
        is_right, was_right = answers == truth.names(), answers_before == truth.names()
        found = paired_difference(is_right.astype(float), was_right.astype(float))
        return {
            "accuracy": float(is_right.mean()),
            "accuracy_before": float(was_right.mean()),
            "difference": found.difference,
            "interval": list(found.interval),
            "p_value": found.p_value,
        }

    return {
        "n_changed": corrections.n_changed,
        "n_left_out": corrections.n_left_out,
        "n_changed_test": corrections.n_changed_test,
        "n_left_out_test": corrections.n_left_out_test,
        "gain": compared(test),
        "gain_by_labels_as_they_were": compared(corrections.before.test) if corrections.n_changed_test else None,
    }


def tell_corrections(found: dict[str, Any], n_test: int) -> None:
    """What was corrected and what it brings, in sentences."""
    counts = [found[name] for name in ("n_changed", "n_left_out", "n_changed_test", "n_left_out_test")]
    if not any(counts):
        say("The corrections leave all labels as they were: nothing is gained by them.")
        return
    left_out = f", {found['n_left_out']:,} left out" if found["n_left_out"] else ""
    of = "label of a training document" if found["n_changed"] == 1 else "labels of training documents"
    say(f"Corrected: {found['n_changed']:,} {of}{left_out}.")
    as_they_were = found["gain_by_labels_as_they_were"]
    if as_they_were is None:
        say(f"On the same {n_test:,} test documents, {_told(found['gain'])}.")
    else:
        say(f"On the same {n_test:,} test documents, by the labels that they had, {_told(as_they_were)}.")
        say(f"By their corrected labels, {_told(found['gain'])}.")
    if found["n_changed_test"] or found["n_left_out_test"]:
        say(
            f"Of the test documents {found['n_changed_test']:,} were corrected and {found['n_left_out_test']:,} left "
            "out, for both alike. Whoever corrects them by what a model suggests makes models look better."
        )


def _told(gain: dict[str, Any]) -> str:
    low, high = (100 * bound for bound in gain["interval"])
    told = (
        f"{gain['accuracy']:.1%} are right instead of {gain['accuracy_before']:.1%} with the labels as they were: "
        f"{100 * gain['difference']:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})"
    )
    return f"{told}, which chance may explain" if low <= 0 <= high else told
