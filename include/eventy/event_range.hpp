// All events that match, page by page.
#pragma once
#include <cstddef>
#include <cstdint>
#include <eventy/detail/queue.hpp>
#include <eventy/records.hpp>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>

namespace eventy {

template <class T>
class EventQueue;

/// A move-only input view of events, newest first; pages by itself. Keeps the queue open. One thread at a time. Each
/// step may throw what `search_events` throws.
template <class T>
class EventRange : public std::ranges::view_base {
    struct State {
        EventQueue<T> queue;
        EventFilter filter;
        Page<QueueEvent<T>> page = {};
        std::size_t position = 0;
        std::int64_t skipped = 0;
        bool started = false;

        bool at_end() const { return position >= page.items.size() && !page.next_page_id; }
        void settle_on_item() {
            while (position >= page.items.size() && (!started || page.next_page_id)) {
                page = queue.search_events(filter, {.page_id = page.next_page_id, .limit = 500});
                started = true;
                position = 0;
                skipped += static_cast<std::int64_t>(page.unreadable.size());
            }
        }
    };

public:
    class Iterator {
    public:
        using value_type = QueueEvent<T>;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        Iterator() = default;
        explicit Iterator(State* state) : state_(state) {}
        Iterator(Iterator&&) noexcept = default;
        Iterator& operator=(Iterator&&) noexcept = default;
        Iterator(const Iterator&) = delete;
        Iterator& operator=(const Iterator&) = delete;

        /// May be moved from.
        QueueEvent<T>& operator*() const { return state_->page.items[state_->position]; }
        QueueEvent<T>* operator->() const { return &**this; }
        Iterator& operator++() {
            ++state_->position;
            state_->settle_on_item();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.state_->at_end(); }

    private:
        State* state_ = nullptr;
    };

    EventRange(EventQueue<T> queue, EventFilter filter)
        : state_(std::make_unique<State>(State{std::move(queue), filter})) {}

    /// Call it once: reading goes on from where it stands.
    Iterator begin() {
        state_->settle_on_item();
        return Iterator(state_.get());
    }
    std::default_sentinel_t end() const { return {}; }

    /// How many events on the pages read so far could not be read as T.
    std::int64_t skipped() const { return state_->skipped; }

private:
    std::unique_ptr<State> state_;
};

}  // namespace eventy
