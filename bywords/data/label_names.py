"""The names of labels as files have them → without what nobody sees, under other names where asked, and what is odd."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bywords.data.label_paths import levels_of, tidied
from bywords.errors import SettingError, did_you_mean, quoted
from bywords.terminal import shell_words

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus

# Soft hyphen, zero-width space, marks of direction, word joiner, byte order mark; not what joins letters or emoji.
INVISIBLE = "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\ufeff"
MISSING = ("na", "n/a", "nan", "null", "none", "nil", "<na>", "undefined", "?", "-", "--")
ERRORS = ("#n/a", "#nv", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!")  # of spreadsheets
YES, NO = ("1", "true", "yes", "y", "t"), ("0", "false", "no", "n", "f")
SEPARATORS = ("|", ";", ",", "/", " ")  # that may stand between several labels in one
MANY_AMOUNTS, MANY_NUMBERS = 10, 50  # labels that are numbers: with fractions, or whole
FEW_OF_NUMBER = 5  # documents a label, on average, where whole numbers are amounts
PATH_SEPARATORS = ("/", " > ", ">", "::")  # that may stand between the levels of a label
FEWEST_PATHS = 4  # labels: of fewer, shared first parts may be chance
AT_MOST = 3  # named in a sentence


def cleaned(name: str) -> str:
    r"""A label in Unicode's form NFC, without invisible signs, blanks around it, or several blanks for one.

    >>> from bywords.data.label_names import cleaned
    >>> cleaned("\ufeff not  spam ")
    'not spam'
    """
    without = unicodedata.normalize("NFC", name).translate(dict.fromkeys(map(ord, INVISIBLE)))
    return " ".join(without.split())


def several_spellings(names: Mapping[str, str]) -> list[str]:
    """The labels that were written in more than one way, of names and what they are cleaned."""
    counts = Counter(names.values())
    return [name for name, count in sorted(counts.items()) if count > 1]


def warn_of_alike(names: Sequence[str]) -> None:
    """Warn of classes whose names look the same. Files are read without such differences; labels in Python stay."""
    if alike := several_spellings({name: cleaned(name) for name in names}):
        warnings.warn(
            f"there are several classes {quoted(alike, at_most=AT_MOST)}, apart by blanks, invisible signs or "
            "Unicode's form alone. If they mean the same, strip the labels.",
            stacklevel=4,
        )


def of_each_kind(remarks: Iterable[str]) -> list[str]:
    """Remarks on one block of documents after another; of a kind, which is what they say before a colon, the first."""
    kinds: dict[str, str] = {}
    for remark in remarks:
        kinds.setdefault(remark.partition(":")[0], remark)
    return list(kinds.values())


def asked_of(options: Sequence[str], names: Sequence[str], *, hierarchy: str | None = None) -> list[str]:
    """Those of the options OLD=NEW whose OLD is among `names`."""
    return [option for option in options if any(old in names for old, _ in _pairs(option, hierarchy))]


def parsed_mapping(options: Sequence[str], names: Sequence[str], *, hierarchy: str | None = None) -> dict[str, str]:
    """OLD=NEW of several options → a mapping of `names`, those that there are; a label may have an = of its own.

    Of labels that are paths, separated by `hierarchy`, both may have blanks around their levels.

    Raises: SettingError for one without an =, an OLD that there is not, and one that is given two names.
    """
    found: dict[str, str] = {}
    for option in options:
        pairs = _pairs(option, hierarchy)
        if not pairs or not any(new for _, new in pairs):
            raise SettingError(f"--map-label {option}: expected OLD=NEW, a label and the name it is to have.")
        old, new = next(((old, new) for old, new in pairs if old in names), pairs[0])
        if old not in names:
            near = did_you_mean(old, names)
            raise SettingError(
                f"--map-label {option}: there is no label {old!r}.{near} The labels are {quoted(names)}."
            )
        if found.get(old, new) != new:
            raise SettingError(f"--map-label gives {old!r} two names, {found[old]!r} and {new!r}. Give it one.")
        found[old] = new
    return found


def _pairs(option: str, hierarchy: str | None) -> list[tuple[str, str]]:
    """The two names in OLD=NEW, whichever = is meant, as labels are read."""
    parts = option.split("=")
    ways = [("=".join(parts[:at]), "=".join(parts[at:])) for at in range(1, len(parts))]
    pairs = [(cleaned(old), cleaned(new)) for old, new in ways]
    return pairs if hierarchy is None else [(tidied(old, hierarchy), tidied(new, hierarchy)) for old, new in pairs]


def remarks_on_labels(corpus: Corpus) -> list[str]:
    """What is odd about the labels of documents, a sentence each, with the option that helps."""
    counts = dict(zip(corpus.label_names, corpus.counts().tolist(), strict=True))
    are_paths = corpus.label_hierarchy is not None
    return [*corpus.remarks, *remarks_on_counts(counts, is_multilabel=corpus.is_multilabel, are_paths=are_paths)]


def remarks_on_counts(counts: Mapping[str, int], *, is_multilabel: bool, are_paths: bool) -> list[str]:
    """The same of how many documents have each label; of `are_paths` it is known that they are, and nothing is said."""
    counts = {name: count for name, count in counts.items() if count}
    same = [names for names in _yes_and_no(counts) if len({name.casefold() for name in names}) > 1]
    others = {name: count for name, count in counts.items() if not any(name in names for names in same)}
    odd = [*_one_of_several("Labels that may say the same, yes or no", same, counts)]
    odd += [*_capitals(others), *_same_numbers(counts), *_ends(counts), *_missing(counts)]
    paths = [] if are_paths else _paths(counts)
    odd += paths
    if not is_multilabel:
        odd += [] if paths or are_paths else _lists(counts)
        amounts = _amounts(counts)
        odd += amounts or _alone(counts)
    return odd


def _yes_and_no(counts: Mapping[str, int]) -> list[list[str]]:
    """The labels that say yes, and those that say no, the commonest first."""
    names = sorted(counts, key=lambda name: -counts[name])
    return [[name for name in names if name.casefold() in said] for said in (YES, NO)]


def _capitals(counts: Mapping[str, int]) -> list[str]:
    by_folded: dict[str, list[str]] = {}
    for name in sorted(counts, key=lambda name: -counts[name]):
        by_folded.setdefault(name.casefold(), []).append(name)
    return _one_of_several("Labels that differ only by capitals", by_folded.values(), counts)


def _same_numbers(counts: Mapping[str, int]) -> list[str]:
    """Of 1 and 1.0, of 3 and 03, and of 1000 and 1E+03, as spreadsheets write it."""
    by_number: dict[float, list[str]] = {}
    for name in sorted(counts, key=lambda name: -counts[name]):
        if re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,2})?", name):
            by_number.setdefault(float(name), []).append(name)
    return _one_of_several("Labels that are the same number", by_number.values(), counts)


def _one_of_several(what: str, alike: Iterable[list[str]], counts: Mapping[str, int]) -> list[str]:
    """A sentence where some names are alike, of which the commonest is first; nothing where none are."""
    groups = [names for names in alike if len(names) > 1]
    if not groups:
        return []
    options = [_option(other, names[0]) for names in groups[:AT_MOST] for other in names[1:]]
    named = "; ".join(" and ".join(f"{name!r} ({counts[name]:,})" for name in names) for names in groups[:AT_MOST])
    return [f"{what}: {named}{_more(groups)}. If they mean the same: {' '.join(options)}"]


def _missing(counts: Mapping[str, int]) -> list[str]:
    """Of what programs write where there is nothing."""
    found = [name for name in counts if name.casefold() in (*MISSING, *ERRORS)]
    if not found:
        return []
    options = shell_words(word for name in found[:AT_MOST] for word in ("--exclude-label", name))
    named = ", ".join(f"{name!r} ({counts[name]:,})" for name in found[:AT_MOST])
    return [
        f"Labels that are written where there is none: {named}{_more(found)}; each is a class. If it is a missing "
        f"label: {options}"
    ]


def _ends(counts: Mapping[str, int]) -> list[str]:
    slips = {name: name.strip(" ,;:") for name in counts if name.strip(" ,;:") not in ("", name)}
    if not slips:
        return []
    options = " ".join(_option(old, new) for old, new in list(slips.items())[:AT_MOST])
    named = ", ".join(f"{name!r} ({counts[name]:,})" for name in list(slips)[:AT_MOST])
    return [f"Labels that begin or end in a comma or the like: {named}{_more(slips)}. If that is a slip: {options}"]


def _lists(counts: Mapping[str, int]) -> list[str]:
    in_brackets = [name for name in counts if re.fullmatch(r"\[.*\]|\(.*,.*\)|\{.*\}", name)]
    found = {separator: _divided_by(separator, counts) for separator in SEPARATORS}
    best = max(SEPARATORS, key=lambda separator: len(found[separator]))
    if not in_brackets and len(found[best]) < 2:
        return []
    shown, separator = (in_brackets, "," if in_brackets else best) if in_brackets else (found[best], best)
    named = ", ".join(f"{name!r}" for name in shown[:AT_MOST])
    return [
        f"Labels that look like lists: {named}{_more(shown)}; each is a class of its own. If a document has several "
        f"labels: --label-separator {separator if separator == ',' else repr(separator)}"
    ]


def _paths(counts: Mapping[str, int]) -> list[str]:
    """Of labels that look like paths: most have a separator, first parts are shared, and are no parts further on."""
    for separator in PATH_SEPARATORS:
        paths = [levels_of(name, separator) for name in counts]
        several = [path for path in paths if len(path) > 1 and all(path)]
        first = Counter(path[0] for path in several)
        later = {level for path in several for level in path[1:]}
        if (
            len(several) >= max(FEWEST_PATHS, 2 / 3 * len(counts))
            and 2 * len(first) <= len(several)
            and not first.keys() & later
        ):
            named = ", ".join(repr(separator.join(path)) for path in several[:AT_MOST])
            return [
                f"Labels that look like paths: {named}{_more(several)}. To score each level, and to back off to a "
                f"higher one where the whole label is not sure: {shell_words(['--label-hierarchy', separator])}"
            ]
    return []


def _divided_by(separator: str, counts: Mapping[str, int]) -> list[str]:
    """The labels that hold a separator between parts that are in other labels too; none where most have parts of their
    own, as sentences have. Blanks stand between 0 and 1 alone.
    """
    if separator == " " and not all(re.fullmatch("[01]( [01])+", name) for name in counts):
        return []
    parts = {name: [part.strip() for part in name.split(separator)] for name in counts}
    n_labels_with = Counter(part for its in parts.values() for part in set(its))
    several = [name for name, its in parts.items() if len(its) > 1 and all(its)]
    known = [name for name in several if all(n_labels_with[part] > 1 for part in parts[name])]
    return known if 2 * len(known) >= len(several) else []


def _amounts(counts: Mapping[str, int]) -> list[str]:
    numbers = [float(name) for name in counts if re.fullmatch(r"[+-]?\d+([.,]\d+)?", name) and "," not in name]
    if len(numbers) < len(counts):
        return []
    has_fractions = any(not number.is_integer() for number in numbers)
    is_spread = len(numbers) >= MANY_NUMBERS and sum(counts.values()) < FEW_OF_NUMBER * len(numbers)
    if not (has_fractions and len(numbers) > MANY_AMOUNTS) and not is_spread:
        return []
    return [
        f"The labels are {len(numbers):,} different amounts, from {min(numbers):g} to {max(numbers):g}. Each is "
        "learned as a class of its own, whatever is more or less. If another column has the labels, name it: --label"
    ]


def _alone(counts: Mapping[str, int]) -> list[str]:
    alone = [name for name, count in counts.items() if count == 1]
    if not alone:
        return []
    named = ", ".join(f"{name!r}" for name in alone[:AT_MOST])
    which = (
        f"{len(alone):,} of {len(counts):,} labels have one document each"
        if len(alone) > 1
        else "One label has one document"
    )
    return [f"{which}, which cannot be learned and tested both: {named}{_more(alone)}."]


def _option(old: str, new: str) -> str:
    return shell_words(["--map-label", f"{old}={new}"])


def _more(found: Sequence[object] | Mapping[str, object]) -> str:
    return f" and {len(found) - AT_MOST:,} more" if len(found) > AT_MOST else ""
