"""Our models behind CompressAI's interface, so that its own tools run them: `eval_model`, its losses, its examples.

CompressAI charges for the strings that `compress` gives. Ours is one string per picture, and it is the whole .lic file,
header and checksum included, so its numbers are the ones that this package reports.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lic_lab.errors import CorruptStreamError, LicLabError


def as_compressai(model: nn.Module, rate: float | None = None) -> CompressAIAdapter:
    """Give a model of `lic_lab.models` CompressAI's interface; nothing is copied, so training one trains the other.

    rate: rate point from 0 to model.rates - 1, None for the middle of the ladder; `adapter.rate` may be set later.
    Raises LicLabError for a rate off the ladder, and for models that lack `likelihoods`, `compress` or `decompress`.
    """
    return CompressAIAdapter(model, rate)


class CompressAIAdapter(nn.Module):
    """forward, compress, decompress, update and aux_loss as `compressai.models.CompressionModel` has them.

    Pictures are (b, 3, h, w) in [0, 1], of a stereo model (b, 2, 3, h, w), of any size. Entropy models compute in
    single precision and exact integers, so `half()` only says that pictures come and go in half precision.
    """

    def __init__(self, model: nn.Module, rate: float | None = None):
        super().__init__()
        for method in ("likelihoods", "compress", "decompress"):
            if not callable(getattr(model, method, None)):
                raise LicLabError(f"{type(model).__name__} has no {method}(): only models of lic_lab are adapted")
        self.model, self.dtype = model, torch.float32
        self.train(model.training)
        self.rate = rate

    @property
    def rate(self) -> float:
        """The rate point at which pictures are estimated and coded."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        top = self.model.rates - 1
        self._rate = top / 2 if rate is None else float(rate)
        if not 0 <= self._rate <= top:
            raise LicLabError(f"rate point {self._rate:g} is off the ladder: this model has 0 to {top}")

    def forward(self, x: Tensor) -> dict:
        """Give {"x_hat": like x, "likelihoods": {"y": (b, n), "z": (b, m)}}, one likelihood per coded symbol.

        Their -log2, summed, are the bits that the model estimates. In training mode both carry gradients, as
        CompressAI's `RateDistortionLoss` wants; what a model adds to its own objective is left out.
        """
        x_hat, likelihoods = self.model.likelihoods(x.float(), self.rate)
        return {"x_hat": x_hat.to(x.dtype), "likelihoods": likelihoods}

    @torch.no_grad()
    def compress(self, x: Tensor) -> dict:
        """Give {"strings": [[file, ...]], "shape": (h, w)}: a whole .lic file for each picture of the batch."""
        return {"strings": [[self.model.compress(one[None].float(), self.rate) for one in x]], "shape": x.shape[-2:]}

    @torch.no_grad()
    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict:
        """Give {"x_hat": pictures in [0, 1]} of what `compress` gave; the files know rate and size themselves.

        Raises CorruptStreamError for damaged files and for a shape that is not theirs.
        """
        if len(strings) != 1 or not strings[0]:
            raise CorruptStreamError(f"this adapter decodes one list of files, got {len(strings)} lists")
        pictures = [self.model.decompress(file) for file in strings[0]]
        for picture in pictures:
            if tuple(picture.shape[-2:]) != tuple(shape):
                size = " x ".join(map(str, picture.shape[-2:]))
                raise CorruptStreamError(f"these files hold pictures of {size}, not of {' x '.join(map(str, shape))}")
        return {"x_hat": torch.cat(pictures).to(self.dtype)}

    def update(self, scale_table=None, force: bool = False, update_quantiles: bool = False) -> bool:
        """Make the integer tables where they are missing; False, for there is never anything to mend.

        Tables that came with trained weights are part of the files' promise to decode and stay, `force` or not;
        training forgets them by itself.
        """
        list(self.model.coding_tables())
        return False

    def aux_loss(self) -> Tensor:
        """Give 0: medians are stored and no parameters here, so no second optimizer has anything to do."""
        return torch.zeros((), device=next(self.parameters()).device, requires_grad=True)

    def state_dict(self, *args, **kwargs) -> dict:
        """Give the model's own weights, under their own names."""
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: dict, strict: bool = True, assign: bool = False):
        """Load the model's own weights."""
        return self.model.load_state_dict(state_dict, strict=strict, assign=assign)

    def half(self) -> CompressAIAdapter:
        self.dtype = torch.float16
        return self

    def float(self) -> CompressAIAdapter:
        self.dtype = torch.float32
        return self
