"""A model or a protocol in plain text: what will run, with every number's unit and origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dpap_bio import library, schema, show_kinds
from dpap_bio import model as models
from dpap_bio import protocol as protocols
from dpap_bio._standalone_limits import decays
from dpap_bio.lift import Code
from dpap_bio.model import Model, Population, Projection
from dpap_bio.protocol import Protocol
from dpap_bio.show_parts import block, criteria, pairs, parameters, sizes


def model_text(name: str, set_: Mapping | None = None) -> str:
    """The composed equations of a model as they will run, the textbook synapse beside what was lifted, every parameter.

    Arguments
        name  shipped model, or a path
        set_  parameter -> value, as in `model.load`
    Raises
        FileNotFoundError, ValueError   as `model.load`
    """
    if schema_of("model", name).startswith("dpap-deep-model/"):
        return show_kinds.deep_model_text(name, set_)
    model = models.load(name, set_=set_)
    lines = [f"{model.name}: {model.title}", f"time step {model.dt * 1e3:g} ms; made from {', '.join(model.texts)}"]
    for population in model.populations.values():
        lines += ["", *_population(population)]
    for projection in model.projections.values():
        lines += ["", *_projection(projection)]
    owners = [*model.populations.values(), *model.projections.values()]
    shown = {n for o in owners for n in (*o.parameters, *getattr(o, "rule_parameters", ()))}
    further = {n: p for n, p in model.parameters.items() if n not in shown}
    if further:
        lines += ["", "of the whole model", *block("parameters", parameters(further))]
    return "\n".join(lines)


def protocol_text(name: str, set_: Mapping | None = None) -> str:
    """The stages, probes, arms, criteria and sizes of a protocol, as the file stands.

    Arguments
        name  shipped protocol, or a path
        set_  parameter -> value, as in `protocol.load`
    Raises
        FileNotFoundError, ValueError   as `protocol.load`
    """
    if not schema_of("protocol", name).startswith("dpap-protocol/"):
        return show_kinds.protocol_text(name, set_)
    protocol = protocols.load(name, set_=set_)
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    lines = [f"{protocol.name}: {protocol.title}",
             f"model {protocol.model_name} (`dpap show {protocol.model_name}`); "
             f"seeds {', '.join(map(str, protocol.seeds))}; "
             f"{protocol.epochs} epochs, {protocol.age(protocol.epochs):g} day"]
    if set_:
        lines.append("set  " + pairs(protocol.set))
    return "\n".join([*lines, *_conditions(protocol), *_stages(protocol, model), *_probes(protocol, model),
                      *_arms(protocol), *criteria(protocol), *sizes(protocol)])


def schema_of(kind: str, name: str) -> str:
    """What a file says it is."""
    return str(library.read_toml(library.find(kind, name))[1].get("schema"))


# -- a model -------------------------------------------------------------------------------------------------------


def _population(population: Population) -> Iterator[str]:
    if population.stimulated:
        yield f"population {population.name}: {population.size} neurons, stimulated: the protocol gives their spikes"
        return
    yield f"population {population.name}: {population.size} neurons"
    yield from block("equations, with what projections put on these neurons", map(str, population.equations))
    yield from block("spike when", [population.threshold])
    yield from block("then", population.reset)
    yield from block("refractory for", [population.refractory])
    yield from block("starts at", _starts(population.start))
    yield from block("parameters", parameters(population.parameters))


def _projection(projection: Projection) -> Iterator[str]:
    connect = projection.connect
    source, target = projection.source, projection.target
    yield (f"projection {projection.name}: {source} -> {target}, delay {projection.delay * 1e3:g} ms, "
           + ("one to one" if connect.one_to_one else f"{connect.share:.0%} of the pairs")
           + ("" if connect.autapses else " without autapses"))
    place = {t.equation.name: f"one per neuron of {source}, fed by arriving spikes" for t in projection.arrivals}
    left = {e.name for e in projection.code.equations} | set(place)
    place |= {e.name: f"one per neuron of {target}, called {e.name}_{projection.name} there"
              for e in projection.plain.equations if e.name not in left}
    if place:
        yield from block("textbook synapse, and what was lifted from it without changing a result",
                          _beside(_code(projection.plain), place))
        yield from block("synapse as it runs", _code(projection.code))
        yield from block(f"runs once for each neuron of {source}", [str(t.equation) for t in projection.arrivals])
        yield from block("at arrival there", [t.statement for t in projection.arrivals])
    else:
        yield from block("synapse; nothing in it can be lifted, it runs as it stands", _code(projection.code))
    if fading := decays(projection):
        yield from block("on backend cpp_standalone without exponentials: one factor a step for all synapses",
                          [f"{name} = {name} at a base time * exp({slope:.6g}/second * (t - base time))"
                           for name, slope in fading.items()])
    yield from block("starts at", _starts({n: s for n, s in projection.start.items() if n in left}))
    yield from block("parameters", parameters(projection.parameters))
    if not projection.rules:
        yield "  rules: none, these synapses neither die nor are born"
    for name, rule, p in projection.rules:
        rows = {n: projection.rule_parameters[n] for n in rule.needs}
        values = {n: f"{getattr(p, n):.6g} {unit}".removesuffix(" 1") for n, unit in rule.needs.items()}
        yield from block(f"rule {name}", parameters(rows, values) or ["no parameters"])


def _code(code: Code) -> list[str]:
    return [*map(str, code.equations), *(f"at pre spike: {line}" for line in code.on_pre),
            *(f"at post spike: {line}" for line in code.on_post)]


def _beside(lines: list[str], place: Mapping[str, str]) -> list[str]:
    """The lines of a plain synapse, each equation that was lifted with the place it went to."""
    width = max(map(len, lines))
    lifted = {f"d{name}/dt": where for name, where in place.items()}
    return [f"{line:{width}}   {lifted.get(line.split(' ')[0], '')}".rstrip() for line in lines]


def _starts(start: Mapping[str, object]) -> list[str]:
    return [f"{name} = {_start(value)}" for name, value in sorted(start.items())]


def _start(value) -> str:
    if isinstance(value, schema.Start):
        return f"{value.kind}({', '.join(str(a) for a in value.arguments)})"
    return f"{value:g}" if isinstance(value, float) else str(value)




# -- a protocol ----------------------------------------------------------------------------------------------------


def _conditions(protocol: Protocol) -> Iterator[str]:
    if (found := protocol.conditions) is not None:
        yield f"\nconditions side by side: {found.n}, {found.copies} copies of each"
        if found.names:
            yield f"  names: {', '.join(found.names)}"
        for name, values in found.columns.items():
            yield f"  {name} [{found.units[name]}]: {', '.join(f'{v:g}' for v in values)}"


def _stages(protocol: Protocol, model: Model) -> Iterator[str]:
    yield "\nstages"
    for s in protocol.stages:
        yield (f"  {s.name}: {s.epochs} epochs of {s.n_steps * model.dt:g} s, each standing for {s.days:g} day"
               + (f"; set {pairs(s.set)}" if s.set else ""))
        yield from (f"    {each}" for each in s.shown)


def _probes(protocol: Protocol, model: Model) -> Iterator[str]:
    if protocol.probes:
        yield "\nprobes (learning off, on copies of the network)"
    for p in protocol.probes:
        yield f"  {p.name}: {p.n_steps * model.dt:g} s over {p.copies} copies, after {', '.join(p.after)}"
        yield f"    {p.shown}"


def _arms(protocol: Protocol) -> Iterator[str]:
    yield "\narms"
    for arm in protocol.arms:
        changes = [f"model {arm.model}"] if arm.model else []
        changes += [f"{old} -> {new}" for old, new in arm.replace.items()]
        changes += [f"set {pairs(arm.set)}"] if arm.set else []
        changes += [f"as many synapses as in {arm.quota_of}"] if arm.quota_of else []
        yield f"  {arm.name}: {arm.title}" + (f" ({'; '.join(changes)})" if changes else "")
