"""A development that is not healthy: the main arm stops the run, a control ends early and has failed."""

import pytest

from dpap_bio.development import Unhealthy
from dpap_bio.living import Request, live

PROTOCOL = """
schema = "dpap-protocol/1"
title  = "Cells without current"
model  = "spine_fading"
seeds  = [1]
[[stages]]
name     = "only"
epochs   = 2
epoch    = { simulate = "100 ms", stands_for = "1 day" }
stimulus = { kind = "poisson", population = "spared", rate = "20 Hz" }
[[arms]]
name  = "mute"
title = "Synapses carry nothing"
set   = { q_syn = 0.0 }
"""


def begun(tmp_path, arm, text=PROTOCOL):
    path = tmp_path / "p.toml"
    path.write_text(text)
    request = Request(str(path), "full", {}, (1,), "runtime", "numpy")
    said = []
    live(request, arm, 1, tmp_path / "run", None, lambda progress: None, said.append)
    return said


def test_a_control_that_dies_says_so_and_leaves_its_records(tmp_path):
    said = begun(tmp_path, "mute")
    assert len(said) == 1 and "mute, seed 1, ended early: the network is dead at age 1 day" in said[0]
    assert "dead at age 1 day" in (tmp_path / "run" / "stopped.txt").read_text()
    assert (tmp_path / "run" / "records" / "00000").is_dir()


def test_a_healthy_arm_leaves_no_such_note(tmp_path):
    assert begun(tmp_path, "main") == []
    assert not (tmp_path / "run" / "stopped.txt").exists()


@pytest.mark.parametrize("change", ['quota_of = "mute"', ""])
def test_the_main_arm_and_the_reference_of_another_must_live(tmp_path, change):
    arm = "mute"
    text = PROTOCOL
    if change:
        text += '[[arms]]\nname = "twin"\ntitle = "As many"\nset = { q_syn = 5.0 }\n' + change + "\n"
    else:
        arm = "main"
        text = text.replace("[[arms]]", "[sizes.mute]\nset = { q_syn = 0.0 }\n[[arms]]")
    path = tmp_path / "p.toml"
    path.write_text(text)
    request = Request(str(path), "full" if change else "mute", {}, (1,), "runtime", "numpy")
    with pytest.raises(Unhealthy, match="dead at age 1 day"):
        live(request, arm, 1, tmp_path / "run", None, lambda progress: None, print)
