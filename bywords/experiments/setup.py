"""A split → what its documents are, for a record; and whether an earlier record is of the same experiment."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bywords.checkpoint import Run
from bywords.data.corpus import Split, check_trainable
from bywords.errors import DataError, SettingError
from bywords.forks import check_polars
from bywords.records.base import CorpusFacts, ExperimentRecord, Spread, machine
from bywords.text.tokenizer import Tokenizer
from bywords.version import __version__

WITHOUT_RESUME = "Start anew without --resume."


def checked(split: Split, tokenizer: Tokenizer) -> Split:
    """The split without documents that have no tokens.

    Raises: DataError for a corpus that cannot be trained on, and one without test documents.
    """
    check_polars(what="an experiment")
    split = split.drop_empty(tokenizer)
    check_trainable(split.train)
    if not len(split.test):
        raise DataError(f"{split.test.name}: there are no test documents with words. Add some.")
    return split


def beginning(
    split: Split, *, seeds: Sequence[int], validation_share: float, command: str, n_valid: int | None = None
) -> dict[str, Any]:
    """The fields of an `ExperimentRecord` on this split that has not begun."""
    train, test = split.train, split.test
    return {
        "bywords_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "seeds": list(seeds),
        "validation_share": validation_share,
        "machine": machine(),
        "corpus": CorpusFacts(
            name=train.name,
            fingerprint=f"{train.fingerprint}-{test.fingerprint}",
            n_train=len(train),
            n_valid=n_valid,
            n_test=len(test),
            columns=None if train.read_as is None else train.read_as.described(),
            dropped={"train": split.n_dropped_train, "test": split.n_dropped_test},
            label_names=list(train.label_names),
            class_counts={"train": train.counts().tolist(), "test": test.counts().tolist()},
        ),
    }


def check_same(record: ExperimentRecord, earlier: ExperimentRecord, *names: str) -> None:
    """Raise SettingError when the earlier record is of other documents, or differs in a field of these names."""

    def run_of(one: ExperimentRecord) -> Run:
        names_of_all = ("bywords_version", "validation_share", *names)
        return Run({"documents": one.corpus.fingerprint}, {name: getattr(one, name) for name in names_of_all})

    advice = "Take the same, or start anew without --resume."
    run_of(record).check_same(run_of(earlier), "the earlier record is", advice)


def check_close(name: str, found: float, expected: float) -> None:
    """Raise SettingError where a score of a record is not what follows from its answers."""
    if not math.isclose(found, expected, abs_tol=1e-9):
        raise SettingError(f"its {name} is {found}, and that of its answers {expected}")


def spread(accuracies: Sequence[float]) -> Spread:
    """How far apart the seeds are; of one seed not at all."""
    std = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    return Spread(min=min(accuracies), max=max(accuracies), std=std)
