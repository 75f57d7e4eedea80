"""Reading, splitting, encoding and evaluating load no library that takes long to import."""

import gzip
import lzma
import subprocess
import sys
from pathlib import Path

import polars as pl
from typer.testing import CliRunner

import bywords
from bywords.cli.main import COMMANDS, app_of

SLOW = ("torch", "sklearn", "gensim", "matplotlib", "pandas", "scipy", "optuna")
ROOMS = ("io", "data", "vectors", "evaluation")
GROUND = ("errors", "config", "files", "checkpoint", "cli.vectors", "cli.vocab", "cli.options", "cli.screen")
WORK = """
import numpy as np
from bywords.data.targets import Targets
from bywords.evaluation import metrics
from bywords.evaluation.calibration import Sigmoids, Temperature
from bywords.evaluation.evaluation import Evaluation
from bywords.evaluation.slices import find_slices
from bywords.io.datasets import load_dataset
from bywords.io.readers import read_blocks
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.load import load_vectors

for ending in ("csv", "tsv.gz", "jsonl.xz", "parquet"):
    split = load_dataset(f"films.{ending}", text="text", label="label")
    assert sum(len(block.texts) for block in read_blocks(f"films.{ending}", text="text")) == 40
tokenizer = Tokenizer()
split = split.drop_empty(tokenizer)
tokens = tokenizer(split.train.texts)
vocabulary = Vocabulary.of(tokens)
documents = vocabulary.encode(tokens)
assert load_vectors("small.txt").align(vocabulary, seed=0).coverage.n_types_found
logits = np.random.default_rng(0).normal(size=(len(split.train), 2))
probabilities = Temperature(1.5, (0.9, 1.1, 0.1)).probabilities(logits)
shares, nothing = documents.in_vocabulary_share, np.zeros(len(logits), dtype=bool)
found = Evaluation(split.train.label_names, split.train.labels, probabilities, shares, nothing)
assert found.summary()["n_documents"] == len(logits)
find_slices(found, n_tokens=tokens.lengths)
Sigmoids(*np.ones((3, 2))).predict(probabilities)
"""


def slow_ones(code, folder):
    """Which of SLOW are loaded after the code."""
    code += f"\nimport sys; print(*sorted(set({SLOW}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_no_module_of_these_rooms_loads_one(tmp_path):
    package = Path(bywords.__file__).parent
    names = [f"{room}.{path.stem}" for room in ROOMS for path in sorted((package / room).glob("*.py"))]
    imports = "\n".join(f"import bywords.{name.removesuffix('.__init__')}" for name in [*GROUND, *names])
    assert len(names) > 20
    assert slow_ones(imports, tmp_path) == []


def test_reading_splitting_encoding_and_evaluating_load_none(tmp_path):
    texts = [f"{'moon' if n % 2 else 'goal'} number {n}" for n in range(40)]
    frame = pl.DataFrame({"text": texts, "label": ["space" if n % 2 else "sport" for n in range(40)]})
    frame.write_csv(tmp_path / "films.csv")
    (tmp_path / "films.tsv.gz").write_bytes(gzip.compress(frame.write_csv(separator="\t").encode()))
    (tmp_path / "films.jsonl.xz").write_bytes(lzma.compress(frame.write_ndjson().encode()))
    frame.write_parquet(tmp_path / "films.parquet")
    (tmp_path / "small.txt").write_text("moon 1 2\ngoal 3 4\n")
    assert slow_ones(WORK, tmp_path) == []


def test_the_options_of_all_commands_are_there_without_numpy(tmp_path):
    code = "import sys, bywords.cli.options, bywords.io.read_options; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_help_is_shown_without_what_takes_long(tmp_path):
    """Nor does that of a command import what it would need; what stood in meanwhile is away again."""
    left_out = ("markdown_it", "pygments", "rich.markdown", "rich.traceback", "numpy", "polars", "bywords.report")
    for words in (["--help"], ["train", "--help"], []):
        seen = (
            f"from bywords.cli.main import _run; _run({words}); import sys; print(*set({left_out}) & set(sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", seen], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
        )
        assert "Usage: bywords" in done.stdout
        assert done.stdout.splitlines()[-1] == ""


def test_the_overview_of_commands_says_the_same_as_with_all_their_options():
    shown = [CliRunner().invoke(app_of(COMMANDS, is_overview=is_overview), ["--help"]) for is_overview in (True, False)]
    assert shown[0].output == shown[1].output
    assert all(f" {name} " in shown[0].output for name in COMMANDS)


def test_the_overview_of_commands_is_shown_without_servers_and_encryption(tmp_path):
    look = "import sys; print(*{'asyncio', 'ssl', 'hashlib'} & set(sys.modules))"
    seen = f"from bywords.cli.main import _run; _run(['--help']); {look}"
    done = subprocess.run([sys.executable, "-c", seen], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
