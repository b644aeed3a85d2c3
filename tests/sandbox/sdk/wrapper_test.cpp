// skerry.hpp in a process of its own, against a real channel.
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "sandbox/sdk/skerry.hpp"
#include "tests/sandbox/core_side.hpp"
#include "tests/sandbox/sdk/no_exceptions.hpp"
#include "tests/sandbox/sdk/worker_process.hpp"

namespace skerry::test {
namespace {

constexpr std::uint32_t kAreaBytes = 200;

class Wrapper : public ::testing::Test {
  protected:
    void make(std::uint32_t slots = 1) {
        auto channel = channel::create_channel(
            {.slots = slots, .request_area_bytes = kAreaBytes, .response_area_bytes = kAreaBytes});
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(channel && doorbells);
        channel_.emplace(std::move(channel).value());
        doorbells_ = std::move(*doorbells);
        core_.emplace(*channel_, doorbells_, kAreaBytes);
    }
    std::vector<int> fds() const {
        return {channel_->memfd.get(), doorbells_.fd.get(), channel_->wake.get(),
                channel_->ready.get(), channel_->done[0].get()};
    }
    void expect(const std::string& asked, std::uint32_t status, const std::string& bytes) {
        const Answer answer = core_->ask(asked);
        EXPECT_EQ(answer.status, status) << asked;
        EXPECT_EQ(answer.bytes, bytes) << asked;
    }
    // Answers of several slots, in whatever order they come.
    std::map<std::uint32_t, std::string> collect(std::uint64_t slots) {
        std::map<std::uint32_t, std::string> found;
        while (slots != 0) {
            const std::uint64_t done = core_->wait_done();
            if (done == 0) break;
            for (std::uint32_t i = 0; i < 64; ++i)
                if ((done >> i & 1) != 0) found[i] = core_->answer(i).bytes;
            slots &= ~done;
        }
        return found;
    }

    std::optional<channel::HostChannel> channel_;
    channel::Doorbells doorbells_;
    std::optional<CoreSide> core_;
};

Reply by_order(Invocation& call) {
    const std::string_view order = call.payload();
    if (order == "error") return error("wrong order");
    if (order == "throw") throw std::runtime_error("went wrong");
    if (order == "throw number") throw 7;
    if (order == "long") return std::string(kAreaBytes + 1, 'x');
    if (order == "long error") return error(std::string(kAreaBytes + 1, 'e'));
    if (order == "in place") {
        std::memset(call.response().data, 'p', call.response().bytes);
        (void)call.respond_in_place(call.response().bytes);
        return "not sent: it was answered";
    }
    if (order == "answered, then throw") {
        (void)call.respond("answered");
        throw std::runtime_error("too late");
    }
    if (order == "ids")
        return Invocation::hex(call.request_id()) + " " + Invocation::hex(call.trace_id());
    if (order == "time") return call.remaining_us() > 4'000'000 ? "left" : "none left";
    return std::string(order);
}

TEST_F(Wrapper, AnswersWhatTheHandlerMakes) {
    make();
    WorkerProcess worker(fds(), [] { return serve(by_order); });
    expect("echo", SKERRY_OK, "echo");
    expect("", SKERRY_OK, "");
    expect("error", SKERRY_FUNCTION_ERROR, "wrong order");
    expect("throw", SKERRY_FUNCTION_ERROR, "went wrong");
    expect("throw number", SKERRY_FUNCTION_ERROR,
           "the function threw something that is no std::exception");
    expect("long", SKERRY_FUNCTION_ERROR, "the answer has 201 bytes, allowed 200");
    expect("long error", SKERRY_FUNCTION_ERROR, std::string(kAreaBytes, 'e'));
    expect("in place", SKERRY_OK, std::string(kAreaBytes, 'p'));
    expect("answered, then throw", SKERRY_OK, "answered");
    expect("ids", SKERRY_OK, "000000000000000b000000000000000c 00000000000000150000000000000016");
    expect("time", SKERRY_OK, "left");
    expect("echo", SKERRY_OK, "echo");
}

TEST_F(Wrapper, TakesHandlersOfSeveralKinds) {
    make();
    {
        WorkerProcess worker(
            fds(), [] { return serve([](Invocation& call) { (void)call.respond("itself"); }); });
        expect("", SKERRY_OK, "itself");
    }
    make();
    {
        WorkerProcess worker(fds(), [] { return serve([](Invocation&) {}); });
        expect("", SKERRY_OK, "");
    }
    make();
    WorkerProcess worker(
        fds(), [] { return serve([](Invocation& call) { return call.payload().substr(1); }); });
    expect("abc", SKERRY_OK, "bc");
}

TEST_F(Wrapper, EndsWithoutAChannel) {
    WorkerProcess worker({}, [] { return serve([](Invocation&) {}); });
    EXPECT_EQ(worker.wait(), 1);
}

TEST_F(Wrapper, AnswersEachOnceAndOnlyOnce) {
    make();
    WorkerProcess worker(fds(), [] {
        skerry_invocation taken;
        WORKER_EXPECT(skerry_next(&taken) == 0);
        { Invocation forgotten(taken); }
        WORKER_EXPECT(skerry_next(&taken) == 0);
        Invocation first(taken);
        Invocation second(std::move(first));
        WORKER_EXPECT(!first.outstanding() && second.outstanding());
        WORKER_EXPECT(!first.respond("no"));
        WORKER_EXPECT(!second.respond(std::string(kAreaBytes + 1, 'x')) && second.outstanding());
        WORKER_EXPECT(second.respond("yes") && !second.respond("again") && !second.fail("nor"));
        return 0;
    });
    expect("", SKERRY_FUNCTION_ERROR, "the function did not answer");
    expect("", SKERRY_OK, "yes");
    EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Wrapper, ServesManyInAnyOrder) {
    make(4);
    for (std::uint32_t i = 0; i < 4; ++i) core_->submit(i, i == 2 ? "throw" : std::to_string(i));
    WorkerProcess worker(fds(), [] {
        std::vector<Invocation> kept;
        return serve_many(
            [&kept](Invocation&& call) {
                if (call.payload() == "throw") throw std::runtime_error("not this one");
                kept.push_back(std::move(call));
            },
            [&kept] {
                if (kept.empty()) return kept.size();
                (void)kept.back().respond("<" + std::string(kept.back().payload()) + ">");
                kept.pop_back();
                return kept.size();
            });
    });
    const std::map<std::uint32_t, std::string> expected = {
        {0, "<0>"}, {1, "<1>"}, {2, "not this one"}, {3, "<3>"}};
    EXPECT_EQ(collect(15), expected);
    core_->submit(1, "later");
    EXPECT_EQ(collect(2), (std::map<std::uint32_t, std::string>{{1, "<later>"}}));
}

TEST_F(Wrapper, WorksWithoutExceptions) {
    make();
    WorkerProcess worker(fds(), serve_without_exceptions);
    expect("abc", SKERRY_OK, "abc!");
    expect("", SKERRY_FUNCTION_ERROR, "nothing was asked");
}

}  // namespace
}  // namespace skerry::test
