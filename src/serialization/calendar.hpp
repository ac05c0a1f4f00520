// Days and dates of the proleptic Gregorian calendar, for every day that an int64 of microseconds can name;
// std::chrono::year ends at 32,767. The algorithms are Howard Hinnant's ("chrono-Compatible Low-Level Date
// Algorithms").
#pragma once
#include <cstdint>

namespace eventy::detail {

struct Civil {
    std::int64_t year = 1970;
    int month = 1;  // 1 to 12
    int day = 1;    // from 1
};

constexpr int days_in_month(std::int64_t year, int month) {
    if (month == 2) {
        const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return leap ? 29 : 28;
    }
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// Days since 1970-01-01.
constexpr std::int64_t days_from_civil(Civil date) {
    const std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;  // years begin in March: leap days come last
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

constexpr Civil civil_from_days(std::int64_t days) {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const std::int64_t day_of_era = days - era * 146'097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t march_month = (5 * day_of_year + 2) / 153;
    const int month = static_cast<int>(march_month < 10 ? march_month + 3 : march_month - 9);
    return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
            .month = month,
            .day = static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1)};
}

}  // namespace eventy::detail
