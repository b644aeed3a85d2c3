#include "control/routes/judge.hpp"

#include <hs/hs_compile.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include "control/routes/databases.hpp"

namespace skerry::routes {
namespace {

// Texts that a pattern may find hard: its own characters over and over, in many orders; a path like
// others; one byte.
std::vector<std::string> samples(std::string_view expression) {
    std::string alphabet = "/";
    for (const char c : expression)
        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '/' ||
            c == '-' || c == '.' || c == '_')
            alphabet += c;
    std::mt19937 random(1);
    std::vector<std::string> made;
    const auto add = [&](auto next) {
        std::string text = "/";
        while (text.size() < kSampleBytes) text += next(text.size());
        made.push_back(std::move(text));
    };
    for (int i = 0; i < 4; ++i)
        add([&](std::size_t) { return alphabet[random() % alphabet.size()]; });
    add([&](std::size_t at) { return alphabet[at % alphabet.size()]; });
    add([&](std::size_t) { return alphabet.back(); });
    add([](std::size_t at) { return at % 8 == 0 ? '/' : static_cast<char>('a' + at * 7 % 26); });
    add([](std::size_t) { return 'a'; });
    return made;
}

// One scan of the text; of a stream in four pieces, and to its end.
void scan_once(const hs_database_t* database, hs_stream_t* stream, hs_scratch_t* scratch,
               std::string_view text) {
    const auto nothing = [](std::uint32_t) {};
    if (stream == nullptr) return classify::scan(database, scratch, text, nothing);
    const auto go_on = [](unsigned int, unsigned long long, unsigned long long, unsigned int,
                          void*) { return 0; };
    const std::size_t piece = text.size() / 4;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const std::string_view next = text.substr(at, piece);
        SKERRY_CHECK(hs_scan_stream(stream, next.data(), static_cast<unsigned int>(next.size()), 0,
                                    scratch, go_on, nullptr) == HS_SUCCESS);
    }
    SKERRY_CHECK(hs_reset_stream(stream, 0, scratch, go_on, nullptr) == HS_SUCCESS);
}

struct CloseStream {
    void operator()(hs_stream_t* stream) const {
        hs_close_stream(stream, nullptr, nullptr, nullptr);
    }
};

}  // namespace

Costs measure(std::string_view expression, Form form) {
    Costs costs;
    Cache none;
    std::vector<classify::Database> databases;
    databases.push_back(load_database({{std::string(expression), 0}}, none, form).database);
    std::vector<classify::Scratch> scratches;
    if (databases[0] == nullptr || !make_scratches(databases, 1, scratches)) return costs;
    std::size_t bytes = 0;
    hs_database_size(databases[0].get(), &bytes);
    costs.database_bytes = bytes;
    hs_stream_t* opened = nullptr;
    if (form == Form::stream && hs_open_stream(databases[0].get(), 0, &opened) != HS_SUCCESS)
        return costs;
    const std::unique_ptr<hs_stream_t, CloseStream> stream(opened);
    for (const std::string& text : samples(expression)) {
        std::uint64_t least_ns = ~std::uint64_t{0};
        // The least of several: others use this machine, too.
        for (int i = 0; i < 5; ++i) {
            const auto begin = std::chrono::steady_clock::now();
            scan_once(databases[0].get(), stream.get(), scratches[0].get(), text);
            const auto took = std::chrono::steady_clock::now() - begin;
            least_ns = std::min<std::uint64_t>(
                least_ns, static_cast<std::uint64_t>(
                              std::chrono::duration_cast<std::chrono::nanoseconds>(took).count()));
        }
        costs.longest_ns = std::max(costs.longest_ns, least_ns);
    }
    return costs;
}

Verdict judge_costs(const Costs& costs, const CostLimits& limits) {
    Verdict verdict;
    verdict.costs = costs;
    const auto look = [&](std::uint64_t value, std::uint64_t heavy, std::uint64_t refused,
                          const std::string& text) {
        if (value <= heavy) return;
        verdict.judgement =
            std::max(verdict.judgement, value > refused ? Judgement::refused : Judgement::heavy);
        verdict.text += (verdict.text.empty() ? "" : "; ") + text;
    };
    look(costs.database_bytes, limits.heavy_bytes, limits.refused_bytes,
         "compiled it has " + std::to_string(costs.database_bytes) + " bytes");
    look(costs.longest_ns, limits.heavy_ns, limits.refused_ns,
         "matching " + std::to_string(kSampleBytes) + " bytes took " +
             std::to_string(costs.longest_ns) + " ns");
    return verdict;
}

Verdict judge(std::string_view expression, const CostLimits& limits, Form form) {
    Failure failure = check_expression(expression, form);
    if (failure.text.empty()) {
        // Only then is it known whether the whole is too large.
        Cache none;
        Loaded loaded = load_database({{std::string(expression), 0}}, none, form);
        if (!loaded.failures.empty()) failure = std::move(loaded.failures[0]);
    }
    if (!failure.text.empty()) return {Judgement::refused, {}, failure.text, failure.at};
    return judge_costs(measure(expression, form), limits);
}

}  // namespace skerry::routes
