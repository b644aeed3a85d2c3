// One worker of this server, from its order at the warden to its end. Control thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "control/placement/api_worker.hpp"
#include "control/placement/cpu_watch.hpp"
#include "control/placement/history.hpp"
#include "dataplane/capacity/slot_table.hpp"
#include "dataplane/dispatch/channel.hpp"
#include "sandbox/channel/host.hpp"

namespace skerry::placement {

// Of a worker that stands by.
inline constexpr std::uint32_t kNoEntry = ~0u;

struct Worker {
    enum class State : std::uint8_t {
        standby,   // of no function yet: it starts, or waits for one
        starting,  // ordered; its slots are known to nobody yet
        ready,     // its slots are in the capacity table
        ending,    // its slots are being collected, its process has been or will be killed
    };

    std::uint64_t id = 0;     // never used twice
    std::uint32_t index = 0;  // of the channel, and of the host uid; unique among the living
    std::uint32_t entry = 0;  // kNoEntry: none yet
    runtime::Kind kind = runtime::Kind::native;
    State state = State::starting;
    bool is_template = false;  // ends when it has initialised; has no slots
    bool is_copy = false;      // of its version's template
    bool stood_by = false;     // before it got its function
    bool exited = false;
    bool end_wanted = false;  // it does not end by itself, but because it is told to
    bool kill_sent = false;
    bool proven = false;  // it lived long enough for failed starts before it to be forgiven
    int pid = 0;
    std::uint64_t slots = 0;       // its bits in the capacity entry
    std::uint64_t owned = 0;       // of these, the ones that are the control thread's now
    std::uint64_t started_us = 0;  // when it was ordered; when it became ready, once it has
    std::uint64_t spawned_us = 0;  // when the warden's news of it came; 0: not yet
    StartPhases phases;
    std::uint64_t used_us = 0;    // when it was last seen to have a request, or have had one
    std::uint64_t used_mark = 0;  // sum of its slots' request_seq then
    // One of the two: the channel that a native worker shares, or what is ours of another's.
    std::optional<channel::HostChannel> memory;
    std::unique_ptr<ApiWorker> api;
    std::unique_ptr<Channel> channel;
    // Of one that stands by, until it has a function: its log's; where it will connect to, of a
    // blank that will speak the Runtime API.
    UniqueFd output, listener;
    UniqueFd doorbells;  // of a native blank, with a channel of the usual size: made ahead of need
    std::pair<dev_t, ino_t> image = {};  // of one that stands by: what it was made of
    std::string group;                   // its control group; empty: it has none
    std::optional<CpuWatch> cpu;         // of functions with a limit of CPU time, once it is ready
    std::uint64_t memory_watched_us = 0;
    bool first_answer_told = false;

    // It waits for its function.
    bool waits() const {
        return state == State::standby && (api ? api->stands_by() : spawned_us != 0);
    }
    bool finished() const { return exited && owned == slots; }
};

inline Way way_of(const Worker& worker) {
    if (worker.is_copy) return worker.stood_by ? Way::standby_copy : Way::copy;
    return worker.stood_by ? Way::standby : Way::fresh;
}

// Puts the worker's slots into the table, for cores to claim.
void introduce(CapacityTable& table, Worker& worker);
// Takes back what is free now; the rest comes with later calls, or through take_retired().
void collect_free(CapacityTable& table, Worker& worker);
// All slots or none: true when no request has one. A worker must be idle to be ended politely.
bool take_if_idle(CapacityTable& table, Worker& worker);
// Whether a core has one of its slots, or had one when the worker ended. Only skerryd writes this.
bool is_claimed(const CapacityTable& table, const Worker& worker);
// Changes whenever a request is handed to the worker. The words lie in memory that the worker can
// write: it can make itself look busy, and thereby live as long as it would under load. No more.
std::uint64_t use_mark(const Worker& worker);

}  // namespace skerry::placement
