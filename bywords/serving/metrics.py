"""What a server counts, in Prometheus' text format; nothing of it is a text."""

from __future__ import annotations

import os
from collections import deque
from typing import Any

import numpy as np

from bywords.extras import needed

WINDOW = 1_000  # texts, the last ones, that the running shares are of
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
        self._window: deque[tuple[float, float, bool]] = deque(maxlen=WINDOW)

    def answered(self, route: str, status: int) -> None:
        """Count a request."""
        child = self._children.get((route, status))
        if child is None:
            child = self._children[route, status] = self._requests.labels(route, str(status))
        child.inc()

    def labelled(self, columns: dict[str, list[Any]]) -> None:
        """Count the answers for N texts."""
        shares, others = columns["in_vocabulary_share"], columns["out_of_distribution"]
        self.texts.inc(len(shares))
        if n_unlike := sum(others):
            self.unlike.inc(n_unlike)
        sure = columns["probability"] if "probability" in columns else [float("nan")] * len(shares)
        self._window.extend(zip(shares, sure, others, strict=True))
        given = columns["label"] if "label" in columns else [one for several in columns["labels"] for one in several]
        for label in given:
            child = self._of_label.get(label)
            if child is None:
                is_new = len(self._of_label) < MOST_LABELS
                name = "(none)" if label is None else str(label) if is_new else "(others)"
                child = self._labels.labels(name)
                if is_new:
                    self._of_label[label] = child
            child.inc()

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        if self._window:
            known, sure, other = np.array(self._window, dtype=np.float64).T
            self._known.set(known.mean())
            self._other.set(other.mean())
            if not np.isnan(sure).all():
                self._sure.set(np.nanmean(sure))
        registry = self.registry
        if self.is_shared:
            multiprocess = needed("prometheus_client.multiprocess", what="`bywords serve --workers`")
            registry = self._prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return bytes(self._prometheus.generate_latest(registry))
