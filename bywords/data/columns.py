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

from bywords.config import typed
from bywords.errors import DataError, SettingError, check_kind, did_you_mean, quoted
from bywords.text.custom_tokens import given_text
from bywords.text.tokenizer import GIVEN_TOKENS, SEPARATOR, TokenizerConfig
from bywords.validation import is_missing

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["category", "number", "date"]
N_BINS = 10  # of a column of numbers, with as many rows each as ties allow
NEARLY_ALL = 0.95  # of the values that are there make a column one of numbers, or of dates
MOST_CODES = 20  # numbers of so few different values are categories: years, stars, codes
LEAST_ROWS_PER_VALUE = 2  # of a category on average: of fewer it is a name of the row, and learned by heart
FEW_VALUES = 50  # so few are never too many
MOST_VALUES = 1000  # of a category, that are kept with the model to know new ones by
FIRST_YEAR = 1000  # an earlier one is a year of two digits, or a day
DECIMALS: tuple[Literal[".", ","], ...] = (".", ",")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAYS = {  # as polars writes them, and as a person does where that has to be said
    **dict.fromkeys(("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d"), ""),
    **{"%d/%m/%Y": "day/month/year", "%m/%d/%Y": "month/day/year", "%d-%m-%Y": "day-month-year"},
    **{"%m-%d-%Y": "month-day-year", "%d/%m/%y": "day/month/year", "%m/%d/%y": "month/day/year"},
    **dict.fromkeys(("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%d-%b-%Y", "%a, %d %b %Y"), ""),
}
TIMES = ("", "T%H:%M:%S%.f", " %H:%M:%S%.f", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p")
DATE_FORMATS = {day + time: said for day, said in DAYS.items() for time in TIMES}
_ZONE = r"(:\d\d(?:\.\d+)?) ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$"  # hours stay those that are written
_SIGNS = r"[\s'’€$£¥%]"  # that numbers are written with: of money, shares and thousands
_BY_COMMA, _BY_POINT = r"^[-+]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?$", r"^[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$"


@dataclass(frozen=True, kw_only=True)
class SideColumn:
    """A column beside the texts: a category as it is, a number by its quantile bin, a date by its parts."""

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()  # of a number: its bins are up to the first, … above the last
    decimal: Literal[".", ","] = "."  # of a number: what is before its fraction
    date_format: str | None = None  # of a date, as polars writes it
    has_time: bool = False  # of a date: some value is not at midnight
    values: tuple[str, ...] = ()  # of a category: those there are, sorted; none where they are more than `MOST_VALUES`

    def __post_init__(self) -> None:
        """Raises SettingError for what `fit` does not give: no edges of a number, say."""
        if self.kind == "number" and not (self.edges and np.all(np.diff(self.edges) > 0)):
            raise SettingError(
                f"the edges of the column {self.name!r} are {self.edges!r:.100}, expected ascending ones"
            )
        if self.kind == "date" and self.date_format not in DATE_FORMATS:
            raise SettingError(f"the dates of the column {self.name!r} have no format {self.date_format!r:.60}")

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
        for decimal in _likeliest_decimals(present) if n_values > MOST_CODES else ():
            numbers = _numbers(present, decimal)
            numbers = numbers.filter(numbers.is_finite().fill_null(False))
            if len(numbers) >= NEARLY_ALL * len(present):
                quantiles = np.quantile(numbers.to_numpy(), np.arange(1, N_BINS) / N_BINS)
                edges = tuple(np.unique(quantiles).tolist())
                return cls(name=column.name, kind="number", edges=edges, decimal=decimal)
        date_format = _date_format(present)
        if date_format is not None:
            times = _dates(present, [date_format]).dt.time()
            has_time = bool((times != pl.Series([0], dtype=pl.Time)[0]).any())
            return cls(name=column.name, kind="date", date_format=date_format, has_time=has_time)
        if n_values > FEW_VALUES and LEAST_ROWS_PER_VALUE * n_values > len(present):
            raise DataError(
                f"the column {column.name!r} has {n_values:,} different values in {len(present):,} rows: they would be "
                f"learned by heart. Leave out --column {column.name}; if it holds sentences, name it with --text."
            )
        values = tuple(present.unique().sort().to_list()) if n_values <= MOST_VALUES else ()
        return cls(name=column.name, kind="category", values=values)

    def surprise(self, column: pl.Series) -> str | None:
        """What a person should know of N later values that are unlike those learned from; None where none are."""
        import polars as pl

        present = _present(column)
        present = present.filter(present.is_not_null())
        if self.kind == "number":
            own, other = self._read(present)
            by_other = present.filter(own.is_null() & other.is_not_null())
            both = present.filter(own != other)  # 1,234: each value is read alone, as it may come alone
            if len(by_other) and len(both):
                number = f"{self._read(both[:1])[0][0]:g}"
                return (
                    f"of column {self.name!r}, {len(by_other):,} of {len(present):,} values have another decimal sign "
                    f"than the model learned, {by_other[0]!r}, say, and {both[0]!r} is read as {number} all the same"
                )
        if self.kind == "category":
            is_new = ~present.is_in(self.values) if self.values else present.is_null()
            what = "none that the model has seen"
        else:
            first_tokens = next(iter(self.tokens(present)), [])
            is_new = pl.Series(first_tokens, dtype=pl.String) == self._other(f"not a {self.kind}")
            what = f"no {self.kind}, which the model takes this column for"
        if 2 * is_new.sum() <= len(present):
            return None
        example = present.filter(is_new)[0]
        return f"of column {self.name!r}, {is_new.sum():,} of {len(present):,} values are {what}: {example!r}, say"

    def doubt(self, column: pl.Series) -> str | None:
        """What cannot be known of the N values learned from, written by a person: whether 1.234 is less than two."""
        present = _present(column)
        own, other = self._read(present) if self.kind == "number" else (present, present)
        both = present.filter(own != other)
        if not len(both) or (own.is_not_null() & other.is_null()).any():
            return self.surprise(column) if len(both) else None
        read = [f"{value:.15g}" for value in self._read(both[:1])[0]]
        return (
            f"of column {self.name!r}, {len(both):,} of {len(present.drop_nulls()):,} values may have a sign of "
            f"thousands or of decimals, and no other value says which: {both[0]!r} is read as {read[0]}. Write them "
            "without a sign of thousands if that is wrong"
        )

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
        order = DATE_FORMATS.get(self.date_format or "", "")
        date = f" (date, {order})" if order else " (date)"
        what = {"category": "", "number": f" (number in {len(self.edges) + 1} bins)", "date": date}
        return self.name + what[self.kind]

    def _bins(self, present: pl.Series) -> list[str]:
        names = [f"{self.name}=up to {self.edges[0]:g}"]
        names += [f"{self.name}={low:g} to {high:g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        names += [f"{self.name}=above {self.edges[-1]:g}", self._other("not a number"), self._other("missing")]
        own, other = self._read(present)
        numbers = own.fill_null(other).fill_null(float("nan")).to_numpy()
        indices = np.searchsorted(np.array(self.edges), numbers, side="left")
        indices[np.isnan(numbers)] = len(names) - 2
        indices[present.is_null().to_numpy()] = len(names) - 1
        return [names[index] for index in indices.tolist()]

    def _read(self, present: pl.Series) -> list[pl.Series]:
        """Numbers by the decimal sign that was learned, and by the other one; null for what is none."""
        return [_numbers(present, decimal) for decimal in sorted(DECIMALS, key=lambda one: one != self.decimal)]

    def _parts(self, present: pl.Series) -> list[list[str]]:
        assert self.date_format is not None
        dates = _dates(present, [self.date_format, *_other_formats(self.date_format)]).to_list()
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
    tokens: bool = False  # the text is a list of tokens in each row

    def __post_init__(self) -> None:
        """Raises SettingError for a column that is named twice, and where there is none."""
        check_once(self.text, [column.name for column in self.side], self.label)
        if not self.inputs:
            raise SettingError("there is no column to make documents of")

    @classmethod
    def plain(cls, found: Mapping[str, Any] | None) -> Columns | None:
        """From JSON values, as `dataclasses.asdict` gives them. Raises SettingError for any others."""
        return None if found is None else typed(cls, found, where="the columns")

    @property
    def is_one_text(self) -> bool:
        """Whether a document is the text of one column, as it is."""
        return len(self.text) == 1 and not self.side

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that a document is made of."""
        return (*self.text, *(column.name for column in self.side))

    @property
    def kinds(self) -> dict[str, str]:
        """What each of the inputs is: text, category, number or date."""
        return dict.fromkeys(self.text, "text") | {column.name: column.kind for column in self.side}

    def described(self) -> str:
        """One line for a person."""
        parts = [f"text: {' + '.join(self.text)}{' (lists of tokens, as they are)' if self.tokens else ''}"]
        if self.side:
            parts.append(f"columns: {' + '.join(column.described() for column in self.side)}")
        if self.label:
            parts.append(f"label: {' + '.join(self.label)}")
        return " · ".join(parts)

    def surprises(self, columns: Mapping[str, pl.Series]) -> tuple[str, ...]:
        """What is odd about the values beside the texts of a later table, a sentence for each such column."""
        found = [column.surprise(columns[column.name]) for column in self.side]
        return tuple(one for one in found if one is not None)

    def doubts(self, columns: Mapping[str, pl.Series]) -> tuple[str, ...]:
        """What cannot be known of the values beside the texts that were learned from, a sentence a column."""
        found = [column.doubt(columns[column.name]) for column in self.side]
        return tuple(one for one in found if one is not None)

    def tokenizer(self, config: TokenizerConfig, *, fielded: Sequence[str] = ()) -> TokenizerConfig:
        """The settings of a tokenizer that takes these documents apart."""
        from dataclasses import replace

        if self.tokens:
            own = replace(GIVEN_TOKENS, stop_words=config.stop_words, strip_accents=config.strip_accents)
            return config if config.is_given else own
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
    if given is None:
        return ()
    is_list = isinstance(given, Iterable) and not isinstance(given, Mapping) and getattr(given, "ndim", 1) == 1
    names: list[str] = []
    for name in given if is_list else (None,):
        if not isinstance(name, str):
            check_kind(parameter, given, (), "the name of a column or a list of names")
        names.append(str(name))
    return tuple(names)


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


def frame_columns(data: Any, names: Sequence[str], *, tokens: bool = False) -> dict[str, pl.Series]:
    """Columns of a pandas or polars frame, a mapping of columns, or a list of dicts, as strings (N,); null is nothing.

    With `tokens`, a row may have lists of tokens, which become the texts that `given_text` makes of them.

    Raises: DataError for a column that is not there, and for data without columns.
    """
    if hasattr(data, "collect_schema") and hasattr(data, "collect"):
        raise DataError("the rows are in a table that has not been collected yet: call its collect first.")
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
        listed = [str(name) for name in data.columns]
        if (twice := next((name for name in names if listed.count(name) > 1), None)) is not None:
            raise DataError(f"the data have two columns called {twice!r}. Give each column its own name.")
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
    columns = {name: _strings(name, found[name], tokens) for name in names}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns have different numbers of values: {lengths}. Expected one for each row.")
    return columns


def _strings(name: str, values: Any, tokens: bool) -> pl.Series:
    import polars as pl

    listed = values.to_list() if isinstance(values, pl.Series) else list(values)
    strings: list[str | None] = []
    for index, value in enumerate(listed):
        if tokens and (isinstance(value, list | tuple | np.ndarray) or hasattr(value, "to_list")):
            strings.append(given_text(value, index))
            continue
        if isinstance(value, (list, dict, set, tuple, np.ndarray)) and value is not np.ma.masked:
            raise DataError(f"column {name!r}, row {index}: found {value!r}, expected a string or a number.")
        strings.append(None if is_missing(value) else str(value))
    return pl.Series(name, strings, dtype=pl.String)


def _present(column: pl.Series) -> pl.Series:
    """Values without white space around them; blank ones are null.

    The same value is the same whatever kind of file or frame it comes from: 3.0 is 3, and True is true.
    """
    import polars as pl

    stripped = column.cast(pl.String).str.strip_chars()
    stripped = stripped.str.replace(r"^([-+]?\d+)\.0+$", "${1}").str.replace("^(?i:true)$", "true")
    stripped = stripped.str.replace("^(?i:false)$", "false")
    return stripped.set(stripped == "", None)


def _numbers(present: pl.Series, decimal: str) -> pl.Series:
    """Numbers whose fraction is behind `decimal`, float64 (N,); null for what is none. 1.234,50 € is one by a comma."""
    import polars as pl

    bare = present.str.replace_all(_SIGNS, "")
    if decimal == ",":
        bare = bare.set(~bare.str.contains(_BY_COMMA), None).str.replace_all(".", "", literal=True)
        return bare.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    thousands = bare.set(~bare.str.contains(_BY_POINT), None).str.replace_all(",", "", literal=True)
    return bare.cast(pl.Float64, strict=False).fill_null(thousands.cast(pl.Float64, strict=False))


def _likeliest_decimals(present: pl.Series) -> Sequence[Literal[".", ","]]:
    """The decimal signs, first the one by which more values are numbers that are none by the other: 1.234.567, 1,5."""
    point, comma = (_numbers(present, decimal).is_not_null() for decimal in DECIMALS)
    return DECIMALS[::-1] if (comma & ~point).sum() > (point & ~comma).sum() else DECIMALS


def _dates(present: pl.Series, formats: Sequence[str]) -> pl.Series:
    """Dates and times by the first format that each value has, datetime (N,); null for what is none."""
    import polars as pl

    bare = present.str.replace(_ZONE, "${1}")
    found = pl.Series([None] * len(bare), dtype=pl.Datetime("us"))
    for date_format in formats:
        if found.null_count() == bare.null_count():
            break
        dates = bare.str.to_datetime(date_format, strict=False, time_unit="us")
        found = found.fill_null(dates.set(dates.dt.year() < FIRST_YEAR, None))
    return found


def _date_format(present: pl.Series) -> str | None:
    """The format of nearly all values, of several that of the most, then the first; None where they are no dates."""
    formats, n_dates = list(DATE_FORMATS), [0]
    for some in (present[:100], present):  # few formats are left for all values
        n_dates = [len(some) - _dates(some, [one]).null_count() for one in formats]
        formats = [one for one, n in zip(formats, n_dates, strict=True) if 2 * n > len(some)]
        n_dates = [n for n in n_dates if 2 * n > len(some)]
    if not formats or max(n_dates) < NEARLY_ALL * len(present):
        return None
    return formats[n_dates.index(max(n_dates))]


def _other_formats(date_format: str) -> list[str]:
    """Formats in which a value is the same day as in this one, if it is one in both: not month/day for day/month."""
    order = DATE_FORMATS.get(date_format, "")
    return [one for one, said in DATE_FORMATS.items() if not said or said[:3] == order[:3]]


def fit_columns(
    columns: Mapping[str, pl.Series], text: Sequence[str], side: Sequence[str], label: Sequence[str] = ()
) -> Columns:
    """The contract of a table: its side columns by their values.

    Raises: DataError as `SideColumn.fit`, SettingError for a column that is named twice.
    """
    check_once(text, side, label)
    fitted = tuple(SideColumn.fit(columns[name].alias(name)) for name in side)
    return Columns(text=tuple(text), label=tuple(label), side=fitted)
