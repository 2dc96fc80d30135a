"""The front page, and the lists of pages that hang below it."""

from __future__ import annotations

from collections.abc import Sequence

FRONT = """# lic_lab

Learned image compression that you can take apart: trained codecs that write real files, beside JPEG, JPEG 2000, WebP
and AVIF, in code that is short enough to read. A course of {chapters} chapters builds every part by hand, from the
cosine transform to state-space models, and each ends with exercises that check themselves. The results count the bytes
of whole files that were decoded again.

```{{figure}} /data/results/demo.png
:alt: One picture at the same size in five codecs, with a magnified detail
:target: results/index.html

One picture, five codecs, files of about the same size. The first codec was learned.
```

:::::{{container}} doors
{doors}
:::::
"""
DOOR = """::::{{container}} door
**[{name}]({link})**

{text}
::::"""
DOORS = (
    ("Read the course", "notebooks/README.md", "Fourteen questions, each answered in one notebook with its pictures."),
    ("Make your own", "{how_to}", "Install it, run it on your pictures, train a codec, add one."),
    ("Look at results", "results/index.md", "Curves to play with, BD-rates, published points beside them."),
    ("See the models", "models/index.md", "Data flow, costs, weights and claims of every system."),
    ("Things to move", "gallery/index.md", "Every interactive panel of the course by its picture."),
    ("Look up a name", "reference/index.md", "Every public function and class, floor by floor; the command line."),
)


def front_page(sections: dict[str, Sequence[str]], how_to: str, chapters: int) -> str:
    """The front page. sections: caption -> documents in their order. how_to: the page of "make your own"."""
    doors = "\n\n".join(
        DOOR.format(name=name, link=link.format(how_to=how_to), text=text) for name, link, text in DOORS
    )
    body = FRONT.format(doors=doors, chapters=chapters)
    return body + "".join("\n" + toctree(pages, caption) for caption, pages in sections.items() if pages)


def toctree(pages: Sequence[str], caption: str = "") -> str:
    """A list of pages for the side of the site, not shown on the page itself."""
    head = ["```{toctree}", ":hidden:", ":maxdepth: 1"] + ([f":caption: {caption}"] if caption else [])
    return "\n".join([*head, "", *pages, "```", ""])


def models_index(facts: dict[str, dict], weights: set[str]) -> str:
    """The list of the models: idea, size of the drawn preset, and whether weights are shipped."""
    lines = ["# Models", "", "One file of named blocks each; baselines first. Sizes are those of the preset `lab`.", ""]
    lines += ["| model | what it is | parameters | trained weights |", "|---|---|--:|---|"]
    for name, said in facts.items():
        lab = next(cost for cost in said["costs"] if cost["preset"] == said["drawn"])
        shipped = "shipped" if name in weights else "none yet"
        lines.append(f"| [{name}]({name}.md) | {said['headline']} | {lab['parameters']:,} | {shipped} |")
    return "\n".join(lines) + "\n\n" + toctree(list(facts))
