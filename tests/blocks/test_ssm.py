"""The state-space mixer: mamba_ssm's parameters, the paper's equations, and the same bits when coding."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from lic_lab.blocks.ssm import Scan, SelectiveSSM
from lic_lab.ops.selective_scan import backends, workers

MAMBA_192 = {  # mamba_ssm.Mamba(192): d = 384 inner channels, n = 16 states, r = 12
    "A_log": (384, 16),
    "D": (384,),
    "in_proj.weight": (768, 192),
    "conv1d.weight": (384, 1, 4),
    "conv1d.bias": (384,),
    "x_proj.weight": (44, 384),
    "dt_proj.weight": (384, 12),
    "dt_proj.bias": (384,),
    "out_proj.weight": (192, 384),
}
RUNNING = [name for name, reason in backends().items() if not reason and name != "shapes"]


@pytest.fixture
def mixer():
    torch.manual_seed(0)
    return moved(SelectiveSSM(6, state=5, expand=2))


def moved(module):
    """The module with all its parameters off their first values, and steps large enough to forget."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter += (0.1 if "A_log" in name else 0.3) * torch.randn_like(parameter)
            if name == "dt_proj.bias":
                parameter += 3
    return module


def tokens(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def written_out(p, x):
    """Algorithm 2 of Mamba (arXiv 2312.00752), one token after the other: parameters by name and x (b, l, dim)."""
    A, rank = -torch.exp(p["A_log"]), p["dt_proj.weight"].shape[1]
    (d, n), out = A.shape, []
    h, past = x.new_zeros(len(x), d, n), [x.new_zeros(len(x), d)] * 3
    for token in x.unbind(1):
        u, gate = (token @ p["in_proj.weight"].T).chunk(2, dim=-1)  # (b, d)
        past = [*past[-3:], u]
        near = torch.stack(past, dim=-1) * p["conv1d.weight"][:, 0]  # (b, d, 4)
        u = F.silu(near.sum(-1) + p["conv1d.bias"])
        step, B, C = (u @ p["x_proj.weight"].T).split([rank, n, n], dim=-1)
        delta = F.softplus(step @ p["dt_proj.weight"].T + p["dt_proj.bias"])
        h = torch.exp(delta[..., None] * A) * h + (delta * u)[..., None] * B[:, None]
        y = (h * C[:, None]).sum(-1) + p["D"] * u
        out.append((y * F.silu(gate)) @ p["out_proj.weight"].T)
    return torch.stack(out, dim=1)


def gradients(output, *wanted):
    weights = torch.cos(torch.arange(output.numel(), dtype=output.dtype)).view_as(output)
    return torch.autograd.grad((output * weights).sum(), wanted)


def assert_near(got, expected, tolerance):
    for a, b in zip(got, expected, strict=True):
        assert (a - b).abs().max() <= tolerance * b.abs().max()


# Shape


def test_the_parameters_have_the_names_and_shapes_of_mamba_ssm():
    mixer = SelectiveSSM(192)
    assert {name: tuple(p.shape) for name, p in mixer.state_dict().items()} == MAMBA_192
    assert sum(p.numel() for p in mixer.parameters()) == 251_520


def test_decays_start_at_one_to_n_and_steps_between_a_thousandth_and_a_tenth():
    mixer = SelectiveSSM(192)
    assert torch.allclose(torch.exp(mixer.A_log), torch.arange(1.0, 17).expand(384, -1))
    steps = F.softplus(mixer.dt_proj.bias)
    assert 0.00099 < steps.min() < 0.002 and 0.05 < steps.max() < 0.101
    assert 0.005 < steps.median() < 0.02  # log-uniform: half of them below a hundredth
    assert torch.equal(mixer.D, torch.ones(384))


@pytest.mark.parametrize("length", [1, 2, 3, 17])
def test_sequences_of_any_length_keep_their_shape(mixer, length):
    assert mixer(tokens(2, length, 6)).shape == (2, length, 6)


# Inverse


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.no_grad()
def test_a_sequence_in_pieces_gives_what_the_whole_gives(mixer, dtype):
    x, memory, parts = tokens(2, 30, 6, dtype=dtype), None, []
    for piece in x.split([1, 1, 2, 20, 5, 1], dim=1):
        y, memory = mixer.resume(piece, memory)
        assert [tuple(kept.shape) for kept in memory] == [(2, 12, 3), (2, 12, 5)]
        parts.append(y)
    if dtype == torch.float64:  # coding
        assert torch.equal(torch.cat(parts, dim=1), mixer(x))
    else:
        assert_near([torch.cat(parts, dim=1)], [mixer(x)], 1e-5)


# Reference


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-6)])
def test_output_and_gradients_are_those_of_the_equations(mixer, dtype, tolerance):
    mixer, x = mixer.to(dtype), tokens(2, 23, 6, dtype=dtype).requires_grad_()
    parameters = dict(mixer.named_parameters())
    got, expected = mixer(x), written_out(parameters, x)
    assert_near([got], [expected], tolerance)
    wanted = x, *parameters.values()
    assert_near(gradients(got, *wanted), gradients(expected, *wanted), 5 * tolerance)


@pytest.mark.gpu
def test_the_package_gives_the_same_output_for_the_same_weights():
    package = pytest.importorskip("mamba_ssm", exc_type=ImportError, reason="mamba-ssm is not installed")
    if not torch.cuda.is_available():
        pytest.skip("mamba-ssm's kernels need a CUDA device")
    torch.manual_seed(0)
    theirs = package.Mamba(192).cuda()
    ours, x = SelectiveSSM(192).cuda(), tokens(2, 100, 192).cuda()
    ours.load_state_dict(theirs.state_dict())
    assert_near([ours(x)], [theirs(x)], 1e-4)


@pytest.mark.parametrize("backend", RUNNING)
def test_any_backend_gives_the_same_output_and_gradients(mixer, backend):
    x = tokens(2, 70, 6).requires_grad_()
    wanted = x, *mixer.parameters()
    before = mixer(x)
    expected = [before, *gradients(before, *wanted)]
    mixer.scan.backend = backend
    after = mixer(x)
    assert_near([after, *gradients(after, *wanted)], expected, 2e-5)


def test_autocast_computes_the_recurrence_in_float32(mixer):
    seen = []
    mixer.scan.register_forward_hook(lambda _, inputs, output: seen.append((inputs, output)))
    x = tokens(1, 40, 6)
    with torch.autocast("cpu", torch.bfloat16):
        y = mixer(x)
    inputs, output = seen[0]
    assert inputs[0].dtype == torch.bfloat16  # what comes in is coarse ...
    args = {name: value.float() for name, value in zip(("u", "delta", "A_log", "B", "C", "D"), inputs, strict=False)}
    exact = Scan(5)(**args, bias=None, gate=inputs[7].float())
    assert_near([output.float()], [exact], 2**-8)  # ... and nothing is lost but by rounding what comes out
    assert_near([y.float()], [mixer(x)], 0.05)


# Coding


@torch.no_grad()
def test_coding_stays_near_the_float_and_does_not_depend_on_threads(mixer, monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 0)
    x, threads = tokens(1, 300, 6), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        coded = mixer(x.double())
        torch.set_num_threads(2)
        assert torch.equal(mixer(x.double()), coded)
    finally:
        torch.set_num_threads(threads)
    assert coded.dtype == torch.float64
    assert_near([coded.float()], [mixer(x)], 1e-3)


# Causality and gradient


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.no_grad()
def test_a_token_changes_nothing_before_it_and_all_after_it(mixer, dtype):
    x = tokens(1, 20, 6, dtype=dtype)
    nudged = x.clone()
    nudged[0, 7] += 1
    same = (mixer(x) == mixer(nudged)).all(-1)[0]
    assert same[:7].all() and not same[7:].any()


def test_the_last_token_remembers_the_first(mixer):
    x = tokens(1, 50, 6).requires_grad_()
    assert gradients(mixer(x)[:, -1], x)[0][0, 0].abs().min() > 0


# Memory


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation gives."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        for x in output if isinstance(output, (tuple, list)) else [output]:
            if isinstance(x, torch.Tensor):
                self.numbers = max(self.numbers, x.numel())
        return output


@pytest.mark.parametrize("backend", ["auto", "chunked"])
def test_memory_grows_with_the_tokens_and_not_with_their_pairs(mixer, backend):
    mixer.scan.backend = backend

    def spent(length):
        kept = []
        with Largest() as seen, torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
            mixer(tokens(1, length, 6).requires_grad_()).sum().backward()
        return seen.numbers, sum(x.numel() for x in kept)

    short, long = spent(512), spent(1024)
    assert all(b <= 2.1 * a for a, b in zip(short, long, strict=True))
    assert long[0] < 1024 * 1024 / 4
