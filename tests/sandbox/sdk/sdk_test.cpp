// The SDK in a process of its own, against a real channel.
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <memory>
#include <optional>
#include <string>

#include "sandbox/sdk/skerry.h"
#include "tests/sandbox/core_side.hpp"
#include "tests/sandbox/sdk/worker_process.hpp"

namespace skerry::test {
namespace {

constexpr std::uint32_t kRequestBytes = 300;
constexpr std::uint32_t kResponseBytes = 200;

std::string payload_of(const skerry_invocation& inv) {
    return std::string(static_cast<const char*>(inv.payload), inv.payload_bytes);
}

// Answers what it is asked, until it is asked to end.
int echo() {
    skerry_invocation inv;
    while (skerry_next(&inv) == 0) {
        const std::string payload = payload_of(inv);
        const std::string answer = "<" + payload + ">";
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, answer.data(), answer.size()) == 0);
        if (payload == "end") return 0;
    }
    return 1;
}

class Sdk : public ::testing::Test {
  protected:
    void make(std::uint32_t slots = 1, std::uint32_t spin_us = 0, std::uint32_t ahead = 0) {
        auto channel = channel::create_channel({.slots = slots,
                                                .request_area_bytes = kRequestBytes,
                                                .response_area_bytes = kResponseBytes,
                                                .core_count = 2,
                                                .spin_us = spin_us,
                                                .ahead_slots = ahead});
        ASSERT_TRUE(channel);
        channel_.emplace(std::move(channel).value());
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
        core_.emplace(*channel_, doorbells_, kRequestBytes, 0);
        other_core_.emplace(*channel_, doorbells_, kRequestBytes, 1);
    }
    std::vector<int> fds() const {
        return {channel_->memfd.get(), doorbells_.fd.get(),     channel_->wake.get(),
                channel_->ready.get(), channel_->done[0].get(), channel_->done[1].get()};
    }
    channel::ChannelHeader& header() { return core_->header(); }

    std::optional<channel::HostChannel> channel_;
    channel::Doorbells doorbells_;
    std::optional<CoreSide> core_;
    std::optional<CoreSide> other_core_;
};

TEST_F(Sdk, AnswersRequestAfterRequest) {
    make();
    WorkerProcess worker(fds(), echo);
    ASSERT_TRUE(readable(channel_->ready.get()));
    for (int i = 0; i < 100; ++i) {
        const std::string payload = std::to_string(i);
        const Answer answer = core_->ask(payload);
        EXPECT_EQ(answer.bytes, "<" + payload + ">");
        EXPECT_EQ(answer.sequence, static_cast<std::uint64_t>(i) + 1);
        EXPECT_EQ(answer.status, 0u);
    }
    core_->ask("end");
    EXPECT_EQ(worker.wait(), 0);
    // Initialisation was told of once.
    std::uint64_t rings = 0;
    ASSERT_EQ(::read(channel_->ready.get(), &rings, sizeof rings), 8);
    EXPECT_EQ(rings, 1u);
}

TEST_F(Sdk, SpinsWhenItMay) {
    make(1, 50);
    WorkerProcess worker(fds(), echo);
    for (int i = 0; i < 2000; ++i)
        ASSERT_EQ(core_->ask(std::to_string(i)).bytes, "<" + std::to_string(i) + ">");
    core_->ask("end");
    EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Sdk, AnswersARequestThatWasThereBeforeIt) {
    make();
    core_->submit(0, "end");
    WorkerProcess worker(fds(), echo);
    EXPECT_EQ(core_->wait_done(), 1u);
    EXPECT_EQ(core_->answer(0).bytes, "<end>");
    EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Sdk, TellsTheFunctionAllAboutTheRequest) {
    make();
    WorkerProcess worker(fds(), [] {
        skerry_invocation inv;
        timespec now;
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        const std::uint64_t before_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                                        static_cast<std::uint64_t>(now.tv_nsec);
        WORKER_EXPECT(skerry_next(&inv) == 0);
        WORKER_EXPECT(inv.payload != nullptr && inv.payload_bytes == 0);
        WORKER_EXPECT(inv.response_capacity == kResponseBytes);
        WORKER_EXPECT(inv.request_id[0] == 11 && inv.request_id[1] == 12);
        WORKER_EXPECT(inv.trace_id[0] == 21 && inv.trace_id[1] == 22);
        WORKER_EXPECT(inv.deadline_ns >= before_ns + 5'000'000'000);
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, nullptr, 0) == 0);
        return 0;
    });
    const Answer answer = core_->ask("");
    EXPECT_EQ(answer.bytes, "");
    EXPECT_EQ(answer.sequence, 1u);
    EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Sdk, TellsTheFunctionWhatTheCallerSaysAboutItself) {
    make();
    WorkerProcess worker(fds(), [] {
        skerry_invocation inv;
        std::size_t bytes = 7;
        WORKER_EXPECT(skerry_next(&inv) == 0);
        WORKER_EXPECT(skerry_client_context(&inv, &bytes) == nullptr && bytes == 0);
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, nullptr, 0) == 0);
        WORKER_EXPECT(skerry_next(&inv) == 0);
        const void* context = skerry_client_context(&inv, &bytes);
        WORKER_EXPECT(inv.payload_bytes == 3 && bytes == 2 && context != nullptr);
        WORKER_EXPECT(std::memcmp(context, "{}", 2) == 0);
        WORKER_EXPECT(skerry_client_context(&inv, nullptr) == context);
        WORKER_EXPECT(skerry_client_context(nullptr, &bytes) == nullptr && bytes == 0);
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, nullptr, 0) == 0);
        return 0;
    });
    (void)core_->ask("");
    core_->submit(0, "abc", "{}");
    EXPECT_EQ(core_->wait_done(), 1u);
    EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Sdk, TakesAnAnswerWrittenInPlaceAndAFailure) {
    make();
    WorkerProcess worker(fds(), [] {
        skerry_invocation inv;
        WORKER_EXPECT(skerry_next(&inv) == 0);
        std::memset(inv.response, 'r', inv.response_capacity);
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, inv.response, inv.response_capacity) == 0);
        WORKER_EXPECT(skerry_next(&inv) == 0);
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_FUNCTION_ERROR, "went wrong", 10) == 0);
        return 0;
    });
    EXPECT_EQ(core_->ask("").bytes, std::string(kResponseBytes, 'r'));
    const Answer failure = core_->ask("");
    EXPECT_EQ(failure.status, 1u);
    EXPECT_EQ(failure.bytes, "went wrong");
    EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Sdk, RefusesAnswersThatAreNotOne) {
    make();
    WorkerProcess worker(fds(), [] {
        const auto refused = [](const skerry_invocation* inv, skerry_status status,
                                const void* data, size_t bytes, int error) {
            errno = 0;
            return skerry_respond(inv, status, data, bytes) == -1 && errno == error;
        };
        static char much[kResponseBytes + 1];
        skerry_invocation inv{};
        WORKER_EXPECT(refused(&inv, SKERRY_OK, "x", 1, EINVAL));  // before there is any
        WORKER_EXPECT(skerry_next(nullptr) == -1 && errno == EINVAL);
        WORKER_EXPECT(skerry_next(&inv) == 0);
        WORKER_EXPECT(refused(nullptr, SKERRY_OK, "x", 1, EINVAL));
        WORKER_EXPECT(refused(&inv, static_cast<skerry_status>(2), "x", 1, EINVAL));
        WORKER_EXPECT(refused(&inv, SKERRY_OK, nullptr, 1, EINVAL));
        WORKER_EXPECT(refused(&inv, SKERRY_OK, much, sizeof much, EMSGSIZE));
        skerry_invocation forged = inv;
        forged.slot = 1;
        WORKER_EXPECT(refused(&forged, SKERRY_OK, "x", 1, EINVAL));
        forged = inv;
        ++forged.sequence;
        WORKER_EXPECT(refused(&forged, SKERRY_OK, "x", 1, EINVAL));
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, "good", 4) == 0);  // it still may be
        WORKER_EXPECT(refused(&inv, SKERRY_OK, "twice", 5, EINVAL));
        return 0;
    });
    EXPECT_EQ(core_->ask("").bytes, "good");
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(channel::take_done(header().done[0]), 0u);
}

TEST_F(Sdk, TakesSeveralAndAnswersThemInAnyOrderToTheirCores) {
    make(3);
    core_->submit(0, "a");
    other_core_->submit(1, "b");
    core_->submit(2, "c");
    WorkerProcess worker(fds(), [] {
        WORKER_EXPECT(skerry_concurrency() == 3);
        skerry_invocation inv[3];
        skerry_invocation none;
        for (skerry_invocation& one : inv) WORKER_EXPECT(skerry_try_next(&one) == 0);
        WORKER_EXPECT(skerry_try_next(&none) == 1);
        for (const int i : {2, 0, 1}) {
            const std::string answer = payload_of(inv[i]) + payload_of(inv[i]);
            WORKER_EXPECT(skerry_respond(&inv[i], SKERRY_OK, answer.data(), answer.size()) == 0);
        }
        return 0;
    });
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(core_->wait_done(), 0b101u);
    EXPECT_EQ(other_core_->wait_done(), 0b010u);
    EXPECT_EQ(core_->answer(0).bytes, "aa");
    EXPECT_EQ(other_core_->answer(1).bytes, "bb");
    EXPECT_EQ(core_->answer(2).bytes, "cc");
}

TEST_F(Sdk, WorksWithAllSlots) {
    make(channel::kMaxSlotsPerChannel);
    WorkerProcess worker(fds(), echo);
    for (std::uint32_t i = 0; i < channel::kMaxSlotsPerChannel; ++i)
        core_->submit(i, std::to_string(i));
    std::uint64_t answered = 0;
    while (~answered != 0) {
        const std::uint64_t bits = core_->wait_done();
        ASSERT_NE(bits, 0u);
        EXPECT_EQ(answered & bits, 0u);
        answered |= bits;
    }
    for (std::uint32_t i = 0; i < channel::kMaxSlotsPerChannel; ++i)
        EXPECT_EQ(core_->answer(i).bytes, "<" + std::to_string(i) + ">");
}

// What was handed over ahead: in order, one at a time, and no bit taken before its turn.
TEST_F(Sdk, TakesTheNextOneWhenTheOneBeforeIsAnswered) {
    make(1, 0, 3);
    EXPECT_EQ(header().worker.takes_singly.load(), 0u);
    for (std::uint32_t i = 0; i < 4; ++i) core_->submit(i, std::to_string(i));
    core_->slot(1).deadline_ns = 77;
    WorkerProcess worker(fds(), [this] {
        skerry_invocation inv, none;
        WORKER_EXPECT(skerry_concurrency() == 1);
        for (std::uint32_t i = 0; i < 4; ++i) {
            WORKER_EXPECT(skerry_next(&inv) == 0 && payload_of(inv) == std::to_string(i));
            WORKER_EXPECT((inv.deadline_ns == 77) == (i == 1));
            WORKER_EXPECT(skerry_try_next(&none) == 1);
            WORKER_EXPECT(header().worker.begun_slot.load() == i);
            WORKER_EXPECT(header().pending.slots.load() == (0b1110u << i & 0b1111u));
            WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, "x", 1) == 0);
        }
        WORKER_EXPECT(skerry_next(&inv) == 0 && inv.slot == 3);  // the circle goes on behind it
        WORKER_EXPECT(skerry_respond(&inv, SKERRY_OK, "y", 1) == 0);
        WORKER_EXPECT(skerry_next(&inv) == 0 && inv.slot == 0);
        return 0;
    });
    std::uint64_t answered = 0;
    while (answered != 0b1111) answered |= core_->wait_done();
    EXPECT_EQ(header().worker.takes_singly.load(), 1u);
    core_->submit(3, "again");
    EXPECT_EQ(core_->wait_done(), 0b1000u);
    core_->submit(0, "end");
    EXPECT_EQ(worker.wait(), 0);
}

TEST_F(Sdk, SkipsRequestsThatCannotBe) {
    make(3);
    core_->submit(0, "too long");
    core_->slot(0).request_bytes = kRequestBytes + 1;
    core_->submit(1, "for a core that is not there");
    core_->slot(1).reply_core = 2;
    core_->submit(2, "end");
    (void)channel::post(header().pending, header().worker_asleep, ~std::uint64_t{0});
    WorkerProcess worker(fds(), echo);
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(core_->wait_done(), 0b100u);
    EXPECT_EQ(core_->answer(2).bytes, "<end>");
}

TEST_F(Sdk, DoesNotPassItsDescriptorsOn) {
    make();
    core_->submit(0, "");
    WorkerProcess worker(fds(), [] {
        skerry_invocation inv;
        WORKER_EXPECT(skerry_next(&inv) == 0);
        for (int fd = 3; fd <= 8; ++fd) WORKER_EXPECT(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
        return 0;
    });
    EXPECT_EQ(worker.wait(), 0);
}

// How skerry_next fails with these descriptors: the errno; 0: it did not.
int failure(const std::vector<int>& fds) {
    WorkerProcess worker(fds, [] {
        skerry_invocation inv;
        if (skerry_next(&inv) == 0) return 0;
        const int error = errno;
        WORKER_EXPECT(skerry_try_next(&inv) == -1 && errno == error);
        WORKER_EXPECT(skerry_concurrency() == 0);
        return error;
    });
    return worker.wait();
}

TEST_F(Sdk, SaysWhenItWasNotStartedBySkerry) {
    EXPECT_EQ(failure({}), EBADF);
    make();
    const auto whole = fds();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto lacking = whole;
        lacking[i] = -1;
        EXPECT_EQ(failure(lacking), EBADF) << "without " << i + 3;
    }
    auto odd = whole;
    odd[0] = whole[2];  // an eventfd is no channel
    EXPECT_EQ(failure(odd), EPROTO);
}

TEST_F(Sdk, SaysWhenTheChannelIsOfAnotherAbi) {
    const auto failure_with = [this](auto change) {
        make();
        change(header());
        return failure(fds());
    };
    using Header = channel::ChannelHeader;
    EXPECT_EQ(failure_with([](Header& h) { h.magic = 1; }), EPROTO);
    EXPECT_EQ(failure_with([](Header& h) { ++h.abi_version; }), EPROTO);
    EXPECT_EQ(failure_with([](Header& h) { h.slot_count = 0; }), EPROTO);
    EXPECT_EQ(failure_with([](Header& h) { h.slot_count = 65; }), EPROTO);
    EXPECT_EQ(failure_with([](Header& h) { h.slot_count = 64; }), EPROTO);  // the file is too small
    EXPECT_EQ(failure_with([](Header& h) { h.ahead_slots = 64; }), EPROTO);
    EXPECT_EQ(failure_with([](Header& h) { h.ahead_slots = 63; }), EPROTO);  // too small for them
    EXPECT_EQ(failure_with([](Header& h) { h.core_count = 17; }), EPROTO);
    EXPECT_EQ(failure_with([](Header& h) { h.slot_stride += 64; }), EPROTO);
    EXPECT_EQ(failure_with([](Header& h) { h.request_area_bytes = ~0u; }), EPROTO);
}

}  // namespace
}  // namespace skerry::test
