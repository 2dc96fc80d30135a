"""The page of results: the curves to play with, the table of BD-rates, and the published points beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

PAGES = {"kodak": "Kodak, mean of {} pictures", "stereo": "Stereo, mean of {} pairs"}
PUBLISHED = ("published:vtm", "published:bpg")


# A frame opened by file:// may not be looked into: it tells its height, and the page takes it over.
TELL = """
const tell = () => parent.postMessage({curves: document.documentElement.offsetHeight}, "*");
new ResizeObserver(tell).observe(document.documentElement);
"""
HEAR = """<script>
addEventListener("message", ({source, data}) => {
  const frame = [...document.querySelectorAll("iframe.curves")].find((f) => f.contentWindow === source);
  if (frame && data.curves) frame.style.height = `${data.curves + 4}px`;
});
</script>"""


def results_page(tables: dict[str, str], sentence: str) -> str:
    """The page. tables: name -> Markdown of its BD-rates. sentence: what was measured, in words."""
    lines = ["# Results", "", sentence, "", "```{raw} html", HEAR, "```", ""]
    for name, heading in {"kodak": "Pictures: Kodak", "stereo": "Pairs of views"}.items():
        lines += [f"## {heading}", ""]
        if name == "kodak":
            lines += ["Dotted curves are published ones; hovering over a point says where it comes from.", ""]
        lines += ["```{raw} html", f'<iframe class="curves" title="{heading}: rate and quality" '
                  f'src="curves_{name}.html"></iframe>', f'<p><a href="curves_{name}.html">The curves on a page of '
                  "their own</a></p>", "```", ""]  # fmt: skip
        lines += [tables[name], ""]
    lines += ["## Published curves and reference points", ""]
    lines += ["Other people's curves, where each comes from and what to beware of: "]
    lines += [
        "[Published curves and reference measurements](../data/results/REFERENCE.md). Every file of our own is a "
    ]
    lines += ["line of a table; [what the data folder holds](../data/README.md) says which."]
    return "\n".join(lines) + "\n"


def curves_html(name: str, rows: Sequence[dict], published: Sequence[str] = ()) -> str:
    """The page with the curves of one table: metrics to choose from, codecs to hide, published curves beside them."""
    from lic_lab.evaluation.reading import Curves
    from lic_lab.plots.rd_html import rd_html
    from lic_lab.widgets.rd import averaged

    curves = Curves(rows, [address.removeprefix("published:") for address in published])
    metrics = [metric for metric in ("psnr_db", "ms_ssim_db") if metric in curves.metrics]
    shown: dict[str, list[SimpleNamespace]] = {}
    for metric in metrics:
        found = curves.measured(metric) | curves.others(metric)
        shown[metric] = [record for curve in found.values() for record in curve.records()]
    counts, remarks = zip(*(averaged(curves, metric) for metric in metrics), strict=True)
    title = PAGES[name].format(counts[0])
    note = " ".join(["Whole files, 8-bit reconstructions.", *filter(None, remarks)])
    return rd_html(shown, title=title, note=note).replace("</body>", f"<script>{TELL}</script></body>")


def bd_sheet(rows: Sequence[dict]) -> str:
    """The BD-rate of every measured codec against every other as Markdown."""
    from lic_lab.evaluation.means import gaps, mean_curves
    from lic_lab.evaluation.tables import matrix_sheet

    return matrix_sheet(gaps(mean_curves(rows))).markdown()


def sentence(rows: Sequence[dict], pairs: Sequence[dict]) -> str:
    """What was measured, with its numbers."""
    codecs, files = len({row["codec"] for row in rows}), len(rows)
    stereo, both = len({row["codec"] for row in pairs}), len(pairs)
    return (
        f"Our numbers here count the bytes of whole files that were decoded again: {files:,} files of {codecs} "
        f"codecs on the Kodak pictures and {both:,} files of {stereo} codecs on stereo pairs. A **BD-rate** is the "
        "mean difference in bits at equal quality, in percent; negative means fewer bits."
    )


def read(path: Path) -> list[dict]:
    """The rows of a measured table."""
    from lic_lab.evaluation.curves import read_rows

    return read_rows(path)
