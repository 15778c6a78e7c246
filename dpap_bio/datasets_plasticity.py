"""Published experiments on plasticity as tables of conditions: what was done to a connection and what came of it."""
import csv

import numpy as np

from dpap_bio.datasets_files import find

_FILE = "paired_recordings.csv"


def pairings():
    """The 42 protocols of paired recordings that Chindemi et al. 2022 collected, in the order of the file.

    Returns
        list of str             names, e.g. "sjs01_02"
        dict of (42,) float     lag (post after pre), interval (of the spikes of a train), spikes (in a train), sweeps,
                                sweep_rate, change (relative to before), sem, n, study (numbered from 1 as in the file)
        dict                    their units
    Raises
        FileNotFoundError       the table is not on this machine
        ValueError              the file is not that table
    """
    path = find("plastyfire_biodata") / _FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; fetch it from https://github.com/BlueBrain/plastyfire")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    try:
        def column(name):
            return np.array([float(row[name]) for row in rows])

        columns = {"lag": column("dt_train"), "interval": 1e3 / column("frequency_train"),
                   "spikes": column("n_stimuli_train"), "sweeps": column("n_sweep"),
                   "sweep_rate": 1 / column("period_sweep"), "change": column("mean_epsp_ratio") - 1,
                   "sem": column("sem_epsp_ratio"), "n": column("sample_size")}
        names = [row["protocol_id"] for row in rows]
        studies = list(dict.fromkeys(row["reference"] for row in rows))
        columns["study"] = np.array([float(studies.index(row["reference"]) + 1) for row in rows])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is not the table of paired recordings: {error}") from None
    return names, columns, dict.fromkeys(columns, "1") | {"lag": "ms", "interval": "ms", "sweep_rate": "Hz"}


RECORDED = {"pairings": pairings}
