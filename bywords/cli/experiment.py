"""What `bywords compare` and `bywords curve` share: a folder with the record and its page, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import typer

from bywords.cli.hold import check_ours, hold
from bywords.cli.options import check_output
from bywords.cli.screen import print_json, say
from bywords.errors import DataError
from bywords.experiments.setup import WITHOUT_RESUME
from bywords.files import check_folder, write_whole
from bywords.records.base import ExperimentRecord, plain, read_record, write_record
from bywords.validation import naming

AnyExperiment = TypeVar("AnyExperiment", bound=ExperimentRecord)


@dataclass(frozen=True)
class ExperimentFolder(Generic[AnyExperiment]):
    """Where an experiment's record NAME.json and its page are."""

    kind: type[AnyExperiment]
    record: Path
    page: Path
    render: Callable[[AnyExperiment], str]
    resume: bool  # go on with the record that is there

    def check(self, *inputs: str | None) -> None:
        """Refuse to write what is read, and say what is replaced, before there is any work."""
        check_folder(self.record.parent)
        hold(self.record.parent)
        if not self.resume:  # which reads it, and says what is wrong with it
            check_ours(self.record, self.kind.FORMAT)
        check_ours(self.page)
        check_output(self.record, *inputs, goes_on=self.resume)
        check_output(self.page, *inputs, goes_on=True)

    def earlier(self) -> AnyExperiment | None:
        """The record that is there, where it is to be gone on with."""
        return read_record(self.kind, self.record) if self.resume and self.record.exists() else None

    def write(self, run: AnyExperiment) -> None:
        """Write the record and its page. Raises DataError where what was there to go on from makes no page."""
        write_record(run, self.record)
        kept = naming(self.record, error=DataError, advice=WITHOUT_RESUME) if self.resume else nullcontext()
        with kept:
            page = self.render(run)
        write_whole(self.page, page)

    def end(self, run: AnyExperiment, tell: Callable[[AnyExperiment], None], n_done: str, *, as_json: bool) -> None:
        """Write and tell what was found; leave with 130 where Ctrl-C came first, `n_done` having been done."""
        self.write(run)
        if as_json:
            print_json(plain(run))
        else:
            tell(run)
            if not run.finished:
                say(f"Interrupted after {n_done}. Go on with the same command and --resume.")
            say(f"The record is in {self.record}; look at {self.page}")
        if not run.finished:
            raise typer.Exit(130)
