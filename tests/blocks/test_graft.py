"""Blocks that are put into a trained network: nothing changes at first, and all of them can learn."""

from functools import partial

import pytest
import torch

from lic_lab.blocks.graft import as_identity
from lic_lab.blocks.hcnn import HCNN
from lic_lab.blocks.hybrid import ContentAdaptive
from lic_lab.blocks.partition import StateSpaceResidualBlock
from lic_lab.blocks.scan2d import BiScanBlock, VSSBlock
from lic_lab.blocks.stereo import ViewExchange
from lic_lab.blocks.transforms import conv_analysis, conv_synthesis, grafted, staged_analysis, staged_synthesis
from lic_lab.entropy.checkerboard import AddNeighbours
from lic_lab.entropy.ssm_context import ConvMixer
from lic_lab.models.bimamba import ConvBlock


class Told(AddNeighbours):
    """With a map of known values that is always the same."""

    def __init__(self, width, *, gated):
        super().__init__(4, width, gated=gated)

    def forward(self, x):
        return super().forward(x, torch.ones(len(x), 4, *x.shape[-2:]))


SCAN = {"state": 4, "expand": 1}
BLOCKS = {
    "two readings": partial(BiScanBlock, **SCAN),
    "one reading": partial(BiScanBlock, **SCAN, directions="forward"),
    "four routes": partial(VSSBlock, **SCAN),
    "four routes and an MLP": partial(VSSBlock, **SCAN, mlp=2),
    "content decides": partial(ContentAdaptive, **SCAN, bottleneck=True),
    "channels divided": partial(StateSpaceResidualBlock, **SCAN),
    "channels divided, 3x3": partial(StateSpaceResidualBlock, **SCAN, fuse="3x3"),
    "all channels near": partial(StateSpaceResidualBlock, **SCAN, share=1.0, mode="fixed"),
    "all channels far": partial(StateSpaceResidualBlock, **SCAN, share=0.0, mode="fixed"),
    "depthwise": ConvMixer,
    "depthwise and an MLP": partial(ConvMixer, mlp=2),
    "convolutions": partial(ConvBlock, macs=5000),
    "two views": ViewExchange,
    "hierarchical": HCNN,
    "neighbours": partial(Told, gated=False),
    "neighbours through a gate": partial(Told, gated=True),
}


@pytest.fixture(params=BLOCKS)
def block(request):
    torch.manual_seed(0)
    return BLOCKS[request.param](32)


@torch.no_grad()
def test_a_block_is_no_identity_until_it_is_made_one(block):
    x = torch.randn(2, 32, 6, 7)
    assert (block(x) - x).abs().max() > 1e-3
    assert torch.equal(as_identity(block)(x), x)


def test_every_parameter_learns_after_the_first_step(block):
    x, goal = torch.randn(2, 32, 6, 7), torch.randn(2, 32, 6, 7)
    optimizer = torch.optim.Adam(as_identity(block).parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(block(x), goal).backward()
        optimizer.step()
    silent = [name for name, p in block.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


@torch.no_grad()
def test_grafted_transforms_begin_as_the_convolutional_ones():
    def stage(level, width):
        return [BiScanBlock(width, **SCAN)] if level else []

    for plain, staged, inverse, x in (
        (conv_analysis, staged_analysis, False, torch.rand(1, 3, 32, 48)),
        (conv_synthesis, staged_synthesis, True, torch.randn(1, 12, 2, 3)),
    ):
        torch.manual_seed(0)
        before, after = plain((4, 6, 8), 12), staged((4, 6, 8), 12, grafted(stage, inverse=inverse))
        kept = [m for m in after if not isinstance(m, BiScanBlock)]
        for mine, theirs in zip(kept, before, strict=True):
            mine.load_state_dict(theirs.state_dict())
        assert len(after) == len(before) + 2 and torch.equal(after(x), before(x))
