// Keeps one region in possession of what it should hold: asks what it has, and pushes what is
// missing. One thread a region, so that a region that does not answer delays no other.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/admin/servers.hpp"

namespace skerry::control {

// What a replicator needs of the controller. Called on the replicator's thread.
class RegionSync {
  public:
    virtual ~RegionSync() = default;
    // The region holds exactly this; returns what it should hold and does not.
    virtual std::vector<admin::DeployRequest> on_held(std::uint32_t region,
                                                      const admin::HeldVersions& held) = 0;
    virtual void on_pushed(std::uint32_t region, const std::string& digest) = 0;
    virtual Result<std::string> archive(const std::string& digest) = 0;
};

class Replicator {
  public:
    Replicator(RegionSync& sync, std::uint32_t region, admin::ManagementClient client);
    ~Replicator();  // waits for the call that is under way, at most its time-out

    // Any thread. The region may hold something else than what is known.
    void wake();
    const admin::ManagementClient& client() const { return client_; }

  private:
    void run();
    bool sync_once();

    RegionSync& sync_;
    const std::uint32_t region_;
    const admin::ManagementClient client_;
    std::mutex mutex_;
    std::condition_variable woken_;
    bool due_ = true;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace skerry::control
