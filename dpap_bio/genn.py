"""Epochs by GeNN through Brian2GeNN, in a process and an environment of its own; on the processor.

The same contract as every backend. What the model may contain is checked here, before anything is started or built.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from dpap_bio.genn_environment import find
from dpap_bio.genn_form import formulate
from dpap_bio.model import Model
from dpap_bio.network import Network
from dpap_bio.spikes import Spikes
from dpap_bio.worker import Worker


class Genn:
    """GeNN for the epochs of one development; its process begins with the first epoch and ends with this object.

    Arguments
        target   "cpu" or "gpu"
    Raises
        ValueError   there is no environment for it, or the target cannot be had here
    """

    def __init__(self, target: str = "cpu"):
        if target == "gpu":
            raise ValueError(_no_gpu())
        python, genn = find()
        self._worker = Worker("genn", target, python=python, environment={"GENN_PATH": genn})

    def __call__(self, model: Model, network: Network, stimuli: Mapping[str, Spikes], n_steps: int, *,
                 learning: bool = True):
        """One epoch, as `backends.Advance` says.

        Raises
            ValueError          the model has something that Brian2GeNN does wrong or not at all: the line and why
            ChildProcessError   the process ended
        """
        formulate(model)
        return self._worker.advance(model, network, stimuli, n_steps, learning=learning)

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def _no_gpu() -> str:
    if shutil.which("nvidia-smi") is None:
        return "backend genn, target gpu: this machine has no CUDA device (nvidia-smi is not there); use --target cpu"
    return ("backend genn, target gpu: nobody has run it on a GPU yet, and Brian2GeNN is wrong in silence where it is "
            "wrong, so it is refused; use --target cpu")
