// Requests that are tried again, of one core: each is executed once, and every try gets its answer.
// What all cores know is in the table (table.hpp); here is what a core keeps of its own: answers,
// and its clients that wait for one.
//
//   first try    claim() enters it; its invocation carries the entry until answered() or refused()
//   another one  while the first runs: its client waits (ExchangeSink::joined()), whichever core
//   has
//                the first; afterwards it gets the answer that was kept, or is told that it is gone
//
// A request that was refused has not been executed: its entry goes, and who waited for it is
// refused, too. Anything else that could have run is an answer.
//
//   no entry free      the one answered longest ago is forgotten early (retry_forgotten); if there
//   is
//                      none, or its bucket is full, the request goes on unmarked (retry_unmarked):
//                      a try of it would be executed again
//   no room for an     the oldest answers make room, and are gone; one that is larger than half of
//   the answer             room, or would need what is being read just now, is gone at once
//                      (retry_answer_not_kept). Who asks for one that is gone gets
//                      refused_reply_gone: nothing is executed again
//   too many waiting   refused_retries_full
//
// Owned by one core; allocates in the constructor only. Entry indices are the table's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/context.hpp"
#include "dataplane/dedup/datagram_tries.hpp"
#include "dataplane/dedup/store.hpp"
#include "dataplane/exchange_sink.hpp"

namespace skerry {

class Dedup {
  public:
    static constexpr std::uint32_t kWaitersMax = 256;
    static constexpr std::uint32_t kLooksPerTurn = kWaitersMax;
    static constexpr std::uint32_t kExpiriesPerTurn = 64;

    // `answer_bytes`: for answers, a power of two. `window_ms`: how long one is kept.
    Dedup(Context& context, dedup::Store& store, std::uint32_t answer_bytes,
          std::uint32_t window_ms);

    // A request whose header has a key (wire::flag::retry_key), complete and allowed. True: it goes
    // on, as the first of its kind (`arrival` has an entry) or unmarked. False: it has been seen
    // to; its buffers are freed, and its exchange has been told, or will be.
    bool claim(Arrival& arrival);
    // The same of one that came by datagram, and holds an entry of the reply cache.
    bool claim_datagram(Arrival& arrival);

    // How the invocation with this entry ended. Keeps the answer before anybody sees it: its
    // payload, if that is a worker's memory, is the kept copy from here on. True: tail() is to
    // follow.
    bool answered(std::uint32_t entry, ExchangeAnswer& answer);
    // What followed, after an answer that said so.
    void tail(std::uint32_t entry, const char* text, std::uint32_t bytes);
    // It has certainly not been executed.
    void refused(std::uint32_t entry, const ExchangeAnswer& answer);
    // It ended without a word.
    void lost(std::uint32_t entry) { publish(entry); }
    // Nobody is there for its answer any more. True: nobody else waits for it either, and it was
    // forgotten.
    bool withdraw(std::uint32_t entry);

    // The client that waited as number `waiter` has gone.
    void leave(std::uint32_t waiter);

    // Answers that have come for who waits, and answers that are old. How much there was to do.
    std::uint32_t turn();
    bool has_news() const { return store_.news[context_.core].count.load(SK_ACQUIRE) != news_; }

    std::uint32_t waiting() const { return waiting_; }
    std::uint32_t entries_in_use() const { return used_; }

  private:
    static constexpr std::uint32_t kNone = ~0u;
    // What lies in the ring, before the payload.
    struct Kept {
        wire::Header reply;
        Selection selection;
        Reason reason = Reason::served_local;
    };
    // This core's knowledge of an entry of its own.
    struct Own {
        std::uint64_t hash = 0;
        std::uint64_t begin = 0;  // of its bytes in the ring, if it has_bytes
        std::uint32_t bytes = 0;
        std::uint32_t answered_ms = 0;
        std::uint32_t next = kNone;  // free, or answered after it
        bool has_bytes = false;
        bool published = false;
    };
    struct Waiter {
        dedup::Ref ref;
        wire::Header request;
        std::uint32_t exchange = kNoExchange;
        std::uint32_t next = kNone;  // free, or waits longer
        std::uint32_t previous = kNone;
    };

    Own& own(std::uint32_t entry) { return own_[entry - first_]; }
    bool free_one();
    void release(std::uint32_t entry);
    bool retire_oldest();
    bool drop_oldest();
    std::byte* reserve(std::uint32_t entry, std::uint32_t bytes);
    void join_answered(std::uint32_t entry);
    void keep(std::uint32_t entry, ExchangeAnswer& answer);
    void publish(std::uint32_t entry);
    void tell(std::uint32_t cores);
    bool wait(const Arrival& arrival, const dedup::Ref& ref);
    bool give(std::uint32_t exchange, const wire::Header& request, const dedup::Ref& ref);
    void refuse(std::uint32_t exchange, const wire::Header& request, Reason reason);

    Context& context_;
    DatagramTries tries_;
    dedup::Store& store_;
    dedup::TableView table_;
    const std::uint32_t window_ms_;
    const std::uint32_t first_;  // entry of this core's
    std::unique_ptr<Own[]> own_;
    std::uint32_t free_ = kNone;
    std::uint32_t used_ = 0;
    // Answered, oldest first: all of them; from `oldest_kept_` on there may be bytes in the ring.
    std::uint32_t oldest_ = kNone, newest_ = kNone, oldest_kept_ = kNone;
    std::uint64_t ring_mask_;
    std::uint64_t head_ = 0;  // bytes ever written
    std::unique_ptr<std::byte[]> ring_;
    std::uint32_t news_ = 0;
    std::unique_ptr<Waiter[]> waiters_;
    std::uint32_t free_waiter_ = 0, first_waiter_ = kNone, waiting_ = 0;
};

}  // namespace skerry
