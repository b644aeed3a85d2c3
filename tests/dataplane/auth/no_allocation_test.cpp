// Verifying allocates nothing: jemalloc's counter of this thread stands still.
#include <gtest/gtest.h>
#include <jemalloc/jemalloc.h>

#include <vector>

#include "dataplane/auth/verifier.hpp"
#include "tests/dataplane/auth/keys.hpp"

namespace skerry::auth {
namespace {

std::uint64_t allocated_bytes() {
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    EXPECT_EQ(mallctl("thread.allocated", &bytes, &size, nullptr, 0), 0);
    return bytes;
}

TEST(NoAllocation, OfSignaturesRightAndWrong) {
    testing::Client client;
    const AccessKeys keys(1, {testing::spec_of(client)});
    Verifier verifier;
    std::vector<testing::Client> clients(4, client);
    clients[1].declares = true;
    clients[2].secret = "wrong";
    clients[3].id = "AKIDSTRANGER";
    std::uint64_t inside = 0, good = 0, refused = 0;
    for (testing::Client& each : clients) {
        const auto texts = each.signed_fields();
        std::vector<Field> fields;
        for (const auto& [name, value] : texts) fields.push_back({name, value});
        const Request request{each.method, each.path, each.query, fields};
        for (std::uint64_t i = 0; i < 1000; ++i) {
            const std::uint64_t before = allocated_bytes();
            verifier.begin_turn(testing::kNow_s + i, &keys);
            Proof proof;
            const AccessKey* key = nullptr;
            Verdict verdict = verifier.begin(request, proof, key);
            if (verdict == Verdict::good) {
                proof.update(each.body);
                verdict = verifier.finish(proof);
            }
            inside += allocated_bytes() - before;
            (verdict == Verdict::good ? good : refused) += 1;
        }
    }
    EXPECT_EQ(inside, 0u);
    EXPECT_GT(good, 500u);
    EXPECT_GT(refused, 2000u);
}

}  // namespace
}  // namespace skerry::auth
