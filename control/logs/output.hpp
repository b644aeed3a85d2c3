// One worker's output, from bytes to records. Pure: time and bytes come from its caller. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/logs/record.hpp"
#include "dataplane/log_events.hpp"

namespace skerry::logs {

struct Writer {
    std::string version;  // kVersionDigits hex digits
    std::uint64_t worker = 0;
    std::uint32_t log_kib = 64;  // kept of one invocation, and of what lies between two
    bool lambda_lines = false;   // START, END and REPORT as AWS Lambda writes them
    std::uint32_t memory_mib = 128;
};

class Output {
  public:
    explicit Output(Writer writer) : writer_(std::move(writer)) {}

    // The invocation that the next bytes belong to; none: they lie between two. Does nothing when
    // it is in hand already.
    void begin(const RequestId& request, std::int64_t time_us, std::vector<Record>& to);
    // It has ended. What follows still belongs to it until the next begins. `peak_kib`: of the
    // worker's memory, 0: not known.
    void end(const LogEvent& event, std::uint64_t peak_kib, std::int64_t time_us,
             std::vector<Record>& to);
    void take(std::string_view bytes, std::int64_t time_us, std::vector<Record>& to);
    // A line that has waited for its end for a while is cut here.
    void flush(std::int64_t time_us, std::vector<Record>& to);
    // No more bytes will come.
    void finish(std::int64_t time_us, std::vector<Record>& to);
    void note(const std::string& text, std::int64_t time_us, std::vector<Record>& to);
    void set_init_us(std::uint64_t init_us) { init_us_ = init_us; }

    bool has_partial_line() const { return !line_.empty(); }
    const RequestId& request() const { return request_; }
    std::uint64_t dropped_bytes() const { return dropped_in_all_; }

  private:
    void emit(Stream stream, std::string text, std::int64_t time_us, std::vector<Record>& to);
    void close_invocation(std::int64_t time_us, std::vector<Record>& to);
    void add(std::string_view part, std::int64_t time_us, std::vector<Record>& to);
    bool may_keep(std::size_t bytes);

    Writer writer_;
    RequestId request_;
    std::string line_;        // without an end as yet
    std::uint64_t kept_ = 0;  // bytes, of the invocation in hand
    std::uint64_t dropped_ = 0;
    std::uint64_t dropped_in_all_ = 0;
    std::uint64_t init_us_ = 0;  // not reported yet
};

}  // namespace skerry::logs
