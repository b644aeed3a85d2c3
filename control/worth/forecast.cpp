#include "control/worth/forecast.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace skerry::worth {
namespace {

using json = nlohmann::json;

constexpr double kHour_s = 3600;
constexpr std::int64_t kDay = 24;
constexpr int kFormat = 1;
// More than any server answers: what claims more is damage.
constexpr double kMostPerS = 1e9;
// The epoch was a Thursday; the week begins where it likes, but for ever there.
std::size_t of_week(std::int64_t hour) {
    constexpr auto kHours = static_cast<std::int64_t>(Forecast::kHours);
    return static_cast<std::size_t>((hour % kHours + kHours) % kHours);
}

std::int64_t hour_of(double unix_s) {
    return static_cast<std::int64_t>(std::floor(unix_s / kHour_s));
}

std::string hex(std::uint64_t key) {
    char digits[17];
    const auto end = std::to_chars(digits, digits + 16, key, 16).ptr;
    return {digits, end};
}

bool read_key(const std::string& text, std::uint64_t& key) {
    const char* end = text.data() + text.size();
    const auto done = std::from_chars(text.data(), end, key, 16);
    return done.ec == std::errc{} && done.ptr == end && !text.empty() && hex(key) == text;
}

bool read_number(const json& object, const char* name, double most, double& to) {
    const auto at = object.find(name);
    if (at == object.end() || !at->is_number()) return false;
    to = at->get<double>();
    return to >= 0 && to <= most;  // nor NaN
}

Error damaged(const std::string& what) {
    return Error{EBADMSG, "the forecasts are damaged: " + what};
}

}  // namespace

void Forecast::close_hour(Row& row) {
    if (row.hour != 0 && row.seen_s >= kSeenLeast_s) {
        const std::size_t at = of_week(row.hour);
        row.weeks[at] =
            std::min<std::uint8_t>(static_cast<std::uint8_t>(row.weeks[at] + 1), kWeeks);
        const auto seen = static_cast<float>(row.requests / row.seen_s);
        row.rate[at] += (seen - row.rate[at]) / static_cast<float>(row.weeks[at]);
    }
    row.hour = 0;
    row.requests = row.seen_s = 0;
}

void Forecast::note(std::uint64_t key, double requests, double passed_s, double unix_s) {
    auto at = rows_.find(key);
    if (at == rows_.end()) {
        // What nobody asks for needs no row.
        if (requests <= 0 || rows_.size() >= kMaxRows) return;
        at = rows_.emplace(key, Row{}).first;
    }
    Row& row = at->second;
    const std::int64_t hour = hour_of(unix_s);
    if (row.hour != hour) {
        close_hour(row);
        row.hour = hour;
    }
    row.requests += requests;
    row.seen_s = std::min(row.seen_s + passed_s, kHour_s);
}

double Forecast::expected(const Row& row, std::int64_t hour) {
    const std::size_t at = of_week(hour);
    if (row.weeks[at] >= 2) return row.rate[at];
    double sum = 0;
    int days = 0;
    for (std::int64_t day = 0; day < 7; ++day) {
        const std::size_t same = of_week(hour + day * kDay);
        if (row.weeks[same] == 0) continue;
        sum += row.rate[same];
        ++days;
    }
    return days < 2 ? 0 : sum / days;  // once is no habit
}

double Forecast::rate_per_s(std::uint64_t key, double unix_s) const {
    const auto at = rows_.find(key);
    return at == rows_.end() ? 0 : expected(at->second, hour_of(unix_s));
}

double Forecast::due_per_s(std::uint64_t key, double unix_s) const {
    const std::int64_t hour = hour_of(unix_s);
    const double into_s = unix_s - static_cast<double>(hour) * kHour_s;
    const auto at = rows_.find(key);
    if (at == rows_.end()) return 0;
    if (into_s < kTrial_s) return expected(at->second, hour);
    return into_s >= kHour_s - kAhead_s ? expected(at->second, hour + 1) : 0;
}

void Forecast::retain(const std::set<std::uint64_t>& keys) {
    std::erase_if(rows_, [&](const auto& pair) { return keys.count(pair.first) == 0; });
}

std::string Forecast::encode() const {
    json functions = json::object();
    for (const auto& [key, row] : rows_) {
        json rates = json::array();
        for (const float rate : row.rate)  // three digits behind the point are enough
            rates.push_back(std::round(static_cast<double>(rate) * 1000) / 1000);
        functions[hex(key)] = {{"rates", std::move(rates)},
                               {"weeks", row.weeks},
                               {"hour", row.hour},
                               {"requests", row.requests},
                               {"seen_s", row.seen_s}};
    }
    return json{{"version", kFormat}, {"functions", std::move(functions)}}.dump();
}

Result<Forecast> Forecast::decode(std::string_view text) {
    if (text.size() > kMaxBytes) return damaged("too large");
    const json all = json::parse(text, nullptr, false);
    if (!all.is_object() || !all.contains("functions") || !all["functions"].is_object() ||
        all.value("version", json()) != kFormat)
        return damaged("not what this version writes");
    if (all["functions"].size() > kMaxRows) return damaged("too many functions");
    Forecast forecast;
    for (const auto& [name, told] : all["functions"].items()) {
        std::uint64_t key = 0;
        Row row;
        double hour = 0;
        const bool sound = read_key(name, key) && told.is_object() &&
                           read_number(told, "hour", 1e8, hour) &&
                           read_number(told, "requests", kMostPerS * kHour_s, row.requests) &&
                           read_number(told, "seen_s", kHour_s, row.seen_s);
        if (!sound) return damaged(name);
        row.hour = static_cast<std::int64_t>(hour);
        const json rates = told.value("rates", json()), weeks = told.value("weeks", json());
        if (!rates.is_array() || !weeks.is_array() || rates.size() != kHours ||
            weeks.size() != kHours)
            return damaged(name);
        for (std::size_t i = 0; i < kHours; ++i) {
            const bool numbers = rates[i].is_number() && weeks[i].is_number_unsigned();
            if (!numbers) return damaged(name);
            const double rate = rates[i].get<double>();
            const auto seen = weeks[i].get<std::uint64_t>();
            if (!(rate >= 0 && rate <= kMostPerS) || seen > kWeeks) return damaged(name);
            row.rate[i] = static_cast<float>(rate);
            row.weeks[i] = static_cast<std::uint8_t>(seen);
        }
        forecast.rows_.emplace(key, row);
    }
    return forecast;
}

}  // namespace skerry::worth
