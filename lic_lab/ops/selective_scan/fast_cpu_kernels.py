"""The selective scan on a CPU: Numba kernels over blocks of sixteen channels, one vector per step and state.

Legend: r rows (batch times groups), c channels of a row in k blocks of sixteen, n states (even), l steps, p steps
padded to a multiple of sixteen. Every array is flat float32; an absent one has size 0.
    (b, d, l)       u, delta, z, y and their gradients, by strides; the others are C-ordered:
    (r, n, p)       B, C, zero beyond l
    (r, k, n, 16)   h and all that there is per state: one state of sixteen channels is one vector; A has groups for r
    (r, k, 16)      D, bias; again with groups for r
A tile is (STEPS, 16). Steps beyond a ragged end hold delta = 0 and u = 0, which leave the state as it is.

Source: Mamba, arXiv 2312.00752, Sec. 3.3.2 (the backward pass recomputes the states). Ours: chunk by chunk, from the
state kept before each chunk, so that nothing of the size (b, d, l, n) ever exists.
"""

from numba import float32

from lic_lab.compiled import compiled, helper
from lic_lab.ops.selective_scan.simd import (
    LANES,
    constant,
    exp2,
    load,
    prefetch,
    sigmoid,
    softplus,
    spread,
    store,
    sum_pairs,
    sum_quarters,
    transpose,
)

STEPS = 64  # steps between two kept states: what a chunk needs stays in the nearest caches
TILE = LANES * (STEPS + 5)  # five vectors more, lest equal places in all tiles fall into one set of the cache
LN2, ONE, ZERO = float32(0.6931471805599453), float32(1), float32(0)

# Where things live in a worker's scratch array, in floats. X is delta u; a G goes before a gradient;
# DECAY and PAST hold two states each, CARRY the n states that travel from chunk to chunk.
U, STEP, X, Y, Z, SLOPE, GY, GX, GSTEP, SUMS, DECAY = (i * TILE for i in range(11))
PAST = DECAY + 2 * TILE
CARRY = PAST + 2 * TILE + 2 * LANES


def scratch_size(states: int) -> int:
    """Floats of scratch that one worker of either kernel needs."""
    return CARRY + LANES * states


@helper
def _copy(source, i, target, j, size):
    for k in range(0, size, LANES):
        store(target, j + k, load(source, i + k))


@helper
def _read_tile(source, strides, where, when, s, tile, ahead):
    """To the tile, with zeros beyond the edges; where: batch, channel, count; when: start, end, length.

    The strides are of batch, channels and steps; one of the last two is 1.
    """
    (batch, channel, count), (start, end, length), (sb, sc, st) = where, when, strides
    begin = batch * sb + channel * sc
    for t in range(start, end, LANES):
        if count < LANES or t + LANES > length:
            for k in range(LANES * LANES):
                c, i = k % LANES, t + k // LANES
                s[tile + k] = source[begin + c * sc + i * st] if c < count and i < length else ZERO
        elif st == 1:
            prefetch(source, begin + t + ahead, sc)
            transpose(source, begin + t, sc, s, tile, LANES)
        else:
            prefetch(source, begin + (t + ahead) * st, st)
            for k in range(LANES):
                store(s, tile + LANES * k, load(source, begin + (t + k) * st))
        tile += LANES * LANES


@helper
def _write_tile(target, strides, where, when, s, tile):
    """The inverse of `_read_tile`: what lies beyond the edges is dropped."""
    (batch, channel, count), (start, end, length), (sb, sc, st) = where, when, strides
    begin = batch * sb + channel * sc
    for t in range(start, end, LANES):
        if count < LANES or t + LANES > length:
            for k in range(LANES * LANES):
                c, i = k % LANES, t + k // LANES
                if c < count and i < length:
                    target[begin + c * sc + i * st] = s[tile + k]
        elif st == 1:
            transpose(s, tile, LANES, target, begin + t, sc)
        else:
            for k in range(LANES):
                store(target, begin + (t + k) * st, load(s, tile + LANES * k))
        tile += LANES * LANES


@helper
def _start_chunk(s, skip, shift, soft, steps, valid):
    """STEP holds the raw delta and becomes the step size; X = delta u and Y = D u."""
    for k in range(0, LANES * steps, LANES):
        step, u = load(s, STEP + k) + shift, load(s, U + k)
        if soft:
            step = softplus(step)
        store(s, STEP + k, step)
        store(s, X + k, step * u)
        store(s, Y + k, skip * u)
    for k in range(LANES * valid, LANES * steps):
        s[STEP + k] = ZERO  # beyond the end nothing moves, whatever bias and softplus say


@helper
def _scan(s, A, a, h, B, C, at, stride, steps):
    """Two states of sixteen channels through a chunk: h = 2**(step A) h + B X, Y += C h."""
    a0, a1, h0, h1 = load(A, a), load(A, a + LANES), load(s, h), load(s, h + LANES)
    for t in range(steps):
        k, i = LANES * t, at + t
        step, x = load(s, STEP + k), load(s, X + k)
        h0 = exp2(step * a0) * h0 + x * spread(B, i)
        h1 = exp2(step * a1) * h1 + x * spread(B, i + stride)
        store(s, Y + k, load(s, Y + k) + h0 * spread(C, i) + h1 * spread(C, i + stride))
    store(s, h, h0)
    store(s, h + LANES, h1)


@compiled
def forward(u, delta, A, B, C, D, z, bias, h, y, kept, s, strides, shape, soft, first, stop):
    """Blocks `first` to `stop` of all rows. A is what stands under a power of two: log2(e) times the usual one.

    h holds the first states and receives the last; `kept` (r, k, chunks, n, 16), if any, the state before every chunk.
    """
    groups, channels, length, states = shape
    s_u, s_delta, s_z, s_y = strides
    blocks, chunks, width = (channels + LANES - 1) // LANES, (length + STEPS - 1) // STEPS, LANES * states
    padded = (length + LANES - 1) // LANES * LANES
    for task in range(first, stop):
        row, block = task // blocks, task % blocks
        shared, count = row % groups * blocks + block, channels - block * LANES if block == blocks - 1 else LANES
        where = (row // groups, row % groups * channels + block * LANES, count)
        _copy(h, task * width, s, CARRY, width)
        for chunk in range(chunks):
            start = chunk * STEPS
            end = start + STEPS if start + STEPS < padded else padded
            when = (start, end, length)
            if kept.size > 0:
                _copy(s, CARRY, kept, (task * chunks + chunk) * width, width)
            _read_tile(u, s_u, where, when, s, U, STEPS)
            _read_tile(delta, s_delta, where, when, s, STEP, STEPS)
            _start_chunk(s, load(D, LANES * shared), load(bias, LANES * shared), soft, end - start, length - start)
            for n in range(0, states, 2):
                i, k = (row * states + n) * padded + start, LANES * n
                _scan(s, A, shared * width + k, CARRY + k, B, C, i, padded, end - start)
            if z.size > 0:
                _read_tile(z, s_z, where, when, s, Z, STEPS)
                for k in range(0, LANES * (end - start), LANES):
                    gate = load(s, Z + k)
                    store(s, Y + k, load(s, Y + k) * gate * sigmoid(gate))
            _write_tile(y, s_y, where, when, s, Y)
        _copy(s, CARRY, h, task * width, width)


@helper
def _rescan(s, A, a, kept, h, B, C, at, stride, steps):
    """`_scan` from a kept state, noting every decay, and the state before step t in the t-th place of PAST."""
    a0, a1, h0, h1 = load(A, a), load(A, a + LANES), load(kept, h), load(kept, h + LANES)
    for t in range(steps):
        k, i = LANES * t, at + t
        step, x = load(s, STEP + k), load(s, X + k)
        store(s, PAST + 2 * k, h0)
        store(s, PAST + 2 * k + LANES, h1)
        e0, e1 = exp2(step * a0), exp2(step * a1)
        store(s, DECAY + 2 * k, e0)
        store(s, DECAY + 2 * k + LANES, e1)
        h0 = e0 * h0 + x * spread(B, i)
        h1 = e1 * h1 + x * spread(B, i + stride)
        store(s, Y + k, load(s, Y + k) + h0 * spread(C, i) + h1 * spread(C, i + stride))
    store(s, PAST + 2 * LANES * steps, h0)
    store(s, PAST + 2 * LANES * steps + LANES, h1)


@helper
def _scan_back(s, A, a, gh, gA, g, B, C, at, stride, steps):
    """Two states of sixteen channels backwards through a chunk; g0 and g1 are the gradients at them after each step."""
    a0, a1, g0, g1 = load(A, a), load(A, a + LANES), load(gh, g), load(gh, g + LANES)
    ga0, ga1, end = load(gA, g), load(gA, g + LANES), PAST + 2 * LANES * steps
    h0, h1 = load(s, end), load(s, end + LANES)
    for t in range(steps - 1, -1, -1):
        k, i = LANES * t, at + t
        step, x, gy = load(s, STEP + k), load(s, X + k), load(s, GY + k)
        g0 = g0 + gy * spread(C, i)
        g1 = g1 + gy * spread(C, i + stride)
        store(s, SUMS + k, sum_pairs(g0 * x, g1 * x, gy * h0, gy * h1))
        store(s, GX + k, load(s, GX + k) + g0 * spread(B, i) + g1 * spread(B, i + stride))
        g0 = g0 * load(s, DECAY + 2 * k)
        g1 = g1 * load(s, DECAY + 2 * k + LANES)
        h0, h1 = load(s, PAST + 2 * k), load(s, PAST + 2 * k + LANES)
        v0, v1 = g0 * h0, g1 * h1
        store(s, GSTEP + k, load(s, GSTEP + k) + v0 * a0 + v1 * a1)
        ga0 = ga0 + v0 * step
        ga1 = ga1 + v1 * step
    store(gh, g, g0)
    store(gh, g + LANES, g1)
    store(gA, g, ga0)
    store(gA, g + LANES, ga1)


@helper
def _add_sums(s, target, at, steps):
    """Finish the sums over channels that `_scan_back` began: four per step."""
    for k in range(0, 4 * steps, LANES):
        i = SUMS + 4 * k
        total = sum_quarters(load(s, i), load(s, i + LANES), load(s, i + 2 * LANES), load(s, i + 3 * LANES))
        store(target, at + k, load(target, at + k) + total)


@helper
def _start_back(s, shift, soft, gated, steps, valid):
    """SLOPE = d step / d delta; GY becomes the gradient before the gate; Z what gives, times y, the gradient at z."""
    for k in range(0, LANES * steps, LANES):
        store(s, SLOPE + k, sigmoid(load(s, STEP + k) + shift) if soft else constant(ONE))
        store(s, GX + k, constant(ZERO))
        store(s, GSTEP + k, constant(ZERO))
        if gated:
            z, gy = load(s, Z + k), load(s, GY + k)
            gate = sigmoid(z)
            store(s, Z + k, gy * gate * (constant(ONE) + z * (constant(ONE) - gate)))
            store(s, GY + k, gy * gate * z)
    for k in range(LANES * valid, LANES * steps):
        s[SLOPE + k] = ZERO


@helper
def _finish_back(s, skip, steps, gskip, at):
    """The gradient at delta to GSTEP, at u to GX, at z to Z; those at D and bias are added to `gskip`."""
    gd, gb = load(gskip, at), load(gskip, at + LANES)
    for k in range(0, LANES * steps, LANES):
        u, gx, gy = load(s, U + k), load(s, GX + k), load(s, GY + k)
        gdelta = (load(s, GSTEP + k) * constant(LN2) + gx * u) * load(s, SLOPE + k)
        gd = gd + gy * u
        gb = gb + gdelta
        store(s, GSTEP + k, gdelta)
        store(s, GX + k, gx * load(s, STEP + k) + gy * skip)
        store(s, Z + k, load(s, Z + k) * load(s, Y + k))
    store(gskip, at, gd)
    store(gskip, at + LANES, gb)


@compiled
def backward(
    u,
    delta,
    A,
    B,
    C,
    D,
    z,
    bias,
    kept,
    gy,
    gh,
    gu,
    gdelta,
    gz,
    gA,
    gBC,
    gskip,
    s,
    strides,
    shape,
    soft,
    parts,
    first,
    stop,
):
    """Jobs `first` to `stop`; a job is one of the `parts` of a row's blocks, and has its own place in gBC.

    gh (r, k, n, 16) holds the gradient at the last state and receives that at the first. Added to what they hold: gA
    (r, k, n, 16), the gradient at delta times A summed over steps; gskip (r, k, 2, 16), at D and bias; gBC
    (r, parts, n / 2, p, 4), at B of two states and at C of the same two.
    """
    groups, channels, length, states = shape
    s_u, s_delta, s_z, s_gy, s_gu, s_gdelta, s_gz = strides
    blocks, chunks = (channels + LANES - 1) // LANES, (length + STEPS - 1) // STEPS
    padded = (length + LANES - 1) // LANES * LANES
    for job in range(first, stop):
        row, part = job // parts, job % parts
        for chunk in range(chunks - 1, -1, -1):  # outside the blocks: they share this piece of B, C and gBC
            start = chunk * STEPS
            end = start + STEPS if start + STEPS < padded else padded
            steps, valid, when = end - start, length - start, (start, end, length)
            for block in range(part * blocks // parts, (part + 1) * blocks // parts):
                shared, task = row % groups * blocks + block, row * blocks + block
                count = channels - block * LANES if block == blocks - 1 else LANES
                where = (row // groups, row % groups * channels + block * LANES, count)
                skip, shift = load(D, LANES * shared), load(bias, LANES * shared)
                _read_tile(u, s_u, where, when, s, U, -STEPS)
                _read_tile(delta, s_delta, where, when, s, STEP, -STEPS)
                _read_tile(gy, s_gy, where, when, s, GY, -STEPS)
                if z.size > 0:
                    _read_tile(z, s_z, where, when, s, Z, -STEPS)
                _start_back(s, shift, soft, z.size > 0, steps, valid)
                _start_chunk(s, skip, shift, soft, steps, valid)
                for n in range(0, states, 2):
                    a, g, i = (shared * states + n) * LANES, (task * states + n) * LANES, (row * states + n) * padded
                    h = ((task * chunks + chunk) * states + n) * LANES
                    _rescan(s, A, a, kept, h, B, C, i + start, padded, steps)
                    _scan_back(s, A, a, gh, gA, g, B, C, i + start, padded, steps)
                    _add_sums(s, gBC, 4 * ((job * states + n) // 2 * padded + start), steps)
                _finish_back(s, skip, steps, gskip, 2 * LANES * task)
                _write_tile(gu, s_gu, where, when, s, GX)
                _write_tile(gdelta, s_gdelta, where, when, s, GSTEP)
                if z.size > 0:
                    _write_tile(gz, s_gz, where, when, s, Z)
