"""What a fit depends on → the checkpoint that keeps what it has worked out, or the one to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Run, fingerprint
from bywords.config import to_plain
from bywords.data.label_sets import arrays_of
from bywords.data.targets import Targets
from bywords.fitted import FittedClassifier
from bywords.system_config import FitParameters, SystemConfig
from bywords.text.tokenizer import Tokens
from bywords.version import __version__

Part = tuple[Tokens, Targets]


def checkpoint_of(folder: Path | None, run: Run, *, resume: bool) -> Checkpoint:
    """The checkpoint of a run in a folder; without a folder, one that keeps nothing."""
    return NO_CHECKPOINT if folder is None else Checkpoint.open(folder, run, resume=resume)


def run_of(
    config: SystemConfig,
    parameters: FitParameters,
    classes: list[Any],
    label_format: str,
    train: Part,
    valid: Part | None,
    test: Part | None = None,
    *,
    before: FittedClassifier | None = None,
    unlabelled: Tokens | None = None,
) -> Run:
    """All that the outcome of a fit depends on; `before` is the classifier that it goes on from."""
    data = {"classes": fingerprint(np.array(classes, dtype=np.str_)), "label format": label_format}
    for part, given in (("", train), ("validation ", valid)):
        if given is not None:
            data |= {f"{part}texts": fingerprint(*_arrays_of(given[0])), **fingerprints_of(part, given[1])}
    if test is not None:
        tokens, targets = test
        data["test documents"] = fingerprint(*_arrays_of(tokens), *arrays_of(targets.codes), targets.weights)
    if unlabelled is not None:
        data["texts without labels"] = fingerprint(*_arrays_of(unlabelled))
    if before is not None:
        words = np.array(before.vocabulary.words.to_list(), dtype=np.str_)
        data["model to go on from"] = fingerprint(words, *before.model.arrays().values())
    names = (
        "metric",
        "validation_share",
        "budget_seconds",
        "keep_together",
        "seed",
        "label_hierarchy",
        "use_label_names",
        "unseen_labels",
    )
    return Run(data, {"bywords": __version__, **{n: getattr(parameters, n) for n in names}, **to_plain(config)})


def _arrays_of(tokens: Tokens) -> tuple[npt.NDArray[Any], ...]:
    return tokens.codes, tokens.offsets, tokens.words.data, tokens.words.starts


def run_on_disk(config: SystemConfig, seed: int, data: dict[str, str]) -> Run:
    """The same for documents in files, whose fingerprints are known."""
    return Run(data, {"bywords": __version__, "seed": seed, **to_plain(config)})


def fingerprints_of(part: str, targets: Targets) -> dict[str, str]:
    """Those of what is to be learned of a part."""
    return {f"{part}labels": fingerprint(*arrays_of(targets.codes)), f"{part}weights": fingerprint(targets.weights)}
