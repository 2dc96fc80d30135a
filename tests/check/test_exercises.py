"""An answer is judged in one line: right, still to do, not yet with a hint, or with the error of its function."""

import functools

import pytest

from lic_lab.check import check, exercises, list_exercises
from lic_lab.check.exercises import NotYet, chapters, exercise
from lic_lab.errors import LicLabError


@pytest.fixture(autouse=True)
def own_exercises(monkeypatch):
    """Two exercises of a chapter 99 that are there only during a test: a function, and a pair of functions."""
    monkeypatch.setattr(exercises, "_JUDGES", dict(exercises._JUDGES))

    @exercise("99.1", "Round to a step: nearest multiple")
    def _(answer):
        if abs(answer(3.4, 2) - 4) > 1e-9 or abs(answer(-0.4, 0.5) + 0.5) > 1e-9:
            raise NotYet("with a step of 2, 3.4 becomes 4:\n divide, round, multiply")

    @exercise("99.2", "Write and read: two functions")
    def _(answer):
        write, read = answer
        if read(write(7)) != 7:
            raise NotYet("7 does not come back")


def to_step(x, step):
    return round(x / step) * step


def test_a_right_answer_is_done_and_true_and_its_line_is_printed(capsys):
    verdict = check("99.1", to_step)
    assert verdict
    assert capsys.readouterr().out == "99.1 ✓ Round to a step: nearest multiple\n" == verdict.line + "\n"


def test_a_wrong_answer_is_not_yet_with_the_hint_on_one_line():
    verdict = check("99.1", lambda x, step: x)
    assert not verdict and verdict.line == "99.1 not yet: with a step of 2, 3.4 becomes 4: divide, round, multiply"


def nothing(*_):
    """A stub as it stands in a notebook."""
    ...


def ellipsis(*_):
    return ...


def unwritten(*_):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [None, ..., nothing, ellipsis, unwritten, functools.partial(nothing, 1)])
def test_an_untouched_stub_is_still_to_do(answer):
    assert check("99.1", answer).line == "99.1 still to do: Round to a step: nearest multiple"


@pytest.mark.parametrize("answer", [(str, nothing), (str, None), (nothing, int)])
def test_a_pair_of_functions_is_still_to_do_while_one_is(answer):
    assert check("99.2", answer).line == "99.2 still to do: Write and read: two functions"


def test_a_pair_of_functions_is_judged_together():
    assert check("99.2", (str, int)) and not check("99.2", (lambda x: x + 1, lambda x: x))


def test_without_an_answer_an_exercise_is_still_to_do():
    assert "still to do" in check("99.1").line


def test_the_error_of_the_readers_function_is_told_and_not_raised():
    verdict = check("99.1", lambda x: x)
    assert not verdict and verdict.line.startswith("99.1 not yet: your function raised TypeError: ")
    assert "2 were given" in verdict.line and "\n" not in verdict.line


@pytest.mark.parametrize(("answer", "kind"), [(3.5, "a float"), ([to_step], "a list"), ((to_step,), "a tuple")])
def test_an_answer_of_another_kind_is_named_and_not_blamed_on_a_function(answer, kind):
    assert check("99.1", answer).line.startswith(f"99.1 not yet: {kind} cannot be judged here (TypeError: ")


def test_a_result_of_another_kind_is_not_blamed_on_the_readers_function():
    assert check("99.1", lambda x, step: "four").line.startswith("99.1 not yet: a function cannot be judged here (")


def test_a_keyboard_interrupt_still_stops_an_endless_answer():
    def endless(x, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("99.1", endless)


def test_a_verdict_shows_nothing_more_in_a_notebook(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    assert shell.display_formatter.format(check("99.1", to_step)) == ({}, {})


def test_an_unknown_exercise_is_refused_with_those_of_its_chapter():
    with pytest.raises(LicLabError, match=r"no exercise 99\.3: chapter 99 has 99\.1, 99\.2"):
        check("99.3", to_step)


@pytest.mark.parametrize("id", ["999.1", "98.1", "", "1.2.3"])
def test_an_unknown_chapter_is_refused_with_the_chapters_there_are(id):
    with pytest.raises(LicLabError, match=r"no exercise .*: .*there are exercises of chapters 00"):
        check(id, to_step)


def test_two_chapters_cannot_declare_one_id_but_a_chapter_may_be_loaded_again():
    exercise("99.1", "Said otherwise")(lambda answer: None)
    assert [row.asks for row in list_exercises(99)] == ["Said otherwise", "Write and read: two functions"]

    def judge(answer):
        raise NotYet("always")

    judge.__module__ = "elsewhere"
    with pytest.raises(LicLabError, match="declared twice"):
        exercise("99.1", "Said by another chapter")(judge)


# ---- the exercises of the notebooks ----------------------------------------------------------------------------------

ALL = list_exercises()


def test_exercises_are_numbered_from_one_within_their_chapter():
    for chapter in chapters():
        ids = [row.id for row in list_exercises(chapter)]
        assert len(ids) >= 3 and ids == [f"{chapter}.{number}" for number in range(1, len(ids) + 1)]


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_an_exercise_says_in_one_line_what_is_asked(row):
    assert len(row.asks.split()) >= 3 and "\n" not in row.asks and len(row.asks) <= 110


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_no_exercise_is_done_by_a_constant(row):
    for constant in (0, 1, 0.1234, True, False, "", "abc", b"", b"abc", [], [1, 2], {}, (0, 1)):
        assert not check(row.id, constant), f"{constant!r} passes"
        assert not check(row.id, lambda *_, constant=constant, **__: constant), f"a function that gives {constant!r}"


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_no_exercise_is_done_before_it_is_begun(row):
    def stub(*_):
        """As it stands in the notebook."""
        ...

    assert "still to do" in check(row.id, stub).line
