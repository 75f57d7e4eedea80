"""A record → one offline HTML page, and the pictures on it, on their own. Only the command line enters this room."""

from bywords.report.audit import render_audit
from bywords.report.comparison import render_comparison
from bywords.report.curve import render_curve
from bywords.report.drift import render_drift
from bywords.report.explanation import render_explanations
from bywords.report.text_pictures import write_vocabulary_picture

__all__ = [
    "render_audit", "render_comparison", "render_curve", "render_drift", "render_explanations",
    "write_vocabulary_picture",
]  # fmt: skip
