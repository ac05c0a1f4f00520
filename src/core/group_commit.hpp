// Batches that grow by themselves: while the previous ones are on their way, what comes waits for the next.
#pragma once
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

namespace eventy::detail {

/// At low load nothing waits; under load the batches grow. An item has a weight (events, bytes) and is never split.
template <class Item>
class GroupCommit {
public:
    struct Limits {
        std::size_t items = 250;
        std::size_t bytes = std::size_t{4} * 1024 * 1024;
        int in_flight = 1;  // batches; with two, the server works on one while the callers of the other are told
    };
    explicit GroupCommit(Limits limits) : limits_(limits) {}

    void add(Item item, std::size_t count, std::size_t bytes) { waiting_.push_back({std::move(item), count, bytes}); }

    /// The next batch, if there is something and not too many are on their way. The first item goes whatever its
    /// weight.
    std::vector<Item> next() {
        std::vector<Item> batch;
        if (in_flight_ == limits_.in_flight) {
            return batch;
        }
        std::size_t count = 0;
        std::size_t bytes = 0;
        while (!waiting_.empty()) {
            Weighed& first = waiting_.front();
            if (!batch.empty() && (count + first.count > limits_.items || bytes + first.bytes > limits_.bytes)) {
                break;
            }
            count += first.count;
            bytes += first.bytes;
            batch.push_back(std::move(first.item));
            waiting_.pop_front();
        }
        in_flight_ += batch.empty() ? 0 : 1;
        return batch;
    }

    /// Takes out those at the front that wait and for which `is_over(item)`, up to the first for which not.
    template <class F>
    std::vector<Item> take_waiting_while(F is_over) {
        std::vector<Item> over;
        while (!waiting_.empty() && is_over(waiting_.front().item)) {
            over.push_back(std::move(waiting_.front().item));
            waiting_.pop_front();
        }
        return over;
    }
    /// The one that has waited longest; only if any waits.
    const Item& oldest_waiting() const { return waiting_.front().item; }

    /// A batch has been answered, one way or another.
    void answered() { --in_flight_; }

    bool idle() const { return waiting_.empty() && in_flight_ == 0; }
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Weighed {
        Item item;
        std::size_t count;
        std::size_t bytes;
    };
    Limits limits_;
    std::deque<Weighed> waiting_;
    int in_flight_ = 0;
};

}  // namespace eventy::detail
