// How often each function is asked for at each hour of the week: 168 averages that forget, and
// from them what is to be expected of the hour that begins.
//
// An hour's rate enters its average with 1/n for the first four weeks and a quarter after that, so
// a habit is known after two weeks and forgotten in about as many. Until the same hour has been
// seen in two weeks, the same hour of other days counts: people have habits by the day first. Hours
// are UTC's.
//
// A forecast counts for a while around the hour's beginning alone (due_per_s): before that nobody
// knows, and after that the rate itself is known. So what it costs when it is wrong is bounded.
//
// One row, some 700 bytes, for each function that has been asked for; kMaxRows of them. Written
// as JSON; what is read back was written by this program or damaged since: all of it is checked.
// Times passed in, in seconds of Unix time. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "sandbox/base/result.hpp"

namespace skerry::worth {

class Forecast {
  public:
    static constexpr std::size_t kHours = 168;
    static constexpr std::size_t kMaxRows = 1024;
    static constexpr std::size_t kMaxBytes = 8u << 20;  // of what is read
    // Around the beginning of an hour.
    static constexpr double kAhead_s = 120, kTrial_s = 300;
    // Of an hour so much must have been seen, or it says nothing.
    static constexpr double kSeenLeast_s = 600;

    // So many requests came in the last `passed_s`. What has been kept of a function that is not
    // told of for an hour counts as seen only while it was.
    void note(std::uint64_t key, double requests, double passed_s, double unix_s);

    // Of the hour that the moment lies in; 0: unknown.
    double rate_per_s(std::uint64_t key, double unix_s) const;
    // What is to be ready for at that moment: of the hour that begins soon, or has just begun.
    double due_per_s(std::uint64_t key, double unix_s) const;

    // Forgets all others.
    void retain(const std::set<std::uint64_t>& keys);
    std::size_t rows() const { return rows_.size(); }

    std::string encode() const;
    static Result<Forecast> decode(std::string_view text);

  private:
    struct Row {
        std::array<float, kHours> rate{};
        std::array<std::uint8_t, kHours> weeks{};  // seen, at most kWeeks
        std::int64_t hour = 0;                     // since 1970, that is being counted; 0: none
        double requests = 0, seen_s = 0;
    };
    static constexpr std::uint8_t kWeeks = 4;
    static void close_hour(Row& row);
    static double expected(const Row& row, std::int64_t hour);

    std::map<std::uint64_t, Row> rows_;
};

}  // namespace skerry::worth
