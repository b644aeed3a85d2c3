// The sum of many words at once, against the plain rule of RFC 1071.
#include "dataplane/net/checksum.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/frames.hpp"

namespace skerry::net {
namespace {

TEST(Checksum, OfEveryLengthAndPlace) {
    std::mt19937 random(1);
    std::vector<std::uint8_t> bytes(9100);
    for (const bool all_ones : {false, true}) {
        for (std::uint8_t& byte : bytes)
            byte = all_ones ? std::uint8_t{0xff} : static_cast<std::uint8_t>(random());
        for (std::size_t length = 0; length < 9000; length += length < 700 ? 1 : 137)
            for (const std::size_t from : {0, 1, 2, 7}) {
                const std::uint16_t expected = frames::internet_checksum({&bytes[from], length});
                const auto sum =
                    static_cast<std::uint16_t>(~fold(partial_sum(&bytes[from], length)));
                EXPECT_EQ(__builtin_bswap16(sum), expected) << length << " bytes from " << from;
            }
    }
}

}  // namespace
}  // namespace skerry::net
