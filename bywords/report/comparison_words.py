"""The record of a comparison → sentences about it, each computed from the record, and none that claims more."""

from __future__ import annotations

from collections.abc import Sequence

from bywords.evaluation.slices import sentence as slice_sentence
from bywords.records.base import plain
from bywords.records.run import RunRecord, SystemPair, SystemScores
from bywords.report.formats import count, decimal, interval, percent, seconds
from bywords.terminal import shorten


def ranked(run: RunRecord) -> list[SystemScores]:
    """The systems by falling score; of equal ones the one that the record calls the best comes first."""
    return sorted(run.systems, key=lambda system: (-system.score, system.name != run.best))


def summary(run: RunRecord) -> list[str]:
    """The most important sentences, in order."""
    systems = ranked(run)
    if not systems:
        return ["No system of this run has been scored."]
    best = systems[0]
    said = [_score(best, run)]
    if len(systems) > 1:
        said += [_against_the_next(best, systems[1], run), _fastest_within(best, systems)]
        said += _chosen_by_validation(best, systems)
    return [*said, *_ranking(best), *_surest(best), *_worst_slice(best), *_majority(run)]


def verdict(run: RunRecord) -> list[str]:
    """What the best system is better than, and what it cannot be told apart from."""
    against = [pair for pair in run.pairwise if pair.one == run.best]
    better = [pair for pair in against if pair.is_better]
    said = [pair.sentence for pair in against if not pair.is_better]
    if len(better) == 1:
        said.append(better[0].sentence)
    elif better:
        nearest = min(better, key=lambda pair: pair.score.difference)
        which = "all others" if len(better) == len(against) else f"{len(better)} others"
        said.append(f"{run.best} is better than {which}. The nearest of them: {nearest.sentence}")
    return said


def pair_of(run: RunRecord, one: str, other: str) -> SystemPair | None:
    """Two systems compared, in this order; None where the record has no such pair."""
    return next((pair for pair in run.pairwise if (pair.one, pair.other) == (one, other)), None)


def _score(best: SystemScores, run: RunRecord) -> str:
    documents = count(run.corpus.n_test, "test document")
    if run.is_multilabel:
        said = f"{best.name} has a micro F1 of {decimal(best.score)} on {documents}"
    else:
        said = f"{best.name} labels {score(best)} of {documents} correctly"
    said += f" (95 % interval: {score_interval(best)})"
    if len(best.seeds) > 1:
        ends = decimal if run.is_multilabel else percent
        low, high = (ends(bound) for bound in (best.score_spread.min, best.score_spread.max))
        said += f", the mean of {len(best.seeds)} seeds that range from {low} to {high}"
    return f"{said}."


def score(system: SystemScores) -> str:
    """What systems are ranked by: 83.4 %, or micro F1 0.562 where documents have any number of labels."""
    return percent(system.accuracy) if system.micro_f1 is None else f"micro F1 {decimal(system.micro_f1)}"


def score_interval(system: SystemScores) -> str:
    """The 95 % interval of what systems are ranked by."""
    low, high = system.score_interval
    return interval((low, high)) if system.micro_f1 is None else f"{decimal(low)} to {decimal(high)}"


def _ranking(best: SystemScores) -> list[str]:
    """How many of its first labels are right, of any number of labels."""
    if not best.ranking:
        return []
    said = ", ".join(
        f"P@{k} {decimal(row.precision)} ({decimal(row.precision_interval[0])} to {decimal(row.precision_interval[1])})"
        for k, row in best.ranking.items()
    )
    return [f"Of the labels that it finds likeliest are right: {said}."]


def _against_the_next(best: SystemScores, following: SystemScores, run: RunRecord) -> str:
    """What the paired test says of the best two; two intervals that overlap would say nothing."""
    said = f"The next is {following.name} with {score(following)}"
    pair = pair_of(run, best.name, following.name)
    return f"{said}: {pair.sentence}" if pair else f"{said}."


def _fastest_within(best: SystemScores, systems: Sequence[SystemScores]) -> str:
    within = [system for system in systems if system.score >= best.score_interval[0]]
    fastest = min(within, key=lambda system: system.fit_seconds)
    if fastest is best:
        said = f"Of the {len(within)} systems within its interval it is the fastest"
        said = said if len(within) > 1 else "Within its interval no other system is"
        return f"{said}; it trains in {seconds(best.fit_seconds)}."
    return (
        f"The fastest system whose {'accuracy' if fastest.micro_f1 is None else 'micro F1'} is within that interval is "
        f"{fastest.name}: {score(fastest)}"
        f" after {seconds(fastest.fit_seconds)} of training, where {best.name} takes {seconds(best.fit_seconds)}."
    )


def _chosen_by_validation(best: SystemScores, systems: Sequence[SystemScores]) -> list[str]:
    """Best on the test set is a choice made after looking; the honest choice is the one that validation makes."""
    by_validation = [(system.valid_accuracy, system) for system in systems if system.valid_accuracy is not None]
    if len(by_validation) < len(systems):
        return []
    highest, chosen = max(by_validation, key=lambda pair: pair[0])
    if highest == best.valid_accuracy:
        return ["Validation, which does not see the test documents, would have chosen the same system."]
    return [
        f"Validation, which does not see the test documents, would have chosen {chosen.name} ({score(chosen)} on test)."
    ]


def _surest(best: SystemScores) -> list[str]:
    """What is left of the errors where only sure answers are given."""
    if not best.coverage:
        return []
    row = min(best.coverage, key=lambda row: abs(row.coverage - 0.8))
    return [
        f"Of the {percent(row.coverage, 0)} of its answers that it is surest of, {percent(row.accuracy)} are right."
    ]


def _worst_slice(best: SystemScores) -> list[str]:
    """The documents on which it loses most right answers, where there are some that it does worse on."""
    worse = [row for row in best.slices if row.is_worse]
    if not worse:
        return []
    return [f"Where it does worst: {slice_sentence(plain(min(worse, key=lambda row: row.n_lost)))}."]


def _majority(run: RunRecord) -> list[str]:
    counts = run.corpus.class_counts["test"]
    most = max(range(len(counts)), key=counts.__getitem__)
    label = shorten(run.corpus.label_names[most], 60)
    if run.is_multilabel:
        always = 2 * counts[most] / (run.corpus.n_test + sum(counts))
        return [f"For scale: always answering “{label}” alone would have a micro F1 of {decimal(always)}."]
    return [f"For scale: always answering “{label}” would be right for {percent(counts[most] / sum(counts))}."]
