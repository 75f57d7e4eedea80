"""A file's URL in an object store → a local copy, fetched block by block while it is read; a local file → a store.

    s3://bucket/key.csv   gs://…   az://…   memory://…   several by * and ?
    https://host/name.csv                                 one

`copy_of` says where a copy lies: under a folder that goes with the process, as the URL is written. Nothing is fetched
before `opened` or `fetched` ask for it, and then once, however often it is read. Copies stay while there is room: those
that nobody reads make way for new ones. What they are called for a person, their URL, says `shown`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bywords.errors import BywordsError, DataError, SettingError
from bywords.extras import needed

PACKAGES = {  # scheme → what opens it, beside fsspec
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
    "memory": "",
}
WEB = ("http", "https")  # where names have no patterns, and nothing is written
FETCH_BYTES = 1 << 23  # at a time
AHEAD_BYTES = 1 << 26  # of what is read, at most: workers may read the rest
SPARE_BYTES = 1 << 26  # of the disk, that copies leave free
_URL = re.compile(rf"({'|'.join(PACKAGES)}):/{{1,2}}([^/].*)", re.DOTALL)  # a Path writes one slash for two
_CREDENTIALS = {
    "s3fs": "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; of a public bucket FSSPEC_S3_ANON=true",
    "gcsfs": "GOOGLE_APPLICATION_CREDENTIALS; of a public bucket FSSPEC_GS_TOKEN=anon",
    "adlfs": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_SIGN = "\x01"  # before what is no name of a file by itself
_queries: dict[str, str] = {}  # of URLs, by what stands for them in a path
_copies: dict[Path, _Copy] = {}  # the oldest first
_lock = threading.RLock()


def is_url(name: object) -> bool:
    """Whether a name is a URL of a store that may be read."""
    return _URL.fullmatch(str(name)) is not None


def may_be_pattern(name: str) -> bool:
    """Whether signs of a pattern in a name may be such: in a web address they are signs like any others."""
    return scheme_of(name) not in WEB


def scheme_of(name: object) -> str:
    """`s3` of s3://bucket/key; empty for what is no URL."""
    found = _URL.fullmatch(str(name))
    return "" if found is None else found[1]


def copy_of(url: str) -> Path:
    """Where the local copy of a URL is, or would be."""
    scheme, rest = _parts(url)
    rest, sign, query = rest.partition("?") if scheme in WEB else (rest, "", "")
    *folders, name = [_as_component(part) for part in rest.split("/")]
    if sign:
        import hashlib  # not where a command shows its help

        key = f"{_SIGN}{hashlib.sha256(query.encode()).hexdigest()[:16]}"
        _queries[key] = query
        folders.append(key)
    return _folder().joinpath(scheme, *folders, name)


def url_of(path: Path | str) -> str | None:
    """The URL that a path is the copy of; None where it is none."""
    return _of_copy(path, with_query=True)


def shown(path: Path | str) -> str:
    """What a file is called for a person; a query, which may hold a signature, is not told."""
    return _of_copy(path, with_query=False) or str(path)


def exists(path: Path) -> bool:
    """Whether there is such a file here, or in the store that it is a copy of. Raises DataError as `size_of`."""
    url = url_of(path)
    if url is None:
        return path.exists()
    with _errors(url):
        try:
            return bool(_info(url)["type"] == "file")
        except FileNotFoundError:
            return False


def size_of(path: Path) -> int:
    """Bytes of a file, here or in its store; 0 where that is not known.

    Raises: DataError where there is none in the store, or it cannot be reached.
    """
    url = url_of(path)
    if url is None:
        return path.stat().st_size if path.is_file() else 0
    with _errors(url):
        return int(_info(url).get("size") or 0)


def version_of(path: Path) -> str:
    """What changes when a file in a store does: its size, and what the store says of its content."""
    url = url_of(path)
    assert url is not None
    with _errors(url):
        info = _info(url)
    marks = (info.get(name) for name in ("size", "ETag", "etag", "content_md5", "md5Hash", "LastModified", "created"))
    return " ".join(str(mark) for mark in marks if mark is not None)


def matching(pattern: str) -> list[str]:
    """The URLs that a pattern with * or ? has, sorted. Raises DataError where the store cannot be reached."""
    with _errors(pattern):
        files, name = _file_system(pattern)
        found = files.glob(name, detail=True)
    scheme = scheme_of(pattern)
    return sorted(f"{scheme}://{path.lstrip('/')}" for path, info in found.items() if info["type"] == "file")


def opened(path: Path) -> io.BufferedReader:
    """The copy to read, from its beginning on; what has not arrived yet is waited for.

    Raises: DataError where there is no such file in the store, it cannot be reached, or there is no room for a copy.
    """
    return io.BufferedReader(_Arriving(path))


@contextlib.contextmanager
def fetched(path: Path) -> Iterator[None]:
    """A whole copy, in the block. Nothing has to be fetched of what is no copy. Raises DataError as `opened`."""
    if url_of(path) is None:
        yield
        return
    with _Arriving(path) as file:
        file.copy.wait_for(None)
        yield


def share_arrived() -> tuple[str, float] | None:
    """What is being fetched, and how much of it is there, 0 to 1; None where nothing is."""
    coming = [copy for copy in list(_copies.values()) if not copy.is_done]
    if not coming or not coming[-1].size:
        return None
    return shown(coming[-1].path), coming[-1].n_bytes / coming[-1].size


def check_target(url: str) -> None:
    """Raise SettingError where no file can be written to a URL, as far as that can be known before."""
    if scheme_of(url) in WEB:
        raise SettingError(f"{url}: cannot be written: it is an address of the web. Give a file, or s3://bucket/key.")
    bucket, _, key = _parts(url)[1].partition("/")
    if not key or key.endswith("/"):
        raise SettingError(f"{url}: cannot be written: expected a bucket and a name, as in s3://bucket/labelled.csv.")
    with _errors(url, error=SettingError):
        files, _ = _file_system(url)
        if scheme_of(url) != "memory" and not files.exists(bucket):
            raise FileNotFoundError(bucket)


def put(source: Path, url: str) -> None:
    """Send a file to a store, where it appears as a whole or not at all. Raises SettingError where it cannot."""
    with _errors(url, error=SettingError):
        files, name = _file_system(url)
        files.put_file(str(source), name)  # a large one in parts, which the store puts together at the end
        files.invalidate_cache()
        n_there, n_bytes = int(files.info(name)["size"]), source.stat().st_size
    _info.cache_clear()
    if n_there != n_bytes:
        raise SettingError(f"{url}: {n_there:,} bytes of {n_bytes:,} have arrived. Try again.")


def read_range(url: str, start: int, stop: int) -> bytes:
    """Some bytes of a file in a store. Raises DataError where it does not have them, or cannot be reached."""
    with _errors(url):
        files, name = _file_system(url)
        data = files.cat_file(name, start=start, end=stop) if stop > start else b""
    if len(data) != stop - start:
        raise DataError(f"{url}: {len(data):,} bytes came from offset {start}, expected {stop - start:,}.")
    return data


class _Copy:
    """A copy that grows until it is whole."""

    def __init__(self, url: str, path: Path) -> None:
        self.url, self.path = url, path
        self.n_readers = self.n_bytes = 0
        self.is_done = self.is_dropped = False
        self._n_asked: float = 0  # bytes, from the beginning on
        self._problem: BywordsError | None = None
        self._grown = threading.Condition()
        with _errors(url):
            info = _info(url)
            if info["type"] != "file":
                raise DataError(f"{url} is a folder, expected a file: name those in it, as in {url.rstrip('/')}/*.csv.")
            files, name = _file_system(url)
            self.size = None if info.get("size") is None else int(info["size"])
        _make_room(url, self.size or 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(self.size or 0)  # what asks how large the file is gets the answer
        threading.Thread(target=self._fetch, args=(url, files, name), daemon=True).start()

    def wait_for(self, n_bytes: int | None) -> None:
        """Return when so many are there, or all. Raises DataError where they do not come."""
        self.ask_for(self.size if n_bytes is None else n_bytes)
        with self._grown:
            while not self.is_done and (n_bytes is None or self.size is None or self.n_bytes < n_bytes):
                self._grown.wait(1.0)  # so that Ctrl-C is heard
        if self._problem is not None:
            raise self._problem

    def ask_for(self, n_bytes: int | None) -> None:
        """Fetch so many, and some more; None for all."""
        wanted = float("inf") if n_bytes is None else n_bytes
        with self._grown:
            if wanted > self._n_asked:
                self._n_asked = wanted
                self._grown.notify_all()

    def is_far(self, offset: int) -> bool:
        """Whether much would have to be fetched before a byte comes that can be asked for alone."""
        is_near = self.is_done or offset <= max(self.n_bytes, self._n_asked) + AHEAD_BYTES
        return not is_near and scheme_of(self.url) not in WEB

    def drop(self) -> None:
        """Fetch no more."""
        with self._grown:
            self.is_dropped = True
            self._grown.notify_all()

    def _is_paused(self) -> bool:
        is_ahead = self.n_bytes > self._n_asked + AHEAD_BYTES
        return is_ahead and self.size is not None and scheme_of(self.url) not in WEB  # which would hang up

    def _fetch(self, url: str, files: Any, name: str) -> None:
        problem: BywordsError | None = None
        try:
            with _errors(url), files.open(name, "rb", block_size=FETCH_BYTES) as source, self.path.open("r+b") as file:
                while block := source.read(FETCH_BYTES):
                    file.write(block)
                    file.flush()
                    with self._grown:
                        self.n_bytes += len(block)
                        self._grown.notify_all()
                        while self._is_paused() and not self.is_dropped:
                            self._grown.wait()
                    if self.is_dropped:
                        break
            if not self.is_dropped and self.size is not None and self.n_bytes != self.size:
                problem = DataError(f"{url}: {self.n_bytes:,} bytes of {self.size:,} have arrived. Try again.")
        except BywordsError as error:
            problem = error
        with self._grown:
            self._problem, self.is_done = problem, True
            self._grown.notify_all()


class _Arriving(io.RawIOBase):
    """The bytes of a copy, each when it is there."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        url = url_of(path)
        assert url is not None
        with _lock:
            copy = _copies.get(path)
            if copy is None or copy._problem is not None:
                _copies.pop(path, None)
                copy = _copies[path] = _Copy(url, path)
            copy.n_readers += 1
        self.copy = copy
        self._file = path.open("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self.copy.size is None:
            self.copy.wait_for(None)
        return self._file.fileno()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END and self.copy.size is None:
            self.copy.wait_for(None)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, target: Any) -> int:
        at, size = self._file.tell(), self.copy.size
        wanted = len(target) if size is None else max(0, min(len(target), size - at))
        if size is not None and (not wanted or self.copy.is_far(at)):  # others have read what is before
            memoryview(target)[:wanted] = read_range(self.copy.url, at, at + wanted)
            self._file.seek(at + wanted)
            return wanted
        self.copy.ask_for(at + wanted)
        if size is None or at + wanted > self.copy.n_bytes:
            self.copy.wait_for(at + min(wanted, 1))
            if size is not None:
                wanted = min(wanted, self.copy.n_bytes - at)
        return self._file.readinto(memoryview(target)[:wanted]) or 0

    def close(self) -> None:
        if not self.closed:
            with _lock:
                self.copy.n_readers -= 1
            self._file.close()
        super().close()


def _make_room(url: str, n_bytes: int) -> None:
    """Drop the oldest copies that nobody reads while all take more than half of the disk, or one more has no room."""
    folder = _folder()
    for path, copy in list(_copies.items()):
        n_kept = sum(path.stat().st_size for path in _copies)
        free = shutil.disk_usage(folder).free - sum(
            (one.size or 0) - one.n_bytes for one in _copies.values() if not one.is_done
        )
        if n_kept + n_bytes <= (free + n_kept) / 2:
            break
        if not copy.n_readers:
            copy.drop()
            path.unlink(missing_ok=True)
            del _copies[path]
    if (free := shutil.disk_usage(folder).free) < n_bytes + SPARE_BYTES:
        raise DataError(
            f"{url}: no room for a copy: it has {n_bytes / 1e6:,.1f} MB, and {folder.parent} has {free / 1e6:,.1f} MB "
            "left. Make room, or set TMPDIR to a folder of another disk."
        )


@contextlib.contextmanager
def _errors(url: str, *, error: type[BywordsError] = DataError) -> Iterator[None]:
    """Raise an `error` that says which URL it is and why, for whatever a store may raise."""
    try:
        yield
    except (BywordsError, MemoryError):
        raise
    except Exception as reason:  # each of the packages has its own
        scheme, named = scheme_of(url), _of_copy(copy_of(url), with_query=False)
        package, kind = PACKAGES[scheme], type(reason).__name__
        said = " ".join(str(reason).split())[:200]
        if isinstance(reason, ImportError):
            raise SettingError(
                f"{named}: {scheme}:// needs the package {package}, which cannot be imported ({said}): pip install "
                f"{package}"
            ) from reason
        if isinstance(reason, FileNotFoundError):
            raise error(f"{named}: there is no such bucket or file in the store. Check its name.") from reason
        how = f"set {_CREDENTIALS[package]}" if package in _CREDENTIALS else "check that it may be read"
        if "Credential" in kind or "credential" in said:
            raise error(f"{named}: there are no credentials for the store ({said}): {how}.") from reason
        if isinstance(reason, PermissionError) or getattr(reason, "status", None) in (401, 403):
            raise error(f"{named}: the store refuses it with these credentials ({said}): {how}.") from reason
        raise error(
            f"{named}: the store cannot be reached, or does not answer as it should ({kind}: {said}). Check the "
            f"network{', and AWS_ENDPOINT_URL' if package == 's3fs' else ''}, and try again."
        ) from reason


def _file_system(url: str) -> tuple[Any, str]:
    """What reads a store, and what the file is called there."""
    fsspec = needed("fsspec", what=f"{scheme_of(url)}://, the URL of a store,")
    files, name = fsspec.core.url_to_fs("{}://{}".format(*_parts(url)))
    return files, name


@functools.cache
def _info(url: str) -> dict[str, Any]:
    files, name = _file_system(url)
    return files.info(name)


def _parts(url: str) -> tuple[str, str]:
    found = _URL.fullmatch(url)
    assert found is not None
    return found[1], found[2]


def _of_copy(path: Path | str, *, with_query: bool) -> str | None:
    if _root is None or not Path(path).is_relative_to(_root):
        return None
    scheme, *parts = Path(path).relative_to(_root).parts
    query = [_queries[part] for part in parts if part in _queries]
    url = f"{scheme}://" + "/".join(part.removeprefix(_SIGN) for part in parts if part not in _queries)
    return f"{url}?{query[0]}" if query and with_query else url


def _as_component(part: str) -> str:
    """A part of a URL as the name of a folder or file, from which it can be told again."""
    return f"{_SIGN}{part}" if part in ("", ".", "..") else part


_root: Path | None = None


def _folder() -> Path:
    """Where copies are, of this process alone."""
    global _root
    with _lock:
        if _root is None:
            _root = Path(tempfile.mkdtemp(prefix="bywords-stores-"))
            atexit.register(shutil.rmtree, _root, ignore_errors=True)
        return _root
