#include "tools/load/schedule.hpp"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <fstream>
#include <map>

#include "tools/client/codec.hpp"
#include "tools/load/options.hpp"

namespace skerry::load {
namespace {

// Takes the next word off the text; what separates it goes too.
std::string_view take_word(std::string_view& text) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    return word;
}

// Empty: the line was taken.
std::string take_line(std::string_view line, Schedule& schedule,
                      std::map<std::string, std::uint32_t, std::less<>>& known) {
    Planned planned;
    const std::string_view at = take_word(line), name = take_word(line);
    const auto [end, problem] = std::from_chars(at.data(), at.data() + at.size(), planned.at_us);
    if (problem != std::errc{} || end != at.data() + at.size() || planned.at_us > kLatestUs)
        return "found no time; allowed: 0 … 86400000000 us, then a space";
    if (!schedule.requests.empty() && planned.at_us < schedule.requests.back().at_us)
        return "found a time before that of the line above; allowed: in order";
    if (name.empty() || name.size() > 64)
        return "found no function; allowed: a name of 1 … 64 characters";
    if (line.size() > client::kMaxPayloadBytes)
        return "found a payload of " + std::to_string(line.size()) + " bytes; allowed: at most " +
               std::to_string(client::kMaxPayloadBytes);
    if (schedule.requests.size() == kMostPlanned)
        return "found one more; allowed: " + std::to_string(kMostPlanned) + " requests";
    auto found = known.find(name);
    if (found == known.end()) {
        if (known.size() == kMostFunctions)
            return "found one more; allowed: " + std::to_string(kMostFunctions) + " functions";
        found = known.emplace(name, static_cast<std::uint32_t>(known.size())).first;
        schedule.functions.emplace_back(name);
    }
    planned.function = found->second;
    planned.payload = line;
    schedule.requests.push_back(std::move(planned));
    return {};
}

}  // namespace

std::size_t Schedule::longest_payload() const {
    std::size_t longest = 0;
    for (const Planned& each : requests) longest = std::max(longest, each.payload.size());
    return longest;
}

std::size_t Schedule::most_within(std::uint64_t window_us) const {
    std::size_t most = 0, first = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        while (requests[i].at_us - requests[first].at_us > window_us) ++first;
        most = std::max(most, i - first + 1);
    }
    return most;
}

Result<Schedule> parse_schedule(std::string_view text, const std::string& file_name) {
    Schedule schedule;
    std::map<std::string, std::uint32_t, std::less<>> known;
    for (std::size_t number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line[0] == '#') continue;
        if (const std::string problem = take_line(line, schedule, known); !problem.empty())
            return Error{EINVAL, file_name + ":" + std::to_string(number) + ": " + problem};
    }
    if (schedule.requests.empty())
        return Error{EINVAL, file_name + ": found no request; allowed: one a line"};
    return schedule;
}

Result<Schedule> load_schedule(const std::string& path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    if (!in) return errno_error("open " + path);
    const auto bytes = in.tellg();
    if (bytes < 0 || static_cast<std::size_t>(bytes) > kMaxScheduleBytes)
        return Error{EINVAL, path + ": found " + std::to_string(bytes) +
                                 " bytes; allowed: a file of at most " +
                                 std::to_string(kMaxScheduleBytes)};
    std::string text(static_cast<std::size_t>(bytes), '\0');
    in.seekg(0);
    in.read(text.data(), bytes);
    return parse_schedule(text, path);
}

bool write_answers(std::FILE* file, const std::vector<std::string>& functions,
                   const std::vector<Answered>& answers) {
    std::fprintf(file, "at_us,function,place,status,cold,queue_us,run_us,latency_us\n");
    for (const Answered& each : answers)
        std::fprintf(file, "%" PRIu64 ",%s,%s,%s,%d,%" PRIu32 ",%" PRIu32 ",%" PRIu64 "\n",
                     each.at_us, functions[each.function].c_str(), each.place.c_str(),
                     client::status_name(each.status).c_str(), each.cold ? 1 : 0, each.queue_us,
                     each.run_us, each.latency_us);
    return std::ferror(file) == 0;
}

}  // namespace skerry::load
