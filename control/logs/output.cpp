#include "control/logs/output.hpp"

#include <algorithm>
#include <cstdio>

namespace skerry::logs {
namespace {

std::string milliseconds(std::uint64_t us) {
    char text[40];
    (void)std::snprintf(text, sizeof text, "%llu.%02llu ms",
                        static_cast<unsigned long long>(us / 1000),
                        static_cast<unsigned long long>(us % 1000 / 10));
    return text;
}

std::uint64_t rounded_up(std::uint64_t value, std::uint64_t unit) {
    return (value + unit - 1) / unit;
}

}  // namespace

void Output::emit(Stream stream, std::string text, std::int64_t time_us, std::vector<Record>& to) {
    to.push_back({.time_us = time_us,
                  .version = writer_.version,
                  .worker = writer_.worker,
                  .request = request_,
                  .stream = stream,
                  .text = std::move(text)});
}

void Output::note(const std::string& text, std::int64_t time_us, std::vector<Record>& to) {
    flush(time_us, to);
    emit(Stream::platform, text, time_us, to);
}

// A line counts with its end, so that empty ones are not free.
bool Output::may_keep(std::size_t bytes) {
    if (dropped_ == 0 && kept_ + bytes + 1 <= std::uint64_t{writer_.log_kib} << 10) {
        kept_ += bytes + 1;
        return true;
    }
    dropped_ += bytes + 1;
    dropped_in_all_ += bytes + 1;
    return false;
}

void Output::close_invocation(std::int64_t time_us, std::vector<Record>& to) {
    flush(time_us, to);
    if (dropped_ != 0)
        emit(Stream::platform,
             std::to_string(dropped_) + " bytes of output dropped: more than " +
                 std::to_string(writer_.log_kib) + " KiB of one invocation",
             time_us, to);
    kept_ = dropped_ = 0;
}

void Output::begin(const RequestId& request, std::int64_t time_us, std::vector<Record>& to) {
    if (request == request_) return;
    close_invocation(time_us, to);
    request_ = request;
    if (writer_.lambda_lines && !request.none())
        emit(Stream::platform,
             "START RequestId: " + uuid_text(request) + " Version: " + writer_.version, time_us,
             to);
}

void Output::end(const LogEvent& event, std::uint64_t peak_kib, std::int64_t time_us,
                 std::vector<Record>& to) {
    // Its beginning may have been lost with a full ring.
    begin({event.request_id_hi, event.request_id_lo}, time_us, to);
    close_invocation(time_us, to);
    if (!writer_.lambda_lines) return;
    const std::string id = uuid_text(request_);
    emit(Stream::platform, "END RequestId: " + id, time_us, to);
    std::string report = "REPORT RequestId: " + id + '\t';
    if (init_us_ != 0) report += "Init Duration: " + milliseconds(init_us_) + '\t';
    init_us_ = 0;
    report += "Duration: " + milliseconds(event.run_us) +
              "\tBilled Duration: " + std::to_string(rounded_up(event.run_us, 1000)) +
              " ms\tMemory Size: " + std::to_string(writer_.memory_mib) + " MB";
    if (peak_kib != 0)
        report += "\tMax Memory Used: " + std::to_string(rounded_up(peak_kib, 1024)) + " MB";
    if (event.end == LogEnd::timed_out) report += "\tStatus: timeout";
    if (event.end == LogEnd::cpu_limit)
        report += "\tStatus: error\tError Type: Sandbox.CpuTimeExceeded";
    if (event.end == LogEnd::died || event.end == LogEnd::malformed) report += "\tStatus: error";
    emit(Stream::platform, report, time_us, to);
}

void Output::flush(std::int64_t time_us, std::vector<Record>& to) {
    if (line_.empty()) return;
    std::string line;
    std::swap(line, line_);
    if (may_keep(line.size())) emit(Stream::out, std::move(line), time_us, to);
}

void Output::add(std::string_view part, std::int64_t time_us, std::vector<Record>& to) {
    while (!part.empty()) {
        const std::size_t room = kMaxLineBytes - line_.size();
        const std::size_t taken = std::min(room, part.size());
        line_ += part.substr(0, taken);
        part.remove_prefix(taken);
        if (line_.size() == kMaxLineBytes) flush(time_us, to);
    }
}

void Output::take(std::string_view bytes, std::int64_t time_us, std::vector<Record>& to) {
    while (!bytes.empty()) {
        // Nothing is kept any more: a flood costs no more than its reading.
        if (dropped_ != 0) {
            dropped_ += bytes.size();
            dropped_in_all_ += bytes.size();
            return;
        }
        const auto end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        add(part, time_us, to);
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        // An empty line is one too, unless what came before it was cut exactly here.
        if (line_.empty() && part.empty()) {
            if (may_keep(0)) emit(Stream::out, {}, time_us, to);
        } else {
            flush(time_us, to);
        }
    }
}

void Output::finish(std::int64_t time_us, std::vector<Record>& to) {
    close_invocation(time_us, to);
}

}  // namespace skerry::logs
