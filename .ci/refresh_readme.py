"""Run the demo and put what it says into README.md: the table, and one sheet as data/results/demo.png.

make readme        after new weights, on a machine that does nothing else (the table holds times)
"""

import io
import json
import os
import platform
import re
from pathlib import Path

import torch
from rich.console import Console

from lic_lab.datasets.images import write_bytes, write_image
from lic_lab.evaluation import sweep
from lic_lab.evaluation.report import comparison_table
from lic_lab.plots.grid import picture_grid

ROOT = Path(__file__).parents[1]
BPP = 0.25
PICTURE = "chelsea"
BLOCK = re.compile(r"(<!-- demo: written by make readme -->\n).*?(<!-- end of demo -->)", re.DOTALL)


def main() -> None:
    """Measure, then replace the table, the picture and the numbers."""
    images = sweep.gather_images()
    rows = sweep.compare(images, sweep.gather_codecs(), bpp=BPP)
    results = ROOT / "data" / "results"
    results.mkdir(parents=True, exist_ok=True)
    sheet = picture_grid(images[PICTURE], [row for row in rows if row.image == PICTURE])
    write_image(results / "demo.png", sheet)
    numbers = {"bpp": BPP, "machine": machine(), "rows": [row.numbers() for row in rows]}
    write_bytes(results / "demo.json", (json.dumps(numbers, indent=1) + "\n").encode())
    block = f"```text\n{as_text(rows)}```\n\nTimes: {machine()}.\n"
    readme = ROOT / "README.md"
    text, found = BLOCK.subn(lambda match: match[1] + block + match[2], readme.read_text("utf-8"))
    assert found == 1, "README.md has no place for the demo"
    write_bytes(readme, text.encode())
    print(as_text(rows))


def as_text(rows) -> str:
    """The demo's table as it looks in a terminal, without trailing blanks."""
    console = Console(file=io.StringIO(), width=100)
    console.print(comparison_table(rows, f"At most {BPP:g} bits per pixel, whole files"))
    return "".join(line.rstrip() + "\n" for line in console.file.getvalue().splitlines())


def machine() -> str:
    """Where the times come from."""
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), {torch.get_num_threads()} torch threads"


if __name__ == "__main__":
    main()
