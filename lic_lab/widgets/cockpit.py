"""The training cockpit: start, pause, resume and stop a real training, and watch its curves and a picture improve."""

from __future__ import annotations

import atexit
import re
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display

from lic_lab.datasets.bundled import bundled_folders
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_weights
from lic_lab.models.presets import build
from lic_lab.plots.views import Table
from lic_lab.training.control import Control
from lic_lab.training.loop import Trainer, read_state
from lic_lab.training.progress import Progress as Now
from lic_lab.training.recipe import recipe_for
from lic_lab.training.recipes import train
from lic_lab.widgets.cockpit_views import Trace, views
from lic_lab.widgets.controls import choose, slide
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.panel import Progress, visible_errors

STEPS = (50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 30_000)
RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3)
EVERY = 0.4  # seconds between two drawings
ALL = "all rates"
BUTTONS = {"start": "play", "pause": "pause", "resume": "step-forward", "stop": "stop"}  # and their icons
RUNNING = ("running", "paused", "stopping")
CAN = {  # state -> the buttons that do something
    "ready": ("start",), "running": ("pause", "stop"), "paused": ("resume", "stop"), "stopping": (),
    "stopped": ("start", "resume"), "done": ("start", "resume"), "failed": ("start", "resume"),
}  # fmt: skip
_ONE = threading.Lock()  # trainings share the random generator of the process: one at a time keeps the numbers


class TrainingCockpit(Explorer):
    """Train a codec in the background, with `training.train`, and see what it does while it does it.

    model, preset: what is trained, as for `train`; switches: constructor arguments instead of the preset's.
    data: a folder of pictures or several, by default the bundled pictures without "chelsea"; validation: folders of
    those that are held out, by default "chelsea", or what `train` holds out of `data`.   lmbda: one trade-off; None
    means all rates.   steps, lr: where these handles begin.   out: a folder for the runs, run-1, run-2, ..., by
    default a new temporary one.   changes: to the recipe, and crop= or batch_size=.
    `start`, `pause`, `resume` and `stop` are the buttons and may be called from a cell; `wait` waits for the end.
    Resume goes on with a paused run, and with one that was stopped, failed, or is done and is given more steps, with
    the steps and the learning rate that are chosen then. A run keeps its lambda.
    `model` gives the best weights so far, `run` the folder they are in, `trace` the curves. Errors of a run end in the
    status line; its last saved state stays, and the kernel's end stops a run as its button does.
    Raises LicLabError for a model, preset or switch that does not exist, and for `out` that is a file.
    """

    def __init__(
        self, model: str = "charm", preset: str = "tiny", data: str | Path | Sequence[str | Path] | None = None, *,
        validation: Sequence[str | Path] = (), switches: Mapping | None = None, lmbda: float | None = None,
        steps: int = 300, lr: float = 2e-3, out: str | Path | None = None, name: str = "Training", **changes,
    ):  # fmt: skip
        self.kind, self.switches = {"name": model, "preset": preset}, dict(switches or {})
        codec = build(model, preset, **self.switches)
        self.parameters = sum(p.numel() for p in codec.parameters())
        self.out = Path(out or tempfile.mkdtemp(prefix="lic_lab-training-"))
        if self.out.is_file():
            raise LicLabError(f"{self.out} is a file: name a folder for the training")
        self.data, self.validation = self._pictures(data, validation)
        self.changes = {"crops": ((0.8, 64, 8), (1.0, 128, 2)), "precision": "fp32"} | changes
        recipe_for(preset, **self.changes)  # refuses what no recipe has before anything is begun
        self.state, self.thread, self.control, self.handle = "ready", None, Control(), None
        self.trace, self.run, self.shown_at, self.drawing = Trace(), None, 0.0, threading.RLock()
        self.progress = Progress()
        self.lambdas = {f"λ = {value:g}": value for value in sorted({*codec.lambdas, *([lmbda] if lmbda else [])})}
        super().__init__(
            self.look, name=name,
            tradeoff=choose([ALL, *self.lambdas], "Trade-off", start=f"λ = {lmbda:g}" if lmbda else ALL),
            lr=slide(sorted({*RATES, lr}), "Learning rate", start=lr, show="{:g}"),
            steps=slide(sorted({*STEPS, steps}), "Steps", start=steps, show="{:,}"),
        )  # fmt: skip
        self._find_earlier_run()
        self._enter(self.state)
        _stop_at_exit(self)

    def _pictures(self, data, validation: Sequence) -> tuple[list, list]:
        if data is None:
            learned, held = bundled_folders(self.out / "pictures")
            return [learned], list(validation) or [held]
        return [data] if isinstance(data, (str, Path)) else list(data), list(validation)

    def _runs(self) -> list[tuple[int, Path]]:
        """The numbers and folders of all runs, in their order; names such as run-1-best are somebody else's."""
        named = ((re.fullmatch(r"run-(\d+)", path.name), path) for path in self.out.glob("run-*"))
        return sorted((int(match[1]), path) for match, path in named if match)

    def _find_earlier_run(self) -> None:
        """Take up the last run in the folder, of an earlier kernel, so that Resume goes on with it."""
        runs = [folder for _, folder in self._runs() if (folder / "state.pt").exists()]
        if runs:
            self.run, self.state = runs[-1], "stopped"
            self.status.say(f"{self.run.name} of an earlier session lies here: Resume goes on with it.")
        else:
            self.status.say("Press Start.")

    # ---- the page ----------------------------------------------------------------------------------------------------

    def handles(self) -> list[widgets.Widget]:
        """Put the buttons before the handles, and the progress bar behind them."""
        self.buttons = {name: widgets.Button(description=name.title(), icon=icon) for name, icon in BUTTONS.items()}
        for name, button in self.buttons.items():
            button.layout.width = "auto"
            button.on_click(lambda _, name=name: self._press(name))
        self.progress.bar.layout.width = "40%"
        row = widgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap", "grid_gap": "6px"})
        return [row, *super().handles(), self.progress]

    def ask(self, values: Mapping) -> list:
        """What is shown does not depend on the handles, so nothing is remembered."""
        return self.look()

    def look(self, **values) -> list:
        """Give curves and pictures as they are now; before the first step, what will be trained on what."""
        if self.trace.crops is None:
            return [self.plan()]
        return views(self.trace, self.kind["name"])

    def plan(self) -> Table:
        """Say what a start would train, on what."""
        stages = recipe_for(self.kind["preset"], **self.changes).crops
        sides = ", then ".join(f"{count} of {side} x {side} pixels a step" for _, side, count in stages)
        rows = [["model", f"{self.kind['name']} {self.kind['preset']}, {self.parameters:,} parameters"]]
        rows += [["crops", sides], ["learns from", ", ".join(Path(p).name for p in self.data)]]
        rows += [["held out", ", ".join(Path(p).name for p in self.validation) or "every 25th picture"]]
        return Table(["", ""], rows, "Not started yet")

    @visible_errors
    def on_move(self, change=None) -> None:
        """A handle counts at the next start; a resumed run takes steps and learning rate too."""
        if self._settled() in RUNNING:
            self.status.say("This counts from the next start on; the run that goes on keeps what it has.")
        elif self.state != "ready":
            self.status.say("Start begins a new run with this. Resume takes steps and learning rate; λ stays.")

    def _enter(self, state: str) -> None:
        """Change the state, and which buttons do something."""
        with self.drawing:
            self.state = state
            for name, button in self.buttons.items():
                button.disabled = name not in CAN[state]

    def _settled(self) -> str:
        """Give the state; a run without a thread is over, however its thread came to its end."""
        with self.drawing:
            if self.state in RUNNING and not (self.thread and self.thread.is_alive()):
                self._enter("stopped")
            return self.state

    def draw(self, now: Now | None = None) -> None:
        """Put curves, pictures and the time left on the page as they are now."""
        with self.drawing:
            self.shown_at = time.monotonic()
            self.put(self.look())
            if now:
                left = self.trace.seconds_left(now)
                self.progress.bar.max, self.progress.bar.value = now.steps, now.step
                self.progress.text.value = f"{now.step:,} of {now.steps:,} steps · about {left:.0f} s left"
                self.progress.layout.display = ""

    # ---- the buttons -------------------------------------------------------------------------------------------------

    @visible_errors
    def _press(self, name: str) -> None:
        getattr(self, name)()

    def start(self) -> None:
        """Begin a new run, in a folder of its own; an earlier one stays on the disk."""
        number = max((number for number, _ in self._runs()), default=0) + 1
        self._begin(self.out / f"run-{number}", resume=False)

    def pause(self) -> None:
        """Let the run wait after the step it is in."""
        with self.drawing:  # or the run ends between the look at the state and its change
            if self._settled() != "running":
                raise LicLabError("nothing runs that could be paused: press Start")
            self.control.pause()
            self._enter("paused")
            self.status.say("Paused: Resume goes on, with the same numbers as if nothing had happened.")

    def resume(self) -> None:
        """Go on: with the paused run, or from the saved state of the last one."""
        with self.drawing:
            if self._settled() == "paused":
                self._enter("running")
                self.status.say("")
                self.control.resume()
                return
        if self.run is None:
            raise LicLabError("there is no run to go on with: press Start")
        done = read_state(self.run)["progress"]["step"] if self.state not in RUNNING else 0
        if done >= self.values["steps"]:
            raise LicLabError(f"this run has taken {done:,} steps already: choose more steps, or press Start")
        self._begin(self.run, resume=True)

    def stop(self) -> None:
        """End the run after the step it is in; its state and its weights are saved."""
        with self.drawing:
            if self._settled() not in ("running", "paused"):
                raise LicLabError("nothing runs that could be stopped: press Start")
            self._enter("stopping")
            self.status.say("Stopping after this step.")
            self.control.stop()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the run is over, or paused; the buttons rest while a cell waits. timeout: seconds at most."""
        began = time.monotonic()
        while self.thread and self.thread.is_alive() and self.state != "paused":
            self.thread.join(0.1)
            if timeout is not None and time.monotonic() - began > timeout:
                break
        if self.handle:  # the picture that the notebook keeps shows the end then, and not the beginning
            self.handle.update(self._bundle(), raw=True)

    # ---- the thread --------------------------------------------------------------------------------------------------

    def _begin(self, run: Path, *, resume: bool) -> None:
        if self._settled() in RUNNING:
            raise LicLabError("a training runs here already: stop it first")
        if self.thread:
            self.thread.join(5)  # it may be about to end, for which it needs the lock
        if not _ONE.acquire(blocking=False):
            raise LicLabError("another cockpit of this kernel is training: stop it first, or wait for it")
        self.control, chosen = Control(), self.values
        if not resume:
            self.trace = Trace()
        self.run = run
        self.status.say("Reading pictures.")
        work = dict(resume=resume, steps=chosen["steps"], lr=chosen["lr"])
        if not resume:
            work |= {"lmbda": self.lambdas.get(chosen["tradeoff"]), "every": max(1, chosen["steps"] // 8)}
            work |= self.changes
        with self.drawing:  # nobody sees a run without a thread
            self.thread = threading.Thread(target=self._work, args=(work,), name=f"training {run.name}", daemon=True)
            self._enter("running")
            self.thread.start()

    def _work(self, work: Mapping) -> None:
        """Train; whatever goes wrong is one line in the status."""
        try:
            if not self._train(work):
                self._enter("failed")
        finally:
            _ONE.release()
            self.progress.finish()

    @visible_errors
    def _train(self, work: Mapping) -> bool:
        name, preset = self.kind["name"], self.kind["preset"]
        train(
            name, self.data, out=self.run, preset=preset, validation=self.validation, switches=self.switches,
            watch=self._watch, control=self.control, ready=self._ready, **work,
        )  # fmt: skip
        self.trace.take_picture()
        self.draw()
        step, seconds = self.trace.last.step, self.trace.last.seconds
        stopped = step < work["steps"]
        with self.drawing:  # no button has a word between these two
            self.status.say(f"{'Stopped' if stopped else 'Done'}: {step:,} steps, {seconds:.0f} s of training. "
                            f"The weights are saved: cockpit.model gives them.")  # fmt: skip
            self._enter("stopped" if stopped else "done")
        return True

    def _ready(self, trainer: Trainer) -> None:
        """Before the first step: measure JPEG on the pictures that are held out, and the model as it is."""
        self.trace.open(trainer)
        self.status.say("")
        self.draw()

    def _watch(self, now: Now) -> None:
        """After every step: note it; draw where there is something new to see, not more than a few times a second."""
        self.trace.note(now)
        if now.step == self.trace.pictured or time.monotonic() - self.shown_at > EVERY:
            self.draw(now)

    # ---- what is kept ------------------------------------------------------------------------------------------------

    @property
    def model(self) -> Codec:
        """The best weights of the run so far, as a codec in evaluation mode; LicLabError where there are none yet."""
        path = self.run / f"{self.kind['name']}.safetensors" if self.run else None
        if path is None or not path.exists():
            raise LicLabError("no weights are saved yet: press Start, and wait for the first validation")
        return load_weights(path)

    def _bundle(self) -> dict:
        return self._repr_mimebundle_()[0]

    def _ipython_display_(self) -> None:
        """Show the panel, and remember where, so that `wait` can renew the picture that stays."""
        self.handle = display(self._bundle(), raw=True, display_id=True)


def _stop_at_exit(cockpit: TrainingCockpit) -> None:
    """Stop a run when the kernel ends, and give it a moment to save its state."""
    known = weakref.ref(cockpit)

    def end() -> None:
        cockpit = known()
        if cockpit and cockpit.thread and cockpit.thread.is_alive():
            cockpit.control.stop()
            cockpit.thread.join(10)

    atexit.register(end)
