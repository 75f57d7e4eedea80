"""A fitted classifier and a text → why it got its label: what each word adds to each class."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import LabelSets
from bywords.display import shown_words
from bywords.errors import SettingError
from bywords.explain.attributions import linear_attributions
from bywords.explain.gradients import integrated_gradients
from bywords.explain.token_alignment import TokenAlignment
from bywords.fitted import FittedClassifier, index_of_label
from bywords.models.linear_terms import Numbers
from bywords.text.composition import Offsets
from bywords.text.offsets import token_offsets
from bywords.text.ragged import UNKNOWN
from bywords.text.tokenizer import FIELDED, SEPARATOR, TokenizerConfig, shown_document, shown_token

if TYPE_CHECKING:
    import polars as pl

Method = Literal["exact", "integrated gradients"]


@dataclass(frozen=True)
class WordShare:
    """What all occurrences of a word in a text add together."""

    word: str
    attribution: float
    n_occurrences: int


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a text got its label: for each class, bias + Σ attributions of the T tokens = logit.

    Logits are on the scale of the probabilities, as `FittedClassifier.scaled` has them. With one label a document they
    are centred, so that they sum to 0 over the classes, as do each token's attributions: a word that speaks as much for
    all classes speaks for none, and has 0. A softmax of them gives the probabilities, but for the curve of the
    calibration, which bends the highest of them. Where a document may have any number of labels, each logit is the
    log-odds of its label by itself.

    By the method "exact" the logit is this sum, added up in 64 bits, and `completeness_gap` is how far that is from the
    model's own answer, which is added up in 32: the largest over the classes, and rounding alone. By integrated
    gradients the logit is the model's, and the gap is what the sum misses of it.
    """

    text: str
    tokens: tuple[str, ...]  # as the tokenizer gives them
    offsets: Offsets  # int64 (T, 2): token t was cut from text[begin:end]
    is_known: npt.NDArray[np.bool_]  # (T,), whether the vocabulary has the word, and it was read
    n_read: int  # tokens; a model may cut off what comes later
    labels: tuple[Any, ...]  # K, of all classes, or of those that a model of very many finds
    predicted: tuple[Any, ...]  # one, or any number of them
    attributions: Numbers  # (T, K)
    bias: Numbers  # (K,), of a text without any word that counts
    logits: Numbers  # (K,)
    probabilities: Numbers  # (K,)
    is_multilabel: bool
    method: Method
    completeness_gap: float
    fields: tuple[str, ...] = ()  # (T,), the text column of each token, "" for a value of another; none of a text alone
    is_by_token: bool = False  # not all tokens are in the text: `shown_text` is the tokens, and `offsets` are in that
    is_part: bool = False  # whether there are more labels than those that the model has found
    by_vector: tuple[bool, ...] = ()  # (T,), whether it is known by its vector alone: no text of the training has it
    is_copy: tuple[bool, ...] = ()  # (T,), whether it is a word of a text once more, with the name of its column

    @property
    def shown_text(self) -> str:
        """The text for a person, of as many characters: columns are on lines of their own.

        Where the tokens of a custom function are not all in the text, the tokens, with blanks between them.
        """
        return " ".join(self.tokens) if self.is_by_token else shown_document(self.text)

    def index_of(self, label: Any = None) -> int:
        """The index of a class in `labels`; by default the likeliest. Raises SettingError for an unknown label."""
        if self.is_part and label is not None and str(label) not in map(str, self.labels):
            raise SettingError(
                f"{str(label)!r:.200} is not among the {len(self.labels)} labels that the model finds likeliest for "
                "this text, and it explains those alone. Take one of `labels`."
            )
        return int(self.probabilities.argmax()) if label is None else index_of_label(label, self.labels)

    def words(self, label: Any = None) -> list[WordShare]:
        """The distinct words, by what they add to the logit of a class (by default the likeliest), highest first.

        Of several text columns each has its own words, as subject:fire; a value of another column is as region=EU.
        """
        column = self.attributions[:, self.index_of(label)]
        sums: dict[str, list[float]] = {}
        counts: dict[str, int] = {}
        for word, value, is_copy in zip(self._named(), column.tolist(), self.is_copy or repeat(False), strict=False):
            sums.setdefault(word, []).append(value)
            counts[word] = counts.get(word, 0) + (not is_copy)
        shares = [WordShare(word, float(np.sum(values)), counts[word]) for word, values in sums.items()]
        return sorted(shares, key=lambda share: -share.attribution)

    def _named(self) -> list[str]:
        """Each token, a word of a text with the name of its column before it where there are several."""
        if len(set(self.fields) - {""}) < 2:
            return list(self.tokens)
        each = zip(self.tokens, self.fields, self.is_copy, strict=True)
        return [f"{field}:{token}" if field and not is_copy else token for token, field, is_copy in each]

    def to_frame(self, label: Any = None) -> pl.DataFrame:
        """The distinct words and what they add to the logit of a class, as `words`: a frame of polars."""
        import polars as pl

        schema = {"word": pl.String, "attribution": pl.Float64, "count": pl.Int64}
        return pl.DataFrame([tuple(asdict(share).values()) for share in self.words(label)], schema=schema, orient="row")

    def _repr_html_(self) -> str:
        index = self.index_of()
        column = self.attributions[:, index]
        largest = max(float(np.abs(column).max(initial=0.0)), 1e-12)
        parts, done = [], 0
        for (begin, end), value in zip(self.offsets.tolist(), (column / largest).tolist(), strict=True):
            if begin >= done:
                parts += [(self.shown_text[done:begin], 0.0), (self.shown_text[begin:end], value)]
                done = end
        parts.append((self.shown_text[done:], 0.0))
        title = f"{self.labels[index]}: {self.probabilities[index]:.1%}"
        others = np.argsort(-self.probabilities, kind="stable")[1:4].tolist()
        notes = [", ".join(f"{self.labels[other]} {self.probabilities[other]:.1%}" for other in others)]
        if self.method != "exact":
            notes.append(f"By {self.method}; the sum of the words misses {self.completeness_gap:.3f} of the logit.")
        return shown_words(title, parts, notes=notes)

    def plain(self, label: Any = None, *, n_words: int = 10) -> dict[str, Any]:
        """As JSON values; `start` and `end` of a token count the characters of `text`, as Python's strings do.

        Numbers of a token are `attribution`, to the class `explained`, and `attributions`, to all in the order of
        `labels`; `words_for` and `words_against` it are at most `n_words` each, with all their occurrences. Of a row, a
        token has its `field`, None for a value of a column beside the texts. Where there is `by_token`, tokens are not
        in the text that was given, and `text` is the tokens. A token with `by_vector` is known by its vector alone:
        it was never seen in training.
        """
        index = self.index_of(label)
        words = self.words(self.labels[index])
        by_vector = set(np.flatnonzero(self.by_vector).tolist())
        of_tokens = (self.tokens, self.offsets.tolist(), self.is_known.tolist(), self.attributions.tolist())
        return {
            "text": self.shown_text,
            **({"by_token": True} if self.is_by_token else {}),
            "predicted": list(self.predicted) if self.is_multilabel else self.predicted[0],
            "explained": self.labels[index],
            "labels": list(self.labels),
            "probabilities": self.probabilities.tolist(),
            "logits": self.logits.tolist(),
            "bias": self.bias.tolist(),
            "tokens": [
                {
                    "token": token,
                    "start": start,
                    "end": end,
                    "known": known,
                    "attribution": row[index],
                    "attributions": row,
                    **({"by_vector": True} if number in by_vector else {}),
                    **({"field": self.fields[number] or None} if self.fields else {}),
                }
                for number, (token, (start, end), known, row) in enumerate(zip(*of_tokens, strict=True))
            ],
            "words_for": [asdict(share) for share in words[:n_words] if share.attribution > 0],
            "words_against": [asdict(share) for share in words[::-1][:n_words] if share.attribution < 0],
            "n_tokens_read": self.n_read,
            "method": self.method,
            "completeness_gap": self.completeness_gap,
        }


def explain(classifier: FittedClassifier, text: str) -> Explanation:
    """Explain the answer for one text; one without words has the bias alone.

    Of a model that finds the likeliest of many labels alone, it is about those that it finds for this text. In a tree
    of labels a word adds to a label what it adds to the scores of the label's own classifier and, a tenth of it each
    step up, of the classifiers that lead there.

    Raises: SettingError for a model with a hidden layer where Captum is not there.
    """
    tokens = classifier.tokenizer([text])
    alignment = TokenAlignment.of(classifier.vocabulary, tokens)
    n_labels = len(classifier.classes)
    if classifier.is_ranked:
        classifier = classifier.narrowed(classifier.found_labels(alignment.documents))
    is_part = len(classifier.classes) < n_labels
    logits = classifier.logits_of(alignment.documents).astype(np.float64)
    of_tokens, bias = attributions(classifier, alignment, len(tokens.codes))
    answered = classifier.scaled(logits[0]) + classifier.offsets
    of_tokens, bias = classifier.scaled(of_tokens), classifier.scaled(bias) + classifier.offsets
    added_up = bias + of_tokens.sum(axis=0)
    probabilities = classifier.calibration.probabilities(logits)
    n_read = min(len(tokens.codes), classifier.vocabulary.config.max_length or len(tokens.codes))
    ids = classifier.vocabulary.token_ids(tokens)
    is_known = ids != UNKNOWN
    is_known[n_read:] = False
    by_vector = is_known & classifier.is_by_vector[ids]
    found, config = tokens.documents()[0], classifier.tokenizer.config
    offsets = token_offsets(text, classifier.tokenizer)
    if is_by_token := offsets is None:
        ends = np.cumsum([len(shown_token(token)) + 1 for token in found], dtype=np.int64)
        offsets = np.stack([np.concatenate([[0], ends[:-1]]), ends - 1], axis=1)
    return Explanation(
        text=text,
        tokens=tuple(map(shown_token, found)),
        offsets=offsets,
        is_by_token=is_by_token,
        fields=_fields_of(text, offsets, config),
        is_copy=tuple(token.startswith(FIELDED) for token in found) if config.fields else (),
        is_known=is_known,
        by_vector=tuple(by_vector.tolist()),
        n_read=n_read,
        labels=tuple(classifier.classes.tolist()),
        predicted=predicted(classifier, probabilities),
        attributions=of_tokens,
        bias=bias,
        logits=added_up if classifier.model.is_linear else answered,
        probabilities=probabilities[0],
        is_multilabel=classifier.is_multilabel,
        is_part=is_part,
        method="exact" if classifier.model.is_linear else "integrated gradients",
        completeness_gap=float(np.abs(added_up - answered).max()),
    )


def _fields_of(text: str, offsets: Offsets, config: TokenizerConfig) -> tuple[str, ...]:
    """The text column that each token of a row is of, "" for a value of another; none of a text alone."""
    if not config.fields:
        return ()
    starts = np.cumsum([0, *(len(part) + len(SEPARATOR) for part in text.split(SEPARATOR))])
    parts = np.searchsorted(starts, offsets[:, 0], side="right") - 1
    return tuple(config.fields[part] if part < len(config.fields) else "" for part in parts.tolist())


def attributions(classifier: FittedClassifier, alignment: TokenAlignment, n_tokens: int) -> tuple[Numbers, Numbers]:
    """What each token of one document adds to the model's logits, float64 (T, K), and what no token does, (K,)."""
    of_tokens, of_none = [], []
    for member in classifier.model.members.values():
        attribute = linear_attributions if member.is_linear else integrated_gradients
        found, bias = attribute(member, alignment, n_tokens)
        of_tokens.append(found)
        of_none.append(bias)
    return np.sum(of_tokens, axis=0), np.sum(of_none, axis=0)


def predicted(classifier: FittedClassifier, probabilities: Numbers) -> tuple[Any, ...]:
    """The labels of one text, from its probabilities (1, K)."""
    decided = classifier.calibration.predict(probabilities)
    indices = decided.labels if isinstance(decided, LabelSets) else decided
    return tuple(classifier.classes[indices].tolist())
