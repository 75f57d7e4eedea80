"""Crafted folders, and workers that outlive what they do to a process: what `fuzz_models.py` and tests share.

A mutation is one change of a model folder whose sums are made anew: as of somebody who wants it to be loaded.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load, save

from bywords.artifact import model_folder
from bywords.artifact.model_folder import FILES, MODEL, SUMS, VOCABULARY, WEIGHTS
from bywords.errors import BywordsError

SECONDS, ROOM = 10, 1 << 30  # of the processor for one folder; bytes beyond those of the worker before it
PATIENCE = 6  # times those seconds on the clock, of a machine that others use too: then it waits for what never comes
GROWN = 1 << 18  # kB by which a worker is larger after one case, so that the next has a new one
EXTREMES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63, -(2**63), 2**64, 10**30, 0.0, -0.5, 0.5, 1e-300, 1e30, 1e308,
    "", "x", "\0", "a" * 10_000, "\ud800", "<U400000000", "words", [], [None], [0], [[]], [-1, 1e9], {}, {"kind": "?"},
    {"a": {}}, [1] * 1000, ["x", "x"],
]  # fmt: skip
RAW_EXTREMES = ["NaN", "-Infinity", "1e999", "9" * 5000, "[" * 100_000, '"\\ud800"', "[" * 60 + "]" * 60, "{", ""]
NUMBERS = [0, -1, 1, 2, 127, 1e-30, 1e30, 1e38, 3.4e38, np.nan, np.inf, -np.inf, 2**31 - 1, -(2**31), 2**63 - 1]
DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64", "bool"]


class Crafted(NamedTuple):
    """The files of a folder after one change, but for SHA256SUMS; and the change in words."""

    change: str
    files: dict[str, bytes]


def read_files(folder: Path) -> dict[str, bytes]:
    """The files of a model that have a sum."""
    return {name: (folder / name).read_bytes() for name in FILES}


def write_sealed(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a model, and sums that are right."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (folder / SUMS).write_bytes(model_folder._sums(sums))


def crafted(files: Mapping[str, bytes], generator: np.random.Generator) -> Crafted:
    """The files with one change, drawn; at times with two."""
    changes = [_changed_json, _changed_json, _changed_array, _changed_array, _changed_vocabulary, _changed_bytes]
    found = Crafted("", dict(files))
    for _ in range(2 if generator.random() < 0.15 else 1):
        change = changes[int(generator.integers(len(changes)))]
        with contextlib.suppress(Exception):  # what a first change has left cannot be changed again in every way
            said, name, content = change(found.files, generator)
            found = Crafted(f"{found.change}; {said}".lstrip("; "), {**found.files, name: content})
    return found


def _pick(generator: np.random.Generator, values: Iterable[Any]) -> Any:
    listed = list(values)
    return listed[int(generator.integers(len(listed)))]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value within a JSON value; of a long list, to some."""
    yield path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = list(enumerate(value))[:5]
    for key, part in items:
        yield from _places(part, (*path, key))


def _changed_json(files: Mapping[str, bytes], generator: np.random.Generator) -> tuple[str, str, bytes]:
    told = json.loads(files[MODEL])
    path = _pick(generator, [path for path in _places(told) if path])
    holder = told
    for key in path[:-1]:
        holder = holder[key]
    old = holder[path[-1]]
    how = int(generator.integers(8))
    value = _pick(generator, EXTREMES)
    if how == 0:
        del holder[path[-1]]
        said = "deleted"
    elif how == 1 and isinstance(holder, dict):
        holder[_pick(generator, ["another", "kind", path[-1] + "x", "", "__class__"])] = value
        said = "a key beside it"
    elif how == 2 and isinstance(old, list | str) and old:
        holder[path[-1]] = _pick(generator, [old[:-1], 2 * old, old[::-1], old[:1]])
        said = "cut, doubled or turned round"
    elif how == 3 and type(old) in (int, float):
        holder[path[-1]] = _pick(generator, [-old, old + 1, old * 1000, old / 3, old * 1e30, int(old) << 40])
        said = f"{holder[path[-1]]!r:.40}"
    elif how == 4:
        raw = _pick(generator, RAW_EXTREMES)
        holder[path[-1]] = "here-it-comes"
        text = json.dumps(told).replace('"here-it-comes"', raw)
        return f"{MODEL} {path}: {raw[:20]}", MODEL, text.encode("utf-8", "surrogatepass")
    else:
        holder[path[-1]] = copy.deepcopy(value)
        said = f"{value!r:.40}"
    return f"{MODEL} {path}: {said}", MODEL, json.dumps(told).encode()


def _changed_array(files: Mapping[str, bytes], generator: np.random.Generator) -> tuple[str, str, bytes]:
    arrays = load(files[WEIGHTS])
    name = _pick(generator, sorted(arrays))
    array = arrays.pop(name)
    how = _pick(generator, _OF_ARRAYS)
    said, changed = how(name, array, generator)
    content = save({key: np.ascontiguousarray(one) for key, one in {**arrays, **changed}.items()})
    return f"{WEIGHTS} {name} {array.dtype} {array.shape}: {said}", WEIGHTS, content


def _cut(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    axis = int(generator.integers(max(array.ndim, 1)))
    kept = _pick(generator, [0, 1, 2, array.shape[axis] // 2, max(array.shape[axis] - 1, 0)])
    return f"axis {axis} cut to {kept}", {name: np.take(array, range(min(kept, array.shape[axis])), axis=axis)}


def _grown(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    axis = int(generator.integers(max(array.ndim, 1)))
    n = _pick(generator, [1, 2, 1000])
    return f"axis {axis} grown by {n}", {
        name: np.concatenate([array, *[np.take(array, [0], axis=axis)] * n], axis=axis)
    }


def _retyped(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    dtype = _pick(generator, DTYPES)
    with np.errstate(all="ignore"):
        return dtype, {name: array.astype(dtype)}


def _reshaped(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    shape = _pick(generator, [(-1,), (1, -1), (-1, 1), (1, 1, -1), array.shape[::-1], (0, *array.shape), (0, 2**40)])
    new = np.zeros(shape, dtype=array.dtype) if 0 in shape else array.reshape(shape)
    return f"shape {new.shape}", {name: new}


def _filled(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    new, number = array.copy(), _pick(generator, NUMBERS)
    rows = slice(None) if generator.random() < 0.5 or not len(new) else int(generator.integers(len(new)))
    with np.errstate(all="ignore"):
        new[rows] = np.array(number).astype(new.dtype)
    return f"{number} at {rows}", {name: new}


def _shuffled(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    return "shuffled", {name: generator.permutation(array)}


def _noise(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    raw = generator.integers(0, 256, array.nbytes, dtype=np.uint8)
    return "noise", {name: np.frombuffer(raw.tobytes(), dtype=array.dtype).reshape(array.shape)}


def _deleted(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    return "deleted", {}


def _renamed(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    endings = [":mirrored", ":scale", "x", ":scale:mirrored"]
    new = _pick(
        generator, [name + _pick(generator, endings), f"0.{name}", name.removesuffix(":mirrored") + "y", "bias"]
    )
    return f"called {new}", {new: array}


def _another(name: str, array: Any, generator: np.random.Generator) -> tuple[str, dict[str, Any]]:
    n = len(array) if array.ndim else 1
    shape = _pick(generator, [(n, 1), (1, n), (60_000, 1), (1,), (0, 2**50)])
    other = name + _pick(generator, [":scale", ":mirrored", "2"])
    return f"{other} {shape} beside it", {name: array, other: np.ones(shape, dtype=np.float32)}


_OF_ARRAYS = [_cut, _grown, _retyped, _reshaped, _filled, _filled, _shuffled, _noise, _deleted, _renamed, _another]


def _changed_vocabulary(files: Mapping[str, bytes], generator: np.random.Generator) -> tuple[str, str, bytes]:
    lines = files[VOCABULARY].split(b"\n")[:-1]
    index = int(generator.integers(len(lines)))
    how = int(generator.integers(9))
    if how == 0:
        generator.shuffle(lines)
    elif how == 1:
        lines.insert(int(generator.integers(len(lines) + 1)), lines[index])
    elif how == 2:
        lines = lines[:index]
    elif how == 3:
        del lines[index]
    elif how == 4:
        word = lines[index].partition(b"\t")[2]
        counts = [b"-1", b"999999999999999999", b"9" * 30, b"", b"1.5", b"0x1", "٣".encode(), b" 1"]
        lines[index] = _pick(generator, counts) + b"\t" + word
    elif how == 5:
        words = [b"", b"\0", b"a\tb", b"\\", b"\\q", b"\xff\xfe", b"x" * 100_000, b"\x1f", b"\x1f\x1f", b"\r"]
        lines[index] = b"3\t" + _pick(generator, words)
    elif how == 6:
        lines[index] = generator.bytes(20)
    elif how == 7:
        lines += [b"1\tnew%d" % number for number in range(int(_pick(generator, [1, 100, 10_000])))]
    else:
        whole = b"\n".join(lines)
        return f"{VOCABULARY} cut", VOCABULARY, whole[: int(generator.integers(len(whole) + 1))]
    return f"{VOCABULARY} line {index}: way {how}", VOCABULARY, b"".join(line + b"\n" for line in lines)


def _changed_bytes(files: Mapping[str, bytes], generator: np.random.Generator) -> tuple[str, str, bytes]:
    name = _pick(generator, [MODEL, VOCABULARY, WEIGHTS, WEIGHTS, WEIGHTS])
    raw = bytearray(files[name])
    # Of the weights, mostly the header: what shapes and dtypes it says is not held by any sum but ours.
    end = (
        min(len(raw), 8 + int.from_bytes(raw[:8], "little"))
        if name == WEIGHTS and generator.random() < 0.8
        else len(raw)
    )
    start = int(generator.integers(max(end, 1)))
    how = int(generator.integers(4))
    if how == 0:
        raw[start : start + 1] = bytes([int(generator.integers(256))])
    elif how == 1:
        del raw[start:]
    elif how == 2:
        raw[start:start] = generator.bytes(int(generator.integers(1, 50)))
    else:
        digits = [index for index in range(end) if 48 <= raw[index] <= 57]
        raw[_pick(generator, digits)] = int(generator.integers(48, 58))
    return f"{name} byte {start}: way {how}", name, bytes(raw)


class Outcome(NamedTuple):
    """What came of one case: an answer, an error or a fault; and what it was."""

    kind: str  # answered, refused, signal, traceback, hang, memory, not a number
    detail: str = ""


Case = Callable[[int], Outcome]  # the number of a case → what came of it; may raise, hang, or end the process


class TooLong(BaseException):
    """A case has taken all its seconds; no handler of errors stops it."""


def answer_of(call: Callable[[], Any]) -> Outcome:
    """What comes of one call: an answer, one error, or that it asked for too much memory."""
    try:
        call()
    except BywordsError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, MemoryError):
            cause = cause.__cause__
        return Outcome("refused" if cause is None else "memory", str(error))
    return Outcome("answered")


def run_cases(case: Case, n_cases: int, *, room: int = ROOM, seconds: int = SECONDS) -> Iterator[tuple[int, Outcome]]:
    """The outcomes of `case(0)`, `case(1)`, … in forked workers, in their order, each with its number.

    A worker has `room` bytes more than when it was forked, and `seconds` of the processor for each case. One that dies
    is replaced, and the next case is the one after. Give it what can be forked: no threads are running.
    """
    context = multiprocessing.get_context("fork")
    number = 0
    while number < n_cases:
        ours, its = context.Pipe()
        worker = context.Process(target=_work, args=(case, number, n_cases, its, room, seconds))
        worker.start()
        its.close()
        try:
            while number < n_cases:
                if not ours.poll(PATIENCE * seconds):
                    yield number, Outcome("hang", "the worker had to be killed")
                    number += 1
                    break
                if (outcome := ours.recv()) is None:  # it has grown: a new one goes on
                    break
                yield number, outcome
                number += 1
        except EOFError:
            worker.join()
            code = worker.exitcode or 0
            yield number, Outcome("signal", signal.Signals(-code).name if code < 0 else f"exit {code}")
            number += 1
        finally:
            worker.kill()
            worker.join()
            ours.close()


def _work(case: Case, first: int, last: int, pipe: Connection, room: int, seconds: int) -> None:
    def too_long(*_: Any) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, too_long)
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the process ends)
    import resource  # not on Windows

    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + room, size + room))
    for number in range(first, last):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            outcome = case(number)
        except TooLong:
            outcome = Outcome("hang", f"over {seconds} s")
        except MemoryError:
            outcome = Outcome("memory", traceback.format_exc(limit=-3))
        except BaseException as error:
            outcome = Outcome("traceback", f"{type(error).__name__}: {error!s:.200} {traceback.format_exc(limit=-2)}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        pipe.send(outcome)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > GROWN:
            pipe.send(None)
            break
    os._exit(0)
