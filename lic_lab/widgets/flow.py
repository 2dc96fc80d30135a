"""The flow explorer: how a model is built, box by box, and what a switch of its constructor does to shape and cost."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import anywidget
import ipywidgets as widgets
import traitlets
from torch import nn

from lic_lab.errors import LicLabError
from lic_lab.evaluation.variants import FULL, variants
from lic_lab.models.base import Codec
from lic_lab.models.presets import build, list_presets
from lic_lab.plots.flow import Flow, count, flow_parts, most_macs
from lic_lab.plots.views import Table
from lic_lab.probes.claims import model_headline
from lic_lab.probes.complexity import Complexity, Stage, complexity, times
from lic_lab.probes.stages import CONTAINERS, kind, split
from lic_lab.widgets.controls import choose, offer, words
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.panel import GAP, front, sheet, visible_errors

SIZES = {"256 x 256": (256, 256), "512 x 768": (512, 768), "1080 x 1920": (1080, 1920)}
"""Rows and columns of a picture to choose from; Kodak's photographs have 512 x 768."""

POSTER = 1200  # pixels: width of a still
INSIDE = 6  # modules that are named of what is inside a part

MEANING = {
    FULL: "as it is",
    "checkerboard": "both views at once, every second position first",
    "cnn-only": "convolutions only, no scan",
    "conv-blocks": "convolutions in place of the scans of the transforms",
    "conv-context": "convolutions in place of the scan of the context",
    "fixed-partition": "first channels to the convolutions, whatever the picture",
    "forward-only": "scans in one direction only",
    "fuse-3x3": "both paths joined by 3x3 instead of 1x1",
    "gdn": "GDN in place of layer norm and PReLU",
    "learned-partition": "which channels go where is learned once for all pictures",
    "no-attention": "no attention",
    "no-channel-context": "no earlier slices to look at",
    "no-context": "no context: hyper features only",
    "no-cross": "kernels see their own view only",
    "no-hyperprior": "no side latent z",
    "no-lrp": "no guess of the rounding error (LRP)",
    "no-post-filter": "no filter behind the rounding",
    "no-shortcut": "no DCT shortcut",
    "no-spatial-context": "no neighbours to look at",
    "no-ssm": "convolutions in place of all scans",
    "no-stereo-context": "a context of each view by itself",
    "pool-avg": "pools by the mean",
    "pool-max": "pools by the largest value",
    "query-other": "attention asks with the other view",
    "raster-context": "position by position, in raster order",
    "row-attention": "attention along rows",
    "slices-1": "1 slice",
    "slices-2": "2 slices",
    "slices-5": "5 equal slices",
    "slices-10": "10 slices",
    "ssm-only": "scans only, no convolutions beside them",
    "sum-fusion": "both paths added up",
    "tied": "both views share their weights",
}
"""What a variant of `evaluation.variants` is, for people."""


class FlowBox(anywidget.AnyWidget):
    """A diagram whose boxes can be clicked or stepped through by arrow keys; `value` is the part that was chosen."""

    _esm = front("page.js", "flow.js")
    _css = front("page.css", "flow.css")

    svg = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode("Diagram of the data flow: click a box, or use the arrow keys").tag(sync=True)
    parts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)

    def show(self, flow: Flow) -> None:
        """Put another diagram in this place."""
        with self.hold_sync():
            self.svg, self.value = flow.svg(), flow.chosen
            self.parts = [part.path for lane in flow_parts(flow.found).values() for part in lane]


@dataclass(frozen=True)
class Opened:
    """A variant of a model, looked at: what it costs, and for each box what is in it, in words."""

    found: Complexity
    inside: dict[str, str]


class FlowExplorer(Explorer):
    """Choose a model, its size and a switch of its constructor; see its diagram, a part of it, and what changed.

    models: names of `lic_lab.list_presets`, all by default.   preset: to begin with.   sizes: rows and columns of
    pictures to choose from, by name.   Click a box, step through them with the arrow keys, or choose one as "Part".
    The diagram is drawn from the live module and nothing is computed but shapes; a large model takes seconds the first
    time. Variants of equal work (`evaluation.variants`) are left out: finding them takes minutes.
    Raises LicLabError for names that do not exist.
    """

    def __init__(self, models: str | Sequence[str] | None = None, preset: str = "lab", *, sizes: dict | None = None):
        models = [models] if isinstance(models, str) else models
        names, sizes = list(list_presets()) if models is None else list(models), sizes or SIZES
        if not names:
            raise LicLabError("there is no model to draw: name some of lic_lab.list_presets()")
        self.opened: dict[tuple, Opened] = {}
        self.flow, self.diagram, self.settling = None, FlowBox(), False
        build(names[0], preset)  # refuses wrong names before anything is made
        size = "512 x 768" if "512 x 768" in sizes else next(iter(sizes))
        parts = flow_parts(self.counted(names[0], preset, FULL, sizes[size]).found)
        super().__init__(
            self.look,
            name="Data flow of a model",
            model=choose(names, "Model"),
            preset=choose(list_presets()[names[0]], "Preset", preset),
            variant=choose(switches(names[0], preset), "Block switch"),
            size=choose(sizes, "Picture", sizes[size]),
            part=choose(labelled(parts), "Part", costliest(parts)),
        )
        self.diagram.observe(self.on_click, "value")

    def handles(self) -> list[widgets.Widget]:
        """Lay the controls out, and below them the diagram over the whole width."""
        self.controls["variant"].layout.width = "460px"
        return [*super().handles(), self.diagram]

    def look(self, model: str, preset: str, variant: str, size: tuple[int, int], part: str) -> list:
        """Give the diagram, the numbers of the chosen part, those of each lane, and what the switch changed."""
        this = self.counted(model, preset, variant, size)
        title = f"{model}, preset {preset}" + (f": {MEANING[variant]}" if variant != FULL else "")
        tables = [part_table(this.found, part), lane_table(this.found)]
        if variant != FULL:
            tables.append(change_table(self.counted(model, preset, FULL, size).found, this.found))
        return [Flow(this.found, title, model, part, this.inside[part]), *tables]

    def counted(self, model: str, preset: str, variant: str, size: tuple[int, int]) -> Opened:
        """Build a variant and count its costs, once."""
        key = model, preset, variant, size
        if key not in self.opened:
            if hasattr(self, "status"):  # not yet, while the panel is being made
                self.status.say(f"Counting {model}, preset {preset} ...")
            built = build(model, preset, **variants(model, preset)[variant])
            found = complexity(built, *size)
            lanes = flow_parts(found)
            self.opened[key] = Opened(found, {p.path: told(built, p) for lane in lanes.values() for p in lane})
        return self.opened[key]

    @visible_errors
    def on_move(self, change=None) -> None:
        """Follow a handle; choices that the model does not have any more are replaced."""
        if self.settling:
            return
        self.settling = True
        try:
            self.settle()
        finally:
            self.settling = False
        self.put(self.ask(self.values))
        self.status.say("")

    @visible_errors
    def on_click(self, change) -> None:
        """Choose the box that was clicked."""
        if change.new != self.controls["part"].value:
            self.controls["part"].value = change.new

    def settle(self) -> None:
        """Offer what there is to choose now: presets of the model, its switches, the parts of its diagram."""
        model, preset, variant, size, part = self.controls.values()
        offer(preset, {name: name for name in list_presets()[model.value]}, "lab")
        offer(variant, switches(model.value, preset.value), FULL)
        parts = flow_parts(self.counted(model.value, preset.value, variant.value, size.value).found)
        offer(part, labelled(parts), costliest(parts))

    def put(self, views: Sequence) -> None:
        """Put the diagram over the whole width and the tables below it."""
        self.flow, *tables = views
        self.diagram.show(self.flow)
        super().put(tables)

    def poster(self) -> bytes:
        """What is shown now, as a PNG: the diagram above the tables, and a line that says what can be moved."""
        width, half = POSTER, (POSTER - GAP) // 2
        stills = [self.flow.draw(width), *(table.draw(half) for table in self.views)]
        rows = [stills[:1], *(stills[k : k + 2] for k in range(1, len(stills), 2))]
        said = " · ".join([*(words(c) for c in self.controls.values()), "Run this cell to move them."])
        return sheet(rows, [said], width=width, column=half, colors=64)


def switches(model: str, preset: str) -> dict[str, str]:
    """Give the variants of a model at one size as a choice: words for people -> name."""
    return {MEANING[name]: name for name in variants(model, preset)}


def labelled(parts: dict[str, list[Stage]]) -> dict[str, str]:
    """Give the boxes of a diagram as a choice: "Encoder 3: GDN" -> path."""
    return {f"{lane} {k}: {part.name}": part.path for lane, run in parts.items() for k, part in enumerate(run, 1)}


def costliest(parts: dict[str, list[Stage]]) -> str:
    """Give the path of the part with the most work."""
    return max((part for lane in parts.values() for part in lane), key=most_macs).path


def told(model: Codec, part: Stage) -> str:
    """Say what a part is: where it is in the model, its modules with what their docstrings say, and what is inside."""
    pieces = [piece for stage in split(model) for piece in (stage.parts or (stage,))]
    paths = [piece.path for piece in pieces]
    if part.path not in paths and " ... " not in part.path:  # what a stage spends outside of all its parts
        return f"{part.path}: {part.name}"
    ends = part.path.split(" ... ")  # one path, or the first and the last of several
    said = [f"model.{part.path}:"]
    modules = [piece.module for piece in pieces[paths.index(ends[0]) : paths.index(ends[-1]) + 1]]
    for one in {type(module): module for module in modules}.values():
        said.append(described(one))
    if len(modules) == 1 and (within := list(_within(modules[0]))):
        runs = [(name, len(list(run))) for name, run in groupby(within)]
        names = [name if times == 1 else f"{times} {name}" for name, times in runs]
        said.append("Inside: " + ", ".join(names[:INSIDE]) + (" ..." if len(names) > INSIDE else "") + ".")
    return " ".join(said)


def described(module: nn.Module) -> str:
    """Say what a module is: its class, the first sentence of its docstring, and the source it names."""
    cls = type(module)
    if cls.__module__.startswith("torch."):
        return f"{kind(module)} (torch.nn.{cls.__name__})."
    source = re.search(r"Source: (.+?)(?:\n\s*\n|\n[A-Z]\w*:|\Z)", inspect.getdoc(cls) or "", re.DOTALL)
    where = f" Source: {' '.join(source[1].split())}" if source else ""
    return f"{cls.__name__} ({cls.__module__.removeprefix('lic_lab.')}). {model_headline(cls)}{where}"


def _within(module: nn.Module) -> Iterator[str]:
    """What a module consists of, containers opened."""
    for child in module.children():
        if type(child) in CONTAINERS:
            yield from _within(child)
        else:
            yield kind(child)


def part_table(found: Complexity, path: str) -> Table:
    """Give output, parameters and work of a part, and their shares of the whole."""
    part = next(p for lane in flow_parts(found).values() for p in lane if p.path == path)
    rows = [
        ("output", times(part.shape), ""),
        ("parameters", f"{part.parameters:,}", _share(part.parameters, found.parameters)),
    ]
    for name, macs, whole in (
        ("to encode", part.encode_macs, found.encode_kmac), ("to decode", part.decode_macs, found.decode_kmac)
    ):  # fmt: skip
        kmac = found.kmac(macs)
        rows.append((name, f"{kmac:.2f} kMAC/px" if macs else "-", _share(kmac, whole)))
    return Table((part.name, "this part", "of all"), rows, "The chosen part")


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def lane_table(found: Complexity) -> Table:
    """Give parameters and work of encoder, entropy model and decoder: where they sit."""
    rows = []
    for name, parts in flow_parts(found).items():
        encode, decode = (found.kmac(sum(getattr(p, what) for p in parts)) for what in ("encode_macs", "decode_macs"))
        own = sum(part.parameters for part in parts)
        share = _share(own, found.parameters)
        rows.append(
            (name, f"{count(own)} ({share})", f"{encode:.1f}" if encode else "-", f"{decode:.1f}" if decode else "-")
        )
    rows.append(("All", count(found.parameters), f"{found.encode_kmac:.1f}", f"{found.decode_kmac:.1f}"))
    caption = f"Where it sits; kMAC/px; {found.encode_passes:,} passes to encode, {len(found.passes):,} to decode"
    return Table(("", "parameters", "encode", "decode"), rows, caption)


def change_table(before: Complexity, after: Complexity) -> Table:
    """Compare the costs of a variant with those of the model as it is."""
    rows = []
    for name, what, form in (
        ("parameters", lambda c: c.parameters, "{:,}"), ("kMAC/px to encode", lambda c: c.encode_kmac, "{:.2f}"),
        ("kMAC/px to decode", lambda c: c.decode_kmac, "{:.2f}"), ("passes to decode", lambda c: len(c.passes), "{:,}"),
    ):  # fmt: skip
        old, new = what(before), what(after)
        rows.append((name, form.format(old), form.format(new), f"{new / old - 1:+.1%}" if new != old else "same"))
    return Table(("", "as it is", "switched", "change"), rows, "What the switch changes")
