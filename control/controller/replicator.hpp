// Keeps one region in possession of what it should hold, and of nothing that was deleted: asks what
// it has, pushes what is missing or different, erases what is to be forgotten. One thread a region,
// so that a region that does not answer delays no other; one call at a time to each region, so that
// what was decided earlier does not arrive later.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control/admin/servers.hpp"
#include "control/controller/pace.hpp"

namespace skerry::control {

// What is to be done at a region.
struct RegionWork {
    std::vector<admin::DeployRequest> push;
    std::vector<std::string> erase;
};

// What a replicator needs of the controller. Called on the replicator's thread, or on that of who
// calls push().
class RegionSync {
  public:
    virtual ~RegionSync() = default;
    // The region holds exactly this.
    virtual RegionWork on_held(std::uint32_t region, const admin::HeldVersions& held) = 0;
    // Asked right before each call: what was decided a while ago may be wrong by now.
    virtual bool wants(std::uint32_t region, const admin::DeployRequest& request) = 0;
    virtual bool buried(std::uint32_t region, const std::string& name) = 0;
    // Before each push, and when it has failed. Who is told counts up what has been sent of the
    // archive's bytes.
    virtual std::shared_ptr<std::atomic<std::uint64_t>> on_pushing(
        std::uint32_t region, const admin::DeployRequest& request, std::uint64_t bytes) = 0;
    virtual void on_push_failed(std::uint32_t region, const admin::DeployRequest& request,
                                const Error& why) = 0;
    virtual void on_pushed(std::uint32_t region, const admin::DeployRequest& request) = 0;
    // It holds no version of these any more.
    virtual void on_erased(std::uint32_t region, const std::set<std::string>& names) = 0;
    virtual Result<std::string> archive(const std::string& digest) = 0;
};

class Replicator {
  public:
    Replicator(RegionSync& sync, std::uint32_t region, admin::ManagementClient client);
    ~Replicator();  // stops

    // Any thread. The region may hold something else than what is known.
    void wake();
    // Any thread. A deploy's own calls: EBUSY if another call takes too long, for wake() to do
    // later. push() reports to on_pushed(); erase() reports nothing, and is content with a region
    // that does not know the function.
    Status push(const admin::DeployRequest& request, std::string_view archive);
    Status erase(const std::string& name);
    // Ends the call under way and all later ones. Any thread; does not wait.
    void stop();

  private:
    using Time = Pace::Time;
    enum class Done { all, later, unreachable };

    void run();
    Done sync_once(Time& again);
    Status tell(const admin::DeployRequest& request, std::string_view archive);
    bool push_one(const admin::DeployRequest& request, Time& again);
    Status erase_all(const std::vector<std::string>& names);
    std::unique_lock<std::timed_mutex> turn();
    std::unique_lock<std::timed_mutex> urgent_turn();

    RegionSync& sync_;
    const std::uint32_t region_;
    const admin::ManagementClient client_;
    std::timed_mutex calls_;  // one call at a time; taken before the controller's locks
    std::atomic<std::uint32_t> urgent_{0};  // callers of push() and erase() that wait for it
    Pace pace_;                             // the replicator's thread alone
    std::mutex mutex_;                      // guards what follows
    std::condition_variable woken_;
    bool due_ = true;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace skerry::control
