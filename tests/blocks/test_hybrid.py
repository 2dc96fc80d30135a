"""A scan and a convolution side by side: who is heard, and how far each sees."""

import pytest
import torch

from lic_lab.blocks.hybrid import ContentAdaptive, ResBlock
from lic_lab.errors import LicLabError


@pytest.fixture
def block():
    torch.manual_seed(0)
    return ContentAdaptive(8, state=4, expand=1)


def maps(seed: int = 0, size: tuple[int, int] = (7, 9)) -> torch.Tensor:
    return torch.randn(2, 8, *size, generator=torch.Generator().manual_seed(seed))


def force(block: ContentAdaptive, alpha: float) -> None:
    """Make the weights what they would be after a very one-sided training."""
    torch.nn.init.zeros_(block.heads.weight)
    with torch.no_grad():
        block.heads.bias.copy_(torch.tensor([alpha, -alpha]).repeat_interleave(8) * 100)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 9)])
@pytest.mark.parametrize("options", [{}, {"bottleneck": True}, {"pool": "avg"}, {"fusion": "sum"}, {"paths": "ssm"}])
def test_a_map_keeps_its_shape(options, size):
    x = maps(size=size)
    assert ContentAdaptive(8, state=4, expand=1, **options)(x).shape == x.shape


@pytest.mark.parametrize("pool", ["max", "avg"])
def test_the_two_weights_of_a_channel_add_up_to_one_and_depend_on_the_picture(pool):
    torch.manual_seed(0)
    block = ContentAdaptive(8, state=4, expand=1, pool=pool)
    alpha, beta = block.weights(maps())
    assert alpha.shape == (2, 8, 1, 1)
    assert torch.allclose(alpha + beta, torch.ones_like(alpha))
    assert not torch.allclose(alpha[0], alpha[1])


@torch.no_grad()
@pytest.mark.parametrize(("alpha", "path"), [(1.0, "ssm"), (-1.0, "cnn")])
def test_a_weight_of_one_leaves_that_path_alone(block, alpha, path):
    x = maps()
    force(block, alpha)
    alone = ContentAdaptive(8, state=4, expand=1, paths=path)
    alone.load_state_dict({k: v for k, v in block.state_dict().items() if k.split(".")[0] in (path, "project")})
    assert torch.allclose(block(x), alone(x), atol=1e-5)


def test_the_formula_of_the_paper_written_out(block):
    x = maps()
    ssm, cnn = block.ssm(x), block.cnn(x)
    u = (ssm + cnn).flatten(2).max(dim=2).values
    heads = torch.nn.functional.gelu(u @ block.squeeze.weight.T + block.squeeze.bias) @ block.heads.weight.T
    a, b = (heads + block.heads.bias).chunk(2, dim=1)
    alpha = (a.exp() / (a.exp() + b.exp()))[..., None, None]
    mixed = alpha * ssm + (1 - alpha) * cnn
    expected = torch.einsum("oc,bchw->bohw", block.project.weight[:, :, 0, 0], mixed)
    expected = expected + block.project.bias[:, None, None] + x
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_gradients_reach_both_paths_and_the_weights(block):
    block(maps()).square().sum().backward()
    assert not [name for name, p in block.named_parameters() if p.grad is None or not p.grad.any()]


@torch.no_grad()
def test_the_scan_sees_everything_and_the_convolution_two_positions_far():
    torch.manual_seed(0)
    x, nudged = maps(size=(9, 9)), maps(size=(9, 9))
    nudged[:, 3, 4, 4] += 3
    far = {}
    for path in ("ssm", "cnn"):
        block = ContentAdaptive(8, state=4, expand=1, paths=path)
        far[path] = (block(nudged) - block(x)).abs().amax((0, 1)) > 0
    assert far["ssm"].all()
    assert far["cnn"][2:7, 2:7].all() and far["cnn"].sum() == 25


@torch.no_grad()
def test_a_maximum_grows_with_the_picture_and_a_mean_does_not():
    torch.manual_seed(0)
    rise = {}
    for pool in ("max", "avg"):
        block = ContentAdaptive(8, state=4, expand=1, pool=pool, paths="both")
        seen = []
        block.squeeze.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0].abs().mean()))
        for side in (4, 64):
            block(maps(size=(side, side)))
        rise[pool] = seen[1] / seen[0]
    assert rise["max"] > 1.3 * rise["avg"]


@pytest.mark.parametrize("wrong", [{"paths": "none"}, {"fusion": "max"}, {"pool": "min"}])
def test_unknown_switches_are_refused(wrong):
    with pytest.raises(LicLabError, match="unknown"):
        ContentAdaptive(8, **wrong)


def test_one_path_has_no_weights_to_show():
    with pytest.raises(LicLabError, match="one path"):
        ContentAdaptive(8, paths="cnn").weights(maps())


def test_a_bottleneck_is_cheaper():
    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(ResBlock(32, bottleneck=True)) < count(ResBlock(32)) / 4
