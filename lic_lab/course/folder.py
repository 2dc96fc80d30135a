"""The folder of a course: where its notebooks, its gradebook and its settings are, in nbgrader's own layout."""

from __future__ import annotations

import logging
import os
import sysconfig
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from lic_lab.errors import LicLabError

PACKAGE = Path(__file__).parents[1]

SETTINGS = """# Settings of nbgrader, read by `lic-lab course` and by nbgrader itself: https://nbgrader.readthedocs.io
c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "lic-lab"
c.ClearSolutions.code_stub = {"python": "# your answer\\nraise NotImplementedError"}
c.ClearSolutions.text_stub = "Your answer."
c.LimitOutput.max_lines = 500
"""


def shipped_assignments() -> Path:
    """The folder of the assignments that come with lic_lab: `notebooks/assignments` of a clone, else in the wheel.

    The path is returned whether or not anything is there.
    """
    clone = PACKAGE.parent
    inside_clone = (clone / "pyproject.toml").is_file() and (clone / "notebooks").is_dir()
    return clone / "notebooks" / "assignments" if inside_clone else PACKAGE / "_assignments"


@dataclass(frozen=True)
class Course:
    """The folder of a course; everything is found from its root."""

    root: Path

    @classmethod
    def at(cls, folder: str | Path, *, new: bool = False) -> Course:
        """The course in a folder. Raises LicLabError where there is none, unless it is `new`, and without nbgrader."""
        if find_spec("nbgrader") is None:
            raise LicLabError("courses need nbgrader: pip install 'lic-lab[grading]'")
        _find_programs()
        course = cls(Path(folder).resolve())
        if course.root.exists() and not course.root.is_dir():
            raise LicLabError(f"{str(folder)!r} is a file: name a folder for the course")
        if not new and not course.settings.is_file():
            raise LicLabError(f"{str(folder)!r} is no course yet: make one with lic-lab course release {folder}")
        return course

    @property
    def settings(self) -> Path:
        """The file of nbgrader's settings."""
        return self.root / "nbgrader_config.py"

    @property
    def scores(self) -> Path:
        """The table of all scores."""
        return self.root / "scores.csv"

    def source(self, assignment: str) -> Path:
        """The notebook with solutions. Raises LicLabError where the course has no such assignment."""
        return self._only("source", assignment)

    def released(self, assignment: str) -> Path:
        """The notebook that students get. Raises LicLabError where it was not made yet."""
        return self._only("release", assignment)

    def assignments(self) -> list[str]:
        """The names of the assignments that were given out, "A1" and on."""
        return sorted(path.parent.name for path in self.root.glob("release/*/*.ipynb"))

    def submitted(self, student: str, assignment: str) -> Path:
        """Where the notebook that a student handed in lies, named as the source is."""
        return self.root / "submitted" / student / assignment / self.source(assignment).name

    def autograded(self, student: str, assignment: str) -> Path:
        """The notebook as it ran when it was graded, whether or not it was."""
        return self.root / "autograded" / student / assignment / self.source(assignment).name

    def feedback(self, student: str, assignment: str) -> Path:
        """The page that a student gets back, whether or not it was written."""
        name = self.source(assignment).with_suffix(".html").name
        return self.root / "feedback" / student / assignment / name

    @cached_property
    def config(self):
        """nbgrader's settings of this course. Raises LicLabError where their file cannot be read."""
        from traitlets.config.loader import PyFileConfigLoader

        try:
            return PyFileConfigLoader(self.settings.name, path=str(self.root)).load_config()
        except Exception as error:
            raise LicLabError(
                f"{self.settings} cannot be read ({error}): mend it, or remove it and release again"
            ) from None

    def nbgrader(self, assignment: str, student: str = "*"):
        """nbgrader's own view of the folder, for one assignment and one student."""
        from nbgrader.coursedir import CourseDirectory

        return CourseDirectory(
            root=str(self.root), assignment_id=assignment, student_id=student, config=self.config, log=self.log
        )

    @cached_property
    def log(self) -> logging.Logger:
        """What nbgrader has to say goes to a file, course/nbgrader.log, and not to the terminal."""
        log = logging.getLogger(f"lic_lab.course.{self.root}")
        log.propagate = False
        if not log.handlers:
            handler = logging.FileHandler(self.root / "nbgrader.log", encoding="utf-8", delay=True)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            log.addHandler(handler)
            log.setLevel(logging.INFO)
        return log

    def _only(self, step: str, assignment: str) -> Path:
        found = sorted(self.root.glob(f"{step}/{assignment}/*.ipynb"))
        if len(found) != 1:
            known = ", ".join(self.assignments()) or "none"
            raise LicLabError(
                f"{step}/{assignment} of {self.root} has {len(found)} notebooks and needs one: there are {known}"
            )
        return found[0]


def _find_programs() -> None:
    """Let nbgrader find the program `alembic` that it starts, also where the environment is not activated."""
    programs, known = sysconfig.get_path("scripts"), os.environ.get("PATH", "").split(os.pathsep)
    if programs not in known:
        os.environ["PATH"] = os.pathsep.join([programs, *known])
