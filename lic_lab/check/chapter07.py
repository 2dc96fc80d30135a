"""Exercises of chapter 07: what a layer has and does, how often a decoder must wait, and a codec without a scan."""

import math

from lic_lab.check.exercises import NotYet, exercise


@exercise("07.1", "Parameters of a convolution, its bias included")
def _(answer):
    for inputs, outputs, kernel in ((3, 48, 5), (96, 128, 5), (64, 64, 3), (7, 1, 1)):
        got, weights = int(answer(inputs, outputs, kernel)), kernel * kernel * inputs * outputs
        if got == weights + outputs:
            continue
        said = f"{inputs} to {outputs} channels with {kernel} x {kernel}: you say {got:,}"
        if got == weights:
            raise NotYet(f"{said}, which are the weights: every output channel has a bias too")
        if got == kernel * inputs * outputs + outputs:
            raise NotYet(f"{said}: a kernel has {kernel} rows and {kernel} columns")
        if got == weights + inputs:
            raise NotYet(f"{said}: a bias belongs to each output channel, not to each input channel")
        raise NotYet(f"{said}: each output channel has a kernel for every input channel, and one bias")


@exercise("07.2", "Thousands of multiplications per pixel of the picture that a convolution needs")
def _(answer):
    for inputs, outputs, kernel, reduced in ((3, 48, 5, 2), (48, 96, 5, 4), (128, 256, 5, 16), (16, 16, 3, 1)):
        got, macs = float(answer(inputs, outputs, kernel, reduced)), kernel * kernel * inputs * outputs
        right = macs / reduced**2 / 1000
        if math.isclose(got, right, rel_tol=1e-6):
            continue
        said = f"{inputs} to {outputs} channels, {kernel} x {kernel}, at 1/{reduced} of the size: you say {got:g}"
        if math.isclose(got, 1000 * right, rel_tol=1e-6):
            raise NotYet(f"{said}: that is in multiplications; a kMAC is a thousand of them")
        if math.isclose(got, macs / reduced / 1000, rel_tol=1e-6):
            raise NotYet(f"{said}: both sides of the map are {reduced} times smaller, rows and columns")
        if math.isclose(got, macs / 1000, rel_tol=1e-6):
            raise NotYet(f"{said}: that is for one position of the output, which stands for many pixels")
        if math.isclose(got, (macs + outputs) / reduced**2 / 1000, rel_tol=1e-6):
            raise NotYet(f"{said}: a bias is added, not multiplied")
        raise NotYet(f"{said}: first one output position, then how many positions there are per pixel")


@exercise("07.3", "How many times a decoder has to wait for symbols")
def _(answer):
    for slices, checkerboard, hyperprior in ((5, True, True), (5, False, True), (1, False, False), (10, True, False)):
        got, right = int(answer(slices, checkerboard, hyperprior)), slices * (1 + checkerboard) + hyperprior
        if got == right:
            continue
        grid, side = "a checkerboard" if checkerboard else "no checkerboard", "z" if hyperprior else "no z"
        said = f"{slices} slices, {grid}, {side}: you say {got}"
        if hyperprior and got == right - 1:
            raise NotYet(f"{said}: z has to be there before the first slice of y")
        if not hyperprior and got == right + 1:
            raise NotYet(f"{said}: without a hyperprior there is nothing to read before y")
        if checkerboard and got == slices + 2 + hyperprior:
            raise NotYet(f"{said}: every slice has its own two halves")
        raise NotYet(f"{said}: a slice waits for the one before it, a second half for the first, y for z")


@exercise("07.4", "Bits per pixel of a latent whose symbols cost a known number of bits")
def _(answer):
    for height, width, latent, hyper in ((512, 768, 256, 64), (300, 451, 192, 128)):
        padded = [math.ceil(side / 64) * 64 for side in (height, width)]
        positions = math.prod(padded) / 256
        bits = positions * latent * 0.1 + positions / 16 * hyper * 0.5
        got, right = float(answer(height, width, latent, hyper, 0.1, 0.5)), bits / (height * width)
        if math.isclose(got, right, rel_tol=1e-6):
            continue
        said = f"{height} x {width} pixels, {latent} channels of y and {hyper} of z: you say {got:.5f} bpp"
        if math.isclose(got, bits / math.prod(padded), rel_tol=1e-6):
            raise NotYet(f"{said}: both sides are padded to multiples of 64; the padding is coded, but is no pixel")
        if math.isclose(got * height * width, positions * (latent * 0.1 + hyper * 0.5), rel_tol=1e-6):
            raise NotYet(f"{said}: z is four times smaller than y on each side")
        if math.isclose(got * height * width, positions * latent * 0.1, rel_tol=1e-6):
            raise NotYet(f"{said}: z is in the file too")
        raise NotYet(f"{said}: positions of y at 1/16, of z at 1/64, times channels, times bits, by the pixels")


@exercise("07.5", "Switches that leave no scan in CMamba, and its hyperprior and slices as they are")
def _(answer):
    from lic_lab.blocks.ssm import Scan
    from lic_lab.entropy.slices import SliceContext
    from lic_lab.errors import LicLabError
    from lic_lab.models.presets import build

    given = answer()
    if not isinstance(given, dict):
        raise NotYet('give a dictionary of constructor arguments, such as {"pool": "avg"}')
    try:
        model, usual = build("cmamba", "tiny", **given), build("cmamba", "tiny")
    except LicLabError as error:
        raise NotYet(" ".join(str(error).split())) from error
    scanning = {path.split(".")[0] for path, module in model.named_modules() if isinstance(module, Scan)}
    if scanning == {"latent"}:
        raise NotYet("both transforms are without a scan, but the context of the latent still has one")
    if scanning:
        raise NotYet(f"there are scans in {', '.join(sorted(scanning))}: which argument chooses the paths of a block?")
    if model.latent.density is None:
        raise NotYet("the side latent z is gone too: leave the hyperprior in")
    context = model.latent.context
    if not isinstance(context, SliceContext) or context.slices != usual.latent.context.slices:
        raise NotYet(f"the slices changed: they should stay {usual.latent.context.slices}")
    if "none" in given.values():
        raise NotYet('the context should still look around: there is a third choice beside "vss" and "none"')
