"""Scans over maps: both directions, four routes, and what each route remembers."""

import math

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.scan2d import ROUTES, SS2D, BiScanBlock, VSSBlock
from lic_lab.blocks.ssm import Scan
from lic_lab.errors import LicLabError
from lic_lab.ops.orders import inverse, order
from lic_lab.ops.selective_scan import backends, selective_scan, workers

RUNNING = [name for name, reason in backends().items() if not reason and name != "shapes"]
ORDERS = ("raster", "reverse", "column", "column-reverse")  # of `ROUTES`, by their names in ops.orders
BLOCKS = {
    "bi": lambda: BiScanBlock(6, state=5),
    "forward": lambda: BiScanBlock(6, state=5, expand=1, directions="forward"),
    "ss2d": lambda: SS2D(6, state=5),
    "two routes": lambda: SS2D(6, state=3, expand=1, routes=2),
    "one route": lambda: SS2D(6, state=3, routes=1),
    "vss": lambda: VSSBlock(6, state=5, expand=1),
    "vss with mlp": lambda: VSSBlock(6, state=5, mlp=2),
}
GLOBAL = ("bi", "ss2d", "two routes", "vss", "vss with mlp")


def moved(module):
    """The module with all its parameters off their first values, and steps large enough to forget."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter += (0.1 if "A_log" in name else 0.3) * torch.randn_like(parameter)
            if name.endswith("dt_proj.bias"):
                parameter += 2
    return module


def made(name):
    torch.manual_seed(0)
    return moved(BLOCKS[name]())


@pytest.fixture(params=BLOCKS)
def block(request):
    return made(request.param)


def feature_map(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def gradients(output, *wanted):
    weights = torch.cos(torch.arange(output.numel(), dtype=output.dtype)).view_as(output)
    return torch.autograd.grad((output * weights).sum(), wanted)


def assert_near(got, expected, tolerance):
    for a, b in zip(got, expected, strict=True):
        assert (a - b).abs().max() <= tolerance * b.abs().max()


# Shape


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (3, 5), (8, 8)])
def test_maps_of_any_size_keep_their_shape(block, size):
    x = feature_map(2, 6, *size)
    assert block(x).shape == x.shape
    with torch.no_grad():
        assert block(x.double()).shape == x.shape


def test_the_bidirectional_block_has_the_size_of_the_reference():
    assert sum(p.numel() for p in BiScanBlock(192).parameters()) == 577_728


def test_what_there_is_not_is_refused_with_what_there_is():
    with pytest.raises(LicLabError, match="use 'both' or 'forward'"):
        BiScanBlock(4, directions="backward")
    with pytest.raises(LicLabError, match="3 routes: use 4, 2"):
        SS2D(4, routes=3)


# Inverse


def test_four_routes_visit_every_pixel_and_bring_it_back_fourfold():
    x = torch.arange(6.0).view(1, 1, 2, 3)
    read = [go(x) for go, _ in ROUTES]
    assert torch.cat(read)[:, 0].tolist() == [
        [0, 1, 2, 3, 4, 5],
        [5, 4, 3, 2, 1, 0],
        [0, 3, 1, 4, 2, 5],
        [5, 2, 4, 1, 3, 0],
    ]
    assert torch.equal(sum(back(y, (2, 3)) for y, (_, back) in zip(read, ROUTES, strict=True)), 4 * x)


@pytest.mark.parametrize("size", [(1, 1), (4, 7), (7, 4)])
def test_what_is_read_is_written_back_where_it_was(size):
    for layout in (torch.contiguous_format, torch.channels_last):
        x = feature_map(2, 3, *size).contiguous(memory_format=layout)
        for name, (go, back) in zip(ORDERS, ROUTES, strict=True):
            assert torch.equal(go(x), x.flatten(2)[..., order(name, *size)])
            assert torch.equal(back(go(x), size), x)


# Reference


def test_the_vector_of_the_specification_comes_out_of_the_scan():
    one = torch.ones(1, 1, 3)
    u, nought = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.zeros(1)
    y = Scan(1)(u, 0 * one, nought[None], one, one, torch.ones(1), nought)  # A = -exp(0)
    assert torch.allclose(y[0, 0], torch.tensor([1.693147, 3.732868, 5.945875]), atol=1e-6)
    assert y[0, 0, 0].item() == pytest.approx(1 + math.log(2))


@pytest.mark.parametrize(("name", "routes"), [("ss2d", 4), ("two routes", 2), ("one route", 1)])
def test_routes_together_are_separate_scans_along_permutations(name, routes):
    ss2d, x = made(name), feature_map(2, 6, 4, 7).requires_grad_()
    d = ss2d.local.in_channels

    def apart(x):
        u, gate = ss2d.in_proj(x).chunk(2, dim=1)
        u = F.silu(ss2d.local(u)).flatten(2)  # (b, d, l)
        total = torch.zeros_like(u)
        for route, name in zip(ss2d.routes, ORDERS[:routes], strict=True):
            walk = order(name, 4, 7)
            r, B, C = torch.einsum("od,bdl->bol", route.x_proj.weight, u).split(route.sizes, dim=1)
            delta = torch.einsum("dr,brl->bdl", route.dt_proj.weight, r)
            A, bias = -torch.exp(route.A_log), route.dt_proj.bias
            y = selective_scan(
                u[..., walk], delta[..., walk], A, B[..., walk], C[..., walk], route.D, None, bias, delta_softplus=True
            )
            total = total + y[..., inverse(walk)]
        normed = F.layer_norm(total.transpose(1, 2), (d,), ss2d.norm.weight, ss2d.norm.bias).transpose(1, 2)
        return ss2d.out_proj(normed.view_as(gate) * F.silu(gate))

    got, expected, wanted = ss2d(x), apart(x), (x, *ss2d.parameters())
    assert_near([got], [expected], 2e-5)
    assert_near(gradients(got, *wanted), gradients(expected, *wanted), 1e-4)


def test_both_readings_are_normed_merged_settled_and_added():
    block, x = made("bi"), feature_map(2, 6, 4, 5)
    tokens = F.layer_norm(x.permute(0, 2, 3, 1).reshape(2, 20, 6), (6,), block.norm.weight, block.norm.bias)
    behind = block.behind(tokens[:, range(19, -1, -1)])[:, range(19, -1, -1)]
    merged = torch.cat([block.ahead(tokens), behind], dim=-1) @ block.merge.weight.T + block.merge.bias
    settled = F.layer_norm(merged, (6,), block.settle.weight, block.settle.bias)
    assert torch.allclose(block(x), x + settled.view(2, 4, 5, 6).permute(0, 3, 1, 2), atol=1e-5)


def test_a_map_turned_round_and_branches_exchanged_give_the_output_turned_round():
    block, twin, x = made("bi"), made("bi"), feature_map(1, 6, 3, 5)
    twin.ahead, twin.behind = twin.behind, twin.ahead
    with torch.no_grad():
        twin.merge.weight.copy_(block.merge.weight.roll(6, dims=1))  # the halves change places
    turned = twin(x.flip(2, 3)).flip(2, 3)
    assert torch.allclose(turned, block(x), atol=1e-5)
    assert not torch.allclose(block(x.flip(2, 3)).flip(2, 3), block(x), atol=1e-2)  # the weights are separate


def test_the_block_adds_what_its_routes_remember_and_then_its_mlp():
    block, x = made("vss with mlp"), feature_map(1, 6, 4, 5)
    middle = x + block.ss2d(block.norm(x))
    assert torch.allclose(block(x), middle + block.mlp(middle), atol=1e-6)
    block.mlp = None
    assert torch.allclose(block(x), middle, atol=1e-6)


@pytest.mark.parametrize("backend", RUNNING)
def test_any_backend_gives_the_same_output_and_gradients(block, backend):
    x = feature_map(1, 6, 5, 9).requires_grad_()
    wanted, before = (x, *block.parameters()), block(x)
    expected = [before, *gradients(before, *wanted)]
    for module in block.modules():
        if isinstance(module, Scan):
            module.backend = backend
    after = block(x)
    assert_near([after], expected[:1], 2e-5)
    for got, before in zip(gradients(after, *wanted), expected[1:], strict=True):
        assert torch.allclose(got, before, rtol=1e-3, atol=1e-4 * float(before.abs().max() + 1))


def test_autocast_stays_near_float32(block):
    x = feature_map(1, 6, 6, 7)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        y = block(x)
    assert_near([y.float()], [block(x)], 0.05)


# Coding


@torch.no_grad()
def test_coding_stays_near_the_float_and_does_not_depend_on_threads(block, monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 0)
    x, threads = feature_map(1, 6, 16, 12), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        coded = block(x.double())
        torch.set_num_threads(2)
        assert torch.equal(block(x.double()), coded)
    finally:
        torch.set_num_threads(threads)
    assert coded.dtype == torch.float64
    assert_near([coded.float()], [block(x)], 2e-3)


@pytest.mark.parametrize("name", ["bi", "vss with mlp"])
@torch.no_grad()
def test_neighbours_in_a_batch_change_no_bit_when_coding(name):
    block, x = made(name), feature_map(3, 6, 8, 8).double()
    assert torch.equal(block(x)[1:2], block(x[1:2]))


# Causality and gradient


@torch.no_grad()
def test_a_forward_reading_alone_never_looks_ahead():
    block, x = made("forward"), feature_map(1, 6, 4, 5)
    nudged = x.clone()
    nudged[0, 3, 2, 1] += 1
    same = (block(x) == block(nudged)).all(1).flatten()
    assert same[:11].all() and not same[11:].any()


@pytest.mark.parametrize("name", GLOBAL)
@pytest.mark.parametrize(("source", "target"), [((0, 0), (-1, -1)), ((-1, -1), (0, 0)), ((0, -1), (-1, 0))])
def test_every_corner_hears_of_every_other(name, source, target):
    x = feature_map(1, 6, 6, 7).requires_grad_()
    heard = gradients(made(name)(x)[:, :, target[0], target[1]], x)[0][0, :, source[0], source[1]]
    assert heard.abs().max() > 0


def test_every_parameter_gets_a_gradient(block):
    wanted = dict(block.named_parameters())
    found = gradients(block(feature_map(1, 6, 6, 7)), *wanted.values())
    assert not [name for name, g in zip(wanted, found, strict=True) if not g.abs().sum() > 0]
