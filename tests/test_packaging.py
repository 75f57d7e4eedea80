"""What is installed with what: the extras that errors name are there, and each package has an exact version for CI."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from bywords.errors import SettingError
from bywords.extras import EXTRAS, needed

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = {"sklearn": "scikit-learn"}  # of a module, where its package is called something else


def packages(requirements):
    return {re.match(r"[\w-]+", requirement)[0].lower().replace("_", "-") for requirement in requirements}


@pytest.mark.parametrize("module", sorted(EXTRAS))
def test_the_extra_that_an_error_names_brings_the_package(module):
    package = NAMES.get(module, module).replace("_", "-")
    extras = PROJECT["optional-dependencies"]
    assert package in packages(extras[EXTRAS[module]])
    assert package not in packages(PROJECT["dependencies"])
    assert re.search(rf"[\[,]{EXTRAS[module]}[\],]", extras["all"][0])


def test_every_package_that_is_asked_for_has_an_exact_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().splitlines()
    pinned = packages(line for line in lines if "==" in line)
    asked = packages(PROJECT["dependencies"]).union(*map(packages, PROJECT["optional-dependencies"].values()))
    assert sorted(asked - pinned - {"bywords"}) == []


def test_a_missing_package_is_an_error_that_names_what_needs_it_and_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SettingError, match=r"^a search needs the package optuna, .*pip install 'bywords\[search\]'"):
        needed("optuna", what="a search")


def test_a_missing_package_that_no_extra_brings_is_not_taken_for_one():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        needed("no_such_package", what="a search")


def test_a_command_without_the_package_it_needs_says_what_to_install(bywords, monkeypatch, tmp_path):
    (tmp_path / "tickets.csv").write_text(
        "text,label\n" + "".join(f"printer {n} on fire,office\nflat tyre {n},garage\n" for n in range(6))
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, error = bywords("vocab", "tickets.csv")
    assert code == 2
    assert error.endswith("which is not installed: pip install 'bywords[report]'\n")


@pytest.mark.parametrize("command", ["audit", "compare", "curve"])
def test_a_command_that_ends_with_a_page_says_so_before_it_begins(command, bywords, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, error = bywords(command, "no-such-file.csv")
    assert (code, out) == (2, "")
    assert "needs the package matplotlib" in error
    assert list(tmp_path.iterdir()) == []
