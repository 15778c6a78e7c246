"""Units are read exactly, refused in one sentence, and never evaluated."""

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpap_bio import units

# fmt: off
SIMPLE = ["us", "ms", "s", "min", "hour", "day", "uV", "mV", "V", "pA", "nA", "uA", "mA", "A", "nS", "uS", "mS", "S",
          "pF", "nF", "uF", "F", "Mohm", "Gohm", "ohm", "Hz", "kHz", "um", "mm", "cm", "m", "nM", "uM", "mM"]
COMPOSED = ["mV/ms", "1/day", "Hz**2", "nA/pF", "S/cm**2", "uF/cm**2", "1/mV", "ms**-1", "V*s", "mM/ms", "1/ms/mV", ""]
DIMENSIONS = ["time", "voltage", "current", "conductance", "capacitance", "resistance", "rate", "length",
              "dimensionless", "voltage/time", "1/voltage", "conductance/length**2"]
SAME = [("mV/ms", "nA/pF"), ("1/day", "Hz"), ("nA/mV", "nS"), ("mV/nA", "Mohm"), ("nS*ms", "pF"), ("ms/s", ""),
        ("S/cm**2", "1/ohm/m/m")]
DIFFERENT = ["ms", "mV", "pA", "nS", "pF", "ohm", "Hz", "um", "1", "mV/ms", "Hz**2", "mM"]
REFUSED = [
    "9**9**9 m", "1 m**9", "1 m**9**9", "1 m**-0", "1 m**0.5", "1 m**99999999999", "1" * 10_000 + " m",
    "1 " + "m*" * 10_000, "20ms", "ms", "20 mS ms", "20 furlong", "20 mV/", "20 (mV)", "20 m.s", "20 m s", "nan s",
    "inf s", "1e999 s", "0x10 s", "1_000 s", "1,5 s", "20 ms; 3", "20 µm", "２0 ms", "2\n0 ms", "\x00", "", "1/3 s",
    "20 2", "20 1m", None, 20.0, b"20 ms", ["20 ms"],
]
# fmt: on


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("20 ms", "time", 0.02),
        ("6 day", "time", 518400.0),
        ("1.5 min", "time", 90.0),
        ("-70 mV", "voltage", -0.07),
        ("2e2 pA", "current", 2e-10),
        (".5 nS", "conductance", 5e-10),
        ("100 Mohm", "resistance", 1e8),
        ("8 Hz", "rate", 8.0),
        ("1 1/day", "rate", 1 / 86400),
        ("3 mV/ms", "voltage/time", 3.0),
        ("4 kHz**2", None, 4e6),
        ("0.7", "dimensionless", 0.7),
        ("0.7 1", "dimensionless", 0.7),
        ("  7 \t ms ", "time", 0.007),
    ],
)
def test_a_quantity_is_read_in_si_units(text, dimension, expected):
    assert units.parse(text, dimension) == pytest.approx(expected, rel=1e-15)


def test_the_wrong_dimension_is_named_in_one_sentence_with_an_example():
    with pytest.raises(ValueError) as error:
        units.parse("20 mV", "time")
    assert str(error.value) == 'found "20 mV", a voltage; a time is wanted, e.g. "20 ms"'


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused_at_once_in_one_short_line(text):
    start = time.perf_counter()
    with pytest.raises(ValueError) as error:
        units.parse(text, "length")
    assert time.perf_counter() - start < 0.1
    assert "\n" not in str(error.value) and len(str(error.value)) < 300 and "a length is wanted" in str(error.value)


@given(st.text(max_size=100) | st.text(alphabet="1eE+-.*/ mskVA\t", max_size=100))
def test_no_text_raises_anything_but_valueerror(text):
    for read in (units.parse, units.dimension_of, units.brian_name, units.brian_base):
        try:
            read(text)
        except ValueError as error:
            assert "\n" not in str(error)


@given(st.floats(-1e12, 1e12), st.sampled_from(SIMPLE + COMPOSED))
def test_there_and_back_is_the_same_number(value, unit):
    assert units.to_unit(units.parse(f"{value!r} {unit}"), unit) == pytest.approx(value, rel=1e-15, abs=1e-300)


def test_arrays_are_converted_like_numbers():
    seconds = units.to_si(np.array([1.0, 2.0]), "day")
    assert seconds.tolist() == [86400.0, 172800.0] and units.to_unit(seconds, "day").tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_units_of_the_same_thing_have_one_dimension(one, other):
    assert units.dimension_of(one) == units.dimension_of(other)


def test_units_of_different_things_have_different_dimensions():
    named = [units.dimension_of(unit) for unit in DIFFERENT]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("unit", SIMPLE + COMPOSED)
def test_brian2_gives_every_unit_the_same_value_and_dimension(unit):
    brian2 = pytest.importorskip("brian2")
    theirs = 3.0 * eval(units.brian_name(unit), dict(brian2.units.allunits.__dict__, Hz=brian2.Hz, cm=brian2.cm))
    assert float(theirs) == pytest.approx(units.parse(f"3 {unit}"), rel=1e-15)
    base = brian2.equations.equations.dimensions_and_type_from_string(units.brian_base(units.dimension_of(unit)))
    assert base[0] is brian2.get_dimensions(theirs)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_base_unit_of_a_dimension_has_that_dimension_and_factor_one(dimension):
    base = units.brian_base(dimension)
    assert units.dimension_of(base) == dimension and units.to_si(1.0, base) == 1.0


@given(st.lists(st.tuples(st.sampled_from(SIMPLE), st.sampled_from([-2, -1, 1, 2])), max_size=5))
def test_a_dimension_has_a_name_that_reads_back_as_itself(factors):
    unit = "*".join(f"{name}**{power}" for name, power in factors)
    dimension = units.dimension_of(unit)
    assert units.parse(f"1 {unit}", dimension) == units.to_si(1.0, unit) != 0


def test_importing_units_loads_no_simulator():
    code = "import sys, dpap_bio.units; sys.exit('brian2' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
