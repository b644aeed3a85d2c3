// The Date field's value (RFC 9110 §5.6.7), written once a second. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace skerry::http {

class Date {
  public:
    std::uint64_t unix_s() const { return unix_s_; }
    std::string_view text() const { return {text_.data(), text_.size()}; }

    void update(std::uint64_t unix_s) {
        if (unix_s == unix_s_) return;
        unix_s_ = unix_s;
        write(unix_s);
    }

  private:
    void put(std::size_t at, std::uint64_t number, std::size_t digits) {
        for (; digits-- > 0; number /= 10)
            text_[at + digits] = static_cast<char>('0' + number % 10);
    }
    void write(std::uint64_t unix_s) {
        const std::uint64_t days = unix_s / 86400, second = unix_s % 86400;
        // Years that begin in March, so that the leap day is the last: eras of 400 years.
        const std::uint64_t shifted = days + 719468;
        const std::uint64_t day_of_era = shifted % 146097;
        const std::uint64_t year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        const std::uint64_t day_of_year =
            day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        const std::uint64_t month_from_march = (5 * day_of_year + 2) / 153;
        const std::uint64_t month = (month_from_march + 2) % 12;  // 0: January
        const std::uint64_t year = shifted / 146097 * 400 + year_of_era + (month < 2 ? 1 : 0);
        const auto name = [this](std::size_t at, const char* names, std::uint64_t index) {
            for (std::size_t i = 0; i < 3; ++i) text_[at + i] = names[3 * index + i];
        };
        name(0, "ThuFriSatSunMonTueWed", days % 7);
        put(5, day_of_year - (153 * month_from_march + 2) / 5 + 1, 2);
        name(8, "JanFebMarAprMayJunJulAugSepOctNovDec", month);
        put(12, year, 4);
        put(17, second / 3600, 2);
        put(20, second / 60 % 60, 2);
        put(23, second % 60, 2);
    }

    std::uint64_t unix_s_ = 0;
    std::array<char, 29> text_{'T', 'h', 'u', ',', ' ', '0', '1', ' ', 'J', 'a',
                               'n', ' ', '1', '9', '7', '0', ' ', '0', '0', ':',
                               '0', '0', ':', '0', '0', ' ', 'G', 'M', 'T'};
};

}  // namespace skerry::http
