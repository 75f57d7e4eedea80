"""What all tests share."""

import os
import sys

# Before torch is imported: on a busy machine its threads would wait for each other by spinning, and small steps take 40
# times as long. The command line does the same.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
from hypothesis import settings
from small_corpus import small_corpus

from bywords.classifier import TextClassifier
from bywords.cli import main as cli
from bywords.training import repeated_folds

FEWEST_TESTED = repeated_folds.FEWEST_TESTED  # as users have it: see `few_documents_are_fewer`

# The first example of a test may compile machine code, which takes seconds once.
settings.register_profile("bywords", deadline=None)
settings.load_profile("bywords")


@pytest.fixture(autouse=True, scope="session")
def few_documents_are_fewer():
    """Of small texts one model is tested, not eleven are fitted: tests/test_repeated_folds.py asks for those."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated_folds, "FEWEST_TESTED", 30)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a small model of three topics."""
    corpus = small_corpus()
    folder = tmp_path_factory.mktemp("models") / "model"
    TextClassifier("tfidf-nb").fit(corpus.texts, corpus.names()).save(folder)
    return folder


@pytest.fixture
def bywords(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bywords", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = capsys.readouterr()
        return left.value.code or 0, shown.out, shown.err

    return run
