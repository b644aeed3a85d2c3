// Sets of routes, and requests, at random, out of few words so that many routes match a request;
// and spellings of a path that are the same path. From any source of numbers, so that a fuzzer can
// be one.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/routes/route.hpp"
#include "tests/dataplane/classify/reference.hpp"

namespace skerry::reference {

// `next(n)`: a number below n.
template <typename Next>
class Generator {
  public:
    // `narrow`: one host and few words, so that many routes of one tree match the same path.
    explicit Generator(Next next, bool narrow = false) : next_(next), narrow_(narrow) {}

    routes::Route route() {
        routes::Route made;
        if (!narrow_) made.host = pick(kHosts);
        made.path = next_(5) == 0 ? pick(kExpressions) : path_pattern();
        for (const std::string_view each : {"GET", "POST", "OPTIONS"})
            if (next_(5) == 0) made.methods.emplace_back(each);
        if (next_(4) == 0) made.headers.emplace_back(pick(kFields));
        if (next_(4) == 0) made.query.emplace_back(pick(kQueries));
        made.function = "f";
        return made;
    }
    std::vector<routes::Route> routes(std::uint32_t count) {
        std::vector<routes::Route> made;
        while (made.size() < count) made.push_back(route());
        return made;
    }

    Request request() {
        Request made;
        made.method =
            pick(std::to_array<std::string_view>({"GET", "HEAD", "POST", "OPTIONS", "PUT"}));
        made.host = pick(
            std::to_array<std::string_view>({"", "a.test", "A.Test:80", "b.a.test", "b.a.test.",
                                             "c.b.a.test", "c.test", "x", "[::1]:8"}));
        made.path = spelled(path());
        if (next_(2) == 0)
            made.query = pick(std::to_array<std::string_view>(
                {"v=1", "v=1&w=2", "w", "v=%31", "x=&v=12", "v", "q=a+b", "&&v=1"}));
        if (next_(2) == 0) made.fields.emplace_back("X-A", pick(kValues));
        if (next_(3) == 0) made.fields.emplace_back("x-a", pick(kValues));
        return made;
    }

    // Another text of the same path.
    std::string spelled(const std::string& path) {
        static constexpr char kDigits[] = "0123456789abcdef";
        std::string text;
        for (std::size_t i = 0; i < path.size(); ++i) {
            const auto c = static_cast<unsigned char>(path[i]);
            const bool escape = c == '%' && i + 2 < path.size();
            if (escape) {
                text += path.substr(i, 3);
                i += 2;
            } else if (c == '/') {
                text += next_(12) == 0 ? (next_(2) == 0 ? "//" : "/./") : "/";
                if (next_(24) == 0) text += "zz/../";
            } else if (next_(10) == 0) {
                text += {'%', kDigits[c >> 4], kDigits[c & 15]};
            } else {
                text += static_cast<char>(c);
            }
        }
        return text;
    }

  private:
    template <std::size_t N>
    std::string pick(const std::array<std::string_view, N>& from) {
        return std::string(from[next_(N)]);
    }
    std::string word() { return std::string(kWords[next_(narrow_ ? 2 : kWords.size())]); }
    std::string path() {
        std::string text;
        for (std::uint32_t left = 1 + next_(4); left != 0; --left) text += "/" + word();
        if (next_(5) == 0) text += "/";
        return text;
    }
    std::string path_pattern() {
        std::string text;
        for (std::uint32_t left = 1 + next_(4), i = 0; left != 0; --left, ++i) {
            const std::uint32_t kind = next_(8);
            text += "/";
            if (kind < 5)
                text += word();
            else if (kind < 7)
                text += ":p" + std::to_string(i);
            else
                text += pick(kGlobs);
        }
        const std::uint32_t end = next_(8);
        return text + (end == 0 ? "/" : end == 1 ? "/*" : end == 2 ? "/:rest*" : "");
    }

    static constexpr auto kHosts =
        std::to_array<std::string_view>({"", "", "*", "a.test", "b.a.test", "A.test", "*.test",
                                         "*.a.test", "~[ab]\\..*", "~.*test", "[::1]"});
    static constexpr auto kWords = std::to_array<std::string_view>(
        {"a", "b", "ab", "a%20b", "c%2Fd", "%3Ax", "a.b", "%C3%A9"});
    static constexpr auto kGlobs =
        std::to_array<std::string_view>({"a*", "*b", "*a*b*", "a*0b", "*.b", "*", "%C3*"});
    static constexpr auto kExpressions = std::to_array<std::string_view>(
        {"~/a/.*", "~/[ab]+", "~.*", "~/a(b|c)?(/.*)?", "~/.*b", "~/(?i)AB/?", "~/a|/b",
         "~/[^/]*/a", "~/.*%[0-9A-F]{2}.*"});
    static constexpr auto kFields =
        std::to_array<std::string_view>({"X-a=1", "x-A", "!x-a", "x-a=1*", "x-b"});
    static constexpr auto kQueries =
        std::to_array<std::string_view>({"v=1", "v", "!v", "v=1*", "w=2", "q=a b"});
    static constexpr auto kValues = std::to_array<std::string_view>({"1", "12", "2", ""});

    Next next_;
    const bool narrow_;
};

}  // namespace skerry::reference
