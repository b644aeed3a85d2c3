// Any text as admission rules, a rule a line: IN ACTION PATTERN, IN being path, query, body, header
// or a field's name; behind an empty line comes a body. Whatever is refused has a reason; by what
// is taken the body has the same verdict and the same matches wherever it is cut. Also as the file
// of rules: what is understood of it is written and read again as the same.
#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "control/rules/compile.hpp"
#include "control/rules/json.hpp"
#include "dataplane/rules/screen.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;

constexpr std::size_t kRules = 8;  // compiling takes longest; more find nothing else

std::vector<rules::Declared> parse(std::istringstream& lines) {
    std::vector<rules::Declared> all;
    for (std::string line; all.size() < kRules && std::getline(lines, line) && !line.empty();) {
        std::istringstream words(line);
        rules::Declared rule;
        std::string in, action;
        words >> in >> action >> std::ws;
        std::getline(words, rule.pattern);
        rule.name = std::to_string(all.size());
        if (!rules::parse(in, rule.in)) {
            rule.in = rules::Part::header;
            rule.field = in;
        }
        if (!rules::parse(action, rule.action)) rule.action = rules::Action::count;
        if (rule.action == rules::Action::rate) rule.per_second = 1;
        all.push_back(rule);
    }
    return all;
}

struct Seen {
    rules::Verdict verdict;
    std::string matched;
    bool operator==(const Seen& other) const {
        return verdict.kind == other.verdict.kind && verdict.rule == other.verdict.rule &&
               matched == other.matched;
    }
};

// A screen of its own each time: buckets of rates are the set's, so those go by the first verdict.
Seen look(const rules::RuleSet& all, std::string_view body, std::size_t piece) {
    rules::Screen screen(0, 1);
    screen.begin_turn(&all.set, 1);
    Seen seen;
    seen.matched.assign(all.declared.size(), '0');
    if (!screen.begin_body(0)) return seen;
    bool done = false;
    for (std::size_t at = 0; !done; at += piece) {
        const std::string_view next = body.substr(std::min(at, body.size()), piece);
        seen.verdict = screen.judge_body(0, next, at + piece >= body.size(), {}, done);
        for (std::uint32_t i = 0; i < all.declared.size(); ++i)
            if (next.data() != nullptr && screen.matched(i)) seen.matched[i] = '1';
    }
    SKERRY_CHECK(!all.set.in_use());
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 2000) return 0;
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto file = rules::parse_file(text)) {
        const auto again = rules::parse_file(rules::file_text(*file));
        SKERRY_CHECK(again && *again == *file);
    }
    std::istringstream lines(text);
    const auto declared = parse(lines);
    std::string body;
    std::getline(lines, body, '\0');
    routes::Cache none;
    const rules::Compiled compiled =
        rules::compile(declared, {.body_bytes = 64, .streams = 2}, nullptr, none);
    SKERRY_CHECK((compiled.set == nullptr) == !compiled.problems.empty());
    for (const rules::Problem& each : compiled.problems)
        SKERRY_CHECK(!each.text.empty() && !each.where.empty());
    if (compiled.set == nullptr) return 0;
    const rules::RuleSet& all = *compiled.set;
    rules::Screen screen(0, 1);
    screen.begin_turn(&all.set, 1);
    const rules::Field fields[] = {{"Host", "a"}, {"x-a", body}};
    (void)screen.judge_head({"/a/b", body, fields, {}});
    bool refuses = false;
    for (const rules::Declared& each : declared) refuses |= each.action != rules::Action::count;
    const Seen whole = look(all, body, body.size() + 1);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, size % 17 + 1}) {
        const Seen cut = look(all, body, piece);
        // One that is refused in the middle is not looked at any further; rates remember.
        if (!refuses) SKERRY_CHECK(cut == whole);
        if (whole.verdict.kind == rules::Verdict::Kind::denied)
            SKERRY_CHECK(cut.verdict.kind != rules::Verdict::Kind::pass);
    }
    return 0;
}
