"""What is wrong with a built site: links, pictures, words left over, and anything that it would fetch from elsewhere.

python .site/check.py out/site       # prints a line for each fault; exit code 1 where there are some
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image as Pillow

LOADS = ("src", "srcset", "poster", "data")
"""Attributes that make a page load something; so does `href` of these, of `link` only what `LOADED` names."""
LOADING = {"link", "image", "use"}
FETCH = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
IMPORT = re.compile(r"""\bimport\s*\(?\s*["']((?:https?:)?//[^"'\s]+)""")
LOADED = {"stylesheet", "icon", "preload", "modulepreload", "shortcut", "manifest"}
SYNTAX = {
    "a role of reStructuredText": re.compile(r"(?<![\w`]):[a-z]+(?::[a-z]+)?:`"),
    "a directive": re.compile(r"^\s*(?:\.\. \w[\w-]*::|:{3,}\s*\{|```\s*\{\w)", re.MULTILINE),
    "a formula that was not set": re.compile(
        r"\$[^$\n]*\\[a-zA-Z]+[^$\n]*\$|\$[A-Za-z]\$|\$[A-Za-z][^$\n]*[=+^_<][^$\n]*\$|\$\$"
    ),
    "bold type of Markdown": re.compile(r"(?<![\w*])\*\*\w[^*\n]*\*\*(?![\w*])"),
    "a heading of Markdown": re.compile(r"^#{1,4} [A-Za-z]", re.MULTILINE),
    "a link of Markdown": re.compile(r"\[[^\]\n]+\]\([\w./#-]+\.(?:md|ipynb|py|html)(?:#[\w-]+)?\)"),
}
SOLUTION = re.compile(r"### (?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS)")
NOTEBOOK = 'class="cell_input'  # how a page begins to show a cell
PATHS = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work|workspace|mnt)/[\w.-]+|\b[A-Z]:\\Users\\\w+")
NOT_PROSE = {"pre", "code", "script", "style", "svg", "template", "title"}
FORMULA = "math"  # the class of what a script will set
EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """One HTML file, read once.

    title: of its head.   ids: the places that a fragment can name.   loaded: (tag, address) of everything that a
    browser fetches to show it.   fetched: what its styles and scripts ask from elsewhere.   linked: where a reader can
    go.   pictures, frames: (address, words).   prose: its words without code and without formulas.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.text = path, path.read_text("utf-8")
        self.title, self.ids = "", set()
        self.loaded, self.linked, self.pictures, self.frames, self.fetched = [], [], [], [], []
        self._words: list[str] = []
        self._inside: list[tuple[str, bool]] = []  # open tags, and whether what is in them is no prose
        self.feed(self.text)
        self.prose = "\n".join(self._words)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        has = dict(attrs)
        self.ids |= {has[key] for key in ("id", "name") if has.get(key) and (key == "id" or tag == "a")}
        self.loaded += [(tag, address) for address in _loads(tag, has)]
        self.fetched += FETCH.findall(has.get("style") or "")
        if tag == "a" and has.get("href"):
            self.linked.append(has["href"])
        if tag == "img":
            self.pictures.append((has.get("src") or "", (has.get("alt") or "").strip()))
        if tag == "iframe":
            self.frames.append((has.get("src") or "", has.get("title") or ""))
        if tag not in EMPTY:
            silent = tag in NOT_PROSE or FORMULA in (has.get("class") or "").split()
            self._inside.append((tag, silent or bool(self._inside and self._inside[-1][1])))

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._inside) - 1, -1, -1):
            if self._inside[place][0] == tag:
                del self._inside[place:]
                return

    def handle_data(self, data: str) -> None:
        if [tag for tag, _ in self._inside[:3]] == ["html", "head", "title"]:
            self.title += data
        if self._inside and self._inside[-1][0] in ("style", "script"):
            self.fetched += {"style": FETCH, "script": IMPORT}[self._inside[-1][0]].findall(data)
        if not (self._inside and self._inside[-1][1]):
            self._words.append(data)


def _loads(tag: str, has: dict[str, str | None]) -> Iterator[str]:
    """What an element makes a browser load."""
    values = [has.get(name) or "" for name in LOADS]
    if tag in LOADING and (tag != "link" or set((has.get("rel") or "").split()) & LOADED):
        values += [has.get("href") or "", has.get("xlink:href") or ""]
    values[1:2] = [part.split()[0] for part in values[1].split(",") if part.strip()]
    yield from (value for value in values if value and not (tag in LOADING and value.startswith("#")))


def faults(site: Path, secrets: Iterable[str] = ()) -> list[str]:
    """List what is wrong, a line each, page by page.

    secrets: texts that must stand nowhere, such as the paths of a machine and the seeds of hidden tests.
    """
    site = site.resolve()
    pages = {path: Page(path) for path in html_files(site)}
    if not pages:
        return [f"{site.name}: there are no pages"]
    found: list[str] = []
    pictures: dict[Path, str] = {}
    for page in pages.values():
        where = page.path.relative_to(site).as_posix()
        every = [*titles(page), *words(page, secrets), *addresses(page, pages, site), *alternatives(page)]
        found += [f"{where}: {fault}" for fault in every]
        for address in (address for address, _ in page.pictures if not _elsewhere(address)):
            pictures.setdefault((page.path.parent / _path(address)).resolve(), where)
    found += [f"{where}: {fault}" for path, where in pictures.items() if path.is_file() for fault in blank(path)]
    found += [
        f"{path.relative_to(site).as_posix()}: {fault}" for path in site.rglob("*.css") for fault in fetches(path)
    ]
    return found


def html_files(site: Path) -> list[Path]:
    """The pages of a site; what lies in a theme's `_static` are its templates."""
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.relative_to(site).parts]


def titles(page: Page) -> Iterator[str]:
    """A page has a title in its head."""
    if not page.title.strip() or page.title.strip().startswith("<no title>"):
        yield "no title"


def words(page: Page, secrets: Iterable[str]) -> Iterator[str]:
    """No markup is left over, and no path of the machine that made the page."""
    for what, pattern in SYNTAX.items():
        if match := pattern.search(page.prose):
            yield f"{what} is left over: {match[0].strip()[:60]!r}"
    if NOTEBOOK in page.text and (match := SOLUTION.search(page.text)):
        yield f"a notebook shows what students must not see: {match[0]!r}"
    for secret in {*secrets, *(match[0] for match in PATHS.finditer(page.prose))}:
        if secret in page.text:
            yield f"must not be told: {secret}"


def addresses(page: Page, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    """What a page loads is beside it, and its links lead to files and to places on pages that are there."""
    for tag, address in page.loaded:
        if _outside(address):
            yield f"<{tag}> is fetched from {address}"
    yield from (f"is fetched: {address}" for address in page.fetched)
    every = [address for _, address in page.loaded] + page.linked
    for address in dict.fromkeys(every):
        if _elsewhere(address):
            continue
        path = (page.path.parent / _path(address)).resolve() if _path(address) else page.path
        path = path / "index.html" if path.is_dir() else path
        if site not in path.parents:
            yield f"{address} leads out of the site"
        elif not path.is_file():
            yield f"{address} leads nowhere"
        elif (place := unquote(urlsplit(address).fragment)) and path in pages and place not in pages[path].ids:
            yield f"{address} names a place that is not there"


def alternatives(page: Page) -> Iterator[str]:
    """Every picture says in words what it shows."""
    for address, alt in page.pictures:
        if not alt or re.search(r"^\.\./|_images/|\.png$", alt):
            yield f"a picture without words: {address}"
    yield from (f"a frame without a title: {address}" for address, title in page.frames if not title)


def blank(path: Path) -> Iterator[str]:
    """A picture opens and has more than one colour."""
    if path.suffix == ".svg":
        return
    try:
        with Pillow.open(path) as picture:
            lows_and_highs = picture.convert("RGBA").getextrema()
    except OSError:
        yield f"{path.name} is no picture"
        return
    if all(low == high for low, high in lows_and_highs):
        yield f"{path.name} is blank"


def fetches(path: Path) -> Iterator[str]:
    """A style sheet names no file on another machine."""
    yield from (f"is fetched: {address}" for address in FETCH.findall(path.read_text("utf-8", "replace")))


def outgoing(site: Path) -> list[str]:
    """The addresses elsewhere that readers can follow, each once."""
    pages = map(Page, html_files(site))
    return sorted({address for page in pages for address in page.linked if _outside(address)})


def _outside(address: str) -> bool:
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https", "ftp")


def _elsewhere(address: str) -> bool:
    return _outside(address) or urlsplit(address).scheme in ("mailto", "data", "javascript", "blob")


def _path(address: str) -> str:
    return unquote(urlsplit(address).path)


def main(arguments: Sequence[str]) -> int:
    """Check the site in a folder and list where its links lead outside; returns the exit code."""
    site = Path(arguments[0])
    found = faults(site)
    print("\n".join(found or [f"no faults; links to elsewhere: {len(outgoing(site))}", *outgoing(site)]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
