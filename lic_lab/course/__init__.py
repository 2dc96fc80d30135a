"""A course from the assignments that come with the package: give them out, grade what comes back, look at the marks.

    from lic_lab.course import grade, release, report

    release("course")                       # course/release/A1/..., the notebooks that students get
    grade("course", "downloads")            # course/scores.csv and course/feedback/STUDENT/A1/...
    report("course")                        # course/report/index.html

Notebooks are made and marked by nbgrader, of which this room is a user. What is its own is the kernel that answers run
in (`contained.py`): it has a folder, a time and a memory of its own, and nothing else that it could damage.
"""

from importlib import import_module

# No file here has the name of a function: importing it would put the file in the function's place.
_MADE_IN = {"grade": "grading", "release": "releasing", "report": "reporting"}

__all__ = ["grade", "release", "report"]


def __getattr__(name: str):
    """Import what is asked for when it is: the process that answers run in passes here, and needs none of it."""
    if name not in _MADE_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MADE_IN[name]}"), name)
