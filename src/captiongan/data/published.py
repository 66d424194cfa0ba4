"""The data sets that captiongan can fetch: what they are, under which terms, and their files."""

from dataclasses import dataclass

from captiongan.errors import DataError

_GZIP, _MATLAB = b"\x1f\x8b", b"MATLAB 5.0"
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its name, address, first bytes, and size and md5 if known."""

    name: str
    url: str
    starts_with: bytes
    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True)
class DataSet:
    """A published data set: its title, terms and files."""

    title: str
    terms: str
    files: tuple[RemoteFile, ...]


DATA_SETS = {
    "flowers": DataSet(
        "Oxford-102 flowers, 8,189 photographs (Nilsback and Zisserman 2008), with captions by "
        "Reed et al. 2016",
        "The photographs were collected from the web and are offered for research, without a "
        "licence to pass them on; so are the captions.",
        (
            RemoteFile(
                "102flowers.tgz",
                _OXFORD + "102flowers.tgz",
                _GZIP,
                344_862_509,
                "52808999861908f626f3c1f4e79d11fa",
            ),
            RemoteFile(
                "imagelabels.mat",
                _OXFORD + "imagelabels.mat",
                _MATLAB,
                502,
                "e0620be6f572b9609742df49c70aed4d",
            ),
            RemoteFile(
                "setid.mat",
                _OXFORD + "setid.mat",
                _MATLAB,
                14_989,
                "a5357ecc9cb78c4bef273ce3793fc85c",
            ),
            RemoteFile("cvpr2016_flowers.tar.gz", _DRIVE + "0B0ywwgffWnLLcms2WWJQRFNSWXM", _GZIP),
        ),
    ),
    "birds": DataSet(
        "CUB-200-2011 birds, 11,788 photographs (Wah et al. 2011), with captions by Reed et al. "
        "2016",
        "The photographs may be used for non-commercial research and education only; no licence "
        "is stated for the captions.",
        (
            RemoteFile(
                "CUB_200_2011.tgz",
                "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                _GZIP,
                1_150_585_339,
                "97eceeb196236b17998738112f37df78",
            ),
            RemoteFile("cvpr2016_cub.tar.gz", _DRIVE + "0B0ywwgffWnLLZW9uVHNjb2JmNlE", _GZIP),
        ),
    ),
}
"""The data sets, by the kind of their importer."""


def choose_data_set(name: str) -> DataSet:
    """Return a data set by name; raises DataError if there is none of that name."""
    if name not in DATA_SETS:
        raise DataError(f"data set '{name}' is not known; choose one of {', '.join(DATA_SETS)}")
    return DATA_SETS[name]
