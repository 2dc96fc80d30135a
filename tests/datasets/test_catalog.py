"""What the catalog says fits together, and where it can be looked at, is true."""

import re
from urllib.parse import urlsplit

import pytest

from lic_lab.datasets.bundled import data_path, kodak
from lic_lab.datasets.catalog import CATALOG, dataset, located
from lic_lab.datasets.fetch import digest
from lic_lab.errors import LicLabError


def test_the_data_sets_of_the_field_are_there():
    wanted = "kodak tecnick clic-pro-valid clic-pro-test clic-mobile-valid clic-mobile-test div2k flickr2w flickr30k "
    assert {*wanted.split(), "liu4k", "instereo2k", "cityscapes"} <= CATALOG.keys()


@pytest.mark.parametrize("name", CATALOG)
def test_every_data_set_has_terms_a_source_and_a_way_to_get_it(name):
    found = CATALOG[name]
    assert found.name == name and found.count > 0 and found.views in (1, 2)
    assert found.licence and found.citation and found.layout and found.page.startswith("https://")
    assert bool(found.steps) == found.by_hand
    for step in found.steps:
        for command in re.findall(r"lic-lab data \w+ (\S+)", step):
            assert command == name


@pytest.mark.parametrize("name", CATALOG)
def test_files_have_secure_addresses_and_checksums_that_can_be_some(name):
    files = CATALOG[name].files
    assert len({file.name for file in files}) == len(files)
    for file in files:
        assert not file.url or urlsplit(file.url).scheme == "https"
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert (file.size is None) == (file.sha256 is None)
    sums = [file.sha256 for found in CATALOG.values() for file in found.files if file.sha256]
    assert len(sums) == len(set(sums))


def test_terms_that_bind_ask_for_consent():
    for found in CATALOG.values():
        if re.search("research|commercial|NC|without a licence|no licence", found.licence):
            assert found.consent, found.name


def test_published_curves_and_the_catalog_call_a_set_the_same():
    file = data_path("results", "published_rd.csv")
    if not file.is_file():
        pytest.skip("this installation has no published curves")
    curves = {line.split(",")[0] for line in file.read_text("utf-8").splitlines()[1:]}
    assert {found.published for found in CATALOG.values() if found.published} <= curves


def test_the_kodak_checksums_are_those_of_the_pictures_that_were_measured():
    paths = kodak()
    if len(paths) != 24:
        pytest.skip("the Kodak pictures are not on this machine: set LIC_LAB_DATA to the folder that holds kodak/")
    for file, path in zip(CATALOG["kodak"].files, paths, strict=True):
        assert (file.name, file.size, file.sha256) == (path.name, path.stat().st_size, digest(path))


def test_sizes_are_sums_of_files_or_estimates():
    assert CATALOG["kodak"].size == sum(file.size for file in CATALOG["kodak"].files) > 15_000_000
    assert CATALOG["tecnick"].size == 511_000_000
    assert CATALOG["flickr2w"].size is None


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(LicLabError, match="no data set is called 'kodac'; there are kodak, tecnick"):
        dataset("kodac")
    with pytest.raises(
        LicLabError, match="'clic' is several data sets, name one of them: clic-pro-valid, clic-pro-test"
    ):
        dataset("clic")


def test_a_folder_is_found_by_the_name_of_its_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("LIC_LAB_DATA", str(tmp_path))
    assert located("no-such-set") is None and located("") is None
    (tmp_path / "tecnick").mkdir()
    assert located("tecnick") == tmp_path / "tecnick"
