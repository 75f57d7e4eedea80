"""Documents of ids → one batch of tensors, padded or not; and how a module is called with one."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bywords.errors import SettingError, quoted, shown
from bywords.text.ragged import PADDING, Ragged

NO_LABEL = -1


class PaddedBatch(NamedTuple):
    """N documents, each filled up to the length of the longest; padding is id 0."""

    ids: Tensor  # int64 (N, L)
    lengths: Tensor  # int64 (N,), all ≥ 1
    is_token: Tensor  # bool (N, L), false on padding
    labels: Tensor  # int64 (N,); -1 where there is none


class RaggedBatch(NamedTuple):
    """N documents, one after the other, as `torch.nn.EmbeddingBag(include_last_offset=True)` takes them."""

    ids: Tensor  # int64 (T,)
    offsets: Tensor  # int64 (N + 1,): document i is ids[offsets[i]:offsets[i + 1]]
    labels: Tensor  # int64 (N,); -1 where there is none


Batch = PaddedBatch | RaggedBatch
KNOWN = {*PaddedBatch._fields, *RaggedBatch._fields, "batch"}


def padded_batch(documents: Sequence[Tensor], labels: Tensor) -> PaddedBatch:
    """The ids of each of N documents, int64 (L,) → one batch."""
    ids = nn.utils.rnn.pad_sequence(list(documents), batch_first=True, padding_value=PADDING)
    lengths = torch.tensor([len(each) for each in documents])
    return PaddedBatch(ids, lengths, torch.arange(ids.shape[1]) < lengths.unsqueeze(1), labels)


@dataclass(frozen=True)
class Call:
    """A module, and what of a batch its `forward` asks for: the name of each parameter → the name in the batch."""

    module: nn.Module
    wanted: dict[str, str]

    def __call__(self, batch: Batch) -> Tensor:
        """Logits (N, K). Raises SettingError where the batch has not what is asked for, or they are none."""
        has = {**batch._asdict(), "batch": batch}
        name = type(self.module).__name__
        if missing := [wanted for wanted in self.wanted.values() if wanted not in has]:
            raise SettingError(
                f"forward of {name} asks for {quoted(missing)}, which this batch has not: it has "
                f"{', '.join(batch._fields)}. Give the other collate."
            )
        logits: Tensor = self.module(**{parameter: has[wanted] for parameter, wanted in self.wanted.items()})
        n_documents = len(batch.labels)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != n_documents:
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise SettingError(f"{name} gives {found}, expected logits ({n_documents}, K).")
        return logits

    @property
    def wants_ragged(self) -> bool:
        """Whether it asks for `offsets`, which batches without padding have."""
        return "offsets" in self.wanted.values()

    def batch_of(self, documents: Ragged) -> Batch:
        """The batch that the module takes."""
        ids, offsets = torch.from_numpy(documents.ids).to(torch.int64), torch.from_numpy(documents.offsets)
        labels = torch.full((len(documents),), NO_LABEL)
        if self.wants_ragged:
            return RaggedBatch(ids, offsets, labels)
        return padded_batch(ids.split(documents.lengths.tolist()), labels)


def call_of(module: nn.Module) -> Call:
    """How to call a module with a batch. Raises SettingError where its `forward` asks for what no batch has."""
    if not isinstance(module, nn.Module):
        raise SettingError(
            f"the module is {shown(module)}, expected a torch.nn.Module, as in AveragingModel(n_words, n_classes)."
        )
    parameters = [
        parameter
        for parameter in inspect.signature(module.forward).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    wanted = {one.name: one.name for one in parameters if one.name in KNOWN or one.default is one.empty}
    if parameters and parameters[0].name not in KNOWN:
        wanted[parameters[0].name] = "ids"
    unknown = [name for name in wanted.values() if name not in KNOWN]
    if unknown or not wanted:
        raise SettingError(
            f"forward of {type(module).__name__} asks for {quoted(unknown) if unknown else 'nothing'}, expected some "
            f"of {', '.join(sorted(KNOWN))}, as in forward(self, ids, lengths)."
        )
    return Call(module, wanted)
