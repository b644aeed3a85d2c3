// The controller: the control thread's state and its loop, and what the admin API sees of it.
//
// One lock over everything here. The control thread takes it for each step (some tens of
// microseconds), HTTP threads for each call. Cores never do: they read what is published.
#pragma once

#include <poll.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "control/admin/backend.hpp"
#include "control/admin/servers.hpp"
#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog.hpp"
#include "control/config/config.hpp"
#include "control/controller/functions.hpp"
#include "control/controller/reclaim.hpp"
#include "control/controller/replicator.hpp"
#include "control/placement/worker_pool.hpp"
#include "control/regions/monitor.hpp"
#include "control/regions/rates.hpp"
#include "dataplane/shared.hpp"

namespace skerry::control {

std::uint64_t monotonic_us();

class Controller final : public admin::Backend, public RegionSync {
  public:
    // `regions` are the snapshot's, in the configuration's order. Everything referred to outlives
    // it.
    Controller(const config::Config& config, Shared& shared, warden::Client& warden,
               const channel::Doorbells& doorbells, catalog::Catalog catalog,
               catalog::ArtifactStore artifacts, std::vector<RegionInfo> regions);
    ~Controller() override;

    // Publishes the first snapshot. Before cores run. An error if the catalog does not fit.
    Status prepare();
    // Starts what needs threads: the regions' replicators. After the cores have started.
    void start();
    // One step; returns how long poll(2) may wait, in milliseconds.
    int step();
    void add_descriptors(std::vector<pollfd>& to);
    bool warden_gone();
    // Invocations that this server has in its hands.
    std::uint64_t in_flight() const;

    // admin::Backend
    admin::StatusView status() override;
    std::vector<admin::FunctionView> functions() override;
    admin::ApiResult<admin::FunctionView> function(const std::string& name) override;
    std::vector<admin::RegionView> regions() override;
    admin::ApiResult<admin::ExplainView> explain(const std::string& name) override;
    std::vector<admin::CoreView> cores() override;
    std::uint64_t tsc_hz() override { return shared_.server.tsc_hz; }
    std::uint64_t catalog_epoch() override;
    std::uint64_t boot_id() override { return shared_.server.boot_id; }
    admin::ApiResult<admin::DeployOutcome> deploy(const admin::DeployRequest& request,
                                                  std::string_view archive) override;
    admin::ApiResult<std::string> erase(const std::string& name) override;
    std::uint64_t set_draining(bool draining) override;

    // RegionSync: called by the regions' replicators, each on its own thread.
    std::vector<admin::DeployRequest> on_held(std::uint32_t region,
                                              const admin::HeldVersions& held) override;
    void on_pushed(std::uint32_t region, const std::string& digest) override;
    Result<std::string> archive(const std::string& digest) override;

  private:
    using Lock = std::unique_lock<std::mutex>;

    // publish.cpp
    std::unique_ptr<const Snapshot> build_snapshot();
    std::uint64_t publish(std::vector<std::uint32_t> closing = {});
    void add_targets(const catalog::Function& function, std::vector<Target>& to);
    std::uint64_t holders(const std::string& digest) const;
    bool may_have_workers(const catalog::Policy& policy) const;
    Status adopt(const catalog::Function& function, std::uint32_t current_entry = kNoEntry,
                 std::vector<std::uint32_t>* closing = nullptr);
    Result<std::uint32_t> open_entry(const catalog::Function& function, const std::string& digest);
    std::uint32_t cold_cost_us(const catalog::Function& function, const std::string& digest) const;
    bool held_back(std::uint32_t entry) const;

    // controller.cpp
    void place(std::uint64_t now_us);
    void note_changes(std::uint64_t now_us);
    void nudge();

    // deploy.cpp
    struct Prepared {
        std::uint32_t entry = kNoEntry;
        bool opened = false;  // for this deploy: nobody else knows it yet
    };
    Result<Prepared> prepare_entry(const catalog::Function* before, const catalog::Function& next);
    admin::ApiResult<admin::DeployOutcome> deploy_version(const admin::DeployRequest& request,
                                                          const std::string& digest,
                                                          std::string_view archive);
    std::vector<admin::RegionOutcome> replicate(const admin::DeployRequest& request,
                                                const std::string& digest,
                                                std::string_view archive);
    Status warm_up(Lock& lock, const catalog::Function& function, std::uint32_t entry);
    admin::ApiResult<admin::DeployOutcome> switch_to(Lock& lock, const catalog::Function& function,
                                                     const Prepared& prepared,
                                                     admin::DeployOutcome outcome);
    bool replicates_to(const catalog::Policy& policy, std::uint32_t region) const;

    // views.cpp
    admin::FunctionView view(const catalog::Function& function);

    const config::Config& config_;
    Shared& shared_;
    catalog::ArtifactStore artifacts_;
    const std::vector<RegionInfo> regions_;
    const std::uint64_t started_us_;
    const pid_t warden_pid_;

    std::mutex deploying_;  // one deploy or delete at a time; taken before mutex_
    std::mutex mutex_;      // guards everything below
    std::condition_variable changed_;
    catalog::Catalog catalog_;
    placement::WorkerPool pool_;
    regions::Monitor monitor_;
    regions::Rates rates_;
    Reclaimer reclaimer_;
    IndexPool indices_;
    std::map<std::string, Deployed> deployed_;
    std::vector<std::set<std::string>> held_;  // [region]: digests it has confirmed
    std::set<std::uint32_t> held_back_;        // entries published as unable to start
    std::uint32_t warming_ = 0;                // entry that a deploy waits for, +1; 0: none
    std::uint32_t warming_workers_ = 0;
    bool draining_ = false;
    bool publish_soon_ = false;
    std::uint64_t generation_ = 0;
    std::uint64_t next_placement_us_ = 0;
    UniqueFd nudge_;
    std::vector<std::unique_ptr<Replicator>> replicators_;
};

}  // namespace skerry::control
