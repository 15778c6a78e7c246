// The hand-written limit of workload W (benchmarks/standalone.py): one fixed model, 4-byte numbers, everything fused.
//
// Leaky cells (80 % excitatory) with exponential currents; E to E synapses with pair STDP, BCM and a spine. What a
// general simulator cannot assume is assumed here: additive STDP, no clipping but to [0, 1], traces on neurons that rise
// on arrival, the spine as one multiply-add against a global scale, w and spine side by side in 8 bytes, one fused loop
// over neurons. Called through ctypes; the same network and parameters as the others go in.
//
//     g++ -O3 -march=native -ffast-math -fPIC -shared limit.cpp -o limit.so

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

struct Parameters {  // in s, V and 1, in this order, filled by standalone.py
    float dt, tau_m, v_rest, v_th, v_reset, t_ref, tau_syn, tau_inh, q_syn, q_inh, tau_plus, tau_minus, a_plus, a_minus,
        tau_rate, tau_bcm, rate_bcm, eta_bcm, tau_coincidence, tau_spine, spine_gain, delay;
};

struct Csr {  // synapses by source
    std::vector<uint32_t> row;
    std::vector<int32_t> post;
    std::vector<float> w;
};

static Csr by_source(int64_t n, const int32_t *pre, const int32_t *post, const float *w, int n_pre) {
    Csr s;
    s.row.assign(n_pre + 1, 0);
    for (int64_t k = 0; k < n; k++) s.row[pre[k] + 1]++;
    for (int i = 0; i < n_pre; i++) s.row[i + 1] += s.row[i];
    s.post.assign(post, post + n);
    s.w.assign(w, w + n);
    return s;
}

struct Cells {
    int n;
    std::vector<float> v, g, h;
    std::vector<int> wait;
    std::vector<std::vector<int32_t>> spikes;  // ring by step
    int64_t count = 0;
    Cells(int n, const float *v0, int ring) : n(n), v(v0, v0 + n), g(n), h(n), wait(n), spikes(ring) {}

    void advance(const Parameters &p, int64_t k) {
        const float em = std::exp(-p.dt / p.tau_m), eg = std::exp(-p.dt / p.tau_syn), eh = std::exp(-p.dt / p.tau_inh);
        const int rest = (int)std::lround(p.t_ref / p.dt);
        float *__restrict V = v.data(), *__restrict G = g.data(), *__restrict H = h.data();
        int *__restrict W = wait.data();
        auto &out = spikes[k % spikes.size()];
        out.clear();
        for (int i = 0; i < n; i++) {
            const float to = p.v_rest + G[i] - H[i];
            const float moved = to + (V[i] - to) * em;
            V[i] = W[i] > 0 ? V[i] : moved;
            W[i] -= W[i] > 0;
            G[i] *= eg;
            H[i] *= eh;
        }
        for (int i = 0; i < n; i++)
            if (V[i] > p.v_th && W[i] == 0) out.push_back(i);
        for (int i : out) {
            V[i] = p.v_reset;
            W[i] = rest;
        }
        count += (int64_t)out.size();
    }
};

extern "C" double limit_run(const Parameters *given, int n_e, int n_i, int64_t steps, const float *v_e, const float *v_i,
                            const int64_t *n_syn, const int32_t *const *pre, const int32_t *const *post,
                            const float *const *w, float *w_out, float *spine_out, int64_t *counts) {
    const Parameters p = *given;
    const int d = (int)std::lround(p.delay / p.dt);
    Cells e(n_e, v_e, d + 1), in(n_i, v_i, d + 1);
    Csr ee = by_source(n_syn[0], pre[0], post[0], w[0], n_e), ei = by_source(n_syn[1], pre[1], post[1], w[1], n_e);
    Csr ie = by_source(n_syn[2], pre[2], post[2], w[2], n_i), ii = by_source(n_syn[3], pre[3], post[3], w[3], n_i);
    struct State { float w, spine; };
    std::vector<State> state(ee.post.size());
    for (size_t k = 0; k < state.size(); k++) state[k] = {ee.w[k], 0.5f};
    // the same synapses by target
    std::vector<uint32_t> column(n_e + 1, 0), at(ee.post.size());
    std::vector<uint16_t> from(ee.post.size());
    for (int32_t j : ee.post) column[j + 1]++;
    for (int j = 0; j < n_e; j++) column[j + 1] += column[j];
    std::vector<uint32_t> next(column.begin(), column.end() - 1);
    for (int i = 0; i < n_e; i++)
        for (uint32_t k = ee.row[i]; k < ee.row[i + 1]; k++) {
            at[next[ee.post[k]]] = k;
            from[next[ee.post[k]]++] = (uint16_t)i;
        }
    std::vector<float> x(n_e), y(n_e), c(n_e), r(n_e), theta(n_e, p.rate_bcm), change(n_e);
    const float ex = std::exp(-p.dt / p.tau_plus), ey = std::exp(-p.dt / p.tau_minus), er = std::exp(-p.dt / p.tau_rate);
    const float ec = std::exp(-p.dt / p.tau_coincidence), et = std::exp(-p.dt / p.tau_bcm);
    const float bcm = p.eta_bcm / (p.rate_bcm * p.rate_bcm);
    for (int64_t k = 0; k < steps; k++) {
        e.advance(p, k);
        in.advance(p, k);
        for (int i = 0; i < n_e; i++) {  // all traces in one pass, and what an arrival at target i changes in w
            x[i] *= ex;
            y[i] *= ey;
            c[i] *= ec;
            theta[i] = r[i] * r[i] / p.rate_bcm + (theta[i] - r[i] * r[i] / p.rate_bcm) * et;
            r[i] *= er;
            change[i] = bcm * r[i] * (r[i] - theta[i]) - p.a_minus * y[i];
        }
        const float left = std::exp(-(float)(k * p.dt) / p.tau_spine), inverse = 1 / left;
        static const std::vector<int32_t> none;
        const auto &arrived = k >= d ? e.spikes[(k - d) % (d + 1)] : none;
        const auto &arrived_i = k >= d ? in.spikes[(k - d) % (d + 1)] : none;
        for (int32_t i : arrived) {
            float *__restrict g = e.g.data();
            State *__restrict s = state.data();
            for (uint32_t m = ee.row[i]; m < ee.row[i + 1]; m++) {
                const int32_t j = ee.post[m];
                g[j] += p.q_syn * s[m].w;
                const float moved = s[m].w + change[j];
                s[m].w = moved < 0 ? 0 : moved > 1 ? 1 : moved;
            }
            for (uint32_t m = ei.row[i]; m < ei.row[i + 1]; m++) in.g[ei.post[m]] += p.q_syn * ei.w[m];
        }
        for (int32_t i : arrived) {
            x[i] += 1;
            c[i] += 1;
        }
        for (int32_t i : arrived_i) {
            for (uint32_t m = ie.row[i]; m < ie.row[i + 1]; m++) e.h[ie.post[m]] += p.q_inh * ie.w[m];
            for (uint32_t m = ii.row[i]; m < ii.row[i + 1]; m++) in.h[ii.post[m]] += p.q_inh * ii.w[m];
        }
        for (int32_t j : e.spikes[k % (d + 1)]) {
            for (uint32_t m = column[j]; m < column[j + 1]; m++) {
                __builtin_prefetch(&state[at[m + 24 < at.size() ? m + 24 : m]], 1);
                State &s = state[at[m]];
                const float moved = s.w + p.a_plus * x[from[m]];
                s.w = moved > 1 ? 1 : moved;
                s.spine += p.spine_gain * c[from[m]] * (inverse - s.spine);
            }
            y[j] += 1;
            r[j] += 1 / p.tau_rate;
        }
    }
    const float left = std::exp(-(float)(steps * p.dt) / p.tau_spine);
    for (size_t k = 0; k < state.size(); k++) {
        w_out[k] = state[k].w;
        spine_out[k] = state[k].spine * left;
    }
    counts[0] = e.count;
    counts[1] = in.count;
    return 0;
}
