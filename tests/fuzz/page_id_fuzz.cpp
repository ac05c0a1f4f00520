// Page ids: come back from anywhere, and are accepted only as they were made.
#include "core/page_id.hpp"
#include "fuzz/target.hpp"

// The search's identity, a line break, then a page id or a position.
EVENTY_FUZZ_TARGET(page_id) {
    const auto line = input.find('\n');
    const auto identity = input.substr(0, line);
    const auto text = line == std::string_view::npos ? std::string_view() : input.substr(line + 1);

    if (const auto position = detail::read_page_id(identity, text)) {
        require(detail::make_page_id(identity, *position) == text, "an accepted page id is one that is made");
    }
    if (const auto number = detail::parse_number(text)) {
        require(detail::parse_number(std::to_string(*number)) == number, "numbers read as they are written");
    }
    if (text.size() > 250) {
        return;
    }
    const auto made = detail::make_page_id(identity, text);
    require(detail::read_page_id(identity, made) == text, "a page id that was made is accepted");
    require(!detail::read_page_id(std::string(identity) + '1', made), "not for another search");
    auto random = random_of(input);
    auto changed = made;
    changed[random() % changed.size()] ^= static_cast<char>(1U << random() % 8);
    require(!detail::read_page_id(identity, changed), "not with a bit changed");
    require(!detail::read_page_id(identity, made.substr(0, random() % made.size())), "not cut short");
    require(!detail::read_page_id(identity, made + static_cast<char>(random() % 256)), "not longer");
}
