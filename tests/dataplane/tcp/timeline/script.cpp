#include "tests/dataplane/tcp/timeline/script.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

namespace skerry::timeline {
namespace {

// What is wrong with a line; caught by parse_script() alone.
struct Wrong {
    std::string what;
};

// Verbs and how many arguments they take.
const std::map<std::string, std::pair<std::size_t, std::size_t>> kVerbs = {
    {"set", {2, 2}},      {"peer", {1, 1}},     {"local", {1, 1}},      {"family", {1, 1}},
    {"isn", {1, 1}},      {"mtu", {1, 1}},      {"timestamps", {1, 1}}, {"listen", {1, 1}},
    {"unlisten", {1, 1}}, {"connect", {0, 1}},  {"establish", {0, 4}},  {"connected", {0, 4}},
    {"event", {1, 2}},    {"no-event", {1, 1}}, {"write", {1, 3}},      {"read", {1, 1}},
    {"shutdown", {0, 0}}, {"close", {0, 0}},    {"abort", {0, 0}},      {"state", {1, 1}},
    {"alive", {0, 0}},    {"gone", {0, 0}},     {"info", {2, 3}},       {"count", {2, 3}},
    {"stat", {2, 3}},     {"sends", {1, 3}},    {"drain", {0, 0}},      {"quiet", {0, 0}},
    {"hold", {0, 0}},     {"resume", {0, 0}},   {"icmp", {2, 3}},       {"no-buffers", {0, 0}},
    {"buffers", {0, 0}},
};

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream in(text);
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

std::uint32_t number(const std::string& word, const char* of) {
    const auto value = parse_number(word);
    if (!value) throw Wrong{std::string(of) + " is a number, not '" + word + "'"};
    return *value;
}

std::uint8_t parse_flags(const std::string& word) {
    static const std::map<char, std::uint8_t> kLetters = {{'F', kFin}, {'S', kSyn}, {'R', kRst},
                                                          {'P', kPsh}, {'.', kAck}, {'U', kUrg},
                                                          {'E', 64},   {'W', 128},  {'-', 0}};
    std::uint8_t flags = 0;
    for (const char letter : word) {
        const auto found = kLetters.find(letter);
        if (found == kLetters.end())
            throw Wrong{"flags are of FSRP.UEW or '-' for none, not '" + word + "'"};
        flags |= found->second;
    }
    return flags;
}

// "1:1001", or "1" for nothing.
void parse_range(const std::string& word, SegmentSpec& segment) {
    const std::size_t colon = word.find(':');
    segment.seq = number(word.substr(0, colon), "a sequence number");
    if (colon == std::string::npos) return;
    segment.bytes = number(word.substr(colon + 1), "the end of a range") - segment.seq;
    if (segment.bytes > 65000) throw Wrong{"'" + word + "' ends before it begins, or is too long"};
}

Number parse_stamp(const std::string& word) {
    if (word == "*") return {Number::Kind::any, 0};
    if (word == "last") return {Number::Kind::last, 0};
    return {Number::Kind::exact, number(word, "a timestamp")};
}

void parse_option(const std::vector<std::string>& words, OptionsSpec& options) {
    const std::string& kind = words[0];
    const auto one = [&]() -> const std::string& {
        if (words.size() != 2) throw Wrong{"option " + kind + " takes one value"};
        return words[1];
    };
    if (kind == "mss") {
        options.mss = static_cast<std::uint16_t>(number(one(), "mss"));
    } else if (kind == "ws") {
        options.scale = static_cast<std::uint8_t>(number(one(), "ws"));
    } else if (kind == "sack-ok") {
        options.sack_ok = true;
    } else if (kind == "ts") {
        const std::string& both = one();
        const std::size_t colon = both.find(':');
        if (colon == std::string::npos) throw Wrong{"a timestamp is VALUE:ECHO"};
        options.has_timestamp = true;
        options.ts_value = parse_stamp(both.substr(0, colon));
        options.ts_echo = parse_stamp(both.substr(colon + 1));
    } else if (kind == "sack") {
        for (std::size_t i = 1; i < words.size(); ++i) {
            const std::size_t colon = words[i].find(':');
            if (colon == std::string::npos) throw Wrong{"a SACK block is LEFT:RIGHT"};
            options.sacks.push_back({number(words[i].substr(0, colon), "left of a SACK block"),
                                     number(words[i].substr(colon + 1), "right of a SACK block")});
        }
        if (options.sacks.empty() || options.sacks.size() > 4)
            throw Wrong{"one to four SACK blocks fit"};
    } else if (kind == "raw") {
        for (std::size_t i = 1; i < words.size(); ++i)
            options.raw.push_back(static_cast<std::uint8_t>(std::stoul(words[i], nullptr, 16)));
    } else {
        throw Wrong{"unknown option '" + kind + "' (mss, ws, sack-ok, ts, sack, raw)"};
    }
}

// What stands between < and >, separated by commas.
OptionsSpec parse_options(const std::string& text) {
    OptionsSpec options;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');) {
        const auto words = words_of(part);
        if (!words.empty()) parse_option(words, options);
    }
    return options;
}

// Takes "<…>" out of `text`.
std::optional<OptionsSpec> take_options(std::string& text) {
    const std::size_t open = text.find('<');
    if (open == std::string::npos) return std::nullopt;
    const std::size_t shut = text.find('>', open);
    if (shut == std::string::npos) throw Wrong{"options begin with < and end with >"};
    const OptionsSpec options = parse_options(text.substr(open + 1, shut - open - 1));
    text.erase(open, shut - open + 1);
    return options;
}

SegmentSpec parse_segment(std::string text) {
    SegmentSpec segment;
    segment.options = take_options(text);
    const auto words = words_of(text);
    if (words.size() < 2) throw Wrong{"a segment has flags and a sequence number: . 1:1001 ack 1"};
    segment.flags = parse_flags(words[0]);
    parse_range(words[1], segment);
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::string& key = words[i];
        if (key == "bad-checksum") {
            segment.bad_checksum = true;
            continue;
        }
        if (i + 1 == words.size()) throw Wrong{"'" + key + "' wants a value"};
        const std::uint32_t value = number(words[++i], key.c_str());
        if (key == "ack") {
            segment.ack = value;
        } else if (key == "win") {
            segment.window = value;
        } else if (key == "urg") {
            segment.urgent = static_cast<std::uint16_t>(value);
        } else {
            throw Wrong{"unknown word '" + key + "' (ack, win, urg, bad-checksum)"};
        }
    }
    if (segment.ack.has_value() && (segment.flags & kAck) == 0)
        throw Wrong{"'ack' without the flag '.'"};
    return segment;
}

// "+10ms" or "+10ms..12ms", in front of anything.
void parse_when(const std::string& word, Line& line) {
    const std::size_t dots = word.find("..");
    const auto first = parse_time(word.substr(1, dots == std::string::npos ? dots : dots - 1));
    if (!first) throw Wrong{"'" + word + "' is no time (+10ms, +1.5s, +250us, +200ms..300ms)"};
    line.after_us = *first;
    if (dots == std::string::npos) return;
    line.latest_us = parse_time(word.substr(dots + 2));
    if (!line.latest_us || *line.latest_us < *first)
        throw Wrong{"'" + word + "' does not end after it begins"};
}

void parse_action(std::string text, Line& line) {
    line.kind = Line::Kind::action;
    const auto first = words_of(text);
    // Only handshakes have options; elsewhere <= and >= are comparisons.
    if (first[0] == "establish" || first[0] == "connected")
        line.segment.options = take_options(text);
    line.words = words_of(text);
    const auto verb = kVerbs.find(line.words[0]);
    if (verb == kVerbs.end()) throw Wrong{"unknown verb '" + line.words[0] + "'"};
    const std::size_t arguments = line.words.size() - 1;
    if (arguments < verb->second.first || arguments > verb->second.second)
        throw Wrong{"'" + line.words[0] + "' takes " + std::to_string(verb->second.first) + " to " +
                    std::to_string(verb->second.second) + " arguments"};
    if (line.latest_us) throw Wrong{"only what is sent may happen within a range"};
}

Line parse_line(int at, std::string text) {
    Line line;
    line.number = at;
    line.text = text;
    const auto words = words_of(text);
    std::string rest = text;
    if (words[0] == "&") {
        line.same_turn = true;
        rest = text.substr(text.find('&') + 1);
    } else if (words[0][0] == '+') {
        parse_when(words[0], line);
        rest = text.substr(text.find(words[0]) + words[0].size());
    }
    const std::size_t start = rest.find_first_not_of(" \t");
    if (start == std::string::npos) throw Wrong{"nothing happens"};
    rest = rest.substr(start);
    if (rest[0] != '<' && rest[0] != '>') {
        parse_action(rest, line);
        return line;
    }
    if (rest[0] == '>' && line.same_turn) throw Wrong{"nothing is sent before the turn is over"};
    line.kind = rest[0] == '<' ? Line::Kind::arrives : Line::Kind::sent;
    line.segment = parse_segment(rest.substr(1));
    if (line.kind == Line::Kind::arrives && line.latest_us)
        throw Wrong{"only what is sent may happen within a range"};
    if (line.kind == Line::Kind::sent && line.segment.bad_checksum)
        throw Wrong{"what is sent has a right checksum"};
    return line;
}

}  // namespace

std::optional<std::uint64_t> parse_time(const std::string& word) {
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || value < 0) return std::nullopt;
    const std::string unit(end, word.data() + word.size());
    const double scale = unit == "us" ? 1 : unit == "ms" ? 1e3 : unit == "s" ? 1e6 : 0;
    if (scale == 0 && !(value == 0 && unit.empty())) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(value * scale));
}

std::optional<std::uint32_t> parse_number(const std::string& word) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    if (value < -0x80000000ll || value > 0xffffffffll) return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

std::optional<Script> parse_script(const std::string& name, const std::string& text,
                                   std::string& error) {
    Script script{name, {}};
    std::istringstream in(text);
    int at = 0;
    for (std::string line; std::getline(in, line);) {
        ++at;
        line = line.substr(0, line.find('#'));
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        try {
            script.lines.push_back(parse_line(at, line));
        } catch (const Wrong& wrong) {
            error = name + ":" + std::to_string(at) + ": " + wrong.what;
            return std::nullopt;
        } catch (const std::exception&) {
            error = name + ":" + std::to_string(at) + ": a number is out of range";
            return std::nullopt;
        }
    }
    if (script.lines.empty()) {
        error = name + ": nothing happens in it";
        return std::nullopt;
    }
    return script;
}

}  // namespace skerry::timeline
