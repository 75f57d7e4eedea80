"""The options of `bywords train` → a request: what is to be trained on what. Whatever is wrong with it is said here."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bywords.cli.hold import hold
from bywords.cli.larger import bytes_of_texts, memory_of, too_large, too_little
from bywords.cli.options import check_output
from bywords.errors import ModelFolderError, SettingError, check_choice
from bywords.io.read_options import ReadOptions

if TYPE_CHECKING:
    from bywords.data.groups import Together
    from bywords.fitted import FittedClassifier
    from bywords.system_config import FitParameters, SystemConfig


MEMORY_PER_BYTE = 16  # of texts, about, that learning from all of them at once takes
LEAST_MEMORY = 150_000_000  # that a command takes which learns from files: benchmarks/on_disk_auto.py
ON_DISK_PER_BYTE, MOST_TABLES, ON_DISK_PER_BYTE_ALWAYS = 8, 1_150_000_000, 0.07  # of texts: tables, until they are full


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The files, and how they are read and divided. Arguments as for `bywords.io.datasets.load_dataset`."""

    data: str
    test: str | None
    options: ReadOptions
    test_share: float
    keep_together: Together
    seed: int

    @property
    def trained_on(self) -> dict[str, Any]:
        """What the model keeps of it, so that `evaluate` can find the documents that were held out."""
        named = ("label_separator", "bad_rows", "encoding", "exclude_labels", "label_prefix", "map_label")
        files = {name: getattr(self, name) for name in ("data", "test", "test_share", "keep_together", "seed")}
        return {**files, **{name: getattr(self.options, name) for name in named}}


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """All that `bywords train` was asked for, checked as far as it can be before anything is read."""

    reading: Reading
    parameters: FitParameters
    folder: Path  # of the model
    system: str | SystemConfig  # as the record has it
    shown: str  # what the system is called on the screen
    config: SystemConfig
    before: FittedClassifier | None  # that is continued
    labels: Path | None  # corrections
    unlabelled: str | None  # a file of texts without labels, or a pattern of such
    max_bytes: int | None
    on_disk: Path | None
    on: str | None  # who encodes the documents on disk
    notes: list[str]  # on where its documents are
    keep_test_out: bool
    checkpoint: Path | None
    resume: bool


def requested(
    reading: Reading,
    parameters: FitParameters,
    *,
    folder: Path,
    system: str | None,
    start_from: Path | None,
    settings: list[str] | None,
    labels: Path | None,
    unlabelled: str | None,
    max_size: str | None,
    on_disk: Path | None,
    memory: str | None,
    on: str | None,
    parts: int | None,
    keep_test_out: bool,
    checkpoint: Path | None,
    resume: bool,
) -> TrainRequest:
    """The request. Raises SettingError or ModelFolderError for options that do not fit each other or cannot be."""
    from bywords.artifact.compression import parse_size
    from bywords.artifact.description import load_classifier
    from bywords.artifact.model_folder import check_writable
    from bywords.config import changed
    from bywords.systems import DEFAULT_SYSTEM, SYSTEMS, system_config
    from bywords.training.incremental import as_before, check_can_continue
    from bywords.training.system import can_train_on_disk

    check_writable(folder)
    check_output(folder, reading.data, reading.test, unlabelled, goes_on=resume or folder == start_from)
    _check_checkpoint(checkpoint, resume)
    asked = "--on-disk"
    if on is not None and on_disk is None:
        asked, on_disk = "--on", folder.with_name(f"{folder.name}.encoded")
    _check_apart(folder, checkpoint, on_disk)
    hold(folder, error=ModelFolderError)
    max_bytes = None if max_size is None else parse_size(max_size, "--max-size")
    budget, vectors = parameters.budget_seconds, parameters.vectors
    in_memory = {
        "from": start_from, "budget": budget, "max-size": max_size, "labels": labels,
        "slice-by": reading.options.columns, "column": reading.options.side,
        "use-label-names": parameters.use_label_names, "unseen-label": parameters.unseen_labels,
        "unlabelled": unlabelled,
    }  # fmt: skip
    if on_disk is not None:
        _refuse(f"{asked} has no documents in memory, which --{{}} needs: leave out one of the two.", **in_memory)
        _refuse(
            f"{asked} reads one text column: leave out all but one --{{}}.",
            text=len(reading.options.texts) > 1,
        )
    if labels is not None:
        _refuse(
            "--labels trains twice, with the labels as they were and corrected: leave out --{}, or make a file with "
            "the right labels and train on that.",
            **{"from": start_from},
        )
    before = None
    if start_from is not None:
        _refuse(
            "--from goes on with the system of the model that it names: leave out --{}.",
            system=system, vectors=vectors, budget=budget, set=settings, parts=parts,
            **{"use-label-names": parameters.use_label_names, "unseen-label": parameters.unseen_labels},
            unlabelled=unlabelled,
        )  # fmt: skip
        before = load_classifier(start_from)
        config, recorded, shown = before.record.config, before.record.system, f"{start_from}, continued"
        check_can_continue(config)
        parameters = as_before(parameters, before.record.parameters)
        options = replace(reading.options, label_hierarchy=parameters.label_hierarchy)
        reading = replace(reading, options=options)
    else:
        recorded = shown = system or DEFAULT_SYSTEM
        config = system_config(shown, vectors=vectors, budget=budget)
        if settings:
            config = recorded = changed(config, settings)
            parameters = replace(parameters, vectors=None)
    in_memory["vectors"] = vectors if config.model.candidates else None
    if on_disk is not None:
        _refuse(
            f"{asked} has no documents in memory, which --{{}} needs with a system that selects: take the system "
            "'averaging-glove' or 'glove-mean', or leave out one of the two.",
            vectors=in_memory["vectors"],
        )
    if parts is not None:
        model = config.model.in_parts(parts)
        if model is None:
            able = [name for name, its in SYSTEMS.items() if its.model.in_parts(parts) is not None]
            raise SettingError(
                f"--parts: the system {shown!r} cannot learn in parts. Those that can: {', '.join(able)}."
            )
        if model != config.model:
            config = recorded = replace(config, model=model)
    if unlabelled is not None:
        from bywords.training.unlabelled import check_can_use

        check_can_use(config.model)
    notes, why, n_bytes = list[str](), None, memory_of(memory)
    if on_disk is None and reading.keep_together == "equal":
        why = too_large(reading.data, reading.options, n_bytes, per_byte=MEMORY_PER_BYTE, what="learn from")
    if why is not None:
        needs = next((f"--{name}" for name, value in in_memory.items() if value), None)
        if needs is None and not can_train_on_disk(config):
            needs = f"the system {shown}"
        if needs is None:
            on_disk = folder.with_name(f"{folder.name}.encoded")
            where = f"in {on_disk}, which may be deleted afterwards"
            notes = [f"{why}: they are learned from a part at a time, as with --on-disk, {where}"]
        else:
            notes = [f"{why}: they are learned from at once all the same, as {needs} needs them in memory"]
    if on_disk is not None:
        size = bytes_of_texts(reading.data) or 0
        tables = min(ON_DISK_PER_BYTE * size, MOST_TABLES)
        notes += too_little(n_bytes, LEAST_MEMORY + tables + ON_DISK_PER_BYTE_ALWAYS * size)
    return TrainRequest(
        reading=reading, parameters=parameters, folder=folder, system=recorded, shown=shown, config=config,
        before=before, labels=labels, unlabelled=unlabelled, max_bytes=max_bytes, on_disk=on_disk, on=on, notes=notes,
        keep_test_out=keep_test_out, checkpoint=checkpoint, resume=resume,
    )  # fmt: skip


def parameters(
    *,
    vectors: str | None,
    class_weight: list[str] | None,
    metric: str,
    validation_share: float,
    budget: str | None,
    keep_together: Together,
    label_hierarchy: str | None,
    use_label_names: bool,
    unseen_labels: list[str] | None,
    seed: int,
) -> FitParameters:
    """What a fit is asked for. Raises SettingError for values that cannot be."""
    from bywords.data.label_names import cleaned
    from bywords.data.label_paths import tidied
    from bywords.evaluation.metrics import Metric
    from bywords.system_config import FitParameters

    names = [cleaned(label) for label in unseen_labels or ()]
    return FitParameters(
        vectors=vectors,
        class_weight=_class_weight(class_weight),
        metric=check_choice("metric", metric, get_args(Metric)),
        validation_share=validation_share,
        budget_seconds=None if budget is None else _seconds(budget),
        keep_together=keep_together,
        label_hierarchy=label_hierarchy,
        use_label_names=use_label_names,
        unseen_labels=tuple(names if label_hierarchy is None else (tidied(name, label_hierarchy) for name in names)),
        seed=seed,
    )


def _class_weight(given: list[str] | None) -> str | dict[str, float] | None:
    """balanced, or a weight for some labels, each written like spam=3. Raises SettingError for anything else."""
    if not given:
        return None
    if given == ["balanced"]:
        return "balanced"
    weights = {}
    for text in given:
        label, equals, number = text.rpartition("=")
        try:
            weights[label] = float(number)
        except ValueError:
            equals = ""
        if not equals:
            raise SettingError(f"--class-weight {text}: expected balanced, or a label, an equals sign and a number.")
    return weights


def _refuse(message: str, **options: Any) -> None:
    """Raise SettingError for the first option that is given; `message` has {} for its name."""
    for name, value in options.items():
        if value:
            raise SettingError(message.format(name))


def _check_checkpoint(checkpoint: Path | None, resume: bool) -> None:
    """Raise SettingError for one that cannot be used, before anything is read."""
    from bywords.checkpoint import check_checkpoint

    if checkpoint is None:
        if resume:
            raise SettingError("--resume goes on from a checkpoint: give its folder with --checkpoint.")
        return
    hold(checkpoint)
    check_checkpoint(checkpoint, resume=resume)


def _check_apart(folder: Path, checkpoint: Path | None, on_disk: Path | None) -> None:
    """Raise SettingError where one folder that is written is another, or in it; a model may be in a checkpoint."""
    places = {"the model": folder, "the checkpoint": checkpoint, "the documents on disk": on_disk}
    real = {what: place.resolve() for what, place in places.items() if place is not None}
    for (outer, place), (inner, other) in itertools.permutations(real.items(), 2):
        if other == place or (place in other.parents and (outer, inner) != ("the checkpoint", "the model")):
            raise SettingError(f"{other}: {inner} cannot be in the folder of {outer}. Give it another place.")


def _seconds(budget: str) -> float:
    """30s, 5m or 1h → seconds. Raises SettingError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", budget.strip())
    if match is None:
        raise SettingError(f"the budget is {budget!r}, expected a number and a unit: 30s, 5m or 1h.")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
