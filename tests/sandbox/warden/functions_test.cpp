// The functions of tools/functions in their jail: what is refused to strangers must not be what an
// ordinary function lives on. What they answer is the matter of tests/tools/functions. Needs root.
#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {
namespace {

std::string of_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

class FunctionInJail : public ::testing::TestWithParam<const char*> {};

TEST_P(FunctionInJail, BecomesReadyAndAnswers) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const std::string functions = of_environment("SKERRY_FUNCTIONS");
    if (functions.empty()) GTEST_SKIP() << "needs SKERRY_FUNCTIONS";
    const std::string name = GetParam();
    Folder folder(functions + "/" + name + "/bootstrap");
    auto client = warden::Client::start(folder.options());
    ASSERT_TRUE(client) << client.error().text;
    auto doorbells = channel::create_doorbells();
    ASSERT_TRUE(doorbells);
    Place place(folder, *doorbells, 1);
    place.order.memory_mib = 128;  // what a function has that asks for nothing
    ASSERT_TRUE(client->spawn(place.order));
    const auto event = next_event(*client);
    ASSERT_TRUE(event);
    ASSERT_EQ(event->kind, warden::MessageKind::spawned) << event->text;
    ASSERT_TRUE(place.wait_ready()) << read_all(folder.log());
    for (const std::string payload : {"ok", "{\"a\":\"b@example.com\"}", "a.b.c"}) {
        if (name == "rogue" && payload != "ok") continue;
        EXPECT_FALSE(place.core.ask(payload).bytes.empty()) << read_all(folder.log());
    }
    if (name != "jwt-verify") return;
    const std::string token = read_all(of_environment("SKERRY_SAMPLES") + "/sample.jwt");
    EXPECT_NE(place.core.ask(token).bytes.find("Ada"), std::string::npos) << "OpenSSL works too";
}

INSTANTIATE_TEST_SUITE_P(Tools, FunctionInJail,
                         ::testing::Values("ab-rewrite", "echo", "echo16", "jwt-verify", "redact",
                                           "rogue", "work"),
                         [](const auto& one) {
                             std::string name = one.param;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace skerry::test
