"""`bywords info`: what is in a model folder, quickly, or one error."""

import json
import subprocess
import sys

import polars as pl
import pytest
from small_corpus import small_corpus

from bywords.classifier import TextClassifier
from bywords.cli import main as cli
from bywords.fitted import CardRecord, DataSummary

TRAIN, TEST = small_corpus(), small_corpus(60, seed=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("info") / "model"
    classifier = TextClassifier().fit(TRAIN.texts, TRAIN.names())
    evaluation = classifier.evaluate(TEST.texts, TEST.names())
    classes = {"space": 50, "sport": 50, "motor": 50}
    data = DataSummary(name="small.csv", fingerprint="f00d", classes=classes, n_documents=150)
    classifier.save(folder, card=CardRecord(system="auto", test=evaluation.summary(), data=data))
    return folder


@pytest.fixture
def info(capsys, monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bywords", "info", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = capsys.readouterr()
        return left.value.code or 0, shown.out, shown.err

    return run


def test_it_says_what_is_in_the_folder(info, model):
    code, out, error = info(model)
    assert (code, error) == (0, "")
    for part in ("bywords-model/7, whole", "auto: the best of", "was selected", "small.csv", "f00d", "95 % interval"):
        assert part in out
    for part in ("motor", "weights.safetensors", "float32", "words"):
        assert part in out


def test_as_json_it_is_one_object_with_sizes_and_shapes(info, model):
    found = json.loads(info(model, "--json")[1])
    assert found["size_bytes"] == sum(path.stat().st_size for path in model.iterdir())
    assert found["files"]["vocabulary.txt"] == (model / "vocabulary.txt").stat().st_size
    vocabulary = TextClassifier.load(model).fitted_.vocabulary
    assert found["vocabulary"] == {
        "words": len(vocabulary.words), "ngrams": len(vocabulary.ngrams), "char_ngrams": len(vocabulary.char_ngrams),
    }  # fmt: skip
    assert [row["label"] for row in found["labels"]] == ["motor", "space", "sport"]
    assert all(array["dtype"] == "float32" for array in found["arrays"].values())
    assert found["test"]["n_documents"] == 60
    assert found["whole"]


def test_a_damaged_folder_is_one_error(info, model, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in model.iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    (damaged / "README.md").write_text("Right on 100 %.")
    code, out, error = info(damaged)
    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    assert "README.md is damaged" in error
    assert error.count("\n") == 1


def test_it_needs_no_torch(model):
    code = (
        "import sys; from bywords.cli import main; sys.argv = ['bywords', 'info', sys.argv[1]]\n"
        "try: main.main()\nexcept SystemExit as left: assert not left.code\n"
        "heavy = {'torch', 'sklearn'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(model)], check=True, capture_output=True)


def test_it_counts_all_that_was_learned_and_says_that_the_scores_are_from_before(bywords, tmp_path):
    data = tmp_path / "my.csv"
    pl.DataFrame({"text": TRAIN.texts, "label": TRAIN.names()}).write_csv(data)
    for options, n_learned, is_later in (((), len(TRAIN), True), (("--keep-test-out",), len(TRAIN) * 4 // 5, False)):
        assert bywords("train", data, "--system", "tfidf-nb", "--out", "model", *options)[0] == 0
        out = bywords("info", "model")[1]
        assert f"my.csv ({n_learned} documents)" in out
        assert ("It has since learned from these too" in out) == is_later


def test_it_says_how_many_test_documents_are_also_in_training(bywords, tmp_path):
    data = tmp_path / "my.csv"
    pl.DataFrame({"text": TRAIN.texts, "label": TRAIN.names()}).write_csv(data)
    assert bywords("train", data, "--test", data, "--system", "tfidf-nb", "--out", "model")[0] == 0
    assert "150 of the 150 test documents are also among the training documents" in bywords("info", "model")[1]
    assert json.loads(bywords("info", "model", "--json")[1])["test_also_in_training"]["n_documents"] == 150


def test_it_says_what_a_continued_model_had_learned_before(bywords, tmp_path):
    data = tmp_path / "my.csv"
    pl.DataFrame({"text": TRAIN.texts, "label": TRAIN.names()}).write_csv(data)
    assert bywords("train", data, "--system", "tfidf-nb", "--out", "before")[0] == 0
    assert bywords("train", data, "--from", "before", "--out", "after")[0] == 0
    said = "It had learned from 150 documents before."
    assert said in bywords("info", "after")[1]
    assert said not in bywords("info", "before")[1]
