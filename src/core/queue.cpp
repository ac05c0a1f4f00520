#include <eventy/queue.hpp>

#include <algorithm>

#include "core/names.hpp"
#include "core/page_id.hpp"
#include "core/queue_core.hpp"

namespace eventy::detail {

std::shared_ptr<Queue> Queue::open(std::shared_ptr<Backend> backend, QueueSettings settings,
                                   std::type_index payload_type) {
    return std::make_shared<Queue>(QueueCore::open(std::move(backend), std::move(settings), payload_type, nullptr));
}

Queue::Queue(std::shared_ptr<QueueCore> core) : core_(std::move(core)) {}

Queue::~Queue() {
    if (core_->is_at_home()) {
        core_->last_handle_gone();
    } else {
        leave_alone(std::move(core_));
    }
}

const std::string& Queue::worker_id() const { return core_->context().worker_id; }

std::vector<Receipt> Queue::publish(std::vector<std::string> payloads, const PublishOptions& options) const {
    return core_->publish(std::move(payloads), options);
}

void Queue::throw_not_found(EventId id) const {
    throw EventNotFound(errc::event_not_found, describe_event(id) + " does not exist: it never did, or it expired");
}

RawEvent Queue::get_event(EventId id) const {
    auto found = core_->get(std::span(&id, 1));
    if (found.empty() || !found.front()) {
        throw_not_found(id);
    }
    return *std::move(found.front());
}

std::vector<std::optional<RawEvent>> Queue::get_events(std::span<const EventId> ids) const { return core_->get(ids); }

RawPage Queue::search_events(const EventFilter& filter, const PageRequest& page) const {
    return core_->search(filter, page);
}

std::int64_t Queue::count_events(const EventFilter& filter) const { return core_->count(filter); }

Subscription Queue::subscribe(std::vector<RawHandler> handlers, const SubscribeOptions& options) const {
    return core_->subscribe(std::move(handlers), options);
}

bool Queue::unsubscribe(std::string_view id) const { return core_->unsubscribe(id); }

SubscriberInfo Queue::get_subscriber(std::string_view id) const {
    auto found = core_->subscriber(id);
    if (!found) {
        throw SubscriberNotFound(errc::subscriber_not_found,
                                 "no live subscriber " + quoted(id) + " of " + core_->context().describe());
    }
    return *std::move(found);
}

Page<SubscriberInfo> Queue::search_subscribers(const PageRequest& request) const {
    check_limit(request.limit);
    const auto& name = core_->context().name;
    const auto identity = search_identity(name.prefix, name.type, {}) + "\nsubscribers";
    std::string after;
    if (request.page_id) {
        const auto position = read_page_id(identity, *request.page_id);
        if (!position) {
            throw Error(errc::bad_page_id, "the page id " + quoted(*request.page_id) +
                                               " was not given out by a search for subscribers of " +
                                               core_->context().describe());
        }
        after = *position;
    }
    auto all = core_->subscribers();
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    Page<SubscriberInfo> page;
    for (auto& info : all) {
        if (info.id <= after) {
            continue;
        }
        if (page.items.size() == static_cast<std::size_t>(request.limit)) {
            page.next_page_id = make_page_id(identity, page.items.back().id);
            break;
        }
        page.items.push_back(std::move(info));
    }
    return page;
}

Subscription Queue::watch(std::function<void(const EventNotice&)> callback, std::function<void()> on_gap) const {
    return core_->watch(std::move(callback), std::move(on_gap));
}

QueueStats Queue::stats() const { return core_->stats(); }

bool Queue::retry_event(EventId id) const {
    switch (core_->retry({id}, true).at(0)) {
        case ByHand::done: return true;
        case ByHand::unchanged: return false;
        case ByHand::gone: break;
    }
    throw_not_found(id);
}

std::int64_t Queue::retry_all(EventFilter filter, const std::function<void(const BulkProgress&)>& progress) const {
    check_filter(filter);
    if (filter.status.value_or(EventStatus::error) != EventStatus::error) {
        throw Error(errc::invalid_argument, "retry_all() takes up events that are ERROR; the filter says " +
                                                std::string(to_string(*filter.status)));
    }
    filter.status = EventStatus::error;
    return in_steps({filter}, progress, [&](std::vector<EventId> ids) { return core_->retry(std::move(ids), false); });
}

std::int64_t Queue::discard_all(EventFilter filter, const std::function<void(const BulkProgress&)>& progress) const {
    check_filter(filter);
    if (filter.status == EventStatus::processed) {
        throw Error(errc::invalid_argument,
                    "discard_all() gives up events that are not processed yet; the filter says " +
                        std::string(to_string(*filter.status)));
    }
    const auto discard = [&](std::vector<EventId> ids) { return core_->discard(std::move(ids)); };
    if (filter.status) {
        return in_steps({filter}, progress, discard);
    }
    if (!filter.created_at_max) {
        const auto newest = core_->search({}, {.limit = 1}).items;
        if (newest.empty()) {
            return 0;
        }
        filter.created_at_max = newest.front().event.created_at;
    }
    // What is pending may be leased a moment later; and back again, where it is handed back or tried again.
    std::vector<EventFilter> filters(3, filter);
    filters[0].status = EventStatus::pending;
    filters[1].status = EventStatus::processing;
    filters[2].status = EventStatus::pending;
    return in_steps(filters, progress, discard);
}

/// Looks at what matches one filter after another and changes it in steps: no call of a script is a long one.
std::int64_t Queue::in_steps(const std::vector<EventFilter>& filters,
                             const std::function<void(const BulkProgress&)>& progress,
                             const std::function<std::vector<ByHand>(std::vector<EventId>)>& change) const {
    constexpr std::int64_t step = 100;
    BulkProgress so_far;
    for (std::size_t i = 0; i < std::min<std::size_t>(filters.size(), 2); ++i) {  // a third one is the first one again
        so_far.total += core_->count(filters[i]);
    }
    for (const auto& filter : filters) {
        PageRequest page{.limit = step};
        do {
            const auto found = core_->search(filter, page);
            std::vector<EventId> ids;
            ids.reserve(found.items.size());
            for (const auto& item : found.items) {
                ids.push_back(item.event.id);
            }
            if (!ids.empty()) {
                const auto outcomes = change(std::move(ids));
                so_far.done += std::count(outcomes.begin(), outcomes.end(), ByHand::done);
                if (progress) {
                    progress(so_far);
                }
            }
            page.page_id = found.next_page_id;
        } while (page.page_id);
    }
    return so_far.done;
}

bool Queue::discard(EventId id) const {
    switch (core_->discard({id}).at(0)) {
        case ByHand::done: return true;
        case ByHand::unchanged: return false;
        case ByHand::gone: break;
    }
    throw_not_found(id);
}

bool Queue::wait_idle(milliseconds timeout) const { return core_->wait_idle(timeout); }

bool Queue::close(milliseconds timeout) const { return core_->close(timeout); }

std::string Queue::describe_event(EventId id) const {
    return "event " + std::to_string(id) + " of " + core_->context().describe();
}

void require_serializer(bool there) {
    if (!there) {
        throw Error(errc::invalid_argument, "the serializer is a null pointer");
    }
}

}  // namespace eventy::detail
