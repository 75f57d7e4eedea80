"""A fitted classifier → one HTML file that labels texts in a browser as it does, with no network and no server."""

from __future__ import annotations

import json

from bywords.exporting.payload import payload
from bywords.fitted import FittedClassifier
from bywords.report.page import render
from bywords.version import __version__

SCRIPTS = ("text.js", "model.js", "csv.js", "classifier.js")


def exported_page(classifier: FittedClassifier, *, name: str = "Text classifier") -> str:
    """The page. Its labels are those of `predict`, its probabilities to 1e-5. The same classifier gives the same page.

    Raises: SettingError for a model that is not linear in counted words and n-grams, and for tokens that a browser
    does not cut alike.

    >>> from bywords import load_classifier, exported_page
    >>> page = exported_page(load_classifier("tickets-model"))
    >>> page.startswith("<!DOCTYPE html>"), "http://" in page
    (True, False)
    """
    from markupsafe import Markup

    columns = classifier.record.columns
    return render(
        "classifier.html", package="bywords.exporting", styles=["classifier.css"], scripts=SCRIPTS,
        payload=Markup(payload(classifier)), name=name, version=__version__,
        classes=list(map(str, classifier.classes.tolist())), is_multilabel=classifier.is_multilabel,
        score=_score(classifier), wanted=json.dumps([] if columns is None else list(columns.text)),
    )  # fmt: skip


def _score(classifier: FittedClassifier) -> str | None:
    """How good it was on documents that were held out, in a sentence or two; None where nobody looked."""
    card = classifier.record.card
    if (test := card.test) is None:
        return None
    in_turn, summary = "held_out_in_turn" in test, classifier.record.summary
    unseen = "" if card.also_in_training else " that it had not seen"
    documents = (
        f"{test['n_documents']:,} {'documents, each held out in turn' if in_turn else f'test documents{unseen}'}"
    )
    which = f"{summary.n_train:,} of these" if in_turn and summary.n_valid else "these too"
    since = f" It has since learned from {which}." if in_turn or summary.n_learned_after else ""
    if classifier.is_multilabel:
        return f"Micro F1 on {documents}: {test['micro_f1']:.3f}.{since}"
    return f"Of {documents}, {test['accuracy']:.1%} got the right label.{since}"
