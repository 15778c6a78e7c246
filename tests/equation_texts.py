"""Texts for test_expressions.py: what is accepted, and what is refused. The attacks carry harmless markers."""

# fmt: off
EXPRESSIONS = [  # forms that neuron and synapse models are written in
    "(v_rest - v + g) / tau_m", "-g / tau_g", "v > v_th", "v > -50*mV", "x == 0 and y != 1", "not (a or b)", "0",
    "1e-3", ".5", "2.", "1.5e+3", "-65*mV", "+x", "True", "(gl*(El-v) + gl*DeltaT*exp((v-VT)/DeltaT) - w + I) / C",
    "(a*(v-El)-w)/tauw", "0.04/ms/mV*v**2 + 5/ms*v + 140*mV/ms - u", "a*(b*v - u)",
    "0.032/mV*(13*mV-v+VT)/(exp((13*mV-v+VT)/(4*mV))-1.)/ms", "0.5*exp((10*mV-v+VT)/(40*mV))/ms",
    "4./(1+exp((40*mV-v+VT)/(5*mV)))/ms", "alpha_m*(1-m)-beta_m*m", "g_na*(m*m*m)*h*(v-ENa)",
    "(gl*(El-v) - g_kd*n**4*(v-EK))/Cm", "clip(w + eta*(pre - theta), 0, w_max)", "exp(-abs(t_pre - t_post)/tau)",
    "1/(1+exp(-(v+40*mV)/(5*mV)))", "sqrt((x-x0)**2 + (y-y0)**2) < 100*umetre", "((x-x0)**2 + (y-y0)**2)**0.5",
    "3**((T - 23)/10)", "exp(-exp(-x))", "log(1 + exp((v - v_half)/k))", "int(v > v_th)*A", "int(t/ms) % 10",
    "t // dt", "sin(2*pi*f*t)", "cos(2*pi*i/N)", "tanh(x)", "arctan(y)", "(exprel(x) + expm1(x) + log1p(x))/3",
    "sign(x)*floor(abs(x)) + ceil(y)", "log10(c/mmolar)", "e**-x", "i != j", "abs(i-j) <= 3",
    "timestep(t - lastspike, dt) <= n_refractory", "v_pre - v_post", "w*int(v_pre > 0*mV)",
    "(y_bcm*(y_bcm - theta)*x_pre) * eta", "(r**2 - theta)/tau_theta", "g_ampa*(v-E_ampa)*s_tot",
    "B*g_nmda/(1+Mg*exp(-0.062*v/mV)/3.57)", "-x*u/tau_d", "(U-u)/tau_f",
    "(ca_rest - ca)/tau_ca - k*I_ca/(2*F*depth)", "gamma*(1-rho)*int(c>theta_p) - delta*rho*int(c>theta_d)",
    "(1 - s)/tau_spine", "-(age/tau)**1.5", "(a+b)**-2", "x**n / (x**n + k**n)", "x**(n - 1)", "v*second**-1", "inf",
    "(\tx + y )", "siemens/metre**2 * area", "v < 30*mV or t > 1*second and not blocked", "a<b", "a >= b",
    "10*nS/(200*pF)",
]
RANDOM = [
    "rand()", "randn()*sigma", "poisson(3.5)", "xi*tau**-0.5", "xi_noise", "rand() < p",
]
MARKERS = [  # shapes of attack on a parser that evaluates, and what would hang it
    'marker("x")', "exp('marker')", 'exp("""marker""")', "f'{marker}'", "b'marker'", "x.marker", "(1).real",
    "1.0.real", "x[0]", "x[:]", "[marker]", "{marker}", "{1: marker}", "lambda: marker", "(lambda: marker)()",
    "[m for m in x]", "(m for m in x)", "{m for m in x}", "marker if x else y", "x in y", "x not in y", "x is y",
    "x is not y", "marker()", "exp(x=marker)", "exp(*marker)", "exp(**marker)", "exp(exp)(1)", "(exp)(x)",
    "(x)(y)", "(x\n)(y)", "x\n(y)",
    "exp(x)(y)", "exp()", "exp(1, 2)", "rand(1)", "(x := 1)", "x := 1", "x = 1", "x; y", "x, y", "(x, y)", "()",
    "import marker", "__import__", "__class__", "_marker", "__builtins__", "eval(x)", "exec(x)", "open(x)",
    "globals()", "getattr(x, y)", "type(x)", "print(x)", "None", "...", "yield x", "(yield x)", "await x",
    "(await x)", "del x", "x @ y", "x & y", "x | y", "x ^ y", "~x", "x << 2", "x >> 2", "!x", "x ? y", "x $ y", "`x`",
    "x \\ y", "x \\\n + y", "x\ny", "x\r\ny", "x\x0cy", "x\x00y", "x # marker", "ｘ", "µ", "x\u2028y", "x\u00a0+ y",
    "ﬁ", "ex\u0070(\u200bx)", "1j", "0x10", "0b1", "0o7", "1_000", "08", "3foo", "3 foo", "foo 3", "a < b < c",
    "a == b == c", "< a", "a <", "+", "", " ", "(", ")", "x)+(y", "a)(b", "a(b", "double", "template", "class + 1",
    "NULL", "errno", "exp + 1", "mV(3)", "pi(3)", "x(3)", "True(1)", "and", "not", "x and", "mV.marker", "exp.marker",
    "'", '"', '"""', "9**9**9", "9**9**9**9", "(9**9)**9", "2**(2**x)", "9**65", "9**-65", "9**(99999999)",
    "9**(64+1)", "9**(9*9)", "x**exp(9)", "9**(x*0 + 99999999)", "9**(8/0.001)", "((x*9**64+1)**64+1)**64",
    "floor(exp(1e9))", "exp(exp(exp(9)))", "1e999", "1e31", "1e-31", "9007199254740993", "1e9999999999999", "rand()",
    "randn()", "xi", "xi_1", "poisson(2)",
]
HUGE = [
    "(" * 4000, "(" * 2000 + "x" + ")" * 2000, "(" * 41 + "x" + ")" * 41, "-" * 3999 + "x", "- " * 1999 + "x",
    "not " * 900 + "x", "x**" * 1300 + "x", "1" * 4000, "a" * 4001, "x+" * 1999 + "x", "x*" * 400 + "x",
    "exp(" * 39 + "x" + ")" * 39, "exp(" * 900 + "x" + ")" * 900, "0" * 3999 + "_", "9" * 3990 + "e9_", "x\t" * 2000,
    "x<" * 1900, "9**64*" * 600 + "1", " " * 4001, "x" * 1_000_000, ":" * 40_000, "x=" * 20_000, "x :" * 13_000,
    "#" * 40_000, "\n" * 40_000, "d" * 39_000 + "/dt = 1 : 1", "x : " + "1*" * 19_000,
    "\n".join(f"x{k} = x{k - 1}*x{k - 1} : 1" for k in range(1, 60)),
    "\n".join(f"x{k} = (x{k - 1} + 9)**64 : 1" for k in range(1, 9)),
]
BLOCKS = [
    "dv/dt = (v_rest - v + g) / tau_m : volt (unless refractory)\ndg/dt = -g / tau_g : volt",
    "dv/dt = (ge*(Ee-v) + gi*(Ei-v)\n        - (v-El)) / taum : volt  # a comment: with a colon\n"
    "ge : 1\ngi : 1 (constant, shared)\n",
    "# only comments before\n\nx = 2*y + w : volt\ny : volt\nw = y/2 : volt (shared)\n",
    "dapre/dt = -apre/taupre : 1 (event-driven)\ndapost/dt = -apost/taupost : 1 (clock-driven)\n"
    "w : 1\nplastic : boolean (shared)",
    "g_tot_post = w*s_pre : siemens (summed)\nds/dt = -s / tau : 1 (clock-driven)\nn : integer (constant)",
    "I = -a : amp/metre**2\nr = v/1 : 1/second (constant over dt)\n"
    "f : Hz\nrho : siemens / meter ** 2\nc : mmolar\nv : 1\na : amp/meter**2",
]
REFUSED_EQUATIONS = [
    ("dv/dt = -v/tau", "line 1"), ("dv/dt = : volt", "line 1"), ("dv/dt = -v/tau : mV", 'write "volt"'),
    ("v : volt\nv : volt", "line 2"), ("v : parsec", "parsec"), ("v : volt**9**9", "volt**9**9"),
    ("v : volt (linked)", "linked"), ("v : volt (constant, constant)", "once"),
    ("x = 1 : 1 (unless refractory)", "unless refractory"), ("v : volt extra", "volt extra"), ("v : 1 w : 1", "w"),
    ("v : 1; w : 1", ";"), ("\n\ndv/dt = marker(\n  v) : 1", "line 3"), ("dv/dt = v +\n x.marker : 1", "line 2"),
    ("x = y : 1\ny = x : 1", "each other"), ("x = x : 1", "each other"), ("dt/dt = 1 : 1", '"t"'),
    ("mV : volt", '"mV"'), ("exp : 1", '"exp"'), ("lambda : 1", '"lambda"'), ("double : 1", '"double"'),
    ("_x : 1", '"_x"'), ("i : integer", '"i"'), ("refractory : boolean", '"refractory"'), ("x_pre : 1", '"x_pre"'),
    ("x_post = 1 : 1", '"x_post"'), ("v = 1 = 2 : 1", "="), ("dv/dt : volt", "dv/dt"), ("v += 1 : 1", "v +"),
    ("x.y = 1 : 1", "x.y"), (": 1", '""'), ("x[0] = 1 : 1", "x[0]"), ("x : __import__", "__import__"),
    ("x : 1 (__import__)", "__import__"), ("x : 'marker'", "marker"), ("x : 1\u2028y : 1", "U+2028"),
    ("x : 1 # a\x0b comment", "U+000B"), ("v\r\n: 1", "U+000D"), ("n = rand() : 1", "chance"), ("x : 1 ()", "()"),
    ("dv/dt = xi : 1", "chance"), ("dv/dt = 1 : boolean", "boolean"), (7, "int"), (None, "NoneType"),
    (b"x : 1", "bytes"),
]
REFUSED_STATEMENTS = [
    "w", "w +", "w = ", "= 3", "w == 3", "w **= 2", "w //= 2", "w %= 2", "w <<= 2", "w &= 1", "w @= x", "w := 1",
    "w[0] = 1", "w.x = 1", "w, v = 1", "w = v = 1", "w = 1; v = 1", "w: 1", "w = lambda: 1", "import marker", "t = 0",
    "dt = 0", "i = 0", "N = 3", "xi = 0", "mV = 3", "exp = 3", "pi = 3", "double = 3", "_w = 3", "del w", "pass",
    "marker()", "w = marker()", "w = 'marker'", "w = rand()", "if x: w = 1", "w = 1 if x else 2", "w = (1 +\n 2)",
    "w = x \\\n + 1", "w = 1\x0cv = 2", "w += 1\u2028v = 2", "for i in x: pass", "w -= = 1", "w = 9**9**9",
]
PIECES = [  # to be thrown together at random
    "x", "exp", "(", ")", "**", "*", "-", "9", "1e9", ",", "<", "and", "not", " ", "\n", ":", "=", "d", "/dt", ".",
    "[", "'", "#", "_", ";",
]
# fmt: on
