"""The pages of reports that the site shows, by the commands that it names, on 800 film reviews → build/gallery."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from bywords import load_dataset
from bywords.cli.main import app

OUT = Path(__file__).parents[2] / "build" / "gallery"
N_REVIEWS = 800


class Report(NamedTuple):
    """A page, and how it comes to be."""

    file: str  # where the command writes it, in the folder that it runs in
    title: str
    about: str
    command: str


PAGES = [
    Report(
        "comparison/report.html", "A comparison",
        "Which system is best on the same documents, by how much, and how certain that is.",
        "bywords compare reviews.csv --systems tfidf-nb,tfidf-svc,glove-mean --out comparison",
    ),
    Report(
        "curve/curve.html", "A learning curve",
        "What more labelled documents brought, and a forecast of what twice as many would bring.",
        "bywords curve reviews.csv --system tfidf-nb --seeds 2 --out curve",
    ),
    Report(
        "audit/audit.html", "An audit",
        "Duplicates, labels that are doubtful, words that give an answer away, drift from training to test texts.",
        "bywords audit reviews.csv --test later.csv --out audit",
    ),
    Report(
        "explained.html", "Explanations",
        "Which words of each text speak for its label, which against, and what would change it.",
        "bywords explain reviews-model few.csv --out explained.html",
    ),
]  # fmt: skip


def main() -> None:
    """Run the commands of all pages in a folder that is theirs, and keep the pages."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        corpus = load_dataset("imdb")
        sizes = {"reviews": N_REVIEWS, "later": 400, "few": 12}
        for (name, size), part in zip(sizes.items(), (corpus.train, corpus.test, corpus.test), strict=True):
            step = len(part) // size  # the reviews come sorted by label
            chosen = part.select(range(0, step * size, step))
            chosen.texts.to_frame("text").with_columns(label=chosen.names()).write_csv(f"{name}.csv")
        run("bywords train reviews.csv --system tfidf-svc --out reviews-model")
        shutil.rmtree(OUT, ignore_errors=True)
        for page in PAGES:
            run(page.command)
            (OUT / page.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(page.file, OUT / page.file)


def run(command: str) -> None:
    """Run a command in this process; whatever fails ends the build."""
    sys.argv = shlex.split(command)  # which a page says that it was made by
    try:
        app(sys.argv[1:], standalone_mode=False)
    except SystemExit as stopped:
        if stopped.code:
            sys.exit(f"{command!r} ended with {stopped.code}")


if __name__ == "__main__":
    main()
