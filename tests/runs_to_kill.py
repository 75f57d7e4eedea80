"""Trainings to be killed: a process of its own each, forked from one in which everything is imported already."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from small_corpus import SMALLER, small_corpus

from bywords import training
from bywords.classifier import TextClassifier
from bywords.settings import changed
from bywords.systems import SYSTEMS

PRELOADED = ["runs_to_kill", "lightning_fabric", "gensim.models", "sklearn.linear_model", "scipy.optimize", "bywords.compiled.words",
"bywords.compiled.ids","bywords.compiled.rows","bywords.compiled.svm","bywords.compiled.lstm","safetensors.numpy"]
SYSTEMS_TO_KILL = ["auto", "dan", "averaging", "lstm", "word2vec-mean", "glove-corpus-mean", "tfidf-svc"]


def train_small(system: str, out: Path, checkpoint: Path | None, n_documents: int = 150) -> None:
    """Train on the small corpus and save; with a checkpoint, go on from it."""
    corpus = small_corpus(n_documents)
    classifier = TextClassifier(changed(SYSTEMS[system], SMALLER.get(system, [])))
    classifier.fit(corpus.texts, corpus.names(), checkpoint=checkpoint, resume=checkpoint is not None)
    classifier.save(out)


def process_of(system: str, out: Path, checkpoint: Path, n_documents: int) -> multiprocessing.process.BaseProcess:
    """The same in a process that has not begun yet, with a checkpoint after every batch."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context.Process(target=_train_often, args=(system, out, checkpoint, n_documents))


def _train_often(system: str, out: Path, checkpoint: Path, n_documents: int) -> None:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    training.SECONDS_BETWEEN = 0
    train_small(system, out, checkpoint, n_documents)


def sums_of(folder: Path) -> str:
    """What tells two models apart that differ in one bit."""
    return (folder / "SHA256SUMS").read_text(encoding="utf-8")
