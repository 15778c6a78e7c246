"""SCHEMA: every variable of a run file, with dimensions, unit and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import xarray as xr

FORMAT = "dpap-run/1"

ATTRIBUTES = {
    "schema": f"always {FORMAT!r}",
    "protocol": "name of the protocol",
    "title": "what the protocol is about",
    "kind": "development, experiment or training",
    "size": "which of the protocol's sizes was run",
    "model": "name of the model",
    "seeds": "JSON list: the seeds of every arm",
    "epochs": "JSON number: epochs of a whole development",
    "backend": "which backend simulated",
    "target": "how it generated code",
    "overrides": "JSON object: parameters set against the files, by the size or the user",
    "versions": "JSON object: versions of the packages that took part",
}


@dataclass(frozen=True)
class Column:
    """One variable: dimensions, kind of numbers ("f", "i", "U" text, "*" any), unit ("name" for text), meaning."""

    dims: tuple[str, ...]
    kind: str
    units: str
    long_name: str


def _columns(dims: str, rows: str) -> dict[str, Column]:
    """Columns of one table, a line each: name | kind | unit | meaning [| other dimensions]."""
    out = {}
    for line in rows.strip().splitlines():
        name, kind, units, meaning, *other = (part.strip() for part in line.split("|"))
        out[name] = Column(tuple((other[0] if other else dims).split()), kind, units, meaning)
    return out


SCHEMA: dict[str, dict[str, Column]] = {
    "files": _columns("file", """
        file    | U | name | kind and name of a file that the run was made from
        text    | U | name | the file's text
        sha256  | U | name | SHA-256 of the text in UTF-8"""),
    "parameters": _columns("parameter", """
        parameter | U | name | parameter, in the main arm's first stage; owner.parameter where an owner has its own
        value     | f | 1    | value in the unit beside it
        unit      | U | name | unit of the value
        source    | U | name | bibliography key, empty if chosen
        chosen    | U | name | reason for our own choice, empty if there is a source
        evidence  | U | name | verified, from memory, computed, or empty"""),
    "stages": _columns("stage", """
        stage    | U | name | stage of development
        epochs   | i | 1    | number of epochs
        seconds  | f | s    | simulated time of an epoch
        days     | f | day  | developmental time that an epoch stands for
        stimulus | U | name | kind and parameters of the stimulus
        changes  | U | name | JSON object: parameters set in this stage"""),
    "conditions": _columns("condition", """
        condition | U | name | condition of the experiment, side by side with the others
        copies    | i | 1    | copies of the network in this condition
        *         | f | *    | what differs between the conditions, or what was published of them"""),
    "arms": _columns("arm", """
        arm     | U | name | arm of the protocol
        title   | U | name | what the arm is
        changes | U | name | JSON object: rules replaced and parameters set"""),
    "criteria": _columns("criterion arm", """
        criterion | U | name | criterion, in the protocol's order                        | criterion
        arm       | U | name | arm of the protocol                                       | arm
        seed      | i | 1    | seed                                                      | seed
        measure   | U | name | what was measured                                         | criterion
        title     | U | name | what is claimed                                           | criterion
        args      | U | name | JSON object: arguments of the measure                     | criterion
        unit      | U | name | unit of value, low and high                               | criterion
        low       | f | 1    | lowest value that passes                                  | criterion
        high      | f | 1    | highest value that passes                                 | criterion
        source    | U | name | bibliography key, empty if chosen                         | criterion
        chosen    | U | name | reason for the bounds, empty if there is a source         | criterion
        evidence  | U | name | verified, from memory, computed, or empty                 | criterion
        value     | f | 1    | mean over the seeds; NaN where there is none
        sem       | f | 1    | standard error of the mean over seeds; NaN below two
        n         | i | 1    | seeds that the mean is taken over
        by_seed   | f | 1    | value of each seed; NaN where there is none               | criterion arm seed
        verdict   | U | name | passed, failed, ...; empty where not judged
        note      | U | name | why there is no value, if so"""),
    "*/seed_*/summary": _columns("epoch", """
        epoch      | i | 1    | epoch, -1 is birth
        age        | f | day  | developmental age
        stage      | U | name | stage of development
        population | U | name | population                                               | population
        projection | U | name | projection                                               | projection
        neurons    | i | 1    | living neurons                                           | epoch population
        rate       | f | Hz   | mean firing rate                                         | epoch population
        synapses   | i | 1    | living synapses                                          | epoch projection
        density    | f | 1    | synapse density, living over possible                       | epoch projection
        born       | i | 1    | synapses born in the epoch                               | epoch projection
        died       | i | 1    | synapses eliminated in the epoch                         | epoch projection
        weight     | f | 1    | mean synaptic weight                                     | epoch projection"""),
    "*/seed_*/neurons": _columns("neuron", """
        id         | i | 1    | neuron, for life, within its population
        population | U | name | population
        born       | f | day  | age at birth
        died       | f | day  | age at death, NaN while alive"""),
    "*/seed_*/synapses_*": _columns("synapse", """
        id      | i | 1   | synapse, for life
        pre     | i | 1   | presynaptic neuron
        post    | i | 1   | postsynaptic neuron
        born    | f | day | age at birth
        died    | f | day | age at elimination, NaN while alive
        w_birth | f | 1   | weight at birth
        w_last  | f | 1   | weight at elimination or, of the living, in the last snapshot"""),
    "*/seed_*/snapshots_*": _columns("entry", """
        epoch | i | 1 | epoch of the snapshot, -1 is birth; left out if equal to the one before
        id    | i | 1 | synapse, for life
        pre   | i | 1 | presynaptic neuron
        post  | i | 1 | postsynaptic neuron
        *     | * | * | state of a synapse, as the model has it"""),
    "*/seed_*/spikes_*": _columns("spike", """
        epoch  | i | 1 | epoch of the recording
        time   | f | s | time since the start of the recording
        neuron | i | 1 | neuron"""),
    "*/seed_*/cells_*": _columns("epoch", """
        epoch | i | 1  | epoch
        cell  | i | 1  | neuron                                                | cell
        rate  | f | Hz | firing rate of a neuron, NaN once it is dead          | epoch cell"""),
    "*/seed_*/probes/*/*": _columns("presentation", """
        label    | i | 1 | class of the stimulus
        input    | i | 1 | spikes of an input neuron in a presentation   | presentation input_neuron
        count_*  | i | 1 | spikes of a neuron in a presentation          | presentation neuron_of_*
        neuron_* | i | 1 | neuron                                        | neuron_of_*"""),
    "*/seed_*/outcome": _columns("...", """
        * | * | * | what the experiment gave"""),
    "*/seed_*/training": _columns("epoch", """
        epoch        | i | 1    | epoch of training, -1 is before the first
        part         | U | name | part of the data                                   | part
        layer        | U | name | layer with weights                                 | layer
        loss         | f | 1    | mean loss                                          | epoch part
        accuracy     | f | 1    | share of right answers; NaN where nothing was asked | epoch part
        weights      | i | 1    | weights of the unpruned layer                      | epoch layer
        units        | i | 1    | units of the unpruned layer                        | epoch layer
        macs         | i | 1    | multiplications of the unpruned layer for a sample | epoch layer
        live_weights | i | 1    | weights that live                                  | epoch layer
        live_units   | i | 1    | units that live                                    | epoch layer
        live_macs    | i | 1    | multiplications of live weights for a sample       | epoch layer
        spikes       | f | 1    | spikes of the layer for a sample                   | epoch layer
        synops       | f | 1    | spikes arriving at live weights for a sample       | epoch layer"""),
}
OPTIONAL = ("criteria",)
NEEDED = {  # by kind: groups of the run beside those that every run has, and groups of each arm and seed
    "development": (("stages",), ("summary", "neurons")),
    "experiment": ((), ("outcome",)),
    "training": ((), ("training",)),
}
_STATES = {"w": "weight", "reserve": "survival reserve", "score": "importance", "spine": "spine size"}


def labelled(path: str, columns: dict[str, object], units: dict[str, str] | None = None) -> xr.Dataset:
    """The dataset of a group: each column with the dimensions, unit and meaning that SCHEMA gives it.

    Arguments
        path     str                 of the group, e.g. "main/seed_1/summary"
        columns  name -> array
        units    name -> unit        of columns that SCHEMA leaves to the model
    Raises
        KeyError                     SCHEMA knows no such group or column
    """
    known = group_of(path)
    variables = {}
    for name, values in columns.items():
        column = column_of(known, name)
        unit = (units or {}).get(name, "1") if column.units == "*" else column.units
        array = np.asarray(values, np.float64 if column.kind == "f" else None)
        array = array.astype(str) if column.kind == "U" else array
        meaning = column.long_name if column.units != "*" else _STATES.get(name, f"{name}, {column.long_name}")
        variables[name] = (column.dims, array, {"units": unit, "long_name": meaning})
    coordinates = {name: v for name, v in variables.items() if v[0] == (name,)}
    return xr.Dataset({n: v for n, v in variables.items() if n not in coordinates}, coordinates)


def schema_text() -> str:
    """SCHEMA as text: what `dpap schema` prints."""
    lines = [f"Format {FORMAT}. Attributes of the file:"]
    lines += [f"  {name:11} {meaning}" for name, meaning in ATTRIBUTES.items()]
    for path, columns in SCHEMA.items():
        lines += ["", f"/{path}" + (" (once judged)" if path in OPTIONAL else "")]
        for name, c in columns.items():
            unit = {"name": "text", "*": "own unit"}.get(c.units, c.units)
            lines.append(f"  {name:11} ({', '.join(c.dims)})  {unit}  {c.long_name}")
    return "\n".join(lines)


def group_of(path: str) -> dict[str, Column]:
    """The columns of the group that a path belongs to; KeyError where SCHEMA knows none."""
    parts = path.split("/")
    for pattern, columns in SCHEMA.items():
        wanted = pattern.split("/")
        if len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted)):
            return columns
    raise KeyError(path)


def column_of(known: dict[str, Column], name: str) -> Column:
    """A column by its name, `*` in dimensions filled in; KeyError where the group has none."""
    if name in known:
        return known[name]
    for pattern, column in known.items():
        if "*" in pattern and fnmatchcase(name, pattern):
            rest = name[len(pattern) - 1 :]
            return Column(tuple(d.replace("*", rest) for d in column.dims), column.kind, column.units, column.long_name)
    raise KeyError(name)
