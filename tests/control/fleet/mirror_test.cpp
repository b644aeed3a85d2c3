#include "control/fleet/mirror.hpp"

#include <gtest/gtest.h>

#include "tests/control/fleet/records.hpp"

namespace skerry::fleet {
namespace {

constexpr char kId[] = "0123456789abcdef0123456789abcdef";

class MirrorTest : public ::testing::Test {
  protected:
    etcd::KeyValue function(const std::string& name, std::uint64_t revision, char version = 'a') {
        return {mirror_.function_key(name), a_record(name, version), revision};
    }
    void put(const etcd::KeyValue& pair) { mirror_.take({pair, false}); }
    void erase(const std::string& key, std::uint64_t revision) {
        mirror_.take({{key, "", revision}, true});
    }

    Mirror mirror_{"/skerry"};
};

TEST_F(MirrorTest, AListIsWhatThereIs) {
    const Member member{"pop-1", "10.0.0.1:4601", "0123456789abcdef", "0.1.0"};
    mirror_.begin({{mirror_.fleet_key(), kId, 2},
                   function("one", 3),
                   {mirror_.member_key("pop-1"), render(member), 4},
                   {mirror_.deploying_key("one"), "pop-1", 5},
                   {"/skerry/something/else", "?", 6}},
                  9, {"mine"});
    EXPECT_EQ(mirror_.fleet_id(), kId);
    EXPECT_EQ(mirror_.revision(), 9u);
    EXPECT_EQ(mirror_.members().at("pop-1"), member);
    EXPECT_EQ(mirror_.deploying().at("one"), "pop-1");
    EXPECT_TRUE(mirror_.functions().at("one").record);
    // What this server had, and the fleet has not.
    EXPECT_FALSE(mirror_.functions().at("mine").record);
    EXPECT_EQ(mirror_.functions().at("mine").revision, 9u);
    EXPECT_TRUE(mirror_.agrees(5, 6));
}

TEST_F(MirrorTest, EventsChangeIt) {
    mirror_.begin({{mirror_.fleet_key(), kId, 2}}, 2, {});
    put(function("one", 3));
    put(function("one", 5, 'b'));
    EXPECT_EQ(mirror_.functions().at("one").revision, 5u);
    EXPECT_EQ(mirror_.functions().at("one").record->function.current, std::string(64, 'b'));
    erase(mirror_.function_key("one"), 6);
    EXPECT_FALSE(mirror_.functions().at("one").record);
    EXPECT_EQ(mirror_.functions().at("one").revision, 6u);
    EXPECT_TRUE(mirror_.agrees(1, 2));
    mirror_.forget_deleted("one");
    EXPECT_TRUE(mirror_.functions().empty());
}

TEST_F(MirrorTest, WhatWasMissedIsSeen) {
    mirror_.begin({{mirror_.fleet_key(), kId, 2}, function("one", 3)}, 3, {});
    EXPECT_TRUE(mirror_.agrees(2, 3));
    EXPECT_FALSE(mirror_.agrees(3, 4));  // one more, and newer
    EXPECT_FALSE(mirror_.agrees(2, 5));  // the same number, changed
    EXPECT_FALSE(mirror_.agrees(1, 2));  // one less
}

TEST_F(MirrorTest, AnotherListDeletesWhatIsNotInIt) {
    mirror_.begin({{mirror_.fleet_key(), kId, 2}, function("one", 3), function("two", 4)}, 4, {});
    mirror_.begin({{mirror_.fleet_key(), kId, 2}, function("two", 4)}, 20, {});
    EXPECT_FALSE(mirror_.functions().at("one").record);
    EXPECT_EQ(mirror_.functions().at("one").revision, 20u);
    EXPECT_TRUE(mirror_.functions().at("two").record);
    EXPECT_EQ(mirror_.functions().at("two").revision, 4u);
}

TEST_F(MirrorTest, WhatCanNotBeReadLeavesWhatWasThere) {
    mirror_.begin({{mirror_.fleet_key(), kId, 2}, function("one", 3)}, 3, {});
    put({mirror_.function_key("one"), "damaged", 4});
    EXPECT_EQ(mirror_.functions().at("one").revision, 3u);
    EXPECT_EQ(mirror_.damaged().count("one"), 1u);
    EXPECT_TRUE(mirror_.agrees(2, 4));
    put({mirror_.function_key("not a name"), "x", 5});
    EXPECT_EQ(mirror_.damaged().size(), 1u);
    put(function("one", 6, 'b'));
    EXPECT_TRUE(mirror_.damaged().empty());
}

TEST_F(MirrorTest, ThereIsALimit) {
    mirror_.begin({{mirror_.fleet_key(), kId, 2}}, 2, {});
    for (std::size_t i = 0; i < kMaxKeys + 10; ++i)
        put({"/skerry/other/" + std::to_string(i), "", 3 + i});
    EXPECT_TRUE(mirror_.agrees(kMaxKeys, 3));
    EXPECT_FALSE(mirror_.agrees(kMaxKeys + 11, 3));
}

}  // namespace
}  // namespace skerry::fleet
