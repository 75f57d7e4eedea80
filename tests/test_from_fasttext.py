"""The page for fastText's users is true: its commands run, and it leaves no option of fastText's out."""

import re
import sys
from pathlib import Path

import pytest
from small_corpus import small_corpus, write_small_glove

from bywords.cli import main as cli

PAGE = (Path(__file__).parents[1] / "docs" / "from-fasttext.md").read_text(encoding="utf-8")
ITS_COMMANDS = (
    "supervised quantize test test-label predict predict-prob skipgram cbow print-word-vectors print-sentence-vectors "
    "print-ngrams nn analogies dump"
)
ITS_OPTIONS = (
    "input output lr lrUpdateRate dim ws epoch neg loss thread minCount minCountLabel wordNgrams bucket minn maxn t "
    "label verbose pretrainedVectors saveOutput seed autotune-validation autotune-metric autotune-predictions "
    "autotune-duration autotune-modelsize qnorm qout cutoff retrain dsub"
)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


COMMANDS = [line.split("  #")[0].split() for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the page speaks of; what one command writes, the next may read."""
    folder = tmp_path_factory.mktemp("page")
    train, valid = small_corpus(), small_corpus(60, seed=1)
    for name, corpus in (("train.txt", train), ("valid.txt", valid), ("more.txt", small_corpus(90, seed=2))):
        lines = [f"__label__{label} {text}\n" for text, label in zip(corpus.texts, corpus.names(), strict=True)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    (folder / "new.txt").write_text("".join(f"{text}\n" for text in valid.texts), encoding="utf-8")
    several = [
        f"__label__{label} __label__{'odd' if index % 2 else 'even'} {text} {index % 2}\n"
        for index, (text, label) in enumerate(zip(train.texts, train.names(), strict=True))
    ]
    (folder / "several.txt").write_text("".join(several), encoding="utf-8")
    rows = Path(write_small_glove(folder)).read_text(encoding="utf-8")
    (folder / "vectors.vec").write_text(f"{rows.count(chr(10))} 4\n{rows}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_of_the_page_runs(command, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as left:
        cli.main()
    shown = capsys.readouterr()
    assert left.value.code in (0, None), shown.err


def test_the_python_of_the_page_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for block in blocks("python"):
        exec(compile(block, "docs/from-fasttext.md", "exec"), {})


@pytest.mark.parametrize("name", [*ITS_COMMANDS.split(), *(f"-{option}" for option in ITS_OPTIONS.split())])
def test_each_command_and_option_of_fasttexts_has_its_row(name):
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("|")]
    assert any(f"`{name}`" in row for row in rows)
