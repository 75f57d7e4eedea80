"""`bywords predict MODEL FILE`: a label for each document of a file of any size, behind the columns that it has."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from bywords.cli import at_least as wishes
from bywords.cli import options
from bywords.cli.screen import columns_line, counted, print_data, tell_aside, tell_notes, tell_skipped, working
from bywords.errors import BywordsError, DataError, SettingError
from bywords.io import stores
from bywords.io.archives import expanded
from bywords.io.read_options import LABEL_PREFIX
from bywords.version import __version__

if TYPE_CHECKING:
    from hashlib import _Hash

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from bywords.cluster import Executor
    from bywords.data.label_sets import LabelSets
    from bywords.evaluation.back_off import BackOff
    from bywords.evaluation.calibration import Sigmoids
    from bywords.evaluation.operating_points import OperatingPoint
    from bywords.fitted import FittedClassifier, Predictions, TopPredictions
    from bywords.io.pieces import Piece, Window
    from bywords.io.readers import Block, BlockReader
    from bywords.io.resumable import ResumableOutput
    from bywords.io.split import Split
    from bywords.io.tables import Table
    from bywords.io.writers import Writer

CHUNK_ROWS = 25_000  # documents at a time
CHUNK_BYTES = 1 << 20  # of a file that are read at a time: words that a chunk has in many texts are looked up once
FEW_OUT_OF_DISTRIBUTION, FEW_OUT_OF_DISTRIBUTION_SHARE = (
    10,
    0.05,
)  # texts, and of all: one in a hundred is unlike the others anyway
LOOKED_AT = 1_000  # texts of which it is said how many words are known by vectors alone
N_WAITING = 2  # chunks for each thread, so that it has work while the others are brought to the disk
CHUNK_NUMBERS = 4_000_000  # probabilities at a time: of very many labels a chunk has fewer documents


def predict(
    model: options.Model,
    file: Annotated[
        str,
        typer.Argument(
            help="A text, or a file of texts: one on each line, csv, tsv, json, jsonl, parquet, xlsx; s3://, gs://, "
            "az:// or https:// for one in a store; - for lines from standard input.",
            metavar="TEXT|FILE",
        ),
    ] = "-",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where to write: .csv, .tsv, .jsonl, .parquet, .xlsx, or .txt for the labels alone; text also as .gz. "
            "s3://bucket/name.csv, gs:// or az:// for a store. Otherwise JSON lines to standard output."
        ),
    ] = None,
    text: options.Text = None,
    file_format: Annotated[
        Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx", "lines"] | None,
        typer.Option("--format", help="What FILE is, where its name does not say."),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            help="Add this many labels, the likeliest, and their probabilities; -1 for all. With --min-confidence, "
            "without those that are less probable.",
            min=-1,
        ),
    ] = None,
    min_confidence: options.MinConfidence = None,
    abstain: options.Abstain = None,
    at_least: wishes.Option = None,
    bad_rows: options.BadRows = "fail",
    encoding: options.Encoding = None,
    label_prefix: options.LabelPrefix = LABEL_PREFIX,
    on: options.On = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with OUT behind the last complete chunk of a run that was cut off.")
    ] = False,
) -> None:
    """Label texts: label, probability, and how much of it was known, behind the columns that the file has.

    With --min-confidence or --abstain a text keeps its label only where the answer is sure enough and the text is not
    unlike those that the model has learned from. Of labels that are paths, it gets the deepest level that is sure
    enough. With --at-least precision:LABEL=0.95 a text gets LABEL only where it is the likeliest and sure enough, else
    none; with recall:LABEL=0.95 also where another label is likelier.

    --on ray has the texts read and labelled by a cluster; what is written is the same, byte for byte.
    """
    from bywords.artifact.description import load_classifier
    from bywords.io.readers import Block, skipped_rows
    from bywords.io.writers import Writer

    source = file if options.is_file(file) else None
    file = options.typed_text(file) if source is None else file
    if source is None and (text, file_format, encoding) != (None, None, None):
        raise SettingError(f"{file!r} is no file, so it is a text: leave out --text, --format and --encoding.")
    target = None
    if out is not None and stores.is_url(out):  # until all is done, its rows are in the current folder
        target, out = stores.url_of(stores.copy_of(str(out))), Path(stores.copy_of(str(out)).name)
    _check_output(out, source, model, top_k, target, resume=resume)
    classifier = load_classifier(model)
    points = wishes.operating_points(classifier, at_least)
    back_off = options.back_off(classifier, min_confidence, abstain)
    if back_off is None:
        least = options.least_confidence(classifier, min_confidence, abstain, is_for_labels=top_k is not None)
    else:
        wishes.refuse_beside_back_off(points)
        least = back_off.least
    wishes.tell_points(points, classifier)
    answers, n_before = Answers(classifier.with_points(points), top_k, least, points, back_off), 0
    skipped = skipped_rows(bad_rows)
    ending = None if file_format is None else {"lines": ".txt"}.get(file_format, f".{file_format}")
    reading = {"text": text, "ending": ending, "encoding": encoding, "label_prefix": label_prefix}
    more = {"skipped": skipped, "contract": classifier.record.columns, "given": classifier.tokenizer.config.is_given}
    more["may_split"] = on is not None
    blocks = iter([Block.of_text(file)]) if source is None else _told(_blocks(source, {**reading, **more}))
    if out is None:
        with options.workers(on) as workers:
            for chunk in counted(
                _chunks(blocks, answers, Writer(answers.names), workers=workers), "labelled", _share_of
            ):
                print_data(chunk.content)
    else:
        Writer.of(out, answers.names).check_labels(classifier.classes)
        settings: dict[str, Any] = {**reading, "top_k": top_k, "least_confidence": answers.least, "bad_rows": bad_rows}
        settings["at_least"] = [
            f"{kind}:{point.label}={least}" for point in points for kind, least in point.wanted.items()
        ]
        settings |= {} if back_off is None else {"thresholds": back_off.thresholds}
        if source is not None and Writer.of(out, ()).ending == ".xlsx":
            _check_fits_sheet(source, {**reading, **more, "skipped": skipped_rows(bad_rows)})
        n_before = _label_file(model, source, out, target, blocks, answers, settings, on, resume=resume)
    if skipped is not None:
        tell_skipped(skipped.count, skipped.first)
    answers.tell(is_rest=n_before > 0)


def _check_output(
    out: Path | None, source: str | None, model: Path, top_k: int | None, target: str | None, *, resume: bool
) -> None:
    """Raise SettingError for what cannot be written, before there is any work."""
    from bywords.artifact.model_folder import OWN
    from bywords.cli.hold import hold
    from bywords.files import check_writable
    from bywords.io.writers import Writer

    if resume and out is None:
        raise SettingError("--resume goes on with a file: say which with --out.")
    if top_k == 0:
        raise SettingError("--top-k is 0, expected 1 or more, or -1 for all labels.")
    if out is not None:
        check_writable(out)
        Writer.of(out, ())
        hold(out)
        inputs = () if source is None else options.files_of(source)
        if target is not None:
            if target in inputs:
                raise SettingError(f"{target}: is what is read, and would be overwritten. Write to another name.")
            stores.check_target(target)
            return
        options.check_output(out, *inputs, *(model / name for name in OWN), goes_on=resume)


def _check_fits_sheet(source: str, reading: dict[str, Any]) -> None:
    """Raise SheetFullError where there are more rows than a sheet takes, by reading them once more.

    Those of the standard input cannot be read twice.
    """
    from bywords.io.streams import STANDARD_INPUT
    from bywords.io.writers import MOST_SHEET_ROWS, SheetFullError

    n_rows = 0
    if source != STANDARD_INPUT:
        with working(f"counting the rows of {source}"):
            for block in _blocks(source, reading):
                n_rows += len(block.texts)
                if n_rows > MOST_SHEET_ROWS:
                    raise SheetFullError(source)


def _label_file(
    model: Path,
    source: str | None,
    out: Path,
    target: str | None,
    blocks: Iterable[Block],
    answers: Answers,
    settings: dict[str, Any],
    on: str | None,
    *,
    resume: bool,
) -> int:
    """Write the answers to a file. Returns: how many rows of it a run before this one has written."""
    from hashlib import sha256

    from bywords.checkpoint import Run
    from bywords.io.resumable import ResumableOutput
    from bywords.io.writers import Writer

    model_digest = sha256((model / "SHA256SUMS").read_bytes()).hexdigest()
    shown = {"text": "text column", "ending": "input format"}
    run = {shown.get(name, name.replace("_", " ")): value for name, value in settings.items()}
    run["text column"] = " ".join(run["text column"] or ()) or None
    run |= {"version": __version__, "output format": "".join(out.suffixes[-2:])}
    is_new = target is None and not out.exists()
    if target is not None:
        run["store"] = target
    output = ResumableOutput(out, Run({"model": model_digest}, run), resume=resume, target=target)
    n_before = output.n_rows
    if output.is_damaged:
        tell_aside(f"{output.folder} is not as it was written: all rows are done anew.")
    writer = Writer.of(out, answers.names)
    digest = sha256() if source is None else _digest(source, settings["ending"])
    with options.workers(on) as workers:
        _write(output, blocks, answers, writer, digest, workers)
    _tell_written(target or out, None if source is None else Path(source), writer, is_new=is_new)
    return n_before


def _told(blocks: Iterator[Block]) -> Iterator[Block]:
    """The blocks; before the first, what is read as text is said on standard error."""
    for number, block in enumerate(blocks):
        if number == 0 and block.read_as is not None:
            tell_aside(columns_line(block.read_as, block.not_read))
        yield block


def _blocks(file: str, reading: dict[str, Any]) -> Iterator[Block]:
    """The texts of a file, or of all files that a pattern has, one after the other."""
    from bywords.io.archives import split_member
    from bywords.io.readers import read_blocks
    from bywords.io.streams import STANDARD_INPUT

    paths = options.files_of(file)
    sizes = [0 if path == STANDARD_INPUT else stores.size_of(split_member(expanded(path))[0]) for path in paths]
    for number, path in enumerate(paths):
        n_before, n_bytes = sum(sizes[:number]), sizes[number]
        for block in read_blocks(path, block_bytes=CHUNK_BYTES, **reading):
            share = block.share_read
            if share is not None and n_bytes:
                share = (n_before + share * n_bytes) / sum(sizes)
            rest = block.rest
            if rest is not None and n_bytes:
                rest = dataclasses.replace(rest, share_at_end=(n_before + n_bytes) / sum(sizes))
            yield dataclasses.replace(block, share_read=share, rest=rest)


def _tell_written(out: Path | str, source: Path | None, writer: Writer, *, is_new: bool) -> None:
    """What a person should know of the file; what is new is as private as what it was made from."""
    from bywords.files import keep_private

    if is_new and source is not None and not stores.is_url(source):
        keep_private(Path(out), expanded(source))
    if n_formulas := sum(writer.formulas):
        cells = "1 cell starts" if n_formulas == 1 else f"{n_formulas:,} cells start"
        tell_aside(
            f"In {out} {cells} with =, +, - or @, which a spreadsheet that opens it takes for a formula. Write "
            "--out NAME.xlsx to open it in one: there they are text."
        )


def _write(
    output: ResumableOutput,
    blocks: Iterable[Block],
    answers: Answers,
    writer: Writer,
    digest: _Hash,
    workers: Executor | None,
) -> None:
    """Write the answers, a chunk at a time, behind what is there already."""
    from bywords.io.writers import MOST_SHEET_ROWS, SheetFullError

    n_rows = output.n_rows
    with _naming_how_to_go_on(output):
        for chunk in counted(_chunks(blocks, answers, writer, output, digest, workers), "labelled", _share_of):
            n_rows += chunk.n_rows
            if writer.ending == ".xlsx" and n_rows > MOST_SHEET_ROWS:
                raise SheetFullError(output.out.name)
            output.add(chunk.content, n_rows=chunk.n_rows, input_digest=chunk.input_digest)
        if not output.n_rows:
            output.add(writer(None, answers(answers.found([])), is_first=True), n_rows=0, input_digest="")
        output.finish()


class Answers:
    """What a model has found in, columns of answers out."""

    def __init__(
        self,
        classifier: FittedClassifier,
        top_k: int | None,
        least: float | None = None,
        points: Sequence[OperatingPoint] = (),
        back_off: BackOff | None = None,
    ) -> None:
        """Labels of answers that are less probable than `least` are left out, or `back_off`; None leaves none out.
        Labels that have an operating point are given or left out by that instead.
        """
        self.classifier, self.least, self.points, self.back_off = classifier, least, points, back_off
        # Of texts, by what they are, and by the levels that are left of a label; whole ones at depth.
        self.counts: Counter[str | int] = Counter()
        self.n_looked_at = self.n_known = self.n_by_vector = 0  # texts, and words in them
        self.is_multilabel = classifier.is_multilabel
        self.n_classes = len(classifier.classes)
        self.top_k = None if top_k is None else self.n_classes if top_k < 0 else min(top_k, self.n_classes)
        self.width = self.top_k or (1 if classifier.is_ranked else self.n_classes)  # probabilities of a text
        self.names = self(self.found([])).columns

    def __call__(self, found: Predictions | TopPredictions) -> pl.DataFrame:
        """The columns for N texts as a frame, each of its dtype also where all values are missing."""
        import polars as pl

        kinds = {"label": self._kind(), "labels": pl.List(self._kind()), "probabilities": pl.List(pl.Float64)}
        columns = self.columns(found)
        return pl.DataFrame({name: pl.Series(column, dtype=kinds.get(name)) for name, column in columns.items()})

    def columns(self, found: Predictions | TopPredictions) -> dict[str, Any]:
        """The columns for N texts: label and probability; or labels and probabilities, lists, where there are several.

        Of a multi-label model these are the labels of each text, or its `top_k` likeliest; of another the likeliest,
        and `top_k` of them behind it.
        """
        import numpy as np

        columns: dict[str, Any] = {}
        self.counts["all"] += len(found.labels)
        self.counts["out_of_distribution"] += int(found.out_of_distribution.sum())
        if not self.is_multilabel:
            labels = (found.labels[:, 0] if found.labels.ndim > 1 else found.labels).tolist()
            highest, levels = found.probabilities.max(axis=1, initial=0), None
            if self.points:
                labels, highest = self._by_points(cast("Predictions", found))
            elif self.back_off is not None:
                given = self.back_off(found.probabilities, found.out_of_distribution)
                labels, levels, highest = given.labels.tolist(), given.levels, given.probabilities
                self.counts.update(np.where(given.are_whole, self.back_off.hierarchy.depth, levels).tolist())
            elif self.least is not None:
                is_open = (highest < self.least) | found.out_of_distribution
                self.counts["open"] += int(is_open.sum())
                labels = [None if left else label for label, left in zip(labels, is_open.tolist(), strict=True)]
            columns["label"] = labels
            if self.classifier.hierarchy is not None:
                columns["level"] = self._levels(labels) if levels is None else levels
            columns["probability"] = np.round(highest, 6)
        if self.is_multilabel or self.top_k is not None:
            indices, numbers, lengths = self._several(found)
            names = self.classifier.classes[indices].tolist()
            columns["labels"] = _cut(names, lengths)
            rounded = np.round(numbers, 6).tolist()
            columns["probabilities"] = _cut(rounded, lengths)
        columns["in_vocabulary_share"] = np.round(found.in_vocabulary_share.astype(np.float64), 4)
        columns["all_out_of_vocabulary"] = found.all_out_of_vocabulary
        columns["out_of_distribution"] = found.out_of_distribution
        return columns

    def _by_points(self, found: Predictions) -> tuple[list[Any], npt.NDArray[np.float64]]:
        """The label of each text, None where it is left open, and its probability, or that of the likeliest."""
        import numpy as np

        from bywords.evaluation.operating_points import OPEN, decided

        highest = found.probabilities.max(axis=1, initial=0)
        likeliest, indices = found.probabilities.argmax(axis=1), [point.index for point in self.points]
        own = found.probabilities[:, indices]
        codes = decided(self.points, own, likeliest)
        if self.least is not None:
            is_unsure = (highest < self.least) & ~np.isin(codes, indices)
            codes = np.where(is_unsure | found.out_of_distribution, OPEN, codes)
        self.counts["open"] += int((codes == OPEN).sum())
        listed = [*self.classifier.classes.tolist(), None]
        shown = np.where(codes[:, np.newaxis] == indices, own, 0).max(axis=1)  # of the label that is given by a point
        return [listed[code] for code in codes.tolist()], np.where(np.isin(codes, indices), shown, highest)

    def tell(self, *, is_rest: bool) -> None:
        """What a person should know of the answers, on standard error; nothing where all is as usual.

        `is_rest` says that others were given by a run that this one resumes.
        """
        n_texts, n_open = self.counts["all"], self.counts["open"]
        n_other = self.counts["out_of_distribution"]
        texts = f"{n_texts:,} texts{' of this run' if is_rest else ''}"
        if self.back_off is not None:
            self._tell_levels(texts)
        elif (self.least is not None or self.points) and not self.is_multilabel:
            why = ["the likeliest label did not reach its threshold"] if self.points else []
            if self.least is not None:
                why += [f"no answer reached {self.least:.1%}", "the text is unlike those of the training"]
            others = f" Of the others {', or '.join(why)}." if n_open else ""
            tell_aside(f"{n_texts - n_open:,} of {texts} got a label.{others}")
        if self.n_by_vector:
            where = f"the first {self.n_looked_at:,} of {texts}" if self.n_looked_at < n_texts else texts
            where = "the text" if n_texts == 1 else where
            are = "is" if self.n_by_vector == 1 else "are"
            tell_aside(
                f"Of the {self.n_known:,} words known in {where} {self.n_by_vector:,} {are} known by vectors of "
                "English words alone, never seen in training."
            )
        if n_other > max(FEW_OUT_OF_DISTRIBUTION, FEW_OUT_OF_DISTRIBUTION_SHARE * n_texts):
            floor = self.classifier.reliability.in_vocabulary_floor
            tell_aside(
                f"{n_other:,} of {texts} are unlike those that the model has learned from: it "
                f"knows less than {floor:.0%} of their words, as of at most one training document in a hundred. Do not "
                "trust these answers (out_of_distribution is true)."
            )

    def found(self, texts: Sequence[str] | pl.Series) -> Predictions | TopPredictions:
        """The likeliest labels where they are all that is asked for, or all that there are; else all probabilities."""
        needs_all = self.top_k is None or self.back_off is not None or (self.points and not self.is_multilabel)
        if needs_all and not self.classifier.is_ranked:
            return self.classifier.predict(texts)
        from bywords.fitted import N_FOUND

        return self.classifier.top(texts, self.top_k or N_FOUND)

    @property
    def has_looked(self) -> bool:
        """Whether there is nothing more to `look_at`."""
        return self.n_looked_at >= LOOKED_AT or self.classifier.model.knows_by_vector is None

    def look_at(self, texts: Sequence[str] | pl.Series) -> None:
        """Count the words of the first texts that are known, and those of them that the training did not have."""
        some = texts[: LOOKED_AT - self.n_looked_at]
        if len(some) and self.classifier.model.knows_by_vector is not None:
            n_known, n_by_vector = self.classifier.n_known_words(some)
            self.n_known, self.n_by_vector = self.n_known + n_known, self.n_by_vector + n_by_vector
            self.n_looked_at += len(some)

    def _tell_levels(self, texts: str) -> None:
        """How many texts got an answer of each level, and from which probability on."""
        assert self.back_off is not None
        thresholds, n_of = self.back_off.thresholds, self.counts
        cut = [
            f"{n_of[n]:,} one that is cut to {n} level{'s'[: n > 1]}"
            for n in range(len(thresholds) - 1, 0, -1)
            if n_of[n]
        ]
        least = [f"{p:.1%} at level {n}" for n, p in reversed(list(enumerate(thresholds, start=1))) if p is not None]
        given = ", ".join([f"{n_of[len(thresholds)]:,} got a whole label", *cut])
        why = "no level is sure enough, or the text is unlike those of the training"
        enough = f"from {', '.join(least)}" if least else "no answer"
        tell_aside(f"Of {texts} {given}; {n_of[0]:,} got none{f': {why}' if n_of[0] else ''}. Sure enough is {enough}.")

    def _levels(self, labels: list[Any]) -> list[int]:
        """How many levels each label has, 0 where there is none."""
        assert self.classifier.hierarchy is not None
        lengths = dict(zip(self.classifier.classes.tolist(), self.classifier.hierarchy.lengths.tolist(), strict=True))
        return [0 if label is None else lengths[label] for label in labels]

    def _several(
        self, found: Predictions | TopPredictions
    ) -> tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The labels to name for each text, the likeliest first where they are `top_k`, as indices in `classes` (P,).

        Labels that have an operating point have to reach it.
        Returns: they of all texts, their probabilities (P,), and how many there are of each text (N,).
        """
        import numpy as np

        from bywords.evaluation.top_scores import TopScores
        from bywords.fitted import TopPredictions

        if isinstance(found, TopPredictions):
            indices, numbers = found.indices, found.probabilities
        elif self.top_k is None:
            sets = cast("LabelSets", self.classifier.calibration.predict(found.probabilities))
            return sets.labels, found.probabilities[sets.pairs()], sets.lengths
        else:
            top = TopScores.of_table(found.probabilities, self.top_k)
            indices, numbers = top.labels, top.scores.astype(np.float64)
        is_named = indices >= 0
        if self.top_k is None:
            is_named &= numbers >= cast("Sigmoids", self.classifier.calibration).thresholds[indices]
            order = np.lexsort((indices[is_named], np.nonzero(is_named)[0]))  # as the classes are
        else:
            is_named &= numbers >= self._least_of_each()[indices]
            order = np.arange(int(is_named.sum()))
        return indices[is_named][order], numbers[is_named][order], is_named.sum(axis=1)

    def _least_of_each(self) -> npt.NDArray[np.float64]:
        """The probability that each label has to have to be listed among the likeliest, (K,)."""
        import numpy as np

        from bywords.evaluation.operating_points import with_points

        return with_points(np.full(self.n_classes, self.least or 0.0), self.points if self.is_multilabel else ())

    def _kind(self) -> Any:
        import polars as pl

        return pl.Series(self.classifier.classes.tolist()).dtype


def _cut(values: list[Any], lengths: npt.NDArray[np.int64]) -> list[list[Any]]:
    """Values (P,) as a list of each of N texts, of these lengths."""
    ends = lengths.cumsum().tolist()
    return [values[start:stop] for start, stop in itertools.pairwise([0, *ends])]


@dataclass(frozen=True)
class _Chunk:
    content: bytes | pl.DataFrame
    n_rows: int
    input_digest: str  # of the input as far as it was read for it
    share_read: float | None  # of the input


def _share_of(chunk: _Chunk) -> float | None:
    return chunk.share_read


@dataclass(frozen=True)
class _Part:
    """Some documents to be labelled."""

    texts: pl.Series
    table: Table | None
    input_digest: str
    is_first: bool
    share_read: float | None


@dataclass(frozen=True)
class _Window:
    """Bytes of a file that a worker reads by itself."""

    reader: BlockReader
    window: Window
    most: int  # documents at a time
    share_read: float | None


def _chunks(
    blocks: Iterable[Block],
    answers: Answers,
    writer: Writer,
    folder: ResumableOutput | None = None,
    digest: _Hash | None = None,
    workers: Executor | None = None,
) -> Iterator[tuple[int, _Chunk]]:
    """What to write for each chunk of documents, and how many they are; without those that the folder has.

    Threads label and format some chunks while others are read, and written one behind the other; or `workers` do.
    """
    from threading import Lock

    from bywords.io.split import Split
    from bywords.text.threads import in_threads

    if workers is not None:
        split = Split(tell_aside)
        parts = _parts(blocks, answers, writer, folder, digest, split)
        yield from _chunks_of_workers(parts, split, answers, writer, digest, workers)
        return

    counting = Lock()

    def labelled(part: _Part) -> _Chunk:
        found = answers.found(part.texts)
        with counting:
            columns = answers(found)
        content = writer(part.table, columns, is_first=part.is_first)
        return _Chunk(content, len(part.texts), part.input_digest, part.share_read)

    for chunk in in_threads(labelled, _parts(blocks, answers, writer, folder, digest), waiting=N_WAITING):
        yield chunk.n_rows, chunk


def _chunks_of_workers(
    parts: Iterable[_Part | _Window | None],
    split: Split,
    answers: Answers,
    writer: Writer,
    digest: _Hash | None,
    workers: Executor,
) -> Iterator[tuple[int, _Chunk]]:
    waiting: deque[_Part | _Window | None] = deque()

    def sent() -> Iterator[_Sent | _SentWindow | None]:
        for part in parts:
            waiting.append(part)
            its = copy.copy(writer)
            its.formulas = []
            if isinstance(part, _Window):
                yield _SentWindow(part.reader, part.window, part.most, its)
            elif part is None:
                yield None
            else:
                table = None if part.table is None else part.table.to_write()
                yield _Sent(part.texts, table, part.is_first, its)

    for found in workers.map(_written, answers, sent()):
        part = waiting.popleft()
        if part is None:
            continue
        if isinstance(part, _Window):
            if isinstance(found, str):
                split.refuse(part.window, found)
            elif split.takes(part.window, None if found is None else found.piece):
                answers.counts.update(found.counts)
                writer.formulas += found.formulas
                if digest is not None and found.piece.digest:
                    digest.update(found.piece.digest)
                input_digest = "" if digest is None else digest.hexdigest()
                for content, n_rows in found.contents:
                    yield n_rows, _Chunk(content, n_rows, input_digest, part.share_read)
            continue
        content, formulas, counts = found
        answers.counts.update(counts)
        writer.formulas += formulas
        if isinstance(content, DataError):  # of a row: it is known here which line of which file that is
            content = writer(part.table, answers(answers.found(part.texts)), is_first=part.is_first)
        yield len(part.texts), _Chunk(content, len(part.texts), part.input_digest, part.share_read)


@dataclass(frozen=True)
class _Sent:
    """What a worker gets of a part."""

    texts: pl.Series
    table: Table | None
    is_first: bool
    writer: Writer


@dataclass(frozen=True)
class _SentWindow:
    """What a worker gets that reads by itself."""

    reader: BlockReader
    window: Window
    most: int
    writer: Writer


@dataclass(frozen=True)
class _Read:
    """What a worker has read by itself and labelled."""

    piece: Piece
    contents: list[tuple[bytes | pl.DataFrame, int]]  # what to append, and of how many texts
    formulas: list[int]
    counts: Counter[str | int]


def _written(answers: Answers, sent: _Sent | _SentWindow | None) -> Any:
    """What to append for the texts, or the error of one; how many cells look like formulas, and `Answers.counts`.

    Of a window it is a _Read, or None where it has to be read elsewhere; the name of this machine where there is no
    such file here.
    """
    answers.counts = Counter()
    if sent is None:
        return None
    if isinstance(sent, _SentWindow):
        return _read_and_written(answers, sent)
    columns = answers(answers.found(sent.texts))
    try:
        content = sent.writer(sent.table, columns, is_first=sent.is_first)
    except DataError as error:
        return error, [], answers.counts
    return content, sent.writer.formulas, answers.counts


def _read_and_written(answers: Answers, sent: _SentWindow) -> _Read | str | None:
    import platform

    from bywords.io.pieces import UnseenError

    try:
        found = sent.reader.read(sent.window)
    except UnseenError:
        return platform.node() or "another machine"
    if found is None:
        return None
    piece, texts = found
    contents = []
    for start, stop in _cuts(len(texts), sent.most):
        table = None if piece.table is None else piece.table.slice(start, stop - start)
        try:
            content = sent.writer(table, answers(answers.found(texts[start:stop])), is_first=False)
        except DataError:  # of a row, whose line is not known here
            return None
        contents.append((content, stop - start))
    bare = dataclasses.replace(piece, texts=None, table=None)
    return _Read(bare, contents, sent.writer.formulas, answers.counts)


def _parts(
    blocks: Iterable[Block],
    answers: Answers,
    writer: Writer,
    folder: ResumableOutput | None,
    digest: _Hash | None,
    split: Split | None = None,
) -> Iterator[Any]:
    """The documents to be labelled, some at a time: a _Part each, or with a `split` also a _Window, or None to wait.

    `digest` goes over the input. Raises SettingError where what the folder has was made from another input.
    """
    from hashlib import sha256

    n_done, n_rows = 0 if folder is None else folder.n_rows, 0
    for number, block in enumerate(blocks):
        if digest is not None and block.source:
            digest.update(sha256(block.source).digest())
        if number == 0:
            writer.start(block.table)
        tell_notes(block.notes)
        most = max(1, min(CHUNK_ROWS, CHUNK_NUMBERS // answers.width))
        for start, stop in _cuts(len(block.texts), most):
            texts = block.texts[start:stop]
            n_before, n_rows = n_rows, n_rows + len(texts)
            input_digest = "" if digest is None else digest.hexdigest()
            if folder is not None and n_before < n_done <= n_rows:
                folder.check_input(input_digest if n_rows == n_done else "")
            if n_rows <= n_done:
                continue
            answers.look_at(texts)
            table = None if block.table is None else block.table.slice(start, len(texts))
            yield _Part(texts, table, input_digest, is_first=n_before == 0, share_read=block.share_read)
        if split is not None and block.rest is not None and n_rows >= n_done and answers.has_looked:
            for window in split.windows(block.rest):
                share = None if window is None else block.rest.share_with(window, block.share_read)
                yield None if window is None else _Window(block.rest.reader, window, most, share)
    if folder is not None and n_rows < n_done:
        folder.check_input("")


def _cuts(n_rows: int, most: int) -> list[tuple[int, int]]:
    """Where to cut rows so that parts have so many at most, and like sizes."""
    step = -(-n_rows // (-(-n_rows // most) or 1)) or 1
    return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def _digest(file: str, ending: str | None) -> _Hash:
    """What goes over the input. Parquet is read in no order of its bytes, so that the whole file comes first."""
    from hashlib import sha256

    from bywords.io.formats import format_ending
    from bywords.io.streams import STANDARD_INPUT, open_input

    digest = sha256()
    for path in options.files_of(file):
        if path == STANDARD_INPUT or (ending or format_ending(Path(path))) != ".parquet":
            continue
        if stores.is_url(path):
            digest.update(stores.version_of(expanded(path)).encode())
        else:
            with open_input(expanded(path)) as opened:
                while part := opened.read(1 << 20):
                    digest.update(part)
    return digest


@contextlib.contextmanager
def _naming_how_to_go_on(folder: ResumableOutput) -> Iterator[None]:
    """Whatever stops the work: what is done is kept, and the command that goes on with it is named."""
    from bywords.io.writers import SheetFullError

    n_before = folder.n_rows
    try:
        yield
    except SheetFullError:
        raise
    except (KeyboardInterrupt, Exception) as error:
        with contextlib.suppress(BywordsError):  # a disk that is full; what was safe before is so still
            folder.save()
        if not isinstance(error, KeyboardInterrupt | BywordsError):
            raise
        if folder.n_rows == (n_before if isinstance(error, BywordsError) else 0):
            raise
        rows = "1 row is" if folder.n_rows == 1 else f"{folder.n_rows:,} rows are"
        how = f"{rows} done and kept. Go on with: {options.command_to_resume()}"
        if isinstance(error, BywordsError):
            raise type(error)(f"{error} {how}") from error
        tell_aside(f"Interrupted: {how}")
        raise typer.Exit(130) from error
