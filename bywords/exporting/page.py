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
    """How good it was on documents that it had not seen, a sentence; None where nobody looked."""
    test = classifier.record.card.test
    if test is None:
        return None
    if classifier.is_multilabel:
        return f"Micro F1 on {test['n_documents']:,} documents that it had not seen: {test['micro_f1']:.3f}."
    return f"Of {test['n_documents']:,} documents that it had not seen, {test['accuracy']:.1%} got the right label."
