"""The selective scan on a GPU: Triton kernels, one program per channel, which walks the sequence in tiles.

Legend: r rows (batch times channels), g groups per picture, n states, l steps; float32, C-ordered. step, u, y (r, l);
A (d, n); B, C (batch * g, n, l); h (r, n); kept (r, chunks, n). A tile is (N, T): N the next power of two of n.
Steps beyond the end have step = 0, which leaves the state as it is; absent states have A = B = C = 0.

Source: Mamba, arXiv 2312.00752, Sec. 3.3.2, by a parallel prefix inside each tile.
"""

import triton
import triton.language as tl


@triton.jit
def _join(decay1, x1, decay2, x2):
    """Two steps in a row are one step."""
    return decay1 * decay2, decay2 * x1 + x2


@triton.jit
def forward(step, u, A, B, C, h, y, kept, d, l, n, groups, KEEP: tl.constexpr, N: tl.constexpr, T: tl.constexpr):
    """h holds the first states and receives the last; `kept` the state before every tile."""
    row = tl.program_id(0).to(tl.int64)
    group = row // d * groups + row % d // (d // groups)
    chunks = tl.cdiv(l, T)
    states = tl.arange(0, N)[:, None]  # (N, 1)
    there = states < n
    rate = tl.load(A + row % d * n + states, mask=there, other=0.0)
    carry = tl.load(h + row * n + states, mask=there, other=0.0)
    for chunk in range(chunks):
        t = chunk * T + tl.arange(0, T)[None, :]  # (1, T)
        dt = tl.load(step + row * l + t, mask=t < l, other=0.0)
        x = dt * tl.load(u + row * l + t, mask=t < l, other=0.0)
        at = (group * n + states) * l + t  # (N, T)
        write = tl.load(B + at, mask=there & (t < l), other=0.0)
        read = tl.load(C + at, mask=there & (t < l), other=0.0)
        decay, local = tl.associative_scan((tl.exp(dt * rate), x * write), 1, _join)
        every = local + decay * carry
        tl.store(y + row * l + t, tl.sum(every * read, axis=0, keep_dims=True), mask=t < l)
        if KEEP:
            tl.store(kept + (row * chunks + chunk) * n + states, carry, mask=there)
        carry = tl.sum(tl.where(t == chunk * T + T - 1, every, 0.0), axis=1, keep_dims=True)
    tl.store(h + row * n + states, carry, mask=there)


@triton.jit
def backward(step, u, A, B, C, kept, gy, gh, gstep, gu, gA, gB, gC, d, l, n, groups, N: tl.constexpr, T: tl.constexpr):
    """gh holds the gradient at the last states and receives that at the first; gA (r, n); gB and gC are added to."""
    row = tl.program_id(0).to(tl.int64)
    group = row // d * groups + row % d // (d // groups)
    chunks = tl.cdiv(l, T)
    states = tl.arange(0, N)[:, None]
    there = states < n
    rate = tl.load(A + row % d * n + states, mask=there, other=0.0)
    carry = tl.load(
        gh + row * n + states, mask=there, other=0.0
    )  # what the steps after this tile ask of its last state
    grate = tl.zeros((N, 1), tl.float32)
    for back in range(chunks):
        chunk = chunks - 1 - back
        start = chunk * T
        t = start + tl.arange(0, T)[None, :]
        at = (group * n + states) * l + t
        here, both = t < l, there & (t < l)
        before = here & (t > start)
        # The state before every step: the scan of the steps moved by one place.
        dt = tl.load(step + row * l + t - 1, mask=before, other=0.0)
        x = dt * tl.load(u + row * l + t - 1, mask=before, other=0.0)
        write = tl.load(B + at - 1, mask=there & before, other=0.0)
        decay, local = tl.associative_scan((tl.exp(dt * rate), x * write), 1, _join)
        past = local + decay * tl.load(kept + (row * chunks + chunk) * n + states, mask=there, other=0.0)
        # The gradient at the state after every step: the same backwards, with the decay of the step that follows.
        dt = tl.load(step + row * l + t + 1, mask=(t + 1 < l) & (t + 1 < start + T), other=0.0)
        out = tl.load(gy + row * l + t, mask=here, other=0.0)
        read = tl.load(C + at, mask=both, other=0.0)
        decay, local = tl.associative_scan((tl.exp(dt * rate), out * read), 1, _join, reverse=True)
        g = local + decay * carry
        dt = tl.load(step + row * l + t, mask=here, other=0.0)
        value = tl.load(u + row * l + t, mask=here, other=0.0)
        write = tl.load(B + at, mask=both, other=0.0)
        decay = tl.exp(dt * rate)
        gx = tl.sum(g * write, axis=0, keep_dims=True)
        gdecay = g * decay * past  # the gradient at dt * rate
        tl.store(gu + row * l + t, gx * dt, mask=here)
        tl.store(gstep + row * l + t, gx * value + tl.sum(gdecay * rate, axis=0, keep_dims=True), mask=here)
        tl.atomic_add(gB + at, g * dt * value, mask=both)
        tl.atomic_add(gC + at, out * (decay * past + dt * value * write), mask=both)
        grate += tl.sum(gdecay * dt, axis=1, keep_dims=True)
        carry = tl.sum(tl.where(t == start, decay * g, 0.0), axis=1, keep_dims=True)
    tl.store(gA + row * n + states, grate, mask=there)
    tl.store(gh + row * n + states, carry, mask=there)
