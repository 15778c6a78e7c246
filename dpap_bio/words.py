"""The words of an equation: which functions, constants and units Brian2 knows, and which names nothing may have.

Written out rather than asked of Brian2, because a model file is checked before Brian2 is loaded; the tests compare.
"""

import keyword
import re

# function: number of arguments (brian2.core.functions.DEFAULT_FUNCTIONS)
_OF_ONE = (
    "abs arccos arcsin arctan ceil cos cosh exp expm1 exprel floor int log log10 log1p sign sin sinh sqrt tan tanh"
)
FUNCTIONS = dict.fromkeys(_OF_ONE.split(), 1) | {"clip": 3, "timestep": 2}
RANDOM = {"rand": 0, "randn": 0, "poisson": 1}  # and the noise symbols xi, xi_<name>

CONSTANTS = frozenset(["e", "pi", "inf"])

# Values that Brian2 supplies: an equation reads them and nothing else writes them.
SUPPLIED = frozenset(["t", "dt", "t_in_timesteps", "i", "j", "N"])
# Names that Brian2 adds to a group or a pathway by itself, so that a model file must not define them.
ADDED = frozenset(["refractory", "not_refractory", "refractory_until", "lastspike", "lastupdate", "delay"])

_PREFIX = "[YZEPTGMkmunpfazy]?"
_PREFIXED = (
    "metre meter gram gramme second amp ampere mole mol molar radian steradian hertz newton pascal joule watt coulomb"
    " volt farad ohm siemens weber tesla henry lumen lux becquerel gray sievert katal candle"
)
_UNIT = re.compile(
    rf"{_PREFIX}(?:{_PREFIXED.replace(' ', '|')})[23]?|(?:kilogram|kilogramme|kelvin|[cmu]m)[23]?"
    r"|(?:[YZEPTGMkhdcmunpfazy]|da)?(?:litre|liter)|[munp]A|mV|[unp]F|[un]S|[mu]s|[kM]?Hz|[mun]M"
)

_CPP = """alignas alignof and_eq asm auto bitand bitor bool case catch char char8_t char16_t char32_t compl concept
    const consteval constexpr constinit const_cast co_await co_return co_yield decltype default delete do double
    dynamic_cast enum explicit export extern false float friend goto inline int long mutable namespace new noexcept
    not_eq nullptr operator or_eq private protected public register reinterpret_cast requires restrict short signed
    sizeof static static_assert static_cast struct switch template this thread_local throw true typedef typeid typename
    typeof union unsigned using virtual void volatile wchar_t xor xor_eq"""
_MACROS = """assert offsetof errno linux unix stdin stdout stderr std NULL EOF INFINITY NAN HUGE_VAL M_PI M_E BUFSIZ
    RAND_MAX CLOCKS_PER_SEC EXIT_SUCCESS EXIT_FAILURE INT_MAX INT_MIN DBL_MAX DBL_MIN FLT_EPSILON SEEK_SET FP_NAN
    math_errhandling"""
# words of Cython, and functions that Brian2's generated code calls beside a model's variables
_GENERATED = """cdef cpdef cimport ctypedef nogil gil len range set fabs fmod asin acos atan free isinf int_ LazyArange
    int32_t int64_t uint64_t logical_not"""
_LOGIC = frozenset(["and", "or", "not", "True", "False"])
RESERVED = frozenset(keyword.kwlist) - _LOGIC | frozenset(_CPP.split() + _MACROS.split() + _GENERATED.split())


def is_unit(name):
    """Whether Brian2 reads `name` as a unit: "mV", "siemens", "umetre2"."""
    return _UNIT.fullmatch(name) is not None


def is_noise(name):
    """Whether `name` is white noise to Brian2: "xi" or "xi_<name>"."""
    return name == "xi" or name.startswith("xi_")


def why_not_a_variable(name):
    """Say why nothing may be called `name`, as "is ..." or "has ..."; None if it may.

    Arguments
        name       str                  letters, digits and underscores
    Returns
        str or None                     the end of a sentence that starts with the name
    """
    if name.startswith("_"):
        return "starts with an underscore, which Brian2 keeps for itself"
    if name in RESERVED or name in _LOGIC:
        return "is a word of Python, Cython or C++ that generated code needs"
    if name in FUNCTIONS or name in RANDOM:
        return "is a function"
    if name in CONSTANTS:
        return "is a constant"
    if is_unit(name):
        return "is a unit"
    if name in SUPPLIED or is_noise(name):
        return "has a meaning of its own in Brian2"
    return None
