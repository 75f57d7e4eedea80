"""Records of what a command found: dataclasses ⇄ JSON. Tables and pages are made from nothing else.

A field without a default is in every record. Reading refuses a key that is missing or unknown and a value of another
type, and names file and key; numbers that are not finite are null in JSON, and None here where they may be unknown.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
import math
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, dataclass_transform

from bywords import config
from bywords.errors import DataError, SettingError
from bywords.files import write_whole
from bywords.validation import naming, parsed_json

if TYPE_CHECKING:
    import polars as pl

Part = Literal["train", "test"]
Interval = tuple[float, float]  # 95 %
AnyRecord = TypeVar("AnyRecord", bound="Record")
T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
@dataclass(frozen=True, kw_only=True)
class RecordPart:
    """Whatever is derived from this is a dataclass: frozen, its fields given by name."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)


class Record(RecordPart):
    """What every record begins with."""

    FORMAT: ClassVar[str]
    MADE_BY: ClassVar[str]  # the command

    bywords_version: str
    command: str = ""  # as it was typed

    PAGE: ClassVar[str]  # what makes its page: the module and the function, "bywords.report.curve:render_curve"

    def to_html(self, path: Path | str) -> None:
        """Write its page, which needs no other file. Raises SettingError where it cannot be written."""
        module, _, function = self.PAGE.partition(":")
        write_whole(Path(path), getattr(importlib.import_module(module), function)(self))

    def rows(self) -> list[dict[str, Any]]:
        """What it is mainly about, a row each, of plain values."""
        raise NotImplementedError

    def to_frame(self) -> pl.DataFrame:
        """`rows` as a frame of polars."""
        import polars as pl

        return pl.DataFrame(self.rows(), infer_schema_length=None)


def scalars(part: RecordPart, *without: str) -> dict[str, Any]:
    """The fields of a part of a record that are one value each, or an interval, which becomes _low and _high."""
    found: dict[str, Any] = {}
    for name, value in vars(part).items():
        if name.endswith("_interval"):
            found |= {f"{name}_{end}": each for end, each in zip(("low", "high"), value or (None, None), strict=True)}
        elif name not in without and (value is None or isinstance(value, bool | int | float | str)):
            found[name] = value
    return found


class CorpusFacts(RecordPart):
    """The documents of an experiment, those without tokens left out."""

    name: str
    fingerprint: str
    n_train: int
    n_valid: int | None = None  # of the training documents, with the first seed; None where fits draw their own
    n_test: int
    columns: str | None = None  # which were read as what; None where the files have none
    dropped: dict[Part, int]  # documents without tokens
    label_names: list[str]
    class_counts: dict[Part, list[int]]


class ExperimentRecord(Record):
    """What the records of a comparison and of a learning curve share."""

    created: str = ""  # ISO 8601, UTC
    finished: bool = False
    seeds: list[int]
    validation_share: float
    machine: dict[str, Any] = field(default_factory=dict)
    corpus: CorpusFacts


class Spread(RecordPart):
    """How far apart the accuracies of the seeds are."""

    min: float
    max: float
    std: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: mean losses (nats a document), accuracy (0 to 1; of several labels all have to be right), its time."""

    epoch: int  # counted from 1
    train_loss: float | None  # None in a record that was read, where it was not finite
    valid_loss: float | None  # None where there are no validation documents
    valid_accuracy: float | None
    seconds: float
    valid_score: float | None = None  # by the measure that training stops by; the higher, the better


class VectorsSummary(RecordPart):
    """The word vectors that a model started from, and how much of its vocabulary they cover."""

    name: str
    dimension: int
    types_share: float | None  # of the distinct words, before those without a vector leave the vocabulary
    tokens_share: float | None  # of the tokens


class Quantiles(RecordPart):
    """Of the lengths of documents."""

    min: float
    p10: float | None = None
    median: float
    mean: float
    p90: float
    p99: float
    max: float


def machine() -> dict[str, Any]:
    """What a run is made on: versions, platform, and how many processors it may use."""
    is_limited = hasattr(os, "sched_getaffinity")  # not on macOS
    found: dict[str, Any] = {"python": platform.python_version()}
    for name in ("numpy", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    threads = len(os.sched_getaffinity(0)) if is_limited else os.cpu_count()
    return {**found, "platform": platform.platform(), "threads": threads}


def write_record(record: Record, path: Path) -> None:
    """Write a record as JSON, whole or not at all. Raises SettingError when it cannot be written."""
    write_whole(path, _encoded(record))


def read_record(kind: type[AnyRecord], path: Path) -> AnyRecord:
    """A record of this kind from its JSON. Raises DataError, naming file and key, when it is none or not whole."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{path}: expected JSON in UTF-8: {error}.") from error
    return from_json(kind, text, where=str(path))


def to_json(record: Record) -> str:
    """A record as JSON, its format first."""
    return b"".join(_encoded(record)).decode()


def _encoded(record: Record) -> Iterator[bytes]:
    """The bytes of it, some at a time: of a long record the pieces take several times as much memory as the whole."""
    pieces = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=1).iterencode(plain(record))
    while some := list(itertools.islice(pieces, 10_000)):
        yield "".join(some).encode("utf-8", "backslashreplace")


def from_json(kind: type[AnyRecord], text: str, *, where: str) -> AnyRecord:
    """The record that `to_json` was given. Raises DataError, beginning with `where`, for anything else."""
    with naming(f"{where}: expected the JSON that `{kind.MADE_BY}` writes", error=DataError):
        found = parsed_json(text.encode(), is_record=True)
    format_ = found.pop("format", None)
    if format_ != kind.FORMAT:
        raise DataError(
            f"{where}: expected the format {kind.FORMAT}, found {format_!r:.60}. Make it anew with `{kind.MADE_BY}`."
        )
    return typed(kind, found, where=f"{where}:")


def plain(value: Any) -> Any:
    """A record, or a part of one, as JSON values. None for a number that is not finite."""
    if dataclasses.is_dataclass(kind := type(value)):
        head = {"format": value.FORMAT} if isinstance(value, Record) else {}
        return head | {each.name.rstrip("_"): plain(getattr(value, each.name)) for each in dataclasses.fields(kind)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def finite(part: T) -> T:
    """The same part of a record, with None for numbers that are not finite."""
    return typed(type(part), plain(part))


def typed(kind: type[T], value: Any, *, where: str = "the record") -> T:
    """JSON values as a value of this type; see `bywords.config.typed`. Raises DataError instead of SettingError."""
    try:
        return config.typed(kind, value, where=where)
    except SettingError as error:
        raise DataError(str(error)) from error
