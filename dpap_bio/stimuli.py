"""STIMULI: name -> what the input neurons fire in an epoch, drawn from a numpy Generator or read from recordings."""
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dpap_bio.spikes import Spikes, share_of
from dpap_bio.stimuli_digits import digits
from dpap_bio.stimuli_eyes import eyes
from dpap_bio.stimuli_noise import correlated, poisson, silence
from dpap_bio.stimuli_patterns import bars, bumps, gratings
from dpap_bio.stimuli_recorded import nmnist, recording
from dpap_bio.stimuli_repeated import repeated
from dpap_bio.stimuli_waves import waves

__all__ = ["STIMULI", "Spikes", "Stimulus", "quieted"]

_EVERY = {"silent": "name", "silent_keep": "1"}


@dataclass(frozen=True)
class Stimulus:
    """One kind of stimulus and the parameters it takes, with their units.

    fn        f(n_neurons, n_steps, dt, rng, **parameters) -> Spikes
    needs     parameter of fn -> unit its value arrives in: "Hz", "s", "m", "1", ..., or "name" for text
    units     the same, with `silent` and `silent_keep` (see `quieted`), which every kind takes
    each      parameters that may differ between neurons: one number, or an array (n_neurons,)
    defaults  parameter -> value where it is not given; a parameter without one is required
    """
    fn: Callable[..., Spikes]
    needs: Mapping[str, str]
    each: tuple[str, ...] = ()
    units: Mapping[str, str] = field(init=False)
    defaults: Mapping[str, Any] = field(init=False)

    def __post_init__(self):
        own = {k: p.default for k, p in inspect.signature(self.fn).parameters.items() if p.kind is p.KEYWORD_ONLY}
        if own.keys() != self.needs.keys():
            raise ValueError(f"stimulus {self.fn.__name__} takes {', '.join(own)}; units are given for "
                             f"{', '.join(self.needs)}")
        defaults = {k: v for k, v in own.items() if v is not inspect.Parameter.empty}
        object.__setattr__(self, "units", {**self.needs, **_EVERY})
        object.__setattr__(self, "defaults", {**defaults, "silent": "none", "silent_keep": 0.0})

    @property
    def required(self):
        """Names of the parameters that must be given."""
        return tuple(k for k in self.units if k not in self.defaults)

    def check(self, params):
        """Refuse an unknown, missing or mistyped parameter in one sentence; values are in SI units or names."""
        kind = self.fn.__name__
        for k, value in params.items():
            if k not in self.units:
                raise ValueError(f"stimulus {kind} has no parameter {k!r}; it takes {', '.join(self.units)}")
            if isinstance(value, np.ndarray) and k in self.each and value.dtype.kind == "f" and value.ndim == 1:
                continue
            named = self.units[k] == "name"
            fits = isinstance(value, str if named else int | float | np.number) and not isinstance(value, bool)
            if not fits and not (value is None and self.defaults.get(k, k) is None):
                wanted = "a name" if named else f"a number in {self.units[k]}"
                raise ValueError(f"stimulus {kind}: {k} is {value!r}; wanted {wanted}")
        missing = [k for k in self.required if k not in params]
        if missing:
            raise ValueError(f"stimulus {kind} needs {', '.join(missing)} as well")

    def __call__(self, n_neurons, n_steps, dt, rng, **params):
        """Draw one epoch. The same generator state gives the same spikes, silent neurons left out afterwards.

        Arguments
            n_neurons  int, 1       input neurons
            n_steps    int, step    length of the epoch
            dt         float, s     length of a step
            rng        Generator    numpy generator
            params                  see the kind's own function
        Returns
            Spikes
        Raises
            ValueError              a parameter or size that the kind cannot do, in one sentence naming it
            FileNotFoundError       a recording or image set is not there
        """
        self.check(params)
        for k, value in params.items():
            if isinstance(value, np.ndarray) and len(value) != n_neurons:
                raise ValueError(f"stimulus {self.fn.__name__}: {k} has {len(value)} values for {n_neurons} neurons")
        if not (n_neurons >= 1 and n_steps >= 1 and dt > 0):
            raise ValueError(f"stimulus {self.fn.__name__}: {n_neurons} neurons, {n_steps} steps of {dt} s; "
                             "wanted at least one of each, of some length")
        silent, keep = (params.pop(k, self.defaults[k]) for k in _EVERY)
        return quieted(self.fn(n_neurons, n_steps, dt, rng, **params), silent, keep, rng)


def quieted(spikes, silent, silent_keep, rng):
    """Deprive some neurons: of their spikes only the share `silent_keep` is left.

    As the spikes are drawn first and dropped afterwards, the other neurons fire exactly as without deprivation.

    Arguments
        spikes       Spikes     what was drawn
        silent       name       "none", "left" (first half of the indices), "right" (second half), "chess" (every second
                                neuron, as on a chessboard where they form a square sheet), or "first:end" indices
        silent_keep  float, 1   0 silences; drawn for each spike
        rng          Generator  numpy generator
    Returns
        Spikes                  the presentations unchanged
    Raises
        ValueError              `silent` means nothing for that many neurons
    """
    deprived = _named(silent, spikes.n_neurons)
    share_of("silent_keep", silent_keep)
    if not deprived.any():
        return spikes
    kept = ~deprived[spikes.neuron]
    if silent_keep > 0:
        kept |= rng.random(kept.size) < silent_keep
    return replace(spikes, step=spikes.step[kept], neuron=spikes.neuron[kept])


def _named(silent, n):
    """Which of n neurons a name of neurons means: (n,) bool."""
    index = np.arange(n)
    side = round(n**0.5)
    row = index // side if side * side == n else 0 * index
    column = index - row * side
    named = {"none": index < 0, "left": index < n // 2, "right": index >= n // 2, "chess": (row + column) % 2 == 1}
    first, colon, end = silent.partition(":")
    if silent not in named and not (colon and first.isdecimal() and end.isdecimal() and int(first) < int(end) <= n):
        raise ValueError(f"silent is {silent!r}; wanted {', '.join(named)} or indices such as \"0:{n}\"")
    return named[silent] if silent in named else (index >= int(first)) & (index < int(end))


_WINDOW = {"window": "s"}
_PAUSED = {"rate": "Hz", "window": "s", "gap": "s", "background": "Hz"}

STIMULI = {
    "silence": Stimulus(silence, _WINDOW),
    "poisson": Stimulus(poisson, {"rate": "Hz", **_WINDOW}, each=("rate",)),
    "repeated": Stimulus(repeated, {"rate": "Hz", "repeats": "1", "shift": "s", "spikes": "1", "interval": "s",
                                    "start": "s", **_WINDOW}, each=("rate", "repeats", "shift", "spikes", "interval")),
    "correlated": Stimulus(correlated, {"rate": "Hz", "correlation": "1", "groups": "1", "share": "1", "jitter": "s",
                                        **_WINDOW}),
    "waves": Stimulus(waves, {"rate": "Hz", "interval": "s", "speed": "m/s", "width": "m", "spacing": "m",
                              "front": "name", "shape": "name", "background": "Hz", **_WINDOW}),
    "bars": Stimulus(bars, {**_PAUSED, "orientations": "1", "width": "1", "sweep": "1"}),
    "gratings": Stimulus(gratings, {**_PAUSED, "orientations": "1", "period": "1", "drift": "Hz"}),
    "eyes": Stimulus(eyes, {"rate": "Hz", "window": "s", "gap": "s", "patterns": "1", "left": "1", "right": "1",
                            "noise": "Hz"}),
    "bumps": Stimulus(bumps, {**_PAUSED, "classes": "1", "width": "1"}),
    "digits": Stimulus(digits, {**_PAUSED, "images": "name", "part": "name", "order": "name", "first": "1",
                                "classes": "1"}),
    "nmnist": Stimulus(nmnist, {"window": "s", "gap": "s", "part": "name", "order": "name", "first": "1", "keep": "1"}),
    "recording": Stimulus(recording, {"name": "name", "start": "s", "speed": "1", "layout": "name", **_WINDOW}),
}
