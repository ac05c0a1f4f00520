// The library's only global state: where its warnings go.
#pragma once
#include <functional>
#include <string_view>

namespace eventy {

enum class LogLevel { debug, info, warning, error };

/// Replaces the logger; an empty function brings the default back, which writes warnings and errors to stderr. The
/// logger is called from any thread, several at once, and must not call a queue. When it throws, the message goes
/// where it would by default, and the first time it is said there that the logger threw. May be called at any time from
/// any thread.
void set_logger(std::function<void(LogLevel, std::string_view)>);

}  // namespace eventy
