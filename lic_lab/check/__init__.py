"""Exercises of the notebooks that say by themselves whether an answer is right.

    from lic_lab.check import check, check_same, list_exercises

    check("01.2", my_function)              # 01.2 ✓ Round to a step: nearest multiple
    check("A1.2", (encode, decode))         # a task of an assignment: a line and points for each part
    check_same(my_numbers, the_librarys)    # largest difference 3.1e-07 over 37 numbers: the same

The exercises of chapter NN are in `chapterNN.py`, the tasks of assignment AN in `assignmentN.py`: an answer is called
and its results are judged, its text never is.
"""

from lic_lab.check.exercises import check, list_exercises
from lic_lab.check.same import check_same
from lic_lab.check.tasks import grade, list_tasks

__all__ = ["check", "check_same", "grade", "list_exercises", "list_tasks"]
