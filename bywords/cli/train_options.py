"""The options of `bywords train`, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bywords.errors import LARGEST_SEED

Out = Annotated[
    Path | None, typer.Option(help="The model's folder; by default the name of DATA with -model behind it.")
]
System = Annotated[
    str | None,
    typer.Option(help="Which system; `bywords systems` lists them. By default auto, which selects its model itself."),
]
StartFrom = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="MODEL",
        help="Go on from this model: learn the new documents, words and classes. Old classes should be among them.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FIXED.csv",
        help="Corrected labels: the file that `bywords audit` wrote, with the right ones in its column new_label. "
        "Trains with and without them, and says what they bring.",
    ),
]
ClassWeight = Annotated[
    list[str] | None,
    typer.Option(
        metavar="balanced|LABEL=N",
        help="What a document of a class counts: balanced, so that each class counts the same, or spam=3. Repeat for "
        "more.",
    ),
]
UseLabelNames = Annotated[
    bool,
    typer.Option(
        "--use-label-names",
        help="The labels are English words, as in refund or billing/late: what they mean counts as one more document "
        "of each, where documents held out say that it helps. For auto, with few documents.",
    ),
]
UnseenLabel = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LABEL",
        help="A label that no document has yet, in English words: it is known by what they mean. Repeat for more. For "
        "auto.",
    ),
]
Unlabelled = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Texts without labels, of the same kind: where documents held out say that it helps, they tell how rare "
        "words are, and the model learns from its own sure answers for them. For auto.",
    ),
]
Metric = Annotated[
    str, typer.Option(help="Stop and select by log_loss, accuracy, balanced_accuracy, micro_f1 or macro_f1.")
]
Budget = Annotated[
    str | None, typer.Option(help="Try other settings too, until so long after the start: 30s, 5m or 1h. For auto.")
]
MaxSize = Annotated[
    str | None,
    typer.Option(help="Make the model's folder no larger: 500kB, 2MB. Says how much less often it is right."),
]
OnDisk = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="For a file that is larger than memory: write its ids there, and train on those, a part at a time, by any "
        "system but lstm, gru and cnn. It takes about as much room as the texts and is kept, so that the "
        "next training on the same file need not read it again; delete it when you are done.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="How much memory may be used, 4GB say; by default what is free. A file that takes more is learned from as "
        "with --on-disk, in a folder beside the model.",
    ),
]
Parts = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Fit to N parts of the documents, one beside the other, and merge what they give: by the workers of --on, "
        "which keep the parts. For auto, tfidf-svc, tfidf-nb, means of word vectors, as glove-mean, and averaging "
        "models, as dan.",
    ),
]
KeepTestOut = Annotated[
    bool,
    typer.Option(
        "--keep-test-out",
        help="Save the model that was tested, which has not seen the test documents. By default, what is held out of "
        "DATA to test on is learned as well when the scores are known.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the split and of every start.")]
CheckpointFolder = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        help="A folder that keeps what is done while it trains, each epoch and once a minute; emptied at the end. "
        "Ctrl-C saves the best so far, as without, and the folder stays.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on from --checkpoint, to the same model bit for bit; afresh where it is missing or finished. With "
        "--budget, what was tried is kept and the time left is used, which may give another model.",
    ),
]
