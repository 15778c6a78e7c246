"""What surgery cannot do it refuses: in one sentence, and with nothing changed."""

import gc

import brian2
import numpy as np
import pytest
from brian2 import NeuronGroup, SpikeGeneratorGroup, SpikeMonitor, StateMonitor, Synapses, linked_var, ms, mV
from brian2.core.base import BrianObject
from brian2.core.variables import Variables
from surgery_net import build, in_flight

from dpap_bio import _brian_private as private
from dpap_bio.surgery import Structure, grow, prune, remove_neurons, self_test, write_queue

NEWBORN = {"w": 0.3, "alive": 1, "tag": 0, "a": 0, "b": 0, "c": 0}
NO_DELAY = dict.fromkeys(("pre", "slow", "post", "late"), 0 * ms)


def born(net, **changes):
    arguments = {"i": 0, "j": [1, 2], "delay": NO_DELAY, **NEWBORN, **changes}
    return lambda: grow(net.S, **{name: value for name, value in arguments.items() if value is not None})


def some(net):
    return np.arange(len(net.S)) == 3


def watch_a_synapse(net):
    net.kept = StateMonitor(net.S, "w", record=[3], name="watch")
    return lambda: prune(net.S, some(net))


def watch_a_neuron(net):
    net.kept = StateMonitor(net.G, "v", record=[2, 5], name="watch")
    return lambda: remove_neurons(net.G, np.arange(20) == 5)


def synapses_on(net):
    source = SpikeGeneratorGroup(1, [], [] * ms)
    net.kept = Synapses(source, net.S, on_pre="w_post += 1", name="onto"), source


class Stranger(BrianObject):
    """What another package might make: it reads synapses by index, and surgery does not know it."""

    def __init__(self, S):
        super().__init__(name="stranger")
        self.variables = Variables(S)
        self.variables.add_reference("w_of_them", S, "w")


def read_by_a_stranger(net):
    net.kept = Stranger(net.S)
    return lambda: prune(net.S, some(net))


def link_to_neurons(net):
    net.kept = NeuronGroup(20, "x : 1 (linked)", name="mirror")
    net.kept.x = linked_var(net.G, "g")
    return lambda: remove_neurons(net.G, np.arange(20) == 5)


def linked_group(net):
    net.G = NeuronGroup(20, "x : 1 (linked)", name="mirror")
    return lambda: remove_neurons(net.G, np.arange(20) == 5)


def linked_synapses(net):
    net.S = Synapses(net.G, net.G, "x : 1 (linked)", name="mirror")
    net.S.connect()
    return lambda: prune(net.S, some(net))


def index_in(threshold="v > 1", reset="", **code):
    def case(net):
        net.G = NeuronGroup(5, "v : 1", threshold=threshold, reset=reset, name="G")
        net.S = Synapses(net.G, net.G, "w : 1", **code, name="S")
        net.S.connect()
        return lambda: remove_neurons(net.G, np.arange(5) == 1)

    return case


def index_every_ms(net):
    net.spikes = None
    net.G.run_regularly("v = i", dt=1 * ms)
    return lambda: remove_neurons(net.G, np.arange(20) == 5)


def empty_subgroup(net):
    net.kept = net.G[4:6]
    return lambda: remove_neurons(net.G, np.isin(np.arange(20), [4, 5]))


def summed_inside_a_run(net):
    net.network.remove(net.spikes)
    net.spikes = None
    reached = []

    def act(step):
        with pytest.raises(NotImplementedError) as refusal:
            remove_neurons(net.G, np.arange(20) == 5)
        reached.append(refusal.value)

    net.at((3,), act)

    def run():
        net.run(5)
        raise reached[0]

    return run


CASES = {
    "prune: not Synapses": (TypeError, lambda net: lambda: prune(net.G, "v < 1")),
    "prune: indices": (TypeError, lambda net: lambda: prune(net.S, [1, 2])),
    "prune: wrong length": (TypeError, lambda net: lambda: prune(net.S, np.zeros(3, bool))),
    "prune: no condition": (ValueError, lambda net: lambda: prune(net.S, "w")),
    "prune: unknown name": (ValueError, lambda net: lambda: prune(net.S, "w < no_such_name")),
    "prune: wrong unit": (ValueError, lambda net: lambda: prune(net.S, "w < 1*mV")),
    "prune: syntax": (ValueError, lambda net: lambda: prune(net.S, "w <")),
    "prune: recorded": (ValueError, watch_a_synapse),
    "prune: synapses on it": (NotImplementedError, lambda net: (synapses_on(net), lambda: prune(net.S, some(net)))[1]),
    "prune: it on synapses": (
        NotImplementedError,
        lambda net: (synapses_on(net), lambda: prune(net.kept[0], np.zeros(0, bool)))[1],
    ),
    "prune: read by a stranger": (NotImplementedError, read_by_a_stranger),
    "prune: linked": (NotImplementedError, linked_synapses),
    "grow: not Synapses": (TypeError, lambda net: lambda: grow(net.G, i=0, j=0)),
    "grow: synapses on it": (NotImplementedError, lambda net: (synapses_on(net), born(net))[1]),
    "grow: state missing": (ValueError, lambda net: born(net, a=None)),
    "grow: unknown variable": (ValueError, lambda net: born(net, weight=1)),
    "grow: computed variable": (ValueError, lambda net: born(net, k=1)),
    "grow: a string": (TypeError, lambda net: born(net, w="rand()")),
    "grow: fraction for an integer": (TypeError, lambda net: born(net, tag=0.5)),
    "grow: wrong unit": (TypeError, lambda net: born(net, w=1 * mV)),
    "grow: wrong length": (ValueError, lambda net: born(net, w=[1, 2, 3])),
    "grow: i out of range": (ValueError, lambda net: born(net, i=20)),
    "grow: j negative": (ValueError, lambda net: born(net, j=-1)),
    "grow: i not whole": (TypeError, lambda net: born(net, i=0.5)),
    "grow: i a table": (TypeError, lambda net: born(net, i=[[0, 1]])),
    "grow: i and j differ": (ValueError, lambda net: born(net, i=[0, 1, 2])),
    "grow: delay missing": (ValueError, lambda net: born(net, delay=None)),
    "grow: one delay missing": (ValueError, lambda net: born(net, delay=1 * ms)),
    "grow: delay not a time": (TypeError, lambda net: born(net, delay=NO_DELAY | {"pre": 3})),
    "grow: delay negative": (ValueError, lambda net: born(net, delay=NO_DELAY | {"pre": -1 * ms})),
    "grow: no such pathway": (ValueError, lambda net: born(net, delay=NO_DELAY | {"other": 0 * ms})),
    "remove_neurons: not a NeuronGroup": (TypeError, lambda net: lambda: remove_neurons(net.S, "w < 1")),
    "remove_neurons: a subgroup": (TypeError, lambda net: lambda: remove_neurons(net.G[:5], "v < 1")),
    "remove_neurons: wrong length": (TypeError, lambda net: lambda: remove_neurons(net.G, np.zeros(3, bool))),
    "remove_neurons: nobody left": (ValueError, lambda net: lambda: remove_neurons(net.G, "v < 99")),
    "remove_neurons: empty subgroup": (ValueError, empty_subgroup),
    "remove_neurons: recorded": (ValueError, watch_a_neuron),
    "remove_neurons: spikes held": (ValueError, lambda net: lambda: remove_neurons(net.G, np.arange(20) == 5)),
    "remove_neurons: linked to": (NotImplementedError, link_to_neurons),
    "remove_neurons: linked": (NotImplementedError, linked_group),
    "remove_neurons: index in threshold": (NotImplementedError, index_in(threshold="v > i")),
    "remove_neurons: index in reset": (NotImplementedError, index_in(reset="v = i")),
    "remove_neurons: index in a pathway": (NotImplementedError, index_in(on_pre="v_post += j*w")),
    "remove_neurons: index on a clock": (NotImplementedError, index_every_ms),
    "remove_neurons: summed inside a run": (NotImplementedError, summed_inside_a_run),
    "Structure: not Synapses": (TypeError, lambda net: lambda: Structure(net.G, "v < 1")),
    "Structure: prune is an array": (TypeError, lambda net: lambda: Structure(net.S, np.zeros(3, bool))),
    "Structure: grow is a dict": (TypeError, lambda net: lambda: Structure(net.S, grow={"i": 0})),
    "write_queue: lengths differ": (ValueError, lambda net: lambda: write_queue(net.S.pre, [0, 1], [0])),
    "write_queue: the past": (ValueError, lambda net: lambda: write_queue(net.S.pre, [-1], [0])),
    "write_queue: no such synapse": (ValueError, lambda net: lambda: write_queue(net.S.pre, [0], [len(net.S)])),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_is_one_sentence_and_changes_nothing(case):
    kind, prepare = CASES[case]
    net = build(0)
    net.run(40)
    call = prepare(net)
    if case.startswith("remove_neurons") and "held" not in case:
        if net.spikes in net.network.objects:
            net.network.remove(net.spikes)
        net.spikes = None
    before = everything(net)
    with pytest.raises(kind) as refusal:
        call()
    sentence = str(refusal.value)
    assert sentence.startswith(case.split()[0])
    assert len(sentence.splitlines()) == 1
    assert ";" in sentence  # found and wanted; what to do
    if "inside" not in case:
        assert everything(net) == before


def everything(net):
    """Names and values of all that the group and its synapses hold."""
    held = [len(net.G), len(net.S), in_flight(net.S)]
    for group in (net.G, net.S):
        for name, variable in sorted(group.variables.items()):
            if hasattr(variable, "get_value") and not name.startswith("_clock") and getattr(variable, "array", True):
                held.append((name, np.asarray(variable.get_value()).tolist()))
    return held


def test_a_condition_that_cannot_be_evaluated_stops_the_run_before_its_first_step():
    net = build(0)
    net.network.add(Structure(net.S, prune="w < no_such_name", dt=1 * ms))
    with pytest.raises(Exception) as refusal:
        net.run(10)
    assert "no_such_name" in str(refusal.value.__cause__)
    assert net.network.t == 0


def test_a_structure_object_without_its_synapses_in_the_network_does_not_run():
    net = build(0)
    net.network.remove(net.S)
    net.network.add(Structure(net.S, prune="w < 1", name="plan"))
    with pytest.raises(ValueError, match="'plan' has been included in the network but not the object"):
        net.run(1)


@pytest.mark.parametrize("verb", ["prune", "grow", "remove_neurons", "Structure"])
def test_standalone_is_refused_and_told_how_to_go_on(verb, tmp_path):
    net = build(0)
    brian2.set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    try:
        G = NeuronGroup(3, "v : 1", threshold="v > 1", reset="", name="other")
        S = Synapses(G, G, "w : 1", on_pre="v += w", name="others")
        calls = {
            "prune": lambda S, G: prune(S, "w < 1"),
            "grow": lambda S, G: grow(S, i=0, j=0, w=1),
            "remove_neurons": lambda S, G: remove_neurons(G, "v < 1"),
            "Structure": lambda S, G: Structure(S, "w < 1"),
        }
        for objects in ((S, G), (net.S, net.G)):
            with pytest.raises(NotImplementedError, match=rf"^{verb}: .*set_device\('runtime'\)"):
                calls[verb](*objects)
    finally:
        brian2.device.reinit()
        brian2.set_device("runtime")
    with pytest.raises(NotImplementedError, match="standalone"):
        calls[verb](S, G)


def test_what_the_user_has_deleted_is_not_in_the_way():
    net = build(0)
    prepared = watch_a_synapse(net)
    with pytest.raises(ValueError, match="watch records"):
        prepared()
    del net.kept
    assert prepared().tolist() == [3]


def test_objects_whose_construction_failed_or_whose_group_is_gone_are_not_in_the_way():
    net, kept = build(0), []
    net.network.remove(net.spikes)
    net.spikes = None
    for broken in (
        lambda: Synapses(net.G, net.S, on_pre="no_such = 1", delay=3),
        lambda: StateMonitor(net.S, "w", record=[10**6]),
        lambda: StateMonitor(net.G, "v", record=True, dt=3 * mV),
        lambda: SpikeMonitor(net.G, event="none"),
    ):
        with pytest.raises(Exception) as error:
            broken()
        kept.append(error)  # with it the half-built object
    lost = NeuronGroup(3, "v : 1", name="lost")
    kept += [lost[1:], lost.run_regularly("v = 1")]
    del lost
    gc.collect()
    assert prune(net.S, some(net)).tolist() == [3]
    assert remove_neurons(net.G, np.arange(20) == 5).tolist() == [5]


def test_a_monitor_that_has_not_recorded_spikes_yet_follows():
    net = build(0)
    net.spikes = None
    net.spikes = SpikeMonitor(net.G, name="later")
    net.network.add(net.spikes)
    assert len(remove_neurons(net.G, "v < 0.5")) > 3


def test_the_self_test_passes_here():
    self_test()


def test_on_an_unknown_brian2_the_self_test_comes_first_and_stops_surgery_if_it_fails(monkeypatch):
    net = build(0)
    net.run(40)
    before = everything(net)
    monkeypatch.setattr(private, "_trusted", False)
    with monkeypatch.context() as broken:
        broken.setattr(private, "write_queue", lambda pathway, steps, synapse: None)
        with pytest.raises(NotImplementedError, match=r"^self_test: .* Brian2 .*; use Brian2 2\.9 to 2\.11"):
            prune(net.S, some(net))
        assert everything(net) == before
        assert not private._trusted
    assert prune(net.S, some(net)).tolist() == [3]
    assert private._trusted
