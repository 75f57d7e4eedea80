"""`bywords train DATA --on-disk FOLDER`: what differs where the documents are larger than memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bywords.cli.screen import ProgressLines
from bywords.errors import SettingError

if TYPE_CHECKING:
    from bywords.classifier import TextClassifier
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.io.on_disk import OnDiskSplit

DEFAULT_ON_DISK = "dan"


def refuse_beside_on_disk(**options: Any) -> None:
    """Raise SettingError for an option that needs all documents in memory."""
    for name, value in options.items():
        if value:
            raise SettingError(f"--on-disk has no documents in memory, which --{name} needs: leave out one of the two.")


def train_on_disk(
    classifier: TextClassifier,
    folder: Path,
    system: str,
    *,
    text: str | None,
    label: list[str] | None,
    checkpoint: Path | None,
    resume: bool,
) -> tuple[OnDiskSplit, AnyEvaluation]:
    """Write the documents that the classifier is to be `trained_on` into the folder, fit it to them, and test it."""
    from bywords.io.on_disk import Source, stored
    from bywords.systems import check_can_train_on_disk

    config = classifier.config
    check_can_train_on_disk(config, system)
    source = Source(
        **(classifier.trained_on or {}), text=text, label=label, validation_share=classifier.validation_share
    )
    callback = ProgressLines()
    callback.start(system)
    corpus = stored(source, folder, config.tokenizer, config.vocabulary, on_block=callback.block)
    callback.start(system)
    classifier.fit_on_disk(corpus, callback=callback, checkpoint=checkpoint, resume=resume)
    callback.end()
    return corpus.facts, classifier.evaluate_on_disk(corpus.test)
