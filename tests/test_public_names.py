"""What `import bywords` offers: this list, without importing anything heavy, each name with an example that runs."""

import ast
import doctest
import functools
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import bywords
from bywords.models.base import MODELS

PUBLIC = {
    "GloveConfig",
    "Word2VecConfig",
    "audit",
    "train_glove",
    "train_word2vec",
    "AveragingModel",
    "BywordsError",
    "CNNModel",
    "Corpus",
    "DataError",
    "DocumentVectors",
    "FittedClassifier",
    "FittedModel",
    "GRUModel",
    "LSTMModel",
    "LinearModel",
    "ModelConfig",
    "ModelFolderError",
    "Predictions",
    "Ragged",
    "SYSTEMS",
    "SettingError",
    "Split",
    "SystemConfig",
    "TextClassifier",
    "TextDataset",
    "Tokenizer",
    "TokenizerConfig",
    "TrainingConfig",
    "VectorFileError",
    "Vocabulary",
    "VocabularyConfig",
    "WordVectors",
    "collate_padded",
    "collate_ragged",
    "compare",
    "compress",
    "exported_page",
    "fit_classifier",
    "fit_module",
    "grouped",
    "holm",
    "learning_curve",
    "load_classifier",
    "load_dataset",
    "load_vectors",
    "module_system",
    "paired_difference",
    "predict_module",
    "register_model",
    "save_classifier",
    "split",
    "wilson_interval",
}
KNOWN = {"printer": "office", "toner": "office", "engine": "garage", "tyre": "garage"}
TICKETS = ["the {} is on fire", "my {} squeals", "a flat {}", "no {} today", *(f"{{}} number {n}" for n in range(6))]


def test_the_public_names_are_these():
    assert set(bywords.__all__) == {*PUBLIC, "__version__"}


def test_dir_and_with_it_completion_lists_the_public_names():
    assert set(dir(bywords)) == {*PUBLIC, "__version__"}


def test_importing_bywords_and_listing_its_names_imports_neither_numpy_nor_anything_else_that_is_heavy():
    look = "import sys, bywords; dir(bywords); print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "polars", "torch", "sklearn", "scipy"} & set(loaded)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'bywords' has no attribute 'TextClasifier'"):
        bywords.TextClasifier  # noqa: B018


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples may use: `tickets.csv`, `many-tickets.csv`, `vectors.txt` and the folder `tickets-model`."""
    folder = tmp_path_factory.mktemp("examples")
    rows = [f"{text.format(word)},{label}\n" for text in TICKETS for word, label in KNOWN.items()]
    (folder / "tickets.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    (folder / "many-tickets.csv").write_text("text,label\n" + "".join(rows * 20), encoding="utf-8")
    (folder / "vectors.txt").write_text("printer 1 0 0\ntyre 0 1 0\nfire 1 0 1\ncar 0 1 1\n", encoding="utf-8")
    texts, labels = zip(*(row.strip().split(",") for row in rows), strict=True)
    bywords.save_classifier(bywords.fit_classifier(bywords.SYSTEMS["auto"], texts, labels), folder / "tickets-model")
    return folder, list(texts), list(labels)


@pytest.fixture
def models():
    """Whatever an example registers is gone afterwards."""
    before = dict(MODELS)
    yield
    MODELS.clear()
    MODELS.update(before)


def with_examples():
    """Module and name of whatever has `>>>` in its docstring and is no public name itself; nothing is imported."""

    def inside(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                if ">>>" in (ast.get_docstring(child) or ""):
                    yield prefix + child.name
                yield from inside(child, f"{prefix}{child.name}.")

    package = Path(bywords.__file__).parent
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        names = inside(ast.parse(path.read_text(encoding="utf-8")), "")
        yield from ((module, name) for name in names if name not in PUBLIC)


def run_examples(documented, name, folder, monkeypatch, capsys):
    """Run the examples of a docstring in the folder that they may use; there have to be some."""
    path, texts, labels = folder
    monkeypatch.chdir(path)
    names = {"texts": texts, "labels": labels}
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(documented), names, name, None, None)
    assert example.examples
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(example)
    assert runner.failures == 0, capsys.readouterr().out


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_has_a_docstring_with_an_example_that_runs(name, folder, monkeypatch, capsys):
    documented = importlib.import_module("bywords.systems") if name == "SYSTEMS" else getattr(bywords, name)
    run_examples(documented, name, folder, monkeypatch, capsys)


@pytest.mark.parametrize(("module", "name"), list(with_examples()))
def test_every_other_example_in_a_docstring_runs_too(module, name, folder, monkeypatch, capsys):
    documented = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    run_examples(documented, name, folder, monkeypatch, capsys)
