#include "control/fleet/record.hpp"

#include <gtest/gtest.h>

#include "control/fleet/fleet.hpp"
#include "tests/control/fleet/records.hpp"

namespace skerry::fleet {
namespace {

TEST(Record, IsReadAsItWasWritten) {
    catalog::Function function = a_function("hello");
    function.limits.memory_mib = 256;
    function.aliases["stable"] = function.current;
    catalog::Build build{std::string(64, 'b'), {}};
    build.runtime.kind = runtime::Kind::python3;
    build.runtime.handler = "handler.main";
    function.current = function.set_build(build);
    function.versions.push_back(function.current);
    function.reserved = 3;
    const auto read = parse_record("hello", render(Record{"pop-1", function}));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->by, "pop-1");
    EXPECT_TRUE(read->function == function);
}

TEST(Record, OthersAreRefused) {
    const std::string good = a_record("hello");
    EXPECT_TRUE(parse_record("hello", good));
    EXPECT_FALSE(parse_record("other", good));
    for (const char* text : {"", "{}", "[]", R"({"format":2})", R"({"format":1,"by":"pop-1"})",
                             R"({"format":1,"by":"POP","function":{}})",
                             R"({"format":1,"by":"pop-1","function":{"name":"hello"}})"})
        EXPECT_FALSE(parse_record("hello", text)) << text;
    // As strict as catalog.db: a limit that nobody could have set.
    std::string wrong = good;
    const auto at = wrong.find("\"memory_mib\":128");
    ASSERT_NE(at, std::string::npos);
    wrong.replace(at, 16, "\"memory_mib\":129999");
    EXPECT_FALSE(parse_record("hello", wrong));
}

TEST(Record, AMemberIsReadAsItWasWritten) {
    const Member member{"pop-1", "10.0.0.1:4601", "0123456789abcdef", "0.1.0"};
    const auto read = parse_member("pop-1", render(member));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, member);
    EXPECT_FALSE(parse_member("POP", render(member)));
    EXPECT_FALSE(parse_member(
        "pop-1", render(Member{"pop-1", "10.0.0.1:4601\r\n", "0123456789abcdef", ""})));
    EXPECT_FALSE(parse_member("pop-1", render(Member{"pop-1", "", "0", ""})));
    EXPECT_FALSE(parse_member("pop-1", "7"));
}

TEST(Differences, AreWhatWasAddedChangedAndDeleted) {
    catalog::State before;
    for (const char* name : {"same", "gone", "moved", "untouched"})
        ASSERT_TRUE(before.add(a_function(name, 'a')));
    catalog::Draft after(before);
    ASSERT_TRUE(after.put(a_function("same", 'a')));
    ASSERT_TRUE(after.erase("gone"));
    ASSERT_TRUE(after.replace(a_function("moved", 'b')));
    ASSERT_TRUE(after.put(a_function("new")));
    const auto changes = differences(after);
    ASSERT_EQ(changes.size(), 3u);
    EXPECT_EQ(changes[0].name, "moved");
    EXPECT_EQ(changes[0].function, after.find("moved"));
    EXPECT_EQ(changes[1].name, "new");
    EXPECT_EQ(changes[2].name, "gone");
    EXPECT_EQ(changes[2].function, nullptr);
}

}  // namespace
}  // namespace skerry::fleet
