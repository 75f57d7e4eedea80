"""The words of a command line → the command's output and an exit code.

0 when all went well, 2 with one line on standard error for whatever is wrong with the input or the system, 130 after
Ctrl-C, 143 after SIGTERM, 141 without a word where nobody reads the output any more, 1 with a traceback for a fault of
bywords.
Only the command that is asked for is imported, and that imports what it needs when it runs: a start takes no longer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from textwrap import indent
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand

from bywords.cli.hold import HELD
from bywords.cli.screen import say, tell_aside
from bywords.cli.streams import OutputLostError, standard_streams
from bywords.errors import BywordsError, DataError, SettingError
from bywords.extras import named_extra
from bywords.version import __version__

# Each in the module of its name; help lists them in this order.
COMMANDS = (
    "train",
    "audit",
    "label",
    "compare",
    "curve",
    "evaluate",
    "predict",
    "serve",
    "drift",
    "export",
    "explain",
    "info",
    "vocab",
    "systems",
    "vectors",
)

_UsageError: Any = typer.BadParameter.__bases__[0]  # of words that no command takes; typer does not name it


def app_of(commands: Iterable[str], *, is_overview: bool = False) -> typer.Typer:
    """The command line with these commands; for an overview of them, without their arguments and options."""
    app = typer.Typer(
        name="bywords",
        help="Train, compare and use text classifiers built on word embeddings, on an ordinary CPU, in seconds.",
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
            app.command(name)(_without_parameters(command) if is_overview else command)
    for group in (app, *(info.typer_instance for info in app.registered_groups)):
        for registered in group.registered_commands if group is not None else ():
            registered.cls = CommandOfOnce
    return app


def _without_parameters(command: Callable[..., None]) -> Callable[[], None]:
    """What help lists as it does the command: to look at the types of all their options takes a third of its time."""

    def listed() -> None:
        """Nothing: it is not called."""

    listed.__doc__ = command.__doc__
    return listed


class CommandOfOnce(TyperCommand):
    """A command that refuses an option given twice, where the last one would win; and twice the same in a list.

    Of values like NAME=VALUE no two may have one name. What it has locked is free when it ends.
    """

    def invoke(self, ctx: Any) -> Any:
        """As the command has it; what it warns of is a line."""
        with HELD, warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the command has it. Raises SettingError, naming the option."""
        if any("\0" in word for word in args):
            raise SettingError("a word of the command line has a NUL in it, which no name or text can have.")
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


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    from bywords.cli.screen import tell_aside

    tell_aside(f"Note: {message}")


def __getattr__(name: str) -> Any:
    """`app`, with all commands."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return app_of(COMMANDS)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        say(f"bywords {__version__}")
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
    with standard_streams(), _ended_by_sigterm():
        try:
            code = _run(sys.argv[1:])
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            code = _told(error)
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # of polars
                raise
            code = _told(error)
    sys.exit(code)


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Within the block SIGTERM, of `kill` and of whatever ends jobs, leaves it, so that copies of files and worker
    processes go. A second one ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def leave(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run(words: list[str]) -> int:
    """Run a command. Returns: its exit code."""
    asked = [name for name in words[:1] if name in COMMANDS]
    command = typer.main.get_command(app_of(asked or COMMANDS, is_overview=words in ([], ["--help"])))
    if not words or "--help" in words:
        _import_help()
    try:
        with command.make_context("bywords", list(words) or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as left:
        return left.exit_code if words else 2
    except DataError as error:
        if any(map(_skips_rows, getattr(command, "commands", {}).values())):
            raise
        from bywords.io.streams import unskippable

        raise unskippable(error) from error
    return 0


def _skips_rows(command: Any) -> bool:
    """Whether the command, or one below it, may leave bad rows out."""
    own = any("--bad-rows" in parameter.opts for parameter in command.params)
    return own or any(map(_skips_rows, getattr(command, "commands", {}).values()))


def _import_help() -> None:
    """What typer shows help with, in half the time: for Markdown and rich's tracebacks, which no help of ours has, two
    empty classes stand in while it is imported, so that neither a parser of Markdown nor highlighters of code are.
    """
    unused = {f"rich.{name.lower()}": name for name in ("Markdown", "Traceback")}
    stand_ins = {module: ModuleType(module) for module in unused if module not in sys.modules}
    for module, stand_in in stand_ins.items():
        setattr(stand_in, unused[module], type(unused[module], (), {}))
    sys.modules.update(stand_ins)
    import_module("typer.rich_utils")
    for module in stand_ins:
        del sys.modules[module]


def _told(error: BaseException) -> int:
    """Say what stopped a command, on one line; a fault of bywords with its traceback. Returns: the exit code."""
    if isinstance(error, OutputLostError) and isinstance(error.reason, BrokenPipeError):
        return 141  # as of any program that a closed pipe ends
    with contextlib.suppress(OutputLostError):
        sys.stdout.flush()
    if isinstance(error, KeyboardInterrupt):
        tell_aside("Interrupted.")
        return 130
    said = _expected(error)
    code = 1 if said is None else 2
    if said is None:
        from traceback import format_exception

        sys.stderr.write(indent("".join(format_exception(error)), "  "))  # so that no line of it looks like one of ours
        said = f"this is a fault of bywords {__version__}, not of what it was given. Please report it with these lines."
    tell_aside(f"error: {said}")
    return code


def _expected(error: BaseException) -> str | None:
    """What to say of an error that input or the system may cause; None of a fault of bywords."""
    if isinstance(error, ModuleNotFoundError):
        named = named_extra(error, what="this command")
        return str(named) if isinstance(named, BywordsError) else None
    if isinstance(error, _UsageError):
        shown, of = error.format_message(), error.ctx.command_path if error.ctx else "bywords"
        return f"{shown}{'' if shown[-1] in '.?' else '.'} `{of} --help` says what there is."
    if isinstance(error, MemoryError):
        return f"there is not enough memory for this{f' ({error})' if str(error) else ''}."
    if isinstance(error, RecursionError):
        return f"what was read is nested too deeply ({error})."
    if isinstance(error, BywordsError | OutputLostError | OSError):
        return str(error)
    return None
