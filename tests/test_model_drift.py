"""New texts without labels: what is like the training is not called drift, and what is not is found and named."""

import csv
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from pages import HOSTILE, Page
from small_corpus import small_corpus

from bywords import SYSTEMS, compress, fit_classifier, load_classifier, save_classifier
from bywords.auditing.model_drift import Observed, compared, new_word_p_value, plain
from bywords.evaluation.profile import Profile
from bywords.evaluation.reliability import Reliability
from bywords.report.drift import render_drift

CORPUS = small_corpus(1200)
TEXTS, LABELS = list(CORPUS.texts), [CORPUS.label_names[code] for code in CORPUS.labels]


@pytest.fixture(scope="module")
def fitted():
    return fit_classifier(SYSTEMS["tfidf-svc"], TEXTS[:600], LABELS[:600])


def drift_of(classifier, texts):
    observed = Observed(classifier)
    observed.add(texts)
    return observed.drift()


def test_equal_texts_are_seldom_called_drift():
    n_called = 0
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(len(TEXTS))
        train, new = order[:400], order[400:700]
        fitted = fit_classifier(SYSTEMS["tfidf-nb"], [TEXTS[i] for i in train], [LABELS[i] for i in train])
        n_called += drift_of(fitted, [TEXTS[i] for i in new]).is_drift
    assert n_called <= 1


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda index, text: f"{text} covid lockdown" if index % 5 == 0 else text, {"new words"}),
        (lambda index, text: " ".join(word[::-1] for word in text.split()) if index % 4 == 0 else text,
         {"known words", "confidence"}),
        (lambda index, text: text if LABELS[600 + index] == "space" or index % 4 == 0 else TEXTS[3], {"labels"}),
        (lambda index, text: " ".join(text.split()[-2:]), {"confidence"}),
    ],
)  # fmt: skip
def test_what_has_changed_is_found_and_named(fitted, change, kinds):
    found = drift_of(fitted, [change(index, text) for index, text in enumerate(TEXTS[600:])])
    assert found.is_drift
    assert kinds <= {look.kind for look in found.looks if look.is_drift}
    if "new words" in kinds:
        assert [word.word for word in found.new_words] == ["covid", "lockdown"]
        assert found.new_words[0].n_texts == 120
    if "labels" in kinds:
        assert found.labels[0].label == "space"
        assert found.labels[0].now > 0.6


def test_texts_may_come_in_parts(fitted):
    whole, parts = Observed(fitted), Observed(fitted)
    whole.add(TEXTS[600:])
    for start in range(600, 1200, 70):
        parts.add(TEXTS[start : min(start + 70, 1200)])
    parts.add([])
    assert plain(whole.drift()) == plain(parts.drift())


def test_few_texts_say_nothing(fitted):
    found = drift_of(fitted, ["covid " * 9] * 19)
    assert not found.is_drift
    assert found.looks == []
    assert "Too few texts to tell: 19" in found.sentence


def test_p_values_are_as_small_as_chance_has_them():
    generator, n_small = np.random.default_rng(0), {"known words": 0, "confidence": 0, "labels": 0}
    fitted = fit_classifier(SYSTEMS["tfidf-nb"], TEXTS[:60], LABELS[:60])
    for _ in range(120):
        drawn = [
            Profile.of(generator.integers(0, 3, n), generator.beta(8, 1, n), generator.beta(20, 1, n), 3)
            for n in (150, 90)
        ]
        classifier = replace(fitted, reliability=Reliability(profile=drawn[0]))
        for look in compared(classifier, drawn[1], n_draws=199):
            n_small[look.kind] += look.p_value <= 0.05
    assert all(1 <= n <= 13 for n in n_small.values())  # 6 are expected, with a standard deviation of 2.4


@pytest.mark.parametrize("n_uncounted", [0, 1, 3])
def test_a_new_word_is_as_unlikely_as_drawing_says(n_uncounted):
    n_new, n_training, n = 40, 160, 4
    total = n + n_uncounted
    exact = sum(
        math.comb(n_new, total - k) * math.comb(n_training, k) for k in range(n_uncounted + 1)
    ) / math.comb(n_new + n_training, total)  # fmt: skip
    assert exact <= new_word_p_value(n, n_new, n_training, n_uncounted) <= 2 * exact


def test_where_no_word_is_new_chance_explains_it(fitted):
    (look,) = [one for one in drift_of(fitted, TEXTS[:600]).looks if one.kind == "new words"]
    assert (look.distance, look.p_value, look.verdict) == (0.0, 1.0, "as in training")


def test_a_word_that_the_vocabulary_may_have_left_out_is_not_called_new():
    rare = [*TEXTS[:600], "the comet of the moon"]
    counted = replace(SYSTEMS["tfidf-nb"], vocabulary=replace(SYSTEMS["tfidf-nb"].vocabulary, max_size=20))
    fitted = fit_classifier(counted, rare, [*LABELS[:600], "space"])
    asked = [f"{text} {'comet ' * (index < 4)}" for index, text in enumerate(TEXTS[600:])]
    assert "comet" not in [word.word for word in drift_of(fitted, asked).new_words]


def test_of_a_smaller_model_is_said_what_it_no_longer_knows(fitted):
    smaller = compress(fitted, 1 << 30, TEXTS[600:700], LABELS[600:700])
    smaller = smaller if hasattr(smaller, "record") else smaller.classifier
    card = replace(smaller.record.card, reduction="words were left out")
    found = drift_of(replace(smaller, record=replace(smaller.record, card=card)), TEXTS[700:])
    assert {look.kind for look in found.looks} == {"confidence", "labels"}
    assert "made smaller" in found.notes[-1]


def test_any_number_of_labels_are_compared_one_by_one():
    labels = [(label,) if index % 3 else (label, "any") for index, label in enumerate(LABELS)]
    fitted = fit_classifier(SYSTEMS["tfidf-svc"], TEXTS[:600], labels[:600])
    assert not drift_of(fitted, TEXTS[600:]).is_drift
    found = drift_of(fitted, [text for text, label in zip(TEXTS[600:], LABELS[600:], strict=True) if label != "sport"])
    assert found.is_drift
    assert "sport" in [row.label for row in found.labels]


def test_a_saved_model_keeps_what_it_compares_with(fitted, bywords, tmp_path):
    save_classifier(fitted, tmp_path / "m")
    assert load_classifier(tmp_path / "m").reliability == fitted.reliability
    (tmp_path / "new.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS[600:]))
    code, out, _ = bywords("drift", "m", "new.jsonl", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["is_drift"], found["n_texts"]) == (False, 600)
    assert found == {"model": "m", "file": "new.jsonl", **json.loads(json.dumps(plain(drift_of(fitted, TEXTS[600:]))))}
    code, out, _ = bywords("drift", "m", "new.jsonl", "--out", "page.html")
    assert "Nothing says that these texts are other" in Page((tmp_path / "page.html").read_text()).text
    assert "Nothing says that these texts are other than those of the training." in out
    assert f"600 texts, beside the answers for {found['n_held_out']} that were held out in training." in out


def test_a_page_shows_what_was_found_as_it_is(fitted, tmp_path):
    found = drift_of(fitted, [f"{text} <b>{HOSTILE}" for text in TEXTS[600:]])
    page = render_drift(found, model="m", file_name=HOSTILE)
    assert found.sentence in Page(page).text
    assert all(word.word.isprintable() for word in found.new_words)
    assert "alert" in [word.word for word in found.new_words]
    assert "<b>" not in page
    assert page.count("<script") == 1


def test_a_model_that_has_not_kept_it_is_refused_by_one_sentence(fitted, bywords, tmp_path):
    reliability = replace(fitted.reliability, profile=Profile())
    save_classifier(replace(fitted, reliability=reliability), tmp_path / "m")
    (tmp_path / "new.txt").write_text("moon\n")
    code, _, err = bywords("drift", "m", "new.txt")
    assert code == 2
    assert "Train it again with this version." in err


def screen_rows(out):
    """Rows of tables as {heading: cell}: of the first column by where a cell starts, of others by where it ends."""
    headings, rows = [], []
    for line in out.splitlines():
        cells = [(cell.start(), cell.end(), cell.group()) for cell in re.finditer(r"\S+(?: \S+)*", line)]
        if "distance" in line or line.startswith("label "):
            headings = cells
        rows.append({name: cell for start, end, cell in cells for _, at, name in headings if at == end})
        rows[-1] |= {"": line.partition("  ")[0]}
    return rows


def page_rows(page):
    rows = []
    for table in re.findall("<table>(.*?)</table>", page, flags=re.DOTALL):
        headings, *lines = [re.findall("<t[hd][^>]*>(.*?)</t[hd]>", line) for line in table.split("<tr")[1:]]
        cells = [[re.sub("<.*?>", "", cell) for cell in line] for line in lines]
        rows += [{**dict(zip(headings, line, strict=True)), "": line[0]} for line in cells]
    return rows


def plainly(cell):
    return cell.replace("\u202f", "").removeprefix("0")


def test_each_figure_stands_under_its_heading_on_the_screen_and_on_the_page(fitted, bywords, tmp_path):
    save_classifier(fitted, tmp_path / "m")
    asked = [f"{text} covid" for text, label in zip(TEXTS[600:], LABELS[600:], strict=True) if label != "sport"]
    (tmp_path / "new.txt").write_text("\n".join(asked) + "\n")
    code, out, _ = bywords("drift", "m", "new.txt", "--out", "page.html")
    assert code == 0
    found = drift_of(fitted, asked)
    looks = {look.kind: look for look in found.looks}
    sure, given, label = looks["confidence"], looks["labels"], found.labels[0]
    expected = [
        {"": "probability of the label", "in training": f"{sure.in_training:.1%}", "now": f"{sure.now:.1%}",
         "p, corrected": f"{sure.p_holm:.3f}"},
        {"": "labels given", "distance": f"{given.distance:.3f}", "by chance below": f"{given.by_chance:.3f}"},
        {"": "sport", "of texts held out": f"{label.in_training:.1%}", "of these": "0.0%"},
    ]  # fmt: skip
    for rows in (screen_rows(out), page_rows((tmp_path / "page.html").read_text())):
        shown = {row[""]: row for row in rows}
        for row in expected:  # the page has a narrow blank before %, and no 0 before a point
            assert [plainly(shown[row[""]][name]) for name in row] == [plainly(cell) for cell in row.values()]


def test_columns_of_a_file_may_have_another_order_than_those_of_the_training(bywords, tmp_path):
    rows = [{"subject": text, "body": LABELS[index], "label": LABELS[index]} for index, text in enumerate(TEXTS[:300])]

    def write(name, names):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([names, *([row.get(name, "x") for name in names] for row in rows)])

    write("train.csv", ["subject", "body", "label"])
    train = ["train", "train.csv", "--text", "subject", "--text", "body", "--system", "tfidf-svc", "--out", "m"]
    assert bywords(*train)[0] == 0
    found = []
    for names in (["subject", "body"], ["body", "other", "subject"]):
        write("new.csv", names)
        code, out, _ = bywords("drift", "m", "new.csv", "--json")
        assert code == 0
        found.append(json.loads(out))
    assert found[0] == found[1]
