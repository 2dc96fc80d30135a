"""A checkpoint of CompressAI, or of one's own class, is a codec by name."""

import sys
import warnings

import pytest
import torch

import lic_lab
from lic_lab.codecs import zoo, zoo_files
from lic_lab.errors import LicLabError

pytest.importorskip("compressai")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from compressai.models import MeanScaleHyperprior
    from compressai.models.vbr import MeanScaleHyperpriorVbr

OWN = """
import torch
from compressai.models import FactorizedPrior

class Own(FactorizedPrior):
    def __init__(self):
        super().__init__(8, 12)

class Classic(FactorizedPrior):
    pass
"""


def model(seed=0, kind=MeanScaleHyperprior, **arguments):
    torch.manual_seed(seed)
    made = kind(16, 24, **arguments).eval()
    with torch.no_grad():
        made.g_a[-1].weight *= 60  # so that there is something to code
    return made


@pytest.mark.parametrize("place", [None, "state_dict", "network", "model_state_dict"])
def test_a_checkpoint_is_loaded_by_name_and_codes_as_the_model_does(place, tmp_path, picture):
    state = model().state_dict()
    torch.save({place: state, "epoch": 3} if place else state, tmp_path / "mine.pth.tar")
    codec = lic_lab.load(f"compressai:mbt2018-mean@{tmp_path / 'mine.pth.tar'}")
    assert codec.name == "compressai:mbt2018-mean@mine" and codec.label == "mbt2018-mean mine"
    assert codec.settings.startswith("CompressAI mbt2018-mean, weights of mine.pth.tar")
    data = codec.compress(picture)
    assert data == zoo.wrap(model(), "the same").compress(picture)
    assert codec.decompress(data).shape == picture.shape


def test_weights_saved_behind_data_parallel_and_with_old_tables_are_taken(tmp_path, picture):
    made = model()
    made.update()
    state = {f"module.{key}": value for key, value in made.state_dict().items()}
    torch.save(state, tmp_path / "parallel.pth")
    codec = lic_lab.load(f"compressai:mbt2018-mean@{tmp_path / 'parallel.pth'}")
    assert codec.compress(picture) == zoo.wrap(model(), "the same").compress(picture)


def test_a_folder_is_a_family_with_a_quality_for_every_file_as_people_count(tmp_path, picture):
    for seed, name in enumerate(("0.0018", "0.013", "0.0250", "2", "10")):
        torch.save(model(seed).state_dict(), tmp_path / f"{name}.pth.tar")
    (tmp_path / "log.txt").write_text("not a checkpoint")
    codec = lic_lab.load(f"compressai:mbt2018-mean@{tmp_path}")
    assert codec.quality_range == (1, 5)
    for quality in (1, 2, 5):
        assert codec.model(quality).g_a[0].weight.equal(model(quality - 1).g_a[0].weight)
        assert codec.decode(codec.encode(picture, quality)).shape == picture.shape
    assert len(codec.compress(picture, max_bytes=10**6)) <= 10**6


def test_a_variable_rate_checkpoint_has_all_its_rates(tmp_path, picture):
    torch.save(model(kind=MeanScaleHyperpriorVbr, vr_entbttlnck=True).state_dict(), tmp_path / "v.pth.tar")
    codec = lic_lab.load(f"compressai:mbt2018-mean-vbr@{tmp_path / 'v.pth.tar'}")
    assert codec.quality_range == (1, 8)
    low, high = codec.encode(picture, 1), codec.encode(picture, 8)
    assert len(low) < len(high) and codec.decode(low).shape == codec.decode(high).shape == picture.shape
    torch.save(model(kind=MeanScaleHyperpriorVbr).state_dict(), tmp_path / "w.pth.tar")
    with pytest.raises(LicLabError, match="all its rates in one checkpoint: name that file"):
        lic_lab.load(f"compressai:mbt2018-mean-vbr@{tmp_path}")


@pytest.mark.parametrize("name", ["Own", "Classic"])
def test_a_class_of_ones_own_is_named_by_its_module(name, tmp_path, picture, monkeypatch):
    (tmp_path / "own_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_nets", raising=False)
    import own_nets

    torch.manual_seed(0)
    made = own_nets.Own() if name == "Own" else own_nets.Classic(8, 12)
    torch.save(made.state_dict(), tmp_path / "net.pt")
    if name == "Own":
        monkeypatch.delattr("compressai.models.FactorizedPrior.from_state_dict")  # only built without arguments
    codec = lic_lab.load(f"compressai:own_nets:{name}@{tmp_path / 'net.pt'}")
    assert codec.name == f"compressai:own_nets:{name}@net" and codec.label == f"{name} net"
    assert codec.decompress(codec.compress(picture)).shape == picture.shape


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("compressai:mbt2018-mean@{}/absent.pth.tar", "no checkpoint at '.*absent.pth.tar'"),
        ("compressai:mbt2018-mean@{}/text.pth", "no checkpoint of weights alone: write one by torch.save"),
        ("compressai:mbt2018-mean@{}/number.pth", "holds no state dict"),
        ("compressai:mbt2018-mean@{}/folder", "there are no checkpoints in"),
        ("compressai:bmshj2018-factorized@{}/mean.pth", "do not fit bmshj2018-factorized: "),
        ("compressai:mbt2019@{}/mean.pth", "CompressAI has no 'mbt2019': there are .*mbt2018-vbr, or module:Class"),
        ("compressai:absent_module:Net@{}/mean.pth", "cannot be imported .*PYTHONPATH"),
        ("compressai:compressai.models:Absent@{}/mean.pth", "cannot be imported"),
    ],
)
def test_what_is_no_checkpoint_of_that_architecture_is_refused_in_one_line(name, said, tmp_path):
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "folder").mkdir()
    torch.save(3, tmp_path / "number.pth")
    torch.save(model().state_dict(), tmp_path / "mean.pth")
    with pytest.raises(LicLabError, match=said) as caught:
        lic_lab.load(name.format(tmp_path))
    assert "\n" not in str(caught.value)


def test_checkpoints_that_hold_code_are_refused_before_it_runs(tmp_path):
    torch.save(model(), tmp_path / "whole.pth")
    with pytest.raises(LicLabError, match="weights alone"):
        zoo_files.checkpoint("mbt2018-mean", tmp_path / "whole.pth")
