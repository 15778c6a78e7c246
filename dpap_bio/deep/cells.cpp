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

template <bool soft, class R> inline R after(R u, R threshold) {
    return u > threshold ? (soft ? u - threshold : R(0)) : u;
}

template <class F> void in_chunks(int64_t m, int64_t threads, F work) {
    const int64_t blocks = (m + L - 1) / L;
#pragma omp parallel for num_threads(int(threads)) schedule(static) if (threads > 1)
    for (int64_t k = 0; k < CHUNKS; k++)
        for (int64_t b = blocks * k / CHUNKS; b < blocks * (k + 1) / CHUNKS; b++) work(k, b * L, std::min(L, m - b * L));
}

template <class S> struct Block {  // L neighbours at place i, all steps; plain loops, so that the compiler widens them
    const Cell& c;
    const R<S>*scale, *offset;
    R<S> a, threshold;

    inline void drive(const S* x, int64_t i, int64_t n, int64_t t, R<S>* in) const {
        const S* from = x + (c.constant ? 0 : t * c.m) + i;
        for (int64_t l = 0; l < n; l++) in[l] = get(from[l]);
        if (!scale) return;
        const R<S>*sc = scale + i % c.period, *of = offset + i % c.period;
        for (int64_t l = 0; l < n; l++) in[l] = in[l] * sc[l] + of[l];
    }
    template <bool soft> inline void live(const S* x, int64_t i, int64_t n, R<S>* u, S* s) const {
        R<S> v[L] = {}, in[L], now[L];
        for (int64_t t = 0; t < c.steps; t++) {
            drive(x, i, n, t, in);
            if (t) for (int64_t l = 0; l < n; l++) now[l] = std::fma(a, in[l] - v[l], v[l]);
            else for (int64_t l = 0; l < n; l++) now[l] = a * in[l];
            for (int64_t l = 0; l < n; l++) v[l] = after<soft>(now[l], threshold);
            if (u) for (int64_t l = 0; l < n; l++) u[t * L + l] = now[l];
            if (s) for (int64_t l = 0; l < n; l++) put(s[t * c.m + i + l], now[l] > threshold ? R<S>(1) : R<S>(0));
        }
    }
};

template <bool soft, class S> void fire(const Cell& c, const S* x, const R<S>* scale, const R<S>* offset, S* s) {
    const Block<S> block{c, scale, offset, R<S>(c.share), R<S>(c.threshold)};
    in_chunks(c.m, c.threads, [&](int64_t, int64_t i, int64_t n) {
        if (n == L) block.template live<soft>(x, i, L, nullptr, s);
        else block.template live<soft>(x, i, n, nullptr, s);
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

template <int surrogate, bool soft, class S>
inline void learn_block(const Block<S>& block, const S* x, const S* grad, S* out, R<S>* u, int64_t i, int64_t n,
                        double* first, double* second, double& learned) {
    const Cell& c = block.c;
    const R<S> a = block.a, threshold = block.threshold, width = R<S>(c.width);
    R<S> later[L] = {}, total[L] = {}, weighted[L] = {}, towards[L] = {}, now[L], before[L] = {};
    block.template live<soft>(x, i, n, u, nullptr);
    for (int64_t t = c.steps - 1; t >= 0; t--) {
        const R<S>* at = u + t * L;
        const S *back = grad + t * c.m + i, *in = x + (c.constant ? 0 : t * c.m) + i;
        for (int64_t l = 0; l < n; l++) now[l] = slope<surrogate>(at[l] - threshold, width) * get(back[l]);
        for (int64_t l = 0; l < n; l++) now[l] += !soft && at[l] > threshold ? R<S>(0) : later[l];
        for (int64_t l = 0; l < n; l++) before[l] = t ? after<soft>(at[l - L], threshold) : R<S>(0);
        for (int64_t l = 0; l < n; l++) towards[l] += now[l] * (at[l] - before[l]);
        for (int64_t l = 0; l < n; l++) later[l] = now[l] * (1 - a);
        for (int64_t l = 0; l < n; l++) now[l] *= a;
        for (int64_t l = 0; l < n; l++) total[l] += now[l];
        for (int64_t l = 0; l < n; l++) weighted[l] += now[l] * get(in[l]);
        if (!c.constant) for (int64_t l = 0; l < n; l++) put(out[t * c.m + i + l], now[l]);
    }
    if (c.constant) for (int64_t l = 0; l < n; l++) put(out[i + l], total[l]);
    for (int64_t l = 0; l < n; l++) first[l] += total[l], second[l] += weighted[l];
    for (int64_t l = 0; l < n; l++) learned += towards[l];
}

template <int surrogate, bool soft, class S>
void learn(const Cell& c, const S* x, const R<S>* scale, const R<S>* offset, const S* grad, S* out, double* sums) {
    const Block<S> block{c, scale, offset, R<S>(c.share), R<S>(c.threshold)};
    Sums all(c.period);
    std::vector<R<S>> potentials(CHUNKS * c.steps * L);
    in_chunks(c.m, c.threads, [&](int64_t k, int64_t i, int64_t n) {
        R<S>* u = &potentials[k * c.steps * L];
        double *first = &all.first[k * c.period + i % c.period], *second = &all.second[k * c.period + i % c.period];
        double& learned = all.learned[k];
        if (n == L) learn_block<surrogate, soft>(block, x, grad, out, u, i, L, first, second, learned);
        else learn_block<surrogate, soft>(block, x, grad, out, u, i, n, first, second, learned);
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

template <class S>  // out (n, units): the sum over steps and pixels of x (steps, n, pixels, units), steps weighed
void traces(const S* x, const R<S>* weight, int64_t steps, int64_t n, int64_t pixels, int64_t units, int64_t threads,
            R<S>* out) {
    constexpr int64_t W = 4 * L;
    const int64_t parts = (units + W - 1) / W;
#pragma omp parallel for num_threads(int(threads)) schedule(static) if (threads > 1)
    for (int64_t k = 0; k < n * parts; k++) {
        const int64_t b = k / parts, from = k % parts * W, some = std::min(W, units - from);
        R<S> total[W] = {};
        for (int64_t t = 0; t < steps; t++) {
            const S* row = x + (t * n + b) * pixels * units + from;
            R<S> sum[W] = {};
            if (some == W)
                for (int64_t p = 0; p < pixels; p++)
                    for (int64_t l = 0; l < W; l++) sum[l] += get(row[p * units + l]);
            else
                for (int64_t p = 0; p < pixels; p++)
                    for (int64_t l = 0; l < some; l++) sum[l] += get(row[p * units + l]);
            for (int64_t l = 0; l < W; l++) total[l] += weight[t] * sum[l];
        }
        std::copy(total, total + some, out + b * units + from);
    }
}

}  // namespace

#define KERNELS(name, S)                                                                                              \
    extern "C" void fire_##name(const Cell* c, const S* x, const R<S>* scale, const R<S>* offset, S* s) {             \
        (c->soft ? fire<true, S> : fire<false, S>)(*c, x, scale, offset, s);                                          \
    }                                                                                                                 \
    extern "C" void learn_##name(const Cell* c, const S* x, const R<S>* scale, const R<S>* offset, const S* grad,     \
                                 S* out, double* sums) {                                                              \
        auto way = c->surrogate ? (c->soft ? learn<1, true, S> : learn<1, false, S>)                                  \
                                : (c->soft ? learn<0, true, S> : learn<0, false, S>);                                 \
        way(*c, x, scale, offset, grad, out, sums);                                                                   \
    }                                                                                                                 \
    extern "C" void moments_##name(const S* x, int64_t m, int64_t period, int64_t threads, double* sums) {            \
        moments(x, m, period, threads, sums);                                                                         \
    }                                                                                                                 \
    extern "C" void through_norm_##name(const S* x, S* out, const R<S>* a, const R<S>* b, const R<S>* c, int64_t m,   \
                                        int64_t period, int64_t threads) {                                            \
        through_norm(x, out, a, b, c, m, period, threads);                                                            \
    }                                                                                                                 \
    extern "C" void traces_##name(const S* x, const R<S>* weight, int64_t steps, int64_t n, int64_t pixels,           \
                                  int64_t units, int64_t threads, R<S>* out) {                                        \
        traces(x, weight, steps, n, pixels, units, threads, out);                                                     \
    }

KERNELS(float32, float)
KERNELS(float64, double)
KERNELS(bfloat16, bf16)
