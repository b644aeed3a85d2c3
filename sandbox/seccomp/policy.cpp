#include "sandbox/seccomp/policy.hpp"

#include <seccomp.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <utility>

#include "sandbox/seccomp/constants.hpp"

namespace skerry::seccomp {
namespace {

constexpr int kIncludesDeep = 4;
constexpr std::size_t kWordsMax = 64;
// Of all files together, comments included: files that include each other twice grow fast.
constexpr std::size_t kLinesReadMax = 8192;

// Calls have the same number on all architectures from here on; the end is far from any yet.
constexpr std::uint32_t kFirstCommonNumber = 424;
constexpr std::uint32_t kLastNumber = 999;

using Words = std::vector<std::string_view>;

Words split(std::string_view text, char separator) {
    Words words;
    while (true) {
        const std::size_t end = text.find(separator);
        words.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return words;
        text.remove_prefix(end + 1);
    }
}

Words words_of(std::string_view text) {
    Words words = split(text, ' ');
    std::erase_if(words, [](std::string_view word) { return word.empty(); });
    return words;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<std::uint32_t> number_of(std::string_view text) {
    const bool hex = text.starts_with("0x");
    if (hex) text.remove_prefix(2);
    std::uint32_t value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "NAME|NAME|0x40"
std::optional<std::uint32_t> value_of(std::string_view text) {
    std::uint32_t value = 0;
    for (const std::string_view part : split(text, '|')) {
        const auto named = constant(part);
        const auto found = named ? named : number_of(part);
        if (!found) return std::nullopt;
        value |= *found;
    }
    return value;
}

// "read"; "nr452" is for calls that are newer than libseccomp, and the same on all architectures.
int number_of_call(const std::string& call) {
    if (!call.starts_with("nr")) return ::seccomp_syscall_resolve_name(call.c_str());
    const auto number = number_of(std::string_view(call).substr(2));
    if (!number || *number < kFirstCommonNumber || *number > kLastNumber) return __NR_SCMP_ERROR;
    return static_cast<int>(*number);
}

bool covers(const Line& wide, const Line& narrow) {
    const bool same =
        wide.number == narrow.number && (wide.number >= 0 || wide.call == narrow.call);
    return same && (wide.conditions.empty() || wide.conditions == narrow.conditions);
}

class Parser {
  public:
    Parser(std::string_view name, const Files& files) : files_(files) { policy_.name = name; }
    Result<Policy> run() {
        if (auto status = read_file(policy_.name, Take::all, 0); !status) return status.error();
        if (policy_.lines.empty()) return Error{EINVAL, policy_.name + ": names no call"};
        return std::move(policy_);
    }

  private:
    enum class Take { all, allowed };

    Error wrong(const std::string& what) const { return Error{EINVAL, place_ + ": " + what}; }
    Status read_file(std::string_view name, Take take, int depth);
    Status read_line(std::string_view text, Take take, int depth);
    Status include(const Words& words, Take take, int depth);
    Result<Line> rule(const Words& words, std::string_view reason) const;
    Status conditions(const Words& words, std::size_t at, Line& line) const;
    Result<std::size_t> condition(const Words& words, std::size_t at, Line& line) const;
    Status add(Line line, Take take);

    const Files& files_;
    Policy policy_;
    std::string place_;
    std::size_t lines_read_ = 0;
    bool closed_ = false;  // an "include allowed" was the last line that may be there
};

Status Parser::read_file(std::string_view name, Take take, int depth) {
    const auto text = files_(name);
    if (!text)
        return Error{ENOENT, (place_.empty() ? "" : place_ + ": ") + "there is no policy '" +
                                 std::string(name) + "'"};
    if (text->size() > kPolicyBytesMax)
        return Error{EFBIG, std::string(name) + " has " + std::to_string(text->size()) +
                                " bytes, allowed are " + std::to_string(kPolicyBytesMax)};
    std::size_t number = 0;
    for (const std::string_view line : split(*text, '\n')) {
        place_ = std::string(name) + ":" + std::to_string(++number);
        if (++lines_read_ > kLinesReadMax)
            return wrong("there may be " + std::to_string(kLinesReadMax) +
                         " lines in all files together");
        if (auto status = read_line(line, take, depth); !status) return status;
    }
    return ok();
}

Status Parser::read_line(std::string_view text, Take take, int depth) {
    const auto is_text = [](char c) { return c >= ' ' && c <= '~'; };
    if (!std::all_of(text.begin(), text.end(), is_text))
        return wrong("there may be printable ASCII and spaces only");
    const std::size_t hash = text.find('#');
    const Words words = words_of(text.substr(0, hash));
    if (words.empty()) return ok();
    if (words.size() > kWordsMax) return wrong("the line has too many words");
    if (words[0] == "include") return include(words, take, depth);
    const std::string_view reason =
        hash == std::string_view::npos ? "" : trimmed(text.substr(hash + 1));
    auto line = rule(words, reason);
    if (!line) return line.error();
    return add(std::move(line).value(), take);
}

Status Parser::include(const Words& words, Take take, int depth) {
    const bool allowed = words.size() == 3 && words[1] == "allowed";
    if (words.size() != 2 && !allowed)
        return wrong("needed is 'include FILE' or 'include allowed FILE'");
    if (depth >= kIncludesDeep) return wrong("files include each other too deeply");
    if (closed_ && !allowed && depth == 0) return wrong("must stand before 'include allowed'");
    const std::string from = place_;
    // What is inside a file whose allowed lines are taken is taken in the same way.
    const Take inner = allowed ? Take::allowed : take;
    if (auto status = read_file(words.back(), inner, depth + 1); !status) return status;
    place_ = from;
    if (allowed && depth == 0) closed_ = true;
    return ok();
}

Result<Line> Parser::rule(const Words& words, std::string_view reason) const {
    Line line;
    line.place = place_;
    line.reason = reason;
    std::size_t at = 1;
    if (words[0] == "refuse") {
        line.verdict = Verdict::refuse;
        const auto error = words.size() > 1 ? errno_value(words[1]) : std::nullopt;
        if (!error) return wrong("needed is 'refuse ERRNO CALL' with the name of an errno");
        line.error = *error;
        at = 2;
    } else if (words[0] != "allow") {
        return wrong("found '" + std::string(words[0]) +
                     "', needed is 'allow', 'refuse' or 'include'");
    }
    if (words.size() <= at) return wrong("the name of a call is missing");
    if (reason.empty()) return wrong("a reason is missing: '# ...' at the end of the line");
    line.call = words[at];
    line.number = number_of_call(line.call);
    if (line.number == __NR_SCMP_ERROR) return wrong("there is no system call '" + line.call + "'");
    if (auto status = conditions(words, at + 1, line); !status) return status.error();
    return line;
}

Status Parser::conditions(const Words& words, std::size_t at, Line& line) const {
    while (at < words.size()) {
        auto next = condition(words, at, line);
        if (!next) return next.error();
        at = *next;
        if (at == words.size()) break;
        if (words[at] != "and" || at + 1 == words.size())
            return wrong("conditions are joined by 'and'");
        ++at;
    }
    const auto by_argument = [](const Condition& a, const Condition& b) {
        return a.argument < b.argument;
    };
    std::sort(line.conditions.begin(), line.conditions.end(), by_argument);
    const auto same_argument = [](const Condition& a, const Condition& b) {
        return a.argument == b.argument;
    };
    if (std::adjacent_find(line.conditions.begin(), line.conditions.end(), same_argument) !=
        line.conditions.end())
        return wrong("there may be one condition for each argument");
    return ok();
}

// "argN == VALUE" or "argN & MASK == VALUE"; where the words after it begin.
Result<std::size_t> Parser::condition(const Words& words, std::size_t at, Line& line) const {
    const auto word = [&words](std::size_t i) {
        return i < words.size() ? words[i] : std::string_view();
    };
    Condition found;
    const std::string_view name = word(at);
    if (name.size() != 4 || !name.starts_with("arg") || name[3] < '0' ||
        name[3] >= static_cast<char>('0' + kArguments))
        return wrong("found '" + std::string(name) + "', needed is arg0 to arg5");
    found.argument = static_cast<std::uint32_t>(name[3] - '0');
    ++at;
    if (word(at) == "&") {
        const auto mask = value_of(word(at + 1));
        if (!mask || *mask == 0)
            return wrong("'" + std::string(word(at + 1)) + "' is no mask that is known");
        found.mask = *mask;
        at += 2;
    }
    if (word(at) != "==") return wrong("a condition has the form 'argN [& MASK] == VALUE'");
    const auto value = value_of(word(at + 1));
    if (!value) return wrong("'" + std::string(word(at + 1)) + "' is no value that is known");
    if ((*value & ~found.mask) != 0) return wrong("the value has bits that are not in the mask");
    found.value = *value;
    line.conditions.push_back(found);
    return at + 2;
}

Status Parser::add(Line line, Take take) {
    if (take == Take::allowed && line.verdict != Verdict::allow) return ok();
    if (closed_ && take == Take::all) return wrong("must stand before 'include allowed'");
    for (const Line& other : policy_.lines) {
        if (!covers(other, line) && !covers(line, other)) continue;
        // Two policies may well allow the same; the wider line stays.
        if (take == Take::allowed && other.verdict == Verdict::allow) {
            if (covers(other, line)) return ok();
            continue;
        }
        return wrong("the line at " + other.place + " is about the same calls of " + line.call);
    }
    if (take == Take::allowed)
        std::erase_if(policy_.lines, [&line](const Line& other) { return covers(line, other); });
    if (policy_.lines.size() == kLinesMax)
        return wrong("a policy may have " + std::to_string(kLinesMax) + " lines");
    policy_.lines.push_back(std::move(line));
    return ok();
}

}  // namespace

Result<Policy> parse_policy(std::string_view name, const Files& files) {
    return Parser(name, files).run();
}

std::string call_name(int number) {
    const std::unique_ptr<char, void (*)(void*)> name(
        ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), std::free);
    return name ? name.get() : "nr" + std::to_string(number);
}

}  // namespace skerry::seccomp
