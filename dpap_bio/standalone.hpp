// What every compiled model shares: views of columns, spikes of the last steps, synapses by source and by target.
// The loops over them are written by _standalone_source.py around Brian2's statements.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <new>
#include <numeric>
#include <vector>

template <class T>
inline int int_(T value) { return (int)value; }  // what Brian2 calls `int` in C++

namespace dpap {

// -- memory that begins where a cache line does, so that a vector of neurons is one line

template <class T>
struct Aligned {
    using value_type = T;
    static constexpr std::align_val_t line{64};
    Aligned() = default;
    template <class U> Aligned(const Aligned<U> &) {}
    T *allocate(size_t n) { return (T *)::operator new(n * sizeof(T), line); }
    void deallocate(T *memory, size_t) { ::operator delete(memory, line); }
    bool operator==(const Aligned &) const { return true; }
    bool operator!=(const Aligned &) const { return false; }
};

template <class T>
using Array = std::vector<T, Aligned<T>>;

inline void fetch(const void *first, const void *end) {  // ask for memory that is read soon, 16 kB of it at most
    const char *line = (const char *)first, *last = std::min((const char *)end, line + (1 << 14));
    for (; line < last; line += 64) __builtin_prefetch(line, 0, 2);
    __asm__ volatile("");  // or gcc takes this for a function without effect and leaves it out
}

// -- views: what stands for `array[index]` in Brian2's statements

struct Given {  // an index that is known before the synapse is looked at
    int32_t value;
    int32_t operator[](size_t) const { return value; }
};

template <int stride>
struct Column {  // one variable of synapses that are stored row by row: one cache line a synapse, not one a variable
    double *first;
    double &operator[](size_t index) const { return first[index * stride]; }
};

struct Faded {
    double &stored;
    const double left, inverse;
    operator double() const { return stored * left; }
    void operator=(double value) const { stored = value * inverse; }
};

template <int stride>
struct Fading {  // a variable that decays by one factor for all synapses: stored as of the base time, read as of now
    double *first;
    double left, inverse;
    Faded operator[](size_t index) const { return {first[index * stride], left, inverse}; }
};

// the two exponents at which a power costs nothing are the ends of additive and multiplicative STDP
inline double power(double x, double exponent) {
    if (exponent == 0) return 1;
    if (exponent == 1) return x;
    return std::pow(x, exponent);
}

// -- populations: who spiked in the last steps

struct Population {
    size_t n = 0;
    const int64_t *given_start = nullptr;  // spikes given from outside: those of step k are given[start[k] .. start[k+1]]
    const int32_t *given = nullptr;
    std::vector<std::vector<int32_t>> last{1};  // last[k % size]: the spikes of step k
    std::vector<int32_t> resting;       // neurons in refractoriness
    std::vector<int32_t> step, neuron;  // all spikes of the epoch

    std::vector<int32_t> &at(int64_t k) { return last[k % last.size()]; }
    void take_given(int64_t k) { at(k).assign(given + given_start[k], given + given_start[k + 1]); }
    void record(int64_t k) {
        step.insert(step.end(), at(k).size(), (int32_t)k);
        neuron.insert(neuron.end(), at(k).begin(), at(k).end());
    }
    void all_rest() {  // at the start of an epoch nobody knows: the first step asks them all
        resting.resize(n);
        std::iota(resting.begin(), resting.end(), 0);
    }
    template <class Over>
    void wake(Over is_over) {
        resting.erase(std::remove_if(resting.begin(), resting.end(), is_over), resting.end());
    }
};

constexpr size_t RUN = 128;  // neurons that are updated, then asked whether they spike

template <class Met, class Then>
inline void each(size_t from, size_t to, Met met, Then then) {  // most of the time there is none
    int64_t any = 0;
    for (size_t k = from; k < to; k++) any |= met(k);
    if (any)
        for (size_t k = from; k < to; k++)
            if (met(k)) then(k);
}

// -- synapses, sorted by source

struct Synapses {
    size_t n = 0;
    int64_t delay = 0;
    const int32_t *pre = nullptr, *post = nullptr;
    std::vector<uint32_t> row;                // synapses of source i: row[i] .. row[i + 1]
    std::vector<uint32_t> column, incoming;   // synapses onto target j: incoming[column[j] .. column[j + 1]], in order
    std::vector<int32_t> incoming_pre;        // and their sources
    int64_t slots = 0;                        // events in flight at the start: those of step k, where k < slots,
    const int64_t *pending_start = nullptr;   // are pending[pending_start[k] .. pending_start[k + 1]]
    const int32_t *pending = nullptr;
    int64_t rebase = 0, base = 0;             // steps: every how many, and as of which, fading variables are stored

    static std::vector<uint32_t> counted(const int32_t *index, size_t n, size_t n_neurons) {
        std::vector<uint32_t> start(n_neurons + 1, 0);
        for (size_t k = 0; k < n; k++) start[index[k] + 1]++;
        for (size_t i = 0; i < n_neurons; i++) start[i + 1] += start[i];
        return start;
    }
    void by_source(size_t n_source) { row = counted(pre, n, n_source); }
    void by_target(size_t n_target) {
        column = counted(post, n, n_target);
        incoming.resize(n);
        incoming_pre.resize(n);
        std::vector<uint32_t> next(column.begin(), column.end() - 1);
        for (size_t k = 0; k < n; k++) {
            const uint32_t place = next[post[k]]++;
            incoming[place] = (uint32_t)k;
            incoming_pre[place] = pre[k];
        }
    }
};

using Rows = Array<double>;  // of synapses, `stride` variables each; a column is one of them, at `offset`

inline void fetch_due(const Synapses &s, const Rows &rows, size_t stride, Population &source, int64_t k) {
    if (s.delay == 0 || k < s.delay) return;  // with a delay, who is due is known before
    for (const int32_t i : source.at(k - s.delay)) {
        fetch(s.post + s.row[i], s.post + s.row[i + 1]);
        fetch(rows.data() + s.row[i] * stride, rows.data() + s.row[i + 1] * stride);
    }
}

inline void pack(Rows &rows, const double *column, size_t n, size_t stride, size_t offset) {
    for (size_t k = 0; k < n; k++) rows[k * stride + offset] = column[k];
}

inline void unpack(const Rows &rows, double *column, size_t n, size_t stride, size_t offset) {
    for (size_t k = 0; k < n; k++) column[k] = rows[k * stride + offset];
}

inline void multiply(Rows &rows, size_t n, size_t stride, size_t offset, double factor) {
    for (size_t k = 0; k < n; k++) rows[k * stride + offset] *= factor;
}

// -- traces of silent neurons decay into numbers so small that the processor takes a hundred times as long: zero them

struct FlushTiny {
#ifdef __SSE2__
    unsigned before = __builtin_ia32_stmxcsr();
    FlushTiny() { __builtin_ia32_ldmxcsr(before | 0x8040); }
    ~FlushTiny() { __builtin_ia32_ldmxcsr(before); }
#endif
};

}  // namespace dpap
