import h5py
import numpy as np
import pytest
from data_folder import DATA, needs
from hypothesis import given, settings
from hypothesis import strategies as st

from dpap_bio.datasets import digits, mnist, nmnist, recording, recordings
from dpap_bio.stimuli import STIMULI

DT = 1e-3
P6 = "Maccione2014_P6_05June11_ctl1_SpkTs_bursts_filtered"


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(DATA))


def write(path, **change):
    """A recording of three units in the official layout: those at (0, 0) and (90, 0) um fire, (0, 30) does not."""
    content = {"spikes": np.array([2.0, 3.0, 4.0, 2.5, 6.0]), "sCount": np.array([3, 0, 2], "i4"),
               "epos": np.array([[0.0, 0.0, 90.0], [0.0, 30.0, 0.0]]), "meta/age": np.array([5], "i4"),
               "meta/key": np.array([b"Someone2001"])} | change
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            if value is not None:
                file[name] = value
    return path


def draw(name, n=64, steps=2000, seed=0, **params):
    return STIMULI["recording"](n, steps, DT, np.random.default_rng(seed), name=str(name), **params)


def test_a_recording_starts_at_its_first_spike_and_is_sorted_in_time(tmp_path):
    r = recording(write(tmp_path / "a.h5"))
    assert r.times.tolist() == [0.0, 0.5, 1.0, 2.0, 4.0] and r.units.tolist() == [0, 2, 0, 0, 2]
    assert r.positions.tolist() == [[0, 0], [0, 30], [90, 0]]
    assert (r.age_day, r.source, r.duration) == (5.0, "Someone2001", 4.0)


def test_a_stated_recording_time_is_taken(tmp_path):
    r = recording(write(tmp_path / "a.h5", recordingtime=np.array([1.0, 9.0])))
    assert r.times[0] == 1.0 and r.duration == 8.0


def test_the_age_of_a_culture_comes_from_its_file_name_where_the_file_does_not_tell(tmp_path):
    assert recording(write(tmp_path / "X_DIV07_1.h5", **{"meta/age": None})).age_day == 7
    assert np.isnan(recording(write(tmp_path / "X.h5", **{"meta/age": None})).age_day)


def test_a_recording_is_read_anew_after_its_file_changed(tmp_path):
    assert recording(write(tmp_path / "a.h5")).age_day == 5
    assert recording(write(tmp_path / "a.h5", **{"meta/age": np.array([6])})).age_day == 6


@pytest.mark.parametrize(("change", "said"), [
    ({"sCount": np.array([3, 0, 1])}, "sCount adds up to 4, there are 5"),
    ({"sCount": np.array([6, -3, 2])}, "sCount adds up"),
    ({"epos": np.zeros((2, 4))}, r"epos is \(2, 4\); wanted \(2, 3\)"),
    ({"spikes": np.array([2.0, np.nan, 4.0, 2.5, 6.0])}, "not a finite number"),
    ({"spikes": np.array([3.0, 2.0, 4.0, 2.5, 6.0])}, "not sorted"),
    ({"spikes": np.array([b"a"] * 5)}, "spikes holds 5 values of type"),
    ({"spikes": np.array([]), "sCount": np.zeros(3, int)}, "holds no spikes"),
    ({"spikes": None}, "damaged or not a recording"), ({"epos": None}, "damaged or not a recording")])
def test_a_damaged_recording_is_one_sentence_that_names_the_file(tmp_path, change, said):
    with pytest.raises(ValueError, match=said) as refusal:
        recording(write(tmp_path / "bad.h5", **change))
    assert "bad.h5" in str(refusal.value) and "\n" not in str(refusal.value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_bytes_lost_or_changed_are_a_sentence_or_a_valid_recording(tmp_path_factory, data):
    path = write(tmp_path_factory.mktemp("h5") / "a.h5")
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[:data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 20))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        r = recording(path)
    except ValueError as refusal:
        assert "a.h5" in str(refusal) and "\n" not in str(refusal)
    else:
        assert np.all(np.diff(r.times) >= 0) and r.units.max() < len(r.positions)


def test_a_text_file_and_a_missing_file_and_a_folder_are_one_sentence_each(tmp_path, monkeypatch):
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match=r"text\.h5 is damaged or not a recording"):
        recording(tmp_path / "text.h5")
    with pytest.raises(FileNotFoundError, match="gone.h5 does not exist"):
        recording(tmp_path / "gone.h5")
    (tmp_path / "study").mkdir()
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="study is a folder of recordings"):
        recording("study")
    with pytest.raises(FileNotFoundError, match="holds no .h5 recordings"):
        recordings("study")


def test_recordings_are_listed_by_age_and_found_by_name(tmp_path, monkeypatch):
    (tmp_path / "waves" / "Someone2001").mkdir(parents=True)
    for name, age in (("b", 12), ("a", 12), ("c", 3), ("unknown", None)):
        write(tmp_path / "waves" / "Someone2001" / f"{name}.h5", **{"meta/age": age and np.array([age])})
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    assert [name for name, _ in recordings("Someone2001")] == ["c", "a", "b", "unknown"]
    assert recordings("waves") == recordings("Someone2001") or np.isnan(recordings("waves")[-1][1])
    assert recording("c").age_day == 3


@needs("retinal_waves", "hippocampal_cortical_cultures_mea", "epa_cortical_mea_development")
def test_every_recording_at_hand_is_read_and_has_an_age(data):
    known = [row for study in ("retinal_waves", "hippocampal_cortical_cultures_mea", "epa_cortical_mea_development")
             for row in recordings(study)]
    assert len(known) > 100
    for name, age in known:
        r = recording(name)
        assert 0 <= age <= 500 and r.age_day == age
        assert r.times[0] >= 0 and r.times[-1] <= r.duration < 7300 and r.units.max() < len(r.positions)


def correlation_by_distance(counts, at, edges):
    """Mean correlation of the columns of counts for pairs whose places are so far apart."""
    fired = counts.sum(0) > 20
    r, at = np.corrcoef(counts[:, fired].T), at[fired]
    distance = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    pairs = np.triu(np.ones_like(r, bool), 1)
    return np.array([r[pairs & (distance > low) & (distance <= high)].mean()
                     for low, high in zip(edges[:-1], edges[1:], strict=True)])


@needs("retinal_waves")
def test_retinal_neighbours_fire_together_the_more_the_nearer_and_shuffled_places_do_not(data):
    r = recording(P6)
    counts = np.zeros((int(r.duration) + 1, len(r.positions)))
    np.add.at(counts, (r.times.astype(int), r.units), 1)
    edges = [0, 200, 500, 1000, 1800]    # um, in steps of a few electrodes
    near_to_far = correlation_by_distance(counts, r.positions, edges)
    assert np.all(np.diff(near_to_far) < 0) and near_to_far[0] > 5 * near_to_far[2]
    shuffled = correlation_by_distance(counts, np.random.default_rng(0).permutation(r.positions), edges)
    assert np.ptp(shuffled) < 0.1 * np.ptp(near_to_far)


@needs("retinal_waves")
def test_a_recorded_wave_keeps_its_neighbourhoods_on_the_sheet_of_input_neurons(data):
    s = draw(P6, steps=25_000, start=0.0, speed=100.0)
    counts = np.zeros((2500, 64))    # a bin is a recorded second
    np.add.at(counts, (s.step // 10, s.neuron), 1)
    at = np.stack(np.divmod(np.arange(64), 8), 1).astype(float)
    near_to_far = correlation_by_distance(counts, at, [0, 1, 2, 3, 5])
    assert np.all(np.diff(near_to_far) < 0) and near_to_far[0] > 3 * near_to_far[-1]
    shuffled = correlation_by_distance(counts, np.random.default_rng(0).permutation(at), [0, 1, 2, 3, 5])
    assert np.ptp(shuffled) < 0.3 * np.ptp(near_to_far)


def test_units_drive_the_nearest_neurons_of_the_sheet_at_their_times(tmp_path):
    s = draw(write(tmp_path / "a.h5"), n=16, steps=4000, start=0.0)
    # the array spans 90 um: units at (0, 0), (90, 0) and (0, 30), in the middle of the sheet's height
    assert s.step.tolist() == [0, 500, 1000, 2000]
    assert s.neuron.tolist() == [4, 7, 4, 4]


def test_time_is_compressed_and_units_wrap_around_where_asked(tmp_path):
    s = draw(write(tmp_path / "a.h5"), n=2, steps=350, start=0.5, speed=10.0, layout="modulo")
    assert s.step.tolist() == [0, 50, 150] and s.neuron.tolist() == [0, 0, 0]


def test_a_drawn_start_lies_within_the_recording_and_depends_on_the_generator(tmp_path):
    path = write(tmp_path / "a.h5")
    drawn = {tuple(draw(path, steps=3900, seed=seed).step) for seed in range(20)}
    assert len(drawn) > 10


@pytest.mark.parametrize(("params", "said"), [
    ({"steps": 4001, "start": 0.0}, "lasts 4 s; wanted 4.001 s of it from 0 s on"), ({"start": 3.0}, "from 3 s on"),
    ({"speed": 0.0}, "speed is 0.0"), ({"start": -1.0}, "start is -1.0 s"), ({"n": 63}, "64 = 8 x 8"),
    ({"layout": "ring"}, "sheet, modulo"), ({"speed": 3.0}, "lasts 4 s")])
def test_a_stretch_that_a_recording_cannot_give_is_refused(tmp_path, params, said):
    with pytest.raises(ValueError, match=said):
        draw(write(tmp_path / "a.h5"), **params)


def test_an_unknown_recording_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="nobody: no such dataset or recording in"):
        draw("nobody")


@needs("nmnist")
def test_nmnist_presentations_carry_their_digits_and_their_shapes(data):
    s = STIMULI["nmnist"](34 * 34, 3300, DT, np.random.default_rng(0), window=0.3, gap=0.03, order="sequential",
                          first=3)
    listed = nmnist("train")[3:13]
    assert s.label.tolist() == [label for _, label in listed]
    assert s.onset.tolist() == list(range(0, 3300, 330))
    last = [s.step[(s.step >= a) & (s.step < a + 330)].max() - a for a in s.onset]
    assert last == [299] * 10    # a recording fills its window and nothing of the gap
    counts = np.stack([np.bincount(s.neuron[s.step // 330 == k], minlength=34 * 34) for k in range(10)])
    assert np.all((counts.sum(1) > 800) & (counts.sum(1) <= 7200))
    if (DATA / "mnist").is_dir():    # the image most like a recording shows the same digit
        images = mnist("train").pixels[3:13]
        own = [[max(np.corrcoef(c.reshape(34, 34)[dy:dy + 28, dx:dx + 28].ravel(), image.ravel())[0, 1]
                    for dy in range(0, 7) for dx in range(0, 7)) for image in images] for c in counts]
        assert np.array_equal(s.label[np.argmax(own, 1)], s.label)
        mnist.cache_clear()


@needs("nmnist")
def test_pooling_and_keeping_a_share_lose_spikes_and_nothing_else(data):
    def shown(n, **params):
        return STIMULI["nmnist"](n, 3000, DT, np.random.default_rng(0), window=0.3, order="sequential", **params)
    full, pooled, some = shown(1156), shown(64), shown(1156, keep=0.25)
    assert pooled.step.size < full.step.size and np.array_equal(full.label, pooled.label)
    assert abs(some.step.size / full.step.size - 0.25) < 0.02
    y, x = np.divmod(full.neuron, 34)
    assert set(zip(pooled.step, pooled.neuron, strict=True)) == set(
        zip(full.step, y * 8 // 34 * 8 + x * 8 // 34, strict=True))


@needs("mnist")
def test_mnist_drives_a_sheet_of_its_own_size_and_a_pooled_one(data):
    for n in (784, 196):
        s = STIMULI["digits"](n, 1000, DT, np.random.default_rng(0), rate=100.0, window=0.1, images="mnist",
                              order="sequential", part="test")
        assert s.label.tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
        assert s.step.size / n == pytest.approx(100 * mnist("test").pixels[:10].mean(), rel=0.1)
    assert digits("test").labels.size == 596
    mnist.cache_clear()


@needs("retinal_waves")
def test_a_damaged_copy_of_a_real_recording_is_refused(tmp_path, data):
    real = next((DATA / "retinal_waves").rglob("Wong1993_P0.h5")).read_bytes()
    for k, cut in enumerate((100, len(real) // 2, len(real) - 100)):
        (tmp_path / f"{k}.h5").write_bytes(real[:cut])
        with pytest.raises(ValueError, match=f"{k}.h5 is damaged"):
            recording(tmp_path / f"{k}.h5")
