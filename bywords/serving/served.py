"""A model folder → the classifier that answers, exchanged when the folder changes."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from bywords.artifact.description import load_classifier
from bywords.artifact.model_folder import OWN, SUMS
from bywords.errors import BywordsError
from bywords.fitted import FittedClassifier

MOST_ANSWERERS = 64  # kinds of question whose preparation is kept


class Answerer(Protocol):
    """What makes columns of answers of what a model has found: label, probability and so on, N values each."""

    def found(self, texts: Any) -> Any:
        """What the model finds for N texts."""

    def columns(self, found: Any) -> dict[str, Any]:
        """Lists or arrays of N values, by name."""


MakeAnswerer = Callable[[FittedClassifier, int | None, float | None], Answerer]


@dataclass(frozen=True, eq=False)
class Loaded:
    """A classifier and what is known of it."""

    classifier: FittedClassifier
    digest: str  # of its SHA256SUMS: tells which model has answered
    answerer: Callable[[int | None, float | None], Answerer] = field(repr=False)

    @property
    def answers_together(self) -> bool:
        """Whether a text gets the same answer, to the bit, whatever others are asked with it: a linear model's."""
        columns = self.classifier.record.columns
        return self.classifier.model.is_linear and (columns is None or columns.is_one_text)

    @classmethod
    def of(cls, folder: Path, make: MakeAnswerer) -> Loaded:
        """Load a folder. Raises ModelFolderError as `load_classifier`."""
        digest = hashlib.sha256((folder / SUMS).read_bytes()).hexdigest() if (folder / SUMS).exists() else ""
        classifier = load_classifier(folder)
        kept = lru_cache(MOST_ANSWERERS)(lambda top_k, least: make(classifier, top_k, least))
        kept(None, None)
        classifier.predict(["a"] if classifier.record.columns is None else _empty_row(classifier))  # warms up
        return cls(classifier, digest[:16], kept)


def _empty_row(classifier: FittedClassifier) -> list[Any]:
    columns = classifier.record.columns
    return ["a"] if columns is None or columns.is_one_text else [dict.fromkeys(columns.inputs)]


class ServedModel:
    """The model of a folder, as it is now: `current`, and why a newer one was `refused`."""

    def __init__(self, folder: Path, make: MakeAnswerer) -> None:
        """Raises ModelFolderError where the first one cannot be loaded."""
        self.folder, self._make = folder, make
        self._signature = signature(folder)
        self.current = Loaded.of(folder, make)
        self.refused: str | None = None
        self.n_loads = 1
        self._has_old = False  # one that was exchanged, since the last look
        self._lock = threading.Lock()

    def look(self) -> str | None:
        """Load the folder where its files have changed since the last look: "loaded", "refused", or None.

        Who asks meanwhile is answered by the old one, and goes on being where the new one is damaged.
        """
        with self._lock:
            found = signature(self.folder)
            if self._has_old:  # which no request asks any more
                self._has_old = False
                give_back_memory()
            if found == self._signature:
                return None
            self._signature = found
            try:
                self.current = Loaded.of(self.folder, self._make)
            except (BywordsError, OSError, MemoryError) as error:
                self.refused = str(error) or type(error).__name__
                return "refused"
            self.refused, self._has_old = None, True
            self.n_loads += 1
            return "loaded"


def give_back_memory() -> None:
    """Free what nothing but itself refers to, an old model by an error's frames say, and give free pages back.

    By themselves Python looks for the first seldom, and glibc keeps the second for the thread that had them.
    """
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def signature(folder: Path) -> tuple[Any, ...]:
    """Inode, size and time of change of each file of a model, None of a missing one: cheap, and other after a save."""
    found: list[Any] = []
    for name in OWN:
        try:
            stat = (folder / name).stat()
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        except OSError:
            found.append(None)
    return tuple(found)
