"""benchmarks/results/*.json → the tables of README.md and docs/, between marks."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import RESULTS, read_result

from bywords.files import write_whole
from bywords.systems import SYSTEMS

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- {}: made by benchmarks/tables.py -->", "<!-- end of {} -->"
PUBLISHED = {  # accuracies of the lab that bywords grew out of; lab/parts.py has them as they were published
    "averaging": ".743",
    "averaging-glove": ".776",
    "averaging-glove-frozen": ".561",
    "glove-mean": ".727 (validation)",
    "lstm": ".270",
    "word2vec-mean": ".618 (validation)",
}

PARTS = ("one part", "2 parts", "3 parts", "7 parts")  # of `in_parts.py`
PROCESSORS, GIGABYTES_A_SECOND, N_ROWS = 16, 1.25, 600_000  # of a machine; of its network, 10 Gbit; of a model on disk

# Scripts whose results are older than the code: their rows are left out until they are run and taken from here.
OUTDATED = {
    "audit", "duplicates", "faults", "kills", "label_trees", "lstm", "on_disk", "scaling", "step", "systems",
}  # fmt: skip


def main() -> None:
    """Replace what is between the marks."""
    tables: dict[tuple[str, str], list[Callable[[], str]]] = {
        ("README.md", "accuracy"): [accuracy],
        ("docs/trust.md", "reliability"): [reliability],
        ("docs/benchmarks.md", "speed"): [
            speed,
            *(make for make in (sizes, many_labels, label_trees) if make.__name__ not in OUTDATED),
        ],
        ("docs/benchmarks.md", "commands"): [whole_commands],
        ("docs/benchmarks.md", "texts"): [normalization],
        ("docs/benchmarks.md", "columns"): [side_columns],
        ("docs/benchmarks.md", "crafted"): [crafted],
        ("docs/systems.md", "systems"): [systems],
        ("docs/large-data.md", "limits"): [limits],
        ("docs/large-data.md", "one machine"): [one_machine],
        ("docs/scale.md", "reading to train"): [reading_to_train],
        ("docs/large-data.md", "vectors on disk"): [vectors_on_disk],
        ("docs/scale.md", "fit in parts"): [fit_in_parts],
        ("docs/scale.md", "averaging in parts"): [averaging_in_parts],
        ("docs/scale.md", "terabyte"): [terabyte],
    }
    for (page, name), makers in tables.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        before, start, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END.format(name))
        if not end:
            raise SystemExit(f"{page}: expected the marks of {name!r}")
        parts = [f"{before}{start}", *(make() for make in makers), f"{end}{after}"]
        write_whole(ROOT / page, "\n".join(parts).encode())


def reliability() -> str:
    """One row a promise of how sure, why, and what is wrong, with the script that holds it."""
    intervals, calibration = read_result("intervals"), read_result("calibration")["corpora"]
    explanations, audit = read_result("explanations"), read_result("audit")
    explained, n_reviews = explanations["systems"], explanations["n_reviews"]
    joined, drift = read_result("duplicates"), read_result("drift")
    curve, forms = read_result("learning_curve")["summary"], read_result("leakage")["forms"]
    shares = [share for row in intervals["rows"] if row["is_claimed"] for share in row["covered"].values()]
    errors = {name: calibration[name]["auto"] for name in ("20newsgroups-6", "imdb")}
    asked, by_share = (
        read_result("operating_points")["corpora"]["all"][way] for way in ("assured", "by the share alone")
    )
    exact, deep = explained["auto"], explained["dan"]
    flipped = {name: [row["in_first_tenth"] for row in found["labels"]] for name, found in audit["corpora"].items()}
    planted = {name: found["duplicates"] for name, found in audit["corpora"].items()}
    rule = {form: forms[form]["rule"]["accuracy"] for form in ("untouched", "stripped")}
    rows = [
        (
            "95 % intervals of scores and differences, in 1,000 drawn test sets each",
            "intervals",
            f"cover in {min(shares):.1%} to {max(shares):.1%}",
        ),
        (
            "calibration error of `auto`, mean of three seeds",
            "calibration",
            "; ".join(f"{name} {row['error']:.3f}, before {row['error before']:.3f}" for name, row in errors.items()),
        ),
        (
            f"{asked['n']:,} precisions and recalls asked of labels by `--at-least`; by the share held out alone",
            "operating_points",
            f"kept on test documents in {asked['kept']:.1%}; {by_share['kept']:.1%}",
        ),
        (
            f"label of {n_reviews} reviews changed by taking out the three highest words; three random ones",
            "explanations",
            f"{exact['changed_by_highest']:.1%}; {exact['changed_by_random']:.1%} (`auto`), "
            f"{deep['changed_by_highest']:.1%}; {deep['changed_by_random']:.1%} (`dan`)",
        ),
        (
            "what the numbers of an explanation miss of the logit, at most",
            "explanations",
            f"{exact['largest_gap']:.0e} (`auto`, exact), {deep['largest_gap']:.0e} (`dan`, integrated gradients)",
        ),
        (
            "5 % of the labels flipped: in the first tenth of the ranking",
            "audit",
            "; ".join(f"{name} {min(found):.0%} to {max(found):.0%}" for name, found in flipped.items()),
        ),
        (
            "200 near duplicates planted with one word changed: found; false alarms",
            "audit",
            "; ".join(
                f"{name} {found['found']['one word']:.1%}; {found['n_false_alarms']}" for name, found in planted.items()
            ),
        ),
        (
            f"all pairs of near duplicates of {joined['n_reviews'] + joined['n_copies']:,} reviews, beside MinHash",
            "duplicates",
            f"{joined['recall']['join']:.1%} of them in {joined['seconds']['join']:.1f} s; "
            f"{joined['recall']['minhash']:.1%} in {joined['seconds']['minhash']:.1f} s",
        ),
        (
            f"`bywords audit` of {audit['n_documents']:,} reviews, the whole command",
            "audit",
            f"{audit['command_seconds']:.1f} s",
        ),
        (
            "20 Newsgroups by addresses, names and headers alone; the same stripped of them",
            "leakage",
            f"right on {rule['untouched']:.1%}; {rule['stripped']:.1%}",
        ),
        (
            "test told from training by its words, 20 Newsgroups by date (AUC)",
            "drift",
            f"{drift['differ']['20newsgroups by date']['auc']:.3f}",
        ),
        (
            f"forecast of a learning curve for twice the documents, {curve['n_cases']} cases",
            "learning_curve",
            f"interval held {curve['held']:.0%}; off by {100 * curve['root_mean_square_error']:.1f} points, "
            f"“no change” by {100 * curve['of_no_change']:.1f}",
        ),
    ]
    lines = ["| what | seen | script |", "|---|---|---|"]
    lines += [
        f"| {what} | **{seen}** | `benchmarks/{script}.py` |" for what, script, seen in rows if script not in OUTDATED
    ]
    return "\n".join(lines) + "\n"


def limits() -> str:
    """One row an input that is huge in one way: what came out, how long it took, and what it took of memory."""
    found = read_result("load_limits")
    over = {"time": f"not done in {found['most_seconds']} s", "memory": f"more than {found['most_megabytes']:,} MB"}
    lines = ["| fed | to | what came out | s | MB |", "|---|---|---|---|---|"]
    for row in found["rows"]:
        came_out = over.get(row["code"], "an answer" if row["code"] == 0 else row["said"].replace("|", "\\|"))
        cost = f"{row['processor_seconds']:.1f} | {row['megabytes']:,}"
        lines.append(f"| {row['case']} | `{row['command']}` | {came_out} | {cost} |")
    return "\n".join(lines) + "\n"


def one_machine() -> str:
    """What training and auditing on disk took: each pass by the GB, whole runs, and what the passes foretell."""
    training, audits = read_result("on_disk_auto"), read_result("duplicates_on_disk")["rows"]
    rows, passes = training["rows"], training["passes"]["seconds"]
    smallest, timed_on = rows[0]["n_megabytes"], training["passes"]["n_megabytes"]
    on_disk = training["passes"]["id_bytes"] / timed_on / 1e6
    lines = ["| pass of `auto` | reads | s of a processor for each GB |", "|---|---|---|"]
    reads = {"counting words": "the file", "fitting and judging candidates": "its ids once, then their bags"}
    lines += [
        f"| {what} | {reads.get(what, 'the tokens that were kept')} | {1000 * seconds / timed_on:.0f} |"
        for what, seconds in passes.items()
        if what != "start"
    ]
    lines += ["", f"What stays in the folder: {on_disk:.1f} bytes for each of the texts.", ""]
    lines += ["| what | s of the processor | foretold | s | MB of memory | right on |", "|---|---|---|---|---|---|"]
    for row in rows:
        foretold = training["foretold"].get(str(row["n_megabytes"])) if row["way"] == "on disk" else None
        is_told = foretold is not None and row["n_megabytes"] != smallest
        epochs = f", {row['n_epochs']} epoch{'s'[: row['n_epochs'] > 1]}" if "n_epochs" in row else ""
        lines.append(
            f"| {row['n_megabytes']:,} MB, {row['way']}{epochs} | {row['processor_seconds']:.0f} | "
            f"{f'{foretold:.0f}' if is_told else ''} | {row['seconds']:.0f} | {row['peak_megabytes']:,.0f} | "
            f"{row['accuracy']:.3f} |"
        )
    lines += ["", "| audit | s of the processor | s | MB of memory | planted pairs found |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['n_texts']:,} texts, {row['memory'] + ' on disk' if row['is_on_disk'] else 'in memory'} | "
        f"{row['processor_seconds']:.0f} | {row['seconds']:.0f} | {row['peak_megabytes']:,.0f} | "
        f"{row['n_found']:,} of {row['n_planted']:,} |"
        for row in audits
    ]
    return "\n".join(lines) + "\n"


def vectors_on_disk() -> str:
    """What training a mean of word vectors on disk took, and how near it is to that of memory."""
    result = read_result("vectors_on_disk")
    lines = ["| what | s of the processor | s | MB of memory | right on |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['n_megabytes']:,} MB, {row['way']} | {row['processor_seconds']:.0f} | {row['seconds']:.0f} | "
        f"{row['peak_megabytes']:,.0f} | {row['accuracy']:.3f} |"
        for row in result["runs"]
    ]
    lines += [
        "",
        "| the same documents | parts | labels of memory | logits apart from memory | labels of the optimum |",
    ]
    lines += ["|---|---|---|---|---|"]
    for name, found in result["parts"].items():
        lines.append(f"| {name}, in memory | | | | {found['same_as_optimum']:.2%} |".replace("%", " %"))
        for row in found["rows"]:
            shares = f"{row['same']:.2%} | {row['apart']:.0e} | {row['same_as_optimum']:.2%}".replace("%", " %")
            lines.append(f"| {name} | {row['note'].split()[2]} | {shares} |")
    return "\n".join(lines) + "\n"


def fit_in_parts() -> str:
    """How a fit in parts differs from others of the same documents, and what it takes."""
    result = read_result("in_parts")
    lines = ["| SVM | one part, as without `--parts` | 2 parts | 3 parts | 7 parts |", "|---|---|---|---|---|"]
    for name, its in (("", result["SVM"]), ("naive Bayes SVM: ", result["naive Bayes SVM"])):
        for what, key, told in (
            ("costs beyond the optimum, at worst", "costs beyond the optimum", "{:.3%}"),
            ("labels held out that are those of the optimum", "labels of the optimum", "{:.2%}"),
            ("right on", "accuracy", "{:.1%}"),
            ("rounds, mean", "rounds", "{:.0f}"),
            ("seconds of the processor, of those of one part", "times the processor seconds of one", "{:.1f}"),
        ):
            worst = "worst " if "worst" in what else ""
            values = [its.get(f"{worst if which != 'one part' else ''}{which}: {key}") for which in PARTS]
            cells = [f"{told.format(value)}".replace("%", " %") if value is not None else "" for value in values]
            lines.append(f"| {name}{what} | {' | '.join(cells)} |")
    its = result["workers"]
    lines += [
        "",
        f"On {its['n_documents']:,} documents in 2 parts, {its['rounds']} rounds, one worker took "
        f"{its['local:1 of one part']:.1f} times as long as the solver of one part, and two workers "
        f"{its['local:2 of one part']:.1f} times: two took {its['two_of_one']:.2f} of the time of one. Two workers "
        "that each fit a machine of its own part, without a word to each other, took "
        f"{its['slower_beside_another']:.2f} times as long as one of them alone: so much the two processors have in "
        "common, their memory above all. The command, "
        f"which merges, used a processor for {its['share_of_merging']:.0%} of the time. A round moved "
        f"{its['bytes_out_a_round'] / 1e6:.2f} MB out and {its['bytes_back_a_round'] / 1e6:.2f} MB back.",
    ]
    return "\n".join(lines) + "\n"


def reading_to_train() -> str:
    """What the command of `train --on` does for each GB of a file, by passes."""
    training = read_result("cluster")["training"]
    cells = {(kind, way): training[kind][way]["command"] for kind in ("csv", "jsonl") for way in ("workers", "texts")}
    heads = [f"{kind}, {'workers read' if way == 'workers' else 'the command reads'}" for kind, way in cells]
    lines = [f"| seconds of a processor a GB | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for what in ("looking at labels", "counting words", "counting n-grams", "writing ids"):
        shown = [f"{its[what]:.1f}" if what in its else "" for its in cells.values()]
        lines.append(f"| {what} | {' | '.join(shown)} |")
    in_all = [f"{training[kind][way]['in_all']:.1f}" for kind, way in cells]
    lines.append(f"| the command in all | {' | '.join(in_all)} |")
    workers = [f"{training[kind][way]['workers']:.0f}" for kind, way in cells]
    lines.append(f"| the workers | {' | '.join(workers)} |")
    moved = [training[kind]["gb_moved_per_gb"] for kind in ("csv", "jsonl")]
    out, back = (" and ".join(f"{its[which]:.2f}" for its in moved) for which in ("out", "back"))
    lines += [
        "",
        f"From {training['csv']['n_bytes'] / 1e6:,.0f} MB of csv and {training['jsonl']['n_bytes'] / 1e6:,.0f} MB of "
        f"JSON lines. Where workers read, {out} GB go out for each GB, and {back} GB come back, the ids above all.",
    ]
    return "\n".join(lines) + "\n"


def averaging_in_parts() -> str:
    """How often averaging models in parts are right, and what workers bring."""
    result = read_result("data_parallel")
    lines = [
        "| | one part, as without `--parts` | 2 parts | 3 parts | 7 parts | spread of one part |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("imdb", "20newsgroups", "trec6"):
        for system, its in result[name].items():
            means = [f"{statistics.fmean(of_parts['accuracy']):.1%}".replace("%", " %") for of_parts in its.values()]
            spread = 100 * statistics.stdev(its["1"]["accuracy"])
            lines.append(f"| {name}, `{system}` | {' | '.join(means)} | ± {spread:.1f} |")
    workers = result.get("workers", {})  # measured apart, on a machine that is not too busy
    for system, its in ((name, its) for name, its in workers.items() if isinstance(its, dict)):
        pairs = zip(its["seconds"]["two workers"], its["seconds"]["one worker"], strict=True)
        ratios = ", ".join(f"{two / one:.2f}" for two, one in pairs)
        lines += [
            "",
            f"On a machine busy with other work, load {workers['load']:.0f} on two processors, an epoch of "
            f"`{system}` on {its['n_documents']:,} reviews in 2 parts took one worker "
            f"{its['one_worker_of_one_part']:.2f} times as long as a fit without parts, and two workers "
            f"{its['two_of_one']:.2f} times as long as one, the median of {ratios}. Two that "
            "each train a model of their own, without a word to each other, took "
            f"{its['slower_beside_another']:.2f} times as long as one of them alone: most of the second processor had "
            f"other work. Each of {its['rounds']} rounds "
            f"moved {its['bytes_out_a_round'] / 1e6:.1f} MB out and {its['bytes_back_a_round'] / 1e6:.1f} MB back, of "
            f"a model of {its['n_words']:,} words.",
        ]
    return "\n".join(lines) + "\n"


def terabyte() -> str:
    """What training `auto` on a terabyte would take, by what passes and rounds took here."""
    training, fits, n_gb = read_result("on_disk_auto"), read_result("in_parts")["workers"], 1000
    megabytes, read = training["passes"]["n_megabytes"], read_result("cluster")["training"]["jsonl"]
    fitting = training["passes"]["seconds"]["fitting and judging candidates"] / megabytes * 1000
    fitting *= fits["local:1 of one part"]
    encoding, command = read["workers"]["workers"], read["workers"]["in_all"]
    moved = sum(read["gb_moved_per_gb"].values())
    ids, bags = training["passes"]["id_bytes"] / megabytes / 1e6, fits["n_ids"] * 8 / fits["n_bytes"]
    a_round = (fits["bytes_out_a_round"] + fits["bytes_back_a_round"]) / 2 / 2 / fits["n_words"]  # 2 parts, 2 ways
    lines = [f"| 1 TB, machines of {PROCESSORS} processors | 10 machines | 100 machines |", "|---|---|---|"]
    rows: dict[str, Callable[[int], str]] = {
        "workers: words, n-grams and ids, hours": lambda n: f"{encoding * n_gb / (n * PROCESSORS) / 3600:.2f}",
        "workers: fits of the candidates in parts, hours": lambda n: f"{fitting * n_gb / (n * PROCESSORS) / 3600:.2f}",
        "workers: bags in the memory of a machine, GB": lambda n: f"{bags * n_gb / n:,.0f}",
        "command: draws, sums of counts, ids written, hours": lambda n: f"{command * n_gb / 3600:.1f}",
        f"command: moved to workers and back, {GIGABYTES_A_SECOND} GB a second, hours": (
            lambda n: f"{moved * n_gb / GIGABYTES_A_SECOND / 3600:.1f}"
        ),
        "command: disk for the ids, TB": lambda n: f"{ids * n_gb / 1000:.1f}",
        f"command: moved by a fit of {N_ROWS:,} words and n-grams and two classes, GB": (
            lambda n: f"{2 * a_round * N_ROWS * fits['rounds'] * n * PROCESSORS / 1e9:,.0f}"
        ),
    }
    lines += [f"| {what} | {of(10)} | {of(100)} |" for what, of in rows.items()]
    return "\n".join(lines) + "\n"


def speed() -> str:
    """One row a question, with the script that answers it."""
    ids, training, prediction = read_result("text_to_ids"), read_result("training"), read_result("prediction")
    step, scaling, start, lstm = (read_result(name) for name in ("step", "scaling", "start_up", "lstm"))
    on_disk, kills, faults = read_result("on_disk")["corpora"], read_result("kills"), read_result("faults")
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
        (
            f"{faults['kills']['kills']} saves over an old model, killed at each change of the disk",
            "faults",
            f"{faults['kills']['whole']} times the old or the new one, whole",
            "–",
        ),
        (
            f"{faults['pairs']['pairs']} pairs of commands that write to one place",
            "faults",
            f"{faults['pairs']['whole']} whole files",
            "–",
        ),
        ("`bywords --help`", "start_up", f"{start['seconds']['bywords --help']:.2f} s", "–"),
    ]
    lines = ["| what | bywords | beside it | script |", "|---|---|---|---|"]
    lines += [
        f"| {what} | **{ours}** | {peers} | `benchmarks/{script}.py` |"
        for what, script, ours, peers in rows
        if script not in OUTDATED
    ]
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
            cells = [f"{row[metric]:.3f}" for metric in ("micro_f1", "macro_f1", "samples_f1")]
            lines.append(f"| {corpus}: {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def label_trees() -> str:
    """One row a learner of very many labels, on generated texts."""
    lines = [
        "| generated texts × labels | P@1 | P@3 | P@5 | s to learn | s of processor | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, systems in read_result("label_trees")["generated"].items():
        for name, row in systems.items():
            cells = [f"{row[f'p@{k}']:.3f}" for k in (1, 3, 5)]
            cells += [f"{row['fit_seconds']:.1f}", f"{row['cpu_seconds']:.1f}", f"{row['peak_bytes'] / 1e6:,.0f}"]
            lines.append(f"| {size.replace('x', ' × ')}: {name} | {' | '.join(cells)} |")
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


def systems() -> str:
    """One row a system, the most accurate first; without what was measured, where that is outdated."""
    result = read_result("systems")
    is_old = "systems" in OUTDATED
    rows = sorted(result["systems"].items(), key=lambda pair: -pair[1]["accuracy"])
    measured = [] if is_old else ["**bywords**", "over seeds", "seconds to fit"]
    names = ["system", "what it is", "the lab", *measured]
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for name, row in rows:
        spread = row["accuracy_spread"]
        cells = [f"`{name}`", SYSTEMS[name].description, PUBLISHED.get(name, "–")]
        if not is_old:
            cells += [f"**{row['accuracy']:.3f}**", f"{spread['min']:.3f} to {spread['max']:.3f}"]
            cells.append(f"{row['fit_seconds']:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def whole_commands() -> str:
    """One row a command; a line that says so where it has not been measured yet."""
    if not (RESULTS / "whole_commands.json").exists():
        return "Not measured yet: `python benchmarks/whole_commands.py`.\n"
    result = read_result("whole_commands")
    lines = [
        f"| {result['data']} | seconds | fastText | share of its time | memory |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `bywords {name}` | **{row['seconds']:.2f}** | {row['peer']}: {row['peer_seconds']:.2f} | "
        f"**{row['ratio']:.2f}** | {row['megabytes']:.0f} MB |"
        for name, row in result["commands"].items()
    ]
    return "\n".join(lines) + "\n"


def crafted() -> str:
    """One row a kind of model: what came of crafted folders; a line that says so where none were made yet."""
    if not (RESULTS / "fuzz_models.json").exists():
        return "Not measured yet: `python benchmarks/fuzz_models.py`.\n"
    lines = [
        "| model | crafted folders | refused | answered | signals | tracebacks | over 10 s | over 1 GB | no numbers |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    outcomes = ("folders", "refused", "answered", "signal", "traceback", "hang", "memory", "no number")
    for kind, found in read_result("fuzz_models")["kinds"].items():
        lines.append(f"| {' | '.join([kind, *(f'{found[outcome]:,}' for outcome in outcomes)])} |")
    return "\n".join(lines) + "\n"


def normalization() -> str:
    """Accuracy and time with the normalisation, against without."""
    result = read_result("normalization")
    lines = ["| corpus | accuracy without | with | time of text to ids, with / without |", "|---|---|---|---|"]
    times = result["times"]
    for name, row in result["accuracy"].items():
        whole, plain = (times[lot][name]["times"] for lot in ("as they are", "ascii, nothing to do"))
        accuracies = f"{row['without']:.4f} | {row['with']:.4f}"
        lines.append(f"| {name} | {accuracies} | {whole:.2f}; where nothing is to do {plain:.2f} |")
    mean = result["mean_accuracy"]
    others = ", ".join(f"{name} {row['times']:.2f}" for name, row in times["other languages"].items())
    lines.append(f"| mean | {mean['without']:.4f} | {mean['with']:.4f} | {others} |")
    return "\n".join(lines) + "\n"


def side_columns() -> str:
    """Accuracy by what of a table is read."""
    result = read_result("side_columns")
    lines = ["| table | read | accuracy | gain (95 % interval) |", "|---|---|---|---|"]
    for corpus, name in (("made", "made, with half of the label in a column"), ("20newsgroups-full",) * 2):
        gain = result[corpus]["gain"]
        low, high = gain["interval"]
        for read, accuracy in result[corpus]["accuracy"].items():
            more = (
                f"over {gain['over']}: {gain['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
                if read == gain["of"]
                else ""
            )
            lines.append(f"| {name} | {read} | {accuracy:.3f} | {more} |")
    return "\n".join(lines) + "\n"


def mb_a_second(result: dict[str, Any], name: str) -> float:
    """How much text a second."""
    return float(result["n_bytes"] / result["seconds"][name] / 1e6)


def _times(result: dict[str, Any]) -> str:
    return "; ".join(f"{times:.1f} times as fast as {name}" for name, times in result["times_as_fast_as"].items())


if __name__ == "__main__":
    main()
