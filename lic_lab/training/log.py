"""What a training leaves to read: history.json, train.log and, where it is installed, TensorBoard's events."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from lic_lab.files import write_whole


class Log:
    """Write into the folder of a run; where `active` is false, which it is for all but one process, nothing.

    Scalars go to TensorBoard every `EVERY` steps. `step`: where the run begins or goes on; events of later steps, which
    a killed run left, are then not shown. A full disk ends neither the log nor the training: what cannot be written is
    missing, and TensorBoard's events end there.
    """

    EVERY = 50

    def __init__(self, folder: Path, *, active: bool = True, step: int = 0):
        self.folder, self.active = folder, active
        self._events = _events(folder / "events", step) if active else None
        self._text = logging.getLogger(f"{__name__}.{folder.resolve()}")
        self._text.setLevel(logging.INFO)
        self._text.propagate = False
        self.close_text()
        if active:
            handler = logging.FileHandler(folder / "train.log", encoding="utf-8", delay=True)
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
            handler.handleError = lambda record: None
            self._text.addHandler(handler)

    def say(self, line: str) -> None:
        """Add a line with its time to train.log."""
        self._text.info(line)

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Note numbers of one step."""
        if self._events and step % self.EVERY == 0:
            self.scalars(step, {f"train/{name}": value for name, value in values.items()})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Give numbers to TensorBoard."""
        self._event(lambda: [self._events.add_scalar(name, value, step) for name, value in values.items()])

    def picture(self, step: int, name: str, image: Tensor) -> None:
        """Give a picture (3, h, w) in [0, 1] to TensorBoard."""
        self._event(lambda: self._events.add_image(name, image.float().clamp(0, 1).cpu(), step))

    def _event(self, write: Callable[[], object]) -> None:
        try:
            if self._events:
                write()
        except (OSError, ValueError) as error:  # a full disk; or its writer's thread has died of one before
            self._events = None
            self.say(f"no more events for TensorBoard: {error}")

    def validation(self, row: Mapping, history: list) -> None:
        """Note a validation: a row of numbers, and the whole history again; raises LicLabError where that fails."""
        if not self.active:
            return
        ends = {key: f"{row[key][0]:g} to {row[key][-1]:g}" for key in ("bpp", "psnr_db")}
        self.say(f"step {row['step']}: objective {row['objective']:.4f}, {ends['bpp']} bpp, {ends['psnr_db']} dB")
        self.scalars(row["step"], {"validation/objective": row["objective"]})
        for key, unit in (("bpp", "bpp"), ("psnr_db", "psnr_db")):
            self.scalars(row["step"], {f"validation/{unit}/rung_{k}": value for k, value in enumerate(row[key])})
        self._event(lambda: self._events.flush())
        write_whole(self.folder / "history.json", lambda path: path.write_text(json.dumps(history, indent=1)))

    def close(self) -> None:
        """Close the files."""
        self._event(lambda: self._events.close())
        self.close_text()

    def close_text(self) -> None:
        """Close train.log; another line opens nothing again."""
        for handler in list(self._text.handlers):
            handler.close()
            self._text.removeHandler(handler)


def _events(folder: Path, step: int):
    """TensorBoard's writer, or None where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder, purge_step=step + 1 if step else None)
