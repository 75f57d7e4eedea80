"""Arrays → the arrays that a file holds, and back: whole, in 16 bits, or in 8 bits with scales.

float32 is as it is; int8 has a scale for each column, int8-rows one for each row.

What comes back is float32. Packed and unpacked once, values stay as they are from then on: they lie on a grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import SettingError
from bywords.models.base import StorageFormat
from bywords.validation import check_array, check_shapes, check_within

Arrays = dict[str, npt.NDArray[Any]]
SCALE, MIRRORED = ":scale", ":mirrored"  # how names end: of a scale; of the second of two columns, -x beside x
LARGEST = 127
SCALE_BITS = 16  # with them and the 7 of LARGEST, a product has 23, which float32 holds exactly
SMALLEST = 1e-30  # scale: what is below it in all of a column is stored as 0


def quantize(arrays: Mapping[str, npt.NDArray[Any]], storage: Mapping[str, StorageFormat]) -> Arrays:
    """What to store, by name; an array without a form stays as it is.

    Of two columns of which the first is the second with the other sign, as a linear model of two classes has them, only
    the second is stored. What does not fit into 16 bits, or is no number, stays float32.
    """
    packed: Arrays = {}
    for name, array in arrays.items():
        storage_format = storage.get(name, "float32")
        stored = array
        if _is_mirrored(array):
            name, stored = name + MIRRORED, array[:, 1:]
        if storage_format == "float16" and np.all(np.abs(stored) <= np.finfo(np.float16).max):
            stored = stored.astype(np.float16)
        elif storage_format.startswith("int8") and np.isfinite(stored).all():
            scale = _scale(stored, axis=0 if storage_format == "int8" else -1)
            packed[name + SCALE] = scale
            stored = np.rint(stored / scale).astype(np.int8)
        packed[name] = np.require(stored, requirements="C")  # a number stays one
    return packed


def dequantize(packed: Mapping[str, npt.NDArray[Any]]) -> tuple[Arrays, dict[str, StorageFormat]]:
    """The arrays of which `quantize` made these, float32 where it made them smaller, and the forms that they had.

    Raises: SettingError where the parts of one do not fit each other: before they would be made as large as they say.
    """
    arrays: Arrays = {}
    storage: dict[str, StorageFormat] = {}
    for name, stored in packed.items():
        array, plain = stored, name.removesuffix(MIRRORED)
        if name.endswith(SCALE):
            if name.removesuffix(SCALE) not in packed:
                raise SettingError(f"there is {name!r} without the array that it is of")
            continue
        if plain != name:
            check_shapes(packed, {name: ("V", 1)})
            if plain in packed:
                raise SettingError(f"there are two arrays of {plain!r}")
        if name + SCALE in packed:
            scale = packed[name + SCALE]
            _check_scale(name, stored, scale)
            array = stored.astype(np.float32) * scale
            storage[plain] = "int8" if len(scale) == 1 else "int8-rows"
        elif stored.dtype == np.float16:
            array, storage[plain] = stored.astype(np.float32), "float16"
        arrays[plain] = np.concatenate([-array, array], axis=1) if plain != name else array
    return arrays, storage


def _check_scale(name: str, stored: npt.NDArray[Any], scale: npt.NDArray[Any]) -> None:
    check_array(name, stored, np.int8)
    check_array(name + SCALE, scale, np.float32)
    of_columns, of_rows = (1, *stored.shape[1:]), (*stored.shape[:-1], 1)
    if not stored.ndim or scale.shape not in (of_columns, of_rows):
        shapes = f"{' x '.join(map(str, scale.shape))} for {' x '.join(map(str, stored.shape))}"
        raise SettingError(f"the array {name + SCALE!r} is {shapes}, expected a number for each column or each row")
    check_within(name + SCALE, scale, float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max) / LARGEST)


def _is_mirrored(array: npt.NDArray[Any]) -> bool:
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype != np.float32:
        return False
    first, second = np.ascontiguousarray(-array[:, 0]), np.ascontiguousarray(array[:, 1])
    return first.tobytes() == second.tobytes()  # zeros have a sign too


def _scale(array: npt.NDArray[Any], *, axis: int) -> npt.NDArray[np.float32]:
    """The least number with few bits of which LARGEST times reaches the largest value: of each column, or each row.

    Float32 (1, K) or (V, 1) for an array (V, K), and (1,) for one of (V,).
    """
    largest = np.abs(array).max(axis=axis, keepdims=True, initial=0).astype(np.float64)
    fraction, exponent = np.frexp(largest / LARGEST)
    rounded = np.ldexp(np.ceil(fraction * 2.0**SCALE_BITS), exponent - SCALE_BITS)
    scale: npt.NDArray[np.float32] = np.where(rounded > SMALLEST, rounded, 1.0).astype(np.float32)
    return scale
