"""The receptive-field clicker: choose a place in a picture, see which pixels each model's feature there depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle

import numpy as np
import torch
from torch import Tensor, nn

from lic_lab.codecs import load
from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import shipped
from lic_lab.ops.color import image_to_tensor
from lic_lab.plots.palette import style
from lic_lab.plots.views import Chart, Line, Picture, Table, heat
from lic_lab.probes.receptive_field import effective_side, gradient_map
from lic_lab.widgets.controls import choose, switch
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.picker import Picker

SIDE, BLOCK = 256, 16  # pixels: of the picture that is looked at, of the square that is picked
SHARES, EDGES = (0.5, 0.9), ((43, 140, 240), (255, 255, 255))  # the squares that hold them, and their colours
FAINT = 1e-5  # of the largest gradient: the lower end of the logarithmic scale
PREFERRED, MOST = ("charm", "cmamba", "asymmetric", "bimamba", "csm", "hyperprior"), 3
COLORS = ("#d07a24", "#2b8cf0", "#830cf9", "#0e7c3f", "#c2258c")  # of what the palette does not know
FAR, OUTPUT = 65, "output"  # pixels
WIDTH = 330  # pixels of a picture on the page
KEPT = 192  # maps that are remembered, a quarter of a megabyte each


class FieldClicker(Explorer):
    """Click a place in a picture and see, for two or three models side by side, which pixels its feature depends on.

    models: label -> name of a codec, its model, or any module (1, 3, h, w) -> (1, c, h / s, w / s); by default the
    shipped ones, three at most.   picture: anything `read_image` takes, the bundled astronaut by default; its middle
    `side` x `side` pixels are looked at.   layer: of each model's transform its output, or the last layer at another
    size, where it has one.   A model can be switched off.
    Shown is the mean absolute gradient over the three colours (`probes.receptive_field.gradient_map`), its largest
    value 1, with the squares around the place that hold 50 % and 90 % of it. A module is looked at in the mode it is
    in: call `.eval()` first where it has batch normalisation or dropout.
    Raises LicLabError where there is nothing to look into, and where `side` is no multiple of 64.
    """

    def __init__(
        self, models: Mapping[str, str | Codec | nn.Module] | None = None, picture=None, *, side: int = SIDE,
        name: str = "Effective receptive fields",
    ):  # fmt: skip
        if not isinstance(side, int) or side <= 0 or side % 64:
            raise LicLabError(f"the picture looked at has a side of {side} pixels: give a multiple of 64")
        whole = bundled_images()["astronaut"][:320, 64:384] if picture is None else read_image(picture)
        self.picture, self.maps = middle(whole, side), {}
        self.x = image_to_tensor(self.picture)
        self.transforms = transforms(models)
        self.layers = {label: layers(transform, self.x) for label, transform in self.transforms.items()}
        strides = sorted({key for found in self.layers.values() for key in found if key != OUTPUT})
        options = {"output of the transform": OUTPUT} | {f"last layer at 1/{s} of the size": s for s in strides}
        shown = {f"model_{number}": switch(label) for number, label in enumerate(self.transforms)}
        asked = Picture(self.picture, title="Click a place", alt="The picture looked into", width=WIDTH)
        super().__init__(
            self.look, name=name,
            place=Picker(asked, at=(side // 2, side // 2), step=BLOCK, side=BLOCK),
            layer=choose(options, "Layer"), log=switch("logarithmic scale"), **shown,
        )  # fmt: skip

    def look(self, place: tuple[int, int], layer: str | int, log: bool, **shown: bool) -> list:
        """Give a map for each model that is switched on, the shares over the distance, and the numbers."""
        on = [label for label, shows in zip(self.transforms, shown.values(), strict=True) if shows]
        fields = {label: self.field(label, layer, place) for label in on if layer in self.layers[label]}
        if broken := [label for label, field in fields.items() if not field.isfinite().all()]:
            raise LicLabError(f"the gradient of {broken[0]} is no number here: switch it off, or train it again")
        if not fields:
            having = ", ".join(label for label, found in self.layers.items() if layer in found)
            raise LicLabError(f"no model that is switched on has this layer: switch on {having}")
        at = tuple(p + BLOCK // 2 for p in place)
        maps = [field_picture(field, at, log=log, title=label) for label, field in fields.items()]
        without = [label for label in on if label not in fields]
        return [*maps, self.chart(fields, at), numbers(fields, at, without)]

    def field(self, label: str, layer: str | int, place: tuple[int, int]) -> Tensor:
        """Give the gradient map (h, w) of a model's feature at a pixel (row, column); the last ones are remembered."""
        key = label, layer, place
        if key not in self.maps:
            module, stride = self.layers[label][layer]
            at = tuple((p + BLOCK // 2) // stride for p in place)  # the feature over the middle of the marked square
            if len(self.maps) >= KEPT:
                self.maps.pop(next(iter(self.maps)))
            self.maps[key] = gradient_map(self.transforms[label], self.x, of=module, at=at)
        return self.maps[key]

    def chart(self, fields: Mapping[str, Tensor], at: tuple[int, int]) -> Chart:
        """Show how much of each field lies inside a square around `at`, over the side of the square."""
        looks, lines = colors(self.transforms), []
        for label, field in fields.items():
            sides, shares = inside_squares(field, at)
            lines.append(Line(sides, 100 * shares, label, looks[label]))
        return Chart(
            lines, x="side of the square (pixels)", y="inside (%)", log_x=True, ylim=(0, 101),
            title="How much lies inside",
        )  # fmt: skip


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """Cut the middle `side` x `side` pixels out of a picture (h, w, 3); LicLabError where it is smaller."""
    h, w = picture.shape[:2]
    if min(h, w) < side:
        raise LicLabError(f"a picture of {w} x {h} pixels has no {side} x {side} in its middle: give a larger one")
    top, left = (h - side) // 2, (w - side) // 2
    return picture[top : top + side, left : left + side].copy()


def transforms(models: Mapping[str, str | Codec | nn.Module] | None) -> dict[str, nn.Module]:
    """Give what maps pictures to latents: label -> module; of codecs by name, models and modules, or the shipped ones.

    Raises LicLabError where there are none.
    """
    if models is None:
        models = {style(name).label: name for name in PREFERRED if name in shipped()}
        models = dict(list(models.items())[:MOST])
    if not models or not isinstance(models, Mapping):
        raise LicLabError("there is nothing to look into: give models by their labels, for instance {'ChARM': 'charm'}")
    return {label: _transform(model) for label, model in models.items()}


def _transform(model: str | Codec | nn.Module) -> nn.Module:
    model = load(model) if isinstance(model, str) else model
    model = getattr(model, "model", model)  # of a codec
    if not isinstance(model, nn.Module):
        raise LicLabError(f"{type(model).__name__} cannot be looked into: give a learned codec or a module")
    if not isinstance(model, Codec):
        return model
    if model.views > 1:
        raise LicLabError(f"{type(model).__name__} looks at pairs of pictures: give a codec of single ones")
    attention = getattr(model, "attention", None)  # what a model applies to its latent belongs to the transform
    return nn.Sequential(model.analysis, attention) if attention else model.analysis


def layers(transform: nn.Module, x: Tensor) -> dict[str | int, tuple[nn.Module, int]]:
    """Give what can be looked at in a transform: "output", and by stride the last layer there: (module, its stride).

    Raises LicLabError where x, (1, 3, h, w), cannot be read, or the output is no map whose sides divide those of x.
    """
    strides: dict[nn.Module, int] = {}
    hooks = [module.register_forward_hook(lambda m, _, out: strides.update({m: _stride(out, x)})) for module in
             (transform, *_steps(transform))]  # fmt: skip
    try:
        with torch.no_grad():
            transform(x)
    except (RuntimeError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise LicLabError(f"{type(transform).__name__} cannot read a picture {tuple(x.shape)}: {said}") from error
    finally:
        for hook in hooks:
            hook.remove()
    last = strides.pop(transform)
    if not last:
        raise LicLabError(f"{type(transform).__name__} gives no map of features (1, c, h / s, w / s): give another")
    found: dict[str | int, tuple[nn.Module, int]] = {OUTPUT: (transform, last)}
    return found | {stride: (module, stride) for module, stride in strides.items() if stride not in (0, last)}


def _steps(transform: nn.Module) -> Iterator[nn.Module]:
    """The layers of a transform one after the other: those of a Sequential, of one in it, or past a shortcut."""
    deep = getattr(transform, "deep", transform)
    for step in deep if isinstance(deep, nn.Sequential) else ():
        yield step
        yield from _steps(step)


def _stride(features, x: Tensor) -> int:
    """How many pixels a feature stands for along each side, 0 where that is no whole number."""
    if not isinstance(features, Tensor) or features.dim() != 4:
        return 0
    ratios = {pixels / count for pixels, count in zip(x.shape[-2:], features.shape[-2:], strict=True)}
    return int(ratio) if len(ratios) == 1 and (ratio := ratios.pop()).is_integer() else 0


def field_picture(field: Tensor, at: tuple[int, int], *, log: bool, title: str) -> Picture:
    """Show a gradient map (h, w), its largest value 1, with the squares around a place that hold 50 and 90 %."""
    values, sides = field / field.max(), [effective_side(field, share, at=at) for share in SHARES]
    shown = values.clamp_min(FAINT).log10() if log else values
    unit = "of the largest, powers of ten" if log else "of the largest"
    note = ", ".join(f"{share:.0%} in {side} x {side} px" for share, side in zip(SHARES, sides, strict=True))
    picture = heat(shown, title=title, unit=unit, low=np.log10(FAINT) if log else 0.0, high=0.0 if log else 1.0,
                   note=note, alt=f"{title}: {note}", width=WIDTH)  # fmt: skip
    image = picture.image.copy()
    for side, color in zip(sides, EDGES, strict=True):
        _outline(image, *at, side // 2 + 1, color)
    return replace(picture, image=image)


def _outline(image: np.ndarray, row: int, column: int, reach: int, color: tuple[int, int, int]) -> None:
    """Draw a square of one pixel's width around a place, as far as it is inside the picture (h, w, 3)."""
    rows, columns = np.indices(image.shape[:2])
    image[np.maximum(abs(rows - row), abs(columns - column)) == reach] = color


def inside_squares(field: Tensor, at: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give the sides of all squares around a place in a map (h, w), and which share of the map each holds."""
    values = field.double().numpy()
    rows, columns = np.indices(values.shape)
    reach = np.maximum(abs(rows - at[0]), abs(columns - at[1]))
    shares = np.bincount(reach.ravel(), values.ravel()).cumsum() / values.sum()
    return 2 * np.arange(len(shares)) + 1, shares


def numbers(fields: Mapping[str, Tensor], at: tuple[int, int], without: Sequence[str] = ()) -> Table:
    """Give the sides that hold 50 and 90 % around a place, and what lies outside of 65 x 65 pixels.

    without: models that have no such layer; the table says so.
    """
    rows = []
    for label, field in fields.items():
        sides, shares = inside_squares(field, at)
        far = 1 - shares[np.searchsorted(sides, FAR)]
        rows.append([label, *(f"{effective_side(field, share, at=at)}" for share in SHARES), f"{far:.2%}"])
    rows += [[label, "has no layer of this size"] for label in without]
    return Table(["", "50 %", "90 %", "rest"], rows, f"Side in pixels that holds so much; rest: beyond {FAR} x {FAR}")


def colors(labels: Iterable[str]) -> dict[str, str]:
    """Give each label a colour: a codec, known by its name or label, its own, and all others what is free."""
    found: dict[str, str] = {}
    for label in labels:
        codec = (name for name in PREFERRED if f"{label} ".startswith((f"{name} ", style(name).label)))
        color = style(name).color if (name := next(codec, None)) else None
        found[label] = "" if color in found.values() else color or ""
    free = cycle([color for color in COLORS if color not in found.values()] or COLORS)
    return {label: color or next(free) for label, color in found.items()}
