"""What a script has told torch changes no weights and no file, and what it does to a loaded model stays with it."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab.codecs.learned import wrap
from lic_lab.models.checkpoints import load_model, load_weights, save_model
from lic_lab.models.plain import plain_torch
from lic_lab.models.presets import PRESETS, build


@pytest.fixture(scope="module", params=PRESETS)
def weights(request, tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.safetensors"
    save_model(build(request.param, "tiny").eval(), path, name=request.param, preset="tiny")
    return path


@pytest.fixture
def in_float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def codec_and_source(path):
    codec = wrap(load_weights(path), path.stem)
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    return codec, image if codec.views == 1 else (image, image[:, ::-1].copy())


def everything(path):
    """What a script can ask for: files at a quality, of a size and with effort, and what comes back."""
    codec, source = codec_and_source(path)
    files = [codec.compress(source), codec.compress(source, max_bytes=len(codec.compress(source)))]
    if path.stem in ("charm", "bisic"):
        files.append(codec.compress(source, effort=1))
    return codec.model.fingerprint(), files, codec.decode(files[0]).tobytes()


def test_a_script_under_inference_mode_gets_the_same_files(weights):
    wanted = everything(weights)
    with torch.inference_mode():
        assert everything(weights) == wanted


def test_a_script_in_float64_gets_the_same_files(weights, in_float64):
    found = everything(weights)
    assert torch.get_default_dtype() == torch.float64
    with plain_torch():
        assert everything(weights) == found


def test_a_codec_that_was_sent_to_another_process_writes_the_same_file(weights):
    codec, source = codec_and_source(weights)
    assert pickle.loads(pickle.dumps(codec)).compress(source) == codec.compress(source)


@pytest.mark.parametrize("name", ["jpeg", "webp", "jpeg2000", "pair:jpeg", "charm", "charm@effort1", "pair:charm"])
def test_shipped_codecs_can_be_sent_to_another_process(name):
    codec = lic_lab.load(name)
    twin = pickle.loads(pickle.dumps(codec))
    assert (twin.name, twin.settings, twin.ladder.ends) == (codec.name, codec.settings, codec.ladder.ends)


def test_threads_of_different_lengths_leave_the_default_as_it_was(in_float64):
    def work(_):
        with plain_torch():
            return torch.ones(1).dtype

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(400))) == {torch.float32}
    assert torch.get_default_dtype() == torch.float64


def test_whoever_loads_a_model_after_somebody_trained_it_gets_the_shipped_weights():
    shared = load_model("charm")
    named = shared.fingerprint()
    assert load_model("charm") is shared
    with torch.no_grad():
        next(shared.parameters()).mul_(1.01)
    fresh = load_model("charm")
    assert fresh is not shared and fresh.fingerprint() == named != shared.fingerprint()
    fresh.train()
    assert not load_model("charm").training
