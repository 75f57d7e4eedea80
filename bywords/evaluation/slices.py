"""An evaluation and facts about its documents → one row a slice of them: where it is right less often.

A slice is some of the documents: those of a length, with a share of known words, of a class, with a value in a column.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.evaluation.evaluation import AnyEvaluation, Evaluation, ManyLabelsEvaluation
from bywords.evaluation.metrics import wilson_interval
from bywords.evaluation.significance import Interval, holm

LENGTH, KNOWN, CLASS, PREDICTED = "length", "known words", "class", "predicted class"
MOST_BINS = 5
MOST_VALUES = 20  # of a column; where there are more, the rest are one slice, or numbers are put into bins
MOST_CLASSES = 500  # of more, slices are of the commonest
MOST_OF_EACH = 2  # slices by the same thing that are reported together
LEAST_TESTED = 10  # documents: of fewer there is nothing to say
SIGNIFICANT = 0.05
Members = npt.NDArray[np.bool_]  # (N,)
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slice:
    """Some of N documents: what they are cut by, which they are, in words, and whether each is in it."""

    by: str
    name: str
    is_in: Members


def find_slices(
    evaluation: AnyEvaluation,
    *,
    n_tokens: npt.NDArray[np.integer[Any]] | None = None,
    columns: pl.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """Each slice by length, share of known words, class, predicted class and column beside all other documents.

    `n_tokens` is int (N,), `columns` has N rows. A row, ready for JSON, has `by`, `name` and `n_documents`; the
    `metric`, "accuracy", or "micro_f1" for any number of labels, under its name, its 95 % `interval`, that of all
    `others`, and the `difference` of the two with its `difference_interval`; the `p_value` of such a difference by
    chance, and `p_value_holm`, that for all slices looked at together. `is_worse` is true where this is below .05 and
    the difference below 0. Of a slice, or of others, with fewer than LEAST_TESTED documents difference and p-values are
    None. Slices without documents, and those of all documents, are left out.

    Intervals are Wilson's, those of differences Newcombe's, p-values Fisher's exact ones; see `_F1` for micro F1. Where
    documents were held out in turn, they are those of as many as are independent.
    Sources: Newcombe (1998), "Interval Estimation for the Difference Between Independent Proportions: Comparison of
    Eleven Methods", method 10; Fisher (1935), "The Logic of Inductive Inference", section on the 2 x 2 table.
    """
    judge = _Accuracy(evaluation) if isinstance(evaluation, Evaluation) else _F1(evaluation)
    rows = []
    for part in slices_of(evaluation, n_tokens=n_tokens, columns=columns):
        n_in, n_out = int(part.is_in.sum()), int((~part.is_in).sum())
        if n_in and n_out:
            rows.append({"by": part.by, "name": part.name, "n_documents": n_in, **_beside(judge, part.is_in)})
    tested = [row for row in rows if row["p_value"] is not None]
    for row, corrected in zip(tested, holm([row["p_value"] for row in tested]).tolist(), strict=True):
        row["p_value_holm"] = corrected
        row["is_worse"] = corrected < SIGNIFICANT and row["difference"] < 0
    return rows


def worst(rows: list[dict[str, Any]], n: int = 5) -> list[dict[str, Any]]:
    """The n slices that are worse than others and cost most right answers, at most MOST_OF_EACH by the same thing."""
    found: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: (row["difference"] or 0) * row["n_documents"]):
        if row["is_worse"] and sum(other["by"] == row["by"] for other in found) < MOST_OF_EACH:
            found.append(row)
    return found[:n]


def sentence(row: dict[str, Any]) -> str:
    """What a row that has been tested says, in words."""
    which = {LENGTH: "of {name}", KNOWN: "with {name}", CLASS: "labelled {name}", PREDICTED: "taken for {name}"}
    subject = "documents " + which.get(row["by"], "with {by} {name}").format(by=row["by"], name=row["name"])
    sign, more = (-1, "less") if row["difference"] < 0 else (1, "more")
    low, high = sorted(sign * bound for bound in row["difference_interval"])
    if row["metric"] == "accuracy":
        return (
            f"{subject}: right on {row['accuracy']:.1%} of {row['n_documents']:,}, others on {row['others']:.1%}: "
            f"{100 * abs(row['difference']):.1f} points {more} ({100 * low:.1f} to {100 * high:.1f})"
        )
    return (
        f"{subject}: micro F1 {row['micro_f1']:.3f} on {row['n_documents']:,}, on others {row['others']:.3f}: "
        f"{abs(row['difference']):.3f} {more} ({low:.3f} to {high:.3f})"
    )


def slices_of(
    evaluation: AnyEvaluation,
    *,
    n_tokens: npt.NDArray[np.integer[Any]] | None = None,
    columns: pl.DataFrame | None = None,
) -> Iterator[Slice]:
    """All slices; those by one thing have each document once, but those by label where a document has any number."""
    if n_tokens is not None and len(n_tokens):
        yield from _by_length(np.asarray(n_tokens))
    if len(evaluation.labels):
        yield from _by_known(evaluation.in_vocabulary_share.astype(np.float64).round(6))
    names = evaluation.label_names
    if isinstance(evaluation, Evaluation):
        for by, codes in ((CLASS, evaluation.labels), (PREDICTED, evaluation.predicted)):
            for index in _commonest(np.bincount(codes, minlength=len(names))):
                yield Slice(by, names[index], cast(Members, codes == index))
    else:
        for index in _commonest(evaluation.labels.counts()):
            yield Slice(CLASS, names[index], evaluation.labels.has(index))
    for column in [] if columns is None else columns.get_columns():
        own = (LENGTH, KNOWN, CLASS, PREDICTED)
        by = f"column {column.name}" if column.name in own else column.name
        yield from _by_column(by, column.cast(pl.String).fill_null(""))


def _commonest(counts: npt.NDArray[np.int64]) -> list[int]:
    """The MOST_CLASSES classes of the most documents, in their order; all where there are no more."""
    return sorted(np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist())


def _by_length(n_tokens: npt.NDArray[np.integer[Any]]) -> Iterator[Slice]:
    before = None
    for bound in [*_bounds(n_tokens), None]:
        if bound is None:
            name = "any number" if before is None else f"more than {before:,.0f}"
        elif before is None:
            name = f"at most {bound:,.0f}"
        else:
            name = f"{before + 1:,.0f} to {bound:,.0f}" if before + 1 < bound else f"{bound:,.0f}"
        yield Slice(LENGTH, f"{name} tokens", _between(n_tokens, before, bound))
        before = bound


def _by_known(in_vocabulary_share: Numbers) -> Iterator[Slice]:
    """Those whose words are all known, often most of them; the others in bins of about equal count."""
    is_all = in_vocabulary_share >= 1
    if not is_all.all():
        parts = np.arange(1, MOST_BINS - 1) / (MOST_BINS - 1)
        quantiles = np.quantile(in_vocabulary_share[~is_all], parts, method="higher")
        low = 0.0
        for bound in [*np.unique(np.floor(100 * quantiles + 1e-6) / 100).tolist(), 1.0]:
            name = f"{low:.0%} to {bound:.0%}" if low else f"less than {bound:.0%}"
            if bound == 1 and low:
                name = f"{low:.0%} or more, but not all"
            if bound > low:
                yield Slice(
                    KNOWN, f"{name} of the words known", (low <= in_vocabulary_share) & (in_vocabulary_share < bound)
                )
            low = bound
    yield Slice(KNOWN, "all words known", is_all)


def _by_column(by: str, values: pl.Series) -> Iterator[Slice]:
    counts = values.alias("value").value_counts().sort(["count", "value"], descending=[True, False])
    names = counts["value"].to_list()
    if len(names) > MOST_VALUES:
        is_given = values.ne("").to_numpy()
        numbers = values.cast(pl.Float64, strict=False).fill_null(math.nan).to_numpy()
        if np.isfinite(numbers[is_given]).all():
            yield from _by_number(by, numbers, is_given)
            return
    for name in names[:MOST_VALUES]:
        yield Slice(by, name or "(nothing)", values.eq(name).to_numpy())
    rest = names[MOST_VALUES:]
    if rest:
        yield Slice(by, f"others ({len(rest):,} values)", (~values.is_in(names[:MOST_VALUES])).to_numpy())


def _by_number(by: str, numbers: Numbers, is_given: Members) -> Iterator[Slice]:
    bounds = _bounds(numbers[is_given])
    texts = [np.format_float_positional(bound, trim="-") for bound in bounds]
    for digits in range(4, 17):  # as few as keep the bounds apart
        short = [np.format_float_positional(bound, digits, fractional=False, trim="-") for bound in bounds]
        if len(set(short)) == len(short):
            texts = short
            break
    for below, at_most in zip([None, *range(len(bounds))], [*range(len(bounds)), None], strict=True):
        least = [] if below is None else [f"over {texts[below]}"]
        most = [] if at_most is None else [f"at most {texts[at_most]}"]
        limits = [None if index is None else bounds[index] for index in (below, at_most)]
        yield Slice(by, " and ".join(least + most) or "any number", is_given & _between(numbers, *limits))
    yield Slice(by, "(nothing)", ~is_given)


def _bounds(values: npt.NDArray[Any]) -> list[float]:
    """Upper bounds, ascending, of all bins but the last: at most MOST_BINS bins with about as many values each."""
    bounds = np.quantile(values, np.arange(1, MOST_BINS) / MOST_BINS, method="inverted_cdf")
    return [float(bound) for bound in np.unique(bounds) if bound < values.max()]


def _between(values: npt.NDArray[Any], above: float | None, most: float | None) -> Members:
    is_above = np.ones(len(values), dtype=np.bool_) if above is None else values > above
    return cast(Members, is_above if most is None else is_above & (values <= most))


def _beside(judge: _Accuracy | _F1, is_in: Members) -> dict[str, Any]:
    """The slice beside all others: scores, intervals and the p-value, not corrected yet."""
    score, interval = judge.score(is_in)
    others, others_interval = judge.score(~is_in)
    row: dict[str, Any] = {"metric": judge.metric, judge.metric: score, "interval": list(interval), "others": others}
    row |= {"difference": None, "difference_interval": None, "p_value": None, "p_value_holm": None, "is_worse": False}
    if min(is_in.sum(), (~is_in).sum()) >= LEAST_TESTED:
        row["difference"] = score - others
        row["difference_interval"] = list(newcombe_interval(score, interval, others, others_interval))
        row["p_value"] = judge.p_value(is_in)
    return row


def newcombe_interval(one: float, its: Interval, other: float, others: Interval) -> Interval:
    """The interval of the difference of two independent shares, from each with its own Wilson interval; Newcombe."""
    difference = one - other
    low = difference - math.hypot(one - its[0], others[1] - other)
    high = difference + math.hypot(its[1] - one, other - others[0])
    return max(-1.0, low), min(1.0, high)


def fisher_p_value(n_right: int, n_in: int, n_right_in_all: int, n_all: int) -> float:
    """How likely it is that of `n_in` documents, drawn from all without replacement, a number is right that is as
    unlikely as `n_right` or more: the two-sided exact test of a 2 x 2 table.
    """
    least, most = max(0, n_in + n_right_in_all - n_all), min(n_in, n_right_in_all)
    k = np.arange(least, most + 1)
    logs = _log_choose(n_right_in_all, k) + _log_choose(n_all - n_right_in_all, n_in - k)
    likely = np.exp(logs - logs.max())
    is_rarer = likely <= likely[n_right - least] * (1 + 1e-7)
    return min(1.0, float(likely[is_rarer].sum() / likely.sum()))


def _log_choose(n: int, k: npt.NDArray[np.int64]) -> Numbers:
    log_factorials = _log_factorials(n)
    return cast(Numbers, log_factorials[n] - log_factorials[k] - log_factorials[n - k])


@functools.lru_cache(maxsize=2)  # as many right and as many wrong documents for all slices
def _log_factorials(n: int) -> Numbers:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


class _Accuracy:
    """The share of documents that are right."""

    metric = "accuracy"

    def __init__(self, evaluation: Evaluation) -> None:
        self.is_right, self.share = evaluation.is_right, evaluation.share

    def score(self, is_in: Members) -> tuple[float, Interval]:
        right = float(self.is_right[is_in].mean())
        return right, wilson_interval(right, self.share * int(is_in.sum()))

    def p_value(self, is_in: Members) -> float:
        right, wrong, others_right, others_wrong = (
            round(self.share * int((which & (self.is_right == is_right)).sum()))
            for which in (is_in, ~is_in)
            for is_right in (True, False)
        )
        n_right, n_in = right + others_right, right + wrong
        return fisher_p_value(right, n_in, n_right, n_right + wrong + others_wrong)


class _F1:
    """The micro F1 of any number of labels a document: right decisions counted twice, over labels given and true.

    Decisions on one document hang together, so documents are what is drawn. The interval is Wilson's for as many
    decisions as would have the variance that the ratio has; the p-value that of a draw of so many documents from all,
    by the normal law.
    Sources: Cochran (1977), "Sampling Techniques", sections 2.6 and 2.11; Korn and Graubard (1998), "Confidence
    Intervals for Proportions with Small Expected Number of Positive Counts Estimated from Survey Data".
    """

    metric = "micro_f1"

    def __init__(self, evaluation: ManyLabelsEvaluation) -> None:
        self.hits = 2.0 * evaluation.labels.both(evaluation.predicted).lengths
        self.sums = (evaluation.labels.lengths + evaluation.predicted.lengths).astype(np.float64)
        self.share = evaluation.share

    def score(self, is_in: Members) -> tuple[float, Interval]:
        hits, sums = self.hits[is_in], self.sums[is_in]
        total = float(sums.sum())
        if not total:
            return 0.0, (0.0, 1.0)
        f1 = float(hits.sum()) / total
        variance = float(((hits - f1 * sums) ** 2).sum()) / total**2
        return f1, wilson_interval(f1, self.share * (f1 * (1 - f1) / variance if variance else len(hits)))

    def p_value(self, is_in: Members) -> float:
        apart = self.hits - self.hits.sum() / max(self.sums.sum(), 1) * self.sums  # sums to 0 over all documents
        n_all, n_in = len(apart), int(is_in.sum())
        variance = n_in * (n_all - n_in) / (n_all * (n_all - 1)) * float((apart**2).sum()) / self.share
        return math.erfc(abs(float(apart[is_in].sum())) / math.sqrt(2 * variance)) if variance else 1.0
