"""Could two processes that share the batches of an averaging model be faster than one?

A step of `dan`, `dan-ngrams` and `averaging` on reviews of imdb, by one process with one thread: the gradient, which
two would share, and the optimizer, which each does for itself. Then what two processes of this machine have to send
each other: the gradient of half a batch each, in one call of gloo, and nothing done with it.

Claim: with half a gradient each, the exchange and the optimizer, two processes take at least three quarters of the time
of one, before they have added up what they got. So the fit of these models stays in one process. Medians of the steps,
and of the runs, in turn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import socket
import statistics
import time
from typing import Any

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing
import torch.nn.functional as F  # noqa: N812 (the name under which everybody knows it)
from measure import write_result

from bywords.io.datasets import load_dataset
from bywords.models.base import model_class
from bywords.models.neural import NeuralModel
from bywords.systems import SYSTEMS
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.training.loop import _optimizers

NAMES = ("dan", "dan-ngrams", "averaging")
N_DOCUMENTS, N_EXCHANGES, N_RUNS = 6_400, 100, 3
LEAST_TIMES = 0.75


def main() -> None:
    """Measure both, and assert the claim."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
    for _ in range(N_RUNS):
        for name in NAMES:
            row = steps_of(name)
            row["exchange"] = exchanged(int(row["n_bytes"]), is_sparse=bool(row["is_sparse"]))
            found[name].append(row)
    rows: list[dict[str, Any]] = [
        {"system": name, **{what: statistics.median(row[what] for row in its) for what in its[0]}}
        for name, its in found.items()
    ]
    for row in rows:
        print(
            f"{row['system']:11} gradient {row['gradient']:5.2f} ms, optimizer {row['optimizer']:5.2f} ms; to exchange "
            f"{row['n_bytes'] / 1e6:5.2f} MB {row['exchange']:5.2f} ms, times of one: {times_of_two(row):.2f}"
        )
    write_result("data_parallel", {"rows": rows})
    assert all(times_of_two(row) >= LEAST_TIMES for row in rows), rows


def times_of_two(row: dict[str, Any]) -> float:
    """The least time that a step of two processes takes, in times of one."""
    alone: float = row["gradient"] + row["optimizer"]
    return (row["gradient"] / 2 + row["exchange"] + row["optimizer"]) / alone


def steps_of(name: str) -> dict[str, float]:
    """Milliseconds of a step by one process, and the bytes of the gradient of half a batch."""
    torch.set_num_threads(1)
    system, corpus = SYSTEMS[name], load_dataset("imdb").train
    kind = model_class(system.model)
    assert issubclass(kind, NeuralModel)
    assert system.training is not None
    tokens = Tokenizer(system.tokenizer)(corpus.texts.to_list())
    vocabulary = Vocabulary.of(tokens, system.vocabulary)
    documents = vocabulary.encode(tokens.select(np.arange(N_DOCUMENTS)))
    model = kind.new_module(system.model, documents, vocabulary, len(corpus.label_names), seed=0)
    prepared, optimizers, size = (
        model.prepare(documents),
        _optimizers(model, system.training),
        system.training.batch_size,
    )
    order, of_gradient, of_optimizer = np.random.default_rng(0).permutation(N_DOCUMENTS), list[float](), list[float]()
    for start in range(0, N_DOCUMENTS - size + 1, size):
        started = time.perf_counter()
        backward(model, prepared, corpus.labels, order[start : start + size])
        of_gradient.append(time.perf_counter() - started)
        started = time.perf_counter()
        for optimizer in optimizers:
            optimizer.step()
        of_optimizer.append(time.perf_counter() - started)
    n_bytes = backward(model, prepared, corpus.labels, order[: size // 2])
    return {
        "gradient": 1000 * statistics.median(of_gradient),
        "optimizer": 1000 * statistics.median(of_optimizer),
        "n_bytes": n_bytes,
        "is_sparse": bool(model.by_row),
    }


def backward(model: Any, prepared: Any, labels: Any, rows: Any) -> int:
    """The gradient of a batch. Returns: how many bytes it has; of a row that is there, the values and its number."""
    model.zero_grad()
    rows = np.sort(rows)
    F.cross_entropy(model(prepared.select(rows)), torch.from_numpy(labels[rows])).backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return sum(
        4 * (each._values().numel() + each._indices().numel()) if each.is_sparse else 4 * each.numel()
        for each in gradients
    )


def exchanged(n_bytes: int, *, is_sparse: bool) -> float:
    """The milliseconds in which two processes have what each of them has of so many bytes, or the sum of both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    others = [context.Process(target=_exchange, args=(rank, port, n_bytes, is_sparse, answers)) for rank in range(2)]
    for each in others:
        each.start()
    milliseconds: float = answers.get()
    for each in others:
        each.join()
    return milliseconds


def _exchange(rank: int, port: int, n_bytes: int, is_sparse: bool, answers: Any) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    own, seconds = torch.ones(n_bytes // 4), []
    both = [torch.empty_like(own) for _ in range(2)]
    for _ in range(N_EXCHANGES):
        torch.distributed.barrier()
        started = time.perf_counter()
        if is_sparse:  # other rows are there in each, so that all of them have to be known
            torch.distributed.all_gather(both, own)
        else:
            torch.distributed.all_reduce(own)
        seconds.append(time.perf_counter() - started)
    if rank == 0:
        answers.put(1000 * statistics.median(seconds))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
