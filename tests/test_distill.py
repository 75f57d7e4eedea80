"""What a transformer says of each word becomes vectors of words; what was interrupted goes on."""

import json
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from bywords import SettingError, VectorFileError, load_vectors
from bywords.checkpoint import Checkpoint, Run
from bywords.cli.screen import ProgressLines
from bywords.terminal import shell_words
from bywords.vectors.distill import DistillConfig, Transformer, distill, zipf_shares

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from wild_arguments import write_transformer

WORDS = ["the", "film", "was", "bad", "good", "##ly", "a", "plot", "of", "scene"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("transformer")
    write_transformer(path, WORDS)
    return path


@pytest.fixture(scope="module")
def transformer(folder):
    return Transformer(folder)


def test_a_word_has_the_mean_of_its_pieces_whatever_stands_in_its_batch(folder, transformer):
    import torch
    from transformers import AutoModel, AutoTokenizer

    words = ["film", "badly", "the scene of a bad plot"]
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for word, found in zip(words, transformer.encode(words), strict=True):
        with torch.inference_mode():
            mean = model(**tokenizer([word], return_tensors="pt")).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(found, (mean / mean.norm()).numpy(), atol=1e-5)


def test_the_first_piece_is_taken_where_the_folder_says_so(folder, transformer, tmp_path):
    shutil.copytree(folder, tmp_path / "cls")
    (tmp_path / "cls" / "1_Pooling").mkdir()
    said = tmp_path / "cls" / "1_Pooling" / "config.json"
    said.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    assert np.abs(Transformer(tmp_path / "cls").encode(["film"]) - transformer.encode(["film"])).max() > 1e-3
    said.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(VectorFileError, match="expected a mean over all pieces or the first piece"):
        Transformer(tmp_path / "cls")


def test_components_keep_what_tells_words_apart_and_frequent_words_are_short(transformer):
    words = ["the", "film", "was", "bad", "good", "plot", "scene", "of"]
    whole = distill(transformer, words, zipf_shares(8), DistillConfig(dimension=8, smoothing=1))
    cut = distill(transformer, words, zipf_shares(8), DistillConfig(dimension=8, smoothing=1))
    assert cut.dimension == 8
    np.testing.assert_allclose(
        cut.matrix @ cut.matrix.T, whole.matrix @ whole.matrix.T, atol=1e-4
    )  # 8 words: 7 suffice
    short = distill(transformer, words, zipf_shares(8), DistillConfig(dimension=8, smoothing=0.01))
    ratio = np.linalg.norm(short.matrix, axis=1) / np.linalg.norm(cut.matrix, axis=1)
    assert np.all(np.diff(ratio) > 0)  # the first, the most frequent, is shortened most


def test_an_interrupted_run_goes_on_to_the_same_bits(transformer, tmp_path, monkeypatch):
    monkeypatch.setattr("bywords.vectors.distill.WORDS_AT_A_TIME", 3)
    words, config = ["the", "film", "was", "bad", "good", "plot", "scene", "of"], DistillConfig(dimension=4)
    done = distill(transformer, words, zipf_shares(8), config)

    def stop(n_done, _):
        if n_done == 6:
            raise KeyboardInterrupt

    kept = Checkpoint.open(tmp_path / "kept", Run({}, {}), resume=False)
    with pytest.raises(KeyboardInterrupt):
        distill(transformer, words, zipf_shares(8), config, checkpoint=kept, on_words=stop)
    asked, encode = [], transformer.encode
    monkeypatch.setattr(transformer, "encode", lambda texts: asked.append(texts) or encode(texts))
    kept = Checkpoint.open(tmp_path / "kept", Run({}, {}), resume=True)
    again = distill(transformer, words, zipf_shares(8), config, checkpoint=kept)
    assert asked == [["scene", "of"]]
    np.testing.assert_array_equal(again.matrix, done.matrix)


def test_the_command_writes_the_words_of_a_list_and_those_of_the_data(folder, tmp_path, bywords):
    (tmp_path / "list.txt").write_text("the\nof\nfilm\n\nthe\n", encoding="utf-8")
    (tmp_path / "lines.txt").write_text("a bad film\na good plot\nbad good plot scene\n", encoding="utf-8")
    given = ["--words", "list.txt", "--set", "dimension=3", "--out", "out.npy"]
    code, told, _ = bywords("vectors", "distill", folder, "lines.txt", *given)
    assert code == 0
    assert "7 words of 3 dimensions" in told
    assert load_vectors(tmp_path / "out.npy").words.to_list()[:3] == ["the", "of", "film"]
    assert set(load_vectors(tmp_path / "out.npy").words.to_list()[3:]) == {"a", "bad", "good", "plot"}
    assert not (tmp_path / "out.distilling").exists()


def test_ctrl_c_keeps_the_words_that_are_done_and_says_how_to_go_on(folder, tmp_path, bywords, monkeypatch):
    (tmp_path / "list.txt").write_text("the\nof\nfilm\nbad\n", encoding="utf-8")
    monkeypatch.setattr("bywords.vectors.distill.WORDS_AT_A_TIME", 2)
    given = ["vectors", "distill", folder, "--words", "list.txt", "--set", "dimension=3", "--out", "out.npy"]
    with monkeypatch.context() as patch:
        patch.setattr(ProgressLines, "step", lambda *_: signal.raise_signal(signal.SIGINT))
        code, _, error = bywords(*given)
    assert (code, error) == (
        130,
        f"Interrupted: what is done is kept. Go on with: {shell_words(['bywords', *map(str, given), '--resume'])}\n",
    )
    assert bywords(*given)[0] == 2  # and not by chance
    assert bywords(*given, "--resume")[0] == 0


def test_too_few_words_and_what_is_no_transformer_are_refused(transformer, tmp_path):
    with pytest.raises(SettingError, match="2 words for 256 dimensions"):
        distill(transformer, ["the", "film"], zipf_shares(2))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(VectorFileError, match="the transformer cannot be read"):
        Transformer(tmp_path)
