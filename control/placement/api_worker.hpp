// A worker that speaks the Runtime API, on skerryd's side: the memory of its slot, which is nobody
// else's, its sockets, and its initialisation, up to its first /next. From then on whoever owns its
// slot speaks to it (dataplane/dispatch/api_workers.hpp).
//
// Control thread only; destroyed when the control thread owns the slot.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/dispatch/api_end.hpp"
#include "dataplane/dispatch/channel.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::placement {

class ApiWorker {
  public:
    // One slot with room for so much of a request, and of an answer.
    static Result<std::unique_ptr<ApiWorker>> create(std::uint32_t area_bytes);
    ~ApiWorker();
    ApiWorker(const ApiWorker&) = delete;
    ApiWorker& operator=(const ApiWorker&) = delete;

    // Makes the channel one of this memory.
    void describe(Channel& channel) const;
    // Its jail has been built, and it can connect. `channel` is told where to speak to it. Without
    // a listener (this process has too many files open) its start has failed.
    void listen(UniqueFd listener, std::string function_arn, Channel& channel);

    enum class Progress : std::uint8_t { initialising, ready, failed };
    // Hears what the worker says while it initialises; never waits.
    Progress step();
    // Why it failed, in its own words: the error's type and the beginning of its text.
    std::string failure() const;
    // What poll(2) should watch while it initialises.
    void add_descriptors(std::vector<pollfd>& to) const;

  private:
    ApiWorker(std::byte* base, std::size_t bytes, std::uint32_t area_bytes)
        : base_(base), bytes_(bytes), area_bytes_(area_bytes) {}
    std::byte* area() const;

    std::byte* const base_;
    const std::size_t bytes_;
    const std::uint32_t area_bytes_;
    std::unique_ptr<ApiEnd> end_;
    bool deaf_ = false;
};

}  // namespace skerry::placement
