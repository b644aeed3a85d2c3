// What a dataplane core does with a channel, with poll() in place of io_uring: for tests that talk
// to a real worker.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <cstring>
#include <string>

#include "sandbox/channel/handover.hpp"
#include "sandbox/channel/host.hpp"

namespace skerry::test {

// Nothing here is slow: whoever waits this long waits for something that does not come.
inline constexpr int kPatienceMs = 20'000;

inline bool readable(int fd, int timeout_ms = kPatienceMs) {
    pollfd waiting{fd, POLLIN, 0};
    int ready;
    do ready = ::poll(&waiting, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

struct Answer {
    std::uint64_t sequence = 0;
    std::uint32_t status = 0;
    std::string bytes;
};

class CoreSide {
  public:
    CoreSide(channel::HostChannel& channel, channel::Doorbells& doorbells, std::uint32_t request,
             std::uint32_t core = 0)
        : channel_(channel), doorbells_(doorbells), request_area_bytes_(request), core_(core) {}

    channel::ChannelHeader& header() {
        return *reinterpret_cast<channel::ChannelHeader*>(channel_.base);
    }
    channel::SlotControl& slot(std::uint32_t index) {
        return *reinterpret_cast<channel::SlotControl*>(channel_.base + channel::kHeaderBytes +
                                                        std::size_t{index} * channel_.slot_stride);
    }
    std::byte* request_area(std::uint32_t index) {
        return reinterpret_cast<std::byte*>(&slot(index)) + channel::kSlotControlBytes;
    }
    std::byte* response_area(std::uint32_t index) {
        return request_area(index) + channel::round_up_64(request_area_bytes_);
    }

    // Returns the sequence number of the request.
    std::uint64_t submit(std::uint32_t index, const std::string& payload,
                         const std::string& context = "") {
        channel::SlotControl& control = slot(index);
        control.request_seq = ++sequence_;
        control.request_id_hi = 11;
        control.request_id_lo = 12;
        control.trace_id_hi = 21;
        control.trace_id_lo = 22;
        control.request_bytes = static_cast<std::uint32_t>(payload.size());
        control.context_bytes = static_cast<std::uint32_t>(context.size());
        control.deadline_us = 5'000'000;
        control.reply_core = core_;
        std::memcpy(request_area(index), payload.data(), payload.size());
        std::memcpy(request_area(index) + payload.size(), context.data(), context.size());
        if (channel::post(header().pending, header().worker_asleep, std::uint64_t{1} << index))
            ring(channel_.wake.get());
        return sequence_;
    }

    // Waits for answers; 0: none came. The bits are not checked against what was asked.
    std::uint64_t wait_done() {
        channel::DoneLine& done = header().done[core_];
        channel::CoreDoorbell& own = doorbells_.lines[core_];
        while (true) {
            if (const std::uint64_t bits = channel::take_done(done); bits != 0) return bits;
            channel::announce_sleep(own);
            bool rung = true;
            if (!channel::any_done(done)) rung = readable(channel_.done[core_].get());
            channel::woken(own);
            std::uint64_t drained;
            (void)!::read(channel_.done[core_].get(), &drained, sizeof drained);
            if (!rung) return channel::take_done(done);
        }
    }

    Answer answer(std::uint32_t index) {
        const channel::SlotControl& control = slot(index);
        return Answer{control.response_seq, control.response_status,
                      std::string(reinterpret_cast<const char*>(response_area(index)),
                                  control.response_bytes)};
    }

    // One request in slot 0, and its answer.
    Answer ask(const std::string& payload) {
        submit(0, payload);
        EXPECT_EQ(wait_done(), 1u);
        return answer(0);
    }

    static void ring(int fd) {
        const std::uint64_t one = 1;
        (void)!::write(fd, &one, sizeof one);
    }

  private:
    channel::HostChannel& channel_;
    channel::Doorbells& doorbells_;
    std::uint32_t request_area_bytes_;
    std::uint32_t core_;
    std::uint64_t sequence_ = 0;
};

}  // namespace skerry::test
