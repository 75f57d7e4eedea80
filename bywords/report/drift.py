"""What `drift` has found → one HTML page."""

from __future__ import annotations

from bywords.auditing.model_drift import Kind, ModelDrift
from bywords.report.page import render
from bywords.version import __version__

NAMES: dict[Kind, str] = {
    "known words": "share of words known", "confidence": "probability of the label", "labels": "labels given",
    "new words": "texts with a word that is new",
}  # fmt: skip


def render_drift(found: ModelDrift, *, model: str, file_name: str) -> str:
    """The page as a string. The same findings give the same page."""
    return render("drift.html", found=found, model=model, file_name=file_name, names=NAMES, version=__version__)
