"""Training: `train` for a whole run with its files, `Trainer` for the bare loop.

from lic_lab.training import Control, train

control = Control()                               # its pause(), resume() and stop() work from another thread
train("charm", ["pictures"], out="runs/first", preset="tiny", steps=2000,
      watch=lambda now: print(now.step, now.text), control=control)
"""

from lic_lab.training.control import Control
from lic_lab.training.loop import Trainer
from lic_lab.training.progress import Progress
from lic_lab.training.recipe import RECIPES, Recipe
from lic_lab.training.recipes import train

__all__ = ["RECIPES", "Control", "Progress", "Recipe", "Trainer", "train"]
