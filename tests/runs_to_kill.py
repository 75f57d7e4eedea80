"""Trainings to be killed, each in a process of its own, forked from one in which everything is imported already."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

from small_corpus import SMALLER, small_corpus, small_system

from bywords.classifier import TextClassifier
from bywords.training import loop

IMPORTED = [
    "runs_to_kill", "lightning_fabric", "gensim.models", "sklearn.linear_model", "scipy.optimize", "safetensors.numpy",
    *(f"bywords.kernels.{name}" for name in ("words", "ids", "rows", "svm", "lstm")),
]  # fmt: skip


def train_small(system: str, out: Path, checkpoint: Path | None = None, **more: Any) -> TextClassifier:
    """Train on the small corpus and save; with a checkpoint, go on from it. `more` are arguments of `fit`."""
    corpus = small_corpus()
    classifier = TextClassifier(small_system(system, "no vectors") if system in SMALLER else system)
    more = {"checkpoint": checkpoint, "resume": checkpoint is not None, **more}
    classifier.fit(corpus.texts, corpus.names(), **more)
    classifier.save(out)
    return classifier


def process_of(system: str, out: Path, checkpoint: Path) -> BaseProcess:
    """The same in a process that has begun, with a checkpoint after every batch."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=_train_often, args=(system, out, checkpoint))
    # The process that the others are forked from begins with the first, and looks for its imports there.
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path)):
        process.start()
    return process


def _train_often(system: str, out: Path, checkpoint: Path) -> None:
    loop.SECONDS_BETWEEN = 0
    train_small(system, out, checkpoint)


def sums_of(folder: Path) -> str:
    """What tells two models apart that differ in one bit."""
    return (folder / "SHA256SUMS").read_text(encoding="utf-8")
