"""A folder with a folder for each class, on the disk or in an archive → texts and labels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from bywords.errors import DataError
from bywords.io import stores
from bywords.io.archives import Archive, expanded, is_pattern, split_member
from bywords.io.encodings import check_encoding
from bywords.io.formats import TABLE_ENDINGS, format_ending
from bywords.io.streams import Skipped, archive_of, decode, open_input

UNLABELLED = ("unsup", "unlabeled", "unlabelled")  # what folders of documents without a class are called


class FolderTexts(NamedTuple):
    """The documents of a folder in the order of class and file names."""

    texts: list[str]
    labels: list[str]


def read_folder(
    path: Path, *, encoding: str | None = None, skipped: Skipped | None = None, exclude: Collection[str] = ()
) -> FolderTexts:
    """Read one document a file. Files beside the class folders are not documents; nor are hidden ones.

    The class folders in `exclude` are not read. With `skipped`, files that cannot be read are counted there.
    Raises: DataError where a class folder is empty or has folders in it, and where there are no class folders.
    """
    documents = FolderTexts([], [])
    for class_name, name, shown, read in _files(path):
        if class_name in exclude:
            continue
        if (ending := format_ending(Path(name))) in TABLE_ENDINGS:
            raise DataError(
                f"{shown} is a table, and would be read as one document of the class {class_name!r}. Give the table "
                f"itself, or several: {shown.removesuffix(name)}*{ending}."
            )
        try:
            text = _text(read(), shown, encoding)
        except DataError as error:
            if skipped is None:
                raise
            skipped.add(f"{class_name}/{name}", str(error))
            continue
        documents.texts.append(text)
        documents.labels.append(class_name)
    if not documents.texts:
        raise DataError(f"{stores.shown(path)} has no folders in it: expected one folder a class, one file a document.")
    return documents


def is_folder_of_classes(path: Path) -> bool:
    """Whether it is a folder, or an archive with class folders and not one file that is meant."""
    if path.is_dir():
        return True
    archive, member = split_member(path)
    if stores.url_of(archive) is None and not archive.is_file():
        return False
    with archive_of(archive) as opened:
        return opened is not None and _classes(opened, member) is not None


def matching(pattern: str) -> list[str]:
    """The files that a pattern with * or ? has, on the disk, in an archive or in an object store, sorted."""
    archive, member = split_member(expanded(pattern))
    if member is not None and not is_pattern(str(archive)) and stores.exists(archive):
        with archive_of(archive) as opened:
            found = [] if opened is None else opened.matching(member)
        return [f"{stores.url_of(archive) or archive}:{name}" for name in found]
    if stores.is_url(pattern):
        return stores.matching(pattern)
    path = expanded(pattern)
    root = Path(path.anchor) if path.is_absolute() else Path()
    found = sorted(str(one) for one in root.glob(str(path.relative_to(root))))
    return [one for one in found if Path(one).is_file()] or found


def _text(data: bytes, shown: str, encoding: str | None) -> str:
    if encoding is None:
        return decode(data, shown)
    try:
        return data.decode(check_encoding(encoding)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{shown}: the byte at offset {error.start} is not {encoding}. Say another --encoding."
        ) from error


_File = tuple[str, str, str, Callable[[], bytes]]


def _files(path: Path) -> Iterator[_File]:
    """Class, name, name for messages, and what reads it, for each file."""
    if path.is_dir():
        yield from _files_on_disk(path)
        return
    archive, member = split_member(path)
    with archive_of(archive) as opened:
        if opened is None:
            return
        for class_name, names in (_classes(opened, member) or {}).items():
            for name in names:
                yield class_name, name.rpartition("/")[2], f"{stores.shown(archive)}:{name}", opened.read(name)


def _classes(archive: Archive, member: str | None) -> dict[str, list[str]] | None:
    """The class folders that are meant: where one file is, none are."""
    if member in archive.names or (member is None and len(archive.names) == 1):
        return None
    return archive.folder(member)


def _files_on_disk(folder: Path) -> Iterator[_File]:
    for class_folder in _visible(folder):
        if not class_folder.is_dir():
            continue
        files = _visible(class_folder)
        if not files:
            raise DataError(
                f"{class_folder} is empty: expected the documents of the class, one a file. Remove it if none."
            )
        for file in files:
            if file.is_dir():
                raise DataError(
                    f"{file} is a folder, expected a file with one document. "
                    "Give the folder that holds the class folders."
                )
            yield class_folder.name, file.name, str(file), functools.partial(_bytes_of, file)


def _bytes_of(path: Path) -> bytes:
    with open_input(path) as file:
        return file.read()


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read: {error.strerror}. Check its permissions.") from error
