"""Thousands of broken files: each loads or is refused in one sentence that names file and key; what loads also builds.

More by hand: DPAP_FUZZ=2000 pytest tests/test_files.py -s
"""

import os
import re
import time

import numpy as np
import pytest
from data_folder import DATA
from mutants import MARK, mutants

from dpap_bio import brian, kinds, library, model, newborn
from dpap_bio.deep import model as deep
from dpap_bio.spikes import Spikes

OF_DATA = ("recorded_pairings",)  # conditions come from recorded data
COUNT = int(os.environ.get("DPAP_FUZZ", "0"))
LONGEST = 900  # characters of a sentence
_ON_NEURON = {"lif": [], "adaptive_threshold": ["lif"], "intrinsic_plasticity": ["lif"], "spike_trace": ["lif"],
              "relay": []}
_OF_THEIR_OWN = ("weight", "calcium_threshold")  # they define w; the others change the w of a synapse


def host(name, path):
    """A small model around the mechanism `name`, read from `path`."""
    cell = [*_ON_NEURON[name], path] if name in _ON_NEURON else ["lif"]
    wire = [] if name.endswith("_synapse") or name in _OF_THEIR_OWN else ["current_synapse"]
    if name == "relay":  # it is driven by imposed spikes, not by currents
        wire = ["imposed_spike"]
    if name == "weight":
        wire, path = [path], "pair_stdp"
    if name == "imposed_spike":
        cell, wire = ["relay"], []
    wire += [] if name in _ON_NEURON else [path]
    return f"""schema = "dpap-model/1"
title = "A host"
dt = "1 ms"
populations.input = {{ size = 3, stimulated = true }}
populations.cell = {{ size = 2, mechanisms = {cell} }}
[projections.wire]
from = "input"
to = "cell"
mechanisms = {wire}
delay = "2 ms"
connect = {{ share = 1.0 }}
"""


def load(kind, path):
    if kind == "protocol":
        return kinds.load(str(path))[1]
    if kind == "deep model":
        return deep.load(str(path))
    if kind == "mechanism":
        path.with_name("host.toml").write_text(host(path.stem, f"./{path.name}"), encoding="utf-8")
        path = path.with_name("host.toml")
    return model.load(str(path))


def said(error, *names):
    """The complaint, if it is one sentence of the form "file: where: what"; else the test fails."""
    text = str(error)
    assert "\n" not in text and len(text) <= LONGEST, text
    assert re.match(rf"({'|'.join(map(re.escape, names))}): \S", text), text
    return text


def every(kind):
    """(kind, name) of all shipped files of a kind; models of deep networks are a kind of their own."""
    names = library.names(kind.removeprefix("deep "))
    if kind.endswith("model"):
        names = [n for n in names if n.startswith("deep_") == kind.startswith("deep ")]
    return [(kind, name) for name in names]


def find(kind, name):
    return library.find(kind.removeprefix("deep "), name)


@pytest.mark.parametrize(("kind", "name"), [*every("model"), *every("deep model"), *every("mechanism"),
                                             *every("protocol")])
def test_a_broken_file_loads_or_is_refused_in_one_sentence(kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name in OF_DATA:
        if not DATA.is_dir():
            pytest.skip("the recorded data are not on this machine")
        monkeypatch.setenv("DPAP_DATA", str(DATA))
    text = find(kind, name).read_text(encoding="utf-8")
    count = COUNT or {"model": 20, "deep model": 20, "mechanism": 12, "protocol": 10}[kind]
    loaded, slowest = 0, 0.0
    for data in mutants(text, f"{kind} {name}", count):
        path = tmp_path / f"{name}.toml"
        path.write_bytes(data)
        begun = time.perf_counter()
        try:
            load(kind, path)
            loaded += 1
        except (ValueError, FileNotFoundError) as error:
            said(error, path.name, "host.toml", *(f"{n}.toml" for n in library.names("model")))
        slowest = max(slowest, time.perf_counter() - begun)
    assert not list(tmp_path.rglob(f"*{MARK}*"))
    print(f"{kind} {name}: {count} files, {loaded} load, slowest {slowest:.2f} s")


@pytest.mark.parametrize(("kind", "name"), [*every("model"), *every("mechanism")])
def test_what_loads_also_builds_or_is_refused_in_one_sentence(kind, name, tmp_path):
    text = library.find(kind, name).read_text(encoding="utf-8")
    path, built = tmp_path / f"{name}.toml", 0
    for data in mutants(text, f"build {kind} {name}", COUNT // 4 or 6):
        path.write_bytes(data)
        try:
            made = load(kind, path)
        except (ValueError, FileNotFoundError):
            continue
        if max(p.size for p in made.populations.values()) > 1000:
            continue
        try:
            two_steps(made)
            built += 1
        except ValueError as error:
            said(error, path.name, "host.toml")
    print(f"{kind} {name}: {built} build and run")


def two_steps(made):
    """Build a model's network and its Brian2 objects, and let it live for two steps without input."""
    none, n = np.empty(0, np.int64), 2
    silence = {name: Spikes(none, none, made.populations[name].size, n, made.dt, none, none, none)
               for name in made.stimulated()}
    with np.errstate(all="ignore"):
        return brian.advance(made, newborn.start_network(made, 1), silence, n, target="numpy")


@pytest.mark.parametrize("name", library.names("mechanism"))
def test_every_mechanism_runs_in_a_small_host(name, tmp_path):
    path = tmp_path / f"{name}.toml"
    path.write_text(library.find("mechanism", name).read_text(encoding="utf-8"), encoding="utf-8")
    network, _ = two_steps(load("mechanism", path))
    assert network.step == 2


def test_mutants_are_the_same_for_the_same_seed():
    text = library.find("mechanism", "lif").read_text(encoding="utf-8")
    first, again, other = (list(mutants(text, seed, 30)) for seed in ("a", "a", "b"))
    assert first == again != other
    assert sum(data != text.encode() for data in first) > 25


@pytest.mark.parametrize("name", ["critical_period", "dpap_digits"])
def test_the_old_word_for_a_quota_is_refused_with_the_new_one(name, tmp_path):
    text = library.find("protocol", name).read_text(encoding="utf-8")
    path = tmp_path / f"{name}.toml"
    path.write_text(text.replace("quota_of", "density_of"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"random\.density_of: this key is now called 'quota_of'"):
        load("protocol", path)


@pytest.mark.parametrize("name", ["critical_period", "bcm_selectivity", "dpap_digits"])
@pytest.mark.parametrize(("wrong", "said"), [
    ("again", "is the name of two of them"), ('figures = ["no_such_figure"]', "figures: no analysis"),
    ("must_fail_in = ['nobody']", "must_fail_in: there is no arm 'nobody'"),
    ("sizes = ['huge']", "there is no size 'huge'; there are full, quick"),
    ("[sizes.odd]\narms = ['nobody']", "sizes.odd.arms: there is no arm 'nobody'")])
def test_what_all_kinds_of_protocol_share_is_checked_alike(name, wrong, said, tmp_path):
    text = library.find("protocol", name).read_text(encoding="utf-8")
    if wrong == "again":
        begin = text.index("[[arms]]")
        wrong = text[begin : text.index("\n[", begin + 1)] + "\n"
    path = tmp_path / f"{name}.toml"
    if wrong.startswith("["):
        path.write_text(f"{text}\n{wrong}\n", encoding="utf-8")
    elif wrong.startswith("figures"):
        rest = [line for line in text.splitlines() if not line.startswith("figures")]
        path.write_text("\n".join([rest[0], wrong, *rest[1:]]), encoding="utf-8")
    else:
        plain = "\n".join(line for line in text.splitlines() if not line.startswith(wrong.split(" = ")[0]))
        path.write_text(plain.replace("[[criteria]]\n", f"[[criteria]]\n{wrong}\n", 1), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"^{name}\.toml: ") as error:
        kinds.load(str(path), size="odd" if "sizes.odd" in wrong else None)
    assert said in str(error.value) and "\n" not in str(error.value)
