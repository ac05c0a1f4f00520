// Which field a program's from_json refused. nlohmann's exceptions do not say ("type must be number, but is string"),
// unless JSON_DIAGNOSTICS changes the ABI of every json in the program; so the value is asked, on the failure path
// only.
#pragma once
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventy::detail {

bool is_utf8(std::string_view);
/// ".name", or "['...']" for a key that is no plain word. A path is these and "[0]" in a row.
std::string path_of_key(std::string_view key);
/// nlohmann's what() without its "[json.exception.type_error.302] " and, where JSON_DIAGNOSTICS is on, "(/items/2) ".
std::string plain_reason(std::string_view what);
/// The key of nlohmann's "key 'name' not found".
std::optional<std::string> missing_key(std::string_view reason);

struct RefusedField {
    std::string path;    // empty: the whole value
    std::string reason;  // as it was thrown
    std::string type;    // of what stands there; empty where the search did not get to it
    bool missing = false;
};
[[noreturn]] void throw_refused_field(const RefusedField&);

/// Takes parts of the value away and watches the error. While it stays word for word the same, what is left still holds
/// the culprit. A key whose loss changes the error was read: it is the culprit or was read before it; among those, the
/// first to be missed when all are gone was read first, so it is not.
///
/// A guess: it knows from_json only from outside. The work is bounded, and a value too large for that gets no path.
template <class J>
class JsonCulprit {
public:
    using Refusal = std::string (*)(const J&);

    JsonCulprit(const J& value, std::size_t bytes, std::string_view reason, Refusal ask)
        : reason_(plain_reason(reason)), ask_(ask), tries_left_(max_work / (bytes + 64)) {
        if (tries_left_ > 0) {
            root_ = value;
        }
    }

    RefusedField find() {
        RefusedField found{.path = {}, .reason = reason_, .type = {}};
        for (J* node = tries_left_ > 0 ? &root_ : nullptr; node != nullptr;) {
            found.type = node->type_name();
            if (is_missing_here(*node)) {
                found.path += path_of_key(*missing_key(reason_));
                found.missing = true;
                break;
            }
            node = node->is_object()  ? step_into_object(*node, found.path)
                   : node->is_array() ? step_into_array(*node, found.path)
                                      : nullptr;
        }
        return found;
    }

private:
    static constexpr std::size_t max_work = std::size_t{4} << 20;  // bytes of JSON turned into T, all tries together

    /// Whether the value as it stands now is refused for the same reason. Out of tries: no.
    bool still_refused() { return refusal() == reason_; }
    std::string refusal() {
        if (tries_left_ == 0) {
            return {};
        }
        --tries_left_;
        return plain_reason(ask_(root_));
    }

    bool is_missing_here(J& node) {
        const auto key = missing_key(reason_);
        if (!key || !node.is_object() || node.contains(*key)) {
            return false;
        }
        node[*key] = nullptr;
        const bool changed = !still_refused();
        node.erase(*key);
        return changed;
    }

    /// The member to go on with, appended to the path; none: the error is about this object.
    J* step_into_object(J& node, std::string& path) {
        std::vector<std::string> read;  // keys whose loss changes the error
        std::vector<std::string> keys;
        for (const auto& member : node.items()) {
            keys.push_back(member.key());
        }
        for (const auto& key : keys) {
            J taken = std::move(node[key]);
            node.erase(key);
            if (!still_refused()) {
                node[key] = std::move(taken);
                read.push_back(key);
            }
            if (tries_left_ == 0) {
                return nullptr;
            }
        }
        while (read.size() > 1) {
            const auto without = [&](const std::vector<std::string>& gone) {
                J kept = node;
                for (const auto& key : gone) {
                    node.erase(key);
                }
                std::string result = refusal();
                node = std::move(kept);
                return result;
            };
            const std::string first_missed = without(read);
            std::vector<std::string> later;
            for (const auto& key : read) {
                if (without({key}) != first_missed) {
                    later.push_back(key);
                }
                if (tries_left_ == 0) {
                    return nullptr;
                }
            }
            if (later.size() + 1 != read.size()) {
                return nullptr;
            }
            read = std::move(later);
        }
        if (read.empty()) {
            return nullptr;
        }
        path += path_of_key(read.front());
        return &node[read.front()];
    }

    /// Halves the array while the error stays. Arrays whose length matters (std::array, std::pair) end the search.
    J* step_into_array(J& node, std::string& path) {
        J all = std::move(node);
        node = J::array();
        if (all.empty() || still_refused()) {
            return nullptr;
        }
        std::size_t first = 0;
        std::size_t last = all.size();
        const auto refused_in = [&](std::size_t from, std::size_t to) {
            node = J::array();
            for (std::size_t i = from; i < to; ++i) {
                node.push_back(all[i]);
            }
            return still_refused();
        };
        while (last - first > 1) {
            const std::size_t middle = first + (last - first) / 2;
            if (refused_in(first, middle)) {
                last = middle;
            } else if (refused_in(middle, last)) {
                first = middle;
            } else {
                return nullptr;
            }
        }
        if (!refused_in(first, last)) {
            return nullptr;
        }
        path += '[' + std::to_string(first) + ']';
        return &node.front();
    }

    J root_;
    std::string reason_;
    Refusal ask_;
    std::size_t tries_left_;
};

}  // namespace eventy::detail
