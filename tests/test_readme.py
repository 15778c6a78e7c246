"""What the README shows runs as it stands, in an empty folder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def block(language):
    found = re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1, f"the README has {len(found)} blocks of {language}"
    return found[0]


def run(folder, *command):
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=600)
    assert "Traceback" not in done.stderr and done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_brian2_script_of_the_readme_runs(tmp_path):
    (tmp_path / "script.py").write_text(block("python") + "\nassert len(S) > 0 and (S.w[:-3] >= 0.1).all()\n")
    run(tmp_path, "script.py")


@pytest.mark.slow
def test_the_protocol_of_the_readme_runs_and_passes_its_criterion(tmp_path):
    (tmp_path / "mine.toml").write_text(block("toml"))
    said = run(tmp_path, "-m", "dpap_bio.cli", "run", "./mine.toml", "--out", "mine")
    assert said.startswith("passed") and (tmp_path / "mine" / "report.html").exists()
