"""Figures of spectra: what every block keeps of every frequency, and how much each block loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import style
from lic_lab.probes.spectrum import BlockSpectrum

LEVELS, DEPTHS = "magma", "viridis"  # colour maps: log amplitudes, blocks from first to last
LINES = {"lw": 0.8, "alpha": 0.75}  # spectra are rough: thicker, the last one would hide the others
DASHES = ("-", (0, (4, 3)))  # in turn: a normalisation often has the curve of the layer before it


def spectrum_figure(found: Sequence[BlockSpectrum], *, name: str = "charm", title: str = ""):
    """Draw the spectra of a model's blocks: relative and absolute log amplitude by frequency, and delta by depth.

    found: from `probes.spectrum.model_spectra`.   name: of the model, whose colour delta is drawn
    in. Returns a matplotlib Figure. Raises LicLabError where there is no spectrum.
    """
    import matplotlib.pyplot as plt

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
        axis.set_xlabel("frequency along the diagonal, units of pi")
    figure.legend(*relative.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    _finish(plt, figure, title)
    return figure


def depth_figure(models: Mapping[str, Sequence[BlockSpectrum]], *, title: str = ""):
    """Draw delta log amplitude against depth for several models, in their colours: the lower, the more is lost.

    models: name -> the answer of `model_spectra`. Returns a matplotlib Figure.
    """
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    _by_depth(axis, models)
    axis.legend(frameon=False)
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
    columns = min(len(shown), 5)
    lines = -(-len(shown) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3 * columns, 3.3 * lines), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (number, block) in zip(axes.flat, enumerate(shown), strict=False):
        shade = axis.imshow(block.amplitude, cmap=LEVELS, vmin=low, vmax=high, extent=(-1, 1, 1, -1))
        axis.set_title(f"{number + 1} {block.name}", fontsize=10)
    figure.colorbar(shade, ax=axes, label="log amplitude", shrink=0.8)
    _finish(plt, figure, title)
    return figure


def _by_depth(axis, models: Mapping[str, Sequence[BlockSpectrum]]) -> None:
    for name, found in models.items():
        look = style(name)
        places = [number / max(len(found) - 1, 1) for number in range(len(found))]
        axis.plot(places, [block.delta for block in found], color=look.color, marker=look.marker, label=look.label)
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
