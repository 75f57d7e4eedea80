"""A fitted classifier that is linear in counted words → all that `model.js` needs to answer as it does, as bytes.

Four bytes say how long the JSON is, then that, then its arrays. Of numbers of several bytes the first bytes of all come
first, then the second: like stands beside like, which takes less room. All is deflated and written in base64.
"""

from __future__ import annotations

import base64
import functools
import json
import unicodedata
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.artifact.quantization import MIRRORED, SCALE, quantize
from bywords.errors import SettingError
from bywords.evaluation.calibration import STRAIGHT, Sigmoids
from bywords.fitted import FittedClassifier
from bywords.models.base import StorageFormat
from bywords.models.counted import CountedTable
from bywords.text.characters import kinds_of_characters
from bywords.text.custom_tokens import without_accents
from bywords.text.normalization import orders_of_characters, replacements
from bywords.text.tokenizer import CHARACTERS, LONGER_WORDS, Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.text.word_table import Words

ADVICE = "A page takes `auto`, tfidf-*, averaged vectors and static vectors: a model trained with one of these systems."
IN_WORD, DECIMAL, UPPER, LOWER, CASED, IGNORABLE = (1 << bit for bit in range(6))  # as text.js has them
N_POINTS = 0x110000
BELOW_ALL = -1e39  # logits in float32
ASSIGNED = range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xE1000)  # where letters and marks are


class Packing:
    """Arrays that are added one by one; equal ones once."""

    def __init__(self) -> None:
        self.arrays: list[npt.NDArray[Any]] = []
        self._numbers: dict[tuple[str, bytes], int] = {}

    def add(self, array: npt.NDArray[Any]) -> int:
        """Its number."""
        flat = np.ascontiguousarray(array).ravel()
        key = flat.dtype.str, flat.tobytes()
        if key not in self._numbers:
            self._numbers[key] = len(self.arrays)
            self.arrays.append(flat)
        return self._numbers[key]

    def add_table(self, array: npt.NDArray[Any], storage: StorageFormat) -> dict[str, Any]:
        """The numbers of what it is stored as, in as many bits as in a model folder."""
        packed = quantize({"": array}, {"": storage})
        name = next(name for name in packed if not name.endswith(SCALE))
        scale = packed.get(name + SCALE)
        return {
            "data": self.add(packed[name]), "scale": None if scale is None else self.add(scale),
            "columns": array.shape[1] if array.ndim > 1 else 1, "is_mirrored": name.endswith(MIRRORED),
        }  # fmt: skip

    def add_runs(self, array: npt.NDArray[Any]) -> list[int]:
        """The numbers of how long each run of the same value is, int32, and of the values."""
        starts = np.concatenate([[0], np.flatnonzero(np.diff(array)) + 1])
        lengths = np.diff(np.append(starts, len(array))).astype(np.int32)
        return [self.add(lengths), self.add(array[starts])]

    def add_mapping(self, mapping: Mapping[str, str]) -> list[int]:
        """The numbers of the steps between its characters, of how many are at the place of each, and of these."""
        points = sorted(map(ord, mapping))
        texts = [mapping[chr(point)] for point in points]
        steps, lengths = np.diff(points, prepend=0).astype(np.int32), np.array(list(map(len, texts)), dtype=np.uint8)
        return [self.add(steps), self.add(lengths), self.add(np.array(list(map(ord, "".join(texts))), dtype=np.int32))]

    def bytes(self, values: dict[str, Any]) -> str:
        """Base64 of the JSON values and the arrays, deflated."""
        described = [{"kind": array.dtype.name, "length": len(array)} for array in self.arrays]
        text = json.dumps({**values, "arrays": described}, ensure_ascii=False, allow_nan=False).encode()
        parts = [len(text).to_bytes(4, "little"), text]
        for array in self.arrays:
            little = array.astype(array.dtype.newbyteorder("<"), copy=False).view(np.uint8)
            parts.append(little.reshape(len(array), array.itemsize).T.tobytes())
        packer = zlib.compressobj(9, wbits=-15)
        return base64.b64encode(b"".join([*map(packer.compress, parts), packer.flush()])).decode()


def payload(classifier: FittedClassifier) -> str:
    """What the page holds. Raises SettingError for a model or tokens that a browser cannot answer for alike."""
    tokenizer, unicode = _tokenizer(classifier.tokenizer), dict[str, Any]()
    try:
        tables = [] if classifier.is_ranked else classifier.model.counted_tables()
    except SettingError as error:
        raise SettingError(f"{error} {ADVICE}") from error
    if classifier.is_ranked:
        raise SettingError(f"the model finds the likeliest of many labels alone, by a search. {ADVICE}")
    packing, pool = Packing(), classifier.model.pool
    unicode |= _unicode(packing, classifier.tokenizer)
    values = {
        "classes": list(map(str, classifier.classes.tolist())),
        "is_multilabel": classifier.is_multilabel,
        "calibration": _calibration(classifier),
        "floor": classifier.reliability.in_vocabulary_floor,
        "tokenizer": tokenizer,
        "unicode": unicode,
        "vocabulary": _vocabulary(packing, classifier.vocabulary),
        "n_rows": len(classifier.vocabulary),
        "tables": [_table(packing, table, classifier) for table in tables],
        "pool": None if pool is None else {"starts": pool.starts.tolist(), "groups": pool.groups.tolist()},
    }
    return packing.bytes(values)


def _table(packing: Packing, table: CountedTable, classifier: FittedClassifier) -> dict[str, Any]:
    storage = classifier.storage
    rows: StorageFormat = "float32" if table.stored_as is None else storage.get(table.stored_as, "float32")
    return {
        "weighting": table.weighting,
        "blocks": list(table.blocks),
        "rows": packing.add_table(table.rows, rows),
        "idf": packing.add_table(table.idf, "float32"),
        "bias": packing.add_table(table.bias, "float32"),
        "layer": None if table.layer is None else packing.add_table(table.layer, "float32"),
    }


def _vocabulary(packing: Packing, vocabulary: Vocabulary) -> dict[str, Any]:
    config = vocabulary.config

    def lengths(words: Words) -> npt.NDArray[Any]:
        """Of each word, in units of UTF-16, as a browser counts."""
        found = np.array(
            [len(word) + sum(sign > "\uffff" for sign in word) for word in words.strings()], dtype=np.int32
        )
        return found.astype(np.uint8 if found.max(initial=0) < 256 else np.int32)

    return {
        "words": packing.add(vocabulary.spellings.data),
        "lengths": packing.add(lengths(vocabulary.spellings)),
        "ngrams": packing.add(vocabulary.ngrams.T),
        "char_ngrams": packing.add(vocabulary.char_ngrams.data),
        "char_lengths": packing.add(lengths(vocabulary.char_ngrams)),
        "first_char_ngram": vocabulary.n_rows("ngrams"),
        "ngrams_of": config.ngrams,
        "char_sizes": list(config.char_ngrams or (0, 0)),
        "max_length": config.max_length or 2**31 - 1,
        "keep_unknown": config.keep_unknown,
    }


def _calibration(classifier: FittedClassifier) -> dict[str, Any]:
    calibration = classifier.calibration
    if not isinstance(calibration, Sigmoids):
        curve = None if calibration.curve == STRAIGHT else list(calibration.curve)
        return {"temperature": calibration.temperature, "curve": curve}
    least = np.maximum(least_logits(calibration).astype(np.float64), BELOW_ALL).tolist()
    return {
        "scales": calibration.scales.tolist(), "offsets": calibration.offsets.tolist(),
        "least": [None if logit == np.inf else logit for logit in least],
    }  # fmt: skip


def least_logits(calibration: Sigmoids) -> npt.NDArray[np.float32]:
    """The least logit of each label whose probability reaches its threshold, float32 (K,); infinite where none does.

    A browser may round an exponential in another way, but not compare two logits.
    """
    low = np.full(len(calibration.scales), _ordered(np.float32(-np.inf)))
    high = np.full(len(calibration.scales), _ordered(np.float32(np.inf)))
    while (high > low).any():
        middle = (low + high) // 2
        reaches = calibration.probabilities(_floats(middle)[np.newaxis])[0] >= calibration.thresholds
        low, high = np.where(reaches, low, np.minimum(middle + 1, high)), np.where(reaches, middle, high)
    found = _floats(high)
    found[calibration.probabilities(found[np.newaxis])[0] < calibration.thresholds] = np.inf
    return found


def _ordered(number: np.float32) -> np.int64:
    """Float32 as whole numbers in the same order."""
    bits = np.int64(number.view(np.int32))
    return bits if bits >= 0 else np.int64(-(2**31)) - bits - 1


def _floats(ordered: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    bits = np.where(ordered >= 0, ordered, np.int64(-(2**31)) - ordered - 1)
    return bits.astype(np.int32).view(np.float32)


def _tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    """What `text.js` cuts texts by. Raises SettingError for what it does not have."""
    config = tokenizer.config
    if config.fields:
        raise SettingError("the model reads rows of several columns, which a page does not take: train it on one text.")
    if config.calls:
        raise SettingError("the texts of the model are cut by a function in Python, which a page cannot run.")
    what = "signs" if config.punctuation else "words"
    if config.is_given:
        what = "given"
    elif config.pattern is not None:
        known = {LONGER_WORDS: "longer", CHARACTERS: "characters"}
        if config.pattern not in known or not config.normalize:
            raise SettingError(
                f"the texts of the model are cut by the pattern {config.pattern!r:.100}, which browsers read "
                'otherwise. A page takes the tokenizers "words", "characters" and "given".'
            )
        what = known[config.pattern]
    return {
        "what": what, "normalize": config.normalize, "lowercase": config.lowercase,
        "strip_accents": config.strip_accents, "stop_words": sorted(tokenizer.stop_words),
    }  # fmt: skip


def _unicode(packing: Packing, tokenizer: Tokenizer) -> dict[str, Any]:
    """Tables of code points, as they are here: those of the package, and those of this Python."""
    config, signs = tokenizer.config, _signs()
    classes, combining, parts, apart = _of_this_python()
    table = replacements(config.lowercase).by_character if config.normalize and not config.is_given else {}
    lower, stripped, classes = dict[str, str](), dict[str, str](), classes.copy()
    if (not config.normalize or tokenizer.stop_words or config.strip_accents) and config.lowercase:
        lower = {sign: small for sign in signs if (small := sign.lower()) != sign}
        for sign in signs:
            if f"a{sign}Σ".lower()[-1] == "ς":
                classes[ord(sign)] |= CASED if f"{sign}Σ".lower()[-1] == "ς" else IGNORABLE
    if config.strip_accents:
        stripped = {
            sign: plain for sign in signs if not "가" <= sign <= "힣" and (plain := without_accents(sign)) != sign
        }
    return {
        "runs": {
            "kinds": packing.add_runs(_filled(kinds_of_characters(), 2)),
            "orders": packing.add_runs(orders_of_characters()),
            "combining": packing.add_runs(combining), "classes": packing.add_runs(classes),
        },
        "mappings": {
            "parts": packing.add_mapping(parts), "replacements": packing.add_mapping(table),
            "lower": packing.add_mapping(lower), "stripped": packing.add_mapping(stripped),
        },
        "apart": apart,
    }  # fmt: skip


def _signs() -> list[str]:
    return [chr(point) for points in ASSIGNED for point in points]


@functools.cache
def _of_this_python() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], dict[str, str], str]:
    """What kind of letter each code point is and its combining class, both uint8; what each is composed of, in one
    step; and those that are not what their two parts are composed to.
    """
    classes, combining = np.zeros(N_POINTS, dtype=np.uint8), np.zeros(N_POINTS, dtype=np.uint8)
    parts, apart = dict[str, str](), list[str]()
    for sign in _signs():
        if its := unicodedata.combining(sign):
            combining[ord(sign)] = its
        if sign.isalnum() or sign == "_":
            is_lower = sign.islower() or unicodedata.category(sign) == "Lt"
            kinds = (DECIMAL, sign.isdecimal()), (UPPER, sign.isupper()), (LOWER, is_lower)
            classes[ord(sign)] = IN_WORD | sum(bit for bit, is_so in kinds if is_so)
        mapping = unicodedata.decomposition(sign)
        if mapping and mapping[0] != "<":
            parts[sign] = "".join(chr(int(part, 16)) for part in mapping.split())
            if len(parts[sign]) == 2 and unicodedata.normalize("NFC", parts[sign]) != sign:
                apart.append(sign)
    return classes, combining, parts, "".join(apart)


def _filled(table: npt.NDArray[np.uint8], value: int) -> npt.NDArray[np.uint8]:
    return np.concatenate([table, np.full(N_POINTS - len(table), value, dtype=np.uint8)])
