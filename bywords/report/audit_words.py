"""A complete audit in, sentences about it out: what is wrong, the worst first, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from bywords.report.numbers import count, decimal, interval, percent, point_interval, points, shorten
from bywords.report.record import Record

_SMALLEST = 0.001  # of the documents: what concerns fewer is on the page, and not worth a sentence
_LEAST_GIVEN_AWAY = 0.03  # accuracy that give-aways bring beyond guessing
_LEAST_KNOWN = 0.9  # of the running words of test
_HTML = 0.05  # of the documents with tags


def summary(audit: Record) -> list[str]:
    """Plain sentences, each computed from the record; where nothing is wrong, one that says what was looked at.

    The last ones say what could not be looked at.
    """
    found = sorted(_problems(audit), key=lambda problem: -problem[0])
    said = [sentence for _, sentence in found]
    if not said:
        looked = [name for name, part in _LOOKED_AT if audit[part]]
        said = [f"Nothing was found wrong. Looked at: {', '.join(looked)}." if looked else "Nothing was looked at."]
    if audit["data"]["test"] is None:
        said.append(
            "No test part was given: what training and test share, and how they differ, was not looked at."
            " Give one with --test."
        )
    return [*said, *audit["notes"]]


_LOOKED_AT = (
    ("duplicates", "duplicates"),
    ("labels", "label_errors"),
    ("give-aways", "leakage"),
    ("drift", "drift"),
    ("lengths, classes, scripts and remains of markup", "profile"),
)


def _problems(audit: Record) -> Iterator[tuple[float, str]]:
    """How bad each problem is, about the share of the documents or answers it spoils, and a sentence about it."""
    for found in (_across, _within, _doubtful, _given_away, _drifted, _classes, _documents):
        yield from found(audit)


def _across(audit: Record) -> Iterator[tuple[float, str]]:
    duplicates = audit["duplicates"]
    across = duplicates and duplicates["across"]
    if not across or not across["n_test_documents"]:
        return
    n, n_test = across["n_test_documents"], audit["data"]["n_test"]
    share = n / n_test if n_test else 1.0
    sentence = (
        f"{count(n)} test documents{f' ({percent(share)})' if n_test else ''} stand in training too, word for word or"
        " nearly: an accuracy that counts them rewards memory."
    )
    accuracy = duplicates["accuracy"]
    if accuracy and accuracy["all"] and accuracy["without"]:
        whole, rest = percent(accuracy["all"]["accuracy"]), percent(accuracy["without"]["accuracy"])
        system = accuracy["system"] or "A quick system"
        if whole == rest:
            sentence += f" Here it makes no difference: {system} is right on {rest} with and without them."
        else:
            sentence += f" Without them {system} is right on {rest} instead of {whole}."
    if across["n_conflicting"]:
        sentence += f" {count(across['n_conflicting'])} of them have another label there."
    yield 2 * share, sentence + " Take them out of the test part before you report a score."


def _within(audit: Record) -> Iterator[tuple[float, str]]:
    train = (audit["duplicates"] or {}).get("train")
    n_train = audit["data"]["n_train"]
    if not train or not n_train:
        return
    n = train["n_exact"] + train["n_near"]
    if n >= _SMALLEST * n_train:
        sentence = f"{count(n)} training documents are the same as another one, or nearly, in"
        sentence += f" {count(train['n_groups'])} {'group' if train['n_groups'] == 1 else 'groups'}."
        sentence += " Keep one of each group, and hold none of a group out to test on what it was trained on."
        yield 0.5 * min(n / n_train, 1), sentence
    if train["n_conflicting"]:
        n, n_same = train["n_conflicting"], train["n_conflicting_exact"]
        sentence = f"In {count(n)} {'group' if n == 1 else 'groups'} of duplicate training texts labels differ"
        yield 2 * n / n_train, sentence + _what_to_do_with_conflicts(n, n_same)


def _what_to_do_with_conflicts(n: int, n_same: int | None) -> str:
    """The rest of a sentence about n groups with unlike labels, in n_same of which they are those of one text."""
    if n_same == 0:
        return ". The texts are alike, not the same, and each label may be right: read them, and decide."
    if n_same == n:
        which = " for the very same text"
    elif n_same is None:
        which = ". Where the texts are the same"
    else:
        which = f", in {count(n_same)} of them for the very same text"
    joint = ", " if n_same is None else ": "
    rest = "" if n_same == n else " Texts that are only alike may each have the right one."
    return f"{which}{joint}one label is wrong, or the text fits both. Decide, or take them out.{rest}"


def _doubtful(audit: Record) -> Iterator[tuple[float, str]]:
    n, n_train = audit["n_doubtful"], audit["data"]["n_train"]
    if not n or not n_train:
        return
    first = audit["label_errors"][0] if audit["label_errors"] else None
    sentence = f"{count(n)} training {'label is' if n == 1 else 'labels are'} doubtful ({percent(n / n_train)}):"
    sentence += " classifiers that did not see the document are more confident of another one."
    if first and first["row"] is not None:
        sentence += (
            f" First to read: row {first['row']}, labelled {shorten(str(first['label']), 60)}, perhaps"
            f" {shorten(str(first['suggested']), 60)}."
        )
    yield n / n_train, sentence + " Read the list from the top, correct what is wrong, and train again."


def _given_away(audit: Record) -> Iterator[tuple[float, str]]:
    leakage = audit["leakage"]
    if not leakage or not leakage["found"]:
        return
    first, rule = leakage["found"][0], leakage["rule"]
    example = f"{first['kind']} “{shorten(str(first['what']), 60)}” stands for {shorten(str(first['class']), 60)}"
    named = giveaways_named(leakage)
    if rule and rule["accuracy"] is not None and rule["guess"] is not None:
        gain = rule["accuracy"] - rule["guess"]
        if gain < _LEAST_GIVEN_AWAY:
            return
        yield (
            gain / max(1 - rule["guess"], 0.01),
            f"{named} ({example})."
            f" Alone that is right on {percent(rule['accuracy'])} of documents that it was not chosen on, where"
            f" guessing is right on {percent(rule['guess'])}. Texts from elsewhere may not have it: take it out before"
            " you train.",
        )
        return
    yield 0.05, f"{named} ({example}). See whether texts from elsewhere have that too; if not, take it out."


def giveaways_named(leakage: Record) -> str:
    """“5 addresses and 1 number give a class away”, by the kinds that were found; the commonest kinds of many."""
    kinds = sorted(leakage["kinds"], key=lambda row: -row["n_patterns"])
    named = [f"{count(row['n_patterns'])} {_kind(row['kind'], row['n_patterns'])}" for row in kinds[:_MOST_KINDS]]
    n_others = leakage["n_found"] - sum(row["n_patterns"] for row in kinds[:_MOST_KINDS])
    if n_others > 0:
        named.append(
            f"{count(n_others)} {'other pattern' if n_others == 1 else 'other patterns'}"
            if named
            else f"{count(n_others)} {'pattern' if n_others == 1 else 'patterns'}"
        )
    listed = " and ".join([*([", ".join(named[:-1])] if named[1:] else []), *named[-1:]])
    return f"{listed} {'gives' if leakage['n_found'] == 1 else 'give'} a class away"


def _kind(kind: str | None, n: int) -> str:
    one, many = _KINDS.get(kind or "", (kind or "pattern", f"{kind or 'pattern'}s"))
    return shorten(one if n == 1 else many, 60)


_MOST_KINDS = 4
_KINDS = {
    "label name": ("name of a label", "names of labels"),
    "address": ("address", "addresses"),
    "person": ("name of a person", "names of persons"),
    "beginning": ("fixed beginning", "fixed beginnings"),
    "end": ("fixed end", "fixed ends"),
    "markup": ("piece of markup", "pieces of markup"),
    "word": ("word that nearly all documents have", "words that nearly all documents have"),
}  # of the others the plural has an s


def _drifted(audit: Record) -> Iterator[tuple[float, str]]:
    drift = audit["drift"]
    if not drift or not drift["is_drift"] or drift["auc"] is None:
        return
    words = [row["word"] for part in ("test", "train") for row in drift["words"][part][:3]] if drift["words"] else []
    named = f" Words that tell them apart: {', '.join(f'“{shorten(word, 30)}”' for word in words)}." if words else ""
    yield (
        2 * (drift["auc"] - 0.5) ** 2,
        f"{drift['verdict'] or 'Test and training documents differ.'}{named} A score on the test part is one for texts"
        " like those of test: decide which part is like the texts to come.",
    )


def _classes(audit: Record) -> Iterator[tuple[float, str]]:
    profile = audit["profile"] or {}
    for lot in profile.get("names_alike") or []:
        names = ", ".join(f"“{shorten(name, 60)}”" for name in lot)
        yield 1.0, f"The labels {names} differ by case or spaces only: if they are one class, give it one name."
    small, n_classes = audit["small_classes"], len(audit["data"]["label_names"] or [])
    if small:
        least = min(small, key=lambda row: row["n_documents"])
        meaning = (profile.get("meaning") or {}).get("small_class")
        sentence = (
            f"{count(len(small))} {'class is' if len(small) == 1 else 'classes are'} too small to learn or to judge"
            f"{f' (fewer than {count(meaning)} documents)' if meaning else ''}: the smallest,"
            f" {shorten(str(least['label']), 60)}, has {count(least['n_documents'])}."
            " Find more documents, or join it with another class."
        )
        yield 0.2 * len(small) / max(n_classes, 1), sentence
    told = [row for row in profile.get("classes") or [] if row["is_told_by_length"] and row["length_auc"] is not None]
    if told:
        most = max(told, key=lambda row: abs(row["length_auc"] - 0.5))
        how, ranked = ("longer" if most["length_auc"] > 0.5 else "shorter"), abs(2 * most["length_auc"] - 1)
        share = most["share"] or 0.0
        yield (
            0.1 * ranked * min(share, 1 - share),
            f"Documents of {shorten(str(most['label']), 60)} are {how} than the others: length alone ranks"
            f" {percent(max(most['length_auc'], 1 - most['length_auc']))} of pairs rightly. A classifier may learn the"
            " length; see that it is not an accident of how the documents were collected.",
        )


def _documents(audit: Record) -> Iterator[tuple[float, str]]:
    profile = audit["profile"] or {}
    train = (profile.get("parts") or {}).get("train")
    without = (audit["without_words"] or {}).get("train") or []
    n_train = audit["data"]["n_train"] or 0
    if without and n_train:
        yield (
            len(without) / n_train,
            f"{count(len(without))} training documents have no words (row {without[0]} is the first): nothing"
            " can be learned from them. Leave them out, or see why their texts are lost.",
        )
    coverage = profile.get("coverage")
    if coverage and coverage["running_words"] is not None and coverage["running_words"] < _LEAST_KNOWN:
        yield (
            1 - coverage["running_words"],
            f"Training has only {percent(coverage['running_words'])} of the running words of test, so that much of what"
            " test documents say is unknown. Pretrained vectors or pieces of words help.",
        )
    if not train or not train["remains"]:
        return
    for name, least, what, advice in (
        ("html_tag", _HTML, "HTML tags in them", "Take the markup out, the same way for the texts to come"),
        ("broken_encoding", _SMALLEST, "signs of a broken encoding", "Read the source again with its right encoding"),
    ):
        share = train["remains"][name]["share"] if train["remains"][name] else None
        if share is not None and share >= least:
            yield 0.1 * share, f"{percent(share)} of the training documents have {what}. {advice}."


def drift_finding(drift: Record) -> str:
    """What the picture of words shows: the surest word of each part."""
    said = []
    for part, other in (("test", "train"), ("train", "test")):
        if drift["words"][part]:
            row = drift["words"][part][0]
            here, there = (decimal(row[f"{name}_per_thousand"], 0) for name in (part, other))
            said.append(
                f"“{shorten(row['word'], 40)}” is in {here} of a thousand {_PART_NAMES[part]} documents"
                f" and in {there} of {_PART_NAMES[other]}"
            )
    return "; ".join(said) + "."


_PART_NAMES = {"train": "training", "test": "test"}


def gain_sentence(accuracy: Record) -> str:
    """What the duplicates are worth in accuracy."""
    gain = accuracy["gain"]
    if not gain or gain["difference"] is None:
        return ""
    sentence = f"To learn from them changes the accuracy on all test documents by {points(gain['difference'])} points"
    if gain["interval"] and None not in gain["interval"]:
        sentence += f" (95 % interval: {point_interval(gain['interval'])})"
    return sentence + "."


def rule_sentence(rule: Record) -> str:
    """How far the give-aways alone go."""
    return (
        f"Chosen on one half of the documents and asked about the other, they speak about {count(rule['n_decided'])} of"
        f" {count(rule['n_documents'])} documents"
        + (f" and are right on {percent(rule['accuracy_of_decided'])} of those" if rule["n_decided"] else "")
        + f". With the commonest class of the rest for the others that is an accuracy of {percent(rule['accuracy'])}"
        + (f" (95 % interval: {interval(rule['interval'])})" if rule["interval"] else "")
        + f"; always guessing that class is right on {percent(rule['guess'])}."
    )
