"""A label that is a path, as billing/refund/late → the names of its levels. Strings alone: options are read with it."""

from __future__ import annotations

from bywords.errors import SettingError


def check_separator(separator: str) -> None:
    """Raise SettingError for what separates no levels."""
    if not separator:
        raise SettingError(
            f"the separator of the label hierarchy is {separator!r}, expected what is between levels, as '/' in a/b/c."
        )


def levels_of(label: str, separator: str) -> list[str]:
    """The names of its levels, without blanks around them."""
    padded = label if separator.isspace() else f" {label} "  # so that "a > " has an empty level behind " > "
    return [level.strip() for level in padded.split(separator)]


def tidied(label: str, separator: str) -> str:
    """A label without blanks around its levels; as it is where a level has no name."""
    levels = levels_of(label, separator)
    return separator.join(levels) if all(levels) else label
