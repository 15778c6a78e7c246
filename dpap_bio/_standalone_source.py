"""The C++ program of a model: loops, arrays and queues around Brian2's statements, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dpap_bio import _standalone_neurons as neurons
from dpap_bio._standalone_code import Block, Code
from dpap_bio._standalone_interface import CLOCK, HELD, SYNAPTIC, Layout, interface

HEADER = Path(__file__).with_name("standalone.hpp")
AHEAD = 24  # incoming synapses that are fetched ahead of use: hides memory latency; other distances were not measured


def source(code: Code, given: Layout) -> str:
    """The program as text."""
    joined = neurons.fused(code)
    order = sorted(range(len(code.blocks)), key=lambda k: code.blocks[k].kind != "threshold")  # asked in state updates
    blocks = [_block(k, code, given, joined) for k in order]
    return "\n".join([HEADER.read_text(encoding="utf-8"), *_world(code, given), *blocks,
                      *_step(code, given, joined), *interface(code, given)])


# -- the world -----------------------------------------------------------------------------------------------------


def _world(code: Code, given: Layout) -> Iterator[str]:
    yield "struct World {"
    yield "    double t = 0, dt = 0; int64_t step = 0, k = 0; const double *parameter = nullptr;"
    for group in code.groups:
        yield f"    dpap::Population {group};"
        for variable, dtype in given.columns[group]:
            yield f"    dpap::Array<{HELD[dtype]}> {group}__{variable};"
    for name in code.synapses:
        yield f"    dpap::Synapses {name}; dpap::Rows {name}__rows;"
    yield "};\n"


def _block(number: int, code: Code, given: Layout, joined: dict[int, int]) -> str:
    """One function: constants, views, Brian2's scalar statements, the loop over its vector statements."""
    block = code.blocks[number]
    if block.kind == "spikes":
        return (f"static void block_{number}(World &_world) {{ // {block.name}\n"
                f"    _world.{block.owner}.take_given(_world.k);\n}}\n")
    given_first = [*_constants(block, given), *_views(block, given), "const size_t _vectorisation_idx = -1;",
                   "(void)_vectorisation_idx;", *block.scalar]
    lines = [f"namespace space_{number} {{ // {block.name}", *block.support, "#undef _brian_pow",
             "#define _brian_pow dpap::power"]
    if block.kind == "threshold":
        lines += ["static inline auto condition(World &_world) {", *given_first, *neurons.condition(block), "}",
                  *neurons.spiked(block, code)]
        body = neurons.threshold(block)
    elif block.kind == "stateupdate" and block.owner in code.synapses:
        body = [*given_first, *_synapses(block, given)]
    elif block.kind == "stateupdate":
        thresholds = [k for k, update in joined.items() if update == number]
        body = [*given_first, *neurons.update(block, *thresholds or [None])]
    elif block.kind == "reset":
        body = [*given_first, *neurons.reset(block)]
    else:
        body = [*_nothing_to_do(block, code, given), *given_first, *_events(block, code, given)]
    return "\n".join([*lines, "static void run(World &_world) {", *("    " + line for line in body), "}", "}",
                      f"static void block_{number}(World &_world) {{ space_{number}::run(_world); }}\n"])


def _constants(block: Block, given: Layout) -> Iterator[str]:
    yield f"const int32_t N = (int32_t)_world.{block.owner}.n; (void)N;"
    for name, (kind, value) in sorted(block.constants.items()):
        if kind == "parameter":
            value = f"_world.parameter[{given.parameters.index((block.owner, name))}]"
        yield f"const double {name} = {value};"


def _views(block: Block, given: Layout) -> Iterator[str]:
    for array in block.arrays:
        pointer = f"_ptr{array.name}"
        if array.name in CLOCK:
            kind, member = CLOCK[array.name]
            yield f"const {kind} *const {pointer} = &_world.{member};"
        elif array.variable == "N":
            yield f"const int32_t *const {pointer} = &N;"
        elif array.owner in given.synapses:
            if array.variable not in SYNAPTIC:
                yield _synaptic_view(pointer, array, given)
        elif array.variable != "_spikespace":
            restrict = "__restrict " if block.kind == "synapses" else ""  # a threshold may look on within an update
            yield f"{HELD[array.dtype]} *{restrict}const {pointer} = _world.{array.owner}__{array.variable}.data();"


def _synaptic_view(pointer: str, array, given: Layout) -> str:
    names = [n for n, _ in given.columns[array.owner]]
    first = f"_world.{array.owner}__rows.data() + {names.index(array.variable)}"
    if array.variable not in given.fading.get(array.owner, ()):
        return f"const dpap::Column<{len(names)}> {pointer}{{{first}}};"
    slope = given.parameters.index((array.owner, f"slope of {array.variable}"))
    since = f"(_world.t - _world.{array.owner}.base * _world.dt)"
    return (f"const double _left_{array.variable} = std::exp(_world.parameter[{slope}] * {since});\n"
            f"    const dpap::Fading<{len(names)}> {pointer}{{{first}, _left_{array.variable}, "
            f"1 / _left_{array.variable}}};")


# -- loops ---------------------------------------------------------------------------------------------------------


def _synapses(block: Block, given: Layout) -> Iterator[str]:
    """Every synapse."""
    yield f"const size_t _n = _world.{block.owner}.n;"
    yield "for (size_t _idx = 0; _idx < _n; _idx++) {"
    yield from _ends(block, f"_world.{block.owner}.pre[_idx]", f"_world.{block.owner}.post[_idx]")
    yield from _body(block)


def _events(block: Block, code: Code, given: Layout) -> Iterator[str]:
    """The synapses of the neurons whose spikes are due now: all that a source drives, or all onto a target."""
    source, target = code.synapses[block.owner]
    yield f"const dpap::Synapses &_s = _world.{block.owner};"
    if block.side == "pre":
        yield "if (_world.k < _s.slots)"
        yield "for (int64_t _e = _s.pending_start[_world.k]; _e < _s.pending_start[_world.k + 1]; _e++) {"
        yield "    const size_t _idx = _s.pending[_e];"
        yield from _ends(block, "_s.pre[_idx]", "_s.post[_idx]")
        yield from _body(block)
        yield f"if (_world.k >= _s.delay) for (const int32_t _i : _world.{source}.at(_world.k - _s.delay))"
        yield "for (size_t _idx = _s.row[_i], _end = _s.row[_i + 1]; _idx < _end; _idx++) {"
        yield from _ends(block, "_i", "_s.post[_idx]")
        yield from _body(block)
        return
    yield f"for (const int32_t _j : _world.{target}.at(_world.k))"
    yield "for (size_t _e = _s.column[_j], _end = _s.column[_j + 1]; _e < _end; _e++) {"
    yield f"    __builtin_prefetch(&_world.{block.owner}__rows[_s.incoming[std::min(_e + {AHEAD}, _s.n - 1)] * (size_t)"
    yield f"                       {len(given.columns[block.owner])}], 1);"
    yield "    const size_t _idx = _s.incoming[_e];"
    yield from _ends(block, "_s.incoming_pre[_e]", "_j")
    yield from _body(block)


def _nothing_to_do(block: Block, code: Code, given: Layout) -> Iterator[str]:
    source, target = code.synapses[block.owner]
    if block.side == "post":
        yield f"if (_world.{target}.at(_world.k).empty()) return;"
        return
    if block.owner.startswith("projection_"):
        yield (f"dpap::fetch_due(_world.{block.owner}, _world.{block.owner}__rows, {len(given.columns[block.owner])}, "
               f"_world.{source}, _world.k + 1);")
    due = f"_world.{block.owner}.delay"
    yield (f"if (_world.k >= _world.{block.owner}.slots && (_world.k < {due} || "
           f"_world.{source}.at(_world.k - {due}).empty())) return;")


def _ends(block: Block, pre: str, post: str) -> Iterator[str]:
    """Views of the two ends of the synapse at hand, for the statements that ask for them."""
    values = dict(zip(SYNAPTIC, (pre, post), strict=True))
    for array in block.arrays:
        if array.variable in values:
            yield f"    const dpap::Given _ptr{array.name}{{(int32_t){values[array.variable]}}};"
            yield f"    (void)_ptr{array.name};"


def _body(block: Block) -> Iterator[str]:
    yield "    const size_t _vectorisation_idx = _idx; (void)_vectorisation_idx;"
    yield from ("    " + line for line in block.vector)
    yield "}"


# -- steps ---------------------------------------------------------------------------------------------------------

def _step(code: Code, given: Layout, joined: dict[int, int]) -> Iterator[str]:
    yield "extern \"C\" void dpap_run(World *world, int64_t steps) {"
    yield "    World &_world = *world; dpap::FlushTiny _flush;"
    yield "    for (int64_t _s = 0; _s < steps; _s++) {"
    yield "        _world.t = _world.step * _world.dt;"
    yield from (f"        block_{k}(_world);" for k in range(len(code.blocks)) if k not in joined)
    yield "        _world.k++; _world.step++;"
    for name, variables in given.fading.items():
        yield f"        if (_world.step % _world.{name}.rebase == 0) {{"
        yield f"            const double _since = _world.step * _world.dt - _world.{name}.base * _world.dt;"
        yield from (f"            {line}" for line in _rebased(name, variables, given))
        yield f"            _world.{name}.base = _world.step; }}"
    yield "    }\n}\n"


def _rebased(name: str, variables, given: Layout) -> Iterator[str]:
    names = [n for n, _ in given.columns[name]]
    for variable in variables:
        slope = given.parameters.index((name, f"slope of {variable}"))
        yield (f"dpap::multiply(_world.{name}__rows, _world.{name}.n, {len(names)}, {names.index(variable)}, "
               f"std::exp(_world.parameter[{slope}] * _since));")
