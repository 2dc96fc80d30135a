"""Make the site for readers: the notebooks as stored, models, results, gallery and reference as pages to browse.

    make site                        # or: python .site/build.py
    python .site/build.py --out DIR  # elsewhere than out/site

Needs the extra `site`. Nothing is executed that a notebook holds, nothing is fetched, and the pages need no server.
A warning of Sphinx or a finding of check.py is an error.
"""

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

import nbformat  # noqa: E402
from makers import chapters, front, gallery, models, reference, results  # noqa: E402
from makers.links import Links, source_pages  # noqa: E402

CHAPTER_PAGES = ("notebooks/*.md", "notebooks/how_to/*.md", "notebooks/assignments/*.md")
OTHER_PAGES = ("data/README.md", "data/results/REFERENCE.md", "CHANGELOG.md", "README.md")
COURSE = ("README.md", "SYLLABUS.md", "INSTRUCTOR.md")


class Source:
    """The folder that Sphinx reads; only what the repository holds now is in it."""

    def __init__(self, folder: Path, repo: Path = ROOT):
        self.folder, self.repo, self.written = folder, repo, set()

    def write(self, name: str, content: str | bytes) -> None:
        """Put a file there."""
        path, content = self.folder / name, content.encode() if isinstance(content, str) else content
        self.written.add(path)
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def close(self) -> None:
        """Remove what an earlier time has written and this one has not."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.written:
                path.unlink()


def gather(source: Source, cache: Path) -> None:
    """Write all pages; raises SystemExit with one line for each link that leads nowhere."""
    repo = source.repo
    written = {path.relative_to(repo).as_posix() for glob in (*CHAPTER_PAGES, *OTHER_PAGES) for path in repo.glob(glob)}
    books = chapters.chapters(repo / "notebooks")
    tasks = sorted((repo / "notebooks" / "assignments").glob("*.ipynb"))
    links = Links(repo, written | {path.relative_to(repo).as_posix() for path in (*books, *tasks)})
    notebook_pages(source, links, books, tasks)
    made = model_pages(source, books, cache)
    result_pages(source)
    reference.reference_pages(repo / "lic_lab", repo / "tests" / "test_floors.py", source.write)
    for name in sorted(written):
        source.write(name, links.rewrite((repo / name).read_text("utf-8"), name) + below(name, books))
    front_page(source, books, tasks, sorted(written), made)
    source_pages(links, source.write)
    for name in links.files:
        source.write(f"files/{name}.txt", (repo / name).read_bytes())
    for name in {*links.pictures, "data/results/demo.png"}:
        source.write(name, (repo / name).read_bytes())
    source.close()
    if links.broken:
        sys.exit("\n".join(f"{page}: the link {link} leads nowhere" for page, link in links.broken))


def notebook_pages(source: Source, links: Links, books: list[Path], tasks: list[Path]) -> None:
    """The chapters, the assignments as students get them, and the gallery of the chapters' panels."""
    from lic_lab.widgets import ROOMS

    found, titles = [], {}
    for path in books:
        notebook = nbformat.read(path, as_version=4)
        titles[path.stem] = chapters.title(notebook)
        found += chapters.posters(notebook, path.stem, set(ROOMS))
        write_notebook(source, links, path, chapters.page(notebook, path.stem, set(ROOMS)))
    for path in tasks:
        write_notebook(source, links, path, chapters.student_version(nbformat.read(path, as_version=4)))
    for poster in found:
        source.write(poster.file, poster.png)
    source.write("gallery/index.md", gallery.gallery_page(found, titles, gallery.widget_sentence))


def write_notebook(source: Source, links: Links, path: Path, notebook: nbformat.NotebookNode) -> None:
    """Put a notebook there, its links led to pages."""
    name = path.relative_to(source.repo).as_posix()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = links.rewrite(cell.source, name)
    source.write(name, nbformat.writes(notebook))


def model_pages(source: Source, books: list[Path], cache: Path) -> list[str]:
    """A page for each model, and their list; gives their names."""
    from lic_lab.models.presets import list_presets

    tables = {name: results.read(source.repo / "data" / "results" / name) for name, _ in models.MEASURED.values()}
    cards = {path.stem: path for path in (source.repo / "data" / "weights").glob("*.md")}
    prose = {path: nbformat.read(path, as_version=4) for path in books}
    every = {}
    for name, presets in list_presets().items():
        facts = models.remembered(
            cache / f"{name}.json", source.repo / "lic_lab", lambda n=name, p=presets: models.facts(n, p)
        )
        table, what = models.MEASURED[facts["views"]]
        rates = models.measured_section(name, tables[table], what)
        spoken = [
            f"[{chapters.title(book)}](../notebooks/{path.name})"
            for path, book in prose.items()
            if models.speaks_of("\n".join(cell.source for cell in book.cells), name)
        ]
        card = models.card_section(cards[name].read_text("utf-8")) if name in cards else ""
        source.write(f"models/{name}.md", models.model_page(name, facts, card, rates, spoken))
        every[name] = facts
    source.write("models/index.md", front.models_index(every, set(cards)))
    return list(every)


def result_pages(source: Source) -> None:
    """The page of results and the interactive curves, which stand beside it as files of their own."""
    rows = {name: results.read(source.repo / "data" / "results" / f"{name}.csv") for name in results.PAGES}
    said = results.sentence(rows["kodak"], rows["stereo"])
    source.write("results/index.md", results.results_page({n: results.bd_sheet(r) for n, r in rows.items()}, said))
    for name, measured in rows.items():
        published = results.PUBLISHED if name == "kodak" else ()
        source.write(f"extra/results/curves_{name}.html", results.curves_html(name, measured, published))


def hidden_seeds(repo: Path) -> set[str]:
    """How the hidden tests of the assignments name their seeds, which stand on no page: {"seed=1"}."""
    texts = (path.read_text("utf-8") for path in (repo / "notebooks" / "assignments").glob("*.ipynb"))
    hidden = (part for text in texts for part in re.findall(r"### BEGIN HIDDEN.*?### END HIDDEN", text, re.DOTALL))
    return {seed for part in hidden for seed in re.findall(r"seed=\d+", part)}


def below(name: str, books: list[Path]) -> str:
    """What hangs below a page at the side of the site: the chapters below their map."""
    return "\n\n" + front.toctree([path.stem for path in books]) if name == "notebooks/README.md" else ""


def front_page(source: Source, books: list[Path], tasks: list[Path], written: list[str], made: list[str]) -> None:
    """The front page with the order of everything."""
    guides = [name for name in written if name.startswith("notebooks/how_to/")]
    guides.sort(key=lambda name: (not name.endswith("README.md"), name))
    course = [f"notebooks/assignments/{name}" for name in COURSE if f"notebooks/assignments/{name}" in written]
    course += [path.relative_to(source.repo).as_posix() for path in tasks]
    others = [name for name in written if name not in (*guides, *course, "notebooks/README.md", *OTHER_PAGES)]
    sections = {
        "Read": ["The course <notebooks/README>", "gallery/index.md", *others],
        "How to": guides,
        "Assignments": course,
        "Models and results": ["models/index.md", "results/index.md", "data/results/REFERENCE.md", "data/README.md"],
        "Reference": ["Names, floor by floor <reference/index>", "Install and use <README>", "CHANGELOG.md"],
    }
    source.write("index.md", front.front_page(sections, guides[0] if guides else "README.md", len(books)))


def main(arguments: list[str] | None = None) -> int:
    """Make the site and check it; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the site for readers as files that open without a server.")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "site", help="folder of the site (out/site)")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    start, out = time.time(), asked.out.resolve()
    work = out.parent / f"{out.name}-work"
    source = Source(work / "source")
    gather(source, work / "models")
    if failed := sphinx(source.folder, out, work / "doctrees"):
        return failed
    import check

    faults = check.faults(out, secrets=(str(ROOT), str(Path.home()), *hidden_seeds(ROOT)))
    print("".join(f"{fault}\n" for fault in faults), end="", file=sys.stderr)
    if not faults:
        pages = len(check.html_files(out))
        print(f"The site: {pages} pages in {time.time() - start:.0f} s; open {out / 'index.html'}")
    return int(bool(faults))


def sphinx(source: Path, out: Path, doctrees: Path) -> int:
    """Have Sphinx make the pages; any warning fails. Returns its exit code."""
    from sphinx.cmd.build import main as build

    for folder in (out, doctrees):  # Sphinx misses some changes of its settings
        shutil.rmtree(folder, ignore_errors=True)
    extra = f"html_extra_path={source / 'extra'}"
    return build(["-q", "-W", "--keep-going", "-b", "html", "-c", str(HERE), "-d", str(doctrees), "-D", extra,
                  "-D", "exclude_patterns=extra,files/**/*.txt", str(source), str(out)])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
