// The files of functions' logs: FOLDER/FUNCTION.N.log, of which the highest N grows and the last
// kFilesKept are there. The collector appends; any thread reads and sweeps at the same time.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/logs/record.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::logs {

inline constexpr std::uint64_t kFileBytes = 4u << 20;
inline constexpr std::uint64_t kFilesKept = 4;
inline constexpr std::size_t kMaxRecords = 1000;          // of one answer
inline constexpr std::size_t kMaxAnswerBytes = 1u << 20;  // of their texts

// A place in a function's log: behind the record that ends there. Stays good across restarts.
struct Cursor {
    std::uint64_t file = 0;  // N; 0: the beginning of what is kept
    std::uint64_t offset = 0;
    bool operator==(const Cursor&) const = default;
};
std::string cursor_text(const Cursor& cursor);  // "N.OFFSET"
std::optional<Cursor> parse_cursor(std::string_view text);

struct Question {
    Cursor after;
    std::int64_t since_us = 0;         // records of that time and later
    std::optional<RequestId> request;  // only of this invocation
};

struct Page {
    std::vector<Record> records;
    Cursor next;
    bool more = false;  // the answer is full; the rest comes after `next`
    bool lost = false;  // what came right after `after` is not kept any more
};

class Store {
  public:
    // The folder has to be there.
    explicit Store(std::string folder) : folder_(std::move(folder)) {}

    // `lines`: rendered records. Collector thread only.
    Status append(const std::string& function, std::string_view lines);
    Result<Page> read(const std::string& function, const Question& question) const;
    // The last `most` records of a version, oldest first, as far as they lie in the last 64 KiB.
    std::vector<Record> last(const std::string& function, std::string_view version,
                             std::size_t most) const;
    // Removes the files of other functions; returns how many. Files with other names stay: they
    // are somebody else's. Only while no worker of those functions is left.
    std::size_t sweep(const std::set<std::string>& keep);

  private:
    struct Growing {
        std::uint64_t file = 0;
        std::uint64_t bytes = 0;
    };
    std::string path(const std::string& function, std::uint64_t file) const;
    std::set<std::uint64_t> files(const std::string& function) const;

    std::string folder_;
    std::mutex mutex_;  // of growing_, and of what append() and sweep() do
    std::map<std::string, Growing> growing_;
};

}  // namespace skerry::logs
