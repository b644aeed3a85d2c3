// The reply cache: every state a request id can be in, and its two limits, entries and bytes.
#include "dataplane/wire/reply_cache.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace skerry::wire {
namespace {

constexpr std::uint32_t kWindowMs = 5000;
constexpr std::uint32_t kRingBytes = 65536;  // the smallest there is
constexpr std::uint64_t kFunction = 0xf00d;

// Bucket b, number n in it: the cache takes the bucket from the upper half of a tag.
std::uint64_t tag_in(std::uint64_t b, std::uint64_t n) {
    return (b * ReplyCache::kWays) << 32 | (n + 1);
}

struct Cache : testing::Test {
    ReplyCache cache{64, kRingBytes, kWindowMs, 1234567};

    ReplyCache::Found find(std::uint64_t tag, std::uint32_t now_ms = 0) {
        return cache.find_or_reserve(tag, kFunction, now_ms);
    }
    void answer(std::uint32_t entry, const std::string& header, const std::string& payload,
                std::uint32_t now_ms = 0) {
        cache.answer(entry, header.data(), static_cast<std::uint32_t>(header.size()),
                     payload.data(), static_cast<std::uint32_t>(payload.size()), now_ms);
    }
    static std::string text(const ReplyCache::Found& found) {
        return {reinterpret_cast<const char*>(found.reply), found.reply_bytes};
    }
};

struct OneBucket : Cache {
    OneBucket() { cache = ReplyCache(ReplyCache::kWays, kRingBytes, kWindowMs, 1234567); }
};

TEST_F(Cache, FreshThenInFlightThenAnswered) {
    const auto first = find(tag_in(0, 0));
    ASSERT_EQ(first.seen, Seen::fresh);
    EXPECT_EQ(first.invocation, ReplyCache::kNoInvocation);
    auto again = find(tag_in(0, 0));
    EXPECT_EQ(again.seen, Seen::in_flight);
    EXPECT_EQ(again.entry, first.entry);
    EXPECT_EQ(again.invocation, ReplyCache::kNoInvocation);
    cache.bind(first.entry, 77);
    EXPECT_EQ(find(tag_in(0, 0)).invocation, 77u);
    answer(first.entry, "head", "payload");
    again = find(tag_in(0, 0));
    ASSERT_EQ(again.seen, Seen::answered);
    EXPECT_EQ(text(again), "headpayload");
    EXPECT_EQ(again.entry, first.entry);
}

TEST_F(Cache, ARequestInFlightNeverExpires) {
    ASSERT_EQ(find(tag_in(0, 0), 0).seen, Seen::fresh);
    for (const std::uint32_t now : {kWindowMs, 0x7fffffffu, 0x80000000u, ~0u})
        EXPECT_EQ(find(tag_in(0, 0), now).seen, Seen::in_flight) << now;
}

TEST_F(Cache, HeaderOnlyReply) {
    const auto first = find(tag_in(0, 0));
    cache.answer(first.entry, "head", 4, nullptr, 0, 0);
    EXPECT_EQ(text(find(tag_in(0, 0))), "head");
}

TEST_F(Cache, AnIdIsForOneFunction) {
    const auto first = find(tag_in(0, 0));
    EXPECT_EQ(cache.find_or_reserve(tag_in(0, 0), kFunction + 1, 0).seen, Seen::reused);
    answer(first.entry, "head", "");
    EXPECT_EQ(cache.find_or_reserve(tag_in(0, 0), kFunction + 1, 0).seen, Seen::reused);
    // Told so, and the rightful owner is none the worse for it.
    EXPECT_EQ(find(tag_in(0, 0)).seen, Seen::answered);
}

TEST_F(Cache, AForgottenIdMayComeAgainForAnything) {
    const auto first = find(tag_in(0, 0));
    cache.forget(first.entry);
    EXPECT_EQ(cache.find_or_reserve(tag_in(0, 0), kFunction + 1, 0).seen, Seen::fresh);
}

TEST_F(OneBucket, WhenItIsFullANewIdIsRefusedAndTheKnownOnesAreFound) {
    for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
        ASSERT_EQ(find(tag_in(1, n)).seen, Seen::fresh) << n;
    EXPECT_EQ(find(tag_in(1, 8)).seen, Seen::full);
    for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
        EXPECT_EQ(find(tag_in(1, n)).seen, Seen::in_flight) << n;
}

// Twice as many ids for one bucket as it has cells: what spills is found, and forgotten, like the
// rest.
TEST_F(Cache, AFullBucketSpillsIntoOthers) {
    cache = ReplyCache(4096, kRingBytes, kWindowMs, 1234567);
    constexpr std::uint64_t kIds = 2 * ReplyCache::kWays;
    std::set<std::uint32_t> entries;
    for (std::uint64_t n = 0; n < kIds; ++n) {
        const auto fresh = find(tag_in(1, n));
        ASSERT_EQ(fresh.seen, Seen::fresh) << n;
        entries.insert(fresh.entry);
    }
    EXPECT_EQ(entries.size(), kIds);
    for (std::uint64_t n = 0; n < kIds; ++n)
        EXPECT_EQ(find(tag_in(1, n)).seen, Seen::in_flight) << n;
    for (const std::uint32_t entry : entries) cache.forget(entry);
    for (std::uint64_t n = 0; n < kIds; ++n) EXPECT_EQ(find(tag_in(1, n)).seen, Seen::fresh) << n;
}

// Random ids at 60 % of what the table can hold within a window.
TEST(ReplyCacheLoad, RefusesLessThanOneInAHundredAtSixtyPercent) {
    constexpr std::uint32_t kEntries = 16384, kWindow = 5000;
    ReplyCache cache(kEntries, 1 << 20, kWindow, 7);
    net::Path path{};
    std::uint64_t id = 0, refused = 0, asked = 0;
    for (std::uint32_t now_ms = 0; now_ms < 3 * kWindow; ++now_ms) {
        for (id += 1; id % 2 == 0 || asked * kWindow < std::uint64_t{now_ms} * kEntries * 6 / 10;
             ++id, ++asked) {
            const auto found = cache.find_or_reserve(cache.tag(path, {1, id}), 1, now_ms);
            if (found.seen == Seen::full)
                ++refused;
            else
                cache.answer(found.entry, "h", 1, nullptr, 0, now_ms);
        }
    }
    EXPECT_GT(asked, kEntries);
    EXPECT_LT(refused * 100, asked) << refused << " of " << asked;
}

TEST_F(OneBucket, AFullBucketHasRoomAgainAfterForget) {
    std::vector<std::uint32_t> entries;
    for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
        entries.push_back(find(tag_in(1, n)).entry);
    EXPECT_EQ(std::set<std::uint32_t>(entries.begin(), entries.end()).size(), entries.size());
    cache.forget(entries[5]);
    const auto found = find(tag_in(1, 8));
    EXPECT_EQ(found.seen, Seen::fresh);
    EXPECT_EQ(found.entry, entries[5]);
    EXPECT_EQ(find(tag_in(1, 6)).seen, Seen::in_flight);  // behind the hole, and still found
}

TEST_F(OneBucket, AnAnswerIsReusableAfterTheWindowAndNotBefore) {
    for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
        answer(find(tag_in(0, n), 1000).entry, "h", "", 1000);
    EXPECT_EQ(find(tag_in(0, 8), 1000 + kWindowMs - 1).seen, Seen::full);
    // Still answered after the window, as long as nobody needs the cell.
    EXPECT_EQ(find(tag_in(0, 3), 1000 + kWindowMs).seen, Seen::answered);
    EXPECT_EQ(find(tag_in(0, 8), 1000 + kWindowMs).seen, Seen::fresh);
    EXPECT_EQ(find(tag_in(0, 0), 1000 + kWindowMs).seen, Seen::fresh) << "the first had to go";
}

TEST_F(OneBucket, TheWindowBeginsWithTheAnswerNotWithTheRequest) {
    std::vector<std::uint32_t> entries;
    for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
        entries.push_back(find(tag_in(0, n), 0).entry);
    for (const std::uint32_t entry : entries) answer(entry, "h", "", 60'000);
    EXPECT_EQ(find(tag_in(0, 8), 60'000 + kWindowMs - 1).seen, Seen::full);
    EXPECT_EQ(find(tag_in(0, 8), 60'000 + kWindowMs).seen, Seen::fresh);
}

TEST_F(OneBucket, TheClockMayWrap) {
    const std::uint32_t start = 0xffffff00u;
    for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
        answer(find(tag_in(0, n), start).entry, "h", "", start);
    EXPECT_EQ(find(tag_in(0, 8), start + kWindowMs - 1).seen, Seen::full);
    EXPECT_EQ(find(tag_in(0, 8), start + kWindowMs).seen, Seen::fresh);
}

TEST_F(OneBucket, AServerThatWasIdleForWeeksHasRoom) {
    for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
        answer(find(tag_in(0, n), 0).entry, "h", "", 0);
    const std::uint32_t weeks_4_ms = 4u * 7 * 24 * 3600 * 1000;
    EXPECT_EQ(find(tag_in(0, 8), weeks_4_ms).seen, Seen::fresh);
}

TEST_F(Cache, AnOverwrittenReplyIsGoneAndStaysRefused) {
    const auto first = find(tag_in(0, 0));
    answer(first.entry, "first", "");
    const std::string big(kRingBytes - 8, 'x');
    answer(find(tag_in(1, 0)).entry, big, "");  // fits exactly behind the first one
    EXPECT_EQ(text(find(tag_in(0, 0))), "first");
    EXPECT_EQ(text(find(tag_in(1, 0))), big);
    answer(find(tag_in(2, 0)).entry, "third", "");
    EXPECT_EQ(find(tag_in(0, 0)).seen, Seen::gone);
    EXPECT_EQ(text(find(tag_in(1, 0))), big);
    EXPECT_EQ(find(tag_in(0, 0)).seen, Seen::gone);
    EXPECT_EQ(cache.find_or_reserve(tag_in(0, 0), kFunction + 1, 0).seen, Seen::reused);
}

TEST_F(Cache, AReplyOfTheWholeRing) {
    const std::string whole(kRingBytes, 'w');
    answer(find(tag_in(0, 0)).entry, "before", "");
    answer(find(tag_in(1, 0)).entry, whole.substr(0, 112), whole.substr(112));
    EXPECT_EQ(find(tag_in(0, 0)).seen, Seen::gone);
    EXPECT_EQ(text(find(tag_in(1, 0))), whole);
}

// Replies of all sizes, many times round the ring: what is said to be there is what was sent, byte
// for byte, and the newest ones are always there.
TEST_F(Cache, RoundAndRoundTheRing) {
    std::map<std::uint64_t, std::string> sent;
    std::uint64_t random = 42;
    std::uint32_t now = 0;
    std::uint64_t previous_bytes = 0;
    for (std::uint64_t i = 0; i < 3000; ++i) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        const std::uint64_t tag = (random & ~0xffffffffull) | (i + 1);
        const std::string payload((random >> 20) % 9000, static_cast<char>('a' + i % 26));
        const std::string header = "reply " + std::to_string(i) + ":";
        now += kWindowMs + 1;  // there is always a cell
        const auto found = find(tag, now);
        ASSERT_EQ(found.seen, Seen::fresh);
        answer(found.entry, header, payload, now);
        sent[tag] = header + payload;
        const auto again = find(tag, now);
        ASSERT_EQ(again.seen, Seen::answered);
        ASSERT_EQ(text(again), sent[tag]);
        if (i % 16 != 0) continue;
        for (auto it = sent.begin(); it != sent.end();) {
            const auto kept = find(it->first, now);
            if (kept.seen == Seen::answered) {
                ASSERT_EQ(text(kept), it->second);
                previous_bytes += kept.reply_bytes;
                ++it;
                continue;
            }
            if (kept.seen == Seen::fresh) cache.forget(kept.entry);
            ASSERT_TRUE(kept.seen == Seen::fresh || kept.seen == Seen::gone);
            it = sent.erase(it);
        }
    }
    EXPECT_GT(previous_bytes, 0u);
}

TEST(ReplyCacheSize, IsRoundedUpAndNeverTooSmall) {
    EXPECT_EQ(ReplyCache(0, 0, 1, 1).capacity(), 8u);
    EXPECT_EQ(ReplyCache(9, 0, 1, 1).capacity(), 16u);
    EXPECT_EQ(ReplyCache(16384, 0, 1, 1).capacity(), 16384u);
}

TEST(ReplyCacheSize, EveryCellCanBeUsed) {
    ReplyCache cache(64, 0, kWindowMs, 99);
    std::set<std::uint32_t> entries;
    for (std::uint64_t b = 0; b < 8; ++b)
        for (std::uint64_t n = 0; n < ReplyCache::kWays; ++n)
            entries.insert(cache.find_or_reserve(tag_in(b, n), kFunction, 0).entry);
    EXPECT_EQ(entries.size(), 64u);
}

net::Path path_from(const std::string& address, std::uint16_t port) {
    net::Path path;
    path.peer = *net::IpAddress::parse(address);
    path.peer_udp = port;
    return path;
}

TEST(ReplyCacheTag, NamesSourceAndId) {
    const ReplyCache cache(64, 0, 1, 99);
    const std::uint64_t tag = cache.tag(path_from("192.0.2.1", 5), {1, 2});
    EXPECT_NE(tag, 0u);
    EXPECT_EQ(tag, cache.tag(path_from("192.0.2.1", 5), {1, 2}));
    EXPECT_NE(tag, cache.tag(path_from("192.0.2.2", 5), {1, 2}));
    EXPECT_NE(tag, cache.tag(path_from("192.0.2.1", 6), {1, 2}));
    EXPECT_NE(tag, cache.tag(path_from("192.0.2.1", 5), {2, 1}));
    EXPECT_NE(tag, cache.tag(path_from("192.0.2.1", 5), {1, 3}));
    EXPECT_NE(tag, ReplyCache(64, 0, 1, 100).tag(path_from("192.0.2.1", 5), {1, 2}));
}

TEST(ReplyCacheTag, DoesNotDependOnWhereOurSideWas) {
    const ReplyCache cache(64, 0, 1, 99);
    net::Path path = path_from("2001:db8::1", 5);
    const std::uint64_t tag = cache.tag(path, {1, 2});
    path.vlan_tci = 7;
    path.port = 1;
    path.peer_mac.bytes[5] = 9;
    EXPECT_EQ(cache.tag(path, {1, 2}), tag);
}

// A host may choose its port and, within its network, its address: neither may cancel the other.
TEST(ReplyCacheTag, APortIsNoPartOfAnAddress) {
    const ReplyCache cache(64, 0, 1, 99);
    // The port as it would lie in bytes 8 and 9 of the address.
    EXPECT_NE(cache.tag(path_from("2001:db8::100:0:0:1", 0x0002), {1, 2}),
              cache.tag(path_from("2001:db8::200:0:0:1", 0x0001), {1, 2}));
    EXPECT_NE(cache.tag(path_from("2001:db8:1::100:0:0:0", 0x0001), {1, 2}),
              cache.tag(path_from("2001:db8:2::100:0:0:0", 0x0001), {1, 2}));
}

TEST(ReplyCacheTag, SpreadsOverTheBuckets) {
    const ReplyCache cache(1024, 0, 1, 99);
    std::vector<int> load(128);
    for (std::uint16_t port = 1; port <= 1024; ++port)
        for (std::uint64_t id = 0; id < 16; ++id)
            ++load[(cache.tag(path_from("192.0.2.1", port), {0, id}) >> 32 & 1023) / 8];
    for (const int n : load) EXPECT_TRUE(n > 64 && n < 256) << n;  // 128 on average
}

}  // namespace
}  // namespace skerry::wire
