// Requests in, verdicts out, by the rules of the turn's snapshot. Entry point of rules/.
//
// One screen a core. Where there are no rules, active() is all that is asked. Nothing allocates but
// the constructor. A body is judged by the rules that were there when its request's head came, to
// its end, whatever is published meanwhile (Streams::in_use()).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/classify/limits.hpp"
#include "dataplane/net/address.hpp"
#include "dataplane/rules/set.hpp"

namespace skerry::rules {

inline constexpr std::uint32_t kNone = ~0u;

struct Field {
    std::string_view name, value;
};

// What is known of a request when its head has come.
struct Head {
    std::string_view path;   // normal; empty: it has none
    std::string_view query;  // as it came
    std::span<const Field> fields;
    net::IpAddress source;
};

struct Verdict {
    enum class Kind : std::uint8_t { pass, denied, over_rate };
    Kind kind = Kind::pass;
    std::uint16_t status = 0;    // HTTP's, of a refusal
    std::uint32_t rule = kNone;  // that refused
};

class Screen {
  public:
    Screen(std::uint32_t core, std::uint32_t connections);

    // `set`: none: there are no rules. It lives as long as in_use() says.
    void begin_turn(const Set* set, std::uint64_t now_us) {
        set_ = set;
        now_us_ = now_us;
    }
    bool active() const { return set_ != nullptr; }
    bool needs_path() const { return set_->path.database != nullptr; }

    Verdict judge_head(const Head& head);

    // A request with that body has passed. True: judge_body() is to be called with all of its
    // content, until it says that it is done, or stop().
    bool begin_body(std::uint32_t connection);
    // Whose body must be given up before judge_body() may be called; kNone: nobody's.
    std::uint32_t in_the_way(std::uint32_t connection) const;
    // `last`: that was all of it. `done`: no more of it matters; always with a refusal.
    Verdict judge_body(std::uint32_t connection, std::string_view piece, bool last,
                       const net::IpAddress& source, bool& done);
    void stop(std::uint32_t connection);

    // Those that matched in what was judged last, by their places: for `skerryctl rule test`.
    bool matched(std::uint32_t rule) const { return (seen_[rule / 64] >> rule % 64 & 1) != 0; }

  private:
    using Bits = std::array<std::uint64_t, kRulesMax / 64>;
    struct Flow {
        const Set* set = nullptr;
        std::uint32_t stream = kNone;
        std::uint32_t bytes = 0;  // looked at
    };

    void scan(const Set& set, const Patterns& patterns, std::string_view text);
    void scan_fields(std::span<const Field> fields);
    void scan_stream(Flow& flow, std::string_view piece, bool end);
    Verdict verdict(const Set& set, const net::IpAddress& source, std::span<const Field> fields);
    bool take_token(const Set& set, const Rule& rule, const net::IpAddress& source,
                    std::span<const Field> fields);
    void finish(Flow& flow);

    const std::uint32_t core_;
    const Set* set_ = nullptr;
    std::uint64_t now_us_ = 0;
    std::unique_ptr<Flow[]> flows_;  // [connection]
    bool fresh_any_ = false;
    Bits fresh_{};  // matched, and not judged yet
    Bits seen_{};   // judged: a rule counts a request once
    std::array<char, kQueryBytesMax> query_;
};

}  // namespace skerry::rules
