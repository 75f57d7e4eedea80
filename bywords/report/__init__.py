"""A record in, one offline HTML page out; and the pictures on it, on their own.

The record is the JSON that `bywords compare`, `audit` or `curve` writes. Only the command line enters this room.
"""

from bywords.report.audit import render_audit, write_audit
from bywords.report.comparison import render_report, write_report
from bywords.report.curve import render_curve, write_curve
from bywords.report.pictures import write_vocabulary_picture

__all__ = [
    "render_audit",
    "render_curve",
    "render_report",
    "write_audit",
    "write_curve",
    "write_report",
    "write_vocabulary_picture",
]
