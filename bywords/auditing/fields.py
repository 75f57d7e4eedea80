"""Header fields of labelled documents → how often the value of each gives the class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.auditing.patterns import TOPIC_FIELDS
from bywords.data.corpus import Corpus
from bywords.evaluation.metrics import wilson_interval
from bywords.records.audit import HeaderField

LEAST_OF_FIELD = 20  # documents with a header field whose values are judged

Ints = npt.NDArray[np.int64]


def judged_fields(fields: pl.DataFrame, train: Corpus, halves: tuple[Ints, Ints]) -> list[HeaderField]:
    """How often the value of each header field gives the class; the field that tells most first.

    `fields` is what `patterns.header_fields` gives of `train`, which has one label a document. The commonest class of
    a value in one of the `halves` is the answer for the other; for a new value, that of all documents with the field.
    Fields that say what a text is about are left out.
    """
    half = np.zeros(len(train), dtype=np.int64)
    half[halves[1]] = 1
    table = fields.filter(~pl.col("folded").is_in(TOPIC_FIELDS))
    table = table.unique(["document", "field"], keep="first", maintain_order=True)
    documents = table["document"].to_numpy()
    table = table.with_columns(label=pl.Series(train.labels[documents]), half=pl.Series(half[documents]))
    table = table.filter(pl.len().over("field") >= LEAST_OF_FIELD)
    of_value, of_field = _commonest(table, "field", "half", "value"), _commonest(table, "field", "half")
    table = table.join(of_value, ["field", "half", "value"], how="left", maintain_order="left")
    table = table.join(of_field, ["field", "half"], how="left", maintain_order="left", suffix="_of_field")
    rows = table.group_by("field", maintain_order=True).agg(
        n_documents=pl.len(),
        n_values=pl.col("value").n_unique(),
        n_right=(pl.coalesce("answer", "answer_of_field") == pl.col("label")).sum(),
        n_guessed=(pl.col("label") == int(train.counts().argmax())).sum(),
    )
    judged = [
        HeaderField(
            field=field, n_documents=n, n_values=n_values, accuracy=n_right / n,
            interval=wilson_interval(n_right / n, n), guess=n_guessed / n,
        )
        for field, n, n_values, n_right, n_guessed in rows.iter_rows()
    ]  # fmt: skip
    return sorted(judged, key=lambda row: (row.guess - row.accuracy) * row.n_documents)


def _commonest(table: pl.DataFrame, *by: str) -> pl.DataFrame:
    """The commonest label of each group in the other half, `answer`; of equally common ones the first."""
    counted = table.with_columns(half=1 - pl.col("half")).group_by(*by, "label").len()
    counted = counted.sort("len", "label", descending=[True, False])
    return counted.unique(by, keep="first", maintain_order=True).select(*by, answer="label")
