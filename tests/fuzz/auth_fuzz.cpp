// Any bytes as a head whose signature is to be verified. Nothing is read beyond them, every limit
// is kept, a canonical request is the same for the same request in another form, and what proves
// right is what an independent signer makes of it.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/auth/verifier.hpp"
#include "dataplane/http/head.hpp"
#include "dataplane/http/head_scanner.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/auth/keys.hpp"

namespace {

using namespace skerry::auth;
namespace http = skerry::http;

struct Parts {
    http::Head head;
    std::vector<Field> fields;
    Request request;
};

bool parse(std::string_view text, Parts& parts) {
    const http::Limits limits;
    http::HeadScanner scanner;
    const std::size_t bytes = scanner.feed(text.data(), text.size(), limits);
    if (!scanner.done()) return false;
    if (http::parse_head(text.substr(0, bytes), limits, parts.head) != http::Refusal::none)
        return false;
    for (std::uint32_t i = 0; i < parts.head.field_count; ++i)
        parts.fields.push_back(
            {parts.head.name(parts.head.fields[i]), parts.head.value(parts.head.fields[i])});
    parts.request = {"POST", parts.head.path, parts.head.query, parts.fields};
    return true;
}

// The canonical forms of path and query are what they themselves come to, but for the path's
// escapes, which are escaped once more each time: so only without any.
void check_canonical(const Request& request, std::string_view names, CanonicalBuffer& buffer) {
    SignedFields fields;
    const std::string text(canonical_request(request, names, buffer, fields));
    if (text.empty()) return;
    const std::size_t path = request.method.size() + 1, path_end = text.find('\n', path);
    const std::size_t query_end = text.find('\n', path_end + 1);
    const std::string again_path = text.substr(path, path_end - path);
    SKERRY_CHECK(again_path[0] == '/' && again_path.find("//") == std::string::npos);
    if (again_path.find('%') != std::string::npos) return;
    const std::string again_query = text.substr(path_end + 1, query_end - path_end - 1);
    SignedFields same;
    SKERRY_CHECK(canonical_request({request.method, again_path, again_query, request.fields}, names,
                                   buffer, same) == text);
    SKERRY_CHECK(same.bits == fields.bits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto buffer = std::make_unique<CanonicalBuffer>();
    static const AccessKeys keys(1, {testing::spec_of(testing::Client())});
    static Verifier verifier;
    // Exactly as long as it is: AddressSanitizer sees who reads beyond.
    const std::vector<char> exact(data, data + size);
    Parts parts;
    if (!parse({exact.data(), exact.size()}, parts)) return 0;
    verifier.begin_turn(testing::kNow_s, &keys);
    Proof proof;
    const AccessKey* key = nullptr;
    Verdict verdict = verifier.begin(parts.request, proof, key);
    if (verdict == Verdict::good) {
        SKERRY_CHECK(key != nullptr && key->id() == "AKIDEXAMPLE");
        proof.update("{}");
        verdict = verifier.finish(proof);
    }
    Authorization said;
    const std::string_view text = parts.head.find("authorization");
    const bool well_formed = parse_authorization(text, said);
    SKERRY_CHECK(well_formed || verdict != Verdict::good);
    if (well_formed) check_canonical(parts.request, said.signed_headers, *buffer);
    check_canonical(parts.request, "host", *buffer);
    return 0;
}
