"""A table's columns → one document a row: which columns are text, what stands beside them, and which are labels.

What was read for training is a contract: it is kept with the model, and every later reading obeys it or is refused.
A row with several columns becomes one string, its text fields and then its side tokens, `SEPARATOR` between them; the
tokenizer takes it apart again (`TokenizerConfig.fields`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.text.tokenizer import SEPARATOR, TokenizerConfig

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["category", "number", "date"]
N_BINS = 10  # of a column of numbers, with as many rows each as ties allow
NEARLY_ALL = 0.95  # of the values that are there make a column one of numbers, or of dates
MOST_CODES = 20  # numbers of so few different values are categories: years, stars, codes
LEAST_ROWS_PER_VALUE = 2  # of a category on average: of fewer it is a name of the row, and learned by heart
FEW_VALUES = 50  # so few are never too many
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DATE_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d")


@dataclass(frozen=True, kw_only=True)
class SideColumn:
    """A column beside the texts: a category as it is, a number by its quantile bin, a date by its parts."""

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()  # of a number: its bins are up to the first, … above the last
    date_format: str | None = None  # of a date, as polars writes it
    has_time: bool = False  # of a date: some value is not at midnight

    @classmethod
    def fit(cls, column: pl.Series) -> SideColumn:
        """The kind of a column of N strings, by its values; null and blank are missing.

        Raises: DataError where nearly every row has a value of its own, which says nothing of other rows.
        """
        import polars as pl

        present = _present(column)
        present = present.filter(present.is_not_null())
        n_values = present.n_unique()
        if not len(present):
            raise DataError(f"the column {column.name!r} has no values: leave out --column {column.name}.")
        numbers = present.cast(pl.Float64, strict=False)
        numbers = numbers.filter(numbers.is_finite().fill_null(False))
        if n_values > MOST_CODES and len(numbers) >= NEARLY_ALL * len(present):
            quantiles = np.quantile(numbers.to_numpy(), np.arange(1, N_BINS) / N_BINS)
            return cls(name=column.name, kind="number", edges=tuple(np.unique(quantiles).tolist()))
        for date_format in DATE_FORMATS:
            dates = present.str.to_datetime(date_format, strict=False)
            if len(present) - dates.null_count() >= NEARLY_ALL * len(present):
                has_time = bool((dates.dt.time() != pl.Series([0], dtype=pl.Time)[0]).any())
                return cls(name=column.name, kind="date", date_format=date_format, has_time=has_time)
        if n_values > FEW_VALUES and LEAST_ROWS_PER_VALUE * n_values > len(present):
            raise DataError(
                f"the column {column.name!r} has {n_values:,} different values in {len(present):,} rows: they would be "
                f"learned by heart. Leave out --column {column.name}; if it holds sentences, name it with --text."
            )
        return cls(name=column.name, kind="category")

    def tokens(self, column: pl.Series) -> list[list[str]]:
        """The tokens of N values, a list for each part: one, but of a date several."""
        present = _present(column)
        if self.kind == "number":
            return [self._bins(present)]
        if self.kind == "date":
            return self._parts(present)
        missing = self._other("missing")
        return [[missing if value is None else f"{self.name}={value}" for value in present.to_list()]]

    def described(self) -> str:
        """The column's name and what it is taken for."""
        what = {"category": "", "number": f" (number in {len(self.edges) + 1} bins)", "date": " (date)"}
        return self.name + what[self.kind]

    def _bins(self, present: pl.Series) -> list[str]:
        import polars as pl

        names = [f"{self.name}=up to {self.edges[0]:g}"]
        names += [f"{self.name}={low:g} to {high:g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        names += [f"{self.name}=above {self.edges[-1]:g}", self._other("not a number"), self._other("missing")]
        numbers = present.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        indices = np.searchsorted(np.array(self.edges), numbers, side="left")
        indices[np.isnan(numbers)] = len(names) - 2
        indices[present.is_null().to_numpy()] = len(names) - 1
        return [names[index] for index in indices.tolist()]

    def _parts(self, present: pl.Series) -> list[list[str]]:
        assert self.date_format is not None
        dates = present.str.to_datetime(self.date_format, strict=False).to_list()
        rows: list[list[str]] = []
        for value, date in zip(present.to_list(), dates, strict=True):
            if date is None:
                row = [self._other("missing" if value is None else "not a date")]
            else:
                row = [f"{self.name} year={date.year}", f"{self.name} month={date.month}"]
                row.append(f"{self.name} weekday={WEEKDAYS[date.weekday()]}")
                if self.has_time:
                    row.append(f"{self.name} hour={date.hour}")
            rows.append(row)
        width = max(map(len, rows), default=0)
        return [[row[part] if part < len(row) else "" for row in rows] for part in range(width)]

    def _other(self, what: str) -> str:
        """What no value gives: those of a column have an equals sign behind its name."""
        return f"{self.name} is {what}"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that make a document of a row: texts, in their order, and others beside them; and its labels.

    >>> from bywords.data.columns import Columns
    >>> Columns(text=("subject", "body"), label=("queue",)).described()
    'text: subject + body · label: queue'
    """

    text: tuple[str, ...]
    label: tuple[str, ...] = ()
    side: tuple[SideColumn, ...] = ()

    @classmethod
    def plain(cls, found: Mapping[str, Any] | None) -> Columns | None:
        """From JSON values, as `dataclasses.asdict` gives them."""
        if found is None:
            return None
        side = [SideColumn(**{**one, "edges": tuple(one["edges"])}) for one in found["side"]]
        return cls(text=tuple(found["text"]), label=tuple(found["label"]), side=tuple(side))

    @property
    def is_one_text(self) -> bool:
        """Whether a document is the text of one column, as it is."""
        return len(self.text) == 1 and not self.side

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that a document is made of."""
        return (*self.text, *(column.name for column in self.side))

    def described(self) -> str:
        """One line for a person."""
        parts = [f"text: {' + '.join(self.text)}"]
        if self.side:
            parts.append(f"columns: {' + '.join(column.described() for column in self.side)}")
        if self.label:
            parts.append(f"label: {' + '.join(self.label)}")
        return " · ".join(parts)

    def tokenizer(self, config: TokenizerConfig, *, fielded: Sequence[str] = ()) -> TokenizerConfig:
        """The settings of a tokenizer that takes these documents apart."""
        from dataclasses import replace

        return replace(config, fields=() if self.is_one_text else self.text, fielded=tuple(fielded))

    def texts(self, columns: Mapping[str, pl.Series]) -> pl.Series:
        """N documents, string (N,), from columns of N strings in which null is nothing."""
        import polars as pl

        if self.is_one_text:
            return columns[self.text[0]].fill_null("").alias("text")
        fields = [columns[name].fill_null("").str.replace_all(SEPARATOR, " ", literal=True) for name in self.text]
        parts = [part for column in self.side for part in column.tokens(columns[column.name])]
        sides = [pl.Series([value.replace(SEPARATOR, " ") for value in part], dtype=pl.String) for part in parts]
        frame = pl.DataFrame([column.alias(str(index)) for index, column in enumerate([*fields, *sides])])
        if len(frame.columns) == 1:  # a date column of no rows has no parts
            return frame["0"].alias("text")
        return frame.select(pl.concat_str(pl.all(), separator=SEPARATOR).alias("text"))["text"]


def as_names(given: str | Sequence[str] | None, parameter: str = "columns") -> tuple[str, ...]:
    """One name, or several, or none, as a tuple. Raises SettingError, naming the parameter, for what are no names."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable | None):
        raise SettingError(f"{parameter} is {given!r:.100}, expected the name of a column or a list of names.")
    return tuple(given or ())


def check_once(text: Sequence[str], side: Sequence[str], labels: Sequence[str]) -> None:
    """Raise SettingError for a column that is named twice."""
    roles: dict[str, str] = {}
    for option, names in (("text", text), ("column", side), ("label", labels)):
        for name in names:
            if name not in roles:
                roles[name] = option
            elif roles[name] == option:
                raise SettingError(f"the {option} column {name!r} is named twice, expected different columns.")
            else:
                raise SettingError(f"{roles[name]} and {option} are both the column {name!r}, expected two columns.")


def frame_columns(data: Any, names: Sequence[str]) -> dict[str, pl.Series]:
    """Columns of a pandas or polars frame, a mapping of columns, or a list of dicts, as strings (N,); null is nothing.

    Raises: DataError for a column that is not there, and for data without columns.
    """
    if (
        isinstance(data, Sequence)
        and not isinstance(data, str | bytes)
        and all(isinstance(row, Mapping) for row in data)
    ):
        present: list[str] = list(dict.fromkeys(name for row in data for name in row))
        found: dict[str, Any] = {name: [row.get(name) for row in data] for name in present}
        if not data:
            found = {name: [] for name in names}
    elif hasattr(data, "columns"):
        found = {str(name): data[name] for name in data.columns}
    elif isinstance(data, Mapping):
        found = dict(data)
    else:
        raise DataError(
            f"expected a data frame or a list of dicts with the columns {quoted(names)}, found "
            f"{type(data).__name__}: the classifier reads rows, not texts alone."
        )
    for name in names:
        if name not in found:
            near = did_you_mean(name, list(found))
            raise DataError(f"the data have no column {name!r}.{near} Their columns: {quoted(list(found))}.")
    return {name: _strings(name, found[name]) for name in names}


def _strings(name: str, values: Any) -> pl.Series:
    import polars as pl

    listed = values.to_list() if isinstance(values, pl.Series) else list(values)
    strings = []
    for index, value in enumerate(listed):
        if isinstance(value, (list, dict, set, tuple, np.ndarray)):
            raise DataError(f"column {name!r}, row {index}: found {value!r}, expected a string or a number.")
        is_missing = value is None or value != value or str(value) in ("NaT", "<NA>")
        strings.append(None if is_missing else str(value))
    return pl.Series(name, strings, dtype=pl.String)


def _present(column: pl.Series) -> pl.Series:
    """Values without white space around them; blank ones are null."""
    import polars as pl

    stripped = column.cast(pl.String).str.strip_chars()
    return stripped.set(stripped == "", None)


def fit_columns(
    columns: Mapping[str, pl.Series], text: Sequence[str], side: Sequence[str], label: Sequence[str] = ()
) -> Columns:
    """The contract of a table: its side columns by their values.

    Raises: DataError as `SideColumn.fit`, SettingError for a column that is named twice.
    """
    check_once(text, side, label)
    fitted = tuple(SideColumn.fit(columns[name].alias(name)) for name in side)
    return Columns(text=tuple(text), label=tuple(label), side=fitted)
