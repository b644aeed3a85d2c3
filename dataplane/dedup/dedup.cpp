#include "dataplane/dedup/dedup.hpp"

#include <bit>
#include <cstring>
#include <new>

#include "dataplane/dedup/key.hpp"

namespace skerry {

using dedup::TableView;

Dedup::Dedup(Context& context, dedup::Store& store, std::uint32_t answer_bytes,
             std::uint32_t window_ms)
    : context_(context),
      tries_(context, kWaitersMax + 1),
      store_(store),
      table_(store.table()),
      window_ms_(window_ms),
      first_(context.core * store.entries_of_a_core()),
      own_(std::make_unique<Own[]>(store.entries_of_a_core())),
      free_(first_),
      ring_mask_(std::bit_ceil(answer_bytes) - 1),
      ring_(std::make_unique_for_overwrite<std::byte[]>(ring_mask_ + 1)),
      waiters_(std::make_unique<Waiter[]>(kWaitersMax)) {
    const std::uint32_t entries = store.entries_of_a_core();
    for (std::uint32_t i = 0; i + 1 < entries; ++i) own_[i].next = first_ + i + 1;
    for (std::uint32_t i = 0; i + 1 < kWaitersMax; ++i) waiters_[i].next = i + 1;
    context.datagram_tries = &tries_;
}

// ---- requests as they come

bool Dedup::claim(Arrival& arrival) {
    const dedup::Key key = dedup::key_in(*arrival.header);
    const std::uint64_t hash = store_.hash(key);
    TableView::Claim claimed;
    if (free_one()) claimed = table_.claim(free_, key, hash);
    switch (claimed.found) {
        case TableView::Found::fresh: {
            Own& mine = own(free_);
            arrival.dedup_entry = free_;
            free_ = mine.next;
            mine = Own{};
            mine.hash = hash;
            ++used_;
            // One is always free, so that what is asked for again is looked for before the oldest
            // is forgotten, which it may be.
            (void)free_one();
            return true;
        }
        case TableView::Found::full:
            context_.counters.count(Reason::retry_unmarked);
            return true;
        case TableView::Found::running:
            if (wait(arrival, claimed.ref)) break;
            [[fallthrough]];  // it has ended just now
        case TableView::Found::kept:
            if (give(arrival.exchange, *arrival.header, claimed.ref)) break;
            [[fallthrough]];
        case TableView::Found::gone:
            refuse(arrival.exchange, *arrival.header, Reason::refused_reply_gone);
            break;
    }
    rte_pktmbuf_free(arrival.mbuf);
    return false;
}

bool Dedup::claim_datagram(Arrival& arrival) {
    tries_.begin(arrival);
    if (!claim(arrival)) return false;
    tries_.drop(arrival);
    return true;
}

// False: there is nothing to wait for.
bool Dedup::wait(const Arrival& arrival, const dedup::Ref& ref) {
    const std::uint32_t number = free_waiter_;
    if (number == kNone) {
        refuse(arrival.exchange, *arrival.header, Reason::refused_retries_full);
        return true;
    }
    if (table_.wait(ref, context_.core) != TableView::Found::running) return false;
    context_.counters.count(Reason::retry_joined);
    Waiter& waiter = waiters_[number];
    free_waiter_ = waiter.next;
    waiter = {ref, *arrival.header, arrival.exchange, first_waiter_, kNone};
    if (first_waiter_ != kNone) waiters_[first_waiter_].previous = number;
    first_waiter_ = number;
    ++waiting_;
    ExchangeSink& sink = context_.sink_of(arrival.exchange);
    if (arrival.header->flags.get() & wire::flag::want_accepted) {
        wire::Header accepted = *arrival.header;
        wire::write_reply_head(accepted, {.kind = wire::Kind::accepted},
                               context_.shared.server.place);
        sink.accepted(arrival.exchange, accepted);
    }
    sink.joined(arrival.exchange, number);
    return true;
}

void Dedup::leave(std::uint32_t number) {
    Waiter& waiter = waiters_[number];
    (waiter.previous == kNone ? first_waiter_ : waiters_[waiter.previous].next) = waiter.next;
    if (waiter.next != kNone) waiters_[waiter.next].previous = waiter.previous;
    waiter.exchange = kNoExchange;
    waiter.next = free_waiter_;
    free_waiter_ = number;
    --waiting_;
}

// The answer that is kept, to one who asks again. False: it is not kept any more.
bool Dedup::give(std::uint32_t exchange, const wire::Header& request, const dedup::Ref& ref) {
    dedup::Answer answer;
    if (!table_.pin(ref, answer)) return false;
    Kept kept;
    std::memcpy(&kept, answer.bytes, sizeof kept);
    wire::Header& reply = kept.reply;
    const wire::RequestId executed{reply.request_id_hi.get(), reply.request_id_lo.get()};
    reply.request_id_hi = request.request_id_hi;
    reply.request_id_lo = request.request_id_lo;
    reply.trace_id_hi = request.trace_id_hi;
    reply.trace_id_lo = request.trace_id_lo;
    reply.span_id = request.span_id;
    reply.hop_count = request.hop_count;
    reply.copy = request.copy;
    reply.flags.set(reply.flags.get() | wire::flag::replayed);
    context_.counters.count(Reason::served_retry);
    context_.sink_of(exchange).answer(exchange, {.reply = reply,
                                                 .reason = kept.reason,
                                                 .payload = answer.bytes + sizeof kept,
                                                 .payload_bytes = reply.payload_bytes.get(),
                                                 .selection = kept.selection,
                                                 .executed = executed});
    table_.unpin(ref);
    return true;
}

void Dedup::refuse(std::uint32_t exchange, const wire::Header& request, Reason reason) {
    context_.counters.count(reason);
    wire::Header reply = request;
    wire::write_reply_head(
        reply,
        {.kind = wire::Kind::reply, .status = static_cast<std::uint8_t>(info(reason).status)},
        context_.shared.server.place);
    context_.sink_of(exchange).answer(exchange, {reply, reason, nullptr, 0});
}

// ---- how they ended

bool Dedup::answered(std::uint32_t entry, ExchangeAnswer& answer) {
    keep(entry, answer);
    if (answer.tail_follows && own(entry).has_bytes) return true;
    publish(entry);
    return false;
}

void Dedup::keep(std::uint32_t entry, ExchangeAnswer& answer) {
    const std::uint32_t room = answer.tail_follows ? kTailBytes : 0;
    std::byte* const begin =
        reserve(entry, static_cast<std::uint32_t>(sizeof(Kept)) + answer.payload_bytes + room);
    if (begin == nullptr) {
        context_.counters.count(Reason::retry_answer_not_kept);
        return;
    }
    Kept kept{answer.reply, answer.selection, answer.reason};
    kept.reply.payload_bytes.set(answer.payload_bytes);
    std::memcpy(begin, &kept, sizeof kept);
    std::byte* to = begin + sizeof kept;
    own(entry).bytes = static_cast<std::uint32_t>(sizeof kept) + answer.payload_bytes;
    if (answer.kept != nullptr) {
        for (const rte_mbuf* at = answer.kept; at != nullptr; to += at->data_len, at = at->next)
            std::memcpy(to, rte_pktmbuf_mtod(at, const void*), at->data_len);
    } else if (answer.payload_bytes != 0) {
        std::memcpy(to, answer.payload, answer.payload_bytes);
        answer.payload = to;
    }
}

void Dedup::tail(std::uint32_t entry, const char* text, std::uint32_t bytes) {
    Own& mine = own(entry);
    SKERRY_CHECK(bytes <= kTailBytes);
    std::byte* const begin = &ring_[mine.begin & ring_mask_];
    if (bytes != 0) {
        std::memcpy(begin + mine.bytes, text, bytes);
        mine.bytes += bytes;
        Kept kept;
        std::memcpy(&kept, begin, sizeof kept);
        kept.reply.payload_bytes.set(kept.reply.payload_bytes.get() + bytes);
        kept.reply.tail_bytes.set(static_cast<std::uint16_t>(bytes));
        std::memcpy(begin, &kept, sizeof kept);
    }
    publish(entry);
}

void Dedup::publish(std::uint32_t entry) {
    Own& mine = own(entry);
    if (!mine.has_bytes) join_answered(entry);
    mine.published = true;
    mine.answered_ms = context_.now_ms;
    const std::byte* const begin = mine.has_bytes ? &ring_[mine.begin & ring_mask_] : nullptr;
    tell(table_.publish(entry, {begin, mine.bytes}));
}

void Dedup::tell(std::uint32_t cores) {
    context_.wake_cores |= cores & ~(1u << context_.core);
    for (; cores != 0; cores &= cores - 1)
        (void)store_.news[static_cast<std::uint32_t>(std::countr_zero(cores))].count.fetch_add(
            1, SK_RELEASE);
}

void Dedup::refused(std::uint32_t entry, const ExchangeAnswer& answer) {
    if (withdraw(entry)) return;
    // Who waits is refused with it, by the same words; who comes later begins anew.
    ExchangeAnswer copy = answer;
    keep(entry, copy);
    publish(entry);
    table_.remove(entry, own(entry).hash);
}

bool Dedup::withdraw(std::uint32_t entry) {
    if (!table_.withdraw(entry, own(entry).hash)) return false;
    release(entry);
    return true;
}

// ---- entries and bytes

// One of the answered ones is forgotten if there is no other.
bool Dedup::free_one() {
    if (free_ != kNone) return true;
    if (!retire_oldest()) return false;
    context_.counters.count(Reason::retry_forgotten);
    return true;
}

void Dedup::release(std::uint32_t entry) {
    own(entry).next = free_;
    free_ = entry;
    --used_;
}

void Dedup::join_answered(std::uint32_t entry) {
    own(entry).next = kNone;
    (newest_ == kNone ? oldest_ : own(newest_).next) = entry;
    newest_ = entry;
    if (oldest_kept_ == kNone) oldest_kept_ = entry;
}

bool Dedup::retire_oldest() {
    const std::uint32_t entry = oldest_;
    if (entry == kNone || !own(entry).published) return false;
    if (!table_.retire(entry, own(entry).hash)) return false;
    oldest_ = own(entry).next;
    if (oldest_ == kNone) newest_ = kNone;
    if (oldest_kept_ == entry) oldest_kept_ = oldest_;
    release(entry);
    return true;
}

// The bytes of the oldest answer that has some.
bool Dedup::drop_oldest() {
    Own& victim = own(oldest_kept_);
    if (victim.has_bytes) {
        if (!victim.published || !table_.drop(oldest_kept_)) return false;
        victim.has_bytes = false;
    }
    oldest_kept_ = victim.next;
    return true;
}

// In one piece, behind everything that is kept. None: it would need what is in use.
std::byte* Dedup::reserve(std::uint32_t entry, std::uint32_t bytes) {
    const std::uint64_t size = ring_mask_ + 1;
    if (bytes > size / 2) return nullptr;
    const std::uint64_t to_end = size - (head_ & ring_mask_);
    const std::uint64_t begin = bytes > to_end ? head_ + to_end : head_;
    while (oldest_kept_ != kNone) {
        const Own& oldest = own(oldest_kept_);
        if (oldest.has_bytes && begin + bytes - oldest.begin <= size) break;
        if (!drop_oldest()) return nullptr;
    }
    head_ = begin + ((bytes + 7u) & ~7u);
    Own& mine = own(entry);
    mine.begin = begin;
    mine.has_bytes = true;
    join_answered(entry);
    return &ring_[begin & ring_mask_];
}

std::uint32_t Dedup::turn() {
    std::uint32_t work = 0;
    if (has_news()) {
        news_ = store_.news[context_.core].count.load(SK_ACQUIRE);
        for (std::uint32_t at = first_waiter_; at != kNone;) {
            const Waiter waiter = waiters_[at];
            if (table_.see(waiter.ref) != TableView::Found::running) {
                leave(at);
                ++work;
                if (!give(waiter.exchange, waiter.request, waiter.ref))
                    refuse(waiter.exchange, waiter.request, Reason::refused_reply_gone);
            }
            at = waiter.next;
        }
    }
    for (std::uint32_t i = 0; i < kExpiriesPerTurn && oldest_ != kNone; ++i) {
        const Own& oldest = own(oldest_);
        if (!oldest.published || context_.now_ms - oldest.answered_ms < window_ms_) break;
        if (!retire_oldest()) break;
    }
    return work;
}

}  // namespace skerry
