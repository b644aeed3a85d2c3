// Blanks: restorers that wait in a jail, and become copies of what they are given. Needs root.
#include <cerrno>
#include <csignal>

#include "sandbox/template/layout.hpp"
#include "tests/sandbox/warden/blanks.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

class Blank : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
        auto client = warden::Client::start(folder_.options());
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
        snapshot_ = take_template(*client_, folder_, doorbells_, 1000);
        ASSERT_TRUE(snapshot_);
    }
    std::unique_ptr<Place> place(std::uint64_t id) {
        return std::make_unique<Place>(folder_, doorbells_, id);
    }
    // It has executed the restorer. Its process, as /proc has it.
    pid_t start_blank(const Place& place) {
        EXPECT_TRUE(client_->spawn(blank_order(place)));
        const auto event = next_event(*client_);
        if (!event || event->kind != MessageKind::spawned) {
            ADD_FAILURE() << (event ? event->text : "no event");
            return -1;
        }
        return event->pid;
    }
    // The warden's answer.
    warden::Event assign(const warden::AssignRequest& request) {
        EXPECT_TRUE(client_->assign(request));
        auto event = next_event(*client_);
        EXPECT_TRUE(event);
        if (!event) return {};
        EXPECT_EQ(event->kind, MessageKind::assigned);
        return std::move(*event);
    }
    void become_copy(Place& place) {
        start_blank(place);
        const warden::Event answer = assign(request_for(place, snapshot_.get()));
        ASSERT_EQ(answer.error_code, 0) << answer.text;
        EXPECT_GT(answer.phases.mounts_us, 0u);
        ASSERT_TRUE(place.wait_ready()) << read_all(folder_.log());
    }
    void become_ordinary_copy(Place& place) {
        place.order.start = warden::Start::copy;
        place.order.snapshot_fd = snapshot_.get();
        ASSERT_TRUE(client_->spawn(place.order));
        ASSERT_EQ(next_event(*client_)->kind, MessageKind::spawned);
        ASSERT_TRUE(place.wait_ready()) << read_all(folder_.log());
    }
    void expect_ended(std::uint64_t id) {
        const auto end = next_event(*client_);
        ASSERT_TRUE(end);
        EXPECT_EQ(end->kind, MessageKind::exited);
        EXPECT_EQ(end->worker_id, id);
    }

    Folder folder_;
    channel::Doorbells doorbells_;
    std::optional<warden::Client> client_;
    UniqueFd snapshot_;
};

// A log that is a file, as here, has a limit of its own, which comes with an order to start.
std::map<std::string, std::string> ask(Place& place, const char* question) {
    auto told = parse(place.core.ask(question).bytes);
    told.erase("fsize");
    return told;
}

TEST_F(Blank, IsLikeACopyThatWasStartedAsOne) {
    auto blank = place(1), copy = place(2);
    // Something else than it had while it stood by.
    for (Place* each : {blank.get(), copy.get()}) {
        each->order.memory_mib = 300;
        each->order.tmp_mib = 3;
        each->order.pids_max = 17;
        each->order.cpu_percent = 50;
    }
    become_copy(*blank);
    become_ordinary_copy(*copy);
    if (HasFatalFailure()) return;
    EXPECT_EQ(parse(blank->core.ask("identity").bytes)["fds"], "0,1,2,3,4,5,6,7,8");
    for (const char* question : {"identity", "limits", "files", "doorbells"})
        EXPECT_EQ(ask(*blank, question), ask(*copy, question)) << question;
    EXPECT_EQ(parse(blank->core.ask("limits").bytes)["fsize"], "3145728/3145728");
    auto own = parse(blank->core.ask("namespaces").bytes);
    for (const auto& [kind, name] : parse(copy->core.ask("namespaces").bytes))
        EXPECT_NE(own[kind], name) << kind;
}

TEST_F(Blank, OfADefaultFunctionHasItsLimitsToo) {
    auto blank = place(1), copy = place(2);
    for (Place* each : {blank.get(), copy.get()}) {
        each->order.memory_mib = 128;
        each->order.tmp_mib = 16;
    }
    become_copy(*blank);
    become_ordinary_copy(*copy);
    if (HasFatalFailure()) return;
    for (const char* question : {"limits", "files"})
        EXPECT_EQ(ask(*blank, question), ask(*copy, question));
}

TEST_F(Blank, HasNothingWhileItWaitsButItsLogAndItsLink) {
    const auto waiting = place(1);
    const std::string process = "/proc/" + std::to_string(start_blank(*waiting));
    std::map<int, std::string> open;
    for (const auto& each : std::filesystem::directory_iterator(process + "/fd"))
        open[std::stoi(each.path().filename())] = std::filesystem::read_symlink(each.path());
    ASSERT_EQ(open.size(), 4u);
    EXPECT_EQ(open[0], "/dev/null");
    EXPECT_EQ(open[1], open[2]);
    EXPECT_EQ(open[snapshot::kSnapshotFd].rfind("socket:", 0), 0u);
    EXPECT_EQ(read_all(process + "/mountinfo").find(folder_.path()), std::string::npos)
        << "no function's files";
    EXPECT_EQ(read_all(process + "/environ"), "");
    const std::string status = read_all(process + "/status");
    EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos);
    EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
    EXPECT_NE(status.find("CapBnd:\t0000000000000000"), std::string::npos);
    EXPECT_EQ(std::filesystem::read_symlink(process + "/exe").string().rfind("/memfd:", 0), 0u);
}

TEST_F(Blank, IsAssignedOnceAndByNobodyElse) {
    auto one = place(1);
    become_copy(*one);
    EXPECT_EQ(assign(request_for(*one, snapshot_.get())).error_code, EBUSY);
    expect_ended(1);
    auto ordinary = place(2);
    become_ordinary_copy(*ordinary);
    EXPECT_EQ(assign(request_for(*ordinary, snapshot_.get())).error_code, EBUSY);
    expect_ended(2);
}

TEST_F(Blank, BecomesNothingOfAnotherKind) {
    const auto one = place(1), two = place(2);
    start_blank(*one);
    auto request = request_for(*one, snapshot_.get());
    request.runtime = runtime::Kind::python3;
    request.core_count = 0;
    request.fds = {snapshot_.get()};
    EXPECT_EQ(assign(request).error_code, EINVAL);
    expect_ended(1);
    start_blank(*two);
    request = {.worker_id = 2, .artifact_dir = folder_.artifact()};
    EXPECT_EQ(assign(request).error_code, EINVAL) << "as one of Node.js";
    expect_ended(2);
}

TEST_F(Blank, GivenASnapshotThatIsNoneEndsWithAWord) {
    const auto waiting = place(1);
    start_blank(*waiting);
    UniqueFd nothing(::memfd_create("nothing", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(nothing.get(), 4 << 20), 0);
    const UniqueFd again(
        ::open(("/proc/self/fd/" + std::to_string(nothing.get())).c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(assign(request_for(*waiting, again.get())).error_code, 0);
    const auto end = next_event(*client_);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->exit_code, snapshot::kRestoreFailedExit);
    EXPECT_NE(read_all(folder_.log()).find("skerry-restore: "), std::string::npos);
}

TEST_F(Blank, NothingIsLeftOfThem) {
    auto waiting = place(1), assigned = place(2);
    start_blank(*waiting);
    become_copy(*assigned);
    client_.reset();
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(read_all("/proc/self/mountinfo").find(folder_.path()), std::string::npos);
}

}  // namespace
}  // namespace skerry::test
