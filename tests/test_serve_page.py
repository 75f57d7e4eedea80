"""The page of a server in a browser: a text and its coloured words, a file labelled with progress, a token."""

import csv

import pytest
from pages import HOSTILE, answering, browsing, needs_chromium
from playwright.sync_api import expect
from small_corpus import small_corpus

from bywords import SYSTEMS, fit_classifier, save_classifier
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
    with browsing() as browser:
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


def test_a_file_is_labelled_and_saved(page, tmp_path):
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["label", "body"], *([str(i), TEXTS[i % len(TEXTS)]] for i in range(1203))])
    page.get_by_label("File, with a header line").set_input_files(tmp_path / "new.csv")
    expect(page.get_by_label("Column with the texts")).to_have_value("body", timeout=20_000)
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


def test_a_file_that_is_none_is_said(page, tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"text\n\xff\n")
    page.get_by_label("File, with a header line").set_input_files(tmp_path / "bad.csv")
    expect(page.locator("#said")).to_have_text("the file is not UTF-8.", timeout=20_000)


def test_what_the_server_takes_is_shown(page):
    page.get_by_role("link", name="What the server takes").click()
    expect(page.get_by_role("rowheader", name="min_confidence")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("heading", name="GET /metrics")).to_be_visible()
