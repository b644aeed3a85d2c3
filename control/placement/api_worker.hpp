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
    // One that stands by: without a slot, until assign().
    static std::unique_ptr<ApiWorker> create_standby();
    ~ApiWorker();
    ApiWorker(const ApiWorker&) = delete;
    ApiWorker& operator=(const ApiWorker&) = delete;

    // One that stands by gets a slot, as of create().
    Status give_area(std::uint32_t area_bytes);
    // Makes the channel one of this memory.
    void describe(Channel& channel) const;
    // Its jail has been built, and it can connect. `channel` is told where to speak to it. Without
    // a listener (this process has too many files open) its start has failed.
    void listen(UniqueFd listener, std::string function_arn, Channel& channel);

    // Of one that stands by: it can connect.
    void listen(UniqueFd listener);
    // It waits for its assignment.
    bool stands_by() const { return end_ && end_->peer.stands_by(); }
    // Tells it which function it is for: NAME=value, each with a zero at its end, all that it is to
    // have in its environment. Nothing, unless it stands by.
    void assign(std::string environment, std::string function_arn, Channel& channel);

    enum class Progress : std::uint8_t { initialising, ready, failed };  // standing by: the first
    // Hears what the worker says while it initialises; never waits.
    Progress step();
    // Why it failed, in its own words: the error's type and the beginning of its text.
    std::string failure() const;
    // What poll(2) should watch while it initialises.
    void add_descriptors(std::vector<pollfd>& to) const;

  private:
    ApiWorker() = default;
    std::byte* area() const;

    std::byte* base_ = nullptr;
    std::size_t bytes_ = 0;
    std::uint32_t area_bytes_ = 0;
    std::string assignment_;  // the peer refers to it
    std::unique_ptr<ApiEnd> end_;
    bool deaf_ = false;
};

}  // namespace skerry::placement
