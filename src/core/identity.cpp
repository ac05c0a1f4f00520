#include "core/identity.hpp"

#include <unistd.h>

#include <array>
#include <random>
#include <string_view>

namespace eventy::detail {

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
        return "localhost";
    }
    return name.data();
}

std::int64_t process_id() { return ::getpid(); }

std::string random_hex(int digits) {
    std::random_device source;
    std::string text;
    for (int i = 0; i < digits; ++i) {
        text += std::string_view("0123456789abcdef")[source() % 16U];
    }
    return text;
}

std::string random_uuid() {
    std::string hex = random_hex(32);
    hex[12] = '4';
    hex[16] = std::string_view("89ab")[static_cast<unsigned char>(hex[16]) % 4U];
    return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' + hex.substr(16, 4) + '-' +
           hex.substr(20);
}

std::string make_worker_id() {
    std::string host = host_name();
    for (char& c : host) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
        c = plain ? c : '-';
    }
    return host + '-' + std::to_string(process_id()) + '-' + random_hex(8);
}

}  // namespace eventy::detail
