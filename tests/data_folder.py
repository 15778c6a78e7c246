"""The folder of real data that tests read, and the mark of tests that need some of it."""
import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("DPAP_DATA") or Path(__file__).parents[2] / "shared" / "data")


def needs(*names):
    """Skip a test, with the reason, unless these folders of real data are there."""
    absent = [name for name in names if not (DATA / name).is_dir()]
    return pytest.mark.skipif(bool(absent), reason=f"real data absent: {', '.join(absent)} (set DPAP_DATA)")
