"""The loops over neurons: state updates, thresholds in the same pass, resets, and who rests after a spike.

Truth values are as wide as numbers here (an 8-byte integer for Brian2's `char`), so that the compiler makes one vector
of as many neurons from either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dpap_bio._standalone_code import Block, Code

_RESTS = re.compile(r"not_refractory = (_timestep\(t - lastspike, dt\) >= _lio_\d+);")


def fused(code: Code) -> dict[int, int]:
    """Number of a threshold's block -> that of the state update whose pass over the neurons it joins.

    Only other state updates may be between them, and none that looks at the group: the order is then the same.
    """
    out = {}
    for place, block in enumerate(code.blocks):
        if block.kind != "threshold":
            continue
        update = next((k for k, b in enumerate(code.blocks) if (b.kind, b.owner) == ("stateupdate", block.owner)), None)
        between = code.blocks[update + 1:place] if update is not None else ()
        if update is not None and update < place and not any(
                a.owner == block.owner for b in between if b.kind == "stateupdate" for a in b.arrays):
            out[place] = update
    return out


def update(block: Block, threshold: int | None) -> Iterator[str]:
    """Every neuron, in runs short enough that those that spike are found while their state is at hand."""
    group, lines = f"_world.{block.owner}", _wide(block.vector)
    if over := _rest_is_over(block):
        lines = [line for line in lines if not _RESTS.search(line) and line.split(" = ")[0] != _stored(block)]
        yield f"{group}.wake([&](int32_t _idx) {{"
        yield f"    const double lastspike = _ptr_array_{block.owner}_lastspike[_idx];"
        yield f"    return {_stored(block)} = {over}; }});"
    if threshold is not None:
        yield f"const auto _met = space_{threshold}::condition(_world); {group}.at(_world.k).clear();"
    yield f"const size_t _n = {group}.n;"
    yield "for (size_t _from = 0; _from < _n; _from += dpap::RUN) {"
    yield "    const size_t _to = std::min(_from + dpap::RUN, _n);"
    yield "#pragma GCC ivdep  // a neuron reads and writes its own values only"
    yield "    for (size_t _idx = _from; _idx < _to; _idx++) {"
    yield "        const size_t _vectorisation_idx = _idx; (void)_vectorisation_idx;"
    yield from ("        " + line for line in lines)
    yield "    }"
    if threshold is not None:
        yield f"    dpap::each(_from, _to, _met, [&](size_t _idx) {{ space_{threshold}::spiked(_world, _idx); }});"
    yield "}"
    if threshold is not None:
        yield f"{group}.record(_world.k);"


def condition(block: Block) -> Iterator[str]:
    """The end of the function that makes a threshold's condition: of one neuron, from values at hand."""
    yield "return [=](size_t _idx) -> int64_t {"
    yield from ("    " + line for line in _wide(block.vector))
    yield "    return _cond; };"


def spiked(block: Block, code: Code) -> Iterator[str]:
    """What a neuron's spike does at once."""
    group = f"_world.{block.owner}"
    yield "static inline void spiked(World &_world, size_t _idx) {"
    yield f"    {group}.at(_world.k).push_back((int32_t)_idx);"
    if block.refractory:
        yield f"    {group}__not_refractory[_idx] = false;"
        yield f"    {group}__lastspike[_idx] = _world.t;"
        if any(_rest_is_over(b) for b in code.blocks if (b.kind, b.owner) == ("stateupdate", block.owner)):
            yield f"    {group}.resting.push_back((int32_t)_idx);"
    yield "}"


def threshold(block: Block) -> Iterator[str]:
    """A threshold in a pass of its own."""
    group = f"_world.{block.owner}"
    yield f"{group}.at(_world.k).clear();"
    yield f"dpap::each(0, {group}.n, condition(_world), [&](size_t _idx) {{ spiked(_world, _idx); }});"
    yield f"{group}.record(_world.k);"


def reset(block: Block) -> Iterator[str]:
    """The neurons that spiked in this step."""
    yield f"for (const size_t _idx : _world.{block.owner}.at(_world.k)) {{"
    yield "    const size_t _vectorisation_idx = _idx; (void)_vectorisation_idx;"
    yield from ("    " + line for line in block.vector)
    yield "}"


def _rest_is_over(block: Block) -> str | None:
    """Brian2's condition for the end of refractoriness, if it is one that can only become true with time.

    Then only neurons that rest need be asked. It is where the period is the same for all; else it is asked of all.
    """
    found = next((m for m in map(_RESTS.search, block.vector) if m), None)
    return found and found[1]


def _stored(block: Block) -> str:
    return f"_ptr_array_{block.owner}_not_refractory[_idx]"


def _wide(lines) -> list[str]:
    return [re.sub(r"\bchar\b", "int64_t", line) for line in lines]
