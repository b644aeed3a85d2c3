// Workers that are started before it is known for what, and get their artifact and limits later.
// Needs root.
#include <cerrno>

#include "tests/sandbox/warden/api_rig.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

// An image with nothing in it but the program of the runtime, which needs no libraries.
class Standby : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        const char* built = std::getenv("SKERRY_TEST_STANDBY_BOOTSTRAP");
        ASSERT_NE(built, nullptr);
        const std::string runtime = folder_.path() + "/images/nodejs/var/runtime";
        std::filesystem::create_directories(runtime);
        std::filesystem::copy_file(built, runtime + "/bootstrap");
        std::filesystem::create_directory(folder_.path() + "/secret");
        auto client = warden::Client::start(
            {.artifacts_dir = folder_.path(), .runtimes_dir = folder_.path() + "/images"});
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
    }
    void order_standby(ApiWorker& worker) {
        worker.order.runtime = runtime::Kind::nodejs;
        worker.order.start = warden::Start::standby;
        worker.order.artifact_dir = worker.order.function = worker.order.version_hex = "";
    }
    bool start(ApiWorker& worker) {
        EXPECT_TRUE(client_->spawn(worker.order));
        auto event = next_event(*client_);
        if (!event || event->kind != MessageKind::spawned) {
            ADD_FAILURE() << (event ? event->text : "no event");
            return false;
        }
        worker.listener = std::move(event->listener);
        return worker.accept();
    }
    warden::AssignRequest request(std::uint64_t id = 1) const {
        return {.worker_id = id,
                .artifact_dir = folder_.artifact(),
                .memory_mib = 256,
                .tmp_mib = 3,
                .cpu_percent = 50,
                .pids_max = 17};
    }
    // The warden's answer.
    warden::Event assign(const warden::AssignRequest& wanted) {
        EXPECT_TRUE(client_->assign(wanted));
        auto event = next_event(*client_);
        if (!event) return {};
        EXPECT_EQ(event->kind, MessageKind::assigned);
        return std::move(*event);
    }

    Folder folder_{api_bootstrap()};
    std::optional<warden::Client> client_;
};

TEST_F(Standby, HasNoArtifactAndNoFunctionUntilItIsAssignedOne) {
    ApiWorker worker(folder_);
    order_standby(worker);
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("self");
    EXPECT_EQ(told["env.SKERRY_STANDBY"], "1");
    EXPECT_EQ(told.count("env.AWS_LAMBDA_FUNCTION_NAME"), 0u);
    EXPECT_EQ(told["cwd"], "/");
    const auto descriptors = told;
    EXPECT_EQ(worker.ask("look")["files"], "0");

    const warden::Event answer = assign(request());
    EXPECT_EQ(answer.error_code, 0) << answer.text;
    EXPECT_GT(answer.phases.mounts_us, 0u);
    told = worker.ask("look");
    EXPECT_EQ(told["files"], "2");
    EXPECT_EQ(told["data"], "1");
    EXPECT_EQ(told["write"], std::to_string(EROFS));
    EXPECT_EQ(told["make"], std::to_string(EROFS));
    EXPECT_NE(told["rename"], "0");
    EXPECT_EQ(told["parent"], std::to_string(ENOENT)) << "above it is the jail's root";
    EXPECT_EQ(told["tmp_bytes"], std::to_string(3u << 20));
    EXPECT_EQ(told["file_bytes"], std::to_string(3u << 20));
    EXPECT_EQ(told["processes"], "17");
    told = worker.ask("self");
    for (const auto& [key, value] : descriptors) {
        if (key.starts_with("fd")) {
            EXPECT_EQ(told[key], value);
        }
    }
}

TEST_F(Standby, LimitsOfItsGroupAreThoseOfTheFunction) {
    if (!client_->groups().limits_memory()) GTEST_SKIP() << "no control group for memory";
    ApiWorker worker(folder_);
    order_standby(worker);
    ASSERT_TRUE(start(worker));
    ASSERT_EQ(assign(request()).error_code, 0);
    EXPECT_EQ(worker.ask("eat 150")["eaten_mib"], "150") << "more than it had while it stood by";
    worker.say("eat 400");
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::exited);
    EXPECT_TRUE(event->out_of_memory);
}

TEST_F(Standby, IsAssignedOnceAndByNobodyElse) {
    ApiWorker worker(folder_);
    order_standby(worker);
    ASSERT_TRUE(start(worker));
    ASSERT_EQ(assign(request()).error_code, 0);
    auto other = request();
    other.artifact_dir = folder_.path() + "/secret";
    EXPECT_EQ(assign(other).error_code, EBUSY);
    const auto end = next_event(*client_);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->kind, MessageKind::exited) << "the server's books are not to be trusted then";

    ApiWorker ordinary(folder_, 2);
    ordinary.order.runtime = runtime::Kind::nodejs;
    ordinary.order.handler = "a.b";
    ASSERT_TRUE(start(ordinary));
    EXPECT_EQ(assign(request(2)).error_code, EBUSY);
    (void)next_event(*client_);
    EXPECT_EQ(assign(request(77)).error_code, ESRCH);
}

TEST_F(Standby, TheWardenIsBackWhereItWas) {
    std::vector<std::unique_ptr<ApiWorker>> workers;
    for (std::uint64_t id = 1; id <= 3; ++id) {
        workers.push_back(std::make_unique<ApiWorker>(folder_, id));
        order_standby(*workers.back());
        ASSERT_TRUE(start(*workers.back()));
        ASSERT_EQ(assign(request(id)).error_code, 0);
    }
    const std::string warden = "/proc/" + std::to_string(client_->pid());
    EXPECT_EQ(std::filesystem::read_symlink(warden + "/ns/mnt"),
              std::filesystem::read_symlink("/proc/self/ns/mnt"));
    EXPECT_EQ(std::filesystem::read_symlink(warden + "/root"), "/");
    EXPECT_EQ(std::filesystem::read_symlink(warden + "/cwd"), "/");
}

TEST_F(Standby, AnArtifactThatIsNotThereEndsTheWorker) {
    ApiWorker worker(folder_);
    order_standby(worker);
    ASSERT_TRUE(start(worker));
    auto wanted = request();
    wanted.artifact_dir = folder_.path() + "/nothing";
    const warden::Event answer = assign(wanted);
    EXPECT_EQ(answer.error_code, ENOENT);
    EXPECT_NE(answer.text.find("/nothing"), std::string::npos) << answer.text;
    const auto end = next_event(*client_);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->kind, MessageKind::exited);
    EXPECT_EQ(processes_of_workers(), 0);
}

TEST_F(Standby, NothingIsLeftOfThem) {
    const std::string owner = client_->groups().owner();
    ApiWorker waiting(folder_, 1);
    ApiWorker assigned(folder_, 2);
    for (ApiWorker* worker : {&waiting, &assigned}) {
        order_standby(*worker);
        ASSERT_TRUE(start(*worker));
    }
    ASSERT_EQ(assign(request(2)).error_code, 0);
    client_.reset();
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(read_all("/proc/self/mountinfo").find(folder_.path()), std::string::npos);
}

}  // namespace
}  // namespace skerry::test
