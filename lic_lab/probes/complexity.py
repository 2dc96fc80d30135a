"""What a model costs: shapes, parameters and multiplications of every stage, without computing any of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import torch
from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table
from torch import nn

from lic_lab.entropy.density import FactorizedDensity
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import stored_tensors
from lic_lab.probes.macs import Count, count_macs
from lic_lab.probes.stages import Piece, split
from lic_lab.types import Map

MOST_PARTS = 8  # of a transform, shortcuts aside: more are drawn together by scale, so that a model fits on a screen
KILO = 1000


@dataclass(frozen=True)
class Stage:
    """One part of a model: output shape (c, h, w) or None where it has none, parameters, MACs for one picture, or pair.

    parts: the same, part by part, where it was opened; they add up to it.   beside: a shortcut past its siblings.
    """

    path: str
    name: str
    shape: tuple[int, ...] | None
    parameters: int
    encode_macs: int
    decode_macs: int
    parts: tuple[Stage, ...] = ()
    beside: bool = False

    @property
    def costs(self) -> bool:
        """Whether it has parameters or multiplies."""
        return bool(self.parameters or self.encode_macs or self.decode_macs)


@dataclass(frozen=True)
class Pass:
    """What is coded at once: a `part` of the file, "z" or "y", and its shape (c, h, w) or (c, positions)."""

    part: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Complexity:
    """What a model costs for pictures of height x width, or for pairs of such `views`.

    stages: in the order of the data flow.   passes: in coding order; the decoder works through them one after the
    other.   encode_passes: the number of steps the encoder takes.   file_bytes: size of its weight file, without the
    card.
    """

    height: int
    width: int
    stages: tuple[Stage, ...]
    passes: tuple[Pass, ...]
    encode_passes: int
    file_bytes: int
    views: int = 1

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
        """Give MACs for one picture, or one pair, as thousands per pixel; a pair has those of both views."""
        return macs / (self.views * self.height * self.width) / KILO


class Walk:
    """A wire that codes nothing and notes the steps: every latent comes back as zeros of its shape."""

    dtype = torch.float32
    blind = True

    def __init__(self):
        self.passes: list[Pass] = []

    def factorized(self, z: Map | None, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        """Note a step for the side latent; give zeros (b, c, h, w)."""
        self.passes.append(Pass("z", tuple(shape[1:])))
        return torch.zeros(shape, device=density.median.device)

    def gaussian(self, y: Map | None, mean: Map, scale: Map, part: str = "y") -> Map:
        """Note a step for a part of the latent; give zeros like the mean."""
        self.passes.append(Pass(part, tuple(mean.shape[1:])))
        return torch.zeros_like(mean)


def complexity(model: Codec, height: int = 512, width: int = 768) -> Complexity:
    """Measure a model on a picture of height x width, or a pair, that is never computed: only shapes travel.

    Encoding is counted from the picture to the last symbol, decoding from the first symbol to the picture, so a stage
    that both need (hyper synthesis, context) is in both totals. Convolutions, matrix products and selective scans
    count; what works element by element does not, nor does the overlap of the strips of a large picture. A stage is a
    child of the model, or of its `latent`; parameters and MACs outside all of them are the stage "elsewhere".
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    whole = copy.copy(model)  # the same modules, but no strips
    whole.halo = None
    pieces, ahead, back = split(model), Walk(), Walk()
    modules = {piece.path: piece.module for stage in pieces for piece in (*stage.parts, stage)}
    with _frozen(model), torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        views = () if model.views == 1 else (model.views,)
        x = torch.empty(1, *views, 3, height, width, device=next(model.parameters()).device)
        rate, size = model._rate(None, 1), model._latent_size(height, width)
        coded = partial(whole._code_latent, rate=rate, size=size)
        encode = count_macs(whole, modules, lambda: coded(whole.analyse(x), wire=ahead))
        decode = count_macs(whole, modules, lambda: whole._reconstruct(coded(None, wire=back), rate, (height, width)))
    look = _Look(encode, decode, _parameters(model, modules))
    stages = [look.stage(piece) for piece in look.in_order(pieces)]
    elsewhere = look.stage(Piece("elsewhere", model, "elsewhere"))
    stages += [elsewhere] if elsewhere.costs else []
    return Complexity(
        height, width, tuple(stages), tuple(back.passes), len(ahead.passes), _file_bytes(model), model.views
    )


@contextmanager
def _frozen(model: Codec) -> Iterator[None]:
    """Ask for no gradients meanwhile: torch's counter stumbles over parameters that are expanded or reshaped."""
    asking = [p for p in model.parameters() if p.requires_grad]
    for p in asking:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in asking:
            p.requires_grad_(True)


@dataclass
class _Look:
    """What was counted, looked up by piece."""

    encode: Count
    decode: Count
    parameters: dict[str, int]

    def in_order(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Sort by first call; a piece that is never called as a module follows the one defined before it."""
        calls = {path: number for number, path in enumerate(self.encode.shapes | self.decode.shapes)}
        last = -1
        places = []
        for piece in pieces:
            last = calls.get(piece.path, last)
            places.append(last)
        return [pieces[i] for i in sorted(range(len(pieces)), key=places.__getitem__)]

    def stage(self, piece: Piece) -> Stage:
        """One piece with its parts; what a stage spends outside of its parts is a part too."""
        macs = (count.macs.get(piece.path, 0) for count in (self.encode, self.decode))
        shape = self.encode.shapes.get(piece.path) or self.decode.shapes.get(piece.path)
        own = Stage(piece.path, piece.name, shape, self.parameters[piece.path], *macs, beside=piece.beside)
        if not piece.parts:
            return own
        parts = _drawn_together([self.stage(part) for part in self.in_order(piece.parts)])
        parts += [replace(own, name="the rest")] if own.costs else []
        return replace(_sum(parts), path=own.path, name=own.name, shape=own.shape, parts=tuple(parts), beside=False)


def _drawn_together(parts: list[Stage]) -> list[Stage]:
    """Draw neighbours together: what costs nothing with the part before it, repeats, then, if needed, whole scales."""
    shown: list[Stage] = []
    for part in parts:
        if shown and not part.costs and not part.beside:
            shown[-1] = replace(shown[-1], shape=part.shape or shown[-1].shape)
        else:
            shown.append(part)
    shown = [_sum(list(run)) for _, run in groupby(shown, key=lambda part: (part.name, part.shape, part.beside))]
    if sum(not part.beside for part in shown) > MOST_PARTS:
        runs = groupby(shown, key=lambda part: (part.shape and part.shape[1:], part.beside))
        shown = [_sum(list(run)) for _, run in runs]
    return shown


def _sum(parts: list[Stage]) -> Stage:
    """Add up neighbours: "3 ResBlock" where all have one name, else "conv 5x5 s2 + 3 ResBlock"."""
    if len(parts) == 1:
        return parts[0]
    names = [(name, len(list(run))) for name, run in groupby(part.name for part in parts)]
    first, last = parts[0], parts[-1]
    return Stage(
        f"{first.path} ... {last.path}",
        " + ".join(name if count == 1 else f"{count} {name}" for name, count in names),
        last.shape,
        *(sum(getattr(part, what) for part in parts) for what in ("parameters", "encode_macs", "decode_macs")),
        beside=first.beside,
    )


def complexity_table(found: Complexity, title: str = "") -> Table:
    """Show a complexity as a table for a terminal of 80 columns: a row per stage and per part, then the totals."""
    table = Table(title=escape(title) or None, title_justify="left", box=HORIZONTALS, pad_edge=False)
    table.add_column("stage", no_wrap=True, overflow="ellipsis")
    for name in ("output", "parameters", "encode\nkMAC/px", "decode\nkMAC/px"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in found.stages:
        table.add_row(*_cells(found, stage), style="bold" if stage.parts else None)
        for part in stage.parts:
            table.add_row(*_cells(found, part, indent="  "))
    table.add_section()
    totals = (f"{found.parameters:,}", f"{found.encode_kmac:.2f}", f"{found.decode_kmac:.2f}")
    table.add_row("total", times((3, found.height, found.width)), *totals)
    return table


def _cells(found: Complexity, stage: Stage, indent: str = "") -> tuple[str, ...]:
    kmac = (f"{found.kmac(macs):.2f}" if macs else "-" for macs in (stage.encode_macs, stage.decode_macs))
    return (indent + escape(stage.name), times(stage.shape), f"{stage.parameters:,}", *kmac)


def passes_text(passes: Sequence[Pass]) -> str:
    """Put coding passes in a line: "z 64 x 8 x 12; y 2 of 16 x 32 x 48, 32 x 32 x 48"; a long list loses its middle."""
    said = []
    for part, run in groupby(passes, key=lambda step: step.part):
        shapes = [(times(shape), len(list(same))) for shape, same in groupby(step.shape for step in run)]
        words = [shape if count == 1 else f"{count:,} of {shape}" for shape, count in shapes]
        said.append(f"{part} {', '.join(words if len(words) <= 8 else [*words[:4], '...', *words[-2:]])}")
    return "; ".join(said)


def times(shape: tuple[int, ...] | None) -> str:
    """Write a shape as people do: "256 x 32 x 48", or "-" where there is none."""
    return " x ".join(map(str, shape)) if shape else "-"


def _parameters(model: Codec, modules: dict[str, nn.Module]) -> dict[str, int]:
    """Parameters of each piece, and of none: each belongs to the first that has it."""
    owned, seen = {}, set()
    for path, module in {**modules, "elsewhere": model}.items():
        fresh = [p for p in module.parameters() if p not in seen]
        owned[path] = sum(p.numel() for p in fresh)
        seen.update(fresh)
    return owned


def _file_bytes(model: Codec) -> int:
    from safetensors.torch import save

    return len(save(stored_tensors(model)))
