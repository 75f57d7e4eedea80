"""`bywords compare DATA`: every system on the same documents; a table, run.json and report.html."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bywords.cli import options
from bywords.cli.scores import tell_ranking
from bywords.cli.screen import ProgressLines, print_table, rough_size, say, tell_about, tell_columns, tell_read, working
from bywords.errors import MOST_SEEDS, SettingError
from bywords.extras import check_installed
from bywords.io.read_options import ReadOptions

if TYPE_CHECKING:
    from bywords.records.run import RunRecord, SystemScores


@options.reads_labelled
def compare(
    data: options.Data,
    systems: Annotated[
        str | None, typer.Option(help="Which, with commas between; all by default. `bywords systems` lists them.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds each is trained with.", min=1, max=MOST_SEEDS)] = 1,
    out: Annotated[
        Path | None, typer.Option(help="A folder for run.json and report.html; by default DATA-compared.")
    ] = None,
    resume: options.Resume = False,
    test: options.TestFile = None,
    reading: ReadOptions = options.DEFAULT_READING,
    vectors: options.Vectors = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="Train a slow system on a share of the documents: lstm=2000. Repeat for more.", metavar="SYSTEM=N"
        ),
    ] = None,
    test_share: options.TestShare = 0.2,
    keep_together: options.KeepTogether = "equal",
    validation_share: options.ValidationShare = 0.1,
    as_json: options.AsJson = False,
) -> None:
    """Train systems on the same documents, test them on the same others, and report them side by side."""
    from bywords.cli.experiment import ExperimentFolder
    from bywords.experiments.compare import compare as run_compare
    from bywords.io.datasets import read_split
    from bywords.records.run import RunRecord
    from bywords.report import render_comparison
    from bywords.report.formats import count
    from bywords.systems import SYSTEMS

    check_installed("matplotlib", what="the page of a comparison")
    folder = out or options.named_after(data, "-compared")
    files = ExperimentFolder(RunRecord, folder / "run.json", folder / "report.html", render_comparison, resume)
    files.check(data, test)
    names = list(SYSTEMS) if systems is None else [name.strip() for name in systems.split(",") if name.strip()]
    earlier = files.earlier()
    with working(f"reading {data}"):
        split = read_split(data, reading, test=test, test_share=test_share, keep_together=keep_together)
    tell_read(*{part.name: part for part in (split.train, split.test)}.values())
    if not as_json:
        tell_columns(split.train, split.test)
        tell_about(split)
    callback = ProgressLines()
    callback.start(f"{data}: counting words")
    run = run_compare(
        split, names, seeds=range(seeds), validation_share=validation_share, vectors=vectors,
        limits=dict(map(_limit, limit or [])), command=options.command_line(), earlier=earlier, callback=callback,
        on_start=lambda name, seed: callback.start(f"{name}, seed {seed}" if seeds > 1 else name),
        on_system=files.write,
    )  # fmt: skip
    callback.end()
    files.end(run, _tell, count(len(run.systems), "system"), as_json=as_json)


def _limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal() or len(number) > 12 or int(number) < 2:
        raise SettingError(
            f"--limit {text:.200}: expected a system, an equals sign and a number of documents: lstm=2000."
        )
    return name, int(number)


def _tell(run: RunRecord) -> None:
    from bywords.report.comparison_words import ranked, verdict
    from bywords.report.formats import count

    corpus = run.corpus
    dropped = corpus.dropped
    say(
        f"{corpus.name}: {count(corpus.n_train, 'training document')} ({corpus.n_valid:,} of them to stop by), "
        f"{count(corpus.n_test, 'test document')}; {dropped['train']} and {dropped['test']} without words dropped."
    )
    say()
    several = len(run.seeds) > 1
    ks = list(run.systems[0].ranking) if run.systems else []
    own = ["all right", *(f"P@{k}" for k in ks)] if run.is_multilabel else []
    columns = [
        "system", "micro F1" if run.is_multilabel else "accuracy", "95 % interval", "points behind the best",
        "macro F1", *own, "log loss", "validation", "fit", "documents/s", "size",
    ]  # fmt: skip
    print_table(
        columns + (["spread over seeds"] if several else []),
        [_cells(row, run, several=several) for row in ranked(run)]
        + [[failed.name, "not fitted", *[""] * (len(columns) - 2 + several)] for failed in run.failed],
        may_leave_out=(
            "validation",
            "log loss",
            "size",
            "spread over seeds",
            "documents/s",
            "all right",
            "95 % interval",
        ),
    )
    say()
    for sentence in verdict(run):
        say(sentence)
    for row in ranked(run)[:1]:
        _tell_ranking(row)
    if run.pairwise:
        say(
            f"Paired tests on the same documents, corrected for all {count(len(run.pairwise), 'pair')}; 95 % "
            "intervals. ~: chance may explain it."
        )
        say()
    for row in run.systems:
        for note in row.notes:
            say(f"{row.name}: {note}")
    for failed in run.failed:
        say(f"{failed.name} could not be fitted: {failed.reason}")


def _tell_ranking(best: SystemScores) -> None:
    """Of any number of labels, how good the first ones of the best system are."""
    from bywords.records.base import plain

    if best.ranking:
        say(f"{best.name}:")
        tell_ranking(plain(best.ranking))


def _behind(row: SystemScores, run: RunRecord) -> str:
    """How many points a system is behind the best, with the interval; ~ before it where chance may explain it."""
    from bywords.report.comparison_words import pair_of

    pair = pair_of(run, run.best or "", row.name)
    if pair is None:
        return ""
    low, high = pair.score.interval
    mark = "" if pair.is_better else "~ "
    return f"{mark}{100 * pair.score.difference:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _cells(row: SystemScores, run: RunRecord, *, several: bool) -> list[str]:
    low, high = row.score_interval
    ks = [f"{its.precision:.4f}" for its in row.ranking.values()]
    cells = [
        row.name,
        f"{row.score:.4f}",
        f"{low:.4f} to {high:.4f}",
        _behind(row, run),
        f"{row.macro_f1:.4f}",
        *([f"{row.accuracy:.4f}", *ks] if run.is_multilabel else []),
        "" if row.log_loss is None else f"{row.log_loss:.3f}",
        "" if row.valid_accuracy is None else f"{row.valid_accuracy:.4f}",
        f"{row.fit_seconds:.1f} s",
        f"{row.predict_documents_per_second:,.0f}",
        rough_size(row.size_bytes),
    ]
    spread = row.score_spread
    return cells + ([f"{spread.min:.4f} to {spread.max:.4f}"] if several else [])
