"""Progress on a terminal, in a file and from a child process."""

import io

import pytest

from serving.errors import ModelError
from serving.models import task
from serving.progress import Printed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_whole_lines_at_the_start_and_the_end() -> None:
    out = io.StringIO()
    report = Printed(out)
    for done in range(101):
        report.step("fetching", done, 100)
    report.line("done")
    assert out.getvalue().splitlines() == ["fetching: 0%", "fetching: 100%", "done"]


def test_a_terminal_gets_a_bar_that_ends_before_the_next_line() -> None:
    out = Terminal()
    report = Printed(out)
    report.step("fetching", 1, 2)
    report.line("stopped")
    assert out.getvalue() == "\rfetching: [############             ]  50%\nstopped\n"


def test_work_of_unknown_or_no_size_is_whole() -> None:
    out = io.StringIO()
    Printed(out).step("checking", 0, 0)
    assert out.getvalue() == "checking: 100%\n"


def test_a_childs_own_error_line_is_what_is_told() -> None:
    with pytest.raises(ModelError, match=r"^m: the hub did not give it"):
        task.run(
            "m",
            "serving.models.hub",
            ["acme/x", "main", "folder", "0"],
            Printed(io.StringIO()),
            {"HF_ENDPOINT": "http://127.0.0.1:1"},
        )


def test_a_child_that_fails_without_a_word_of_its_own_is_told_by_its_last_lines() -> None:
    with pytest.raises(ModelError, match=r"^m: .*No module named serving\.nothing"):
        task.run("m", "serving.nothing", [], Printed(io.StringIO()))
