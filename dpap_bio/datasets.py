"""Real data by name: bundled digits, MNIST, event data and spike recordings; nothing is downloaded unasked."""
from dpap_bio.datasets_files import fetch, find
from dpap_bio.datasets_images import Images, digits, mnist, split

__all__ = ["Images", "digits", "fetch", "find", "mnist", "split"]
