// Many hashes at once are the hashes one by one.
#include "dataplane/net/siphash_columns.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace skerry::net {
namespace {

TEST(SiphashColumns, AreTheHashesOneByOne) {
    std::mt19937_64 random(3);
    const SipKey key{random(), random()};
    using Column = std::array<std::uint64_t, 32>;
    for (const std::size_t count : {0, 1, 7, 8, 9, 31, 32}) {
        Column a, b, end, tail, hashes{}, plain{};
        for (Column* column : {&a, &b, &tail})
            for (std::uint64_t& word : *column) word = random();
        const std::span out(hashes.data(), count);
        const std::uint64_t* const two[] = {a.data(), b.data(), end.data()};
        const std::uint64_t* const one[] = {a.data(), end.data()};

        end.fill(sip_padding(2));
        siphash_columns(key, two, out);
        siphash_columns_plain(key, two, std::span(plain).first(count));
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(hashes[i], siphash(key, a[i], b[i]));
            EXPECT_EQ(plain[i], hashes[i]);
        }
        siphash_columns_of_table(key, two, out);
        for (std::size_t i = 0; i < count; ++i)
            EXPECT_EQ(hashes[i], siphash_of_table(key, a[i], b[i]));
        end.fill(sip_padding(1));
        siphash_columns(key, one, out);
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(hashes[i], siphash(key, a[i]));
        for (std::size_t i = 0; i < count; ++i) end[i] = sip_tail(2, tail[i]);
        siphash_columns(key, two, out);
        for (std::size_t i = 0; i < count; ++i)
            EXPECT_EQ(hashes[i], siphash_and_tail(key, tail[i], a[i], b[i]));
    }
}

}  // namespace
}  // namespace skerry::net
