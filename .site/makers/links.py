"""Links between files of the repository, led to the pages of the site that show them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

LINK = re.compile(r"(?P<head>\]\()(?P<link>[^)\s]+)(?P<tail>\))")
CODE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ \t]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
OUTSIDE = ("http:", "https:", "mailto:", "#", "attachment:", "data:")
PICTURES = (".png", ".svg", ".jpg", ".gif")
TEXTS = (".py", ".md", ".toml", ".yml", ".csv", ".json", ".cff", ".txt", ".css", ".js", "Makefile", "LICENSE")
MOST = 60_000  # bytes of a file that is shown as a page; a larger one stands in the list of its folder


class Links:
    """Where every link of the pages leads.

    repo: the repository.   pages: the files of it that are pages themselves, as POSIX paths.   files, folders,
    pictures: what links have asked for so far, to be made or copied.   broken: (page, link) that lead nowhere.
    """

    def __init__(self, repo: Path, pages: set[str]):
        self.repo, self.pages = repo, pages
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.pictures: set[str] = set()
        self.broken: list[tuple[str, str]] = []

    def rewrite(self, text: str, page: str) -> str:
        """Lead the links of Markdown text to pages; what stands in code stays."""
        kept = CODE.findall(text)
        parts = [self._rewritten(part, page) for part in CODE.split(text)]
        return "".join(part + (kept[number] if number < len(kept) else "") for number, part in enumerate(parts))

    def _rewritten(self, text: str, page: str) -> str:
        return LINK.sub(lambda match: match["head"] + self.lead(match["link"], page) + match["tail"], text)

    def lead(self, link: str, page: str) -> str:
        """Give what a link of a page becomes; one that leads nowhere is noted and stays."""
        if link.startswith(OUTSIDE) or "](" in link:
            return link
        name, _, fragment = link.partition("#")
        folder = PurePosixPath(page).parent
        path = os.path.normpath(f"{folder}/{name}").replace(os.sep, "/")
        if not (self.repo / path).exists() and path not in self.pages:
            self.broken.append((page, link))
            return link
        target = self.page_of(path)
        hash = f"#{fragment}" if fragment and target == path else ""
        return os.path.relpath(target, folder).replace(os.sep, "/") + hash

    def page_of(self, path: str) -> str:
        """Give the file of the site's source that shows a file or folder of the repository."""
        if path in self.pages:
            return path
        if path.endswith(PICTURES):
            self.pictures.add(path)
            return path
        if found := weights_page(path) or module_page(path):
            return found
        if (self.repo / path).is_dir():
            if f"{path}/README.md" in self.pages or path == ".":
                return os.path.normpath(f"{path}/README.md")
            self.folders.add(path)
            return f"files/{path}/index.md"
        if path.endswith(TEXTS) and (self.repo / path).stat().st_size <= MOST:
            self.files.add(path)
            return f"files/{path}.md"
        return self.page_of(str(PurePosixPath(path).parent))


def weights_page(path: str) -> str:
    """The page of the model whose weights or card a file is; "" for other files."""
    found = re.fullmatch(r"data/weights/(\w+)\.(?:md|safetensors)", path)
    return f"models/{found[1]}.md" if found else ""


def module_page(path: str) -> str:
    """The page of the reference for a file or folder of the package; "" for other files."""
    found = re.fullmatch(r"(lic_lab(?:/\w+)*?)(?:/__init__)?(?:\.py)?", path)
    if not found or found[1].startswith("lic_lab/_"):
        return ""
    if found[1].startswith("lic_lab/cli"):
        return "reference/command_line.md"
    return "reference/index.md" if found[1] == path == "lic_lab" else f"reference/{found[1].replace('/', '.')}.rst"


def source_pages(links: Links, write: Callable[[str, str], None]) -> None:
    """Write a page for every file and folder that links ask for and that has no other page."""
    for path in sorted(links.files):
        write(f"files/{path}.md", file_page(path))
    for path in sorted(links.folders):
        write(f"files/{path}/index.md", folder_page(links.repo, path))


LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".cff": "yaml", ".json": "json", "Makefile": "make"}


def file_page(path: str) -> str:
    """A page that shows one text file; its text is copied beside the page under the same name."""
    language = next((word for end, word in LANGUAGES.items() if path.endswith(end)), "text")
    name = PurePosixPath(path).name
    return f"---\norphan: true\n---\n\n# {path}\n\n```{{literalinclude}} {name}.txt\n:language: {language}\n```\n"


def folder_page(repo: Path, path: str) -> str:
    """A page that lists the files of a folder with their sizes, as far as they are no secret of the file system."""
    shown = [item for item in sorted((repo / path).iterdir()) if not item.name.startswith((".", "_"))]
    lines = [f"---\norphan: true\n---\n\n# {path}", "", "This folder of the repository holds:", ""]
    lines += [f"- `{item.name}{'/' if item.is_dir() else ''}`{_about(item)}" for item in shown]
    return "\n".join(lines) + "\n"


def _about(item: Path) -> str:
    return "" if item.is_dir() else f", {item.stat().st_size / 1000:,.1f} kB"
