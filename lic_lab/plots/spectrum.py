"""Figures of spectra: what every block keeps of every frequency, and how much each block loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import style
from lic_lab.probes.spectrum import BlockSpectrum

LEVELS, DEPTHS = "magma", "viridis"  # colour maps: log amplitudes, blocks from first to last
LINES = {"lw": 0.8, "alpha": 0.75}  # spectra are rough: thicker, the last one would hide the others
DASHES = ("-", (0, (4, 3)))  # in turn: a normalisation often has the curve of the layer before it
PATHS = {"SSM": "#d55e00", "CNN": "#0072b2", "fusion": "#009e73"}  # Okabe and Ito; a path by the word in its name
OUTPUT = "#767676"


def path_style(name: str) -> tuple[str, str]:
    """Give colour and dash, in matplotlib's words, of what is called `name` inside a hybrid block.

    Broken is what a path adds, dotted is what it is given, a full line is a whole map.
    """
    color = next((color for word, color in PATHS.items() if word in name), OUTPUT)
    return color, "--" if "adds" in name else ":" if "before" in name else "-"


def hybrid_blocks(found: Sequence[BlockSpectrum]) -> dict[str, list[BlockSpectrum]]:
    """Group by block what was found inside of blocks: path of the block -> its paths, and the block itself last."""
    paths = dict.fromkeys(one.block for one in found if one.block)
    return {path: [one for one in found if path in (one.block, one.path)] for path in paths}


def spectrum_figure(found: Sequence[BlockSpectrum], *, name: str = "charm", title: str = ""):
    """Draw the spectra of a model's blocks: relative and absolute log amplitude by frequency, and delta by depth.

    found: from `probes.spectrum.model_spectra`; paths inside of blocks are left out, see `paths_figure`.   name: of the
    model, whose colour delta is drawn in. Returns a matplotlib Figure. Raises LicLabError where there is no spectrum.
    """
    import matplotlib.pyplot as plt

    found = [block for block in found if not block.block]
    if not found:
        raise LicLabError("there is no spectrum to draw: give the answer of model_spectra")
    figure, (relative, absolute, depth) = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    colors = plt.get_cmap(DEPTHS)
    for number, block in enumerate(found):
        color = colors(0.92 * number / max(len(found) - 1, 1))
        label = f"{number + 1} {block.name}"
        line = LINES | {"color": color, "ls": DASHES[number % 2]}
        relative.plot(block.frequencies, block.relative, label=label, **line)
        absolute.plot(block.frequencies, block.absolute, **line)
    _by_depth(depth, {name: found})
    relative.set(ylabel="relative log amplitude", title="against zero frequency")
    absolute.set(ylabel="log amplitude", title="in absolute terms")
    for axis in (relative, absolute):
        axis.set_xlabel("frequency along the diagonal, units of π")
    figure.legend(*relative.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    _finish(plt, figure, title)
    return figure


def depth_figure(models: Mapping[str, Sequence[BlockSpectrum]], *, title: str = ""):
    """Draw delta log amplitude against depth for several models, in their colours: the lower, the more is lost.

    models: name -> the answer of `model_spectra`. Bars are the standard deviation over pictures; an untrained model
    ("charm, untrained") is a broken line in the colour of its name; silent blocks leave a gap. Returns a Figure.
    """
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9.6, 4.4), layout="constrained")
    _by_depth(axis, models)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    _finish(plt, figure, title)
    return figure


def amplitude_figure(found: Sequence[BlockSpectrum], *, title: str = ""):
    """Show the spectra themselves, zero frequency in the middle, all in the same colours.

    Blocks without one, of pictures that differ in size, are left out. Returns a matplotlib Figure. Raises LicLabError
    where none has one.
    """
    import matplotlib.pyplot as plt

    shown = [block for block in found if block.amplitude is not None]
    if not shown:
        raise LicLabError("pictures of several sizes have no common spectrum: use rule 'square'")
    low, high = (end(float(end(block.amplitude.flat)) for block in shown) for end in (min, max))
    lines = -(-len(shown) // 5)
    columns = -(-len(shown) // lines)  # rows of equal length, so that none is nearly empty
    figure, axes = plt.subplots(lines, columns, figsize=(3 * columns, 3.3 * lines), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (number, block) in zip(axes.flat, enumerate(shown), strict=False):
        shade = axis.imshow(block.amplitude, cmap=LEVELS, vmin=low, vmax=high, extent=(-1, 1, 1, -1))
        axis.set_title(f"{number + 1} {block.name}", fontsize=10)
    figure.colorbar(shade, ax=axes, label="log amplitude", shrink=0.8)
    _finish(plt, figure, title)
    return figure


def paths_figure(found: Sequence[BlockSpectrum], *, title: str = ""):
    """Draw what the paths inside each hybrid block keep: the diagonal against zero frequency, and delta with spread.

    found: from `model_spectra(..., insides=True)`. One column for each block. Returns a matplotlib Figure. Raises
    LicLabError where there is no hybrid block.
    """
    import matplotlib.pyplot as plt

    if not (blocks := hybrid_blocks(found)):
        raise LicLabError("no block has paths inside: take cmamba, csm or bimamba, with insides=True")
    size = (max(3.1 * len(blocks), 5), 7.4)
    figure, axes = plt.subplots(
        3, len(blocks), figsize=size, layout="constrained", squeeze=False, sharex="row", sharey="row"
    )
    for (path, paths), curves, deltas, tilts in zip(blocks.items(), *axes, strict=True):
        curves.set_title(f"{path.removeprefix('analysis.')} {paths[-1].name}", fontsize=9)
        for one in paths:
            color, dash = path_style(one.name)
            curves.plot(one.frequencies, one.relative, color=color, ls=dash, lw=1.8 if one.path == path else 1)
        _dots(deltas, path, paths, "deltas")
        _dots(tilts, path, paths, "tilts")
        curves.set_xlabel("frequency, units of π")
        deltas.set_xlabel("delta log amplitude")
        tilts.set_xlabel("tilt: high minus low, without zero")
    axes[0, 0].set_ylabel("relative log amplitude")
    _finish(plt, figure, title)
    return figure


def _dots(axis, path: str, paths: Sequence[BlockSpectrum], name: str) -> None:
    """One line of the chart for each path: the mean over pictures, and a bar of one standard deviation."""
    for place, one in enumerate(paths):
        color, dash = path_style(one.name)
        values = getattr(one, name)
        bar = {"xerr": np.std(values, ddof=1)} if len(values) > 1 else {}
        look = {"color": color, "fmt": "s" if one.path == path else "o", "ms": 5, "capsize": 3}
        axis.errorbar(np.mean(values), -place, mfc=color if dash == "-" else "none", **bar, **look)
    axis.set_yticks([-k for k in range(len(paths))], ["block" if one.path == path else one.name for one in paths])


def _by_depth(axis, models: Mapping[str, Sequence[BlockSpectrum]]) -> None:
    for name, found in models.items():
        word, _, rest = name.partition(", ")
        found, look = [block for block in found if not block.block], style(word)
        places = [number / max(len(found) - 1, 1) for number in range(len(found))]
        deltas = [np.nan if block.silent else block.delta for block in found]  # of nothing there is no delta
        label = f"{look.label.removesuffix(' (learned)')}, {rest}" if rest else look.label
        dash, fill = ("--", "none") if rest else ("-", look.color)
        axis.plot(places, deltas, color=look.color, marker=look.marker, ls=dash, mfc=fill, label=label)
        for x, y, block in zip(places, deltas, found, strict=True):
            axis.vlines(x, y - block.spread, y + block.spread, color=look.color, lw=0.8)
    axis.axhline(0, color="#59636e", lw=0.8)
    axis.set(
        xlabel="depth of the block, first to last", ylabel="delta log amplitude", title="highest minus zero frequency"
    )


def _finish(plt, figure, title: str) -> None:
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
        if axis.get_xlabel():
            axis.grid(alpha=0.3)
    if title:
        figure.suptitle(title)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
