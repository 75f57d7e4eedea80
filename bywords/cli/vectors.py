"""`bywords vectors train|info|nearest`: word vectors from a corpus, what a file holds, and which words are near one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from bywords.cli import options
from bywords.cli.screen import ProgressLines, print_json, print_table, say, tell_read, working
from bywords.io.read_options import ReadOptions
from bywords.terminal import command

vectors = typer.Typer(help="Train word vectors on a corpus, look into a file of them, find a word's neighbours.")

NameOrPath = Annotated[
    str,
    typer.Argument(
        help="glove-6b-50d, a name of gensim's downloader, or a file: GloVe or word2vec text, .bin, .vec, .npy.",
        metavar="VECTORS",
    ),
]


@vectors.command()
@options.reads_labelled
def train(
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Where to write: a .npy file, with the words beside it.")],
    method: Annotated[Literal["word2vec", "glove"], typer.Option(help="How.")] = "word2vec",
    min_count: Annotated[int, typer.Option(help="Words that occur less often get no vector.")] = 5,
    reading: ReadOptions = options.DEFAULT_READING,
    settings: options.Settings = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Train word2vec or GloVe vectors on the training part of a corpus."""
    from bywords.cli.hold import hold
    from bywords.config import changed
    from bywords.io.datasets import read_split
    from bywords.text.tokenizer import Tokenizer
    from bywords.text.vocabulary import Vocabulary, VocabularyConfig
    from bywords.vectors.glove import GloveConfig, train_glove
    from bywords.vectors.word2vec import Word2VecConfig, train_word2vec
    from bywords.vectors.word_vectors import WORDS, check_vectors_writable

    check_vectors_writable(out)
    for path in (out, out.with_suffix(WORDS)):
        hold(path)
        options.check_output(path, data)
    callback = ProgressLines()
    losses: list[float | None] = []
    with working(f"reading {data}"):
        corpus = read_split(data, reading, seed=seed).train
        tokens = Tokenizer(corpus.tokenizer_config())(corpus.texts)
        vocabulary = Vocabulary.of(tokens, VocabularyConfig(min_count=min_count))
    tell_read(corpus)
    callback.start(method)
    started = time.perf_counter()

    def on_epoch(epoch: int, n_epochs: int, loss: float | None) -> None:
        losses.append(loss)
        callback.vectors_epoch(epoch, n_epochs, loss, time.perf_counter() - started)

    if method == "word2vec":
        config = changed(Word2VecConfig(), settings or [])
        trained = train_word2vec(tokens, vocabulary, config, seed=seed, on_epoch=on_epoch)
    else:
        config = changed(GloveConfig(), settings or [])
        trained = train_glove(tokens, vocabulary, config, seed=seed, on_epoch=on_epoch)
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
    say(f"{method}: {len(trained):,} words of {trained.dimension} dimensions in {seconds:.1f} s, saved in {out}.")
    if losses and losses[0] is not None:
        say(f"The loss fell from {losses[0]:.4f} in the first epoch to {losses[-1]:.4f} in the last.")
    say(f"Next: {command('vectors nearest', str(out))} WORD")


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
    n: Annotated[int, typer.Option("--n", "-n", help="How many.", min=1)] = 10,
    as_json: options.AsJson = False,
) -> None:
    """Show the words whose vectors point most nearly the same way, by cosine."""
    from bywords.vectors.load import load_vectors

    with working(f"reading {name_or_path}"):
        found = load_vectors(name_or_path).nearest(word, n)
    if as_json:
        print_json({"word": word, "nearest": [{"word": near, "cosine": cosine} for near, cosine in found]})
    else:
        print_table([f"nearest to {word}", "cosine"], [[near, f"{cosine:.3f}"] for near, cosine in found])
