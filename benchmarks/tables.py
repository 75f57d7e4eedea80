"""Write the tables of the README from the results: benchmarks/results/*.json in, the part between two marks out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from measure import read_result

from bywords.files import write_whole

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- made by benchmarks/tables.py -->", "<!-- end of what benchmarks/tables.py makes -->"


def main() -> None:
    """Replace what stands between the marks."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_whole(README, f"{before}{BEGIN}\n{speed()}\n{accuracy()}\n{many_labels()}\n{sizes()}\n{END}{after}".encode())


def speed() -> str:
    """One row a question, with the script that answers it."""
    ids, training, prediction = read_result("text_to_ids"), read_result("training"), read_result("prediction")
    step, scaling, start, lstm = (read_result(name) for name in ("step", "scaling", "start_up", "lstm"))
    on_disk, kills = read_result("on_disk")["corpora"], read_result("kills")
    peaks = {ending: row["peak_megabytes"].values() for ending, row in read_result("streams")["formats"].items()}
    growth = {ending: many - few for ending, (few, many) in peaks.items()}
    one = prediction["one_text_ms"]
    rows = [
        ("text to ids, 33 MB of reviews", "text_to_ids", f"{mb_a_second(ids, 'bywords'):.0f} MB/s", _times(ids)),
        (
            f"raw texts to a trained model, {training['corpus']}",
            "training",
            f"{training['seconds']['bywords auto']:.1f} s, right on {training['accuracy']['bywords auto']:.1%}",
            "; ".join(
                f"{name} {training['seconds'][name]:.1f} s, {training['accuracy'][name]:.1%}"
                for name in ("fastText", "TF-IDF + LinearSVC")
            ),
        ),
        (
            "raw texts to labels, 20,000 reviews",
            "prediction",
            f"{prediction['n_texts'] / prediction['seconds']['bywords auto']:,.0f} texts/s",
            _times(prediction),
        ),
        (
            "one review to a label",
            "prediction",
            f"{one['bywords auto']['p50']:.2f} ms",
            "; ".join(f"{name} {one[name]['p50']:.2f} ms" for name in ("fastText", "TF-IDF + LinearSVC")),
        ),
        (
            f"a training step, {step['n_rows']['words']:,} rows",
            "step",
            f"{step['nanoseconds_an_id']['words']:.0f} ns an id",
            f"dense Adam {step['nanoseconds_an_id']['words, dense']:.0f} ns",
        ),
        (
            f"the same, {step['n_rows']['words and pairs']:,} rows",
            "step",
            f"{step['nanoseconds_an_id']['words and pairs']:.0f} ns an id",
            f"{step['ratio']:.2f} times that of words alone",
        ),
        (
            "an epoch of the LSTM",
            "lstm",
            f"{lstm['seconds']['ours']:.1f} s",
            "; ".join(f"{share:.2f} of the time of {name}" for name, share in lstm["ours_as_share_of"].items()),
        ),
        ("ten times the documents", "scaling", f"{scaling['times']:.1f} times the time", "–"),
        (
            "a million rows to label, after 10,000",
            "streams",
            f"at most {max(growth.values()):.0f} MB more",
            "; ".join(f"{ending} +{more:.0f} MB" for ending, more in growth.items()),
        ),
        (
            "training on 2 GB of texts, `--on-disk`",
            "on_disk",
            f"{on_disk['2000 MB']['peak_megabytes'] / 1000:.1f} GB of memory",
            f"{on_disk['100 MB']['peak_megabytes'] / 1000:.1f} GB for 100 MB of texts",
        ),
        (
            f"{kills['kills']} trainings killed at random moments, resumed",
            "kills",
            f"{kills['equal']} with equal bits",
            "–",
        ),
        ("`bywords --help`", "start_up", f"{start['seconds']['bywords --help']:.2f} s", "–"),
    ]
    lines = ["| what | bywords | beside it | script |", "|---|---|---|---|"]
    lines += [f"| {what} | **{ours}** | {peers} | `benchmarks/{script}.py` |" for what, script, ours, peers in rows]
    return "\n".join(lines) + "\n"


def accuracy() -> str:
    """One row a corpus."""
    corpora: dict[str, dict[str, Any]] = read_result("accuracy")["corpora"]
    names = list(next(iter(corpora.values())))
    lines = [f"| test accuracy | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for corpus, systems in corpora.items():
        best = max(row["accuracy"] for row in systems.values())
        cells = [
            f"**{row['accuracy']:.3f}**" if row["accuracy"] == best else f"{row['accuracy']:.3f}"
            for row in systems.values()
        ]
        lines.append(f"| {corpus} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def many_labels() -> str:
    """One row a classifier, where documents have any number of labels."""
    lines = ["| F1 on the test part | micro | macro | of a document |", "|---|---|---|---|"]
    for corpus, systems in read_result("many_labels")["corpora"].items():
        for name, row in systems.items():
            cells = [f"{row[measure]:.3f}" for measure in ("micro_f1", "macro_f1", "samples_f1")]
            lines.append(f"| {corpus}: {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def sizes() -> str:
    """One row a corpus, one column a size."""
    corpora: dict[str, dict[str, Any]] = read_result("sizes")["corpora"]
    names = list(next(iter(corpora.values()))["sizes"])
    lines = [f"| test accuracy of a model of | whole | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for corpus, row in corpora.items():
        cells = [f"{found['accuracy']:.3f}" for found in row["sizes"].values()]
        lines.append(f"| {corpus} | {row['accuracy']:.3f} ({row['n_bytes'] / 1e6:.1f} MB) | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def mb_a_second(result: dict[str, Any], name: str) -> float:
    """How much text a second."""
    return float(result["n_bytes"] / result["seconds"][name] / 1e6)


def _times(result: dict[str, Any]) -> str:
    return "; ".join(f"{times:.1f} times as fast as {name}" for name, times in result["times_as_fast_as"].items())


if __name__ == "__main__":
    main()
