"""Every model at every size: a model is one file plus the lines here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial

from lic_lab.errors import LicLabError
from lic_lab.models import outside
from lic_lab.models.asymmetric import Asymmetric
from lic_lab.models.base import Codec
from lic_lab.models.bimamba import BiMamba
from lic_lab.models.bisic import BiSIC
from lic_lab.models.charm import Charm
from lic_lab.models.cmamba import CMamba
from lic_lab.models.csm import CSM
from lic_lab.models.hyperprior import Hyperprior

# Nine rungs, each lambda 1.9 times the one before: 0.05 to 1.05 bpp of `charm` on Kodak.
LADDER = tuple(round(0.0003 * (0.05 / 0.0003) ** (k / 8), 6) for k in range(9))

_TRUNK = (48, 96, 128), 256, 64, (128, 128, 128)
_SLICES = {"slices": (16, 16, 32, 64, 128), "trunk": (112, 80)}
"""What the lab sizes share with charm, so that all can begin with its weights and each adds what is its own."""

_BISIC = {
    "tiny": partial(
        BiSIC, (8, 8, 8, 16), 24, 8, (16, 16, 24), branches=1, slices=(4, 8, 12), context_width=8, channel=(),
        hidden=(16,), residual=(), kernel=3, heads=2, depth=1, light=True, lambdas=LADDER[::4], shortcut="dct",
    ),
    "lab": partial(
        BiSIC, *_TRUNK, **_SLICES, branches=1, context="turns", context_width=64, channel=(), hidden=(96,), residual=(),
        context_kernel=3, heads=1, depth=1, light=True, lambdas=LADDER, shortcut="dct",
    ),
}  # fmt: skip

PRESETS: dict[str, dict[str, Callable[[], Codec]]] = {
    "hyperprior": {
        "tiny": partial(Hyperprior, (8, 12, 16), 24, 8, (24, 36), lambdas=LADDER[::4], shortcut="dct"),
        "lab": partial(Hyperprior, (48, 96, 128), 256, 64, (128, 192), lambdas=LADDER, shortcut="dct"),
        "paper": partial(Hyperprior),
    },
    "charm": {
        "tiny": partial(
            Charm, (8, 12, 16), 24, 8, (16, 16, 16), slices=(4, 8, 12),
            hidden=(16, 16), kernels=(3, 3, 1), lambdas=LADDER[::4], shortcut="dct",
        ),
        "lab": partial(
            Charm, *_TRUNK, slices=_SLICES["slices"], hidden=_SLICES["trunk"], kernels=(3, 3, 1), lambdas=LADDER,
            shortcut="dct",
        ),
        "paper": partial(Charm),
    },
    "bimamba": {
        "tiny": partial(
            BiMamba, (8, 8, 12), 24, 8, (12, 12, 16), slices=(4, 8, 12), context_width=12, kernel=3,
            state=4, expand=1, lambdas=LADDER[::4], shortcut="dct",
        ),
        "lab": partial(  # a block at 1/8: at 1/2 it takes most of the time of a CPU
            BiMamba, *_TRUNK, **_SLICES, scales=(8,), state=8, expand=1, lambdas=LADDER, shortcut="dct",
        ),
        "paper": partial(BiMamba),
    },
    "cmamba": {
        "tiny": partial(
            CMamba, (8, 8, 12), (1, 1, 1), 24, 8, (12, 12, 16), slices=(4, 8, 12), context_width=12,
            state=4, expand=1, kernel=1, residual=(), lambdas=LADDER[::4], shortcut="dct",
        ),
        "lab": partial(  # pools by the mean, which does not grow from training crops to whole pictures
            CMamba, _TRUNK[0], (0, 0, 1), *_TRUNK[1:], **_SLICES, state=8, expand=1, pool="avg", residual=(),
            lambdas=LADDER, shortcut="dct",
        ),
        "paper": partial(CMamba),
    },
    "asymmetric": {
        "tiny": partial(
            Asymmetric, (16, 16, 16), 24, 8, (12, 16), (16, 8, 8, 4, 2), expand=(2, 2, 2), slices=(8, 16),
            context_width=12, state=4, lambdas=LADDER[::4], shortcut="dct",
        ),
        "lab": partial(
            Asymmetric, *_TRUNK, (192, 160, 128, 64, 16), **_SLICES, expand=(4, 4, 4), state=8, lambdas=LADDER,
            shortcut="dct",
        ),
        "paper": partial(Asymmetric),
    },
    "csm": {
        "tiny": partial(
            CSM, (8, 12, 16), (1, 1, 1), 24, 8, (16, 16, 16), slices=(4, 8, 12), context_width=8, kernel=1,
            state=4, expand=1, lambdas=LADDER[::4], shortcut="dct",
        ),
        "lab": partial(
            CSM, _TRUNK[0], (0, 0, 1), *_TRUNK[1:], **_SLICES, state=8, expand=1, lambdas=LADDER, shortcut="dct",
        ),
        "paper": partial(CSM),
    },
    "bisic": {
        "tiny": _BISIC["tiny"],
        "lab": _BISIC["lab"],
        "paper": partial(BiSIC),
        "tiny-main": partial(_BISIC["tiny"], context="raster"),
        "lab-main": partial(_BISIC["lab"], context="raster", heads=2),
        "paper-main": partial(BiSIC, slices=(16,) * 12, context_width=128, context="raster"),
    },
}  # fmt: skip


def known() -> dict[str, dict[str, Callable[[], Codec]]]:
    """Give PRESETS, and behind them the models that live outside the package (`models.outside`)."""
    return PRESETS | outside.models().presets


def list_presets() -> dict[str, list[str]]:
    """Give the preset names of every model: {"charm": ["tiny", "lab", "paper"], ...}."""
    return {name: list(sizes) for name, sizes in known().items()}


def name_of(code: int) -> str:
    """Give the name of the model whose files have this number, "codec 99" where none is known here."""
    makers = ((name, next(iter(sizes.values())).func) for name, sizes in known().items())
    return next((name for name, maker in makers if maker.code == code), f"codec {code}")


def build(name: str, preset: str = "tiny", *, lambdas: tuple[float, ...] | None = None, **switches) -> Codec:
    """Make an untrained model, in evaluation mode.

    lambdas: the ladder to train for, instead of the preset's; one lambda makes a fixed-rate model.
    switches: arguments of the model's constructor, instead of the preset's: `build("cmamba", "lab", pool="max")`.
    Raises LicLabError for names that do not exist, with the near ones, and for values that the model refuses.
    """
    sizes = _find(name, known(), "model")
    make = _find(preset, sizes, f"preset of {name}")
    parameters = inspect.signature(make.func).parameters
    bound = inspect.signature(make.func).bind_partial(*make.args, **make.keywords)
    for switch, value in switches.items():
        _find(switch, parameters, f"switch of {name}")
        _check_kind(switch, value, bound.arguments.get(switch, parameters[switch].default))
    given = bound.arguments | switches
    try:
        model = make.func(**given | ({} if lambdas is None else {"lambdas": lambdas})).eval()
    except (TypeError, ValueError, AssertionError, RuntimeError, IndexError, ArithmeticError) as error:
        if not switches:
            raise
        raise LicLabError(f"{name}/{preset} cannot be built with {switches}: {error}") from error
    model.switches = switches
    return model


def widths_for(name: str, preset: str, last: int) -> tuple[int, ...]:
    """Give widths whose last is `last` and whose others keep the preset's proportions, in whole eights.

    Raises LicLabError for names that do not exist, and for models without widths.
    """
    make = _find(preset, _find(name, known(), "model"), f"preset of {name}")
    bound = inspect.signature(make.func).bind_partial(*make.args, **make.keywords)
    bound.apply_defaults()
    if "widths" not in bound.arguments:
        raise LicLabError(f"{name} takes no widths: give switches of its own instead")
    widths = bound.arguments["widths"]
    return (*(max(8, round(width * last / widths[-1] / 8) * 8) for width in widths[:-1]), last)


def _check_kind(switch: str, value, usual) -> None:
    """Refuse a value of another kind than the usual one, which layers would refuse much later; None may be either."""
    if usual is None or value is None:
        return
    kinds = {bool: (bool, "True or False"), int: (int, "a whole number"), float: ((int, float), "a number"),
             str: (str, "a word"), tuple: ((tuple, list), "numbers, as in (16, 32)")}  # fmt: skip
    kind, called = kinds.get(type(usual), (object, ""))
    if not isinstance(value, kind) or (isinstance(value, bool) and not isinstance(usual, bool)):
        raise LicLabError(f"{switch} is {called}, usually {usual!r}, got {value!r}")


def _find(name: str, table: dict, what: str):
    if name not in table:
        near = get_close_matches(name, table, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(table)}"
        raise LicLabError(f"no {what} called {name!r}: {hint}")
    return table[name]
