"""A skip that is on no list fails the whole run."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).resolve().parents[2] / "conftest.py"


@pytest.fixture
def run_directory(pytester: pytest.Pytester) -> pytest.Pytester:
    """Give a folder with the project's own rule on skips."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    return pytester


def test_a_skip_that_is_on_no_list_fails_the_run(run_directory):
    """One skipped test among passing ones ends the run with a failure that names it."""
    run_directory.makepyfile(
        test_some="""
        import pytest
        def test_passes(): pass
        def test_skips(): pytest.skip("for want of something")
        """
    )
    result = run_directory.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*on no list of allowed skips: test_some.py::test_skips*"])


def test_a_run_without_skips_passes(run_directory):
    """Nothing skipped, nothing to complain of."""
    run_directory.makepyfile(test_some="def test_passes(): pass")
    assert run_directory.runpytest_subprocess().ret == pytest.ExitCode.OK
