"""Make executed notebooks fit to be committed: pictures stay, dead widgets and run-to-run noise go.

    python .ci/clean_notebooks.py notebooks/*.ipynb            # rewrite in place
    python .ci/clean_notebooks.py --check notebooks/*.ipynb    # change nothing; exit 1 where something is left to do

A live panel is stored three times by Jupyter: as widget state (megabytes), as a reference to it (an error message in
every page that has no kernel) and as its poster, a PNG. Only the poster is kept: GitHub shows a picture, and a running
kernel the panel.
"""

import base64
import copy
import io
import sys
from pathlib import Path

import nbformat
from PIL import Image

VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "pygments_lexer": "ipython3"}


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A cleaned copy; cleaning it again changes nothing."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    for cell in notebook.cells:
        for noise in ("execution", "collapsed", "scrolled", "trusted"):
            cell.metadata.pop(noise, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(without_widget, cell.outputs) if output is not None]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.data.pop("image/jpeg", None)  # Pillow stores both; the exact one is enough
    return notebook


def without_widget(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """The output without its reference to a live widget; None where nothing to look at is left."""
    if VIEW not in output.get("data", {}):
        return output
    del output.data[VIEW]
    output.data.pop("text/plain", None)  # the repr of a widget says nothing to a reader
    return output if output.data else None


def squeeze(notebook: nbformat.NotebookNode) -> None:
    """Store every picture that has no transparent pixel in fewer bytes, the same pixels, where that is possible."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "image/png" not in output.get("data", {}):
            continue
        before = base64.b64decode(output.data["image/png"])
        picture, buffer = Image.open(io.BytesIO(before)), io.BytesIO()
        if picture.mode == "RGBA" and picture.getextrema()[3] == (255, 255):
            picture = picture.convert("RGB")
        picture.save(buffer, "PNG", optimize=True)
        if len(buffer.getvalue()) < len(before):
            output.data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


def store(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook cleaned and squeezed. (Squeezing is no part of `clean`: another zlib may find fewer bytes.)"""
    notebook = clean(notebook)
    squeeze(notebook)
    nbformat.write(notebook, path)


def main(arguments: list[str]) -> int:
    """Clean, or only check, the notebooks named on the command line; returns the exit code."""
    check, paths = "--check" in arguments, [Path(a) for a in arguments if a != "--check"]
    unclean = 0
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        if clean(notebook) == notebook:
            continue
        unclean += 1
        print(f"{path}: {'needs cleaning' if check else 'cleaned'}")
        if not check:
            store(notebook, path)
    return int(check and unclean > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
