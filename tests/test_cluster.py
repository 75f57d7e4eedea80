"""Work in other processes, of this machine or of a cluster: the same results in order, whatever becomes of a worker."""

import contextlib
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import cluster_work
import numpy as np
import polars as pl
import pytest
from small_corpus import TOPICS, small_corpus, small_system, write_small_glove

from bywords.auditing import audit
from bywords.auditing.on_disk import audit_on_disk
from bywords.cli import predict as command
from bywords.cluster import HeldLostError, executor, local
from bywords.cluster.values import stored as stored_value
from bywords.cluster.worker import Failed, run
from bywords.errors import DataError, SettingError
from bywords.io.datasets import read_parts
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.io.read_options import ReadOptions
from bywords.io.readers import read_labelled_blocks
from bywords.io.resumable import ResumableOutput
from bywords.models import svm_in_parts
from bywords.systems import SYSTEMS
from bywords.text import threads
from bywords.text.tokenizer import TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig
from bywords.training import rounds
from bywords.training.callback import Callback
from bywords.training.on_disk import as_on_disk, fit_on_disk

HERE = Path(__file__).parent
TIMED = ("SHA256SUMS", "README.md", "model.json")  # files of a model with the time that it took
STORE_BYTES = 100 << 20


@pytest.fixture(scope="module")
def cluster():
    """Two machines with a processor each, both of them here."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]), "RAY_USAGE_STATS_ENABLED": "0"}
    folder = tempfile.mkdtemp(prefix="ray-")  # short: the names of sockets are in it
    os.environ |= {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_TMPDIR": folder}
    of_head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=of_head)
    cluster.second = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    shutil.rmtree(folder)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def two_processes():
    with local.LocalExecutor(2) as workers:
        yield workers


@pytest.fixture(params=["local", "ray"])
def workers(request):
    if request.param == "local":
        yield request.getfixturevalue("two_processes")
        return
    request.getfixturevalue("cluster")
    with executor("ray") as found:
        yield found


def test_results_come_in_the_order_of_the_chunks(workers):
    assert list(workers.map(cluster_work.times, 3, range(8))) == [3 * number for number in range(8)]


def test_an_error_is_raised_as_it_is_at_the_place_of_its_chunk(workers):
    results = workers.map(cluster_work.refused, None, range(8))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match=r"^new.csv, line 4: no text.$"):
        next(results)


def test_a_worker_that_is_killed_changes_no_result(workers, tmp_path):
    assert list(workers.map(cluster_work.dies_once, tmp_path, range(8))) == list(range(8))
    assert (tmp_path / "2").exists()


def test_a_chunk_that_ends_every_worker_is_an_error(monkeypatch):
    monkeypatch.setattr("bywords.cluster.base.MOST_LOST", 2)
    with local.LocalExecutor(1) as workers, pytest.raises(SettingError, match=r"^2 worker processes were lost at one"):
        list(workers.map(cluster_work.dies, None, range(3)))


def test_what_is_shared_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with local.LocalExecutor(1) as workers:
        assert list(workers.map(cluster_work.times, 2, [1])) == [2]
        (folder,) = tmp_path.glob("bywords-*")
        assert folder.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("bywords-*"))


def test_what_has_no_room_for_the_workers_names_its_folder(two_processes, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as of a disk that is full
    try:
        with pytest.raises(SettingError, match=r"bywords-\w+: cannot be written: .*\. Make room .* by TMPDIR\.$"):
            two_processes.hold(np.zeros(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_workers_end_with_the_command_that_is_killed_and_leave_no_file(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(HERE.parent)}
    script = [sys.executable, str(HERE / "cluster_work.py")]
    with subprocess.Popen(script, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as command:
        command.communicate(timeout=60)  # until nobody can write to its output any more, workers neither
        assert command.returncode == -signal.SIGKILL
    assert not list(tmp_path.iterdir())


def test_ctrl_c_is_the_commands_own(two_processes):
    assert list(two_processes.map(cluster_work.interrupted, None, range(8))) == list(range(8))


def test_rays_files_go_where_its_start_is_interrupted(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed")

    def interrupted(**settings):
        if settings.get("address") == "auto":
            raise ConnectionError
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", interrupted)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(KeyboardInterrupt):
        executor("ray")
    assert not list(tmp_path.iterdir())


def test_a_worker_of_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(threads, "_most", None)  # a worker has one thread, and this process more again
    found = run(cluster_work.times, "key", lambda: 2, 3, "0.0.1")
    assert isinstance(found, Failed)
    assert "Install the same on all machines" in str(found.error)


# What workers hold.


def test_what_stays_with_workers_is_worked_on_there(workers, tmp_path):
    held, found = [workers.hold({"sum": np.full(3, 10 * number)}) for number in range(4)], []
    for number in range(3):
        chunks = ((tmp_path, its, which + number) for which, its in enumerate(held))
        found = list(workers.map_held(cluster_work.dies_once_with, chunks, 1))
        held = [its for _, its in found]
    assert (tmp_path / "2").exists()  # one worker has died
    sums = np.repeat(10 * np.arange(4)[:, np.newaxis], 3, axis=1)
    for number in range(3):
        sums = sums * (1 if number == 0 else 2) + number + np.arange(4)[:, np.newaxis]
    np.testing.assert_array_equal([total for total, _ in found], sums)
    assert [set(workers.fetch(its)) for its in held] == [{"sum"}] * 4
    with pytest.raises(DataError, match=r"^new.csv, line 4: no text.$"):
        list(workers.map_held(cluster_work.refused_with, [(3, 1)], 1))


def test_what_is_held_is_not_written_to(workers):
    with pytest.raises(ValueError, match="read-only"):
        list(workers.map_held(cluster_work.writes, [(workers.hold(np.zeros(3)),)]))


def test_what_nobody_asks_for_any_more_leaves_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with local.LocalExecutor(1) as workers:
        held = workers.hold({"sum": np.ones(1000)})
        for _ in range(3):
            ((_, held),) = workers.map_held(cluster_work.added, [(held, 1)], 1)
        (folder,) = tmp_path.glob("bywords-*")
        assert len([path for path in folder.iterdir() if not path.name.startswith("shared")]) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["spark", "local:0", "local:two", "ray:", "ray://", ""])
def test_what_is_no_executor_is_an_error_that_says_which_there_are(name):
    with pytest.raises(SettingError, match=r"expected local, local:N for N processes, ray, or ray://HOST:PORT"):
        executor(name)


def test_without_ray_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r"^--on ray needs the package ray, .*pip install 'bywords\[ray\]'"):
        executor("ray")


# Commands.


@pytest.fixture
def texts(tmp_path):
    """600 rows: csv with quotes and new lines, jsonl, parquet, and two csv."""
    generator = np.random.default_rng(0)
    words = [word for topic in TOPICS.values() for word in topic] + ['"quoted"', "a,b", "two\nlines", "=1+1"]
    rows = [" ".join(generator.choice(words, 12)) for _ in range(600)]
    frame = pl.DataFrame({"id": range(600), "text": rows, "label": ["old"] * 600})
    frame.write_csv(tmp_path / "new.csv")
    frame.write_ndjson(tmp_path / "new.jsonl")
    frame.write_parquet(tmp_path / "new.parquet")
    frame[:250].write_csv(tmp_path / "part-1.csv")
    frame[250:].write_csv(tmp_path / "part-2.csv")
    return tmp_path


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(command, "CHUNK_ROWS", 50)


@pytest.mark.parametrize("on", ["local:2", "ray"])
def test_predictions_of_a_cluster_are_the_same_bytes(on, bywords, model, texts, small_chunks, request, monkeypatch):
    request.getfixturevalue("cluster")
    monkeypatch.setattr(command, "CHUNK_BYTES", 8_000)  # that a worker reads by itself
    files = ["new.csv", "new.jsonl", "new.parquet", "part-*.csv"]
    outs = [".csv", ".jsonl", ".parquet", ".csv.gz"] if on == "ray" else [".csv"]
    for file, ending in zip(files, outs, strict=False):
        assert bywords("predict", model, file, "--out", f"here{ending}", "--text", "text")[0] == 0
        code, _, said = bywords("predict", model, file, "--out", f"there{ending}", "--text", "text", "--on", on)
        assert (code, "2 worker" in said) == (0, True)
        assert (texts / f"there{ending}").read_bytes() == (texts / f"here{ending}").read_bytes()
        assert not list(texts.glob("*.part"))


def test_a_machine_that_is_lost_while_a_file_is_written_changes_no_byte(
    bywords, model, texts, small_chunks, cluster, monkeypatch
):
    bywords("predict", model, "new.csv", "--out", "here.csv")
    add, n_written = ResumableOutput.add, []

    def lose_one(self, chunk, **more):
        n_written.append(len(chunk))
        if len(n_written) == 2:
            cluster.remove_node(cluster.second, allow_graceful=False)
        add(self, chunk, **more)

    monkeypatch.setattr(ResumableOutput, "add", lose_one)
    try:
        code, out, _ = bywords("predict", model, "new.csv", "--out", "there.csv", "--on", "ray")
        assert (code, out, len(n_written)) == (0, "", 12)
        assert (texts / "there.csv").read_bytes() == (texts / "here.csv").read_bytes()
    finally:
        cluster.second = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)


def test_a_row_that_cannot_be_written_is_named_as_without_a_cluster(bywords, model, texts, small_chunks):
    rows = ["moon " * (10_000 if number == 400 else 1) for number in range(600)]
    pl.DataFrame({"text": rows}).write_csv(texts / "long.csv")
    here = bywords("predict", model, "long.csv", "--out", "here.xlsx")
    there = bywords("predict", model, "long.csv", "--out", "there.xlsx", "--on", "local:1")
    assert here[0] == there[0] == 2
    for _, _, said in (here, there):
        assert "long.csv, line 402: 'text' has 50,000 characters" in said


def test_an_evaluation_by_a_cluster_has_the_same_figures(bywords, model, texts, cluster):
    corpus = small_corpus()
    pl.DataFrame({"text": corpus.texts, "label": corpus.names()}).write_csv(texts / "labelled.csv")
    here = bywords("evaluate", model, "labelled.csv", "--json")
    there = bywords("evaluate", model, "labelled.csv", "--json", "--on", "ray")
    assert here[0] == 0
    assert here[1] == there[1]


@pytest.fixture
def labelled(texts):
    """A corpus of three topics in a file, some texts of which are there twice."""
    corpus = small_corpus()
    rows = pl.DataFrame({"text": corpus.texts, "label": corpus.names()})
    pl.concat([rows, rows[::3]]).write_csv(texts / "labelled.csv")
    return texts


@pytest.mark.parametrize("on", ["local:1", "local:3", "ray"])
def test_what_is_trained_with_a_cluster_is_the_same_bytes(on, bywords, labelled, request, monkeypatch):
    request.getfixturevalue("cluster")
    blocks = read_labelled_blocks.__kwdefaults__
    monkeypatch.setattr(read_labelled_blocks, "__kwdefaults__", {**blocks, "block_bytes": 5_000})
    system = ["--system", "auto" if on == "ray" else "tfidf-svc"]
    found = bywords("train", "labelled.csv", "--on-disk", "ids", "--out", "here", *system)
    assert found[0] == 0, found[2]
    code, _, said = bywords("train", "labelled.csv", "--on", on, "--out", "there", *system)
    assert (code, "worker" in said) == (0, True)
    for here, there in (("ids", "there.encoded"), ("here", "there")):
        names = sorted(path.name for path in (labelled / here).iterdir())
        assert names == sorted(path.name for path in (labelled / there).iterdir())
        for name in names:
            if name not in TIMED:
                assert (labelled / here / name).read_bytes() == (labelled / there / name).read_bytes(), name


def test_a_machine_that_is_lost_while_a_file_is_encoded_changes_no_byte(labelled, cluster, monkeypatch):
    blocks = read_labelled_blocks.__kwdefaults__
    monkeypatch.setattr(read_labelled_blocks, "__kwdefaults__", {**blocks, "block_bytes": 2_000})
    config = VocabularyConfig(ngrams=2)
    source = Source(data=str(labelled / "labelled.csv"))
    corpus_on_disk(source, labelled / "here", TokenizerConfig(), config)
    lost = set()

    def lose_one(what, n_documents, share):
        if what not in lost and n_documents > 100:
            lost.add(what)
            cluster.remove_node(cluster.second, allow_graceful=False)
            cluster.second = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)

    with executor("ray") as workers:
        corpus_on_disk(
            source, labelled / "there", TokenizerConfig(), config, on_block=lose_one, workers=workers
        )  # fmt: skip
    assert lost == {"looking at labels", "counting words", "counting n-grams", "writing ids"}
    for path in (labelled / "here").iterdir():
        assert path.read_bytes() == (labelled / "there" / path.name).read_bytes(), path.name


# Models that are fitted by workers.


@pytest.fixture
def stored(labelled):
    config = SYSTEMS["tfidf-svc"]
    return corpus_on_disk(
        Source(data=str(labelled / "labelled.csv")), labelled / "ids", config.tokenizer, config.vocabulary
    )  # fmt: skip


def fitted_bytes(stored, callback=None, workers=None, system="tfidf-svc", **settings):
    config = SYSTEMS[system]
    training = config.training and replace(config.training, batch_size=16, max_epochs=2)
    config = replace(config, model=replace(config.model, parts=3, **settings), training=training)
    fitted = fit_on_disk(config, stored, able=[], callback=callback, workers=workers)
    return [array.tobytes() for array in fitted.model.arrays().values()], fitted.record.notes


@pytest.fixture(autouse=True, scope="module")
def short_rounds():
    """Several rounds of a fit of an averaging model to few documents."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "STEPS", 2)
        patch.setattr(rounds, "LEAD", 3)
        yield


FITS = [
    *({"estimator": estimator} for estimator in ("svc", "nb-svc", "nb")), {"system": "dan"}, {"system": "averaging"}
]  # fmt: skip


@pytest.mark.parametrize("settings", FITS, ids=lambda settings: next(iter(settings.values())))
def test_workers_fit_the_same_bits_as_this_process(stored, workers, settings):
    here = fitted_bytes(stored, **settings)
    assert fitted_bytes(stored, workers=workers, **settings) == here
    assert not list(stored.train.documents.folder.glob(".*"))


def test_a_worker_that_is_killed_in_a_round_changes_no_bit_and_its_part_goes_on(stored, monkeypatch):
    submit, n_submitted, killed = local.LocalExecutor._submit, [0, 0], []

    def counting(self, *task):
        n_submitted[is_killing] += 1
        pending = submit(self, *task)
        if is_killing and not killed and n_submitted[1] == 17:  # in the third round
            killed.extend(self._pool._processes)
            os.kill(killed[0], signal.SIGKILL)
        return pending

    monkeypatch.setattr(local.LocalExecutor, "_submit", counting)
    found = []
    for is_killing in (False, True):  # noqa: B007, read above
        with local.LocalExecutor(2) as workers:
            found.append(fitted_bytes(stored, workers=workers))
    assert killed
    assert found[0] == found[1] == fitted_bytes(stored)
    assert n_submitted[0] < n_submitted[1] <= n_submitted[0] + 4  # what waited is done again, nothing else


def test_a_worker_that_is_killed_while_an_averaging_model_learns_changes_no_bit(stored, two_processes, monkeypatch):
    submit, killed, n_submitted = local.LocalExecutor._submit, [], itertools.count()

    def killing(self, *task):
        pending = submit(self, *task)
        if next(n_submitted) == 17:  # in a round of all parts
            killed.extend(self._pool._processes)
            os.kill(killed[0], signal.SIGKILL)
        return pending

    monkeypatch.setattr(local.LocalExecutor, "_submit", killing)
    assert fitted_bytes(stored, workers=two_processes, system="dan") == fitted_bytes(stored, system="dan")
    assert killed
    assert next(n_submitted) > 25


class Losing(Callback):
    """Takes a machine away after the third round, and gives another."""

    def __init__(self, cluster):
        self.cluster, self.n_steps = cluster, 0

    def step(self, n_done, n_steps, what):
        self.n_steps += 1
        if self.n_steps == 3:
            self.cluster.remove_node(self.cluster.second, allow_graceful=False)
            self.cluster.second = self.cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)


def test_a_machine_that_is_lost_in_a_round_changes_no_bit(tmp_path, cluster):
    generator = np.random.default_rng(0)
    words = [
        " ".join([f"k{code}", *(f"w{word}" for word in generator.integers(0, 5000, 150))]) for code in (0, 1) * 250
    ]  # parts of more than 100 kB: smaller ones stay with the command, and cannot be lost
    pl.DataFrame({"text": words, "label": ["no", "yes"] * 250}).write_csv(tmp_path / "long.csv")
    config = SYSTEMS["tfidf-svc"]
    long = corpus_on_disk(
        Source(data=str(tmp_path / "long.csv")), tmp_path / "ids", config.tokenizer, config.vocabulary
    )  # fmt: skip
    losing = Losing(cluster)
    with executor("ray") as workers:
        assert fitted_bytes(long, losing, workers) == fitted_bytes(long)
    assert losing.n_steps >= 3


def losing_all(monkeypatch, at):
    """Let workers lose for good what they hold, in the pass of this number. Returns: the passes, as they begin."""
    real, passes = local.LocalExecutor.map_held, []

    def losing(self, work, chunks, n_held=0):
        passes.append(work.__name__)
        if len(passes) == at:
            raise HeldLostError("gone")
        return real(self, work, chunks, n_held)

    monkeypatch.setattr(local.LocalExecutor, "map_held", losing)
    return passes


@pytest.mark.parametrize(("system", "first"), [("tfidf-svc", "_counted"), ("dan", "_cut")])
def test_a_fit_whose_parts_are_lost_for_good_begins_anew(stored, two_processes, monkeypatch, system, first):
    passes = losing_all(monkeypatch, at=7)
    assert fitted_bytes(stored, workers=two_processes, system=system) == fitted_bytes(stored, system=system)
    assert passes.count(first) == 2


@pytest.mark.parametrize(("system", "on"), [("tfidf-svc", ["--on", "local:1"]), ("tfidf-svc", []), ("dan", [])])
def test_a_model_that_was_fitted_in_parts_says_so_and_is_the_same_bytes(system, on, bywords, labelled):
    system = ["--system", system, "--parts", "3"]
    assert bywords("train", "labelled.csv", "--on-disk", "ids", "--out", "here", *system)[0] == 0
    code, out, _ = bywords(
        "train", "labelled.csv", *on, *(["--on-disk", "ids"] if not on else []), "--out", "there", *system
    )
    assert (code, "Trained in 3 parts, " in out) == (0, True)
    assert (labelled / "here" / "model.json").read_bytes() == (labelled / "there" / "model.json").read_bytes()
    assert '"parts": 3' in (labelled / "here" / "model.json").read_text(encoding="utf-8")


def test_a_value_that_is_read_again_by_the_same_process_stays_mapped_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_seen", {})
    monkeypatch.setattr(local, "MOST_SEEN", 3)
    part, others = stored_value(np.arange(5), tmp_path), [stored_value(np.array([n]), tmp_path) for n in range(6)]
    first, second, third = local._read(part), local._read(part), local._read(part)
    assert second is third
    np.testing.assert_array_equal(first, second)
    assert [local._read(one).tolist() for one in others] == [[n] for n in range(6)]
    assert len(local._seen) == 3
    assert local._read(part) is not third  # it was not looked at for long
    assert len({one.path.name.split("-")[0] for one in [part, *others]}) == 7


@pytest.fixture(scope="module")
def means(tmp_path_factory):
    """Documents on disk, the system with word vectors that learns from them in three parts, and what it learns."""
    folder, corpus = tmp_path_factory.mktemp("means"), small_corpus(120)
    pl.DataFrame({"text": corpus.texts, "label": corpus.names()}).write_csv(folder / "labelled.csv")
    config = small_system("glove-mean", write_small_glove(folder))
    source = Source(data=str(folder / "labelled.csv"))
    stored = corpus_on_disk(source, folder / "ids", config.tokenizer, config.vocabulary)
    config = replace(config, model=config.model.in_parts(3))
    return stored, config, mean_bytes(stored, config)


def mean_bytes(stored, config, workers=None):
    fitted = fit_on_disk(config, stored, able=[], workers=workers)
    return [array.tobytes() for array in fitted.model.arrays().values()], fitted.record.notes


def test_workers_learn_a_mean_of_vectors_to_the_same_bits(means, workers):
    stored, config, here = means
    assert "in 3 parts" in here[1][0]
    assert mean_bytes(stored, config, workers) == here
    assert not list(stored.train.documents.folder.glob(".*"))


def test_a_worker_that_is_killed_in_a_round_of_a_regression_changes_no_bit(means, monkeypatch):
    submit, killed, n_submitted = local.LocalExecutor._submit, [], itertools.count()

    def killing(self, *task):
        pending = submit(self, *task)
        if next(n_submitted) == 20:
            killed.extend(self._pool._processes)
            os.kill(killed[0], signal.SIGKILL)
        return pending

    monkeypatch.setattr(local.LocalExecutor, "_submit", killing)
    stored, config, here = means
    with local.LocalExecutor(2) as workers:
        assert mean_bytes(stored, config, workers) == here
    assert killed


def test_a_regression_whose_parts_are_lost_for_good_begins_anew(means, two_processes, monkeypatch):
    passes = losing_all(monkeypatch, at=4)
    stored, config, here = means
    assert mean_bytes(stored, config, two_processes) == here
    assert passes.count("_pooled") == 2


# Audits.


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Training and test files of three topics, with duplicates within and across; and their audits without workers."""
    folder = tmp_path_factory.mktemp("audited")
    corpus, tested = small_corpus(150), small_corpus(60, seed=1)
    rows = pl.DataFrame({"text": corpus.texts, "label": corpus.names()})
    others = pl.DataFrame({"text": tested.texts, "label": tested.names()})
    blank = pl.DataFrame({"text": ["  "] * 9, "label": ["space"] * 9})
    pl.concat([rows, rows[::9], blank]).write_csv(folder / "train.csv")
    pl.concat([others, rows[::20]]).write_csv(folder / "test.csv")
    train, test = read_parts(str(folder / "train.csv"), test=str(folder / "test.csv"))
    return folder, audit(train, test), audited_on_disk(folder)


def audited_on_disk(folder, workers=None, n_bytes=20_000, **options):
    """What is found in three parts."""
    with tempfile.TemporaryDirectory() as texts:
        return audit_on_disk(
            str(folder / "train.csv"), ReadOptions(), Path(texts), test=str(folder / "test.csv"), n_bytes=n_bytes,
            n_parts=3, workers=workers, **options,
        ).record  # fmt: skip


def test_workers_find_what_an_audit_finds_without_them(audited, workers):
    folder, in_memory, on_disk = audited
    train, test = read_parts(str(folder / "train.csv"), test=str(folder / "test.csv"))
    said = []
    assert audit(train, test, workers=workers, on_start=said.append) == in_memory
    assert in_memory.duplicates.impact.gain is not None
    assert len(in_memory.without_words["train"]) == 9
    assert [one for one in said if "folds" in one] == [f"label errors: {n} of 5 folds" for n in range(1, 6)]
    said.clear()
    assert audited_on_disk(folder, workers, on_start=said.append) == on_disk
    assert sum(row.confidence > 0 for row in on_disk.label_errors) > 150
    assert "label errors: parts 1 to 2 of 3, 10 of 10 folds" in said
    assert said[-1] == "label errors: part 3 of 3, 5 of 5 folds"


@pytest.mark.parametrize("on", ["local:2", "ray"])
@pytest.mark.parametrize("memory", [[], ["--memory", "100kB"]], ids=["in memory", "on disk"])
def test_the_files_of_an_audit_by_a_cluster_are_the_same_bytes(
    on, memory, bywords, audited, tmp_path, request, monkeypatch
):
    request.getfixturevalue("cluster")
    monkeypatch.setattr("bywords.cli.audit.LEAST_MEMORY", 0)  # several parts of few texts
    files = [str(audited[0] / "train.csv"), "--test", str(audited[0] / "test.csv"), *memory, "--out", "found"]
    found = []
    for more in ([], ["--on", on]):
        code, out, said = bywords("audit", *files, *more)
        assert (code, "2 worker" in said) == (0, bool(more)), said
        its = {path.name: path.read_bytes() for path in (tmp_path / "found").iterdir()}
        record = json.loads(its["audit.json"])
        assert record.pop("command").endswith(" ".join(["--out found", *more]))
        its["audit.html"] = its["audit.html"].replace(f" --on {on}".encode(), b"")
        found.append((record, out, {name: its[name] for name in sorted(its) if name != "audit.json"}))
    assert found[0] == found[1]
    assert sorted(found[0][2]) == ["audit.html", "label-errors.csv"]


def test_workers_that_could_not_be_started_are_started_again(monkeypatch):
    submit, failed = local.ProcessPoolExecutor.submit, []

    def failing(self, *task):
        if not failed:
            failed.append(task)
            raise ValueError("bad value(s) in fds_to_keep")
        return submit(self, *task)

    monkeypatch.setattr(local.ProcessPoolExecutor, "submit", failing)
    with local.LocalExecutor(1) as workers:
        assert list(workers.map(pow, 2, [3, 4])) == [8, 16]
    assert failed


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_workers_that_are_killed_in_each_pass_of_an_audit_change_nothing(audited, monkeypatch, is_on_disk):
    map_held, submit, passes, killed = local.LocalExecutor.map_held, local.LocalExecutor._submit, [], []

    def noting(self, work, chunks, n_held=0):
        passes.append(work.__name__)
        return map_held(self, work, chunks, n_held)

    def killing(self, *task):
        pending, name = submit(self, *task), task[0].__name__
        name = passes[-1] if name == "_work_held" else name
        if name not in killed:
            killed.append(name)
            for process in list(self._pool._processes):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        return pending

    monkeypatch.setattr(local.LocalExecutor, "map_held", noting)
    monkeypatch.setattr(local.LocalExecutor, "_submit", killing)
    folder, in_memory, on_disk = audited
    with local.LocalExecutor(2) as workers:
        if is_on_disk:
            assert audited_on_disk(folder, workers) == on_disk
        else:
            train, test = read_parts(str(folder / "train.csv"), test=str(folder / "test.csv"))
            assert audit(train, test, workers=workers) == in_memory
    on_disk_alone, in_memory_alone = (["_to_judge"], []) if is_on_disk else ([], ["_answered"])
    assert killed == ["_words_of", *on_disk_alone, "_answers", "_ranked", *in_memory_alone]


def test_a_machine_that_is_lost_in_an_audit_changes_nothing(tmp_path, cluster):
    generator = np.random.default_rng(0)
    for name, n in (("train.csv", 600), ("test.csv", 10)):
        texts = [
            " ".join([f"k{code}", *(f"w{word}" for word in generator.integers(0, 5000, 100))]) for code in (0, 1) * n
        ]  # so long that what is held of them is more than Ray sends with its tasks: it is lost with the machine
        pl.DataFrame({"text": texts, "label": ["no", "yes"] * n}).write_csv(tmp_path / name)
    lost = []

    def lose(what):
        if " folds" in what and not lost:
            lost.append(what)
            cluster.remove_node(cluster.second, allow_graceful=False)
            cluster.second = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)

    with executor("ray") as workers:
        found = audited_on_disk(tmp_path, workers, n_bytes=10**7, on_start=lose)
    assert lost == ["label errors: parts 1 to 2 of 3, 1 of 10 folds"]
    assert found == audited_on_disk(tmp_path, n_bytes=10**7)


@pytest.mark.parametrize(("at", "again"), [(2, "_to_judge"), (6, "_ranked")])
def test_an_audit_whose_workers_lose_for_good_what_they_hold_judges_those_parts_anew(
    audited, two_processes, monkeypatch, at, again
):
    passes = losing_all(monkeypatch, at=at)
    assert audited_on_disk(audited[0], two_processes) == audited[2]
    assert passes.count(again) == 3  # two parts, then one; and once more


# `auto` in parts.


@pytest.fixture(scope="module")
def for_auto(tmp_path_factory):
    """Documents of two topics with a word in ten of the other, on disk for `auto`."""
    folder, generator = tmp_path_factory.mktemp("auto"), np.random.default_rng(0)
    codes = np.arange(300) % 2
    texts = [
        " ".join(f"{'ab'[code ^ (generator.random() < 0.1)]}{word}" for word in generator.zipf(1.3, 8) % 40)
        for code in codes
    ]
    pl.DataFrame({"text": texts, "label": np.array(["no", "yes"])[codes]}).write_csv(folder / "texts.csv")
    config = as_on_disk(SYSTEMS["auto"])
    source = Source(data=str(folder / "texts.csv"), validation_share=0.3)
    return corpus_on_disk(source, folder / "ids", config.tokenizer, config.vocabulary)


def auto_in_parts(stored, n_parts, workers=None, **arguments):
    """What `auto` has learned: its record, and its bytes."""
    config = SYSTEMS["auto"]
    config = replace(config, model=config.model.in_parts(n_parts))
    fitted = fit_on_disk(config, stored, able=[], workers=workers, **arguments)
    return fitted, [array.tobytes() for array in fitted.model.arrays().values()]


@pytest.fixture(autouse=True, scope="module")
def few_rounds():
    """Fits that do not go on to the optimum."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(svm_in_parts, "MOST_STEPS", 4)
        yield


@pytest.fixture(scope="module")
def autos_here(for_auto):
    return {n_parts: auto_in_parts(for_auto, n_parts) for n_parts in (1, 2, 3, 7)}


def test_auto_in_parts_selects_and_answers_as_auto_of_one_part(for_auto, autos_here):
    answers = []
    for fitted, _ in autos_here.values():
        documents = for_auto.valid.documents.select(np.arange(len(for_auto.valid.documents)))
        answers.append(fitted.model.logits(documents).argmax(axis=1))
    assert all(np.mean(its == answers[0]) >= 0.97 for its in answers)
    trials = [{one["name"] for one in fitted.record.selection.trials} for fitted, _ in autos_here.values()]
    assert all(its == trials[0] and len(its) > 3 for its in trials)
    assert not autos_here[1][0].record.notes
    assert all("trained in 3 parts" in note for note in autos_here[3][0].record.notes)
    reason = autos_here[3][0].record.selection.reason
    assert "were not tried: that takes documents in memory." in reason


@pytest.mark.parametrize("n_parts", [2, 3, 7])
def test_workers_fit_auto_to_the_same_bits_as_this_process(for_auto, autos_here, workers, n_parts):
    assert auto_in_parts(for_auto, n_parts, workers)[1] == autos_here[n_parts][1]


def test_a_worker_that_is_killed_while_auto_learns_changes_no_bit(for_auto, autos_here, monkeypatch):
    submit, killed, n_submitted = local.LocalExecutor._submit, [], itertools.count()

    def killing(self, *task):
        pending = submit(self, *task)
        if next(n_submitted) == 60:
            killed.extend(self._pool._processes)
            os.kill(killed[0], signal.SIGKILL)
        return pending

    monkeypatch.setattr(local.LocalExecutor, "_submit", killing)
    with local.LocalExecutor(2) as workers:
        assert auto_in_parts(for_auto, 3, workers)[1] == autos_here[3][1]
    assert killed


class Interrupting(Callback):
    """Ends a fit in the middle of its rounds."""

    def __init__(self, after):
        self.after, self.said = after, []

    def step(self, n_done, n_steps, what):
        self.said.append(what)
        if len(self.said) == self.after:
            raise KeyboardInterrupt


def test_auto_in_parts_that_is_interrupted_goes_on_to_the_same_bits(for_auto, autos_here, tmp_path, monkeypatch):
    monkeypatch.setattr(svm_in_parts, "SECONDS_BETWEEN_SAVES", 0)
    first, second = Interrupting(9), Interrupting(None)
    arguments = {"checkpoint": tmp_path / "kept", "callback": first}
    with pytest.raises(KeyboardInterrupt):
        auto_in_parts(for_auto, 3, **arguments)
    fitted, found = auto_in_parts(for_auto, 3, **(arguments | {"callback": second, "resume": True}))
    assert found == autos_here[3][1]
    assert fitted.record.notes == autos_here[3][0].record.notes
    assert "round 11" in first.said[-1]
    assert "round 9" in second.said[0]  # the first of its step


def test_auto_whose_parts_are_lost_for_good_begins_anew(for_auto, autos_here, two_processes, monkeypatch):
    passes = losing_all(monkeypatch, at=20)
    assert auto_in_parts(for_auto, 3, two_processes)[1] == autos_here[3][1]
    assert passes.count("_counted") == 4  # words, and words and pairs, twice


def test_systems_that_cannot_learn_in_parts_are_refused_by_name(bywords, labelled):
    code, _, said = bywords("train", "labelled.csv", "--parts", "2", "--system", "lstm")
    assert code == 2
    assert "--parts: the system 'lstm' cannot learn in parts. Those that can: auto, dan, dan-ngrams, tfidf-" in said
    assert "tfidf-nb, glove-mean" in said


def test_systems_that_need_all_texts_are_refused_by_name(bywords, labelled):
    code, _, said = bywords("train", "labelled.csv", "--on", "local:1", "--system", "lstm")
    assert code == 2
    assert "the system 'lstm' needs all documents in memory, because it reads documents of like length" in said
    code, _, said = bywords("train", "labelled.csv", "--on", "local:1", "--budget", "1s")
    assert (code, "--on has no documents in memory, which --budget needs" in said) == (2, True)
