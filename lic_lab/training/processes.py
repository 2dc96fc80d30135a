"""Where a training runs: the device, the precision of the transforms, and the processes that share each step.

Several processes are started by PyTorch itself, `torchrun --nproc-per-node 2 -m lic_lab.cli train ...`; each takes its
share of the crops of every step, and `DistributedDataParallel` averages the gradients.
"""

from __future__ import annotations

import os
from contextlib import nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lic_lab.errors import LicLabError

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Processes:
    """This process among those that train together: `rank` of `count`, on a `device`; the `main` one writes and talks.

    device: "cpu", "cuda", "cuda:1"; None takes the CPU. Raises LicLabError where there is no such device.
    """

    def __init__(self, device: str | None = None):
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        self.device = _device(device)
        self.joined = self.count > 1 and not dist.is_initialized()
        if self.joined:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def share(self, batch: int, parts: int) -> list[range]:
        """Give the crops of a step that this process takes, in parts: ranges within `range(batch)`.

        Raises LicLabError where the crops of a step do not go into so many equal parts.
        """
        if batch % (self.count * parts):
            raise LicLabError(
                f"{batch} crops a step do not go into {self.count} process(es) x {parts} equal part(s): "
                f"use a batch size that is a multiple of {self.count * parts}"
            )
        size = batch // (self.count * parts)
        first = self.rank * parts * size
        return [range(first + part * size, first + (part + 1) * size) for part in range(parts)]

    def wrap(self, model: nn.Module, *, idle: bool = False) -> nn.Module:
        """Give the model whose gradients are averaged over all processes; idle: some parameters get none at times."""
        return DistributedDataParallel(model, find_unused_parameters=idle) if self.count > 1 else model

    def silent(self, model: nn.Module, silent: bool):
        """Within, gradients stay where they are, for a later part of the step takes them along."""
        return model.no_sync() if silent and self.count > 1 else nullcontext()

    def autocast(self, precision: str):
        """Within, transforms compute in the given precision."""
        return torch.autocast(self.device.type, TYPES.get(precision), enabled=precision in TYPES)

    def mean(self, values: Tensor) -> list[float]:
        """Give the mean over all processes of a few numbers (n,)."""
        values = values.detach().to(torch.float64)
        if self.count > 1:
            dist.all_reduce(values)
        return (values / self.count).tolist()

    def any(self, *flags: bool) -> list[bool]:
        """Say of each flag whether it is up in any process."""
        return (
            [mean > 0 for mean in self.mean(torch.tensor(flags, device=self.device))] if self.count > 1 else list(flags)
        )

    def leave(self) -> None:
        """End what `Processes()` began."""
        if self.joined:
            dist.destroy_process_group()


def _device(name: str | None) -> torch.device:
    try:
        device = torch.device(name or "cpu")
    except RuntimeError as error:
        raise LicLabError(f"no device is called {name!r}: use cpu or cuda") from error
    if device.type not in ("cpu", "cuda"):
        raise LicLabError(f"models are trained on cpu or cuda, not on {name!r}")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise LicLabError(
                "there is no CUDA device here that PyTorch can use: leave out --cuda, or train on the CPU"
            )
        device = device if device.index is not None else torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    return device
