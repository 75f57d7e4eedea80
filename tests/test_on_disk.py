"""Training on a file that need not fit into memory: what is held out, what comes out, and what memory it takes."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_corpus import small_corpus

from bywords.checkpoint import write_state
from bywords.classifier import TextClassifier
from bywords.data.label_names import of_each_kind
from bywords.errors import DataError, SettingError
from bywords.io import on_disk
from bywords.io.corpus_record import FORMAT
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.io.readers import read_corpus, read_labelled_blocks
from bywords.systems import SYSTEMS
from bywords.text.streaming_counts import NgramCounter
from bywords.text.tokenizer import TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig
from bywords.training.on_disk import as_on_disk

ROWS = [
    {"text": text, "label": label}
    for text, label in zip(small_corpus(600).texts, small_corpus(600).names().tolist(), strict=True)
]


def write_lines(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def stored_of(path, folder, *, vocabulary=None, tell=lambda what: None, **more):
    source, vocabulary = Source(data=str(path), **more), vocabulary or VocabularyConfig()
    return corpus_on_disk(source, folder, TokenizerConfig(), vocabulary, tell=tell)


@pytest.fixture
def lines(tmp_path):
    return write_lines(tmp_path / "small.jsonl", ROWS)


def written_as(ending: str, folder: Path) -> Path:
    path = folder / f"same{ending}"
    frame = pl.DataFrame(ROWS)
    if ending == ".csv":
        frame.write_csv(path)
    elif ending == ".tsv":
        frame.write_csv(path, separator="\t")
    elif ending == ".parquet":
        frame.write_parquet(path)
    elif ending == ".txt":
        path.write_text("".join(f"__label__{row['label']} {row['text']}\n" for row in ROWS), encoding="utf-8")
    else:
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode()))
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".txt", ".jsonl.gz"])
def test_blocks_of_a_file_are_the_corpus_that_reading_it_at_once_gives(ending, tmp_path):
    path = written_as(ending, tmp_path)
    whole, blocks = read_corpus(path), list(read_labelled_blocks(path, block_bytes=500))
    assert len(blocks) > 1
    corpora = [block.corpus for block in blocks]
    assert pl.concat([corpus.texts for corpus in corpora]).to_list() == whole.texts.to_list()
    assert np.concatenate([corpus.names() for corpus in corpora]).tolist() == whole.names().tolist()
    assert np.concatenate([corpus.rows for corpus in corpora]).tolist() == whole.rows.tolist()


def test_what_is_read_at_a_time_changes_no_byte(lines, tmp_path, monkeypatch):
    stored_of(lines, tmp_path / "one")
    monkeypatch.setattr(
        read_labelled_blocks, "__kwdefaults__", {**read_labelled_blocks.__kwdefaults__, "block_bytes": 999}
    )
    stored_of(lines, tmp_path / "many")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / path.name).read_bytes(), path.name


def test_each_class_gives_its_share_of_documents_to_each_part(lines, tmp_path):
    corpus = stored_of(lines, tmp_path / "ids", test_share=0.2, validation_share=0.1)
    sizes = [np.bincount(part.codes).tolist() for part in (corpus.train, corpus.valid, corpus.test)]
    assert sizes == [[144, 144, 144], [16, 16, 16], [40, 40, 40]]
    assert len(corpus.facts.train) == 480
    assert corpus.facts.train.counts().tolist() == [160, 160, 160]


def test_other_seeds_hold_out_other_documents(lines, tmp_path):
    ids = [
        (stored_of(lines, tmp_path / "ids", seed=seed).test.documents.select(np.arange(120)).ids).tolist()
        for seed in (0, 1)
    ]
    assert ids[0] != ids[1]


def test_the_only_document_of_a_class_is_trained_on(tmp_path):
    rows = [{"text": "once", "label": "rare"}, *ROWS, {"text": "once more", "label": "also rare"}]
    corpus = stored_of(write_lines(tmp_path / "rare.jsonl", rows), tmp_path / "ids", test_share=0.9)
    trained = Counter(np.array(corpus.label_names)[corpus.train.codes].tolist())
    assert trained["rare"] == trained["also rare"] == 1


def test_of_very_many_documents_held_out_some_go_back_to_training(lines, tmp_path, monkeypatch):
    monkeypatch.setattr(on_disk, "MOST_TEST", 30)
    corpus = stored_of(lines, tmp_path / "ids")
    assert (len(corpus.test.codes), len(corpus.valid.codes), len(corpus.train.codes)) == (30, 48, 522)


def test_words_of_documents_to_test_on_are_not_in_the_vocabulary(lines, tmp_path):
    rows = [{**row, "text": f"{row['text']} own{number}"} for number, row in enumerate(ROWS)]
    corpus = stored_of(write_lines(tmp_path / "own.jsonl", rows), tmp_path / "ids")
    own = [word for word in corpus.vocabulary.words.to_list() if word.startswith("own")]
    assert len(own) == len(corpus.train.codes)
    assert corpus.vocabulary.counts[1] == 0


def test_lists_of_labels_are_any_number_of_labels(tmp_path):
    rows = [{"text": row["text"], "labels": [] if n % 5 == 0 else [row["label"], "long"][: 1 + n % 2]}
            for n, row in enumerate(ROWS)]  # fmt: skip
    path = write_lines(tmp_path / "many.jsonl", rows)
    corpus = stored_of(path, tmp_path / "ids")
    assert corpus.label_names == ("long", "motor", "space", "sport")
    counts = read_corpus(path).counts()
    parts = (corpus.train, corpus.valid, corpus.test)
    assert sum(part.codes.counts() for part in parts).tolist() == counts.tolist()
    classifier = TextClassifier("dan").fit_on_disk(corpus)
    assert classifier.is_multilabel
    assert classifier.evaluate_on_disk(corpus.test).f1["micro_f1"] > 0.5


def test_lines_are_multi_label_where_a_late_block_is(tmp_path):
    path = tmp_path / "late.txt"
    lines = [f"__label__a x{number} y\n__label__b y z{number}\n" for number in range(500)]
    path.write_text("".join(lines) + "__label__a __label__b z\n" * 9, encoding="utf-8")
    assert stored_of(path, tmp_path / "ids").is_multilabel


@pytest.mark.parametrize("system", ["auto", "tfidf-svc", "tfidf-nb", "dan", "dan-ngrams", "averaging"])
def test_documents_on_disk_teach_about_as_much_as_in_memory(system, tmp_path):
    generator = np.random.default_rng(0)
    words, texts, labels = [f"w{number}" for number in range(400)], [], []
    for number in range(1200):
        label = number % 2
        hints = generator.choice(words[200 * label : 200 * label + 200], 2)
        texts.append(" ".join([*hints, *generator.choice(words, 12)]))
        labels.append(["even", "odd"][label])
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    config = as_on_disk(SYSTEMS[system])
    source = Source(data=str(write_lines(tmp_path / "noisy.jsonl", rows[:900])))
    corpus = corpus_on_disk(source, tmp_path / "ids", config.tokenizer, config.vocabulary)
    on_disk = TextClassifier(system).fit_on_disk(corpus).score(texts[900:], labels[900:])
    kept = len(corpus.train.codes) + len(corpus.valid.codes)
    in_memory = TextClassifier(system).fit(texts[:kept], labels[:kept]).score(texts[900:], labels[900:])
    assert in_memory > 0.55
    assert abs(on_disk - in_memory) < 0.1


def test_runs_of_words_have_the_ids_that_they_have_in_memory(lines, tmp_path):
    config = VocabularyConfig(ngrams=2)
    corpus = stored_of(lines, tmp_path / "ids", vocabulary=config)
    assert len(corpus.vocabulary.ngrams)
    some = corpus.train.documents.select(np.arange(len(corpus.train.codes)))
    assert set(some.ids.tolist()) == set(range(2, len(corpus.vocabulary)))


def test_the_same_seed_gives_the_same_bits_and_the_folder_is_read_again(lines, bywords, tmp_path):
    for name in ("one", "two"):
        code, _, error = bywords("train", lines, "--on-disk", f"ids-{name}", "--out", name)
        assert (code, error) == (0, "")
    made = (tmp_path / "ids-one" / "train.ids.i32").stat().st_mtime_ns
    assert bywords("train", lines, "--on-disk", "ids-one", "--out", "three")[0] == 0
    assert (tmp_path / "ids-one" / "train.ids.i32").stat().st_mtime_ns == made
    for other in ("two", "three"):
        for path in (tmp_path / "one").iterdir():
            assert path.read_bytes() == (tmp_path / other / path.name).read_bytes()


def test_a_file_that_has_changed_is_read_anew(lines, tmp_path):
    stored_of(lines, tmp_path / "ids")
    write_lines(lines, [*ROWS, {"text": "zebra", "label": "zoo"}])
    assert "zoo" in stored_of(lines, tmp_path / "ids").label_names


def test_training_on_disk_gives_an_ordinary_model_folder(lines, bywords):
    code, out, error = bywords("train", lines, "--on-disk", "ids", "--json", "--out", "model")
    record = json.loads(out)
    assert (code, error) == (0, "")
    assert (record["n_train"], record["n_valid"], record["n_test"]) == (432, 48, 120)
    assert record["test"]["accuracy"] > 0.95
    assert bywords("evaluate", "model", lines)[0] == 0
    told = json.loads(bywords("info", "model", "--json")[1])
    assert told["data"]["n_documents"] == 480
    assert [row["n_documents"] for row in told["labels"]] == [160, 160, 160]


def test_a_file_that_takes_more_memory_than_may_be_used_is_learned_from_a_part_at_a_time(lines, bywords):
    code, _, error = bywords("train", lines, "--system", "tfidf-nb", "--out", "model", "--memory", "100kB")
    assert code == 0, error
    assert " MB of memory, and 0.1 MB may be used: they are learned from a part at a time" in error
    assert "as with --on-disk, in model.encoded" in error
    assert "a part at a time it may take 0.2 GB of memory all the same, and 0.1 MB may be used" in error
    assert (lines.parent / "model.encoded" / "corpus.json").exists()


def test_progress_goes_from_the_screen_before_there_is_more_to_say(lines, bywords, monkeypatch):
    done = []
    monkeypatch.setattr("bywords.cli.screen.ProgressLines.block", lambda *_: done.append("progress"))
    monkeypatch.setattr("bywords.cli.screen.ProgressLines.end", lambda _: done.append("gone"))
    monkeypatch.setattr("bywords.cli.train_steps.tell_columns", lambda *_: done.append("said"))
    code, _, error = bywords("train", lines, "--system", "tfidf-nb", "--out", "model", "--on-disk", "ids")
    assert (code, done[done.index("said") - 2 : done.index("said")]) == (0, ["progress", "gone"]), error


@pytest.mark.parametrize("more", [["--memory", "1GB"], ["--memory", "100kB", "--max-size", "5MB"], []])
def test_a_file_that_has_room_or_options_that_need_all_of_it_stay_in_memory(more, lines, bywords):
    code, _, error = bywords("train", lines, "--system", "tfidf-nb", "--out", "model", *more)
    assert code == 0, error
    assert not (lines.parent / "model.encoded").exists()
    assert ("0.1 MB may be used: they are learned from at once all the same, as --max-size" in error) == (len(more) > 2)


@pytest.mark.parametrize(
    ("labels", "remark", "options"),
    [(["['{}']"], "Labels that look like lists", []),
     (["{}", "{}\u200b"], "Labels that were written in several ways", []),
     (["{}/a", "{} / b"], "Blanks around the levels of labels", ["--label-hierarchy", "/"])],
    ids=["odd", "cleaned", "paths"],
)  # fmt: skip
def test_what_is_odd_about_labels_on_disk_is_said_as_of_those_in_memory(bywords, tmp_path, labels, remark, options):
    odd = [{**row, "label": labels[n % len(labels)].format(row["label"])} for n, row in enumerate(ROWS)]
    train = ["train", write_lines(tmp_path / "odd.jsonl", odd), "--system", "tfidf-nb", "--out", "model", *options]
    said = [bywords(*train, *more)[1] for more in ([], ["--on-disk", "ids"])]
    remarks = [next((line for line in out.splitlines() if line.startswith(remark)), None) for out in said]
    assert remarks[0] == remarks[1] is not None
    record = json.loads(bywords(*train, "--on-disk", "ids", "--json")[1])
    assert record["label_remarks"] == [remarks[0]]


def test_a_label_that_training_lacks_is_refused_or_its_row_skipped_on_disk_and_in_evaluate(bywords, tmp_path):
    train = write_lines(tmp_path / "train.jsonl", ROWS)
    test = write_lines(tmp_path / "test.jsonl", [*ROWS[:30], {**ROWS[0], "label": "unheard"}, *ROWS[30:60]])
    on_disk = ["train", train, "--test", test, "--on-disk", "ids", "--system", "tfidf-nb", "--out", "model"]
    evaluated = ["evaluate", "model", test, "--json"]
    skip = ["--bad-rows", "skip"]
    for command in (on_disk, evaluated):
        code, _, error = bywords(*command, *skip)
        assert code == 0
        assert "Skipped 1 row that could not be read; the first is row 30 (counted from 0): the label 'unh" in error
        code, _, error = bywords(*command)
        assert (code, "Or leave such rows out: --bad-rows skip." in error) == (2, True)
    assert json.loads(bywords(*evaluated, *skip)[1])["n_documents"] == 60


def test_of_remarks_on_one_block_after_another_each_kind_is_said_once():
    assert of_each_kind(["Apart: 'a'.", "Apart: 'b'.", "Levels: 'c'."]) == ["Apart: 'a'.", "Levels: 'c'."]


def test_too_many_classes_for_linear_models_on_disk_are_refused_and_dan_is_named(lines, bywords, monkeypatch):
    monkeypatch.setattr("bywords.training.workbench.MOST_NUMBERS", 20)
    code, _, error = bywords("train", lines, "--on-disk", "ids")
    assert code == 2
    assert "3 classes and " in error
    assert "are too many for a linear model of documents on disk. Take the system 'dan'" in error


def test_a_size_that_is_none_names_its_option(lines, bywords):
    for option in ("--memory", "--max-size"):
        code, _, error = bywords("train", lines, option, "a lot")
        assert (code, error.count("\n")) == (2, 1)
        assert f"{option} is 'a lot', expected a number and a unit" in error


def test_a_test_file_is_tested_on(lines, bywords, tmp_path):
    test = write_lines(tmp_path / "test.jsonl", [*ROWS[:30], {"text": " ", "label": "sport"}])
    code, out, _ = bywords("train", lines, "--test", test, "--on-disk", "ids", "--json")
    record = json.loads(out)
    assert (code, record["n_test"], record["n_train"] + record["n_valid"]) == (0, 30, 600)
    assert record["dropped"] == {"train": 0, "test": 1}


def test_rows_that_cannot_be_read_are_counted_once(bywords, tmp_path):
    path = tmp_path / "bad.jsonl"
    write_lines(path, ROWS)
    path.write_text("no json\n" + path.read_text() + '{"text": "no label"}\n', encoding="utf-8")
    record = json.loads(bywords("train", path, "--on-disk", "ids", "--bad-rows", "skip", "--json")[1])
    assert record["skipped"] == {"bad.jsonl": 2}
    code, _, error = bywords("train", path, "--on-disk", "ids")
    assert code == 2
    assert "bad.jsonl, line 1" in error


@pytest.mark.parametrize("weights", ["balanced", "space=3"])
def test_classes_are_weighed_as_in_memory(lines, tmp_path, weights):
    class_weight = weights if weights == "balanced" else {"space": 3.0}
    corpus = stored_of(lines, tmp_path / "ids")
    found = TextClassifier("dan", class_weight=class_weight).fit_on_disk(corpus)
    plain = TextClassifier("dan").fit_on_disk(corpus)
    same = (found.predict_proba(["moon car"]) == plain.predict_proba(["moon car"])).all()
    assert same == (weights == "balanced")  # there are as many of each


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--system", "cnn"], "in memory, because it reads documents of like length together"),
        (
            ["--system", "lstm-glove"],
            "on disk: auto, dan, dan-ngrams, tfidf-svc, tfidf-nb, label-tree, glove-mean, glo",
        ),
        (["--set", "vocabulary.ngrams=3"], "vocabulary.ngrams of more than 2"),
        (["--max-size", "1MB"], "--max-size"),
        (["--budget", "5m"], "--budget"),
        (["--test", "none.jsonl"], "none.jsonl: there is no such file"),
    ],
)
def test_what_needs_all_documents_in_memory_is_refused(lines, bywords, arguments, says):
    code, out, error = bywords("train", lines, "--on-disk", "ids", *arguments)
    assert (code, out) == (2, "")
    assert says in error
    assert error.count("\n") == 1


def test_a_folder_that_holds_something_else_is_refused_and_stays(lines, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(SettingError, match=r"photos: there is 'cat.jpg' in it already"):
        stored_of(lines, tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"
    with pytest.raises(SettingError, match="is a file, expected a folder"):
        stored_of(lines, lines)


def test_files_of_somebody_else_with_names_like_ours_stay(lines, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("corpus.json", "vocabulary.txt"):
        (tmp_path / "mine" / name).write_text('{"texts": ["mine"]}')
    with pytest.raises(
        SettingError, match=r"mine: there is 'corpus.json' in it already, which is not of a corpus on disk"
    ):
        stored_of(lines, tmp_path / "mine")
    assert {path.read_text() for path in (tmp_path / "mine").iterdir()} == {'{"texts": ["mine"]}'}


def test_a_folder_that_was_left_by_a_crash_is_written_anew(lines, tmp_path):
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids" / "corpus.json").write_text('{"format": "bywords-corpus/1", "run": null}')
    (tmp_path / "ids" / ".train.ids.i32.123.part").write_bytes(b"123")
    assert len(stored_of(lines, tmp_path / "ids").train.codes) == 432
    assert not (tmp_path / "ids" / ".train.ids.i32.123.part").exists()
    write_state(tmp_path / "ids" / "corpus.json", {"format": FORMAT, "run": None})
    assert len(stored_of(lines, tmp_path / "ids", tell=pytest.fail).train.codes) == 432


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"text": "a b", "label": "x"}] * 50, "has one class only, 'x'"),
        ([{"text": " ", "label": "xy"[n % 2]} for n in range(50)], "none of its 50 documents has a token"),
        ([{"text": "a b", "label": "x"}, {"text": "b c", "label": "y"}], "none was held out"),
        ([{"text": "a", "label": ["x"]}, {"text": "b", "label": "y"}], "holds a list"),
    ],
)
def test_documents_that_cannot_be_learned_from_are_said_so(tmp_path, rows, says):
    with pytest.raises(DataError, match=re.escape(says)):
        stored_of(write_lines(tmp_path / "few.jsonl", rows), tmp_path / "ids")
    assert [path.name for path in tmp_path.iterdir()] == ["few.jsonl"]  # half a corpus is of no use


def test_a_label_that_is_no_list_in_a_later_block_is_named_by_its_line(tmp_path):
    rows = [{"text": "a", "label": ["x"]}] * 100 + [{"text": "b", "label": "y"}] * 100
    path = write_lines(tmp_path / "mixed.jsonl", rows)
    with pytest.raises(DataError, match=r"mixed.jsonl, line 101: 'label' holds 'y', expected a list"):
        for _ in read_labelled_blocks(path, block_bytes=3000):
            pass


def test_a_file_that_changes_while_it_is_read_is_said_so(lines, tmp_path):
    def on_block(what, n_documents, share):
        if what == "counting words":
            write_lines(lines, ROWS[:-1])

    source = Source(data=str(lines))
    with pytest.raises(DataError, match="has changed while it was read"):
        corpus_on_disk(source, tmp_path / "ids", TokenizerConfig(), VocabularyConfig(), on_block=on_block)


CHILD = """
import json, re, sys
from pathlib import Path
import numpy as np
from bywords.classifier import TextClassifier
from bywords.config import changed
from bywords.text import memory_mapped
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.systems import SYSTEMS

folder, n_megabytes = Path(sys.argv[1]), int(sys.argv[2])
words = np.array([f"word{number}" for number in range(2000)])
generator = np.random.default_rng(0)
texts = [" ".join(words[generator.integers(0, 2000, 2000)]) for _ in range(50)]
memory_mapped.CHUNK_IDS, memory_mapped.MOST_HELD_IDS = 1 << 14, 1 << 18  # 1 MB of ids, in each of three parts
n_bytes = number = 0
with (folder / "texts.jsonl").open("w") as file:
    while n_bytes < n_megabytes * 1_000_000:
        number += 1
        n_bytes += file.write(json.dumps({"text": texts[number % 49], "label": number % 2}) + "\\n")
config = changed(SYSTEMS["dan"], ["training.max_epochs=1", "model.dimension=8"])
corpus = corpus_on_disk(Source(data=str(folder / "texts.jsonl")), folder / "ids", config.tokenizer, config.vocabulary)
classifier = TextClassifier(config).fit_on_disk(corpus)
classifier.evaluate_on_disk(corpus.test)
classifier.save(folder / "model")
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of one process alone is known on Linux")
def test_four_times_the_text_takes_hardly_more_memory(tmp_path):
    """45 MB more of text would be 45 MB at least, were it held: as strings, as ids, or both."""
    peaks = []
    for n_megabytes in (15, 60):
        folder = tmp_path / str(n_megabytes)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(folder), str(n_megabytes)],
            capture_output=True, text=True, check=True, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        )  # fmt: skip
        peaks.append(int(done.stdout) / 1000)
    assert peaks[1] - peaks[0] < 20, peaks


def test_words_and_n_grams_that_have_no_row_are_counted_in_the_record_of_the_model(lines, tmp_path, monkeypatch):
    def notes(name, system="tfidf-svc"):
        corpus = stored_of(lines, tmp_path / name, vocabulary=VocabularyConfig(ngrams=2))
        fitted = TextClassifier(system).fit_on_disk(corpus).fitted_
        assert stored_of(lines, tmp_path / name, vocabulary=VocabularyConfig(ngrams=2)).facts == corpus.facts
        return fitted.record.notes, len(corpus.vocabulary.words), len(corpus.vocabulary.ngrams)

    assert "n-grams" not in str(notes("all")[0])
    _, n_words, n_ngrams = notes("all")
    with monkeypatch.context() as patch:
        patch.setattr(on_disk, "MOST_WORDS", 10)
        said = notes("cut")[0]
    most = f"Of {n_words} words that occur 1 times or more, the 10 commonest have a row, and {n_words - 10} have none."
    assert most in said
    monkeypatch.setattr(on_disk, "NgramCounter", partial(NgramCounter, most=n_ngrams))
    told = [note for note in notes("pruned")[0] if "n-grams" in note]
    assert re.fullmatch(
        rf"More n-grams than the {n_ngrams:,} that are counted at a time: [\d,]+ times a rare one was forgotten, so "
        r"that the count of one may be too low by \d+, and rare ones may be missing.",
        told[0],
    )
