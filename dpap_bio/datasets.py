"""Real data by name: bundled digits, MNIST, event data and spike recordings; nothing is downloaded unasked."""
from dpap_bio.datasets_events import Events, as_tonic, events, nmnist
from dpap_bio.datasets_files import fetch, find
from dpap_bio.datasets_images import Images, digits, mnist, split
from dpap_bio.datasets_recordings import Recording, recording, recordings

__all__ = ["Events", "Images", "Recording", "as_tonic", "digits", "events", "fetch", "find", "mnist", "nmnist",
           "recording", "recordings", "split"]
