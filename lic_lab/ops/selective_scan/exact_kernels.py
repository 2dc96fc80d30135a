"""The exact selective scan on a CPU: the formulas of `exact.py`, number by number, in Numba.

Loops over neighbouring channels are innermost and independent: LLVM turns them into vector instructions of whatever
width there is. No fastmath: nothing is reordered and no product is fused with a sum, so each operation is the one that
IEEE 754 defines. NaN is handed on.

Numba's cache on disk watches this file only: whoever changes a grid or a limit elsewhere edits this file, too.
"""

from functools import partial

import numpy as np
from numba import boolean, float64, intp, void

from lic_lab.compiled import compiled, helper
from lic_lab.ops.exact import GRID, LIMIT
from lic_lab.ops.selective_scan.exact import FINE, GATE_LIMIT, READ, STEP_LIMIT

LANES = 32  # channels of a block
STEPS = 32  # of a tile: (STEPS, LANES) numbers
MATRIX, TENSOR, DENSE = float64[:, :], float64[:, :, :], float64[:, :, :, ::1]  # the first two with any strides
SIGNATURE = void(*[TENSOR] * 2, MATRIX, *[DENSE] * 2, *[float64[::1]] * 2, *[TENSOR] * 3, boolean, intp, intp)


@helper
def _round(x, grid):
    """Adding 1.5 * 2**52 units leaves no room for fractions: the sum is rounded to even, and the difference exact."""
    rounder = 1.5 * 2.0**52 / grid
    return (x + rounder) - rounder


@helper
def _snap(x, grid, limit):
    x = limit if x > limit else x
    return _round(-limit if x < -limit else x, grid)


@helper
def _exp_negative(x):
    v = (-16.0 if x < -16.0 else x) * 2**-5
    p = v * (1 / 5) + 1
    p = p * v * (1 / 4) + 1
    p = p * v * (1 / 3) + 1
    p = p * v * (1 / 2) + 1
    p = p * v + 1
    for _ in range(5):
        p = p * p
    return p


@helper
def _softplus(x):
    small = _exp_negative(-abs(x))
    s = small / (2 + small)
    square = s * s
    series = square * (1 / 13) + 1 / 11
    series = series * square + 1 / 9
    series = series * square + 1 / 7
    series = series * square + 1 / 5
    series = series * square + 1 / 3
    series = series * square + 1
    return (0.0 if x < 0 else x) + 2 * s * series


@helper
def _silu(x):
    small = _exp_negative(-abs(x))
    return x * ((small if x < 0 else 1.0) / (1 + small))


@helper
def _read(source, batch, channel, start, tile, steps, count):
    for k in range(count):
        for t in range(steps):
            tile[t, k] = source[batch, channel + k, start + t]


@helper
def _prepare(u, step, x, bias, soft, steps, count):
    """`step` holds the raw delta and becomes the step size; x = step u; u goes to its grid."""
    for t in range(steps):
        for k in range(count):
            raw = _snap(step[t, k], FINE, LIMIT) + bias[k]
            step[t, k] = _snap(_softplus(raw) if soft else raw, FINE, STEP_LIMIT)
            u[t, k] = _snap(u[t, k], GRID, LIMIT)
            x[t, k] = _snap(step[t, k] * u[t, k], FINE, LIMIT)


@helper
def _advance(step, x, A, h, B, C, y, steps, count):
    """One state of all channels through a tile: h = decay h + B x, y += C h."""
    for t in range(steps):
        write, read = B[t], C[t]
        for k in range(count):
            decay = _round(_exp_negative(step[t, k] * A[k]), FINE)
            h[k] = _snap(decay * h[k] + _snap(x[t, k] * write, FINE, LIMIT), FINE, LIMIT)
            y[t, k] += _round(h[k], READ) * read


@helper
def _finish(y, u, D, z, gated, steps, count):
    for t in range(steps):
        for k in range(count):
            y[t, k] = _snap(y[t, k] + D[k] * u[t, k], FINE, LIMIT)
            if gated:
                gate = _snap(_silu(_snap(z[t, k], FINE, LIMIT)), READ, GATE_LIMIT)
                y[t, k] = _snap(y[t, k] * gate, FINE, LIMIT)


@partial(compiled, signature=SIGNATURE)
def scan(u, delta, A, B, C, D, bias, z, h, y, soft, first, stop):
    """Blocks `first` to `stop` of all batches and groups; shapes as for `selective_scan`, an absent z is empty.

    A, B, C, D, bias and h are on their grids. h (b, d, n) holds the first states and receives the last.
    """
    groups, states, length = B.shape[1:]
    channels = u.shape[1] // groups
    blocks = (channels + LANES - 1) // LANES
    tiles = np.empty((5, STEPS, LANES))
    us, step, x, gate, out = tiles[0], tiles[1], tiles[2], tiles[3], tiles[4]
    a, state = np.empty((states, LANES)), np.empty((states, LANES))
    for task in range(first, stop):
        row, block = task // blocks, task % blocks
        batch, group = row // groups, row % groups
        c, count = group * channels + block * LANES, min(LANES, channels - block * LANES)
        for n in range(states):
            for k in range(count):
                a[n, k], state[n, k] = A[c + k, n], h[batch, c + k, n]
        for start in range(0, length, STEPS):
            steps = min(STEPS, length - start)
            now = slice(start, start + steps)
            _read(u, batch, c, start, us, steps, count)
            _read(delta, batch, c, start, step, steps, count)
            _prepare(us, step, x, bias[c:], soft, steps, count)
            out[:] = 0
            for n in range(states):
                _advance(step, x, a[n], state[n], B[batch, group, n, now], C[batch, group, n, now], out, steps, count)
            if z.size > 0:
                _read(z, batch, c, start, gate, steps, count)
            _finish(out, us, D[c:], gate, z.size > 0, steps, count)
            for k in range(count):
                for t in range(steps):
                    y[batch, c + k, start + t] = out[t, k]
        for n in range(states):
            for k in range(count):
                h[batch, c + k, n] = state[n, k]
