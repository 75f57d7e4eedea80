"""The same answer everywhere: again with the same seed, in one thread or two, alone or among others, in any order."""

import os
import subprocess
import sys

import numpy as np
import pytest
from small_corpus import small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier

TRAIN, TEST = small_corpus(), small_corpus(90, seed=1)
TEXTS = [*TEST.texts, "", "zzz qqq", "😀", "rocket " * 3000]
SYSTEMS = ["auto", "dan", "averaging", "lstm", "gru", "cnn", "glove-mean", "tfidf-nb"]
ASKED = """
import sys, numpy as np
from bywords.classifier import TextClassifier
texts = open(sys.argv[2], encoding="utf-8").read().split("\\0")
np.save(sys.argv[3], TextClassifier.load(sys.argv[1]).predict_proba(texts))
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    glove = write_small_glove(tmp_path_factory.mktemp("vectors"))
    known = {}

    def get(name):
        if name not in known:
            known[name] = TextClassifier(small_system(name, glove)).fit(TRAIN.texts, TRAIN.names())
        return known[name]

    return get


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_size_of_a_batch_changes_no_answer(name, size, fitted):
    whole = fitted(name).predict_proba(TEXTS)
    parts = [fitted(name).predict_proba(TEXTS[start : start + size]) for start in range(0, len(TEXTS), size)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_order_of_texts_changes_no_answer(name, fitted):
    order = np.random.default_rng(0).permutation(len(TEXTS))
    whole = fitted(name).predict_proba(TEXTS)
    np.testing.assert_allclose(
        fitted(name).predict_proba([TEXTS[index] for index in order]), whole[order], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("name", ["auto", "lstm"])
def test_texts_of_many_chunks_get_the_answers_of_few(name, fitted, monkeypatch):
    whole = fitted(name).predict_proba(TEXTS)
    monkeypatch.setattr("bywords.text.threads.CHUNK_SIZE", 100)
    np.testing.assert_allclose(fitted(name).predict_proba(TEXTS), whole, rtol=0, atol=1e-6)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not say which cores to use")
@pytest.mark.parametrize("name", ["auto", "dan", "lstm"])
def test_one_core_gives_the_answers_of_all(name, fitted, tmp_path):
    fitted(name).save(tmp_path / "model")
    (tmp_path / "texts").write_text("\0".join(TEXTS), encoding="utf-8")
    found = []
    for one_core in (False, True):
        out = tmp_path / f"{one_core}.npy"
        limit = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" if one_core else ""
        threads = {"OMP_NUM_THREADS": "1"} if one_core else {}
        command = [sys.executable, "-c", limit + ASKED, tmp_path / "model", tmp_path / "texts", out]
        subprocess.run(command, check=True, env={**os.environ, **threads})
        found.append(np.load(out))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[0], fitted(name).predict_proba(TEXTS), rtol=0, atol=1e-6)
