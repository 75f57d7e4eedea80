"""What the notebooks share: the corpus, the size of an experiment, pictures and tables with their finding, figures.

`LAB=small` in the environment makes every experiment small, so that all notebooks run in a few minutes. What `ours`
records, lessons.py puts into the table of README.md.
"""

from __future__ import annotations

import base64
import functools
import io
import itertools
import json
import os
import tarfile
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeVar

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from cycler import cycler
from IPython.display import HTML, Markdown, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from parts import CORPUS, INSTEAD, PARTS

from bywords import (
    Corpus,
    DataError,
    GloveConfig,
    Split,
    Tokenizer,
    Vocabulary,
    VocabularyConfig,
    Word2VecConfig,
    WordVectors,
    load_dataset,
    load_vectors,
    train_glove,
    train_word2vec,
    wilson_interval,
)

SMALL = os.environ.get("LAB") == "small"
KEPT = Path(__file__).parents[1] / "build" / "lab"  # vectors that took a while, and the pages
REVIEWS = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
VALID_SHARE = 0.2  # of the training part, as in the lab

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PINK, SKY, GREY = "#0072b2", "#c75000", "#009e73", "#cc79a7", "#56b4e9", "#59626c"

Size = TypeVar("Size")


def start() -> None:
    """Give the pictures of a notebook their style, and say in which size its experiments are run."""
    plt.rcdefaults()
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PINK, SKY, GREY]),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e3e6ea",
            "legend.frameon": False,
            "figure.figsize": (8, 4),
            "figure.constrained_layout.use": True,
        }
    )
    if SMALL:
        say("*Small form: every experiment has a share of its data. Its figures show that it runs, and nothing else.*")


def sized(full: Size, small: Size) -> Size:
    """The size of an experiment: `full`, or `small` where LAB=small."""
    return small if SMALL else full


@functools.cache
def load_corpus() -> Split:
    """20 Newsgroups in six groups, its training and test part as they are, with documents that have no words.

    Where scikit-learn has it neither in its cache nor from the network, film reviews stand in, 8,000 to train and
    4,000 to test on, and this says so. With LAB=small 1,500 and 800 documents, the same share of each class.
    """
    try:
        split = load_dataset(CORPUS)
    except DataError as error:
        split = limited(load_dataset(INSTEAD), 8_000, 4_000)
        say(
            f"> **{INSTEAD} instead of {CORPUS}.** {error} Until then these pages are about film reviews, and the "
            "published figures are not theirs."
        )
    return limited(split, 1_500, 800) if SMALL else split


@functools.cache
def load_reviews() -> Split:
    """IMDB in full, 25,000 and 25,000 reviews, where the folder aclImdb is to be had (`_reviews_folder`).

    Elsewhere the half that a package brings, a fifth of which is to test on. This says which it is.
    """
    folder = _reviews_folder()
    if folder is None:
        say(
            "> **Half of IMDB.** The package that brings the reviews has the labelled training half of it alone, "
            "of which a fifth is held out to test on: published figures, which are of the other half, cannot be put "
            f"beside these. With the folder aclImdb (from {REVIEWS}) beside this checkout, or named by ACLIMDB, or "
            "with LAB_NETWORK=1, which fetches it (84 MB, once), this page is about all of it."
        )
        return load_dataset("imdb").drop_empty(Tokenizer())
    names = ["neg=negative", "pos=positive"]
    found = load_dataset(folder / "train", test=folder / "test", exclude_labels=["unsup"], map_label=names)
    say(f"IMDB in full: {len(found.train):,} reviews to train on and {len(found.test):,} to test on, as published.")
    return found.drop_empty(Tokenizer())


def _reviews_folder() -> Path | None:
    """The folder aclImdb with both halves: named by ACLIMDB, beside the checkout, fetched before, or fetched now."""
    fetched = KEPT / "aclImdb"
    for folder in (Path(os.environ.get("ACLIMDB", KEPT.parents[2] / "aclImdb")), fetched):
        if (folder / "test").is_dir():
            return folder
    if os.environ.get("LAB_NETWORK") != "1":
        return None
    KEPT.mkdir(parents=True, exist_ok=True)
    try:
        with (
            urllib.request.urlopen(REVIEWS, timeout=60) as stream,
            tempfile.TemporaryDirectory(dir=KEPT) as unpacked,
            tarfile.open(fileobj=stream, mode="r|gz") as archive,
        ):
            archive.extractall(unpacked, filter="data")
            (Path(unpacked) / "aclImdb").rename(fetched)  # only a whole one gets its name
    except (OSError, EOFError, tarfile.TarError) as error:
        say(f"> IMDB could not be fetched from {REVIEWS}: {error}.")
        return None
    return fetched


def limited(split: Split, n_train: int, n_test: int) -> Split:
    """About so many documents of each part, or all that there are, the same share of each class."""
    return Split(_at_most(split.train, n_train), _at_most(split.test, n_test))


@dataclass(frozen=True)
class Parts:
    """A corpus in three parts that share no document; documents without words are left out."""

    train: Corpus  # to learn from, the vocabulary too
    valid: Corpus  # to choose and to stop by
    test: Corpus  # to be looked at once


@functools.cache
def load_parts() -> Parts:
    """The corpus of `load_corpus` in three parts: a fifth of the training part, drawn by class, is for validation."""
    split = load_corpus().drop_empty(Tokenizer())
    train, valid = split.train.split((1 - VALID_SHARE, VALID_SHARE))
    return Parts(train, valid, split.test)


def trained_vectors(method: Literal["word2vec", "glove"], dimension: int = 100) -> WordVectors:
    """Vectors that bywords trains on the training part of `load_parts`, on words that occur five times or more.

    They are kept in build/lab, so that the notebooks train them once: notebook 2 explains how it is done.
    """
    train = load_parts().train
    path = KEPT / f"{method}-{dimension}-{train.fingerprint}.npy"
    if path.exists():
        return load_vectors(path)
    tokens = Tokenizer()(train.texts)
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(min_count=5))
    if method == "word2vec":
        vectors = train_word2vec(tokens, vocabulary, Word2VecConfig(dimension=dimension))
    else:
        vectors = train_glove(tokens, vocabulary, GloveConfig(dimension=dimension))
    path.parent.mkdir(parents=True, exist_ok=True)
    vectors.save(path)
    return vectors


def say(text: str) -> None:
    """Show a sentence that is made from what was measured; Markdown."""
    display(Markdown(text))


def table(rows: Sequence[Mapping[str, Any]], caption: str = "") -> None:
    """Show rows with the same keys as a table, numbers to the right; what it shows stands below it."""
    head = "".join(f"<th{_side(value)}>{escape(key)}</th>" for key, value in rows[0].items())
    body = "".join(f"<tr>{''.join(_cell(value) for value in row.values())}</tr>" for row in rows)
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    display(
        HTML(
            f'<figure><div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
            f"{below}</figure>"
        )
    )


def show(figure: Figure, finding: str) -> None:
    """Show a picture, and below it in words what there is to see, which is its text for those who do not see it."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=144, metadata={"Software": None})
    plt.close(figure)  # else it is shown a second time at the end of the cell
    image = base64.b64encode(content.getvalue()).decode()
    width = round(figure.get_figwidth() * 100)
    display(
        HTML(
            f'<figure><img alt="{escape(finding)}" width="{width}" src="data:image/png;base64,{image}">'
            f"<figcaption>{escape(finding)}</figcaption></figure>"
        )
    )


def label_points(
    axes: Axes, points: npt.NDArray[np.floating[Any]], names: Sequence[str], colours: Sequence[str]
) -> int:
    """Write each name beside its point, (n, 2), at the first place that covers no point and no other name.

    Returns: how many are written; the others have no room.
    """
    axes.figure.canvas.draw()  # lays the picture out, so that its units are known
    marks = axes.transData.transform(points)  # in dots
    taken: list[Bbox] = []
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
    for index, name in enumerate(names):
        for reach, (x, y) in itertools.product((5, 12), sides):
            text = axes.annotate(
                name, points[index], (x * reach, y * reach), textcoords="offset points", color=colours[index],
                fontsize=9, ha=("center", "left", "right")[x], va=("center", "bottom", "top")[y],
            )  # fmt: skip
            box = text.get_window_extent()
            is_inside = (marks > [box.x0, box.y0]) & (marks < [box.x1, box.y1])
            if not is_inside.all(axis=1).any() and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()
    return len(taken)


def ours(part: int, figure: str) -> None:
    """Put a figure that was just measured beside the published one of this part of the lab (`PARTS`).

    Call it once for a figure, at the start of a line, with a text: "73.2 % (72.2 to 74.2), mean of GloVe".
    lessons.py finds the line and puts both into the table of README.md.
    """
    what = PARTS[part]
    display(
        HTML(
            f'<p class="ours"><b>Part {part} of the lab</b>, {escape(what.name)}. Published: '
            f"{escape(what.published)}. <b>Here: {escape(figure)}.</b></p>"
        )
    )
    if (path := os.environ.get("LAB_FIGURES")) is not None:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"part": part, "figure": figure}) + "\n")


def percent(share: float, n_documents: int) -> str:
    """A share of documents with its 95 % interval (Wilson's): "73.2 % (72.2 to 74.2)"."""
    low, high = wilson_interval(share, n_documents)
    return f"{share:.1%} ({100 * low:.1f} to {100 * high:.1f})".replace("%", " %", 1)


def _cell(value: Any) -> str:
    """A number with its digits, or a text."""
    shown = f"{value:,}" if isinstance(value, Integral) else f"{value:.3f}" if isinstance(value, Real) else str(value)
    return f"<td{_side(value)}>{escape(shown)}</td>"


def _side(value: Any) -> str:
    """Numbers stand to the right, which the style does, and texts to the left."""
    return "" if isinstance(value, Real) else ' class="words"'


def _at_most(corpus: Corpus, n_documents: int) -> Corpus:
    if len(corpus) <= n_documents:
        return corpus
    share = n_documents / len(corpus)
    return corpus.split((1 - share, share))[1]
