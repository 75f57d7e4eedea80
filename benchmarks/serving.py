"""Requests a second of `bywords serve` beside FastAPI apps around fastText and around TF-IDF + LinearSVC.

One text a request, one process each, the same texts (`imdb`'s test part, its first CHARACTERS), the same client, in
turn. Run with the extra `bench`. Prints the median requests a second and the 99th percentile of seconds; then how long
batches of 1,000 take beside `predict`'s own time.

Claims: at least LEAST times the requests a second of each peer, and batches within MOST_BATCH.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import write_result

from bywords import SYSTEMS, fit_classifier, load_classifier, load_dataset, save_classifier

SECONDS, N_RUNS, N_CONNECTIONS, CHARACTERS = 3.0, 3, 8, 300
LEAST = {"fastText": 2.0, "TF-IDF + LinearSVC": 5.0}
MOST_BATCH = 1.3
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
    """Train the three, measure them in turn, and assert the claims."""
    data = load_dataset("imdb")
    names = [data.train.label_names[code] for code in data.train.labels]
    texts, asked = list(data.train.texts), [text[:CHARACTERS] for text in data.test.texts[:2000]]
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), texts, names)
        rates: dict[str, list[float]] = {}
        slowest: dict[str, list[float]] = {}
        for _ in range(N_RUNS):
            for name in ("bywords", *PEERS):
                with server(name, Path(folder)) as port:
                    took = asyncio.run(load(port, asked, SECONDS))
                rates.setdefault(name, []).append(len(took) / SECONDS)
                slowest.setdefault(name, []).append(sorted(took)[int(0.99 * len(took))])
                print(f"{name:20} {rates[name][-1]:8,.0f} a second, p99 {slowest[name][-1]:.5f} s", flush=True)
        batch = batches(Path(folder), list(data.test.texts[:1000]))
    found = {
        name: {"requests_per_second": statistics.median(rates[name]), "p99_seconds": statistics.median(slowest[name])}
        for name in rates
    }
    write_result("serving", {"servers": found, "batch": batch})
    print(found, batch)
    for name, least in LEAST.items():
        ratio = found["bywords"]["requests_per_second"] / found[name]["requests_per_second"]
        print(f"{ratio:.2f} times {name}")
        assert ratio >= least, (name, ratio)
    assert batch["ratio"] <= MOST_BATCH, batch


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
    fasttext.train_supervised(str(folder / "train.txt"), verbose=0).save_model(str(folder / "peer.bin"))
    for name, (load_it, answer) in PEERS.items():
        (folder / f"{name}.py").write_text(APP.format(load=load_it, answer=answer))


@contextmanager
def server(name: str, folder: Path) -> Iterator[int]:
    """A process that serves, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    own = [sys.executable, "-m", "bywords", "serve", "model", "--port", str(port)]
    command = own if name == "bywords" else [sys.executable, f"{name}.py", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            for _ in range(300):
                with socket.socket() as asked:
                    if asked.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


async def load(port: int, texts: list[str], seconds: float) -> list[float]:
    """How long each request took, asked over N_CONNECTIONS that are kept, each one after the other."""
    raw = []
    for text in texts:
        body = json.dumps({"text": text}).encode()
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        raw.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    took: list[float] = []
    ends = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < ends:
            number += N_CONNECTIONS
            started = time.perf_counter()
            writer.write(raw[number % len(raw)])
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            took.append(time.perf_counter() - started)
        writer.close()

    async with asyncio.timeout(10 * seconds + 10):
        await asyncio.gather(*map(ask, range(N_CONNECTIONS)))
    return took


def batches(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Seconds of 1,000 texts in one request, and of `predict` in this process: medians of runs in turn."""
    import http.client

    classifier, body = load_classifier(folder / "model"), json.dumps({"texts": texts})
    times: dict[str, list[float]] = {"served": [], "predict": []}
    with server("bywords", folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(9):
            started = time.perf_counter()
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            assert len(json.loads(connection.getresponse().read())["predictions"]) == len(texts)
            times["served"].append(time.perf_counter() - started)
            started = time.perf_counter()
            classifier.predict(texts)
            times["predict"].append(time.perf_counter() - started)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return {**medians, "ratio": medians["served"] / medians["predict"]}


if __name__ == "__main__":
    main()
