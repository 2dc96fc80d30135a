"""Weights in one safetensors file: float16 tensors, integer tables, and the card that says where they come from."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from lic_lab.coding.tables import Tables
from lic_lab.datasets.bundled import data_path
from lic_lab.errors import LicLabError
from lic_lab.files import write_bytes
from lic_lab.models.base import Codec
from lic_lab.models.outside import models, weights_beside
from lic_lab.models.plain import plain_torch
from lic_lab.models.presets import build, known
from lic_lab.outside import VARIABLE

_TABLES = "tables."  # prefix of the integer tables of z
_HALF_FROM = 4096  # tensors with fewer elements stay float32: they weigh nothing and some are sensitive


def save_model(model: Codec, path: str | Path, *, name: str, preset: str, card: dict | None = None) -> None:
    """Write weights, tables and card to `path`, under a temporary name first.

    Large tensors are rounded to float16 and the tables are made from the rounded weights, so `load_weights` gives a
    model that decodes what any other copy of the file encoded. `model` itself is left as it was.
    """
    twin = build(name, preset, lambdas=tuple(model.lambdas), **model.switches)
    twin.load_state_dict(model.state_dict())  # refuses a wrong name
    if repr(twin) != repr(model):
        raise LicLabError(
            f"this model is not {name}/{preset}: a switch without weights differs, so no reader could know"
        )
    stored = stored_tensors(model)
    meta = {"name": name, "preset": preset, "lambdas": json.dumps(model.lambdas), "card": json.dumps(card or {})}
    if model.switches:
        meta["switches"] = json.dumps(model.switches)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, save(stored, metadata=meta))


def stored_tensors(model: Codec) -> dict[str, Tensor]:
    """Give what a weight file holds, by name: large tensors in float16, the others as they are, the tables of z."""
    state = {k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()}
    stored = {k: v.half() if v.is_floating_point() and v.numel() >= _HALF_FROM else v for k, v in state.items()}
    twin = copy.deepcopy(model)
    twin.load_state_dict({k: v.to(state[k].dtype) for k, v in stored.items()})
    if twin.latent.density is None:
        return stored
    tables = twin.latent.density.tables.to_arrays()  # of the rounded weights
    return stored | {_TABLES + k: torch.from_numpy(v.copy()) for k, v in tables.items()}


@plain_torch()
def load_weights(path: str | Path) -> Codec:
    """Give the model stored in a file of `save_model`, in evaluation mode.

    Raises LicLabError for a missing file, one that is not ours, or weights that fit no preset of this version.
    """
    path = Path(path)
    if not path.is_file():
        raise LicLabError(f"there are no weights at {path}")
    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}
        if meta["name"] not in known():
            raise LicLabError(
                f"{path} holds weights of a model {meta['name']!r} that is not known here: "
                f"name the file of that model in the environment's {VARIABLE}"
            )
        switches = {k: _tuples(v) for k, v in json.loads(meta.get("switches", "{}")).items()}
        model = build(meta["name"], meta["preset"], lambdas=tuple(json.loads(meta["lambdas"])), **switches)
    except LicLabError:
        raise
    except Exception as error:  # safetensors raises its own type for anything unreadable
        raise LicLabError(f"{path} is not a weight file of this package: {error}") from error
    tables = {k.removeprefix(_TABLES): tensors.pop(k).numpy() for k in list(tensors) if k.startswith(_TABLES)}
    try:
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    except RuntimeError as error:
        raise LicLabError(
            f"{path} does not fit {meta['name']}/{meta['preset']} of this version: train it again"
        ) from error
    if model.latent.density:
        model.latent.density.tables = Tables.from_arrays(tables)
    model.preset, model.card = meta["preset"], json.loads(meta.get("card", "{}"))
    return model.eval()


def _tuples(value):
    """JSON knows lists only; constructors are given tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def weights_path(name: str) -> Path:
    """Give where the weights of a model are, or would be: with the package, or beside the file of a model of yours."""
    return weights_beside(name) or data_path("weights", f"{name}.safetensors")


def trainings(model: Codec) -> list[dict]:
    """Give the trainings behind the weights of a model, the oldest first, as its card tells them; none if untrained.

    Each has "command", "steps", "hours" and "validation" where they are known, the last one all that its card holds.
    """
    card = getattr(model, "card", None)
    return [*card.get("before", []), card] if card else []


def shipped() -> list[str]:
    """List the models that come with trained weights, in the order of the presets."""
    return [name for name in known() if weights_path(name).is_file()]


def load_model(name: str) -> Codec:
    """Give a model with the weights that come with it; raises LicLabError where there are none.

    All callers share one, which is loaded once, until somebody trains or changes it: the next gets a new one.
    """
    if name not in known():
        build(name)  # raises, with the near names
    path = weights_path(name)
    if not path.is_file():
        have = ", ".join(shipped()) or "none yet"
        own = f", and put its weights at {path}" if weights_beside(name) else ""
        raise LicLabError(
            f"no trained weights come with {name!r} (there are: {have}): train it with lic-lab train {name}{own}"
        )
    source = path, path.stat().st_mtime_ns, models().sources.get(name)
    if name not in _loaded or _loaded[name][:2] != (source, _state(_loaded[name][2])):
        model = load_weights(path)
        _loaded[name] = source, _state(model), model
    return _loaded[name][2]


_loaded: dict[str, tuple[tuple, tuple, Codec]] = {}  # name -> where it comes from, what it was then, the model


def _state(model: Codec) -> tuple[bytes, bool]:
    """What a model is: somebody may have trained the one that `load_model` gave."""
    return model.fingerprint(), model.training
