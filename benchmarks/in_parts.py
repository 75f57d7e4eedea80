"""What does a fit in parts cost, and how far is it from a fit to all documents at once?

The reviews of imdb, of which a fifth is held out, three times; the SVM of `tfidf-svc` and a naive Bayes SVM on words
and pairs of them, of 2, 3 and 7 parts, against the solver of one part as it is, and against its optimum, which is where
it comes to in 200 passes instead of 4.
Then the SVM on all the reviews eight times, in 2 parts: by threads of this process, by one worker process and by two,
in turn, the start of workers and the encoding not counted; what of it the processor works for this process, which
merges, and, with start and counting, for one worker and for two; the bytes that go out and come back in a round; and
how much slower a worker fits its own part alone while another does the same, which is what the machine takes.
Claims: the machines cost at most 1e-3 more than the optimum; their labels are those of the optimum for 99.9 % of the
texts held out, and the accuracy of the SVM in 7 parts is within .002 of that of the solver of one part.
"""

from __future__ import annotations

import os
import pickle
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import numpy.typing as npt
from measure import write_result

from bywords.cluster import Executor, HolderHere, executor
from bywords.data.targets import Targets
from bywords.io.datasets import load_dataset
from bywords.models import svm
from bywords.models.bags_in_parts import BagsInParts
from bywords.models.naive_bayes import count_ratios
from bywords.models.svm import support_vectors
from bywords.models.svm_in_parts import support_vectors_in_parts
from bywords.systems import SYSTEMS
from bywords.text.bags import Bags, Floats
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

Codes = npt.NDArray[np.int64]
N_SPLITS, N_TIMES, N_ROUNDS_OF_TIMES = 3, 8, 3
PARTS = (2, 3, 7)


class Task(NamedTuple):
    """Documents with their classes, some of them held out, and the machine."""

    learned: Ragged
    codes: Codes
    held_out: Ragged
    held_out_codes: Codes
    n_rows: int
    is_scaled: bool
    C: float


def main() -> None:
    """Measure, write and assert."""
    corpus = load_dataset("imdb").train
    codes = np.unique(corpus.names(), return_inverse=True)[1].astype(np.int64)
    svc: Any = SYSTEMS["tfidf-svc"]
    result: dict[str, Any] = {"load": os.getloadavg()[0], "n_documents": len(codes)}
    for name, config, is_scaled, C in (
        ("SVM", svc.vocabulary, False, svc.model.C), ("naive Bayes SVM", VocabularyConfig(ngrams=2), True, 1.0)
    ):  # fmt: skip
        tokens = Tokenizer(svc.tokenizer)(corpus.texts)
        found: list[dict[str, Any]] = []
        for split in range(N_SPLITS):
            order = np.random.default_rng(split).permutation(len(codes))
            kept, held_out = np.sort(order[len(order) // 5 :]), np.sort(order[: len(order) // 5])
            vocabulary = Vocabulary.of(tokens.select(kept), config)
            learned, others = (vocabulary.encode(tokens.select(rows)) for rows in (kept, held_out))
            n_rows = vocabulary.n_rows("all")
            found.append(compared(Task(learned, codes[kept], others, codes[held_out], n_rows, is_scaled, C)))
        result[name] = {key: statistics.fmean(one[key] for one in found) for key in found[0]}
        result[name] |= {f"worst {key}": max(one[key] for one in found) for key in found[0] if "beyond" in key}
    documents = Vocabulary.of(tokens, svc.vocabulary).encode(tokens)
    result["workers"] = timed(Ragged.joined([documents] * N_TIMES), np.tile(codes, N_TIMES), svc.model.C)
    result["workers"]["n_bytes"] = N_TIMES * int(corpus.texts.str.len_bytes().sum())
    write_result("in_parts", result)
    for name, value in result.items():
        print(name, value)
    for name in ("SVM", "naive Bayes SVM"):
        its = result[name]
        assert all(its[f"worst {n} parts: costs beyond the optimum"] <= 1e-3 for n in PARTS), its
        assert all(its[f"{n} parts: labels of the optimum"] >= 0.999 for n in PARTS), its
    its = result["SVM"]
    assert abs(its["7 parts: accuracy"] - its["one part: accuracy"]) <= 0.002, its


def compared(task: Task) -> dict[str, float]:
    """How a fit in parts differs from others of the same documents."""
    counts, targets = Bags.of(task.learned, task.n_rows), Targets.of(task.codes)
    idf = counts.inverse_document_frequency()
    idf[counts.document_frequency() == 0] = 0
    bags, others = (its.weighed("log-tfidf", idf) for its in (counts, Bags.of(task.held_out, task.n_rows)))
    scales = (0.5 * count_ratios(bags, targets) + np.float32(0.5)) if task.is_scaled else None

    def whole() -> tuple[Floats, Floats]:
        weights, bias, _ = support_vectors(bags, targets, C=task.C, scales=scales, duals=None, seed=0)
        return weights, bias

    def labels(machine: tuple[Floats, Floats]) -> Codes:
        return (others.times(machine[0]) + machine[1]).argmax(axis=1)

    with mock.patch.multiple(svm, PASSES=200, TOLERANCE=1e-3):
        optimum = whole()
    one, seconds = of_time(whole, time.process_time)
    best, least = labels(optimum), costs(bags, targets, optimum, task.C, scales)
    found = {
        "optimum: accuracy": float(np.mean(best == task.held_out_codes)),
        "one part: accuracy": float(np.mean(labels(one) == task.held_out_codes)),
        "one part: labels of the optimum": float(np.mean(labels(one) == best)),
        "one part: costs beyond the optimum": costs(bags, targets, one, task.C, scales) / least - 1,
    }
    for n_parts in PARTS:
        parts = BagsInParts.of(task.learned, task.n_rows, n_parts, HolderHere()).weighed("log-tfidf", idf)
        machine, its_seconds = of_time(
            lambda parts=parts: support_vectors_in_parts(parts, targets, C=task.C, scales=scales),  # type: ignore[misc]
            time.process_time,
        )
        its = labels(machine[:2])
        found |= {
            f"{n_parts} parts: accuracy": float(np.mean(its == task.held_out_codes)),
            f"{n_parts} parts: labels of the optimum": float(np.mean(its == best)),
            f"{n_parts} parts: labels of one part": float(np.mean(its == labels(one))),
            f"{n_parts} parts: costs beyond the optimum": costs(bags, targets, machine[:2], task.C, scales) / least - 1,
            f"{n_parts} parts: rounds": rounds(machine[2]),
            f"{n_parts} parts: times the processor seconds of one": its_seconds / seconds,
        }
    return found


def costs(bags: Bags, targets: Targets, machine: tuple[Floats, Floats], C: float, scales: Floats | None) -> float:
    """½‖w‖² + ½b² + C Σ max(0, 1 - y z)² of two classes."""
    weights, bias = 2 * machine[0][:, 1:], 2 * machine[1][1:]
    own = weights if scales is None else np.divide(weights, scales, out=np.zeros_like(weights), where=scales > 0)
    signs = np.where(targets.codes == 1, 1, -1)
    losses = np.maximum(0, 1 - signs * (bags.times(weights) + bias)[:, 0]).astype(np.float64) ** 2
    return float(0.5 * (own.astype(np.float64) ** 2).sum() + 0.5 * float(bias[0]) ** 2 + C * losses.sum())


def of_time(call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> tuple[Any, float]:
    """What it gives, and the seconds that it takes; or those of the processor, of all threads together."""
    started = clock()
    return call(), clock() - started


def rounds(said: str) -> int:
    """How many a fit took, by what it says."""
    match = re.search(r"(\d+) rounds", said)
    assert match is not None
    return int(match[1])


class Counting(HolderHere):
    """Counts the bytes that are sent to parts and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.n_out = self.n_back = 0

    def map_held(
        self, work: Callable[..., tuple[Any, ...]], chunks: Iterable[tuple[Any, ...]], n_held: int = 0
    ) -> Iterator[tuple[Any, ...]]:
        listed = list(chunks)
        is_round = work.__name__ in ("_slopes", "_products", "_slopes_along")
        self.n_out += is_round * sum(len(pickle.dumps(chunk[-1])) for chunk in listed)  # what is shared stands last
        for found in super().map_held(work, listed, n_held):
            self.n_back += is_round * len(pickle.dumps(found[: len(found) - n_held]))
            yield found


def timed(documents: Ragged, codes: Codes, C: float) -> dict[str, Any]:
    """Seconds of a fit in 2 parts by those that can do it, and bytes of a round."""
    n_rows, targets = int(documents.ids.max()) + 1, Targets.of(codes)
    counts = Bags.of(documents, n_rows)
    idf = counts.inverse_document_frequency()
    whole = counts.weighed("log-tfidf", idf)
    workers: dict[str, Executor] = {name: executor(name) for name in ("local:1", "local:2")}
    ways: dict[str, Any] = {"this process": HolderHere(), **workers}
    parts = {
        name: BagsInParts.of(documents, n_rows, 2, holder).weighed("log-tfidf", idf) for name, holder in ways.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in ("one part", *ways)}
    merging: list[float] = []
    said = ""
    for _ in range(N_ROUNDS_OF_TIMES):
        took = of_time(lambda: support_vectors(whole, targets, C=C, scales=None, duals=None, seed=0))[1]
        seconds["one part"].append(took)
        for name, its in parts.items():
            started = time.process_time()
            (_, _, said), took = of_time(
                lambda its=its: support_vectors_in_parts(its, targets, C=C, scales=None)  # type: ignore[misc]
            )
            seconds[name].append(took)
            if name == "local:2":
                merging.append((time.process_time() - started) / took)
    apart = slowed(workers["local:2"], parts["local:2"], targets, C)
    for one in workers.values():
        one.close()
    worked = {name: processor_seconds(name, documents, n_rows, idf, targets, C) for name in ("local:1", "local:2")}
    counting = Counting()
    in_parts = BagsInParts.of(documents, n_rows, 2, counting).weighed("log-tfidf", idf)
    support_vectors_in_parts(in_parts, targets, C=C, scales=None)
    n_rounds = rounds(said)
    return {
        "n_documents": len(codes), "n_ids": len(counts.ids), "n_words": n_rows, "rounds": n_rounds, "seconds": seconds,
        "bytes_out_a_round": counting.n_out / n_rounds, "bytes_back_a_round": counting.n_back / n_rounds,
        "processor_seconds": worked, "share_of_merging": statistics.median(merging),
        "slower_beside_another": apart,
        "two_of_one": median_ratio(seconds["local:2"], seconds["local:1"]),
        **{f"{name} of one part": median_ratio(seconds[name], seconds["one part"]) for name in ways},
    }  # fmt: skip


def slowed(workers: Executor, parts: BagsInParts, targets: Targets, C: float) -> float:
    """How many times as long two workers take, each for a machine of its own part, as one of them alone."""
    chunks = [(held, targets.select(rows), C) for held, rows in zip(parts.held, parts.rows, strict=True)]
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(N_ROUNDS_OF_TIMES):
        for seconds, some in ((alone, chunks[:1]), (beside, chunks)):
            seconds.append(of_time(lambda some=some: list(workers.map_held(own_machine, some)))[1])  # type: ignore[misc]
    return median_ratio(beside, alone)


def own_machine(bags: Bags, targets: Targets, C: float) -> tuple[Floats]:
    """That of one part, without the others, some times."""
    for _ in range(N_TIMES):
        weights, _, _ = support_vectors(bags, targets, C=C, scales=None, duals=None, seed=0)
    return (weights,)


def processor_seconds(name: str, documents: Ragged, n_rows: int, idf: Floats, targets: Targets, C: float) -> float:
    """Of the workers of a fit in 2 parts, all together, from their start to their end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with executor(name) as workers:
        parts = BagsInParts.of(documents, n_rows, 2, workers).weighed("log-tfidf", idf)
        support_vectors_in_parts(parts, targets, C=C, scales=None)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median_ratio(those: list[float], others: list[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(those, others, strict=True))


if __name__ == "__main__":
    main()
