"""Checkpoints of CompressAI's training, or of anybody's who trains with it, as codecs by name.

    lic_lab.load("compressai:mbt2018-mean@runs/0.013.pth.tar")     one checkpoint of an architecture of the zoo
    lic_lab.load("compressai:mbt2018-mean@runs")                   a folder of them, one per rate: quality 1, 2, ...
    lic_lab.load("compressai:my_package.models:MyNet@net.pth.tar") a class of one's own, imported from my_package.models

A class of one's own has CompressAI's `from_state_dict`, or can be built without arguments.
"""

from __future__ import annotations

import pickle
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from lic_lab.codecs.zoo import PREFIX, ZooCodec, fresh, levels
from lic_lab.errors import LicLabError

SUFFIXES = (".pth.tar", ".pth", ".pt", ".tar", ".ckpt")
PLACES = ("network", "state_dict", "model_state_dict")  # where eval_model looks for the weights, beside the file itself


def checkpoint(architecture: str, path: str | Path) -> ZooCodec:
    """Make a codec of a checkpoint, or of a folder of checkpoints of one architecture, lowest rate first by name.

    architecture: a name of CompressAI's zoo, or "module:Class".   path: holds a state dict as `torch.save` writes it,
    bare or as CompressAI's train.py packs it. Tables are made anew from the weights, as its `eval_model` does.
    Names are sorted as people count, so that 0.0018 comes before 0.013, and 2 before 10.
    Raises LicLabError for what is not there, is no checkpoint, or fits another architecture.
    """
    if not find_spec("compressai"):
        raise LicLabError("CompressAI is not installed: pip install compressai")
    path, make = Path(path), _maker(architecture)
    files = sorted(_inside(path), key=_counted) if path.is_dir() else [path]
    if not files:
        raise LicLabError(f"there are no checkpoints in {str(path)!r}: their names end in {', '.join(SUFFIXES)}")
    models = [fresh(_load(make, architecture, file)) for file in files]
    if len(models) > 1 and any(levels(model) > 1 for model in models):
        raise LicLabError(f"{architecture} has all its rates in one checkpoint: name that file, not {str(path)!r}")
    stem = _stem(path)
    return ZooCodec(
        f"{PREFIX}{architecture}@{stem}",
        (lambda quality: models[quality - 1]) if len(models) > 1 else (lambda quality: models[0]),
        qualities=max(len(models), levels(models[0])),
        label=f"{architecture.split(':')[-1]} {stem}",
        about=f"CompressAI {architecture}, weights of {path.name}",
    )


def _maker(architecture: str) -> type[nn.Module]:
    module, colon, name = architecture.partition(":")
    if colon:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise LicLabError(
                f"{architecture!r} cannot be imported ({error}): write module:Class, and put the module's folder on "
                "PYTHONPATH"
            ) from error
    from compressai.zoo.image import model_architectures as fixed
    from compressai.zoo.image_vbr import model_architectures as variable

    known = {**fixed, **variable}
    if architecture not in known:
        raise LicLabError(
            f"CompressAI has no {architecture!r}: there are {', '.join(sorted(known))}, or module:Class of your own"
        )
    return known[architecture]


def _load(make: type[nn.Module], architecture: str, path: Path) -> nn.Module:
    state = _weights(path)
    try:
        if not hasattr(make, "from_state_dict"):
            model = make()
            model.load_state_dict(state)
            return model
        steps = {"vr_entbttlnck": True} if any(key.startswith("gayn2zqstep") for key in state) else {}
        return make.from_state_dict(state, **steps)
    except (KeyError, RuntimeError, TypeError, IndexError) as error:
        why = " ".join(str(error).split())[:160]
        raise LicLabError(f"the weights of {str(path)!r} do not fit {architecture}: {why}") from error


def _weights(path: Path) -> dict:
    from compressai.zoo import load_state_dict

    if not path.is_file():
        raise LicLabError(f"no checkpoint at {str(path)!r}")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise LicLabError(
            f"{str(path)!r} is no checkpoint of weights alone: write one by torch.save(model.state_dict(), ...)"
        ) from error
    state = next((saved[key] for key in PLACES if key in saved), saved) if isinstance(saved, dict) else None
    if not isinstance(state, dict) or not any(isinstance(value, torch.Tensor) for value in state.values()):
        raise LicLabError(f"{str(path)!r} holds no state dict: write one by torch.save(model.state_dict(), ...)")
    return load_state_dict(state)  # takes old names of layers, and those behind "module.", as new ones


def _inside(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(SUFFIXES)]


def _stem(path: Path) -> str:
    suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), "")
    return path.name.removesuffix(suffix)


def _counted(path: Path) -> tuple[float, str]:
    try:
        return float(_stem(path)), path.name
    except ValueError:
        return float("inf"), path.name
