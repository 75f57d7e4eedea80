"""A run record in, one offline HTML page out; and the pictures on it, on their own.

The record is the JSON that `bywords compare` writes. Only the command line enters this room.
"""

from bywords.report.comparison import render_report, write_report
from bywords.report.curve import render_curve_report, write_curve_report
from bywords.report.pictures import write_vocabulary_picture

__all__ = [
    "render_curve_report",
    "render_report",
    "write_curve_report",
    "write_report",
    "write_vocabulary_picture",
]
