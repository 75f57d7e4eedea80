"""`bywords label TEXTS`: a page in the browser, in which people label texts while a model learns from them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import socket
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bywords.cli import options
from bywords.cli.listening import is_local, listening
from bywords.cli.screen import say, tell_aside
from bywords.errors import SettingError
from bywords.io.formats import SQLITE_START
from bywords.terminal import shell_words

if TYPE_CHECKING:
    from bywords.labelling.project import Project

PORT = 8470  # so that a page which is open finds the next server of its project again
STOP_SECONDS = 2  # for answers that are on their way


def label(
    texts: Annotated[
        list[str],
        typer.Argument(help="Files of texts, as `predict` reads them; or a project, to go on.", metavar="TEXTS"),
    ],
    labels: Annotated[
        str | None, typer.Option(help="The labels to start with: spam,ham. There may be new ones at any time.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The project: one file with the texts and the answers. By default TEXTS.bywords."),
    ] = None,
    several: Annotated[bool, typer.Option("--several", help="A text may have any number of labels.")] = False,
    annotators: Annotated[
        str | None, typer.Option(help="Who labels: anna,ben. Each is asked who they are.", metavar="NAMES")
    ] = None,
    overlap: Annotated[int, typer.Option(help="How many people label each text.", min=1)] = 1,
    text: options.Text = None,
    label: Annotated[
        str | None, typer.Option(help="The column with labels that some texts have already.", metavar="COLUMN")
    ] = None,
    label_separator: options.LabelSeparator = None,
    encoding: options.Encoding = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at. At others than this machine's the page has a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(help=f"The port to listen at, 0 for any; by default {PORT} if it is free.", min=0, max=65535),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no page, only say where it is.")] = False,
    seed: options.Seed = 0,
) -> None:
    """Label texts in the browser, with a model that learns from each answer. Ctrl-C ends it; nothing is lost.

    Every answer is in the project before the next text is shown. `bywords train PROJECT` makes a model of it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the learner's fits are small, the other core is for answers
    from bywords.extras import needed

    needed("uvicorn", what="`bywords label`")
    people = _names("--annotators", annotators)
    given = {"labels": labels, "out": out, "several": several, "overlap": overlap - 1, "text": text, "label": label,
             "label_separator": label_separator, "encoding": encoding, "seed": seed}  # fmt: skip
    with _opened(texts, given) as project:
        _serve(project, people, host, port, opens=not no_browser)
        counts = project.status()
        path = shell_words([str(project.path)])
        say(f"{counts.n_labelled:,} of {counts.n_texts:,} texts are labelled, in {project.path}. {counts.sentence}")
        say(f"Go on: bywords label {path}")
        if counts.n_labelled:
            say(f"Train: bywords train {path}")


def _opened(texts: list[str], given: dict[str, Any]) -> Project:
    """The project that TEXTS is, or a new one of these texts. Raises SettingError for options that go on with none."""
    from bywords.labelling.project import Project

    if any(_is_project(Path(name)) for name in texts):
        named = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
        if len(texts) > 1 or named:
            raise SettingError(
                f"{texts[0]} is a project: its texts and settings are in it. "
                f"Leave out {named[0] if named else texts[1]}, or name files of texts."
            )
        return Project.open(texts[0])
    out = given.pop("out") or options.named_after(shlex.join(texts) if len(texts) > 1 else texts[0], ".bywords")
    options.check_not_read(out, *texts)
    labels = _names("--labels", given.pop("labels"))
    if given["text"] is not None and len(given["text"]) == 1:
        (given["text"],) = given["text"]
    files = [name for pattern in texts for name in options.files_of(pattern)]
    return Project.create(out, files, labels, overlap=given.pop("overlap") + 1, **given)


def _is_project(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(len(SQLITE_START)) == SQLITE_START
    return False


def _names(option: str, given: str | None) -> list[str]:
    """a, b → ["a", "b"]. Raises SettingError for an empty name."""
    if given is None:
        return []
    names = [name.strip() for name in given.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise SettingError(f"{option} {given!r}: expected different names with commas between them, as in anna,ben.")
    return names


def _serve(project: Project, people: list[str], host: str, port: int | None, *, opens: bool) -> None:
    """Serve the page until Ctrl-C or SIGTERM, while a model learns."""
    import uvicorn

    from bywords.labelling.app import LabellingSite
    from bywords.labelling.learner import Learner
    from bywords.serving.asgi import Access

    token = None if is_local(host) else secrets.token_urlsafe(24)
    with Learner(project) as learner:
        access = Access() if token is None else Access(token=token, hosts=None)
        site = LabellingSite(project, annotators=people, access=access, trouble=lambda: learner.error)
        try:
            config, sock, at = listening(site, host, PORT if port is None else port, stop_seconds=STOP_SECONDS)
        except SettingError:
            if port is not None:
                raise
            config, sock, at = listening(site, host, 0, stop_seconds=STOP_SECONDS)
        if token is not None:
            at = f"{at.replace('0.0.0.0', socket.gethostname()).replace('[::]', socket.gethostname())}#token={token}"
        tell_aside(f"Label at {at} (Ctrl-C ends it; each answer is in {project.path} at once).")
        if opens:
            webbrowser.open(at)
        with sock, contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[sock])
