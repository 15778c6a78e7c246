"""While Cython compiles a model, it is said; where nothing is compiled, nothing is."""

import time

import pytest

from dpap_bio import _brian_compiling
from dpap_bio._brian_compiling import compiling

manager = pytest.importorskip("brian2.codegen.runtime.cython_rt.extension_manager")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(manager, "get_cython_cache_dir", lambda: str(tmp_path / "cache"))
    monkeypatch.setattr(_brian_compiling, "FIRST", 0.02)
    monkeypatch.setattr(_brian_compiling, "EVERY", 0.02)
    monkeypatch.setattr(_brian_compiling, "_seen", set())
    return tmp_path / "cache"


def test_the_part_that_is_compiled_is_said_once_a_model(cache, capsys):
    with compiling("some_model", "cython"):
        cache.mkdir()
        (cache / "one.so").touch()
        (cache / "two.pyx").touch()
        _until(capsys, "compiling some_model for Cython: part 2")
    capsys.readouterr()
    with compiling("some_model", "cython"):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("target", ["numpy", "cython"])
def test_nothing_is_said_where_nothing_is_compiled(cache, capsys, target):
    with compiling("another", target):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def _until(capsys, said, patience=10.0):
    begun = time.monotonic()
    while said not in capsys.readouterr().err:
        assert time.monotonic() - begun < patience, f"{said!r} was never said"
        time.sleep(0.02)
