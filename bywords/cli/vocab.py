"""`bywords vocab DATA`: how many words, how rare, what share a vocabulary covers, how long the documents are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bywords.cli import options
from bywords.cli.screen import print_json, print_table, say, tell_columns, tell_read, working
from bywords.io.read_options import ReadOptions


@options.reads_labelled
def vocab(
    data: options.Data,
    out: Annotated[Path | None, typer.Option(help="Where to draw it, .svg or .png; by default DATA-words.svg.")] = None,
    cut: Annotated[
        list[int] | None,
        typer.Option(help="Say how many texts are longer than so many tokens. Repeat for more.", min=1),
    ] = None,
    test: options.TestFile = None,
    reading: ReadOptions = options.DEFAULT_READING,
    test_share: options.TestShare = 0.2,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Count the words of a corpus, and see how large a vocabulary unseen texts need."""
    from bywords.cli.hold import hold
    from bywords.files import check_writable
    from bywords.io.datasets import read_split
    from bywords.records.base import typed
    from bywords.records.run import TextStatistics
    from bywords.report import write_vocabulary_picture
    from bywords.text.statistics import CUT_LENGTHS, text_statistics
    from bywords.text.tokenizer import Tokenizer

    picture = out or options.named_after(data, "-words.svg")
    check_writable(picture)
    hold(picture)
    options.check_output(picture, data, test)
    with working(f"counting the words of {data}"):
        split = read_split(data, reading, test=test, test_share=test_share, seed=seed)
        read, tokenizer = (split.train, split.test), Tokenizer(split.train.tokenizer_config())
        split = split.drop_empty(tokenizer)
        words = text_statistics(
            tokenizer(split.train.texts), tokenizer(split.test.texts), cut_lengths=cut or CUT_LENGTHS
        )
    if not as_json:
        tell_columns(*read)
    tell_read(split.train)
    write_vocabulary_picture(typed(TextStatistics, words), picture)
    record = {
        "name": split.train.name,
        "n_documents": {"train": len(split.train), "test": len(split.test)},
        "dropped": {"train": split.n_dropped_train, "test": split.n_dropped_test},
        "picture": str(picture),
        **words,
    }
    if as_json:
        print_json(record)
    else:
        _tell(record)


def _tell(record: dict[str, Any]) -> None:
    n_documents, n_tokens, dropped = record["n_documents"], record["n_tokens"], record["dropped"]
    say(
        f"{record['name']}: {n_documents['train']:,} training and {n_documents['test']:,} unseen documents "
        f"({dropped['train']:,} and {dropped['test']:,} without words dropped), {n_tokens['train']:,} and "
        f"{n_tokens['test']:,} tokens, {record['n_types']:,} different ones in training."
    )
    say()
    print_table(
        ["most frequent words", "cover of training", "of unseen"],
        [[f"{row['size']:,}", _percent(row["train"]), _percent(row["test"])] for row in record["coverage"]],
    )
    say()
    lengths = record["lengths"]
    print_table(
        ["tokens a document", "median", "mean", "90 % up to", "99 % up to", "longest"],
        [
            [name, *(f"{lengths[part][key]:,.0f}" for key in ("median", "mean", "p90", "p99", "max"))]
            for name, part in (("training", "train"), ("unseen", "test"))
            if lengths[part]
        ],
    )
    say()
    print_table(
        ["cut at tokens", "cuts of training", "of unseen"],
        [[f"{row['length']:,}", _percent(row["train"]), _percent(row["test"])] for row in lengths["cut"]],
    )
    say()
    say(f"Drawn in {record['picture']}: count against rank (Zipf), coverage, lengths.")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
