// The parser as a filter, for comparisons with parsers of others.
//
//   http-outcomes cases          the tests' corpus: a line of name and bytes in hex for each
//   http-outcomes corpus FOLDER  the same as files: the fuzzer's seeds
//   http-outcomes                bytes in hex, a line each, from standard input; an outcome as a
//                                line of JSON for each
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/dataplane/http/cases.hpp"
#include "tests/dataplane/http/outcome.hpp"

namespace {

using namespace skerry::http;
using namespace skerry::http::testing;

std::string to_hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (const unsigned char c : bytes) {
        hex += kDigits[c >> 4];
        hex += kDigits[c & 15];
    }
    return hex;
}

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 2 <= hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
}

nlohmann::json outcome_of(const std::string& bytes) {
    const Outcome outcome = read_whole(bytes);
    nlohmann::json all{{"refusal", std::string(info(outcome.refusal).name)},
                       {"requests", nlohmann::json::array()}};
    for (std::size_t i = 0; i < outcome.requests.size(); ++i) {
        const Request& request = outcome.requests[i];
        nlohmann::json fields = nlohmann::json::array();
        for (const auto& [name, value] : request.fields) {
            fields.push_back(to_hex(name));
            fields.push_back(to_hex(value));
        }
        all["requests"].push_back({{"method", request.method_line},
                                   {"target", to_hex(request.target)},
                                   {"minor", request.is_1_0 ? 0 : 1},
                                   {"keep_alive", request.keep_alive},
                                   {"fields", fields},
                                   {"body", to_hex(request.body)},
                                   {"end", outcome.ends[i]}});
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "cases" || what == "corpus") {
        for (const Case& c : all_cases()) {
            if (c.bytes.size() > 20000) continue;
            if (what == "cases") std::cout << c.name << ' ' << to_hex(c.bytes) << '\n';
            if (what == "corpus") std::ofstream(std::string(argv[2]) + "/" + c.name) << c.bytes;
        }
        return 0;
    }
    for (std::string line; std::getline(std::cin, line);)
        std::cout << outcome_of(from_hex(line)) << '\n';
    return 0;
}
