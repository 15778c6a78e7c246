"""Runs as files: same bits back, damage noticed, violations of SCHEMA said in a sentence."""

import socket

import made_run
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from dpap_bio import results
from dpap_bio.results import read


def full(folder):
    """A run with every kind of table."""
    probes = {e: {n: made_run.probe(*made_run.tuned(e, n_cells=k)) for n in ("train", "test")}
              for e, k in ((3, 5), (9, 4))}
    lived = {(arm, seed): made_run.records(births={-1: 20, 2: 5}, deaths={5: [0, 3], 7: [22]}, probes=probes,
                                           neuron_deaths={6: [4]}, weight=lambda ids, e: 1.0 + ids / 7 + e)
             for arm in ("main", "control") for seed in (1, 2)}
    return made_run.run(folder, lived)


def test_a_saved_run_comes_back_with_the_same_bits_and_attributes(tmp_path):
    run = full(tmp_path)
    attributes = dict(run.attrs)
    results.save(run, tmp_path / "run.nc")
    back = results.load(tmp_path / "run.nc")
    assert results.digest(back) == results.digest(run)
    assert back.attrs == attributes == run.attrs
    assert [n.path for n in back.subtree] == [n.path for n in run.subtree]
    assert back["main/seed_1/snapshots_forward"].w.attrs == {"units": "1", "long_name": "weight"}


def test_every_variable_of_a_run_has_units_and_a_long_name_and_the_run_is_valid(tmp_path):
    run = full(tmp_path)
    assert results.validate(run) == []
    variables = [v for node in run.subtree for v in node.to_dataset(inherit=False).variables.values()]
    assert len(variables) > 100
    assert all(v.attrs["units"] and v.attrs["long_name"] for v in variables)


def test_schema_text_explains_every_variable_that_a_run_has(tmp_path):
    text = results.schema_text()
    for node in full(tmp_path).subtree:
        for name in node.to_dataset(inherit=False).variables:
            assert name in text or name.split("_")[0] + "_*" in text or node.name.startswith("snapshots_")


def test_the_same_records_make_the_same_digest(tmp_path):
    assert results.digest(full(tmp_path)) == results.digest(full(tmp_path))


def test_one_changed_bit_makes_another_digest(tmp_path):
    run, other = full(tmp_path), full(tmp_path)
    weight = other["main/seed_2/synapses_forward"].w_last.values
    weight[3] = np.nextafter(weight[3], 2.0)
    assert results.digest(run) != results.digest(other)
    assert results.digest(run["main/seed_1"]) == results.digest(other["main/seed_1"])


def test_the_digest_of_a_development_is_that_of_the_same_development_under_another_seed(tmp_path):
    run = full(tmp_path)
    assert results.digest(run["main/seed_1"]) == results.digest(run["main/seed_2"])


def test_no_host_name_no_path_and_no_clock_is_in_a_run(tmp_path):
    run = full(tmp_path)
    texts = [str(v.values) for n in run.subtree for v in n.to_dataset().variables.values() if v.dtype.kind == "U"]
    everything = " ".join([str(run.attrs), *texts])
    assert str(tmp_path) not in everything
    assert socket.gethostname() not in everything
    assert run.attrs == full(tmp_path).attrs


life = st.lists(st.tuples(st.integers(0, 6), st.floats(0, 1)), min_size=6, max_size=12)


@settings(deadline=None, max_examples=25)
@given(life)
def test_born_minus_died_is_alive_at_every_age(tmp_path_factory, epochs):
    births, deaths, alive, born = {-1: 8}, {}, list(range(8)), 8
    for epoch, (n, share) in enumerate(epochs):
        births[epoch] = n
        alive += range(born, born + n)
        born += n
        deaths[epoch] = alive[: int(share * len(alive))]
        alive = alive[len(deaths[epoch]):]
    run = made_run.one(tmp_path_factory.mktemp("life"), epochs=len(epochs), births=births, deaths=deaths)
    lives, summary = (read.table(run, "main", 1, n) for n in ("synapses_forward", "summary"))
    for age, told in zip(summary.age.values, summary.synapses.values[:, 0], strict=True):
        living = (lives.born.values <= age) & ~(lives.died.values <= age)
        assert living.sum() == told
    assert (summary.born - summary.died).sum() == summary.synapses[-1, 0]
    assert results.validate(run) == []
    for epoch in read.epochs(run, "main", 1, "snapshots"):
        shown = read.snapshot(run, "main", 1, "forward", epoch)
        assert shown.sizes["entry"] == summary.synapses.sel(epoch=epoch).item()


def test_a_synapse_keeps_its_weight_at_birth_at_death_or_in_the_last_snapshot(tmp_path):
    run = made_run.one(tmp_path, epochs=6, deaths={4: [2]}, weight=lambda ids, e: ids + 100.0 * (e + 1))
    lives = read.table(run, "main", 1, "synapses_forward")
    assert lives.w_birth.values[[2, 3]].tolist() == [2, 3]
    assert lives.w_last.values[[2, 3]].tolist() == [502, 603]
    assert lives.died.values[2] == 5
    assert np.isnan(lives.died.values[3])


def test_a_projection_that_did_not_change_is_stored_once_and_found_at_every_snapshot(tmp_path):
    run = made_run.one(tmp_path, epochs=6, deaths={4: [0]})
    assert np.unique(read.table(run, "main", 1, "snapshots_forward").epoch).tolist() == [-1, 4]
    with pytest.raises(read.NotApplicable, match="no snapshot of epoch 3"):
        read.snapshot(run, "main", 1, "forward", 3)
    assert read.snapshot(run, "main", 1, "forward", 4).sizes["entry"] == 19


def test_a_projection_that_lost_all_synapses_has_an_empty_snapshot_not_the_one_before(tmp_path):
    changing = made_run.records(epochs=6, deaths={2: range(20)})
    for record in changing:  # a second projection, whose snapshots make the epochs known
        for key in ("births", "deaths", "snapshot"):
            part = record[key]["forward"]
            record[key]["other"] = {n: c[:0] for n, c in part.items()}
        record["summary"] |= {f"other.{n}": 0 for n in ("synapses", "density", "born", "died", "weight")}
        record["births"]["other"] = {n: np.zeros(1 if record["epoch"] < 0 else 0) .astype(c.dtype)
                                     for n, c in record["births"]["forward"].items()}
        record["summary"] |= {"other.synapses": 1, "other.born": int(record["epoch"] < 0)}
        record["snapshot"]["other"] = {"id": np.zeros(1, int), "w": np.array([float(record["epoch"])]),
                                       "pre": np.zeros(1, int), "post": np.zeros(1, int)}
    run = made_run.run(tmp_path, {("main", 1): changing})
    assert results.validate(run) == []
    assert read.snapshot(run, "main", 1, "forward", 1).sizes["entry"] == 20
    assert read.snapshot(run, "main", 1, "forward", 5).sizes["entry"] == 0


def test_arms_may_differ_in_what_their_synapses_keep(tmp_path):
    reserve = made_run.records(columns=lambda ids, e: {"reserve": ids + 0.5})
    run = made_run.run(tmp_path, {("main", 1): reserve, ("control", 1): made_run.records()})
    assert results.validate(run) == []
    results.save(run, tmp_path / "run.nc")
    back = results.load(tmp_path / "run.nc")
    assert "reserve" in back["main/seed_1/snapshots_forward"]
    assert "reserve" not in back["control/seed_1/snapshots_forward"]


def test_counts_of_a_probe_carry_the_ids_of_the_neurons_that_live(tmp_path):
    count, label = made_run.tuned(0, n_cells=4)
    run = made_run.one(tmp_path, neuron_deaths={5: [1]}, probes={9: {"test": made_run.probe(count, label)}})
    counted, _, ids = read.counts(run, "main", 1, "test", "cells", "late")
    assert ids.tolist() == [0, 2, 3, 4]
    assert (counted == count).all()
    with pytest.raises(read.NotApplicable, match="after stage 'early'"):
        read.counts(run, "main", 1, "test", "cells", "early")


def test_texts_beyond_the_limit_of_an_hdf5_attribute_are_kept(tmp_path):
    protocol = made_run.protocol(tmp_path)
    long = "# " + "x" * 100_000
    texts = {name: f"{text}\n{long}" for name, text in protocol.texts.items()}
    object.__setattr__(protocol, "texts", texts)
    results.save(results.assemble(protocol, {("main", 1): made_run.records()}), tmp_path / "run.nc")
    assert all(str(t).endswith(long) for t in results.load(tmp_path / "run.nc")["files"].text.values)


def test_parameters_come_with_value_unit_and_source_or_reason(tmp_path):
    table = made_run.one(tmp_path)["parameters"].to_dataset().to_dataframe()
    assert table.loc["tau_m", ["value", "unit", "source", "evidence"]].tolist() == [20, "ms", "song2000, page 920",
                                                                                   "verified"]
    assert "together" in table.loc["q_syn", "chosen"]
    assert ((table.source == "") != (table.chosen == "")).all()
    assert list(table.index) == sorted(table.index)


# -- damage and violations --


def saved(folder):
    results.save(full(folder), folder / "run.nc")
    return folder / "run.nc"


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused_in_one_sentence(tmp_path, keep):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(ValueError, match="damaged or not a netCDF file") as error:
        results.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore")
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    path = tmp_path / "run.nc"
    results.save(made_run.one(tmp_path, epochs=5), path)
    good, rng, refused = results.load(path), np.random.default_rng(0), 0
    data = path.read_bytes()
    for at in rng.integers(0, len(data), 12):
        flipped = bytearray(data)
        flipped[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            back = results.load(path)
        except ValueError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            assert results.digest(back) == results.digest(good)
            assert back.attrs == good.attrs
    assert refused > 0


def test_an_exchanged_text_is_noticed(tmp_path):
    path = saved(tmp_path)
    data = path.read_bytes()
    assert data.count(b"Two populations") == 1
    path.write_bytes(data.replace(b"Two populations", b"Ten populations"))
    with pytest.raises(ValueError, match="not what was written"):
        results.load(path)


def test_a_foreign_netcdf_file_is_refused_in_one_sentence(tmp_path):
    xr.Dataset({"t": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="it is no run, or one of another version"):
        results.load(tmp_path / "other.nc")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        results.load(tmp_path / "none.nc")


def edited(run, path, change):
    run[path] = xr.DataTree(change(run[path].to_dataset()))


VIOLATIONS = {
    "variable 'pre' is missing": lambda r: edited(r, "main/seed_1/synapses_forward", lambda d: d.drop_vars("pre")),
    "variable 'age_of_moon' is not known": lambda r: edited(r, "stages", lambda d: d.assign(age_of_moon=d.days)),
    "born has dimensions": lambda r: edited(r, "main/seed_1/neurons", lambda d: d.assign(born=d.born[0].assign_attrs(
        d.born.attrs))),
    "id holds float64, whole numbers are wanted": lambda r: edited(
        r, "main/seed_1/neurons", lambda d: d.assign(id=d.id.astype(float))),
    "days has units 'week', 'day' is wanted": lambda r: r["stages"].days.attrs.update(units="week"),
    "days has no long_name": lambda r: r["stages"].days.attrs.pop("long_name"),
    "group /parameters is missing": lambda r: r.__delitem__("parameters"),
    "group /main/seed_1/summary is missing": lambda r: r["main/seed_1"].__delitem__("summary"),
    "group /main/seed_1/dreams is not known": lambda r: r["main/seed_1"].assign(
        {}) and r.__setitem__("main/seed_1/dreams", xr.DataTree(xr.Dataset({"x": 1}))),
    "attribute 'backend' of the file is missing": lambda r: r.attrs.pop("backend"),
    "attribute 'seeds' of the file is not JSON": lambda r: r.attrs.update(seeds="one"),
    "an id is used twice": lambda r: r["main/seed_1/synapses_forward"].id.values.__setitem__(0, 1),
    "died before it was born": lambda r: r["main/seed_1/synapses_forward"].died.values.__setitem__(0, -1.0),
    "19 synapses are alive at age 0 day, the summary says 20": lambda r: r[
        "main/seed_1/synapses_forward"].born.values.__setitem__(5, 0.5),
}


@pytest.mark.parametrize("sentence", VIOLATIONS)
def test_a_violation_of_the_schema_is_one_sentence_and_is_not_saved(tmp_path, sentence):
    run = full(tmp_path)
    VIOLATIONS[sentence](run)
    said = results.validate(run)
    assert any(sentence in each for each in said), said
    with pytest.raises(ValueError, match=r"run\.nc: .+"):
        results.save(run, tmp_path / "run.nc")
    assert not (tmp_path / "run.nc").exists()


def test_a_refused_save_leaves_the_file_that_was_there(tmp_path):
    path = saved(tmp_path)
    before = path.read_bytes()
    run = full(tmp_path)
    del run["stages"]
    with pytest.raises(ValueError, match="/stages is missing"):
        results.save(run, path)
    assert path.read_bytes() == before


def test_a_development_with_a_hole_or_without_birth_is_refused(tmp_path):
    lived = made_run.records()
    with pytest.raises(ValueError, match="first record must be that of birth"):
        made_run.run(tmp_path, {("main", 1): lived[1:]})
    with pytest.raises(ValueError, match="records of some epochs are missing"):
        made_run.run(tmp_path, {("main", 1): lived[:3] + lived[4:]})


def test_an_arm_cannot_have_the_name_of_a_group(tmp_path):
    with pytest.raises(ValueError, match="cannot be called 'stages'"):
        results.assemble(made_run.protocol(tmp_path), {("stages", 1): made_run.records()})
