"""One colour, one marker, one dash and one name per codec, the same in every figure, table and widget.

The colours of the codecs that stand side by side most often (`SIDE_BY_SIDE`) stay apart for people without red, green
or blue cones; codecs that meet more rarely are told apart by marker and dash as well. Every colour has a contrast of at
least 3:1 against white and against a dark theme's background, so one palette serves both.
Learned codecs are drawn with a full line, classical ones with a broken line.
"""

from dataclasses import dataclass, replace
from itertools import product
from zlib import crc32


@dataclass(frozen=True)
class Style:
    """How a codec is drawn: `color` as #rrggbb, `marker` and `dash` in matplotlib's words, `label` for people."""

    label: str
    color: str
    marker: str
    dash: str = "--"


STYLES = {
    "original": Style("Original", "#767676", "*", "-"),
    # learned
    "charm": Style("ChARM (learned)", "#2b8cf0", "o", "-"),
    "hyperprior": Style("Hyperprior (learned)", "#3e86b2", "s", "-"),
    "factorized": Style("Factorized (learned)", "#5f8aa3", "D", "-"),
    "bimamba": Style("BiMamba (learned)", "#c2258c", "^", "-"),
    "cmamba": Style("CMamba (learned)", "#830cf9", "v", "-"),
    "csm": Style("CSM (learned)", "#0e7c3f", ">", "-"),
    "asymmetric": Style("Asymmetric (learned)", "#b4540a", "<", "-"),
    "bisic": Style("BiSIC (learned)", "#5d63c9", "h", "-"),
    # classical
    "jpeg": Style("JPEG", "#8a8a8a", "s"),
    "jpeg2000": Style("JPEG 2000", "#a023b2", "D"),
    "webp": Style("WebP", "#256b62", "^"),
    "avif": Style("AVIF", "#d07a24", "v"),
    "heif": Style("HEIF", "#a07358", "P"),
    "jxl": Style("JPEG XL", "#7c6e06", "X"),
    "vvc": Style("VVC", "#e00f0f", "p"),
    "vtm": Style("VVC (VTM)", "#b03a3a", "h"),
    "bpg": Style("BPG", "#6f7f3f", "8"),
    "hevc-pair": Style("HEVC, two views", "#a05a3c", "d"),
}
SIDE_BY_SIDE = ("charm", "jpeg", "jpeg2000", "webp", "avif")
VARIANTS = {
    "jpeg-444": Style("JPEG 4:4:4", STYLES["jpeg"].color, "1", ":"),
    "avif-default": Style("AVIF default tune", STYLES["avif"].color, "2", ":"),
    "avif-420": Style("AVIF 4:2:0", STYLES["avif"].color, "3", ":"),
    "avif-420-default": Style("AVIF 4:2:0 default tune", STYLES["avif"].color, "4", ":"),
    "jxl-e9": Style("JPEG XL effort 9", STYLES["jxl"].color, "1", ":"),
}
ALL = STYLES | VARIANTS
GREY = "#767676"
STRANGERS = tuple(product("xovs^D<P>Xph", ("-.", "--")))
"""How codecs from outside are told apart where all are grey: marker and dash; dots are for published curves."""


def style(name: str) -> Style:
    """The style of the codec `name`; "charm@ssim" and other unlisted variants take the colour of the first word.

    "pair:jpeg" looks as "jpeg" does, under a name that says that each view is coded by itself.
    A codec the palette has never heard of is drawn in a neutral grey under its own name, with a marker and a dash that
    its name decides, so that a stranger's codec can be compared without touching this file.
    """
    if name in ALL:
        return ALL[name]
    if name.startswith("pair:"):
        base = style(name.removeprefix("pair:"))
        return replace(base, label=f"{base.label}, each view")
    stem = name.replace("@", "-").replace("_", "-").split("-")[0]
    if stem in STYLES:
        base = STYLES[stem]
        rest = name[len(stem) + 1 :]
        return Style(f"{base.label} {rest}", base.color, "+", ":")
    return Style(name, GREY, *STRANGERS[crc32(name.encode()) % len(STRANGERS)])


def order(name: str) -> int:
    """The place of a codec in legends and tables: learned ones first, then classical ones, then strangers."""
    name = name.removeprefix("pair:")
    return list(ALL).index(name) if name in ALL else len(ALL)
