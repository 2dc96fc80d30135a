"""The exact scan: the same bits by every way there is to compute it, and close to the loop in float64."""

import hashlib
import os
import subprocess
import sys
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.errors import LicLabError
from lic_lab.ops.exact import exp_negative, silu, softplus
from lic_lab.ops.selective_scan import exact, selective_scan, workers
from lic_lab.ops.selective_scan.inputs import Inputs, checked

SEQUENCES = ("u", "delta", "z", "B", "C")


def make(b, d, l, n, g=1, *, options=True, scale=1.0, seed=0):
    """Arguments as a trained layer might have them, times `scale`: steps of 0.001 to 0.1, A from -1 to -n."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)

    step = torch.exp(torch.empty(d, dtype=torch.float64).uniform_(-6.9, -2.3, generator=generator))
    args = {"u": normal(b, d, l), "delta": 0.5 * normal(b, d, l), "B": normal(b, g, n, l), "C": normal(b, g, n, l)}
    args |= {"A": -scale * torch.arange(1.0, n + 1, dtype=torch.float64).repeat(d, 1)}
    args |= {"delta_bias": torch.log(torch.expm1(step)), "delta_softplus": True}
    if options:
        args |= {"D": normal(d), "z": normal(b, d, l), "initial_state": normal(b, d, n)}
    return args


def scan(args, backend="exact"):
    return selective_scan(**args, return_last_state=True, backend=backend)


def loop(args):
    """The slow twin, whatever is installed."""
    inputs = checked(Inputs(**args))
    assert exact.refuses(inputs) == ""
    return exact.loop(exact._on_grids(inputs))


def assert_same_bits(got, wanted):
    for x, y in zip(got, wanted, strict=True):
        assert torch.equal(x.contiguous().view(torch.int64), y.contiguous().view(torch.int64))


def part(args, *cut):
    return args | {name: args[name][..., slice(*cut)] for name in SEQUENCES if name in args}


def fingerprint():
    """A digest of what both ways give for arguments that are whole numbers over a power of two, on any machine."""

    def numbers(*shape, largest, seed):
        k = torch.arange(torch.Size(shape).numel()) + seed
        return ((k * k % 9973 * 31 + k * 7919) % (2 * largest * 4096 + 1) - largest * 4096).reshape(shape) / 4096.0

    u, delta, z = (numbers(2, 70, 150, largest=4, seed=i).double() for i in range(3))
    B, C = (numbers(2, 2, 16, 150, largest=4, seed=i).double() for i in (3, 4))
    A, D = -numbers(70, 16, largest=16, seed=5).double().abs(), numbers(70, largest=4, seed=6).double()
    args = {"u": u, "delta": delta - 4, "A": A, "B": B, "C": C, "D": D, "z": z, "delta_bias": D, "delta_softplus": True}
    digests = [hashlib.sha256(b"".join(x.contiguous().numpy().tobytes() for x in f(args))) for f in (scan, loop)]
    return [digest.hexdigest()[:16] for digest in digests]


# Inverse: what is cut into pieces is whole again


@pytest.mark.parametrize("way", [scan, loop])
def test_a_sequence_in_pieces_gives_the_bits_of_the_whole(way):
    args = make(2, 37, 70, 5)
    whole, state, parts = way(args), args["initial_state"], []
    for cut in [(0, 1), (1, 2), (2, 35), (35, 68), (68, 69), (69, 70)]:
        y, state = way(part(args, *cut) | {"initial_state": state})
        parts.append(y)
    assert_same_bits((torch.cat(parts, dim=-1), state), whole)


def test_outputs_and_states_lie_on_their_grids_within_their_limits():
    for scale in (1.0, 1e4):
        y, state = scan(make(1, 40, 100, 4, scale=scale))
        assert torch.equal(y * 2**20, torch.round(y * 2**20)) and y.abs().max() <= 2**10
        assert torch.equal(state * 2**20, torch.round(state * 2**20)) and state.abs().max() <= 2**10
    assert state.abs().max() == 2**10  # the last ones are full


# Reference


def on_grid(x, bits, limit=1024):
    """What `snap` does, on a fraction."""
    return min(max(Fraction(round(Fraction(x) * 2**bits), 2**bits), -Fraction(limit)), Fraction(limit))


def formula(function, x):
    return function(torch.tensor([float(x)], dtype=torch.float64)).item()


def test_fractions_of_any_precision_give_the_same_numbers():
    args = make(1, 2, 12, 3, 2, scale=3.0)
    first = {name: x[0].tolist() for name, x in args.items() if name not in ("A", "D", "delta_bias", "delta_softplus")}
    A, D, bias = (args[name].tolist() for name in ("A", "D", "delta_bias"))
    y, last = scan(args)
    for c in range(2):
        state = [on_grid(h, 20) for h in first["initial_state"][c]]
        for t in range(12):
            raw = on_grid(first["delta"][c][t], 20) + on_grid(bias[c], 20)
            step, u = on_grid(formula(softplus, raw), 20, 32), on_grid(first["u"][c][t], 12)
            x, out = on_grid(step * u, 20), on_grid(D[c], 12) * u
            for n in range(3):
                decay = on_grid(formula(exp_negative, step * on_grid(A[c][n], 12)), 20)
                write = on_grid(x * on_grid(first["B"][c][n][t], 12), 20)
                state[n] = on_grid(decay * state[n] + write, 20)
                out += on_grid(state[n], 16) * on_grid(first["C"][c][n][t], 12)
            gate = on_grid(formula(silu, on_grid(first["z"][c][t], 20)), 16, 64)
            assert y[0, c, t].item() == on_grid(on_grid(out, 20) * gate, 20)
        assert last[0, c].tolist() == state


@settings(max_examples=40, deadline=None)
@given(
    b=st.integers(1, 3), d=st.integers(1, 12), g=st.integers(1, 4), l=st.integers(1, 140), n=st.integers(1, 16),
    options=st.booleans(), soft=st.booleans(), scale=st.sampled_from([1e-9, 0.1, 1.0, 10.0, 1e3, 1e300]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_the_compiled_kernel_gives_the_bits_of_the_loop(b, d, g, l, n, options, soft, scale, seed):
    args = make(b, d * g, l, n, g, options=options, scale=scale, seed=seed) | {"delta_softplus": soft}
    if not soft:
        args |= {"delta": args["delta"].abs(), "delta_bias": None}
    assert_same_bits(scan(args), loop(args))


@pytest.mark.parametrize("groups", [1, 2, 67])
def test_blocks_of_channels_and_chunks_of_steps_leave_no_trace(groups):
    args = make(2, 134, 130, 3, groups)
    assert_same_bits(scan(args), loop(args))


@pytest.mark.parametrize("states", [16, 32])
def test_the_order_of_full_states_does_not_matter(states):
    args = make(1, 5, 60, states, scale=1e4)  # sums near 2**53 units
    order = torch.randperm(states, generator=torch.Generator().manual_seed(1))
    other = args | {name: args[name][:, :, order] for name in ("B", "C", "initial_state")} | {"A": args["A"][:, order]}
    for way in (scan, loop):
        assert torch.equal(way(args)[0], way(other)[0])
    assert_same_bits(scan(other), loop(other))


@pytest.mark.parametrize("way", [scan, loop])
def test_infinity_is_a_limit_and_nan_is_not_swallowed(way):
    args = make(1, 16, 20, 4)
    args["u"][0, 2, 5], args["u"][0, 3, 10] = torch.inf, torch.nan
    y, _ = way(args)
    assert torch.isfinite(y[0, :3]).all()
    assert torch.isnan(y[0, 3, 10:]).all() and torch.isfinite(y[0, 3, :10]).all()


@pytest.mark.parametrize("states", [8, 16])
def test_it_is_close_to_the_loop_in_float64(states):
    args = make(1, 64, 1536, states, 4, options=False) | {"D": torch.ones(64, dtype=torch.float64)}
    y, last = scan(args)
    wanted, wanted_last = scan(args, backend="reference")
    assert (last - wanted_last).abs().max() < 1e-4
    apart = (y - wanted).abs()
    assert apart.max() < 1e-3 and apart.square().mean().sqrt() < 2e-4  # y itself: 1 by root mean square, 7 at most


@pytest.mark.parametrize("layout", ["channels last", "every second step", "one for all channels"])
def test_any_strides_give_the_same_bits(layout):
    args = make(2, 35, 50, 4)
    wanted = loop(args)
    for name in ("u", "delta", "z"):
        if layout == "channels last":
            args[name] = args[name].transpose(1, 2).contiguous().transpose(1, 2)
        elif layout == "every second step":
            args[name] = args[name].repeat_interleave(2, dim=-1)[..., ::2]
        else:
            args[name] = args[name][:, :1].expand(-1, 35, -1)
            wanted = loop(args)
    assert_same_bits(scan(args), wanted)


# The same bits: threads, processors, other runs


def test_neither_threads_nor_neighbours_change_a_bit(monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 0)
    args, threads = make(3, 40, 100, 4), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        together, by_loop = scan(args), loop(args)
        torch.set_num_threads(1)
        assert_same_bits(scan(args), together)
        assert_same_bits(loop(args), by_loop)
    finally:
        torch.set_num_threads(threads)
    one = {name: x[1:2] if torch.is_tensor(x) and x.shape[0] == 3 else x for name, x in args.items()}
    assert torch.equal(scan(one)[0][0], together[0][1])


GOLDEN = "eaa7a92b8b4b7e95"


def test_the_bits_are_those_that_files_were_written_with():
    assert fingerprint() == [GOLDEN] * 2


def test_a_process_without_vector_instructions_gives_the_same_bits(tmp_path):
    plain = {"ATEN_CPU_CAPABILITY": "default", "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    plain |= {"NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, __file__], env=os.environ | plain, capture_output=True, text=True, timeout=300
    )
    assert ran.stdout.split() == [GOLDEN] * 2, ran.stderr[-2000:]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_a_gpu_gives_the_same_bits(scale):
    args = make(2, 70, 150, 16, 2, scale=scale)
    there = {name: x.cuda() if torch.is_tensor(x) else x for name, x in args.items()}
    assert_same_bits([x.cpu() for x in scan(there)], scan(args))


# Causality


def test_a_later_step_does_not_change_an_earlier_output():
    args = make(1, 17, 150, 4)
    before = scan(args)[0]
    after = scan(args | {name: torch.cat([args[name][..., :101], args[name][..., 101:] + 1], -1) for name in SEQUENCES})
    assert torch.equal(before[..., :101], after[0][..., :101])
    assert not torch.equal(before[..., 101], after[0][..., 101])


# Choice and refusals


def test_auto_never_chooses_it():
    args = make(1, 5, 9, 2)
    assert torch.equal(selective_scan(**args), selective_scan(**args, backend="chunked"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"u": torch.zeros(1, 4, 8, dtype=torch.float64, requires_grad=True)}, r"no gradient: .* torch.no_grad\(\)"),
        ({"A": torch.full((4, 2), 1e-9, dtype=torch.float64)}, "A must be negative or zero"),
        ({"delta_softplus": False}, "steps must not be negative"),
    ],
)
def test_what_cannot_be_exact_is_refused_with_a_reason(change, says):
    with pytest.raises(LicLabError, match=says) as caught:
        scan(make(1, 4, 8, 2) | change)
    assert "\n" not in str(caught.value)


def test_float32_is_refused_because_it_means_training():
    args = {name: x.float() if torch.is_tensor(x) else x for name, x in make(1, 4, 8, 2).items()}
    with pytest.raises(LicLabError, match="float32 for that of training"):
        scan(args)


def test_more_states_than_fit_53_bits_are_refused():
    scan(make(1, 4, 8, 32))
    with pytest.raises(LicLabError, match="33 products does not fit the 53 bits"):
        scan(make(1, 4, 8, 33))


def test_parameters_may_ask_for_gradients_where_nobody_takes_them():
    args = make(1, 4, 8, 2)
    args["A"].requires_grad_()
    with torch.no_grad():
        y, last = scan(args)
    assert not y.requires_grad and not last.requires_grad


def test_without_numba_the_loop_takes_over(monkeypatch):
    args = make(1, 4, 80, 2)
    wanted = scan(args)
    monkeypatch.setattr(workers, "imported", lambda module: (None, "numba cannot be imported (ImportError: no)"))
    assert_same_bits(scan(args), wanted)


def test_without_a_folder_to_write_to_the_kernel_is_compiled_all_the_same(monkeypatch):
    caching = pytest.importorskip("numba.core.caching")
    from lic_lab.compiled import compiled
    from lic_lab.ops.selective_scan import exact_kernels

    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    assert compiled(exact_kernels.scan.py_func, exact_kernels.SIGNATURE).signatures == exact_kernels.scan.signatures


if __name__ == "__main__":
    print(*fingerprint())
