"""`bywords train DATA`: a model folder, how good the model is, where it fails, and what to type next."""

from __future__ import annotations

import dataclasses

from bywords.cli import options, train_options
from bywords.io.read_options import ReadOptions


@options.reads_labelled
def train(
    data: options.Data,
    out: train_options.Out = None,
    system: train_options.System = None,
    start_from: train_options.StartFrom = None,
    test: options.TestFile = None,
    reading: ReadOptions = options.DEFAULT_READING,
    labels: train_options.Labels = None,
    vectors: options.Vectors = None,
    class_weight: train_options.ClassWeight = None,
    use_label_names: train_options.UseLabelNames = False,
    unseen_label: train_options.UnseenLabel = None,
    unlabelled: train_options.Unlabelled = None,
    metric: train_options.Metric = "log_loss",
    budget: train_options.Budget = None,
    max_size: train_options.MaxSize = None,
    on_disk: train_options.OnDisk = None,
    memory: train_options.Memory = None,
    on: options.On = None,
    parts: train_options.Parts = None,
    settings: options.Settings = None,
    slice_by: options.SliceBy = None,
    test_share: options.TestShare = 0.2,
    keep_test_out: train_options.KeepTestOut = False,
    keep_together: options.KeepTogether = "equal",
    validation_share: options.ValidationShare = 0.1,
    seed: train_options.Seed = 0,
    checkpoint: train_options.CheckpointFolder = None,
    resume: train_options.Resume = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a classifier on labelled texts, test it on texts that it has not seen, and save what has learned from all.

    Where DATA alone is given, a share of it is held out; the score is that of a model that has not seen it. Then the
    same model is fitted once more, to all documents, and saved.
    """
    from bywords.cli import train_request, train_steps

    reading = dataclasses.replace(reading, columns=tuple(slice_by or ()))
    documents = train_request.Reading(
        data=data, test=test, options=reading, test_share=test_share, keep_together=keep_together, seed=seed
    )
    parameters = train_request.parameters(
        vectors=vectors, class_weight=class_weight, metric=metric, validation_share=validation_share, budget=budget,
        keep_together=keep_together, label_hierarchy=reading.label_hierarchy,
        use_label_names=use_label_names, unseen_labels=unseen_label, seed=seed,
    )  # fmt: skip
    request = train_request.requested(
        documents, parameters, folder=out or options.named_after(data, "-model"), system=system, start_from=start_from,
        settings=settings, labels=labels, unlabelled=unlabelled, max_size=max_size, on_disk=on_disk, memory=memory,
        on=on, parts=parts, keep_test_out=keep_test_out, checkpoint=checkpoint, resume=resume,
    )  # fmt: skip
    train_steps.run(request, as_json=as_json)
