"""The documents of a data set whose labels are likely wrong, drawn for a person to read and to judge.

Lists N of those that `bywords audit` flags, with their texts. What docs/label-errors.md judges is

    python benchmarks/label_errors.py 20newsgroups-6
"""

from __future__ import annotations

import argparse

import numpy as np

from bywords.auditing import audit
from bywords.io.datasets import read_parts


def main() -> None:
    """Audit, draw, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="a data set, or a file with labels")
    parser.add_argument("--n", type=int, default=50, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--characters", type=int, default=1_000, help="of each text that are shown")
    options = parser.parse_args()
    train, _ = read_parts(options.data)
    record = audit(train)
    flagged = [row for row in record.label_errors if row.is_flagged]
    # A number for each document, not a draw from those flagged: few are others when what is flagged changes a little.
    numbers = dict(zip(train.rows.tolist(), np.random.default_rng(options.seed).permutation(len(train)), strict=True))
    drawn = sorted(flagged, key=lambda row: int(numbers[row.row]))[: options.n]
    texts = dict(zip(train.rows.tolist(), train.texts.to_list(), strict=True))
    print(f"{len(drawn)} of {len(flagged)} flagged labels among {len(train):,} documents, by their rows")
    for row in sorted(drawn, key=lambda row: row.row):
        text = texts[row.row]
        shown = text if len(text) <= options.characters else text[: options.characters] + " […]"
        print(f"\n--- row {row.row}: {row.label}, perhaps {row.suggested} ({row.confidence:.2f})")
        print(shown.strip())


if __name__ == "__main__":
    main()
