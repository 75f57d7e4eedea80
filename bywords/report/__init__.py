"""A record in, one offline HTML page out; and the pictures on it, on their own.

The records are the JSON that `bywords compare` and `bywords explain` write. Only the command line enters this room.
"""

from bywords.report.comparison import render_report, write_report
from bywords.report.explanation import render_explanations, write_explanations
from bywords.report.pictures import write_vocabulary_picture

__all__ = [
    "render_explanations",
    "render_report",
    "write_explanations",
    "write_report",
    "write_vocabulary_picture",
]
