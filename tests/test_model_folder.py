"""A model's folder: equal bytes for equal parts, and no byte of it that can change unseen."""

import contextlib
import hashlib
import importlib.metadata
import itertools
import json
import os
import shutil
import subprocess
import threading
import warnings

import numpy as np
import pytest
from dying import KilledError, dying, numbers

from bywords import files
from bywords.artifact import model_folder
from bywords.artifact.description import _libraries
from bywords.artifact.quantization import dequantize, quantize
from bywords.errors import ModelFolderError
from bywords.models.averaging import AveragingConfig
from bywords.models.ensemble import EnsembleConfig
from bywords.models.lstm import LSTMConfig
from bywords.models.mean_vector import MeanVectorConfig
from bywords.models.tfidf_linear import TfidfConfig
from bywords.system_config import SystemConfig
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.vectors.word2vec import Word2VecConfig

TEXTS = ["the dog sat on the mat", "the cats sat\\", "a dog and a cat", "кот сидел"]
FILES = ["README.md", "SHA256SUMS", "model.json", "vocabulary.txt", "weights.safetensors"]
CARD = "# Model card\n\nA model for the tests.\n"


def small_parts(**description):
    vocabulary = Vocabulary.of(Tokenizer()(TEXTS), VocabularyConfig(ngrams=2, char_ngrams=(2, 3)))
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(len(vocabulary), 3)).astype(np.float32)
    arrays = {"weights": weights, "bias": np.zeros(3, dtype=np.float32)}
    return model_folder.FolderContents(
        {"label_names": ["a", "b", "c"], "config": {"kind": "?"}, **description}, vocabulary, arrays
    )


@pytest.fixture
def folder(tmp_path):
    model_folder.write_folder(small_parts(), tmp_path / "model", card=CARD)
    return tmp_path / "model"


def test_what_is_written_is_read(folder):
    written, read = small_parts(), model_folder.read_folder(folder)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert read.description["label_names"] == ["a", "b", "c"]
    assert read.vocabulary.text() == written.vocabulary.text()
    for name, array in {**written.arrays, **written.vocabulary.arrays()}.items():
        np.testing.assert_array_equal({**read.arrays, **read.vocabulary.arrays()}[name], array)


def test_equal_parts_make_equal_bytes(folder, tmp_path):
    model_folder.write_folder(small_parts(), tmp_path / "again", card=CARD)
    for name in FILES:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_any_flipped_bit_is_refused_with_the_name_of_its_file(folder):
    generator = np.random.default_rng(0)
    whole = {name: (folder / name).read_bytes() for name in FILES}
    for number in range(1000):
        name = FILES[number % len(FILES)]
        damaged = bytearray(whole[name])
        damaged[generator.integers(len(damaged))] ^= 1 << int(generator.integers(8))
        (folder / name).write_bytes(damaged)
        with pytest.raises(ModelFolderError, match=f"{name} is damaged"):
            model_folder.read_folder(folder)
        (folder / name).write_bytes(whole[name])
    model_folder.read_folder(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [lambda whole: whole + b"\n", lambda whole: whole[:-1], lambda whole: b""])
def test_a_file_that_is_longer_shorter_or_empty_is_refused_by_name(folder, name, change):
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    with pytest.raises(ModelFolderError, match=f"{name} is damaged"):
        model_folder.read_folder(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=f"{name} is missing"):
        model_folder.read_folder(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelFolderError, match="there is no such folder"):
        model_folder.read_folder(tmp_path / "none")


def test_somebody_elses_file_is_ignored_and_stays_when_the_model_is_replaced(folder):
    (folder / "notes.txt").write_text("mine")
    model_folder.read_folder(folder)
    assert model_folder.size_bytes(folder) == sum((folder / name).stat().st_size for name in FILES)
    model_folder.write_folder(small_parts(label_names=["x", "y", "z"]), folder, card=CARD)
    assert model_folder.read_folder(folder).description["label_names"] == ["x", "y", "z"]
    assert (folder / "notes.txt").read_text() == "mine"


def test_an_older_format_is_refused_before_its_files_are_asked_for(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    content = json.dumps({"format": "bywords-model/2"}).encode()
    (folder / "model.json").write_bytes(content)
    (folder / "SHA256SUMS").write_bytes(f"{hashlib.sha256(content).hexdigest()}  model.json\n".encode())
    with pytest.raises(ModelFolderError, match=r"expected the format bywords-model/7, found 'bywords-model/2'\. Train"):
        model_folder.read_folder(folder)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum on this machine")
def test_sha256sum_checks_a_folder(folder):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [f"{name}: OK" for name in model_folder.FILES]
    assert (done.returncode, done.stderr) == (0, "")


def test_the_versions_are_those_of_the_libraries_that_train_such_a_model():
    def libraries(model, vectors=None):
        return list(_libraries(SystemConfig(description="any", model=model, vectors=vectors)))

    linear = EnsembleConfig(members=(TfidfConfig(),))
    assert libraries(linear) == []
    assert list(model_folder.versions_of([])) == ["bywords", "python", "numpy"]
    assert libraries(EnsembleConfig(members=(TfidfConfig(), AveragingConfig()))) == ["torch"]
    assert libraries(MeanVectorConfig(), Word2VecConfig()) == ["gensim", "scikit-learn"]
    assert libraries(LSTMConfig()) == ["torch"]
    assert model_folder.versions_of(["torch"])["torch"] == importlib.metadata.version("torch")


@pytest.mark.parametrize("storage_format", ["float32", "float16", "int8", "int8-rows"])
@pytest.mark.parametrize("shape", [(50, 4), (50, 2), (50,), (0, 2), (50, 1)])
def test_what_was_packed_once_stays_as_it_is(storage_format, shape):
    if storage_format == "int8-rows" and len(shape) == 1:
        return  # a scale for each number would be no smaller
    generator = np.random.default_rng(0)
    array = (generator.standard_t(2, size=shape) * 10.0 ** generator.integers(-6, 3, size=shape[-1])).astype(np.float32)
    once = quantize({"x": array}, {"x": storage_format})
    arrays, storage = dequantize(once)
    assert arrays["x"].dtype == np.float32
    if array.size:
        assert storage == ({} if storage_format == "float32" else {"x": storage_format})
    again = quantize(arrays, storage)
    assert {name: stored.tobytes() for name, stored in again.items()} == {n: s.tobytes() for n, s in once.items()}
    if storage_format.startswith("int8") and array.size:
        scale = once["x:scale"]
        assert np.all(np.abs(arrays["x"] - array) <= scale * 0.5001)
        assert np.abs(once["x"]).max() == 127


def test_two_columns_that_mirror_each_other_are_stored_once_to_the_bit():
    half = np.array([[0.0], [-0.0], [1.5], [-2.25]], dtype=np.float32)
    array = np.concatenate([-half, half], axis=1)
    packed = quantize({"w": array}, {})
    assert packed["w:mirrored"].shape == (4, 1)
    assert dequantize(packed)[0]["w"].tobytes() == array.tobytes()
    array[1, 0] = -0.0  # beside another -0.0
    assert "w:mirrored" not in quantize({"w": array}, {})


def test_numbers_that_do_not_fit_into_16_bits_stay_whole():
    array = np.array([1e6, 1.0], dtype=np.float32)
    assert quantize({"x": array}, {"x": "float16"})["x"].dtype == np.float32


def labels_of(folder):
    return "".join(model_folder.read_folder(folder).description["label_names"])


def test_killed_at_any_change_of_the_disk_the_old_model_or_the_new_one_is_read(folder, monkeypatch):
    monkeypatch.setattr(files, "exchange", lambda one, other: False)  # what takes the most steps
    new, old = small_parts(label_names=["x", "y", "z"]), small_parts()
    seen = []

    def attempt(n):
        with dying(monkeypatch, n), contextlib.suppress(KilledError):
            model_folder.write_folder(new, folder, card=CARD)
            return False
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            seen.append((labels_of(folder), [str(warning.message) for warning in told]))
        model_folder.write_folder(old, folder, card=CARD)
        assert sorted(path.name for path in folder.iterdir()) == FILES
        return True

    numbers(attempt)
    assert {labels for labels, _ in seen} == {"abc", "xyz"}
    ended = [f"{folder}: a save was cut off there; the new model was whole and is in place."]
    assert ("xyz", ended) in seen
    assert [told for _, told in seen if told not in ([], ended)] == []


STRANGERS = [
    {"README.md": b"mine", "SHA256SUMS": b"mine"},
    {"model.json": b'{"format": "another/1"}', "SHA256SUMS": b"mine"},
    {"model.json": b"[" * 100_000},
    {"model.json": b"\xff"},
    {".hidden": b"mine"},
]


@pytest.mark.parametrize("strangers", STRANGERS)
def test_a_folder_is_a_model_only_if_its_model_json_says_so(tmp_path, strangers):
    (tmp_path / "release").mkdir()
    for name, content in strangers.items():
        (tmp_path / "release" / name).write_bytes(content)
    with pytest.raises(ModelFolderError, match="there is something already, and it is not a model: no"):
        model_folder.write_folder(small_parts(), tmp_path / "release", card=CARD)
    assert {path.name: path.read_bytes() for path in (tmp_path / "release").iterdir()} == strangers


def test_a_damaged_model_of_any_version_is_replaced(folder):
    (folder / "model.json").write_text('{"format": "bywords-model/1"}')
    (folder / "weights.safetensors").unlink()
    model_folder.write_folder(small_parts(), folder, card=CARD)
    assert labels_of(folder) == "abc"


def test_a_file_of_the_model_that_is_a_link_is_not_cut_off(folder, tmp_path):
    (folder / "weights.safetensors").rename(tmp_path / "blob")
    (folder / "weights.safetensors").symlink_to(tmp_path / "blob")
    with pytest.raises(ModelFolderError, match=r"weights.safetensors is a link to .*blob, which a new model would cut"):
        model_folder.write_folder(small_parts(), folder, card=CARD)
    assert labels_of(folder) == "abc"


def test_a_folder_that_one_must_not_write_to_is_said_before_the_training(folder, monkeypatch):
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder.resolve() and may(path, mode))
    with pytest.raises(ModelFolderError, match="model takes no files"):
        model_folder.check_writable(folder)


def test_of_two_threads_that_save_one_model_the_second_is_refused(folder, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    really = model_folder.contents

    def slow(parts, *, card):
        begun.set()
        go_on.wait(10)
        yield from really(parts, card=card)

    monkeypatch.setattr(model_folder, "contents", slow)
    new = small_parts(label_names=["x", "y", "z"])
    first = threading.Thread(target=model_folder.write_folder, args=(new, folder), kwargs={"card": CARD})
    first.start()
    begun.wait(10)
    with pytest.raises(ModelFolderError, match="another thread is writing there already"):
        model_folder.write_folder(small_parts(), folder, card=CARD)
    go_on.set()
    first.join()
    assert labels_of(folder) == "xyz"


@pytest.mark.filterwarnings("ignore:.*a save was cut off there")  # it has only not ended yet
@pytest.mark.parametrize("way", ["exchanged", "moved into it one by one"])
def test_a_model_that_is_saved_anew_while_it_is_read_is_the_old_one_or_the_new_one(folder, monkeypatch, way):
    if way != "exchanged":
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    ended = threading.Event()

    def save():
        for number in itertools.count():
            if ended.is_set():
                return
            parts = small_parts(label_names=[str(number)] * 3)
            parts.arrays["bias"][:] = number
            model_folder.write_folder(parts, folder, card=CARD)

    thread = threading.Thread(target=save)
    thread.start()
    seen = set()
    try:
        while len(seen) < 10:
            read = model_folder.read_folder(folder)
            seen.add(read.description["label_names"][0])
            assert read.description["label_names"][0] in ("a", str(int(read.arrays["bias"][0])))
    finally:
        ended.set()
        thread.join()
