"""Lines that every text of `dpap show` is made of: parameters with their origin, criteria, sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from dpap_bio import schema

_REASON = 90  # characters of a reason that are shown


def parameters(parameters: Mapping[str, schema.Parameter], values: Mapping[str, str] | None = None) -> list[str]:
    """A line for each parameter: name, value with its unit (or the text in `values`), origin."""
    texts = values or {}
    shown = {n: texts[n] if n in texts else f"{p.value:.6g} {p.unit}".removesuffix(" 1") for n, p in parameters.items()}
    names, numbers = (max(map(len, x), default=0) for x in (shown, shown.values()))
    return [f"{n:{names}}  {shown[n]:{numbers}}  {origin(p)}" for n, p in parameters.items()]


def origin(p) -> str:
    """Where a number is from, or why it is so, on one line."""
    text = f"source {p.source}" if p.source is not None else f"chosen: {p.chosen}"
    text = " ".join(text.split()) + (f" ({p.evidence})" if p.evidence else "")
    return text if len(text) <= _REASON else text[: _REASON - 3] + "..."


def block(title: str, lines) -> Iterator[str]:
    """A title with indented lines below it; nothing where there are no lines."""
    lines = [line for line in lines if line]
    if lines:
        yield f"  {title}"
        yield from (f"    {line}" for line in lines)


def criteria(protocol) -> Iterator[str]:
    """What must come out of a protocol: claim, measure, band, basis, controls."""
    yield "\ncriteria" if protocol.criteria else "\ncriteria: none"
    for c in protocol.criteria:
        yield f"  {c.title}"
        yield f"    {c.measure}({pairs(c.args)}) in [{c.between[0]:g}, {c.between[1]:g}]"
        further = [f"at least {c.min_seeds} seeds"] if c.min_seeds > 1 else []
        further += [f"must fail in {', '.join(c.must_fail_in)}"] if c.must_fail_in else []
        yield "    " + "; ".join([origin(c), *further])


def sizes(protocol) -> Iterator[str]:
    """The sizes of a protocol and what each changes."""
    yield "\nsizes"
    yield "  full: the file as it stands"
    for name, size in protocol.sizes.items():
        yield f"  {name}: " + json.dumps(size.model_dump(exclude_defaults=True)).replace('"', "")[1:-1]


def pairs(values: Mapping[str, object]) -> str:
    """Names and values: "a = 1, b = 2"."""
    return ", ".join(f"{n} = {v:g}" if isinstance(v, float) else f"{n} = {v}" for n, v in values.items())
