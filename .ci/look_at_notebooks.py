"""Run notebooks in JupyterLab and photograph them from top to bottom, in the light and in the dark theme.

    python .ci/look_at_notebooks.py notebooks/04*.ipynb --out out/look

For maintainers, who should look at the pictures: a test that counts elements passes on an ugly page. Live panels are
shown live. Needs Chromium and playwright, see browser.py.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from browser import CHROME, THEMES, chromium, jupyterlab


def main(arguments: list[str] | None = None) -> int:
    """Photograph the notebooks named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Run notebooks in a browser and photograph them in both themes.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/look"), help="folder of the pictures (out/look)")
    parser.add_argument("--width", type=int, default=1300, help="of the window, in pixels")
    parser.add_argument("--height", type=int, default=1600, help="of the window, in pixels")
    asked = parser.parse_args(arguments)
    if not CHROME:
        print("no Chromium on this machine: install it or set CHROME_PATH", file=sys.stderr)
        return 2
    home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with home, jupyterlab(Path(home.name)) as server, chromium(server) as lab:
        for path in asked.notebooks:
            with lab.open(path, width=asked.width, height=asked.height) as notebook:
                notebook.run()
                for theme in THEMES:
                    notebook.theme(theme)
                    files = notebook.screenshots(asked.out, f"{path.stem}-{theme}")
                    print(f"{path.name}, {theme}: {len(files)} pictures, {files[0]} ...")
    return 0


if __name__ == "__main__":
    sys.exit(main())
