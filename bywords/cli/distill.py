"""`bywords vectors distill`: a sentence transformer and words → their static vectors."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bywords.cli import options
from bywords.cli.screen import ProgressLines, print_json, say, tell_aside, tell_read, working
from bywords.errors import SettingError
from bywords.io.read_options import ReadOptions
from bywords.terminal import command

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MANY_WORDS = 45_000
UNFINISHED = ".distilling"  # the ending of the folder that keeps what an interrupted run has


@options.reads_labelled
def distill(
    model: Annotated[str, typer.Argument(help="A sentence transformer: a folder, or a name on Hugging Face's hub.")],
    out: Annotated[Path, typer.Option(help="Where to write: a .npy file, with the words beside it.")],
    data: Annotated[str | None, typer.Argument(help="A corpus, or a file of lines, whose words get a vector.")] = None,
    words: Annotated[
        Path | None,
        typer.Option(help="A general list of words, one a line, frequent ones first. By default glove-6b-50d's."),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", help="How many of the general list.", min=0)] = MANY_WORDS,
    min_count: Annotated[int, typer.Option(help="Words of DATA that occur less often get no vector.", min=1)] = 2,
    reading: ReadOptions = options.DEFAULT_READING,
    settings: options.Settings = None,
    resume: options.Resume = False,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Run a sentence transformer once over each word, and keep what it knows as static vectors of words.

    Those of the general list, and those of DATA. They are cut to their principal components, and frequent words are
    made shorter (SIF): --set dimension=128, --set smoothing=0.001.
    """
    from hashlib import sha256

    from bywords.checkpoint import Checkpoint, Run
    from bywords.cli.hold import hold
    from bywords.config import changed
    from bywords.vectors.distill import DistillConfig, Transformer
    from bywords.vectors.distill import distill as distilled
    from bywords.vectors.word_vectors import SUBWORDS, WORDS, check_vectors_writable

    config, unfinished = changed(DistillConfig(), settings or []), out.with_suffix(UNFINISHED)
    check_vectors_writable(out)
    for path in (out, out.with_suffix(WORDS), out.with_suffix(SUBWORDS), unfinished):
        hold(path)
    with working(f"reading {model}"):
        asked, shares = _general(words, n)
        if data is not None:
            asked, shares = _with_own(asked, shares, data, reading, seed, min_count)
        if not asked:
            raise SettingError("there are no words: give DATA, or a list with --words.")
        transformer = Transformer(model)
    run = Run({"words": sha256("\n".join(asked).encode()).hexdigest()}, {"model": model})
    checkpoint, progress = Checkpoint.open(unfinished, run, resume=resume), ProgressLines()
    started = time.perf_counter()
    progress.start("distilling")
    try:
        made = distilled(
            transformer, asked, shares, config, checkpoint=checkpoint,
            on_words=lambda done, total: progress.step(done, total, f"{done:,} of {total:,} words"),
        )  # fmt: skip
    except KeyboardInterrupt:
        tell_aside(f"Interrupted: what is done is kept. Go on with: {options.command_to_resume()}")
        raise typer.Exit(130) from None
    progress.end()
    made.save(out)
    shutil.rmtree(unfinished, ignore_errors=True)
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"path": str(out), "n_words": len(made), "dimension": made.dimension, "seconds": seconds})
        return
    say(f"{made.name}: {len(made):,} words of {made.dimension} dimensions in {seconds:.1f} s, saved in {out}.")
    say(f"Next: {command('vectors nearest', str(out))} WORD")


def _general(path: Path | None, n: int) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The first n words of a list, and the share of all words that each is by Zipf's law."""
    import polars as pl

    from bywords.errors import VectorFileError
    from bywords.vectors.distill import zipf_shares
    from bywords.vectors.load import PACKAGED, load_vectors

    if path is not None:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: expected words in UTF-8, one a line: {error}") from error
        found = list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:n]
        return found, zipf_shares(len(found))
    try:
        known = load_vectors(PACKAGED).words if n else pl.Series([], dtype=pl.String)
    except VectorFileError:
        tell_aside(f"There is no general list of words, as {PACKAGED} is not installed: --words gives another.")
        return [], zipf_shares(0)
    found = known.filter(known.str.contains(r"^\p{L}+(?:['’-]\p{L}+)*$")).head(n).to_list()
    return found, zipf_shares(len(found))


def _with_own(
    general: list[str], shares: npt.NDArray[np.float64], data: str, reading: ReadOptions, seed: int, min_count: int
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The general words, then those of the data that are not among them, with the share that they are of it."""
    import numpy as np

    from bywords.io.datasets import read_texts
    from bywords.text.tokenizer import Tokenizer
    from bywords.text.vocabulary import Vocabulary, VocabularyConfig

    texts, tokenizer, corpus = read_texts(data, reading, seed=seed)
    if corpus is not None:
        tell_read(corpus)
    vocabulary = Vocabulary.of(Tokenizer(tokenizer)(texts), VocabularyConfig(min_count=min_count))
    known = set(general)
    counts = vocabulary.counts[len(vocabulary.counts) - len(vocabulary.words) :]
    own = [(word, count) for word, count in zip(vocabulary.words, counts.tolist(), strict=True) if word not in known]
    total = max(1, int(vocabulary.counts.sum()))
    return (
        general + [word for word, _ in own],
        np.concatenate([shares, np.array([count / total for _, count in own], dtype=np.float64)]),
    )
