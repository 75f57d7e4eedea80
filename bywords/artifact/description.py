"""A `FittedClassifier` ⇄ what a model folder holds: JSON values, a vocabulary, arrays; and the card beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bywords.artifact import model_card
from bywords.artifact.model_folder import FolderContents, extent, read_folder, write_folder
from bywords.config import check_arguments, from_plain, to_plain
from bywords.data.columns import Columns
from bywords.data.labels import check_label_format
from bywords.errors import DataError, ModelFolderError, SettingError, quoted
from bywords.evaluation import calibration
from bywords.evaluation.reliability import Reliability
from bywords.fitted import (
    CardRecord,
    DataSummary,
    FitSummary,
    FittedClassifier,
    History,
    SelectionSummary,
    TrainingRecord,
)
from bywords.models.base import ModelConfig, restore_model
from bywords.system_config import FitParameters, SystemConfig, setting_kinds
from bywords.text.tokenizer import Tokenizer
from bywords.version import __version__


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
def load_classifier(folder: Path | str) -> FittedClassifier:
    """Read a model folder, which cannot run code; with a linear model, neither PyTorch nor scikit-learn is imported.

    Raises: ModelFolderError, naming the file, when it is missing, damaged, foreign, or of a model that is not
    registered.

    >>> from bywords import load_classifier
    >>> load_classifier("tickets-model").predict(["the printer is on fire"]).labels.tolist()
    ['office']
    """
    contents = read_folder(Path(folder))
    _check_registered(contents.description, folder)
    try:
        return _restored(contents)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, SettingError, DataError) as error:
        raise ModelFolderError(
            f"{folder}: whole, but its settings and weights do not fit this version: {error}. It was written by "
            f"bywords {contents.description['versions']['bywords']}, this is {__version__}."
        ) from error


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
    return FolderContents(description, classifier.vocabulary, classifier.model.arrays(), classifier.storage, libraries)


def card_of(classifier: FittedClassifier, contents: FolderContents) -> str:
    """The text of the model card."""
    return model_card.write(classifier, extent(contents))


def _restored(contents: FolderContents) -> FittedClassifier:
    found, vocabulary = contents.description, contents.vocabulary
    config = _settings(found["config"], where="the config")
    classes = np.array(found["label_names"], dtype=found["label_dtype"])
    vocabulary.config = config.vocabulary
    system, selection = found["system"], found["selection"]
    weights, data = found["parameters"]["class_weight"], found["card"]["data"]
    record = TrainingRecord(
        system=system if isinstance(system, str) else _settings(system, where="the system"),
        parameters=FitParameters(
            **{**found["parameters"], "class_weight": dict(weights) if isinstance(weights, list) else weights}
        ),
        config=config,
        summary=FitSummary(**found["summary"]),
        selection=None if selection is None else SelectionSummary(**selection),
        history=History(**found["history"]),
        trained_on=found["trained_on"],
        columns=Columns.plain(found.get("columns")),
        card=CardRecord(**{**found["card"], "data": data and DataSummary(**data)}),
    )
    return FittedClassifier(
        tokenizer=Tokenizer(config.tokenizer),
        vocabulary=vocabulary,
        model=restore_model(config.model, contents.arrays, vocabulary=vocabulary, n_classes=len(classes)),
        calibration=calibration.restored(found["calibration"]),
        reliability=Reliability(**found["reliability"]),
        classes=classes,
        label_format=check_label_format(found["label_format"]),
        record=record,
        storage=contents.storage,
    )


def _settings(plain: Mapping[str, Any], *, where: str) -> SystemConfig:
    """Settings of a model; one that was saved before texts were normalised has it off, and reads them as it did."""
    tokenizer = {"normalize": False, **plain["tokenizer"]}
    config: SystemConfig = from_plain({**plain, "tokenizer": tokenizer}, setting_kinds(), where=where)
    return config


def _check_registered(description: Mapping[str, Any], folder: Path | str) -> None:
    """Raise ModelFolderError where a model of the settings, or a member or candidate, is none that is known."""
    settings = [description.get(key) for key in ("config", "system")]
    models = [one.get("model") for one in settings if isinstance(one, Mapping)]
    if unknown := sorted(set(_kinds_in(models)) - setting_kinds().keys()):
        raise ModelFolderError(
            f"{folder}: there is no model with the settings {quoted(unknown)}. Import the code that defines it and add "
            "it with bywords.register_model before the folder is loaded."
        )


def _kinds_in(plain: Any) -> Iterator[str]:
    """The names of the classes of nested settings."""
    if isinstance(plain, Mapping):
        yield str(plain.get("kind"))
        yield from _kinds_in(list(plain.values()))
    elif isinstance(plain, list):
        for part in plain:
            yield from _kinds_in(part)


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
