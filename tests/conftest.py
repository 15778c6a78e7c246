import sys

import pytest


@pytest.fixture(autouse=True)
def _brian2_on_numpy(request):
    """Brian2, where a test module has loaded it, starts each test on the numpy target and compiles into our cache."""
    if brian2 := sys.modules.get("brian2"):
        brian2.prefs.codegen.target = "numpy"
        if cache := getattr(request.config, "cache", None):
            brian2.prefs.codegen.runtime.cython.cache_dir = str(cache.mkdir(f"cython-{brian2.__version__}"))
