// The fuzzer plays a hostile worker against the real dispatcher: it writes anywhere in the channel
// at any time, claims slots it was not given, answers too early, too late, twice or never, fills
// its eventfds, makes them block, and dies. Beside it an honest worker of another function is
// served. Whatever it does, each invocation is answered once, and no slot is lost; the neighbour's
// answers are right, and no byte of its requests and answers comes to the hostile worker or its
// callers; nothing is written to the channel but the request that is handed over, and nothing
// outside of it is touched (AddressSanitizer). An input with an odd first byte has the hostile
// worker take one invocation at a time, and be handed others ahead, which are taken back at any
// time.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

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
constexpr std::uint8_t kMark = 0x80;  // each byte of the neighbour's has it, no other

bench::Rig& rig() {
    static bench::Rig* made = [] {
        bench::start_eal(64);
        auto* one = new bench::Rig({.devargs = "net_null0",
                                    .mbufs = 1023,
                                    .reply_cache_entries = 1024,
                                    .reply_window_ms = 0});
        // As those who wait ask for it: by its version.
        Target target;
        target.function_key = bench::kFunctionKey;
        target.version_key = target.qualifier = bench::kVersionKey;
        target.entry = 0;
        static const Snapshot snapshot(1, std::vector<Target>{target}, std::vector<RegionInfo>{},
                                       false);
        one->shared.snapshot.store(&snapshot);
        return one;
    }();
    return *made;
}
Ring& ring() {
    static std::unique_ptr<Ring> ring = [] {
        auto made = Ring::create();
        SKERRY_CHECK(made && (*made)->enable() == 0);
        return std::move(*made);
    }();
    return *ring;
}
Context& context() {
    return rig().core->context();
}
WaitingRoom& waiting_room() {
    static WaitingRoom made(context().invocations, 16);
    return made;
}
Dispatcher& dispatcher() {
    static Dispatcher* made = [] {
        auto* one = new Dispatcher(context(), ring(), true);
        one->use(waiting_room());
        return one;
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

bool has_mark(const std::byte* bytes, std::size_t count) {
    return std::any_of(bytes, bytes + count,
                       [](std::byte one) { return (one & std::byte{kMark}) != std::byte{0}; });
}

struct Asked {
    std::uint64_t id = 0;
    std::uint32_t index = 0;
    std::string payload;
    bool waits = false;  // or did, for a slot
};

// A worker of a function of its own: its channel, and what it has been asked and not answered.
struct Worker {
    Worker(std::uint32_t number, bool singly)
        : entry(number), slots(singly ? 1 : kSlots), memory(make(slots)) {
        static std::uint64_t generation = 0;
        channel.index = number;
        channel.generation = ++generation;
        channel.base = memory.base;
        channel.slot_count = slots;
        channel.ahead_slots = kSlots - slots;
        channel.slot_stride = memory.slot_stride;
        channel.request_area_bytes = channel.response_area_bytes = kAreaBytes;
        channel.wake_fd = memory.wake.get();
        channel.done_fd[0] = memory.done[0].get();
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            rig().shared.capacity->refs[entry][slot] = {&channel, slot};
            table().add(slot);
        }
    }
    static channel::HostChannel make(std::uint32_t slots) {
        auto made = channel::create_channel({.slots = slots,
                                             .request_area_bytes = kAreaBytes,
                                             .response_area_bytes = kAreaBytes,
                                             .core_count = 1,
                                             .spin_us = 0,
                                             .ahead_slots = kSlots - slots});
        SKERRY_CHECK(made);
        return std::move(*made);
    }
    CapacityEntry& table() const { return rig().shared.capacity->entries[entry]; }
    std::string all() const { return {reinterpret_cast<const char*>(memory.base), memory.bytes}; }
    bool is_area(std::size_t offset) const {
        return offset >= channel::kHeaderBytes &&
               (offset - channel::kHeaderBytes) / memory.slot_stride < kSlots &&
               (offset - channel::kHeaderBytes) % memory.slot_stride >= channel::kSlotControlBytes;
    }

    const std::uint32_t entry;
    const std::uint32_t slots;  // in the table
    channel::HostChannel memory;
    Channel channel;
    std::vector<Asked> waits;
};

class Scene {
  public:
    explicit Scene(bool singly) : neighbour_(1, false), hostile_(0, singly) {
        if (singly) run_once();
    }
    void step(Input& input) {
        switch (input.byte() % 14) {
            case 0:
                start(hostile_, 0);
                break;
            case 1:
                scribble(input);
                break;
            case 2: {  // an answer, perhaps to nothing, and perhaps longer than may be
                const std::uint8_t which = input.byte();
                channel::SlotControl* slot = hostile_.channel.slot(which % kSlots);
                slot->response_seq = slot->request_seq;
                slot->response_bytes = std::uint32_t{input.byte()} << which / 64 * 3;
                slot->response_status = 0;
                break;
            }
            case 3:
                claim_answered(hostile_, input.byte());
                break;
            case 4:
                collect();
                break;
            case 5:
                ring().completions([](std::uint64_t tag, int result, bool armed) {
                    if (tag & Dispatcher::kOwnTags) dispatcher().completed(tag, result, armed);
                });
                dispatcher().ring_workers();
                break;
            case 6:
                start(neighbour_, kMark);
                break;
            case 7:
                serve_neighbour();
                break;
            case 8:
                out_of_time(input.byte());
                break;
            case 9:
                storm(input.byte());
                break;
            case 10:
                hostile_.channel.dead.store(true, std::memory_order_release);
                break;
            case 11:
                hand_ahead();
                break;
            case 12:
                (void)channel::take_one(hostile_.channel.header()->pending, input.byte());
                break;
            default:
                take_back(input.byte());
        }
    }

    void end(std::uint32_t invocations) {
        dispatcher().ring_workers();
        serve_neighbour();
        collect();
        SKERRY_CHECK(neighbour_.waits.empty() &&
                     neighbour_.channel.fault.load() == WorkerFault::none);
        for (Worker* each : {&hostile_, &neighbour_})
            each->channel.dead.store(true, std::memory_order_release);
        collect();
        SKERRY_CHECK(dispatcher().ahead() == 0);
        // Whatever its worker had not begun waits, and could have another.
        while (waiting_room().queues() != 0) end_wait(waiting_room().first_of(0));
        take_answers();
        SKERRY_CHECK(waiting_room().size() == 0);
        SKERRY_CHECK(hostile_.waits.empty());
        SKERRY_CHECK(hostile_.table().wanted.load() == 0);
        SKERRY_CHECK(dispatcher().in_flight() == 0);
        SKERRY_CHECK(context().invocations.used() == invocations);
        for (Worker* each : {&hostile_, &neighbour_}) {
            const std::uint64_t retired = each->table().take_retired();
            const std::uint64_t free = each->table().free_slots.exchange(0);
            SKERRY_CHECK((retired & free) == 0 &&
                         (retired | free) == kAllSlots >> (kSlots - each->slots));
        }
    }

  private:
    // One short invocation: then others may be handed over ahead.
    void run_once() {
        start(hostile_, 0);
        channel::SlotControl* slot = hostile_.channel.slot(0);
        slot->response_seq = slot->request_seq;
        slot->response_bytes = slot->response_status = 0;
        dispatcher().ring_workers();
        (void)channel::take_one(hostile_.channel.header()->pending, 0);
        claim_answered(hostile_, 1);
        collect();
    }
    void wait_for_slot(const Asked& asked, const std::string& message) {
        Invocation& invocation = context().invocations[asked.index];
        rte_mbuf* packet = rte_pktmbuf_alloc(context().pool);
        char* to = packet == nullptr
                       ? nullptr
                       : rte_pktmbuf_append(packet, static_cast<std::uint16_t>(message.size()));
        SKERRY_CHECK(to != nullptr);
        std::memcpy(to, message.data(), message.size());
        invocation.request = packet;
        invocation.message = reinterpret_cast<wire::Header*>(to);
        invocation.header.function_key.set(bench::kFunctionKey);
        invocation.progress = Progress::waiting;
        waiting_room().join(asked.index);
        context().timers.arm(asked.index, invocation.deadline_tsc);
        hostile_.table().wanted.fetch_add(1);
    }
    void end_wait(std::uint32_t index) {
        waiting_room().leave(index);
        hostile_.table().wanted.fetch_sub(1);
        answer_header(context(), context().invocations[index], Reason::failed_deadline_queued);
        finish(context(), index);
    }
    void hand_ahead() {
        const std::string before = hostile_.all();
        const std::uint32_t index = waiting_room().first_of_entry(hostile_.entry);
        if (dispatcher().hand_ahead(1) == 0) return;
        for (const Asked& asked : hostile_.waits)
            if (asked.index == index && asked.waits)
                check_written(hostile_, context().invocations[index].slot, before, asked.payload);
    }
    void take_back(std::uint8_t which) {
        if (hostile_.waits.empty()) return;
        const std::uint32_t index = hostile_.waits[which / 2 % hostile_.waits.size()].index;
        if (context().invocations[index].progress == Progress::ahead)
            (void)dispatcher().take_back(index);
        if (which % 2 == 0 && context().invocations[index].progress == Progress::waiting)
            end_wait(index);
        take_answers();
    }

    void start(Worker& worker, std::uint8_t mark) {
        const Claim claim = dispatcher().claim(worker.entry);
        const bool may_wait =
            worker.channel.ahead_slots != 0 && waiting_room().has_room(worker.entry);
        if (claim.channel == nullptr && !may_wait) return;
        const std::uint32_t index = context().invocations.allocate();
        SKERRY_CHECK(index != kNoInvocation);
        static std::uint64_t id = 0;
        Asked asked{++id, index, {}, claim.channel == nullptr};
        const std::uint32_t bytes = ++started_ * 37 % (kAreaBytes + 1);
        for (std::uint32_t i = 0; i < bytes; ++i)
            asked.payload += static_cast<char>(mark | (1 + (i + started_) % 100));
        prepare(context().invocations[index], asked, worker.entry);

        wire::Header header{};
        header.payload_bytes.set(bytes);
        std::string message(reinterpret_cast<const char*>(&header), sizeof header);
        message += asked.payload;
        if (asked.waits) {
            wait_for_slot(asked, message);
            worker.waits.push_back(std::move(asked));
            return;
        }
        rte_mbuf packet{};
        packet.buf_addr = message.data();
        packet.data_len = static_cast<std::uint16_t>(message.size());
        const std::string before = worker.all();
        dispatcher().start(index, claim, reinterpret_cast<const wire::Header*>(message.data()),
                           &packet);
        check_written(worker, context().invocations[index].slot, before, asked.payload);
        worker.waits.push_back(std::move(asked));
    }
    void prepare(Invocation& invocation, const Asked& asked, std::uint32_t entry) {
        invocation.path.peer = *net::IpAddress::parse(bench::kClientAddress);
        invocation.path.local = *net::IpAddress::parse(bench::kServerAddress);
        const auto found = find(asked.id);
        SKERRY_CHECK(found.seen == wire::Seen::fresh);
        context().cache.bind(found.entry, asked.index);
        invocation.cache_entry = found.entry;
        invocation.entry = entry;
        invocation.version_key = bench::kVersionKey;
        invocation.timeout_us = 10'000'000;
        invocation.deadline_tsc = context().now_tsc + 10 * context().tsc_hz;
    }
    static wire::ReplyCache::Found find(std::uint64_t id) {
        net::Path path;
        path.peer = *net::IpAddress::parse(bench::kClientAddress);
        path.local = *net::IpAddress::parse(bench::kServerAddress);
        return context().cache.find_or_reserve(context().cache.tag(path, {7, id}),
                                               bench::kFunctionKey, context().now_ms);
    }
    // The request and its description have changed, and no other byte.
    static void check_written(const Worker& worker, std::uint32_t slot, std::string expected,
                              const std::string& payload) {
        const std::string now = worker.all();
        const std::size_t control =
            channel::kHeaderBytes + std::size_t{slot} * worker.memory.slot_stride;
        constexpr std::size_t kRequestLine = offsetof(channel::SlotControl, response_seq);
        expected.replace(control, kRequestLine, now, control, kRequestLine);
        expected.replace(control + channel::kSlotControlBytes, payload.size(), payload);
        SKERRY_CHECK(now == expected);
    }

    // A word of its choice, anywhere; in the areas without the neighbour's mark.
    void scribble(Input& input) {
        std::uint64_t word = input.word();
        const std::size_t offset =
            std::size_t{8} * (input.byte() << 8 | input.byte()) % (hostile_.memory.bytes - 8);
        if (hostile_.is_area(offset)) word &= 0x7f7f'7f7f'7f7f'7f7full;
        std::memcpy(hostile_.channel.base + offset, &word, sizeof word);
    }
    static void claim_answered(Worker& worker, std::uint64_t slots) {
        (void)channel::answer(worker.channel.header()->done[0], rig().shared.doorbells[0], slots);
    }
    // An echo.
    void serve_neighbour() {
        std::uint64_t slots = channel::take(neighbour_.channel.header()->pending);
        for (std::uint32_t i = 0; i < kSlots; ++i) {
            if ((slots >> i & 1) == 0) continue;
            channel::SlotControl* slot = neighbour_.channel.slot(i);
            slot->response_seq = slot->request_seq;
            slot->response_bytes = slot->request_bytes;
            slot->response_status = 0;
            std::memcpy(neighbour_.channel.response_area(i), neighbour_.channel.request_area(i),
                        slot->request_bytes);
        }
        if (slots != 0) claim_answered(neighbour_, slots);
    }
    // It never answers: the client's time is over, or its own.
    void out_of_time(std::uint8_t which) {
        if (hostile_.waits.empty()) return;
        const std::uint32_t index = hostile_.waits[which / 2 % hostile_.waits.size()].index;
        if (context().invocations[index].progress == Progress::ahead)
            (void)dispatcher().take_back(index);
        if (context().invocations[index].progress == Progress::waiting) return;
        if (which % 2 == 0) context().invocations[index].timeout_us = 0;
        context().begin_turn();
        dispatcher().on_timer(index);
        take_answers();
    }
    // Its bells full, and blocking if it likes.
    void storm(std::uint8_t how) {
        const std::uint64_t rings = how % 2 == 0 ? 1 : ~std::uint64_t{1};
        for (const int fd : {hostile_.channel.wake_fd, hostile_.channel.done_fd[0]}) {
            const int flags = ::fcntl(fd, F_GETFL) | O_NONBLOCK;
            ::fcntl(fd, F_SETFL, flags);  // this is one thread
            (void)!::write(fd, &rings, sizeof rings);
            if (how % 4 >= 2) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
        }
    }

    void collect() {
        dispatcher().collect();
        context().flush(0);
        take_answers();
    }
    void take_answers() {
        for (Worker* each : {&hostile_, &neighbour_})
            std::erase_if(each->waits,
                          [&](const Asked& asked) { return is_answered(*each, asked); });
        for (std::uint32_t slot = 0; slot < kSlots; ++slot)
            SKERRY_CHECK(
                !has_mark(hostile_.channel.request_area(slot), std::size_t{2} * kAreaBytes));
    }
    bool is_answered(const Worker& worker, const Asked& asked) const {
        const auto found = find(asked.id);
        if (found.seen == wire::Seen::in_flight) return false;
        SKERRY_CHECK(found.seen == wire::Seen::answered &&
                     found.reply_bytes >= sizeof(wire::Header));
        wire::Header header;
        std::memcpy(&header, found.reply, sizeof header);
        const std::byte* body = reinterpret_cast<const std::byte*>(found.reply) + sizeof header;
        const std::size_t bytes = found.reply_bytes - sizeof header;
        if (&worker == &hostile_) {
            SKERRY_CHECK(bytes <= kAreaBytes && !has_mark(body, bytes));
        } else {
            SKERRY_CHECK(header.status == static_cast<std::uint8_t>(ReplyStatus::ok) &&
                         std::string(reinterpret_cast<const char*>(body), bytes) == asked.payload);
        }
        return true;
    }

    // The neighbour's memory lies behind the hostile one's.
    Worker neighbour_;
    Worker hostile_;
    std::uint32_t started_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    context().begin_turn();
    const std::uint32_t invocations = context().invocations.used();
    Input input(data, size);
    Scene scene((input.byte() & 1) != 0);
    for (int step = 0; step < 256 && !input.empty(); ++step) scene.step(input);
    scene.end(invocations);
    return 0;
}
