// Any bytes as a line of a log file, and as a worker's output that becomes one: what is read is
// written and read again without a change, and nothing that is written has a byte that a terminal
// acts on.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/logs/output.hpp"
#include "control/logs/record.hpp"
#include "control/logs/store.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;

void check_line(const logs::Record& record) {
    const std::string line = logs::render(record);
    SKERRY_CHECK(std::all_of(line.begin(), line.end() - 1, [](char c) {
        return (static_cast<unsigned char>(c) >= ' ' || c == '\t') && c != 0x7f;
    }));
    SKERRY_CHECK(line.back() == '\n');
    const auto again = logs::parse(std::string_view(line).substr(0, line.size() - 1));
    SKERRY_CHECK(again && again->text == record.text && again->request == record.request &&
                 again->worker == record.worker && again->time_us == record.time_us);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto record = logs::parse(bytes)) check_line(*record);
    (void)logs::parse_request_id(bytes);
    if (const auto cursor = logs::parse_cursor(bytes))
        SKERRY_CHECK(logs::parse_cursor(logs::cursor_text(*cursor)) == cursor);
    if (const auto time = logs::parse_time(bytes))
        SKERRY_CHECK(logs::parse_time(logs::time_text(*time)) == time);
    // The same bytes in pieces of a length that they choose themselves, between invocations.
    logs::Output output({.version = "0123456789ab", .worker = 1, .log_kib = 1});
    std::vector<logs::Record> records;
    std::uint64_t invocation = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t piece = std::min<std::size_t>(1 + data[at] % 64, bytes.size() - at);
        if (data[at] % 5 == 0) output.begin({1, ++invocation}, 1, records);
        output.take(bytes.substr(at, piece), 1, records);
        at += piece;
    }
    output.finish(2, records);
    std::uint64_t kept = 0, dropped = 0;
    for (const logs::Record& record : records) {
        check_line(record);
        if (record.stream == logs::Stream::out) kept += record.text.size();
        dropped += record.stream == logs::Stream::platform ? 1 : 0;
    }
    SKERRY_CHECK(kept <= (invocation + 1) * 1024 && kept <= bytes.size());
    SKERRY_CHECK((output.dropped_bytes() == 0) == (dropped == 0));
    return 0;
}
