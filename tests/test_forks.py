"""A model that the parent has used answers in a forked child, or says why it cannot; and in threads."""

import concurrent.futures
import gc
import multiprocessing
import os
import pickle
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from forking import SECONDS, in_child
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV
from small_corpus import COMMON, TOPICS, small_system

from bywords import SettingError, TextClassifier, TokenizerConfig, load_classifier, load_dataset
from bywords.forks import cached_property
from bywords.systems import SYSTEMS
from bywords.text import threads

LABELS = list(TOPICS) * 50
LEARNED = [  # without polars, since some tests are of processes that have not used it yet
    " ".join([*TOPICS[label][number % 4 : number % 4 + 3], *COMMON[number % 5 :]])
    for number, label in enumerate(LABELS)
]
TEXTS = [*LEARNED, "", "zxqv", "C'est une fusée — 我爱宇宙"]
LINEAR = ["auto", "tfidf-svc", "tfidf-nb", "dan"]
CUSTOM = replace(SYSTEMS["tfidf-nb"], tokenizer=TokenizerConfig(pattern=r"[a-z]+"))


@pytest.fixture(scope="module")
def fitted():
    """A classifier for each system; by then the pools of polars and of PyTorch have begun."""
    classifiers = {name: TextClassifier(SYSTEMS[name]) for name in LINEAR}
    classifiers |= {"lstm": TextClassifier(small_system("lstm", "")), "custom": TextClassifier(CUSTOM)}
    for classifier in classifiers.values():
        classifier.fit(LEARNED, LABELS)
    rows = {"text": LEARNED, "colour": ["red", "blue", "green"] * 50}
    columns = TextClassifier("tfidf-nb", text="text", columns=["colour"])
    classifiers["columns"] = columns.fit(rows, LABELS)
    pl.DataFrame({"a": np.arange(100_000) % 7, "b": np.arange(100_000)}).group_by("a").agg(pl.col("b").sum())
    assert torch.get_num_threads() == 1 or torch.randn(2_000_000).relu().sum() > 0
    return classifiers


def answers(classifier, texts=TEXTS):
    predictions = classifier.predict_documents(texts)
    return predictions.labels.tolist(), predictions.probabilities.tobytes(), predictions.logits.tobytes()


@pytest.mark.parametrize("system", [*LINEAR, "lstm"])
def test_a_model_that_was_used_answers_the_same_in_a_forked_child(system, fitted, monkeypatch):
    monkeypatch.setattr(threads, "CHUNK_SIZE", 1000)  # so that several threads read
    monkeypatch.setattr(threads, "n_threads", lambda: 3)
    expected = answers(fitted[system])
    assert in_child(lambda: answers(fitted[system])) == expected
    assert in_child(lambda: in_child(lambda: answers(fitted[system]))) == expected
    assert in_child(lambda: answers(fitted[system], np.array(TEXTS, dtype=object))) == expected
    assert in_child(lambda: answers(fitted[system], pl.Series(TEXTS))) == expected


@pytest.mark.parametrize("system", [*LINEAR, "lstm"])
def test_a_forked_child_loads_explains_saves_and_evaluates(system, fitted, tmp_path):
    fitted[system].save(tmp_path / "before")
    child = in_child(lambda: _all(tmp_path))
    assert child == _all(tmp_path)


def _all(folder):
    classifier = TextClassifier.load(folder / "before")
    classifier.save(folder / "after")
    explanation = classifier.explain(TEXTS[0])[0]
    evaluation = classifier.evaluate(TEXTS[:9], LABELS[:9])
    return answers(classifier), explanation.tokens, explanation.predicted, evaluation.accuracy


def test_what_needs_polars_says_at_once_that_its_threads_did_not_come_along(fitted, tmp_path):
    (tmp_path / "data.csv").write_text("text,label\n" + "good,pos\nbad,neg\n" * 20)
    fitted["custom"].save(tmp_path / "custom")
    row = {"text": "the moon", "colour": "red"}
    asked = {
        "the pattern": [
            lambda: fitted["custom"].predict(TEXTS),
            lambda: load_classifier(tmp_path / "custom").predict(TEXTS),
        ],
        "a row of several columns": [lambda: fitted["columns"].predict([row])],
        "training": [
            lambda: TextClassifier("tfidf-nb").fit(LEARNED, LABELS),
            lambda: fitted["tfidf-nb"].continue_fit(LEARNED, LABELS),
        ],
        "to read documents": [lambda: load_dataset(str(tmp_path / "data.csv"))],
    }

    def messages():
        found = []
        for what, calls in asked.items():
            for call in calls:
                with pytest.raises(SettingError) as caught:
                    call()
                found.append((what, str(caught.value)))
        return found

    started = time.perf_counter()
    found = in_child(messages)
    assert time.perf_counter() - started < 15
    assert len(found) == 6
    for what, message in found:
        assert message.startswith(what)
        assert "'spawn'" in message
    assert fitted["columns"].predict([row]).shape == (1,)  # the parent goes on


def test_a_child_of_a_process_that_has_used_pytorch_but_not_polars_trains(tmp_path):
    server = multiprocessing.get_context("spawn").Process(target=_train_in_child, args=(tmp_path / "model",))
    server.start()
    server.join(SECONDS)
    server.kill()
    assert server.exitcode == 0
    assert load_classifier(tmp_path / "model").predict(["the rocket orbits the moon"]).labels.tolist() == ["space"]


def _train_in_child(folder):
    torch.set_num_threads(2)
    layer = torch.nn.Linear(1000, 1000)
    layer(torch.randn(2000, 1000)).relu().sum().backward()
    in_child(lambda: TextClassifier("dan").fit(LEARNED, LABELS).save(folder))


def test_pools_of_forked_processes_answer(fitted):
    """As web servers that load before they fork have them."""
    context = multiprocessing.get_context("fork")
    parts = [TEXTS[:50], TEXTS[50:100], TEXTS[100:]]
    expected = [fitted["auto"].predict(part).tolist() for part in parts]
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert [labels.tolist() for labels in pool.map(fitted["auto"].predict, parts, timeout=SECONDS)] == expected


def test_a_child_forked_while_threads_predict_answers(fitted, tmp_path, monkeypatch):
    """Whatever a thread is at just then: nothing that it holds is waited for."""
    monkeypatch.setattr(threads, "CHUNK_SIZE", 1000)
    fitted["auto"].save(tmp_path / "model")
    expected, is_over = answers(fitted["auto"], TEXTS[:20]), threading.Event()

    def keep_loading():
        while not is_over.is_set():
            load_classifier(tmp_path / "model").predict(TEXTS)

    workers = [threading.Thread(target=keep_loading) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(20):
            assert in_child(lambda: answers(TextClassifier.load(tmp_path / "model"), TEXTS[:20])) == expected
    finally:
        is_over.set()
        for worker in workers:
            worker.join()


def test_a_property_that_another_thread_works_out_is_not_waited_for_in_a_child():
    has_begun, may_end = threading.Event(), threading.Event()
    main = threading.current_thread()

    class Slow:
        @cached_property
        def number(self):
            if threading.current_thread() is not main:
                has_begun.set()
                may_end.wait()
            return 3

    slow = Slow()
    worker = threading.Thread(target=lambda: slow.number)
    worker.start()
    has_begun.wait()
    assert in_child(lambda: slow.number) == 3
    may_end.set()
    worker.join()


@pytest.mark.parametrize("system", [*LINEAR, "lstm"])
def test_eight_threads_get_the_same_bits(system, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "CHUNK_SIZE", 1000)
    fitted[system].save(tmp_path / "model")
    expected = answers(fitted[system])
    fresh = TextClassifier.load(tmp_path / "model")  # its tables are not there yet

    def work(number):
        if number % 4 == 3:
            fresh.save(tmp_path / f"saved-{number}")
            return answers(TextClassifier.load(tmp_path / f"saved-{number}"))
        return answers(fresh if number % 2 else TextClassifier.load(tmp_path / "model"))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == [expected] * 24


def test_ctrl_c_ends_a_prediction_of_several_threads_at_once(fitted, monkeypatch):
    monkeypatch.setattr(threads, "CHUNK_SIZE", 10_000)
    many = TEXTS * 20_000  # many seconds of work
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a process of the test run may ignore
    gc.disable()  # what is raised in a function that the collector calls, as hypothesis has one, is lost
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fitted["auto"].predict(many)
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, before)
    expected = answers(fitted["auto"])
    started = time.perf_counter()
    assert answers(fitted["auto"]) == expected
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("system", [*LINEAR, "lstm"])
def test_pickled_models_give_the_same_answers(system, fitted):
    expected = answers(fitted[system])
    copied = pickle.loads(pickle.dumps(fitted[system]))
    assert answers(copied) == expected
    assert pickle.loads(pickle.dumps(fitted[system].fitted_)).predict(TEXTS).labels.tolist() == expected[0]


def test_processes_of_joblib_fit_and_ask(fitted):
    """Its own kind, loky, starts them afresh and pickles what they get; a lambda is pickled by cloudpickle."""
    search = GridSearchCV(TextClassifier(), {"system": ["tfidf-nb", "tfidf-svc"]}, cv=2, n_jobs=2)
    assert search.fit(LEARNED, LABELS).predict(TEXTS[:3]).tolist() == LABELS[:3]
    whole = fitted["auto"].fitted_
    parts = Parallel(n_jobs=2)(delayed(lambda part: whole.predict(part).labels.tolist())([text]) for text in TEXTS[:4])
    assert [label for part in parts for label in part] == whole.predict(TEXTS[:4]).labels.tolist()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process takes up is read as Linux tells it")
@pytest.mark.parametrize("system", ["auto", "dan", "lstm"])
def test_memory_stays_where_it_is_over_two_hundred_and_fifty_loads(system, fitted, tmp_path):
    """In full, with larger models, by `benchmarks/memory.py`. What leaks does so in most of five times fifty loads."""
    fitted[system].save(tmp_path / "model")
    taken = []
    for number in range(301):
        load_classifier(tmp_path / "model").predict(TEXTS)
        if number and number % 50 == 0:
            gc.collect()
            lines = Path("/proc/self/status").read_text().splitlines()
            taken.append(next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024)
    assert np.median(np.diff(taken)) <= 0.25
