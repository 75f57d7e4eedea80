"""A fitted classifier that is linear in counted words → an ONNX graph of logits from ids, and its vocabulary as JSON.

The graph takes the ids of one document, as `FittedClassifier.encode` gives them, int64 (T,), and gives `logits`,
float32 (K,). It counts them, weighs them and adds up rows, as `CountedTable` says.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.config import to_plain
from bywords.errors import SettingError
from bywords.extras import needed
from bywords.fitted import FittedClassifier
from bywords.models.counted import CountedTable
from bywords.text.ragged import UNKNOWN

VOCABULARY = ".vocabulary.json"  # how the name of the file beside ends
OPSET, IR_VERSION = 17, 9  # of 2022 and 2023: runtimes of these years read it
TINY = np.finfo(np.float32).tiny  # what is divided by is no less


def onnx_files(classifier: FittedClassifier, path: Path) -> dict[Path, bytes]:
    """The model for this path and its vocabulary beside it, as bytes.

    Raises: SettingError for a model that is not linear in counted words and n-grams, and where onnx is not installed.
    """
    if classifier.is_ranked:
        raise SettingError(
            "the model finds the likeliest of many labels alone, by a search: it has no graph of logits."
        )
    try:
        tables = classifier.model.counted_tables()
    except SettingError as error:
        raise SettingError(
            f"{error} A graph for ONNX takes `auto`, tfidf-*, averaged vectors and static vectors: a model trained "
            "with one of these systems."
        ) from error
    model = _graph(tables).SerializeToString()
    vocabulary, calibration, columns = classifier.vocabulary, classifier.calibration, classifier.record.columns
    beside = {
        "columns": None if columns is None else dataclasses.asdict(columns),  # how a row becomes a text
        "classes": classifier.classes.tolist(),
        "calibration": calibration.plain(),
        "tokenizer": to_plain(classifier.tokenizer.config),
        "vocabulary": to_plain(vocabulary.config),
        "words": vocabulary.spellings.strings(),  # their ids start at 2
        "ngrams": vocabulary.ngrams.tolist(),  # ids of all but the last word, and of the last; their ids come next
        "char_ngrams": vocabulary.char_ngrams.strings(),  # and these
    }
    return {path: model, path.with_suffix(VOCABULARY): json.dumps(beside, ensure_ascii=False).encode()}


class _Nodes:
    """Nodes of a graph, made one by one; each gives the name of its result."""

    def __init__(self) -> None:
        self.helper: Any = needed("onnx.helper", what="a model for ONNX")
        self.numpy: Any = needed("onnx.numpy_helper", what="a model for ONNX")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(
            self.numpy.from_array(np.ascontiguousarray(value, dtype=dtype).reshape(np.shape(value)), name)
        )
        return name

    def __call__(self, kind: str, *inputs: str, n_outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind.lower()}_{len(self.nodes)}_{index}" for index in range(n_outputs)]
        self.nodes.append(self.helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if n_outputs == 1 else names


def _graph(tables: list[CountedTable]) -> Any:
    add = _Nodes()
    onnx, kinds = needed("onnx", what="a model for ONNX"), needed("onnx", what="a model for ONNX").TensorProto
    distinct, _, _, counts = add("Unique", "ids", n_outputs=4)
    counts = add("Cast", counts, to=kinds.FLOAT)
    parts = [_logits(add, table, distinct, counts, kinds) for table in tables]
    for part in parts[1:]:
        parts[0] = add("Add", parts[0], part)
    add.nodes.append(add.helper.make_node("Identity", [parts[0]], ["logits"]))
    tensor = add.helper.make_tensor_value_info
    graph = add.helper.make_graph(
        add.nodes, "bywords", [tensor("ids", kinds.INT64, ["T"])],
        [tensor("logits", kinds.FLOAT, [len(tables[0].bias)])], add.constants,
    )  # fmt: skip
    opsets = [add.helper.make_opsetid("", OPSET)]
    model = add.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="bywords")
    onnx.checker.check_model(model)
    return model


def _logits(add: _Nodes, table: CountedTable, distinct: str, counts: str, kinds: Any) -> str:
    """The logits of one table, from distinct ids and their counts; where it sees none, the unknown word stands in."""
    one, zero = add.constant(1, np.float32), add.constant(0, np.float32)
    is_seen = add("Less", distinct, add.constant(len(table.idf), np.int64))
    n_each = add("Where", is_seen, counts, zero)
    n_all = add("ReduceSum", n_each, keepdims=1)
    stand_in = add("Sub", one, add("Min", n_all, one))
    ids = add(
        "Concat", add("Where", is_seen, distinct, add.constant(0, np.int64)), add.constant([UNKNOWN], np.int64), axis=0
    )
    n_each = add("Concat", n_each, stand_in, axis=0)
    if table.weighting == "log-tfidf":
        is_there = add("Min", n_each, one)
        n_each = add("Mul", is_there, add("Add", one, add("Log", add("Max", n_each, one))))
    weights = add("Mul", n_each, add("Gather", add.constant(table.idf, np.float32), ids))
    if table.weighting == "share":
        total = add("ReduceSum", weights, keepdims=1)
        weights = add("Div", weights, add("Max", total, add.constant(TINY, np.float32)))
    elif table.weighting != "count":
        is_known = add("Cast", add("Not", add("Equal", ids, add.constant(UNKNOWN, np.int64))), to=kinds.FLOAT)
        weights = _scaled(add, add("Mul", weights, is_known), ids, table, kinds)
    sums = add(
        "MatMul",
        add("Unsqueeze", weights, add.constant([0], np.int64)),
        add("Gather", add.constant(table.rows, np.float32), ids),
    )
    if table.layer is not None:
        sums = add("MatMul", add("Cast", sums, to=kinds.DOUBLE), add.constant(table.layer, np.float64))
        sums = add("Cast", add("Add", sums, add.constant(table.bias, np.float64)), to=kinds.FLOAT)
        return str(add("Squeeze", sums, add.constant([0], np.int64)))
    return str(add("Add", add("Squeeze", sums, add.constant([0], np.int64)), add.constant(table.bias, np.float32)))


def _scaled(add: _Nodes, weights: str, ids: str, table: CountedTable, kinds: Any) -> str:
    """Each block of weights divided by its length, then all by that of the whole."""
    starts = [0, *(start for start in table.blocks if 0 < start < len(table.idf)), len(table.idf)]
    parts = []
    for first, end in itertools.pairwise(starts) if len(starts) > 2 else ():
        is_before = add("Less", ids, add.constant(end, np.int64))
        is_in = add("And", is_before, add("Not", add("Less", ids, add.constant(first, np.int64))))
        parts.append(_divided(add, add("Mul", weights, add("Cast", is_in, to=kinds.FLOAT))))
    for part in parts[1:]:
        parts[0] = add("Add", parts[0], part)
    return _divided(add, parts[0] if parts else weights)


def _divided(add: _Nodes, weights: str) -> str:
    square = add("ReduceSumSquare", weights, keepdims=1)
    return str(add("Div", weights, add("Sqrt", add("Max", square, add.constant(TINY, np.float32)))))
