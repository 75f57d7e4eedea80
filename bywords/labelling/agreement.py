"""What several people said of the same texts → how much they agree beyond chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bywords.io.projects import ASKED
from bywords.labelling.project import Project

N_DRAWS = 1_000
Labels = tuple[str, ...]


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha: 1 where all agree, 0 where they agree as often as chance would; and its 95 % interval."""

    alpha: float
    low: float
    high: float
    n_texts: int  # that two or more people labelled
    n_answers: int  # on them


def agreement(project: Project, *, seed: int = 0) -> Agreement | None:
    """How much the people of a project agree; None where no text has the labels of two."""
    units: dict[int, list[Labels]] = {}
    for answer in project.answers():
        if answer.source == ASKED and answer.kind == "label":
            units.setdefault(answer.text_id, []).append(answer.labels)
    return krippendorff_alpha(units.values(), seed=seed)


def krippendorff_alpha(units: Iterable[list[Labels]], *, seed: int = 0) -> Agreement | None:
    """The agreement on units, each the labels that some people gave it; None where no unit has two.

    Labels differ by the share of all that are named which only one names: of one label each, 0 or 1, as in nominal
    data. The interval is that of draws of units with replacement. Where all say the same everywhere, alpha is 1.
    Sources: Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability"; Passonneau (2006), "Measuring Agreement
    on Set-Valued Items (MASI)", section 4, for the distance, Jaccard's.
    """
    paired = [unit for unit in units if len(unit) > 1]
    if not paired:
        return None
    values = sorted({labels for unit in paired for labels in unit})
    index = {labels: number for number, labels in enumerate(values)}
    counts = np.zeros((len(paired), len(values)))
    for row, unit in enumerate(paired):
        for labels, count in Counter(unit).items():
            counts[row, index[labels]] = count
    distances = np.array([[_distance(set(one), set(other)) for other in values] for one in values])
    sizes = counts.sum(axis=1)
    apart = np.einsum("uk,kl,ul->u", counts, distances, counts) / (sizes - 1)
    times = np.ones((1, len(paired)))
    drawn = np.random.default_rng(seed).multinomial(len(paired), np.full(len(paired), 1 / len(paired)), size=N_DRAWS)
    (alpha,) = _alphas(times, counts, sizes, apart, distances)
    low, high = np.quantile(_alphas(drawn.astype(float), counts, sizes, apart, distances), [0.025, 0.975])
    return Agreement(float(alpha), float(low), float(high), len(paired), int(sizes.sum()))


def _alphas(
    times: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
    sizes: npt.NDArray[np.float64],
    apart: npt.NDArray[np.float64],
    distances: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Alpha where each of U units counts so many times, (B, U): float64 (B,)."""
    n = times @ sizes
    of_value = times @ counts
    observed = times @ apart / n
    expected = np.einsum("bk,kl,bl->b", of_value, distances, of_value) / (n * (n - 1))
    return 1 - np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 0)


def _distance(one: set[str], other: set[str]) -> float:
    return 1 - len(one & other) / len(one | other) if one | other else 0.0
