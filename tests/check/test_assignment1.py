"""Assignment A1: right answers earn all points with any seed, plausible mistakes a part of them and a hint."""

import runpy
import zlib
from pathlib import Path

import numpy as np
import pytest

from lic_lab.check import given1, grade, judging1, list_tasks
from lic_lab.check.given1 import dct_levels, gaussian_bytes, grey_of, own_histogram
from lic_lab.check.tasks import find_task
from lic_lab.errors import LicLabError

ANSWERS = runpy.run_path(str(Path(__file__).parents[1] / "course" / "answers" / "a1.py"))
NAMES = {
    "A1.1": ("span", "symbol_at"),
    "A1.2": ("encode", "reader"),
    "A1.3": ("encode_adaptive", "decode_adaptive"),
    "A1.4": ("encode_any", "decode_any"),
    "A1.5": ("encode_picture", "decode_picture"),
}


def answered(kind: str) -> dict[str, tuple]:
    """Task -> the functions of that kind of answer, its cells run in the order of the notebook."""
    space, found = {}, {}
    for id, names in NAMES.items():
        exec(ANSWERS[kind][id.replace(".", "-") + "-answer"], space)
        found[id] = tuple(space[name] for name in names)
    return found


RIGHT = answered("RIGHT")


def raw(spans):
    return b"".join(start.to_bytes(2, "big") for start, _, _ in spans)


def raw_reader(data):
    points = iter(np.frombuffer(data, ">u2").tolist())
    return lambda freq: RIGHT["A1.1"][1](freq, next(points))


HANDED_OVER = []


def beside(spans):
    HANDED_OVER[:] = [RIGHT["A1.2"][0](spans)]
    return b""


def levels_of_noise():
    return np.random.default_rng(4).integers(-9, 10, (2, 3, 64))


WRONG = [  # task, answer, what a hint says
    ("A1.1", (lambda freq, symbol: sum(freq[:symbol]), RIGHT["A1.1"][1]), "three whole numbers"),
    ("A1.1", (RIGHT["A1.1"][0], lambda freq, point: 0), "a span holds its first point"),
    ("A1.1", RIGHT["A1.1"][0], "give two functions"),
    ("A1.2", (raw, raw_reader), "what do the others hold"),
    ("A1.2", (lambda spans: [1, 2], RIGHT["A1.2"][1]), "must become bytes"),
    ("A1.2", (beside, lambda data: RIGHT["A1.2"][1](HANDED_OVER[0])), "look where they part"),
    ("A1.2", (RIGHT["A1.2"][0], lambda data: lambda freq: freq[99]), "raised IndexError"),
    ("A1.3", (lambda m, k: bytes(m), lambda data, count, k: list(data)), "count what you have seen"),
    ("A1.3", (lambda m, k: bytes(m), lambda data, count, k: list(data)[1:]), "came back"),
    ("A1.4", (lambda v, f: repr(v).encode(), lambda data, *_: eval(data)), "how many digits"),
    ("A1.4", (lambda v, f: b"", lambda data, count, f: [0] * count), "symbol 0 is -r"),
    ("A1.5", (lambda x: zlib.compress(x.tobytes()), lambda d, h, w: np.zeros((h, w, 64))), "only what the decoder has"),
    ("A1.5", (lambda x: x.tobytes(), lambda d, h, w: np.frombuffer(d, int).reshape(h, w, 64)), "one histogram of all"),
    ("A1.5", (lambda x: b"", lambda d, h, w: np.zeros((w, h))), "rows of"),
]


def test_the_assignment_has_an_answer_here_for_every_task_and_twenty_points():
    assert [task.id for task in list_tasks("A1")] == list(NAMES)
    assert sum(task.points for task in list_tasks("A1")) == 20


@pytest.mark.parametrize("task", list_tasks("A1"), ids=lambda task: task.id)
def test_a_right_answer_earns_every_point_with_another_seed(task):
    assert grade(task.id, RIGHT[task.id], seed=31) == task.points


def test_plausible_mistakes_earn_a_part_of_the_points():
    assert {id: grade(id, answer, seed=5) for id, answer in answered("PARTIAL").items()} == ANSWERS["PARTIAL_POINTS"]


def test_answers_that_are_wrong_everywhere_earn_nothing():
    assert {id: grade(id, answer, seed=5) for id, answer in answered("WRONG").items()} == dict.fromkeys(NAMES, 0)


@pytest.mark.parametrize(("id", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint(id, answer, hint, capsys):
    assert grade(id, answer) < sum(part.points for task in list_tasks("A1") if task.id == id for part in task.parts)
    assert hint in capsys.readouterr().out


def test_a_message_that_is_handed_on_beside_the_bytes_is_found_out(capsys):
    """The reader of one message must not depend on what was encoded last; too few bytes are named as such."""
    handed = {}

    def encode(spans):
        handed[len(handed)] = RIGHT["A1.2"][0](spans)
        return bytes([len(handed) - 1 & 255, len(handed) - 1 >> 8])

    reader = lambda data: RIGHT["A1.2"][1](handed[data[0] + 256 * data[1]])  # noqa: E731
    assert grade("A1.2", (encode, reader)) == 4
    assert "cannot hold" in capsys.readouterr().out


def kept_beside(name: str):
    """Of a right pair (encode, decode): an encoder that gives no bytes, and keeps them for a decoder that has none."""
    (encode, decode), kept = RIGHT[name], []

    def keeping(*message):
        kept[:] = [encode(*message)]
        return b""

    return keeping, lambda data, *sizes: decode(kept[0], *sizes)


@pytest.mark.parametrize("id", ["A1.3", "A1.4", "A1.5"])
def test_what_the_encoder_keeps_for_the_decoder_is_another_message_by_then(id, capsys):
    assert grade(id, kept_beside(id), seed=5) == 0


@pytest.mark.parametrize(("id", "earned"), [("A1.3", 1), ("A1.4", 2), ("A1.5", 1)])
def test_fewer_bytes_than_the_information_save_nothing_even_if_all_comes_back(id, earned, capsys):
    """A pair that keeps every message under a number of its own earns what asks for no size."""
    (encode, decode), kept = RIGHT[id], []

    def keeping(*message):
        kept.append(encode(*message))
        return len(kept).to_bytes(2, "big")

    def reading(data, *sizes):
        return decode(kept[int.from_bytes(data, "big") - 1], *sizes)

    assert grade(id, (keeping, reading), seed=5) == earned
    assert "what else do you hand on" in capsys.readouterr().out


def numbered(name: str, place: str):
    """Of a right pair: one that keeps each message, and gives its number in a file of the right size."""
    (encode, decode), kept = RIGHT[name], []

    def keeping(*message):
        kept.append(encode(*message))
        number, idle = (len(kept) - 1).to_bytes(4, "big"), bytes(max(0, len(kept[-1]) - 4))
        return number + idle if place == "front" else idle + number

    def reading(data, *sizes):
        number = data[:4] if place == "front" else data[-4:]
        return decode(kept[int.from_bytes(number, "big")], *sizes)

    return keeping, reading


@pytest.mark.parametrize("place", ["front", "back"])
@pytest.mark.parametrize(("id", "earned"), [("A1.2", 2), ("A1.3", 0), ("A1.4", 0), ("A1.5", 0)])
def test_a_number_in_idle_bytes_of_the_right_size_earns_only_the_messages_of_a_few_bytes(id, earned, place, capsys):
    assert grade(id, numbered(id, place), seed=5) == earned
    assert "it must be in the bytes" in capsys.readouterr().out


IDLE = {  # honest, and wasteful: bytes that say nothing, in front, behind, or after each byte
    "in front": (lambda data: bytes(400) + data, lambda data: data[400:]),
    "behind": (lambda data: data + bytes(400), lambda data: data[:-400]),
    "between": (lambda data: bytes(n for byte in data for n in (byte, 0, 0, 0)), lambda data: data[::4]),
}


@pytest.mark.parametrize("waste", IDLE)
def test_idle_bytes_cost_an_honest_coder_only_the_points_for_size(waste, capsys):
    (encode, reader), (put, take) = RIGHT["A1.2"], IDLE[waste]
    earned = grade("A1.2", (lambda spans: put(encode(spans)), lambda data: reader(take(data))), seed=5)
    assert earned == 3  # not the size, and not "nothing" in at most 16 bytes
    assert "must be in the bytes" not in capsys.readouterr().out


def test_a_decoder_that_runs_on_in_spoilt_bytes_for_ever_is_no_fault():
    encode, decode = RIGHT["A1.4"]
    written = set()

    def noting(*message):
        written.add(data := encode(*message))
        return data

    def patient(data, *sizes):
        while data not in written:
            pass
        return decode(data, *sizes)

    assert grade("A1.4", (noting, patient), seed=5) == 3


@pytest.mark.parametrize("seed", range(8))
def test_honest_coders_are_never_told_that_their_message_comes_from_elsewhere(seed, capsys):
    for id in ("A1.2", "A1.3", "A1.4"):
        assert grade(id, RIGHT[id], seed=seed) == find_task(id).points
    lent = given1.encode, given1.reader
    for message in ([], [([9], 0)] * 500, judging1.drawn(np.random.default_rng(seed), [65500, 20, 16], 4000)):
        judging1.check_round_trip(*lent, message)


def test_the_lent_coder_meets_every_claim_of_the_task_but_is_no_answer_to_it(capsys):
    encode, reader = given1.encode, given1.reader
    assert grade("A1.2", (lambda spans: encode(spans), lambda data: reader(data)), seed=6) == 6
    assert grade("A1.2", (encode, reader), seed=6) == 0
    assert "write your own" in capsys.readouterr().out


def later_tasks(**changed) -> dict:
    """The names of a notebook whose later tasks are right, with these in the place of its own."""
    space = {}
    for id in NAMES:
        exec(ANSWERS["RIGHT"][id.replace(".", "-") + "-answer"], space)
    space.update(changed)
    return space


@pytest.mark.parametrize("id", ["A1.3", "A1.4", "A1.5"])
def test_where_the_coder_of_the_second_task_fails_later_tasks_say_so(id, capsys):
    right = RIGHT["A1.2"][0]
    space = later_tasks(encode=lambda spans: right([(start, length, line + 1) for start, length, line in spans]))
    assert grade(id, tuple(space[name] for name in NAMES[id]), seed=5) < find_task(id).points
    assert "your coder of A1.2 fails first" in capsys.readouterr().out


@pytest.mark.parametrize("id", ["A1.3", "A1.4", "A1.5"])
def test_later_tasks_earn_all_points_with_the_lent_coder(id):
    space = later_tasks(encode=given1.encode, reader=given1.reader)
    assert grade(id, tuple(space[name] for name in NAMES[id]), seed=5) == find_task(id).points


def test_a_right_coder_is_not_blamed_for_a_later_task(capsys):
    space = later_tasks()
    read = space["decode_adaptive"]
    assert grade("A1.3", (space["encode_adaptive"], lambda *x: read(*x)[::-1]), seed=5) == 0
    assert "fails first" not in capsys.readouterr().out


def test_answers_of_other_types_earn_as_much():
    span, symbol_at = RIGHT["A1.1"]
    assert grade("A1.1", (lambda *x: np.array(span(*x)), lambda *x: np.int64(symbol_at(*x))), seed=3) == 3
    (encode, reader), (learn, decode) = RIGHT["A1.2"], RIGHT["A1.3"]
    assert grade("A1.2", (lambda spans: bytearray(encode(spans)), lambda data: reader(bytes(data))), seed=3) == 6
    assert grade("A1.3", (learn, lambda *x: (n for n in decode(*x))), seed=3) == 4
    assert grade("A1.4", (RIGHT["A1.4"][0], lambda *x: np.array(RIGHT["A1.4"][1](*x))), seed=3) == 3


# ---- what is handed out ----------------------------------------------------------------------------------------------


def test_levels_become_a_picture_that_is_off_by_little_more_than_the_step():
    grey = np.random.default_rng(2).integers(0, 256, (24, 40))
    levels = dct_levels(grey, 4)
    assert levels.shape == (3, 5, 64) and levels.dtype == np.int64
    assert np.abs(grey_of(levels, 4).astype(int) - grey).max() < 10
    assert np.sqrt(np.mean((grey_of(levels, 4).astype(int) - grey) ** 2)) < 4 / 2


def test_frequencies_go_from_low_to_high():
    across = np.tile(128 + 50 * np.cos(np.pi * (np.arange(8) + 0.5) / 8), (8, 1))
    assert np.flatnonzero(dct_levels(across, 10)).tolist() == [1]
    assert np.flatnonzero(dct_levels(np.full((8, 8), 200.0), 10)).tolist() == [0]
    checks = 128 + 90.0 * (-1) ** np.add.outer(np.arange(8), np.arange(8))
    assert np.abs(dct_levels(checks, 10)).argmax() == 63


def test_a_picture_without_whole_blocks_is_refused():
    with pytest.raises(LicLabError, match="12 x 16 has no whole blocks"):
        dct_levels(np.zeros((12, 16)), 4)


def test_a_histogram_costs_its_entropy():
    assert own_histogram(np.array([[0, 1], [2, 3]])) == pytest.approx(1)  # four symbols of two bits
    assert own_histogram(np.zeros(9)) == 0


def test_the_librarys_gaussians_cost_little_more_than_the_entropy_of_gaussian_levels():
    levels = np.round(np.random.default_rng(3).normal(0, np.linspace(30, 0.5, 64), (40, 40, 64))).astype(int)
    needed = sum(own_histogram(levels[..., k]) for k in range(64))
    assert needed < gaussian_bytes(levels) < 1.03 * needed + 64 * 40
