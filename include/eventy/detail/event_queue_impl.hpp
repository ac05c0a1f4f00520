// The bodies of EventQueue<T>: T meets the serializer here, and nowhere else.
#pragma once
#include <eventy/detail/words_of.hpp>
#include <eventy/event_queue.hpp>
#include <eventy/subscriber.hpp>

namespace eventy {
namespace detail {

/// Runs user code and makes whatever it throws a SerializationError that begins with `what`.
template <class F>
auto translating(const char* what, F&& run) {
    try {
        return run();
    } catch (const std::exception& error) {
        throw SerializationError(errc::serialization, std::string(what) + ": " + words_of(error));
    } catch (...) {
        throw SerializationError(errc::serialization, std::string(what) + ": the serializer threw no std::exception");
    }
}

[[noreturn]] void throw_null_subscriber();

}  // namespace detail

template <class T>
std::string EventQueue<T>::serialize(const T& payload) const {
    return detail::translating("cannot serialize the payload", [&] { return serializer_->serialize(payload); });
}

template <class T>
QueueEvent<T> EventQueue<T>::decode(const Serializer<T>& serializer, const detail::RawEvent& raw) {
    const auto& event = raw.event;
    if (!raw.unreadable.empty()) {
        throw SerializationError(errc::serialization, raw.unreadable);
    }
    return {event.id,
            detail::translating("cannot read the payload", [&] { return serializer.deserialize(event.payload); }),
            event.status,
            event.created_at,
            event.worker_id,
            event.attempt,
            event.key,
            event.headers,
            event.last_error,
            event.processed_by,
            event.started_at,
            event.finished_at,
            event.failures};
}

template <class T>
std::optional<QueueEvent<T>> EventQueue<T>::decode_if_readable(const detail::RawEvent& raw, std::string* why) const {
    try {
        return decode(*serializer_, raw);
    } catch (const SerializationError& error) {
        if (why != nullptr) {
            *why = error.what();
        }
        return std::nullopt;
    }
}

template <class T>
QueueEvent<T> EventQueue<T>::publish(T payload, PublishOptions options) const {
    std::vector<std::string> bytes;
    bytes.push_back(serialize(payload));
    const auto receipt = queue_->publish(std::move(bytes), options).front();
    if (receipt.repeated) {
        return get_event(receipt.id);
    }
    return {receipt.id,
            std::move(payload),
            EventStatus::pending,
            receipt.created_at,
            queue_->worker_id(),
            0,
            std::move(options.key),
            std::move(options.headers),
            {},
            {},
            {},
            {},
            {}};
}

template <class T>
std::vector<QueueEvent<T>> EventQueue<T>::publish_all(std::vector<T> payloads, PublishOptions options) const {
    std::vector<std::string> bytes;
    bytes.reserve(payloads.size());
    for (const auto& payload : payloads) {
        bytes.push_back(serialize(payload));
    }
    const auto receipts = queue_->publish(std::move(bytes), options);
    std::vector<QueueEvent<T>> events;
    events.reserve(payloads.size());
    for (std::size_t i = 0; i < receipts.size(); ++i) {
        if (receipts[i].repeated) {
            events.push_back(get_event(receipts[i].id));
            continue;
        }
        events.push_back({receipts[i].id,
                          std::move(payloads[i]),
                          EventStatus::pending,
                          receipts[i].created_at,
                          queue_->worker_id(),
                          0,
                          options.key,
                          options.headers,
                          {},
                          {},
                          {},
                          {},
                          {}});
    }
    return events;
}

template <class T>
QueueEvent<T> EventQueue<T>::get_event(EventId id) const {
    const auto raw = queue_->get_event(id);
    try {
        return decode(*serializer_, raw);
    } catch (const SerializationError& error) {
        throw SerializationError(errc::serialization, queue_->describe_event(id) + ": " + error.what());
    }
}

template <class T>
std::vector<std::optional<QueueEvent<T>>> EventQueue<T>::get_events(std::span<const EventId> ids) const {
    std::vector<std::optional<QueueEvent<T>>> events;
    events.reserve(ids.size());
    for (const auto& raw : queue_->get_events(ids)) {
        if (raw) {
            events.push_back(decode_if_readable(*raw));
        } else {
            events.emplace_back(std::nullopt);
        }
    }
    return events;
}

template <class T>
Page<QueueEvent<T>> EventQueue<T>::search_events(EventFilter filter, PageRequest request) const {
    auto raw = queue_->search_events(filter, request);
    Page<QueueEvent<T>> page;
    page.next_page_id = std::move(raw.next_page_id);
    page.items.reserve(raw.items.size());
    for (const auto& item : raw.items) {
        std::string why;
        if (auto event = decode_if_readable(item, &why)) {
            page.items.push_back(*std::move(event));
        } else {
            page.unreadable.push_back({item.event.id, item.event.status, std::move(why)});
        }
    }
    return page;
}

template <class T>
template <class F>
detail::RawHandler EventQueue<T>::decoding(F call) const {
    return [serializer = serializer_, call = std::move(call)](const detail::RawEvent& raw,
                                                              std::shared_ptr<void>& decoded, Context& context) {
        if (!decoded) {
            decoded = std::make_shared<QueueEvent<T>>(decode(*serializer, raw));
        }
        call(*static_cast<const QueueEvent<T>*>(decoded.get()), context);
    };
}

template <class T>
Subscription EventQueue<T>::subscribe_raw(std::vector<detail::RawHandler> handlers,
                                          const SubscribeOptions& options) const {
    return queue_->subscribe(std::move(handlers), options);
}

template <class T>
Subscription EventQueue<T>::subscribe(std::shared_ptr<Subscriber<T>> subscriber, SubscribeOptions options) const {
    std::vector<std::shared_ptr<Subscriber<T>>> one;
    one.push_back(std::move(subscriber));
    return subscribe(std::move(one), std::move(options));
}

template <class T>
Subscription EventQueue<T>::subscribe(std::vector<std::shared_ptr<Subscriber<T>>> in_order,
                                      SubscribeOptions options) const {
    std::vector<detail::RawHandler> handlers;
    for (auto& subscriber : in_order) {
        if (!subscriber) {
            detail::throw_null_subscriber();
        }
        handlers.push_back(decoding([subscriber = std::move(subscriber)](const QueueEvent<T>& event, Context& context) {
            subscriber->on_event(event, context);
        }));
    }
    return subscribe_raw(std::move(handlers), options);
}

}  // namespace eventy
