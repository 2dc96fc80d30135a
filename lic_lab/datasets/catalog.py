"""Data sets of the field: what they are for, under which terms they come, and where from or by which steps."""

from dataclasses import dataclass
from pathlib import Path

from lic_lab.datasets.bundled import data_folders
from lic_lab.errors import LicLabError


@dataclass(frozen=True)
class RemoteFile:
    """A picture or an archive (zip, tar) of pictures on the network.

    url: "" where a person has to fetch it.   size: in bytes.   sha256: of the whole file; None where nobody has
    published one: then the first download is believed and recorded.   members: which pictures of an archive are kept,
    as a pattern of the ends of their paths.   flat: they all go into one folder, as commands want it.
    """

    name: str
    url: str = ""
    size: int | None = None
    sha256: str | None = None
    members: str = "*"
    flat: bool = True


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set.

    use: "test", "train" or "train and test".   views: 1 for pictures, 2 for stereo pairs, which `count` counts then.
    exact: false where sources disagree on the count.   licence: its name or the makers' words.   consent: whether it
    binds the user beyond citing (research only, no commerce), so that it must be accepted.   page: where it lives.
    files: what is fetched.   steps: what a person has to do where a program may not.   layout: what the folder looks
    like.   sizes: every (width, height) that occurs, () where they vary.   bytes: about how large, where no file says
    it.   published: the name that published curves give the set.   remark: what to know before use.
    """

    name: str
    title: str
    use: str
    count: int
    licence: str
    citation: str
    page: str
    layout: str
    files: tuple[RemoteFile, ...] = ()
    steps: tuple[str, ...] = ()
    views: int = 1
    exact: bool = True
    consent: bool = True
    sizes: tuple[tuple[int, int], ...] = ()
    bytes: int | None = None
    published: str = ""
    remark: str = ""

    @property
    def size(self) -> int | None:
        """Bytes to fetch, None where unknown; a published estimate where one of the files has no exact size."""
        known = [file.size for file in self.files]
        return sum(known) if known and None not in known else self.bytes

    @property
    def by_hand(self) -> bool:
        """Whether a person has to fetch it: behind a login, a form, or a page made for browsers."""
        return not self.files or any(not file.url for file in self.files)


# Size and SHA-256 of kodim01.png to kodim24.png: of the copies that this project was measured on. Several public
# projects that fetch from r0k.us pin the same 24 sums.
_KODAK = """
736501 a56e27cbf5f843c048b6af1d6e090760e9c92fadba88b7dee0205918a37523bd
617995 4f4b74a79237e311d72cad958237b5f7088d8bce1c82305ebefe1a70e3022dfd
502888 e25ca1ff2f0c0cb5fdfd5f9b0a0bb21ac4c3de3c84a67f35b09a85d3306249db
637432 e3b946107c5d3441c022f678d0c3caf1e224d81b1604ba840a4f88e562de61aa
785610 10349e963c5c813d327852f82c1795fa4148d69fedffc4c589bee458e3ac3d53
618959 363510303b715d4cbc384e1ce227e466b613a09e1b71ae985882bf8e7fbd9b18
566322 b77d3f006f42414bb242222e0482e750c0fb9e5ee8d4bed2f6f11c5605fe54a4
788470 ba23983c76b4832ee0e8af0592664756841a16779acd69f792e268fb6d13d6e7
582899 6a4361c2fc194feb4edaa9f9a4a0620fb9943e460ac7fdf037fb0f6dd6607a7d
593463 9dfb70f5867c29ff9ed6313683f19b3d867849e40fbc0c4c54a4a89df341cf23
621023 7936814b58b5387fce2e4e2488b4ec830dadd95fa9520f358ddb30990b50f2b6
531024 d78c37c2f04f23761ed2367dd77e2db584ddd4c3950833fecf89f199a8126980
822712 bc34a3ce58dea09dce1704c997171602de90cb34d0c8503a988b77f473d39b08
692201 55a94550ff18f3246c4074fd32b77b0c74447c26b6ad274d564d999c0450ba6e
612582 7538cbb80cb9103606c48b806eae57d56c885c7f90b9b3be70a41160f9cbb683
534247 a89c7268ccd4718ba424a99fc4643c572cf692ca6eae887185ceb4e9f11d2e54
602078 37afcc89fbdcb76d9518e04b2fc011027e2f4cd14b3b2f83cefd721641a47c5b
780947 1a9258c365988961d87a0598725b609139c303ad48a5aad6c503c3b1a87849aa
671476 b7450b264b1b0a411390d8931b112c27905a992520fc90569dc4b920aa32bbdc
492462 3b46c71e3b92a563820ba32936be8330c586c41f938efd94be938386aae4328a
637051 ac958597c82073f6bb65129c68f72b651db5b9efd82e11547d07350214bc268b
701970 1cee58eb1f2d9c7ebb254d208a03c783ce6cf2c4d8c2cf45e235dd23b4ce1b29
557596 e3111a2fd4da24af15d6459ef9eacfe54106b38e27b4a21821b75c3f5d2d5baf
706397 1071c68372cc5a01435c2c225a5cf7d4bb803846ec08bb6b3d6721b156d7cb96
"""


def _kodak_files() -> tuple[RemoteFile, ...]:
    lines = [line.split() for line in _KODAK.split("\n") if line]
    names = [f"kodim{number:02d}.png" for number in range(1, 25)]
    root = "https://r0k.us/graphics/kodak/kodak"
    return tuple(
        RemoteFile(name, f"{root}/{name}", int(size), sha) for name, (size, sha) in zip(names, lines, strict=True)
    )


# Sizes and checksums of the archives at ETH Zurich as TensorFlow Datasets publishes them (url_checksums: clic.txt,
# div2k.txt); its split sizes agree with the counts below.
_ETH = "https://data.vision.ee.ethz.ch/cvl"


def _clic(
    part: str, split: str, count: int, path: str, size: int, sha256: str, published: str = "", remark: str = ""
) -> DataSet:
    """One of the six sets of CLIC 2020."""
    mobile = part == "mobile"
    source = "pictures taken with phones" if mobile else "pictures of photographers"
    terms = (
        "made public for the challenge, without a licence text"
        if mobile
        else "from Unsplash, made public for the challenge, without a licence text"
    )
    return DataSet(
        name=f"clic-{'mobile' if mobile else 'pro'}-{split}",
        title=f"CLIC 2020, {'mobile' if mobile else 'professional'}, {split}: {source}",
        use="train" if split == "train" else "test",
        count=count,
        licence=terms,
        citation="Toderici et al., Workshop and Challenge on Learned Image Compression (CLIC2020), CVPR 2020",
        page="https://archive.compression.cc/2021/tasks/index.html",
        layout="PNG files in one folder",
        files=(RemoteFile(path.split("/")[-1], f"{_ETH}/clic/{path}", size, sha256, "*.png"),),
        published=published,
        remark=remark,
    )


_SETS = (
    DataSet(
        name="kodak",
        title="Kodak Lossless True Color Image Suite",
        use="test",
        count=24,
        licence="released by Eastman Kodak for unrestricted use",
        citation="Eastman Kodak, Kodak Lossless True Color Image Suite (PhotoCD PCD0992)",
        page="https://r0k.us/graphics/kodak/",
        layout="kodim01.png to kodim24.png",
        files=_kodak_files(),
        consent=False,
        sizes=((768, 512), (512, 768)),
        published="kodak",
        remark="for testing only: never train, tune or choose checkpoints on it",
    ),
    DataSet(
        name="tecnick",
        title="TESTIMAGES by Tecnick, the 100 pictures RGB_OR_1200x1200 of 2011",
        use="test",
        count=100,
        licence="CC BY-NC-SA 3.0: no commercial use",
        citation="Asuni and Giachetti, TESTIMAGES: a large-scale archive for testing visual devices and basic image "
        "processing algorithms (SAMPLING 1200 RGB set), STAG 2014",
        page="https://testimages.org/",
        layout="PNG files in one folder",
        files=(
            RemoteFile(
                "testimages.zip",
                "https://sourceforge.net/projects/testimages/files/OLD/OLD_SAMPLING/testimages.zip/download",
                members="RGB_OR_1200x1200/*.png",
            ),
        ),
        bytes=511_000_000,
        sizes=((1200, 1200),),
        published="tecnick",
        remark="not the 40 scenes of the later SAMPLING archive, and not the first 35 that some papers use",
    ),
    _clic(
        "professional", "valid", 41, "professional_valid_2020.zip", 134834429,
        "00be38092ade2ab5163b65f7f6523d46c7bca147007f559adbb02c0afc236b7d",
        "clic-pro-valid", "the usual CLIC of papers",
    ),
    _clic(
        "professional", "test", 250, "test/CLIC2020Professional_test.zip", 891643809,
        "857df244fc2bfa5da28d4c66bf0db16ee99bfc79eb807be8afa89cd507852884", "clic2020-professional",
    ),
    _clic(
        "mobile", "valid", 61, "mobile_valid_2020.zip", 236556531,
        "ff0280382eeb32fdceb28c81a7f47ac9ad86d933ebe901680845635d04e47a10",
    ),
    _clic(
        "mobile", "test", 178, "test/CLIC2020Mobile_test.zip", 721789976,
        "2025f07a6c652270e534640de4271feef3b3dd3260beed4ac4821064837aa732", "clic2020-mobile",
    ),
    _clic(
        "professional", "train", 585, "professional_train_2020.zip", 2003385131,
        "54a2a684b5cbd0db91770a8695efb774fed1f612194fee68bceaf6b1c48e5d5f",
    ),
    _clic(
        "mobile", "train", 1048, "mobile_train_2020.zip", 4042923971,
        "4bf9d890e6785426fb41cb4f43df3d8cd6db25fafcc76fc1eb629141166d6529",
    ),
    *(
        DataSet(
            name=name,
            title=f"DIV2K, {split}: pictures of about two megapixels",
            use=use,
            count=count,
            licence="for academic research only",
            citation="Agustsson and Timofte, NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and "
            "Study, CVPR Workshops 2017",
            page="https://data.vision.ee.ethz.ch/cvl/DIV2K/",
            layout="PNG files in one folder",
            files=(RemoteFile(file, f"{_ETH}/DIV2K/{file}", size, sha256, "*.png"),),
        )
        for name, split, use, count, file, size, sha256 in (
            ("div2k", "training", "train", 800, "DIV2K_train_HR.zip", 3530603713,
             "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335"),
            ("div2k-valid", "validation", "test", 100, "DIV2K_valid_HR.zip", 448993893,
             "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
        )
    ),
    DataSet(
        name="flickr2w",
        title="Flickr2W: about 20,000 photographs, the training set of many learned codecs",
        use="train",
        count=20745,
        exact=False,
        licence="for research use only",
        citation="Liu, Lu, Hu and Xu, A Unified End-to-End Framework for Efficient Deep Image Compression, "
        "arXiv 2002.03370",
        page="https://github.com/liujiaheng/CompressionData",
        layout="JPEG files in one folder",
        files=(RemoteFile("flicker_2W_images.zip", members="*.jpg"),),
        steps=(
            "open https://drive.google.com/file/d/1EK04NO6o3zbcFv5G-vtPDEkPB1dWblEF/view in a browser (Google Drive "
            "asks to confirm large files, so no program may fetch it) and download the archive",
            "lic-lab data download flickr2w --from ARCHIVE --accept-licence",
        ),
        remark="JPEG sources: their artefacts are hidden by scaling down while training, which `lic-lab train` does",
    ),
    DataSet(
        name="flickr30k",
        title="Flickr30k: photographs of everyday scenes, training set of MambaVC and MambaIC",
        use="train",
        count=31783,
        licence="Flickr's terms of use; for non-commercial research and education only",
        citation="Young, Lai, Hodosh and Hockenmaier, From image descriptions to visual denotations, TACL 2014",
        page="https://shannon.cs.illinois.edu/DenotationGraph/",
        layout="JPEG files in one folder",
        files=(RemoteFile("flickr30k-images.tar.gz", members="*.jpg"),),
        steps=(
            "fill in the form https://forms.illinois.edu/sec/229675 (name, institution, purpose); a link comes by mail",
            "download flickr30k-images.tar.gz from that link",
            "lic-lab data download flickr30k --from flickr30k-images.tar.gz --accept-licence",
        ),
    ),
    DataSet(
        name="liu4k",
        title="LIU4K version 2, training: pictures of 4K to 6K",
        use="train",
        count=1600,
        exact=False,
        licence="CC BY-NC-ND 4.0: no commercial use, no changed copies",
        citation="Liu, Liu, Yang, Xia, Zhang and Dai, A Comprehensive Benchmark for Single Image Compression Artifact "
        "Reduction, IEEE Transactions on Image Processing 29, 2020",
        page="https://structpku.github.io/LIU4K_Dataset/LIU4K_v2.html",
        layout="PNG files, a folder for each category: Animal, Building, Mountain, Street",
        bytes=60_000_000_000,
        steps=(
            "open https://drive.google.com/drive/folders/1FtVQtY2t_ecuy_gzJqZ-CatqrJBAdq_d in a browser and download "
            "all parts of every category (split zip archives)",
            "join and unpack each with 7-Zip (7z x FIRST_PART) into a folder `liu4k`, one folder for each category",
            "lic-lab data check liu4k",
        ),
        remark="give `lic-lab train` the folders of the categories",
    ),
    DataSet(
        name="instereo2k",
        title="InStereo2K: rectified stereo pairs of rooms, 1080 x 860",
        use="train and test",
        views=2,
        count=2050,
        exact=False,
        licence="no licence is published; made public for research, to be cited",
        citation="Bao, Wang, Xu, Guo, Hong and Zhang, InStereo2K: A large real dataset for stereo matching in indoor "
        "scenes, Science China Information Sciences 2020",
        page="https://github.com/YuhuaXu/StereoDataset",
        layout="train/<scene>/left.png and right.png, test/<scene>/...; disparity maps beside them do no harm",
        sizes=((1080, 860),),
        steps=(
            "open https://pan.baidu.com/s/160BB5bfs0oABLqwJjZzYiA (extraction code 9qwt), or the OneDrive links at "
            "https://github.com/YuhuaXu/StereoDataset, in a browser and download all archives",
            "unpack them into a folder `instereo2k`, so that instereo2k/train/<scene>/left.png and "
            "instereo2k/test/<scene>/left.png exist",
            "lic-lab data check instereo2k",
        ),
        remark="published results are of the 50 test pairs, cropped: lic_lab.datasets.boxes, `instereo2k`",
    ),
    DataSet(
        name="cityscapes",
        title="Cityscapes: rectified stereo pairs of streets, 2048 x 1024",
        use="train and test",
        views=2,
        count=5000,
        licence="for non-commercial use after registration, not to be passed on; see the page's terms of use",
        citation="Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016",
        page="https://www.cityscapes-dataset.com/",
        layout="leftImg8bit/<split>/<city>/<frame>_leftImg8bit.png, rightImg8bit/<split>/<city>/...; train 2975, "
        "val 500, test 1525",
        files=(
            RemoteFile("leftImg8bit_trainvaltest.zip", members="leftImg8bit/*/*/*.png", flat=False),
            RemoteFile("rightImg8bit_trainvaltest.zip", members="rightImg8bit/*/*/*.png", flat=False),
        ),
        bytes=22_000_000_000,
        sizes=((2048, 1024),),
        steps=(
            "register at https://www.cityscapes-dataset.com/register/ (an address of an institution; a person "
            "approves it); rightImg8bit may have to be asked for separately",
            "pip install cityscapesscripts, then csDownload leftImg8bit_trainvaltest.zip and csDownload "
            "rightImg8bit_trainvaltest.zip (it asks for the login)",
            "lic-lab data download cityscapes --accept-licence --from leftImg8bit_trainvaltest.zip "
            "--from rightImg8bit_trainvaltest.zip",
        ),
        published="cityscapes-stereo",
        remark="published results crop the car and the borders away: lic_lab.datasets.boxes, `cityscapes`",
    ),
)  # fmt: skip

CATALOG = {found.name: found for found in _SETS}
"""Name -> data set."""


def dataset(name: str) -> DataSet:
    """Give the data set of that name; raises LicLabError that lists the names, or those that begin so."""
    if name not in CATALOG:
        alike = [known for known in CATALOG if known.startswith(name)] if name else []
        if alike:
            raise LicLabError(f"{name!r} is several data sets, name one of them: {', '.join(alike)}")
        raise LicLabError(f"no data set is called {name!r}; there are {', '.join(CATALOG)}")
    return CATALOG[name]


def located(name: str) -> Path | None:
    """The folder of that name in the first of `data_folders()` that has one, or None."""
    return next((folder / name for folder in data_folders() if name and (folder / name).is_dir()), None)
