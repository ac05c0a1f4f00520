// Who this process is, and random names.
#pragma once
#include <cstdint>
#include <string>

namespace eventy::detail {

std::string host_name();
std::int64_t process_id();
/// As many lower-case hexadecimal digits, from the system's random source.
std::string random_hex(int digits);
/// A version 4 UUID (RFC 4122), as text.
std::string random_uuid();
/// "host-pid-1f3a9c2e": unique per queue, without characters that keys or fields give a meaning.
std::string make_worker_id();

}  // namespace eventy::detail
