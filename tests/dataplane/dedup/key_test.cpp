#include "dataplane/dedup/key.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace skerry::dedup {
namespace {

// A payload in buffers of so many bytes each.
struct Chain {
    std::vector<rte_mbuf> mbufs;
    Chain(std::string& text, std::size_t piece) : mbufs(text.size() / piece + 1) {
        for (std::size_t i = 0; i < mbufs.size(); ++i) {
            mbufs[i].buf_addr = text.data() + i * piece;
            mbufs[i].data_off = 0;
            mbufs[i].data_len =
                static_cast<std::uint16_t>(std::min(piece, text.size() - i * piece));
            mbufs[i].next = i + 1 < mbufs.size() ? &mbufs[i + 1] : nullptr;
        }
    }
};

const Attempt kAttempt{.access_key = "AKIDALICE",
                       .address = "192.0.2.1",
                       .function_key = 1,
                       .qualifier = 2,
                       .wants_tail = false,
                       .id = "id"};

std::string bytes_of(const Key& key) {
    return {reinterpret_cast<const char*>(&key), sizeof key};
}

TEST(DedupKey, WhatAnIdIs) {
    EXPECT_TRUE(is_id("2d5ef4a5-9d9c-4b0d-8d1c-6a8a4ff7b7a1"));
    EXPECT_TRUE(is_id("x"));
    EXPECT_TRUE(is_id(std::string(64, '~')));
    for (const std::string& text :
         {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a\tb"),
          std::string("\x7f"), std::string("\x80"), std::string("a\0b", 3)})
        EXPECT_FALSE(is_id(text)) << text;
}

TEST(DedupKey, EverythingInItMatters) {
    std::set<std::string> keys;
    std::size_t made = 0;
    const auto add = [&](auto&& change) {
        Attempt attempt = kAttempt;
        change(attempt);
        keys.insert(bytes_of(key_of(attempt)));
        EXPECT_EQ(keys.size(), ++made);
    };
    add([](Attempt&) {});
    add([](Attempt& a) { a.access_key = "AKIDBOB"; });
    add([](Attempt& a) { a.access_key = {}; });
    add([](Attempt& a) { a.access_key = {}, a.address = "192.0.2.2"; });
    add([](Attempt& a) { a.access_key = {}, a.address = "AKIDALICE"; });
    add([](Attempt& a) { a.function_key = 2, a.qualifier = 1; });
    add([](Attempt& a) { a.qualifier = 0; });
    add([](Attempt& a) { a.wants_tail = true; });
    add([](Attempt& a) { a.id = "id2"; });
    add([](Attempt& a) { a.id = "ID"; });
    add([](Attempt& a) { a.later = true; });
    add([](Attempt& a) { a.context_bytes = 1; });
    add([](Attempt& a) { a.target = {"GET", "a", "/", ""}; });
    add([](Attempt& a) { a.target = {"GET", "a", "", "/"}; });
    add([](Attempt& a) { a.target = {"GE", "Ta", "/", ""}; });
    Attempt elsewhere = kAttempt;
    elsewhere.address = "198.51.100.7";
    EXPECT_EQ(key_of(elsewhere), key_of(kAttempt)) << "who signs may come from anywhere";
}

TEST(DedupKey, ThePayloadMattersAndNotHowItLies) {
    const Key key = key_of(kAttempt);
    std::string head(112, 'h');
    std::set<std::string> keys;
    for (std::size_t bytes = 0; bytes < 200; ++bytes) {
        std::string text = head;
        for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(i * 7);
        const auto of = [&](std::string& all, std::size_t piece) {
            const Chain chain(all, piece);
            return with_payload(key, chain.mbufs.data(), 112, static_cast<std::uint32_t>(bytes));
        };
        const Key whole = of(text, 10'000);
        for (const std::size_t piece : {1u, 3u, 31u, 32u, 33u, 112u, 150u})
            EXPECT_EQ(of(text, piece), whole) << bytes << " " << piece;
        keys.insert(bytes_of(whole));
        text += "more";  // is not read
        EXPECT_EQ(of(text, 10'000), whole);
        for (std::size_t at = 0; at < bytes; ++at) {
            std::string other = text;
            other[112 + at] = static_cast<char>(other[112 + at] ^ 1);
            keys.insert(bytes_of(of(other, 40)));
        }
    }
    EXPECT_EQ(keys.size(), 200u + 199u * 200u / 2u);
    std::string zeros(300, '\0');
    keys.clear();
    for (std::uint32_t bytes = 0; bytes < 100; ++bytes) {
        const Chain chain(zeros, 1000);
        keys.insert(bytes_of(with_payload(key, chain.mbufs.data(), 0, bytes)));
    }
    EXPECT_EQ(keys.size(), 100u);
}

}  // namespace
}  // namespace skerry::dedup
