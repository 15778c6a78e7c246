// Convolutions of maps that are mostly zero, driven by what is not: a spike adds the weights that leave it to what they
// reach (forward), and the gradient around it to the weights that leave it (backward). Channels last; the outputs go in
// blocks of B channels, so that the weights or gradients of a block stay in the cache. Sums have one order, whatever the
// number of threads.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t B = 64, TILE = 1024;  // channels of a block; pixels of the maps whose gradients are held at a time
typedef float Lane __attribute__((vector_size(64)));
typedef float Loose __attribute__((vector_size(64), aligned(4)));

struct Conv {
    int64_t n, height, width, n_in, n_out, kernel, padding, threads;
    int64_t high() const { return height + 2 * padding - kernel + 1; }
    int64_t wide() const { return width + 2 * padding - kernel + 1; }
    int64_t blocks() const { return (n_out + B - 1) / B; }
    int64_t taps() const { return kernel * kernel; }
};

struct Event {
    int32_t at;  // channel, or place
    float value;
};

struct Sum {  // of B channels
    Lane a = {}, b = {}, c = {}, d = {};
    template <bool ones> inline void add(const float* row, float value) {
        const Loose* r = reinterpret_cast<const Loose*>(row);
        if (ones) a += r[0], b += r[1], c += r[2], d += r[3];
        else a += value * r[0], b += value * r[1], c += value * r[2], d += value * r[3];
    }
    inline void store(float* to) const {
        Loose* r = reinterpret_cast<Loose*>(to);
        r[0] = a, r[1] = b, r[2] = c, r[3] = d;
    }
    inline void load(const float* from) {
        const Loose* r = reinterpret_cast<const Loose*>(from);
        a = r[0], b = r[1], c = r[2], d = r[3];
    }
};

struct Events {  // of pixels [first, last), pixel after pixel
    std::vector<int64_t> start;
    std::vector<Event> all;
    bool ones = true;
    Events(const Conv& f, const float* x, int64_t first, int64_t last) : start(last - first + 1) {
        all.resize(1024 + f.n_in);
        int64_t found = 0;
        for (int64_t p = first; p < last; p++) {
            if (int64_t(all.size()) < found + f.n_in) all.resize(2 * all.size() + f.n_in);
            const float* from = x + p * f.n_in;
            for (int64_t c = 0; c < f.n_in; c++) {
                all[found] = {int32_t(c), from[c]};
                found += from[c] != 0;
            }
            start[p - first + 1] = found;
        }
        all.resize(found);
        for (const Event& e : all) ones &= e.value == 1.0f;
    }
};

// Weights (out, in, k, k) as (block, tap, in, B), 0 beyond the last output; and back.
void packed(const Conv& f, const float* w, float* to) {
#pragma omp parallel for num_threads(int(f.threads)) schedule(static) if (f.threads > 1)
    for (int64_t o = 0; o < f.blocks() * B; o++)
        for (int64_t i = 0; i < f.n_in; i++)
            for (int64_t k = 0; k < f.taps(); k++)
                to[((o / B * f.taps() + k) * f.n_in + i) * B + o % B] = o < f.n_out ? w[(o * f.n_in + i) * f.taps() + k] : 0;
}
void unpacked(const Conv& f, const float* from, float* w) {
#pragma omp parallel for num_threads(int(f.threads)) schedule(static) if (f.threads > 1)
    for (int64_t o = 0; o < f.n_out; o++)
        for (int64_t i = 0; i < f.n_in; i++)
            for (int64_t k = 0; k < f.taps(); k++)
                w[(o * f.n_in + i) * f.taps() + k] = from[((o / B * f.taps() + k) * f.n_in + i) * B + o % B];
}

template <bool ones>
Sum reached(const Conv& f, const Events& events, const float* w, int64_t y, int64_t x) {  // pixel (y, x) of one map
    Sum sum;
    for (int64_t ky = std::max<int64_t>(0, f.padding - y); ky < std::min(f.kernel, f.height + f.padding - y); ky++)
        for (int64_t kx = std::max<int64_t>(0, f.padding - x); kx < std::min(f.kernel, f.width + f.padding - x); kx++) {
            const int64_t pixel = (y + ky - f.padding) * f.width + x + kx - f.padding;
            const float* rows = w + (ky * f.kernel + kx) * f.n_in * B;
            const Event* end = &events.all[0] + events.start[pixel + 1];
            for (const Event* e = &events.all[0] + events.start[pixel]; e < end; e++)
                sum.add<ones>(rows + e->at * B, e->value);
        }
    return sum;
}

template <bool ones>
void map_forward(const Conv& f, const Events& events, const float* w, float* out, int64_t block) {  // one map
    float last[B];
    const int64_t n = std::min(B, f.n_out - block * B);
    for (int64_t y = 0; y < f.high(); y++)
        for (int64_t x = 0; x < f.wide(); x++) {
            float* to = out + (y * f.wide() + x) * f.n_out + block * B;
            const Sum sum = reached<ones>(f, events, w, y, x);
            if (n == B) sum.store(to);
            else sum.store(last), std::memcpy(to, last, n * sizeof(float));
        }
}

struct Tile {  // maps [first, last): their events, channel after channel, at places of the padded gradient
    int64_t high, wide, pixels;
    std::vector<int64_t> start;
    std::vector<Event> all;
    bool ones;
    Tile(const Conv& f, const float* x, int64_t first, int64_t last)
        : high(f.height + f.kernel - 1), wide(f.width + f.kernel - 1), pixels((last - first) * high * wide), start(f.n_in + 1) {
        const int64_t size = f.height * f.width;
        const Events by_pixel(f, x, first * size, last * size);
        ones = by_pixel.ones;
        all.resize(by_pixel.all.size());
        for (const Event& e : by_pixel.all) start[e.at + 1]++;
        for (int64_t c = 0; c < f.n_in; c++) start[c + 1] += start[c];
        std::vector<int64_t> next(start.begin(), start.end() - 1);
        for (int64_t p = 0; p < (last - first) * size; p++)
            for (int64_t k = by_pixel.start[p]; k < by_pixel.start[p + 1]; k++) {
                const int64_t at = (p / size * high + p % size / f.width) * wide + p % f.width;
                all[next[by_pixel.all[k].at]++] = {int32_t(at), by_pixel.all[k].value};
            }
    }
};

template <bool ones>
void channel_backward(const Conv& f, const Tile& tile, const float* grad, float* w, int64_t i) {
    const Event *begin = &tile.all[0] + tile.start[i], *end = &tile.all[0] + tile.start[i + 1];
    if (begin == end) return;
    for (int64_t k = 0; k < f.taps(); k++) {
        float* row = w + (k * f.n_in + i) * B;
        const float* from = grad + ((f.kernel - 1 - k / f.kernel) * tile.wide + f.kernel - 1 - k % f.kernel) * B;
        Sum sum;
        sum.load(row);
        for (const Event* e = begin; e < end; e++) sum.add<ones>(from + e->at * B, e->value);
        sum.store(row);
    }
}

void padded(const Conv& f, const Tile& tile, const float* grad, float* to, int64_t first, int64_t last, int64_t block) {
    const int64_t n = std::min(B, f.n_out - block * B), edge = f.kernel - 1 - f.padding;
#pragma omp parallel for num_threads(int(f.threads)) schedule(static) if (f.threads > 1)
    for (int64_t row = 0; row < (last - first) * f.high(); row++)
        for (int64_t x = 0; x < f.wide(); x++) {
            const int64_t map = row / f.high(), y = row % f.high();
            const float* from = grad + (((first + map) * f.high() + y) * f.wide() + x) * f.n_out + block * B;
            std::memcpy(to + ((map * tile.high + y + edge) * tile.wide + x + edge) * B, from, n * sizeof(float));
        }
}

}  // namespace

extern "C" void conv_events(const Conv* conv, const float* x, const float* w, float* out) {
    const Conv& f = *conv;
    std::vector<float> rows(f.blocks() * f.taps() * f.n_in * B);
    packed(f, w, rows.data());
    const int64_t size = f.height * f.width;
#pragma omp parallel for num_threads(int(f.threads)) schedule(static) if (f.threads > 1)
    for (int64_t part = 0; part < f.threads; part++) {
        const int64_t first = f.n * part / f.threads, last = f.n * (part + 1) / f.threads;
        std::vector<Events> maps;
        for (int64_t m = first; m < last; m++) maps.emplace_back(f, x, m * size, (m + 1) * size);
        for (int64_t block = 0; block < f.blocks(); block++)
            for (int64_t m = first; m < last; m++) {
                const Events& events = maps[m - first];
                const float* mine = &rows[block * f.taps() * f.n_in * B];
                float* to = out + m * f.high() * f.wide() * f.n_out;
                events.ones ? map_forward<true>(f, events, mine, to, block) : map_forward<false>(f, events, mine, to, block);
            }
    }
}

extern "C" void conv_events_learn(const Conv* conv, const float* x, const float* grad, float* w) {
    const Conv& f = *conv;
    const int64_t each = f.taps() * f.n_in * B, group = std::max<int64_t>(1, TILE / (f.height * f.width));
    std::vector<float> rows(f.blocks() * each), held;
    for (int64_t first = 0; first < f.n; first += group) {
        const int64_t last = std::min(f.n, first + group);
        const Tile tile(f, x, first, last);
        held.assign(tile.pixels * B, 0.0f);
        for (int64_t block = 0; block < f.blocks(); block++) {
            padded(f, tile, grad, held.data(), first, last, block);
            float* mine = &rows[block * each];
#pragma omp parallel for num_threads(int(f.threads)) schedule(static) if (f.threads > 1)
            for (int64_t i = 0; i < f.n_in; i++)
                tile.ones ? channel_backward<true>(f, tile, held.data(), mine, i)
                          : channel_backward<false>(f, tile, held.data(), mine, i);
        }
    }
    unpacked(f, rows.data(), w);
}

extern "C" int64_t count_events(const float* x, int64_t n, int64_t threads) {
    int64_t found = 0;
#pragma omp parallel for num_threads(int(threads)) schedule(static) reduction(+ : found) if (threads > 1)
    for (int64_t i = 0; i < n; i++) found += x[i] != 0;
    return found;
}
