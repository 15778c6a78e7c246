"""Pure functions from a run to numbers: what criteria judge."""


def check(measure, args, protocol, model):
    """Refuse an unknown measure or argument (to be completed)."""
