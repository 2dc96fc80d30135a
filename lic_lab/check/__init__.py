"""Exercises of the notebooks that say by themselves whether an answer is right.

    from lic_lab.check import check, check_same, list_exercises

    check("01.2", my_function)              # 01.2 ✓ Round to a step: nearest multiple
    check_same(my_numbers, the_librarys)    # largest difference 3.1e-07 over 37 numbers: the same

The exercises of chapter NN are in `chapterNN.py`: an answer is called and its results are judged, its text never is.
"""

from lic_lab.check.exercises import check, list_exercises
from lic_lab.check.same import check_same

__all__ = ["check", "check_same", "list_exercises"]
