// Payloads that are not JSON: a serializer of one's own, for a type that cannot even be copied; and MessagePack, which
// comes with the library.
//
// It talks to the Redis of EVENTY_REDIS_URL, else to redis://127.0.0.1:6379.
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <eventy/eventy.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <syncstream>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// A picture in shades of grey. Move-only, because of the unique_ptr; the queue never copies a payload.
struct PictureEvent {
    std::size_t width = 0, height = 0;
    std::unique_ptr<unsigned char[]> pixels;
};

// Its bytes: the image format PGM, "P5 <width> <height> 255\n" and the pixels, so any viewer can open what is in Redis.
// Both functions are called from several threads at once: const, and without shared state.
class PgmSerializer : public eventy::Serializer<PictureEvent> {
public:
    std::string serialize(const PictureEvent& picture) const override {
        std::string bytes = "P5 " + std::to_string(picture.width) + " " + std::to_string(picture.height) + " 255\n";
        for (std::size_t i = 0; i < picture.width * picture.height; ++i) {
            bytes += static_cast<char>(picture.pixels[i]);
        }
        return bytes;
    }

    // Bytes come from outside: check everything. What is thrown here reaches the caller as a SerializationError.
    PictureEvent deserialize(std::string_view bytes) const override {
        PictureEvent picture;
        skip(bytes, "P5 ");
        picture.width = read_number(bytes);
        skip(bytes, " ");
        picture.height = read_number(bytes);
        skip(bytes, " 255\n");
        if (bytes.size() != picture.width * picture.height) {
            throw std::runtime_error("the number of pixels is wrong");
        }
        picture.pixels = std::make_unique<unsigned char[]>(bytes.size());
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            picture.pixels[i] = static_cast<unsigned char>(bytes[i]);
        }
        return picture;
    }

private:
    static void skip(std::string_view& bytes, std::string_view expected) {
        if (!bytes.starts_with(expected)) {
            throw std::runtime_error("not a PGM picture");
        }
        bytes.remove_prefix(expected.size());
    }
    static std::size_t read_number(std::string_view& bytes) {
        std::uint16_t number = 0;
        const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
        if (error != std::errc()) {
            throw std::runtime_error("a PGM picture without its size");
        }
        bytes.remove_prefix(static_cast<std::size_t>(end - bytes.data()));
        return number;
    }
};

// For the second queue: an ordinary struct with a JSON form, which MessagePack uses too.
struct MeasurementEvent {
    std::string sensor;
    std::vector<double> values;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(MeasurementEvent, sensor, values)

namespace {

std::shared_ptr<eventy::redis::Client> connect() {
    const char* url = std::getenv("EVENTY_REDIS_URL");
    return eventy::redis::Client::from_url(url != nullptr ? url : "redis://127.0.0.1:6379");
}

PictureEvent gradient(std::size_t width, std::size_t height) {
    PictureEvent picture{width, height, std::make_unique<unsigned char[]>(width * height)};
    for (std::size_t i = 0; i < width * height; ++i) {
        picture.pixels[i] = static_cast<unsigned char>(i % width);
    }
    return picture;
}

void pictures(const std::shared_ptr<eventy::redis::Client>& client) {
    std::atomic<unsigned long> brightness = 0;
    const eventy::RedisEventQueue<PictureEvent> queue({.redis_client = client,
                                                       .serializer = std::make_shared<PgmSerializer>(),
                                                       .key_prefix = "example-serializer",
                                                       .event_ttl = 10min});
    const auto subscription = queue.subscribe([&](const eventy::QueueEvent<PictureEvent>& event) {
        const auto& picture = event.payload;
        unsigned long sum = 0;
        for (std::size_t i = 0; i < picture.width * picture.height; ++i) {
            sum += picture.pixels[i];
        }
        brightness += sum;
    });
    const auto event = queue.publish(gradient(16, 4));
    if (!queue.wait_idle(30s)) {
        throw std::runtime_error("the picture was not processed in time");
    }
    const auto stored = queue.get_event(event.id);
    std::cout << "a picture of " << stored.payload.width << " x " << stored.payload.height << " pixels is "
              << stored.status << ", brightness " << brightness << "\n";
}

void measurements(const std::shared_ptr<eventy::redis::Client>& client) {
    const auto msgpack = eventy::make_serializer<MeasurementEvent>(eventy::Format::msgpack);
    const MeasurementEvent measurement{"roof", {20.5, 21, 21.5}};
    std::cout << "as JSON " << nlohmann::json(measurement).dump().size() << " bytes, as MessagePack "
              << msgpack.get()->serialize(measurement).size() << "\n";

    // All programs on this queue must use the same form.
    const eventy::RedisEventQueue<MeasurementEvent> queue(
        {.redis_client = client, .serializer = msgpack, .key_prefix = "example-serializer", .event_ttl = 10min});
    const auto subscription = queue.subscribe([](const eventy::QueueEvent<MeasurementEvent>& event) {
        std::osyncstream(std::cout) << event.payload.values.size() << " values from " << event.payload.sensor << "\n";
    });
    queue.publish(measurement);
    if (!queue.wait_idle(30s)) {
        throw std::runtime_error("the measurement was not processed in time");
    }
}

}  // namespace

int main() try {
    const auto client = connect();
    pictures(client);
    measurements(client);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
