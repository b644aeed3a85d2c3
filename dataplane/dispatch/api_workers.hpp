// Drives the conversations with workers that speak the Runtime API through a core's io_uring.
//
// No operation here waits in the kernel but polls and accepts, which hold none of our memory:
// sends and receives are tried (MSG_DONTWAIT: they are complete when the submission returns), and
// polled for when they find nothing to do. So a worker's memory may be freed as soon as nothing of
// it is queued, whatever the worker does.
//
// A tenure is the time in which this core owns the worker's slot. Outside of tenures the ring has
// nothing to do with the worker: leave() takes back what still waits, and completions that come
// later are known by their tenure.
#pragma once

#include <cstdint>

#include "dataplane/dispatch/api_end.hpp"
#include "dataplane/dispatch/ring.hpp"

namespace skerry {

class ApiWorkers {
  public:
    static constexpr std::uint64_t kTag = std::uint64_t{1} << 60;
    static constexpr std::uint32_t kTenures = 1u << 24;

    explicit ApiWorkers(Ring& ring) : ring_(ring) {}

    // Channel index and tenure of a completion's tag.
    static std::uint32_t index_of(std::uint64_t tag) {
        return static_cast<std::uint32_t>(tag & 0xffff);
    }
    static std::uint32_t tenure_of(std::uint64_t tag) {
        return static_cast<std::uint32_t>(tag >> 16) & (kTenures - 1);
    }

    void begin(ApiEnd& end, std::uint32_t channel_index, std::uint32_t tenure,
               const runtime_api::Grant& grant);
    void completed(ApiEnd& end, std::uint64_t tag, int result);
    // Of a tenure that has ended: what it brought is thrown away.
    void too_late(std::uint64_t tag, int result);
    // Nothing that touches the worker's memory is under way.
    static bool settled(const ApiEnd& end);
    // Ends the tenure. Unless settled, what is queued is submitted: it is complete then.
    void leave(ApiEnd& end, std::uint32_t channel_index, std::uint32_t tenure);

  private:
    enum class Operation : std::uint8_t { accept, receive, send, poll_in, poll_out };

    static std::uint64_t tag(Operation operation, std::uint32_t connection, std::uint8_t generation,
                             std::uint32_t tenure, std::uint32_t channel_index) {
        return kTag | static_cast<std::uint64_t>(operation) << 52 |
               static_cast<std::uint64_t>(connection) << 48 |
               static_cast<std::uint64_t>(generation) << 40 |
               static_cast<std::uint64_t>(tenure) << 16 | channel_index;
    }
    void accepted(ApiEnd& end, int result);
    void drive(ApiEnd& end, std::uint32_t channel_index, std::uint32_t tenure);
    void drive(ApiEnd& end, std::uint32_t connection, std::uint32_t channel_index,
               std::uint32_t tenure);
    void receive(ApiEnd& end, std::uint32_t connection, std::uint64_t tag);
    void hang_up(ApiEnd& end, std::uint32_t connection, std::uint32_t channel_index,
                 std::uint32_t tenure);

    Ring& ring_;
};

}  // namespace skerry
