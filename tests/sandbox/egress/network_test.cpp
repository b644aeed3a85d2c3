#include "sandbox/egress/network.hpp"

#include <gtest/gtest.h>

#include "tests/sandbox/egress/prefix.hpp"

namespace skerry::test {
namespace {

TEST(Prefix, IsReadAndWrittenTheSame) {
    for (const char* text : {"0.0.0.0/0", "10.0.0.0/8", "10.66.0.0/20", "192.0.2.1", "::/0",
                             "fd66::/64", "fd66:0:0:1::/65", "2001:db8::1"})
        EXPECT_EQ(to_string(prefix(text)), text);
    EXPECT_EQ(to_string(prefix("192.0.2.1/32")), "192.0.2.1");
}

TEST(Prefix, AnythingElseIsRefused) {
    for (const char* text :
         {"", "/", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8",
          "10.0.0.0/ 8", "0.0.0.1/0", "::1/64", "fd66::/129", "fd66::/64/64", "name", "10.0.0.0/8 ",
          "1.2.3.4.5", "fd66:::1"})
        EXPECT_FALSE(egress::parse_prefix(text)) << text;
}

TEST(Prefix, ContainsWhatIsInIt) {
    EXPECT_TRUE(contains(prefix("10.0.0.0/8"), prefix("10.66.0.0/20")));
    EXPECT_TRUE(contains(prefix("0.0.0.0/0"), prefix("0.0.0.0/0")));
    EXPECT_FALSE(contains(prefix("10.66.0.0/20"), prefix("10.0.0.0/8")));
    EXPECT_FALSE(contains(prefix("10.0.0.0/8"), prefix("11.0.0.0")));
    EXPECT_FALSE(contains(prefix("0.0.0.0/0"), prefix("::")));
    EXPECT_TRUE(contains(prefix("fd66::/64"), prefix("fd66::7")));
}

}  // namespace
}  // namespace skerry::test
