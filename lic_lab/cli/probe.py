"""A look inside a model."""

import json
from pathlib import Path

import click

from lic_lab.cli.arguments import PATH
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, say

LARGEST = 512  # pixels: side of the square that gradients are followed through


@click.command(short_help="Look into a model: spectrum, latent correlation, bits, receptive field.")
@click.argument("what", type=click.Choice(["spectrum", "correlation", "bits", "field"]))
@click.argument("model", metavar="MODEL_OR_WEIGHTS")
@click.argument("pictures", nargs=-1, type=PATH)
@click.option("--preset", help="Size of an untrained model; without it, the weights that come with MODEL.")
@click.option("--rate", type=float, help="Rate point, 0 for the smallest files; the middle of the ladder without.")
@click.option("--rule", type=click.Choice(["square", "whole"]), default="square", show_default=True,
              help="Spectra of a square out of the middle, or of whole pictures.")  # fmt: skip
@click.option("--side", type=click.IntRange(64), help="Pixels of that square; 512 where pictures are large enough.")
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Folder for the numbers and the figures.")
def probe(what, model, pictures, preset, rate, rule, side, out):
    """Look into MODEL (a name, or a .safetensors file) on PICTURES (files, folders; without any, the bundled ones).

    \b
    lic-lab probe spectrum charm kodak/ --out looks        which frequencies each block keeps
    lic-lab probe correlation runs/first/charm.safetensors photo.png --out looks
    lic-lab probe bits charm photo.png --rate 2 --out looks     where the bits of a file go
    lic-lab probe field cmamba --preset tiny --out looks   which pixels the latent depends on
    """
    if out.exists() and not out.is_dir():
        raise LicLabError(f"{str(out)!r} is a file: name a folder for the output")
    from lic_lab.datasets.images import write_bytes
    from lic_lab.evaluation.sweep import gather_images, gather_pairs

    net, name = _model(model, preset)
    images = (gather_pairs if net.views == 2 else gather_images)(pictures)
    with bar(what) as progress:
        if what == "spectrum":
            numbers, figures = _spectrum(net, name, images, rule, side)
        else:
            numbers, figures = {"correlation": _correlation, "bits": _bits, "field": _field}[what](
                net, name, images, rate, progress
            )
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / f"{what}.json", (json.dumps({"model": name, **numbers}, indent=1) + "\n").encode())
    for file, figure in figures.items():
        figure.savefig(out / f"{file}.png", dpi=110)
    for line in numbers["said"]:
        click.echo(line)
    say(f"numbers and figures: {', '.join(str(out / n) for n in (f'{what}.json', *(f'{f}.png' for f in figures)))}")


def _model(model: str, preset: str | None):
    """The model and what to call it, trained unless a preset is asked for."""
    from lic_lab.models.checkpoints import load_model, load_weights
    from lic_lab.models.presets import build

    if Path(model).suffix == ".safetensors":
        return load_weights(model), Path(model).stem
    return (build(model, preset), f"{model}, untrained {preset}") if preset else (load_model(model), model)


def _tensor(picture):
    """(h, w, 3) or (2, h, w, 3) uint8 -> (1, 3, h, w) or (1, 2, 3, h, w)."""
    import torch

    from lic_lab.ops.color import image_to_tensor

    views = [image_to_tensor(view) for view in picture.reshape(-1, *picture.shape[-3:])]
    return views[0] if picture.ndim == 3 else torch.stack(views, dim=1)


def _spectrum(net, name: str, images: dict, rule: str, side: int | None):
    from lic_lab.plots.spectrum import amplitude_figure, spectrum_figure
    from lic_lab.probes.spectrum import model_spectra

    found = model_spectra(net, list(images.values()), rule=rule, side=side)
    blocks = [
        {"path": b.path, "name": b.name, "delta": b.delta, "deltas": dict(zip(images, b.deltas, strict=True)),
         "frequencies": b.frequencies.tolist(), "log_amplitude": b.absolute.tolist()}
        for b in found
    ]  # fmt: skip
    said = [f"{b.name:26} delta log amplitude {b.delta:+.3f}" for b in found]
    title = f"{name}, mean of {len(images)} pictures"
    figures = {"spectrum": spectrum_figure(found, name=name.split(",")[0], title=title)}
    if found[0].amplitude is not None:
        figures["spectrum_maps"] = amplitude_figure(found, title=title)
    return {"rule": rule, "pictures": list(images), "blocks": blocks, "said": said}, figures


def _correlation(net, name: str, images: dict, rate: float | None, progress):
    from lic_lab.plots.correlation import correlation_figure
    from lic_lab.probes.correlation import latent_correlation

    found = latent_correlation(net, _told(images, progress), rate)
    middle = len(found) // 2
    said = [
        f"one column apart {found[middle, middle + 1]:+.4f}, one row apart {found[middle + 1, middle]:+.4f}, "
        f"mean of |r| over all shifts {(found.abs().sum() - 1) / (found.numel() - 1):.4f}"
    ]
    figure = correlation_figure(found.numpy(), title=f"{name}: normalised latent, mean of {len(images)} pictures")
    numbers = {"rate": rate, "pictures": list(images), "correlation": found.tolist(), "said": said}
    return numbers, {"correlation": figure}


def _bits(net, name: str, images: dict, rate: float | None, progress):
    from lic_lab.plots.bitmaps import bits_figure
    from lic_lab.probes.bitmaps import bit_map

    files, figures, said = {}, {}, []
    for title, x in zip(images, _told(images, progress), strict=True):
        data = net.compress(x, rate)
        found = bit_map(net, data)
        files[title] = {
            "bytes": len(data), "side_bits": found.side.tolist(), "channel_bits": found.channels.tolist(),
            "position_bits": found.positions.tolist(),
        }  # fmt: skip
        figures[f"bits_{title}"] = bits_figure(
            images[title], found, stride=net.stride, codec=name.split(",")[0], title=f"{name}, {title}"
        )
        said.append(f"{title}: {len(data):,} bytes, {found.side.sum() / 8:,.0f} of them for the side latent")
    return {"rate": rate, "files": files, "said": said}, figures


def _field(net, name: str, images: dict, rate: float | None, progress):
    import torch

    from lic_lab.ops.geometry import pad_to_multiple
    from lic_lab.plots.receptive_field import field_figure
    from lic_lab.probes.receptive_field import effective_side, gradient_map, receptive_field
    from lic_lab.probes.spectrum import centre

    side = min(LARGEST, min(min(picture.shape[-3:-1]) for picture in images.values()) // net.multiple * net.multiple)
    maps = []
    for x in _told({title: centre(picture, side) for title, picture in images.items()}, progress):
        views = pad_to_multiple(x.flatten(0, -4), net.multiple)
        maps.append(gradient_map(net.analysis, views))
    mean, reach = torch.stack(maps).mean(0), receptive_field(net.analysis)
    sides = {share: effective_side(mean, share) for share in (0.5, 0.9, 0.99)}
    said = [f"theoretical: {reach}"]
    said += [
        f"{share:.0%} of the gradient is within {pixels} x {pixels} pixels around its peak"
        for share, pixels in sides.items()
    ]
    numbers = {"theoretical": str(reach), "effective_sides": {str(k): v for k, v in sides.items()}, "said": said}
    title = f"{name}: middle of the latent, mean of {len(images)} pictures"
    return numbers | {"pictures": list(images), "side": side}, {"field": field_figure(mean, title=title)}


def _told(images: dict, progress):
    """The pictures as tensors, one after the other, with progress."""
    for number, (name, picture) in enumerate(images.items()):
        progress(number, len(images), name)
        yield _tensor(picture)
