"""What does a command do with an input that is huge in one way? An answer or one clear refusal, within a minute and 4 GB.

Each case is a file that is made in a temporary folder, and a whole command as a user starts it. It holds if the command
answers with exit code 0, or refuses with exit code 2 and one line, in MOST_SECONDS of the processor and MOST_MEGABYTES.
`python benchmarks/load_limits.py columns text` runs the cases whose names have one of these words in them; what the
others came to stays as it is written.
"""

# ruff: noqa: E501, UP031 - the table has a case in each line, and JSON has braces

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from measure import RESULTS, read_result, write_result

from bywords.extras import needed

MOST_SECONDS, MOST_MEGABYTES = 60, 4096
MB = 1 << 20
WORDS = ("moon", "rocket", "orbit", "star"), ("car", "engine", "wheel", "oil")
LABELS = ("space", "motor")


@dataclass(frozen=True)
class Case:
    """An input and what is done with it: `arguments` have FILE for the file of this `ending`, and MODEL."""

    name: str
    ending: str
    make: Callable[[Path], object]
    arguments: str
    refused: str = ""  # words of the refusal; empty where there is an answer


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int | str
    said: str  # the last line that it wrote
    seconds: float
    processor_seconds: float
    megabytes: float  # resident, at the peak


def text(row: int, n_words: int = 6) -> str:
    """A text of the class row % 2."""
    drawn = random.Random(row)
    return " ".join(drawn.choices(WORDS[row % 2], k=n_words))


def lines(rows: Iterable[str]) -> Callable[[Path], object]:
    """What writes a file of these lines."""

    def make(path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in rows)

    return make


def labelled(rows: Iterable[tuple[str, str]]) -> Callable[[Path], object]:
    """What writes a csv of texts and labels without commas or quotes."""
    return lines(f"{one},{label}" for one, label in _with_header(rows))


def _with_header(rows: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    yield "text", "label"
    yield from rows


def small(n_rows: int = 200) -> Iterable[tuple[str, str]]:
    """Texts that tell space from motor."""
    return ((text(row), LABELS[row % 2]) for row in range(n_rows))


def beside(long: Callable[[], str]) -> Callable[[Path], object]:
    """A labelled csv with one text that is made by `long`."""

    def rows() -> Iterable[tuple[str, str]]:
        yield from small()
        yield long(), LABELS[0]

    return lambda path: labelled(rows())(path)


def wide(n_columns: int, n_rows: int = 1) -> Callable[[Path], object]:
    """A csv with text, label and others."""

    def rows() -> Iterable[str]:
        yield ",".join(["text", "label", *(f"c{index}" for index in range(n_columns))])
        for row in range(n_rows):
            yield ",".join([text(row), LABELS[row % 2], *(["1"] * n_columns)])

    return lambda path: lines(rows())(path)


def bomb(ending: str, gigabytes: int, sign: bytes = b"\0") -> Callable[[Path], object]:
    """A small file of so many of one sign, as .gz or in a .zip."""
    block = sign * (16 * MB)

    def make(path: Path) -> None:
        if ending == "gz":
            member = gzip.compress(block)  # members one after the other are one file
            path.write_bytes(member * (gigabytes * 64))
            return
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped,
            zipped.open("a.csv", "w", force_zip64=True) as file,
        ):
            for _ in range(gigabytes * 64):
                file.write(block)

    return make


def nested_archive(path: Path) -> None:
    """A zip in a zip in a zip."""
    content, name = b"text,label\n" + b"a,b\n" * 1000, "a.csv"
    for level in range(10):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr(name, content)
        content, name = stream.getvalue(), f"{level}.zip"
    path.write_bytes(content)


def many_members(path: Path) -> None:
    """A zip of 100,000 files."""
    with zipfile.ZipFile(path, "w") as zipped:
        for index in range(100_000):
            zipped.writestr(f"{index}.txt", b"")


def spreadsheet(n_rows: int, n_columns: int, cell: str = "1") -> Callable[[Path], object]:
    """An .xlsx with text, label and others."""

    def make(path: Path) -> None:
        book = needed("xlsxwriter", what="a spreadsheet").Workbook(
            path, {"constant_memory": True, "tmpdir": str(path.parent)}
        )
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["text", "label", *(f"c{index}" for index in range(n_columns - 2))])
        for row in range(n_rows - 1):
            sheet.write_row(row + 1, 0, [text(row), LABELS[row % 2], *([cell] * (n_columns - 2))])
        book.close()

    return make


def parquet(make_frame: Callable[[], pl.DataFrame], **options: Any) -> Callable[[Path], object]:
    """A .parquet of a frame."""
    return lambda path: make_frame().write_parquet(path, **options)


def huge_strings() -> pl.DataFrame:
    """One string of 200 MB that 40 rows share, as a dictionary makes possible."""
    values = pl.Series("text", ["moon rocket " * (16 * MB)], dtype=pl.String)
    return pl.DataFrame({"text": pl.concat([values] * 40), "label": ["space", "motor"] * 20})


def distinct_words(n_words: int) -> str:
    """As many different words."""
    return " ".join(f"w{index}" for index in range(n_words))


def vectors(n_words: str, dimension: str, rows: Iterable[str]) -> Callable[[Path], object]:
    """A text file of word vectors with a header."""
    return lambda path: lines([f"{n_words} {dimension}", *rows])(path)


def binary_vectors(header: bytes) -> Callable[[Path], object]:
    """A binary file of word vectors whose header says too much."""
    return lambda path: path.write_bytes(header + b"\nmoon " + b"\0" * 400)


TRAIN, PREDICT = "train FILE --out OUT", "predict MODEL FILE --out OUT.csv"

CASES = [
    Case("100,000 columns, 1 row", ".csv", wide(100_000), "predict MODEL FILE --out OUT.csv"),
    Case("100,000 columns, 200 rows", ".csv", wide(100_000, 200), TRAIN),
    Case("100,000 columns without a name that is known", ".csv", lambda p: lines([",".join(f"c{i}" for i in range(100_000)), ",".join(["x"] * 100_000)])(p), TRAIN, "cannot tell"),
    Case("100,000 columns, a name that is not there", ".csv", wide(100_000, 20), f"{TRAIN} --label c100001", "no column"),
    Case("100,000 columns of one name", ".csv", lambda p: lines([",".join(["text", "label", *["c"] * 100_000]), ",".join(["x"] * 100_002)])(p), TRAIN, "two columns"),
    Case("100,000 columns, named beside the text: 200", ".csv", wide(100_000, 200), " ".join([TRAIN, *(f"--column c{i}" for i in range(200))])),
    Case("one text of 200 MB of known words", ".csv", beside(lambda: "moon rocket orbit star " * (200 * MB // 23)), TRAIN),
    Case("one text of 200 MB of known words, predicted", ".txt", lambda p: lines(["moon rocket orbit star " * (200 * MB // 23)])(p), PREDICT),
    Case("one text of 200 MB of known words, explained", ".txt", lambda p: lines(["moon rocket orbit star " * (200 * MB // 23)])(p), "explain MODEL FILE --out OUT.html"),
    Case("one text of 200 MB, one sign repeated", ".txt", lambda p: lines(["a" * (200 * MB)])(p), PREDICT),
    Case("one text of 200 MB of different words", ".csv", beside(lambda: distinct_words(22_000_000)), TRAIN),
    Case("one text of 200 MB of combining marks", ".txt", lambda p: lines(["a" + "\u0301" * (100 * MB)])(p), PREDICT),
    Case("one text of 200 MB of backslashes and tabs", ".txt", lambda p: lines(["\\\t" * (100 * MB)])(p), PREDICT),
    Case("one word of 50 MB among 200 texts", ".csv", beside(lambda: "moon" * (50 * MB // 4)), TRAIN),
    Case("100,000 labels of 1 document each", ".csv", lambda p: labelled((text(i), f"l{i}") for i in range(100_000))(p), TRAIN, "class"),
    Case("100,000 labels of 2 documents each", ".csv", lambda p: labelled((f"w{i // 2} {text(i)} t{i}", f"l{i // 2}") for i in range(200_000))(p), TRAIN, "classes"),
    Case("1,000 labels of 20 documents each", ".csv", lambda p: labelled((f"w{i // 20} {text(i)} t{i}", f"l{i // 20}") for i in range(20_000))(p), TRAIN),
    Case("labels of 1 MB", ".csv", lambda p: labelled((text(i), str(i % 2) * MB) for i in range(20))(p), TRAIN, "bytes"),
    Case("100,000 labels in a comparison", ".csv", lambda p: labelled((text(i), f"l{i // 2}") for i in range(200_000))(p), "compare FILE --out OUT", "class"),
    Case("the text column as the label", ".csv", lambda p: labelled((f"{text(i)} t{i}", f"{text(i)} t{i}") for i in range(100_000))(p), TRAIN, "class"),
    Case("50,000 labels in one row", ".jsonl", lambda p: lines(['{"text": "%s", "labels": ["%s"]}' % (text(i), LABELS[i % 2]) for i in range(200)] + ['{"text": "moon", "labels": [%s]}' % ", ".join(f'"l{i}"' for i in range(50_000))])(p), TRAIN),
    Case("100,000 labels, 100,000 documents of several", ".csv", lambda p: labelled((text(i), f"l{i}|l{i // 2}") for i in range(100_000))(p), f"{TRAIN} --label-separator |", "labels"),
    Case("10 million lines of one word, to label", ".txt", lambda p: p.write_bytes(b"moon\nengine\nrocket\noil\n" * 2_500_000), PREDICT),
    Case("10 million lines of one word, to learn from", ".txt", lambda p: p.write_bytes(b"__label__space moon\n__label__motor oil\n" * 5_000_000), TRAIN),
    Case("10 million words counted", ".txt", lambda p: p.write_bytes(b"".join(b"__label__a w%d\n" % i for i in range(10_000_000))), "vocab FILE"),
    Case("5 million empty lines", ".csv", lambda p: p.write_bytes(b"text,label\n" + b"\n" * 5_000_000 + b"moon,space\nstar,space\ncar,motor\noil,motor\n" * 20), TRAIN),
    Case("a row of 200 MB, quotes not closed", ".csv", lambda p: p.write_bytes(b'text,label\n"moon,space\n' + b"moon rocket,space\ncar engine,motor\n" * 6_000_000), TRAIN, "not closed"),
    Case("a row of 200 MB, quotes not closed, to label", ".csv", lambda p: p.write_bytes(b'text,label\n"moon,space\n' + b"moon rocket,space\ncar engine,motor\n" * 6_000_000), PREDICT, "not closed"),
    Case("an object of 200 MB in a line", ".jsonl", lambda p: lines(['{"text": "%s", "label": "space"}' % ("moon " * (40 * MB))])(p), PREDICT),
    Case("an object of 100,000 keys", ".jsonl", lambda p: lines(['{"text": "moon", "label": "space", %s}' % ", ".join(f'"k{i}": {i}' for i in range(100_000))] * 20)(p), PREDICT),
    Case("100,000 brackets", ".jsonl", lambda p: lines(['{"text": ' + "[" * 100_000])(p), PREDICT, "not JSON"),
    Case("20,000 objects with a key of their own", ".jsonl", lambda p: lines('{"text": "%s", "label": "%s", "k%d": 1}' % (text(i), LABELS[i % 2], i) for i in range(20_000))(p), TRAIN),
    Case("100,000 categories beside the text", ".csv", lambda p: lines(["text,label,c", *(f"{text(i)},{LABELS[i % 2]},v{i % 100_000}" for i in range(200_000))])(p), f"{TRAIN} --column c"),
    Case("a spreadsheet of 16,384 columns", ".xlsx", spreadsheet(100, 16_384), PREDICT),
    Case("a spreadsheet of 1,048,576 rows", ".xlsx", spreadsheet(1_048_576, 2), PREDICT),
    Case("a spreadsheet with cells of 32,767 signs", ".xlsx", spreadsheet(1000, 3, "moon " * 6553), PREDICT),
    Case("10 GB of zeros in a .gz", ".csv.gz", bomb("gz", 10), TRAIN, "compressed"),
    Case("10 GB of zeros in a .gz, to label", ".txt.gz", bomb("gz", 10), PREDICT, "longer than"),
    Case("10 GB of empty lines in a .gz", ".txt.gz", bomb("gz", 10, b"\n"), TRAIN, "compressed"),
    Case("2 GB of zeros in a .zip", ".zip", bomb("zip", 2), TRAIN, "compressed"),
    Case("a .zip in a .zip in a .zip", ".zip", nested_archive, TRAIN, "archive"),
    Case("a .zip of 100,000 files", ".zip", many_members, TRAIN, "files"),
    Case("Parquet with 40 texts of 200 MB", ".parquet", parquet(huge_strings), PREDICT, ""),
    Case("Parquet of 10 million rows", ".parquet", parquet(lambda: pl.DataFrame({"text": pl.Series(["moon", "oil"] * 5_000_000)})), PREDICT),
    Case("Parquet of 20,000 columns", ".parquet", parquet(lambda: pl.DataFrame({"text": ["moon"], **{f"c{i}": [1] for i in range(20_000)}})), PREDICT),
    Case("Parquet of 20,000 row groups", ".parquet", parquet(lambda: pl.DataFrame({"text": ["moon rocket"] * 20_000}), row_group_size=1), PREDICT),
    Case("100,000 equal texts, audited", ".csv", lambda p: labelled(("moon rocket orbit star and more", LABELS[i % 2]) for i in range(100_000))(p), "audit FILE --out OUT"),
    Case("100,000 texts that share a rare word, audited", ".csv", lambda p: labelled((f"zyzzyva {text(i, 3)} a{i} b{i}", LABELS[i % 2]) for i in range(100_000))(p), "audit FILE --out OUT"),
    Case("20,000 texts that differ in one word, audited", ".csv", lambda p: labelled((f"what is the capital of the country of c{i} today please", LABELS[i % 2]) for i in range(20_000))(p), "audit FILE --out OUT"),
    Case("one text of 200 MB, audited", ".csv", beside(lambda: "moon rocket orbit star " * (200 * MB // 23)), "audit FILE --out OUT"),
    Case("10,000 labels, audited", ".csv", lambda p: labelled((f"w{i // 10} {text(i)} t{i}", f"l{i // 10}") for i in range(100_000))(p), "audit FILE --out OUT"),
    Case("10 million lines evaluated", ".txt", lambda p: p.write_bytes(b"__label__space moon\n__label__motor oil\n" * 5_000_000), "evaluate MODEL FILE"),
    Case("100,000 labels evaluated that the model lacks", ".csv", lambda p: labelled((text(i), f"l{i}") for i in range(100_000))(p), "evaluate MODEL FILE", "label"),
    Case("a dictionary of 10,000 --map-label", ".csv", labelled(small()), "evaluate MODEL FILE " + " ".join(f"--map-label l{i}=space" for i in range(5_000)), "label"),
    Case("a curve over one million texts", ".csv", lambda p: labelled(small(1_000_000))(p), "curve FILE --out OUT"),
    Case("a word of 100 MB in a vector file", ".vec", lambda p: vectors("2", "4", ["moon 1 2 3 4", "w" * (100 * MB) + " 1 2 3 4"])(p), "vectors nearest FILE moon", ""),
    Case("a vector file of 10 million dimensions", ".vec", lambda p: vectors("2", "10000000", ["moon" + " 1" * 10_000_000] * 2)(p), "vectors nearest FILE moon", ""),
    Case("a vector file that promises a trillion words", ".vec", lambda p: vectors("1000000000000", "300", ["moon" + " 1" * 300])(p), "vectors nearest FILE moon", "promises"),
    Case("a vector file that promises a trillion numbers", ".vec", lambda p: vectors("1", "1000000000000", ["moon" + " 1" * 300])(p), "vectors nearest FILE moon", "expected"),
    Case("a binary vector file that promises a trillion words", ".bin", binary_vectors(b"1000000000000 100"), "vectors nearest FILE moon", ""),
    Case("a binary vector file that promises a trillion numbers", ".bin", binary_vectors(b"1 1000000000000"), "vectors nearest FILE moon", ""),
    Case("a model of many labels asked for all", ".txt", lines(["moon"]), "info MODEL"),
]  # fmt: skip


def main() -> None:
    """Run the cases, print them, and assert that each holds."""
    asked = sys.argv[1:]
    rows = (
        {row["case"]: row for row in read_result("load_limits")["rows"]}
        if (RESULTS / "load_limits.json").exists()
        else {}
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model"
        labelled(small())(folder / "small.csv")
        made = run(["train", str(folder / "small.csv"), "--out", str(model)], folder)
        assert made.code == 0, made
        for case in CASES:
            if asked and not any(word in case.name for word in asked):
                continue
            found = outcome(case, model, folder)
            is_kept = found.code == 0 or (found.code == 2 and found.said.startswith("error: "))
            is_kept = is_kept and bool(case.refused) == (found.code == 2) and case.refused in found.said
            is_kept = is_kept and found.processor_seconds <= MOST_SECONDS and found.megabytes <= MOST_MEGABYTES
            mark = "" if is_kept else "  <-- "
            print(
                f"{mark}{case.name:55} {found.code!s:>7} {found.seconds:5.1f} s {found.processor_seconds:5.1f} s {found.megabytes:6,.0f} MB  {found.said[:150]}",
                flush=True,
            )
            rows[case.name] = {
                "case": case.name,
                "command": case.arguments.partition(" ")[0],
                "is_kept": is_kept,
                **vars(found),
            }
            rows[case.name]["said"] = found.said.replace(f"{folder}/case/", "")[:300]
            in_order = [rows[one.name] for one in CASES if one.name in rows]
            limits = {"most_seconds": MOST_SECONDS, "most_megabytes": MOST_MEGABYTES}
            write_result("load_limits", {**limits, "rows": in_order})
    failed = [name for name, row in rows.items() if not row["is_kept"]]
    assert not failed, failed


def outcome(case: Case, model: Path, folder: Path) -> Outcome:
    """Make the input, run the command, and clear up."""
    work = folder / "case"
    work.mkdir()
    path = work / f"input{case.ending}"
    case.make(path)
    words = {
        "FILE": str(path),
        "MODEL": str(model),
        "OUT": str(work / "out"),
        "OUT.csv": str(work / "out.csv"),
        "OUT.html": str(work / "out.html"),
    }
    try:
        return run([words.get(word, word) for word in case.arguments.split()], work)
    finally:
        shutil.rmtree(work)


def run(arguments: list[str], folder: Path) -> Outcome:
    """The command in a process of its own, ended where it takes too long or too much."""
    started, stopped = time.perf_counter(), ""
    said = folder / "said.txt"
    with said.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "bywords", *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "200"},
        )
        peak = seconds = 0.0
        while process.poll() is None:
            peak = max(peak, resident_megabytes(process.pid))
            seconds = max(seconds, processor_seconds(process.pid))
            if seconds > MOST_SECONDS + 2 or peak > MOST_MEGABYTES + 200:
                stopped = "time" if seconds > MOST_SECONDS else "memory"
                process.kill()
                process.wait()
            time.sleep(0.02)
    waited = time.perf_counter() - started
    shown = said.read_bytes().decode("utf-8", "replace").strip().splitlines() or [""]
    refusals = [line for line in shown if line.startswith("error: ")]
    return Outcome(
        stopped or process.returncode, (refusals or shown[-1:])[0], round(waited, 1), round(seconds, 1), round(peak)
    )


def processor_seconds(pid: int) -> float:
    """What a process has had of the processors; 0 where it has just ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """What a process has had of memory at most; 0 where it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main()
