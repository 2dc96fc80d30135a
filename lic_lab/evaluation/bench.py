"""`lic-lab bench`: the scan, the coder and whole pictures beside their peers, in one run, as tables and as JSON.

No number here is asserted by a test. A peer that is not installed gets a row that says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from lic_lab.errors import LicLabError
from lic_lab.evaluation.timing import Timing, machine, side_by_side
from lic_lab.files import write_json

SECTIONS = {  # name -> where its groups(quick) is: an iterator over lists of rows, one list per piece of work
    "scan": "lic_lab.evaluation.bench_scan",
    "coder": "lic_lab.evaluation.bench_coder",
    "pictures": "lic_lab.evaluation.bench_pictures",
    "pairs": "lic_lab.evaluation.bench_pairs",
}
RUNS = 5


@dataclass(frozen=True)
class Row:
    """One contender at one piece of work.

    timing: None where it did not run; note then says why. times_ours: its median over that of the first contender.
    figures: further numbers by name, the unit in the name ("Msym/s", "over %").
    """

    section: str
    work: str
    who: str
    timing: Timing | None = None
    times_ours: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def numbers(self) -> dict:
        """Everything, as JSON takes it; seconds: median, fastest and slowest, and every run."""
        row = {"section": self.section, "work": self.work, "who": self.who, "note": self.note}
        if self.timing:
            t = self.timing
            row |= {"seconds": t.median, "fastest": t.fastest, "slowest": t.slowest, "runs": list(t.seconds)}
        return row | {"times_ours": self.times_ours, "figures": dict(self.figures)}


def contest(
    section: str,
    work: str,
    tasks: Mapping[str, Callable[[], object]],
    *,
    missing: Mapping[str, str] | None = None,
    figures: Callable[[str, Timing], Mapping[str, float]] = lambda who, timing: {},
    notes: Mapping[str, str] | None = None,
) -> list[Row]:
    """Time the tasks side by side and make rows of them, the first task being ours.

    missing: who did not run, and why. figures(who, timing): further numbers of a row. notes: remarks by who.
    """
    timings, notes = side_by_side(tasks, runs=RUNS), notes or {}
    ours = next(iter(timings.values()), None)
    rows = [
        Row(section, work, who, t, t.median / ours.median, figures(who, t), notes.get(who, ""))
        for who, t in timings.items()
    ]
    return rows + [Row(section, work, who, note=why) for who, why in (missing or {}).items()]


def run_bench(
    sections: Sequence[str] | None = None,
    *,
    quick: bool = False,
    json_file: str | Path | None = None,
    show: bool = True,
) -> list[Row]:
    """Time everything in the named sections, all of `SECTIONS` by default: the median of five runs in turns.

    quick: smaller sizes and no slow peers, a minute instead of many. json_file: where machine and rows are written.
    show: print a table as soon as a piece of work is done. Raises LicLabError for other sections, before any work.
    """
    chosen = list(SECTIONS) if sections is None else list(dict.fromkeys(sections))
    if unknown := [name for name in chosen if name not in SECTIONS]:
        raise LicLabError(f"no section of the bench is called {unknown[0]!r}: there are {', '.join(SECTIONS)}")
    rows: list[Row] = []
    about = machine()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peers that torch has overtaken
        for group in _groups(chosen, quick, about, show):
            rows += group
            if json_file is not None:  # after every group: an interrupted run keeps what it has
                write_json(json_file, {"machine": about, "rows": [row.numbers() for row in rows]})
    return rows


def _groups(chosen: Sequence[str], quick: bool, about: Mapping, show: bool) -> Iterator[list[Row]]:
    from rich.console import Console

    console = Console(quiet=not show, width=None if Console().is_terminal else 100)
    console.print("machine: " + ", ".join(f"{name} {value}" for name, value in about.items()), highlight=False)
    for name in chosen:
        for group in import_module(SECTIONS[name]).groups(quick):
            console.print(table(group))
            yield group


def table(rows: Sequence[Row]):
    """Show the rows of one piece of work as a rich table; "x ours" is how many times ours its median is."""
    from rich.box import HORIZONTALS
    from rich.markup import escape
    from rich.table import Table

    remarks = dict.fromkeys(row.note for row in rows if row.note)
    said = [f"{', '.join(row.who for row in rows if row.note == note)}: {note}" for note in remarks]
    how = {"title_justify": "left", "caption_justify": "left", "box": HORIZONTALS, "pad_edge": False}
    shown = Table(title=f"{rows[0].section}: {rows[0].work}", caption=escape("\n".join(said)), **how)
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    shown.add_column("who", no_wrap=True)
    for name in ("median ms", "range", "x ours", *names):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        t = row.timing
        seconds = [_three(1e3 * t.median), f"{_three(1e3 * t.fastest)}-{_three(1e3 * t.slowest)}"] if t else ["-"] * 2
        times = _three(row.times_ours) if row.times_ours else "-"
        figures = [_three(row.figures[name]) if name in row.figures else "" for name in names]
        shown.add_row(escape(row.who), *seconds, times, *figures)
    return shown


def _three(value: float) -> str:
    """Whole numbers whole, others to three digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
