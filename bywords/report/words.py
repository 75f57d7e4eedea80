"""A complete run record in, sentences about it out: the summary, and what each picture shows."""

from __future__ import annotations

from bywords.evaluation.slices import sentence
from bywords.report.numbers import count, decimal, interval, percent, seconds, shorten
from bywords.report.record import Record


def summary(run: Record) -> list[str]:
    """Plain sentences, the most important first. Each is computed from the record, and claims no more than it holds."""
    scored = [system for system in run["systems"] if system["accuracy"] is not None]
    if not scored:
        return ["No system of this run has been scored."]
    best = scored[0]  # the record is ordered: best first
    said = [_score(best, run)]
    if len(scored) > 1:
        said += [
            _against_the_next(best, scored[1], run),
            *_fastest_within(best, scored),
            *_chosen_by_validation(best, scored),
        ]
    return [*said, *_surest(best), *_worst_slice(best), *_majority(run)]


def _surest(best: Record) -> list[str]:
    """What is left of the errors where only sure answers are given."""
    rows = [row for row in best["coverage"] if row["coverage"] is not None and row["accuracy"] is not None]
    if not rows:
        return []
    row = min(rows, key=lambda row: abs(row["coverage"] - 0.8))
    return [
        f"Of the {percent(row['coverage'], 0)} of its answers that it is surest of,"
        f" {percent(row['accuracy'])} are right."
    ]


def _worst_slice(best: Record) -> list[str]:
    """The documents on which it loses most right answers, where there are some that it does worse on."""
    worse = [row for row in best["slices"] if row["is_worse"]]
    if not worse:
        return []
    return [f"Where it does worst: {sentence(min(worse, key=lambda row: row['difference'] * row['n_documents']))}."]


def _score(best: Record, run: Record) -> str:
    n_test = run["corpus"]["n_test"]
    documents = f"{count(n_test)} test documents" if n_test else "the test documents"
    sentence = f"{best['name']} labels {percent(best['accuracy'])} of {documents} correctly"
    if best["accuracy_interval"]:
        sentence += f" (95 % interval: {interval(best['accuracy_interval'])})"
    if len(best["seeds"]) > 1:
        spread = best["accuracy_spread"]
        sentence += f", as the mean of {len(best['seeds'])} seeds"
        if spread.get("min") is not None and spread.get("max") is not None:
            sentence += f", which lie from {percent(spread['min'])} to {percent(spread['max'])}"
    return sentence + "."


def _against_the_next(best: Record, following: Record, run: Record) -> str:
    """What the paired test says of the best two; two intervals that overlap would say nothing."""
    sentence = f"The next is {following['name']} with {percent(following['accuracy'])}"
    claim = claim_about(run, best["name"], following["name"])
    return f"{sentence}: {claim['sentence']}" if claim else f"{sentence}."


def claim_about(run: Record, one: str, other: str) -> Record | None:
    """What the record claims of two systems; None where it compares them not."""
    return next((claim for claim in run["pairwise"] if (claim["one"], claim["other"]) == (one, other)), None)


def verdict(run: Record) -> list[str]:
    """What the best system is better than, and what it cannot be told apart from."""
    against = [claim for claim in run["pairwise"] if claim["one"] == run["best"]]
    better = [claim for claim in against if claim["is_better"]]
    said = [claim["sentence"] for claim in against if not claim["is_better"]]
    if len(better) == 1:
        said.append(better[0]["sentence"])
    elif better:
        nearest = min(better, key=lambda claim: claim["accuracy"]["difference"])
        which = "all others" if len(better) == len(against) else f"{len(better)} others"
        said.append(f"{run['best']} is better than {which}. The nearest of them: {nearest['sentence']}")
    return said


def _fastest_within(best: Record, scored: list[Record]) -> list[str]:
    if not best["accuracy_interval"] or best["fit_seconds"] is None:
        return []
    low = best["accuracy_interval"][0]
    within = [system for system in scored if system["accuracy"] >= low and system["fit_seconds"] is not None]
    fastest = min(within, key=lambda system: system["fit_seconds"], default=best)
    if fastest is best:
        others = "no other system is" if len(within) < 2 else f"of the {len(within)} systems it is itself the fastest"
        return [f"Within its interval {others}; it trains in {seconds(best['fit_seconds'])}."]
    return [
        f"The fastest system whose accuracy lies within that interval is {fastest['name']}:"
        f" {percent(fastest['accuracy'])} after {seconds(fastest['fit_seconds'])} of training, where"
        f" {best['name']} takes {seconds(best['fit_seconds'])}."
    ]


def _chosen_by_validation(best: Record, scored: list[Record]) -> list[str]:
    """Best on the test set is a choice made after looking; the honest choice is the one that validation makes."""
    if any(system["valid_accuracy"] is None for system in scored):
        return []
    chosen = max(scored, key=lambda system: system["valid_accuracy"])
    if chosen["valid_accuracy"] == best["valid_accuracy"]:
        return ["Validation, which does not see the test documents, would have chosen the same system."]
    return [
        f"Validation, which does not see the test documents, would have chosen {chosen['name']}"
        f" ({percent(chosen['accuracy'])} on test)."
    ]


def _majority(run: Record) -> list[str]:
    counts, names = run["corpus"]["class_counts"].get("test") or [], run["corpus"]["label_names"]
    if not counts or sum(counts) == 0 or len(counts) != len(names):
        return []
    most = max(range(len(counts)), key=counts.__getitem__)
    label = shorten(names[most], 60)
    return [f"For scale: always answering “{label}” would be right for {percent(counts[most] / sum(counts))}."]


def zipf_finding(words: Record) -> str:
    """What the Zipf plot shows: the height of its left end, and how long its tail is."""
    counts = words["zipf"]["count"]
    finding = f"The most frequent word occurs {count(counts[0])} times"
    return finding + (f"; there are {count(words['n_types'])} different words." if words.get("n_types") else ".")


def coverage_finding(words: Record) -> str:
    """What the coverage curve shows, at its largest size below the whole vocabulary or else at its end."""
    row = words["coverage"][len(words["coverage"]) // 2]
    return (
        f"The {count(row['size'])} most frequent words cover {percent(row.get('train'))} of the running words"
        f" in train and {percent(row.get('test'))} in test."
    )


def lengths_finding(words: Record) -> str:
    """What the histogram of lengths shows: the middle and the long end."""
    lengths = words["lengths"].get("train") or words["lengths"].get("test") or {}
    return (
        f"Half of the documents have at most {count(lengths.get('median'))} words, one in a hundred more than"
        f" {count(lengths.get('p99'))}; the longest has {count(lengths.get('max'))}."
    )


def time_finding(systems: list[Record]) -> str:
    """What accuracy against training time shows: the most accurate and the fastest of the systems drawn."""
    best = max(systems, key=lambda system: system["accuracy"])
    fastest = min(systems, key=lambda system: system["fit_seconds"])
    finding = f"{best['name']} is the most accurate, {percent(best['accuracy'])} after {seconds(best['fit_seconds'])}"
    if fastest is best:
        return finding + ", and also the fastest."
    return finding + (
        f"; {fastest['name']} is the fastest, {percent(fastest['accuracy'])} after {seconds(fastest['fit_seconds'])}."
    )


def loss_finding(system: Record) -> str:
    """What the loss curves of a system show: where validation was lowest, and whether training went on."""
    epochs, best_epoch = system["epochs"], system["best_epoch"]
    chosen = next((row for row in epochs if row["epoch"] == best_epoch), None)
    if chosen is None:
        return f"{system['name']}: {len(epochs)} epochs."
    return (
        f"{system['name']}: best epoch {best_epoch} of {len(epochs)}, validation loss {decimal(chosen['valid_loss'])}."
    )


def confusion_finding(system: Record) -> str:
    """What the confusion matrix shows: how many are on the diagonal, and the largest count beside it."""
    confusion = system["confusion"]
    total = sum(map(sum, confusion))
    right = sum(row[index] for index, row in enumerate(confusion))
    finding = f"{system['name']}: {count(right)} of {count(total)} documents are on the diagonal"
    if not system["hardest_confusions"]:
        return finding + "."
    hardest = system["hardest_confusions"][0]
    true, predicted = shorten(str(hardest["true"]), 40), shorten(str(hardest["predicted"]), 40)
    return finding + f"; most often {true} is taken for {predicted}, {count(hardest['count'])} times."
