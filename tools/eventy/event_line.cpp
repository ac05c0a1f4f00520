#include "event_line.hpp"

#include <eventy/json.hpp>
#include <exception>

namespace eventy::cli {

EventLine read_event_line(const LineReader::Line& line, std::size_t longest) {
    static const SerializerPtr<nlohmann::json> json = make_serializer<nlohmann::json>(Format::json);
    if (line.too_long) {
        return {{}, "the line is over " + std::to_string(longest) + " bytes, the limit of a payload"};
    }
    std::string_view text = line.text;
    if (line.number == 1 && text.starts_with("\xEF\xBB\xBF")) {
        text.remove_prefix(3);  // a byte order mark, as some editors write it
    }
    if (text.find_first_not_of(" \t") == std::string_view::npos) {
        return {};
    }
    try {
        static_cast<void>(json.get()->deserialize(text));
    } catch (const std::exception& error) {
        return {{}, error.what()};
    }
    return {text, {}};
}

}  // namespace eventy::cli
