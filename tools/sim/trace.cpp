#include "tools/sim/trace.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <unordered_map>

#include "tools/sim/scenario.hpp"

namespace skerry::sim {
namespace {

// Lines and fields of a CSV without quotes, which is what these traces are.
class Lines {
  public:
    explicit Lines(std::string_view text) : left_(text) {}
    bool next(std::string_view& line) {
        if (left_.empty()) return false;
        const std::size_t end = std::min(left_.find('\n'), left_.size());
        line = left_.substr(0, end);
        left_.remove_prefix(std::min(end + 1, left_.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        ++number_;
        return true;
    }
    std::size_t number() const { return number_; }

  private:
    std::string_view left_;
    std::size_t number_ = 0;
};

void split(std::string_view line, std::vector<std::string_view>& out) {
    out.clear();
    for (;;) {
        const std::size_t end = line.find(',');
        out.push_back(line.substr(0, end));
        if (end == std::string_view::npos) return;
        line.remove_prefix(end + 1);
    }
}

Error wrong(const std::string& file, std::size_t line, const std::string& found,
            const std::string& allowed) {
    return Error{0,
                 file + ":" + std::to_string(line) + ": found " + found + "; allowed: " + allowed};
}

template <typename T>
bool number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

std::string key_of(const std::vector<std::string_view>& fields) {
    return std::string(fields[0]) + "/" + std::string(fields[1]) + "/" + std::string(fields[2]);
}

void sort_by_total(MinuteTrace& trace) {
    std::vector<std::uint32_t> order(trace.functions.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        return trace.functions[a].total > trace.functions[b].total;
    });
    MinuteTrace sorted;
    sorted.minutes = trace.minutes;
    for (const std::uint32_t f : order) {
        sorted.functions.push_back(std::move(trace.functions[f]));
        const auto row = trace.counts.begin() + static_cast<std::ptrdiff_t>(f) * trace.minutes;
        sorted.counts.insert(sorted.counts.end(), row, row + trace.minutes);
    }
    trace = std::move(sorted);
}

}  // namespace

Result<MinuteTrace> read_azure_invocations(std::string_view csv, const std::string& file) {
    Lines lines(csv);
    std::string_view line;
    std::vector<std::string_view> fields;
    const std::string header = "HashOwner,HashApp,HashFunction,Trigger,1,…,1440";
    if (!lines.next(line)) return wrong(file, 1, "nothing", header);
    split(line, fields);
    if (fields.size() < 5 || fields[2] != "HashFunction" || fields[3] != "Trigger" ||
        fields.size() > 4 + MinuteTrace::kMaxMinutes)
        return wrong(file, 1, std::to_string(fields.size()) + " columns", header);
    MinuteTrace trace;
    trace.minutes = static_cast<std::uint32_t>(fields.size() - 4);
    while (lines.next(line)) {
        if (line.empty()) continue;
        split(line, fields);
        if (fields.size() != 4 + trace.minutes)
            return wrong(file, lines.number(), std::to_string(fields.size()) + " columns",
                         std::to_string(4 + trace.minutes));
        if (trace.functions.size() == kMaxSimFunctions)
            return wrong(file, lines.number(), "one more function",
                         "at most " + std::to_string(kMaxSimFunctions));
        MinuteTrace::Function function{.key = key_of(fields)};
        for (std::uint32_t m = 0; m < trace.minutes; ++m) {
            std::uint32_t count = 0;
            if (!number(fields[4 + m], count) || count > 100'000'000)
                return wrong(file, lines.number(),
                             "a count that is none in minute " + std::to_string(m + 1),
                             "a whole number up to 100000000");
            trace.counts.push_back(count);
            function.total += count;
        }
        trace.functions.push_back(std::move(function));
    }
    sort_by_total(trace);
    return trace;
}

Result<std::uint32_t> read_azure_durations(std::string_view csv, const std::string& file,
                                           MinuteTrace& trace) {
    std::unordered_map<std::string, std::uint32_t> index;
    for (std::uint32_t f = 0; f < trace.functions.size(); ++f) index[trace.functions[f].key] = f;
    Lines lines(csv);
    std::string_view line;
    std::vector<std::string_view> fields;
    const std::string header = "HashOwner,HashApp,HashFunction,Average,Count,…";
    if (!lines.next(line)) return wrong(file, 1, "nothing", header);
    split(line, fields);
    if (fields.size() < 5 || fields[3] != "Average") return wrong(file, 1, "other columns", header);
    std::uint32_t known = 0;
    while (lines.next(line)) {
        if (line.empty()) continue;
        split(line, fields);
        double average = 0;
        if (fields.size() < 5 || !number(fields[3], average) || !(average >= 0) || average > 1e9)
            return wrong(file, lines.number(), "no average", "milliseconds in the fourth column");
        const auto found = index.find(key_of(fields));
        if (found == index.end()) continue;
        trace.functions[found->second].run_ms = static_cast<float>(average);
        ++known;
    }
    return known;
}

Result<std::vector<float>> read_cold_starts(std::string_view csv, const std::string& file) {
    Lines lines(csv);
    std::string_view line;
    std::vector<std::string_view> fields;
    if (!lines.next(line)) return wrong(file, 1, "nothing", "a header with a column totalcost");
    split(line, fields);
    const auto column = std::find(fields.begin(), fields.end(), "totalcost") - fields.begin();
    if (column == static_cast<std::ptrdiff_t>(fields.size()))
        return wrong(file, 1, "no such column", "a header with a column totalcost");
    std::vector<float> costs;
    while (lines.next(line)) {
        if (line.empty()) continue;
        split(line, fields);
        double cost = 0;
        if (static_cast<std::ptrdiff_t>(fields.size()) <= column ||
            !number(fields[static_cast<std::size_t>(column)], cost) || !(cost >= 0) || cost > 1e9)
            return wrong(file, lines.number(), "no cost", "milliseconds in column totalcost");
        costs.push_back(static_cast<float>(cost));
    }
    return costs;
}

}  // namespace skerry::sim
