"""Pages in a real browser: an exported one answers as Python does, for every linear model; reports act."""

import csv
import io
import json
import random
import shlex
from dataclasses import replace

import numpy as np
import pytest
from pages import DROP, HOSTILE, chromium, needs_browser, page_in
from small_corpus import small_corpus
from test_encodings import SAID

from bywords import (
    SYSTEMS,
    SettingError,
    Tokenizer,
    TokenizerConfig,
    exported_page,
    fit_classifier,
    load_classifier,
    save_classifier,
)
from bywords.config import changed
from bywords.data.columns import Columns
from bywords.errors import DataError
from bywords.evaluation.calibration import Sigmoids, Temperature
from bywords.explain.explanation import explain
from bywords.exporting.onnx import onnx_files
from bywords.exporting.payload import least_logits, payload
from bywords.io.csv import record_blocks
from bywords.io.encodings import LATIN
from bywords.io.streams import open_input
from bywords.models.averaging import AveragingConfig
from bywords.models.base import model_class, model_of
from bywords.models.ensemble import Ensemble
from bywords.models.label_tree import LabelTreeConfig
from bywords.models.mean_vector import MeanVectorConfig

CORPUS = small_corpus()
TEXTS, LABELS = CORPUS.texts.to_list(), list(CORPUS.names())
PIECES = [
    *("I", "İ", "i\u0307", "ı", "IŞIK", "Işık", "ΑΣ", "Σα", "\u200b", "\u200c", "\u200d", "\U0001f3f4\U000e0067"),
    *("e\u0301", "\u0301", "\u0323\u0301", "\uac00", "\u1100\u1161\u11a8", "\ufb01", "\u212b", "\u0344", "\u0958"),
    *("&amp;", "&#39;", "&amp;#x27;", "&notit;", "&semi;", "&#128;", "&#0;", "&#1234567;", "&#11;", "&no;", "&amp;no;"),
    *("\\n", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\xe2\\x80\\x99", "\\xe9", "\\'", "C:\\new\\table.txt"),
    *("\\\\server\\new\\x", "..\\new", "src\\new.txt", "src\\test\\main", "\\nabla", "$\\nu$", "?\\nyes", "goooood"),
    *("SOOO", "IEEE", "www", "viii", "VIIII", "ססססס", "중문", "中文字", "ไทยๆ", "ខ្មែរ", "don't", "o’clock"),
    *("½", "&#\u0663;", "\u0663", "\x00", "\x1c", "\x85", "\xa0", "\u2028", "\ufeff", "\U0001d400", "\u24b6", "\u01c5"),
    *("می\u200cخواهم", "क्\u200dष", "👩\u200d🚀", "\ud800", "Äääärger", "é", HOSTILE, "\r\n"),
    *("moon", "rocket", "the car,", "''", "_x_", "Hockey", " ", "  ", "\x1fx", "x" * 300),
]  # fmt: skip
TOKENIZERS = {
    "words": TokenizerConfig(),
    "case": TokenizerConfig(lowercase=False, punctuation=False),
    "as it is": TokenizerConfig(normalize=False),
    "longer": SYSTEMS["tfidf-svc"].tokenizer,
    "settled": TokenizerConfig(stop_words=("the", "Hockey"), strip_accents=True),
    "characters": Tokenizer("characters").config,
    "given": replace(Tokenizer("given").config, lowercase=True),
}
CHAR_NGRAMS = ["vocabulary.ngrams=3", "vocabulary.char_ngrams=[2,4]", "vocabulary.max_length=9"]

pytestmark = needs_browser


def mixed(n_texts, seed=0):
    """Texts of pieces that every step of the normalisation changes, and of signs at random."""
    chance = random.Random(seed)
    points = [*range(0xD800), *range(0xE000, 0x32000)]
    pick = lambda: chance.choice(PIECES) if chance.random() < 0.8 else chr(chance.choice(points))  # noqa: E731
    return [
        "",
        " ",
        *(chance.choice(["", " "]).join(pick() for _ in range(chance.randint(1, 9))) for _ in range(n_texts)),
    ]


def fitted(system, labels=None, tokenizer=None):
    system = replace(system, tokenizer=tokenizer or system.tokenizer)
    return fit_classifier(system, TEXTS, LABELS if labels is None else labels)


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page in Chromium that tells what others answer too: `ask` hands them over."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(exported_page(fitted(SYSTEMS["tfidf-nb"]), name="topics"), encoding="utf-8")
    with page_in(browser, folder / "page.html") as opened_page:
        yield opened_page


def ask(page, classifier, texts, script):
    """What a script makes of each text with the `model` that a page of this classifier has."""
    whole = """async ([payload, texts]) => {
        const model = modelOf(await unpacked(payload));
        return JSON.stringify(JSON.parse(texts).map(text => SCRIPT));
    }"""
    return json.loads(page.evaluate(whole.replace("SCRIPT", script), [payload(classifier), json.dumps(texts)]))


ANSWER = """(a => [a.given, a.probabilities, Array.from(a.logits), a.inVocabularyShare, a.isUnknown, a.isUnlike])(
    model.answer(text))"""


def assert_same_answers(page, classifier, texts, logits_within=0.0):
    expected = classifier.predict(texts)
    given, *numbers = zip(*ask(page, classifier, texts, ANSWER), strict=True)
    found = [tuple(classifier.classes[labels]) for labels in given]
    wanted = [tuple(one) if classifier.is_multilabel else (one,) for one in expected.labels.tolist()]
    assert found == wanted
    np.testing.assert_allclose(
        np.array(numbers[0]), expected.probabilities, rtol=0, atol=1e-12 if not logits_within else 1e-5
    )
    np.testing.assert_allclose(np.array(numbers[1]), expected.logits, rtol=0, atol=logits_within)
    np.testing.assert_array_equal(np.array(numbers[2], dtype=np.float32), expected.in_vocabulary_share)
    np.testing.assert_array_equal(np.array(numbers[3]), expected.all_out_of_vocabulary)
    np.testing.assert_array_equal(np.array(numbers[4]), expected.out_of_distribution)


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_texts_are_cut_into_the_same_tokens(page, name):
    texts = [text for text in mixed(200) if name != "given" or "\ufdd0" not in text]
    classifier = fitted(SYSTEMS["tfidf-nb"], tokenizer=TOKENIZERS[name])
    both = ask(page, classifier, texts, "[model.tokens(text).words, model.tokens(text, true).words]")
    for text, (found, traced) in zip(texts, both, strict=True):
        assert (found, traced) == (classifier.tokenizer([text]).documents()[0],) * 2, ascii(text)


def test_every_character_and_entity_is_read_alike(page):
    from html.entities import html5

    signs = [chr(point) for point in (*range(0xD800), *range(0xE000, 0x32000), *range(0xE0000, 0xE0200))]
    texts = ["a".join(signs[start : start + 512]) for start in range(0, len(signs), 512)]
    names = [f"&{name}" for name in html5]
    texts += [" ".join(names[start : start + 200]) for start in range(0, len(names), 200)]
    classifier = fitted(SYSTEMS["tfidf-nb"])
    for text, found in zip(texts, ask(page, classifier, texts, "model.tokens(text).words"), strict=True):
        assert found == classifier.tokenizer([text]).documents()[0], ascii(text[:8])


def averaged(classifier, config):
    """The same classifier with a model on word vectors at random, without training."""
    chance = np.random.default_rng(0)
    n_rows, shape = len(classifier.vocabulary), {"vectors": 5, "embedding.weight": 5}
    floats = lambda *size: chance.normal(size=size).astype(np.float32)  # noqa: E731
    arrays = {name: floats(n_rows, width) for name, width in shape.items()}
    arrays |= {"idf": np.abs(floats(n_rows)), "weights": floats(5, 3), "bias": floats(3)}
    arrays |= {"word_weight": arrays["idf"], "output.weight": arrays["weights"].T, "output.bias": arrays["bias"]}
    taken = {name: arrays[name] for name in model_class(config).expected_shapes(config, classifier.vocabulary, 3)}
    return replace(classifier, model=model_of(config, taken, vocabulary=classifier.vocabulary, n_classes=3))


@pytest.mark.parametrize("pooling", ["mean", "sum", "idf"])
def test_a_page_gives_the_answers_of_mean_vectors(page, pooling):
    classifier = averaged(fitted(SYSTEMS["tfidf-nb"]), MeanVectorConfig(pooling=pooling))
    assert_same_answers(page, classifier, [*TEXTS, *mixed(100)], 1e-4)


@pytest.mark.parametrize("weighting", ["uniform", "idf", "tfidf", "log-tfidf"])
def test_a_page_gives_the_answers_of_averaging(page, weighting):
    classifier = averaged(fitted(changed(SYSTEMS["tfidf-svc"], CHAR_NGRAMS)), AveragingConfig(weighting=weighting))
    assert_same_answers(page, classifier, [*TEXTS, *mixed(100)])


@pytest.mark.parametrize("name", ["tfidf-svc", "tfidf-nb"])
def test_a_page_gives_the_answers_of_linear_machines(page, name):
    assert_same_answers(page, fitted(SYSTEMS[name]), [*TEXTS, *mixed(100)])


@pytest.fixture(scope="module")
def pooled():
    """Machines on words, on n-grams and on all, that answer together, beside one on static vectors."""
    base = changed(SYSTEMS["tfidf-svc"], CHAR_NGRAMS)
    base = replace(base, tokenizer=TokenizerConfig())
    every = [
        fitted(changed(base, [f"model.features={features}", "model.C=3"])) for features in ("words", "ngrams", "all")
    ]
    static = fitted(replace(base, model=SYSTEMS["auto"].model.candidates[-1]))
    members = [every[0].model, static.model, *(one.model for one in every[1:])]
    return replace(every[0], model=Ensemble(members, np.array([1.5, 0.5, 1.0, 0.25], dtype=np.float32)))


def test_an_ensemble_answers_to_the_bit(page, pooled):
    assert pooled.model.pool is not None
    assert len(pooled.model.members) > 2
    assert_same_answers(page, pooled, [*TEXTS, *mixed(100)])


def test_a_curve_and_bits_of_storage_are_those_of_the_model(page, pooled):
    forms = {f"{index}.weights": form for index, form in enumerate(["int8", "float16", "int8-rows"])}
    curved = replace(pooled, calibration=Temperature(0.2, (0.7, 1.3, 0.4)))
    assert_same_answers(page, curved, TEXTS)
    from bywords.artifact.quantization import dequantize, quantize

    arrays, storage = dequantize(quantize(pooled.model.arrays(), forms))
    model = model_of(pooled.model.config, arrays, vocabulary=pooled.vocabulary, n_classes=3)
    small = replace(pooled, model=model, storage=storage)
    assert len(payload(small)) < len(payload(pooled))
    assert_same_answers(page, small, TEXTS)


def test_any_number_of_labels_is_given_by_their_thresholds(page):
    labels = [[label, "long"] if len(text) > 30 else [label] for text, label in zip(TEXTS, LABELS, strict=True)]
    classifier = fitted(changed(SYSTEMS["tfidf-svc"], CHAR_NGRAMS), labels)
    reached = np.unique(classifier.predict(TEXTS).probabilities[:, 0])
    sharp = replace(classifier.calibration, thresholds=np.array([reached[5], 0.5, 0.0, 1.0]))
    for calibration in (classifier.calibration, sharp):
        assert_same_answers(page, replace(classifier, calibration=calibration), [*TEXTS, *mixed(100)])


def test_the_least_logit_is_where_the_probability_reaches_the_threshold():
    sigmoids = Sigmoids(
        np.array([1.0, 2.5, 1e-3, 1.0, 1.0]), np.array([0.0, -1.0, 3.0, 0.0, 0.0]), np.array([0.5, 0.9, 0.2, 0.0, 1.0])
    )
    least = least_logits(sigmoids)
    below = np.nextafter(least, np.float32(-np.inf))
    assert (sigmoids.probabilities(least[np.newaxis])[0] >= sigmoids.thresholds).all()
    assert (sigmoids.probabilities(below[np.newaxis])[0] < sigmoids.thresholds)[[0, 1, 2, 4]].all()


def test_words_add_what_explain_says_and_stand_where_it_says(page, pooled):
    texts = ["The moon, a Rocket &amp; an engine's oil", "goal of the coach " * 5, "qqq", "", "🚀 moon ＣＡＲ brake"]
    script = "(e => [e.words, e.spans, e.added.map(row => Array.from(row)), e.isKnown])(model.explained(text))"
    for text, (words, spans, added, is_known) in zip(texts, ask(page, pooled, texts, script), strict=True):
        expected = explain(pooled, text)
        units = np.cumsum([0, *(1 + (sign > "\uffff") for sign in text)])  # of UTF-16
        assert tuple(words) == expected.tokens
        assert is_known == expected.is_known.tolist()
        assert spans == units[expected.offsets].tolist()
        np.testing.assert_allclose(np.array(added).reshape(-1, 3), expected.attributions, rtol=0, atol=1e-5)


CSVS = [
    *(b"text,label\nmoon,a\n", b'text,n\r\n"a ""b""\r\nc, d",1\r\nx,\r\n', b"a;b\n1;2\n3;4", b"sep=|\na|b\n1|2\n"),
    *(b"text\nmoon\n\nrocket\n", b"a,b\n1,2,3\n", b"a,b\n1\n", b'a,b\n"x,1\n', b'a,b\n"x"y,1\n', b'a,b\n"x\\"y",1\n'),
    *(b'a, b\n"x", "y, z"\n', b"", "\ufefftext\nmoon\n".encode(), "text,x\nmöon,1\n".encode("utf-16"), b"a\tb\n1\t2\n"),
    *(b'a,b\n"",\n', b"a,b\rc,d\r", b"\n\n", b'a,b\n,"x\n\n"\n'),
]  # fmt: skip


@pytest.mark.parametrize("content", CSVS, ids=range(len(CSVS)))
def test_a_csv_is_read_as_the_package_reads_it(page, content, tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    try:
        with open_input(str(path), encoding=None) as file:
            rows = [[cell or "" for cell in row] for block in record_blocks(file) for row in block.frame.rows()]
        if len(rows) < 1:
            raise DataError("empty")
    except DataError:
        rows = None
    script = """bytes => {
        try { const table = readCsv(new Uint8Array(bytes), "file.csv"); return [table.header, ...table.rows]; }
        catch (error) { return error.message; }
    }"""
    found = page.evaluate(script, list(content))
    assert found == rows if rows is not None else isinstance(found, str), (found, rows)


def test_a_page_refuses_the_names_of_the_columns_in_a_later_line_as_the_package_does(page):
    script = """content => {
        try { return readCsv(new TextEncoder().encode(content), "file.csv").rows.length; }
        catch (error) { return error.message; }
    }"""
    for content in ("text,n\nmoon,1\n\ufefftext,n\n", "text,n\n\ntext,n\n"):
        assert page.evaluate(script, content).startswith("Line 3: the names of the columns stand here again")
    assert page.evaluate(script, "text\ntext\n") == 1


def test_a_text_is_typed_and_a_csv_labelled_by_keys_and_nothing_is_asked_of_a_network(browser, bywords, tmp_path):
    labels = [[label, "long"] if len(text) > 30 else [label] for text, label in zip(TEXTS, LABELS, strict=True)]
    for name, its in (("one", LABELS), ("several", labels)):
        save_classifier(fitted(SYSTEMS["tfidf-svc"], its), tmp_path / name)
        assert bywords("export", str(tmp_path / name), "--to", str(tmp_path / f"{name}.html"))[0] == 0
        rows = [
            ["id", "label", "text"],
            *([str(i), "x", text] for i, text in enumerate([*TEXTS[:20], 'a "moon",\nhere', ""])),
        ]
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(rows)
        (tmp_path / "in.csv").write_text(written.getvalue(), encoding="utf-8")
        bywords(
            "predict",
            str(tmp_path / name),
            str(tmp_path / "in.csv"),
            "--text",
            "text",
            "--out",
            str(tmp_path / "out.csv"),
        )
        with page_in(browser, tmp_path / f"{name}.html") as page:
            assert "default-src 'none'" in page.content()
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") == "text"
            page.keyboard.type("The moon and a rocket")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            page.wait_for_function("document.querySelector('#answer').textContent.includes('space')")
            assert page.locator("#shown mark.for").first.text_content() in ("moon", "rocket")
            page.set_input_files("#file", str(tmp_path / "in.csv"))
            page.wait_for_selector("#save a")
            assert page.locator("#column option:checked").text_content() == "text"
            with page.expect_download() as download:
                page.keyboard.press("Enter")  # the link has the focus
            saved = list(csv.reader(download.value.path().read_text(encoding="utf-8").splitlines(keepends=True)))
            expected = list(csv.reader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines(keepends=True)))
            assert [row[:-1] for row in saved] == expected
            assert saved[0][-1] == "deciding_words"
            assert "moon" in saved[-2][-1]


def test_a_csv_is_dropped_anywhere_on_a_page(browser, tmp_path):
    (tmp_path / "page.html").write_text(exported_page(fitted(SYSTEMS["tfidf-nb"])), encoding="utf-8")
    with page_in(browser, tmp_path / "page.html") as page:
        for name, rows in (("first.csv", TEXTS[:3]), ("next.CSV", TEXTS[3:7])):
            written = io.StringIO()
            csv.writer(written, lineterminator="\n").writerows([["text"], *([text] for text in rows)])
            assert page.evaluate(DROP, [name, written.getvalue()]) == [True, True]
            with page.expect_download() as download:
                page.get_by_role("link", name=f"Save {name[:-4]}-labelled.csv").click()
            saved = list(csv.DictReader(download.value.path().read_text(encoding="utf-8").splitlines(keepends=True)))
            assert [row["text"] for row in saved] == rows
            assert [row["label"] for row in saved] == fitted(SYSTEMS["tfidf-nb"]).predict(rows).labels.tolist()
            assert not page.evaluate("document.querySelector('#drop').classList.contains('over')")


def test_what_a_page_brings_beside_its_model_is_small():
    assert len(exported_page(fitted(SYSTEMS["tfidf-nb"]))) < 110_000  # the model is 2 kB of them


def test_a_page_fits_a_phone_and_says_what_is_wrong_with_a_file(page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 800})
    page.fill("#text", "moon " + "x" * 500)
    for content, said in (
        (b"a,b\n1,2,3\n", "Line 2: expected 2 fields"),
        (b"\xff\xfe\xff", "not in UTF-8, and perhaps no text"),
        ("text\nлуна\n".encode("cp1251"), "choose the encoding in which it reads right"),
        (b"a,b\n1,2\n", "choose one"),
    ):
        (tmp_path / "in.csv").write_bytes(content)
        page.set_input_files("#file", str(tmp_path / "in.csv"))
        page.wait_for_function("said => document.querySelector('#said').textContent.includes(said)", arg=said)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_page_reads_a_file_that_is_not_in_utf8_as_what_the_commands_take_it_for_and_says_so(page, tmp_path):
    names = {"mac_roman": "macintosh"}
    for language, encoding, said in SAID:
        found = page.evaluate("bytes => readingsOf(new Uint8Array(bytes))", list(said.encode(encoding)))
        if encoding in LATIN and encoding != "cp437":  # which browsers do not have
            assert found["encoding"] == names.get(encoding, encoding.replace("cp", "windows-")), language
        elif encoding != "cp437":
            assert found["encoding"] == ""
            assert not any(word.isascii() for _, word in found["readings"])
    (tmp_path / "in.csv").write_bytes("nr;text\n1;moon Größe\n".encode("cp1252"))
    page.set_input_files("#file", str(tmp_path / "in.csv"))
    page.get_by_text("1 row labelled").wait_for()
    assert "by the column text, read as windows-1252." in page.inner_text("#said")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save in-labelled.csv").click()
    assert download.value.path().read_text(encoding="utf-8").startswith("\ufeffnr;text;label")  # as Excel knows it
    assert "moon Größe" in download.value.path().read_text(encoding="utf-8")
    page.select_option("#encoding", "macintosh")
    page.get_by_text("read as macintosh").wait_for()


@pytest.mark.parametrize("kind", ["pooled", "share", "layer", "labels"])
def test_a_graph_for_onnx_gives_the_logits_from_ids(kind, pooled, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    few = fitted(SYSTEMS["tfidf-nb"])
    classifier = {
        "pooled": pooled,
        "share": averaged(few, AveragingConfig(weighting="uniform")),
        "layer": averaged(few, MeanVectorConfig(pooling="idf")),
        "labels": fitted(changed(SYSTEMS["tfidf-svc"], CHAR_NGRAMS), [[label, "x"] for label in LABELS]),
    }[kind]
    files = onnx_files(classifier, tmp_path / "model.onnx")
    session = runtime.InferenceSession(files[tmp_path / "model.onnx"])
    for text in [*TEXTS[:30], *mixed(20)]:
        encoded = classifier.encode([text])
        (logits,) = session.run(["logits"], {"ids": encoded.ids.astype(np.int64)})
        np.testing.assert_allclose(logits, classifier.logits_of(encoded)[0], rtol=1e-4, atol=1e-5)
    beside = json.loads(files[tmp_path / "model.vocabulary.json"])
    assert beside["words"][0] == classifier.vocabulary.names()[0]
    assert beside["classes"] == classifier.classes.tolist()


def test_the_vocabulary_beside_a_graph_says_how_a_row_is_read(bywords, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    rows = [
        {"title": text, "body": text[::-1] or None, "size": n % 40, "label": label}
        for n, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    columns = ["--text", "title", "--text", "body", "--column", "size"]
    assert bywords("train", "rows.jsonl", *columns, "--system", "tfidf-svc", "--out", "rows")[0] == 0
    assert bywords("export", "rows", "--to", "rows.onnx")[0] == 0
    classifier = load_classifier(tmp_path / "rows")
    session = runtime.InferenceSession(str(tmp_path / "rows.onnx"))
    for text in classifier.texts_of(rows[:20]):
        encoded = classifier.encode([text])
        (logits,) = session.run(["logits"], {"ids": encoded.ids.astype(np.int64)})
        np.testing.assert_allclose(logits, classifier.logits_of(encoded)[0], rtol=1e-4, atol=1e-5)
    beside = json.loads((tmp_path / "rows.vocabulary.json").read_text(encoding="utf-8"))
    assert Columns.plain(beside["columns"]) == classifier.record.columns
    code, _, said = bywords("export", "rows", "--to", "rows.html")
    assert code == 2
    assert "rows of several columns, which a page does not take" in said


def test_a_page_says_of_which_documents_its_score_is(bywords, tmp_path):
    rows = [f"{text.replace(',', ' ')} {n},{label}" for n, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))]
    said = {}
    for n, more in ((60, []), (150, []), (150, ["--keep-test-out"])):
        (tmp_path / "few.csv").write_text("\n".join(["text,label", *rows[:n]]) + "\n", encoding="utf-8")
        assert bywords("train", "few.csv", "--system", "tfidf-nb", "--out", "m", *more)[0] == 0
        assert bywords("export", "m", "--to", "m.html")[0] == 0
        said[n, len(more)] = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "documents, each held out in turn," in said[60, 0]
    assert "test documents that it had not seen," in said[150, 0]
    assert [key for key, page in said.items() if "It has since learned from these too." in page] == [(150, 0)]
    assert "It has since learned from 54 of these." in said[60, 0]


def test_what_cannot_be_exported_is_refused_by_one_sentence(bywords, tmp_path):
    refused = {
        "linear in counted words": replace(SYSTEMS["tfidf-svc"], model=LabelTreeConfig()),
        "pattern": replace(SYSTEMS["tfidf-nb"], tokenizer=TokenizerConfig(pattern=r"\w+")),
        "function in Python": replace(SYSTEMS["tfidf-nb"], tokenizer=replace(Tokenizer(str.split).config)),
    }
    for words, system in refused.items():
        with pytest.raises(SettingError, match=words):
            exported_page(fitted(system))
    with pytest.raises(SettingError, match="A graph for ONNX takes `auto`, tfidf-\\*"):
        onnx_files(fitted(refused["linear in counted words"]), tmp_path / "m.onnx")
    code, _, told = bywords("export", "model", "--to", "model.pdf")
    assert code == 2
    assert "ends in .html or .onnx" in told
    assert told.count("\n") == 1


def test_a_report_searches_filters_orders_and_copies(browser, bywords, tmp_path):
    save_classifier(fitted(SYSTEMS["tfidf-nb"]), tmp_path / "model")
    texts = ["the moon -- it's here", "a rocket of nasa", "the hockey goal", "oil and a tire", "nasa goal"]
    (tmp_path / "in.csv").write_text("text\n" + "\n".join(texts) + "\n", encoding="utf-8")
    report = tmp_path / "report.html"
    assert bywords("explain", str(tmp_path / "model"), str(tmp_path / "in.csv"), "--out", str(report))[0] == 0
    with page_in(browser, report, ready=".tools") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        shown = page.locator("article.document:visible")
        page.get_by_role("searchbox").fill("NASA")
        assert (shown.count(), page.get_by_role("status").text_content()) == (2, "2 of 5 shown")
        page.get_by_role("searchbox").fill("")
        page.get_by_role("combobox", name="Label").select_option("motor")
        assert [text.strip() for text in page.locator("article:visible p.text").all_text_contents()] == [
            "oil and a tire"
        ]
        page.get_by_role("combobox", name="Label").select_option("all")
        for order, sign in (("surest first", -1), ("least sure first", 1)):
            page.get_by_role("combobox", name="Order").select_option(order)
            sure = [float(each.get_attribute("data-sure")) for each in shown.all()]
            assert sure == sorted(sure, key=lambda one, sign=sign: sign * one)
        page.get_by_role("combobox", name="Order").select_option("as listed")
        shown.first.locator("summary").click()
        page.get_by_role("button", name="Copy").first.click()
        page.get_by_role("button", name="Copy").first.get_by_text("Copied").wait_for()
        copied = shlex.split(page.evaluate("navigator.clipboard.readText()"))
        assert copied == ["bywords", "explain", str(tmp_path / "model"), "--", texts[0]]
    assert bywords(*copied[1:])[0] == 0


def test_an_audit_gives_the_command_of_its_review(browser, bywords, tmp_path):
    wrong = [*LABELS[:-6], *LABELS[-5:], LABELS[-6]]
    rows = "".join(f'{label},"{text}"\n' for label, text in zip(wrong, TEXTS, strict=True))
    (tmp_path / "data.csv").write_text(f"label,text\n{rows}", encoding="utf-8")
    assert bywords("audit", str(tmp_path / "data.csv"), "--out", str(tmp_path / "found"))[0] == 0
    with page_in(browser, tmp_path / "found" / "audit.html", ready=".copy") as page:
        said = page.locator("code[data-copy]").first.text_content()
    assert shlex.split(said) == ["bywords", "label", str(tmp_path / "data.csv"), "--review", str(tmp_path / "found")]
