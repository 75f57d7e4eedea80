"""The page of a server in a browser: a text and its coloured words, a file labelled with progress, a token."""

import contextlib
import csv

import pytest
from pages import DROP, HOSTILE, answering, chromium, needs_chromium
from playwright.sync_api import expect
from small_corpus import small_corpus

from bywords import SYSTEMS, exported_page, fit_classifier, save_classifier
from bywords.cli.serve import answers
from bywords.serving.app import Application
from bywords.serving.asgi import Access
from bywords.serving.served import ServedModel

pytestmark = needs_chromium
TEXTS = [
    "the moon and a rocket",
    'a "team", goal\nand hockey',
    "engine oil",
    HOSTILE.encode("utf-8", "replace").decode(),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder, corpus = tmp_path_factory.mktemp("served") / "m", small_corpus()
    labels = [corpus.label_names[code] for code in corpus.labels]
    save_classifier(fit_classifier(SYSTEMS["tfidf-svc"], list(corpus.texts), labels), folder)
    app = Application(ServedModel(folder, answers), access=Access(token="secret"))
    with answering(app) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[1280, 390])
def page(browser, address, request):
    page, errors = browser.new_page(viewport={"width": request.param, "height": 900}), []
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.get_by_label("Token that this server wants").fill("secret")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#about")).to_contain_text("3 labels: motor, space, sport.", timeout=20_000)
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= request.param
    page.close()
    assert errors == []


def test_a_text_is_labelled_by_keys_and_its_words_are_coloured(page):
    page.get_by_label("Text", exact=True).fill(f"{TEXTS[0]} <b>{HOSTILE[:40]}")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#answer")).to_contain_text("space", timeout=20_000)
    assert "moon" in page.locator("#shown mark.for").all_inner_texts()
    assert page.locator("#shown").inner_text().startswith("the moon and a rocket <b><script>alert")


def test_why_an_answer_is_not_to_be_trusted_is_said_as_it_is(page):
    for text, why in (
        ("zxqv qwrt moon", "33 % of its words are known, fewer than of nearly all"),
        ("zxqv", "no word of"),
    ):
        page.get_by_label("Text", exact=True).fill(text)
        page.get_by_role("button", name="Label it").click()
        expect(page.locator("#answer")).to_contain_text(f"Do not trust this: {why}")


def test_a_server_that_is_gone_is_said(page, tmp_path):
    (tmp_path / "new.csv").write_text("text\nmoon\n")
    page.get_by_label("File, with a header line: choose one").set_input_files(tmp_path / "new.csv")
    for answer, why in (
        (lambda route: route.abort(), "The server does not answer. Is “bywords serve” running?"),
        (lambda route: route.fulfill(status=502, body="<html>"), "What answers is not “bywords serve”: status 502."),
    ):
        page.route("**/predict", answer)
        page.get_by_role("button", name="Label it").click()
        expect(page.locator("#answer.error")).to_have_text(why)
        page.get_by_role("button", name="Label the file").click()
        expect(page.locator("#said.error")).to_have_text(why)
        page.unroute("**/predict")


def test_a_file_is_labelled_and_saved(page, tmp_path):
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["label", "body"], *([str(i), TEXTS[i % len(TEXTS)]] for i in range(1203))])
    page.get_by_label("File, with a header line: choose one").set_input_files(tmp_path / "new.csv")
    expect(page.locator("#column option:checked")).to_have_text("body", timeout=20_000)
    page.get_by_role("button", name="Label the file").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save new-labelled.csv").click()
    assert page.get_by_role("progressbar").evaluate("one => one.value") == 1203
    with saved.value.path().open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["given_label"] for row in rows] == list(map(str, range(1203)))
    assert [row["body"] for row in rows] == [TEXTS[i % len(TEXTS)] for i in range(1203)]
    assert [row["label"] for row in rows[:3]] == ["space", "sport", "motor"]
    expect(page.get_by_role("row", name="space")).to_contain_text(str(sum(row["label"] == "space" for row in rows)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text\n\xff\0\n", "The file is not in UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00", "The file is an Excel workbook or another zip, not a csv"),
        (b"text\n", "There is no row below the header."),
        (b"", "The file is empty"),
    ],
    ids=["bytes", "xlsx", "header", "empty"],
)
def test_a_file_that_is_none_is_said(page, tmp_path, content, said):
    (tmp_path / "bad.csv").write_bytes(content)
    page.get_by_label("File, with a header line: choose one").set_input_files(tmp_path / "bad.csv")
    expect(page.locator("#said")).to_contain_text(said, timeout=20_000)


def test_a_file_in_another_encoding_is_labelled_as_it_is_chosen_to_be_read(page, tmp_path):
    (tmp_path / "new.csv").write_bytes("text\nмоторы moon\n".encode("cp1251"))
    page.get_by_label("File, with a header line: choose one").set_input_files(tmp_path / "new.csv")
    expect(page.locator("#said")).to_contain_text("choose the encoding in which it reads right", timeout=20_000)
    page.get_by_label("It is not in UTF-8, but reads right as").select_option("windows-1251: моторы")
    expect(page.locator("#said")).to_have_text("new.csv: 1 row, read as windows-1251.")
    page.get_by_role("button", name="Label the file").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save new-labelled.csv").click()
    assert "моторы moon" in saved.value.path().read_text(encoding="utf-8")


def test_how_many_rows_are_unlike_the_training_is_said(page, tmp_path):
    (tmp_path / "new.csv").write_text("text\nzxqv qwrt\nthe moon and a rocket\n")
    page.get_by_label("File, with a header line: choose one").set_input_files(tmp_path / "new.csv")
    page.get_by_role("button", name="Label the file").click()
    expect(page.locator("#said")).to_contain_text("1 is unlike the texts of the training (out_of_distribution)")


def test_what_the_server_takes_is_shown(page):
    page.get_by_role("link", name="What the server takes").click()
    expect(page.get_by_role("rowheader", name="min_confidence")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("heading", name="GET /metrics")).to_be_visible()


def test_labels_that_could_not_be_told_apart_in_a_csv_are_not_written_into_one(browser, bywords, tmp_path):
    corpus = small_corpus()
    sets = [("a|b", "מרחב") if code else ("c", "d") for code in corpus.labels]
    classifier = fit_classifier(SYSTEMS["tfidf-nb"], list(corpus.texts), sets)
    save_classifier(classifier, tmp_path / "m")
    (tmp_path / "new.csv").write_text("text\nthe moon\n")
    (tmp_path / "m.html").write_text(exported_page(classifier, name="m"))
    said = "label a|b has | in it, which stands between the labels of a row"
    with (
        answering(Application(ServedModel(tmp_path / "m", answers))) as url,
        contextlib.closing(browser.new_page()) as page,
    ):
        page.goto(url)
        expect(page.locator("#about")).to_contain_text("4 labels: a|b, c, d, \u2068מרחב\u2069.")  # of itself
        page.get_by_label("File, with a header line: choose one").set_input_files(tmp_path / "new.csv")
        page.get_by_role("button", name="Label the file").click()
        expect(page.locator("#said")).to_contain_text(said)
        page.goto((tmp_path / "m.html").as_uri())
        page.locator("html[data-ready]").wait_for()
        page.locator("input[type=file]").set_input_files(tmp_path / "new.csv")
        expect(page.locator("#said")).to_contain_text(said)
        page.locator("#text").fill("zxqv qwrt moon")
        expect(page.locator("#answer")).to_contain_text("Do not trust this: 33 % of its words are known")
    code, _, err = bywords("predict", "m", "new.csv", "--out", "out.csv")
    assert (code, "the label 'a|b' has | in it" in err, (tmp_path / "out.csv").exists()) == (2, True, False)
    assert bywords("predict", "m", "new.csv", "--out", "out.jsonl")[0] == 0


def test_a_row_is_labelled_by_its_fields_and_a_file_of_them_that_is_dropped(browser, bywords, tmp_path):
    rows = [(f"{('car', 'moon')[i % 2]} {i % 7}", "it was", ("US", "EU")[i % 2], "ab"[i % 2]) for i in range(60)]
    (tmp_path / "rows.csv").write_text("subject,body,region,label\n" + "".join(",".join(row) + "\n" for row in rows))
    columns = ["--text", "subject", "--text", "body", "--column", "region"]
    assert bywords("train", "rows.csv", *columns, "--system", "tfidf-svc", "--out", "m")[0] == 0
    with (
        answering(Application(ServedModel(tmp_path / "m", answers))) as url,
        contextlib.closing(browser.new_page()) as page,
    ):
        page.goto(url)
        page.get_by_label("subject").fill("moon")
        page.get_by_label("region (a category, or nothing)").fill("EU")
        page.keyboard.press("Enter")
        expect(page.locator("#answer")).to_contain_text("b (")
        assert page.locator("#shown mark.for").all_inner_texts() == ["moon", "region=EU"]
        page.evaluate(DROP, ["new.csv", "body;region;subject\nit was;US;car\n;;moon\n"])
        expect(page.locator("#said")).to_have_text("new.csv: 2 rows.")
        page.get_by_role("button", name="Label the file").click()
        with page.expect_download() as saved:
            page.get_by_role("link", name="Save new-labelled.csv").click()
        with saved.value.path().open(newline="") as file:
            assert [(row["subject"], row["label"]) for row in csv.DictReader(file, delimiter=";")] == [
                ("car", "a"), ("moon", "b"),
            ]  # fmt: skip
        page.evaluate(DROP, ["twice.csv", "body,subject,region,subject\nit was,car,US,moon\n"])
        page.get_by_role("button", name="Label the file").click()
        expect(page.locator("#said")).to_contain_text("the file has 2 columns subject")
        page.evaluate(DROP, ["other.csv", "body,title\nit was,car\n"])
        page.get_by_role("button", name="Label the file").click()
        expect(page.locator("#said")).to_have_text("the file has no column subject; its columns: body, title.")


def test_a_column_that_is_not_clear_is_asked_for(page, tmp_path):
    (tmp_path / "new.csv").write_text("id,note\n1,moon\n")
    page.get_by_label("File, with a header line: choose one").set_input_files(tmp_path / "new.csv")
    page.get_by_role("button", name="Label the file").click()
    expect(page.locator("#said")).to_contain_text("It is not clear which column holds the texts: choose one.")
