"""Words of a command line in, the command's output and an exit code out.

0 when all went well, 2 with one line on standard error for whatever is wrong with the input, 130 after Ctrl-C.
Importing this is quick: each command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys

import typer

from bywords.cli.audit import audit
from bywords.cli.compare import compare
from bywords.cli.curve import curve
from bywords.cli.evaluate import evaluate
from bywords.cli.explain import explain
from bywords.cli.info import info
from bywords.cli.predict import predict
from bywords.cli.systems import systems
from bywords.cli.train import train
from bywords.cli.vectors import vectors
from bywords.cli.vocab import vocab
from bywords.errors import BywordsError
from bywords.extras import named_extra
from bywords.version import __version__

app = typer.Typer(
    name="bywords",
    help="Train, compare and use text classifiers built on word embeddings, on an ordinary CPU, in seconds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (train, audit, compare, curve, evaluate, predict, explain, info, vocab, systems):
    app.command()(command)
app.add_typer(vectors, name="vectors")


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"bywords {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    pass


def main() -> None:
    """Run the command line and leave with its exit code."""
    # PyTorch's threads wait for each other by spinning. On a machine with other work that costs up to 40 times the
    # time of small steps; asleep they lose nothing that can be measured. It must be said before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except (BywordsError, ModuleNotFoundError) as error:
        said = named_extra(error, what="this command") if isinstance(error, ModuleNotFoundError) else error
        if not isinstance(said, BywordsError):
            raise
        typer.echo(f"error: {said}", err=True)
        sys.exit(2)
