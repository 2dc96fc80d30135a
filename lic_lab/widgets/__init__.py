"""The figures with a handle to move: for notebooks, Voila, or any page that shows Jupyter widgets.

Each is a call that gives a panel, fed with pictures (anything `read_image` takes) and codecs or models by name:

    from lic_lab.widgets import BitrateExplorer
    BitrateExplorer("photo.png")

`Explorer` makes one of any function that gives pictures, charts or tables. Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module

ROOMS = {
    "AttentionExplorer": "attention",
    "BitExplorer": "bits",
    "BitrateExplorer": "bitrate",
    "BlindTest": "blind",
    "Comparison": "comparison",
    "DecodingPlayer": "decoding_player",
    "Explorer": "explorer",
    "FieldClicker": "field_clicker",
    "FlowExplorer": "flow",
    "Picker": "picker",
    "RDExplorer": "rd",
    "ScanPlayer": "scan_player",
    "SpectrumExplorer": "spectrum",
    "StereoExplorer": "stereo",
    "TrainingCockpit": "cockpit",
    "Viewer": "viewer",
    "Wall": "wall",
    "WaveletExplorer": "wavelets",
    "choose": "controls",
    "slide": "controls",
    "switch": "controls",
}
__all__ = list(ROOMS)


def __getattr__(name: str):
    if name not in ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
