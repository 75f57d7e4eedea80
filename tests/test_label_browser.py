"""In a browser texts are labelled by keys, whatever happens to the server; the page shows all texts as they are."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from pages import HOSTILE, answering, chromium, needs_chromium
from playwright.sync_api import expect

from bywords.labelling.app import LabellingSite
from bywords.labelling.estimates import Accuracy, Estimate, Forecast
from bywords.labelling.project import Project, Queue
from bywords.labelling.review import review_items, write_corrections

pytestmark = needs_chromium
TOPICS = {"space": "moon orbit rocket star", "sport": "team goal league coach", "motor": "engine oil wheel brake"}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


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
    """Open the page of a project, by default a new one, that a thread serves without a learner."""
    with contextlib.ExitStack() as stack:

        def open_page(texts=(), labels=(), *, annotators=(), project=None, **given):
            project = project or Project.of_texts(tmp_path / "p.bywords", texts, labels=labels, **given)
            stack.enter_context(project)
            page.goto(stack.enter_context(answering(LabellingSite(project, annotators=annotators))))
            return project

        yield open_page


@pytest.fixture
def started():
    """Start a process that serves, and return it and its address."""
    with contextlib.ExitStack() as stack:

        def start(folder, *words):
            command = [sys.executable, "-m", "bywords", "label", *words, "--no-browser"]
            process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)  # at its end the pipes are closed, and the process is waited for
            timer = threading.Timer(120, process.kill)
            timer.start()
            stack.callback(timer.cancel)
            stack.callback(process.kill)
            line = next((line for line in process.stderr if "http" in line), None)
            assert line is not None
            return process, re.search(r"http://\S+", line)[0]

        yield start


def topic_of(text):
    words = set(text.split())
    return max(TOPICS, key=lambda topic: len(words & set(TOPICS[topic].split())))


def test_sixty_texts_are_labelled_by_keys_and_a_killed_server_loses_and_doubles_none(tmp_path, page, started):
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
    with Project.open(tmp_path / "texts.bywords") as project:
        kept = [(project.text(one.text_id), one.labels) for one in project.answers() if one.kind == "label"]
        assert dict(kept) == {text: (label,) for text, label in answered.items()}
        assert len(kept) == 60
        (n_rows,) = project._connection.execute("SELECT count(*) FROM answers").fetchone()
        assert n_rows == 60


def current(page):
    page.wait_for_selector("#text:not(:empty):visible")
    return page.inner_text("#text")


def next_after(page, does):
    """What is shown after this was done."""
    before = page.get_attribute("#text", "data-id")
    does()
    page.wait_for_function("id => ![id, ''].includes(document.getElementById('text').dataset.id)", arg=before)
    return page.inner_text("#text")


def answers(project):
    return {project.text(one.text_id): (one.kind, one.labels, one.note) for one in project.answers()}


def settled(project, n):
    """The answers, as soon as there are so many."""
    until = time.monotonic() + 10
    while len(found := answers(project)) < n and time.monotonic() < until:
        time.sleep(0.01)
    return found


def test_a_long_label_is_broken_between_its_words_only(opened, page):
    opened(["a text"], ["lost_or_stolen_phone", "other"])
    current(page)
    name = page.get_by_role("button", name="lost_or_stolen_phone").locator(".name")
    assert name.inner_html() == "lost_<wbr>or_<wbr>stolen_<wbr>phone"
    assert name.evaluate("one => one.textContent") == "lost_or_stolen_phone"


def test_labels_are_found_by_typing_added_renamed_and_taken_back(opened, page):
    project = opened([f"text {i}" for i in range(20)], [f"label {i:02}" for i in range(80)])
    first = current(page)
    press = page.keyboard.press
    expect(page.locator("#labels button")).to_have_count(60)
    press("/")
    page.keyboard.type("77")
    expect(page.locator("#found")).to_have_text("1 label fits; Enter takes label 77.")
    second = next_after(page, lambda: press("Enter"))
    page.keyboard.type("quite new")
    expect(page.locator("#found")).to_have_text("No label fits: Enter leads to the new one, and once more adds it.")
    press("Enter")  # leads to the button that adds it
    expect(page.locator("#adding")).to_be_focused()
    third = next_after(page, lambda: press("Enter"))
    press("n")
    page.keyboard.type("1 odd")
    press("Enter")
    fourth = next_after(page, lambda: press("x"))
    fifth = next_after(page, lambda: press("s"))
    found = settled(project, 4)
    assert found == {
        first: ("label", ("label 77",), ""), second: ("label", ("quite new",), ""),
        third: ("unsure", (), "1 odd"), fourth: ("skip", (), ""),
    }  # fmt: skip
    assert next_after(page, lambda: press("u")) == fourth
    assert next_after(page, lambda: press("2")) == fifth
    assert settled(project, 4)[fourth][1] == ("label 01",)
    page.click("#managing summary")
    page.select_option("#old-label", "label 77")
    page.fill("#new-name", "better")
    page.click("#rename")
    expect(page.locator("#changed")).to_have_text("label 77 is called better now.")
    page.on("dialog", lambda dialog: dialog.accept())
    page.select_option("#old-label", "better")
    page.select_option("#into", "quite new")
    page.click("#merge")
    expect(page.locator("#changed")).to_have_text("better is quite new now.")
    assert answers(project)[first][1] == ("quite new",)
    page.select_option("#old-label", "quite new")
    page.click("#split")
    expect(page.locator("#review-name")).to_contain_text("Texts of quite new: 1 of 2.")
    expect(page.locator("#said")).to_have_text("labelled: quite new")


def test_texts_labels_and_suggestions_are_shown_and_never_run_on_a_phone_and_in_the_dark(opened, page):
    hostile = [
        HOSTILE.replace("\ud800", "").replace("\x00", ""),
        "<img src=x onerror=alert(1)> " * 40,
        "\N{BALLOON} moon",
    ]
    label = "<b onclick=alert(1)>&amp;" + 40 * "long"
    project = opened(hostile, [label, "b"], several=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    seen = [current(page)]
    for _ in hostile[1:]:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("1")
        page.keyboard.press("2")
        seen.append(next_after(page, lambda: page.keyboard.press("Enter")))
    page.keyboard.press("0")
    expect(page.locator("#empty-words")).to_contain_text("No text is left")
    assert sorted(text.strip() for text in seen) == sorted(text.strip() for text in hostile)
    assert page.locator("#card *").count() == 2  # the text and the line below it: nothing of it became an element
    assert sorted(labels for _, labels, _ in answers(project).values()) == sorted([(label, "b"), (label, "b"), ()])


def test_on_a_phone_how_right_the_model_is_and_that_one_may_stop_stand_above_the_text(opened, page):
    project = opened(["one", "two", "three"], ["a", "b"])
    page.set_viewport_size({"width": 390, "height": 844})
    current(page)
    expect(page.locator("#short")).to_be_hidden()
    accuracy, forecast = Accuracy(0.9, 0.803, 0.951, n=60), Forecast(100, 0.001, -0.01, 0.01)
    project.estimate = Estimate(240, accuracy, forecast, is_stable=True)
    next_after(page, lambda: page.keyboard.press("1"))
    expect(page.locator("#short")).to_have_text("Stop here: 80–95 % right")
    assert page.locator("#short").bounding_box()["y"] < page.locator("#text").bounding_box()["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.locator("#short")).to_be_hidden()  # the sentence is beside the text


def test_everything_has_a_name_a_size_for_thumbs_and_is_reached_by_tab(opened, page):
    opened(["one", "two"], ["a", "b"], annotators=["anna", "ben"])
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_selector("#who:visible")
    page.select_option("#annotator", "ben")
    page.click("#who button")
    current(page)
    expect(page.locator("#person")).to_have_text("· ben")
    for summary in page.locator("summary").all():
        summary.click()
    nameless, small = page.evaluate("""() => {
        const all = [...document.querySelectorAll("button, input, select, progress, summary")]
            .filter(one => one.checkVisibility());
        const isNamed = one => one.labels?.length || one.textContent.trim() || one.getAttribute("aria-labelledby");
        const isSmall = one => one.matches("button, select, summary") && one.getBoundingClientRect().height < 44;
        return [all.filter(one => !isNamed(one)), all.filter(isSmall)].map(some => some.map(one => one.outerHTML));
    }""")
    assert (nameless, small) == ([], [])
    page.focus("#text")
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.label"))
    assert reached == ["a", "b", "finding", "skip", "unsure", "take-note", "undo"]
    assert page.get_attribute("#text", "aria-live") == "polite"


@pytest.mark.parametrize("several", [False, True])
def test_a_key_that_does_nothing_says_why_where_it_is_seen(opened, page, several):
    opened(["one", "two"], ["a", "b"], several=several)
    current(page)
    for key, why in (
        ("Enter", "Choose labels first" if several else "no suggestion: choose"),
        ("u", "nothing to undo"),
    ):
        page.keyboard.press(key)
        expect(page.locator("#suggestion")).to_contain_text(why)


def test_a_label_that_is_read_from_the_right_does_not_turn_numbers_and_signs_beside_it_round(opened, page):
    project = opened(["one", "two"], ["שלום 7", "b"])
    project.queue = Queue(np.zeros(0, dtype=np.int64), lambda text: ([("שלום 7", 0.4), ("b", 0.2)], []))
    page.reload()
    current(page)
    expect(page.locator("#suggestion")).to_have_text("Suggested: \u2068שלום 7\u2069 40 %. Enter takes it.")


def test_disagreements_are_settled_one_after_the_other(opened, page):
    project = opened(["one", "two"], ["a", "b"], annotators=["anna", "ben"], overlap=2)
    for number in range(2):
        project.answer(number, ["a"], "anna", note="clear")
        project.answer(number, ["b"], "ben")
    page.reload()
    page.click("#who button")
    page.click("#reviews summary")
    page.click("text=Disagreements to settle (2)")
    current(page)
    expect(page.locator("#said")).to_have_text("anna: a (clear)\nben: b", use_inner_text=True)
    next_after(page, lambda: page.keyboard.press("2"))
    page.keyboard.press("s")  # leaves it as it is
    expect(page.locator("#empty-words")).to_contain_text("looked through")
    page.click("#leave-review")
    expect(page.locator("#empty-words")).to_contain_text("No text is left")
    assert project.disagreements() == [1]
    assert project.outcomes()[0] == ("b",)


def test_doubtful_labels_and_duplicates_are_corrected_by_a_key(opened, page, tmp_path):
    project = Project.of_texts(
        tmp_path / "review.bywords",
        ["win a prize", "win a prize !", "see you", "goal", "win a prize"],
        ["spam", "ham", "spam", "ham", "ham"],
        cells={"row": ["3", "7", "9", "11", "12"]},
    )
    project.doubt([(0, 1, "", 0.97), (0, 4, "", 1.0), (2, None, "ham", 0.93), (3, None, "spam", 0.51)])
    opened(project=project)
    expect(page.locator("#review-name")).to_contain_text("Doubtful labels: 1 of 4.")
    expect(page.locator("#done")).to_have_text("0 of 4 looked at")
    expect(page.locator("#verdict")).to_be_hidden()
    expect(page.locator("#text")).to_have_text("spam\nwin a prize\nham\nwin a prize !", use_inner_text=True)
    page.keyboard.press("n")
    page.keyboard.type("an advertisement")
    page.keyboard.press("Enter")
    next_after(page, lambda: page.keyboard.press("2"))  # both are ham
    expect(page.locator("#review-name")).to_contain_text("Doubtful labels: 2 of 4.")
    expect(page.locator("#text")).to_have_text("ham\nwin a prize\nham\nwin a prize", use_inner_text=True)
    assert page.input_value("#note") == ""
    next_after(page, lambda: page.keyboard.press("u"))
    next_after(page, lambda: page.keyboard.press("1"))  # both are spam
    expect(page.locator("#text")).to_have_text("spam\nwin a prize\nham\nwin a prize", use_inner_text=True)
    next_after(page, lambda: page.keyboard.press("l"))
    next_after(page, lambda: page.keyboard.press("u"))
    expect(page.locator("#text")).to_have_text("spam\nwin a prize\nham\nwin a prize", use_inner_text=True)
    next_after(page, lambda: page.keyboard.press("k"))  # both stay what they are now
    expect(page.locator("#said")).to_have_text("Labelled: spam")
    expect(page.locator("#suggestion")).to_contain_text("Suggested: ham 93 %")
    next_after(page, lambda: page.keyboard.press("Enter"))
    page.keyboard.press("k")
    expect(page.locator("#empty-words")).to_contain_text("looked through")
    expect(page.locator("#review-list")).to_have_text("There is nothing to review.")
    expect(page.locator("#done")).to_have_text("4 of 4 looked at")
    assert project.outcomes() == {0: ("spam",), 1: ("spam",), 2: ("ham",), 3: ("ham",), 4: ("ham",)}
    assert [item.answer for item in review_items(project)] == ["spam", "spam", "ham", "ham"]
    said = {one.text_id: one.note for one in project.answers() if one.source == "settled"}
    assert said == dict.fromkeys(range(5), "")  # the note was taken back with its answer
    assert write_corrections(project, tmp_path / "corrections.csv") == 2


def test_an_answer_that_did_not_arrive_is_sent_after_a_reload_and_one_whose_reply_was_lost_counts_once(opened, page):
    project = opened([f"text {i}" for i in range(9)], ["a", "b"])
    first = current(page)
    page.route("**/api/answers", lambda route: route.abort())
    second = next_after(page, lambda: page.keyboard.press("2"))
    expect(page.locator("#trouble")).to_contain_text("1 answer is kept here")
    assert answers(project) == {}
    page.reload()  # while nothing arrives, so that it is the new page that sends it
    expect(page.locator("#trouble")).to_contain_text("1 answer is kept here")
    assert answers(project) == {}
    with page.expect_response("**/api/answers"):
        page.unroute("**/api/answers")
    assert answers(project) == {first: ("label", ("b",), "")}
    lost = []

    def lose(route):
        answer = route.fetch()
        lost.append(answer.status)
        if len(lost) < 3:
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route("**/api/answers", lose)
    assert current(page) == second
    next_after(page, lambda: page.keyboard.press("1"))
    expect(page.locator("#heard")).to_have_text("Connected again.")
    assert lost == [200, 200, 200]
    assert answers(project) == {first: ("label", ("b",), ""), second: ("label", ("a",), "")}
    assert project._connection.execute("SELECT count(*) FROM answers").fetchone() == (2,)


def test_labels_renamed_in_one_window_are_those_of_another_as_soon_as_it_answers_and_both_keep_what_did_not_arrive(
    opened, page
):
    project = opened([f"text {i}" for i in range(9)], ["a", "b"])
    with page.expect_popup() as popup:
        page.evaluate("open(location.href)")
    other = popup.value
    first, second = current(page), current(other)
    assert first != second
    project.rename_label("a", "space")
    page.keyboard.press("1")
    expect(page.locator("#trouble")).to_contain_text("Not taken: there is no label 'a'.")
    expect(page.locator("#labels button").first).to_contain_text("space")
    assert current(page) == first
    for window in (page, other):
        window.route("**/api/answers", lambda route: route.abort())
    for window in (page, other):
        next_after(window, lambda window=window: window.keyboard.press("2"))
        expect(window.locator("#trouble")).to_contain_text("1 answer is kept here")
    other.close()  # what it had goes from the window that is opened next
    page.unroute("**/api/answers")
    page.reload()
    assert settled(project, 2) == {first: ("label", ("b",), ""), second: ("label", ("b",), "")}


def test_a_label_that_another_window_has_added_meanwhile_is_given_and_what_went_wrong_before_is_said_no_longer(
    opened, page
):
    project = opened([f"text {i}" for i in range(9)], ["a", "b"])
    first = current(page)
    project.add_label("Both")
    page.keyboard.press("/")
    page.keyboard.type("both")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")  # from the button that adds it
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("both")
    page.keyboard.press("Enter")
    second = next_after(page, lambda: page.keyboard.press("Enter"))
    assert settled(project, 1)[first] == ("label", ("Both",), "")
    project.rename_label("a", "space")
    page.keyboard.press("1")
    expect(page.locator("#trouble")).to_contain_text("Not taken")
    assert current(page) == second
    next_after(page, lambda: page.keyboard.press("1"))
    expect(page.locator("#trouble")).to_be_hidden()


def test_the_last_answer_can_be_taken_back_and_who_corrects_what_several_have_said_has_the_last_word(opened, page):
    project = opened(["one", "two"], ["a", "b"], annotators=["anna", "ben"], overlap=2)
    for number in range(2):
        project.answer(number, ["a"], "ben")
    page.reload()
    page.click("#who button")
    next_after(page, lambda: page.keyboard.press("1"))
    last = current(page)
    page.keyboard.press("1")
    expect(page.locator("#empty-words")).to_contain_text("it says how to train.")
    page.click("#undo-last")
    assert current(page) == last
    page.keyboard.press("1")
    page.click("#managing summary")
    page.select_option("#old-label", "a")
    page.click("#split")
    current(page)
    first = int(page.get_attribute("#text", "data-id"))
    next_after(page, lambda: page.keyboard.press("2"))
    expect(page.locator("#done")).to_have_text("2 of 2 labelled")
    assert project.outcomes()[first] == ("b",)
    assert project.disagreements() == []


def test_what_was_skipped_can_be_labelled_later_and_an_answer_taken_back_keeps_its_note(opened, page):
    project = opened(["one", "two"], ["a", "b"])
    first, press = current(page), page.keyboard.press
    press("n")
    page.keyboard.type("odd")
    press("Enter")
    next_after(page, lambda: press("x"))
    next_after(page, lambda: press("u"))
    expect(page.locator("#note")).to_have_value("odd")
    second = next_after(page, lambda: press("x"))
    press("s")
    expect(page.locator("#empty-words")).to_contain_text(re.compile(r"Those skipped are below Review\.\s*$"))
    assert settled(project, 2) == {first: ("unsure", (), "odd"), second: ("skip", (), "")}
    page.click("#reviews summary")
    page.get_by_role("button", name="Skipped or not sure (2)").click()
    while current(page) != first:
        next_after(page, lambda: press("s"))
    expect(page.locator("#said")).to_have_text("labelled: not sure (odd)")
    press("1")
    expect(page.locator("#done")).to_have_text("1 of 2 labelled · 1 skipped")
    if page.locator("#text").get_attribute("data-id"):
        press("s")
    expect(page.locator("#empty-words")).to_have_text("All 2 are looked through.")
    press("u")  # also where no text is left
    assert current(page) == first
    press("2")
    expect(page.locator("#done")).to_have_text("1 of 2 labelled · 1 skipped")
    assert project.set_aside() == [number for number in range(2) if project.text(number) == second]
