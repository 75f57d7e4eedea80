"""What tests of pages share: a page as a browser would see it, and as Chromium has it after its scripts ran."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

HOSTILE = '<script>alert("x")</script> $\\frac{1}{$ 中文 🎉 \x00\x1b\ud800 ]]> <!-- {{ 7*7 }} & \u202e"\''

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="needs Chromium")
needs_browser = pytest.mark.skipif(
    _CHROMIUM is None or importlib.util.find_spec("playwright") is None, reason="needs Chromium and Playwright"
)

DROP = """([name, content]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([content], name, {type: "text/csv"}));
    const at = (kind) => {
        const event = new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried});
        document.querySelector("h1").dispatchEvent(event);
        return event.defaultPrevented;
    };
    return [at("dragover"), at("drop")];
}"""  # a file on a page as by a mouse; whether the page took it

_WATCH = """<script>
addEventListener("error", (event) => document.documentElement.setAttribute("data-error", event.message));
</script>"""

_MEASURE = """<script>
document.documentElement.dataset.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
</script>"""


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text outside of script and style."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.svgs = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._silent else data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def dumped(page: Path, profile: Path) -> str:
    """The document as Chromium has it after its scripts ran, in a window as wide as a phone."""
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    switches += ["--disable-background-networking", "--disable-component-update", "--window-size=500,900"]
    command = [_CHROMIUM, *switches, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    outside = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer is for Python
    return subprocess.run(command, capture_output=True, timeout=120, check=True, env=outside).stdout.decode()


def opened(page: str, folder: Path, script: str = "") -> str:
    """The document in a window as wide as a phone after its scripts and this one ran, without the page's own policy.

    Asserts that no script fails and that nothing is wider than the window.
    """
    watched = re.sub("<meta [^>]*http-equiv[^>]*>", _WATCH, page).replace("</body>", f"{script}{_MEASURE}</body>")
    (folder / "opened.html").write_text(watched, encoding="utf-8")
    document = dumped(folder / "opened.html", folder / "profile")
    root = re.search("<html[^>]*>", document)[0]
    assert "data-error" not in root
    assert int(re.search(r'data-overflow="(-?\d+)"', root)[1]) <= 0
    return document


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Chromium, to be driven by Playwright: while it is there, no other loop of asyncio can run in this thread."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)
    outside = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"], env=outside
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def page_in(browser: Any, path: Path, *, ready: str = "html[data-ready]") -> Iterator[Any]:
    """A page that shows this file, used as soon as there is what matches `ready`.

    Asserts at the end that no script has failed, and that nothing else was loaded.
    """
    wrong: list[str] = []
    with contextlib.closing(browser.new_page(viewport={"width": 1280, "height": 900})) as page:
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        own = (path.as_uri(), "blob:", "data:")
        page.on("request", lambda asked: None if asked.url.startswith(own) else wrong.append(asked.url))
        page.goto(path.as_uri())
        page.wait_for_selector(ready)
        yield page
    assert wrong == []


@contextlib.contextmanager
def answering(application):
    """The address of an application that a thread serves."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
