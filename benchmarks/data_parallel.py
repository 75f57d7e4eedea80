"""What do `dan`, `dan-ngrams` and `averaging` lose in parts, and what do workers bring?

Accuracy: reviews of imdb, 20 Newsgroups and questions of trec6, of each the training part, of which a fifth is held
out, three times; a fit of one part, as without `--parts`, and of 2, 3 and 7. The epoch is chosen by the same documents
held out that it is judged by, for all alike. trec6 is a file: --data is the folder that has it.
Workers: an epoch of imdb's reviews, for `dan` four times each, in 2 parts: by one worker process and by two, in turn,
the start of workers and the handing out not counted; a fit of one part in this process beside them; the bytes that go
out and come back in a round; and how much slower a worker does a task of its own while another does the same, which is
what the machine takes.
Claim: in any number of parts the mean accuracy is at most .01 below that of one part.

    python benchmarks/data_parallel.py [imdb | 20newsgroups | trec6 | workers ...]

measures those alone, and leaves the others of the result as they are; --resume also the splits that are there.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import pickle
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from measure import RESULTS, read_result, write_result

from bywords.cluster import Holder, HolderHere, executor
from bywords.data.targets import Targets
from bywords.fitted import History
from bywords.io.datasets import load_dataset
from bywords.models.base import model_class
from bywords.models.neural import NeuralModel
from bywords.systems import SYSTEMS
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.training.loop import fit
from bywords.training.rounds import Rounds

ROOT = Path(__file__).parents[1]
SETS = {
    "imdb": ("dan",),
    "20newsgroups": ("dan",),
    "trec6": ("dan", "dan-ngrams", "averaging"),
}
PARTS, N_SPLITS, MOST_LOST = (1, 2, 3, 7), 3, 0.01
N_TIMES, N_RUNS = {"dan": 4, "averaging": 1}, 3


def main() -> None:
    """Measure, write, and assert the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*SETS, "workers", []], help="only these")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder that has trec6")
    parser.add_argument("--resume", action="store_true", help="measure only the splits that are not there")
    arguments = parser.parse_args()
    wanted = arguments.what or [*SETS, "workers"]
    torch.set_num_threads(1)
    for name in wanted:
        if name == "workers":
            timed()
        else:
            accuracy(name, arguments.data, known().get(name, {}) if arguments.resume else {})
    for name in SETS:
        for system, its in read_result("data_parallel").get(name, {}).items():
            for n_parts in PARTS[1:]:
                lost = statistics.fmean(its["1"]["accuracy"]) - statistics.fmean(its[str(n_parts)]["accuracy"])
                assert lost <= MOST_LOST, (name, system, n_parts, lost)


def known() -> dict[str, Any]:
    """The result as it is."""
    found = read_result("data_parallel") if (RESULTS / "data_parallel.json").exists() else {}
    return {key: value for key, value in found.items() if key in (*SETS, "workers")}


def keep(name: str, found: Any) -> None:
    """Put something into the result, beside what is there."""
    write_result("data_parallel", {**known(), name: found})


def accuracy(name: str, data: Path, found: dict[str, Any]) -> None:
    """Keep, of each system and number of parts, what was right on the documents held out, the loss, a split each.

    `found` are the splits that are there.
    """
    if name == "trec6":
        rows = pl.read_ndjson(data / "trec6" / "train.jsonl.gz")
        texts, labels = rows["text"].to_list(), rows["label"].to_list()
    else:
        corpus = load_dataset(name).train
        texts, labels = corpus.texts.to_list(), list(corpus.names())
    codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    for system in SETS[name]:
        config = SYSTEMS[system]
        tokens = Tokenizer(config.tokenizer)(texts)
        its: dict[str, dict[str, list[float]]] = found.setdefault(system, {})
        for split in range(len(its[str(PARTS[-1])]["accuracy"]) if its else 0, N_SPLITS):
            order = np.random.default_rng(split).permutation(np.flatnonzero(tokens.lengths > 0))
            kept, held_out = np.sort(order[len(order) // 5 :]), np.sort(order[: len(order) // 5])
            vocabulary = Vocabulary.of(tokens.select(kept), config.vocabulary)
            learned, others = (vocabulary.encode(tokens.select(rows)) for rows in (kept, held_out))
            targets, valid = Targets.of(codes[kept]), (others, Targets.of(codes[held_out], int(codes.max()) + 1))
            for n_parts in PARTS:
                history, said = trained(
                    system, learned, targets, vocabulary, n_parts, HolderHere(), valid=valid, seed=split
                )
                best = history.epochs[history.best_epoch - 1]
                of_parts = its.setdefault(str(n_parts), {"accuracy": [], "loss": [], "epochs": []})
                of_parts["accuracy"].append(best.valid_accuracy or 0.0)
                of_parts["loss"].append(best.valid_loss or 0.0)
                of_parts["epochs"].append(history.best_epoch)
                print(
                    name, system, split, n_parts, f"{best.valid_accuracy:.4f} {best.valid_loss:.4f}", said, flush=True
                )
            keep(name, found)


def trained(
    system: str,
    learned: Ragged,
    targets: Targets,
    vocabulary: Vocabulary,
    n_parts: int,
    holder: Holder,
    *,
    valid: tuple[Ragged, Targets] | None = None,
    n_epochs: int | None = None,
    seed: int = 0,
    on_start: Callable[[], None] = lambda: None,
) -> tuple[History, str]:
    """How a fit went, and what it says of its rounds; `on_start` is called when the parts are handed out."""
    config = SYSTEMS[system].model.in_parts(n_parts)
    assert config is not None
    kind, training = model_class(config), SYSTEMS[system].training
    assert issubclass(kind, NeuralModel)
    assert training is not None
    module: Any = kind.new_module(config, learned, vocabulary, targets.n_classes, seed=seed)
    rounds = Rounds(module, learned, targets, training, holder) if n_parts > 1 else None
    on_start()
    generator = np.random.default_rng(seed)
    history = fit(module, learned, targets, valid, training, generator=generator, n_epochs=n_epochs, steps=rounds)
    return history, "" if rounds is None else rounds.said(len(history.epochs))


class Counting(HolderHere):
    """Counts the bytes that are sent to parts and come back in rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.n_out = self.n_back = self.n_rounds = 0

    def map_held(
        self, work: Callable[..., tuple[Any, ...]], chunks: Iterable[tuple[Any, ...]], n_held: int = 0
    ) -> Iterator[tuple[Any, ...]]:
        listed = list(chunks)
        is_round = work.__name__ == "_stepped"
        self.n_rounds += is_round
        self.n_out += is_round * sum(len(pickle.dumps(chunk[1:])) for chunk in listed)  # but for what stays there
        for found in super().map_held(work, listed, n_held):
            self.n_back += is_round * len(pickle.dumps(found))
            yield found


def timed() -> None:
    """Keep the seconds of an epoch in 2 parts by those that can do it, and the bytes of a round."""
    corpus = load_dataset("imdb").train
    found: dict[str, Any] = {"load": os.getloadavg()[0]}
    with executor("local:1") as one, executor("local:2") as two:
        for system, n_times in N_TIMES.items():
            tokens = Tokenizer(SYSTEMS[system].tokenizer)(corpus.texts)
            vocabulary = Vocabulary.of(tokens, SYSTEMS[system].vocabulary)
            codes = np.tile(np.unique(corpus.names(), return_inverse=True)[1].astype(np.int64), n_times)
            learned, targets = Ragged.joined([vocabulary.encode(tokens)] * n_times), Targets.of(codes)
            task = system, learned.select(np.arange(6_400)), codes[:6_400]
            for workers in (one, two):
                list(workers.map_held(own_steps, [task] * 4))  # they import PyTorch
            ways: dict[str, tuple[int, Holder]] = {
                "one part": (1, HolderHere()), "one worker": (2, one), "two workers": (2, two)
            }  # fmt: skip
            seconds: dict[str, list[float]] = {way: [] for way in (*ways, "alone", "beside another")}
            for _ in range(N_RUNS):
                for way, (n_parts, holder) in ways.items():
                    at: list[float] = []
                    trained(
                        system, learned, targets, vocabulary, n_parts, holder, n_epochs=1,
                        on_start=lambda at=at: at.append(time.perf_counter()),  # type: ignore[misc]
                    )  # fmt: skip
                    seconds[way].append(time.perf_counter() - at[0])
                for way, n_tasks in (("alone", 1), ("beside another", 2)):
                    started = time.perf_counter()
                    list(two.map_held(own_steps, [task] * n_tasks))
                    seconds[way].append(time.perf_counter() - started)
            counting = Counting()
            trained(system, learned, targets, vocabulary, 2, counting, n_epochs=1)
            found[system] = {
                "seconds": seconds, "n_documents": len(codes), "n_words": vocabulary.n_rows("all"),
                "rounds": counting.n_rounds,
                "bytes_out_a_round": counting.n_out / counting.n_rounds,
                "bytes_back_a_round": counting.n_back / counting.n_rounds,
                "two_of_one": median_ratio(seconds["two workers"], seconds["one worker"]),
                "one_worker_of_one_part": median_ratio(seconds["one worker"], seconds["one part"]),
                "slower_beside_another": median_ratio(seconds["beside another"], seconds["alone"]),
            }  # fmt: skip
            keep("workers", found)


def own_steps(system: str, documents: Ragged, codes: npt.NDArray[np.int64]) -> tuple[float]:
    """An epoch of one part in a process of its own, without a word to another. Returns: the loss."""
    torch.set_num_threads(1)
    config, n_rows = SYSTEMS[system], int(documents.ids.max()) + 1
    kind: Any = model_class(config.model)
    module: Any = kind.module_class()(
        config.model, n_words=n_rows, n_classes=2, generator=torch.Generator().manual_seed(0)
    )
    assert config.training is not None
    generator = np.random.default_rng(0)
    history = fit(module, documents, Targets.of(codes), None, config.training, generator=generator, n_epochs=1)
    return (history.epochs[0].train_loss or 0.0,)


def median_ratio(those: list[float], others: list[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(those, others, strict=True))


if __name__ == "__main__":
    main()
