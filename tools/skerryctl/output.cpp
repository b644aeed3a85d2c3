#include "tools/skerryctl/output.hpp"

#include <algorithm>
#include <cstdio>

namespace skerry::ctl {
namespace {

std::string dump(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Columns on a screen: bytes that continue a UTF-8 character take none.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

std::string padded(const std::string& text, std::size_t columns) {
    const std::size_t used = width(text);
    return used < columns ? text + std::string(columns - used, ' ') : text;
}

}  // namespace

int report(const Failure& failure, bool as_json) {
    if (as_json) {
        nlohmann::json error = {{"code", failure.code}, {"message", failure.message}};
        if (!failure.allowed.empty()) error["allowed"] = failure.allowed;
        const nlohmann::json document = {{"error", std::move(error)}, {"exit", failure.exit}};
        std::fprintf(stderr, "%s\n", dump(document).c_str());
        return failure.exit;
    }
    std::fprintf(stderr, "skerryctl: %s: %s\n", printable(failure.code).c_str(),
                 printable(failure.message).c_str());
    if (!failure.allowed.empty()) {
        std::string allowed;
        for (const auto& one : failure.allowed) allowed += (allowed.empty() ? "" : ", ") + one;
        std::fprintf(stderr, "allowed: %s\n", printable(allowed).c_str());
    }
    return failure.exit;
}

void print_json(const nlohmann::json& value) {
    std::printf("%s\n", dump(value).c_str());
}

std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
    return out;
}

std::string field(const nlohmann::json& object, const char* key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return "";
    if (found->is_string()) return found->get<std::string>();
    if (found->is_boolean()) return found->get<bool>() ? "yes" : "no";
    if (found->is_number_float()) {
        char text[32];
        std::snprintf(text, sizeof text, "%.1f", found->get<double>());
        return text;
    }
    if (found->is_array()) {
        std::string list;
        for (const auto& one : *found)
            list +=
                (list.empty() ? "" : ",") + (one.is_string() ? one.get<std::string>() : dump(one));
        return list;
    }
    return dump(*found);
}

const nlohmann::json& list_of(const nlohmann::json& object, const char* key) {
    static const nlohmann::json kNone = nlohmann::json::array();
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_array() ? *found : kNone;
}

void print_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
    std::size_t columns = 0;
    for (const auto& [key, value] : pairs) columns = std::max(columns, width(key));
    for (const auto& [key, value] : pairs)
        std::printf("%s  %s\n", padded(key, columns).c_str(), printable(value).c_str());
}

void print_table(const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> columns;
    for (const auto& title : header) columns.push_back(width(title));
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size() && i < columns.size(); ++i)
            columns[i] = std::max(columns[i], width(row[i]));
    const auto print = [&](const std::vector<std::string>& row) {
        std::string line;
        for (std::size_t i = 0; i < row.size() && i < columns.size(); ++i)
            line +=
                i + 1 < row.size() ? padded(printable(row[i]), columns[i] + 2) : printable(row[i]);
        std::printf("%s\n", line.c_str());
    };
    print(header);
    for (const auto& row : rows) print(row);
}

void print_row(const nlohmann::json& row) {
    const bool own = field(row, "own") != "no";
    const auto number = [&](const char* key) {
        return row.is_object() && row.contains(key) && row[key].is_number() ? row[key].get<double>()
                                                                            : 0.0;
    };
    std::printf("row: %s; %s\n", own ? "its own" : "none of its own",
                printable(field(row, "why")).c_str());
    if (!own)
        std::printf("  asked for about %.2f/s, as the sketch says, give or take %.2f/s\n",
                    number("per_s"), number("noise_per_s"));
}

void print_placement(const nlohmann::json& placement) {
    const auto number = [&](const char* key, double scale = 1) {
        const auto at = placement.is_object() ? placement.find(key) : placement.end();
        return placement.is_object() && at != placement.end() && at->is_number()
                   ? at->get<double>() / scale
                   : 0.0;
    };
    std::printf("placement: %s worker(s) kept; %s\n", field(placement, "workers").c_str(),
                printable(field(placement, "why")).c_str());
    if (field(placement, "saved_us").empty()) return;
    std::printf(
        "  rate: %.2f/s (%.2f/s over longer; expected now %.2f/s; this hour usually %.2f/s)\n",
        number("rate_per_s"), number("steady_per_s"), number("forecast_per_s"),
        number("hour_per_s"));
    std::printf(
        "  a request runs %.1f ms, and is answered %.1f ms sooner here; a start takes %.1f ms\n",
        number("run_us", 1e3), number("saved_us", 1e3), number("start_us", 1e3));
    std::printf("  worth: %.1f ms of waiting saved a second; one more worker: %.1f ms\n",
                number("value_us_per_s", 1e3), number("next_value_us_per_s", 1e3));
    if (number("memory_max_mib") != 0)
        std::printf("  memory of all workers: %.0f of %.0f MiB\n", number("memory_mib"),
                    number("memory_max_mib"));
    if (number("keep_ms") != 0)
        std::printf("  an idle worker lives %.1f s, as its requests come\n",
                    number("keep_ms", 1e3));
    if (number("due_after_ms") != 0)
        std::printf("  its next request is due %.1f s after the last\n",
                    number("due_after_ms", 1e3));
}

}  // namespace skerry::ctl
