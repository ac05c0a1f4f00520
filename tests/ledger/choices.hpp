// Choices that a seed repeats, on every compiler: the standard's distributions may differ from library to library.
#pragma once
#include <cstdint>
#include <string_view>

namespace eventy::ledger {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
class Choices {
public:
    explicit Choices(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    /// From `least` to `most`, both included.
    std::int64_t between(std::int64_t least, std::int64_t most) {
        return least + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(most - least + 1));
    }

private:
    std::uint64_t state_;
};

/// One draw that belongs to these words.
inline std::uint64_t draw(std::uint64_t seed, std::string_view words) {
    std::uint64_t hash = 0xcbf29ce484222325U ^ seed;  // FNV-1a
    for (const char c : words) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return Choices(hash).next();
}

}  // namespace eventy::ledger
