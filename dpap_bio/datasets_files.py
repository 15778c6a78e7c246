"""Where real data lie: in the folder DPAP_DATA, then in the cache of downloads; nothing is fetched unasked."""
import os
import re
import tarfile
from pathlib import Path

# dataset: (relative folders it may lie in, one of these patterns must be there)
_LAYOUTS = {
    "mnist": (("mnist", "MNIST/raw", "MNIST", "."), ("t10k-images-idx3-ubyte*", "train-images-idx3-ubyte*")),
    "fashion_mnist": (("fashion_mnist", "FashionMNIST/raw", "FashionMNIST"),
                      ("t10k-images-idx3-ubyte*", "train-images-idx3-ubyte*")),
    "cifar10": (("cifar10", "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin", "."), ("*_batch*.bin", "*.c10l")),
    "cifar100": (("cifar100", "cifar100/cifar-100-binary", "cifar-100-binary"), ("train.bin", "test.bin")),
    "dvs_gesture": (("dvs_gesture", "DVSGesture"), ("ibmGesture*",)),
    "cifar10_dvs": (("cifar10_dvs", "CIFAR10DVS"), ("*/*.aedat4",)),
    "shd": (("shd", "SHD"), ("shd_*.h5",)),
    "nmnist": (("nmnist/bs2", "nmnist", "NMNIST", "nmnist/NMNIST", "."), ("train1K.txt", "Train/[0-9]")),
}
_MNIST = {  # file: hash of the official file
    "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_FASHION = {  # the hashes that Zalando and torchvision publish
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
_MIRROR = {"mnist": "https://ossci-datasets.s3.amazonaws.com/mnist",
           "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
           "cifar10": "https://www.cs.toronto.edu/~kriz", "cifar100": "https://www.cs.toronto.edu/~kriz"}
_FILES = {"mnist": _MNIST, "fashion_mnist": _FASHION,  # the hashes of CIFAR are those of its own page
          "cifar10": {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
          "cifar100": {"cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"}}
_BY_HAND = {
    "nmnist": "fetch Train.zip and Test.zip by hand from https://www.garrickorchard.com/datasets/n-mnist "
              "and unpack them as NMNIST/Train and NMNIST/Test",
    "dvs_gesture": "fetch DvsGesture.tar.gz from https://research.ibm.com/interactive/dvsgesture as arrays (tonic's "
                   "ibmGestureTrain.tar.gz and ibmGestureTest.tar.gz) and unpack them as DVSGesture/",
    "cifar10_dvs": "fetch CIFAR10DVS.zip (AEDAT4, as tonic has it) and unpack it as CIFAR10DVS/<class>/*.aedat4",
    "shd": "fetch shd_train.h5.zip and shd_test.h5.zip from https://zenkelab.org/datasets and unpack them as SHD/",
    "retinal_waves": "fetch https://github.com/sje30/waverepo by hand",
    "hippocampal_cortical_cultures_mea": "fetch https://github.com/sje30/g2chvcdata by hand",
    "epa_cortical_mea_development": "fetch https://github.com/sje30/EPAmeadev by hand",
}


class DataMissing(FileNotFoundError):
    """Recorded data are not on this machine; all else may be in order."""


def find(name, download=False):
    """The folder of a dataset, or the file of a recording, by name: in DPAP_DATA, then in the cache of downloads.

    Arguments
        name      str       "mnist", "nmnist", a folder ("retinal_waves", "Maccione2014") or an HDF5 file without
                            its ending, which may lie up to two folders deep
        download  bool      fetch it into the cache where it is absent and a public source with a known hash is known
    Returns
        Path                a folder, or an .h5 file
    Raises
        DataMissing         what was looked for, where, and what to do
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
    raise DataMissing(f"{name}: no such dataset or recording in {places}{told}; {todo}, "
                            "or set DPAP_DATA to the folder that holds it")


def roots():
    """The folders that are searched, in order: DPAP_DATA where set, then the cache of downloads."""
    import pooch
    own = os.environ.get("DPAP_DATA")
    return ([Path(own)] if own else []) + [Path(pooch.os_cache("dpap_bio"))]


def fetch(name, mirror=None):
    """Download a dataset into the cache, checking hashes; files that are there and right are kept, archives unpacked.

    Arguments
        name    str          "mnist", "fashion_mnist", "cifar10" or "cifar100"
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
    for file, known in _FILES[name].items():
        try:
            here = pooch.retrieve(f"{mirror}/{file}", known, fname=file, path=folder)
            if file.endswith(".tar.gz"):
                with tarfile.open(here) as archive:
                    archive.extractall(folder, filter="data")
        except ValueError:
            raise ValueError(f"{mirror}/{file} is not the official file (its hash differs); "
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
