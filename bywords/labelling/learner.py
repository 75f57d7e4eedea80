"""A project → models of what was answered so far, made in the background: what comes next, suggestions, estimates."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Self

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import BywordsError
from bywords.labelling.estimates import Estimate
from bywords.labelling.held_out import estimated, unchanged
from bywords.labelling.pool import Pool, PoolModel
from bywords.labelling.project import TEST_EVERY, Project, Queue, shown_text
from bywords.labelling.strategies import DEFAULT, Strategy, ranked

EVERY = 5  # answers there is a new model
MORE = 1.1  # times as many texts to learn from there is a new estimate
MOST_TEXTS = 20_000  # that are ranked: those that are drawn first, and what is labelled
MOST_CHARACTERS = 2_000  # of each of them that are read to rank it
MOST_LEARNED = 5_000  # labelled texts
N_COMPARED = 2_000  # texts whose labels say whether models still change
MOST_EXPLAINED = 20_000  # characters of a text that make its suggestion: more would be waited for
N_SUGGESTED = 5
TOGETHER = 200  # texts that are read while a person may wait

Rows = npt.NDArray[np.int64]


class Learner:
    """Learns from a project's answers in a thread of its own, from entering to leaving its context.

    After every few answers the project has a new `queue`, as one value, and now and then a new `estimate`: nobody who
    labels waits for it. Of more than MOST_TEXTS texts those are ranked that are drawn first.
    """

    def __init__(self, project: Project, *, strategy: Strategy = DEFAULT, seed: int = 0) -> None:
        self.project, self.strategy, self.seed = project, strategy, seed
        self.error: str | None = None  # what is wrong with the last model, of which there is then none
        self.n_learned = 0  # texts that the last model has learned from
        self._wake, self._is_stopped = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="bywords-learner", daemon=True)
        self._pool: Pool | None = None
        self._numbers: Rows = np.zeros(0, dtype=np.int64)  # of the texts of the pool
        self._rows: dict[int, int] = {}  # in the pool, by the number of a text
        self._temperature = 1.0
        self._changes: tuple[int, object] = (0, None)  # of the project, at the last estimate
        self._before: tuple[tuple[str, ...], npt.NDArray[np.bool_]] | None = None  # at the last estimate

    def __enter__(self) -> Self:
        self.project.on_answer = self._wake.set
        self._wake.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopped = True
        self._wake.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        n_answers, labels = -EVERY, None
        while not self._is_stopped:
            self._wake.wait()
            self._wake.clear()
            try:
                n_now, labels_now = self.project.changes()
                if (n_now >= n_answers + EVERY or labels_now != labels) and not self._is_stopped:
                    n_answers, labels = n_now, labels_now
                    self.learn()
                    self.error = None
            except Exception as error:  # whatever it is, people go on labelling, and are told
                self.error = str(error) if isinstance(error, BywordsError) else f"{type(error).__name__}: {error}"

    def learn(self, *, estimates: bool = True) -> bool:
        """Make a model of all answers that there are now, and say how good it is, where that is due.

        Returns: whether there are enough for one.
        """
        changes, outcomes = self.project.changes(), self.project.outcomes()
        pool = self._prepared(outcomes)
        tested = set(self.project.held_out())
        known = [number for number in outcomes if number in self._rows and number not in tested]
        if len(known) > MOST_LEARNED:
            drawn = np.random.default_rng(self.seed).permutation(len(known))[:MOST_LEARNED]
            known = [known[index] for index in np.sort(drawn)]
        names = tuple(dict.fromkeys(name for number in known for name in outcomes[number]))
        is_multilabel = self.project.record.is_multilabel
        if len(names) < 2 - is_multilabel or len(known) < 2:
            return False
        rows = np.array([self._rows[number] for number in known], dtype=np.int64)
        targets = _targets([outcomes[number] for number in known], names, is_multilabel=is_multilabel)
        fitted = pool.fit(rows, targets, unlabelled=self._not_for_test(), seed=self.seed)
        model = replace(fitted, temperature=self._temperature)
        self._exchange(model, names, rows)
        self.n_learned = len(known)
        if estimates and self._is_due(*changes):
            self._changes = changes
            self._estimate(model, names, targets, rows, {number: outcomes[number] for number in sorted(tested)})
        return True

    def _is_due(self, n_answers: int, labels: object) -> bool:
        """Whether there are other labels than at the last estimate, or enough answers: new ones, or corrected ones."""
        last, (n_then, labels_then) = self.project.estimate, self._changes
        if last is None or last.accuracy is None or labels != labels_then:
            return True
        return n_answers - n_then >= (MORE - 1) * last.n_learned * TEST_EVERY / (TEST_EVERY - 1)

    def _prepared(self, outcomes: dict[int, tuple[str, ...]]) -> Pool:
        """The pool, made once, of the texts that are drawn first and those that are labelled when it is made."""
        if self._pool is None:
            first = self.project.order[:MOST_TEXTS].tolist()
            labelled = [number for number in outcomes if number not in set(first)][:MOST_LEARNED]
            self._numbers = np.array([*first, *labelled], dtype=np.int64)
            self._rows = {number: row for row, number in enumerate(self._numbers.tolist())}
            parts = np.array_split(self._numbers, len(self._numbers) // TOGETHER + 1)  # so that nobody waits for all
            texts = [shown_text(text[:MOST_CHARACTERS]) for part in parts for text in self.project.texts(part.tolist())]
            self._pool = Pool(texts)
        return self._pool

    def _not_for_test(self) -> Rows:
        """The rows of all texts of the pool but those that are, or will be, drawn to test on."""
        return np.flatnonzero(~np.isin(self._numbers, self.project.test_order))

    def _exchange(self, model: PoolModel, names: tuple[str, ...], rows: Rows) -> None:
        """Give the project what comes next by this model, and what it suggests."""
        pool = model.pool
        left = np.setdiff1d(self._not_for_test(), rows)
        order = ranked(
            self.strategy, model.probabilities(left), pool.directions[left], 2 * EVERY,
            np.random.default_rng(self.seed + len(rows)), is_multilabel=model.is_multilabel,
        )  # fmt: skip

        def suggest(text: str) -> tuple[list[tuple[str, float]], list[tuple[int, int, float]]]:
            probabilities, words = model.explained(text[:MOST_EXPLAINED])
            best = np.argsort(-probabilities, kind="stable")[:N_SUGGESTED].tolist()
            return [(names[index], float(probabilities[index])) for index in best], words

        self.project.queue = Queue(self._numbers[left[order]], suggest)

    def _estimate(
        self,
        model: PoolModel,
        names: tuple[str, ...],
        targets: Targets,
        rows: Rows,
        held_out: dict[int, tuple[str, ...]],
    ) -> None:
        """Say how good the model is, by the texts to test on and their labels, and whether it still changes."""
        numbers = [number for number in held_out if number in self._rows]
        tested = np.array([self._rows[number] for number in numbers], dtype=np.int64)
        truth = np.array([[name in held_out[number] for name in names] for number in numbers], dtype=bool)
        is_known = np.array([set(held_out[number]) <= set(names) for number in numbers], dtype=bool)
        estimate: Estimate = estimated(model, rows, targets, tested, truth & is_known[:, np.newaxis], is_known)
        compared = np.arange(min(N_COMPARED, len(model.pool)))
        now = model.predicted(compared)
        if self._before is not None and self._before[0] == names:
            estimate = replace(estimate, is_stable=unchanged(self._before[1], now))
        self._before = (names, now)
        self._temperature = estimate.temperature or self._temperature
        self.project.estimate = estimate


def _targets(labels: list[tuple[str, ...]], names: tuple[str, ...], *, is_multilabel: bool) -> Targets:
    code_of = {name: code for code, name in enumerate(names)}
    if not is_multilabel:
        return Targets.of(np.array([code_of[one[0]] for one in labels], dtype=np.int64), len(names))
    pairs = [(row, code_of[name]) for row, some in enumerate(labels) for name in some]
    rows, codes = zip(*pairs, strict=True) if pairs else ((), ())
    return Targets.of(LabelSets.of_pairs(rows, codes, len(labels), len(names)))
