"""Counting multiplications where they happen: stage by stage, a stage within a stage counted once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor, nn


@dataclass
class Count:
    """MACs and output shapes (c, h, w) by the path of the stage, in the order of their first call."""

    macs: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class _Call:
    """A module at work: what had been spent when it began, and what the stages inside it have spent since."""

    began: int
    inside: int = 0


def count_macs(root: nn.Module, stages: dict[str, nn.Module], run: Callable[[], object]) -> Count:
    """Count the multiply-accumulates of each stage while `run()` works, and what `root` spends "elsewhere".

    A stage that lies within another one has its own MACs, and the outer one only what is left.
    Counted by torch.utils.flop_counter, which knows convolutions and matrix products. A module of anything else, a
    selective scan for one, says itself what it costs: where it defines `macs(self, shape) -> int`, with the shape of
    its first tensor, its word stands for everything inside it.
    """
    from torch.utils.flop_counter import FlopCounterMode

    paths = {module: path for path, module in stages.items()}
    count, calls, claimed = Count(), [_Call(0)], 0  # claimed: by `macs`, beyond what was counted inside

    def spent() -> int:
        return counter.get_total_flops() // 2 + claimed  # a MAC is two operations

    def before(module: nn.Module, *_) -> None:
        calls.append(_Call(spent()))

    def after(module: nn.Module, args: tuple, kwargs: dict, output) -> None:
        nonlocal claimed
        call = calls.pop()
        macs = spent() - call.began
        if hasattr(module, "macs"):
            said = module.macs(tuple(first_tensor(args, kwargs).shape))
            macs, claimed = said, claimed + said - macs
        if path := paths.get(module):
            count.macs[path] = count.macs.get(path, 0) + macs - call.inside
            count.shapes[path] = tuple(first_tensor(output).shape[1:])
        calls[-1].inside += macs if path else call.inside

    hooks = []
    for module in {*stages.values(), *(m for m in root.modules() if hasattr(m, "macs"))}:
        hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after, with_kwargs=True)]
    try:
        with FlopCounterMode(display=False) as counter:
            run()
    finally:
        for hook in hooks:
            hook.remove()
    count.macs["elsewhere"] = spent() - calls[0].inside
    return count


def first_tensor(*values) -> Tensor:
    """Give the first tensor in nested tuples, lists and dictionaries; raises StopIteration where there is none."""

    def walk(value):
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                yield from walk(item)

    return next(walk(values))
