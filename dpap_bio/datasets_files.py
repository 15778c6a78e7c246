"""Where real data lie: in the folder DPAP_DATA, then in the cache of downloads; nothing is fetched unasked."""
import os
import re
from pathlib import Path

# dataset: (relative folders it may lie in, one of these patterns must be there)
_LAYOUTS = {
    "mnist": (("mnist", "MNIST/raw", "MNIST", "."), ("t10k-images-idx3-ubyte*", "train-images-idx3-ubyte*")),
    "nmnist": (("nmnist/bs2", "nmnist", "NMNIST", "nmnist/NMNIST", "."), ("train1K.txt", "Train/[0-9]")),
}
_MNIST = {  # file: SHA-256 of the official file
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_MIRROR = {"mnist": "https://ossci-datasets.s3.amazonaws.com/mnist"}
_FILES = {"mnist": _MNIST}
_BY_HAND = {
    "nmnist": "fetch Train.zip and Test.zip by hand from https://www.garrickorchard.com/datasets/n-mnist "
              "and unpack them as NMNIST/Train and NMNIST/Test",
    "retinal_waves": "fetch https://github.com/sje30/waverepo by hand",
    "hippocampal_cortical_cultures_mea": "fetch https://github.com/sje30/g2chvcdata by hand",
    "epa_cortical_mea_development": "fetch https://github.com/sje30/EPAmeadev by hand",
}


def find(name, download=False):
    """The folder of a dataset, or the file of a recording, by name: in DPAP_DATA, then in the cache of downloads.

    Arguments
        name      str       "mnist", "nmnist", a folder ("retinal_waves", "Maccione2014") or an HDF5 file without
                            its ending, which may lie up to two folders deep
        download  bool      fetch it into the cache where it is absent and a public source is known: only "mnist"
    Returns
        Path                a folder, or an .h5 file
    Raises
        FileNotFoundError   what was looked for, where, and what to do
        ValueError          the name is a path
    """
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise ValueError(f"dataset name {name!r}; wanted letters, digits and _ . + -, no folders")
    for root in roots():
        for path in _candidates(root, name):
            return path
    if download:
        return fetch(name)
    places = " and ".join(str(root) for root in roots())
    told = "" if os.environ.get("DPAP_DATA") else " (DPAP_DATA is not set)"
    todo = f'call find("{name}", download=True)' if name in _FILES else _BY_HAND.get(name, "fetch it by hand")
    raise FileNotFoundError(f"{name}: no such dataset or recording in {places}{told}; {todo}, "
                            "or set DPAP_DATA to the folder that holds it")


def roots():
    """The folders that are searched, in order: DPAP_DATA where set, then the cache of downloads."""
    import pooch
    own = os.environ.get("DPAP_DATA")
    return ([Path(own)] if own else []) + [Path(pooch.os_cache("dpap_bio"))]


def fetch(name, mirror=None):
    """Download a dataset into the cache, checking SHA-256; files that are there and right are kept.

    Arguments
        name    str          "mnist"
        mirror  str or None  address of a folder with the same files; None is the public one
    Returns
        Path                 its folder in the cache; the user's own folders are never written to
    Raises
        FileNotFoundError    no public source with a known hash, or the source does not answer
        ValueError           what came is not the official file
    """
    import pooch
    if name not in _FILES:
        raise FileNotFoundError(f"{name} cannot be downloaded by dpap_bio: {_BY_HAND.get(name, 'fetch it by hand')}, "
                                "then set DPAP_DATA to the folder that holds it")
    folder, mirror = Path(pooch.os_cache("dpap_bio")) / name, mirror or _MIRROR[name]
    for file, sha256 in _FILES[name].items():
        try:
            pooch.retrieve(f"{mirror}/{file}", f"sha256:{sha256}", fname=file, path=folder)
        except ValueError:
            raise ValueError(f"{mirror}/{file} is not the official file (its SHA-256 differs); "
                             "nothing was kept, try another mirror") from None
        except OSError as error:
            raise FileNotFoundError(f"{mirror}/{file} could not be fetched ({type(error).__name__}); "
                                    "go online or set DPAP_DATA to a folder that holds it") from None
    return folder


def _candidates(root, name):
    """What the name may mean below one root, best first."""
    if name in _LAYOUTS:
        folders, marks = _LAYOUTS[name]
        return [root / f for f in folders if any(True for mark in marks for _ in (root / f).glob(mark))]
    folders = [p for pattern in (name, f"*/{name}") for p in sorted(root.glob(pattern)) if p.is_dir()]
    return folders + [p for depth in ("", "*/", "*/*/") for p in sorted(root.glob(f"{depth}{name}.h5"))]
