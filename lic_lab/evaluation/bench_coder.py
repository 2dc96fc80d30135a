"""The entropy coder on the latent of a 768 x 512 picture: 320 x 32 x 48 integers under zero-mean Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from constriction import stream

from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy import gaussian
from lic_lab.evaluation.bench import Row, contest

SHAPE = (320, 32, 48)


NOTES = {
    "constriction sorted": "the floor: one table after the other, already sorted, nothing to escape or to check",
    "constriction": "its quantised Gaussian, symbol by symbol",
    "CompressAI": "GaussianConditional.compress and .decompress, whole calls, 64 scales",
}


@dataclass(frozen=True)
class Latent:
    """Integers and the standard deviations they were drawn with, both SHAPE; bits: what they cost an ideal coder."""

    symbols: np.ndarray
    scales: np.ndarray
    bits: float


def draw(seed: int = 0) -> Latent:
    """Log-normal scales, most of them below 1 as in a trained codec, and integers from Gaussians of those scales."""
    rng = np.random.default_rng(seed)
    scales = np.clip(np.exp(rng.normal(-0.7, 1.2, SHAPE)), 0.11, 64).astype(np.float32)
    symbols = np.rint(rng.normal(0, scales)).astype(np.int32)
    p = gaussian.likelihood(torch.from_numpy(symbols).double(), torch.from_numpy(scales), floor=0)
    return Latent(symbols, scales, -float(torch.log2(p.double()).sum()))


def groups(quick: bool) -> Iterator[list[Row]]:
    """Encoding and decoding; table indices are given, sorting and escapes are part of the time."""
    latent = draw()
    makers = {"lic_lab": _ours, "constriction sorted": _sorted, "constriction": _per_symbol}
    missing = {}
    if find_spec("compressai"):
        makers["CompressAI"] = _compressai
    else:
        missing["CompressAI"] = "not installed"
    coders = {who: make(latent) for who, make in makers.items()}
    sizes = {}
    for who, (encode, decode) in coders.items():
        data = encode()
        sizes[who] = len(data)
        if not np.array_equal(decode(data), latent.symbols.ravel()):
            raise RuntimeError(f"{who} did not give back what it was given")
    millions = latent.symbols.size / 1e6

    def figures(who: str, timing) -> Mapping[str, float]:
        overhead = 100 * (8 * sizes[who] / latent.bits - 1)
        return {"Msym/s": millions / timing.median, "bytes": sizes[who], "over %": overhead}

    how = {"missing": missing, "figures": figures, "notes": NOTES}
    count = f"{latent.symbols.size:,} symbols"
    yield contest("coder", f"encode {count}", {who: coder[0] for who, coder in coders.items()}, **how)
    streams = {who: coder[0]() for who, coder in coders.items()}
    tasks = {who: lambda who=who: coders[who][1](streams[who]) for who in coders}
    yield contest("coder", f"decode {count}", tasks, **how)


Coder = tuple[Callable[[], bytes], Callable[[bytes], np.ndarray]]


def _indices(latent: Latent) -> np.ndarray:
    return gaussian.table_index(torch.from_numpy(latent.scales)).numpy()


def _ours(latent: Latent) -> Coder:
    tables, indices = gaussian.tables(), _indices(latent)

    def encode() -> bytes:
        coder = Encoder()
        coder.push(latent.symbols, tables, indices)
        return coder.finish()

    def decode(data: bytes) -> np.ndarray:
        coder = Decoder(data)
        symbols = coder.pop(tables, indices)
        coder.close()
        return symbols.ravel()

    return encode, decode


def _sorted(latent: Latent) -> Coder:
    """What the same coder could do at best: symbols already grouped, no escapes, no checks."""
    AnsCoder, Categorical = stream.stack.AnsCoder, stream.model.Categorical
    indices = _indices(latent).ravel()
    order = np.argsort(indices, kind="stable")
    used, starts = np.unique(indices[order], return_index=True)
    runs = np.split(latent.symbols.ravel()[order], starts[1:])
    lows, models = [], []
    for scale, run in zip(gaussian.scale_ladder()[used], runs, strict=True):
        half = max(math.ceil(4.3 * scale), -int(run.min()), int(run.max()))
        edges = [math.erfc((0.5 - k) / (scale * math.sqrt(2))) for k in range(-half, half + 2)]
        models.append(Categorical(np.diff(edges), perfect=False))
        lows.append(-half)
    shifted = [(run - low).astype(np.int32) for run, low in zip(runs, lows, strict=True)]
    back = np.argsort(order)

    def encode() -> bytes:
        coder = AnsCoder()
        for run, model in zip(reversed(shifted), reversed(models), strict=True):
            coder.encode_reverse(run, model)
        return coder.get_compressed().tobytes()

    def decode(data: bytes) -> np.ndarray:
        coder = AnsCoder(np.frombuffer(data, np.uint32))
        parts = [coder.decode(model, len(run)) for model, run in zip(models, shifted, strict=True)]
        return np.concatenate([p + low for p, low in zip(parts, lows, strict=True)])[back]

    return encode, decode


def _per_symbol(latent: Latent) -> Coder:
    symbols, scales = latent.symbols.ravel(), latent.scales.ravel().astype(np.float64)
    limit = int(np.abs(symbols).max()) + 1
    model, means = stream.model.QuantizedGaussian(-limit, limit), np.zeros_like(scales)

    def encode() -> bytes:
        coder = stream.stack.AnsCoder()
        coder.encode_reverse(symbols, model, means, scales)
        return coder.get_compressed().tobytes()

    def decode(data: bytes) -> np.ndarray:
        return stream.stack.AnsCoder(np.frombuffer(data, np.uint32)).decode(model, means, scales)

    return encode, decode


def _compressai(latent: Latent) -> Coder:
    """`GaussianConditional.compress` and `decompress`, whole calls, with its own 64 scales."""
    from compressai.entropy_models import GaussianConditional
    from compressai.models.google import get_scale_table

    model = GaussianConditional(None)
    model.update_scale_table(get_scale_table())
    model.update()
    y = torch.from_numpy(latent.symbols).float()[None]
    indices = model.build_indexes(torch.from_numpy(latent.scales)[None])

    def encode() -> bytes:
        return model.compress(y, indices)[0]

    def decode(data: bytes) -> np.ndarray:
        return model.decompress([data], indices).numpy().astype(np.int32).ravel()

    return encode, decode
