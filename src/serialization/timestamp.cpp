#include <eventy/error.hpp>
#include <eventy/timestamp.hpp>
#include <ostream>

#include "serialization/calendar.hpp"
#include "serialization/excerpt.hpp"

namespace eventy {

namespace {

using detail::Civil;

constexpr std::int64_t us_per_second = 1'000'000;
constexpr std::int64_t us_per_day = 86'400 * us_per_second;

void append_number(std::string& out, std::int64_t value, int digits) {
    char buffer[8];
    for (int i = digits; i-- > 0; value /= 10) {
        buffer[i] = static_cast<char>('0' + value % 10);
    }
    out.append(buffer, static_cast<std::size_t>(digits));
}

/// Takes one piece after the other off the front of a text; once something is missing, everything fails.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    bool take(char wanted) {
        if (rest_.empty() || rest_.front() != wanted) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }
    void expect(char wanted) { failed_ = !take(wanted) || failed_; }

    int number(int digits, int min, int max) {
        int value = 0;
        for (int i = 0; i < digits; ++i) {
            value = value * 10 + digit();
        }
        failed_ = failed_ || value < min || value > max;
        return value;
    }

    /// The digits behind the point, as microseconds.
    int fraction() {
        int value = 0;
        int seen = 0;
        for (; seen < 9 && !rest_.empty() && is_digit(rest_.front()); ++seen) {
            const int next = digit();
            value = seen < 6 ? value * 10 + next : value;
        }
        failed_ = failed_ || seen == 0;
        for (; seen < 6; ++seen) {
            value *= 10;
        }
        return value;
    }

    bool done() const { return !failed_ && rest_.empty(); }

private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }
    int digit() {
        if (rest_.empty() || !is_digit(rest_.front())) {
            failed_ = true;
            return 0;
        }
        const int value = rest_.front() - '0';
        rest_.remove_prefix(1);
        return value;
    }

    std::string_view rest_;
    bool failed_ = false;
};

int scan_year(Scanner& scanner) {
    if (scanner.take('+')) {
        return scanner.number(6, 0, 999'999);
    }
    if (scanner.take('-')) {
        return -scanner.number(6, 1, 999'999);
    }
    return scanner.number(4, 0, 9'999);
}

/// Seconds east of UTC.
int scan_offset(Scanner& scanner) {
    int sign = 0;
    if (scanner.take('+')) {
        sign = 1;
    } else if (scanner.take('-')) {
        sign = -1;
    } else {
        scanner.take('Z');
        return 0;
    }
    const int hours = scanner.number(2, 0, 23);
    scanner.expect(':');
    const int minutes = scanner.number(2, 0, 59);
    return sign * (hours * 3600 + minutes * 60);
}

/// int64 microseconds end in the year 294,247: a later one can be written, but is no time for us.
std::optional<Timestamp> from_parts(std::int64_t seconds, std::int64_t us) {
    if (seconds < 0) {  // so that the first representable second does not overflow on the way
        seconds += 1;
        us -= us_per_second;
    }
    std::int64_t total = 0;
    if (__builtin_mul_overflow(seconds, us_per_second, &total) || __builtin_add_overflow(total, us, &total)) {
        return std::nullopt;
    }
    return Timestamp::time_point(std::chrono::microseconds(total));
}

}  // namespace

Timestamp now() { return std::chrono::system_clock::now(); }

std::string to_string(Timestamp t) {
    const std::int64_t us = Timestamp::time_point(t).time_since_epoch().count();
    const std::int64_t days = us / us_per_day - (us % us_per_day < 0 ? 1 : 0);
    const std::int64_t us_of_day = us % us_per_day + (us % us_per_day < 0 ? us_per_day : 0);
    const std::int64_t seconds = us_of_day / us_per_second;
    const Civil date = detail::civil_from_days(days);

    std::string text;
    text.reserve(35);
    if (date.year >= 0 && date.year <= 9'999) {
        append_number(text, date.year, 4);
    } else {
        text.push_back(date.year < 0 ? '-' : '+');
        append_number(text, date.year < 0 ? -date.year : date.year, 6);
    }
    text.push_back('-');
    append_number(text, date.month, 2);
    text.push_back('-');
    append_number(text, date.day, 2);
    text.push_back('T');
    append_number(text, seconds / 3600, 2);
    text.push_back(':');
    append_number(text, seconds / 60 % 60, 2);
    text.push_back(':');
    append_number(text, seconds % 60, 2);
    text.push_back('.');
    append_number(text, us_of_day % us_per_second, 6);
    return text.append("+00:00");
}

std::optional<Timestamp> parse_timestamp(std::string_view text) {
    Scanner scanner(text);
    Civil date;
    date.year = scan_year(scanner);
    scanner.expect('-');
    date.month = scanner.number(2, 1, 12);
    scanner.expect('-');
    date.day = scanner.number(2, 1, 31);
    if (!scanner.take(' ')) {
        scanner.expect('T');
    }
    std::int64_t seconds = std::int64_t{3600} * scanner.number(2, 0, 23);
    scanner.expect(':');
    seconds += std::int64_t{60} * scanner.number(2, 0, 59);
    scanner.expect(':');
    seconds += scanner.number(2, 0, 59);
    const int us = scanner.take('.') ? scanner.fraction() : 0;
    seconds -= scan_offset(scanner);
    if (!scanner.done() || date.day > detail::days_in_month(date.year, date.month)) {
        return std::nullopt;
    }
    seconds += detail::days_from_civil(date) * 86'400;

    return from_parts(seconds, us);
}

std::ostream& operator<<(std::ostream& out, Timestamp t) { return out << to_string(t); }

namespace detail {

void throw_bad_timestamp(std::string_view text) {
    throw SerializationError(errc::serialization, "not a time in ISO 8601: " + excerpt(text));
}

void throw_no_timestamp(const char* type_name) {
    throw SerializationError(errc::serialization,
                             std::string("must be a string with a time in ISO 8601, but is ") + type_name);
}

}  // namespace detail
}  // namespace eventy
