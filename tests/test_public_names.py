"""What `import bywords` offers: this list, without importing anything heavy, each name with an example that runs."""

import doctest
import importlib
import subprocess
import sys

import pytest

import bywords
from bywords.models.base import MODELS

PUBLIC = {
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
    "fit_classifier",
    "fit_module",
    "learning_curve",
    "load_classifier",
    "load_dataset",
    "load_vectors",
    "predict_module",
    "module_system",
    "register_model",
    "save_classifier",
    "split",
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


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_has_a_docstring_with_an_example_that_runs(name, folder, monkeypatch, capsys):
    path, texts, labels = folder
    monkeypatch.chdir(path)
    public = getattr(bywords, name)
    documented = importlib.import_module("bywords.systems") if name == "SYSTEMS" else public
    names = {"texts": texts, "labels": labels}
    example = doctest.DocTestParser().get_doctest(documented.__doc__, names, name, None, None)
    assert example.examples
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(example)
    assert runner.failures == 0, capsys.readouterr().out
