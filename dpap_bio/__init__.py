"""Grow, use and prune spiking networks in Brian2. Importing this loads neither Brian2 nor torch."""

from importlib import import_module

__version__ = "0.1.0"

_PLACES = {
    "prune": "surgery", "grow": "surgery", "remove_neurons": "surgery", "Structure": "structure",
    "load_model": "model:load", "load_protocol": "protocol:load", "develop": "development", "load_run": "results:load",
    "Network": "network", "Table": "network", "Rule": "rules.rule", "RULES": "rules", "STIMULI": "stimuli",
}
__all__ = sorted(_PLACES)


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"dpap_bio has no {name!r}; it has {', '.join(__all__)}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(import_module(f"dpap_bio.{module}"), attribute or name)


def __dir__():
    return __all__
