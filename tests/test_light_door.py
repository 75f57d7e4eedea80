"""Commands with a linear model load no library that takes long to import; where one is missing, its extra is named."""

import json
import subprocess
import sys

import pytest
from small_corpus import small_corpus

from bywords.classifier import TextClassifier

CORPUS = small_corpus()
HEAVY = {"torch", "lightning_fabric", "gensim", "captum", "pandas", "sklearn", "optuna"}

# Each command in its turn in one process, then what of it is loaded: a library that a command loads is seen at once.
RUN = """
import json, sys
from bywords.cli.main import app
found = {}
for words in json.loads(sys.argv[1]):
    try:
        app(words, standalone_mode=False)
    except SystemExit as left:
        assert not left.code, words
    found[" ".join(words[:2])] = sorted({name.partition(".")[0] for name in sys.modules})
with open("found.json", "w") as file:
    json.dump(found, file)
"""

# One command without a package, as it is where that was not installed.
WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
from bywords.cli.main import main
sys.argv = ["bywords", *sys.argv[2:]]
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of documents, one text, and a linear model; also one with a hidden layer."""
    folder = tmp_path_factory.mktemp("door")
    lines = [json.dumps({"text": text, "label": name}) for text, name in zip(CORPUS.texts, CORPUS.names(), strict=True)]
    (folder / "small.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "one.txt").write_text("moon rocket orbit\n", encoding="utf-8")
    TextClassifier("tfidf-svc").fit(CORPUS.texts, CORPUS.names()).save(folder / "model")
    TextClassifier("dan").fit(CORPUS.texts, CORPUS.names()).save(folder / "deep")
    return folder


def loaded(folder, *commands):
    """The packages that are loaded after each command, by its first two words."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {command: set(names) for command, names in json.loads((folder / "found.json").read_text()).items()}


def test_to_predict_numpy_is_nearly_all(folder):
    (names,) = loaded(folder, ["predict", "model", "one.txt"]).values()
    assert not names & {*HEAVY, "matplotlib", "scipy", "numba"}


def test_commands_with_a_linear_model_load_nothing_that_is_slow(folder):
    pictures = ["audit", "small.jsonl", "--out", "audit.html"], ["vocab", "small.jsonl", "--out", "vocab.svg"]
    found = loaded(
        folder,
        ["info", "model"],
        ["explain", "model", "moon rocket"],
        ["evaluate", "model", "small.jsonl"],
        ["audit", "small.jsonl"],
        ["train", "small.jsonl", "--out", "new"],
        *pictures,
    )
    for command, names in found.items():
        assert not names & HEAVY, command
    assert not found["train small.jsonl"] & {"matplotlib"}
    assert (folder / "audit.html").exists()


@pytest.mark.parametrize(
    ("package", "extra", "command"),
    [
        ("torch", "neural", ["train", "small.jsonl", "--system", "lstm", "--out", "x"]),
        ("lightning_fabric", "neural", ["train", "small.jsonl", "--system", "dan", "--out", "x"]),
        ("gensim", "vectors", ["train", "small.jsonl", "--system", "word2vec-mean", "--out", "x"]),
        ("captum", "explain", ["explain", "deep", "moon rocket"]),
        ("sklearn", "sklearn", ["train", "small.jsonl", "--system", "glove-corpus-mean", "--out", "x"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:1]),
)
def test_where_a_package_is_missing_one_line_names_its_extra(folder, package, extra, command):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"pip install 'bywords[{extra}]'" in done.stderr
    assert not (folder / "x").exists()
