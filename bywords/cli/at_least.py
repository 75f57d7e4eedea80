"""`--at-least precision:refund=0.95` → operating points, and sentences and rows on what they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bywords.cli.options import share_of
from bywords.cli.screen import print_table, say, tell_aside
from bywords.errors import SettingError, did_you_mean

if TYPE_CHECKING:
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.evaluation.operating_points import OperatingPoint
    from bywords.fitted import FittedClassifier

Option = Annotated[
    list[str] | None,
    typer.Option(
        "--at-least",
        metavar="KIND:LABEL=SHARE",
        help="Give a label by a threshold with such a precision or recall: precision:refund=0.95. Repeat for more.",
    ),
]


def operating_points(classifier: FittedClassifier, asked: Sequence[str] | None) -> list[OperatingPoint]:
    """The operating point of each label of which something is asked, in the order of the classes.

    Raises: SettingError for what is of another form, with an example; an unknown label, with the nearest; twice the
    same; what no threshold gives.
    """
    wanted: dict[int, dict[str, float]] = {}
    for text in asked or ():
        kind, label, share = _parsed(text, classifier)
        index = classifier.index_of(label)
        if kind in wanted.setdefault(index, {}):
            raise SettingError(f"--at-least {text}: the {kind} of {label!r} is asked for twice.")
        wanted[index][kind] = share
    return [classifier.point_of(index, wanted[index]) for index in sorted(wanted)]


def _parsed(text: str, classifier: FittedClassifier) -> tuple[str, str, float]:
    """precision:refund=0.95 → the kind, the label and the share."""
    from bywords.evaluation.operating_points import KINDS

    kind, colon, rest = text.partition(":")
    label, equals, share = rest.rpartition("=")
    example = f"precision:{classifier.classes.tolist()[0]}=0.95"
    if not (colon and equals and label):
        raise SettingError(
            f"--at-least {text}: expected precision or recall, a colon, a label, an equals sign and a share, as in "
            f"{example}."
        )
    if kind.strip().lower() not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise SettingError(f"--at-least {text}: expected precision or recall before the colon, as in {example}.{near}")
    if (found := share_of(share)) is None:
        raise SettingError(f"--at-least {text}: expected a {kind} above 0 and up to 1, as in {example} or 95%.")
    return kind.strip().lower(), label, found


def tell_points(points: Sequence[OperatingPoint], classifier: FittedClassifier) -> None:
    """What was chosen and what it gave on documents held out, on standard error."""
    for point in points:
        asked = " and ".join(f"a {kind} of {least:.1%}" for kind, least in point.wanted.items())
        tell_aside(
            f"{point.label}, for at least {asked}: given at or above a probability of {point.threshold:.3g}. On "
            f"{point.n_documents:,} documents held out, precision {_share(point, 'precision')} of {point.n_given:,}, "
            f"recall {_share(point, 'recall')} of {point.n_with_label:,} (95 % intervals)."
        )
    tell_remarks(points, classifier)


def tell_remarks(points: Sequence[OperatingPoint], classifier: FittedClassifier) -> None:
    """What has to be known to trust them, on standard error."""
    for point in points:
        if not point.is_assured:
            tell_aside(
                f"{point.label}: the interval begins below what is asked, so that it may well be missed on new texts. "
                "Train on more documents that have the label, or ask for less."
            )
    if points and classifier.storage:
        tell_aside("These were answers of the model before it was made smaller: test it again with bywords evaluate.")
    if len(points) > 1 and not classifier.is_multilabel and any("recall" in point.wanted for point in points):
        tell_aside(
            "Each of these holds for its label alone: a text that reaches several goes to the one that it is furthest "
            "above the threshold of."
        )


def _share(point: OperatingPoint, kind: str) -> str:
    low, high = getattr(point, f"{kind}_interval")
    return f"{getattr(point, kind):.1%} ({low:.1%} to {high:.1%})"


def kept(points: Sequence[OperatingPoint], evaluation: AnyEvaluation) -> list[dict[str, Any]]:
    """What was expected of each label and what it gives on these documents, a row each, ready for JSON.

    The evaluation is of the classifier `with_points`.
    """
    from bywords.evaluation.evaluation import Evaluation
    from bywords.evaluation.metrics import confusion_by_label, wilson_interval
    from bywords.evaluation.operating_points import decided

    if isinstance(evaluation, Evaluation):
        own = evaluation.probabilities[:, [point.index for point in points]]
        labels, given = evaluation.labels, decided(points, own, evaluation.predicted)
        counts = {
            index: [
                int((given[labels == index] == index).sum()),
                int((given == index).sum()),
                int((labels == index).sum()),
            ]
            for index in (point.index for point in points)
        }
    else:
        counts = dict(enumerate(confusion_by_label(evaluation.labels, evaluation.predicted).tolist()))
    rows = []
    for point in points:
        n_right, n_given, n_with = counts[point.index]
        row: dict[str, Any] = {"label": str(point.label), "expected": point.plain()}
        for kind, n_of in (("precision", n_given), ("recall", n_with)):
            share = n_right / n_of if n_of else None
            low, high = wilson_interval(share or 0.0, n_of)
            row |= {kind: share, f"{kind}_interval": [low, high], f"n_{kind}": n_of}
        rows.append(row)
    return rows


def tell_kept(points: Sequence[OperatingPoint], evaluation: AnyEvaluation, classifier: FittedClassifier) -> None:
    """A table of the same: what was asked, on documents held out, on these."""
    from bywords.evaluation.operating_points import KINDS

    cells, rows = [], kept(points, evaluation)
    for row in rows:
        for kind in KINDS:
            least = row["expected"]["wanted"].get(kind)
            found = [
                "none"
                if one[kind] is None
                else f"{one[kind]:.1%} ({one[f'{kind}_interval'][0]:.1%} to {one[f'{kind}_interval'][1]:.1%})"
                for one in (row["expected"], row)
            ]
            asked = "" if least is None else f"{least:.1%}"
            cells.append([f"{row['label']}, {kind}", asked, f"{row['expected']['threshold']:.3g}", *found])
    say("Labels by thresholds of their own, on documents held out when the model was trained, and on these:")
    print_table(["label", "at least", "threshold", "held out", "these documents"], cells)
    tell_remarks(points, classifier)
    say()


def refuse_beside_back_off(points: Sequence[OperatingPoint]) -> None:
    """Raise SettingError where labels have thresholds of their own and answers would be cut to a level as well."""
    if points:
        raise SettingError(
            "labels that are paths are cut to the level that is sure enough by --min-confidence and --abstain, and "
            "--at-least is for whole labels: leave out one of the two."
        )
