"""Requests a second of `bywords serve` beside FastAPI apps around fastText and around TF-IDF + LinearSVC.

One text a request, one process each, all three running, asked in turn for SECONDS at a time by the same client with
each of N_CONNECTIONS: the same texts (`imdb`'s test part, its first CHARACTERS). Run with the extra `bench`. Prints
medians of requests a second, of the 99th percentile of seconds, and the least CPU time of the server a request; then
how long batches of 1,000 take beside `predict`'s own time. Each has learned from N_LEARNED texts.

With `--soak SECONDS` instead: single texts, batches, bad requests, explanations, scrapes, and meanwhile the model is
saved anew; counts the answers by status, and the memory of the server at the first and last fifth, at the start, after
WARM_SECONDS and at the end. `--pause SECONDS` has each connection wait between an answer and the next request.

Claims: at least LEAST times the requests a second of each peer with as many connections, batches within MOST_BATCH,
and each answer that of `bywords predict`; with `--soak` no 5xx, no request lost, and memory that has grown by less
than MOST_GROWN.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import ENVIRONMENT, write_result

from bywords import SYSTEMS, fit_classifier, load_classifier, load_dataset, save_classifier

SECONDS, N_RUNS, N_CONNECTIONS, CHARACTERS, N_LEARNED = 2.0, 5, (8, 32), 300, 8_000
LEAST = {"8": {"fastText": 2.0, "TF-IDF + LinearSVC": 5.0}, "32": {"fastText": 2.0, "TF-IDF + LinearSVC": 5.0}}
JSON = "application/json"
OWN = {**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[1])}
MOST_BATCH, N_BATCHES = 2.0, 100
MOST_GROWN = 1.1
RELOAD_SECONDS, WARM_SECONDS = 5.0, 600
APP = """
import sys
from fastapi import FastAPI
from pydantic import BaseModel
class Question(BaseModel):
    text: str
app = FastAPI()
{load}
@app.post("/predict")
async def predict(question: Question):
    {answer}
import uvicorn
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
"""
PEERS = {
    "fastText": (
        "import fasttext; model = fasttext.load_model('peer.bin')",
        "l, p = model.predict(question.text.replace(chr(10), ' ')); return {'label': l[0], 'probability': float(p[0])}",
    ),
    "TF-IDF + LinearSVC": (
        "import joblib; model = joblib.load('peer.joblib')",
        "return {'label': str(model.predict([question.text])[0])}",
    ),
}


def main() -> None:
    """Train the three, measure them in turn, and assert the claims; or soak."""
    data = load_dataset("imdb")
    if "--soak" in sys.argv:
        soak(option("--soak"), data, pause=option("--pause"))
        return
    learned = data.train.select(np.random.default_rng(0).permutation(len(data.train))[:N_LEARNED])
    asked = [text[:CHARACTERS] for text in data.test.texts[:2000]]
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as running:
        folder = Path(place)
        prepare(folder, list(learned.texts), list(learned.names()))
        ports = {name: running.enter_context(server(name, folder)) for name in ("bywords", *PEERS)}
        n_different = different(folder, ports["bywords"][0], asked)
        servers = {str(n): rates(ports, asked, n) for n in N_CONNECTIONS}
        batch = batches(folder, ports["bywords"][0], list(data.test.texts[:1000]))
    found = {"servers": servers, "batch": batch, "n_texts_compared": len(asked), "n_different": n_different}
    write_result("serving", found)
    print(json.dumps(found, indent=1))
    assert n_different == 0, n_different
    for n, of in servers.items():
        for name, least in LEAST[n].items():
            print(f"{n} connections: {of[name]['times']:.2f} times {name}, {of[name]['times_by_cpu']:.2f} by CPU time")
            assert of[name]["times"] >= least, (n, name, of[name])
    assert batch["ratio"] <= MOST_BATCH, batch


def option(name: str) -> float:
    """What follows an option of the command; 0 where it is not given."""
    return float(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else 0.0


def rates(ports: dict[str, tuple[int, int]], asked: list[str], n_connections: int) -> dict[str, dict[str, float]]:
    """What each server does, and how many times as much the first one: medians of the runs, which are in turn."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ports}
    for _ in range(N_RUNS):
        for name, (port, pid) in ports.items():
            before, started = cpu_seconds(pid), time.perf_counter()
            took = run(load(port, asked, SECONDS, n_connections))
            rate, busy = len(took) / (time.perf_counter() - started), (cpu_seconds(pid) - before) / len(took)
            runs[name].append((rate, sorted(took)[int(0.99 * len(took))], busy))
            print(f"{n_connections:3} {name:20} {rate:8,.0f} a second, {1e6 * busy:.0f} µs of CPU", flush=True)
    own = runs["bywords"]
    return {
        name: {
            "requests_per_second": statistics.median(rate for rate, _, _ in its),
            "p99_seconds": statistics.median(slow for _, slow, _ in its),
            "cpu_seconds": min(busy for _, _, busy in its),
            "times": statistics.median(one[0] / other[0] for one, other in zip(own, its, strict=True)),
            "times_by_cpu": min(busy for _, _, busy in its) / min(busy for _, _, busy in own),
        }
        for name, its in runs.items()
    }


def different(folder: Path, port: int, texts: list[str]) -> int:
    """How many texts, asked for one at a time, get another answer than in a line of `bywords predict`."""
    (folder / "asked.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    command = [sys.executable, "-m", "bywords", "predict", "model", "asked.jsonl"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True, env=OWN)
    expected = [json.loads(line) for line in done.stdout.decode().splitlines()]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    n_different = 0
    for text, line in zip(texts, expected, strict=True):
        connection.request("POST", "/predict", json.dumps({"text": text}), {"Content-Type": JSON})
        (answer,) = json.loads(connection.getresponse().read())["predictions"]
        n_different += answer != {name: value for name, value in line.items() if name != "text"}
    return n_different


def prepare(folder: Path, texts: list[str], labels: list[str]) -> None:
    """A model of each kind in the folder."""
    import fasttext
    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    save_classifier(fit_classifier(SYSTEMS["tfidf-svc"], texts, labels), folder / "model")
    joblib.dump(make_pipeline(TfidfVectorizer(), LinearSVC()).fit(texts, labels), folder / "peer.joblib")
    lines = [f"__label__{label} {' '.join(text.split())}\n" for text, label in zip(texts, labels, strict=True)]
    (folder / "train.txt").write_text("".join(lines), encoding="utf-8")
    fasttext.train_supervised(str(folder / "train.txt"), verbose=0, thread=1).save_model(str(folder / "peer.bin"))
    for name, (load_it, answer) in PEERS.items():
        (folder / f"{name}.py").write_text(APP.format(load=load_it, answer=answer))


@contextlib.contextmanager
def server(name: str, folder: Path) -> Iterator[tuple[int, int]]:
    """A process that serves: its port, and its number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    own = [sys.executable, "-m", "bywords", "serve", "model", "--port", str(port)]
    command = own if name == "bywords" else [sys.executable, f"{name}.py", str(port)]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, env=OWN) as process:
        try:
            wait_for_answer(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_for_answer(port: int) -> None:
    """Until it has answered once: a socket may listen before the model is there."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/predict", b'{"text": "a"}', {"Content-Type": JSON})
    for _ in range(600):
        try:
            urllib.request.urlopen(asked, timeout=60).read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server does not answer")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a client by uvloop, so that it takes as little as it can of what it measures."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def raw_request(port: int, body: bytes, *, method: str = "POST", path: str = "/predict") -> bytes:
    """The bytes of a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Client(asyncio.Protocol):
    """A connection that is kept, which asks for one thing `pause` seconds after the other; `seen` gets seconds and
    status of each.
    """

    def __init__(self, asked: Iterator[bytes], seen: list[tuple[float, int]], ends: float, pause: float) -> None:
        self.asked, self.seen, self.ends, self.pause, self.buffer = asked, seen, ends, pause, b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask for the first."""
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Ask for the next."""
        self.started = time.perf_counter()
        self.transport.write(next(self.asked))

    def data_received(self, data: bytes) -> None:
        """Take an answer, and ask for the next."""
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self.buffer = b""
        self.seen.append((time.perf_counter() - self.started, int(head[9:12])))
        if time.perf_counter() < self.ends:
            if self.pause:
                asyncio.get_running_loop().call_later(self.pause, self.ask)
            else:
                self.ask()
        else:
            self.done.set_result(None)
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail where an answer was still awaited."""
        if not self.done.done():
            self.done.set_exception(ConnectionError("an answer was lost"))


async def ask_on(port: int, requests: list[list[bytes]], seconds: float, pause: float = 0.0) -> list[tuple[float, int]]:
    """Seconds and status of each request, asked for over and over, by a connection for each of these lists."""
    seen: list[tuple[float, int]] = []
    ends, loop = time.perf_counter() + seconds, asyncio.get_running_loop()
    clients = [Client(itertools.cycle(own), seen, ends, pause) for own in requests]
    async with asyncio.timeout(2 * seconds + 30):
        for client in clients:
            await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.gather(*(client.done for client in clients))
    return seen


async def load(port: int, texts: list[str], seconds: float, n_connections: int) -> list[float]:
    """How long each request took."""
    raw = [raw_request(port, json.dumps({"text": text}).encode()) for text in texts]
    seen = await ask_on(port, [raw[number::n_connections] for number in range(n_connections)], seconds)
    assert {status for _, status in seen} == {200}
    return [took for took, _ in seen]


def soak(seconds: float, data: Any, *, pause: float) -> None:
    """Mixed load while the model is saved anew, and the claims on it."""
    names = [data.train.label_names[code] for code in data.train.labels]
    models = [fit_classifier(SYSTEMS["tfidf-svc"], data.train.texts[::n], names[::n]) for n in (4, 5)]
    texts, stopped, n_saved = list(data.test.texts), threading.Event(), 0
    memory: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        save_classifier(models[0], Path(folder) / "model")

        def disturb(pid: int) -> None:
            nonlocal n_saved
            while not stopped.wait(RELOAD_SECONDS / 5):
                status = Path(f"/proc/{pid}/status").read_text()
                memory.append(int(status.partition("VmRSS:")[2].split()[0]))
                if len(memory) % 5 == 0:
                    n_saved += 1
                    save_classifier(models[n_saved % 2], Path(folder) / "model")

        with server("bywords", Path(folder)) as (port, pid):
            watcher = threading.Thread(target=disturb, args=[pid])
            watcher.start()
            seen = run(ask_on(port, mixed(port, texts), seconds, pause))
            stopped.set()
            watcher.join(30)
            scraped = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    statuses = Counter(status for _, status in seen)
    n_loads = int(float(scraped.partition("\nbywords_model_loads_total ")[2].split()[0]))
    fifth = max(len(memory) // 5, 1)
    first, last = (statistics.median(part) / 1024 for part in (memory[:fifth], memory[-fifth:]))
    p99 = sorted(took for took, _ in seen)[int(0.99 * len(seen))]
    at = {"start": 0, "after_warming": min(int(WARM_SECONDS * 5 / RELOAD_SECONDS), len(memory) - 1), "end": -1}
    found = {
        "seconds": seconds, "pause": pause, "n_requests": len(seen), "statuses": dict(sorted(statuses.items())),
        "n_saved": n_saved, "n_loads": n_loads, "first_mb": first, "last_mb": last, "p99_seconds": p99,
        "mb": {name: memory[index] / 1024 for name, index in at.items()},
    }  # fmt: skip
    print(found)
    write_result("serving-soak", found)
    assert max(statuses) < 500, statuses
    assert n_loads > 1, n_loads
    assert last <= MOST_GROWN * first, (first, last)


def mixed(port: int, texts: list[str]) -> list[list[bytes]]:
    """What each of some connections asks for in turn."""

    def body(**asked: Any) -> bytes:
        return raw_request(port, json.dumps(asked).encode())

    single = [body(text=text[:CHARACTERS]) for text in texts[:500]]
    rich = [body(text=text, top_k=-1, min_confidence=0.8, explain=True) for text in texts[500:600]]
    many = [body(texts=texts[start : start + 300]) for start in range(600, 1800, 300)]
    bad = [
        body(), body(text=3), body(texts=["a"], top_k=0), body(text="a", nothing=1), raw_request(port, b"{"),
        raw_request(port, b"", method="GET"), raw_request(port, b"\xff"), body(text="\ud800"),
        raw_request(port, b"", method="GET", path="/nowhere"),
    ]  # fmt: skip
    gets = [raw_request(port, b"", method="GET", path=path) for path in ("/metrics", "/info", "/health", "/ready", "/")]
    return [single, single[::-1], single[250:] + single[:250], rich, many, many[::-1], bad, gets]


def batches(folder: Path, port: int, texts: list[str]) -> dict[str, Any]:
    """Seconds of 1,000 texts in one request, and of `predict` in this process: medians and least of runs in turn."""
    classifier, body = load_classifier(folder / "model"), json.dumps({"texts": texts}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def served() -> None:
        connection.request("POST", "/predict", body, {"Content-Type": JSON})
        answer = connection.getresponse().read()
        assert answer.count(b'"probability":') == len(texts)

    seconds: dict[str, list[float]] = {"served": [], "predict": []}
    for run_number in range(N_BATCHES + 1):
        for way, call in (("served", served), ("predict", lambda: classifier.predict(texts))):
            started = time.perf_counter()
            call()
            if run_number > 0:  # the first warms up
                seconds[way].append(time.perf_counter() - started)
    medians, least = ({way: of(its) for way, its in seconds.items()} for of in (statistics.median, min))
    ratios = {"ratio": medians["served"] / medians["predict"], "ratio_of_least": least["served"] / least["predict"]}
    return {**medians, **ratios, "least": least}


if __name__ == "__main__":
    main()
