"""What comes from outside is text on a terminal, what is to be typed can be, what cannot be written is one line."""

import contextlib
import dataclasses
import io
import json
import logging
import os
import pty
import re
import resource
import shlex
import shutil
import subprocess
import sys
import threading
import unicodedata
import warnings
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bywords.artifact import model_folder
from bywords.artifact.model_card import escaped
from bywords.classifier import TextClassifier
from bywords.cli import main as cli
from bywords.cli import systems as systems_command
from bywords.cli.screen import ProgressLines, counted, print_data, print_json
from bywords.cli.streams import OutputLostError, standard_streams
from bywords.systems import SYSTEMS
from bywords.terminal import command, shell_words, visible, visible_line

# Clears the screen, hides what follows, names the window, rings, overwrites the line, turns the direction, is markup of
# rich, and looks like another line of output.
EVIL = "\x1b[2J\x1b[8m\x1b]0;t\x07\r\x08\x7f\x9b2J\x85\u2028\u202e\u2066\u200b\u200f\ufeff[red]\x1b\nforged line"
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
OF_RICH = re.compile(r"\x1b\[(?:[0-7]|[349]\d)(?:;[\d;]+)?m|\x1b\[\?25[lh]|\x1b\[2?K|\x1b\[1A|\r")
TEXTS = [f"{text} {number}" for number in range(20) for text in ("moon rocket orbit", "car engine oil")]
LABELS = ["a", "b"] * 20


def is_plain(sign):
    return unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp") and sign not in BIDI | {"\u200b", "\ufeff"}


def check_shown(shown):
    bad = {sign for sign in shown if sign != "\n" and not is_plain(sign)}
    assert not bad, shown
    assert "\nforged" not in f"\n{shown}"


def run(*words, out=None, error=None, encoding="utf-8"):
    """Exit code, output and error of a command, where nothing is a terminal; or into the files that are given."""
    kept = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    with (
        patch.object(sys, "argv", ["bywords", *words]),
        contextlib.redirect_stdout(out or kept[0]),
        contextlib.redirect_stderr(error or kept[1]),
        pytest.raises(SystemExit) as left,
    ):
        cli.main()
    return left.value.code, *(file.buffer.getvalue().decode(encoding) for file in kept)


def on_terminal(work):
    """What a terminal gets from work that is given it as a file."""
    ours, theirs = pty.openpty()
    got = []

    def read():
        with contextlib.suppress(OSError):
            while part := os.read(ours, 4096):
                got.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    with (
        patch.dict(os.environ, TERM="xterm-256color", COLUMNS="120"),
        os.fdopen(theirs, "w", encoding="utf-8") as terminal,
    ):
        work(terminal)
    reader.join()
    os.close(ours)
    return b"".join(got).decode()


def run_on_terminal(*words):
    return on_terminal(lambda terminal: run(*words, out=terminal, error=terminal))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with texts, and a model of them: names, columns and labels all hold what is evil."""
    folder = tmp_path_factory.mktemp("shown")
    pairs = list(zip(TEXTS, LABELS, strict=True))
    rows = "".join(f'{text},"{label}{EVIL}"\n' for text, label in pairs)
    (folder / FILE).write_text(f'"text {EVIL}","label {EVIL}"\n{rows}', encoding="utf-8", newline="")
    (folder / "plain.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in pairs))
    with contextlib.chdir(folder):
        config = dataclasses.replace(SYSTEMS["tfidf-nb"], description=EVIL)
        TextClassifier(config).fit(TEXTS, LABELS).save("described")
        told = run("train", *READ, "--system", "tfidf-nb", "--out", f"m{EVIL}")
        assert told[0] == 0, told
        check_shown("".join(told[1:]))
        reseal(Path(f"m{EVIL}"), "sealed")
        yield folder


def reseal(model, name):
    """A copy of a model in which all that is free to be written holds what is evil, and whose sums are right."""
    shutil.copytree(model, name)
    found = json.loads(Path(name, "model.json").read_text())
    found["versions"] = {f"numpy{EVIL}": EVIL, **found["versions"]}
    found["card"] |= {"system": EVIL, "reduction": EVIL}
    Path(name, "model.json").write_text(json.dumps(found))
    sums = {file: model_folder._sha256(Path(name, file)) for file in model_folder.FILES}
    Path(name, "SHA256SUMS").write_bytes(model_folder._sums(sums))


FILE, MODEL = f"{EVIL}.csv", f"m{EVIL}"
READ = (FILE, "--text", f"text {EVIL}", "--label", f"label {EVIL}")
ANSWERS = [
    ("info", MODEL), ("info", MODEL, "--json"), ("info", "described"), ("info", "described", "--json"),
    ("info", "sealed"), ("info", "sealed", "--json"),
    ("evaluate", MODEL, FILE, "--examples", "2"), ("evaluate", MODEL, FILE, "--json"),
    ("explain", MODEL, f"moon {EVIL} engine"), ("explain", MODEL, f"moon {EVIL} engine", "--json"),
    ("explain", MODEL, FILE), ("explain", MODEL, FILE, "--json", "--out", f"x{EVIL}.jsonl"),
    ("vocab", *READ), ("vocab", *READ, "--json"),
    ("audit", *READ, "--out", f"a{EVIL}"),
    ("predict", MODEL, FILE, "--out", f"p{EVIL}.jsonl", "--min-confidence", "0.5"),
]  # fmt: skip


@pytest.mark.parametrize("words", ANSWERS, ids=lambda words: re.sub(r"[^a-z -]", "", " ".join(words))[:40])
def test_nothing_from_outside_does_more_than_be_read(place, words):
    code, out, error = run(*words)
    assert code == 0, error
    check_shown(out + error)
    if "--json" in words:
        json.loads(out)


REFUSED = [
    (EVIL,), ("train", EVIL), ("train", f"--{EVIL}"), ("train", "plain.csv", EVIL), ("systems", EVIL),
    ("vectors", EVIL), ("train", FILE), ("predict", EVIL, "moon"), ("predict", MODEL, "a\x1b\x9b.csv"),
    *(
        ("train", "plain.csv", f"--{option}", EVIL)
        for option in (
            "system", "set", "text", "column", "label", "exclude-label", "map-label", "encoding", "vectors",
            "class-weight", "budget", "max-size", "test", "from", "labels", "test-share", "keep-together",
        )
    ),
    ("predict", MODEL, "-", "--out", EVIL),
    ("explain", MODEL, "moon", "--label", EVIL), ("explain", MODEL, "moon", "--out", EVIL), ("info", EVIL),
    ("evaluate", MODEL, "plain.csv", "--label", EVIL), ("evaluate", MODEL, FILE, "--abstain", EVIL),
    ("evaluate", MODEL, FILE, "--at-least", EVIL), ("predict", MODEL, FILE, "--at-least", f"recall:{EVIL}=0.5"),
    ("evaluate", MODEL, FILE, "--slice-by", EVIL), ("compare", "plain.csv", "--systems", EVIL),
    ("compare", "plain.csv", "--limit", EVIL), ("curve", "plain.csv", "--system", EVIL),
    ("vectors", "nearest", FILE, EVIL), ("vectors", "info", EVIL), ("vectors", "train", "plain.csv", "--out", EVIL),
    ("train", "caf\udce9\udc9b.csv"), ("predict", "caf\udce9\udc9b", "moon"),
]  # fmt: skip


@pytest.mark.parametrize("words", REFUSED, ids=lambda words: re.sub(r"[^a-z -]", "", " ".join(words))[:40])
def test_an_error_is_one_line_of_plain_signs(place, words):
    code, out, error = run(*words)
    assert code == 2
    check_shown(out + error)
    assert error.splitlines()[-1].startswith("error: ")
    assert sum(line.startswith("error: ") for line in error.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("info", MODEL), ("explain", MODEL, f"moon {EVIL} engine"), ("explain", MODEL, FILE), ("predict", MODEL, FILE),
        ("info", MODEL, "--json"), ("train", *READ, "--system", "tfidf-nb"),
        ("predict", MODEL, f"moon {EVIL}"), ("vocab", FILE), ("train", EVIL),
    ],
    ids=lambda words: re.sub(r"[^a-z -]", "", " ".join(words))[:40],
)  # fmt: skip
def test_a_terminal_gets_no_escape_codes_but_those_of_tables_colours_and_progress(place, words):
    got = run_on_terminal(*words)
    assert "\x1b[2J" not in got
    assert "\x1b[8m" not in got
    check_shown(OF_RICH.sub("", got.replace("\r\n", "\n")))
    if words[0] in ("info", "explain") and "--json" not in words:
        assert "\x1b[1m" in got  # a header in bold


def test_progress_is_plain_too():
    def work(terminal):
        with contextlib.redirect_stderr(terminal), standard_streams():
            progress = ProgressLines()
            progress.start(EVIL)
            progress.step(1, 2, EVIL)
            list(counted([(1, "x")], EVIL))

    got = on_terminal(work)
    assert got.count("\x1b[K") == 4
    check_shown(OF_RICH.sub("", got.replace("\r\n", "\n")))


def test_data_in_a_pipe_is_as_it_is_and_json_on_a_terminal_has_the_same_value(place):
    piped = run("predict", MODEL, FILE)[1]
    shown = run_on_terminal("predict", MODEL, FILE)
    rows = [json.loads(line) for line in piped.strip().split("\n")]
    assert "\x9b" in piped
    assert rows[0]["label"].startswith("a\x1b")
    assert [json.loads(line) for line in shown.split("\n") if line.startswith("{")] == rows


@pytest.mark.parametrize("words", [("info", MODEL), ("explain", MODEL, "caf\xe9 moon"), ("info", MODEL, "--json")])
def test_a_terminal_without_these_letters_gets_their_numbers(place, words):
    code, out, _ = run(*words, encoding="ascii")
    assert code == 0
    check_shown(out)
    if "--json" in words:
        assert json.loads(out) == json.loads(run(*words)[1])


@settings(max_examples=40)
@given(st.text(), st.sampled_from(["utf-8", "ascii", "cp1252"]))
def test_json_stays_json_of_the_same_value(text, encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with contextlib.redirect_stdout(file), standard_streams():
        print_json([text])
    shown = file.buffer.getvalue().decode(encoding)
    check_shown(shown)
    assert json.loads(shown) == [text]


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "Interrupted."),
        (MemoryError(f"9 GB {EVIL}"), 2, "error: there is not enough memory for this (9 GB "),
        (RecursionError(EVIL), 2, "error: what was read is nested too deeply ("),
        (OSError(28, f"No space {EVIL}"), 2, "error: [Errno 28] No space "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_system_does_not_give_is_said_in_one_line(error, code, says):
    with patch.object(systems_command, "say", side_effect=error):
        found, out, said = run("systems")
    assert (found, out, said.count("\n")) == (code, "", 1)
    assert said.startswith(says)
    check_shown(said)


class PanicException(BaseException):
    """What is raised where compiled code of polars fails."""


@pytest.mark.parametrize("kind", [IndexError, PanicException])
def test_a_fault_of_bywords_has_its_traceback_and_plain_signs(kind):
    with patch.object(systems_command, "say", side_effect=kind(EVIL)):
        code, _, said = run("systems")
    assert code == 1
    *trace, last = said.splitlines()
    assert last.startswith("error: this is a fault of bywords ")
    assert "  Traceback (most recent call last):" in trace
    assert any(re.match(rf"  (test_shown\.)?{kind.__name__}: ", line) for line in trace)
    check_shown(said)


def test_warnings_and_logs_are_plain_too():
    def warn(_):
        sys.stderr.write(warnings.formatwarning(f"careful{EVIL}", UserWarning, "x.py", 1))
        logging.lastResort.emit(logging.makeLogRecord({"msg": "told \x1b[2J", "levelno": logging.WARNING}))

    with patch.object(systems_command, "say", warn):
        _, _, said = run("systems")
    assert said.startswith(r"UserWarning: careful\u001b[2J")
    assert r"told \u001b[2J" in said
    check_shown(said)


# Commands to type next.

NAMES = ["two words", "it's", 'a "b"', "$(x)`y`", "-rf", "a~", "a;b&c|d", "*", "#", "!", "é", ""]


@settings(max_examples=40)
@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")))))
def test_words_can_be_typed(words):
    assert shlex.split(shell_words(words)) == words


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs a shell that knows $'…'")
def test_words_with_control_signs_can_be_typed_and_shown():
    words = [EVIL, "a'b\\c\n", "\t", "caf\udce9", "\\x1b\x1b1", *NAMES]
    shown = shell_words(words)
    check_shown(shown)
    typed = subprocess.run(["bash", "-c", f"printf '%s\\0' {shown}"], capture_output=True, check=True).stdout
    assert typed == b"".join(os.fsencode(word) + b"\0" for word in words)


@pytest.mark.parametrize("name", NAMES[:-1])
def test_each_command_to_type_next_names_the_same_files(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{text},{label}\n" for text, label in zip(TEXTS, LABELS, strict=True))
    Path(f"{name}.csv").write_text(f"t,l\n{rows}")
    out = run("train", f"--out={name}", "--system", "tfidf-nb", "--text", "t", "--label", "l", "--", f"{name}.csv")[
        1
    ].split("Next:")[1]
    typed = [shlex.split(re.split(r" {2,}", line)[0]) for line in out.strip().split("\n  ")]
    assert [words[:2] for words in typed] == [
        ["bywords", what] for what in ("predict", "evaluate", "explain", "audit", "info", "compare")
    ]
    for _, what, path, *options in typed:
        is_data = what in ("audit", "compare")
        assert not path.startswith("-")
        assert Path(path) == Path(f"{name}.csv" if is_data else name)
        assert options == ["--text", "t", "--label", "l"] or not is_data
    assert run(*typed[4][1:])[0] == 0


def test_places_that_look_like_options_are_no_options():
    assert command("audit", "-rf.csv", options=["--label", "-l"]) == "bywords audit ./-rf.csv --label -l"
    assert command("vectors nearest", "-v.npy") == "bywords vectors nearest ./-v.npy"
    assert command("audit", "-") == "bywords audit -"


def test_an_interrupted_file_is_gone_on_with_by_the_command_that_is_shown(place, monkeypatch):
    from bywords.cli import predict
    from bywords.fitted import FittedClassifier

    monkeypatch.setattr(predict, "CHUNK_ROWS", 10)
    shutil.copy("plain.csv", "-p.csv")
    real, asked = FittedClassifier.predict, []

    def interrupted(self, texts):
        asked.append(texts)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(self, texts)

    with patch.object(FittedClassifier, "predict", interrupted):
        code, _, error = run("predict", "described", "--out", "out put.csv", "--", "-p.csv")
    assert code == 130
    words = shlex.split(error.splitlines()[-1].split("Go on with: ")[1])
    assert words == ["bywords", "predict", "described", "--out", "out put.csv", "--resume", "--", "-p.csv"]
    assert run(*words[1:])[0] == 0
    assert len(Path("out put.csv").read_text().strip().split("\n")) == 41


# What cannot be written.

COMMANDS = [
    ("systems",), ("systems", "--json"), ("info", "described"), ("info", "described", "--json"), ("--version",),
    ("--help",), ("train", "--help"), ("predict", "described", "moon"), ("explain", "described", "moon"),
    ("vocab", "plain.csv"),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_output_that_takes_nothing_is_one_line_and_2_and_one_that_is_closed_is_quiet(place, words):
    with Path("/dev/full").open("w") as full:
        code, _, error = run(*words, out=full)
    assert (code, error) == (2, "error: standard output cannot be written: No space left on device.\n")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        code, _, error = run(*words, out=closed)
    assert (code, error) == (141, "")


def test_an_output_without_a_buffer_is_whole_or_an_error():
    for n_read in (1_000_000, 10):
        reading, writing = os.pipe()
        got = []

        def read(descriptor=reading, n_left=n_read, got=got):
            while n_left and (part := os.read(descriptor, n_left)):
                got.append(part)
                n_left -= len(part)
            os.close(descriptor)

        reader = threading.Thread(target=read)
        reader.start()
        cut_off = pytest.raises(OutputLostError) if n_read == 10 else contextlib.nullcontext()
        with (
            io.TextIOWrapper(io.FileIO(writing, "w"), write_through=True) as unbuffered,
            contextlib.redirect_stdout(unbuffered),
            standard_streams(),
            cut_off,
        ):
            print_data(b"x" * 1_000_000)
        reader.join()
        assert len(b"".join(got)) == n_read


def test_an_error_that_cannot_be_told_changes_no_exit_code(place):
    with Path("/dev/full").open("w") as full:
        assert run("info", "nothing", error=full)[0] == 2
        assert run("predict", "described", "plain.csv", error=full)[0] == 0


def test_nothing_is_left_for_the_end_of_python_to_fail_at(monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    said = {
        ">/dev/full": (2, "error: standard output cannot be written: No space left on device.\n"),
        ">&-": (2, "error: standard output cannot be written: Bad file descriptor.\n"),
        "| true": (141, ""),
    }
    line = f"{shlex.quote(sys.executable)} -m bywords systems {{}}; exit ${{{{PIPESTATUS[0]}}}}"
    started = [
        subprocess.Popen(["bash", "-c", line.format(there)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for there in said
    ]
    errors = [process.communicate()[1] for process in started]
    assert [*zip([process.returncode for process in started], errors, strict=True)] == list(said.values())


NEURAL = ("--system", "averaging", "--set", "training.max_epochs=1", "--out", "out")
WRITING = [
    *(("predict", "described", "long.txt", "--out", f"out.{end}") for end in ("csv", "jsonl.gz", "txt")),
    *(("predict", "described", "long.txt", "--out", f"out.{end}") for end in ("parquet", "xlsx")),
    ("train", "plain.csv", "--system", "tfidf-nb", "--out", "out"),
    ("train", "plain.csv", "--checkpoint", "c", *NEURAL),
    ("train", "plain.csv", "--on-disk", "d", *NEURAL),
    ("vocab", "plain.csv", "--out", "out.svg"),
    ("explain", "described", "plain.csv", "--out", "out.html"),
    ("audit", "plain.csv", "--out", "out"),
    ("vectors", "train", "plain.csv", "--set", "n_epochs=1", "--out", "out.npy"),
]


@pytest.mark.parametrize("words", WRITING, ids=lambda words: f"{words[0]} {words[-1]}")
def test_a_file_that_may_not_grow_is_one_line_and_the_old_one_stays(place, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    for name in ("described", "plain.csv"):
        Path(name).symlink_to(place / name)
    Path("long.txt").write_text("".join(f"moon {number * 7919:x}\n" for number in range(3000)))
    out = Path(words[words.index("--out") + 1])
    is_file = "." in out.name
    if is_file:
        out.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        code, _, error = run(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 2, error
    last = error.splitlines()[-1]
    assert re.fullmatch(r"error: \S+: cannot be written: File too large\. Choose another path\.", last), error
    assert "Traceback" not in error
    assert (out.read_text() if is_file else list(out.glob("*"))) == ("old" if is_file else [])


# What is shown elsewhere.


@settings(max_examples=40)
@given(st.text())
def test_what_is_visible_is_plain_and_what_was_plain_is_as_it_was(text):
    check_shown(visible_line(text))
    assert all(is_plain(sign) or sign in "\n\t" for sign in visible(text))
    assert visible("".join(filter(is_plain, text))) == "".join(filter(is_plain, text))


def test_letters_of_all_scripts_and_emoji_are_shown_as_they_are():
    for text in ("नमस्ते क्‍ष", "می‌خواهم", "👨‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿", "שלום", "e\u0301 ﬁ"):
        assert visible_line(text) == text


@pytest.mark.parametrize("text", [EVIL, "](javascript:alert(1))", "| a |\n|--|", "<img src=x>", "`x` **b**", "\\|"])
def test_a_card_shows_any_text_as_one_cell_of_plain_signs(text):
    cell = escaped(text)
    check_shown(cell)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|\]`*<]", cell)
