"""Settings to JSON and back, and changed one at a time."""

import json

import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from bywords.config import changed, from_plain, to_plain
from bywords.errors import SettingError
from bywords.system_config import setting_kinds
from bywords.systems import SYSTEMS
from bywords.text.vocabulary import VocabularyConfig


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_survives_json(name):
    plain = json.loads(json.dumps(to_plain(SYSTEMS[name])))
    assert from_plain(plain, setting_kinds(), where="here") == SYSTEMS[name]


def test_a_setting_that_there_is_not_is_named_with_the_nearest():
    plain = to_plain(SYSTEMS["averaging"])
    plain["training"]["learnin_rate"] = 3
    with pytest.raises(SettingError, match=r"no setting 'learnin_rate'. Did you mean 'learning_rate'"):
        from_plain(plain, setting_kinds(), where="model.json:")


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(SettingError, match="no kind 'Popen'"):
        from_plain({"kind": "Popen", "args": "x"}, setting_kinds(), where="model.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("training.max_epochs", True, "TrainingConfig.max_epochs: expected a whole number, found true"),
        ("training.max_epochs", 3.0, "expected a whole number, found 3.0"),
        ("training.learning_rate", "fast", 'learning_rate: expected a number, found "fast"'),
        ("training.metric", "median", "metric: expected 'log_loss' or"),
        ("training", {"kind": "TokenizerConfig"}, "training: expected TrainingConfig, found"),
        ("model.frozen", 1, "frozen: expected true or false, found 1"),
        ("vocabulary.char_ngrams", [3], r"char_ngrams: expected a pair, found \[3\]"),
        ("vocabulary.char_ngrams", [3, "5"], "char_ngrams: expected a whole number, found"),
        ("vocabulary", None, "vocabulary: expected settings, found null"),
        ("tokenizer.fields", "title", 'fields: expected a list, found "title"'),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_name_of_its_setting(path, value, message):
    plain = json.loads(json.dumps(to_plain(SYSTEMS["averaging"])))
    group, _, name = path.rpartition(".")
    (plain[group] if group else plain)[name] = value
    with pytest.raises(SettingError, match=message):
        from_plain(plain, setting_kinds(), where="model.json:")


def test_settings_are_changed_by_their_path():
    config = changed(SYSTEMS["lstm"], ["training.max_epochs=5", "model.pooling=mean", "training.learning_rate=1"])
    assert (config.training.max_epochs, config.model.pooling, config.training.learning_rate) == (5, "mean", 1.0)
    assert changed(SYSTEMS["lstm"], ["vocabulary.max_length=null"]).vocabulary.max_length is None
    assert SYSTEMS["lstm"].training.max_epochs != 5


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.max_epochs", "expected a setting, an equals sign and a value"),
        ("training.max_epoch=5", "Did you mean 'max_epochs'"),
        ("training=5", "is a group of settings. Name one: training.max_epochs"),
        ("training.max_epochs=many", "expected int, found 'many'"),
        ("training.max_epochs=0", "max_epochs is 0, expected 1 or more"),
        ("model.pooling=median", "expected 'last' or 'mean' or 'max'"),
        ("model.frozen=1", "expected bool, found 1"),
        ("training.max_epochs.x=1", "nothing to set below int"),
        ("vectors.name=x", "this system has no vectors"),
    ],
)
def test_a_change_that_cannot_be_says_why(assignment, message):
    with pytest.raises(SettingError, match=message):
        changed(SYSTEMS["lstm"], [assignment])


def test_a_pair_of_numbers_is_written_as_in_json_and_can_be_taken_away():
    assert changed(VocabularyConfig(), ["char_ngrams=[3, 5]"]).char_ngrams == (3, 5)
    assert changed(VocabularyConfig(char_ngrams=(3, 5)), ["char_ngrams=null"]).char_ngrams is None
    for wrong in ("char_ngrams=3", "char_ngrams=[3]", 'char_ngrams=["a", "b"]'):
        with pytest.raises(SettingError, match=r"char_ngrams is None; expected None or tuple\[int, int\]"):
            changed(VocabularyConfig(), [wrong])


@pytest.mark.parametrize(
    ("assignment", "group", "name", "expected"),
    [
        ("tokenizer.stop_words=english", "tokenizer", "stop_words", tuple(sorted(ENGLISH_STOP_WORDS))),
        ('tokenizer.stop_words=["the", "a"]', "tokenizer", "stop_words", ("the", "a")),
        ("tokenizer.custom=given", "tokenizer", "custom", "given"),
        ("tokenizer.strip_accents=true", "tokenizer", "strip_accents", True),
        ("vocabulary.min_df=2", "vocabulary", "min_df", 2),
        ("vocabulary.min_df=0.25", "vocabulary", "min_df", 0.25),
        ("vocabulary.max_df=1.0", "vocabulary", "max_df", 1.0),
        ('vocabulary.words=["fire"]', "vocabulary", "words", ("fire",)),
    ],
)
def test_settings_of_words_are_set_on_the_command_line_and_read_back(assignment, group, name, expected):
    settings = changed(SYSTEMS["auto"], [assignment])
    value = getattr(getattr(settings, group), name)
    assert (type(value), value) == (type(expected), expected)  # 2 is documents, and 2.0 would be a share
    read = from_plain(json.loads(json.dumps(to_plain(settings))), setting_kinds(), where="")
    assert read == settings
    assert type(getattr(getattr(read, group), name)) is type(expected)
