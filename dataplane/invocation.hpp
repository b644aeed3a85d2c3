// The invocations one core has in its hands, from admission to the answer.
//
// A fixed pool: its size is the limit, and an empty pool is a refusal with a name. An index is
// reused; index and generation together never are (in 2^32 uses of one index), which is what makes
// the token of a forwarded request safe against late replies.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>

#include "dataplane/capacity/tenants.hpp"
#include "dataplane/dispatch/channel.hpp"
#include "dataplane/net/frame.hpp"
#include "dataplane/selection.hpp"
#include "dataplane/snapshot/snapshot.hpp"
#include "dataplane/wire/message.hpp"

namespace skerry {

inline constexpr std::uint32_t kNoInvocation = ~0u;

// Who is answered: not a datagram's sender, but an exchange of a connection (exchange_sink.hpp).
inline constexpr std::uint32_t kNoExchange = ~0u;        // a datagram's sender, by its path
inline constexpr std::uint32_t kExchangeGone = ~0u - 1;  // nobody any more
// Of the others: those with this bit are streams of trunks, those without are HTTP's.
inline constexpr std::uint32_t kTrunkExchange = 1u << 30;
// … with this bit, events that the queue wants executed (event/runs.hpp).
inline constexpr std::uint32_t kEventExchange = 1u << 29;
// … with this bit, tries of a request that came by datagram (dedup/datagram_tries.hpp).
inline constexpr std::uint32_t kDatagramExchange = 1u << 28;

// The stream of a trunk that a forwarded request has: number of the trunk, and place.
inline constexpr std::uint32_t kNoStream = ~0u;

inline constexpr std::uint32_t kNoDedup = ~0u;

// A forwarded request that is hedged is two records: its own, and its second copy's.
enum class Pair : std::uint8_t {
    none,
    first,   // the request itself: its client is answered from here
    second,  // with a region only; nobody knows it but its first, whose buffers it uses
};

enum class Progress : std::uint8_t {
    free,
    local,      // a worker has it
    abandoned,  // a worker has it, but its client has been answered: only the slot is waited for
    tail,       // has ended; the reply, and the slot, wait for the tail of its log
    waiting,    // waits for a slot here
    ahead,      // still waits, and was handed to a busy worker: whether it has begun is to be asked
    forwarded,  // a region has it
    elsewhere,  // its region refused or fell silent: to be decided again, in this turn
};

// What becomes of the slot when the tail has come.
enum class AfterTail : std::uint8_t {
    release,  // it is free again
    retire,   // its worker is at fault, or gone
    listen,   // its worker has answered, and has to ask for the next invocation first
};

struct alignas(64) Invocation {
    wire::Header header;  // the request's, as it came
    net::Path path;       // where the answer goes, unless it is an exchange's
    // The request itself; kept while waiting or forwarded, and of one that was handed over ahead.
    rte_mbuf* request = nullptr;
    wire::Header* message = nullptr;  // the invocation message, in the first segment of `request`
    rte_mbuf* reply = nullptr;        // made, and not sent yet: header and payload
    std::uint32_t exchange = kNoExchange;
    std::uint32_t stream = kNoStream;  // forwarded: by a trunk; else by datagram

    Progress progress = Progress::free;
    RetryPolicy retry = RetryPolicy::unstarted;
    bool cold = false;             // waited for a worker to be started
    bool accepted = false;         // the region said that it has it
    bool maybe_repeated = false;   // an earlier region fell silent with it
    bool control = false;          // of the control group
    bool hold_reply = false;       // the answer goes into `reply`, not out
    bool reserved = false;         // counted in Shared::reservations
    bool in_tenant = false;        // counted in Shared::tenants as in hand
    bool away = false;             // … and as away: spilled to a region
    bool forward_counted = false;  // in Context::forwarded_of
    Permit permit = Permit::none;  // to execute here
    std::uint8_t tenant = 0;
    bool at_region = false;  // forwarded: `region` has it; else only its second copy's has
    Pair pair = Pair::none;
    bool overdue = false;  // it takes longer than most (forward/usual_latency.hpp)
    AfterTail after_tail = AfterTail::release;
    std::uint8_t copies = 0;    // sent to the region that has it now
    std::uint32_t refused = 0;  // bit c: that region refused copy c, unexecuted
    std::uint8_t region = 0;    // that has it now
    std::uint8_t sends = 0;     // to that region, without a sign of life since
    std::uint8_t attempts = 0;  // regions asked
    Selection selection;        // how the last one of them was chosen
    std::uint32_t generation = 0;
    std::uint32_t cache_entry = 0;
    std::uint32_t dedup_entry = kNoDedup;  // its answer is kept for other tries of it (dedup/)
    std::uint32_t function = 0;
    std::uint32_t entry = kNoEntry;
    std::uint32_t timeout_us = 0;  // the function's limit
    std::uint32_t queue_us = 0;
    std::uint64_t version_key = 0;
    std::uint64_t cookie = 0;  // for the region that has it
    std::uint64_t arrived_tsc = 0;
    std::uint64_t started_tsc = 0;   // handed to the worker, begun there, or sent to the region
    std::uint64_t deadline_tsc = 0;  // the client's
    std::uint64_t tried = 0;         // bit r: region r was asked
    std::uint64_t resend_tsc = 0;    // forwarded by datagram: when it is sent again
    std::uint64_t hedge_tsc = 0;     // when a second region is asked, too; 0: never
    std::uint64_t sequence = 0;      // of the request in its slot
    Channel* channel = nullptr;
    std::uint32_t slot = 0;                  // in the channel
    std::uint32_t table_slot = 0;            // in the capacity entry
    std::uint32_t partner = kNoInvocation;   // of the pair
    std::uint32_t next = kNoInvocation;      // free list, queue of waiting ones, or of those
                                             // to be decided again
    std::uint32_t previous = kNoInvocation;  // queue of waiting ones
};

class InvocationPool {
  public:
    explicit InvocationPool(std::uint32_t size)
        : size_(size), records_(std::make_unique<Invocation[]>(size)) {
        for (std::uint32_t i = 0; i < size; ++i)
            records_[i].next = i + 1 < size ? i + 1 : kNoInvocation;
        free_ = size == 0 ? kNoInvocation : 0;
    }

    // kNoInvocation: the pool is empty.
    std::uint32_t allocate() {
        const std::uint32_t index = free_;
        if (index == kNoInvocation) return index;
        Invocation& record = records_[index];
        free_ = record.next;
        const std::uint32_t generation = record.generation + 1;
        record = Invocation{};
        record.generation = generation;
        ++used_;
        return index;
    }
    void release(std::uint32_t index) {
        Invocation& record = records_[index];
        record.progress = Progress::free;
        record.next = free_;
        free_ = index;
        --used_;
    }
    Invocation& operator[](std::uint32_t index) { return records_[index]; }
    std::uint32_t size() const { return size_; }
    std::uint32_t used() const { return used_; }

  private:
    std::uint32_t size_;
    std::uint32_t used_ = 0;
    std::uint32_t free_ = kNoInvocation;
    std::unique_ptr<Invocation[]> records_;
};

}  // namespace skerry
