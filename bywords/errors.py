"""What can go wrong, as exceptions that a caller can tell apart.

    BywordsError
    ├── DataError          a corpus, or a row of it, that cannot be read or used
    ├── VectorFileError    word vectors that cannot be read, or do not fit
    ├── SettingError       an argument or a setting with a value that cannot be
    └── ModelFolderError   a saved model that is missing, damaged or of another format

Every message says what happened, what was expected and what to do. The command line prints it as
it is and exits with 2; nothing else does.
"""

from collections.abc import Sequence


class BywordsError(ValueError):
    """The base of every error that bywords raises on purpose."""


class DataError(BywordsError):
    """A corpus, or a row of it, that cannot be read or used. Names the file and, where there is one, the line."""


class VectorFileError(BywordsError):
    """Word vectors that cannot be read or do not fit. Names the file and, where there is one, the line."""


class SettingError(BywordsError):
    """An argument or a setting with a value that cannot be. Names the setting and the values there are."""


class ModelFolderError(BywordsError):
    """A saved model that is missing, damaged or of another format. Names the file."""


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise SettingError when a setting is none of its choices."""
    if value not in choices:
        raise SettingError(f"{name} is {value!r}, expected {' or '.join(map(repr, choices))}.")
