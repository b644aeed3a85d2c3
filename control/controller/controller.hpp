// The controller: the control thread's state and its loop, and what the admin API sees of it.
//
// One lock over everything here. The control thread takes it for each step (some tens of
// microseconds), HTTP threads for each call; nobody waits for a disk or a region while having it.
// Cores never take it: they read what is published.
#pragma once

#include <poll.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control/admin/backend.hpp"
#include "control/admin/servers.hpp"
#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog.hpp"
#include "control/config/config.hpp"
#include "control/controller/functions.hpp"
#include "control/controller/reclaim.hpp"
#include "control/controller/replicator.hpp"
#include "control/controller/turn.hpp"
#include "control/events/service.hpp"
#include "control/fleet/fleet.hpp"
#include "control/lambda_api/functions.hpp"
#include "control/load/own_load_meter.hpp"
#include "control/logs/collector.hpp"
#include "control/origin/fetch.hpp"
#include "control/placement/worker_pool.hpp"
#include "control/popularity/merged.hpp"
#include "control/popularity/rows.hpp"
#include "control/regions/catchment.hpp"
#include "control/regions/digest_book.hpp"
#include "control/regions/monitor.hpp"
#include "control/regions/rates.hpp"
#include "control/routes/compile.hpp"
#include "control/rules/compile.hpp"
#include "control/signing/trust.hpp"
#include "control/tenants/sharer.hpp"
#include "control/worth/forecast.hpp"
#include "control/worth/plan.hpp"
#include "dataplane/auth/access_keys.hpp"
#include "dataplane/shared.hpp"

namespace skerry::control {

std::uint64_t monotonic_us();

class Controller final : public admin::Backend,
                         public lambda_api::Functions,
                         public RegionSync,
                         public fleet::Follower {
  public:
    // `regions` are the snapshot's, in the configuration's order. Everything referred to outlives
    // it.
    Controller(const config::Config& config, Shared& shared, warden::Client& warden,
               const channel::Doorbells& doorbells, catalog::Catalog catalog,
               catalog::ArtifactStore artifacts, std::vector<RegionInfo> regions);
    ~Controller() override;

    // Publishes the first snapshot. Before cores run. An error if the catalog does not fit.
    Status prepare();
    // The queue of events, to be shown, and paused while this server drains. Before start();
    // outlives stop().
    void use_events(events::Service* events) { events_ = events; }
    // Starts what needs threads: the regions' replicators, the membership in a fleet. After the
    // cores have started.
    Status start();
    // Deploys and deletes that are under way end soon, with an error; so do all later ones. Any
    // thread, before the HTTP servers are ended: they wait for their calls.
    void stop();
    // One step; returns how long poll(2) may wait, in milliseconds.
    int step();
    void add_descriptors(std::vector<pollfd>& to);
    bool warden_gone();
    // Invocations that this server has in its hands.
    std::uint64_t in_flight() const;

    // admin::Backend
    admin::StatusView status() override;
    std::vector<admin::FunctionView> functions() override;
    admin::CountedFunctions counted_functions() override;
    admin::ApiResult<admin::FunctionView> function(const std::string& name) override;
    std::vector<admin::RegionView> regions() override;
    admin::ApiResult<admin::ExplainView> explain(const std::string& name) override;
    std::vector<admin::CoreView> cores() override;
    std::uint64_t tsc_hz() override { return shared_.server.tsc_hz; }
    std::uint64_t catalog_epoch() override;
    std::uint64_t boot_id() override { return shared_.server.boot_id; }
    admin::HeldVersions held() override;
    admin::ApiResult<admin::DeployOutcome> deploy(const admin::DeployRequest& request,
                                                  std::string_view archive) override;
    std::vector<admin::FetchView> fetches() override;
    admin::ApiResult<admin::EraseOutcome> erase(const std::string& name) override;
    admin::ApiResult<admin::AliasOutcome> alias(const std::string& name, const std::string& alias,
                                                const std::string& version) override;
    admin::ApiResult<logs::Page> logs(const std::string& name,
                                      const logs::Question& question) override;
    std::vector<routes::Route> routes() override;
    admin::ApiResult<admin::RoutesOutcome> add_route(const routes::Route& route) override;
    admin::ApiResult<admin::RoutesOutcome> delete_route(std::uint32_t number) override;
    admin::ApiResult<admin::RoutesOutcome> replace_routes(std::vector<routes::Route> all) override;
    admin::ApiResult<admin::RouteTestResult> test_route(const admin::RouteTest& test) override;
    std::vector<admin::RuleView> rules() override;
    admin::ApiResult<admin::RulesOutcome> add_rule(const rules::Declared& rule) override;
    admin::ApiResult<admin::RulesOutcome> delete_rule(const std::string& name) override;
    admin::ApiResult<admin::RulesOutcome> replace_rules(std::vector<rules::Declared> all) override;
    admin::ApiResult<admin::RuleTestResult> test_rules(const admin::RuleTest& test) override;
    std::vector<admin::TenantView> tenants() override;
    std::uint64_t set_draining(bool draining) override;
    admin::ApiResult<admin::EventsView> events() override;
    std::vector<admin::AccessKeyView> access_keys() override;
    // The configuration's file, and of it the access keys. Any thread; does not wait for the cores.
    // The number of the publication. On an error nothing has changed; the log has it in any case.
    admin::ApiResult<std::uint64_t> read_access_keys_again();
    admin::ApiResult<std::vector<admin::AccessKeyView>> reload_access_keys() override;

    // lambda_api::Functions; erase() and archive() are the others' too.
    std::shared_ptr<const auth::AccessKeys> signing_keys() override;
    std::optional<catalog::Function> find(const std::string& name) override;
    std::vector<catalog::Function> all() override;
    std::uint64_t archive_size(const std::string& digest) override;
    admin::ApiResult<catalog::Function> deploy(const admin::DeployRequest& request,
                                               std::string_view archive,
                                               const lambda_api::Edit& edit) override;
    admin::ApiResult<catalog::Function> change(const std::string& name,
                                               const lambda_api::Edit& edit) override;

    // RegionSync: called by the regions' replicators, each on its own thread.
    RegionWork on_held(std::uint32_t region, const admin::HeldVersions& held) override;
    bool wants(std::uint32_t region, const admin::DeployRequest& request) override;
    bool buried(std::uint32_t region, const std::string& name) override;
    std::shared_ptr<std::atomic<std::uint64_t>> on_pushing(std::uint32_t region,
                                                           const admin::DeployRequest& request,
                                                           std::uint64_t bytes) override;
    void on_pushed(std::uint32_t region, const admin::DeployRequest& request) override;
    void on_push_failed(std::uint32_t region, const admin::DeployRequest& request,
                        const Error& why) override;
    void on_erased(std::uint32_t region, const std::set<std::string>& names) override;
    Result<std::string> archive(const std::string& digest) override;

    // fleet::Follower: called on the fleet's threads.
    std::set<std::string> function_names() override;
    Status take_over(const std::string& name, std::uint64_t revision,
                     const fleet::Record* record) override;
    Status contribute(const std::string& name) override;
    Status joined(const std::string& fleet_id) override;
    void on_fleet_changed() override;

  private:
    using Lock = std::unique_lock<std::mutex>;

    // What is known of one region's possessions.
    struct Possession {
        bool known = false;                     // it has been asked
        std::set<admin::HeldVersion> versions;  // that it has confirmed
        // Function → what it was told last, until it has confirmed that.
        struct Push {
            std::string version, error;                        // no error: it is being told
            std::shared_ptr<std::atomic<std::uint64_t>> sent;  // bytes of the archive
            std::uint64_t bytes = 0;
        };
        std::map<std::string, Push> pushes;
        bool has(const std::string& function) const;
    };

    struct Fetching {
        admin::FetchView view;
        std::shared_ptr<origin::Progress> progress;
    };

    // publish.cpp
    std::unique_ptr<const Snapshot> build_snapshot();
    std::uint64_t publish();
    // Each target with its names, in the same order.
    void add_rate(const catalog::Function& function, SnapshotExtras& extras) const;
    void add_tenant(const catalog::Function& function, SnapshotExtras& extras) const;
    void add_targets(const catalog::Function& function, std::vector<Target>& to,
                     std::vector<TargetName>& names, SnapshotExtras& extras);
    static std::uint32_t add_split(const catalog::Function& function, const std::string& alias,
                                   SnapshotExtras& extras);
    std::uint64_t holders(const catalog::Function& function, const std::string& digest) const;
    bool may_have_workers(const catalog::Policy& policy) const;
    Status adopt(const catalog::Function& function);
    std::uint32_t adopt_old_versions(const catalog::Function& function);
    Deployed& deployed_of(const std::string& name);
    std::uint32_t workers_max(const catalog::Limits& limits) const;
    static std::string settings_of(const catalog::Function& function);
    bool holds(const catalog::Function& function, const std::string& version) const;
    Result<std::uint32_t> open_entry(const catalog::Function& function, const std::string& digest);
    std::uint32_t cold_cost_us(const catalog::Function& function, const std::string& digest) const;
    bool held_back(std::uint32_t entry) const;

    // fetch.cpp
    admin::ApiResult<std::string> archive_of(const admin::DeployRequest& request);
    Result<std::list<Fetching>::iterator> begin_fetch(const admin::DeployRequest& request);

    // trust.cpp
    Status judge_trust(const catalog::Function& function, const std::string& version) const;
    std::optional<admin::ApiError> judge_signature(admin::DeployRequest& request);
    void note_trust(const catalog::Function& function);
    // place.cpp
    void place(std::uint64_t now_us);
    void tell_warmth(const catalog::Function& function, const Deployed& deployed,
                     std::uint64_t now_us);
    void note_habits(std::uint64_t key, Deployed& deployed, double passed_s, std::uint64_t now_us);
    worth::Candidate candidate(const catalog::Function& function, std::uint64_t key,
                               const std::string& digest, std::uint32_t entry,
                               std::uint64_t now_us);
    double saved_us(const catalog::Function& function, const Deployed& deployed) const;
    void read_ways(std::uint64_t now_us);
    worth::Budget budget() const;
    void follow_plan(const std::vector<worth::Verdict>& verdicts);
    admin::PlacementView placement_view(const catalog::Function& function) const;

    // rows.cpp
    bool rows_are_shared() const;
    std::string why_own_row(const catalog::Function& function) const;
    Status no_row(const catalog::Function& function) const;
    RowCounts row_counts(std::uint32_t row) const;
    std::optional<std::uint32_t> take_row(const catalog::Function& function);
    void give_row(const catalog::Function& function, std::uint32_t row, double per_s);
    void lose_row(const std::string& name);
    void open_here(const catalog::Function& function, Deployed& deployed);
    std::vector<popularity::Holder> holders_of_rows(std::uint64_t now_us) const;
    void look_for_popular();
    void step_rows(std::uint64_t now_us);
    void reassign_rows(std::uint64_t now_us);
    admin::RowView row_view(const catalog::Function& function) const;

    // lambda.cpp
    Status row_for_change(const catalog::Function& changed, std::optional<std::uint32_t>& row);
    void take_changed_row(const catalog::Function& changed, std::optional<std::uint32_t> row);

    // forecasts.cpp
    std::string forecasts_file() const;
    void open_forecasts();
    void save_forecasts(Lock& lock);

    // keys.cpp
    void use_access_keys(const std::vector<config::AccessKey>& settings,
                         std::vector<auth::AccessKeySpec> specs);

    // controller.cpp
    // Without the control lock, which it takes for some of them at a time: there can be very many,
    // and the control thread waits for it. What is deployed or deleted meanwhile is there or not.
    void for_each_function(const std::function<void(const catalog::Function&)>& look);
    void note_changes(std::uint64_t now_us);
    void nudge();
    void set_clocks();

    // tenants.cpp
    void share_permits(std::uint64_t now_us);
    void share_places();

    // deploy.cpp
    // What a deploy has got ready. Nobody else knows of it before commit().
    struct Plan {
        std::optional<catalog::Function> before;
        catalog::Function next;
        std::uint32_t entry = kNoEntry;               // of the new version; none: not to run here
        std::map<std::string, std::uint32_t> opened;  // digest → entry, for this deploy
        std::optional<std::uint32_t> index;           // the row taken for it, if it had none
        std::set<std::string> new_regions;            // that certainly don't know the function yet
        const lambda_api::Edit* edit = nullptr;
        std::optional<admin::ApiError> refusal;  // the edit's
    };
    admin::ApiResult<admin::DeployOutcome> deploy_edited(const admin::DeployRequest& request,
                                                         std::string_view archive,
                                                         const lambda_api::Edit* edit);
    std::optional<admin::ApiError> judge_edit(const std::string& name,
                                              const lambda_api::Edit* edit);
    std::optional<admin::ApiError> judge_deploy(const admin::DeployRequest& request) const;
    admin::ApiResult<admin::DeployOutcome> deploy_version(const admin::DeployRequest& request,
                                                          std::string_view archive,
                                                          const lambda_api::Edit* edit);
    std::vector<admin::RegionOutcome> replicate(const Plan& plan, std::string_view archive);
    std::string last_words(const std::string& name, const std::string& version) const;
    Status warm_up(Lock& lock, const Plan& plan);
    std::uint64_t commit(const Plan& plan);
    Status switch_to(Plan& plan, std::uint64_t& publication);
    void give_up(const Plan& plan, const std::vector<admin::RegionOutcome>& regions);

    // plan.cpp
    Status make_plan(Lock& lock, Plan& plan);
    Result<std::uint32_t> open_entry_or_evict(Lock& lock, const catalog::Function& function);
    bool evict_one();

    // converge.cpp
    static admin::DeployRequest push_of(const catalog::Function& function);
    bool replicates_to(const catalog::Policy& policy, std::uint32_t region) const;
    Status store(const std::function<Status(catalog::Draft&)>& change,
                 const std::function<void()>& taken, bool even_if_not_written = false);
    Status store_here(const std::function<Status(catalog::Draft&)>& change,
                      const std::function<void()>& taken);
    Status write_and_take(catalog::Draft& draft, const std::function<void()>& taken,
                          bool even_if_not_written);
    // What a call is told when store() has failed.
    static admin::ApiError store_refusal(const Error& error);
    void forget_tombstones(std::uint32_t region, const std::set<std::string>& names);
    void wake_regions();

    // follow.cpp
    Status make_fleet();
    // As the fleet has it; true without one.
    bool settled(const std::string& name) const;
    std::optional<admin::ApiError> judge_fleet() const;
    Status fetch_artifacts(const fleet::Record& record);
    Status fetch_artifact(const catalog::Build& build, const std::string& by);
    Status follow(const fleet::Record& record, std::uint64_t revision);
    Status follow_deletion(const std::string& name, std::uint64_t revision);
    void put_as_told(catalog::Draft& draft, const catalog::Function& function) const;

    // erase.cpp
    std::set<std::string> regions_with(const std::string& name) const;
    void drop(const std::string& name);
    std::set<std::string> erase_everywhere(const std::string& name,
                                           const std::set<std::string>& regions,
                                           admin::EraseOutcome& outcome);
    void retire(std::string function, std::string digest, std::uint32_t entry);
    void close_retired(const std::vector<std::uint32_t>& entries);
    void note_ended_workers();
    void sweep_main();
    bool sweep();

    // routes.cpp
    std::string routes_file() const;
    Result<std::shared_ptr<const routes::RouteSet>> compile_routes(
        std::vector<routes::Route> all, std::vector<routes::Problem>& problems) const;
    Status open_routes();
    void take_routes(std::shared_ptr<const routes::RouteSet> set);
    admin::ApiResult<admin::RoutesOutcome> take_over(std::vector<routes::Route> all);
    admin::ApiResult<admin::RoutesOutcome> change_routes(std::vector<routes::Route> all,
                                                         std::vector<std::string> said);

    // rules.cpp
    std::string rules_file() const;
    Result<std::shared_ptr<const rules::RuleSet>> compile_rules(
        std::vector<rules::Declared> all, std::vector<rules::Problem>& problems);
    Status open_rules();
    void forget_old_rules();
    std::shared_ptr<const rules::RuleSet> rule_set();
    std::shared_ptr<const rules::Set> published_rules() const;
    admin::ApiResult<admin::RulesOutcome> change_rules(std::vector<rules::Declared> all);

    // views.cpp
    admin::WarmthView warmth_view() const;
    admin::FunctionView view(const catalog::Function& function);
    void show_workers(std::uint32_t entry, admin::VersionView& version);
    void show_signature(const catalog::Function& function, const std::string& digest,
                        admin::VersionView& version) const;
    void show_regions(const catalog::Function& function, admin::FunctionView& view) const;
    void add_candidates(const Target& target, const Request& request, admin::ExplainView& view);
    std::vector<std::string> last_log(const std::string& name, const std::string& version) const;

    const config::Config& config_;
    Shared& shared_;
    catalog::ArtifactStore artifacts_;
    signing::Trust trust_;  // as prepare() has made it
    const std::vector<RegionInfo> regions_;
    const std::uint64_t started_us_;
    const pid_t warden_pid_;

    // Taken in this order, each if at all: routes_turn_ or rules_turn_, turn_, a region's calls,
    // storing_, mutex_, the fleet's.
    std::mutex reloading_;                       // of the access keys; before all others
    std::mutex routes_turn_;                     // one change or test of the routes at a time
    std::atomic<std::uint32_t> route_calls_{0};  // those that have that turn or wait for it
    std::mutex rules_turn_;                      // the same of the rules
    std::atomic<std::uint32_t> rule_calls_{0};
    Turn turn_;           // one deploy, delete or sweep at a time
    std::mutex storing_;  // whoever has it may change the catalog; mutex_ too for take()
    std::mutex mutex_;    // guards everything below
    std::condition_variable changed_;
    catalog::Catalog catalog_;
    std::list<Fetching> fetches_;                    // oldest first
    Result<std::unique_ptr<logs::Collector>> logs_;  // has a thread of its own
    placement::WorkerPool pool_;
    regions::DigestBook digests_;
    regions::Monitor monitor_;
    regions::Catchment catchment_;
    OwnLoadMeter own_load_;
    tenants::Sharer sharer_;
    regions::Rates rates_;
    worth::Forecast forecast_;
    // Of this tick: the candidates and the versions that they are of; µs to each region and back,
    // with the wait there; less than 0: it can't be used now.
    std::vector<worth::Candidate> candidates_;
    struct Planned {
        const catalog::Function* function;
        const std::string* digest;
        std::uint32_t entry;
    };
    std::vector<Planned> planned_;
    std::array<double, kMaxRegions> way_us_{};
    std::uint64_t placed_us_ = 0;  // last
    std::uint64_t plan_took_us_ = 0, publication_took_us_ = 0;
    Reclaimer reclaimer_;
    // What is published as Shared::access_keys, what it was made of, and what it has replaced since
    // the last snapshot.
    std::shared_ptr<const auth::AccessKeys> keys_;
    std::vector<config::AccessKey> key_settings_;
    std::vector<std::shared_ptr<const auth::AccessKeys>> old_keys_;
    std::uint64_t key_generation_ = 0;
    IndexPool indices_;
    std::map<std::string, Deployed> deployed_;
    std::map<std::string, Deployed*> rowed_;  // those of them with a row of their own
    // Of the others: how often each is asked for. Those that are asked for most, as far as they
    // have been looked at since rows were given out last.
    popularity::Merged merged_;
    std::vector<std::pair<double, std::string>> asking_;
    std::string looked_at_;  // last
    std::size_t looks_ = 0;  // since rows were given out last
    std::uint64_t next_rows_us_ = 0, merged_us_ = 0;
    RowCounts gone_;                     // counted in rows by functions that have lost them
    std::vector<std::string> row_of_;    // [row]: whose it is
    std::vector<Possession> held_;       // [region]
    std::string deploying_;              // function that is being deployed: regions may differ
    std::set<std::uint32_t> held_back_;  // entries published as unable to start
    std::uint32_t warming_ = 0;          // entry that a deploy waits for, +1; 0: none
    std::uint32_t warming_workers_ = 0;
    std::vector<Retired> retired_;
    std::deque<std::string> spared_logs_;  // functions whose deploy failed: they say why
    bool sweep_due_ = false;
    events::Service* events_ = nullptr;
    bool stopping_ = false;
    bool draining_ = false;
    bool publish_soon_ = false;
    std::uint64_t generation_ = 0;
    std::size_t published_targets_ = 0;  // room for as many as there were, and some more
    std::shared_ptr<const routes::RouteSet> route_set_;
    std::shared_ptr<const classify::Published> published_routes_;  // of route_set_
    std::shared_ptr<const rules::RuleSet> rule_set_;               // none: there are no rules
    // Replaced by that publication, and perhaps still asked about bodies that began before.
    struct OldRules {
        std::shared_ptr<const rules::RuleSet> set;
        std::uint64_t publication = 0;
    };
    std::vector<OldRules> old_rules_;
    std::uint64_t next_placement_us_ = 0;
    UniqueFd nudge_;
    std::vector<std::unique_ptr<Replicator>> replicators_;
    std::unique_ptr<fleet::Fleet> fleet_;            // set before other threads are; none: no fleet
    std::vector<admin::ManagementClient> fetching_;  // the one that may be under way; guarded
    std::condition_variable sweeper_woken_;
    std::thread sweeper_;
};

}  // namespace skerry::control
