"""Tasks of assignment A5: who listens too early, a proof of it, a walk to bytes and back, and contexts that save."""

from __future__ import annotations

import numpy as np

from lic_lab.check import given5 as given
from lic_lab.check import judging5 as judging
from lic_lab.check.exercises import NotYet
from lic_lab.check.expect import functions
from lic_lab.check.given5 import checkerboard
from lic_lab.check.tasks import Task
from lic_lab.coding.fast import Decoder, Encoder

PASSES = 100  # that a decoder may need for the real latents
SHAPE = (3, 6, 8)
PICTURES = "astronaut", "coffee", "rocket"  # whose crops are coded; there, more neighbours always save more
ITSELF = ((0, 0, 0),)


def _latent(rng, shape=SHAPE) -> np.ndarray:
    """Whole numbers without a zero, so that a place that is emptied always changes."""
    y = np.rint(rng.normal(0, 8, shape)).astype(np.int64)
    return np.where(y == 0, 5, y)


def _orders(rng, shape=SHAPE) -> dict[str, np.ndarray]:
    return {
        "raster order": judging.raster(shape), "a checkerboard": checkerboard(shape),
        "channel after channel": judging.slices(shape), "an order of its own": judging.shuffled(shape, rng),
    }  # fmt: skip


# ---- A5.1 ------------------------------------------------------------------------------------------------------------

listeners = Task("A5.1", "Places whose table no decoder could choose")


@listeners.part("symbols that tell themselves are found, and causal contexts are not accused", points=1)
def _(answer, rng):
    for name, when in _orders(rng).items():
        causal = judging.listening(when, np.less, rng)
        _found(answer, causal, when, rng, f"{name}: ")
        itself = judging.listening(when, np.equal, rng, steps=ITSELF)
        _found(answer, judging.together(causal, itself), when, rng, f"{name}, every symbol tells itself: ")


@listeners.part("symbols of the same pass and of later passes are found, in any order", points=1)
def _(answer, rng):
    for name, when in _orders(rng).items():
        causal = judging.listening(when, np.less, rng)
        _found(answer, causal, when, rng, f"{name}: ")
        for may, what in ((np.equal, "the same pass"), (np.greater, "later passes")):
            early = judging.listening(when, may, rng)
            if judging.unheard(early, when, _latent(rng)).any():  # in raster order, the channels share a pass
                _found(answer, judging.together(causal, early), when, rng, f"{name}, {what} is read: ")


@listeners.part("exactly those places are marked, whether it is their mean or their scale that listens", points=1)
def _(answer, rng):
    for name, when in _orders(rng).items():
        causal, only = judging.listening(when, np.less, rng), rng.random(SHAPE) < 0.2
        later = judging.listening(when, np.greater_equal, rng, only=only)
        for heard in ({"mean": True, "scale": False}, {"mean": False, "scale": True}):
            context, y = judging.together(causal, later, **heard), _latent(rng)
            got, right = np.asarray(answer(context, when.copy(), y.copy())), judging.unheard(context, when, y)
            where = f"{name}, the {'mean' if heard['mean'] else 'scale'} listens: "
            if got.shape != SHAPE:
                raise NotYet(f"{where}the map has the shape {got.shape}: mark each place, {SHAPE}")
            if not np.array_equal(got.astype(bool), right):
                more, less = (got.astype(bool) & ~right).sum(), (right & ~got.astype(bool)).sum()
                raise NotYet(f"{where}{more} places are marked that only hear the past, {less} listeners are missed")


def _found(answer, context, when, rng, where: str) -> None:
    """NotYet unless a map has a mark where there is a listener, and none where there is none."""
    y = _latent(rng)
    marked, guilty = bool(np.any(answer(context, when.copy(), y.copy()))), judging.unheard(context, when, y).any()
    if marked and not guilty:
        raise NotYet(f"{where}a causal context is accused; only means and scales of the pass at hand are asked for")
    if guilty and not marked:
        raise NotYet(f"{where}nobody is marked; put 0 in the place of this pass and all later ones, and ask again")


# ---- A5.2 ------------------------------------------------------------------------------------------------------------

exhibits = Task("A5.2", "Catch the cheat, and prove it", seconds=40)


@exhibits.part("who reads itself or its own pass is proved guilty, who reads the past is let go", points=1)
def _(answer, rng):
    for name, when in _orders(rng).items():
        _tried(answer, judging.listening(when, np.less, rng), when, False, f"{name}, a causal context")
        for may, steps in ((np.equal, ITSELF), (np.greater_equal, judging.NEIGHBOURS)):
            guilty = judging.listening(when, may, rng, steps=steps)
            _tried(answer, guilty, when, True, f"{name}, a context of its own pass or later ones")


@exhibits.part("borders that wrap round are told apart: a leak in raster order, none on an even checkerboard", points=1)
def _(answer, rng):
    near, white = (make(rng.uniform(0.5, 0.9)) for make in (judging.wrapped, judging.wrapped_white))
    for shape in ((2, 4, 6), (2, 6, 8)):
        _tried(answer, near, judging.raster(shape), True, f"np.roll in raster order, {shape}")
        _tried(answer, white, checkerboard(shape), False, f"np.roll on a checkerboard, {shape}")
    _tried(answer, white, checkerboard((2, 6, 7)), True, "np.roll on a checkerboard of odd width")


@exhibits.part("means over the whole map are told from means over what is known", points=1)
def _(answer, rng):
    part = rng.uniform(0.3, 0.9)
    for shape in ((2, 4, 6), SHAPE):
        when = checkerboard(shape)
        anchors, others, all_of_them = when == 0, when == 1, when >= 0
        for heard, listens, guilty, who in (
            (anchors, others, False, "the mean of all anchors, for the others"),
            (all_of_them, others, True, "the mean of the whole map, for the others"),
            (anchors, all_of_them, True, "the mean of all anchors, for everybody"),
        ):
            _tried(answer, judging.levelled(part, heard, listens), when, guilty, who)


@exhibits.part("leaks that sleep until a symbol is large, or at a single place, are woken", points=1)
def _(answer, rng):
    for name, when in _orders(rng).items():
        limit = int(rng.integers(25, 45))
        heard = judging.awake_above(limit, judging.listening(when, np.less, rng))
        asleep = judging.awake_above(limit, judging.listening(when, np.greater_equal, rng))
        _tried(answer, heard, when, False, f"{name}, past symbols above {limit} are heard")
        _tried(answer, judging.together(heard, asleep), when, True, f"{name}, all symbols above {limit} are heard")
        here = np.zeros(SHAPE, bool)
        here[tuple(rng.integers(0, SHAPE))] = True
        corner = judging.listening(when, np.equal, rng, steps=ITSELF, only=here)
        _tried(answer, judging.together(heard, corner), when, True, f"{name}, one place reads itself")


def _tried(answer, context, when, guilty: bool, who: str) -> None:
    """NotYet unless a verdict is "clean" where that is right, and otherwise two latents that prove the leak."""
    got = answer(context, when.copy())
    if isinstance(got, str):
        if got != "clean":
            raise NotYet(f'{who}: {got!r} is no verdict; give "clean" or (one, other, place)')
        if guilty:
            raise NotYet(f"{who}: it was let go and leaks; try latents with other sizes of symbols, and every pass")
        return
    if not (isinstance(got, tuple | list) and len(got) == 3):
        raise NotYet(f'{who}: give "clean" or three things, (one, other, place)')
    one, other = (np.asarray(y) for y in got[:2])
    place = tuple(int(number) for number in got[2])
    if not (one.shape == other.shape == when.shape and len(place) == 3):
        raise NotYet(f"{who}: two latents of shape {when.shape} and a place (channel, row, column) are asked for")
    past = when < when[place]
    if not np.array_equal(one[past], other[past]):
        raise NotYet(f"{who}: the two latents differ in {int((one != other)[past].sum())} symbols coded before {place}")
    said = [judging.asked(context, y, "the suspect") for y in (one, other)]
    if all(a[place] == b[place] for a, b in zip(*said, strict=True)):
        raise NotYet(f"{who}: at {place} both latents get the same mean and scale, which proves nothing")


# ---- A5.3 ------------------------------------------------------------------------------------------------------------

walk = Task("A5.3", "To bytes and back, pass by pass")


@walk.part("encode: as many bytes as the tables promise, and anybody's decoder reads them", points=1)
def _(answer, rng):
    encode, _ = functions(answer, "encode and decode")
    _written(encode, *_to_code(rng, (4, 12, 16), checkerboard))


@walk.part("decode: reads a stream that another encoder wrote, and is never shown the latent", points=1)
def _(answer, rng):
    _, decode = functions(answer, "encode and decode")
    _read(decode, *_to_code(rng, (4, 12, 16), checkerboard))


@walk.part("any order and any shape, there and back", points=1)
def _(answer, rng):
    encode, decode = functions(answer, "encode and decode")
    orders = judging.raster, judging.slices, lambda shape: judging.shuffled(shape, rng), lambda s: np.zeros(s, int)
    for order, shape in zip(orders, ((2, 5, 7), (5, 8, 4), SHAPE, (1, 9, 9)), strict=True):
        y, when, context = _to_code(rng, shape, order)
        _written(encode, y, when, context)
        _read(decode, y, when, context)


@walk.part("decode refuses a stream with a piece missing, or with symbols left over", points=1)
def _(answer, rng):
    _, decode = functions(answer, "encode and decode")
    y, when, context = _to_code(rng, (3, 8, 8), checkerboard)
    _read(decode, y, when, context)
    for data, fault in (
        (_stream(y, when, context)[:-6], "cut short"),
        (_stream(y, when, context, more=40), "too long"),
    ):
        try:
            decode(data, when.copy(), context)
        except NotImplementedError:
            raise
        except Exception:  # of any kind: the text asks for an error, and `_read` has seen that decode can do without
            continue
        raise NotYet(
            f"a stream that is {fault} gave a latent; ask the library's decoder to `close()` after the last pass"
        )


def _to_code(rng, shape, order):
    when = order(shape)
    return judging.streaks(rng, shape, down=1.5, along=1.5), when, judging.listening(when, np.less, rng)


def _stream(y, when, context, *, more: int = 0) -> bytes:
    """The bytes of the format: pass after pass, one push for each; `more`: symbols that do not belong there."""
    encoder, (whole, index) = Encoder(), given.tables_of(*context(y))
    for number in range(when.max() + 1):
        here = when == number
        encoder.push((y - whole)[here], given.tables(), index[here])
    if more:
        encoder.push(np.arange(more, dtype=np.int32), given.tables(), np.full(more, 40, np.int32))
    return encoder.finish()


def _written(encode, y, when, context) -> None:
    """NotYet unless bytes of the promised number come, which hold the symbols in the order of the format."""
    data, bits = encode(y.copy(), when.copy(), context), given.symbol_bits(y, *context(y)).sum()
    if not isinstance(data, bytes):
        raise NotYet(f"encode gave {type(data).__name__}: finish() of the library's encoder gives bytes")
    if not bits - 8 <= 8 * len(data) <= bits + 64:
        raise NotYet(
            f"{bits:.0f} bits were promised and {8 * len(data)} are written: one symbol for each place, by its table"
        )
    decoder, (whole, index) = Decoder(data), given.tables_of(*context(y))
    for number in range(when.max() + 1):
        here = when == number
        if not np.array_equal(decoder.pop(given.tables(), index[here]) + whole[here], y[here]):
            raise NotYet(f"pass {number} does not come back: push y[when == {number}] less `whole`, pass after pass")


def _read(decode, y, when, context) -> None:
    """NotYet unless a latent comes out of bytes that the student's encoder never saw."""
    got = np.asarray(decode(_stream(y, when, context), when.copy(), context))
    if got.shape != y.shape:
        raise NotYet(f"decode gave the shape {got.shape} where the order has {y.shape}")
    if not np.array_equal(got, y):
        wrong = np.unique(when[got != y])[0]
        why = "add `whole` to what is popped" if wrong == 0 else "ask the context again before every pass"
        raise NotYet(f"{int((got != y).sum())} symbols are wrong, the first in pass {wrong}: {why}")


# ---- A5.4 ------------------------------------------------------------------------------------------------------------

board = Task("A5.4", "Four neighbours on a checkerboard, learned")


@board.part("a smooth field costs a tenth fewer bytes than without a context, in two passes that decode", points=1)
def _(answer, rng):
    drawn = [judging.streaks(rng, (2, 24, 24), down=1.5, along=1.5) for _ in range(4)]
    _saves(answer, drawn, share=None, least=0.1)


@board.part("streaks of any direction, also with signs that alternate: 9/10 of what least squares saves", points=1)
def _(answer, rng):
    for down, along, alternating in ((3, 0.4, False), (0.4, 3, False), (1.2, 1.2, True)):
        drawn = [judging.streaks(rng, (1, 24, 24), down=down, along=along, alternating=alternating) for _ in range(4)]
        _saves(answer, drawn, share=0.9)


@board.part("every channel has weights of its own: 9/10 of what least squares saves", points=1)
def _(answer, rng):
    kinds = rng.permutation([(3, 0.4, False), (0.4, 3, False), (1.2, 1.2, True)]).tolist()
    drawn = []
    for _ in range(4):
        channels = [judging.streaks(rng, (1, 24, 24), down=d, along=a, alternating=bool(s)) for d, a, s in kinds]
        drawn.append(np.concatenate(channels))
    _saves(answer, drawn, share=0.9)


@board.part("scales listen too, where neighbours tell only how large: 3/4 of what least squares saves", points=1)
def _(answer, rng):
    _saves(answer, [judging.calm_and_wild(rng, (2, 32, 32)) for _ in range(4)], share=0.75)


def _saves(answer, drawn: list[np.ndarray], *, share: float | None, least: float = 0.0) -> None:
    """NotYet unless the last of some fields, with a context of the others, costs so much less than without."""
    *train, y = drawn
    mine = judging.coded(y, answer([one.copy() for one in train]), passes=2)
    plain = judging.coded(y, given.no_context(train), passes=1)
    possible = 1 - judging.coded(y, judging.least_squares(train), passes=2).bytes / plain.bytes
    saved, wanted = 1 - mine.bytes / plain.bytes, least if share is None else share * possible
    if saved < wanted:
        best = f", and least squares saves {possible:.1%}" if share is not None else ""
        raise NotYet(f"{mine.bytes} bytes instead of {plain.bytes} saves {saved:.1%}; asked are {wanted:.1%}{best}")


# ---- A5.5 ------------------------------------------------------------------------------------------------------------

real = Task("A5.5", "A context of your own, for real latents", seconds=60)


@real.part("whole files decode and are smaller than with the mean of the neighbours", points=1)
def _(answer, rng):
    mine, _, neighbours = _files(answer, rng)
    if mine >= neighbours:
        raise NotYet(f"{mine:,} bytes, and the mean of the neighbours takes {neighbours:,}: learn weights, then scales")


@real.part("a tenth fewer bytes than without a context", points=1)
def _(answer, rng):
    _fewer(answer, rng, 0.1, "let the scale follow how large the neighbours are")


@real.part("18 % fewer bytes than without a context", points=1)
def _(answer, rng):
    _fewer(
        answer, rng, 0.18, "earlier channels tell something too, and then black squares need not go without a context"
    )


@real.part("25 % fewer bytes than without a context", points=2)
def _(answer, rng):
    _fewer(answer, rng, 0.25, f"within {PASSES} passes every symbol can have neighbours and channels: fronts can slant")


def _fewer(answer, rng, share: float, advice: str) -> None:
    mine, plain, _ = _files(answer, rng)
    if mine > (1 - share) * plain:
        raise NotYet(
            f"{mine:,} bytes instead of {plain:,} are {1 - mine / plain:.1%} fewer, {share:.0%} are asked; {advice}"
        )


def _files(answer, rng) -> tuple[int, int, int]:
    """Bytes of unseen crops, coded by what the other pictures taught: by the answer, without context, by neighbours."""
    sums, fits = np.zeros(3, int), ((answer, PASSES), (given.no_context, 1), (given.neighbour_mean, 2))
    for name in PICTURES:
        y, train = given.unseen(name, rng), [other for key, other in given.latents().items() if key != name]
        sums += [judging.coded(y, fit([one.copy() for one in train]), passes=passes).bytes for fit, passes in fits]
    return tuple(sums.tolist())
