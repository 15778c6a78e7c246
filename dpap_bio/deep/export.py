"""A trained network as two files anybody can read: weights in safetensors, everything else in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dpap_bio import store
from dpap_bio.deep import model as models
from dpap_bio.deep.checkpoint import network_arrays, network_from
from dpap_bio.deep.deaths import compacted
from dpap_bio.deep.network import DeepNetwork

FORMAT = "dpap-deep-network/1"


def export(net: DeepNetwork, path: Path | str, *, compact: bool = True) -> Path:
    """Write `path`.safetensors and `path`.json, each whole or not at all.

    Arguments
        net      any deep network
        path     without ending
        compact  cut the dead out before; the output stays the same
    Returns
        Path     of the JSON file
    """
    from safetensors.numpy import save

    path = Path(path)
    arrays = network_arrays(compacted(net) if compact else net)
    flat = {f"{layer}.{name}": np.ascontiguousarray(a) for layer, two in arrays.items() for name, a in two.items()}
    content = {"schema": FORMAT, "model": net.model.name, "layers": {n: sorted(two) for n, two in arrays.items()},
               "set": {n: p.value for n, p in net.model.parameters.items()}, "texts": dict(net.model.texts),
               "shown": net.model.shown}
    store.write_bytes_atomically(path.with_name(path.name + ".safetensors"), save(flat))
    described = path.with_name(path.name + ".json")
    store.write_text_atomically(described, json.dumps(content, indent=1) + "\n")
    return described


def reload(path: Path | str) -> DeepNetwork:
    """The network that `export` wrote, from its own model text: no other file is needed.

    Raises
        FileNotFoundError, ValueError   one sentence: which file, and what is wrong with it
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(path)
    described, weights = (path.with_name(path.name + end) for end in (".json", ".safetensors"))
    try:
        content = json.loads(described.read_text(encoding="utf-8"))
        if content.get("schema") != FORMAT:
            raise ValueError(f"its schema is {content.get('schema')!r}, {FORMAT!r} is wanted")
        flat = load(weights.read_bytes())
        arrays = {layer: {n: flat[f"{layer}.{n}"] for n in names} for layer, names in content["layers"].items()}
        (text,) = content["texts"].values()
        model = models.from_text(content["model"], text, content["set"])
        if content.get("shown") is not None:
            model = models.with_steps(model, content["shown"])
        return network_from(model, arrays)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error.filename} is missing: a network is exported as a .json and a .safetensors"
                                ) from None
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ValueError(f"{path.name}: no network can be read from it: {error}") from None
