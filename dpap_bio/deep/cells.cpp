// Cells over T steps on a CPU: batch norm, membrane and spikes, forward and backward, each in one pass over memory.
//
// Arrays are (steps, m): m numbers a step, channel last; a table of `period` numbers (a multiple of the channels and of
// L) holds what belongs to a channel. What is summed is summed in CHUNKS parts and added in order, so that the result
// does not depend on the number of threads. No graph over time and no potentials are kept: backward lives through the
// steps again.
#include <algorithm>
#include <cmath>
#include <vector>

#include "numbers.hpp"

namespace {

constexpr int64_t L = 32, CHUNKS = 64;

struct Cell {  // as in cells.py; surrogate 0 is atan, 1 is quadratic_gate
    double share, threshold, width;
    int64_t soft, surrogate, steps, m, period, constant, threads;
};

template <int surrogate, class R> inline R slope(R x, R width) {
    if (surrogate == 0) {
        const R y = x * (R(M_PI) * width / 2);
        return R(1) / (y * y + 1) * (width / 2);
    }
    return std::max(R(0), width - width * width * std::fabs(x));
}

template <class R> inline R after(R u, R threshold, bool soft) {
    return u > threshold ? (soft ? u - threshold : R(0)) : u;
}

template <class F> void in_chunks(int64_t m, int64_t threads, F work) {
    const int64_t blocks = (m + L - 1) / L;
#pragma omp parallel for num_threads(int(threads)) schedule(static) if (threads > 1)
    for (int64_t k = 0; k < CHUNKS; k++)
        for (int64_t b = blocks * k / CHUNKS; b < blocks * (k + 1) / CHUNKS; b++) work(k, b * L, std::min(L, m - b * L));
}

template <class S> struct Block {  // L neighbours at place i, all steps
    const Cell& c;
    const R<S>*scale, *offset;
    R<S> a, threshold;

    inline R<S> drive(const S* x, int64_t i, int64_t l, int64_t t, const R<S>* sc, const R<S>* of) const {
        const R<S> in = get(x[(c.constant ? 0 : t * c.m) + i + l]);
        return sc ? in * sc[l] + of[l] : in;
    }
    inline void live(const S* x, int64_t i, int64_t n, R<S>* u, S* s) const {
        const int64_t at = i % c.period;
        const R<S>*sc = scale ? scale + at : nullptr, *of = scale ? offset + at : nullptr;
        R<S> v[L] = {};
        for (int64_t t = 0; t < c.steps; t++) {
#pragma GCC ivdep
            for (int64_t l = 0; l < n; l++) {
                const R<S> in = drive(x, i, l, t, sc, of);
                const R<S> now = t ? std::fma(a, in - v[l], v[l]) : a * in;
                v[l] = after(now, threshold, c.soft);
                if (u) u[t * L + l] = now;
                if (s) put(s[t * c.m + i + l], now > threshold ? R<S>(1) : R<S>(0));
            }
        }
    }
};

template <class S> void fire(const Cell& c, const S* x, const R<S>* scale, const R<S>* offset, S* s) {
    const Block<S> block{c, scale, offset, R<S>(c.share), R<S>(c.threshold)};
    in_chunks(c.m, c.threads, [&](int64_t, int64_t i, int64_t n) {
        if (n == L) block.live(x, i, L, nullptr, s);
        else block.live(x, i, n, nullptr, s);
    });
}

struct Sums {  // by channel: of the gradient, and of gradient times what came in; and of the gradient of the share
    std::vector<double> first, second, learned;
    Sums(int64_t period) : first(CHUNKS * period), second(CHUNKS * period), learned(CHUNKS) {}
    void into(double* out, int64_t period) const {
        for (int64_t k = 0; k < CHUNKS; k++)
            for (int64_t j = 0; j < period; j++) {
                out[j] += first[k * period + j];
                out[period + j] += second[k * period + j];
            }
        for (int64_t k = 0; k < CHUNKS; k++) out[2 * period] += learned[k];
    }
};

template <int surrogate, class S>
inline void learn_block(const Block<S>& block, const S* x, const S* grad, S* out, R<S>* u, int64_t i, int64_t n,
                        double* first, double* second, double& learned) {
    const Cell& c = block.c;
    const R<S> a = block.a, threshold = block.threshold, width = R<S>(c.width);
    R<S> later[L] = {}, total[L] = {}, weighted[L] = {}, towards[L] = {};
    block.live(x, i, n, u, nullptr);
    for (int64_t t = c.steps - 1; t >= 0; t--) {
#pragma GCC ivdep
        for (int64_t l = 0; l < n; l++) {
            const R<S> now_u = u[t * L + l];
            const R<S> carried = !c.soft && now_u > threshold ? R<S>(0) : later[l];
            const R<S> now = slope<surrogate>(now_u - threshold, width) * get(grad[t * c.m + i + l]) + carried;
            const R<S> before = t ? after(u[(t - 1) * L + l], threshold, c.soft) : R<S>(0);
            towards[l] += now * (now_u - before);
            later[l] = now * (1 - a);
            const R<S> g = now * a;
            total[l] += g;
            if (!c.constant) {
                weighted[l] += g * get(x[t * c.m + i + l]);
                put(out[t * c.m + i + l], g);
            }
        }
    }
    for (int64_t l = 0; l < n; l++) {
        if (c.constant) {
            weighted[l] = total[l] * get(x[i + l]);
            put(out[i + l], total[l]);
        }
        first[l] += total[l];
        second[l] += weighted[l];
        learned += towards[l];
    }
}

template <int surrogate, class S>
void learn(const Cell& c, const S* x, const R<S>* scale, const R<S>* offset, const S* grad, S* out, double* sums) {
    const Block<S> block{c, scale, offset, R<S>(c.share), R<S>(c.threshold)};
    Sums all(c.period);
    std::vector<R<S>> potentials(CHUNKS * c.steps * L);
    in_chunks(c.m, c.threads, [&](int64_t k, int64_t i, int64_t n) {
        R<S>* u = &potentials[k * c.steps * L];
        double *first = &all.first[k * c.period + i % c.period], *second = &all.second[k * c.period + i % c.period];
        if (n == L) learn_block<surrogate>(block, x, grad, out, u, i, L, first, second, all.learned[k]);
        else learn_block<surrogate>(block, x, grad, out, u, i, n, first, second, all.learned[k]);
    });
    all.into(sums, c.period);
}

template <class S> void moments(const S* x, int64_t m, int64_t period, int64_t threads, double* sums) {
    Sums all(period);
    in_chunks(m, threads, [&](int64_t k, int64_t i, int64_t n) {
        double *first = &all.first[k * period + i % period], *second = &all.second[k * period + i % period];
#pragma GCC ivdep
        for (int64_t l = 0; l < n; l++) {
            const double value = get(x[i + l]);
            first[l] += value;
            second[l] += value * value;
        }
    });
    all.into(sums, period);
}

template <class S>  // out = a out + b x + c by channel: the gradient through a batch norm
void through_norm(const S* x, S* out, const R<S>* a, const R<S>* b, const R<S>* c, int64_t m, int64_t period,
                  int64_t threads) {
    in_chunks(m, threads, [&](int64_t, int64_t i, int64_t n) {
        const int64_t at = i % period;
#pragma GCC ivdep
        for (int64_t l = 0; l < n; l++)
            put(out[i + l], a[at + l] * get(out[i + l]) + b[at + l] * get(x[i + l]) + c[at + l]);
    });
}

}  // namespace

#define KERNELS(name, S)                                                                                              \
    extern "C" void fire_##name(const Cell* c, const S* x, const R<S>* scale, const R<S>* offset, S* s) {             \
        fire(*c, x, scale, offset, s);                                                                                \
    }                                                                                                                 \
    extern "C" void learn_##name(const Cell* c, const S* x, const R<S>* scale, const R<S>* offset, const S* grad,     \
                                 S* out, double* sums) {                                                              \
        (c->surrogate ? learn<1, S> : learn<0, S>)(*c, x, scale, offset, grad, out, sums);                            \
    }                                                                                                                 \
    extern "C" void moments_##name(const S* x, int64_t m, int64_t period, int64_t threads, double* sums) {            \
        moments(x, m, period, threads, sums);                                                                         \
    }                                                                                                                 \
    extern "C" void through_norm_##name(const S* x, S* out, const R<S>* a, const R<S>* b, const R<S>* c, int64_t m,   \
                                        int64_t period, int64_t threads) {                                            \
        through_norm(x, out, a, b, c, m, period, threads);                                                            \
    }

KERNELS(float32, float)
KERNELS(float64, double)
KERNELS(bfloat16, bf16)
