"""Do the words that an explanation puts first make the label, and do its numbers add up?

Claims, on 500 test reviews of IMDB: taking out the three words that speak most for the label changes it at least FAR
times as often as taking out three random words of the text, for the model that `auto` chooses and for `dan`. The exact
numbers of the former add up to its logits but for the rounding of 32 bits, those of `dan` miss them by LITTLE at most.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import statistics
import time
from typing import Any

import numpy as np
from measure import write_result

from bywords.classifier import TextClassifier
from bywords.data.corpus import Split
from bywords.explain.explanation import Explanation
from bywords.io.datasets import load_dataset
from bywords.text.tokenizer import Tokenizer

N_REVIEWS, N_WORDS, N_DRAWS, N_COUNTERFACTUALS = 500, 3, 5, 100
FAR = 5
EXACT = 1e-5
LITTLE = 0.05


def main() -> None:
    """Train both, delete words, and assert the claims."""
    split = load_dataset("imdb").drop_empty(Tokenizer())
    rows = {system: measured(system, split) for system in ("auto", "dan")}
    write_result("explanations", {"corpus": "imdb", "n_reviews": N_REVIEWS, "n_words": N_WORDS, "systems": rows})
    for system, row in rows.items():
        assert row["changed_by_highest"] >= FAR * max(row["changed_by_random"], 1 / N_REVIEWS), system
    assert rows["auto"]["method"] == "exact"
    assert rows["auto"]["largest_gap"] <= EXACT
    assert rows["dan"]["largest_gap"] <= LITTLE


def measured(system: str, split: Split) -> dict[str, Any]:
    """How often the label changes, how much is missing to the logits, and what it takes to change the label."""
    classifier = TextClassifier(system).fit(split.train.texts, split.train.names())
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.permutation(len(split.test))[:N_REVIEWS])
    texts = split.test.select(chosen).texts.to_list()
    started = time.perf_counter()
    explanations = classifier.explain(texts)
    seconds = time.perf_counter() - started
    highest = [{share.word for share in explanation.words()[:N_WORDS]} for explanation in explanations]
    random = [
        changed(classifier, explanations, [drawn(explanation, generator) for explanation in explanations])
        for _ in range(N_DRAWS)
    ]
    started = time.perf_counter()
    found = [classifier.counterfactual(text) for text in texts[:N_COUNTERFACTUALS]]
    seconds_of_counterfactual = time.perf_counter() - started
    gaps = [explanation.completeness_gap for explanation in explanations]
    row = {
        "method": explanations[0].method,
        "changed_by_highest": changed(classifier, explanations, highest),
        "changed_by_random": statistics.median(random),
        "changed_by_random_draws": random,
        "largest_gap": max(gaps),
        "median_gap": statistics.median(gaps),
        "counterfactual_found": sum(bool(one.words) for one in found) / len(found),
        "counterfactual_median_words": statistics.median(len(one.words) for one in found if one.words),
        "explain_seconds": seconds / len(texts),
        "counterfactual_seconds": seconds_of_counterfactual / len(found),
    }
    print(system, row, flush=True)
    return row


def drawn(explanation: Explanation, generator: np.random.Generator) -> set[str]:
    """Random distinct words of a text, known or not, as many as are taken out of the highest."""
    words = sorted(set(explanation.tokens))
    return set(generator.choice(words, min(N_WORDS, len(words)), replace=False).tolist())


def changed(classifier: TextClassifier, explanations: list[Explanation], words: list[set[str]]) -> float:
    """The share of texts that get another label without all occurrences of their words."""
    left = [without(explanation, gone) for explanation, gone in zip(explanations, words, strict=True)]
    before = [explanation.predicted[0] for explanation in explanations]
    return float(np.mean(classifier.predict(left) != np.array(before)))


def without(explanation: Explanation, words: set[str]) -> str:
    """The text with a space in the place of each occurrence."""
    text = list(explanation.text)
    for token, (start, end) in zip(explanation.tokens, explanation.offsets.tolist(), strict=True):
        if token in words:
            text[start:end] = [" "] * (end - start)
    return "".join(text)


if __name__ == "__main__":
    main()
