"""Put into README.md what the package says of itself: what the models are, and what the demo measures.

make readme        after new weights, on a machine that does nothing else (the demo's table holds times)
python .ci/refresh_readme.py --models        only the models, in seconds
"""

import io
import json
import os
import platform
import re
import sys
from pathlib import Path

import torch
from rich.console import Console

from lic_lab import build, list_presets
from lic_lab.datasets.images import write_image
from lic_lab.evaluation import sweep
from lic_lab.evaluation.report import comparison_table
from lic_lab.files import write_bytes
from lic_lab.plots.grid import picture_grid
from lic_lab.probes.claims import model_claims
from lic_lab.probes.complexity import complexity

ROOT = Path(__file__).parents[1]
BPP = 0.25
PICTURE = "chelsea"


def main() -> None:
    """Replace both blocks, or the first only."""
    replace("models", models())
    if "--models" not in sys.argv:
        demo()


def replace(name: str, block: str) -> None:
    """Put a block between its two marks in README.md."""
    marks = re.compile(rf"(<!-- {name}: written by make readme -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    readme = ROOT / "README.md"
    text, found = marks.subn(lambda match: match[1] + block + match[2], readme.read_text("utf-8"))
    assert found == 1, f"README.md has no place for the {name}"
    write_bytes(readme, text.encode())


def models() -> str:
    """What each model's docstring says, and what its presets cost."""
    lines, rows = [], ["| model | preset | parameters | encode kMAC/pixel | decode kMAC/pixel | coding passes |"]
    rows.append("|---|---|---|---|---|---|")
    for name, presets in list_presets().items():
        said = model_claims(build(name, "tiny"))
        lines.append(f"- **`{name}`**. Claim: {said['Claim']} Public code: {said['Code']}  \n  Ours: {said['Ours']}\n")
        for preset in presets:
            cost = complexity(build(name, preset))
            numbers = f"{cost.parameters:,} | {cost.encode_kmac:.1f} | {cost.decode_kmac:.1f} | {len(cost.passes)}"
            rows.append(f"| `{name}` | {preset} | {numbers} |")
    return "".join(lines) + "\n" + "\n".join(rows) + "\n"


def demo() -> None:
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
    replace("demo", block)
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
