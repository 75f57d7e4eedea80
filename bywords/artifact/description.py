"""A `FittedClassifier` ⇄ what a model folder holds: JSON values, a vocabulary, arrays; and the card beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bywords.annotations import check_arguments
from bywords.artifact import model_card
from bywords.artifact.model_folder import FolderContents, extent, write_folder
from bywords.artifact.validate import misfits_named, read_parts
from bywords.config import import_path, to_plain
from bywords.errors import SettingError
from bywords.fitted import FittedClassifier, History, TrainingRecord
from bywords.models.base import ModelConfig, model_of
from bywords.system_config import SystemConfig
from bywords.text.custom_tokens import TokenFunction
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, tokenizer_config


@check_arguments
def save_classifier(classifier: FittedClassifier, folder: Path) -> None:
    """Write a model folder that `load_classifier` reads. Raises ModelFolderError when it cannot be written.

    >>> from pathlib import Path
    >>> from bywords import SYSTEMS, fit_classifier, save_classifier
    >>> save_classifier(fit_classifier(SYSTEMS["tfidf-nb"], texts, labels), Path("my-model"))
    """
    contents = contents_of(classifier)
    write_folder(contents, folder, card=card_of(classifier, contents))


@check_arguments
def load_classifier(folder: Path | str, *, tokenizer: TokenFunction | str | None = None) -> FittedClassifier:
    """Read a model folder, which cannot run code; with a linear model, neither PyTorch nor scikit-learn is imported.

    A model whose texts were cut by a custom function needs the same once more, as `tokenizer`.

    Raises: SettingError where that is missing, another, or not needed; ModelFolderError, naming the file, when it is
    missing, damaged, foreign, or of a model that is not registered.

    >>> from bywords import load_classifier
    >>> load_classifier("tickets-model").predict(["the printer is on fire"]).labels.tolist()
    ['office']
    """
    parts = read_parts(Path(folder))
    found = parts.description
    cut_by = with_function(found.config.tokenizer, tokenizer, folder)
    with misfits_named(Path(folder), found.versions):
        model = model_of(found.config.model, parts.arrays, vocabulary=parts.vocabulary, n_classes=len(parts.classes))
    record = TrainingRecord(
        system=found.system,
        parameters=found.parameters,
        config=dataclasses.replace(found.config, tokenizer=cut_by),
        summary=found.summary,
        selection=found.selection,
        history=found.history,
        trained_on=found.trained_on,
        columns=found.columns,
        card=found.card,
    )
    return FittedClassifier(
        tokenizer=Tokenizer(cut_by),
        vocabulary=parts.vocabulary,
        model=model,
        calibration=parts.calibration,
        reliability=found.reliability,
        operating_curves=parts.operating_curves,
        classes=parts.classes,
        label_format=found.label_format,
        record=record,
        storage=parts.storage,
    )


def with_function(config: TokenizerConfig, function: TokenFunction | str | None, folder: Path | str) -> TokenizerConfig:
    """The settings of a tokenizer that were loaded, with the custom function that they name.

    Raises: SettingError where it is missing, of another name, or there is none; a name that nobody can import, as that
    of a lambda, or of a script's own function, is not compared.
    """
    if config.missing is None:
        if function is not None and config.custom != function:
            raise SettingError(f"{folder}: the model cuts its texts itself. Leave out tokenizer.")
        return config
    if not callable(function):
        has_none = " (no name that can be imported)" if _is_nameless(config.missing) else ""
        raise SettingError(
            f"{folder}: the texts of this model are cut by the function {config.missing}{has_none}, and nothing is "
            "imported from a folder: give it in Python, as in load_classifier(folder, tokenizer=function)."
        )
    given = dataclasses.replace(config, custom=tokenizer_config(function).custom)
    name = import_path(given.custom)
    if name != config.missing and not _is_nameless(name) and not _is_nameless(config.missing):
        raise SettingError(
            f"{folder}: the texts of this model are cut by the function {config.missing}, and tokenizer is {name}. "
            "Give the function that it was trained with; if it has moved, as in tokenizer=lambda text: moved(text)."
        )
    return given


def _is_nameless(path: str) -> bool:
    return "<" in path or path.startswith("__main__:")


def contents_of(classifier: FittedClassifier) -> FolderContents:
    """What a folder of this classifier holds, without the card."""
    record = classifier.record
    parameters = {**vars(record.parameters), "class_weight": _plain_weights(record.parameters.class_weight)}
    description = {
        "system": record.system if isinstance(record.system, str) else to_plain(record.system),
        "parameters": {name: _item(value) for name, value in parameters.items()},
        "config": to_plain(record.config),
        "selection": None if record.selection is None else dataclasses.asdict(record.selection),
        "label_names": classifier.classes.tolist(),
        "label_dtype": classifier.classes.dtype.str,
        "label_format": classifier.label_format,
        "calibration": classifier.calibration.plain(),
        "reliability": dataclasses.asdict(classifier.reliability),
        "trained_on": record.trained_on,
        "columns": None if record.columns is None else dataclasses.asdict(record.columns),
        "summary": dataclasses.asdict(record.summary),
        "history": _without_seconds(record.history),
        "card": dataclasses.asdict(record.card),
    }
    libraries = sorted(set(_libraries(record.config)))
    return FolderContents(
        description, classifier.vocabulary, classifier.model.arrays(), classifier.storage,
        classifier.operating_curves.arrays(), libraries,
    )  # fmt: skip


def card_of(classifier: FittedClassifier, contents: FolderContents) -> str:
    """The text of the model card."""
    return model_card.write(classifier, extent(contents))


def _plain_weights(weights: Any) -> Any:
    """As JSON has it. Weights by label are pairs: as keys, labels that are numbers would become strings."""
    if not hasattr(weights, "items"):
        return weights
    return [[_item(label), _item(weight)] for label, weight in weights.items()]


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _without_seconds(history: History) -> dict[str, Any]:
    """A history as JSON values; without times, so that the same training gives the same file."""
    plain = dataclasses.asdict(history)
    return {**plain, "epochs": [{**epoch, "seconds": 0.0} for epoch in plain["epochs"]]}


def _libraries(config: SystemConfig) -> Iterator[str]:
    """The packages that have trained the word vectors and the models, beside numpy."""
    members: Mapping[str, Any] | tuple[ModelConfig, ...] = getattr(config.model, "members", (config.model,))
    for part in (config.vectors, *members):
        if part is not None and part.library is not None:
            yield part.library
