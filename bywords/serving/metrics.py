"""What a server counts, in Prometheus' text format; nothing of it is a text."""

from __future__ import annotations

import math
import os
from collections import Counter, deque
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.auditing.model_drift import Kind, compared, judged
from bywords.evaluation.profile import Profile
from bywords.extras import needed
from bywords.fitted import FittedClassifier, Predictions, TopPredictions

WINDOW = 1_000  # texts, the last ones, that the running shares are of
LEAST_TEXTS = 100  # that are compared with those of the training
N_DRAWS = 499  # for a p-value of 0.002 at least
LOOKS: tuple[Kind, ...] = ("known words", "confidence", "labels")
_OF_DRIFT = f"of the last {WINDOW:,} texts, as `bywords drift` has it."
MOST_LABELS = 200  # that are counted each by its name


class Metrics:
    """Counters of one process; of several that share PROMETHEUS_MULTIPROC_DIR, their sums."""

    def __init__(self) -> None:
        prometheus = needed("prometheus_client", what="`bywords serve`")
        self._prometheus, self.registry = prometheus, prometheus.CollectorRegistry()
        self.is_shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        kept: dict[str, Any] = {"registry": self.registry}
        gauge: dict[str, Any] = {**kept, "multiprocess_mode": "mostrecent"}
        counter = prometheus.Counter
        self._children: dict[tuple[str, int], Any] = {}
        self._of_label: dict[Any, Any] = {}
        self._requests = counter("bywords_requests", "Requests answered.", ["route", "status"], **kept)
        buckets = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
        self.seconds = prometheus.Histogram(
            "bywords_predict_seconds", "Seconds that /predict took.", buckets=buckets, **kept
        )
        self.texts = counter("bywords_texts", "Texts labelled.", **kept)
        self.unlike = counter("bywords_out_of_distribution", "Texts unlike those of the training.", **kept)
        self._labels = counter("bywords_labels", "Texts by the label that they got.", ["label"], **kept)
        self.loads = counter("bywords_model_loads", "Times that the model was loaded.", **kept)
        self.refused = prometheus.Gauge("bywords_model_refused", "1 while a newer model is refused.", **gauge)
        self._known = prometheus.Gauge(
            "bywords_window_in_vocabulary_share", f"Mean share of known words, of the last {WINDOW} texts.", **gauge
        )
        self._sure = prometheus.Gauge(
            "bywords_window_confidence", f"Mean probability of the label, of the last {WINDOW} texts.", **gauge
        )
        self._other = prometheus.Gauge(
            "bywords_window_out_of_distribution_share", f"Share unlike the training, of the last {WINDOW}.", **gauge
        )
        self._drift = {
            name: prometheus.Gauge(f"bywords_window_drift_{name}", f"{said} {_OF_DRIFT}", ["look"], **gauge)
            for name, said in (
                ("distance", "How far the answers are from those of the training, less what chance allows:"),
                ("p_value", "How likely by chance, corrected for several looks:"),
                ("found", "1 where it is more than chance and than a trifle:"),
            )
        }
        for gauges in self._drift.values():
            for look in LOOKS:
                gauges.labels(look).set(float("nan"))
        # The last texts: what is known, how probable and which the likeliest label is, whether unlike; of one model.
        self._window: tuple[FittedClassifier | None, deque[tuple[float, float, bool, int]]] = None, deque()
        self._compared: list[tuple[float, float, bool, int]] = []

    def answered(self, route: str, status: int) -> None:
        """Count a request."""
        child = self._children.get((route, status))
        if child is None:
            child = self._children[route, status] = self._requests.labels(route, str(status))
        child.inc()

    def labelled(
        self, classifier: FittedClassifier, found: Predictions | TopPredictions, columns: dict[str, list[Any]]
    ) -> None:
        """Count what a classifier has found in N texts, and the columns that were made of it."""
        shares, others = columns["in_vocabulary_share"], columns["out_of_distribution"]
        if classifier is not self._window[0]:
            self._window = classifier, deque(maxlen=WINDOW)
        self.texts.inc(len(shares))
        if n_unlike := sum(others):
            self.unlike.inc(n_unlike)
        likeliest = found.probabilities.argmax(axis=1) if isinstance(found, Predictions) else found.indices[:, 0]
        highest = found.probabilities.max(axis=1, initial=0.0).tolist()
        self._window[1].extend(zip(shares, highest, others, likeliest.tolist(), strict=True))
        given = columns["label"] if "label" in columns else [one for several in columns["labels"] for one in several]
        for label, count in Counter(given).items():
            child = self._of_label.get(label)
            if child is None:
                is_new = len(self._of_label) < MOST_LABELS
                name = "(none)" if label is None else str(label) if is_new else "(others)"
                child = self._labels.labels(name)
                if is_new:
                    self._of_label[label] = child
            child.inc(count)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them; a thread may ask, as the comparison takes .05 s."""
        classifier, window = self._window
        texts = list(window)
        if classifier is not None and texts and texts != self._compared:
            self._compared = texts
            known, sure, other, likeliest = np.array(texts, dtype=np.float64).T
            self._known.set(known.mean())
            self._other.set(other.mean())
            self._sure.set(sure.mean())
            self._set_drift(classifier, known, sure, likeliest.astype(np.int64))
        registry = self.registry
        if self.is_shared:
            multiprocess = needed("prometheus_client.multiprocess", what="`bywords serve --workers`")
            registry = self._prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return bytes(self._prometheus.generate_latest(registry))

    def _set_drift(
        self,
        classifier: FittedClassifier,
        known: npt.NDArray[np.float64],
        sure: npt.NDArray[np.float64],
        likeliest: npt.NDArray[np.int64],
    ) -> None:
        """Compare the window with what the model answered in training; of any number of labels not which these were.

        What is not compared is not a number, also where a model before this one had it.
        """
        found = []
        if len(known) >= LEAST_TEXTS and classifier.reliability.profile.n_answers:
            new = Profile.of(likeliest, sure, known, len(classifier.classes))
            new = replace(new, labels=[]) if classifier.is_multilabel else new
            found = judged(compared(classifier, new, n_draws=N_DRAWS))
        looks = {one.kind: one for one in found}
        for kind in LOOKS:
            look = looks.get(kind)
            self._drift["distance"].labels(kind).set(math.nan if look is None else look.distance - look.by_chance)
            self._drift["p_value"].labels(kind).set(math.nan if look is None else look.p_holm)
            self._drift["found"].labels(kind).set(math.nan if look is None else look.is_drift)
