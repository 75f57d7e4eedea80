"""Commands on linear models import what they need and no more, and name the extra of what is missing."""

import json
import subprocess
import sys

import pytest
from small_corpus import small_corpus

from bywords.artifact.description import save_classifier
from bywords.cli.main import app
from bywords.systems import SYSTEMS
from bywords.training.fit import fit_classifier

HEAVY = {"torch", "lightning_fabric", "gensim", "captum", "pandas", "sklearn", "optuna"}
FOR_MANY = HEAVY | {"matplotlib"}  # pictures and pages of what was counted need it
FOR_ONE_TEXT = FOR_MANY | {"scipy"}  # not worth importing for one text


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a small model, labelled texts, one text."""
    folder = tmp_path_factory.mktemp("door")
    corpus = small_corpus()
    fitted = fit_classifier(SYSTEMS["tfidf-nb"], corpus.texts, corpus.names())
    save_classifier(fitted, folder / "model")
    rows = [f'"{text}",{label}' for text, label in zip(corpus.texts.to_list(), corpus.names().tolist(), strict=True)]
    (folder / "labelled.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (folder / "one.txt").write_text("the rocket went into orbit\n")
    return folder


COMMANDS = {
    "predict": (["predict", "model", "one.txt"], FOR_ONE_TEXT),
    "explain": (["explain", "model", "the rocket went into orbit"], FOR_ONE_TEXT),
    "info": (["info", "model"], FOR_ONE_TEXT),
    "evaluate": (["evaluate", "model", "labelled.csv"], FOR_MANY),
    "train": (["train", "labelled.csv"], FOR_MANY),
    "vocab": (["vocab", "labelled.csv"], HEAVY),
    "audit": (["audit", "labelled.csv"], HEAVY),
}
ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys
from bywords.cli.main import app
imported = {}
for name, command in json.loads(sys.argv[1]).items():
    before = set(sys.modules)
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        app(command, standalone_mode=False)
    imported[name] = sorted({module.partition(".")[0] for module in set(sys.modules) - before})
print(json.dumps(imported))
"""


def test_commands_on_linear_models_import_only_what_they_need(files):
    """In one process, the lightest first, so that what one imports is not laid to another."""
    commands = {name: command for name, (command, _) in COMMANDS.items()}
    arguments = [sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(commands)]
    done = subprocess.run(arguments, cwd=files, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stdout.splitlines()[-1])
    assert list(imported) == list(COMMANDS)
    found = {name: sorted(set(imported[name]) & heavy) for name, (_, heavy) in COMMANDS.items()}
    assert found == {name: [] for name in COMMANDS}


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [
        ("torch", ["train", "labelled.csv", "--system", "lstm", "--out", "new"], "neural"),
        ("lightning_fabric", ["train", "labelled.csv", "--system", "dan", "--out", "new"], "neural"),
        ("gensim", ["vectors", "train", "labelled.csv", "--out", "new.npy"], "vectors"),
        ("gensim.models", ["train", "labelled.csv", "--system", "word2vec-mean", "--out", "new"], "vectors"),
        ("sklearn.linear_model", ["train", "labelled.csv", "--system", "glove-corpus-mean", "--out", "new"], "sklearn"),
        ("optuna", ["train", "labelled.csv", "--budget", "1s", "--out", "new"], "search"),
    ],
)
def test_what_is_not_installed_is_one_error_that_names_the_extra(missing, command, extra, files, monkeypatch):
    monkeypatch.chdir(files)
    loaded = [name for name in sys.modules if name.startswith(f"{missing}.")]  # by tests before this one
    for name in [missing, *loaded]:
        monkeypatch.setitem(sys.modules, name, None)  # as if it could not be found
    with pytest.raises(Exception, match=rf"pip install 'bywords\[{extra}\]'") as caught:
        app(command, standalone_mode=False)
    assert type(caught.value).__name__ == "SettingError"
    assert not (files / "new").exists()
