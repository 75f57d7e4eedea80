"""What can go wrong: exceptions that a caller can tell apart.

    BywordsError
    ├── DataError          a corpus, or a row of it, that cannot be read or used
    ├── VectorFileError    word vectors that cannot be read, or do not fit
    ├── SettingError       an argument or a setting with an invalid value
    └── ModelFolderError   a saved model that is missing, damaged or of another format

Every message says what happened, what was expected and what to do. The command line prints it as
it is and exits with 2; nothing else does.
"""

import difflib
import itertools
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

LARGEST_SEED = 2**32 - 1
MOST_SEEDS = 1000
MOST_COMPARED = 10_000  # names, in search of the one that may be meant
MOST_SHOWN = 200  # characters of a name in a message


class BywordsError(ValueError):
    """The base of every error that bywords raises on purpose.

    >>> from bywords import BywordsError, load_classifier
    >>> try:
    ...     load_classifier("no-such-model")
    ... except BywordsError as error:
    ...     print(type(error).__name__)
    ModelFolderError
    """


class DataError(BywordsError):
    """A corpus, or a row of it, that cannot be read or used. Names the file and, where there is one, the line.

    >>> from bywords import DataError, load_dataset
    >>> try:
    ...     load_dataset("no-such-file.csv")
    ... except DataError as error:
    ...     print(str(error)[:47])
    no-such-file.csv: there is no such file or fold
    """


class VectorFileError(BywordsError):
    """Word vectors that cannot be read or do not fit. Names the file and, where there is one, the line.

    >>> from bywords import VectorFileError, load_vectors
    >>> try:
    ...     load_vectors("no-such-vectors.txt")
    ... except VectorFileError as error:
    ...     print("no-such-vectors.txt" in str(error))
    True
    """


class SettingError(BywordsError):
    """An argument or a setting with an invalid value. Names the setting and the valid values.

    >>> from bywords import SettingError, VocabularyConfig
    >>> try:
    ...     VocabularyConfig(min_count=0)
    ... except SettingError as error:
    ...     print(error)
    min_count is 0, expected 1 or more.
    """


class ModelFolderError(BywordsError):
    """A saved model that is missing, damaged or of another format. Names the file.

    >>> from bywords import ModelFolderError, load_classifier
    >>> try:
    ...     load_classifier("tickets.csv")
    ... except ModelFolderError as error:
    ...     print("tickets.csv" in str(error))
    True
    """


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> Any:
    """The value of a setting. Raises SettingError when it is none of its choices."""
    if not is_among(value, choices):
        raise SettingError(f"{name} is {shown(value)}, expected {' or '.join(map(repr, choices))}.")
    return value


def is_among(value: Any, choices: Iterable[Any]) -> bool:
    """Whether a value of any type is one of these strings or numbers; True and False are no numbers."""
    return any(
        isinstance(value, type(choice)) and isinstance(value, bool) == isinstance(choice, bool) and value == choice
        for choice in choices
    )


def shown(value: Any) -> str:
    """A value of any type for a message, on one line and not too long."""
    return " ".join(repr(value).split())[:100]


def check_kind(name: str, value: Any, kind: type | tuple[type, ...], expected: str) -> None:
    """Raise SettingError when a setting is of another kind of value; True and False are no numbers."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SettingError(f"{name} is {shown(value)} of type {type(value).__name__}, expected {expected}.")


def check_range(
    name: str,
    value: float | None,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> None:
    """Raise SettingError when a number is not within its bounds, or not a number; None is no number and passes."""
    if value is None:
        return
    expected = [
        text
        for text, bound, holds in (
            (f"more than {above}", above, above is not None and value > above),
            (f"{least} or more", least, least is not None and value >= least),
            (f"{most} or less", most, most is not None and value <= most),
            (f"less than {below}", below, below is not None and value < below),
        )
        if bound is not None and not holds
    ]
    if expected:
        raise SettingError(f"{name} is {value}, expected {' and '.join(expected)}.")


def check_seed(seed: Any) -> None:
    """Raise SettingError for what not every generator of random numbers can start from."""
    check_kind("seed", seed, Integral, f"a whole number from 0 to {LARGEST_SEED}")
    check_range("seed", seed, least=0, most=LARGEST_SEED)


def check_seeds(seeds: Iterable[int]) -> None:
    """Raise SettingError for more than MOST_SEEDS seeds, and for what is none."""
    for number, seed in enumerate(seeds):
        check_seed(seed)
        if number == MOST_SEEDS:
            raise SettingError(f"there are more than {MOST_SEEDS} seeds, each of which is a training. Give fewer.")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence, with a space before it, that offers the nearest of `names`; empty where none is near.

    Of very many names the first MOST_COMPARED are looked at, and none that is longer than MOST_SHOWN.
    """
    looked_at = itertools.islice(names, MOST_COMPARED)
    by_folded = {known.strip().casefold(): known for known in looked_at if len(known) <= MOST_SHOWN}
    wanted = name[: MOST_SHOWN + 1].strip().casefold()
    near = difflib.get_close_matches(wanted, by_folded, n=1) if len(name) <= MOST_SHOWN else []
    return f" Did you mean {by_folded[near[0]]!r}?" if near else ""


def quoted(names: Sequence[str], *, at_most: int = 30) -> str:
    """Names for a message: 'a', 'b', 'c'; of more than `at_most` the first ones and how many more there are.

    Of a name that is longer than MOST_SHOWN the beginning is shown.
    """
    shown = ", ".join(
        repr(name) if not isinstance(name, str) or len(name) <= MOST_SHOWN else f"{name[:MOST_SHOWN]!r}…"
        for name in names[:at_most]
    )
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"
