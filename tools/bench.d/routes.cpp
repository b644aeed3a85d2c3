// skerry-bench-routes: what it costs to find a request's route. One line of JSON: nanoseconds a
// request for each case, measured in turns (a round has every case once), the median of the rounds;
// and how long compiling and loading take, in milliseconds.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <re2/set.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>

#include "control/routes/compile.hpp"
#include "dataplane/classify/classifier.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;
using classify::Request;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

struct Target {
    std::string host, path;
};

// A set of routes, and requests for them: each says which route it is to find.
struct Workload {
    std::shared_ptr<const routes::RouteSet> set;
    std::vector<Target> requests;
    std::vector<std::uint32_t> expected;
};

routes::Route route(const std::string& host, const std::string& path) {
    routes::Route made;
    made.host = host;
    made.path = path;
    made.function = "f";
    return made;
}

std::string literal_path(std::uint32_t i) {
    return "/shop/category-" + std::to_string(i % 37) + "/items/item-" + std::to_string(i);
}

// The pattern of number i, of four kinds, and a path that it matches.
std::pair<std::string, std::string> pattern(std::uint32_t i) {
    const std::string n = std::to_string(i);
    switch (i % 4) {
        case 0:
            return {"/users" + n + "/:id/orders/:order", "/users" + n + "/4711/orders/12"};
        case 1:
            return {"~/v[0-9]+/reports" + n + "/[a-z-]+\\.(pdf|csv)",
                    "/v2/reports" + n + "/monthly-sales.pdf"};
        case 2:
            return {"/static" + n + "/*", "/static" + n + "/css/site.css"};
        default:
            return {"/images" + n + "/*.png", "/images" + n + "/logo-large.png"};
    }
}

// `literals` and `patterns` spread over the hosts. Of ten requests `of_ten` are for patterns.
Workload mixed(std::uint32_t literals, std::uint32_t patterns, std::uint32_t hosts,
               std::uint32_t of_ten, routes::Cache& cache) {
    const auto host = [hosts](std::uint32_t i) {
        return "site-" + std::to_string(i % hosts) + ".example.com";
    };
    std::vector<routes::Route> all;
    for (std::uint32_t i = 0; i < literals; ++i) all.push_back(route(host(i), literal_path(i)));
    for (std::uint32_t i = 0; i < patterns; ++i) all.push_back(route(host(i), pattern(i).first));
    Workload made;
    std::mt19937 random(1);
    for (std::uint32_t i = 0; i < 4096; ++i) {
        const bool of_pattern = i % 10 < of_ten;
        const std::uint32_t which = random() % (of_pattern ? patterns : literals);
        made.requests.push_back(
            {host(which), of_pattern ? pattern(which).second : literal_path(which)});
        made.expected.push_back(of_pattern ? literals + which : which);
    }
    routes::Compiled compiled = routes::compile(std::move(all), 1, cache);
    SKERRY_CHECK(compiled.set != nullptr);
    made.set = std::move(compiled.set);
    return made;
}

std::string expression(std::uint32_t i) {
    const std::string n = std::to_string(i);
    switch (i % 3) {
        case 0:
            return "/api/v[0-9]+/accounts/[a-z0-9-]+/resource" + n + "(/edit)?";
        case 1:
            return "/(en|de|fr)/articles/[0-9]{4}/[0-9]{2}/[a-z-]+-" + n;
        default:
            return "/files/.*/report" + n + "\\.(pdf|csv|xlsx)";
    }
}
// A path that number i matches, unlike others: that is how paths of clients are.
std::string matching(std::uint32_t i, std::mt19937& random) {
    const std::string n = std::to_string(i);
    std::string word;
    while (word.size() < 8) word += static_cast<char>('a' + random() % 26);
    switch (i % 3) {
        case 0:
            return "/api/v2/accounts/" + word + "/resource" + n + "/edit";
        case 1:
            return "/de/articles/2026/11/" + word + "-" + n;
        default:
            return "/files/2026/" + word + "/report" + n + ".csv";
    }
}

Workload expressions(std::uint32_t count, std::uint32_t requests, routes::Cache& cache) {
    std::vector<routes::Route> all;
    for (std::uint32_t i = 0; i < count; ++i) all.push_back(route("", "~" + expression(i)));
    Workload made;
    std::mt19937 random(2);
    for (std::uint32_t i = 0; i < requests; ++i) {
        const std::uint32_t which = random() % count;
        made.requests.push_back({"site.example.com", matching(which, random)});
        made.expected.push_back(which);
    }
    routes::Compiled compiled = routes::compile(std::move(all), 1, cache);
    SKERRY_CHECK(compiled.set != nullptr);
    made.set = std::move(compiled.set);
    return made;
}

// All requests once, `burst` at a time.
void classify_all(const Workload& workload, classify::Classifier& classifier, std::size_t burst) {
    std::array<Request, classify::kBurstMax> requests;
    std::array<classify::Outcome, classify::kBurstMax> outcomes;
    for (std::size_t at = 0; at + burst <= workload.requests.size(); at += burst) {
        for (std::size_t i = 0; i < burst; ++i) {
            const Target& target = workload.requests[at + i];
            requests[i] = {target.host, target.path, {}, classify::method::get, nullptr};
        }
        classifier.classify(workload.set->table, {requests.data(), burst}, outcomes);
        for (std::size_t i = 0; i < burst; ++i)
            SKERRY_CHECK(workload.set->table.rows[outcomes[i].rank].route ==
                         workload.expected[at + i]);
    }
}

struct Re2Set {
    std::unique_ptr<RE2::Set> set;
    explicit Re2Set(std::uint32_t count) {
        RE2::Options options;
        options.set_max_mem(512 << 20);
        set = std::make_unique<RE2::Set>(options, RE2::ANCHOR_BOTH);
        for (std::uint32_t i = 0; i < count; ++i)
            SKERRY_CHECK(set->Add(expression(i), nullptr) == static_cast<int>(i));
        SKERRY_CHECK(set->Compile());
    }
    void all(const Workload& workload) {
        std::vector<int> found;
        for (std::size_t i = 0; i < workload.requests.size(); ++i) {
            SKERRY_CHECK(set->Match(workload.requests[i].path, &found));
            SKERRY_CHECK(*std::min_element(found.begin(), found.end()) ==
                         static_cast<int>(workload.expected[i]));
        }
    }
};

// One after the other until one matches, as a server with a list of locations does.
struct Pcre2Jit {
    std::vector<pcre2_code*> codes;
    pcre2_match_data* data = pcre2_match_data_create(8, nullptr);
    explicit Pcre2Jit(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            int error = 0;
            std::size_t offset = 0;
            const std::string text = "\\A(?:" + expression(i) + ")\\z";
            codes.push_back(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                                          &error, &offset, nullptr));
            SKERRY_CHECK(codes.back() != nullptr);
            SKERRY_CHECK(pcre2_jit_compile(codes.back(), PCRE2_JIT_COMPLETE) == 0);
        }
    }
    Pcre2Jit(const Pcre2Jit&) = delete;
    Pcre2Jit& operator=(const Pcre2Jit&) = delete;
    ~Pcre2Jit() {
        for (pcre2_code* each : codes) pcre2_code_free(each);
        pcre2_match_data_free(data);
    }
    void some(const Workload& workload, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string& path = workload.requests[i].path;
            std::uint32_t at = 0;
            while (pcre2_jit_match(codes[at], reinterpret_cast<PCRE2_SPTR>(path.data()),
                                   path.size(), 0, 0, data, nullptr) < 0)
                ++at;
            SKERRY_CHECK(at == workload.expected[i]);
        }
    }
};

struct Case {
    const char* name;
    std::function<void()> run;
    std::size_t requests;
    std::vector<double> ns = {};
};

void measure(std::vector<Case>& cases, double seconds) {
    constexpr int kRounds = 9;
    for (Case& each : cases) each.run();
    for (int round = 0; round < kRounds; ++round)
        for (Case& each : cases) {
            const auto begin = Clock::now();
            std::size_t times = 0;
            do {
                each.run();
                ++times;
            } while (ms_since(begin) < seconds * 1000 / kRounds);
            each.ns.push_back(ms_since(begin) * 1e6 / static_cast<double>(times * each.requests));
        }
}

// Compiled into a fresh cache, then loaded from it.
void compile_and_load(const std::string& folder) {
    for (const char* what : {"compile", "load"}) {
        routes::Cache cache{folder};
        auto begin = Clock::now();
        const Workload mixed_ones = mixed(4900, 100, 1, 2, cache);
        std::printf("\"%s_5000_ms\":%.2f,", what, ms_since(begin));
        begin = Clock::now();
        const Workload pure = expressions(5000, 1, cache);
        std::printf("\"%s_5000_expressions_ms\":%.2f,", what, ms_since(begin));
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"What it costs to find a request's route"};
    double seconds = 1;
    std::string folder = "/tmp/skerry-bench-routes-" + std::to_string(getpid());
    app.add_option("--seconds", seconds, "of each case");
    CLI11_PARSE(app, argc, argv);

    routes::Cache none;
    const Workload ten = mixed(8, 4, 2, 2, none), ten_one = mixed(8, 4, 1, 2, none);
    const Workload many = mixed(4900, 100, 100, 2, none), one = mixed(4900, 100, 1, 2, none);
    const Workload literal = mixed(4900, 100, 100, 0, none),
                   patterns = mixed(4900, 100, 1, 10, none);
    const Workload pure = expressions(1000, 1 << 16, none);
    Re2Set re2(1000);
    Pcre2Jit pcre2(1000);
    classify::Classifier classifier(0);
    const auto ours = [&](const char* name, const Workload& workload, std::size_t burst) {
        return Case{name, [&, burst] { classify_all(workload, classifier, burst); },
                    workload.requests.size()};
    };
    constexpr std::size_t kSlow = 64;
    std::vector<Case> cases = {ours("routes_12", ten, 32),
                               ours("routes_12_one_host", ten_one, 32),
                               ours("routes_5000", many, 32),
                               ours("routes_5000_alone", many, 1),
                               ours("routes_12_alone", ten, 1),
                               ours("routes_5000_one_host", one, 32),
                               ours("literals_of_5000", literal, 32),
                               ours("patterns_of_5000_one_host", patterns, 32),
                               ours("expressions_1000", pure, 32),
                               {"re2_set_1000", [&] { re2.all(pure); }, pure.requests.size()},
                               {"pcre2_jit_1000", [&] { pcre2.some(pure, kSlow); }, kSlow}};
    measure(cases, seconds);
    std::printf("{");
    compile_and_load(folder);
    std::filesystem::remove_all(folder);
    for (Case& each : cases) {
        std::sort(each.ns.begin(), each.ns.end());
        std::printf("\"%s\":%.1f%s", each.name, each.ns[each.ns.size() / 2],
                    &each == &cases.back() ? "}\n" : ",");
    }
    return 0;
}
