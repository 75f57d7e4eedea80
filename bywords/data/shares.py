"""Texts and their labels → parts of given shares, to train, to choose and to test on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments
from bywords.data.groups import groups_of
from bywords.data.labels import Labels, classes_of, codes_of, read_labels
from bywords.data.splits import rows_of_shares
from bywords.errors import DataError
from bywords.text.custom_tokens import given_texts, tokens_given
from bywords.text.inputs import Texts, as_list


@check_arguments
def split(
    texts: Texts, labels: Labels, shares: Sequence[float] = (0.8, 0.1, 0.1), *, seed: int = 0
) -> list[tuple[list[Any], npt.NDArray[Any]]]:
    """N texts and their labels → parts of these shares, each with about the same share of every class.

    Equal texts are in one part. The same seed gives the same parts. Texts may be lists of tokens; a `Corpus` is parted
    by its own `Corpus.split`.
    Returns: for each share, its texts and labels in the order in which they were given.
    Raises: SettingError where the shares are not above 0 or do not sum to 1; DataError for what is no texts or labels.

    >>> from bywords import split
    >>> train, valid, test = split([f"text {number}" for number in range(20)], ["a", "b"] * 10, (0.6, 0.2, 0.2))
    >>> [len(part_texts) for part_texts, _ in (train, valid, test)]
    [12, 4, 4]
    """
    checked, given = as_list(given_texts(texts)), read_labels(labels, part="given")
    if len(checked) != len(given) or given.label_format != "one":
        raise DataError(f"{len(checked)} texts and {len(given)} labels: expected one label for each text.")
    groups, classes = groups_of(checked), classes_of(given)
    codes = np.asarray(codes_of(given, classes, "one", part="given"), dtype=np.int64)
    parts = rows_of_shares(codes, shares, seed, groups)
    names = classes[codes]
    documents: list[Any] = [
        text if isinstance(document, str) else tokens_given(text) for text, document in zip(checked, texts, strict=True)
    ]
    return [([documents[row] for row in rows.tolist()], names[rows]) for rows in parts]
