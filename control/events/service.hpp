// The queue of events, put to work: a thread between the cores' rings (dataplane/event/rings.hpp)
// and the file. It is the only one that waits for the disk.
//
// A turn takes what cores have submitted, writes it down in one transaction together with what has
// ended since, says `accepted`, and gives cores what is due. While a turn waits for the disk the
// next transaction gathers: so the more there is to do, the more goes with one fsync.
//
// When something fails
//   queue full        429: EventFate::full, counted
//   disk nearly full  500: EventFate::failed, counted, logged at most every 10 s; what is kept
//                     already is executed meanwhile, and what ended is written down as soon as
//                     that works
//   disk broken       502: EventFate::unknown if it failed at the end of a transaction, else as if
//                     it were full
//   SIGKILL           what was accepted is still there, or its execution has been written down;
//                     what had run and was not written down yet (kWriteSoon_ms) runs once more
//   an orderly end    nothing new is started after pause(true); what runs ends; what waits is
//                     kept, or with Safety::memory lost, which is counted and logged
//   a damaged file    set aside at the start, counted, logged; the server starts without it
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "control/events/queue.hpp"
#include "control/events/store.hpp"
#include "dataplane/event/rings.hpp"
#include "dataplane/shared.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::events {

// What an operator sees.
struct View {
    struct OfFunction {
        std::uint64_t key = 0, waiting = 0, running = 0;
    };
    Counts counts;
    std::uint64_t records = 0, bytes = 0, running = 0;
    std::uint64_t records_max = 0, bytes_max = 0;
    std::uint64_t oldest_ms = 0;  // Unix time; 0: none waits
    bool paused = false;
    std::string safety;
    std::string last_error;  // of the file; empty: the last transaction went well
    std::vector<OfFunction> functions;
};

std::string_view name_of(Safety safety);

class Service {
  public:
    static constexpr std::size_t kBatch = 256;              // events of one transaction
    static constexpr std::uint64_t kBatchBytes = 8u << 20;  // and their payloads
    static constexpr std::uint64_t kWriteSoon_ms = 50;      // until what has ended is written down
    static constexpr std::size_t kChangesAtOnce = 1024;

    struct Options {
        std::string folder;
        Safety safety = Safety::synced;
        Settings settings;
    };
    // Makes no ring: Shared has them, one set for each core. Events that are kept from before are
    // due.
    static Result<std::unique_ptr<Service>> start(Shared& shared, const Options& options);
    // After the cores have ended: what they have said last is written down.
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Eventfd for Shared::event_bell_fd.
    int bell() const { return bell_.get(); }
    // Any thread. While paused nothing is started; what is brought is kept.
    void pause(bool paused);
    View view() const;

  private:
    Service(Shared& shared, const Options& options, std::unique_ptr<Store> store);
    void main();
    bool turn();
    void wait();
    // intake.cpp
    void take_submissions();
    bool take(std::uint32_t core, const EventSubmission& submission);
    void write_down();
    void answer(std::uint32_t core, std::uint32_t slot, EventFate fate);
    void note_error(const Status& status);
    // runs.cpp
    bool take_results();
    void ended(std::uint32_t place, ReplyStatus status);
    void expire();
    void start_due();
    void give(const Event& event);
    std::uint32_t next_core();
    void gone(const Event& event);
    void dropped(const Event& event, Dropped why);
    void kick_cores();

    Shared& shared_;
    const std::uint32_t cores_;
    const Options options_;
    UniqueFd bell_;
    std::unique_ptr<Store> store_;
    std::atomic<bool> stop_{false}, paused_{false};

    mutable std::mutex mutex_;  // of queue_, last_error_: views read them
    Queue queue_;
    std::string last_error_;

    // The thread's.
    struct Waiting {
        std::uint32_t core = 0, slot = 0;  // who waits for the verdict
    };
    std::vector<Store::Added> added_;
    std::vector<Waiting> waiting_;  // parallel to added_
    std::uint64_t added_bytes_ = 0;
    std::unordered_map<std::int64_t, Store::Change> changes_;  // by event: the last one counts
    std::uint64_t changes_since_ms_ = 0;
    struct Running {
        std::int64_t id = 0;  // 0: free
        std::uint32_t core = 0;
        std::string payload;
    };
    std::vector<Running> running_;        // [place]: what a core calls slot
    std::vector<std::uint32_t> places_;   // free ones
    std::vector<std::uint32_t> of_core_;  // running on each
    std::uint32_t last_core_ = 0;
    std::uint32_t kicks_ = 0;  // cores to be woken
    std::int64_t last_id_ = 0;
    std::uint64_t warned_ms_ = 0;
    std::uint64_t logged_since_ms_ = 0;
    std::uint32_t logged_ = 0, not_logged_ = 0;

    std::thread thread_;
};

}  // namespace skerry::events
