"""The words of a command line → the command's output and an exit code.

0 when all went well, 2 with one line on standard error for whatever is wrong with the input, 130 after Ctrl-C.
Only the command that is asked for is imported, and that imports what it needs when it runs: a start takes no longer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from bywords.errors import BywordsError, SettingError
from bywords.extras import named_extra
from bywords.version import __version__

# Each in the module of its name; help lists them in this order.
COMMANDS = (
    "train",
    "audit",
    "compare",
    "curve",
    "evaluate",
    "predict",
    "explain",
    "info",
    "vocab",
    "systems",
    "vectors",
)


def app_of(commands: Iterable[str]) -> typer.Typer:
    """The command line with these commands."""
    app = typer.Typer(
        name="bywords",
        help="Train, compare and use text classifiers built on word embeddings, on an ordinary CPU, in seconds.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_options)
    for name in commands:
        command = getattr(import_module(f"bywords.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command()(command)
    for group in (app, *(info.typer_instance for info in app.registered_groups)):
        for registered in group.registered_commands if group is not None else ():
            registered.cls = CommandOfOnce
    return app


class CommandOfOnce(TyperCommand):
    """A command that refuses an option given twice, where the last one would win; and twice the same in a list.

    Of values like NAME=VALUE no two may have one name.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the command has it. Raises SettingError, naming the option."""
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in [one for one in dict.fromkeys(order) if order.count(one) > 1 and one.param_type_name == "option"]:
            name = max(option.opts, key=len)
            if not option.multiple:
                raise SettingError(f"{name} is given {order.count(option)} times, expected once.")
            given = list(map(str, values[str(option.name)]))
            named = "=" in (option.metavar or "")
            keys = [value.rpartition("=")[0] or value if named else value for value in given]
            if twice := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
                raise SettingError(f"{name} is given {keys.count(twice[0])} times for {twice[0]!r}, expected once.")
        return super().parse_args(ctx, args)


def __getattr__(name: str) -> Any:
    """`app`, with all commands."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return app_of(COMMANDS)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"bywords {__version__}")
        raise typer.Exit


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
        asked = [name for name in sys.argv[1:2] if name in COMMANDS]
        app_of(asked or COMMANDS)()
    except (BywordsError, ModuleNotFoundError) as error:
        said = named_extra(error, what="this command") if isinstance(error, ModuleNotFoundError) else error
        if not isinstance(said, BywordsError):
            raise
        typer.echo(f"error: {said}", err=True)
        sys.exit(2)
    except MemoryError as error:
        typer.echo(f"error: there is not enough memory ({error or 'none is left'}). Give it less at a time.", err=True)
        sys.exit(2)
