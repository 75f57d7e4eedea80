"""Raw texts → what they have beside their sentences: headers, addresses, names, hosts, fixed phrases.

Nothing here asks for labels but by their names. Texts are searched by polars' regular expressions, n-grams of tokens
by their codes; there is no Python loop over documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.text.tokenizer import Tokens

LEAST_DOCUMENTS = 5  # that have a pattern: fewer prove nothing
MOST_LENGTH = 120  # characters of a pattern that are looked at
TOPIC_FIELDS = ("subject", "keywords", "summary")  # headers that say what a message is about: their values are text
NGRAM_LENGTHS = (1, 2, 3, 4, 6, 8)  # tokens at the beginning and the end of a text
FIRST_LINES, LAST_LINES, LEAST_LINES = 2, 6, 4  # lines of a body that are looked at, and that it has to have

HEAD = r"\A((?:[A-Za-z][A-Za-z0-9.-]{0,40}:[^\n]*\n|[ \t]+\S[^\n]*\n)+)"
FIELD = r"(?m)^[A-Za-z][A-Za-z0-9.-]{0,40}:[^\n]*$"
ADDRESS = r"[A-Za-z0-9_][\w.+%=-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
URL = r"(?i)\b(?:(?:https?|ftp|gopher)://|www\.)[^\s/\"'<>:()\[\],]+"
ATTRIBUTION = r"(?m)^.*\b(?:writes|wrote|said|says|schrieb|schreibt)\s?:?\s*$"
NAME = r"\p{Lu}[\p{L}.'-]*(?: [\p{L}.'-]+){1,3}"
NUMBER = r"\b\d{1,3}(?:\.\d)? ?/ ?\d{1,3}\b|\(?\b\d{3}\)?[ -]\d{3}-\d{4}\b|\b\d{6,}\b"  # ratings, telephones, ids
TAG = (
    r"</?(?:a|b|i|u|p|br|hr|div|span|font|img|table|tr|td|th|ul|ol|li|h[1-6]|em|strong|pre|code|blockquote|script"
    r"|style|html|head|body|title|meta|link|center|small|sub|sup|form|input|iframe|ref)\b[^<>]{0,200}>"
)
MARKUP = rf"(?i){TAG}" + (r"|&(?:nbsp|amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});")
FILE_NAME = r"\b\w[\w-]*\d[\w-]*\.(?:gif|jpe?g|png|bmp|zip|tar|gz|txt|pdf|docx?|html?|csv|json|xml|wav|mp3|mp4)\b"
SECOND_LEVEL = r"^[^.]+\.(?:ac|co|com|edu|gov|net|org)\.[a-z]{2}$"


@dataclass(frozen=True)
class Patterns:
    """P patterns, each in LEAST_DOCUMENTS of N documents at least.

    `kinds` and `what` are lists (P,); `codes` and `documents`, int64 (M,), say which pattern is in which document,
    each pair once, by ascending code.
    """

    kinds: list[str]
    what: list[str]
    codes: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]
    n_documents: int

    def __len__(self) -> int:
        return len(self.kinds)

    def joined(
        self, kind: str, what: list[str], codes: npt.NDArray[np.int64], documents: npt.NDArray[np.int64]
    ) -> Patterns:
        """These, and behind them others of one kind: `what` (Q,), and which of them, from 0, is in which document."""
        order = np.lexsort([documents, codes])
        return Patterns(
            self.kinds + [kind] * len(what),
            self.what + what,
            np.concatenate([self.codes, codes[order] + len(self)]),
            np.concatenate([self.documents, documents[order]]),
            self.n_documents,
        )


def find_patterns(texts: pl.Series, tokens: Tokens, label_names: Sequence[str]) -> tuple[Patterns, pl.DataFrame]:
    """Everything of the kinds below that is in LEAST_DOCUMENTS of these texts, and what `header_fields` gives.

    Kinds: header field, header line, label name, address, domain, person, web host, first line, last line, beginning,
    end, number, markup, file name. No documents have no patterns.
    """
    fields = header_fields(texts)
    found = [
        frame.select(
            pl.col("document").cast(pl.Int64), pl.lit(kind).alias("kind"), pl.col("what").str.head(MOST_LENGTH)
        )
        for kind, frame in _all_kinds(texts, tokens, label_names, fields)
    ]
    rows = pl.concat(found).drop_nulls().filter(pl.col("what") != "").unique()
    common = rows.group_by("kind", "what").len().filter(pl.col("len") >= LEAST_DOCUMENTS).sort("kind", "what")
    common = common.with_row_index("code")
    pairs = rows.join(common, on=["kind", "what"]).sort("code", "document")
    patterns = Patterns(
        common["kind"].to_list(),
        common["what"].to_list(),
        pairs["code"].to_numpy().astype(np.int64),
        pairs["document"].to_numpy().astype(np.int64),
        len(texts),
    )
    return patterns, fields


def header_fields(texts: pl.Series) -> pl.DataFrame:
    """The lines `Name: value` with which texts begin, a row each: `document`, `folded` (the name in lower case),
    `value` and `field` (the name as it is spelt most often).
    """
    lines = _matches(texts.str.extract(HEAD).fill_null(""), FIELD).select(
        "document",
        field=pl.col("what").str.extract(r"^([^:]*):"),
        value=pl.col("what").str.extract(r"^[^:]*:\s*(.*?)\s*$"),
    )
    folded = pl.col("field").str.to_lowercase().alias("folded")
    spellings = lines.group_by(folded, "field").len().sort("len", "field", descending=[True, False])
    spellings = spellings.unique("folded", keep="first").select("folded", "field")
    return lines.select("document", folded, "value").join(spellings, on="folded", maintain_order="left")


def _all_kinds(
    texts: pl.Series, tokens: Tokens, label_names: Sequence[str], fields: pl.DataFrame
) -> Iterator[tuple[str, pl.DataFrame]]:
    """A kind and its documents and patterns, a row each, in turn."""
    is_topic = pl.col("folded").is_in(TOPIC_FIELDS)
    formal = fields.filter(~is_topic)
    yield "header field", fields.select("document", what=pl.col("field") + ":")
    yield "header line", formal.select("document", what=pl.col("field") + ": " + pl.col("value"))
    yield from (("label name", frame) for frame in _label_names(texts, label_names, formal))
    addresses = _matches(texts, ADDRESS).with_columns(pl.col("what").str.to_lowercase())
    hosts = addresses.select("document", what=pl.col("what").str.extract(r"@(.*)$"))
    yield "address", addresses
    yield "domain", hosts
    yield "domain", hosts.with_columns(_organisation(pl.col("what")))
    yield "person", _persons(texts, fields)
    urls = _matches(texts, URL).with_columns(pl.col("what").str.to_lowercase().str.replace(r"^[a-z]+://", ""))
    yield "web host", urls.with_columns(pl.col("what").str.strip_chars_end("."))
    yield from _edge_lines(texts.str.replace(HEAD, ""))
    has_head = np.zeros(len(texts), dtype=np.bool_)
    has_head[fields["document"].to_numpy()] = True
    for length in NGRAM_LENGTHS:
        yield "beginning", _edge_ngrams(tokens, np.flatnonzero(~has_head), length, at_end=False)
        yield "end", _edge_ngrams(tokens, np.arange(len(texts)), length, at_end=True)
    yield "number", _matches(texts, NUMBER).with_columns(pl.col("what").str.replace_all(" ?/ ?", "/"))
    markup = _matches(texts, MARKUP).with_columns(pl.col("what").str.to_lowercase())
    yield "markup", markup.with_columns(pl.col("what").str.replace(r"^<(/?\w+).*$", "<$1>"))
    yield "file name", _matches(texts, FILE_NAME).with_columns(pl.col("what").str.to_lowercase())


def _matches(texts: pl.Series, pattern: str) -> pl.DataFrame:
    """Every match in every text: columns `document` and `what`."""
    lists = texts.str.extract_all(pattern)
    documents = np.repeat(np.arange(len(texts)), lists.list.len().to_numpy())
    return pl.DataFrame({"document": documents, "what": lists.filter(lists.list.len() > 0).explode()})


def _organisation(host: pl.Expr) -> pl.Expr:
    """cs.cmu.edu → cmu.edu, comp.lancs.ac.uk → lancs.ac.uk."""
    three = host.str.extract(r"([^.]+\.[^.]+\.[^.]+)$")
    return pl.when(three.str.contains(SECOND_LEVEL)).then(three).otherwise(host.str.extract(r"([^.]+\.[^.]+)$"))


def _persons(texts: pl.Series, fields: pl.DataFrame) -> pl.DataFrame:
    """Names of senders, and of those whom a text quotes: "keith@example.org (Keith Allan) writes:"."""
    is_sender = pl.col("folded").is_in(["from", "reply-to", "sender"])
    lines = pl.concat(
        [
            fields.filter(is_sender).select(pl.col("document").cast(pl.Int64), what="value"),
            _matches(texts, ATTRIBUTION).select(pl.col("document").cast(pl.Int64), "what"),
        ]
    )
    names = [
        lines["what"].str.extract(rf"\(({NAME})\)"),  # address (Name)
        lines["what"].str.extract(rf'^[\s>]*"?({NAME})"?\s*<'),  # Name <address>
        lines["what"].str.extract(rf"^[\s>]*({NAME})\s+(?:writes|wrote|said|says|schrieb|schreibt)\b"),
    ]
    return pl.concat([pl.DataFrame({"document": lines["document"], "what": column}) for column in names]).drop_nulls()


def _label_names(texts: pl.Series, label_names: Sequence[str], formal: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Names of labels that are no ordinary words wherever they are, and parts of any in lines of a header."""
    signed = [name for name in label_names if re.fullmatch(r"\w+(?:[._/-]\w+)+", name)]
    if signed:
        yield _matches(texts, rf"(?i)\b(?:{_alternatives(signed)})\b").with_columns(pl.col("what").str.to_lowercase())
    parts = {part.lower() for name in label_names for part in re.split(r"[\W_]+", name)}
    parts = {part for part in parts if len(part) > 3 and not part.isdigit()}
    if parts:
        found = formal["value"].str.to_lowercase().str.extract(rf"\b({_alternatives(sorted(parts))})\b")
        yield pl.DataFrame({"document": formal["document"], "what": formal["field"] + ": … " + found + " …"})


def _alternatives(words: Sequence[str]) -> str:
    """A pattern for any of these words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _edge_lines(bodies: pl.Series) -> Iterator[tuple[str, pl.DataFrame]]:
    """The first and the last lines of texts of several lines: greetings, signatures, notices."""
    lines = bodies.str.strip_chars().str.split("\n")
    is_long = (lines.list.len() >= LEAST_LINES).to_numpy()
    documents, lines = np.flatnonzero(is_long), lines.filter(pl.Series(is_long))
    for kind, edge in (("first line", lines.list.head(FIRST_LINES)), ("last line", lines.list.tail(LAST_LINES))):
        frame = pl.DataFrame({"document": np.repeat(documents, edge.list.len().to_numpy()), "what": edge.explode()})
        frame = frame.with_columns(pl.col("what").str.strip_chars())
        # A quoted line is what somebody else wrote, and a sign or two say nothing.
        yield kind, frame.filter(pl.col("what").str.contains(r"^[^>|:].*[\p{L}\p{N}]{3}"))


def _edge_ngrams(tokens: Tokens, documents: npt.NDArray[np.int64], length: int, *, at_end: bool) -> pl.DataFrame:
    """The first or the last tokens of each of these documents that is longer than they are."""
    documents = documents[tokens.lengths[documents] > length]
    starts = tokens.offsets[1:][documents] - length if at_end else tokens.offsets[:-1][documents]
    codes = tokens.codes[starts[:, np.newaxis] + np.arange(length)]  # (M, length)
    columns: dict[str, Any] = {str(index): codes[:, index] for index in range(length)}
    rows = pl.DataFrame({"document": documents, **columns})
    common = rows.group_by(list(columns), maintain_order=True).agg("document")
    common = common.filter(pl.col("document").list.len() >= LEAST_DOCUMENTS)
    strings = tokens.words.strings(common.select(*columns).to_numpy().ravel().astype(np.int64))
    what = [" ".join(strings[index : index + length]) for index in range(0, len(strings), length)]
    exploded = common.select("document").with_columns(what=pl.Series(what, dtype=pl.String)).explode("document")
    return exploded.select("document", "what")
