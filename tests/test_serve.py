"""A server answers as `predict` does, refuses what is wrong by its name, and exchanges its model while it is asked."""

import asyncio
import contextlib
import functools
import gc
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_corpus import small_corpus

from bywords import SYSTEMS, fit_classifier, load_classifier, save_classifier
from bywords.auditing.model_drift import Observed, compared, judged
from bywords.cli import serve
from bywords.cli.connections import Joining
from bywords.cli.listening import listening
from bywords.cli.serve import answers
from bywords.errors import SettingError
from bywords.serving import requests
from bywords.serving.app import Application
from bywords.serving.asgi import Access
from bywords.serving.metrics import N_DRAWS
from bywords.serving.requests import Limits
from bywords.serving.served import Loaded, ServedModel

TEXTS = ["the moon and a rocket", "", "zxqv", "hockey team , goal", "engine \N{BALLOON} oil\x00"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder, corpus = tmp_path_factory.mktemp("served"), small_corpus()
    texts, labels = corpus.texts, [corpus.label_names[code] for code in corpus.labels]
    for name, kept in (("one", slice(None)), ("two", slice(0, 90))):
        save_classifier(fit_classifier(SYSTEMS["tfidf-svc"], list(texts[kept]), labels[kept]), folder / name)
    return folder


@pytest.fixture
def folder(models, tmp_path):
    shutil.copytree(models / "one", tmp_path / "model")
    return tmp_path / "model"


def application(folder, *, log=None, **given):
    access = Access(token=given.pop("token", None), log=log or (lambda record: None))
    return Application(ServedModel(folder, answers), limits=Limits(**given), access=access)


def client_of(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")


def asked(app, method="POST", path="/predict", **given):
    async def ask():
        async with client_of(app) as client:
            return await client.request(method, path, **given)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def app(models):
    return application(models / "one")


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({}, []),
        ({"top_k": 2}, ["--top-k", "2"]),
        ({"top_k": -1, "min_confidence": 0.5}, ["--top-k", "-1", "--min-confidence", "0.5"]),
        ({"min_confidence": 1}, ["--min-confidence", "1"]),
    ],
)
def test_answers_are_those_of_predict(bywords, models, app, tmp_path, more, options):
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    code, out, _ = bywords("predict", models / "one", "texts.jsonl", *options)
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    expected = [{key: value for key, value in line.items() if key != "text"} for line in lines]
    assert asked(app, json={"texts": TEXTS, **more}).json()["predictions"] == expected
    alone = [asked(app, json={"text": text, **more}).json()["predictions"][0] for text in TEXTS]
    assert alone == expected
    assert asked(app, json={"texts": TEXTS * 1000, **more}).json()["predictions"] == expected * 1000  # by a thread


def test_rows_are_read_by_the_columns_of_the_model(tmp_path, bywords):
    rows = [
        {"subject": f"moon {i % 7}" if i % 2 else f"car {i % 7}", "body": "it was", "region": "EU" if i % 2 else "US"}
        for i in range(60)
    ]
    lines = "".join(json.dumps({**row, "label": "ab"[i % 2]}) + "\n" for i, row in enumerate(rows))
    (tmp_path / "rows.jsonl").write_text(lines)
    columns = ["--text", "subject", "--text", "body", "--column", "region"]
    assert bywords("train", "rows.jsonl", *columns, "--system", "tfidf-svc", "--out", "m")[0] == 0
    app = application(tmp_path / "m")
    given = [rows[0], {**rows[1], "region": None}, {**rows[2], "body": None}]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
    expected = [json.loads(line) for line in bywords("predict", "m", "new.jsonl")[1].splitlines()]
    got = asked(app, json={"texts": given}).json()["predictions"]
    assert got == [{key: value for key, value in line.items() if key in got[0]} for line in expected]
    assert asked(app, "GET", "/info").json()["fields"] == {
        "subject": "text",
        "body": "text",
        "region": "category",
    }
    explained = asked(app, json={"text": given[0], "explain": True})
    assert explained.status_code == 200
    for wrong, field in (
        ({"text": "moon"}, "text"),
        ({"texts": [rows[0], {"subject": "a", "region": "EU"}]}, "texts[1].body"),
        ({"text": {**rows[0], "body": 3}}, "text.body"),
        ({"text": {**rows[0], "region": []}}, "text.region"),
    ):
        refused = asked(app, json=wrong)
        assert refused.status_code == 422
        assert refused.json()["error"]["field"] == field


def test_explanations_add_up(app):
    found = asked(app, json={"text": TEXTS[0], "explain": True}).json()["predictions"][0]["explanation"]
    index = found["labels"].index(found["explained"])
    total = found["bias"][index] + sum(token["attribution"] for token in found["tokens"])
    assert total == pytest.approx(found["logits"][index], abs=1e-6)
    assert found["predicted"] == "space"


@pytest.mark.parametrize(
    ("body", "status", "field", "words"),
    [
        (b"", 400, None, "JSON"),
        (b"[1]", 400, None, "it holds a list, expected an object"),
        (b"null", 400, None, "it holds null, expected an object"),
        (b"[" * 100_000, 400, None, "within each other"),
        (b'{"text": "a", "text": "b"}', 400, None, "the key 'text' is there twice"),
        (b'{"text": "a", "te\\u0078t": "b"}', 400, None, "the key 'text' is there twice"),
        (b'{"text": "\xff"}', 400, None, "not UTF-8, in which JSON is written: byte 11 is 0xff"),
        (b'\xef\xbb\xbf{"text": "a"}', 400, None, "byte order mark"),
        (b"{}", 422, "text", "either 'text'"),
        (b'{"text": "a", "texts": []}', 422, "text", "either 'text'"),
        (b'{"text": 3}', 422, "text", "expected a string"),
        (b'{"texts": ["a", null]}', 422, "texts[1]", "null, expected a string"),
        (b'{"texts": "a"}', 422, "texts", "expected a list"),
        (b'{"text": "a", "topk": 2}', 422, "topk", "Did you mean 'top_k'"),
        (b'{"text": "a", "top_k": 0}', 422, "top_k", "1 or more"),
        (b'{"text": "a", "top_k": true}', 422, "top_k", "1 or more"),
        (b'{"text": "a", "min_confidence": NaN}', 422, "min_confidence", "from 0 to 1"),
        (b'{"text": "a", "explain": 1}', 422, "explain", "true or false"),
        (b'{"text": "\\ud800"}', 422, "text", "surrogate"),
        (b'{"texts": ["a", "b", "c", "d"]}', 413, "texts", "at most 3"),
        (b'{"texts": ["a", "b"], "explain": true}', 413, "texts", "at most 1"),
        (b'{"text": "' + b"a" * 21 + b'"}', 413, "text", "at most 20"),
        (b'{"text": "' + b"a" * 200_000 + b'"}', 413, None, "at most"),
    ],
)
def test_what_is_wrong_is_named(models, body, status, field, words):
    app = application(models / "one", texts=3, characters=20, explained=1, body_bytes=150_000)
    answer = asked(app, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
    assert words in answer.json()["error"]["message"]


LONG, WORD = " " * requests.SHORT, "x" * requests.SHORT  # with which a body is too long for the reader of short ones


@pytest.mark.parametrize("more", ["", LONG])
@pytest.mark.parametrize(
    "body",
    [
        '{"text": "a", "text": "b"}', '{"texts": [], "texts" \t: ["b"]}', '{"text": "a", "te\\u0078t": "b"}',
        '{"tex\\u0074":"a","text":"b"}', '{"texts": ["\\": a"], "texts"          : []}',
        '{"text": "a", "top_k": 1, "top_k": 2}',
    ],
)  # fmt: skip
def test_no_key_may_be_there_twice_however_it_is_written(body, more):
    with pytest.raises(requests.RequestError, match="is there twice"):
        requests.question((body[:-1] + more + "}").encode(), None, Limits())


@pytest.mark.parametrize(
    "text", [":) :", 'he said "text": no', "a : b", '"', "\\", '\\": ', '"texts":', "{:}[: ,:", "\u20ac\n:"]
)
def test_texts_with_signs_of_json_are_read_by_the_quick_reader(text):
    for body in (json.dumps({"texts": [text, text + WORD], "top_k": 1}), json.dumps({"text": WORD + text}, indent=1)):
        assert requests._without_doubt(body.encode()) == json.loads(body)
        assert requests.question(body.encode(), None, Limits()).n_characters > len(WORD)


values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
), max_leaves=6)  # fmt: skip
keys = st.sampled_from(["text", "texts", "top_k", "min_confidence", "explain"]) | st.text()
bodies = st.binary() | st.dictionaries(keys, values, max_size=4).map(lambda body: json.dumps(body).encode())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies, path=st.sampled_from(["/predict", "/info", "/x"]))
def test_no_body_is_a_fault(app, body, path):
    answer = asked(app, path=path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code < 500
    assert answer.status_code == 200 or answer.json()["error"]["message"]


def test_questions_that_come_together_are_answered_each_by_its_own(app):
    bodies = [{"text": text} for text in TEXTS * 3]
    bodies += [{"texts": TEXTS[:2], "top_k": 2}, {"texts": []}, {"text": TEXTS[0], "min_confidence": 1}, {"text": 3}]
    alone = [asked(app, json=body) for body in bodies]

    async def ask_all():
        async with client_of(app) as client:
            return await asyncio.gather(*(client.post("/predict", json=body) for body in bodies))

    together = asyncio.run(ask_all())
    assert [one.status_code for one in together] == [200] * (len(bodies) - 1) + [422]
    assert [one.json() for one in together] == [one.json() for one in alone]


def test_a_model_that_fails_for_one_text_answers_those_that_came_with_it(models):
    app, loaded = application(models / "one"), ServedModel(models / "one", answers).current

    class Failing:
        def found(self, texts):
            if "bad" in texts:
                raise SettingError("this text has no answer")
            return loaded.answerer(None, None).found(texts)

        columns = staticmethod(loaded.answerer(None, None).columns)

    app.served.current = Loaded(loaded.classifier, loaded.digest, lambda *_: Failing())

    async def ask_all():
        async with client_of(app) as client:
            return await asyncio.gather(
                *(client.post("/predict", json={"text": text}) for text in ("moon", "bad", "car"))
            )

    assert [one.status_code for one in asyncio.run(ask_all())] == [200, 422, 200]

    async def ask_all_at_once():
        found = {}
        for text in ("moon", "bad", "car"):
            headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
            scope = {"path": "/predict", "method": "POST", "headers": headers, "query_string": b""}
            give = functools.partial(lambda text, *answer: found.setdefault(text, answer), text)
            assert app.at_once(scope, json.dumps({"text": text}).encode(), give)
        assert found == {}  # together, in the next turn of the loop
        await asyncio.sleep(0)
        return found

    found = asyncio.run(ask_all_at_once())
    assert [found[text][0] for text in ("moon", "bad", "car")] == [200, 422, 200]
    assert b"this text has no answer" in found["bad"][2]


def test_metrics_say_how_far_the_last_texts_are_from_the_training(models):
    app = application(models / "one")
    asked(app, json={"texts": ["moon rocket the a"] * 99})
    assert 'bywords_window_drift_found{look="labels"} NaN' in asked(app, "GET", "/metrics").text
    asked(app, json={"texts": ["moon rocket the a"] * 99})
    shown = asked(app, "GET", "/metrics").text
    classifier = app.served.current.classifier
    observed = Observed(classifier)
    observed.add(["moon rocket the a"] * 198)
    (look,) = [one for one in judged(compared(classifier, observed.profile, n_draws=N_DRAWS)) if one.kind == "labels"]
    assert f'bywords_window_drift_distance{{look="labels"}} {look.distance - look.by_chance}' in shown
    assert 'bywords_window_drift_found{look="labels"} 1.0' in shown
    assert 'bywords_window_drift_found{look="known words"} 0.0' in shown


def test_metrics_forget_the_drift_of_a_model_that_was_exchanged_and_compare_no_words_of_a_smaller_one(models):
    app = application(models / "one")
    asked(app, json={"texts": ["zxqv moon rocket"] * 120})
    assert 'bywords_window_drift_found{look="known words"} 1.0' in asked(app, "GET", "/metrics").text
    classifier = app.served.current.classifier
    card = replace(classifier.record.card, reduction="words were left out")
    smaller = replace(classifier, record=replace(classifier.record, card=card))
    app.served.current = Loaded(smaller, "other", lambda *given: answers(smaller, *given))
    for n_texts, labels in ((1, "NaN"), (120, "1.0")):
        asked(app, json={"texts": ["zxqv moon rocket"] * n_texts})
        shown = asked(app, "GET", "/metrics").text
        assert f'bywords_window_drift_found{{look="labels"}} {labels}' in shown
        assert 'bywords_window_drift_found{look="known words"} NaN' in shown


def test_a_body_that_does_not_come_is_refused(models):
    app = application(models / "one", seconds=0.05)

    async def slow():
        yield b'{"text": '
        await asyncio.sleep(3600)

    assert asked(app, content=slow(), headers={"content-type": "application/json"}).status_code == 408


@contextlib.contextmanager
def listening_server(app, **more):
    config, sock, _ = listening(app, "127.0.0.1", 0, stop_seconds=1)
    for name, value in more.items():
        setattr(config, name, value)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    yield sock.getsockname()
    server.should_exit = True
    thread.join(20)


def said(address, *pieces):
    """What a server answers to the pieces of a request, each sent a little after the other."""
    with socket.create_connection(address) as asking:
        asking.settimeout(20)
        for piece in pieces:
            asking.sendall(piece)
            time.sleep(0.02 if len(pieces) > 1 else 0)
        found = b""
        while not (head := found.partition(b"\r\n\r\n"))[1] or len(head[2]) < int(
            head[0].split(b"length: ")[1].split()[0]
        ):
            found += asking.recv(99_999)
        return found


def test_a_request_is_answered_alike_whole_in_pieces_and_behind_another(models, monkeypatch):
    monkeypatch.setattr("bywords.cli.connections.HEAD_SECONDS", 60)
    records, n_together = [], []
    app = application(models / "one", log=records.append)
    at_once = app.at_once
    app.at_once = lambda *given: n_together.append(at_once(*given)) or n_together[-1]

    def request(body, *, head=b"POST /predict", more=b"Content-Type: application/json\r\n"):
        return b"%b HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b" % (head, more, len(body), body)

    asked_for = [
        request(b'{"text": "moon rocket"}'), request(b'{"text": "car", "top_k": 2}'), request(b'{"texts": []}'),
        request(b'{"text": "car", "explain": true}'), request(b'{"text": 3}'), request(b"{"),
        request(b'{"text": "car"}', more=b""), request(b'{"text": "a"}', head=b"POST /nowhere"),
        request(b"", head=b"GET /health"), request(b'{"text": "car"}x'),
        request(b'{"text": "a"}', head=b"POST /predict?a=1"),
        request(b'{"text": "car"}', more=b"Content-Type: application/json\r\nConnection: close\r\n"),
    ]  # fmt: skip
    with listening_server(app, timeout_keep_alive=60) as address:
        whole = [said(address, one) for one in asked_for]
        assert n_together.count(True) == 4
        assert [said(address, one[:30], one[30:-1], one[-1:]) for one in asked_for] == whole
        assert n_together.count(True) == 4
        with socket.create_connection(address) as asking:
            asking.settimeout(20)
            asking.sendall(b"".join(asked_for))
            assert b"".join(iter(lambda: asking.recv(99_999), b"")) == b"".join(whole)
    assert n_together.count(True) == 8
    assert [int(one[9:12]) for one in whole] == [200, 200, 200, 200, 422, 400, 415, 404, 200, 400, 400, 200]
    assert [record["status"] for record in records if record["event"] == "request"] == 3 * [
        int(one[9:12]) for one in whole
    ]


def test_who_sends_no_whole_head_in_time_loses_the_connection_and_others_keep_theirs(models, monkeypatch):
    monkeypatch.setattr("bywords.cli.connections.HEAD_SECONDS", 0.3)
    whole = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    wrong = [b"", whole[:9], whole + whole[:9]]
    with contextlib.ExitStack() as closed:
        address = closed.enter_context(listening_server(application(models / "one"), timeout_keep_alive=60))
        silent = [closed.enter_context(socket.create_connection(address)) for _ in wrong]
        for one, part in zip(silent, wrong, strict=True):
            one.settimeout(20)
            one.sendall(part)
        kept = closed.enter_context(contextlib.closing(http.client.HTTPConnection(*address)))
        kept.connect()
        first = kept.sock
        for _ in range(8):  # for longer than the limit
            kept.request("GET", "/health")
            assert kept.getresponse().read() == b'{"healthy": true}'
            time.sleep(0.06)
        assert kept.sock is first
        got = [b"".join(iter(lambda one=one: one.recv(999), b""))[:12] for one in silent]
        assert got == [b"", b"", b"HTTP/1.1 200"]


def test_a_head_is_written_with_what_comes_after_it_and_never_lost():
    written = []
    transport = SimpleNamespace(
        write=written.append, close=lambda: written.append(None), is_closing=bool, get_extra_info=None,
        pause_reading=None, resume_reading=None, set_protocol="others are those of the transport",
    )  # fmt: skip
    joining, head = Joining(transport), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    joining.write(head)
    joining.write(b"{}")
    joining.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # is waited for
    joining.write(head)
    joining.flush()
    joining.flush()
    joining.write(head)
    joining.close()
    assert written == [head + b"{}", b"HTTP/1.1 100 Continue\r\n\r\n", head, head, None]
    assert joining.set_protocol.startswith("others")


def test_a_worker_ends_after_the_process_that_started_it(models, monkeypatch):
    given = {"model": str(models / "one"), "token": None, "is_local": True, "hosts": [], "limits": {}}
    monkeypatch.setenv("BYWORDS_SERVE", json.dumps(given))
    killed, sent = threading.Event(), []
    monkeypatch.setattr("multiprocessing.parent_process", lambda: SimpleNamespace(join=lambda: killed.wait(20)))
    monkeypatch.setattr("os.kill", lambda *given: (sent.append(given), ended.set()))
    ended = threading.Event()
    serve.application()
    assert not ended.wait(0.05)
    killed.set()
    assert ended.wait(20)
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_only_who_has_the_token_may_ask(models):
    app = application(models / "one", token="secret")
    body = {"json": {"text": "moon"}}
    assert asked(app, **body).status_code == 401
    assert asked(app, **body, headers={"authorization": "Bearer secre"}).status_code == 401
    assert asked(app, **body, headers={"authorization": "Bearer secret"}).status_code == 200
    assert [asked(app, "GET", path).status_code for path in ("/info", "/metrics", "/health", "/ready", "/")] == [
        401, 401, 200, 200, 200,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:8000"}, 421),
        ({"host": "LocalHost:1"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8000"}, 200),
        ({"content-type": "text/plain"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-length": "x"}, 413),
    ],
)
def test_a_page_elsewhere_cannot_use_the_server(app, headers, status):
    given = {"content-type": "application/json", **headers}
    answer = asked(app, content=b'{"text": "moon"}', headers=given)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_pages_need_no_network_and_the_document_names_every_limit(app):
    for path in ("/", "/docs"):
        page = asked(app, "GET", path).text
        assert "http://" not in page
        assert "https://" not in page
    document = asked(app, "GET", "/openapi.json").json()
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"text", "texts", "top_k", "min_confidence", "explain"}
    assert body["properties"]["texts"]["maxItems"] == Limits().texts
    assert asked(app, "GET", "/predict").headers["allow"] == "POST"
    assert asked(app, path="/predict?top_k=2", json={"text": "a"}).status_code == 400
    assert asked(app, "GET", "/nowhere").status_code == 404


def test_requests_texts_and_labels_are_counted(models):
    records = []
    app = application(models / "one", log=records.append)
    asked(app, json={"texts": ["moon secretword", "engine", "rocket secretword", "engine"]})
    asked(app, json={"text": 3})
    text = asked(app, "GET", "/metrics").text
    for line in (
        'bywords_requests_total{route="/predict",status="200"} 1.0',
        'bywords_requests_total{route="/predict",status="422"} 1.0',
        "bywords_texts_total 4.0",
        'bywords_labels_total{label="motor"} 2.0',
        "bywords_window_in_vocabulary_share 0.75",
    ):
        assert line in text.splitlines()
    assert "secretword" not in text + json.dumps(records)


def test_a_new_model_is_taken_while_requests_are_answered_and_a_damaged_one_is_refused(models, folder):
    records = []
    app = application(folder, log=records.append)
    expected = {
        name: load_classifier(models / name).predict([TEXTS[0]]).probabilities.max().round(6) for name in ("one", "two")
    }
    assert expected["one"] != expected["two"]

    async def work():
        async with client_of(app) as client:
            seen = []

            async def ask_on():
                while len(seen) < 2000 and not done.is_set():
                    answer = await client.post("/predict", json={"text": TEXTS[0]})
                    assert answer.status_code == 200
                    seen.append((answer.json()["model"], answer.json()["predictions"][0]["probability"]))
                    await asyncio.sleep(0)

            done = asyncio.Event()
            askers = [asyncio.create_task(ask_on()) for _ in range(4)]
            await asyncio.sleep(0.05)
            shutil.copytree(models / "two", folder, dirs_exist_ok=True)
            await app.look()
            await asyncio.sleep(0.05)
            raw = bytearray((folder / "weights.safetensors").read_bytes())
            raw[-1] ^= 1
            (folder / "weights.safetensors").write_bytes(raw)
            await app.look()
            await asyncio.sleep(0.05)
            done.set()
            await asyncio.gather(*askers)
            return seen, (await client.get("/ready")).json(), (await client.get("/info")).json()

    seen, ready, info = asyncio.run(asyncio.wait_for(work(), 30))
    assert {probability for _, probability in seen} == {expected["one"], expected["two"]}
    assert len(set(seen)) == 2  # each model with its own answer
    assert ready == {"ready": True, "is_newest": False, "refused": True}
    assert "weights.safetensors" in info["refused"]
    assert [record["event"] for record in records if record["event"] != "request"] == ["loaded", "refused"]


def test_a_model_that_was_exchanged_is_given_up_also_where_a_ring_of_objects_holds_it(models, folder):
    app = application(folder)
    ring = [app.served.current.classifier]
    ring.append(ring)
    old = weakref.ref(ring[0])
    del ring
    shutil.copytree(models / "two", folder, dirs_exist_ok=True)
    gc.disable()
    try:
        assert app.served.look() == "loaded"
        assert app.served.look() is None
        assert old() is None
    finally:
        gc.enable()


def test_a_refused_request_leaves_nothing_behind_that_holds_the_model(models):
    app = application(models / "one", token="secret", waiting=0)
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"authorization", b"Bearer secret")]
    old = weakref.ref(app.served.current)
    gc.collect()
    gc.disable()
    try:
        for method, kept, body in (
            ("GET", headers, b""), ("POST", headers[:2], b'{"text": "a"}'), ("POST", headers[1:], b""),
            ("POST", headers, b"\xff"), ("POST", headers, b'{"text": "a", "text": "b"}'),
            ("POST", headers, b'{"text": 3}'), ("POST", headers, b'{"text": "\\ud800"}'),
            ("POST", headers, b'{"text": "a", "top_k": 0}'),
        ):  # fmt: skip
            scope = {"type": "http", "path": "/predict", "method": method, "headers": kept, "query_string": b""}
            assert not app.at_once(scope, body, None)
        large = asked(app, json={"text": "a" * 20_000}, headers={"authorization": "Bearer secret"})
        assert (large.status_code, large.headers["retry-after"]) == (429, "1")
        app.served.current = None
        assert old() is None
    finally:
        gc.enable()


def test_a_check_says_whether_the_model_can_be_served(bywords, models, tmp_path):
    code, _, err = bywords("serve", models / "one", "--port", "0", "--check")
    assert code == 0
    assert "answers, with 3 labels, and can be served at http://127.0.0.1:" in err
    code, _, err = bywords("serve", tmp_path, "--port", "0", "--check")
    assert code == 2


def test_several_workers_answer_are_counted_together_and_stop(models):
    command = [sys.executable, "-m", "bywords", "serve", str(models / "one"), "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        try:
            said = next(line for line in process.stderr if "Listening" in line).split()[2]
            for _ in range(20):  # each by a connection of its own, which one of the workers takes
                answer = httpx.post(f"{said}predict", json={"text": "moon rocket"}, timeout=30)
                assert answer.json()["predictions"][0]["label"] == "space"
            assert "bywords_texts_total 20.0" in httpx.get(f"{said}metrics", timeout=30).text
            process.send_signal(signal.SIGTERM)
            events = [json.loads(line)["event"] for line in process.stderr.read().splitlines()]
            assert events.count("stop") == events.count("start") == 2
            assert process.wait(timeout=30) == 0
        finally:
            timer.cancel()
            process.kill()


def test_a_process_serves_until_it_is_told_to_stop(models, tmp_path):
    command = [sys.executable, "-m", "bywords", "serve", str(models / "one"), "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        timer = threading.Timer(30, process.kill)
        timer.start()
        try:
            said = next(line for line in process.stderr if "Listening" in line)
            answer = httpx.post(f"{said.split()[2]}predict", json={"text": "moon rocket"}, timeout=10)
            assert answer.json()["predictions"][0]["label"] == "space"
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
            assert json.loads(rest.splitlines()[-1])["event"] == "stop"
            assert list(tmp_path.iterdir()) == []
        finally:
            timer.cancel()
            process.kill()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "--token"),
        (["--token", "a b"], "without blanks"),
        (["--timeout", "nan"], "--timeout is nan"),
        (["--host", "é" * 200, "--token", "a"], "cannot listen at"),
    ],
)
def test_a_server_that_is_not_meant_does_not_start(bywords, models, options, words):
    code, _, err = bywords("serve", models / "one", *options)
    assert code == 2
    assert words in err
