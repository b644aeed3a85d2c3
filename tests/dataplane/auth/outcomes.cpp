// One request a line as JSON, one verdict a line: what signers of other people are compared with.
//   {"now": unix_s, "id":…, "secret":…, "method":…, "path":…, "query":…, "fields": [[name,
//   value]…],
//    "body": "hex digits"}; text is Latin-1 in UTF-8
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/auth/verifier.hpp"

namespace {

using namespace skerry::auth;

std::string bytes_of(const nlohmann::json& text) {
    std::string bytes;
    const auto utf8 = text.get<std::string>();
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto c = static_cast<unsigned char>(utf8[i]);
        if (c < 0x80)
            bytes += static_cast<char>(c);
        else if (++i < utf8.size())
            bytes += static_cast<char>((c & 3) << 6 | (static_cast<unsigned char>(utf8[i]) & 63));
    }
    return bytes;
}

int judge(const nlohmann::json& line, Verifier& verifier, std::uint64_t generation) {
    const AccessKeys keys(generation, {{.id = line["id"], .secret = line["secret"]}});
    verifier.begin_turn(line["now"].get<std::uint64_t>(), &keys);
    std::vector<std::string> texts;
    for (const auto& field : line["fields"])
        for (const auto& part : field) texts.push_back(bytes_of(part));
    std::vector<Field> fields;
    for (std::size_t i = 0; i < texts.size(); i += 2) fields.push_back({texts[i], texts[i + 1]});
    const std::string method = bytes_of(line["method"]), path = bytes_of(line["path"]);
    const std::string query = bytes_of(line["query"]), body = bytes_of(line["body"]);
    Proof proof;
    const AccessKey* key = nullptr;
    const Verdict verdict = verifier.begin({method, path, query, fields}, proof, key);
    if (verdict != Verdict::good) return static_cast<int>(verdict);
    proof.update(body);
    return static_cast<int>(verifier.finish(proof));
}

}  // namespace

int main() {
    Verifier verifier;
    std::string line;
    for (std::uint64_t n = 1; std::getline(std::cin, line); ++n)
        std::cout << judge(nlohmann::json::parse(line), verifier, n) << "\n";
}
