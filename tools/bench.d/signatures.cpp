// skerry-bench-signatures: what verifying one signature costs, of a request as boto3 sends it. The
// JSON on standard output is {"name": nanoseconds}.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "dataplane/auth/verifier.hpp"

namespace {

using namespace skerry::auth;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kNow_s = 1795908600;  // 20261128T233000Z
constexpr std::uint32_t kRounds = 200'000;

std::string text_of(const Digest& digest) {
    const auto digits = hex(digest);
    return {digits.begin(), digits.end()};
}

struct Signed {
    std::string authorization, hash;
    std::vector<Field> fields;
    Request request;
};

// As botocore 1.29 has it, but for the order of the fields. `declares`: the payload's hash.
void sign(Signed& made, const AccessKeySpec& spec, const std::string& payload, bool declares) {
    made.hash = text_of(Sha256::of(payload));
    made.fields = {{"Host", "10.79.0.2:8080"},
                   {"Accept-Encoding", "identity"},
                   {"User-Agent", "Boto3/1.26.27 Python/3.11.2 Linux/6.1.0 Botocore/1.29.27"},
                   {"X-Amz-Date", "20261128T233000Z"},
                   {"amz-sdk-invocation-id", "3f2b7f0c-6c1e-4a1e-9f53-0a8f4a1f7f11"},
                   {"amz-sdk-request", "attempt=1"}};
    if (declares) made.fields.push_back({"x-amz-content-sha256", made.hash});
    const std::string names = std::string("amz-sdk-invocation-id;amz-sdk-request;host;") +
                              (declares ? "x-amz-content-sha256;" : "") + "x-amz-date";
    made.request = {"POST", "/2015-03-31/functions/echo/invocations", "", made.fields};
    static CanonicalBuffer buffer;
    SignedFields which;
    const std::string canonical(canonical_request(made.request, names, buffer, which));
    const std::string scope = "20261128/us-east-1/lambda/aws4_request";
    const Digest key =
        signing_key(HmacKey("AWS4" + spec.secret), "20261128", "us-east-1", "lambda");
    const Digest signature = HmacKey(key).of("AWS4-HMAC-SHA256\n20261128T233000Z\n" + scope + "\n" +
                                             text_of(Sha256::of(canonical + made.hash)));
    made.authorization = "AWS4-HMAC-SHA256 Credential=" + spec.id + "/" + scope +
                         ", SignedHeaders=" + names + ", Signature=" + text_of(signature);
    made.fields.push_back({"Authorization", made.authorization});
    made.request.fields = made.fields;
}

double measure(const AccessKeySpec& spec, std::size_t payload_bytes, bool declares) {
    const std::string payload(payload_bytes, 'x');
    Signed made;
    sign(made, spec, payload, declares);
    const AccessKeys keys(1, {spec});
    Verifier verifier;
    verifier.begin_turn(kNow_s, &keys);
    const auto begin = Clock::now();
    for (std::uint32_t i = 0; i < kRounds; ++i) {
        Proof proof;
        const AccessKey* key = nullptr;
        if (verifier.begin(made.request, proof, key) != Verdict::good) std::abort();
        proof.update(payload);
        if (verifier.finish(proof) != Verdict::good) std::abort();
    }
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / kRounds;
}

// Of a new day, region or key: the signing key is derived.
double measure_derivation(const AccessKeySpec& spec) {
    const HmacKey secret("AWS4" + spec.secret);
    const auto begin = Clock::now();
    unsigned sum = 0;
    for (std::uint32_t i = 0; i < kRounds; ++i)
        sum += signing_key(secret, "20261128", "us-east-1", "lambda")[i % 32];
    const double ns =
        std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / kRounds;
    return sum == 0 ? 0 : ns;
}

}  // namespace

int main() {
    const AccessKeySpec spec{.id = "AKIDEXAMPLE",
                             .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                             .functions = {"*"}};
    std::printf(
        "{\"verify\": %.1f, \"verify-declared\": %.1f, \"verify-4096\": %.1f, "
        "\"derive\": %.1f}\n",
        measure(spec, 16, false), measure(spec, 16, true), measure(spec, 4096, false),
        measure_derivation(spec));
}
