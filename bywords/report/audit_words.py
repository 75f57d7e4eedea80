"""The record of an audit → sentences about it: what is wrong, the worst first, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from bywords.records.audit import AuditRecord, Drift, DuplicateImpact, Leakage, LeakageRule, Profile
from bywords.records.base import Part
from bywords.report.formats import count, decimal, interval, percent, point_interval, points
from bywords.terminal import shorten

Problem = tuple[float, str]  # about the share of the documents or answers that it spoils, and a sentence about it

_SMALLEST = 0.001  # of the documents: what concerns fewer is on the page, and not worth a sentence
_LEAST_LEAKED = 0.03  # accuracy that leakage brings beyond guessing
_SHORT_TOKENS = 30
_MAY_BE_TOPIC = "In texts this short that may be what they are about: read some, and leave it in if it is."
_LEAST_KNOWN = 0.9  # of the tokens of test
_HTML = 0.05  # of the documents with tags


def summary(audit: AuditRecord) -> list[str]:
    """Plain sentences, each computed from the record; where nothing is wrong, one that says what was looked at.

    The last ones say what could not be looked at.
    """
    said = [sentence for _, sentence in sorted(_problems(audit), key=lambda problem: -problem[0])]
    if not said:
        labels, drift = "labels, " if audit.label_errors else "", "drift, " if audit.drift else ""
        said = [
            f"Nothing was found wrong. Looked at: duplicates, {labels}leakage, {drift}lengths, classes, scripts and"
            " remains of markup."
        ]
    if audit.data.test is None:
        said.append(
            "There was no test part, so what training and test share, and how they differ, was not looked at."
            " Give one with --test."
        )
    return [*said, *audit.notes]


def _problems(audit: AuditRecord) -> Iterator[Problem]:
    for found in (_across, _within, _label_errors, _leaked, _drifted, _classes, _documents):
        yield from found(audit)


def _across(audit: AuditRecord) -> Iterator[Problem]:
    across, impact = audit.duplicates.across, audit.duplicates.impact
    if across is None or not across.n_test_documents:
        return
    share = across.n_test_documents / audit.data.n_test
    are = "is" if across.n_test_documents == 1 else "are"
    said = (
        f"{count(across.n_test_documents, 'test document')} ({percent(share)}) {are} in training too, word for word or"
        " nearly: an accuracy that counts them rewards memory."
    )
    if impact is not None:
        whole, rest = percent(impact.all_documents.accuracy), percent(impact.without_duplicates.accuracy)
        if whole == rest:
            said += f" Here it makes no difference: a {impact.system} is right on {rest} with and without them."
        else:
            said += f" Without them a {impact.system} is right on {rest} instead of {whole}."
    if across.n_conflicting:
        have = "has" if across.n_conflicting == 1 else "have"
        said += f" {count(across.n_conflicting)} of them {have} another label there."
    yield 2 * share, said + " Take them out of the test part before you report a score."


def _within(audit: AuditRecord) -> Iterator[Problem]:
    train, n_train = audit.duplicates.train, audit.data.n_train
    n = train.n_exact + train.n_near
    if n >= _SMALLEST * n_train:
        yield (
            0.5 * n / n_train,
            f"{count(n, 'training document')} {'is' if n == 1 else 'are'} the same as another one, or nearly, in"
            f" {count(train.n_groups, 'group')}. Keep one of each group, and hold none of a group out to test on what"
            " it was trained on.",
        )
    n, n_same = train.n_conflicting, train.n_conflicting_exact
    if not n:
        return
    said = f"In {count(n, 'group')} of duplicate training texts labels differ"
    if not n_same:
        said += ". The texts are alike, not the same, and each label may be right: read them, and decide."
    else:
        which = " for the very same text" if n_same == n else f", in {count(n_same)} of them for the very same text"
        said += f"{which}: one label is wrong, or the text fits both. Decide, or take them out."
        said += "" if n_same == n else " Texts that are only alike may each have the right one."
    yield 2 * n / n_train, said


def _label_errors(audit: AuditRecord) -> Iterator[Problem]:
    n, share = audit.n_flagged, audit.n_flagged / audit.data.n_train
    if not n:
        return
    first = audit.label_errors[0]
    yield (
        share,
        f"{count(n, 'training label')} {'is' if n == 1 else 'are'} likely wrong ({percent(share)}): classifiers that"
        f" did not see the document are more confident of another one. First to read: row {first.row}, labelled"
        f" {shorten(first.label, 60)}, perhaps {shorten(first.suggested, 60)}. Read the list from the top, correct what"
        " is wrong, and train again.",
    )


def _leaked(audit: AuditRecord) -> Iterator[Problem]:
    leakage = audit.leakage
    if not leakage.found:
        return
    first, rule, named = leakage.found[0], leakage.rule, leakage_named(leakage)
    may_be_topic = is_short(audit) and first.kind in ("beginning", "end")
    example = f"{first.kind} “{shorten(first.what, 60)}” means {shorten(first.label, 60)}"
    if rule is None:
        advice = "See whether texts from elsewhere have that too; if not, take it out."
        yield 0.05, f"{named} ({example}). {_MAY_BE_TOPIC if may_be_topic else advice}"
    elif rule.accuracy - rule.guess >= _LEAST_LEAKED:
        advice = "Texts from elsewhere may not have it: take it out before you train."
        yield (
            (rule.accuracy - rule.guess) / max(1 - rule.guess, 0.01),
            f"{named} ({example}). Alone that is right on {percent(rule.accuracy)} of documents that it was not chosen"
            f" on, where guessing is right on {percent(rule.guess)}. {_MAY_BE_TOPIC if may_be_topic else advice}",
        )


def is_short(audit: AuditRecord) -> bool:
    """Whether half of the training texts are so short that their first words may be all that they are about."""
    tokens = audit.profile.parts["train"].tokens
    return tokens is not None and tokens.median <= _SHORT_TOKENS


def leakage_named(leakage: Leakage) -> str:
    """“5 addresses and 1 number give a class away”, by the kinds that were found; the commonest kinds of many."""
    kinds = sorted(leakage.kinds, key=lambda row: -row.n_patterns)[:_MOST_KINDS]
    named = [count(row.n_patterns, *_KINDS.get(row.kind, (shorten(row.kind, 60),))) for row in kinds]
    n_others = leakage.n_found - sum(row.n_patterns for row in kinds)
    if n_others > 0:
        named.append(count(n_others, "other pattern" if named else "pattern"))
    listed = " and ".join([*([", ".join(named[:-1])] if named[1:] else []), *named[-1:]])
    return f"{listed} {'gives' if leakage.n_found == 1 else 'give'} a class away"


_MOST_KINDS = 4
_KINDS = {
    "label name": ("name of a label", "names of labels"),
    "address": ("address", "addresses"),
    "person": ("name of a person", "names of persons"),
    "beginning": ("fixed beginning", "fixed beginnings"),
    "end": ("fixed end", "fixed ends"),
    "markup": ("piece of markup", "pieces of markup"),
    "column": ("value of a column", "values of columns"),
    "word": ("word that nearly all documents have", "words that nearly all documents have"),
}  # of the others the plural has an s


def _drifted(audit: AuditRecord) -> Iterator[Problem]:
    drift = audit.drift
    if drift is None or not drift.is_drift or drift.auc is None:
        return
    words = [f"“{shorten(row.word, 30)}”" for row in [*drift.words["test"][:3], *drift.words["train"][:3]]]
    named = f" Words that tell them apart: {', '.join(words)}." if words else ""
    yield (
        2 * (drift.auc - 0.5) ** 2,
        f"{drift.verdict}{named} A score on the test part is one for texts like those of test: decide which part is"
        " like the texts to come.",
    )


def _classes(audit: AuditRecord) -> Iterator[Problem]:
    for lot in audit.profile.names_alike:
        names = ", ".join(f"“{shorten(name, 60)}”" for name in lot)
        yield 1.0, f"The labels {names} differ by case or spaces only: if they are one class, give it one name."
    small = audit.small_classes
    if small:
        few = count(audit.profile.limits.small_class, "document")
        yield (
            0.2 * len(small) / len(audit.data.label_names),
            f"{count(len(small), 'class is', 'classes are')} too small to learn or to judge (fewer than {few}): the"
            f" smallest, {shorten(small[0].label, 60)}, has {count(small[0].n_train)}. Find more documents, or join it"
            " with another class.",
        )
    told = [
        (max(row.length_auc, 1 - row.length_auc), row)
        for row in audit.profile.classes
        if row.is_told_by_length and row.length_auc is not None
    ]
    if told:
        auc, most = max(told, key=lambda pair: pair[0])
        how, share = "longer" if most.length_auc == auc else "shorter", most.share or 0.0
        yield (
            0.1 * (2 * auc - 1) * min(share, 1 - share),
            f"Documents of {shorten(most.label, 60)} are {how} than the others: length alone ranks {percent(auc)} of"
            " pairs rightly. A classifier may learn the length; see that it is not an accident of how the documents"
            " were collected.",
        )


def _documents(audit: AuditRecord) -> Iterator[Problem]:
    without, n_train, profile = audit.without_words["train"], audit.data.n_train, audit.profile
    if without:
        have = count(len(without), "training document has", "training documents have")
        first = "" if len(without) == 1 else " is the first"
        yield (
            len(without) / n_train,
            f"{have} no words (row {without[0]}{first}): nothing can be learned from them. Leave them out, or see why"
            " their texts are lost.",
        )
    known = profile.known_words.tokens_share if profile.known_words else None
    if known is not None and known < _LEAST_KNOWN:
        yield (
            1 - known,
            f"Training has only {percent(known)} of the tokens of test, so that much of what test documents say is"
            " unknown. Pretrained vectors or character n-grams help.",
        )
    remains = profile.parts["train"].remains
    for found, least, what, advice in (
        (remains.html_tag, _HTML, "HTML tags in them", "Take the markup out, the same way for the texts to come"),
        (
            remains.broken_encoding, _SMALLEST, "signs of a broken encoding",
            "Read the source again with its right encoding",
        ),
    ):  # fmt: skip
        if found.share is not None and found.share >= least:
            yield 0.1 * found.share, f"{percent(found.share)} of the training documents have {what}. {advice}."


def drift_finding(drift: Drift) -> str:
    """What the picture of words shows: the surest word of each part."""
    said = []
    sides: tuple[tuple[Part, str, str], ...] = (("test", "test", "training"), ("train", "training", "test"))
    for part, here, there in sides:
        for row in drift.words[part][:1]:
            shares = [decimal(row.test_per_thousand, 0), decimal(row.train_per_thousand, 0)]
            one, other = shares if part == "test" else shares[::-1]
            said.append(
                f"“{shorten(row.word, 40)}” is in {one} of a thousand {here} documents and in {other} of {there}"
            )
    return "; ".join(said) + "."


def lengths_finding(profile: Profile) -> str:
    """The classes with the shortest and the longest documents."""
    known = sorted((row.median_tokens, row.label) for row in profile.classes if row.median_tokens is not None)
    if not known:
        return "Documents of each class by their tokens."
    (short, shortest), (long, longest) = known[0], known[-1]
    if short == long:
        which = shorten(longest, 40) if len(known) == 1 else "each class"
        return f"Half of the documents of {which} have at most {count(long, 'token')}."
    return (
        f"The longest documents are those of {shorten(longest, 40)}, with a median of {count(long, 'token')}, the"
        f" shortest those of {shorten(shortest, 40)}, with {count(short)}."
    )


def gain_sentence(impact: DuplicateImpact) -> str:
    """What learning from the duplicates changes."""
    if impact.gain is None:
        return ""
    return (
        f"Learning from them changes the accuracy on all test documents by {points(impact.gain.difference)} points"
        f" (95 % interval: {point_interval(impact.gain.interval)})."
    )


def rule_sentence(rule: LeakageRule) -> str:
    """How far the patterns alone go."""
    decided = f" and are right on {percent(rule.accuracy_of_decided)} of those" if rule.n_decided else ""
    return (
        f"Chosen on one half of the documents and asked about the other, they speak about {count(rule.n_decided)} of"
        f" {count(rule.n_documents, 'document')}{decided}. With the commonest class of the rest for the others that is"
        f" an accuracy of {percent(rule.accuracy)} (95 % interval: {interval(rule.interval)}); always guessing that"
        f" class is right on {percent(rule.guess)}."
    )
