// Foreign text in our messages.
#pragma once
#include <string>
#include <string_view>

namespace eventy::detail {

/// The text in single quotes, fit for one line of a log: cut after 60 bytes ("..."), anything but printable ASCII and
/// well-formed UTF-8 as '?'.
std::string excerpt(std::string_view);

}  // namespace eventy::detail
