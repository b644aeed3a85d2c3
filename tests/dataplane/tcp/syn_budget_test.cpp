// How many SYNs a core answers with cookies, and which.
#include "dataplane/net/tcp/syn_budget.hpp"

#include <gtest/gtest.h>

namespace skerry::net::tcp {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint32_t kAStep = 10;
constexpr std::uint32_t kAnswers = kAStep * SynBudget::kStepsASecond;

struct Asking {
    SynBudget budget{kAnswers, {0x1234'5678'9abc'def0, 0x0fed'cba9'8765'4321}};
    std::uint64_t next_peer = 1, apart = std::uint64_t{1} << 20;

    bool ask(std::uint64_t peer, std::uint64_t ports = 80u << 16) {
        const std::uint64_t hash = budget.hash({peer, ports});
        budget.prefetch(hash);
        return budget.spend(hash);
    }
    // Of `count` that have never asked before.
    std::uint32_t answered(std::uint32_t count) {
        std::uint32_t yes = 0;
        for (std::uint32_t i = 0; i < count; ++i) yes += ask(apart * ++next_peer) ? 1 : 0;
        return yes;
    }
    std::uint64_t begin(std::uint64_t now_us) {
        budget.begin(now_us);
        return now_us;
    }
};

TEST(SynBudget, WithinItEverybodyIsAnswered) {
    Asking all;
    for (std::uint64_t now = kSecond; now < 2 * kSecond; now += SynBudget::kStepUs) {
        all.begin(now);
        EXPECT_EQ(all.answered(kAStep), kAStep);
    }
    all.begin(2 * kSecond);
    EXPECT_TRUE(all.budget.spend_all(kAStep - 1));
    EXPECT_FALSE(all.budget.spend_all(2));  // and none of them is spent
    EXPECT_TRUE(all.budget.spend_all(1));
    EXPECT_TRUE(all.budget.spend_all(0));
}

TEST(SynBudget, BeyondItWhoAsksAgainIsAnswered) {
    Asking all;
    const std::uint64_t start = all.begin(kSecond);
    EXPECT_EQ(all.answered(kAStep), kAStep);
    for (std::uint64_t client = 1; client <= 5; ++client) EXPECT_FALSE(all.ask(client));
    // RFC 6298 §2.1: a client's second SYN, while the flood goes on.
    all.begin(start + kSecond + 30'000);
    EXPECT_EQ(all.answered(kAStep), kAStep);
    EXPECT_FALSE(all.ask(1, 81u << 16)) << "another one of the same peer";
    for (std::uint64_t client = 1; client <= 5; ++client) EXPECT_TRUE(all.ask(client)) << client;
}

TEST(SynBudget, WhoAskAgainHaveABudgetToo) {
    Asking all;
    const std::uint64_t start = all.begin(kSecond);
    EXPECT_EQ(all.answered(kAStep), kAStep);
    for (int round = 0; round < 2; ++round) {
        std::uint32_t again = 0;
        for (std::uint64_t client = 1; client <= 3 * kAStep; ++client)
            again += all.ask(client) ? 1 : 0;
        EXPECT_EQ(again, round == 0 ? 0u : kAStep);
    }
    all.begin(start + kSecond);
    EXPECT_EQ(all.answered(kAStep), kAStep);
    EXPECT_TRUE(all.ask(1));
}

TEST(SynBudget, AFloodIsForgotten) {
    Asking all;
    std::uint64_t now = all.begin(kSecond);
    EXPECT_EQ(all.answered(kAStep), kAStep);
    EXPECT_FALSE(all.ask(1));
    const std::uint64_t until = now + 3 * SynBudget::kGenerationUs;
    while (now < until) {
        all.begin(now += SynBudget::kStepUs);
        EXPECT_TRUE(all.budget.spend_all(kAStep));
    }
    EXPECT_FALSE(all.ask(1));
}

// How many of those that ask for the first time are taken for others that ask again, of as many as
// have a place: in a flood of so many times what is answered, when all generations have been in
// use. Whether its sources follow one another, as they lie in a packet, or are anywhere.
double places_taken(std::uint32_t times, std::uint64_t apart) {
    Asking all;
    all.apart = apart;
    std::uint32_t steps = 0, taken = 0;
    for (std::uint64_t now = 0; now < 10 * kSecond; now += SynBudget::kStepUs) {
        all.begin(now);
        const std::uint32_t answered = all.answered(times * kAStep);
        EXPECT_GE(answered, kAStep);
        if (now < 5 * kSecond) continue;
        ++steps;
        taken += answered - kAStep;
    }
    return static_cast<double>(taken) / (steps * kAStep);
}

TEST(SynBudget, AFloodLeavesPlacesToThoseWhoAskAgain) {
    for (const std::uint64_t apart : {1ull, 1ull << 8, 1ull << 24, 0x9e37'79b9'7f4a'7c15ull}) {
        EXPECT_LT(places_taken(5, apart), 0.05) << apart;
        EXPECT_LT(places_taken(10, apart), 0.35) << apart;
        EXPECT_LT(places_taken(15, apart), 0.9) << apart;
    }
}

TEST(SynBudget, TheSmallestOne) {
    SynBudget one(SynBudget::kStepsASecond, {1, 2});
    one.begin(5 * kSecond);
    EXPECT_TRUE(one.spend(one.hash({7, 7})));
    EXPECT_FALSE(one.spend(one.hash({8, 8})));
    EXPECT_TRUE(one.spend(one.hash({8, 8})));
    one.begin(kSecond);  // time that goes backwards gives no more than a step's
    EXPECT_TRUE(one.spend(one.hash({9, 9})));
}

}  // namespace
}  // namespace skerry::net::tcp
