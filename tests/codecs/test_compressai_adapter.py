"""Our models run in CompressAI's own evaluation, and its numbers are ours."""

import json
import math
import warnings

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab.codecs import learned
from lic_lab.codecs.compressai_adapter import as_compressai
from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.images import read_image, write_image
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.quality import ms_ssim, psnr
from lic_lab.models.checkpoints import load_model, shipped
from lic_lab.models.presets import PRESETS
from lic_lab.ops.color import image_to_tensor, tensor_to_image

pytest.importorskip("compressai")

PICTURES = [name for name in PRESETS if learned.views(name) == 1]
TRAINED = [name for name in shipped() if learned.views(name) == 1]


@pytest.fixture(scope="module")
def theirs():
    """`compressai.utils.eval_model`."""
    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import compressai.utils.eval_model.__main__ as module
    torch.set_num_threads(threads)  # importing it sets one
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two pictures: one whose sides are multiples of 64, and one whose are odd."""
    folder = tmp_path_factory.mktemp("pictures")
    write_image(folder / "coffee.png", bundled_images()["coffee"][60:252, 180:436])
    write_image(folder / "chelsea.png", bundled_images()["chelsea"][60:231, 100:281])
    return folder


@pytest.fixture(scope="module", params=[*PICTURES, *(f"{name}, trained" for name in TRAINED)])
def model(request):
    name, _, trained = request.param.partition(", ")
    torch.manual_seed(0)
    return load_model(name) if trained else lic_lab.build(name)


@pytest.fixture(scope="module")
def charm():
    torch.manual_seed(0)
    return lic_lab.build("charm")


def padded(x):
    """What `eval_model` hands over: zeros on all sides, up to multiples of 64."""
    from compressai.ops import compute_padding

    pad, unpad = compute_padding(*x.shape[-2:], min_div=64)
    return torch.nn.functional.pad(x, pad), unpad


def evaluated(theirs, model, folder, *, half=False, estimate=False):
    """Mean numbers of `eval_model`, and those of each picture by name."""
    paths = sorted(folder.glob("*.png"))
    out = folder / f"out-{id(model)}-{half}-{estimate}"
    out.mkdir(exist_ok=True)
    mean = theirs.eval_model(
        model, out, folder, paths, entropy_estimation=estimate, trained_net="x", architecture="ours",
        half=half, per_image=True,
    )  # fmt: skip
    return mean, {path.stem[:-2]: json.loads(path.read_text())["results"] for path in out.glob("*.json")}


@torch.no_grad()
def test_real_files_are_charged_as_we_charge_them(theirs, model, folder):
    adapter, rate = as_compressai(model, 1.0), 1.0
    _, numbers = evaluated(theirs, adapter, folder)
    for name in ("coffee", "chelsea"):
        image = read_image(folder / f"{name}.png")
        x, unpad = padded(image_to_tensor(image))
        data = model.compress(x, rate)
        decoded = tensor_to_image(torch.nn.functional.pad(model.decompress(data), unpad))
        assert numbers[name]["bpp"] == pytest.approx(8 * len(data) / (image.size / 3), rel=1e-12)
        assert numbers[name]["psnr-rgb"] == pytest.approx(psnr(image, decoded), abs=1e-3)
        assert numbers[name]["ms-ssim-rgb"] == pytest.approx(ms_ssim(image, decoded), abs=1e-4)


@torch.no_grad()
def test_where_nothing_is_padded_the_file_is_the_very_one_of_our_codec(theirs, model, folder):
    _, numbers = evaluated(theirs, as_compressai(model, 0.5), folder)
    image, codec = read_image(folder / "coffee.png"), learned.wrap(model, "ours")
    data = codec.encode(image, 0.5)
    assert numbers["coffee"]["bpp"] == 8 * len(data) / (192 * 256)
    assert numbers["coffee"]["psnr-rgb"] == pytest.approx(psnr(image, codec.decode(data)), abs=1e-3)


@torch.no_grad()
def test_estimates_are_our_estimates(theirs, model, folder):
    mean, numbers = evaluated(theirs, as_compressai(model), folder, estimate=True)
    bpps = []
    for name in ("coffee", "chelsea"):
        image = read_image(folder / f"{name}.png")
        output = model(image_to_tensor(image))
        bpps.append(output.bpp.item())
        assert numbers[name]["bpp"] == pytest.approx(bpps[-1], rel=1e-4)
        assert numbers[name]["psnr-rgb"] == pytest.approx(
            psnr(image, tensor_to_image(output.x_hat.clamp(0, 1))), abs=1e-3
        )
    assert mean["bpp"] == pytest.approx(np.mean(bpps), rel=1e-4)


def test_half_precision_is_evaluated_too(theirs, charm, folder):
    whole, half = (evaluated(theirs, as_compressai(charm), folder, half=half)[0] for half in (False, True))
    assert half["psnr-rgb"] == pytest.approx(whole["psnr-rgb"], abs=0.05)
    assert half["bpp"] == pytest.approx(whole["bpp"], rel=0.02)
    assert next(charm.parameters()).dtype == torch.float32


def test_likelihoods_are_there_for_every_symbol_and_add_up_to_the_bits(model):
    x = torch.cat([image_to_tensor(bundled_images()["coffee"][i : i + 64, :128]) for i in (0, 90)])
    with torch.no_grad():
        found, output = as_compressai(model)(x), model(x)
    for part, likelihood in found["likelihoods"].items():
        assert len(likelihood) == 2 and (0 < likelihood).all() and (likelihood <= 1).all()
        assert torch.allclose(-torch.log2(likelihood).sum(1), output.parts[part], rtol=1e-3)
    assert found["likelihoods"]["y"].shape == (2, model.channels * 4 * 8)
    assert torch.equal(found["x_hat"], output.x_hat)


@pytest.mark.parametrize("size", [(1, 1), (37, 70), (64, 64)])
def test_a_batch_is_a_list_of_whole_files(charm, size):
    x = torch.cat([image_to_tensor(bundled_images()["coffee"][i : i + size[0], : size[1]]) for i in (0, 90, 130)])
    adapter = as_compressai(charm, 2.0)
    out = adapter.compress(x)
    assert out["strings"] == [[charm.compress(one[None], 2.0) for one in x]] and tuple(out["shape"]) == size
    x_hat = adapter.decompress(**out)["x_hat"]
    assert torch.equal(x_hat, torch.cat([charm.decompress(file) for file in out["strings"][0]]))


def test_pairs_are_coded_by_a_stereo_model():
    torch.manual_seed(0)
    model = lic_lab.build("bisic")
    adapter, x = as_compressai(model), torch.rand(2, 2, 3, 30, 40)
    out = adapter.compress(x)
    assert adapter.decompress(**out)["x_hat"].shape == x.shape
    with torch.no_grad():
        found, output = adapter(x), model(x)
    bits = sum(-torch.log2(likelihood).sum(1) for likelihood in found["likelihoods"].values())
    assert torch.allclose(bits, output.bits, rtol=1e-3)


def test_compressais_own_loss_trains_it():
    from compressai.losses import RateDistortionLoss

    torch.manual_seed(0)
    adapter = as_compressai(lic_lab.build("charm").train())
    optimizer, x, losses = torch.optim.Adam(adapter.parameters(), 1e-3), torch.rand(2, 3, 64, 64) * 0.5, []
    for _ in range(25):
        losses.append(RateDistortionLoss(lmbda=0.01)(adapter(x), x)["loss"])
        optimizer.zero_grad()
        losses[-1].backward()
        adapter.aux_loss().backward()
        optimizer.step()
    assert adapter.model.training and losses[-1] < 0.9 * losses[0]


def test_weights_keep_their_names(charm):
    adapter = as_compressai(charm)
    assert adapter.state_dict().keys() == charm.state_dict().keys()
    torch.manual_seed(1)
    other = as_compressai(lic_lab.build("charm"))
    other.load_state_dict(adapter.state_dict())
    assert other.model.fingerprint() == charm.fingerprint()
    assert sum(p.numel() for p in adapter.parameters()) == sum(p.numel() for p in charm.parameters())


def test_update_leaves_the_tables_that_files_depend_on(charm):
    before = charm.fingerprint()
    assert as_compressai(charm).update(force=True) is False
    assert charm.fingerprint() == before


def test_the_rate_is_a_knob(charm):
    adapter, x = as_compressai(charm), torch.rand(1, 3, 64, 64)
    assert adapter.rate == 1.0
    adapter.rate = 0.25
    assert adapter.compress(x)["strings"][0][0] == charm.compress(x, 0.25)
    for wrong in (-0.1, 2.5, math.inf):
        with pytest.raises(LicLabError, match="off the ladder: this model has 0 to 2"):
            adapter.rate = wrong


def test_what_cannot_be_adapted_or_decoded_is_refused_in_one_line(charm):
    with pytest.raises(LicLabError, match=r"Linear has no likelihoods\(\)"):
        as_compressai(torch.nn.Linear(2, 2))
    adapter = as_compressai(charm)
    out = adapter.compress(torch.rand(1, 3, 20, 30))
    with pytest.raises(CorruptStreamError, match="hold pictures of 20 x 30, not of 30 x 20"):
        adapter.decompress(out["strings"], (30, 20))
    with pytest.raises(CorruptStreamError, match="got 2 lists"):
        adapter.decompress(out["strings"] * 2, (20, 30))
