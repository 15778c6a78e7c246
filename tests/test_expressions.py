"""What a model file may write is accepted, everything else is refused in one sentence, quickly, and nothing is run."""

import sys
import time

import pytest
from equation_texts import BLOCKS, EXPRESSIONS, HUGE, MARKERS, PIECES, RANDOM, REFUSED_EQUATIONS, REFUSED_STATEMENTS
from hypothesis import example, given
from hypothesis import strategies as st

from dpap_bio import words
from dpap_bio.expressions import Equation, check_expression, check_statements, parse_equations, rename


def _one_line(error, seconds):
    message = str(error.value)
    return "\n" not in message and message.startswith("line ") and len(message) < 400 and seconds < 1


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_what_models_are_written_in_is_accepted(text):
    check_expression(text)
    check_statements(f"x = {text}\nx += {text}  # again")
    assert parse_equations(f"new_name = {text} : 1")[0].expression == " ".join(text.split())


@pytest.mark.parametrize("text", RANDOM)
def test_chance_is_refused_unless_asked_for(text):
    check_expression(text, random=True)
    parse_equations(f"dx/dt = {text} : 1", random=True)
    with pytest.raises(ValueError, match="chance is not allowed"):
        check_expression(text)


@pytest.mark.parametrize("text", MARKERS)
def test_every_shape_of_attack_is_refused_in_one_line(text):
    for check in (check_expression, lambda t: check_statements(f"w = {t}"), lambda t: parse_equations(f"w = {t} : 1")):
        if "#" in text and check is not check_expression:
            continue  # a comment, where comments are allowed
        start = time.perf_counter()
        with pytest.raises(ValueError) as error:
            check(text)
        assert _one_line(error, time.perf_counter() - start)


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
def test_size_is_refused_before_it_costs_time(text):
    for check in (check_expression, check_statements, parse_equations, lambda t: parse_equations(f"w = {t} : 1")):
        start = time.perf_counter()
        try:
            check(text)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert not text.strip(" #\n")  # blank lines and comments cost nothing
        assert time.perf_counter() - start < 1


@pytest.mark.parametrize(("text", "mentioned"), REFUSED_EQUATIONS)
def test_a_bad_equation_is_refused_with_its_line_and_what_is_wrong(text, mentioned):
    start = time.perf_counter()
    with pytest.raises(ValueError) as error:
        parse_equations(text)
    assert _one_line(error, time.perf_counter() - start) and mentioned in str(error.value)


@pytest.mark.parametrize("text", REFUSED_STATEMENTS)
def test_a_bad_statement_is_refused_in_one_line(text):
    start = time.perf_counter()
    with pytest.raises(ValueError) as error:
        check_statements(text)
    assert _one_line(error, time.perf_counter() - start)


_EVENTS, _LISTENING = [], []
_HEARD = ("exec", "import", "open", "os.system", "subprocess.Popen")
sys.addaudithook(lambda event, args: _EVENTS.append(event) if _LISTENING and event in _HEARD else None)


def test_nothing_is_executed_imported_or_opened_by_a_check():
    def listen(check, texts):
        for text in texts:
            _LISTENING.append(True)
            try:
                check(text)
            except ValueError:
                pass
            finally:
                _LISTENING.clear()

    listen(eval, ["1 + 1"])
    assert _EVENTS == ["exec"], "the hook does not hear"
    _EVENTS.clear()
    for check in (check_expression, check_statements, parse_equations, lambda t: rename(t, {"x": "y"})):
        listen(check, EXPRESSIONS + MARKERS + REFUSED_STATEMENTS + BLOCKS + [f"w = {text} : 1" for text in MARKERS])
    assert _EVENTS == []


@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@example("x" + "\ud800")
def test_no_text_raises_anything_but_valueerror(text):
    for check in (check_expression, check_statements, parse_equations, lambda t: rename(t, {"x": "y"})):
        start = time.perf_counter()
        try:
            check(text)
        except ValueError as error:
            assert "\n" not in str(error)
        assert time.perf_counter() - start < 1


@given(st.sampled_from(EXPRESSIONS), st.sampled_from("'\"[]{};:\\@&|^~!?$`#.=\n\r\x00\u2028ä"), st.data())
def test_one_forbidden_character_anywhere_spoils_an_expression(text, character, data):
    position = data.draw(st.integers(0, len(text)))
    spoiled = text[:position] + character + text[position:]
    try:
        check_expression(spoiled)
    except ValueError:
        return
    # a point may make another number, an equals sign another comparison
    assert character in ".=" and check_expression(spoiled) == check_expression(text)


def test_the_names_read_are_variables_not_functions_constants_or_units():
    assert check_expression("clip(w + pi*exp(-t/tau)*mV, 0, inf) > e and True") == {"w", "t", "tau"}
    assert check_expression("1 + 2*ms") == frozenset()


def test_an_unknown_name_is_refused_with_its_neighbour():
    with pytest.raises(ValueError, match='line 1: found "tau_n"; did you mean "tau_m"?'):
        check_expression("v / tau_n", names={"v", "tau_m"})
    assert check_expression("v / tau_m", names={"v", "tau_m"}) == {"v", "tau_m"}


def test_statements_tell_what_they_read_and_write():
    reads, writes = check_statements("\n  w += a * x_pre  # learn\n\nx = 2\ng_post = w\n")
    assert (reads, writes) == ({"w", "a", "x_pre"}, {"w", "x", "g_post"})
    assert check_statements("  # nothing\n") == (frozenset(), frozenset())


def test_a_statement_may_read_what_an_earlier_one_wrote():
    check_statements("change = a\nw += change", names={"a", "w"})
    with pytest.raises(ValueError, match='line 1: found "change"'):
        check_statements("w += change\nchange = a", names={"a", "w"})


def test_equations_are_read_with_kind_unit_and_flags():
    text = (
        "dv/dt = (a -  # first\n  v) / tau : volt (unless refractory)\nx=v*2:meter**2*volt\nw:1 (shared,constant)"
    )
    assert parse_equations(text) == [
        Equation("differential", "v", "(a - v) / tau", "volt", frozenset({"unless refractory"})),
        Equation("subexpression", "x", "v*2", "volt*metre**2"),
        Equation("parameter", "w", None, "1", frozenset({"constant", "shared"})),
    ]
    first, _, last = map(str, parse_equations(text))
    assert (first, last) == ("dv/dt = (a - v) / tau : volt (unless refractory)", "w : 1 (constant, shared)")
    assert [e.reads for e in parse_equations(text)] == [{"a", "v", "tau"}, {"v"}, frozenset()]


@pytest.mark.parametrize("text", BLOCKS)
def test_brian2_reads_the_checked_equations_as_it_reads_the_text(text):
    brian2 = pytest.importorskip("brian2")
    theirs, ours = brian2.Equations(text), brian2.Equations("\n".join(map(str, parse_equations(text))))
    for name in {*theirs, *ours}:
        a, b = theirs[name], ours[name]
        assert (a.type, a.dim, a.var_type, set(a.flags)) == (b.type, b.dim, b.var_type, set(b.flags))
        assert (a.expr is None and b.expr is None) or a.expr.code.split() == b.expr.code.split()


def test_brian2_parses_every_accepted_expression():
    pytest.importorskip("brian2")
    from brian2.parsing.sympytools import str_to_sympy

    for text in EXPRESSIONS:
        start = time.perf_counter()
        str_to_sympy(text.strip())
        assert time.perf_counter() - start < 5


def test_functions_and_units_are_those_of_brian2():
    pytest.importorskip("brian2")
    from brian2.core.functions import DEFAULT_FUNCTIONS
    from brian2.core.namespace import DEFAULT_UNITS

    assert set(words.FUNCTIONS | words.RANDOM) == set(DEFAULT_FUNCTIONS)
    assert [name for name in DEFAULT_UNITS if not words.is_unit(name)] == []
    prefixes = ["", "da", *"YZEPTGMkhdcmunpfazy"]
    stems = {name.lstrip("".join(prefixes)) for name in DEFAULT_UNITS} | {"m", "s", "V", "A", "F", "S", "M", "area"}
    made = {prefix + stem + end for prefix in prefixes for stem in stems for end in ("", "2", "3", "4", "_")}
    assert sorted(name for name in made if words.is_unit(name) and name not in DEFAULT_UNITS) == []


@pytest.mark.parametrize(
    "name", ["v", "tau_m", "gamma", "beta", "input", "sum", "I", "E", "S", "m", "n", "x1", "Ca"]
)
def test_ordinary_names_may_be_variables(name):
    assert words.why_not_a_variable(name) is None


def test_renaming_reaches_derivatives_but_not_units_flags_comments_or_parts_of_names():
    text = "dx/dt = -x/tau + dx + x_pre + xx + 1e3 : volt (shared) # x\nx2 = x : 1\nvolt_x : 1"
    assert rename(text, {"x": "y"}) == text.replace("dx/dt = -x/tau", "dy/dt = -y/tau").replace("x2 = x :", "x2 = y :")


def test_renaming_takes_suffixed_names_along_when_asked():
    text = "w += x_pre*x_post + x"
    assert rename(text, {"x": "r"}, suffixes=("_pre", "_post")) == "w += r_pre*r_post + r"
    assert rename(text, {"x": "r"}) == "w += x_pre*x_post + r"


def test_two_names_can_be_exchanged():
    assert rename("da/dt = b - 2*a : 1\nb = a", {"a": "b", "b": "a"}) == "db/dt = a - 2*b : 1\na = b"


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("x + y", {"x": "y"}),
        ("x + y", {"x": "z", "y": "z"}),
        ("x", {"x": "exp"}),
        ("x", {"x": "1x"}),
        ("x", {"mV": "x"}),
        ("x", {"x": "a-b"}),
    ],
)
def test_a_renaming_that_would_change_the_meaning_is_refused(text, mapping):
    with pytest.raises(ValueError, match="cannot rename"):
        rename(text, mapping)


@given(st.sampled_from(EXPRESSIONS))
def test_renaming_back_gives_the_same_text(text):
    there = {name: f"{name}_other" for name in check_expression(text) - words.SUPPLIED}
    assert check_expression(rename(text, there)) - words.SUPPLIED == set(there.values())
    assert rename(rename(text, there), {new: old for old, new in there.items()}) == text
