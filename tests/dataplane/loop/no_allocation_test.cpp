// The packet path allocates nothing: jemalloc's counters of this thread stand still over a million
// packets of every common kind.
#include <jemalloc/jemalloc.h>

#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

std::uint64_t allocated_bytes() {
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    EXPECT_EQ(mallctl("thread.allocated", &bytes, &size, nullptr, 0), 0);
    return bytes;
}

const std::string kAnswer = "answer";

class NoAllocation : public LoopTest {};

TEST_F(NoAllocation, OverAMillionPackets) {
    info.reply_window_ms = 1;  // ids are forgotten quickly: a test in one minute, not in five
    info.reply_cache_entries = 1 << 20;
    start();
    PlayedWorker worker(shared, 0, 16);
    const wire::Header refused = [&] {
        wire::Header header = request_header(shared, client(), 0);
        header.function_key.set(0x9999);
        return header;
    }();
    const wire::Header good = request_header(shared, client(), 0);
    std::uint64_t packets = 0;
    std::uint64_t id = 0;
    std::uint64_t inside = 0;
    while (packets < 1'000'000) {
        for (int i = 0; i < 16; ++i, ++id) {
            wire::Header header = i % 2 == 0 ? good : refused;
            header.request_id_lo.set(i % 4 == 3 ? id - 2 : id);  // some are retransmits
            send(client(), header, "payload");
        }
        // Only the packet path between the two looks: the harness itself may allocate.
        const std::uint64_t before = allocated_bytes();
        core->turn();
        for (std::uint64_t slots = worker.take(); slots != 0; slots &= slots - 1)
            worker.respond(static_cast<std::uint32_t>(std::countr_zero(slots)), kAnswer);
        core->turn();
        inside += allocated_bytes() - before;
        drop_sent();
        packets += 16;
    }
    EXPECT_EQ(inside, 0u);
    EXPECT_GT(count(Reason::served_local), 100'000u);
    EXPECT_GT(count(Reason::refused_no_function), 100'000u);
}

}  // namespace
}  // namespace skerry::test
