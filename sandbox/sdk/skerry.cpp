// The SDK's C interface. Freestanding on purpose: no exceptions, no RTTI, no libstdc++, no heap, so
// that a C program links it with nothing but -lskerry.
#include "sandbox/sdk/skerry.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/channel/handover.hpp"
#include "sandbox/sdk/attach.hpp"
#include "sandbox/sdk/template.hpp"
#include "sandbox/sdk/waiter.hpp"

namespace {

using namespace skerry;
using namespace skerry::channel;

constexpr int kNotTried = -1;

struct Outstanding {
    std::uint64_t sequence;
    std::uint32_t reply_core;
};

// One per process: the interface is for one thread.
struct State {
    int attach_error = kNotTried;  // 0: attached; else what to put into errno
    bool told_ready = false;
    sdk::Attachment at;
    sdk::Waiter waiter;
    std::uint64_t taken = 0;        // slots taken from `pending`, not yet given to the function
    std::uint32_t next = 0;         // … or, where they are taken singly, where to look first
    std::uint64_t outstanding = 0;  // slots given to the function, not yet answered
    Outstanding slots[kMaxSlotsPerChannel];
};
State state;

ChannelHeader& header() {
    return *reinterpret_cast<ChannelHeader*>(state.at.base);
}
SlotControl& slot_control(std::uint32_t slot) {
    return *reinterpret_cast<SlotControl*>(state.at.base + kHeaderBytes +
                                           std::size_t{slot} * state.at.slot_stride);
}
std::byte* request_area(std::uint32_t slot) {
    return reinterpret_cast<std::byte*>(&slot_control(slot)) + kSlotControlBytes;
}
std::byte* response_area(std::uint32_t slot) {
    return request_area(slot) + round_up_64(state.at.request_area_bytes);
}

int fail(int error) {
    errno = error;
    return -1;
}

int attach_once() {
    if (state.attach_error == kNotTried) {
        sdk::snapshot_if_template();
        state.attach_error = sdk::attach(state.at);
        if (state.attach_error != 0) return state.attach_error;
        state.waiter.start(state.at.spin_us);
        if (state.at.ahead_slots != 0) header().worker.takes_singly.store(1, SK_RELAXED);
    }
    return state.attach_error;
}

// An eventfd that is full counts as rung: the other side has not looked yet.
void ring(int fd) {
    const std::uint64_t one = 1;
    while (::write(fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

int tell_ready() {
    if (const int error = attach_once(); error != 0) return error;
    if (!state.told_ready) {
        state.told_ready = true;
        ring(kReadyFd);
    }
    return 0;
}

void send_response(std::uint32_t slot, std::uint32_t status, std::size_t bytes) {
    const Outstanding& request = state.slots[slot];
    SlotControl& control = slot_control(slot);
    control.response_bytes = static_cast<std::uint32_t>(bytes);
    control.response_status = status;
    control.response_seq = request.sequence;
    const std::uint64_t bit = std::uint64_t{1} << slot;
    state.outstanding &= ~bit;
    if (answer(header().done[request.reply_core], state.at.doorbells[request.reply_core], bit))
        ring(kFirstDoneFd + static_cast<int>(request.reply_core));
}

// Fills `inv` from a slot that was just taken. False: the request can't be of this ABI; it is not
// answered (there may be nobody to answer to), and skerryd's deadline ends it.
bool fill(skerry_invocation* inv, std::uint32_t slot) {
    const SlotControl& control = slot_control(slot);
    const std::uint32_t payload_bytes = control.request_bytes;
    const std::uint32_t reply_core = control.reply_core;
    const std::uint32_t context_bytes = control.context_bytes;
    if (payload_bytes > state.at.request_area_bytes ||
        context_bytes > state.at.request_area_bytes - payload_bytes ||
        reply_core >= state.at.core_count)
        return false;
    state.slots[slot] = Outstanding{control.request_seq, reply_core};
    inv->payload = request_area(slot);
    inv->payload_bytes = payload_bytes;
    inv->response = response_area(slot);
    inv->response_capacity = state.at.response_area_bytes;
    inv->request_id[0] = control.request_id_hi;
    inv->request_id[1] = control.request_id_lo;
    inv->trace_id[0] = control.trace_id_hi;
    inv->trace_id[1] = control.trace_id_lo;
    inv->deadline_ns = control.deadline_ns != 0
                           ? control.deadline_ns
                           : sdk::now_ns() + std::uint64_t{control.deadline_us} * 1000;
    inv->slot = slot;
    inv->client_context_bytes = context_bytes;
    inv->sequence = control.request_seq;
    return true;
}

bool is_full() {
    return static_cast<std::uint32_t>(__builtin_popcountll(state.outstanding)) >=
           state.at.slot_count;
}

// One is taken when it begins, and not while as many are outstanding as were declared: what is
// handed over ahead may be taken back until then.
bool next_single(skerry_invocation* inv) {
    while (!is_full()) {
        const std::uint32_t slot = take_one(header().pending, state.next);
        if (slot == kNothingTaken) return false;
        state.next = slot + 1;
        if (slot >= state.at.slot_count + state.at.ahead_slots || !fill(inv, slot)) continue;
        header().worker.begun_slot.store(slot, SK_RELAXED);
        state.outstanding |= std::uint64_t{1} << slot;
        return true;
    }
    return false;
}

bool next_taken(skerry_invocation* inv) {
    if (state.at.ahead_slots != 0) return next_single(inv);
    const std::uint64_t existing = state.at.slot_count == 64
                                       ? ~std::uint64_t{0}
                                       : (std::uint64_t{1} << state.at.slot_count) - 1;
    if (state.taken == 0) state.taken = take(header().pending) & existing;
    while (state.taken != 0) {
        const auto slot = static_cast<std::uint32_t>(__builtin_ctzll(state.taken));
        state.taken &= state.taken - 1;
        if (!fill(inv, slot)) continue;
        state.outstanding |= std::uint64_t{1} << slot;
        return true;
    }
    return false;
}

}  // namespace

extern "C" {

int skerry_try_next(struct skerry_invocation* inv) {
    if (inv == nullptr) return fail(EINVAL);
    if (const int error = tell_ready(); error != 0) return fail(error);
    return next_taken(inv) ? 0 : 1;
}

int skerry_next(struct skerry_invocation* inv) {
    if (inv == nullptr) return fail(EINVAL);
    if (const int error = tell_ready(); error != 0) return fail(error);
    while (!next_taken(inv)) {
        // It asks for one more than it declared, and nobody can answer for it.
        const int error = state.at.ahead_slots != 0 && is_full()
                              ? sdk::Waiter::block()
                              : state.waiter.wait(header().pending, header().worker_asleep);
        if (error != 0) return fail(error);
    }
    return 0;
}

int skerry_respond(const struct skerry_invocation* inv, enum skerry_status status, const void* data,
                   size_t bytes) {
    if (inv == nullptr || state.attach_error != 0) return fail(EINVAL);
    if (status != SKERRY_OK && status != SKERRY_FUNCTION_ERROR) return fail(EINVAL);
    const std::uint32_t slot = inv->slot;
    if (slot >= state.at.slot_count + state.at.ahead_slots ||
        ((state.outstanding >> slot) & 1) == 0 || state.slots[slot].sequence != inv->sequence)
        return fail(EINVAL);
    if (data == nullptr && bytes != 0) return fail(EINVAL);
    if (bytes > state.at.response_area_bytes) return fail(EMSGSIZE);
    std::byte* area = response_area(slot);
    if (bytes != 0 && data != area) ::memmove(area, data, bytes);
    send_response(slot, static_cast<std::uint32_t>(status), bytes);
    return 0;
}

const void* skerry_client_context(const struct skerry_invocation* inv, size_t* bytes) {
    const bool some = inv != nullptr && inv->client_context_bytes != 0;
    if (bytes != nullptr) *bytes = some ? inv->client_context_bytes : 0;
    return some ? static_cast<const std::byte*>(inv->payload) + inv->payload_bytes : nullptr;
}

uint32_t skerry_concurrency(void) {
    return attach_once() == 0 ? state.at.slot_count : 0;
}

}  // extern "C"
