// A scripted timeline of one TCP stack: what a peer sends, what the application does, what must be
// sent and when. README.md beside this file says how one is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/dataplane/tcp/timeline/wire.hpp"

namespace skerry::timeline {

// A number of the script, or what it leaves open.
struct Number {
    enum class Kind : std::uint8_t { exact, any, last } kind = Kind::exact;
    std::uint32_t value = 0;
};

struct OptionsSpec {
    std::optional<std::uint16_t> mss;
    std::optional<std::uint8_t> scale;
    bool sack_ok = false;
    bool has_timestamp = false;
    Number ts_value, ts_echo;
    std::vector<Block> sacks;  // relative
    Bytes raw;
};

struct SegmentSpec {
    std::uint8_t flags = 0;
    std::uint32_t seq = 0;  // relative to its sender's initial number
    std::uint32_t bytes = 0;
    std::optional<std::uint32_t> ack = {};  // relative to its receiver's
    std::optional<std::uint32_t> window = {};
    std::optional<std::uint16_t> urgent = {};
    std::optional<OptionsSpec> options = {};
    bool bad_checksum = false;
};

struct Line {
    enum class Kind : std::uint8_t { arrives, sent, action } kind = Kind::action;
    int number = 0;
    std::string text;
    // When, after the line before.
    std::uint64_t after_us = 0;
    bool same_turn = false;  // of the core, as the line before: nothing is flushed in between
    std::optional<std::uint64_t> latest_us;  // of `sent`
    SegmentSpec segment;             // of arrives, sent; of `establish` and `connected`: options
    std::vector<std::string> words;  // of an action: verb and arguments
};

struct Script {
    std::string name;
    std::vector<Line> lines;
};

// The script, or "NAME:LINE: what is wrong with it" in `error`.
std::optional<Script> parse_script(const std::string& name, const std::string& text,
                                   std::string& error);

// "10ms", "1.5s", "250us".
std::optional<std::uint64_t> parse_time(const std::string& word);
// Decimal, may be negative: sequence numbers wrap.
std::optional<std::uint32_t> parse_number(const std::string& word);

}  // namespace skerry::timeline
