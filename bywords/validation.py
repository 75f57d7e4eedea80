"""Values and arrays that were read from files → the same, checked: what a compiled loop may be given, and nothing else.

Each check raises SettingError: what was found, and what was expected. Who knows the file says so with `naming`.
"""

from __future__ import annotations

import contextlib
import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import BywordsError, SettingError, quoted

Array = npt.NDArray[Any]
Shape = Sequence[int | str]  # a letter stands for a length that is not known before, the same wherever it is
DEEPEST = 40  # lists and objects within each other in a file: deeper ones would end in a RecursionError somewhere
LEAST_INTEGER, LARGEST_INTEGER = -(2**63), 2**64 - 1  # of JSON: what an array has room for
LARGEST = 1e30  # of a number learned: times what a text counts, it is still a finite float32


@contextlib.contextmanager
def naming(what: object, *, error: type[BywordsError], advice: str = "") -> Iterator[None]:
    """Put `what`, the path of a file say, before the message of a check that fails within, and `advice` behind it.

    What a file says that no check has foreseen is told in the same way, not as a traceback. An `error` that is one
    already stays as it is.
    """
    try:
        yield
    except error:
        raise
    except (MemoryError, RecursionError) as wrong:
        raise error(f"{what}: it asks for more than there is memory for.{advice and f' {advice}'}") from wrong
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as wrong:
        fact = str(wrong) if isinstance(wrong, BywordsError) else f"it does not fit: {type(wrong).__name__}: {wrong}"
        raise error(f"{what}: {fact.rstrip('.')}.{advice and f' {advice}'}") from wrong


def is_missing(value: Any) -> bool:
    """Whether a value of a frame or a list says that there is none: None, NaN, NaT, pandas' NA, what numpy masks."""
    try:
        return value is None or value is np.ma.masked or bool(value != value)
    except TypeError:  # pandas' NA, which does not say whether it is unlike itself
        return True


def check_array(name: str, array: Array, *dtypes: type[np.generic], shape: Shape | None = None) -> None:
    """Raise SettingError where an array has none of these exact dtypes, or another shape; see `check_shapes`.

    The byte order has to be that of the machine.
    """
    allowed = [np.dtype(one) for one in dtypes]
    if array.dtype not in allowed:
        expected = " or ".join(str(one) for one in allowed)
        raise SettingError(f"the array {name!r} is of {array.dtype}, expected {expected}")
    if shape is not None:
        check_shapes({name: array}, {name: shape})


def check_shapes(arrays: Mapping[str, Array], shapes: Mapping[str, Shape], *, no_others: bool = False) -> None:
    """Raise SettingError where an array is missing or has another shape; a letter is the same length wherever it is.

    With `no_others`, also where there is an array that has no shape.
    """
    lengths: dict[int | str, int] = {}
    for name, shape in shapes.items():
        if name not in arrays:
            raise SettingError(f"there is no array {name!r}, only {quoted(sorted(arrays))}")
        found = arrays[name].shape
        for letter, length in zip(shape, found, strict=False):
            if isinstance(letter, str):
                lengths.setdefault(letter, length)
        wanted = [lengths.get(length, length) for length in shape]
        if wanted != list(found):
            expected = " x ".join("any" if isinstance(length, str) else str(length) for length in wanted)
            raise SettingError(f"the array {name!r} is {' x '.join(map(str, found))}, expected {expected}")
    if no_others and (others := sorted(arrays.keys() - shapes.keys())):
        raise SettingError(f"there are arrays that such a model does not have: {quoted(others)}")


def check_within(name: str, array: Array, least: float, most: float) -> None:
    """Raise SettingError where a number is not from `least` to `most`, both included; NaN never is."""
    if array.size and not (array.min() >= least and array.max() <= most):
        wrong = ~((array >= least) & (array <= most))
        index = np.unravel_index(int(wrong.argmax()), array.shape)
        place = ", ".join(str(int(number)) for number in index)
        raise SettingError(f"{name}[{place}] is {array[index].item()!r}, expected a number from {least:g} to {most:g}")


def check_finite(name: str, array: Array, *, most: float = LARGEST) -> None:
    """Raise SettingError where a number is NaN, infinite, or larger than `most` without its sign."""
    check_within(name, array, -most, most)


def check_ids(name: str, ids: Array, n: int, *, least: int = 0) -> None:
    """Raise SettingError where ids, an array of integers, are not from `least` to below `n`."""
    if ids.dtype.kind not in "iu":
        raise SettingError(f"the array {name!r} is of {ids.dtype}, expected integers")
    check_within(name, ids, least, n - 1)


def check_offsets(name: str, offsets: Array, total: int, *, least_length: int = 0) -> None:
    """Raise SettingError where offsets (N + 1,) do not ascend from 0 to `total`, by `least_length` or more a step."""
    if offsets.dtype.kind != "i" or offsets.ndim != 1 or not len(offsets):
        shape = " x ".join(map(str, offsets.shape))
        raise SettingError(f"the array {name!r} is {shape} of {offsets.dtype}, expected integers, one or more")
    if offsets[0] != 0 or offsets[-1] != total:
        raise SettingError(f"{name} are from {offsets[0]} to {offsets[-1]}, expected from 0 to {total}")
    check_within(name, offsets, 0, total)  # so that no difference is too large for its dtype
    is_wrong = np.diff(offsets) < least_length
    if is_wrong.any():
        index = int(is_wrong.argmax())
        raise SettingError(
            f"{name}[{index + 1}] is {offsets[index + 1]} after {offsets[index]}, expected {least_length} or more above"
        )


def check_lengths(name: str, lengths: Array, total: int, *, least: int = 0) -> None:
    """Raise SettingError where lengths (N,) are not integers of `least` or more that sum to `total`."""
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1:
        shape = " x ".join(map(str, lengths.shape))
        raise SettingError(f"the array {name!r} is {shape} of {lengths.dtype}, expected a list of integers")
    check_within(name, lengths, least, max(total, least))
    if int(lengths.sum(dtype=np.int64)) != total:
        raise SettingError(f"{name} sum to {int(lengths.sum(dtype=np.int64))}, expected {total}")


def check_unique(name: str, values: Iterable[Hashable]) -> None:
    """Raise SettingError, naming it, for a value that is there twice."""
    seen = set()
    for index, value in enumerate(values):
        if value in seen:
            raise SettingError(f"{name}[{index}] is {value!r:.100} again, expected each once")
        seen.add(value)


def check_count(name: str, value: Any, *, least: int = 0, most: int = 2**62) -> int:
    """A whole number of JSON. Raises SettingError for anything else, and outside of its bounds."""
    if type(value) is not int or not least <= value <= most:
        raise SettingError(f"{name} is {value!r:.100}, expected a whole number from {least} to {most}")
    return value


def check_bytes(name: str, n_bytes: int, dtype: npt.DTypeLike, shape: Sequence[int]) -> None:
    """Raise SettingError where a file of `n_bytes` is not as long as an array of this dtype and shape: before any of it
    is read, so that no more memory is asked for than there are bytes.
    """
    wanted = np.dtype(dtype).itemsize
    for length in shape:  # Python's integers: no overflow
        wanted *= int(length)
    if wanted != n_bytes:
        raise SettingError(f"{name} has {n_bytes:,} bytes, expected {wanted:,}: {' x '.join(map(str, shape))} numbers")


def parsed_json(raw: bytes, *, is_record: bool = False, is_mostly_text: bool = False) -> dict[str, Any]:
    """The object that a file of JSON holds, as `json.dumps` writes one with `allow_nan=False`.

    With `is_record` NaN, infinities and halves of characters may be in it: whoever reads its values looks at them.
    Raises: SettingError for what is no JSON or no object, not UTF-8, deeper than DEEPEST, for a key that is there
    twice, for NaN and infinities, for integers that no array has room for, and for halves of characters.
    """
    try:
        text = raw.decode()
        are_small = not is_mostly_text and not _MAY_BE_LARGE.search(text)  # takes longer than a look at few numbers
        found = _decoder(is_record, are_small).decode(text)
        if not is_record and ("\\ud" in text or "\\uD" in text):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as error:
        raise SettingError(f"it has more than {DEEPEST} lists and objects within each other") from error
    except SettingError:
        raise
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} is 0x{raw[error.start]:02x}"
        raise SettingError(f"it is not UTF-8, in which JSON is written: {what}") from error
    except ValueError as error:
        begins = "it begins with a byte order mark: " if raw.startswith(BOM_UTF8) else ""
        raise SettingError(f"it is not JSON: {begins}{error}") from error
    if not isinstance(found, dict):
        raise SettingError(f"it holds {json_kind(found)}, expected an object")
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        items = (item for one in level for item in (one.values() if isinstance(one, dict) else one))
        level = [item for item in items if isinstance(item, dict | list)]
        if not level:
            return found
    raise SettingError(f"it has more than {DEEPEST} lists and objects within each other")


def json_kind(value: Any) -> str:
    """What a value of JSON is, for a person; never a text itself."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"{value!r:.30}"
    return "a string" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


@lru_cache(maxsize=4)
def _decoder(is_record: bool, are_small: bool) -> json.JSONDecoder:
    numbers: dict[str, Any] = {} if are_small else {"parse_float": _float, "parse_int": _integer}
    return json.JSONDecoder(object_pairs_hook=_object, parse_constant=float if is_record else _no_number, **numbers)


_MAY_BE_LARGE = re.compile(r"[eE]\+?\d{3}|(?<![.\d])\d{19}")  # a number: others need no look, which takes time


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise SettingError(f"the key {key!r:.100} is there twice, expected each once")
    return found


def _no_number(written: str) -> Any:
    raise SettingError(f"it says {written}, expected a number")


def _float(written: str) -> float:
    number = float(written)
    if abs(number) == float("inf"):
        raise SettingError(f"it says {written:.40}, expected a number that is finite")
    return number


def _integer(written: str) -> int:
    number = int(written) if len(written) <= len(str(LARGEST_INTEGER)) else LARGEST_INTEGER + 1
    if not LEAST_INTEGER <= number <= LARGEST_INTEGER:
        raise SettingError(f"it says {written:.40}, expected an integer of 64 bits")
    return number
