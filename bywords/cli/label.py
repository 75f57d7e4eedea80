"""`bywords label TEXTS`: a page in the browser, in which people label texts while a model learns from them."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
import webbrowser
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bywords.cli import options
from bywords.cli.hold import hold
from bywords.cli.listening import is_local, listening
from bywords.cli.screen import columns_line, say, tell_aside, tell_read
from bywords.errors import SettingError
from bywords.io.formats import SQLITE_START
from bywords.terminal import command, shell_words

if TYPE_CHECKING:
    from bywords.labelling.project import Project

PORT = 8470  # so that a page which is open finds the next server of its project again
MOST_NAMED = 3  # labels in a sentence
STOP_SECONDS = 2  # for answers that are on their way


def label(
    texts: Annotated[
        list[str],
        typer.Argument(
            help="Files of texts, as `predict` reads them; JSON of Argilla or Label Studio; or a project, to go on.",
            metavar="TEXTS",
        ),
    ],
    labels: Annotated[
        str | None, typer.Option(help="The labels to start with: spam,ham. There may be new ones at any time.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The project: one file with texts and answers. By default TEXTS.bywords.")
    ] = None,
    several: Annotated[bool, typer.Option("--several", help="A text may have any number of labels.")] = False,
    annotators: Annotated[
        str | None, typer.Option(help="Who labels: anna,ben. Each is asked who they are.", metavar="NAMES")
    ] = None,
    overlap: Annotated[int, typer.Option(help="How many people label each text.", min=1)] = 1,
    review: Annotated[
        Path | None,
        typer.Option(
            help="Look at what an audit of TEXTS doubts: the folder that `bywords audit` wrote. The corrections are "
            "for `train --labels`."
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the labelled texts to a file, and end: .csv .tsv .jsonl .parquet .xlsx, or .json."),
    ] = None,
    style: Annotated[
        Literal["argilla", "label-studio"], typer.Option(help="Whose JSON --export writes to a name in .json.")
    ] = "label-studio",
    take_over: Annotated[
        Path | None,
        typer.Option(
            "--import",
            help="Take over the labels of a file, by the texts, and end. Of a project --text, --label, "
            "--label-separator and --encoding are those of this file.",
        ),
    ] = None,
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
    reading: dict[str, Any] = {}
    if take_over is not None and any(_is_project(Path(name)) for name in texts):  # then they are of that file
        reading = {name: given.pop(name) for name in ("text", "label", "label_separator", "encoding")}
    with _opened(texts, given, review, people) as project:
        if take_over is not None:
            _take_over(project, take_over, reading)
        if export is not None:
            _export(project, export, style)
        if take_over is None and export is None:
            _hold(project.path)
            project.set_people(people or project.people)
            _serve(project, host, port, opens=not no_browser)
            _say_next(project)


def _opened(texts: list[str], given: dict[str, Any], review: Path | None, people: list[str]) -> Project:
    """The project that TEXTS is, or a new one of these texts. Raises SettingError for options that go on with none."""
    from bywords.labelling.project import Project
    from bywords.labelling.transfer import create_from_answers, is_of_tool

    if any(_is_project(Path(name)) for name in texts):
        named = [f"--{name.replace('_', '-')}" for name, value in {**given, "review": review}.items() if value]
        if len(texts) > 1 or named:
            raise SettingError(
                f"{texts[0]} is a project: its texts and settings are in it. "
                f"Leave out {named[0] if named else texts[1]}, or name files of texts."
            )
        return Project.open(texts[0])
    data = shlex.join(texts) if len(texts) > 1 else texts[0]
    out = given.pop("out") or options.named_after(data, "-review.bywords" if review else ".bywords")
    options.check_not_read(out, *texts)
    if given["overlap"] + 1 > max(1, len(people)):
        raise SettingError(
            f"--overlap {given['overlap'] + 1} needs as many people or more: name them with --annotators anna,ben."
        )
    hold(out)
    given["labels"], given["overlap"] = _names("--labels", given["labels"]), given["overlap"] + 1
    if review is not None:
        return _review_of(out, review, data, given)
    files = [name for pattern in texts for name in options.files_of(pattern)]
    if len(files) == 1 and Path(files[0]).is_file() and is_of_tool(Path(files[0])):
        kept = ("labels", "several", "overlap", "seed")
        _refuse(given, [name for name in given if name not in kept], f"{files[0]}, which says what its texts are")
        answers = create_from_answers(out, Path(files[0]), **{name: given[name] for name in kept})
        _tell_matched(answers.matched)
        _tell_contrary(answers.n_contrary)
        return answers
    if given["text"] is not None and len(given["text"]) == 1:
        (given["text"],) = given["text"]
    project = Project.create(out, files, **given)
    _tell_columns(project, given["label"])
    _tell_matched(project.matched)
    if n_blank := project.n_blank():
        tell_aside(f"{n_blank:,} of {project.n_texts:,} texts are blank: nobody is asked for them.")
    return project


def _review_of(out: Path, audit: Path, data: str, given: dict[str, Any]) -> Project:
    """A project of what an audit of these documents doubts."""
    from bywords.io.datasets import read_parts
    from bywords.labelling.review import create_review

    if given["overlap"] > 1:
        raise SettingError(f"--overlap {given['overlap']} has no meaning for --review, where one person is enough.")
    _refuse(given, ("labels", "several", "label_separator"), "--review, which has the labels of DATA")
    documents, _ = read_parts(data, text=given["text"], label=given["label"], encoding=given["encoding"])
    tell_read(documents)
    project = create_review(out, audit, documents)
    named = [
        word for name in ("text", "label", "encoding") for one in _listed(given[name]) for word in (f"--{name}", one)
    ]
    project.set_documents([data, *named])
    return project


def _refuse(given: dict[str, Any], names: Iterable[str], what: str) -> None:
    """Raise SettingError for one of these options that is given."""
    for name in names:
        if given[name]:
            raise SettingError(f"--{name.replace('_', '-')} has no meaning for {what}.")


def _listed(value: Any) -> list[str]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [str(value)]


def _is_project(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(len(SQLITE_START)) == SQLITE_START
    return False


def _names(option: str, given: str | None) -> list[str]:
    """a, b → ["a", "b"]. Raises SettingError for an empty name, and for one given twice."""
    names = [] if given is None else [name.strip() for name in given.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise SettingError(f"{option} {given!r}: expected different names with commas between them, as in anna,ben.")
    return names


def _take_over(project: Project, path: Path, reading: dict[str, Any]) -> None:
    from bywords.labelling.transfer import import_answers

    found = import_answers(project, path, **reading)
    rest = f"; {found.n_not_there:,} are on texts that it does not have" if found.n_not_there else ""
    say(f"{found.n_answers:,} labels of {path} are in {project.path} now{rest}.")
    if found.new:
        more = f", and {len(found.new) - MOST_NAMED:,} more" if len(found.new) > MOST_NAMED else ""
        tell_aside(f"Labels that are new: {', '.join(map(repr, found.new[:MOST_NAMED]))}{more}.")
    if found.n_none:
        tell_aside(f"{found.n_none:,} of them say that a text has none of the labels.")
    _tell_matched(found.matched)
    _tell_contrary(found.n_contrary)


def _tell_contrary(n_texts: int) -> None:
    """Say of how many texts a file says several things."""
    if n_texts:
        tell_aside(f"{n_texts:,} texts are there several times, with different labels of one person: the last counts.")


def _tell_columns(project: Project, label: str | None) -> None:
    """Say which column has the texts, where a file has several, and that one of labels was not taken over."""
    from bywords.data.columns import Columns
    from bywords.io.columns import LABEL_NAMES

    record = project.record
    if record.columns:
        tell_aside(columns_line(Columns(text=record.text_columns, label=(label,) if label else ()), record.columns))
    names = [name.removeprefix("given_") for name in record.columns]
    likely = next((name for name in names if name.casefold() in LABEL_NAMES), None)
    if likely is not None and label is None:
        tell_aside(
            f"The labels that the column {likely!r} may have are not taken over. To start with them, delete "
            f"{project.path} and say --label {shell_words([likely])}."
        )


def _tell_matched(matched: dict[str, str]) -> None:
    """Say which labels were taken for others, from which they differ by capitals."""
    if matched:
        pairs = ", ".join(f"{given!r} for {name!r}" for given, name in list(matched.items())[:MOST_NAMED])
        more = f", and {len(matched) - MOST_NAMED:,} more" if len(matched) > MOST_NAMED else ""
        tell_aside(f"Labels that differ only by capitals are one: {pairs}{more}.")


def _export(project: Project, path: Path, style: Literal["argilla", "label-studio"]) -> None:
    from bywords.labelling.transfer import export_answers

    options.check_output(path, project.path)
    n = export_answers(project, path, style=style if path.suffix.lower() == ".json" else "table")
    say(f"{n:,} labelled texts of {project.path} are in {path}.")


def _hold(path: Path) -> None:
    """Be the only server of a project. Raises SettingError where there is one."""
    try:
        hold(path)
    except SettingError as error:
        raise SettingError(f"{error} One `bywords label` serves a project, to as many pages as are opened.") from None


def _serve(project: Project, host: str, port: int | None, *, opens: bool) -> None:
    """Serve the page until Ctrl-C or SIGTERM, while a model learns."""
    import secrets
    import socket

    import uvicorn

    from bywords.labelling.app import LabellingSite
    from bywords.labelling.learner import Learner
    from bywords.serving.asgi import Access

    token = None if is_local(host) else secrets.token_urlsafe(24)
    with Learner(project) as learner:
        access = Access() if token is None else Access(token=token, hosts=None)
        site = LabellingSite(project, annotators=project.people, access=access, trouble=lambda: learner.error)
        try:
            config, sock, at = listening(site, host, PORT if port is None else port, stop_seconds=STOP_SECONDS)
        except SettingError:
            if port is not None:
                raise
            config, sock, at = listening(site, host, 0, stop_seconds=STOP_SECONDS)
        if token is not None:
            at = f"{at.replace('0.0.0.0', socket.gethostname()).replace('[::]', socket.gethostname())}#token={token}"
        tell_aside(f"Label at {at} (Ctrl-C ends it; each answer is in {project.path} at once).")
        if opens and _has_window():
            threading.Thread(target=webbrowser.open, args=[at], daemon=True).start()  # which may wait for the browser
        with sock, contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[sock])


def _has_window() -> bool:
    """Whether there is a browser beside this terminal, and not one in it, which would take it over."""
    try:
        return type(webbrowser.get()) is not webbrowser.GenericBrowser
    except webbrowser.Error:
        return False


def _say_next(project: Project) -> None:
    """What is saved where, and what to type next."""
    from bywords.labelling.agreement import agreement
    from bywords.labelling.review import review_items, write_corrections

    go_on = f"Go on: {command('label', str(project.path))}"
    if items := review_items(project):
        corrections = project.path.with_name(f"{project.path.stem}-corrections.csv")
        n_done, n_changed = sum(item.is_done for item in items), write_corrections(project, corrections)
        say(f"{n_done:,} of {len(items):,} doubtful labels are looked at, in {project.path}: {n_changed:,} corrected.")
        say(go_on)
        if n_changed:
            data, *named = project.documents or ("DATA",)
            say(f"Train: {command('train', data, options=[*named, '--labels', str(corrections)])}")
        return
    status = project.status()
    known = "" if status.accuracy is None else f" {status.sentence}"
    say(f"{status.n_labelled:,} of {status.n_texts:,} texts are labelled, in {project.path}.{known}")
    if agreed := agreement(project):
        say(
            f"Krippendorff's alpha is {agreed.alpha:.2f} (95 % interval {agreed.low:.2f} to {agreed.high:.2f}), on "
            f"{agreed.n_texts:,} texts with two answers or more; on {status.n_disagreements:,} people disagree."
        )
    say(go_on)
    if status.n_labelled:
        say(f"Train: {command('train', str(project.path))}")
