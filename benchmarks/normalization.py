"""What does the normalisation of texts cost, and what does it change in how often `auto` is right?

Claims: neither the mean accuracy over the corpora nor that of any of them is lower with it than without by more than
chance makes (two standard errors of a difference of two shares); from texts to ids takes at most 5 % longer for ASCII
texts that need no change, 15 % for texts of other languages, as the median of the lots; corpora as they are, with what
is to be decoded in them, are timed beside. Corpora: the data sets that have names, and files that are given: NAME=TRAIN
or NAME=TRAIN,TEST; one without a test part is split by seed 0. Times are of the processor, all threads together,
medians of runs in turn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from measure import median_seconds, write_result

from bywords import TextClassifier
from bywords.io.datasets import is_available, load_dataset
from bywords.systems import SYSTEMS
from bywords.text.normalization import normalized
from bywords.text.tokenizer import Tokenizer, TokenizerConfig
from bywords.text.vocabulary import Vocabulary

NAMED = ("20newsgroups-6", "imdb")
SETTINGS = {"without": TokenizerConfig(normalize=False), "with": TokenizerConfig()}
MOST_TIMES = {"ascii, nothing to do": 1.05, "other languages": 1.15}
N_CHARACTERS = 2_000_000  # of each timed lot
SENTENCES = {  # of languages that the corpora do not have
    "German": "Ein wunderschöner Film über die Straße, große Gefühle für alle Gäste.",
    "Russian": "Какой прекрасный фильм, я смотрел его дважды и буду смотреть ещё раз!",
    "Turkish": "Bu film gerçekten çok güzeldi, iki kez izledim ve tekrar izleyeceğim.",
    "Arabic": "هذا الفيلم رائع جدا وأنصح الجميع بمشاهدته مرة أخرى.",
    "Persian": "این فیلم واقعاً خیلی خوب بود و من دوباره آن را می\u200cبینم.",
    "Chinese": "这部电影真的很好看，我看了两遍！推荐大家去看。",
    "curly quotes": "It’s a “great” film — don’t miss it, I’ve seen it twice and would again.",
}


def main() -> None:
    """Measure both, write the results, and assert the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", help="NAME=TRAIN[,TEST], beside the data sets at hand")
    named = [*parser.parse_args().corpora, *(name for name in NAMED if is_available(name))]
    accuracy, texts = {}, dict[str, list[str]]()
    for corpus in named:
        name, _, files = corpus.partition("=")
        accuracy[name], texts[name] = measured(name, (files or name).split(","))
    times = timed({**texts, **{name: [8 * f"{sentence} "] * 4000 for name, sentence in SENTENCES.items()}})
    mean = {setting: statistics.mean(row[setting] for row in accuracy.values()) for setting in SETTINGS}
    print(f"{'mean':20} without {mean['without']:.4f}  with {mean['with']:.4f}")
    write_result("normalization", {"accuracy": accuracy, "mean_accuracy": mean, "times": times})
    chances = {name: chance_of(row) for name, row in accuracy.items()}
    assert mean["with"] >= mean["without"] - sum(chance**2 for chance in chances.values()) ** 0.5 / len(chances), mean
    for name, row in accuracy.items():
        assert row["with"] >= row["without"] - chances[name], (name, row)
    for kind, most in MOST_TIMES.items():
        assert statistics.median(row["times"] for row in times[kind].values()) <= most, times[kind]


def chance_of(row: dict[str, float]) -> float:
    """Two standard errors of a difference of two shares of so many documents."""
    return float(2 * (2 * row["without"] * (1 - row["without"]) / row["n_test"]) ** 0.5)


def measured(name: str, source: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """The share of test documents that `auto` has right, by the setting; and the texts."""
    split = load_dataset(source[0], test=source[1] if len(source) > 1 else None).drop_empty(Tokenizer())
    train, test = split.train.texts.to_list(), split.test.texts.to_list()
    row = {"n_test": float(len(test))}
    for setting, tokenizer in SETTINGS.items():
        classifier = TextClassifier(replace(SYSTEMS["auto"], tokenizer=tokenizer)).fit(train, split.train.names())
        row[setting] = float((classifier.predict(test) == split.test.names()).mean())
    print(f"{name:20} without {row['without']:.4f}  with {row['with']:.4f}", flush=True)
    return row, [*train, *test]


def timed(lots: dict[str, list[str]]) -> dict[str, dict[str, dict[str, float]]]:
    """Seconds from texts to ids by the setting, and how many times as long it takes with it."""

    def ids(texts: list[str], tokenizer: TokenizerConfig) -> float:
        started = time.process_time()
        tokens = Tokenizer(tokenizer)(texts)
        Vocabulary.of(tokens).encode(tokens)
        return time.process_time() - started

    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, texts in lots.items():
        kinds = {"other languages" if name in SENTENCES else "as they are": texts}
        if name not in SENTENCES:
            normal = normalized(texts, lowercase=False)
            kinds["ascii, nothing to do"] = [
                text for text, same in zip(texts, normal, strict=True) if text.isascii() and text == same
            ]
        for kind, chosen in kinds.items():
            some = _about(chosen, N_CHARACTERS)
            seconds = median_seconds({s: partial(ids, some, config) for s, config in SETTINGS.items()}, n_runs=9)
            times = seconds["with"] / seconds["without"]
            found.setdefault(kind, {})[name] = {**seconds, "times": times}
            print(f"{kind:20} {name:20} {times:.3f} times as long", flush=True)
    return found


def _about(texts: list[str], n_characters: int) -> list[str]:
    """So many of the texts, or so many copies of them, that they have about `n_characters`."""
    total = sum(map(len, texts))
    if total < n_characters:
        return texts * -(-n_characters // total)
    return texts[: max(1, len(texts) * n_characters // total)]


if __name__ == "__main__":
    main()
