"""What a command was asked for: overrides, a request, what a name stands for, the results in a folder."""

from __future__ import annotations

from pathlib import Path

_STANDS_FOR = {"protocol": "protocol", "experiment": "protocol", "training": "protocol", "model": "model",
               "deep-model": "model"}  # by the word in a file's schema


def request(protocol, size, set_, seeds, backend, target, model=None):
    from dpap_bio.backends import BACKENDS
    from dpap_bio.runs import Request

    if backend not in BACKENDS:
        raise ValueError(f"there is no backend {backend!r}: there are {', '.join(BACKENDS)}")
    target = BACKENDS[backend].targets[0] if target == "auto" else target
    if target not in BACKENDS[backend].targets:
        known = ", ".join(BACKENDS[backend].targets)
        raise ValueError(f"backend {backend} has no target {target!r}: there are {known}")
    if protocol.endswith(".toml") or "/" in protocol:
        protocol = str(Path(protocol).resolve())
    if model is not None:
        model = _model_for(protocol, model)
    request = Request(protocol, size, overrides(set_), tuple(seeds or ()), backend, target, model)
    request.load()
    return request


def check_development(protocol: str, option: str) -> None:
    """Refuse an option that only a development in Brian2 can follow."""
    from dpap_bio import kinds as kinds_of
    from dpap_bio import library

    kind = kinds_of.kind_of(library.find("protocol", protocol)).name
    if kind != "development":
        raise ValueError(f"{option}: {Path(protocol).stem} is of kind {kind}; only a development takes "
                         f"{option.split()[0]}")


def _model_for(protocol: str, model: str) -> str:
    """The user's own model, from wherever a run is resumed."""
    from dpap_bio import library

    check_development(protocol, f"--model {model}")
    return str(library.find("model", model).resolve()) if model.endswith(".toml") or "/" in model else model


def overrides(pairs: list[str] | None) -> dict[str, object]:
    out = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise ValueError(f"--set {pair}: NAME=VALUE is wanted, e.g. --set rho=1.5 or --set \"tau_m=20 ms\"")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            out[name.strip()] = value.strip()
    return out


def kinds(name: str) -> list[str]:
    """What a name or path stands for: "protocol", "model" or both."""
    from dpap_bio import library

    if name.endswith(".toml") or "/" in name:
        schema = str(library.read_toml(library.find("protocol", name))[1].get("schema"))
        word = schema.removeprefix("dpap-").partition("/")[0]
        if word not in _STANDS_FOR:
            raise ValueError(f"{Path(name).name}: schema: found {schema!r}, that of a model or of a protocol is wanted")
        return [_STANDS_FOR[word]]
    found = [kind for kind in ("protocol", "model") if name in library.names(kind)]
    if not found:
        raise FileNotFoundError(f"there is neither a model nor a protocol called {name!r}: see `dpap list`")
    return found


def results_of(folder: Path):
    """The results of a run; one sentence where there are none (yet)."""
    from dpap_bio import results, runs

    if not (folder / "run.nc").exists():
        runs.read_info(folder)
        raise ValueError(f"{folder} has no results yet: `dpap resume {folder}` finishes the run")
    return results.load(folder / "run.nc")
