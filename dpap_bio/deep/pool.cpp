// Two by two maximum pooling of maps with the channels last, and its gradient.
#include <algorithm>

#include "numbers.hpp"

namespace {

struct Map {
    int64_t n, height, width, channels, threads;
};

template <class F> void each_pool(const Map& map, F work) {  // work(place of the four in x, place in the pooled map)
    const int64_t h = map.height / 2, w = map.width / 2, c = map.channels;
#pragma omp parallel for num_threads(int(map.threads)) schedule(static) if (map.threads > 1)
    for (int64_t row = 0; row < map.n * h; row++)
        for (int64_t x = 0; x < w; x++)
            work((((row / h) * map.height + row % h * 2) * map.width + 2 * x) * c, (row * w + x) * c);
}

template <class S> void pool(const Map& map, const S* x, S* out) {
    const int64_t c = map.channels, down = map.width * c;
    each_pool(map, [&](int64_t from, int64_t to) {
        const S *upper = x + from, *lower = upper + down;
#pragma GCC ivdep
        for (int64_t j = 0; j < c; j++)
            put(out[to + j], std::max(std::max(get(upper[j]), get(upper[c + j])),
                                      std::max(get(lower[j]), get(lower[c + j]))));
    });
}

template <class S> void unpool(const Map& map, const S* x, const S* grad, S* out) {  // of equals the left learns, then the upper
    const int64_t c = map.channels, down = map.width * c;
    each_pool(map, [&](int64_t from, int64_t to) {
        const S *upper = x + from, *lower = upper + down;
        S *above = out + from, *below = above + down;
#pragma GCC ivdep
        for (int64_t j = 0; j < c; j++) {
            const auto p = get(upper[j]), q = get(upper[c + j]), r = get(lower[j]), s = get(lower[c + j]);
            const auto g = get(grad[to + j]);
            const decltype(g) none = 0;
            const bool left = std::max(p, r) >= std::max(q, s);
            put(above[j], left && p >= r ? g : none);
            put(above[c + j], !left && q >= s ? g : none);
            put(below[j], left && !(p >= r) ? g : none);
            put(below[c + j], !left && !(q >= s) ? g : none);
        }
    });
}

}  // namespace

#define KERNELS(name, S)                                                                                             \
    extern "C" void pool_##name(const Map* map, const S* x, S* out) { pool(*map, x, out); }                          \
    extern "C" void unpool_##name(const Map* map, const S* x, const S* grad, S* out) { unpool(*map, x, grad, out); }

KERNELS(float32, float)
KERNELS(float64, double)
KERNELS(bfloat16, bf16)
