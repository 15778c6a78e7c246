"""What goes into a compiled program and comes out: the order of numbers and arrays, and the C++ that takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dpap_bio._standalone_code import Code

TYPES = {"float64": "double", "bool": "char", "int32": "int32_t", "int64": "int64_t"}
HELD = TYPES | {"bool": "int64_t"}  # as long as the program runs
CLOCK = {"_array_dpap_clock_t": ("double", "t"), "_array_dpap_clock_dt": ("double", "dt"),
          "_array_dpap_clock_timestep": ("int64_t", "step")}
SYNAPTIC = ("_synaptic_pre", "_synaptic_post")


@dataclass(frozen=True)
class Layout:
    """What a compiled program takes and gives, in order.

    parameters  (owner, name)
    columns     group or synapses -> (variable, dtype); those of synapses are float64
    inputs      groups whose spikes are given from outside
    fading      synapses -> variables that decay by one factor for all
    """

    groups: tuple[str, ...]
    synapses: Mapping[str, tuple[str, str]]
    parameters: tuple[tuple[str, str], ...]
    columns: Mapping[str, tuple[tuple[str, str], ...]]
    inputs: tuple[str, ...]
    fading: Mapping[str, tuple[str, ...]]


def layout(code: Code, fading: Mapping[str, tuple[str, ...]]) -> Layout:
    """What the program of some statements takes and gives."""
    columns = {name: {} for name in (*code.groups, *code.synapses)}
    parameters = {}
    for block in code.blocks:
        for array in block.arrays:
            if array.name not in CLOCK and array.variable not in (*SYNAPTIC, "_spikespace", "N"):
                columns[array.owner][array.variable] = array.dtype
        parameters |= {(block.owner, n): None for n, (kind, _) in block.constants.items() if kind == "parameter"}
    for owner, variables in fading.items():
        columns[owner] |= dict.fromkeys(variables, "float64")
        parameters |= {(owner, f"slope of {v}"): None for v in variables}
    return Layout(code.groups, code.synapses, tuple(parameters), {n: tuple(c.items()) for n, c in columns.items()},
                  tuple(b.owner for b in code.blocks if b.kind == "spikes"), fading)


def interface(code: Code, given: Layout) -> Iterator[str]:
    """open: numbers and arrays in the order of `Layout`; close: the columns out, in the same order; spikes between."""
    posts = {b.owner for b in code.blocks if b.kind == "synapses" and b.side == "post"}
    yield "extern \"C\" World *dpap_open(double dt, int64_t step, const double *parameter, const int64_t *number,"
    yield "                           const void *const *array) {"
    yield "    World *w = new World; w->dt = dt; w->step = step; w->parameter = parameter; size_t _n = 0;"
    for group in code.groups:
        yield f"    _n = w->{group}.n = (size_t)*number++; w->{group}.last.resize(*number++);"
        yield f"    w->{group}.all_rest();"
        for variable, dtype in given.columns[group]:
            kind = TYPES[dtype]
            yield (f"    {{ const {kind} *from = (const {kind} *)*array++; "
                   f"w->{group}__{variable}.assign(from, from + _n); }}")
        if group in given.inputs:
            yield (f"    w->{group}.given_start = (const int64_t *)*array++; "
                   f"w->{group}.given = (const int32_t *)*array++;")
    for name, (pre, post) in code.synapses.items():
        columns, s = given.columns[name], f"w->{name}"
        yield f"    _n = {s}.n = (size_t)*number++; {s}.delay = *number++; {s}.slots = *number++;"
        yield f"    {s}.rebase = *number++; {s}.base = *number++;"
        yield f"    {s}.pre = (const int32_t *)*array++; {s}.post = (const int32_t *)*array++;"
        yield f"    {s}.pending_start = (const int64_t *)*array++; {s}.pending = (const int32_t *)*array++;"
        yield f"    {s}.by_source(w->{pre}.n);" + (f" {s}.by_target(w->{post}.n);" if name in posts else "")
        yield f"    {s}__rows.resize(_n * {len(columns)});"
        for place in range(len(columns)):
            yield f"    dpap::pack({s}__rows, (const double *)*array++, _n, {len(columns)}, {place});"
    yield "    return w;\n}\n"
    yield "extern \"C\" void dpap_close(World *w, void *const *array) {\n    if (array) {"
    for group in code.groups:
        for variable, dtype in given.columns[group]:
            kind = TYPES[dtype]
            yield (f"    std::copy(w->{group}__{variable}.begin(), w->{group}__{variable}.end(), ({kind} *)*array++);")
    for name in code.synapses:
        for place in range(len(given.columns[name])):
            yield (f"    dpap::unpack(w->{name}__rows, (double *)*array++, w->{name}.n, "
                   f"{len(given.columns[name])}, {place});")
    yield "    }\n    delete w;\n}\n"
    yield "extern \"C\" int64_t dpap_fired(World *w, int64_t group, const int32_t **step, const int32_t **neuron) {"
    yield "    dpap::Population *p = nullptr; switch (group) {"
    yield from (f"        case {k}: p = &w->{group}; break;" for k, group in enumerate(code.groups))
    yield "        default: return 0; }"
    yield "    *step = p->step.data(); *neuron = p->neuron.data(); return (int64_t)p->step.size();\n}\n"
    yield "extern \"C\" int64_t dpap_base(World *w, int64_t synapses) {\n    switch (synapses) {"
    yield from (f"        case {k}: return w->{name}.base;" for k, name in enumerate(code.synapses))
    yield "        default: return 0; }\n}"
