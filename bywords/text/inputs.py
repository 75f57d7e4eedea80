"""Texts of any kind of sequence, array or column → a list of strings."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bywords.errors import DataError

if TYPE_CHECKING:
    import polars as pl

# Texts; or rows with several columns, where a classifier was fitted to such: dicts, columns, a frame.
Texts: TypeAlias = (
    "Sequence[str] | pl.Series | npt.NDArray[Any] | Sequence[Mapping[str, Any]] | Mapping[str, Any] | pl.DataFrame"
)


def warn_of_other_order(texts: Any, *others: Any) -> None:
    """Warn where labels, or weights, of pandas have the index of the texts in another order: they go by place."""
    index: Any = getattr(texts, "index", None)
    for other in others:
        its: Any = getattr(other, "index", None)
        if not hasattr(index, "equals") or not hasattr(its, "equals") or len(index) != len(its) or index.equals(its):
            continue
        with contextlib.suppress(TypeError):  # of several types, which have no order
            if index.sort_values().equals(its.sort_values()):
                warnings.warn(
                    "the labels or weights have the same index as the texts, in another order. As everywhere in "
                    "scikit-learn the first goes with the first, whatever their index: if that is not meant, give "
                    "y.loc[X.index].",
                    stacklevel=3,
                )


def as_list(texts: list[str] | pl.Series) -> list[str]:
    """The same texts as strings of Python."""
    return texts if isinstance(texts, list) else texts.to_list()


def checked_column(texts: Any) -> list[str] | pl.Series:
    """Texts in any kind of sequence, array or column as a list; a column of polars as one of strings without nulls.

    An array (N, 1) and a table of one column are that column.

    Raises: DataError, naming the index, when a text is missing or no string, when these are no texts at all, and for
    what has no order, such as a set.
    """
    if type(texts) is list and set(map(type, texts)) <= {str}:
        return texts.copy()
    polars = sys.modules.get("polars")  # who has a column of it has imported it
    if polars is not None and isinstance(texts, polars.Series):
        if texts.dtype in (polars.Categorical, polars.Enum):
            texts = texts.cast(polars.String)
        if texts.dtype != polars.String:
            raise DataError(f"expected texts, found a column of {texts.dtype}.")
        if texts.null_count():
            index = texts.is_null().arg_max()
            raise DataError(f"text {index} is missing. Drop the row, or give it an empty text.")
        return texts
    shape: tuple[int, ...] = getattr(texts, "shape", (-1,))
    if isinstance(texts, str | bytes) or shape == ():
        raise DataError("expected a sequence of texts, found one text. Put it into a list.")
    if isinstance(texts, set | frozenset | Mapping):
        raise DataError(
            f"a {type(texts).__name__} of texts has no order that labels or answers could have. Make a list of it."
        )
    if hasattr(texts, "collect_schema") and hasattr(texts, "collect"):
        raise DataError("the texts are in a table that has not been collected yet: call its collect first.")
    if len(shape) > 1 and not hasattr(texts, "columns"):
        if shape[1:] != (1,):
            raise DataError(
                f"expected one column of texts, found an array of the shape {tuple(shape)}. Choose one column."
            )
        return checked_column(np.ravel(texts))
    if hasattr(texts, "columns"):  # a data frame would give the names of its columns
        if len(texts.columns) != 1:
            raise DataError(
                f"expected one column of texts, found a table of {len(texts.columns)}. Choose its text column."
            )
        return checked_column(texts[texts.columns[0]])
    try:
        listed = texts.tolist() if isinstance(texts, np.ndarray) else list(texts)
    except (TypeError, OverflowError) as error:
        raise DataError(f"expected a sequence of texts, found {type(texts).__name__}. Put them into a list.") from error
    for index, text in enumerate(listed):
        if not isinstance(text, str):
            hint = ' Of lists of tokens, say tokenizer="given".' if isinstance(text, list | tuple) else ""
            raise DataError(f"text {index} is {text!r} of type {type(text).__name__}, expected a string.{hint}")
    return listed
