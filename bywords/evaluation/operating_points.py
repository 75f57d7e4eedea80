"""Answers held out, and a wanted precision or recall of a label → the threshold to give it by, and what that gives.

A model keeps the curve of each label: of documents held out, how many get it at or above a probability, and how many of
these have it. A threshold is chosen so that the lower end of the 95 % interval is what is wanted: chosen so that the
share itself is, as by `precision_recall_curve`, it is not kept on new documents in more than half of the cases
(`benchmarks/operating_points.py`). Where no threshold does that, the share itself has to be, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.errors import SettingError, did_you_mean, shown
from bywords.evaluation.metrics import Labels, Scores, wilson_bounds, wilson_interval
from bywords.text.ragged import offsets_of
from bywords.validation import check_array, check_lengths, check_within

KINDS = ("precision", "recall")
FEWEST = 10  # documents held out that have a label, or get it: a share of fewer is nothing to choose a threshold by
MOST_POINTS = 64  # of a curve
OPEN = -1  # for the index of a class: no label is given
Counts = npt.NDArray[np.int32]
Wanted = Mapping[str, float]  # the least precision, the least recall, or both
AtLeast = Mapping[Any, Wanted]  # by label


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """The threshold of one label, and what it gave on N documents held out.

    Of texts with one label: with a recall that is wanted, all at or above the threshold get the label; otherwise those
    whose likeliest label it is. Those whose likeliest label it is and that are below the threshold are left open.

    >>> from bywords import load_classifier
    >>> point = load_classifier("tickets-model").operating_point("office", precision=0.9)
    >>> point.label, point.wanted, point.n_right / point.n_given >= 0.9
    ('office', {'precision': 0.9}, True)
    """

    label: Any
    index: int  # among the classes
    wanted: Wanted
    threshold: float  # a probability: at or above it the label is given
    n_documents: int  # held out
    n_with_label: int  # of these, that have the label
    n_given: int  # that get it
    n_right: int  # that have it and get it

    @property
    def precision(self) -> float:
        return self.n_right / self.n_given

    @property
    def recall(self) -> float:
        return self.n_right / self.n_with_label

    @property
    def precision_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the precision."""
        return wilson_interval(self.precision, self.n_given)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the recall."""
        return wilson_interval(self.recall, self.n_with_label)

    @property
    def is_assured(self) -> bool:
        """Whether the lower ends of the intervals are as high as what is wanted."""
        low = {"precision": self.precision_interval[0], "recall": self.recall_interval[0]}
        return all(low[kind] >= least for kind, least in self.wanted.items())

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        shares = {name: getattr(self, name) for name in (*KINDS, "is_assured")}
        intervals = {f"{kind}_interval": list(getattr(self, f"{kind}_interval")) for kind in KINDS}
        return {**vars(self), "label": str(self.label), "wanted": dict(self.wanted), **shares, **intervals}


@dataclass(frozen=True, eq=False, kw_only=True)
class OperatingCurves:
    """Of each of K labels, what thresholds give on N documents held out: those that no other threshold is better than.

    A threshold is left out where a lower one has as high a precision, or a higher one as high a recall; and of more
    than MOST_POINTS, others too. So a curve never says more than was seen. Labels that fewer than FEWEST documents have
    get none. With one label a text there are two of each: given to the texts whose likeliest label it is; and to all.
    """

    n_documents: int  # N
    n_with: Counts  # (K,), documents that have each label
    lengths: Counts  # (1, K), or (2, K) with one label a text: points of each curve
    thresholds: npt.NDArray[np.float32]  # (P,), of all curves one behind the other, each falling
    n_given: Counts  # (P,), documents at or above the threshold
    n_right: Counts  # (P,), of these, that have the label

    @classmethod
    def of(cls, probabilities: Scores, targets: Targets) -> OperatingCurves:
        """From the probabilities (N, K) of documents held out."""
        rows, labels = targets.pairs()
        likeliest = None if targets.is_multilabel else probabilities.argmax(axis=1)
        n_with = np.bincount(labels, minlength=targets.n_classes).astype(np.int32)
        lengths = np.zeros((1 if likeliest is None else 2, targets.n_classes), dtype=np.int32)
        order, starts = np.argsort(labels, kind="stable"), offsets_of(n_with)
        points: list[npt.NDArray[Any]] = [np.zeros((3, 0))]
        for which in range(len(lengths)):
            for label in np.flatnonzero(n_with >= FEWEST).tolist():
                has = np.zeros(len(targets), dtype=bool)
                has[rows[order[starts[label] : starts[label + 1]]]] = True
                asked = slice(None) if likeliest is None or which else likeliest == label
                points.append(_curve(probabilities[asked, label], has[asked]))
                lengths[which, label] = points[-1].shape[1]
        thresholds, n_given, n_right = np.concatenate(points, axis=1)
        return cls(
            n_documents=len(targets), n_with=n_with, lengths=lengths, thresholds=thresholds.astype(np.float32),
            n_given=n_given.astype(np.int32), n_right=n_right.astype(np.int32),
        )  # fmt: skip

    @classmethod
    def none(cls, targets: Targets) -> OperatingCurves:
        """No curve of any label: where it is not known which documents get them by another threshold."""
        nothing = np.zeros(0, dtype=np.int32)
        return cls(
            n_documents=len(targets), n_with=targets.counts().astype(np.int32), thresholds=nothing.astype(np.float32),
            lengths=np.zeros((1 if targets.is_multilabel else 2, targets.n_classes), dtype=np.int32), n_given=nothing,
            n_right=nothing,
        )  # fmt: skip

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As a model folder has them, which has the number of documents elsewhere."""
        return {name: getattr(self, name) for name in ("n_with", "lengths", "thresholds", "n_given", "n_right")}

    @classmethod
    def restored(
        cls, arrays: Mapping[str, npt.NDArray[Any]], n_documents: int, n_classes: int, *, is_multilabel: bool
    ) -> OperatingCurves:
        """The curves with these arrays. Raises SettingError for what no answers give."""
        shapes: dict[str, tuple[int | str, ...]] = {
            "n_with": (n_classes,), "lengths": (1 if is_multilabel else 2, n_classes),
            "thresholds": ("P",), "n_given": ("P",), "n_right": ("P",),
        }  # fmt: skip
        if arrays.keys() != shapes.keys():
            raise SettingError(f"the operating curves are {sorted(arrays)}, expected {sorted(shapes)}")
        for name, shape in shapes.items():
            check_array(name, arrays[name], np.float32 if name == "thresholds" else np.int32, shape=shape)
        found = cls(n_documents=n_documents, **arrays)
        found._check()
        return found

    def _check(self) -> None:
        n_points = len(self.thresholds)
        check_within("n_with", self.n_with, 0, self.n_documents)
        check_within("lengths", self.lengths, 0, MOST_POINTS)
        check_lengths("lengths", self.lengths.ravel(), n_points)
        if len(self.n_given) != n_points or len(self.n_right) != n_points:
            raise SettingError(
                f"there are {n_points} thresholds, {len(self.n_given)} n_given, {len(self.n_right)} n_right"
            )
        check_within("thresholds", self.thresholds, 0, 1)
        check_within("n_given", self.n_given, 1, self.n_documents)
        check_within("n_right", self.n_right, 1, self.n_documents)
        n_given, n_right = self.n_given.astype(np.int64), self.n_right.astype(np.int64)
        curves = np.repeat(np.arange(self.lengths.size), self.lengths.ravel())
        n_with = self.n_with[curves % len(self.n_with)].astype(np.int64)
        n_wrong = n_given - n_right
        is_possible = (n_wrong >= 0) & (n_right <= n_with) & (n_wrong <= self.n_documents - n_with)
        if len(self.lengths) == 2 and int(self.n_with.sum(dtype=np.int64)) != self.n_documents:
            raise SettingError(f"n_with sum to {self.n_with.sum(dtype=np.int64)}, expected {self.n_documents}")
        if self.lengths[:, self.n_with < FEWEST].any():
            raise SettingError("there is an operating curve of too few documents")
        is_same = curves[1:] == curves[:-1]
        is_falling = (self.thresholds[1:] < self.thresholds[:-1]) & (n_right[1:] > n_right[:-1])
        is_falling &= n_right[1:] * n_given[:-1] < n_right[:-1] * n_given[1:]  # the precision
        if not (is_possible.all() and is_falling[is_same].all()):
            raise SettingError("an operating curve is of documents that cannot be")

    def point(self, index: int, label: Any, wanted: Wanted) -> OperatingPoint:
        """The operating point of a label, the class at `index`, by what is `wanted` of it.

        With a wanted precision the one with the highest recall, otherwise the one with the highest precision. Where
        none is assured by its interval, of those that reach a wanted precision the one whose interval begins highest.

        Raises: SettingError where none reaches it, with the best that there is, and where too few documents held out
        have the label.
        """
        check_wanted(label, wanted)
        n_with = int(self.n_with[index])
        if n_with < FEWEST:
            raise SettingError(
                f"too few of the {self.n_documents:,} documents held out when the model was trained have the label "
                f"{shown(label)}: {n_with}, and it takes {FEWEST} to choose a threshold by. Train on more documents "
                "that have it."
            )
        curve = self._curve_of(index, is_recall_wanted="recall" in wanted)
        thresholds, n_given, n_right = curve
        shares = {"precision": n_right / n_given, "recall": n_right / n_with}
        low = {"precision": wilson_bounds(shares["precision"], n_given)[0]}
        low["recall"] = wilson_bounds(shares["recall"], n_with)[0]
        is_met, is_assured = (
            np.logical_and.reduce([found[kind] >= least for kind, least in wanted.items()]) for found in (shares, low)
        )
        if "precision" in wanted:
            is_met &= n_given >= FEWEST
        is_assured &= is_met
        if not is_met.any():
            raise SettingError(_unreached(label, wanted, n_given, n_right, n_with))
        candidates = np.flatnonzero(is_assured if is_assured.any() else is_met)
        if "precision" not in wanted:
            best = candidates[0]
        else:
            best = candidates[-1] if is_assured.any() else candidates[low["precision"][candidates].argmax()]
        return OperatingPoint(
            label=label, index=index, wanted=dict(wanted), threshold=float(thresholds[best]),
            n_documents=self.n_documents, n_with_label=n_with, n_given=int(n_given[best]), n_right=int(n_right[best]),
        )  # fmt: skip

    def _curve_of(
        self, index: int, *, is_recall_wanted: bool
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Thresholds, documents at or above them, and of these those that have the label; (≤ MOST_POINTS,) each."""
        which = len(self.lengths) - 1 if is_recall_wanted else 0
        number = which * self.lengths.shape[1] + index
        start = int(self.lengths.ravel()[:number].sum())
        part = slice(start, start + int(self.lengths[which, index]))
        return self.thresholds[part], self.n_given[part].astype(np.int64), self.n_right[part].astype(np.int64)


def check_wanted(label: Any, wanted: Any) -> None:
    """Raise SettingError for what is no precision or recall from 0 to 1, above 0."""
    example = f"as in {{{shown(label)}: {{'precision': 0.95}}}}"
    if not isinstance(wanted, Mapping) or not wanted:
        raise SettingError(
            f"of the label {shown(label)} is wanted {shown(wanted)}: expected a precision or recall, {example}."
        )
    for kind, least in wanted.items():
        if kind not in KINDS:
            near = did_you_mean(str(kind), KINDS)
            raise SettingError(
                f"of the label {shown(label)} is wanted {shown(kind)}: expected precision or recall, {example}.{near}"
            )
        is_number = isinstance(least, int | float | np.number) and not isinstance(least, bool)
        if not is_number or not 0 < least <= 1:
            raise SettingError(
                f"the wanted {kind} of {shown(label)} is {shown(least)}, expected a number above 0 and "
                "up to 1, as in 0.95."
            )


def decided(points: Sequence[OperatingPoint], own: Scores, likeliest: Labels) -> Labels:
    """The label of each of N texts that have one, where these labels are given by their operating points, int64 (N,).

    `own` are the probabilities of the P labels of the points, (N, P); OPEN stands for no label. Of several labels with
    a wanted recall that one text reaches, it gets the one that it is furthest above the threshold of.
    """
    given = likeliest.copy()
    reached = own - np.array([point.threshold for point in points])
    for point, margin in zip(points, reached.T, strict=True):
        given[(likeliest == point.index) & (margin < 0)] = OPEN
    takes = [number for number, point in enumerate(points) if "recall" in point.wanted]
    if takes:
        margins, indices = reached[:, takes], np.array([points[number].index for number in takes])
        is_taken = margins.max(axis=1) >= 0
        given[is_taken] = indices[margins.argmax(axis=1)][is_taken]
    return given


def with_points(thresholds: npt.NDArray[np.float64], points: Sequence[OperatingPoint]) -> npt.NDArray[np.float64]:
    """The thresholds of K labels, (K,), of which a text may have any number, with those of the operating points."""
    thresholds = thresholds.copy()
    thresholds[[point.index for point in points]] = [point.threshold for point in points]
    return thresholds


def _curve(probabilities: Scores, has: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Threshold, documents at or above it, and of these those that have the label: (3, ≤ MOST_POINTS).

    Thresholds are rounded down to float32 before anything is counted, so that the same documents reach them.
    """
    rounded = probabilities.astype(np.float32)
    rounded = np.where(rounded > probabilities, np.nextafter(rounded, np.float32(0)), rounded)
    order = np.argsort(-rounded, kind="stable")
    ordered, n_right = rounded[order], np.cumsum(has[order])
    ends = np.flatnonzero(np.append(ordered[:-1] > ordered[1:], True)) if len(ordered) else order
    ordered, n_given, n_right = ordered[ends], ends + 1, n_right[ends]
    precision = n_right / n_given
    best_below = np.append(np.maximum.accumulate(precision[::-1])[::-1][1:], 0)
    kept = np.flatnonzero((precision > best_below) & (np.diff(n_right, prepend=0) > 0))
    if len(kept) > MOST_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_POINTS).round().astype(np.int64)]
    return np.stack([ordered[kept].astype(np.float64), n_given[kept], n_right[kept]])


def _unreached(
    label: Any, wanted: Wanted, n_given: npt.NDArray[np.int64], n_right: npt.NDArray[np.int64], n_with: int
) -> str:
    """What to say where no threshold gives what is wanted."""
    name, advice = shown(label), "Ask for less, or train on more documents that have it."
    enough = n_given >= FEWEST
    if not enough.any():
        return (
            f"fewer than {FEWEST} of the documents held out got the label {name}, which is too few to choose a "
            "threshold by. Train on more documents that have it."
        )
    shares = {"precision": n_right / n_given, "recall": n_right / n_with}
    is_met = {kind: enough & (shares[kind] >= least) for kind, least in wanted.items()}
    for kind, met in is_met.items():
        if not met.any():
            best = np.where(enough, shares[kind], -1).argmax()
            n_of, other = (n_given[best], "recall") if kind == "precision" else (n_with, "precision")
            low, high = wilson_interval(shares[kind][best], int(n_of))
            return (
                f"no threshold gives {name} a {kind} of {wanted[kind]:.1%}: on the documents held out the best is "
                f"{shares[kind][best]:.1%} (95 % interval {low:.1%} to {high:.1%}), at a {other} of "
                f"{shares[other][best]:.1%}. {advice}"
            )
    most = {kind: shares[kind][is_met[other]].max() for kind, other in zip(KINDS, reversed(KINDS), strict=True)}
    return (
        f"no threshold gives {name} a precision of {wanted['precision']:.1%} and a recall of {wanted['recall']:.1%} "
        f"together. On the documents held out, with that precision the recall is at most {most['recall']:.1%}; with "
        f"that recall the precision is at most {most['precision']:.1%}. {advice}"
    )
