// Any text as a set of routes, a route a line, its parts split by blanks: METHODS HOST PATH, then
// conditions (? before those of queries). Whatever is refused has a reason; what is taken finds for
// some requests what the reference finds. Also as the file of routes: what is understood of it is
// written and read again as the same.
#include <cstdint>
#include <random>
#include <sstream>
#include <string>
#include <string_view>

#include "control/routes/explain.hpp"
#include "control/routes/json.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/classify/classified.hpp"
#include "tests/dataplane/classify/generate.hpp"

namespace {

using namespace skerry;

constexpr std::size_t kRoutes = 16;  // compiling takes longest; more find nothing else

std::vector<routes::Route> parse(std::string_view text) {
    std::vector<routes::Route> all;
    std::istringstream lines{std::string(text)};
    for (std::string line; all.size() < kRoutes && std::getline(lines, line);) {
        std::istringstream words(line);
        routes::Route route;
        std::string methods, condition;
        words >> methods >> route.host >> route.path;
        std::istringstream names(methods);
        for (std::string name; std::getline(names, name, ',');)
            if (name != "*") route.methods.push_back(name);
        while (words >> condition)
            if (condition[0] == '?')
                route.query.push_back(condition.substr(1));
            else
                route.headers.push_back(condition);
        route.function = "f";
        all.push_back(route);
    }
    return all;
}

// Hyperscan and PCRE2 agree on expressions of printable ASCII; beyond that they read bytes and
// characters differently, and the reference says nothing. So it does of pathological ones.
bool comparable(const std::vector<routes::Route>& all) {
    for (const routes::Route& each : all)
        for (const std::string* text : {&each.host, &each.path}) {
            if (text->empty() || (*text)[0] != '~') continue;
            if (text->size() > 60 || text->find_first_of("\\{^$") != std::string::npos)
                return false;
            // Lookarounds, atomic groups, verbs: refused by one, or read differently.
            if (text->find("(?") != std::string::npos || text->find("(*") != std::string::npos)
                return false;
            for (const char c : *text)
                if (c < 0x20 || c > 0x7e) return false;
        }
    for (const routes::Route& each : all)
        for (const auto* texts : {&each.headers, &each.query})
            for (const std::string& text : *texts)
                if (text.find('\\') != std::string::npos) return false;
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 2000) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto file = routes::parse_file(text)) {
        const auto again = routes::parse_file(routes::file_text(*file));
        SKERRY_CHECK(again && *again == *file);
    }
    const auto all = parse(text);
    routes::Cache none;
    const routes::Compiled compiled = routes::compile(all, 1, none);
    SKERRY_CHECK((compiled.set == nullptr) == !compiled.problems.empty());
    for (const routes::Problem& each : compiled.problems) {
        SKERRY_CHECK(!each.text.empty() && !each.where.empty());
        SKERRY_CHECK(each.route < all.size() || each.route == routes::kNoRoute);
    }
    if (compiled.set == nullptr) return 0;
    std::mt19937 random(static_cast<std::uint32_t>(size));
    reference::Generator generate([&](std::uint32_t below) { return random() % below; });
    const bool compare = comparable(all);
    for (int i = 0; i < 8; ++i) {
        reference::Request request = generate.request();
        // Some of them meet a route.
        if (!all.empty() && i % 2 == 0) {
            const routes::Route& route = all[random() % all.size()];
            if (!route.path.empty() && route.path[0] == '/') request.path = route.path;
            if (!route.host.empty()) request.host = route.host;
        }
        const reference::FieldsOf fields(request);
        const auto why = routes::explain(*compiled.set, reference::request_of(request, fields));
        const bool known = why.outcome.rank != classify::kNone;
        if (!compare) continue;
        const auto expected = reference::choose(all, request);
        SKERRY_CHECK(known == expected.has_value());
        SKERRY_CHECK(!known || compiled.set->table.rows[why.outcome.rank].route == *expected);
    }
    return 0;
}
