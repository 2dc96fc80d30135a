"""Open a built site in Chromium without any network: errors of its pages fail, and it is photographed.

    python .site/look.py out/site --out out/look      # light and dark, wide and narrow: look at the pictures

Needs Chromium (CHROME_PATH, or on the PATH) and playwright.
"""

import argparse
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

spec = importlib.util.spec_from_file_location("browser", Path(__file__).parents[1] / ".ci" / "browser.py")
browser = importlib.util.module_from_spec(spec)
spec.loader.exec_module(browser)

KINDS = (
    "index", "notebooks/README", "notebooks/01_transform_coding", "notebooks/07_codecs_assembled", "gallery/index",
    "models/index", "models/cmamba", "models/bimamba", "models/bisic", "results/index", "reference/index",
    "reference/lic_lab.ops", "reference/lic_lab.ops.wavelets", "reference/lic_lab.models.cmamba",
    "reference/command_line", "data/results/REFERENCE",
)  # fmt: skip
SIZES = {"wide": (1400, 1000), "phone": (390, 844)}


def visit(site: Path, pages: Iterable[str], pictures: Path | None = None, *, sizes: Sequence[str] = tuple(SIZES)):
    """Open pages by file://, in both themes; list what went wrong. pictures: a folder for photographs of them.

    A page is wrong where its console has an error, where it asks for anything that is no file, where it is wider than
    the window, or where a formula is still not set.
    """
    from playwright.sync_api import sync_playwright

    trouble: list[str] = []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.CHROME, headless=True, args=browser.FLAGS)
        for size in sizes:
            for theme in ("light", "dark"):
                context = opened.new_context(
                    viewport=dict(zip(("width", "height"), SIZES[size], strict=True)), color_scheme=theme, offline=True
                )
                for name in pages:
                    trouble += [f"{name}, {size}, {theme}: {fault}" for fault in _open(context, site, name)]
                    if pictures:
                        _photograph(context, pictures, f"{name.replace('/', '-')}-{size}-{theme}")
                    context.pages[0].close()
                context.close()
        opened.close()
    return trouble


def _open(context, site: Path, name: str) -> list[str]:
    page, found = context.new_page(), []
    page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or found.append(f"asks for {r.url}"))
    page.on("requestfailed", lambda r: found.append(f"did not get {r.url}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("console", lambda line: line.type != "error" or found.append(f"console: {line.text}"))
    page.goto((site / f"{name}.html").resolve().as_uri(), wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")
    if page.evaluate("() => document.documentElement.scrollWidth > innerWidth + 1"):
        found.append("is wider than the window")
    if page.evaluate("() => document.querySelectorAll('.math').length && !document.querySelector('mjx-container')"):
        found.append("its formulas are not set")
    return found


def _photograph(context, folder: Path, stem: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page = context.pages[0]
    page.screenshot(path=folder / f"{stem}.png", animations="disabled")
    page.evaluate("() => scrollTo(0, 0.35 * document.documentElement.scrollHeight)")
    page.screenshot(path=folder / f"{stem}-below.png", animations="disabled")


def main(arguments: Sequence[str] | None = None) -> int:
    """Open a dozen kinds of pages and photograph them; returns the exit code."""
    parser = argparse.ArgumentParser(description="Open a built site in a browser without network, and photograph it.")
    parser.add_argument("site", type=Path)
    parser.add_argument("--out", type=Path, help="folder of the pictures")
    parser.add_argument("--pages", help="names of pages, parted by commas")
    asked = parser.parse_args(arguments)
    pages = (
        asked.pages.split(",") if asked.pages else [name for name in KINDS if (asked.site / f"{name}.html").exists()]
    )
    trouble = visit(asked.site, pages, asked.out)
    print("\n".join(trouble or [f"{len(pages)} pages opened in four ways, nothing went wrong"]))
    return int(bool(trouble))


if __name__ == "__main__":
    sys.exit(main())
