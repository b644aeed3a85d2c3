#include "control/config/reader.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sstream>

namespace skerry::config {

void Problems::add(std::uint32_t line, const std::string& key, const std::string& found,
                   const std::string& allowed) {
    if (lines_.size() == kMaxProblems) {
        ++left_out_;
        return;
    }
    lines_.emplace_back(line, file_ + ":" + std::to_string(line) + ": " + key + ": found " + found +
                                  "; allowed: " + allowed);
}

std::string Problems::text() const {
    auto sorted = lines_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string all;
    for (const auto& [line, text] : sorted) all += (all.empty() ? "" : "\n") + text;
    if (left_out_ != 0) all += "\n" + file_ + ": and " + std::to_string(left_out_) + " more";
    return all;
}

std::string quoted(std::string_view text) {
    constexpr std::size_t kMost = 60;
    std::string shown = "\"";
    for (const char c : text.substr(0, kMost))
        shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return shown + (text.size() > kMost ? "…\"" : "\"");
}

std::string describe(const toml::node& node) {
    if (const auto* s = node.as_string()) return quoted(s->get());
    if (const auto* i = node.as_integer()) return std::to_string(i->get());
    if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
    if (const auto* f = node.as_floating_point()) {
        std::ostringstream out;
        out << f->get();
        return "the number " + out.str();
    }
    if (node.is_table()) return "a table";
    if (node.is_array()) return "a list";
    return "a date or time";
}

std::uint32_t line_of(const toml::node& node) {
    return node.source().begin.line == 0 ? 1 : node.source().begin.line;
}

const toml::node* Reader::take(std::string_view key) {
    known_.emplace_back(key);
    return table_.get(key);
}

std::uint32_t Reader::line(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return line_of(node != nullptr ? *node : table_);
}

void Reader::problem(std::string_view key, const std::string& found, const std::string& allowed) {
    problems_.add(line(key), prefix_ + std::string(key), found, allowed);
}

void Reader::require(std::string_view key, const std::string& allowed) {
    if (!has(key)) problem(key, "nothing", allowed);
}

bool Reader::text(std::string_view key, std::string& out, const std::string& allowed,
                  const Check& check) {
    const toml::node* node = take(key);
    if (node == nullptr) return false;
    const auto* value = node->as_string();
    // A NUL would end the text early wherever the kernel reads it.
    if (value == nullptr || value->get().find('\0') != std::string::npos || !check(value->get())) {
        problem(key, describe(*node), allowed);
        return false;
    }
    out = value->get();
    return true;
}

bool Reader::flag(std::string_view key, bool& out) {
    const toml::node* node = take(key);
    if (node == nullptr) return false;
    const auto* value = node->as_boolean();
    if (value == nullptr) {
        problem(key, describe(*node), "true or false");
        return false;
    }
    out = value->get();
    return true;
}

bool Reader::instant(std::string_view key, std::uint64_t& unix_s) {
    const toml::node* node = take(key);
    if (node == nullptr) return false;
    const auto* value = node->as_date_time();
    if (value == nullptr || !value->get().offset || value->get().date.year < 1970) {
        problem(key, describe(*node), "a date and time with its offset, like 2027-01-31T00:00:00Z");
        return false;
    }
    const toml::date_time& at = value->get();
    const std::chrono::year_month_day day{std::chrono::year{at.date.year},
                                          std::chrono::month{at.date.month},
                                          std::chrono::day{at.date.day}};
    const auto days = std::chrono::sys_days(day).time_since_epoch().count();
    const std::int64_t s = ((days * 24ll + at.time.hour) * 60 + at.time.minute) * 60 +
                           at.time.second - at.offset->minutes * 60ll;
    unix_s = static_cast<std::uint64_t>(std::max<std::int64_t>(s, 1));
    return true;
}

bool Reader::number(std::string_view key, double& out, double least, double most) {
    const toml::node* node = take(key);
    if (node == nullptr) return false;
    double value = std::nan("");
    if (const auto* f = node->as_floating_point()) value = f->get();
    if (const auto* i = node->as_integer()) value = static_cast<double>(i->get());
    if (!(value >= least && value <= most)) {  // written so that NaN fails too
        std::ostringstream allowed;
        allowed << "a number from " << least << " to " << most;
        problem(key, describe(*node), allowed.str());
        return false;
    }
    out = value;
    return true;
}

bool Reader::integer_in(std::string_view key, std::int64_t& out, std::int64_t least,
                        std::int64_t most) {
    const toml::node* node = take(key);
    if (node == nullptr) return false;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < least || value->get() > most) {
        problem(key, describe(*node),
                "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
        return false;
    }
    out = value->get();
    return true;
}

bool Reader::list(std::string_view key, std::size_t most, const std::string& allowed,
                  const std::function<void(const toml::node&)>& take_one) {
    const toml::node* node = take(key);
    if (node == nullptr) return false;
    const auto* array = node->as_array();
    if (array == nullptr) {
        problem(key, describe(*node), allowed);
        return false;
    }
    if (array->size() > most) {
        problem(key, std::to_string(array->size()) + " of them", "at most " + std::to_string(most));
        return false;
    }
    for (const toml::node& element : *array) take_one(element);
    return true;
}

const toml::table* Reader::table(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return nullptr;
    const auto* found = node->as_table();
    if (found == nullptr) problem(key, describe(*node), "a table: [" + std::string(key) + "]");
    return found;
}

void Reader::finish() {
    for (const auto& [key, node] : table_) {
        const std::string_view name = key.str();
        if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
        std::string allowed;
        for (const auto& k : known_) allowed += (allowed.empty() ? "" : ", ") + k;
        std::string shown = quoted(name);
        // A plain name reads better without quotes.
        if (name.find_first_not_of(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                std::string_view::npos &&
            name.size() <= 60)
            shown = std::string(name);
        const std::uint32_t line =
            key.source().begin.line != 0 ? key.source().begin.line : line_of(node);
        problems_.add(line, prefix_ + shown, "an unknown key", allowed);
    }
}

}  // namespace skerry::config
