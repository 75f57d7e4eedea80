"""An evaluation → how good the answers are and how far to trust them, in sentences and a table by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bywords.cli.screen import print_table, say

if TYPE_CHECKING:
    from bywords.evaluation.evaluation import AnyEvaluation
FEW_OTHERS = 10  # documents of other labels than the commonest: fewer show nothing
MOST_ROWS = 100  # of the table by class
SHOWN = ("precision", "recall", "f1")


def tell_scores(evaluation: AnyEvaluation, which: str) -> None:
    """How good the answers for `which` documents are and how far to trust them, in sentences."""
    from bywords.evaluation.ranking import ranking_of
    from bywords.evaluation.reliability import calibration_sentence

    scores = evaluation.summary()
    n_documents = f"{scores['n_documents']:,} {which}"
    accuracy = f"{scores['accuracy']:.1%} of {n_documents} (95 % interval {_interval(scores['accuracy_interval'])})"
    if evaluation.is_multilabel:
        f1 = ", ".join(
            f"{what} {scores[name]:.3f} ({_interval(scores[f'{name}_interval'], '.3f')})"
            for name, what in (("micro_f1", "micro F1"), ("macro_f1", "macro F1"), ("samples_f1", "F1 of a document"))
        )
        say(f"On {n_documents}: {f1} (95 % intervals).")
        say(f"All labels are right for {scores['accuracy']:.1%} ({_interval(scores['accuracy_interval'])}).")
        if ranking := ranking_of(scores):
            tell_ranking(ranking)
        if scores["calibration_error"] is None:
            say("How far its probabilities are off is not known: it finds the likeliest of many labels alone.")
        else:
            say(calibration_sentence(scores["calibration_error"], None, "a label"))
        _warn(commonest(evaluation))
        tell_levels(scores)
        return
    always = commonest(evaluation)
    say(f"Right on {accuracy}. Always saying the commonest class would be right on {always['score']:.1%}.")
    within = ", ".join(f"the {k} likeliest for {share:.1%}" for k, share in scores["top_k_accuracy"].items())
    if within:
        say(f"The right label is among {within}.")
    _warn(always)
    surest = {row["coverage"]: row["accuracy"] for row in scores["coverage"] if row["coverage"] < 1}
    if surest:
        listed = ", ".join(f"{coverage:.0%}: {right:.1%}" for coverage, right in surest.items())
        say(f"Right on the surest answers alone, by their share of all: {listed}.")
    say(
        f"{calibration_sentence(scores['calibration_error'], scores['calibration_error_interval'])} Before calibration "
        f"it was {_points(scores['calibration_error_before'])}."
    )
    say(
        f"Where each class counts the same: macro F1 {scores['macro_f1']:.3f} "
        f"({_interval(scores['macro_f1_interval'], '.3f')}), balanced accuracy {scores['balanced_accuracy']:.1%}. "
        f"Log loss {'not known' if scores['log_loss'] is None else format(scores['log_loss'], '.3f')}."
    )
    tell_levels(scores)


def tell_levels(scores: Mapping[str, Any]) -> None:
    """The scores of labels that are paths, at each level; nothing where they are none."""
    from bywords.evaluation.levels import distinct_levels

    found = scores.get("hierarchy")
    if found is None:
        return
    first = "accuracy" if "accuracy" in found["levels"][0] else "micro_f1"
    form = ".1%" if first == "accuracy" else ".3f"
    say()
    print_table(
        ["labels cut to", "labels", f"{first.replace('_f1', ' F1')} (95 % interval)", "macro F1 (95 % interval)"],
        [
            [
                "1 level" if levels == "1" else f"{levels} levels", f"{row['n_labels']:,}",
                f"{row[first]:{form}} ({_interval(row[f'{first}_interval'], form)})",
                f"{row['macro_f1']:.3f} ({_interval(row['macro_f1_interval'], '.3f')})",
            ]
            for levels, row in distinct_levels(found["levels"], lambda row: int(row["n_labels"]))
        ],
    )  # fmt: skip
    parts = (f"{name} {found[name]:.3f} ({_interval(found[f'{name}_interval'], '.3f')})" for name in SHOWN)
    say(f"With every level of a path counted: hierarchical {', '.join(parts).replace('f1', 'F1')}.")


def tell_back_off(answered: Mapping[str, Any]) -> None:
    """How many answers are given at each level and how often they are right, where less sure ones back off."""
    say(f"Answers at the deepest level that is sure enough, for texts like those of the training: {_given(answered)}.")
    say(f"  whole labels: {_given(answered['whole_label'])}")
    for row in answered["levels"]:
        if row["n_documents"]:
            say(f"  cut to {row['level']} level{'s' if row['level'] > 1 else ''}: {_given(row)}")


def _given(row: Mapping[str, Any]) -> str:
    right = "" if row["accuracy"] is None else f", right on {row['accuracy']:.1%} ({_interval(row['interval'])})"
    return f"{row['n_documents']:,} documents, {row['coverage']:.1%} of all{right}"


def tell_ranking(ranking: Mapping[str, Any]) -> None:
    """How many of the first labels are right, where there are so many that a person looks at the first ones."""

    def told(name: str, short: str, at: Iterable[str]) -> str:
        scores = ((k, ranking[k][name], ranking[k][f"{name}_interval"]) for k in at)
        return ", ".join(f"{short}@{k} {score:.3f} ({_interval(interval, '.3f')})" for k, score, interval in scores)

    last = list(ranking)[-1:]
    say(
        f"Of its likeliest labels are right: {told('precision', 'P', ranking)}. Of the right ones it finds "
        f"{told('recall', 'R', last)}; in order, {told('ndcg', 'nDCG', last)}."
    )
    if ranking[last[0]]["propensity_scored_precision"] is not None:
        say(
            f"Where rare labels count more, by their propensity: {told('propensity_scored_precision', 'PSP', ranking)}."
        )


def tell_seen(found: Mapping[str, Any], n_test: int) -> None:
    """How many of the test documents are in training too, and how good the answers are without them."""
    shown = f"{found['n_documents']:,} of the {n_test:,} test documents {'is' if found['n_documents'] == 1 else 'are'}"
    scores = found["without_them"]
    if scores is None:
        say(f"{shown} also among the training documents: it has seen them all, and the scores say nothing of others.")
        return
    say(
        f"{shown} also among the training documents. Without them: right on {scores['accuracy']:.1%} of "
        f"{scores['n_documents']:,} (95 % interval {_interval(scores['accuracy_interval'])}), macro F1 "
        f"{scores['macro_f1']:.3f}."
    )


def commonest(evaluation: AnyEvaluation) -> dict[str, Any]:
    """How good it is always to say the commonest label, and whether the answers are better than that.

    `score` is the share that is right; of several labels a document the micro F1. The answers are better where the
    whole 95 % interval of theirs is above it. `n_others` documents have another label, where each has one.
    """
    scores = evaluation.summary()
    row = max(scores["per_class"], key=lambda row: int(row["support"]), default=None)
    n_documents, support = scores["n_documents"], 0 if row is None else row["support"]
    name, score = "accuracy", support / max(n_documents, 1)
    if evaluation.is_multilabel:
        n_labels = sum(row["support"] for row in scores["per_class"])
        name, score = "micro_f1", 2 * support / max(n_documents + n_labels, 1)
    low, high = scores[f"{name}_interval"] or (0.0, 1.0)
    return {
        "label": None if row is None else row["label"],
        "score": score,
        "n_others": None if evaluation.is_multilabel else n_documents - support,
        "is_reached": scores[name] > score,
        "is_beaten": low > score,
        "is_out_of_reach": high < score,
    }


def _warn(always: dict[str, Any]) -> None:
    """Say loudly that a model is no better than one that has learned nothing."""
    if always["is_beaten"]:
        return
    say()
    n_others = always["n_others"]
    if n_others is not None and n_others < FEW_OTHERS and not always["is_out_of_reach"]:
        few = f"only {_documents(n_others)}" if n_others else "no document"
        say(
            f"WARNING: {few} of another label than {always['label']!r} {'was' if n_others < 2 else 'were'} there to "
            "show whether this model tells the labels apart. Label more of the others."
        )
        return
    if always["is_reached"]:
        say(
            f"WARNING: so few documents do not show that this model is better than always saying {always['label']!r}. "
            "Test it on more, or train it on more."
        )
        return
    say(
        f"WARNING: this model is no better than always saying {always['label']!r}: it has learned nothing from these "
        "texts that tells the labels apart. Check that the right columns are read as text and label, and the labels."
    )


def _documents(number: int) -> str:
    return f"{number:,} document{'' if number == 1 else 's'}"


def _interval(bounds: Sequence[float] | None, form: str = ".1%") -> str:
    return "unknown" if bounds is None else f"{bounds[0]:{form}} to {bounds[1]:{form}}"


def _points(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} points"


def tell_classes(evaluation: AnyEvaluation) -> None:
    """The table by class, worst F1 first, those without a document last, and the commonest mistakes."""

    def worst_first(row: Mapping[str, Any]) -> tuple[bool, float]:
        return not row["support"], float(row["f1"])

    rows = sorted(evaluation.per_class(), key=worst_first)
    n_more = max(len(rows) - MOST_ROWS, 0)
    if n_more:  # those with the most documents
        shown = sorted(rows, key=lambda row: -int(row["support"]))[:MOST_ROWS]
        rows = sorted(shown, key=worst_first)
    many = evaluation.is_multilabel
    print_table(
        ["label, worst first" if many else "class, worst first", "precision", "recall", "F1", "documents"]
        + (["given from"] if many else []),
        [
            [
                row["label"],
                *(format(row[name], ".3f") if row["support"] else "-" for name in SHOWN),
                f"{row['support']:,}",
            ]
            + ([f"{row['threshold']:.1%}"] if many else [])
            for row in rows
        ],
    )
    if n_more:
        say(f"and {n_more:,} more with fewer documents, which evaluate --json has.")
    mistakes = evaluation.hardest_confusions(3)
    if mistakes:
        say()
        say("Where it fails most:")
    for mistake in mistakes:
        say(
            f"  {mistake['share']:.1%} of {mistake['true']} ({_documents(mistake['count'])}) "
            f"{'is' if mistake['count'] == 1 else 'are'} taken for {mistake['predicted']}"
        )
