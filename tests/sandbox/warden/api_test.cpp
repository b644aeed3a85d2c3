// Workers without a channel: their loopback, their listener, their environment. Needs root.
#include <linux/landlock.h>
#include <sys/syscall.h>

#include <csignal>

#include "tests/sandbox/warden/api_rig.hpp"

namespace skerry::test {
namespace {

using namespace std::string_literals;
using warden::MessageKind;

class Api : public ApiTest {};

TEST_F(Api, WorkerConnectsToTheListenerThatCameWithIt) {
    ApiWorker one(folder_, 1);
    ApiWorker two(folder_, 2);
    ASSERT_TRUE(start(one));
    ASSERT_TRUE(start(two)) << "the same port, in a network of its own";
    EXPECT_EQ(one.ask("self")["pid"], "1");
    EXPECT_EQ(two.ask("self")["uid"], "1000");
    const int flags = ::fcntl(one.listener.get(), F_GETFL);
    EXPECT_NE(flags & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(one.listener.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Api, WorkerHasThreeDescriptorsAndItsConnection) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("self");
    EXPECT_EQ(told["fd0"], "/dev/null");
    EXPECT_EQ(told["fd1"].rfind("pipe:", 0), 0u) << told["fd1"];
    EXPECT_EQ(told["fd2"], told["fd1"]);
    EXPECT_EQ(told["fd3"].rfind("socket:", 0), 0u) << "made by itself";
    EXPECT_EQ(told["fd4"], told["fd3"]);
    EXPECT_EQ(told.count("fd5"), 0u);
}

TEST_F(Api, WorkerHasTheEnvironmentOfLambda) {
    ApiWorker worker(folder_);
    worker.order.handler = "app.handler";
    worker.order.environment = "COLOUR=blue\0PATH=/mine\0"s;
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("self");
    const std::map<std::string, std::string> expected = {
        {"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"},
        {"_HANDLER", "app.handler"},
        {"LAMBDA_TASK_ROOT", "/var/task"},
        {"LAMBDA_RUNTIME_DIR", "/var/runtime"},
        {"AWS_LAMBDA_FUNCTION_NAME", "api"},
        {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "64"},
        {"AWS_LAMBDA_FUNCTION_VERSION", "00ff"},
        {"AWS_REGION", "pop-1"},
        {"AWS_DEFAULT_REGION", "pop-1"},
        {"AWS_EXECUTION_ENV", "Skerry_provided"},
        {"AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/api"},
        {"AWS_LAMBDA_LOG_STREAM_NAME", "pop-1/[00ff]"},
        {"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
        {"TZ", ":UTC"},
        {"LANG", "C.UTF-8"},
        {"HOME", "/tmp"},
        {"TMPDIR", "/tmp"},
        {"COLOUR", "blue"},
        {"PATH", "/mine"},
    };
    std::size_t variables = 0;
    for (const auto& [key, value] : told) variables += key.rfind("env.", 0) == 0 ? 1 : 0;
    for (const auto& [name, value] : expected) EXPECT_EQ(told["env." + name], value) << name;
    EXPECT_EQ(variables, expected.size()) << "nothing else, and nothing of skerryd's";
    EXPECT_EQ(told["cwd"], "/var/task");
    EXPECT_EQ(told["task"], "1") << "the other name of its artifact";
    EXPECT_EQ(told["sh"], "1") << "of the image";
}

TEST_F(Api, WorkerWritesToThePipeOfItsLog) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    ASSERT_TRUE(readable(worker.log.get()));
    char text[64] = {};
    ASSERT_GT(::read(worker.log.get(), text, sizeof text - 1), 0);
    EXPECT_STREQ(text, "a line for the log\n");
}

TEST_F(Api, WorkerMayOpenItsLogAgainToWrite) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("self");
    EXPECT_EQ(told["stderr_again"], "1");
    EXPECT_EQ(told["stderr_read"], std::to_string(EACCES));
    char text[64] = {};
    ASSERT_GT(::read(worker.log.get(), text, sizeof text - 1), 0);
    EXPECT_STREQ(text, "a line for the log\nagain\n");
}

// The device's node lets everybody write: it is Landlock that does not.
TEST_F(Api, WorkerIsBehindASecondFence) {
    if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
        GTEST_SKIP() << "no Landlock";
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("self");
    EXPECT_EQ(told["null"], "1");
    EXPECT_EQ(told["zero"], std::to_string(EACCES));
}

TEST_F(Api, WorkerSaysHowLongItsStartTook) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_GT(spawned_.phases.mounts_us, 0u);
    EXPECT_GT(spawned_.phases.identity_us, 0u);
    EXPECT_GT(spawned_.phases.exec_us, 0u);
    EXPECT_LT(spawned_.queue_us, 1'000'000u);
}

TEST_F(Api, MissingImageIsSaidWithItsRemedy) {
    std::filesystem::remove(images_.path() + "/python3");
    ApiWorker worker(folder_);
    worker.order.runtime = runtime::Kind::python3;
    worker.order.handler = "app.handler";
    ASSERT_TRUE(client_->spawn(worker.order));
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::failed);
    EXPECT_EQ(event->error_code, ENOENT);
    EXPECT_NE(event->text.find(images_.path() + "/python3"), std::string::npos) << event->text;
    EXPECT_NE(event->text.find("tools/runtime-images"), std::string::npos) << event->text;
}

TEST_F(Api, ListenerOutlivesItsWorkerHarmlessly) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    worker.say("exit 3");
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::exited);
    EXPECT_EQ(event->exit_code, 3);
    char byte;
    EXPECT_EQ(::read(worker.connection.get(), &byte, 1), 0);
    EXPECT_EQ(::accept4(worker.listener.get(), nullptr, nullptr, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace skerry::test
