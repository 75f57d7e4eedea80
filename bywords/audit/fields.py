"""Header fields of labelled documents → how often the value of each gives the class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.audit.patterns import TOPIC_FIELDS
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
    rows = []
    for (field,), part in table.group_by("field", maintain_order=True):
        if len(part) < LEAST_OF_FIELD:
            continue
        n_right = 0
        for asked in (0, 1):
            known, new = part.filter(pl.col("half") != asked), part.filter(pl.col("half") == asked)
            if not len(known):
                continue
            counted = known.group_by("value", "label").len().sort("len", "label", descending=[True, False])
            answers = counted.unique("value", keep="first", maintain_order=True).rename({"label": "answer"})
            other = int(np.bincount(known["label"].to_numpy()).argmax())
            answered = new.join(answers.select("value", "answer"), on="value", how="left")
            n_right += int((answered["answer"].fill_null(other) == answered["label"]).sum())
        accuracy = n_right / len(part)
        commonest = train.counts().argmax()
        rows.append(
            HeaderField(
                field=str(field),
                n_documents=len(part),
                n_values=part["value"].n_unique(),
                accuracy=accuracy,
                interval=wilson_interval(accuracy, len(part)),
                guess=int((part["label"] == commonest).sum()) / len(part),
            )
        )
    return sorted(rows, key=lambda row: (row.guess - row.accuracy) * row.n_documents)
