// Numbers as they are stored and as they are computed with: float, double, and bfloat16 as float.
#pragma once
#include <cstdint>
#include <cstring>

struct bf16 {
    uint16_t bits;
};
template <class S> struct real { using type = S; };
template <> struct real<bf16> { using type = float; };
template <class S> using R = typename real<S>::type;

inline float get(float x) { return x; }
inline double get(double x) { return x; }
inline float get(bf16 x) {
    uint32_t wide = uint32_t(x.bits) << 16;
    float out;
    std::memcpy(&out, &wide, 4);
    return out;
}
inline void put(float& to, float x) { to = x; }
inline void put(double& to, double x) { to = x; }
inline void put(bf16& to, float x) {
    uint32_t wide;
    std::memcpy(&wide, &x, 4);
    to.bits = x == x ? uint16_t((wide + 0x7fff + ((wide >> 16) & 1)) >> 16) : uint16_t(0x7fc0);
}
