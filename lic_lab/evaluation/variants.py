"""What the specifications want left out or exchanged, model by model, as arguments of the models' constructors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.presets import build, known

FULL = "full"
"""The variant that all others are compared with: the preset as it is."""

Costs = Callable[[Codec], object]
"""Gives parameters, encode_kmac and decode_kmac of a model, as `probes.complexity.complexity` does."""


@dataclass(frozen=True)
class Sizes:
    """A preset as a variant may look at it: its constructor arguments, and the work of a variant where `costs` count.

    given: argument -> value, the constructor's own defaults included.
    """

    name: str
    preset: str
    given: Mapping
    costs: Costs | None = None

    def decode_kmac(self, **switches) -> float:
        """Count thousands of multiply-accumulates per decoded pixel of the preset with other arguments."""
        return self.costs(build(self.name, self.preset, **switches)).decode_kmac


def even_slices(count: int) -> Callable[[Sizes], dict]:
    """Divide the latent into `count` slices of equal width, or where that cannot be, widths that differ by one."""

    def switches(sizes: Sizes) -> dict:
        width, wider = divmod(sizes.given["latent"], count)
        return {"slices": (width,) * (count - wider) + (width + 1,) * wider}

    return switches


def equal_work(switch: str, most: int, **switches) -> Callable[[Sizes], dict]:
    """Choose a width so that a variant decodes with the work of the preset, as nearly as whole channels allow.

    switch: the argument that is the width; up to `most` times the preset's is tried.   switches: the variant. Gives no
    arguments, and so no variant, where nobody counts the work.
    """

    def find(sizes: Sizes) -> dict:
        if sizes.costs is None or sizes.given.get("trunk"):  # a trunk has the widths that it has
            return {}
        goal, low, high = sizes.decode_kmac(), 1, most * sizes.given[switch]
        work = {width: sizes.decode_kmac(**switches, **{switch: width}) for width in (low, high)}
        while high - low > 1:  # work grows with width
            middle = (low + high) // 2
            work[middle] = sizes.decode_kmac(**switches, **{switch: middle})
            low, high = (middle, high) if work[middle] < goal else (low, middle)
        return switches | {switch: min(work, key=lambda width: abs(work[width] - goal))}

    return find


_SLICES = {f"slices-{count}": even_slices(count) for count in (1, 2, 5, 10)}

VARIANTS: dict[str, dict[str, Mapping | Callable[[Sizes], Mapping]]] = {
    "hyperprior": {"no-shortcut": {"shortcut": None}},
    "charm": {**_SLICES, "no-shortcut": {"shortcut": None}},
    "bimamba": {
        "forward-only": {"block": "forward", "context": "forward"},
        "no-ssm": {"block": "conv", "context": "conv"},  # the blocks have equal work by construction
        "conv-blocks": {"block": "conv"},
        "conv-context": {"context": "conv"},
        "no-context": {"context": "none"},
        "no-hyperprior": {"hyperprior": False},
    },
    "cmamba": {
        "ssm-only": {"paths": "ssm"},
        "cnn-only": {"paths": "cnn"},
        "sum-fusion": {"fusion": "sum"},
        "pool-max": {"pool": "max"},
        "pool-avg": {"pool": "avg"},
        "conv-context": {"context": "conv"},
        "conv-context-equal-work": equal_work("context_width", 4, context="conv"),
        "no-context": {"context": "none"},
        "no-lrp": {"residual": None},
        "no-hyperprior": {"hyperprior": False},
        **_SLICES,
    },
    "asymmetric": {
        "no-attention": {"attention": False},
        "no-post-filter": {"post_filter": False},
        "gdn": {"norm": "gdn"},
        "conv-context": {"context": "conv"},
        "raster-context": {"context": "ssm-raster"},
        "no-context": {"context": "none"},
        "no-hyperprior": {"hyperprior": False},
    },
    "csm": {
        "fixed-partition": {"partition": "fixed"},
        "learned-partition": {"partition": "learned"},
        "ssm-only": {"paths": "ssm"},
        "cnn-only": {"paths": "cnn"},
        "fuse-3x3": {"fuse": "3x3"},
        "conv-context": {"context": "conv"},
        "conv-context-equal-work": equal_work("context_width", 4, context="conv"),
        "no-context": {"context": "none"},
        "no-lrp": {"residual": False},
        "no-hyperprior": {"hyperprior": False},
    },
    "bisic": {
        "no-cross": {"cross": False},
        "no-attention": {"attention": False},
        "no-stereo-context": {"stereo_context": False},
        "no-channel-context": {"channel": None},
        "no-spatial-context": {"context": "none"},
        "checkerboard": {"context": "checkerboard"},
        "raster-context": {"context": "raster"},
        "row-attention": {"rows": True},
        "query-other": {"query": "other"},
        "tied": {"tied": True},
        "no-hyperprior": {"hyperprior": False},
    },
}
"""Model -> variant -> constructor arguments, or what finds them for a preset. `full` is the preset itself."""


def variants(name: str, preset: str = "tiny", *, costs: Costs | None = None) -> dict[str, dict]:
    """Give the variants of a model at one size: {"full": {}, "no-context": {"context": "none"}, ...}.

    Variants that the preset is already are left out, and those whose switches have no part in it; so are those of equal
    work where no `costs` count it. Raises LicLabError for names that do not exist.
    """
    full = repr(build(name, preset))  # refuses wrong names
    make = known()[name][preset]
    bound = inspect.signature(make.func).bind(*make.args, **make.keywords)
    bound.apply_defaults()
    sizes = Sizes(name, preset, bound.arguments, costs)
    found = {FULL: {}}
    for variant, wanted in VARIANTS.get(name, {}).items():
        switches = wanted(sizes) if callable(wanted) else dict(wanted)
        differs = any(sizes.given[switch] != value for switch, value in switches.items())
        if differs and not (sizes.given.get("trunk") and repr(build(name, preset, **switches)) == full):
            found[variant] = dict(switches)
    return found


def chosen(
    name: str, preset: str, wanted: Sequence[str] | Mapping[str, Mapping] | None, *, costs: Costs | None = None
) -> dict[str, dict]:
    """Give `full` and the variants that are asked for: some names, or own ones with their switches; None means all.

    Raises LicLabError for a name that the table does not have, with the near ones, and for variants without equal.
    """
    if isinstance(wanted, Mapping):
        return {FULL: {}} | {variant: dict(switches) for variant, switches in wanted.items()}
    found = variants(name, preset, costs=costs)
    if wanted is None and len(found) == 1:
        raise LicLabError(f"{name}/{preset} has no variants to compare: name a smaller preset, such as tiny")
    for variant in wanted or ():
        if variant not in found:
            near = get_close_matches(variant, found, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(found)}"
            raise LicLabError(f"{name}/{preset} has no variant {variant!r}: {hint}")
    return found if wanted is None else {FULL: {}} | {variant: found[variant] for variant in wanted}
