"""Files written long ago, or on another machine, still decode to the very same latent.

`golden/` holds random weights of the size tiny (a format can be frozen without training), a file each model wrote, and
the SHA-256 of the latent. `python tests/models/test_golden.py` writes them anew, when the format changes on purpose.
"""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from lic_lab.models.checkpoints import load_weights, save_model
from lic_lab.models.presets import PRESETS, build

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    name + preset.removeprefix("tiny"): (name, preset)
    for name, sizes in PRESETS.items()
    for preset in sizes
    if preset.startswith("tiny")
}


def latent_hash(model, data: bytes) -> str:
    header, y_hat = model.decode_latent(data)
    return hashlib.sha256(f"{header}".encode() + y_hat.numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_the_past_decodes_to_the_same_latent(name):
    model = load_weights(GOLDEN / f"{name}.safetensors")
    expected = json.loads((GOLDEN / "latents.json").read_text())[name]
    assert latent_hash(model, (GOLDEN / f"{name}.lic").read_bytes()) == expected


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_the_past_decodes_to_the_same_picture_within_float_rounding(name):
    model = load_weights(GOLDEN / f"{name}.safetensors")
    x_hat = model.decompress((GOLDEN / f"{name}.lic").read_bytes())
    stored = json.loads((GOLDEN / "latents.json").read_text())[f"{name} mean"]
    assert x_hat.mean().item() == pytest.approx(stored, abs=1e-5)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    answers = {}
    for name, (model_name, preset) in CASES.items():
        torch.manual_seed(7)
        save_model(build(model_name, preset), GOLDEN / f"{name}.safetensors", name=model_name, preset=preset)
        model = load_weights(GOLDEN / f"{name}.safetensors")
        ramp = torch.linspace(0, 1, 75)[:, None] * torch.linspace(1, 0.2, 91)
        left = torch.stack([ramp, ramp.flip(0), ramp.sqrt()])[None]
        right = left.roll(-5, dims=-1)
        data = model.compress(left if model.views == 1 else torch.stack([left, right], dim=1))
        (GOLDEN / f"{name}.lic").write_bytes(data)
        answers |= {name: latent_hash(model, data), f"{name} mean": model.decompress(data).mean().item()}
    (GOLDEN / "latents.json").write_text(json.dumps(answers, indent=1) + "\n")
