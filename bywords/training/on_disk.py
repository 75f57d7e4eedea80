"""Documents in files, of any size → a `FittedClassifier`, trained with some of them in memory at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bywords.checkpoint import Checkpoint, fingerprint
from bywords.cluster import Executor, unless_lost
from bywords.data.hierarchy import Hierarchy
from bywords.data.labels import GivenLabels, LabelFormat, weights_of
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.metrics import check_metric
from bywords.evaluation.reliability import floor_of
from bywords.evaluation.top_scores import TopScores
from bywords.fitted import DOCUMENTS_AT_A_TIME, N_FOUND, FittedClassifier
from bywords.forks import check_polars
from bywords.io.on_disk import OnDiskCorpus
from bywords.locks import while_locked
from bywords.models.base import model_class
from bywords.system_config import FitParameters, SystemConfig, TrainingConfig
from bywords.text.bags import Floats
from bywords.text.memory_mapped import JoinedDocuments
from bywords.text.threads import one_thread_a_product
from bywords.text.tokenizer import Tokenizer
from bywords.training.callback import Callback
from bywords.training.fit import HeldOut, calibrated
from bywords.training.model_selection import select_on_disk
from bywords.training.resume import checkpoint_of, fingerprints_of, run_on_disk
from bywords.training.system import SystemFit, can_train_on_disk, fit_model, with_vectors


def check_can_train_on_disk(config: SystemConfig, name: str, able: list[str]) -> None:
    """Raise SettingError for a system that needs all documents in memory; `able` are the names of those that do not."""
    if not can_train_on_disk(config):
        if config.model.candidates:
            why = "of the word vectors that one of its models starts from" if config.vectors else ""
        else:
            why = model_class(config.model).why_in_memory
        why = f", because {why}" if why else ""
        raise SettingError(
            f"the system {name!r} needs all documents in memory{why}. Those that train on documents on disk: "
            f"{', '.join(able)}."
        )
    config = as_on_disk(config)
    if config.vocabulary.char_ngrams is not None or config.vocabulary.ngrams > 2:
        raise SettingError(
            "of documents on disk, words and n-grams of two words are counted, no longer ones and no character "
            "n-grams: leave out vocabulary.char_ngrams, and vocabulary.ngrams of more than 2."
        )


def as_on_disk(config: SystemConfig) -> SystemConfig:
    """The system as it is trained on disk: what it may select from is what it would try on very many documents.

    Where word vectors are trained by how far words are apart, words without a row keep their places in the files.
    """
    if config.model.candidates:
        return replace(config, vocabulary=replace(config.vocabulary, char_ngrams=None))
    if config.vectors is not None and config.vectors.counts_gaps:
        return replace(config, vocabulary=replace(config.vocabulary, keep_unknown=True))
    return config


@while_locked("checkpoint")
def fit_on_disk(
    config: SystemConfig,
    corpus: OnDiskCorpus,
    *,
    system: str | SystemConfig | None = None,
    parameters: FitParameters | None = None,
    able: list[str],
    callback: Callback | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    workers: Executor | None = None,
) -> FittedClassifier:
    """Learn from documents in files. `TextClassifier.fit_on_disk` says what the arguments mean, and what is raised.

    `able` are the names of the systems that can, for the error of one that cannot. `workers` fit a model that learns
    in parts; where a machine of theirs is lost with its part, they begin anew, to the same bits.
    """
    check_polars(what="training")
    started = time.perf_counter()
    parameters = parameters or FitParameters()
    check_can_train_on_disk(config, system if isinstance(system, str) else config.description, able)
    if config.vectors is not None and config.vectors.counts_gaps and not corpus.vocabulary.config.keep_unknown:
        raise SettingError(
            f"{corpus.train.documents.folder}: words without a row are left out of its documents, and word vectors are "
            "to be trained by how far words are apart. Make the folder with keep_unknown=True in its VocabularyConfig."
        )
    label_format: LabelFormat = "sets" if corpus.is_multilabel else "one"
    check_metric(parameters.metric, is_multilabel=corpus.is_multilabel)
    if parameters.use_label_names or parameters.unseen_labels:
        raise SettingError(
            "documents on disk are learned from by models that do not know what the names of labels mean: leave out "
            "use_label_names and unseen_labels, or learn from documents in memory."
        )
    training = replace(config.training or TrainingConfig(), metric=parameters.metric, refit=False)
    config = replace(
        as_on_disk(config), tokenizer=corpus.tokenizer, vocabulary=corpus.vocabulary.config, training=training
    )
    classes = np.array(corpus.label_names)
    if parameters.label_hierarchy is not None:
        Hierarchy.of(classes.tolist(), parameters.label_hierarchy)  # raises, before anything is learned
    by_class = _weights_of_classes(corpus, classes, label_format, parameters)
    targets, valid_targets = (
        Targets.of(
            part.codes,
            len(classes),
            weights=None if by_class is None else by_class[cast(npt.NDArray[np.int64], part.codes)],
            class_weights=by_class,
        )
        for part in (corpus.train, corpus.valid)
    )
    data = {**fingerprints_of("training ", targets), **fingerprints_of("validation ", valid_targets)}
    data |= {"texts": corpus.facts.train.fingerprint, "classes": fingerprint(classes)}
    kept = checkpoint_of(checkpoint, run_on_disk(config, parameters.seed, data), resume=resume)
    found = _Fit(
        config=config, corpus=corpus, targets=targets, valid_targets=valid_targets, parameters=parameters,
        callback=callback, checkpoint=kept, workers=workers,
    ).found()  # fmt: skip
    valid = corpus.valid.documents_for(found.fit.vocabulary)
    shares = [some.in_vocabulary_share for some in valid.batches(DOCUMENTS_AT_A_TIME)]
    with one_thread_a_product:
        fitted = calibrated(
            found, Tokenizer(config.tokenizer), classes, label_format, floor_of(known := np.concatenate(shares)), known,
            system=config if system is None else system, parameters=parameters,
            n_dropped=corpus.facts.n_dropped_train,
            n_by_label=list(corpus.facts.train.counts().tolist()) if corpus.is_multilabel else [],
        )  # fmt: skip
    notes, columns = (*corpus.facts.train.notes, *fitted.record.notes), corpus.facts.train.read_as
    record = replace(fitted.record, seconds=time.perf_counter() - started, columns=columns, notes=notes)
    return replace(fitted, record=record)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fit:
    """What is to be learned from documents in files, and by whom."""

    config: SystemConfig
    corpus: OnDiskCorpus
    targets: Targets
    valid_targets: Targets
    parameters: FitParameters
    callback: Callback | None
    checkpoint: Checkpoint
    workers: Executor | None

    def found(self) -> HeldOut:
        """The model, and its answers for the validation part; where workers lose their parts, it is begun anew."""
        return unless_lost(self._selected if self.config.model.candidates else self._learned)

    def _learned(self) -> HeldOut:
        """One model."""
        config, corpus, kind = self.config, self.corpus, model_class(self.config.model)
        vocabulary, vectors, aligned = with_vectors(
            config, corpus.train.documents, corpus.vocabulary, seed=self.parameters.seed, callback=self.callback,
            checkpoint=self.checkpoint,
        )  # fmt: skip
        hears, of_parts = self.callback or Callback(), dict[str, Any]()
        if (config.model.parts > 1 and not kind.trains_in_epochs) or kind.fits_in_parts:
            of_parts = {"holder": self.workers if config.model.parts > 1 else None}
            of_parts |= {"tell": hears.part if kind.fits_in_parts else hears.step}
        documents, held_out = (part.documents_for(vocabulary) for part in (corpus.train, corpus.valid))
        train, valid = (
            kind.prepare(config.model, some, vocabulary, **of_parts) if is_needed else None
            for some, is_needed in ((documents, True), (held_out, kind.trains_in_epochs))
        )
        model, history, notes = fit_model(
            config.model, train, self.targets, (valid, self.valid_targets), vocabulary=vocabulary,
            seed=self.parameters.seed, training=config.training or TrainingConfig(), aligned=aligned,
            callback=self.callback, checkpoint=self.checkpoint, holder=self.workers,
        )  # fmt: skip
        batches = held_out.batches(DOCUMENTS_AT_A_TIME)
        logits: Floats | TopScores
        if model.is_ranked:
            logits = TopScores.joined([model.top_logits(some, N_FOUND) for some in batches])
        else:
            logits = np.concatenate([model.logits(some) for some in batches])
        fit = SystemFit(vocabulary, model, vectors, aligned.coverage if aligned else None, history, notes)
        return HeldOut(
            config=config, fit=fit, logits=logits, targets=self.valid_targets,
            n_train=len(self.targets), n_valid=len(self.valid_targets),
        )  # fmt: skip

    def _selected(self) -> HeldOut:
        """The best of several, or an ensemble, by their answers for the validation part."""
        corpus, parameters = self.corpus, self.parameters
        with one_thread_a_product:
            found = select_on_disk(
                self.config, corpus.vocabulary, JoinedDocuments(corpus.train.documents, corpus.valid.documents),
                self.targets.joined(self.valid_targets), len(self.targets), seed=parameters.seed,
                metric=parameters.metric, callback=self.callback, checkpoint=self.checkpoint, workers=self.workers,
            )  # fmt: skip
        return HeldOut(
            config=found.config, fit=found.fit, logits=found.logits, targets=found.targets, n_train=len(self.targets),
            n_valid=found.n_valid, selection=found.summary,
        )  # fmt: skip


def _weights_of_classes(
    corpus: OnDiskCorpus, classes: npt.NDArray[np.str_], label_format: LabelFormat, parameters: FitParameters
) -> npt.NDArray[np.float64] | None:
    """What a document of each class counts, float64 (K,); None where all count the same."""
    if parameters.class_weight is None:
        return None
    each = GivenLabels(label_format, classes, np.arange(len(classes) + 1), classes)  # one document a class
    weights = weights_of(parameters.class_weight, each, classes, None)
    if isinstance(parameters.class_weight, str):  # "balanced", else it would have been refused
        counts = corpus.facts.train.counts()
        weights = counts.sum() / (len(counts) * counts)
    return weights
