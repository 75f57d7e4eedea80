"""In a browser texts are labelled by keys, whatever happens to the server; the page shows all texts as they are."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import uvicorn
from pages import HOSTILE, needs_chromium
from playwright.sync_api import expect, sync_playwright

from bywords.labelling.app import LabellingSite
from bywords.labelling.project import Project

pytestmark = needs_chromium
TOPICS = {"space": "moon orbit rocket star", "sport": "team goal league coach", "motor": "engine oil wheel brake"}
expect.set_options(timeout=10_000)


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page that has no errors; of what the server does not answer the browser says so, which is none."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(10_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page
    page.close()
    assert [error for error in errors if "Failed to load resource" not in error] == []


@pytest.fixture
def opened(tmp_path, page):
    """Open the page of a new project that a thread serves, without a learner: `suggest` says what a model would."""
    ended = []

    def open_page(texts, labels, *, suggest=None, annotators=(), **given):
        (tmp_path / "texts.csv").write_text("text\n" + "".join(f'"{text.replace(chr(34), 2 * chr(34))}"\n' for text in texts))
        project = Project.create(tmp_path / "p.bywords", [tmp_path / "texts.csv"], labels, **given)
        server = uvicorn.Server(uvicorn.Config(LabellingSite(project, annotators=annotators), port=0, log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        ended.append((server, thread, project))
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        page.goto(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/")
        return project

    yield open_page
    for server, thread, project in ended:
        server.should_exit = True
        thread.join(timeout=10)
        project.close()


def started(folder, *words):
    """A process that serves, and its address."""
    command = [sys.executable, "-m", "bywords", "label", *words, "--no-browser"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(60, process.kill)
    timer.daemon = True
    timer.start()
    line = next((line for line in process.stderr if "http" in line), None)
    assert line is not None
    return process, re.search(r"http://\S+", line)[0]


def topic_of(text):
    words = set(text.split())
    return max(TOPICS, key=lambda topic: len(words & set(TOPICS[topic].split())))


def test_sixty_texts_are_labelled_by_keys_and_a_killed_server_loses_and_doubles_none(tmp_path, page):
    texts = [f"{words} {i}" for i in range(20) for words in TOPICS.values()]
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    process, address = started(tmp_path, "texts.txt", "--labels", ",".join(TOPICS), "--port", "0")
    keys, answered = list(TOPICS), {}

    def label_one():
        page.wait_for_selector("#text:not(:empty):visible")
        text = page.inner_text("#text")
        assert text not in answered
        answered[text] = topic_of(text)
        page.keyboard.press(str(keys.index(topic_of(text)) + 1))

    try:
        page.goto(address)
        for _ in range(30):
            label_one()
            page.wait_for_function("text => document.getElementById('text').textContent !== text", arg=list(answered)[-1])
        process.kill()
        process.wait(timeout=10)
        label_one()  # which the server does not get
        expect(page.locator("#trouble")).to_contain_text("kept here; trying again")
        process, _ = started(tmp_path, "texts.bywords", "--port", re.search(r":(\d+)/", address)[1])
        expect(page.locator("#trouble")).to_be_hidden()
        while len(answered) < 60:
            label_one()
            page.wait_for_function("text => document.getElementById('text').textContent !== text || "
                                   "!document.getElementById('empty').hidden", arg=list(answered)[-1])  # fmt: skip
        expect(page.locator("#empty-words")).to_contain_text("No text is left")
        expect(page.locator("#done")).to_have_text("60 of 60 labelled")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "60 of 60 texts are labelled, in texts.bywords." in out
        assert "bywords train texts.bywords" in out
    finally:
        process.kill()
    with Project.open(tmp_path / "texts.bywords") as project:
        kept = [(project.text(number), labels) for number, _, kind, labels, _ in project.answers() if kind == "label"]
        assert dict(kept) == {text: (label,) for text, label in answered.items()}
        assert len(kept) == 60
        (n_rows,) = project._connection.execute("SELECT count(*) FROM answers").fetchone()
        assert n_rows == 60
