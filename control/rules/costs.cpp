// What rules cost, measured before they are taken: each pattern alone, and all of them together.
#include <algorithm>
#include <chrono>
#include <set>

#include "control/routes/judge.hpp"
#include "control/routes/trial.hpp"
#include "control/rules/compile.hpp"
#include "dataplane/rules/screen.hpp"

namespace skerry::rules {
namespace {

routes::Form form_of(Part part) {
    return part == Part::body ? routes::Form::stream : routes::Form::anywhere;
}

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

std::string body_of(std::uint32_t kind, std::uint32_t bytes) {
    static constexpr std::string_view kTexts[] = {
        R"({"id":4711,"name":"a name","tags":["red","green"],"price":12.5},)",
        "user=somebody&password=a+word&comment=%3Cb%3Ebold%3C%2Fb%3E&",
        "select from where union script alert document cookie eval exec "};
    std::string text;
    while (text.size() < bytes) text += kTexts[kind];
    text.resize(bytes);
    return text;
}

// Whether they compile in time; one for each.
std::vector<routes::Trial> try_all(const std::vector<const Declared*>& rules) {
    std::vector<routes::Trial> trials(rules.size(), routes::Trial::done);
    for (const routes::Form form : {routes::Form::anywhere, routes::Form::stream}) {
        std::vector<std::string_view> texts;
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < rules.size(); ++i) {
            if (form_of(rules[i]->in) != form) continue;
            texts.push_back(rules[i]->pattern);
            places.push_back(i);
        }
        const auto tried = routes::try_expressions(routes::trial_program(), texts, form);
        for (std::size_t i = 0; i < places.size(); ++i) trials[places[i]] = tried[i];
    }
    return trials;
}

}  // namespace

std::vector<Problem> judge(const std::vector<Declared>& rules, const std::vector<Declared>& before,
                           std::vector<std::string>& said) {
    std::set<std::pair<routes::Form, std::string_view>> judged;
    for (const Declared& each : before) judged.insert({form_of(each.in), each.pattern});
    std::vector<const Declared*> found;
    for (const Declared& each : rules)
        if (judged.insert({form_of(each.in), each.pattern}).second) found.push_back(&each);
    const std::vector<routes::Trial> trials = try_all(found);
    std::vector<Problem> problems;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const Declared& each = *found[i];
        routes::Verdict verdict{routes::Judgement::refused, {}, routes::to_text(trials[i]), -1};
        if (trials[i] == routes::Trial::done)
            verdict = routes::judge(each.pattern, {}, form_of(each.in));
        if (verdict.judgement == routes::Judgement::fine) continue;
        Problem problem{each.name, "pattern", verdict.at, verdict.text};
        if (verdict.judgement == routes::Judgement::refused)
            problems.push_back(std::move(problem));
        else
            said.push_back(to_text(problem));
    }
    return problems;
}

std::uint64_t measure(const RuleSet& all) {
    Screen screen(all.control_core, 1);
    screen.begin_turn(&all.set, 1);
    const Field fields[] = {{"host", "shop.example"},
                            {"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
                            {"accept", "text/html,application/xhtml+xml,application/xml;q=0.9"},
                            {"accept-language", "en-GB,en;q=0.5"},
                            {"cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"},
                            {"content-type", "application/json"}};
    const Head head{"/items/4711/comments", "page=2&sort=price", fields, {}};
    std::uint64_t worst = 0;
    for (std::uint32_t kind = 0; kind < 3; ++kind) {
        const std::string body = body_of(kind, all.set.body_bytes);
        std::uint64_t least = ~std::uint64_t{0};
        // The least of several: others use this machine, too.
        for (int i = 0; i < 5; ++i) {
            const std::uint64_t begin = now_ns();
            bool done = screen.judge_head(head).kind != Verdict::Kind::pass;
            if (!done && screen.begin_body(0))
                for (std::size_t at = 0; !done; at += 1448)
                    (void)screen.judge_body(0, std::string_view(body).substr(at, 1448),
                                            at + 1448 >= body.size(), {}, done);
            least = std::min(least, now_ns() - begin);
        }
        worst = std::max(worst, least);
    }
    return worst;
}

}  // namespace skerry::rules
