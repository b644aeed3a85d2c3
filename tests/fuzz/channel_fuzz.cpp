// The fuzzer plays a hostile worker against the real dispatcher: it writes anywhere in the channel
// at any time, claims slots it was not given, answers too early, too late, twice or never. Whatever
// it does, no invocation and no slot may be lost, and nothing outside the channel is touched
// (AddressSanitizer).
#include <sys/mman.h>

#include <cstring>

#include "dataplane/dispatch/dispatcher.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"
#include "sandbox/channel/handover.hpp"
#include "tools/bench.d/rig.hpp"

namespace {

using namespace skerry;

constexpr std::uint32_t kSlots = 4;
constexpr std::uint32_t kAreaBytes = 256;
constexpr std::uint64_t kAllSlots = (std::uint64_t{1} << kSlots) - 1;

bench::Rig& rig() {
    static bench::Rig* made = [] {
        bench::start_eal(64);
        return new bench::Rig({.devargs = "net_null0",
                               .mbufs = 1023,
                               .reply_cache_entries = 1024,
                               .reply_window_ms = 0});
    }();
    return *made;
}

// Fuzzer's bytes, read as small numbers until they run out.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    bool empty() const { return at_ == end_; }
    std::uint8_t byte() { return empty() ? 0 : *at_++; }
    std::uint64_t word() {
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i) value = value << 8 | byte();
        return value;
    }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

void start_one(Context& context, Dispatcher& dispatcher) {
    static std::uint64_t id = 0;
    const Claim claim = dispatcher.claim(0);
    if (claim.channel == nullptr) return;
    const std::uint32_t index = context.invocations.allocate();
    SKERRY_CHECK(index != kNoInvocation);
    Invocation& invocation = context.invocations[index];
    invocation.path.peer = *net::IpAddress::parse(bench::kClientAddress);
    invocation.path.local = *net::IpAddress::parse(bench::kServerAddress);
    const auto found = context.cache.find_or_reserve(context.cache.tag(invocation.path, {7, ++id}),
                                                     bench::kFunctionKey, context.now_ms);
    SKERRY_CHECK(found.seen == wire::Seen::fresh);
    context.cache.bind(found.entry, index);
    invocation.cache_entry = found.entry;
    invocation.entry = 0;
    invocation.timeout_us = 10'000'000;
    invocation.deadline_tsc = context.now_tsc + 10 * context.tsc_hz;
    const wire::Header header{};
    dispatcher.start(index, claim, &header, nullptr);  // no payload
}

void misbehave(Input& input, Channel& channel, std::size_t bytes, Context& context,
               Dispatcher& dispatcher, Ring& ring, const channel::CoreDoorbell& doorbell) {
    channel::DoneLine& done = channel.header()->done[0];
    switch (input.byte() % 6) {
        case 0:
            start_one(context, dispatcher);
            break;
        case 1: {  // a word of its choice, anywhere
            const std::uint64_t word = input.word();
            const std::size_t offset = (input.byte() << 8 | input.byte()) * 8u % (bytes - 8);
            std::memcpy(channel.base + offset, &word, sizeof word);
            break;
        }
        case 2: {  // an honest answer, perhaps to nothing
            channel::SlotControl* slot = channel.slot(input.byte() % kSlots);
            slot->response_seq = slot->request_seq;
            slot->response_bytes = input.byte();
            slot->response_status = 0;
            break;
        }
        case 3:
            (void)channel::answer(done, doorbell, input.byte());
            break;
        case 4:
            dispatcher.collect();
            break;
        default:
            ring.completions([&](std::uint64_t tag, int result, bool armed) {
                if (tag & Dispatcher::kOwnTags) dispatcher.completed(tag, result, armed);
            });
            dispatcher.ring_workers();
            break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bench::Rig& server = rig();
    static std::unique_ptr<Ring> ring = [] {
        auto made = Ring::create();
        SKERRY_CHECK(made && (*made)->enable() == 0);
        return std::move(*made);
    }();
    Context& context = server.core->context();
    static Dispatcher dispatcher(context, *ring, false);
    context.begin_turn();

    auto memory = channel::create_channel({.slots = kSlots,
                                           .request_area_bytes = kAreaBytes,
                                           .response_area_bytes = kAreaBytes,
                                           .core_count = 1,
                                           .spin_us = 0});
    SKERRY_CHECK(memory);
    Channel channel;
    channel.base = memory->base;
    channel.slot_count = kSlots;
    channel.slot_stride = memory->slot_stride;
    channel.request_area_bytes = channel.response_area_bytes = kAreaBytes;
    channel.wake_fd = memory->wake.get();
    channel.done_fd[0] = memory->done[0].get();
    CapacityEntry& table = server.shared.capacity->entries[0];
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
        server.shared.capacity->refs[0][slot] = {&channel, slot};
        table.add(slot);
    }

    Input input(data, size);
    const std::uint32_t invocations = context.invocations.used();
    for (int step = 0; step < 256 && !input.empty(); ++step)
        misbehave(input, channel, memory->bytes, context, dispatcher, *ring,
                  server.shared.doorbells[0]);

    channel.dead.store(true, std::memory_order_release);
    dispatcher.collect();
    context.flush(0);
    SKERRY_CHECK(dispatcher.in_flight() == 0);
    SKERRY_CHECK(context.invocations.used() == invocations);
    const std::uint64_t retired = table.take_retired();
    const std::uint64_t free = table.free_slots.exchange(0);
    SKERRY_CHECK((retired & free) == 0 && (retired | free) == kAllSlots);
    return 0;
}
