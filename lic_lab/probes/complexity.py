"""What a model costs: shapes, parameters and multiplications of every stage, without computing any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table
from torch import Tensor, nn

from lic_lab.entropy.density import FactorizedDensity
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import stored_tensors
from lic_lab.types import Map

NAMES = {
    "latent.analysis": "hyper analysis",
    "latent.synthesis": "hyper synthesis",
    "latent.density": "density of z",
    "latent.context": "context",
}
"""What people call the parts of a latent; every other stage is called by its path."""


@dataclass(frozen=True)
class Stage:
    """One part of a model: output shape (c, h, w) or None where it has none, parameters, MACs for one picture."""

    path: str
    shape: tuple[int, ...] | None
    parameters: int
    encode_macs: int
    decode_macs: int

    @property
    def name(self) -> str:
        """What people call it: "hyper analysis" for latent.analysis."""
        return NAMES.get(self.path, self.path)


@dataclass(frozen=True)
class Complexity:
    """What a model costs for pictures of height x width.

    stages: in the order of the data flow.   passes: shapes (c, h, w) of what is coded at once, in coding order; the
    decoder works through them one after the other.   file_bytes: size of its weight file, without the card.
    """

    height: int
    width: int
    stages: tuple[Stage, ...]
    passes: tuple[tuple[int, ...], ...]
    file_bytes: int

    @property
    def parameters(self) -> int:
        """All parameters, shared ones counted once."""
        return sum(stage.parameters for stage in self.stages)

    @property
    def encode_kmac(self) -> float:
        """Thousands of multiply-accumulates per pixel of the picture to encode, padding included."""
        return self.kmac(sum(stage.encode_macs for stage in self.stages))

    @property
    def decode_kmac(self) -> float:
        """Thousands of multiply-accumulates per pixel of the picture to decode, padding included."""
        return self.kmac(sum(stage.decode_macs for stage in self.stages))

    def kmac(self, macs: int) -> float:
        """Give MACs for one picture as thousands per pixel."""
        return macs / (self.height * self.width) / 1000


class Walk:
    """A wire that codes nothing and notes the steps: every latent comes back as zeros of its shape."""

    def __init__(self):
        self.passes: list[tuple[int, ...]] = []

    def factorized(self, z: Map | None, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        """Note a step for the side latent; give zeros (b, c, h, w)."""
        self.passes.append(tuple(shape[1:]))
        return torch.zeros(shape, device=density.median.device)

    def gaussian(self, y: Map | None, mean: Map, scale: Map) -> Map:
        """Note a step for a part of the latent; give zeros like the mean."""
        self.passes.append(tuple(mean.shape[1:]))
        return torch.zeros_like(mean)


def complexity(model: Codec, height: int = 512, width: int = 768) -> Complexity:
    """Measure a model on a picture of height x width that is never computed: only shapes travel.

    Encoding is counted from the picture to the last symbol, decoding from the first symbol to the picture, so a stage
    that both need (hyper synthesis, context) is in both totals. Convolutions and matrix products count; what works
    element by element does not. A stage is a child of the model, or of its `latent`; parameters and MACs outside all
    of them are the stage "elsewhere".
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    stages, walk = _stages(model), Walk()
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        x = torch.empty(1, 3, height, width, device=next(model.parameters()).device)
        rate, size = model._rate(None, 1), model._latent_size(height, width)
        encode = count_macs(model, stages, lambda: model._code_latent(model.analyse(x), rate, Walk(), size))
        decode = count_macs(
            model, stages, lambda: model._reconstruct(model._code_latent(None, rate, walk, size), rate, (height, width))
        )
    shapes = encode.shapes | decode.shapes
    order = [*shapes, *(path for path in stages if path not in shapes), "elsewhere"]
    owned = _parameters(model, stages)
    rows = [
        Stage(path, shapes.get(path), owned[path], encode.macs.get(path, 0), decode.macs.get(path, 0)) for path in order
    ]
    if not (rows[-1].parameters or rows[-1].encode_macs or rows[-1].decode_macs):
        del rows[-1]
    return Complexity(height, width, tuple(rows), tuple(walk.passes), _file_bytes(model))


@dataclass
class Count:
    """MACs and output shapes (c, h, w) by the path of the stage, in the order of their first call."""

    macs: dict[str, int]
    shapes: dict[str, tuple[int, ...]]


def count_macs(root: nn.Module, stages: dict[str, nn.Module], run: Callable[[], object]) -> Count:
    """Count the multiply-accumulates of each stage while `run()` works, and what `root` spends "elsewhere".

    Counted by torch.utils.flop_counter, which knows convolutions and matrix products. A module of anything else, a
    selective scan for one, says itself what it costs: where it defines `macs(self, shape) -> int`, with the shape of
    its first tensor, its word stands for everything inside it.
    """
    from torch.utils.flop_counter import FlopCounterMode

    paths = {module: path for path, module in stages.items()}
    count, started, claimed = Count({}, {}), {}, 0  # claimed: by `macs`, beyond what was counted inside

    def spent() -> int:
        return counter.get_total_flops() // 2 + claimed  # a MAC is two operations

    def before(module: nn.Module, *_) -> None:
        started[module] = spent()

    def after(module: nn.Module, args: tuple, kwargs: dict, output) -> None:
        nonlocal claimed
        macs = spent() - started.pop(module)
        if hasattr(module, "macs"):
            said = module.macs(tuple(_first_tensor(args, kwargs).shape))
            macs, claimed = said, claimed + said - macs
        if path := paths.get(module):
            count.macs[path] = count.macs.get(path, 0) + macs
            count.shapes[path] = tuple(_first_tensor(output).shape[1:])

    hooks = []
    for module in {*stages.values(), *(m for m in root.modules() if hasattr(m, "macs"))}:
        hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after, with_kwargs=True)]
    try:
        with FlopCounterMode(display=False) as counter:
            run()
    finally:
        for hook in hooks:
            hook.remove()
    count.macs["elsewhere"] = spent() - sum(count.macs.values())
    return count


def complexity_table(model: Codec, title: str = "", *, height: int = 512, width: int = 768) -> Table:
    """Show `complexity` as a table for a terminal: a row per stage, then the totals."""
    found = complexity(model, height, width)
    table = Table(title=title or None, title_justify="left", box=HORIZONTALS, pad_edge=False)
    table.add_column("stage", no_wrap=True)
    for name in ("output", "parameters", "encode kMAC/px", "decode kMAC/px"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in found.stages:
        kmac = (f"{found.kmac(macs):.2f}" if macs else "-" for macs in (stage.encode_macs, stage.decode_macs))
        table.add_row(escape(stage.name), _times(stage.shape), f"{stage.parameters:,}", *kmac)
    table.add_section()
    totals = (f"{found.parameters:,}", f"{found.encode_kmac:.2f}", f"{found.decode_kmac:.2f}")
    table.add_row("total", _times((3, height, width)), *totals)
    table.caption = (
        f"{len(found.passes)} coding passes, one after the other; weight file {found.file_bytes / 1e6:.2f} MB"
    )
    table.caption_justify = "left"
    return table


def _stages(model: Codec) -> dict[str, nn.Module]:
    """The children of the model by path, with those of `latent` instead of the latent itself."""
    children = {path: module for path, module in model.named_children() if path != "latent"}
    return children | {f"latent.{path}": module for path, module in model.latent.named_children()}


def _parameters(model: Codec, stages: dict[str, nn.Module]) -> dict[str, int]:
    """Parameters of each stage, and of no stage: each belongs to the first that has it."""
    owned, seen = {}, set()
    for path, module in {**stages, "elsewhere": model}.items():
        fresh = [p for p in module.parameters() if p not in seen]
        owned[path] = sum(p.numel() for p in fresh)
        seen.update(fresh)
    return owned


def _file_bytes(model: Codec) -> int:
    from safetensors.torch import save

    return len(save(stored_tensors(model)))


def _first_tensor(*values) -> Tensor:
    """The first tensor in nested tuples, lists and dictionaries; raises StopIteration where there is none."""

    def walk(value):
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                yield from walk(item)

    return next(walk(values))


def _times(shape: tuple[int, ...] | None) -> str:
    return " x ".join(map(str, shape)) if shape else "-"
