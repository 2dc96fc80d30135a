"""Whether a folder is what it should be: counted, every picture decoded, compared with the catalog and the record."""

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lic_lab.datasets.catalog import CATALOG, DataSet
from lic_lab.datasets.download import damaged, read_record
from lic_lab.datasets.images import SUFFIXES, read_image
from lic_lab.datasets.stereo import find_pairs, read_pair
from lic_lab.errors import LicLabError

CROP = 256
"""Side of a usual training crop in pixels."""

LEEWAY = 0.1
"""By which share a folder may differ from a count on which sources disagree."""


@dataclass
class Report:
    """What a folder holds.

    name: the data set it was compared with, "" for none.   pictures: how many can be read.   pairs: how many of them
    make pairs.   bytes: of all picture files.   sizes: (width, height) -> pictures.   unreadable: one line for each
    picture that cannot be decoded.   changed: pictures that the record names and that are missing or have other bytes.
    small: pictures with a side below the crop.   equal: groups of pictures with the same pixels.   problems: what makes
    it another thing than it should be, a line each.   remarks: what is good to know.
    """

    folder: Path
    name: str = ""
    pictures: int = 0
    pairs: int = 0
    bytes: int = 0
    sizes: Counter = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    small: list[str] = field(default_factory=list)
    equal: list[list[str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def numbers(self) -> dict:
        """Give everything as JSON wants it."""
        sizes = [[width, height, count] for (width, height), count in self.sizes.most_common()]
        return vars(self) | {"folder": str(self.folder), "sizes": sizes}


def check_folder(
    folder: Path,
    dataset: DataSet | None = None,
    *,
    crop: int = CROP,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Decode every picture below a folder, hidden ones left out, and say what is there and what is wrong.

    dataset: what it should be; without one, what its record says, or a data set of the folder's name, or nothing.
    crop: pictures with a side below it are named, because training cannot use them.   progress: (done, total, name).
    Raises LicLabError where there is no such folder or no picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LicLabError(f"no such folder: {str(folder)!r}")
    record = read_record(folder)
    dataset = dataset or CATALOG.get(record["dataset"] if record else folder.resolve().name)
    files = _pictures(folder)
    if not files:
        raise LicLabError(f"there are no pictures in {str(folder)!r} or below it")
    report = Report(folder, dataset.name if dataset else "")
    _look(report, files, crop, progress)
    if record:
        report.changed = damaged(folder, record)
    _look_for_pairs(report, dataset)
    _compare(report, dataset, crop)
    return report


def _pictures(folder: Path) -> list[Path]:
    """All picture files below a folder, sorted."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _look(report: Report, files: list[Path], crop: int, progress: Callable[[int, int, str], None] | None) -> None:
    """Decode the pictures, one at a time."""
    alike: dict[bytes, list[str]] = {}
    for done, file in enumerate(files, 1):
        name = file.relative_to(report.folder).as_posix()
        report.bytes += file.stat().st_size
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # transparency, several frames: said when the picture is used
                picture = read_image(file)
        except LicLabError as error:
            report.unreadable.append(str(error))
        else:
            height, width = picture.shape[:2]
            report.pictures += 1
            report.sizes[width, height] += 1
            report.small += [name] * (min(height, width) < crop)
            alike.setdefault(hashlib.sha256(b"%d " % width + picture.tobytes()).digest(), []).append(name)
        if progress:
            progress(done, len(files), name)
    report.equal = [names for names in alike.values() if len(names) > 1]


def _look_for_pairs(report: Report, dataset: DataSet | None) -> None:
    """Read the stereo pairs, where there should be any or the names say so."""
    try:
        pairs = find_pairs(report.folder)
    except LicLabError as error:
        if dataset is None or dataset.views == 2:
            (report.problems if dataset else report.remarks).append(str(error))
        return
    if dataset and dataset.views == 1:
        return
    for files in pairs:
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                read_pair(files)
        except LicLabError as error:
            if not any(str(view) in line for view in (files.left, files.right) for line in report.unreadable):
                report.problems.append(f"{files.name}: {error}")
            continue
        report.pairs += 1
        report.remarks += [f"{files.name}: {warning.message}" for warning in said]


def _compare(report: Report, dataset: DataSet | None, crop: int) -> None:
    """Turn what was found into problems and remarks."""
    report.problems = [
        *report.unreadable,
        *(f"{name} is missing, or has other bytes than when it was downloaded" for name in report.changed),
        *report.problems,
    ]
    if dataset:
        found, what = (report.pairs, "pairs") if dataset.views == 2 else (report.pictures, "pictures")
        if found != dataset.count:
            line = f"{found:,} {what}, and {dataset.name} has {'about ' * (not dataset.exact)}{dataset.count:,}"
            near = not dataset.exact and abs(found - dataset.count) <= LEEWAY * dataset.count
            (report.remarks if near else report.problems).append(line)
        odd = [size for size in report.sizes if dataset.sizes and size not in dataset.sizes]
        if odd and dataset.views == 1:  # maps that lie beside the views may have any size
            some = ", ".join(f"{width} x {height}" for width, height in odd[:3])
            report.problems.append(f"{sum(report.sizes[size] for size in odd)} pictures have another size: {some}")
    if report.small:
        report.remarks.append(
            f"{len(report.small)} pictures have a side below {crop} pixels, the first {report.small[0]}: training with "
            "crops of that size leaves them out"
        )
    if report.equal:
        report.remarks.append(f"{len(report.equal)} pictures occur more than once, the first {report.equal[0]}")
    _say_where(report)


def _say_where(report: Report) -> None:
    """Commands take the pictures of a folder itself, not of those in it; pairs are found anywhere below."""
    below = Counter(path.relative_to(report.folder).parent.as_posix() for path in _pictures(report.folder))
    deep = sorted(set(below) - {"."})
    if deep and not report.pairs:
        some = ", ".join(deep[:3]) + (", ..." if len(deep) > 3 else "")
        report.remarks.append(
            f"{sum(below[name] for name in deep)} pictures lie in folders below ({some}): name those to commands"
        )
