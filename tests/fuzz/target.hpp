// What a fuzz target is: a function of bytes that throws when a property does not hold. libFuzzer calls it with bytes
// of its own making, fuzz_corpus_test with the kept ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace eventy::fuzz {

using Target = void (*)(std::string_view);

/// A property does not hold. Escaping from a target it ends the fuzzer, which keeps the input.
struct Broken : std::logic_error {
    using std::logic_error::logic_error;
};

inline void require(bool holds, const std::string& property) {
    if (!holds) {
        throw Broken(property);
    }
}

/// Random numbers that only depend on the input: whatever it makes happen happens again.
inline std::minstd_rand random_of(std::string_view input) {
    std::uint32_t seed = 2166136261U;
    for (const char c : input) {
        seed = (seed ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    return std::minstd_rand(seed);
}

/// The input in `most` pieces or fewer, none empty.
inline std::vector<std::string_view> pieces_of(std::string_view input, std::size_t most) {
    auto random = random_of(input);
    std::vector<std::string_view> pieces;
    while (!input.empty()) {
        const std::size_t length = pieces.size() + 1 < most ? 1 + random() % (1 + input.size() / 2) : input.size();
        pieces.push_back(input.substr(0, length));
        input.remove_prefix(length);
    }
    return pieces;
}

inline std::vector<std::string_view> split(std::string_view input, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = input.find(separator);
        parts.push_back(input.substr(0, at));
        if (at == std::string_view::npos) {
            return parts;
        }
        input.remove_prefix(at + 1);
    }
}

/// Small inputs that mean large texts: 0x05, a count and a character stand for 256 times the count of that character,
/// as long as that is not too much.
inline std::string expanded(std::string_view input) {
    constexpr std::size_t most = std::size_t{160} * 1024;
    std::string text;
    for (std::size_t i = 0; i < input.size(); ++i) {
        const std::size_t times = input[i] == '\x05' && i + 2 < input.size()
                                      ? 256 * std::size_t{static_cast<unsigned char>(input[i + 1])}
                                      : 0;
        if (times > 0 && text.size() + times <= most) {
            text.append(times, input[i + 2]);
            i += 2;
        } else {
            text.push_back(input[i]);
        }
    }
    return text;
}

/// Whether it can stand in one line of a log.
inline bool is_one_line(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7F') {
            return false;
        }
    }
    return true;
}

}  // namespace eventy::fuzz

/// Each target is in a file NAME_fuzz.cpp and defines this.
#define EVENTY_FUZZ_TARGET(name) void eventy::fuzz::name([[maybe_unused]] std::string_view input)

namespace eventy::fuzz {
void event(std::string_view);
void json(std::string_view);
void ndjson(std::string_view);
void notice(std::string_view);
void page_id(std::string_view);
void resp(std::string_view);
void timestamp(std::string_view);
void url(std::string_view);
}  // namespace eventy::fuzz
