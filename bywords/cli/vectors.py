"""`bywords vectors train|distill|info|nearest|analogies|print`: made, and looked into."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from bywords.cli import options
from bywords.cli.distill import distill
from bywords.cli.screen import ProgressLines, print_data, print_json, print_table, say, tell_aside, tell_read, working
from bywords.errors import SettingError
from bywords.io.read_options import ReadOptions
from bywords.terminal import command

vectors = typer.Typer(help="Train word vectors on a corpus, look into a file of them, find a word's neighbours.")

NameOrPath = Annotated[
    str,
    typer.Argument(
        help="english, glove-6b-50d, wordllama, a name of gensim's downloader, or a path: GloVe or word2vec text, "
        ".vec, .bin, .npy, a folder of static embeddings.",
        metavar="VECTORS",
    ),
]
vectors.command()(distill)
Number = Annotated[int, typer.Option("--n", "-n", help="How many.", min=1)]


@vectors.command()
@options.reads_labelled
def train(
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Where to write: a .npy file, with the words beside it.")],
    method: Annotated[Literal["word2vec", "glove"], typer.Option(help="How.")] = "word2vec",
    cbow: Annotated[
        bool, typer.Option("--cbow", help="word2vec: a word from those around it, not they from it.")
    ] = False,
    subwords: Annotated[
        str | None,
        typer.Option(help="Character n-grams that have vectors too, 3,6 say: words that are new get one of theirs."),
    ] = None,
    min_count: Annotated[int, typer.Option(help="Words that occur less often get no vector.")] = 5,
    reading: ReadOptions = options.DEFAULT_READING,
    settings: options.Settings = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Train word2vec, fastText or GloVe vectors on the training part of a corpus, or on a file of plain lines."""
    from bywords.cli.hold import hold
    from bywords.config import changed
    from bywords.io.datasets import read_texts
    from bywords.text.tokenizer import Tokenizer
    from bywords.text.vocabulary import Vocabulary, VocabularyConfig
    from bywords.vectors.glove import GloveConfig
    from bywords.vectors.word2vec import Word2VecConfig
    from bywords.vectors.word_vectors import SUBWORDS, WORDS, check_vectors_writable

    if method != "word2vec" and (cbow or subwords is not None):
        raise SettingError(f"--{'cbow' if cbow else 'subwords'} is for word2vec: leave out --method {method}.")
    words, shown = Word2VecConfig(cbow=cbow, subwords=_lengths(subwords)), settings or []
    config = changed(words, shown) if method == "word2vec" else changed(GloveConfig(), shown)
    so_far = out.with_name(f"{out.stem}-so-far{out.suffix}")  # of a run that is interrupted
    check_vectors_writable(out)
    check_vectors_writable(so_far)
    for path in (out, out.with_suffix(WORDS), out.with_suffix(SUBWORDS)):
        hold(path)
        options.check_output(path, data)
    callback = ProgressLines()
    losses: list[float | None] = []
    with working(f"reading {data}"):
        texts, tokenizer, corpus = read_texts(data, reading, seed=seed)
        tokens = Tokenizer(tokenizer)(texts)
        vocabulary = Vocabulary.of(tokens, VocabularyConfig(min_count=min_count))
    if corpus is None:
        tell_aside(f"{data} has no labels: its {len(texts):,} lines are all learned from.")
    else:
        tell_read(corpus)
    callback.start(method)
    started = time.perf_counter()

    def on_epoch(epoch: int, n_epochs: int, loss: float | None) -> None:
        losses.append(loss)
        callback.vectors_epoch(epoch, n_epochs, loss, time.perf_counter() - started)

    try:
        trained = config.vectors_for(
            tokens, vocabulary, seed=seed, on_epoch=on_epoch, on_interrupt=lambda found: found.save(so_far)
        )
    except KeyboardInterrupt:
        if not losses:
            raise
        tell_aside(
            f"Interrupted: the vectors after {len(losses)} of {config.n_epochs} epochs are in {so_far}. "
            f"To learn for all of them: {options.command_line()}"
        )
        raise typer.Exit(130) from None
    seconds = time.perf_counter() - started
    callback.end()
    trained.save(out)
    if as_json:
        print_json(
            {
                "path": str(out),
                "method": method,
                "n_words": len(trained),
                "dimension": trained.dimension,
                "seconds": seconds,
                "losses": losses,
            }
        )
        return
    say(f"{trained.name}: {len(trained):,} words of {trained.dimension} dimensions in {seconds:.1f} s, saved in {out}.")
    if losses and losses[0] is not None:
        say(f"The loss fell from {losses[0]:.4f} in the first epoch to {losses[-1]:.4f} in the last.")
    say(f"Next: {command('vectors nearest', str(out))} WORD")


def _lengths(subwords: str | None) -> tuple[int, int] | None:
    """The two lengths of "3,6". Raises SettingError for anything else."""
    if subwords is None:
        return None
    found = re.fullmatch(r"\s*(\d{1,3})\s*[,-]\s*(\d{1,3})\s*", subwords)
    if found is None:
        raise SettingError(f"--subwords {subwords}: expected the shortest and the longest n-gram, as in 3,6.")
    return int(found[1]), int(found[2])


@vectors.command()
@options.reads_labelled
def info(
    name_or_path: NameOrPath,
    data: Annotated[str | None, typer.Option(help="A corpus: what share of its words have a vector?")] = None,
    reading: ReadOptions = options.DEFAULT_READING,
    as_json: options.AsJson = False,
) -> None:
    """Say how many words and dimensions there are, and what share of a corpus they cover."""
    from bywords.io.datasets import read_split
    from bywords.text.tokenizer import Tokenizer
    from bywords.text.vocabulary import Vocabulary
    from bywords.vectors.load import load_vectors

    with working(f"reading {name_or_path}"):
        loaded = load_vectors(name_or_path)
        record: dict[str, object] = {"name": loaded.name, "n_words": len(loaded), "dimension": loaded.dimension}
        if data is not None:
            corpus = read_split(data, reading).train
            coverage = loaded.align(Vocabulary.of(Tokenizer(corpus.tokenizer_config())(corpus.texts)), seed=0).coverage
            record |= {
                "data": data,
                "types_share": coverage.share_of_types,
                "tokens_share": coverage.share_of_tokens,
                "n_types_by_lower_case": coverage.n_by_lower_case,
            }
    if as_json:
        print_json(record)
        return
    say(f"{loaded.name}: {len(loaded):,} words of {loaded.dimension} dimensions.")
    if data is not None:
        say(
            f"Of {data} they have {record['types_share']:.1%} of the different words and "
            f"{record['tokens_share']:.1%} of the words as they occur."
        )


@vectors.command()
def nearest(
    name_or_path: NameOrPath,
    word: Annotated[str, typer.Argument(help="The word whose neighbours are wanted.")],
    n: Number = 10,
    as_json: options.AsJson = False,
) -> None:
    """Show the words whose vectors point most nearly the same way, by cosine."""
    from bywords.vectors.load import load_vectors

    with working(f"reading {name_or_path}"):
        found = load_vectors(name_or_path).nearest(word, n)
    _tell_near({"word": word}, f"nearest to {word}", found, as_json=as_json)


@vectors.command()
def analogies(
    name_or_path: NameOrPath,
    one: Annotated[str, typer.Argument(help="king, say,")],
    less: Annotated[str, typer.Argument(help="is to man")],
    plus: Annotated[str, typer.Argument(help="as what is to woman?")],
    n: Number = 10,
    as_json: options.AsJson = False,
) -> None:
    """Show the words nearest to ONE - LESS + PLUS: king, man, woman asks what is to woman as king is to man."""
    from bywords.vectors.load import load_vectors

    with working(f"reading {name_or_path}"):
        found = load_vectors(name_or_path).analogy(one, less, plus, n)
    _tell_near({"one": one, "less": less, "plus": plus}, f"{one} - {less} + {plus}", found, as_json=as_json)


@vectors.command("print")
def print_vectors(
    name_or_path: NameOrPath,
    words: Annotated[list[str], typer.Argument(help="Words, or - for those of standard input, one a line.")],
    as_json: options.AsJson = False,
) -> None:
    """Print the vectors of words as GloVe text: a word and its numbers on each line."""
    from bywords.vectors.load import load_vectors

    with working(f"reading {name_or_path}"):
        loaded = load_vectors(name_or_path)
    asked = [line.rstrip("\r\n") for line in sys.stdin if line.strip()] if words == ["-"] else words
    rows = [(word, loaded.vector(word).tolist()) for word in asked]
    if as_json:
        print_json([{"word": word, "vector": row} for word, row in rows])
        return
    lines = (f"{word} {' '.join(f'{number:.7g}' for number in row)}\n" for word, row in rows)
    print_data("".join(lines).encode("utf-8", "replace"))


def _tell_near(asked: dict[str, str], title: str, found: list[tuple[str, float]], *, as_json: bool) -> None:
    if as_json:
        print_json({**asked, "nearest": [{"word": near, "cosine": cosine} for near, cosine in found]})
    else:
        print_table([title, "cosine"], [[near, f"{cosine:.3f}"] for near, cosine in found])
