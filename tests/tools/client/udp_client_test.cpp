#include "tools/client/udp_client.hpp"

#include <gtest/gtest.h>

#include "tests/tools/client/small_server.hpp"

namespace skerry::client {
namespace {

using test::SmallServer;
using Datagram = SmallServer::Datagram;
using Datagrams = std::vector<Datagram>;

Invocation hello() {
    Invocation invocation;
    invocation.function_key = 5;
    invocation.payload = "hello";
    invocation.deadline_ms = 20000;  // nothing waits for it, unless it fails
    invocation.backoff = {.first_ms = 20, .most_ms = 100};
    return invocation;
}

Result<Reply> ask(const SmallServer& server, const Invocation& invocation) {
    auto client = UdpClient::connect(server.endpoint());
    if (!client) return client.error();
    return client->invoke(invocation);
}

class Family : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Both, Family, testing::Values(AF_INET, AF_INET6));

TEST_P(Family, AnsweringAChallengeKeepsTheRequestId) {
    std::vector<wire::RequestId> ids;
    SmallServer server(
        [&](Datagram request, int) -> Datagrams {
            ids.push_back({SmallServer::header(request).request_id_hi.get(),
                           SmallServer::header(request).request_id_lo.get()});
            if (SmallServer::header(request).cookie.get() != 99)
                return {SmallServer::challenge(request, 99)};
            return {SmallServer::as(request, wire::Kind::reply)};
        },
        GetParam());
    if (!server.good()) GTEST_SKIP() << "no loopback address of this family";
    auto client = UdpClient::connect(server.endpoint());
    ASSERT_TRUE(client);
    Invocation invocation = hello();
    invocation.retransmit = false;
    const auto reply = client->invoke(invocation);
    ASSERT_TRUE(reply) << reply.error().text;
    EXPECT_EQ(reply->payload, "hello");
    EXPECT_EQ(reply->challenges, 1u);
    EXPECT_EQ(reply->transmissions, 2u);
    // The cookie is remembered.
    const auto second = client->invoke(invocation);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->challenges, 0u);
    EXPECT_EQ(second->transmissions, 1u);
    EXPECT_NE(second->id, reply->id);
    server.stop();
    ASSERT_EQ(ids.size(), 3u);
    EXPECT_EQ(ids[0], ids[1]);
}

TEST(UdpClient, RetransmitsTheSameRequestUntilItIsAnswered) {
    std::vector<wire::RequestId> ids;
    SmallServer server([&](Datagram request, int number) -> Datagrams {
        ids.push_back({SmallServer::header(request).request_id_hi.get(),
                       SmallServer::header(request).request_id_lo.get()});
        if (number < 3) return {};
        return {SmallServer::as(request, wire::Kind::accepted),
                SmallServer::as(request, wire::Kind::reply)};
    });
    const auto reply = ask(server, hello());
    ASSERT_TRUE(reply) << reply.error().text;
    EXPECT_GE(reply->transmissions, 4u);
    EXPECT_TRUE(reply->accepted);
    server.stop();
    for (const auto& id : ids) EXPECT_EQ(id, reply->id);
}

TEST(UdpClient, TakesOnlyItsOwnAnswer) {
    SmallServer server([](Datagram request, int) -> Datagrams {
        Datagram other_id = SmallServer::as(request, wire::Kind::reply);
        SmallServer::header(other_id).request_id_lo.set(1);
        Datagram other_function = SmallServer::as(request, wire::Kind::reply);
        SmallServer::header(other_function).function_key.set(6);
        Datagram cut = SmallServer::as(request, wire::Kind::reply);
        cut.pop_back();
        Datagram own = SmallServer::as(request, wire::Kind::reply);
        SmallServer::header(own).status = 9;
        return {Datagram(3), other_id, other_function, cut, request, own};
    });
    const auto reply = ask(server, hello());
    ASSERT_TRUE(reply) << reply.error().text;
    EXPECT_EQ(status_name(reply->status), "overloaded");
}

TEST(UdpClient, AServerThatChallengesForEverCostsAFewDatagrams) {
    std::uint64_t cookie = 0;
    SmallServer server([&](Datagram request, int) -> Datagrams {
        return {SmallServer::challenge(request, ++cookie)};
    });
    Invocation invocation = hello();
    invocation.retransmit = false;
    invocation.deadline_ms = 300;
    const auto reply = ask(server, invocation);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ETIMEDOUT);
    EXPECT_EQ(server.requests(), static_cast<int>(kMaxChallenges) + 1);
}

TEST(UdpClient, TheDeadlineShrinksWithEachTransmission) {
    std::vector<std::uint32_t> deadlines;
    SmallServer server([&](Datagram request, int number) -> Datagrams {
        deadlines.push_back(SmallServer::header(request).deadline_us.get());
        if (number < 2) return {};
        return {SmallServer::as(request, wire::Kind::reply)};
    });
    ASSERT_TRUE(ask(server, hello()));
    server.stop();
    ASSERT_GE(deadlines.size(), 3u);
    EXPECT_LE(deadlines[0], 20'000'000u);
    EXPECT_LT(deadlines[1], deadlines[0]);
    EXPECT_LT(deadlines[2], deadlines[1]);
}

TEST(UdpClient, SilenceAndRefusalAreToldApart) {
    Invocation invocation = hello();
    invocation.deadline_ms = 100;
    const SmallServer silent([](Datagram, int) -> Datagrams { return {}; });
    EXPECT_EQ(ask(silent, invocation).error().code, EHOSTUNREACH);
    // A port that was free a moment ago.
    Endpoint gone;
    {
        const SmallServer closed([](Datagram, int) -> Datagrams { return {}; });
        gone = closed.endpoint();
    }
    auto client = UdpClient::connect(gone);
    ASSERT_TRUE(client);
    EXPECT_EQ(client->invoke(invocation).error().code, ECONNREFUSED);
}

TEST(UdpClient, RefusesWhatCannotBeSent) {
    SmallServer server([](Datagram, int) -> Datagrams { return {}; });
    const std::string large(kMaxPayloadBytes + 1, 'x');
    Invocation invocation = hello();
    invocation.payload = large;
    EXPECT_EQ(ask(server, invocation).error().code, EMSGSIZE);
    invocation = hello();
    invocation.deadline_ms = 0;
    EXPECT_EQ(ask(server, invocation).error().code, EINVAL);
    invocation.deadline_ms = kMaxDeadlineMs + 1;
    EXPECT_EQ(ask(server, invocation).error().code, EINVAL);
    EXPECT_EQ(server.requests(), 0);
}

TEST(UdpClient, RandomIdsDiffer) {
    EXPECT_NE(random_request_id(), random_request_id());
}

}  // namespace
}  // namespace skerry::client
