"""What the labelling page asks is answered, refused by its name, or kept once; no page elsewhere can ask."""

import asyncio
import json
import re
import shlex
import threading
import webbrowser

import httpx
import numpy as np
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pages import Page

from bywords.labelling.app import LabellingSite
from bywords.labelling.project import Project, Queue
from bywords.labelling.review import review_items
from bywords.locks import locked
from bywords.serving.asgi import Access

TOKEN = "a token of a page"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "texts.txt").write_text("one\ntwo\nthree\nfour\n")
    with Project.create(tmp_path / "p.bywords", [tmp_path / "texts.txt"], ["a", "b"]) as project:
        yield project


def asked(site, path, body=None, *, headers=None, **given):
    """The answer to a GET, or to a POST of these fields for the project of the site."""

    async def ask():
        transport = httpx.ASGITransport(site)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8470") as client:
            if body is None and not given:
                return await client.get(path, headers=headers)
            sent = {"project": site.name, **given} if body is None else body
            return await client.post(path, json=sent, headers=headers)

    return asyncio.run(ask())


def error(answer):
    return answer.status_code, answer.json()["error"]["field"]


def test_an_answer_brings_the_next_text_and_sent_again_counts_once(project):
    site = LabellingSite(project)
    first = asked(site, "/api/next", annotator="").json()["item"]
    held = asked(site, "/api/next", skip=[first["id"]]).json()["item"]
    sent = {"id": first["id"], "labels": ["b"], "token": TOKEN, "note": "odd", "skip": [held["id"]]}
    found = [asked(site, "/api/answers", **sent).json() for _ in range(2)]
    assert [one["status"]["n_labelled"] for one in found] == [1, 1]
    assert found[0]["item"] == found[1]["item"]
    assert found[0]["item"]["id"] not in (first["id"], held["id"])
    assert [one[1:6] for one in project.answers()] == [(first["id"], "", "label", ("b",), "odd")]
    assert asked(site, "/api/undo", annotator="").json()["item"]["id"] == first["id"]
    assert project.outcomes() == {}


def test_two_windows_of_one_person_have_different_texts_and_of_one_that_is_closed_the_texts_come_last(project):
    site = LabellingSite(project)

    def shown(page, skip=()):
        item = asked(site, "/api/next", page=page, skip=list(skip)).json()["item"]
        return item and item["id"]

    one, other = shown("one"), shown("other")
    assert one != other
    assert (shown("one"), shown("other")) == (one, other)  # as after a reload
    for turn in range(2):  # the texts that neither has
        sent = {"id": shown("other"), "labels": ["a"], "token": f"{TOKEN} {turn}", "page": "other"}
        assert asked(site, "/api/answers", **sent).json()["item"]["id"] != one
    last = shown("other")
    asked(site, "/api/answers", id=last, labels=["a"], token=f"{TOKEN} 3", page="other")
    assert shown("other") == one


@pytest.mark.parametrize(
    ("path", "more", "refused"),
    [
        ("/api/next", {"project": "another"}, (409, "project")),
        ("/api/next", {"annotator": "eve"}, (403, "annotator")),
        ("/api/next", {"skip": ["1"]}, (422, "skip")),
        ("/api/next", {"skip": [1] * 1000}, (422, "skip")),
        ("/api/next", {"skp": []}, (422, "skp")),
        ("/api/answers", {"id": 0, "labels": ["a"]}, (422, "token")),
        ("/api/answers", {"id": 0, "labels": ["a"], "token": "x"}, (422, "token")),
        ("/api/answers", {"id": True, "labels": ["a"], "token": TOKEN}, (422, "id")),
        ("/api/answers", {"id": 2**63, "labels": ["a"], "token": TOKEN}, (422, None)),
        ("/api/item", {"id": 2**64 - 1}, (422, None)),
        ("/api/answers", {"id": 99, "labels": ["a"], "token": TOKEN}, (422, None)),
        ("/api/answers", {"id": 0, "labels": ["c"], "token": TOKEN}, (422, None)),
        ("/api/answers", {"id": 0, "labels": [3], "token": TOKEN}, (422, "labels")),
        ("/api/answers", {"id": 0, "labels": ["a", "b"], "token": TOKEN}, (422, None)),
        ("/api/answers", {"id": 0, "kind": "undone", "token": TOKEN}, (422, None)),
        ("/api/answers", {"id": 0, "labels": ["a"], "token": TOKEN, "note": "x" * 20_000}, (422, None)),
        ("/api/labels", {}, (422, "add")),
        ("/api/labels", {"add": "a"}, (422, None)),
        ("/api/labels", {"add": "\x1b"}, (422, None)),
        ("/api/labels", {"rename": "a", "to": "b"}, (422, None)),
        ("/api/labels", {"merge": ["a"], "into": "c"}, (422, None)),
        ("/api/review", {"of": "all"}, (422, "of")),
        ("/api/review", {"of": "label", "label": "c"}, (422, None)),
        ("/api/item", {"id": -1}, (422, None)),
    ],
)
def test_what_cannot_be_is_refused_by_its_name_and_changes_nothing(project, path, more, refused):
    site = LabellingSite(project)
    before = asked(site, "/api/state").json()
    answer = asked(site, path, {"project": site.name, **more})
    assert error(answer) == refused
    assert asked(site, "/api/state").json() == before


def test_a_page_of_another_project_or_of_another_address_writes_nothing(project, tmp_path):
    (tmp_path / "others.txt").write_text("one\ntwo\nthree\nfive\n")
    with Project.create(tmp_path / "q.bywords", [tmp_path / "others.txt"], ["a"]) as other:
        stale = LabellingSite(other).name
        site = LabellingSite(project)
        body = {"project": stale, "id": 0, "labels": ["a"], "token": TOKEN}
        assert error(asked(site, "/api/answers", body)) == (409, "project")
        body["project"] = site.name
        for headers, status in (
            ({"host": "evil.example"}, 421),
            ({"origin": "http://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"content-type": "text/plain"}, 415),
        ):
            assert asked(site, "/api/answers", body, headers=headers).status_code == status
        assert project.answers() == []
        assert asked(site, "/api/answers", body, headers={"origin": "http://127.0.0.1:8470"}).status_code == 200


def test_on_other_addresses_only_who_has_the_token_sees_texts(project):
    site = LabellingSite(project, access=Access(token="secret", hosts=None))
    assert asked(site, "/", headers={"host": "labels.example"}).status_code == 200
    assert asked(site, "/api/state").status_code == 401
    assert asked(site, "/api/next", annotator="").status_code == 401
    assert asked(site, "/api/state", headers={"authorization": "Bearer secret"}).status_code == 200


def test_of_texts_drawn_at_random_nobody_is_told_what_the_model_says(tmp_path):
    (tmp_path / "texts.txt").write_text("".join(f"text {i}\n" for i in range(60)))
    with Project.create(tmp_path / "p.bywords", [tmp_path / "texts.txt"], ["a", "b"]) as project:
        site, seen = LabellingSite(project), set()
        learned = np.setdiff1d(project.order, project.test_order)
        project.queue = Queue(learned, lambda text: ([("a", 0.9), ("b", 0.1)], [(0, 3, 1.0)]))
        for turn in range(30):
            item = asked(site, "/api/next", annotator="").json()["item"]
            again = asked(site, "/api/item", id=item["id"]).json()["item"]  # however it is shown
            assert bool(again["suggestion"]) == bool(item["suggestion"])
            seen.add((item["why"], bool(item["suggestion"]), bool(item["words"])))
            asked(site, "/api/answers", id=item["id"], labels=["a"], token=f"{TOKEN} {turn}")
    assert seen == {("start", True, True), ("random", False, False), ("uncertain", True, True)}


def test_a_disk_that_is_full_is_said_and_may_be_tried_again(project, monkeypatch):
    from bywords.errors import DataError

    def full(*_, **__):
        raise DataError("p.bywords: cannot be written: disk is full. What was answered before is in it.")

    monkeypatch.setattr(project, "answer", full)
    answer = asked(LabellingSite(project), "/api/answers", id=0, labels=["a"], token=TOKEN)
    assert answer.status_code == 503
    assert "disk is full" in answer.json()["error"]["message"]


def test_what_stops_the_learning_is_said(project):
    site = LabellingSite(project, trouble=lambda: "there is not enough memory")
    assert asked(site, "/api/state").json()["trouble"] == "there is not enough memory"


values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
), max_leaves=6)  # fmt: skip
FIELDS = ["id", "labels", "kind", "note", "token", "settles", "skip", "add", "rename", "to", "merge", "into", "of"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(FIELDS) | st.text(), values | st.sampled_from(["a", ["a"], 0]), max_size=5),
    st.sampled_from(["next", "answers", "undo", "labels", "review", "item", "state", "x"]),
)
def test_no_body_is_a_fault(project, body, path):
    site = LabellingSite(project)
    sent = json.dumps({"project": site.name, **body})

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://127.0.0.1:1") as client:
            return await client.post(f"/api/{path}", content=sent, headers={"content-type": "application/json"})

    answer = asyncio.run(ask())
    assert answer.status_code < 500
    assert answer.status_code == 200 or answer.json()["error"]["message"]


def test_the_page_takes_nothing_from_elsewhere_and_makes_no_html_of_texts(project):
    site = LabellingSite(project)
    page = asked(site, "/")
    rules = page.headers["content-security-policy"]
    assert "'unsafe-inline'" not in rules
    assert "require-trusted-types-for 'script'" in rules
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert path == "data:," or asked(site, f"/{path}").status_code == 200
    script = asked(site, "/label.js").text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:", script)


@pytest.fixture
def served(monkeypatch):
    """The server of a command ends at once, as by Ctrl-C."""
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)


def test_a_project_is_made_opened_again_and_trained_from(bywords, tmp_path, served):
    (tmp_path / "texts.csv").write_text(
        "id,text\n" + "".join(f"{i},{'moon' if i % 2 else 'car'} {i}\n" for i in range(40))
    )
    code, out, err = bywords("label", "texts.csv", "--labels", "moon, car", "--no-browser", "--port", "0")
    assert (code, err.count("Label at http://127.0.0.1:")) == (0, 1)
    assert "0 of 40 texts are labelled, in texts.bywords.\n" in out
    with Project.open(tmp_path / "texts.bywords") as project:
        assert [row.name for row in project.labels()] == ["moon", "car"]
        for number in range(40):
            project.answer(number, [project.text(number).split()[0]])
    code, out, _ = bywords("label", "texts.bywords", "--no-browser", "--port", "0")
    assert code == 0
    assert "Train: bywords train texts.bywords" in out
    assert bywords("train", "texts.bywords", "--system", "tfidf-svc", "--out", "m")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["p.bywords", "--labels", "a"], "p.bywords is a project: .* Leave out --labels"),
        (["p.bywords", "--overlap", "2"], "Leave out --overlap"),
        (["p.bywords", "texts.txt"], "Leave out texts.txt"),
        (["texts.txt", "--out", "p.bywords"], "p.bywords is there already. Open it with: bywords label p.bywords"),
        (["texts.txt", "--labels", "a,,b"], "--labels 'a,,b': expected different names"),
        (["texts.txt", "--annotators", "a,a"], "--annotators 'a,a'"),
        (["texts.txt", "--overlap", "2"], "--overlap 2 needs as many people or more: .*--annotators anna,ben"),
        (["texts.txt", "--overlap", "3", "--annotators", "a,b"], "--overlap 3 needs as many people"),
        (["tasks.json", "--text", "body"], "--text has no meaning for tasks.json"),
        (["tasks.json", "--overlap", "2"], "--overlap 2 needs as many people"),
        (["texts.txt", "--review", "audit", "--annotators", "a,b", "--overlap", "2"], "--overlap 2 has no meaning"),
        (["nowhere.csv"], "nowhere.csv"),
        (["empty.txt"], "there is no text to label|empty"),
    ],
)
def test_what_makes_no_project_is_one_clear_line(bywords, tmp_path, project, served, words, message):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "tasks.json").write_text('[{"data": {"text": "one"}, "annotations": []}]')
    code, _, err = bywords("label", *words, "--no-browser")
    assert code == 2
    assert re.search(message, err)
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("more", "says"), [([], True), (["--label", "topic"], False)])
def test_which_column_has_the_texts_is_said_and_that_labels_were_not_taken_over(bywords, tmp_path, served, more, says):
    (tmp_path / "in.csv").write_text("id,body,topic\n1,one,a\n2,two,b\n")
    code, out, err = bywords("label", "in.csv", *more, "--no-browser", "--port", "0")
    assert code == 0
    assert f"text: body{'' if says else ' · label: topic'} · not read: id{', topic' if says else ''}\n" in err
    assert ("delete in.bywords and say --label topic." in err) is says
    assert out.startswith(f"{0 if says else 2} of 2 texts are labelled")


def test_a_port_that_is_taken_is_left_for_another_unless_it_was_asked_for(
    bywords, tmp_path, project, served, monkeypatch
):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = bywords("label", "p.bywords", "--no-browser", "--port", port)
        assert code == 2
        assert f"cannot listen at 127.0.0.1, port {port}" in err
        monkeypatch.setattr("bywords.cli.label.PORT", port)
        code, _, err = bywords("label", "p.bywords", "--no-browser")
        assert code == 0
        assert f":{port}/" not in err


def test_a_project_has_one_server_while_others_may_import_and_export(bywords, tmp_path, project, served):
    project.answer(0, ["a"])
    is_held, is_over = threading.Event(), threading.Event()

    def serve():
        with locked(tmp_path / "p.bywords"):
            is_held.set()
            is_over.wait(60)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert is_held.wait(60)
    code, out, err = bywords("label", "p.bywords", "--no-browser", "--port", "0")
    assert (code, out) == (2, "")
    assert re.search(r"p\.bywords: .* is writing there already\. .* serves a project, to as many pages", err)
    assert bywords("label", "p.bywords", "--export", "out.csv")[0] == 0
    is_over.set()
    thread.join(60)
    assert bywords("label", "p.bywords", "--no-browser", "--port", "0")[0] == 0


def test_people_are_asked_who_they_are_also_when_it_goes_on(bywords, tmp_path, project, monkeypatch):
    people = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: people.append(self.config.app.annotators))
    for more in (["--annotators", "anna,ben"], [], ["--annotators", "eve"], []):
        assert bywords("label", "p.bywords", "--no-browser", "--port", "0", *more)[0] == 0
    assert people == [("anna", "ben"), ("anna", "ben"), ("eve",), ("eve",)]


def test_twenty_people_at_once_lose_no_answer(tmp_path):
    (tmp_path / "texts.txt").write_text("".join(f"text {i}\n" for i in range(110)))
    people = [f"p{i}" for i in range(20)]
    with Project.create(tmp_path / "p.bywords", [tmp_path / "texts.txt"], ["a", "b"]) as project:
        site = LabellingSite(project, annotators=people)
        given, lock = {}, threading.Lock()

        def label(person):
            for turn in range(4):
                item = asked(site, "/api/next", annotator=person).json()["item"]
                choice = "ab"[(item["id"] + turn) % 2]
                more = {"labels": [choice], "token": f"{person} {turn} of the page"}
                assert asked(site, "/api/answers", id=item["id"], annotator=person, **more).status_code == 200
                with lock:
                    assert item["id"] not in given
                    given[item["id"]] = (person, choice)

        threads = [threading.Thread(target=label, args=[person]) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        kept = {one.text_id: (one.annotator, one.labels[0]) for one in project.answers()}
        assert kept == given
        assert len(kept) == 80


def test_an_audit_is_reviewed_and_its_corrections_are_written_for_train(bywords, tmp_path, served, monkeypatch):
    rows = [(("moon rocket orbit", "space"), ("engine oil brake", "motor"))[i % 2] for i in range(60)]
    rows = [(f"{text} {i // 2}", label) for i, (text, label) in enumerate(rows)]
    rows[0] = (rows[0][0], "motor")  # which is wrong
    (tmp_path / "the data.csv").write_text("kind,said,label\n" + "".join(f"{label},{text},x\n" for text, label in rows))
    code, out, _ = bywords("audit", "the data.csv", "--text", "said", "--label", "kind")
    assert code == 0
    (review,) = [shlex.split(line)[1:] for line in out.splitlines() if "--review" in line]
    copied = Page((tmp_path / "the data-audit" / "audit.html").read_text())
    assert f"one by one, with both labels: bywords {shlex.join(review)}" in " ".join(copied.text.split())

    def correct(self, sockets):
        project = self.config.app.project
        (item,) = [one for one in review_items(project) if one.row == 0]
        project.answer(item.number, ["space"], source="settled")

    _, out, _ = bywords(*review, "--no-browser", "--port", "0", "--out", "none.bywords")
    assert ("none.bywords: 0 corrected." in out, "Train: " in out) == (True, False)  # which would be refused
    monkeypatch.setattr(uvicorn.Server, "run", correct)
    for again in (review, ["label", "the data-review.bywords"]):
        code, out, _ = bywords(*again, "--no-browser", "--port", "0")
        assert code == 0
        assert "the data-review.bywords: 1 corrected." in out
        (train,) = [shlex.split(line)[2:] for line in out.splitlines() if line.startswith("Train: ")]
        assert train[0] == "train"
        assert train[-1] == "the data-review-corrections.csv"
    corrected = [line for line in (tmp_path / train[-1]).read_text().splitlines() if ",space," in line]
    assert corrected[0].startswith("0,motor,space,")
    code, out, _ = bywords(*train, "--system", "tfidf-nb", "--out", "model")
    assert (code, "1 label" in out) == (0, True), out


def test_labels_come_from_files_of_others_and_go_to_them(bywords, tmp_path, project):
    (tmp_path / "others.csv").write_text("text,label\none,a\ntwo,new\nelsewhere,b\n")
    code, out, err = bywords("label", "p.bywords", "--import", "others.csv")
    assert "Labels that are new: 'new'." in err
    assert (code, out) == (0, "2 labels of others.csv are in p.bywords now; 1 are on texts that it does not have.\n")
    for name, more in (("out.csv", []), ("tasks.json", []), ("records.json", ["--style", "argilla"])):
        code, out, _ = bywords("label", "p.bywords", "--export", name, *more)
        assert (code, out) == (0, f"2 labelled texts of p.bywords are in {name}.\n")
    assert (tmp_path / "out.csv").read_text() == "text,label\none,a\ntwo,new\n"
    assert bywords("label", "tasks.json", "--out", "again.bywords", "--export", "again.csv")[0] == 0
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "out.csv").read_text()
    words = ("--out", "two.bywords", "--annotators", "ann,bob", "--overlap", "2", "--export", "two.csv")
    assert bywords("label", "tasks.json", *words)[0] == 0
    with Project.open(tmp_path / "two.bywords") as two:
        assert two.overlap == 2
    code, _, err = bywords("label", "p.bywords", "--export", "p.bywords")
    assert code == 2
    assert "p.bywords" in err


@pytest.mark.parametrize(("kind", "n_opened"), [(webbrowser.BackgroundBrowser, 1), (webbrowser.GenericBrowser, 0)])
def test_a_browser_is_opened_unless_it_would_take_the_terminal_over(
    bywords, project, served, monkeypatch, kind, n_opened
):
    pages, is_open = [], threading.Event()
    monkeypatch.setattr(webbrowser, "get", lambda: kind("any"))
    monkeypatch.setattr(webbrowser, "open", lambda address: (pages.append(address), is_open.set()))
    _, _, err = bywords("label", "p.bywords", "--port", "0")
    assert is_open.wait(10 * n_opened) == bool(n_opened)
    assert len(pages) == n_opened
    assert all(page in err for page in pages)
