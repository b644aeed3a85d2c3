// Dispatch: invocations into workers' slots, and their answers back out.
//
// Owned by one core. A claimed slot is this core's until it is released or retired, so nothing here
// locks. What a worker writes is read once and believed only where it agrees with the core's own
// record (Seats); a worker that lies, hangs or dies costs its own invocations, and its slots go to
// the control thread (retire), never back to the table.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/context.hpp"
#include "dataplane/dispatch/api_workers.hpp"
#include "dataplane/dispatch/ring.hpp"
#include "dataplane/dispatch/seats.hpp"
#include "dataplane/dispatch/usual_runs.hpp"
#include "dataplane/dispatch/waiting_room.hpp"

namespace skerry {

struct LambdaError;

// A slot that is ours: to be started with, or released.
struct Claim {
    Channel* channel = nullptr;  // nullptr: none was free
    std::uint32_t slot = 0;
    std::uint32_t table_slot = 0;
    Permit permit = Permit::none;  // that came with it, and whose it is: admission.cpp
    std::uint8_t tenant = 0;
};

class Dispatcher {
  public:
    static constexpr int kTailsPerTurn = 16;
    // Slots of dead workers that one claim may step over before it reports "none free".
    static constexpr int kDeadSlotsPerClaim = 4;

    Dispatcher(Context& context, Ring& ring, bool core_sleeps)
        : context_(context), ring_(ring), api_(ring), core_sleeps_(core_sleeps) {}

    // Before anything is handed over ahead: whose requests that are.
    void use(WaitingRoom& waiting) { waiting_ = &waiting; }

    Claim claim(std::uint32_t entry);
    void release(std::uint32_t entry, const Claim& claim);
    bool may_take(const Claim& claim, std::uint32_t payload_bytes) const {
        return payload_bytes <= claim.channel->request_area_bytes;
    }

    // Hands `message`, which lies in `request` (see Arrival), to the claimed slot; may_take() was
    // asked. The worker is told by ring_workers(), once for all that was started since.
    void start(std::uint32_t index, const Claim& claim, const wire::Header* message,
               const rte_mbuf* request);
    void ring_workers();

    // Hands requests that wait to workers that are busy with short ones, `most` of them; those for
    // whom there was a free slot have left the queue. The number of them.
    std::uint32_t hand_ahead(std::uint32_t most);
    // Progress::ahead in all workers.
    std::uint32_t ahead() const { return ahead_; }
    // Of one that is Progress::ahead. True: it is the first that waits. False: it has begun, and is
    // Progress::local.
    bool take_back(std::uint32_t index);
    // Takes back what has not begun for long, where a slot is free. Before the queues are served.
    void recall_late();

    // Takes all answers, fails what dead workers had; the number of invocations that ended. Bounded
    // by kLocalLimit.
    std::uint32_t collect();

    // The invocation's timer: the client's deadline, or the function's time limit.
    void on_timer(std::uint32_t index);
    // Of one that waits for its log's tail: it has waited long enough.
    void on_tail_timer(std::uint32_t index);

    std::uint32_t in_flight() const { return in_flight_; }
    // Slots of the entry that this core has in use.
    std::uint32_t in_flight(std::uint32_t entry) const { return by_entry_[entry]; }

    // Of these, with workers that speak the Runtime API: they move on by completions alone.
    std::uint32_t api_in_flight() const { return api_in_flight_; }

    // A completion of the ring whose tag has one of kOwnTags set. All that are there must be handed
    // in before ring_workers(): a bell counts as out until its completion is seen, and a worker has
    // at most one, or one that fills its own eventfd would pile them up in the kernel.
    void completed(std::uint64_t completion, int result, bool armed);
    // After the core has announced its sleep: is there anything to collect?
    bool anything_done();
    static constexpr std::uint64_t kPollTag = std::uint64_t{1} << 56;
    static constexpr std::uint64_t kBellTag = std::uint64_t{1} << 59;
    static constexpr std::uint64_t kOwnTags = kPollTag | kBellTag | ApiWorkers::kTag;

  private:
    void fill(Invocation& invocation, Channel* channel, std::uint32_t slot,
              const wire::Header& message, const rte_mbuf* request);
    void count_started(Channel& channel, const Invocation& invocation);
    void count_ended(Channel& channel, const Invocation& invocation);
    void take_answers(Seat& seat, std::uint64_t slots);
    void take_answer(Seat& seat, std::uint32_t slot);
    void fail_all(Seat& seat);
    // Fails one invocation whose worker is at fault, or gone.
    void give_up(Seat& seat, std::uint32_t index, Reason reason, LogEnd end);
    std::uint32_t slot_over_limit(const Seat& seat) const;
    void note_first_answer(Channel& channel, const Invocation& invocation);
    void arm(std::uint32_t index);
    void blame(Channel* channel, WorkerFault fault);
    // The slot leaves the invocation: back to the table, or (worker at fault or dead) to control.
    void leave(Seat& seat, std::uint32_t index, bool retire);
    void vacate(Seat& seat, Invocation& invocation, bool retire);
    void to_be_rung(Seat& seat, std::uint32_t slot);
    // dispatcher_ahead.cpp
    std::uint32_t open_run(Seat& seat, Channel& channel);
    static std::uint32_t next_in_circle(Channel& channel);
    void note_run(Channel& channel, const Invocation& invocation, std::uint64_t run_tsc,
                  std::uint32_t answer_bytes);
    std::uint32_t room_ahead(const Seat& seat) const;
    bool hand_next(Seat& seat);
    void begin_ahead(Seat& seat, std::uint32_t slot, std::uint64_t started_tsc);
    static bool unpost(Seat& seat, std::uint32_t slot);
    std::uint64_t recall(Seat& seat);
    void put_off(Seat& seat, std::uint32_t index);
    void pass_on(Seat& seat, Invocation& from);
    void take_run(Seat& seat, std::uint64_t slots);
    void watch(Seat& seat);
    // dispatcher_tail.cpp
    // Before an answer: it is to be held back, if its caller wants the tail of the log.
    void hold(Invocation& invocation) const;
    // After it. False: nothing was held back, or the tail can't be had, and the reply has been
    // sent.
    bool await_tail(std::uint32_t index, AfterTail then);
    void take_tails();
    void tail_done(std::uint32_t index, const char* tail, std::uint32_t tail_bytes);
    // dispatcher_api.cpp
    void begin_api(Seat& seat, std::uint32_t index, const wire::Header& message);
    void completed_api(std::uint64_t completion, int result);
    void take_api_news();
    void answer_api(Seat& seat, std::uint32_t index);
    // What the log collector is told; one of each for an invocation.
    void log_started(Seat& seat, const Invocation& invocation);
    void log_ended(Seat& seat, const Invocation& invocation, LogEnd end);
    void answer_lambda(Invocation& invocation, Reason reason, const LambdaError& error);
    // Answers the caller, unless that was done, that its worker has failed.
    void fail(Invocation& invocation, Reason reason);
    static std::uint64_t tag(std::uint64_t kind, std::uint64_t channel_index,
                             std::uint64_t generation) {
        return kind | ((generation << 16) & 0x00ff'ffff'ffff'0000ull) | channel_index;
    }

    Context& context_;
    Ring& ring_;
    ApiWorkers api_;
    const bool core_sleeps_;
    Seats seats_;
    WaitingRoom* waiting_ = nullptr;
    UsualRuns usual_;
    std::uint32_t ahead_ = 0;
    std::array<std::uint16_t, kMaxEntries> by_entry_{};
    std::array<std::uint32_t, kMaxChannels> to_ring_{};
    std::uint32_t to_ring_count_ = 0;
    std::uint32_t in_flight_ = 0;
    std::uint32_t ended_ = 0;                             // all that have, since the start
    std::array<std::uint32_t, kMaxChannels> api_news_{};  // channels, each once
    std::uint32_t api_news_count_ = 0;
    std::uint32_t api_in_flight_ = 0;
    std::uint32_t tails_waiting_ = 0;
    std::uint32_t tenure_ = 0;
    std::uint64_t sequence_ = 0;
};

}  // namespace skerry
