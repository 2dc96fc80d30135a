"""The selective scan: every backend against the loop in float64, values and all gradients."""

import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.errors import LicLabError
from lic_lab.ops.selective_scan import backends, cuda, fast_cpu, selective_scan, workers
from lic_lab.ops.selective_scan.inputs import Inputs

PLAIN = ("chunked", "associative")
CPU = ("numba", *PLAIN)
SHAPES = [  # b, d, l, n, g
    (1, 16, 64, 16, 1),  # one whole block
    (2, 19, 37, 3, 1),  # ragged in every direction
    (1, 5, 1, 1, 1),  # one step, one state
    (3, 34, 130, 4, 2),  # groups that are not whole blocks, three chunks
    (1, 3, 200, 5, 3),  # one channel to a group
]


def make(b, d, l, n, g=1, *, options=True, seed=0):
    """Arguments in float64 that ask for gradients; B and C have a group axis where g > 1."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    groups = (g,) if g > 1 else ()
    given = {"u": normal(b, d, l), "delta": 0.5 * normal(b, d, l) - 1, "A": -torch.exp(normal(d, n))}
    given |= {"B": normal(b, *groups, n, l), "C": normal(b, *groups, n, l)}
    if options:
        given |= {"D": normal(d), "z": normal(b, d, l), "delta_bias": 0.3 * normal(d), "initial_state": normal(b, d, n)}
    return {name: tensor.requires_grad_() for name, tensor in given.items()}


def as_type(given, dtype, device="cpu"):
    return {name: tensor.detach().to(device, dtype).requires_grad_() for name, tensor in given.items()}


def scan(given, **how):
    """With softplus, so that delta is a step forward and the states decay."""
    return selective_scan(**given, delta_softplus=True, **how)


def everything(given, last=True, **how):
    """The outputs and the gradient of a random mixture of them at every argument."""
    outputs = scan(given, return_last_state=True, **how) if last else (scan(given, **how),)
    generator = torch.Generator().manual_seed(1)
    mixtures = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x) for x in outputs]
    mixed = sum((x * mixture).sum() for x, mixture in zip(outputs, mixtures, strict=True))
    gradients = torch.autograd.grad(mixed, list(given.values()))
    values = dict(zip(("y", "last state"), outputs, strict=False))
    return values | {f"gradient of {name}": g for name, g in zip(given, gradients, strict=True)}


@pytest.mark.parametrize("options", [True, False])
@pytest.mark.parametrize("backend", CPU)
def test_torchs_default_type_changes_nothing(backend, options):
    given = as_type(make(2, 19, 37, 3, options=options), torch.float32)
    wanted = everything(given, backend=backend)
    torch.set_default_dtype(torch.float64)
    try:
        found = everything(given, backend=backend)
    finally:
        torch.set_default_dtype(torch.float32)
    for name, value in wanted.items():
        assert found[name].dtype == torch.float32 and torch.equal(found[name], value), name


def assert_close(got, wanted, tolerance=1e-5):
    for name, value in wanted.items():
        worst = (got[name].double().cpu() - value).abs().max() / value.abs().max().clamp(min=1e-30)
        assert worst < tolerance, f"{name}: {worst:.1e}"


# Shape


@pytest.mark.parametrize("backend", ["reference", *CPU])
@pytest.mark.parametrize(("b", "l"), [(0, 7), (2, 0), (2, 1)])
def test_no_pictures_no_steps_and_one_step_are_sequences_too(backend, b, l):
    given = as_type(make(b, 5, l, 3), torch.float32)
    y, last = scan(given, return_last_state=True, backend=backend)
    assert y.shape == (b, 5, l) and last.shape == (b, 5, 3)
    if l == 0:
        assert torch.equal(last, given["initial_state"])
    (y.sum() + last.sum()).backward()
    assert all(tensor.grad is None or tensor.grad.shape == tensor.shape for tensor in given.values())
    assert given["u"].grad is not None and given["initial_state"].grad is not None


@pytest.mark.parametrize("backend", ["reference", *CPU])
def test_half_precision_is_computed_in_float32(backend):
    given = make(1, 16, 33, 4)
    half = as_type(given, torch.bfloat16)
    y, last = scan(half, return_last_state=True, backend=backend)
    exact = scan(as_type(half, torch.float64), backend="reference")
    assert y.dtype == torch.bfloat16 and last.dtype == torch.float32
    assert torch.equal(y, exact.to(torch.bfloat16)) or (y - exact).abs().max() < 2**-8 * exact.abs().max()


def test_autocast_does_not_reach_into_the_scan():
    given = as_type(make(1, 16, 33, 4), torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = scan(given, backend="chunked")
    assert torch.equal(inside, scan(given, backend="chunked"))


# Inverse: what is cut in two is whole again


@pytest.mark.parametrize("backend", ["reference", *CPU])
def test_the_last_state_of_one_half_is_the_first_of_the_other(backend):
    given = as_type(make(2, 18, 150, 4), torch.float32)
    whole, end = scan(given, return_last_state=True, backend=backend)
    state, parts = given.pop("initial_state"), []
    for cut in (slice(0, 67), slice(67, 150)):
        half = {name: tensor[..., cut] if tensor.shape[-1] == 150 else tensor for name, tensor in given.items()}
        y, state = scan(half | {"initial_state": state}, return_last_state=True, backend=backend)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=-1), whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(state, end, rtol=1e-4, atol=1e-4)


# Reference


def test_the_reference_is_the_formula():
    given = make(1, 2, 6, 3)
    plain = {name: tensor.detach()[0] if tensor.ndim == 3 else tensor.detach() for name, tensor in given.items()}
    step = torch.log1p(torch.exp(plain["delta"] + plain["delta_bias"][:, None]))
    y = torch.zeros(2, 6, dtype=torch.float64)
    for c in range(2):
        for n in range(3):
            h = plain["initial_state"][c, n]
            for t in range(6):
                h = torch.exp(step[c, t] * plain["A"][c, n]) * h + step[c, t] * plain["B"][n, t] * plain["u"][c, t]
                y[c, t] += plain["C"][n, t] * h
    y = (y + plain["D"][:, None] * plain["u"]) * plain["z"] * torch.sigmoid(plain["z"])
    torch.testing.assert_close(scan(given, backend="reference")[0], y)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("backend", CPU)
def test_values_and_gradients_agree_with_the_loop_in_float64(backend, shape):
    given = make(*shape)
    assert_close(everything(as_type(given, torch.float32), backend=backend), everything(given, backend="reference"))


@pytest.mark.parametrize("backend", CPU)
def test_what_is_left_out_is_left_out(backend):
    given = make(2, 17, 70, 2, options=False)
    assert_close(everything(as_type(given, torch.float32), backend=backend), everything(given, backend="reference"))


@pytest.mark.parametrize("backend", PLAIN)
def test_plain_torch_backends_keep_float64(backend):
    given = make(2, 5, 300, 3)
    assert_close(everything(given, backend=backend), everything(given, backend="reference"), tolerance=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    b=st.integers(1, 3), d=st.integers(1, 40), l=st.integers(1, 140), n=st.integers(1, 6), options=st.booleans(),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_the_compiled_kernel_agrees_at_any_size(b, d, l, n, options, seed):
    given = make(b, d, l, n, options=options, seed=seed)
    got, wanted = everything(as_type(given, torch.float32), backend="numba"), everything(given, backend="reference")
    assert_close(got, wanted, tolerance=3e-4)  # the gradient of a lone channel is one number: its terms may cancel


@pytest.mark.parametrize("layout", ["channels last", "a slice of a wider tensor", "every second step", "batch last"])
def test_the_compiled_kernel_reads_any_strides(layout):
    given = make(2, 35, 50, 4)
    single = as_type(given, torch.float32)
    for name in ("u", "delta", "z"):
        x = single[name].detach()
        if layout == "channels last":
            x = x.transpose(1, 2).contiguous().transpose(1, 2)
        elif layout == "a slice of a wider tensor":
            x = torch.cat([x, x], dim=1)[:, 35:]
        elif layout == "every second step":
            x = x.repeat_interleave(2, dim=-1)[..., ::2]
        else:
            x = x.permute(1, 2, 0).contiguous().permute(2, 0, 1)
        single[name] = x.requires_grad_()
    assert_close(everything(single, backend="numba"), everything(given, backend="reference"))


def test_an_output_lies_in_memory_as_its_input_does():
    given = as_type(make(2, 35, 50, 4), torch.float32)
    given["u"] = given["u"].detach().transpose(1, 2).contiguous().transpose(1, 2)
    assert scan(given, backend="numba").stride() == given["u"].stride()


@pytest.mark.parametrize("backend", ["reference", *CPU])
@pytest.mark.parametrize("strength", [1e-6, 1.0, 300.0, 1e5])
def test_weak_and_strong_forgetting_stay_finite_and_right(backend, strength):
    given = make(1, 16, 90, 4)
    given["A"] = (given["A"].detach() * strength).requires_grad_()
    wanted = everything(given, backend="reference")
    got = everything(as_type(given, torch.float32), backend=backend)
    assert all(torch.isfinite(value).all() for value in got.values())
    assert_close(got, {name: wanted[name] for name in ("y", "last state")})


@pytest.mark.parametrize("backend", ["reference", *CPU])
def test_not_a_number_is_not_swallowed(backend):
    given = as_type(make(1, 16, 20, 4), torch.float32)
    with torch.no_grad():
        given["delta"][0, 3, 10] = torch.nan
    y = scan(given, backend=backend)
    assert torch.isnan(y[0, 3, 10:]).all() and torch.isfinite(y[0, :3]).all() and torch.isfinite(y[0, :, :10]).all()


@pytest.mark.skipif("TRITON_INTERPRET" not in os.environ, reason="runs in a process of its own, see the next test")
def test_interpreted_triton_agrees_with_the_loop(monkeypatch):
    from lic_lab.ops.selective_scan import triton

    monkeypatch.setattr(triton, "refuses", lambda inputs: "")
    monkeypatch.setattr(triton, "STEPS", 8)
    for shape in [(1, 3, 19, 3, 1), (2, 4, 8, 2, 2), (1, 2, 1, 1, 1)]:
        given = make(*shape)
        assert_close(
            everything(as_type(given, torch.float32), backend="triton"), everything(given, backend="reference")
        )


def test_the_triton_kernel_is_right_even_where_there_is_no_gpu():
    pytest.importorskip("triton", reason="triton is not installed")
    test = f"{__file__}::test_interpreted_triton_agrees_with_the_loop"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    ran = subprocess.run(
        command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, timeout=300
    )
    assert "1 passed" in ran.stdout, ran.stdout[-2000:] + ran.stderr[-2000:]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("backend", ["triton", "mamba_ssm", *PLAIN])
def test_gpu_backends_agree_with_the_loop(backend, shape):
    if reason := backends("cuda")[backend]:
        pytest.skip(reason)
    given, last = make(*shape), True
    if backend == "mamba_ssm":
        given.pop("initial_state")
        last = False  # its last state has no gradient
    wanted = everything(given, last=last, backend="reference")
    got = everything(as_type(given, torch.float32, "cuda"), last=last, backend=backend)
    assert_close(got, wanted, tolerance=3e-5)


# The same bits: what the decoder relies on


def test_neither_threads_nor_neighbours_change_a_bit(monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 0)
    given = as_type(make(5, 40, 100, 4), torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        together = scan(given, backend="numba")
        torch.set_num_threads(1)
        for i in range(5):
            alone = {name: x[i : i + 1] if x.shape[0] == 5 else x for name, x in given.items()}
            assert torch.equal(scan(alone, backend="numba")[0], together[i])
    finally:
        torch.set_num_threads(threads)


def test_gradients_repeat_bit_for_bit(monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    given = as_type(make(2, 100, 80, 4), torch.float32)
    once, again = everything(given, backend="numba"), everything(given, backend="numba")
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_callers_on_many_threads_do_not_disturb_each_other(monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    cases = [as_type(make(1, 48, 90, 4, seed=i), torch.float32) for i in range(6)]
    wanted, got = [scan(case, backend="numba") for case in cases], [None] * 6

    def call(i):
        for _ in range(5):
            got[i] = scan(cases[i], backend="numba")

    callers = [threading.Thread(target=call, args=(i,)) for i in range(6)]
    [caller.start() for caller in callers]
    [caller.join(timeout=60) for caller in callers]
    assert all(torch.equal(a, b) for a, b in zip(wanted, got, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_can_scan_after_its_parent_did(monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    given = {name: x.detach() for name, x in as_type(make(1, 48, 90, 4), torch.float32).items()}
    wanted = scan(given, backend="numba")
    child = os.fork()
    if child == 0:
        same = torch.equal(scan(given, backend="numba"), wanted)
        os._exit(0 if same else 1)
    waiter = threading.Timer(30, os.kill, (child, 9))
    waiter.start()
    status = os.waitpid(child, 0)[1]
    waiter.cancel()
    assert status == 0


# Causality


@pytest.mark.parametrize("backend", CPU)
def test_a_later_step_does_not_change_an_earlier_output(backend):
    given = as_type(make(1, 17, 150, 4), torch.float32)
    before = scan(given, backend=backend)
    with torch.no_grad():
        for name in ("u", "delta", "B", "C", "z"):
            given[name][..., 101:] += 1
    after = scan(given, backend=backend)
    assert torch.equal(before[..., :101], after[..., :101])
    assert not torch.equal(before[..., 101], after[..., 101])


# Gradient


@pytest.mark.parametrize("backend", ["reference", *PLAIN])
def test_finite_differences_confirm_first_and_second_derivatives(backend):
    given = make(1, 2, 5, 2)

    def function(*tensors):
        named = dict(zip(given, tensors, strict=True))
        return scan(named, return_last_state=True, backend=backend)

    assert torch.autograd.gradcheck(function, tuple(given.values()))
    assert torch.autograd.gradgradcheck(function, tuple(given.values()))


def test_a_gradient_is_computed_only_of_what_asks_for_it():
    given = {name: x.detach() for name, x in as_type(make(1, 16, 40, 4), torch.float32).items()}
    assert not scan(given, backend="numba").requires_grad
    given["A"].requires_grad_()
    scan(given, backend="numba").sum().backward()
    assert given["A"].grad.abs().sum() > 0 and given["u"].grad is None


def test_the_compiled_kernel_keeps_less_than_one_input_for_the_backward_pass():
    given = as_type(make(1, 32, 640, 16), torch.float32)
    y = scan(given, backend="numba")
    owned = {x.data_ptr() for x in given.values()}
    kept = sum(x.numel() for x in y.grad_fn.saved_tensors if x is not None and x.data_ptr() not in owned)
    assert 0 < kept <= y.numel() // 2  # all states would be 16 times y


# Choice and refusals


def test_every_backend_runs_or_says_why_not():
    reasons = backends()
    assert list(reasons) == ["shapes", "mamba_ssm", "triton", "numba", "chunked", "associative", "reference", "exact"]
    assert not any(reasons[name] for name in ("chunked", "associative", "reference"))
    assert "GPU" in reasons["triton"] and "CUDA" in reasons["mamba_ssm"]
    assert "meta" in reasons["shapes"] and "float64" in reasons["exact"]
    assert "float64" in backends(dtype=torch.float64)["numba"]


def test_auto_is_the_compiled_kernel_on_a_cpu_and_plain_torch_for_float64():
    given = make(1, 16, 20, 2)
    single = as_type(given, torch.float32)
    assert torch.equal(selective_scan(**single), selective_scan(**single, backend="numba"))
    assert torch.equal(selective_scan(**given), selective_scan(**given, backend="chunked"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"backend": "fortran"}, "no scan backend is called 'fortran'"),
        ({"backend": "triton"}, "needs a GPU, got cpu"),
        ({"delta": torch.zeros(1, 4, 9)}, r"delta is \(1, 4, 9\), but u \(1, 4, 8\)"),
        ({"B": torch.zeros(1, 3, 2, 8)}, "4 channels cannot be shared out to the 3 groups"),
        ({"C": torch.zeros(1, 2, 2, 8)}, r"C is \(1, 2, 2, 8\)"),
        ({"u": torch.zeros(4, 8)}, "u must be"),
        ({"A": torch.zeros(4, 2, dtype=torch.complex64)}, "A is torch.complex64"),
        ({"z": torch.zeros(1, 4, 8, dtype=torch.int64)}, "z is torch.int64"),
        ({"D": torch.zeros(4, device="meta")}, "D is on meta and u on cpu"),
    ],
)
def test_bad_arguments_get_one_line_that_says_what_is_wrong(change, says):
    given = {name: x.detach() for name, x in as_type(make(1, 4, 8, 2, options=False), torch.float32).items()}
    with pytest.raises(LicLabError, match=says) as caught:
        selective_scan(**given | change)
    assert "\n" not in str(caught.value)


def test_mamba_ssm_refuses_what_its_kernel_cannot_do(monkeypatch):
    monkeypatch.setattr(cuda, "_imported", lambda: (None, ""))  # as if it were installed
    x = torch.zeros(1, 1, 1)
    on_gpu = SimpleNamespace(is_cuda=True, dtype=torch.float32)

    def refuses(**changes):
        given = Inputs(x, x, changes.pop("A", x[0]), x[:, None], x[:, None], **changes)
        return cuda.refuses(replace_u(given, on_gpu))

    assert refuses() == ""
    assert "initial state" in refuses(initial_state=x)
    assert "256 states" in refuses(A=torch.zeros(1, 300))
    assert "last state" in refuses(wants_last_state=True, D=torch.zeros(1, requires_grad=True))
    assert refuses(wants_last_state=True) == ""


def replace_u(given, u):
    object.__setattr__(given, "u", u)
    return given


def test_without_numba_there_is_a_reason_and_another_way(monkeypatch):
    monkeypatch.setattr(workers, "imported", lambda module: (None, "numba cannot be imported (ImportError: no)"))
    given = as_type(make(1, 4, 8, 2), torch.float32)
    assert backends()["numba"].startswith("numba cannot be imported")
    assert torch.equal(selective_scan(**given), selective_scan(**given, backend="chunked"))


def test_without_a_folder_to_write_to_the_kernel_is_compiled_all_the_same(monkeypatch):
    caching = pytest.importorskip("numba.core.caching")
    from lic_lab.compiled import compiled
    from lic_lab.ops.selective_scan import fast_cpu_kernels

    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    assert compiled(fast_cpu_kernels.forward.py_func).py_func is fast_cpu_kernels.forward.py_func


def test_a_disk_that_fills_up_while_the_kernel_is_kept_does_not_stop_it():
    calls = []

    def kernel(x):
        calls.append(x)
        if len(calls) == 1:
            raise OSError("no space left on device")

    fast_cpu._run(kernel, 3)
    assert calls == [3, 3]
