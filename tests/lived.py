"""Live some arms of a shipped protocol in this process, on numpy: the run that `dpap run` would write."""

from dataclasses import replace

from dpap_bio import kinds, results


def lived(name, arms=("main",), size="quick", **changes):
    """The run of the first seed, as one tree."""
    from dpap_bio.living import Request

    kind, protocol = kinds.load(name, size=size, **changes)
    protocol = replace(protocol, arms=tuple(a for a in protocol.arms if a.name in arms), seeds=protocol.seeds[:1])
    seed, request = protocol.seeds[0], Request(name, size, {}, (), "runtime", "numpy")
    records = {(arm.name, seed): [step.record for step in kind.lives(protocol, arm, seed, request, None, None)]
               for arm in protocol.arms}
    return results.assemble(protocol, records, target="numpy")


def failures(run):
    """What speaks against a run, as "criterion in arm"; criteria that were not judged are left out."""
    from dpap_bio import judge

    return [f"{v.name} in {v.arm}" for v in judge.verdicts(run) if v.failed]
