"""Documents in parts and a module → rounds: each part makes its own steps from the same weights, then they are joined.

These are the steps of local SGD (Stich 2019, "Local SGD Converges Fast and Communicates Little"), also known as
iterative parameter mixing (McDonald, Hall, Mann 2010, "Distributed Training Strategies for the Structured Perceptron").
One part alone makes the first, with rates that rise (Goyal et al. 2017, "Accurate, Large Minibatch SGD"): from a random
start all parts go the same way, and too far; units that no document reaches any more are lost.

A part's batch is that of the settings divided by the number of parts: an epoch has as many steps as that of one part,
and their mean has as little noise. Of word vectors it is the mean of those parts alone that have the word in the round;
of all of them, rare words would learn the slower the more parts there are. A word that n parts have gets from each a
gradient of fewer documents, with n times the variance, by which Adagrad and Adam would make its steps √n times too
short. So in a round its vector is divided by √n, and what it counts in a document multiplied by that: its steps are as
long again, and its share of the sums is what it was. The rates of all else, which every part has, are multiplied by √n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from bywords.cluster import Holder
from bywords.data.label_sets import Codes
from bywords.data.targets import Targets
from bywords.models.averaging import AveragingConfig
from bywords.models.bags_in_parts import parts_of
from bywords.models.base import model_class
from bywords.models.modules.averaging import AveragingModule
from bywords.models.modules.layers import threads
from bywords.models.neural import NeuralModel
from bywords.system_config import TrainingConfig
from bywords.text.bags import Bags, Floats, Weighting
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import Ragged
from bywords.training.state import Arrays, arrays_of_training, names_of_state, start_states
from bywords.training.steps import Rates, losses_of, optimizers_of, relative_weights

STEPS = 32  # of each part in a round: with more they drift apart, with fewer more is moved
LEAD = 32  # steps that one part makes alone, at least; at their end the rates have risen
MOST_ROUNDS = 100  # of an epoch: with more, what is known of each piece would take more room than the weights
LEAST_BATCH = 8  # documents of a part: with fewer, a step costs more than its documents do
SQUARES = " exp_avg_sq", " squares"  # how the names end of sums of squares of gradients
TABLE, CONSTANT = "embedding.weight", "weights word_weight"  # that a row a word has, in training

Words = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Piece:
    """What a part learns from in a round, where it is held: bags whose ids are indices of its own words."""

    bags: Bags
    codes: Codes
    weights: Doubles | None  # (N,), of the documents; None where all count the same


@dataclass(frozen=True)
class Round:
    """Pieces that are learned from at the same time, one a part, and a seed for each; perhaps one of the lead."""

    pieces: tuple[int, ...]
    seeds: tuple[int, ...]
    led: tuple[int, int] | None = None  # steps of the lead that were made before, of how many; None after it


@dataclass(frozen=True, eq=False)
class Shared:
    """What all parts of a round are told."""

    model: AveragingConfig
    training: TrainingConfig
    arrays: Arrays  # of the module in training, but for those with a row a word
    n_classes: int
    n_parts: int
    start: float  # how many epochs are over when the round begins, and when it ends
    end: float
    led: tuple[int, int] | None  # steps of the lead that were made before, of how many; None after it

    def rate(self, number: int, n_steps: int) -> float:
        """What the rates are multiplied by in a step of so many."""
        share = 1.0
        if self.training.decay:
            done = self.start + (self.end - self.start) * number / n_steps
            share -= done / self.training.max_epochs
        if self.led is not None:
            n_before, n_lead = self.led
            share *= min(1, (n_before + number + 1) / n_lead)
        return share

    def module(self, n_words: int, dimension: int, seed: int) -> tuple[Any, list[Any]]:
        """One like the command's, but of so many words, and its optimizers; their numbers have yet to be filled in."""
        module: Any = cast(type[NeuralModel], model_class(self.model)).module_class()(
            self.model, n_words=n_words, n_classes=self.n_classes, generator=torch.Generator().manual_seed(seed),
            vectors=torch.zeros(n_words, dimension),
        )  # fmt: skip
        optimizers: list[Any] = optimizers_of(module, self.training)
        start_states(optimizers)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            if all(parameter is not module.embedding.weight for parameter in group["params"]):
                group["lr"] *= math.sqrt(self.n_parts)
                group["weight_decay"] /= math.sqrt(self.n_parts)  # it is multiplied by the rate
        return module, optimizers


class Rounds:
    """A round at a time, by whoever holds the parts; the module has the weights between them.

    Which documents are in a piece depends on their number, the parts and the size of a batch alone. The pieces of a
    round stay together, and rounds come in another order in each epoch.
    """

    def __init__(
        self,
        model: AveragingModule,
        train: Ragged | MappedDocuments,
        targets: Targets,
        config: TrainingConfig,
        holder: Holder,
        on_piece: Callable[[int, int], None] = lambda n_done, n_pieces: None,
    ) -> None:
        """`on_piece` says how many of how many pieces have gone to the holder."""
        self._model = model
        self._config, self._holder, self._n_classes = config, holder, targets.n_classes
        self.optimizers: list[Any] = optimizers_of(model, config)
        start_states(self.optimizers)
        self._tables = [f"weights {TABLE}", *names_of_state(self.optimizers, self._model.embedding.weight)]
        n_parts = self._model.config.parts
        n_steps = n_batches(-(-len(train) // n_parts), config, n_parts)
        n_rounds = min(MOST_ROUNDS, max(1, round(n_steps / STEPS)))
        rows = parts_of(len(train), n_parts * n_rounds)
        self._sizes = [len(its) for its in rows]
        self._rounds = [range(start, min(start + n_parts, len(rows))) for start in range(0, len(rows), n_parts)]
        self._n_led = min(
            len(rows), -(-LEAD // n_batches(min(self._sizes), config, 1))
        )  # pieces that follow each other
        weights = relative_weights(targets)
        shared = holder.hold((self._model.config.weighting, self._model.word_weight.numpy(), self._model.blocks))

        def chunks() -> Iterator[tuple[Any, ...]]:
            for its in rows:
                yield train.select(its), targets.select(its).codes, None if weights is None else weights[its], shared

        self._pieces: list[tuple[Words, Any]] = []  # the words of each, ascending, and what is held of it
        for words, held in holder.map_held(_cut, chunks(), 1):
            self._pieces.append((words, held))
            on_piece(len(self._pieces), len(rows))

    def most(self) -> int:
        return self._n_led + len(self._rounds) - self._n_led // len(self._rounds[0])

    def epoch(self, number: int, generator: np.random.Generator) -> list[Round]:
        order = [self._rounds[index] for index in generator.permutation(len(self._rounds)).tolist()]
        n_led = self._n_led if number == 1 else 0
        led = [piece for pieces in order for piece in pieces][:n_led]
        groups = [*((piece,) for piece in led), *(tuple(piece for piece in its if piece not in led) for its in order)]
        each: list[Round] = []
        n_steps = 0
        for its in filter(None, groups):
            seeds = tuple(generator.integers(2**62, size=len(its)).tolist())
            each.append(Round(its, seeds, (n_steps, LEAD) if len(each) < n_led else None))
            n_steps += n_batches(self._sizes[its[0]], self._config, 1)
        return each

    def said(self, n_epochs: int) -> str:
        """How so many epochs were trained, a sentence."""
        n_rounds = (n_epochs - 1) * len(self._rounds) + self.most() if n_epochs else 0
        return f"Trained in {len(self._rounds[0])} parts, {n_rounds:,} rounds."

    def take(self, item: Round, start: float, end: float) -> float:
        whole = arrays_of_training(self._model, self.optimizers, None)  # views: what is changed here is changed there
        others = {
            name: array
            for name, array in whole.items()
            if name not in self._tables and name != CONSTANT and not name.startswith("generator ")
        }
        pieces = [self._pieces[piece] for piece in item.pieces]
        n_of_word = np.zeros(len(whole[f"weights {TABLE}"]), dtype=np.float32)  # parts that have it
        for words, _ in pieces:
            n_of_word[words] += 1
        shared = self._holder.hold(
            Shared(self._model.config, self._config, others, self._n_classes, len(pieces), start, end, item.led)
        )
        chunks = (
            (
                held,
                n_of_word[words],
                self._holder.hold({name: whole[name][words] for name in self._tables}),
                seed,
                shared,
            )
            for (words, held), seed in zip(pieces, item.seeds, strict=True)
        )
        found = list(self._holder.map_held(_stepped, chunks, 1))  # before anything is changed: that is what is sent
        for (words, _), (_, _, changes) in zip(pieces, found, strict=True):
            for name, change in self._holder.fetch(changes).items():
                whole[name][words] += change
        for name in self._tables:
            if name.endswith(SQUARES):  # rounding may have left less than nothing
                np.maximum(whole[name], 0, out=whole[name])
        for name, array in others.items():
            if name.endswith(" step"):
                array[...] = max(its[name] for its, _, _ in found)
            else:
                array[...] = sum(its[name] for its, _, _ in found) / len(found)
        return float(sum(loss for _, loss, _ in found))


def n_batches(n_documents: int, config: TrainingConfig, n_parts: int) -> int:
    """Of so many documents of one of the parts of a round."""
    return -(-n_documents // batch_size(config, n_parts))


def batch_size(config: TrainingConfig, n_parts: int) -> int:
    """Documents of a batch of one of the parts of a round."""
    return max(min(LEAST_BATCH, config.batch_size), round(config.batch_size / n_parts))


def _cut(
    documents: Ragged, codes: Codes, weights: Doubles | None, shared: tuple[Weighting, Floats, tuple[int, ...]]
) -> tuple[Words, Piece]:
    weighting, idf, blocks = shared
    bags = Bags.of(documents, len(idf)).weighed(weighting, idf, blocks=blocks)
    words, ids = np.unique(bags.ids, return_inverse=True)
    return words, Piece(replace(bags, ids=ids.astype(np.int32), n_rows=len(words)), codes, weights)


def _stepped(piece: Piece, n_of_word: Floats, own: Arrays, seed: int, shared: Shared) -> tuple[Arrays, float, Arrays]:
    """The steps of one part in a round.

    Returns: the arrays that all have, as they are then; its losses, added up; how much the rows of its words change.
    """
    with threads(1):
        module, optimizers = shared.module(len(n_of_word), own[f"weights {TABLE}"].shape[1], seed)
        roots = np.sqrt(n_of_word)
        arrays = arrays_of_training(module, optimizers, None)
        for name, array in shared.arrays.items():
            arrays[name][...] = array
        for name, array in own.items():
            arrays[name][...] = array / _times(name, array, roots)
        bags = replace(piece.bags, weights=piece.bags.weights * roots[piece.bags.ids])
        n_steps = n_batches(len(bags), shared.training, shared.n_parts)
        order = np.random.default_rng(seed).permutation(len(bags))
        rates, loss = Rates(optimizers), 0.0
        module.train()
        for number, rows in enumerate(np.array_split(order, n_steps)):
            rates.set(shared.rate(number, n_steps))
            losses = losses_of(module(bags.select(rows)), piece.codes[rows])  # (N,)
            if piece.weights is not None:
                losses = losses * torch.from_numpy(piece.weights[rows])
            for optimizer in optimizers:
                optimizer.zero_grad()
            (losses.mean() / shared.n_parts).backward()
            if shared.training.max_norm is not None:
                clipped = [parameter for group in optimizers[0].param_groups for parameter in group["params"]]
                torch.nn.utils.clip_grad_norm_(clipped, shared.training.max_norm, error_if_nonfinite=True)
            for optimizer in optimizers:
                optimizer.step()
            loss += float(losses.detach().sum())
    changes = {}
    for name, array in own.items():
        if name == f"weights {TABLE}" and not module.embedding.weight.requires_grad:
            continue
        changes[name] = arrays[name] * _times(name, array, roots)
        changes[name] -= array
        changes[name] /= n_of_word.reshape(-1, *[1] * (array.ndim - 1))
    return {name: arrays[name] for name in shared.arrays}, loss, changes


def _times(name: str, array: npt.NDArray[Any], roots: Floats) -> npt.NDArray[Any] | float:
    """How many times as large the rows of a table are outside of a round; squares of gradients are as large."""
    return 1.0 if name.endswith(SQUARES) else roots.reshape(-1, *[1] * (array.ndim - 1))
