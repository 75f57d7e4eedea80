"""Command lines with wild values in them, and what becomes of each: an answer, one error, or a fault.

The parameters are those that the commands have, so that a new option is tried as soon as there is one.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pkgutil
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

import bywords
from bywords.cli import main as cli
from bywords.config import to_plain
from bywords.systems import SYSTEMS
from bywords.vectors.glove import GloveConfig
from bywords.vectors.word2vec import Word2VecConfig

SECONDS, MOST_SECONDS, MOST_BYTES = 10, 60, 1_000_000_000  # of processor time, by the clock, and of memory
IMPORTED = [
    "gensim.models", "lightning_fabric", "matplotlib.figure", "rich.console", "rich.table", "safetensors.numpy",
    "scipy.optimize", "scipy.stats", "sklearn.linear_model", "torch",
]  # fmt: skip

LIGHT_IMPORTED = [
    *(f"bywords.cli.{name}" for name in cli.COMMANDS),
    "bywords.classifier", "bywords.explain.explanation", "rich.table", "safetensors.numpy",
]  # fmt: skip
LIGHT = ("predict", "evaluate", "explain", "info", "systems", "vectors info", "vectors nearest",
         "vectors analogies", "vectors print", "train more.csv")  # fmt: skip

# Command lines that go well, in a folder that `write_inputs` has filled.
GOOD = [
    "train data.csv --system tfidf-nb --out out",
    "train data.csv --system tfidf-svc --parts 2 --out out",
    "train data.csv --system dan --out out --set training.max_epochs=1 --checkpoint kept --parts 2",
    "train data.csv --system averaging-glove --vectors vectors.txt --out out --set training.max_epochs=1",
    "train data.csv --system word2vec-mean --out out --set vectors.dimension=8 --set vectors.n_epochs=1",
    "train data.csv --on-disk ids --out out --set training.max_epochs=1",
    "train more.csv --from model --out out",
    "train data.csv --unlabelled words.txt --out out",
    "audit more.csv --out out",
    "label more.csv --labels space,motor --out out --import more.csv",
    "compare data.csv --systems tfidf-nb --out out",
    "curve data.csv --system tfidf-nb --seeds 1 --out out",
    "evaluate model data.csv",
    "predict model data.csv --out out.csv",
    "predict model data.csv",
    "predict model data.csv --out out.csv --on local:1",
    "drift model data.csv --out out.html",
    "serve model --port 0 --check",
    "export model --to out.html",
    "explain model more.csv --out out.html",
    "explain model 'the moon and a rocket'",
    "info model",
    "vocab data.csv --out out.svg",
    "systems",
    "vectors train data.csv --out out.npy --set dimension=8 --set n_epochs=1",
    "vectors train data.csv --out out.npy --set dimension=8 --set n_epochs=1 --set n_buckets=100 --subwords 3,6",
    "vectors train data.csv --out out.npy --method glove --set dimension=8 --set n_epochs=1",
    "vectors distill transformer data.csv --words words.txt --out out.npy --set dimension=4",
    "vectors info vectors.txt --data data.csv",
    "vectors nearest vectors.txt moon",
    "vectors analogies vectors.txt moon rocket car",
    "vectors print vectors.txt moon car",
]  # fmt: skip

WORDS = [
    "", " ", "z", "-", "--", "=", "a=b=c", "=b", "a=", ",", "*", "**", "[", "?", "{}", "\0", "a\0b", "\udcff", "a\nb",
    "\x1b[31m", "\N{COMBINING ACUTE ACCENT}", "~", "~nobody/x", "~there is no one/x", "$HOME", "..", "/", "a/../b",
    "é" * 200, "x" * 5_000, "x" * 100_000, "a b " * 5_000, "https://localhost:1/x", "s3://x/y", "file:///", "::", "'",
    '"', "a 'b", "\\", "None", "null", "[]", '"x"', "[" * 50_000, "(a+)+$", "(?P<", "(?:a{999}){999}", "(" * 1_000,
]  # fmt: skip
NUMBERS = [
    "0", "-0", "1", "-1", "2", "0.5", "1.0", "1e3", "-0.5", "nan", "inf", "-inf", "1e400", "1e-320", "1e308", "1_0",
    "\N{ARABIC-INDIC DIGIT THREE}", "½", "²", "0x10", "true", str(2**31), str(2**32), str(2**63), str(2**64),
    str(2**70), str(-(2**63)), str(-(2**70)), str(10**30), "9" * 5_000, "1000000", "50%", "200%", "nan%", "0s", "1e9h",
    "9" * 400, "9" * 400 + "h", "1MB", "0MB", "9" * 400 + "MB", "[3,1000000]", "[5,3]", "[-1,3]", "[3,5]", "1000000000",
]  # fmt: skip
PATHS = [
    "folder", "empty", "empty.csv", "binary.csv", "pipe", "pipe.csv", "pipe.npy", "dangling", "dangling.csv", "circle",
    "forbidden.csv", "vectors.txt", "data.csv/x", "data.csv", "more.csv", "model", "folder/new/deep.csv", "a\nb.csv",
    "-dash.csv", "/dev/null", "/dev/full", "/proc/self/mem", "/proc/x", "/dev/null/x", "socket", "é" * 200 + ".csv",
    "x" * 300 + ".npy", "x/" * 3_000 + "y.csv", "\udcff.csv", "\0.csv", "dot.csv.gz", "folder.csv", "*.csv", "[.csv",
    "folder/*", "~nobody/x.csv", "data.zip", "data.zip::x", "::x.csv",
]  # fmt: skip
TOPICS = {
    "space": ["orbit", "moon", "rocket"], "sport": ["goal", "team", "season"], "motor": ["engine", "car", "oil"],
}  # fmt: skip
KEPT = ("kept", "ids")  # folders of --checkpoint and --on-disk: what is done stays there for the next run
KNOWN = {"OLD=NEW": ["space"], "SYSTEM=N": ["tfidf-nb"], "balanced|LABEL=N": ["space"]}  # what is before the =


def write_transformer(folder: Path, words: Sequence[str]) -> None:
    """A sentence transformer as they are published, but small, and of random numbers."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    pieces = {piece: number for number, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces), max_position_embeddings=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)


def write_inputs(folder: Path) -> None:
    """The files of the good command lines, and others with which no command can do anything."""
    from bywords.classifier import TextClassifier

    words = [word for topic in TOPICS.values() for word in topic]
    rows = [(f"{words[n % 9]} the {words[n % 9 // 3 * 3 + n % 2]} {n}", list(TOPICS)[n % 9 // 3]) for n in range(63)]
    for name, some in (("data.csv", rows), ("more.csv", rows[:27])):
        lines = [f"{text},{label},{n}" for n, (text, label) in enumerate(some)]
        (folder / name).write_text("\n".join(["text,label,n", *lines, ""]), encoding="utf-8")
    vectors = [f"{word} {number} {number % 3} 1" for number, word in enumerate([*words, "the"])]
    (folder / "vectors.txt").write_text("\n".join([*vectors, ""]), encoding="utf-8")
    (folder / "words.txt").write_text("\n".join(words), encoding="utf-8")
    write_transformer(folder / "transformer", words)
    texts, labels = zip(*rows, strict=True)
    TextClassifier("tfidf-nb").fit(texts, labels).save(folder / "model")
    for name in ("folder", "folder.csv"):
        (folder / name).mkdir()
    for name, content in (
        ("empty", b""),
        ("empty.csv", b""),
        ("binary.csv", bytes(range(256)) * 9),
        ("dot.csv.gz", b"x"),
    ):
        (folder / name).write_bytes(content)
    (folder / "a\nb.csv").write_bytes((folder / "more.csv").read_bytes())
    (folder / "-dash.csv").write_bytes((folder / "more.csv").read_bytes())
    (folder / "data.zip").write_bytes(b"PK\5\6" + bytes(18))
    for name in ("pipe", "pipe.csv", "pipe.npy"):
        os.mkfifo(folder / name)
    for name in ("dangling", "dangling.csv"):
        (folder / name).symlink_to("nothing")
    (folder / "circle").symlink_to("circle")
    (folder / "forbidden.csv").touch(mode=0o000)


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command that is called in a good way."""

    line: str  # of GOOD
    name: str  # --out, DATA, or --set model.C=
    place: str | int  # the option, or the index of the argument
    before: str = ""  # what the wild value stands behind

    def line_with(self, value: str, *, also: tuple[Parameter, str] | None = None) -> list[str]:
        """The words of the command line with this value, and with that of another parameter."""
        names, options, arguments = _parts(self.line)
        for parameter, wild in [(self, value), *([also] if also else [])]:
            place, before = parameter.place, parameter.before
            if isinstance(place, int):
                arguments = [*arguments[:place], before + wild, *arguments[place + 1 :]]
            else:
                options = [word for word in options if not word.startswith(f"{place}={before}")]
                options.append(f"{place}={before}{wild}")
        return [*names, *options, *(["--", *arguments] if arguments else [])]


def parameters(*, light: bool = False) -> Iterator[Parameter]:
    """Every parameter of every command, for each of the good command lines; a setting is a parameter of its own.

    With `light`, those of commands that import little.
    """
    for line in GOOD:
        if light and not line.startswith(LIGHT):
            continue
        command, arguments = _command(line), _parts(line)[2]
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                index = min(
                    [one for one in command.params if one.param_type_name == "argument"].index(parameter),
                    len(arguments),
                )
                yield Parameter(line, str(parameter.metavar or parameter.name), index)
            elif not parameter.is_flag:
                option = max(parameter.opts, key=len)
                befores = ["", *(f"{known}=" for known in KNOWN.get(str(parameter.metavar), []))]
                if parameter.metavar == "SETTING=VALUE":
                    befores += [f"{path}=" for path in _settings(line)]
                for before in befores:
                    yield Parameter(line, f"{option} {before}".strip(), option, before)
    yield Parameter("", "COMMAND", 0)


@functools.cache
def _app() -> Any:
    return typer.main.get_command(cli.app_of(cli.COMMANDS))


def _options_of(command: Any) -> list[Any]:
    """The options of a command."""
    return [one for one in command.params if one.param_type_name == "option"]


def _command(line: str) -> Any:
    command = _app()
    for name in _parts(line)[0]:
        command = command.commands[name]
    return command


def _parts(line: str) -> tuple[list[str], list[str], list[str]]:
    """The words of a command line: names of the command, options as --option=value, and arguments."""
    words, command, names = shlex.split(line), _app(), []
    while words and words[0] in getattr(command, "commands", {}):
        names.append(words.pop(0))
        command = command.commands[names[-1]]
    options, arguments = [], []
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            is_flag = any(word in parameter.opts and parameter.is_flag for parameter in _options_of(command))
            options.append(word if is_flag else f"{word}={words.pop(0)}")
        else:
            arguments.append(word)
    return names, options, arguments


def _settings(line: str) -> list[str]:
    """The paths of the settings that this command line may change."""
    words = shlex.split(line)
    if words[0] == "vectors":
        return _leaves(to_plain(GloveConfig() if "glove" in words else Word2VecConfig()))
    if "--from" in words:
        return []
    return _leaves(to_plain(SYSTEMS[words[words.index("--system") + 1] if "--system" in words else "dan"]))


def _leaves(plain: Mapping[str, Any], before: str = "") -> list[str]:
    found = []
    for name, value in plain.items():
        if isinstance(value, dict):
            found += _leaves(value, f"{before}{name}.")
        elif name != "kind":
            found.append(before + name)
    return found


@dataclass(frozen=True)
class Outcome:
    """What became of a command line."""

    words: list[str]
    code: int  # negative for a signal
    out: str
    error: str
    fault: str  # what is wrong with it; empty for nothing
    seconds: float  # of the processor
    n_bytes: int  # of memory


def prepared(folder: Path, *, light: bool = False) -> None:
    """Write the inputs, in a child: what has used its threads cannot be forked; then import what commands import."""
    if (child := os.fork()) == 0:
        write_inputs(folder)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the inputs could not be written")
    own = [found.name for found in pkgutil.walk_packages(bywords.__path__, "bywords.")] if not light else LIGHT_IMPORTED
    for name in [*own, *([] if light else IMPORTED)]:
        if not name.endswith("__main__"):
            with contextlib.suppress(ModuleNotFoundError):
                import_module(name)


def outcome_of(words: list[str], inputs: Path) -> Outcome:
    """Run a command line in a process of its own and a copy of the folder of inputs."""
    with tempfile.TemporaryDirectory() as folder:
        case, shown = Path(folder) / "case", (Path(folder) / "out", Path(folder) / "error")
        _copy(inputs, case)
        before = _contents(case)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _run(words, case, *shown)
        code, used = _ended(child, started)
        seconds = used.ru_utime + used.ru_stime
        out, error = (path.read_bytes().decode(errors="replace") for path in shown)
        n_bytes = used.ru_maxrss * 1024
        fault = _fault(code, out, error, n_bytes)
        changed = sorted(name for name, _ in _contents(case) ^ before if Path(name).parts[0] not in KEPT)
        if not fault and code and changed:
            fault = f"left behind: {changed[0]}"
        return Outcome(words, code, out, error, fault, seconds, n_bytes)


def _copy(inputs: Path, case: Path) -> None:
    case.mkdir()
    for path in inputs.iterdir():
        if path.is_fifo():
            os.mkfifo(case / path.name)
        elif path.is_dir():
            shutil.copytree(path, case / path.name)
        else:
            shutil.copy2(path, case / path.name, follow_symlinks=False)


def _contents(folder: Path) -> set[tuple[str, Any]]:
    """The names of what is in a folder, with what tells whether a file was written."""
    found = set()
    for path in folder.rglob("*"):
        status = path.lstat()
        found.add((str(path.relative_to(folder)), (status.st_size, status.st_mtime_ns) if path.is_file() else None))
    return found


def _run(words: list[str], case: Path, out: Path, error: Path) -> None:
    """In the child: the command line as a process would run it, to its end."""
    code = 1
    try:
        os.chdir(case)
        for number, path in enumerate((Path("data.csv"), out, error)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY), number)
        sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8", errors="surrogateescape")
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), encoding="utf-8")
        sys.stderr = io.TextIOWrapper(
            io.FileIO(2, "w"), encoding="utf-8", errors="backslashreplace", write_through=True
        )
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + 4 * MOST_BYTES,) * 2)
        sys.argv = ["bywords", *words]
        try:
            cli.main()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _ended(child: int, started: float) -> tuple[int, Any]:
    """Wait for the end of the child; kill it when it takes too long."""
    while True:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), used
        if time.monotonic() - started > MOST_SECONDS or _sleeps(child, started):
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def _sleeps(child: int, started: float) -> bool:
    """Whether a child that has had time has hardly used the processor."""
    if time.monotonic() - started < SECONDS:
        return False
    times = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) < os.sysconf("SC_CLK_TCK")


def _fault(code: int, out: str, error: str, n_bytes: int) -> str:
    """What is wrong with how a command ended; empty for an answer, and for one error."""
    if code < 0:
        return "takes too long" if -code in (signal.SIGKILL, signal.SIGXCPU) else f"signal {-code}"
    if "Traceback" in error:
        lines = [line for line in error.strip().splitlines() if not line.startswith("error: ")]
        places = [line.strip() for line in lines if line.strip().startswith('File "') and "/bywords/" in line]
        place = places[-1].split("/bywords/")[-1] if places else ""
        return f"{lines[-1].strip()[:150]} @ {place}"
    if "not enough memory" in error:
        return "takes too much memory"
    if "Warning" in error:
        return f"a warning: {error.strip().splitlines()[0][:200]}"
    if n_bytes > MOST_BYTES:
        return "takes too much memory"
    if code == 0:
        return ""
    if code != 2:
        return f"exit code {code}"
    said = [line for line in error.splitlines() if line.startswith("error: ")]
    if len(said) != 1 or not error.rstrip("\n").endswith(said[0]):
        return "not one line of error"
    return ""
