"""What is special to Asymmetric: how its work is shared out, the gate on its latent, and the filter behind its decoder.

What every model has to keep is in test_every_model.py.
"""

import pytest
import torch
from safetensors.torch import save

from lic_lab.blocks.gdn import GDN
from lic_lab.blocks.hcnn import HCNN, LNPReLU
from lic_lab.blocks.ssm import SelectiveSSM
from lic_lab.entropy.wires import Estimate
from lic_lab.errors import LicLabError
from lic_lab.models.presets import PRESETS, build
from lic_lab.ops.checkerboard import anchor_mask
from lic_lab.probes.macs import count_macs
from lic_lab.probes.receptive_field import receptive_field

SIZES = list(PRESETS["asymmetric"])


def tiny(**switches):
    torch.manual_seed(0)
    return PRESETS["asymmetric"]["tiny"](**switches).eval()


def photos(count: int, seed: int, side: int = 64) -> torch.Tensor:
    """Smooth pictures with some noise, (count, 3, side, side)."""
    noise = torch.Generator().manual_seed(seed)
    x = torch.zeros(count, 3, side, side)
    for coarse in (3, 9, 33):
        grid = torch.rand(count, 3, coarse, coarse, generator=noise)
        x += torch.nn.functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False) / 3
    return x.clamp(0, 1)


def parameters(*modules: torch.nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def count(modules, kind: type) -> int:
    return sum(isinstance(module, kind) for module in modules.modules())


@pytest.mark.parametrize("preset", SIZES)
def test_encoding_does_three_times_the_work_of_decoding_with_more_parameters(preset):
    model = build("asymmetric", preset)
    with torch.no_grad():
        encode = count_macs(model, {}, lambda: model.analyse(torch.zeros(1, 3, 128, 128))).macs["elsewhere"]
        y_hat, rate = torch.zeros(1, model.channels, 8, 8), model._rate(None, 1)
        decode = count_macs(model, {}, lambda: model._reconstruct(y_hat, rate, (128, 128))).macs["elsewhere"]
    sizes = parameters(model.analysis, model.attention), parameters(model.post_filter, model.synthesis)
    kmac = [macs / 128**2 / 1000 for macs in (encode, decode)]
    print(f"{preset}: {kmac[0]:.1f} : {kmac[1]:.1f} kMAC/px, {sizes[0]:,} : {sizes[1]:,} parameters")
    assert encode >= 3 * decode
    assert sizes[0] > sizes[1]


def test_the_paper_size_is_the_published_27_megabytes_within_3_percent():
    model = build("asymmetric", "paper")
    megabytes = len(save({k: v.contiguous() for k, v in model.state_dict().items()})) / 1e6
    print(f"{parameters(model):,} parameters, {megabytes:.2f} MB in float32")
    assert 0.97 * 27 <= megabytes <= 27


@pytest.mark.parametrize("preset", SIZES)
def test_three_hierarchical_stages_encode_and_one_decodes_at_the_lowest_scale(preset):
    model, sides = build("asymmetric", preset), []
    assert (count(model.analysis, HCNN), count(model.synthesis, HCNN)) == (3, 1)
    stage = next(module for module in model.synthesis.modules() if isinstance(module, HCNN))
    stage.register_forward_hook(lambda module, args, output: sides.append(output.shape[-1]))
    with torch.no_grad():
        model.synthesis(torch.zeros(1, model.channels, 4, 4))
    assert sides == [4]


def test_the_halo_is_as_wide_as_the_transforms_look():
    model = tiny()
    sees = receptive_field(model.analysis)
    assert max(sees.up, sees.down, sees.left, sees.right) <= model.halo
    y = torch.randn(1, model.channels, 40, 4, generator=torch.Generator().manual_seed(0))
    nudged = y.clone()
    nudged[..., 20, :] += 1
    with torch.no_grad():
        changed = (model.synthesis(nudged) - model.synthesis(y)).abs().amax((0, 1, 3)).nonzero()
    assert changed.min() >= 20 * 16 - model.halo and changed.max() < 21 * 16 + model.halo


def test_the_latent_that_is_coded_is_the_analysis_times_a_gate_between_three_tenths_and_one():
    model, x = tiny(), photos(1, 0)
    with torch.no_grad():
        for parameter in model.attention.parameters():
            parameter.normal_(0, 1)
        y = model.analysis(x)
        gate = model.attention.look(y).gate
        assert torch.equal(model.analyse(x), y * gate)
    assert 0.3 <= gate.min() < gate.max() <= 1


def test_the_gate_is_never_sent():
    model, x = tiny(), photos(1, 1)
    data = model.compress(x)
    expected = model.decompress(data)
    model.fingerprint()  # remembered: what follows shall not count as other weights
    for module in (model.analysis, model.attention):
        module.forward = None  # the decoder has neither
    assert torch.equal(model.decompress(data), expected)


def test_the_filter_works_on_quantisation_steps_at_every_rate():
    model, seen = tiny(), []
    model.post_filter.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for rate in (0.0, 2.0):
        data = model.compress(photos(1, 2), rate)
        model.decompress(data)
        assert torch.equal(seen[-1], model.decode_latent(data)[1].float())


@pytest.mark.parametrize("post_filter", [True, False])
def test_the_filter_has_a_term_of_its_own_in_training_and_only_there(post_filter):
    model, x = tiny(post_filter=post_filter), photos(2, 3)
    assert model(x).extra == {}
    extra = model.train()(x).extra
    assert set(extra) == ({"post_filter"} if post_filter else set())
    if post_filter:
        assert extra["post_filter"].shape == (2,)
        extra["post_filter"].sum().backward()
        assert all(net[-1].weight.grad.abs().sum() > 0 for net in (model.post_filter.mixed, *model.post_filter.refined))
        trained = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
        assert trained == {"post_filter"}


def test_a_few_steps_of_training_bring_the_latent_of_unseen_pictures_nearer_to_what_it_was():
    model = tiny().train()
    optimizer, unseen = torch.optim.Adam(model.post_filter.parameters(), 5e-3), photos(8, 999)

    def rounding_and_filter_error() -> tuple[float, float]:
        kept = []
        hook = model.latent.register_forward_hook(lambda _, inputs, output: kept.extend((inputs[0], output)))
        with torch.no_grad():
            model(unseen, 1.0)
        hook.remove()
        y, y_hat = kept
        return ((y_hat - y) ** 2).mean().item(), model.post_filter.error(y, y_hat).mean().item()

    rounding, before = rounding_and_filter_error()
    assert before == pytest.approx(rounding)  # the filter starts as the identity
    for step in range(40):
        loss = model(photos(8, step), 1.0).extra["post_filter"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rounding, after = rounding_and_filter_error()
    assert after < 0.96 * rounding


@pytest.mark.parametrize(
    "switches",
    [
        {"attention": False}, {"post_filter": False}, {"norm": "gdn"}, {"context": "conv"}, {"context": "none"},
        {"context": "ssm-raster"},
        {"hyperprior": False}, {"hyperprior": False, "context": "none"}, {"shortcut": None},
    ],
    ids=str,
)  # fmt: skip
def test_every_ablation_still_writes_files_that_decode(switches):
    model, x, kept = tiny(**switches), photos(1, 4)[..., :37, :53], []
    model.synthesis.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    data = model.compress(x)
    with torch.no_grad():
        bits = model(x).bits.item()
    assert torch.equal(model.decompress(data), model.decompress(data))
    assert model.decompress(data).shape == x.shape
    assert 8 * len(data) == pytest.approx(bits, rel=0.05, abs=8 * 64)


def test_every_switch_changes_what_it_says():
    full = tiny()
    assert count(full.latent.context, SelectiveSSM) > 0 and count(tiny(context="conv"), SelectiveSSM) == 0
    assert tiny(attention=False).attention is None and tiny(post_filter=False).post_filter is None
    assert count(full, GDN) == 0 and count(tiny(norm="gdn"), LNPReLU) == 0
    assert count(full.analysis, LNPReLU) == count(tiny(norm="gdn").analysis, GDN) == 3
    assert all(gdn.inverse for gdn in tiny(norm="gdn").synthesis.modules() if isinstance(gdn, GDN))
    assert tiny(hyperprior=False).latent.density is None


@pytest.mark.parametrize("switch", [{"context": "lstm"}, {"norm": "batch"}, {"shortcut": "wavelet"}])
def test_an_unknown_choice_is_refused_by_name(switch):
    with pytest.raises(LicLabError, match=repr(*switch.values())):
        tiny(**switch)


class Steps(Estimate):
    """Notes the mean and scale of every pass."""

    def __init__(self):
        super().__init__(training=False)
        self.seen = []

    def factorized(self, z, density, shape):
        return torch.zeros(shape)

    def gaussian(self, y, mean, scale, part="y"):
        self.seen.append(torch.cat([mean, scale], dim=1))
        return super().gaussian(y, mean, scale, part)


@torch.no_grad()
def test_the_scan_hears_of_an_anchor_everywhere_and_the_convolution_only_nearby():
    y = torch.randn(1, 24, 16, 16, generator=torch.Generator().manual_seed(5)) * 3
    nudged = y.clone()
    nudged[0, 0, 0, 0] += 9  # an anchor of the first slice, in the corner
    for context, far in (("ssm", True), ("conv", False)):
        model, before, after = tiny(context=context), Steps(), Steps()
        model.latent(y, before, (1, 16, 16))
        model.latent(nudged, after, (1, 16, 16))
        assert torch.equal(before.seen[0], after.seen[0])  # anchors of the first slice
        changed = torch.zeros(16, 16, dtype=torch.bool)
        changed[~anchor_mask(16, 16)] = (before.seen[1] != after.seen[1]).any(1)[0]  # its other positions
        assert changed[0, 1] and changed[1, 0]
        assert changed[8:, 8:].any() == far
