"""A run that is killed, whenever that is, and resumed ends with the same bits as one that is left alone."""

import itertools
import json
import random
import time
from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from runs_to_kill import process_of, sums_of, train_small
from small_corpus import small_corpus, small_split, small_system, write_small_glove
from test_cli import csv  # noqa: F401 (a fixture)
from test_models import DOCUMENTS, each_module, small

from bywords import checkpoint as checkpoint_module
from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Run, check_checkpoint
from bywords.classifier import TextClassifier
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.system_config import SelectionConfig, TrainingConfig
from bywords.systems import SYSTEMS
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.training import loop
from bywords.training.callback import Callback
from bywords.training.loop import fit
from bywords.training.model_selection import select_model

TO_KILL = ["auto", "dan", "averaging", "lstm", "word2vec-mean", "glove-corpus-mean", "tfidf-svc"]
N_KILLS = 3  # of each system, at moments spread over its run
RUN = Run({"texts": "1f", "labels": "2e"}, {"seed": 0, "training": {"rate": 0.1, "epochs": 4}})


class KilledError(BaseException):
    """What no program is ready for."""


@pytest.fixture
def kill_at(monkeypatch):
    """Make the writing of files end in KilledError at the n-th, before it is written or after; 0 is never."""
    write = checkpoint_module.write_whole

    def kill_at(n, *, before=False):
        numbers = itertools.count(1)  # several threads may write

        def write_or_die(path, content):
            number = next(numbers)
            if number == n and before:
                raise KilledError
            write(path, content)
            if number == n:
                raise KilledError

        monkeypatch.setattr(checkpoint_module, "write_whole", write_or_die)

    return kill_at


@pytest.fixture
def after_every_batch(monkeypatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN", 0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The sums of a system's model from a run without a checkpoint."""

    @cache
    def sums(system):
        out = tmp_path_factory.mktemp("whole") / "model"
        train_small(system, out)
        return sums_of(out)

    return sums


def is_finished(folder):
    about = folder / "checkpoint.json"
    return about.exists() and json.loads(about.read_text())["finished"]


def when_begun(process, folder):
    """Wait until the fit begins, so that a kill hits it rather than what comes before; the time then."""
    while process.is_alive() and not (folder / "checkpoint.json").exists():
        time.sleep(0.001)
    return time.perf_counter()


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """The process that others are forked from has begun, so that its imports do not count as a part of their time."""
    folder = tmp_path_factory.mktemp("forked")
    process_of("tfidf-svc", folder / "model", folder / "ck").join()


# The folder


def test_an_entry_comes_back_bit_for_bit(tmp_path):
    checkpoint = Checkpoint.open(tmp_path / "ck", RUN, resume=False)
    arrays = {
        "floats": np.array([[0.1, -0.0, np.nan]], dtype=np.float32),
        "none": np.zeros((0, 3)),
        "number": np.array(7.5, dtype=np.float32),
        "bytes": np.arange(5, dtype=np.uint8)[::2],
    }
    values = {"large": 2**127 + 1, "loss": float("inf"), "names": ["ä\n", None], "third": 1 / 3}
    checkpoint.save("one", arrays, values)
    entry = Checkpoint.open(tmp_path / "ck", RUN, resume=True).load("one")
    assert entry.values == values
    assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in entry.arrays.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()
    }


@given(data=st.data())
def test_a_damaged_entry_is_as_good_as_not_there(tmp_path_factory, data):
    checkpoint = Checkpoint.open(tmp_path_factory.mktemp("ck"), RUN, resume=False)
    checkpoint.save("one", {"a": np.arange(3.0)}, [1])
    path = checkpoint.folder / "one.entry"
    content = bytearray(path.read_bytes())
    index = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[index] ^= data.draw(st.integers(1, 255))
    else:
        del content[index:]
    path.write_bytes(content)
    assert checkpoint.load("one") is None


def test_an_entry_of_another_name_or_another_run_is_not_taken_for_one_of_this(tmp_path):
    first = Checkpoint.open(tmp_path / "first", RUN, resume=False)
    other = Checkpoint.open(tmp_path / "other", Run(RUN.data, {"seed": 1}), resume=False)
    first.save("one", {"a": np.arange(3.0)})
    written = (tmp_path / "first" / "one.entry").read_bytes()
    (tmp_path / "first" / "two.entry").write_bytes(written)
    (tmp_path / "other" / "one.entry").write_bytes(written)
    assert first.load("one") is not None
    assert first.load("two") is None
    assert other.load("one") is None


def test_parts_have_names_of_their_own_and_are_forgotten_by_themselves(tmp_path):
    checkpoint = Checkpoint.open(tmp_path, RUN, resume=False)
    part = checkpoint.under("part")
    for index, kept in enumerate((checkpoint, part, part.under("deeper"))):
        kept.save("one", {}, index)
    assert [kept.load("one").values for kept in (checkpoint, part, part.under("deeper"))] == [0, 1, 2]
    checkpoint.save("part", {})
    part.forget()
    assert part.load("one") is None
    assert part.under("deeper").load("one") is None
    assert checkpoint.load("one").values == 0
    assert checkpoint.load("part") is not None


def test_an_entry_that_is_killed_while_it_is_written_is_the_old_one(tmp_path, kill_at):
    checkpoint = Checkpoint.open(tmp_path, RUN, resume=False)
    checkpoint.save("one", {}, "old")
    kill_at(1, before=True)
    with pytest.raises(KilledError):
        checkpoint.save("one", {}, "new")
    assert checkpoint.load("one").values == "old"


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(SettingError, match="there is something already, and it is not a checkpoint"):
            Checkpoint.open(tmp_path, RUN, resume=resume)
    with pytest.raises(SettingError, match="this is a file"):
        check_checkpoint(tmp_path / "thesis.txt", resume=True)
    (tmp_path / "thesis.txt").unlink()
    (tmp_path / "checkpoint.json").write_text('{"format": "another"}')
    with pytest.raises(SettingError, match="not a checkpoint that this version can read"):
        Checkpoint.open(tmp_path, RUN, resume=True)


def test_what_a_run_left_that_was_killed_before_its_first_entry_is_no_hindrance(tmp_path):
    (tmp_path / ".checkpoint.json.123.part").write_text("{")
    assert Checkpoint.open(tmp_path, RUN, resume=False).load("one") is None


def test_an_unfinished_checkpoint_is_gone_on_with_only_when_asked_and_a_finished_one_is_replaced(tmp_path):
    checkpoint = Checkpoint.open(tmp_path, RUN, resume=True)  # nothing to resume: afresh
    checkpoint.save("one", {}, 1)
    with pytest.raises(SettingError, match="unfinished checkpoint: give --resume to continue it, or another folder"):
        Checkpoint.open(tmp_path, RUN, resume=False)
    assert Checkpoint.open(tmp_path, RUN, resume=True).load("one").values == 1
    checkpoint.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.json"]
    other = Checkpoint.open(tmp_path, Run(RUN.data, {"seed": 1}), resume=False)
    assert other.load("one") is None
    other.finish()
    assert Checkpoint.open(tmp_path, RUN, resume=True).load("one") is None


def test_another_run_is_refused_and_the_message_says_what_differs(tmp_path):
    Checkpoint.open(tmp_path, RUN, resume=False)
    with pytest.raises(
        SettingError, match=r"of another run: not the same texts; seed was 0 and is 3; training.rate was"
    ):
        Checkpoint.open(
            tmp_path, Run({**RUN.data, "texts": "3d"}, {"seed": 3, "training": {"rate": 0.2, "epochs": 4}}), resume=True
        )
    with pytest.raises(SettingError, match=r"not the same weights; training.epochs was 4 and is None"):
        Checkpoint.open(tmp_path, Run({**RUN.data, "weights": ""}, {"seed": 0, "training": {"rate": 0.1}}), resume=True)


# Runs


@each_module
def test_every_model_goes_on_from_any_batch_with_the_same_bits(config, tmp_path, kill_at, after_every_batch):
    documents, targets = Ragged.of(DOCUMENTS), Targets.of(np.array([0, 1, 2, 0, 1, 2]))
    settings = TrainingConfig(max_epochs=6, patience=2, batch_size=2, decay=True, learning_rate=0.2, weight_decay=0.1)

    def trained(checkpoint, valid):
        model = small(config)
        history = fit(
            model, documents, targets, None if valid is None else (valid, targets), settings,
            generator=np.random.default_rng(0), n_epochs=None if valid else 3, checkpoint=checkpoint,
        )  # fmt: skip
        return model.state_dict(), history

    for index, valid in enumerate((documents, None)):
        alone, history = trained(NO_CHECKPOINT, valid)
        folder = tmp_path / str(index)
        n_runs = 1
        while True:  # each run is killed at its second write
            kill_at(2)
            try:
                resumed, its_history = trained(Checkpoint.open(folder, RUN, resume=True), valid)
            except KilledError:
                n_runs += 1
            else:
                break
        assert n_runs > 2 * len(history.epochs)
        assert all(torch.equal(alone[name], resumed[name]) for name in alone)
        assert its_history.best_epoch == history.best_epoch
        assert [record.train_loss for record in its_history.epochs] == [record.train_loss for record in history.epochs]


@pytest.mark.parametrize("before", [False, True], ids=["written", "not written"])
@pytest.mark.parametrize("system", TO_KILL)
def test_a_run_killed_at_any_write_ends_with_the_same_bits(system, before, tmp_path, kill_at, undisturbed):
    """Each run is killed at its first write, or before its second, until one has saved its model."""
    out, folder = tmp_path / "model", tmp_path / "ck"
    n_killed = 0
    while not is_finished(folder):
        kill_at(2 if before else 1, before=before)
        try:
            train_small(system, out, folder)
        except KilledError:
            n_killed += 1
    assert n_killed
    assert sums_of(out) == undisturbed(system)


@pytest.mark.parametrize("system", TO_KILL)
def test_a_process_killed_at_any_moment_and_resumed_ends_with_the_same_bits(system, tmp_path, undisturbed, forked):
    expected = undisturbed(system)
    process = process_of(system, tmp_path / "whole", tmp_path / "ck whole")
    began = when_begun(process, tmp_path / "ck whole")
    process.join()
    seconds = time.perf_counter() - began
    assert sums_of(tmp_path / "whole") == expected
    drawn = random.Random(system)
    for kill in range(N_KILLS):
        out, folder = tmp_path / f"model {kill}", tmp_path / f"ck {kill}"
        for _ in range(1 + kill % 2):
            process = process_of(system, out, folder)
            when_begun(process, folder)
            time.sleep(seconds * (kill + drawn.random()) / N_KILLS)
            process.kill()
            process.join()
        train_small(system, out, folder)
        assert sums_of(out) == expected, f"kill {kill}"


def test_what_a_resumed_run_finds_is_not_done_again(tmp_path, kill_at, monkeypatch):
    kill_at(3)  # the vectors' first entries are not all there
    with pytest.raises(KilledError):
        train_small("glove-corpus-mean", tmp_path / "model", tmp_path / "ck")
    kill_at(0)
    epochs = []

    class Killing(Callback):
        def vectors_epoch(self, epoch, n_epochs, loss, seconds):
            epochs.append(epoch)

    train_small("glove-corpus-mean", tmp_path / "model", tmp_path / "ck", callback=Killing())
    assert epochs == [3, 4, 5]


def test_damaged_entries_are_worked_out_again(tmp_path, kill_at, undisturbed):
    kill_at(6)
    with pytest.raises(KilledError):
        train_small("auto", tmp_path / "model", tmp_path / "ck")
    kill_at(0)
    paths = sorted((tmp_path / "ck").glob("*.entry"))
    assert len(paths) > 2
    paths[0].write_bytes(paths[0].read_bytes()[:-1] + b"?")
    paths[1].write_bytes(b"")
    train_small("auto", tmp_path / "model", tmp_path / "ck")
    assert sums_of(tmp_path / "model") == undisturbed("auto")


def test_pretrained_vectors_and_many_labels_are_resumed_too(tmp_path, kill_at):
    split = small_split()
    labels = [
        [name, "long"] if len(text) > 60 else [name]
        for text, name in zip(split.train.texts, split.train.names(), strict=True)
    ]
    config = small_system("averaging-glove", write_small_glove(tmp_path))
    for system in (config, "auto"):
        name = system if isinstance(system, str) else "own"
        TextClassifier(system).fit(split.train.texts, labels).save(tmp_path / name)
        kill_at(3)
        with pytest.raises(KilledError):
            TextClassifier(system).fit(split.train.texts, labels, checkpoint=tmp_path / f"ck {name}")
        kill_at(0)
        again = TextClassifier(system).fit(split.train.texts, labels, checkpoint=tmp_path / f"ck {name}", resume=True)
        again.save(tmp_path / f"again {name}")
        assert sums_of(tmp_path / f"again {name}") == sums_of(tmp_path / name)


def test_other_data_or_settings_are_refused_by_name_before_anything_is_trained(tmp_path, kill_at):
    corpus = small_corpus()
    texts, labels = corpus.texts.to_list(), corpus.names()
    kill_at(2)
    with pytest.raises(KilledError):
        TextClassifier("dan").fit(texts, labels, checkpoint=tmp_path)
    kill_at(0)

    def refused(classifier, texts, labels, *more):
        with pytest.raises(SettingError) as caught:
            classifier.fit(texts, labels, *more, checkpoint=tmp_path, resume=True)
        return str(caught.value)

    assert "not the same texts" in refused(TextClassifier("dan"), [texts[0] + " moon", *texts[1:]], labels)
    assert "not the same labels" in refused(TextClassifier("dan"), texts, [labels[1], *labels[1:]])
    assert "not the same weights" in refused(TextClassifier("dan"), texts, labels, [2.0] + [1.0] * 149)
    assert "not the same classes" in refused(TextClassifier("dan"), texts, [name + "s" for name in labels])
    assert "seed was 0 and is 1" in refused(TextClassifier("dan", seed=1), texts, labels)
    assert "metric was 'log_loss' and is 'accuracy'" in refused(TextClassifier("dan", metric="accuracy"), texts, labels)
    assert "model.dimension was 64" in refused(TextClassifier("averaging"), texts, labels)


def test_ctrl_c_saves_the_best_so_far_and_leaves_the_checkpoint_to_go_on_from(tmp_path, undisturbed):
    class Impatient(Callback):
        def epoch(self, record, max_epochs):
            if record.epoch == 3:
                raise KeyboardInterrupt

    stopped = train_small("averaging", tmp_path / "early", tmp_path / "ck", callback=Impatient())
    assert stopped.fitted_.record.history.interrupted
    assert not is_finished(tmp_path / "ck")
    train_small("averaging", tmp_path / "model", tmp_path / "ck")
    assert sums_of(tmp_path / "model") == undisturbed("averaging")


def test_a_search_goes_on_with_what_was_tried_for_the_time_that_is_left(tmp_path):
    corpus = small_corpus()

    class Stopping(Callback):
        """Ctrl-C, for a search, when so many have been judged."""

        def __init__(self, after):
            self.after, self.told = after, []

        def step(self, n_done, n_steps, what):
            if n_steps == 0:
                self.told.append(what)
                if len(self.told) == self.after:
                    raise KeyboardInterrupt

    def run(callback, seconds, *, resume):
        classifier = TextClassifier(budget_seconds=seconds)
        classifier.fit(corpus.texts, corpus.names(), checkpoint=tmp_path / "ck", resume=resume, callback=callback)
        return classifier

    first = run(Stopping(4), 600.0, resume=False)
    assert first.fitted_.record.history.interrupted
    first.save(tmp_path / "early")
    judged = len(list((tmp_path / "ck").glob("judged-*")))
    second = run(again := Stopping(7), 600.0, resume=True)
    assert len(again.told) == 7
    assert second.selection_.trials[: judged - 1] == first.selection_.trials[: judged - 1]


def test_a_search_whose_budget_is_spent_keeps_what_it_tried_and_tries_no_more(tmp_path):
    corpus = small_corpus()
    tokens, targets = Tokenizer()(corpus.texts), Targets.of(corpus.labels)
    checkpoint = Checkpoint.open(tmp_path / "ck", RUN, resume=False)

    def chosen(seconds):
        told = []

        class Stopping(Callback):
            def step(self, n_done, n_steps, what):
                if n_steps == 0:
                    told.append(what)
                    if len(told) == 3:
                        raise KeyboardInterrupt

        selection = select_model(
            SYSTEMS["auto"], tokens, targets, None, seed=0, budget_seconds=seconds, callback=Stopping(),
            checkpoint=checkpoint,
        )  # fmt: skip
        return selection.trials, told

    trials, told = chosen(600.0)
    assert len(told) == 3
    n_tried, spent = checkpoint.load("search").values
    assert n_tried == 2  # Ctrl-C came before the third was noted
    assert spent > 0
    again, told = chosen(1e-9)
    assert len(told) == 2
    assert again[:5] == trials[:5]
    checkpoint.save("search", {}, [0, 600.0])
    assert chosen(600.0)[1] == []


def test_candidates_judged_once_and_for_all_are_fitted_on_from_what_was_kept(tmp_path, kill_at):
    """From the dual variables of an SVM, for the best number of epochs of a network."""
    split = small_split()
    network = replace(SYSTEMS["dan"].model, features="words")
    training = replace(SYSTEMS["dan"].training, max_epochs=9, metric="accuracy")  # the best epoch is not the last
    for candidate in (SYSTEMS["tfidf-svc"].model, network):
        config = replace(SYSTEMS["auto"], model=SelectionConfig(candidates=(candidate,)), training=training)
        name = type(candidate).__name__
        validation = (split.test.texts, split.test.names())
        given = {"X": split.train.texts, "y": split.train.names(), "validation": validation}
        kill_at(0)
        TextClassifier(config).fit(**given).save(tmp_path / name)
        folder = tmp_path / f"ck {name}"
        while not is_finished(folder):
            kill_at(1)
            with suppress(KilledError):
                TextClassifier(config).fit(**given, checkpoint=folder, resume=True).save(tmp_path / f"{name} again")
        assert sums_of(tmp_path / f"{name} again") == sums_of(tmp_path / name)


# The command line


def test_a_checkpoint_of_the_command_line_is_resumed_and_told_of(bywords, csv, tmp_path):  # noqa: F811
    train = ("train", csv, "--system", "tfidf-nb", "--json")
    assert bywords(*train, "--out", "alone")[0] == 0
    code, _, error = bywords(*train, "--out", "model", "--checkpoint", "ck", "--resume")
    assert (code, error) == (0, "")
    assert sums_of(tmp_path / "model") == sums_of(tmp_path / "alone")
    assert is_finished(tmp_path / "ck")
    about = json.loads((tmp_path / "ck" / "checkpoint.json").read_text())
    (tmp_path / "ck" / "checkpoint.json").write_text(json.dumps({**about, "finished": False}))
    assert "give --resume to continue it, or another folder" in bywords(*train, "--checkpoint", "ck")[2]
    assert "seed was 0 and is 1" in bywords(*train, "--checkpoint", "ck", "--resume", "--seed", "1")[2]


def test_a_checkpoint_that_cannot_be_is_refused_before_anything_is_read(bywords, csv, tmp_path):  # noqa: F811
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    missing = ("train", "missing.csv", "--out", "model")
    assert "not a checkpoint" in bywords(*missing, "--checkpoint", "mine")[2]
    assert "the checkpoint cannot be in the folder of the model" in bywords(*missing, "--checkpoint", "model/ck")[2]
    assert "give its folder with --checkpoint" in bywords(*missing, "--resume")[2]
