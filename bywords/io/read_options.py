"""How a file of documents is read: one value from the command line down to the readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bywords.annotations import check_fields
from bywords.data.label_paths import check_separator, tidied
from bywords.errors import SettingError, quoted
from bywords.io.encodings import check_encoding

if TYPE_CHECKING:
    from bywords.data.columns import Columns

BadRows = Literal["fail", "skip"]
LABEL_PREFIX = "__label__"  # fastText's


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a person may say of a file of documents. Raises SettingError for what cannot be."""

    text: str | Sequence[str] | None = None  # the column of texts, or several; None where the file makes it clear
    side: Sequence[str] = ()  # columns beside the text that are learned from
    contract: Columns | None = None  # of a model: its columns are read, or refused by name where they are missing
    given: bool | None = None  # whether a text may be a list of tokens; None: yes, unless a contract has none
    label: str | Sequence[str] | None = None  # the column of labels, or several of 0 and 1
    label_separator: str | None = None  # between the labels of a row
    columns: Sequence[str] = ()  # others, which are kept as `Corpus.columns`
    bad_rows: BadRows = "fail"  # rows that cannot be read: an error, or left out and counted
    encoding: str | None = None  # None for UTF-8, or what the byte order mark says
    exclude_labels: Sequence[str] = ()  # documents of these labels are left out
    map_label: Sequence[str] = ()  # other names of labels, each as in "OLD=NEW"
    label_prefix: str = LABEL_PREFIX  # of the labels in fastText's lines
    label_hierarchy: str | None = None  # between the levels of labels that are paths; of several columns, a level each

    def __post_init__(self) -> None:
        check_fields(self)
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.label_hierarchy is not None:
            check_separator(self.label_hierarchy)
        if not self.label_prefix.strip() or self.label_prefix != "".join(self.label_prefix.split()):
            raise SettingError(
                f"the label prefix is {self.label_prefix!r}, expected signs without blanks, as in {LABEL_PREFIX!r}."
            )

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of texts that are named."""
        return (self.text,) if isinstance(self.text, str) else tuple(self.text or ())

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of labels that are named."""
        return (self.label,) if isinstance(self.label, str) else tuple(self.label or ())

    @property
    def excluded(self) -> tuple[str, ...]:
        """The labels that are left out, as they are read."""
        separator = self.label_hierarchy
        return tuple(label if separator is None else tidied(label, separator) for label in self.exclude_labels)

    def are_levels(self, labels: Sequence[str]) -> bool:
        """Whether several label columns are levels of one label, not 0 and 1 each; those may have paths as names."""
        separator = self.label_hierarchy
        return len(labels) > 1 and separator is not None and not any(separator in name for name in labels)

    @property
    def named(self) -> tuple[str, ...]:
        """All columns that are named: a header has them."""
        of_model = () if self.contract is None else (*self.contract.inputs, *self.contract.label)
        return (*self.texts, *self.labels, *self.columns, *self.side, *of_model)

    def refuse_columns(self, reason: str) -> None:
        """Raise SettingError with this reason when columns or a separator are named, or a model needs columns."""
        named = {
            "text": " ".join(self.texts),
            "label": " ".join(self.labels),
            "label-separator": self.label_separator,
            "slice-by": " ".join(self.columns),
            "column": " ".join(self.side),
        }
        for option, value in named.items():
            if value:
                raise SettingError(f"{reason}: leave out --{option} {value}.")
        if self.contract is not None and not self.contract.is_one_text:
            columns = quoted(self.contract.inputs)
            raise SettingError(f"{reason}, but the model reads {columns}: give a table that has them.")
