import pytest
import torch
from torch import nn

from lic_lab.probes.macs import count_macs


def macs(module, *shape):
    """The MACs of one module for an input of that shape."""
    return count_macs(module, {"it": module}, lambda: module(torch.zeros(shape))).macs["it"]


@pytest.mark.parametrize(
    ("layer", "by_hand"),
    [
        (nn.Conv2d(8, 6, 5, stride=2, padding=2), (8 * 12) * 6 * 8 * 25),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (16 * 24) * 8 * 9),
        (nn.Conv2d(8, 4, 3, padding=1, groups=2), (16 * 24) * 4 * 4 * 9),
        (nn.ConvTranspose2d(8, 3, 5, stride=2, padding=2, output_padding=1), (16 * 24) * 8 * 3 * 25),
        (nn.Linear(24, 5), (8 * 16) * 24 * 5),
        (nn.LeakyReLU(), 0),
    ],
)
def test_a_layer_costs_what_it_costs_by_hand(layer, by_hand):
    assert macs(layer, 1, 8, 16, 24) == by_hand
    assert macs(layer, 3, 8, 16, 24) == 3 * by_hand


def test_the_stages_of_a_stack_and_what_is_outside_of_them_add_up():
    stack = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.Conv2d(2, 5, 1))
    stages = {"first": stack[0], "last": stack[3]}
    count = count_macs(stack, stages, lambda: stack(torch.zeros(1, 3, 6, 7)))
    assert count.macs == {"first": 42 * 4 * 3 * 9, "last": 42 * 5 * 2, "elsewhere": 42 * 2 * 4}
    assert count.shapes == {"first": (4, 6, 7), "last": (5, 6, 7)}


def test_a_stage_that_runs_twice_is_counted_twice():
    conv = nn.Conv2d(2, 2, 1)
    count = count_macs(conv, {"conv": conv}, lambda: conv(conv(torch.zeros(1, 2, 3, 3))))
    assert count.macs == {"conv": 2 * 9 * 4, "elsewhere": 0}


class Scan(nn.Module):
    """A scan that says what it costs; the convolution inside is how it happens to be computed here."""

    def __init__(self):
        super().__init__()
        self.inside = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.inside(x)

    def macs(self, shape):
        return 7 * shape[0] * shape[2] * shape[3]


def test_a_module_that_says_its_macs_is_taken_at_its_word():
    scan = Scan()
    assert macs(scan, 2, 4, 5, 6) == 7 * 2 * 30
    stack = nn.Sequential(nn.Conv2d(3, 4, 1), scan, nn.Conv2d(4, 1, 1))
    assert macs(stack, 1, 3, 5, 6) == 30 * (12 + 7 + 4)


def test_a_stage_within_a_stage_is_counted_once_and_shown_in_both_sums():
    inner, outer = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)
    stack = nn.Sequential(inner, outer)
    count = count_macs(stack, {"whole": stack, "inner": inner}, lambda: stack(torch.zeros(1, 3, 5, 6)))
    assert count.macs == {"inner": 30 * 12, "whole": 30 * 8, "elsewhere": 0}
    assert list(count.shapes) == ["inner", "whole"]


def test_a_module_that_says_its_macs_leaves_out_nothing_when_it_holds_a_stage():
    scan = Scan()
    count = count_macs(scan, {"scan": scan, "inside": scan.inside}, lambda: scan(torch.zeros(1, 4, 5, 6)))
    assert sum(count.macs.values()) == 7 * 30


def test_no_hook_is_left_behind_even_where_the_run_fails():
    conv = nn.Conv2d(3, 4, 1)
    with pytest.raises(RuntimeError):
        count_macs(conv, {"conv": conv}, lambda: conv(torch.zeros(1, 2, 5, 6)))
    assert not conv._forward_hooks and not conv._forward_pre_hooks
