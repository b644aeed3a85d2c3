// Reading one TOML table key by key, collecting every problem. Internal to control/config.
#pragma once

#include <toml++/toml.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/net/address.hpp"

namespace skerry::config {

// At most kMaxProblems lines are kept: a broken file must not fill a terminal or a log.
inline constexpr std::size_t kMaxProblems = 64;

class Problems {
  public:
    explicit Problems(std::string file) : file_(std::move(file)) {}

    void add(std::uint32_t line, const std::string& key, const std::string& found,
             const std::string& allowed);
    bool empty() const { return lines_.empty(); }
    // In the order of the file's lines.
    std::string text() const;

  private:
    std::string file_;
    std::vector<std::pair<std::uint32_t, std::string>> lines_;
    std::size_t left_out_ = 0;
};

// Text from the file as it may be shown: in quotes, control characters replaced, at most 60 bytes.
std::string quoted(std::string_view text);
// What the file has there: `"text"`, `12`, `a table`, …
std::string describe(const toml::node& node);
std::uint32_t line_of(const toml::node& node);

template <typename T>
struct Word {
    std::string_view text;
    T value;
};

// Each read marks its key as known; finish() reports the keys that nobody asked for. A value that
// is wrong is reported and left as it was.
class Reader {
  public:
    // `prefix` names the table in messages: "dataplane." or "port[1]."; empty at the top.
    Reader(const toml::table& table, std::string prefix, Problems& problems)
        : table_(table), prefix_(std::move(prefix)), problems_(problems) {}

    using Check = std::function<bool(const std::string&)>;

    // true: the key is there and its value was taken.
    bool text(std::string_view key, std::string& out, const std::string& allowed,
              const Check& check);
    bool flag(std::string_view key, bool& out);
    bool number(std::string_view key, double& out, double least, double most);
    // A TOML date-time with its offset, as Unix time.
    bool instant(std::string_view key, std::uint64_t& unix_s);

    template <std::integral T>
    bool integer(std::string_view key, T& out, std::int64_t least, std::int64_t most) {
        std::int64_t value = 0;
        if (!integer_in(key, value, least, most)) return false;
        out = static_cast<T>(value);
        return true;
    }

    template <typename T, std::size_t N>
    bool word(std::string_view key, T& out, const Word<T> (&words)[N]) {
        std::string allowed, found;
        for (const auto& w : words) allowed += (allowed.empty() ? "" : " or ") + quoted(w.text);
        const auto known = [&](const std::string& s) {
            for (const auto& w : words)
                if (w.text == s) return true;
            return false;
        };
        if (!text(key, found, allowed, known)) return false;
        for (const auto& w : words)
            if (w.text == found) out = w.value;
        return true;
    }

    // Calls `take(node)` for each element; `take` reports what is wrong with one.
    bool list(std::string_view key, std::size_t most, const std::string& allowed,
              const std::function<void(const toml::node&)>& take);
    // A table, or nullptr. A missing table is not a problem.
    const toml::table* table(std::string_view key);

    // Reports that a key without a default is not there.
    void require(std::string_view key, const std::string& allowed);
    bool has(std::string_view key) const { return table_.contains(key); }
    // The line of the key's value, or of the table when the key is not there.
    std::uint32_t line(std::string_view key) const;
    void problem(std::string_view key, const std::string& found, const std::string& allowed);
    void finish();

  private:
    const toml::node* take(std::string_view key);
    bool integer_in(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most);

    const toml::table& table_;
    std::string prefix_;
    Problems& problems_;
    std::vector<std::string> known_;
};

}  // namespace skerry::config
