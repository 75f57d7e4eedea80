"""`bywords curve DATA`: accuracy, or micro F1, by number of training documents, and what twice as many would bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bywords.cli import options
from bywords.cli.screen import ProgressLines, print_table, rough_time, say, tell_about, tell_columns, tell_read, working
from bywords.errors import MOST_SEEDS
from bywords.extras import check_installed
from bywords.io.read_options import ReadOptions

if TYPE_CHECKING:
    from bywords.records.curve import CurvePoint, CurveRecord, CurveSize


@options.reads_labelled
def curve(
    data: options.Data,
    system: Annotated[
        str | None, typer.Option(help="Which system; `bywords systems` lists them. By default auto.")
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(help="How many times each part of the documents is drawn and trained on.", min=1, max=MOST_SEEDS),
    ] = 3,
    out: Annotated[
        Path | None, typer.Option(help="A folder for curve.json and curve.html; by default DATA-curve.")
    ] = None,
    resume: options.Resume = False,
    test: options.TestFile = None,
    reading: ReadOptions = options.DEFAULT_READING,
    vectors: options.Vectors = None,
    test_share: options.TestShare = 0.2,
    keep_together: options.KeepTogether = "equal",
    validation_share: options.ValidationShare = 0.1,
    as_json: options.AsJson = False,
) -> None:
    """Train on 1/16 to all of the documents, and forecast what twice as many would bring."""
    from bywords.cli.experiment import ExperimentFolder
    from bywords.experiments.learning_curve import learning_curve
    from bywords.io.datasets import read_split
    from bywords.records.base import write_record
    from bywords.records.curve import CurveRecord
    from bywords.report import render_curve
    from bywords.report.formats import count
    from bywords.systems import DEFAULT_SYSTEM
    from bywords.training.repeated_folds import takes_turns

    check_installed("matplotlib", what="the page of a learning curve")
    folder = out or options.named_after(data, "-curve")
    files = ExperimentFolder(CurveRecord, folder / "curve.json", folder / "curve.html", render_curve, resume)
    files.check(data, test)
    system = system or DEFAULT_SYSTEM
    earlier = files.earlier()
    with working(f"reading {data}"):
        split = read_split(data, reading, test=test, test_share=test_share, keep_together=keep_together)
    tell_read(*{part.name: part for part in (split.train, split.test)}.values())
    if not as_json:
        tell_columns(split.train, split.test)
        tell_about(split)
    callback = ProgressLines()

    def on_start(n_documents: int, seed: int, seconds_left: float | None) -> None:
        about = "" if seconds_left is None else f", about {rough_time(seconds_left)} left in all"
        callback.start(f"{system} on {n_documents:,} documents, seed {seed}{about}")

    def on_point(run: CurveRecord, point: CurvePoint) -> None:
        write_record(run, files.record)
        callback.name = f"{system} on {point.n_documents:,} documents, seed {point.seed}:"
        told = f"right on {point.accuracy:.1%}" if point.micro_f1 is None else f"micro F1 {point.micro_f1:.3f}"
        callback.step(1, 0, told)

    run = learning_curve(
        split, system, seeds=range(seeds), validation_share=validation_share, vectors=vectors,
        in_turn=test is None and takes_turns(split, keep_together), keep_together=keep_together,
        command=options.command_line(), earlier=earlier, on_start=on_start, on_point=on_point,
    )  # fmt: skip
    callback.end()
    files.end(run, _tell, count(len(run.points), "fit"), as_json=as_json)


def _tell(run: CurveRecord) -> None:
    from bywords.experiments.forecast import backtest_sentence, next_sentence, sentence
    from bywords.records.curve import NEXT_LABELS

    corpus = run.corpus
    dropped = corpus.dropped
    on = f"up to {corpus.n_train:,} training documents, tested on {corpus.n_test:,} others"
    if run.n_folds:
        most = f"up to {run.sizes[-1].n_documents:,} of " if run.sizes else ""
        on = f"{most}{corpus.n_train:,} documents, tested on those held out, all in turn"
    say(f"{corpus.name}: {run.system} on {on}; {dropped['train']} and {dropped['test']} without words dropped.")
    say()
    print_table(
        [
            "documents",
            "accuracy" if run.metric == "accuracy" else "micro F1",
            "95 % interval",
            "over seeds",
            "macro F1",
            "log loss",
            "fit",
        ],
        [_cells(row) for row in run.sizes],
        may_leave_out=("log loss", "macro F1", "over seeds"),
    )
    say()
    if run.next_labels is not None:
        say(next_sentence(run.next_labels, NEXT_LABELS, run.metric))
    if run.forecast is not None:
        say(sentence(run.forecast, run.metric))
    if run.backtest is not None:
        say(backtest_sentence(run.backtest, run.metric))
    for note in run.notes:
        say(note)


def _cells(row: CurveSize) -> list[str]:
    low, high = row.score_interval
    spread = row.score_spread
    return [
        f"{row.n_documents:,}",
        f"{row.score:.4f}",
        f"{low:.4f} to {high:.4f}",
        f"{spread.min:.4f} to {spread.max:.4f}",
        f"{row.macro_f1:.4f}",
        "–" if row.log_loss is None else f"{row.log_loss:.3f}",
        f"{row.fit_seconds:.1f} s",
    ]
