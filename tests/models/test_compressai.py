"""CompressAI is the reference: with its weights copied, our hyperprior gives its reconstructions and its rates."""

import pytest
import torch

from lic_lab.models.hyperprior import Hyperprior

zoo = pytest.importorskip("compressai.models", reason="compressai does not install here")


def copied(theirs) -> Hyperprior:
    """Our model with the weights of a CompressAI MeanScaleHyperprior(24, 32)."""
    ours = Hyperprior((24, 24, 24), 32, 24, (32, 48)).eval()
    names = {"g_a": ours.analysis, "g_s": ours.synthesis, "h_a": ours.latent.analysis, "h_s": ours.latent.synthesis}
    for name, module in names.items():
        module.load_state_dict({k: v for k, v in getattr(theirs, name).state_dict().items() if "reparam" not in k})
    last = ours.latent.synthesis[-1]
    with torch.no_grad():  # theirs gives scales first, ours means first
        last.weight.copy_(last.weight.roll(32, 0))
        last.bias.copy_(last.bias.roll(32, 0))
        density, bottleneck = ours.latent.density, theirs.entropy_bottleneck.state_dict()
        for part, target in (("matri", density.matrices), ("bias", density.biases), ("factor", density.factors)):
            source = [v for k, v in sorted(bottleneck.items()) if k.lstrip("_").startswith(part)]
            assert len(source) == len(target)
            for a, b in zip(target, source, strict=True):
                a.copy_(b)
        density.median.copy_(theirs.entropy_bottleneck.quantiles[:, 0, 1])
    return ours


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    theirs = zoo.MeanScaleHyperprior(24, 32).eval()
    with torch.no_grad():
        theirs.h_s[-1].bias[:32] = 2.0  # scales an untrained network would not have
        theirs.entropy_bottleneck.quantiles[:, 0, 1] = torch.linspace(-0.4, 0.4, 24)
    return theirs, copied(theirs)


@torch.no_grad()
def test_reconstructions_and_rates_agree(pair):
    theirs, ours = pair
    x = torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(1))
    a, b = theirs(x), ours(x)
    assert torch.allclose(a["x_hat"], b.x_hat, atol=1e-4)
    for part in ("y", "z"):
        bits = -torch.log2(a["likelihoods"][part]).flatten(1).sum(1)
        assert torch.allclose(bits, b.parts[part], rtol=2e-3)


@torch.no_grad()
def test_files_are_as_long_as_theirs(pair):
    theirs, ours = pair
    theirs.update(force=True)
    x = torch.rand(1, 3, 128, 192, generator=torch.Generator().manual_seed(2))
    strings = theirs.compress(x)["strings"]
    assert len(ours.compress(x)) == pytest.approx(sum(len(s[0]) for s in strings), rel=0.01, abs=64)


def test_the_paper_preset_has_as_many_parameters():
    from lic_lab.models.presets import build

    count = lambda model: sum(p.numel() for n, p in model.named_parameters() if "quantiles" not in n)  # noqa: E731
    assert count(build("hyperprior", "paper")) == count(zoo.MeanScaleHyperprior(192, 320))
