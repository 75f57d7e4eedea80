"""What was read from a file is held against what it may be before a compiled loop sees it."""

import numpy as np
import pytest

from bywords.errors import ModelFolderError, SettingError
from bywords.validation import (
    DEEPEST,
    check_array,
    check_bytes,
    check_count,
    check_finite,
    check_ids,
    check_lengths,
    check_offsets,
    check_shapes,
    check_unique,
    naming,
    parsed_json,
)

TABLE = np.zeros((3, 2), dtype=np.float32)
REFUSED = {
    "another dtype": (lambda: check_array("table", TABLE, np.int32, np.uint8), "float32, expected int32 or uint8"),
    "another byte order": (lambda: check_array("table", TABLE.astype(">f4"), np.float32), "expected float32"),
    "another shape": (lambda: check_array("table", TABLE, np.float32, shape=("N", 3)), "3 x 2, expected 3 x 3"),
    "more dimensions": (lambda: check_array("table", TABLE, np.float32, shape=("N",)), "3 x 2, expected 3"),
    "unequal lengths": (lambda: check_shapes({"a": TABLE, "b": TABLE.T}, {"a": "NK", "b": "NK"}), "expected 3 x 2"),
    "a missing array": (lambda: check_shapes({}, {"a": "N"}), "no array 'a'"),
    "an unknown array": (lambda: check_shapes({"b": TABLE}, {}, no_others=True), "does not have: 'b'"),
    "NaN": (lambda: check_finite("table", np.array([[0, 1], [np.nan, 2]])), r"table\[1, 0\] is nan"),
    "infinity": (lambda: check_finite("table", np.array([-np.inf])), r"table\[0\] is -inf"),
    "more than a float32 may be": (lambda: check_finite("table", np.array([1e31])), "expected a number from"),
    "an id below 0": (lambda: check_ids("ids", np.array([0, -5]), 7), r"ids\[1\] is -5, expected a number from 0 to 6"),
    "an id too high": (lambda: check_ids("ids", np.array([7]), 7), "is 7, expected"),
    "ids of no rows": (lambda: check_ids("ids", np.array([0]), 0), "is 0, expected"),
    "ids that are fractions": (lambda: check_ids("ids", np.array([0.5]), 7), "of float64, expected integers"),
    "no offsets": (lambda: check_offsets("offsets", np.zeros(0, dtype=np.int64), 0), "one or more"),
    "offsets to elsewhere": (lambda: check_offsets("offsets", np.array([0, 3]), 2), "expected from 0 to 2"),
    "offsets that fall": (lambda: check_offsets("offsets", np.array([0, 3, 2, 4]), 4), r"offsets\[2\] is 2 after 3"),
    "offsets beyond all": (lambda: check_offsets("offsets", np.array([0, 2**63 - 1, -(2**63), 4]), 4), "is 9223"),
    "an empty document": (lambda: check_offsets("offsets", np.array([0, 0, 4]), 4, least_length=1), "1 or more"),
    "lengths below 0": (lambda: check_lengths("lengths", np.array([4, 1, -1]), 4), "is -1, expected"),
    "lengths of something else": (lambda: check_lengths("lengths", np.array([2, 1]), 4), "sum to 3, expected 4"),
    "lengths whose sum overflows": (lambda: check_lengths("lengths", np.array([2**62] * 4), 0), "from 0 to 0"),
    "a value twice": (lambda: check_unique("a label", ["a", "b", "a"]), r"a label\[2\] is 'a' again"),
    "true as a number": (lambda: check_count("n", True), "n is True, expected a whole number"),
    "a number too high": (lambda: check_count("n", 9, most=8), "from 0 to 8"),
    "a file that is too short": (lambda: check_bytes("ids", 8, np.int32, (2**40, 2**40)), "has 8 bytes, expected"),
}  # fmt: skip
JSON = {
    "no UTF-8": b'{"a": "\xff"}', "no JSON": b'{"a"', "no object": b"[1]", "a key twice": b'{"a": 1, "a": 2}',
    "NaN": b'{"a": NaN}', "infinity": b'{"a": -Infinity}', "a number that becomes infinite": b'{"a": 1e999}',
    "an integer without end": b'{"a": ' + b"9" * 5000 + b"}", "an integer of 65 bits": b'{"a": 18446744073709551616}',
    "half a character": b'{"a": "\\uD800"}', "half a character as a key": b'{"\\udfff": 1}',
    "too deep": b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "far too deep": b'{"a":' + b"[" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize(("check", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_by_name(check, message):
    with pytest.raises(SettingError, match=message):
        check()


def test_what_fits_passes():
    check_array("table", TABLE, np.float16, np.float32, shape=("N", 2))
    check_shapes({"a": TABLE, "b": TABLE[:, 0]}, {"a": "NK", "b": "N"}, no_others=True)
    check_finite("table", TABLE)
    check_ids("ids", np.array([], dtype=np.int32), 0)
    check_ids("ids", np.array([0, 6], dtype=np.uint8), 7)
    check_offsets("offsets", np.array([0, 0, 4]), 4)
    check_lengths("lengths", np.array([4, 0], dtype=np.uint8), 4)
    check_bytes("ids", 24, np.int32, (3, 2))


@pytest.mark.parametrize("raw", JSON.values(), ids=JSON)
def test_json_that_python_alone_writes_is_refused(raw):
    with pytest.raises(SettingError):
        parsed_json(raw)


def test_json_gives_back_what_was_written():
    assert parsed_json(b'{"a": [1, 2.5, {"b": null}], "\\ud83d\\ude00": 18446744073709551615}') == {
        "a": [1, 2.5, {"b": None}],
        "😀": 2**64 - 1,
    }


@pytest.mark.parametrize("wrong", [SettingError("a fact."), KeyError("a fact"), MemoryError(), RecursionError()])
def test_a_fact_becomes_an_error_that_names_the_file(wrong):
    with (
        pytest.raises(ModelFolderError, match=r"^folder/file: .*\. Copy it again\.$") as told,
        naming("folder/file", error=ModelFolderError, advice="Copy it again."),
    ):
        raise wrong
    with pytest.raises(ModelFolderError, match=r"^folder/file: "), naming("again", error=ModelFolderError):
        raise told.value
