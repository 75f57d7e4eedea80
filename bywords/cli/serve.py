"""`bywords serve MODEL`: a server on this machine that answers as `predict` does."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bywords.cli import options
from bywords.cli.listening import is_local, listening
from bywords.cli.screen import tell_aside
from bywords.errors import SettingError, check_range

if TYPE_CHECKING:
    from bywords.cli.predict import Answers
    from bywords.fitted import FittedClassifier
    from bywords.serving.app import Application

SETTINGS = "BYWORDS_SERVE"  # in the environment of a worker: what the command was given
MOST_SECONDS = 86_400.0  # until a request is there
STOP_SECONDS = 10  # for requests that are being answered


def serve(
    model: options.Model,
    host: Annotated[str, typer.Option(help="The address to listen at. Others than this machine's need --token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="The port to listen at; 0 for any that is free.", min=0, max=65535)] = 8000,
    token: Annotated[
        str | None,
        typer.Option(help="What requests have to name as 'Authorization: Bearer TOKEN'.", envvar="BYWORDS_TOKEN"),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", help="A name under which the server may be asked. Repeat for more.", metavar="NAME"
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="How many processes answer.", min=1, max=256)] = 1,
    max_texts: Annotated[int, typer.Option(help="The most texts of a request.", min=1)] = 10_000,
    max_body: Annotated[int, typer.Option(help="The most bytes of a request.", min=1)] = 16_000_000,
    max_characters: Annotated[int, typer.Option(help="The most characters of a text.", min=1)] = 1_000_000,
    timeout: Annotated[float, typer.Option(help="The most seconds until a request is there.")] = 10.0,
    check: Annotated[bool, typer.Option("--check", help="Load the model, label a text, listen, and end.")] = False,
) -> None:
    """Answer requests: POST /predict with {"text": "..."} or {"texts": [...]}; a page to try texts is at /.

    The model is exchanged when its folder changes. The log is a line of JSON a request, without texts.
    """
    from bywords.extras import needed
    from bywords.serving.served import Loaded

    uvicorn = needed("uvicorn", what="`bywords serve`")
    for package in ("prometheus_client", "orjson"):
        needed(package, what="`bywords serve`")
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise SettingError("--token: expected letters, digits and signs without blanks, as a header takes them.")
    is_of_machine = is_local(host)
    if not is_of_machine and token is None:
        raise SettingError(f"--host {host} is asked by other machines too: say with --token who may.")
    check_range("--timeout", timeout, least=0.1, most=MOST_SECONDS)
    n_labels = len(Loaded.of(model, answers).classifier.classes)
    given = {"model": str(model), "token": token, "is_local": is_of_machine, "hosts": allow_host or [], "limits": {
        "texts": max_texts, "body_bytes": max_body, "characters": max_characters, "seconds": timeout}}  # fmt: skip
    os.environ[SETTINGS] = json.dumps(given)
    config, sock, url = listening(
        "bywords.cli.serve:application", host, port, stop_seconds=STOP_SECONDS, factory=True, workers=workers
    )
    with sock:
        if check:
            tell_aside(f"{model} answers, with {n_labels:,} labels, and can be served at {url}.")
            return
        tell_aside(f"Listening at {url} (Ctrl-C stops it).")
        if workers == 1:
            uvicorn.Server(config).run(sockets=[sock])
            return
        with tempfile.TemporaryDirectory(prefix="bywords-metrics-") as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            needed("uvicorn.supervisors", what="`bywords serve --workers`").Multiprocess(config, [sock]).run()


def application() -> Application:
    """What a worker runs, by the settings in its environment."""
    from bywords.serving.app import Application
    from bywords.serving.asgi import LOCAL, Access
    from bywords.serving.requests import Limits
    from bywords.serving.served import ServedModel

    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_after, args=[parent], daemon=True).start()
    given = json.loads(os.environ[SETTINGS])
    hosts = (*LOCAL, *map(str.lower, given["hosts"])) if given["is_local"] or given["hosts"] else None
    log = _Log()
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [_Remarks(log)], False
    access = Access(token=given["token"], hosts=hosts, log=log)
    return Application(ServedModel(Path(given["model"]), answers), limits=Limits(**given["limits"]), access=access)


def _end_after(parent: Any) -> None:
    """Stop this worker where the process that started it is killed: it would hold the port for ever."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def answers(classifier: FittedClassifier, top_k: int | None, min_confidence: float | None) -> Answers:
    """What makes the columns of `predict`, with its --top-k and --min-confidence. Raises SettingError as that."""
    from bywords.cli.predict import Answers

    back_off = options.back_off(classifier, min_confidence, None)
    if back_off is not None:
        return Answers(classifier, top_k, back_off.least, (), back_off)
    least = options.least_confidence(classifier, min_confidence, None, is_for_labels=top_k is not None)
    return Answers(classifier, top_k, least)


class _Log:
    """Records → lines of JSON with their time on standard error, those of one turn of the loop by one write."""

    def __init__(self) -> None:
        from asyncio import get_running_loop

        from orjson import dumps

        self.records: list[dict[str, Any]] = []
        self.dumps, self.loop = dumps, get_running_loop

    def __call__(self, record: dict[str, Any]) -> None:
        """Raises RuntimeError outside of a running loop."""
        if not self.records:
            self.loop().call_soon(self.write)
        self.records.append(record)

    def write(self) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = [self.dumps({"time": now, **record}) for record in self.records]
        self.records.clear()
        sys.stderr.write(b"\n".join([*lines, b""]).decode())


class _Remarks(logging.Handler):
    """What uvicorn warns of, a request that is no HTTP say, as records of the log."""

    def __init__(self, log: _Log) -> None:
        super().__init__(logging.WARNING)
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Without the error that belongs to it, which may have a text in it."""
        self.log({"event": "remark", "what": record.getMessage()})
