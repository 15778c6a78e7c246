"""Brian2's own C++ statements for every object of a model, taken without running or compiling anything.

Brian2 turns equations into statements (state updates, thresholds, resets, synaptic events) for a device. A device that
only keeps the statements stands in for a moment; loops, arrays and queues around them are ours (`_standalone_source`).
Sizes and parameter values do not enter the statements, so one program serves every size and every value.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from dpap_bio import brian
from dpap_bio._brian_load import brian2
from dpap_bio.model import LEARNING, Model
from dpap_bio.network import Table

_DEVICE = "dpap_statements"


@dataclass(frozen=True)
class Array:
    """An array that statements use: `name` in C++, the Brian2 object and variable it belongs to, numpy's dtype."""

    name: str
    owner: str
    variable: str
    dtype: str


@dataclass(frozen=True)
class Block:
    """The statements of one Brian2 object in one time step.

    kind       "stateupdate", "threshold", "reset", "synapses" or "spikes" (given from outside)
    owner      the group or synapses whose elements are looped over
    side       "pre" or "post" for "synapses"
    constants  name in the statements -> ("parameter", name) or ("value", number)
    """

    name: str
    kind: str
    owner: str
    side: str
    scalar: tuple[str, ...]
    vector: tuple[str, ...]
    support: tuple[str, ...]
    arrays: tuple[Array, ...]
    constants: dict[str, tuple]
    refractory: bool


@dataclass(frozen=True)
class Code:
    """What a model does in one time step: groups, synapses -> (source, target, has_post), and blocks in order."""

    groups: tuple[str, ...]
    synapses: dict[str, tuple[str, str]]
    blocks: tuple[Block, ...]

    def as_dict(self) -> dict:
        return asdict(self)


def statements(model: Model, network) -> Code:
    """Ask Brian2 for the statements of a model.

    Arguments
        model    with the equations that are to run
        network  any network of the model: its columns are read, its values and sizes are not
    Raises
        ValueError   the equations are wrong: file, population or projection, Brian2's reason
    """
    from brian2.devices.device import all_devices, get_device, reset_device, set_device

    b2 = brian2()
    few = replace(network, pending={}, neurons={n: t.keep(slice(0, 2)) for n, t in network.neurons.items()},
                  synapses={n: t.keep(slice(0, 0)) for n, t in network.synapses.items()})
    few = replace(few, neurons={n: _at_least_one(t) for n, t in few.neurons.items()})
    if _DEVICE not in all_devices:
        all_devices[_DEVICE] = _device()
    before = get_device()
    set_device(_DEVICE)
    try:
        groups, made = brian._objects(b2, model, few, True)
        parts = [each for objects in made.values() for each in objects if each is not None]
        net = b2.Network(*groups.values(), *parts)
        net._clocks = {each.clock for each in net.sorted_objects}
        with brian.told(model):
            net.before_run({})
        blocks = [block for each in net.sorted_objects for block in _blocks(each)]
    finally:
        reset_device()
        if get_device() is not before:
            raise RuntimeError("Brian2 did not go back to the device that was set before")
    synapses = {s.name: (s.source.name, s.target.name) for s in parts if isinstance(s, b2.Synapses)}
    names = [g.name for g in groups.values()] + [g.name for g in parts if g.name not in synapses]
    return Code(tuple(names), synapses, tuple(blocks))


def _at_least_one(table: Table) -> Table:
    """A group in Brian2 has neurons; how many does not matter here."""
    if len(table):
        return table
    return Table({n: np.zeros(1, c.dtype) for n, c in table.columns.items()})


# -- a device that keeps statements --------------------------------------------------------------------------------


def _device():
    from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
    from brian2.devices.device import RuntimeDevice

    class Statements(RuntimeDevice):
        def code_object_class(self, codeobj_class=None, fallback_pref=None):
            return CPPStandaloneCodeObject

        def spike_queue(self, source_start, source_end):
            return _NoQueue()

        def code_object(self, owner, name, abstract_code, variables, template_name, variable_indices,
                        codeobj_class=None, template_kwds=None, override_conditional_write=None, compiler_kwds=None):
            if template_name not in ("stateupdate", "threshold", "reset", "synapses"):
                return _Kept(template_name, variables, (), (), ())
            template = getattr(codeobj_class.templater, template_name)
            generator = codeobj_class.generator_class(
                variables=variables, variable_indices=variable_indices, owner=owner, iterate_all=template.iterate_all,
                codeobj_class=codeobj_class, override_conditional_write=override_conditional_write,
                allows_scalar_write=template.allows_scalar_write, name=name, template_name=template_name)
            scalar, vector, words = generator.translate(abstract_code, dtype=np.float64)
            support = (*words["hashdefine_lines"], *words["support_code_lines"])
            return _Kept(template_name, variables, tuple(scalar[None]), tuple(vector[None]), support)

    return Statements()


class _NoQueue:
    def prepare(self, *arguments) -> None:
        pass


@dataclass
class _Kept:
    kind: str
    variables: dict
    scalar: tuple[str, ...]
    vector: tuple[str, ...]
    support: tuple[str, ...]

    def __call__(self, **_):
        pass

    def before_run(self):
        pass

    def after_run(self):
        pass


def _blocks(each):
    """The blocks of one Brian2 object; none for the groups themselves, whose parts come on their own."""
    from brian2 import SpikeGeneratorGroup
    from brian2.core.variables import ArrayVariable, Constant
    from brian2.devices.device import get_device

    if isinstance(each, SpikeGeneratorGroup):
        yield Block(each.name, "spikes", each.name, "", (), (), (), (), {}, False)
        return
    for kept in each._code_objects:
        if kept.kind not in ("stateupdate", "threshold", "reset", "synapses"):
            continue
        arrays, constants, refractory = {}, {}, False
        for name, variable in kept.variables.items():
            if isinstance(variable, ArrayVariable):
                array = get_device().get_array_name(variable)
                arrays[array] = Array(array, variable.owner.name, variable.name, np.dtype(variable.dtype).name)
            elif isinstance(variable, Constant):
                constants[name] = float(variable.value)
        owner = getattr(each, "synapses", None) or each.group
        refractory = kept.kind == "threshold" and "lastspike" in kept.variables
        yield Block(each.name, kept.kind, owner.name, getattr(each, "prepost", ""), kept.scalar, kept.vector,
                    kept.support, tuple(arrays.values()), _placed(constants, owner), refractory)


def _placed(constants: dict[str, float], owner) -> dict[str, tuple]:
    """Constants that are parameters of the model by name, the others (units, pi) by value."""
    own = set(owner.namespace or ()) | {LEARNING}
    return {n: ("parameter", n) if n in own else ("value", v) for n, v in constants.items() if n != "N"}
