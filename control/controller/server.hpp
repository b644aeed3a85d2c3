// One server, put together: the warden, the ports, the cores, the controller, the two HTTP servers.
// Made, run and ended on the main thread, which becomes the control thread.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "control/config/config.hpp"
#include "control/controller/controller.hpp"
#include "control/events/service.hpp"
#include "dataplane/loop.hpp"
#include "dataplane/port/ports.hpp"
#include "sandbox/warden/client.hpp"

namespace skerry::control {

class Server {
  public:
    // `warden` was forked before anything else was started. Everything that can fail, fails here,
    // before a packet is taken: the error says what was found, what is needed and what mends it.
    static Result<std::unique_ptr<Server>> create(const config::Config& config,
                                                  warden::Client warden);
    ~Server();

    // Serves until a signal comes on `signal_fd`: the first one drains, the second ends at once.
    // An error: the server could not go on.
    Status run(int signal_fd);

  private:
    Server(const config::Config& config, warden::Client warden);
    Status open_ports();
    Status make_shared();
    void add_tenants(ServerInfo& info) const;
    Status make_http(HttpInfo& info) const;
    Status make_dedup(const ServerInfo& info);
    Result<rte_mempool*> make_payload_pool(std::uint32_t core) const;
    Status make_rings();
    Status make_event_rings();
    Status add_regions();
    void steer(RegionInfo& region);
    void steer_trunks(RegionInfo& region, port::Inbound segment);
    Status lock_state();
    Status lock_workers_uids();
    Status open_state();
    Status start_events();
    Status start_cores();
    Status start_http();
    void core_main(std::uint32_t core);
    void stop_cores();

    const config::Config config_;
    warden::Client warden_;
    std::unique_ptr<port::Ports> ports_;
    Shared shared_;
    channel::Doorbells doorbells_;
    std::vector<UniqueFd> event_fds_;
    UniqueFd state_lock_;
    UniqueFd uids_lock_;
    std::vector<RegionInfo> regions_;
    std::unique_ptr<Controller> controller_;
    std::unique_ptr<events::Service> events_;  // none: no HTTP
    std::vector<std::unique_ptr<Core>> cores_;
    std::vector<std::thread> threads_;
    std::vector<int> attach_errors_;
    std::atomic<std::uint32_t> attached_{0};
    std::unique_ptr<admin::Server> admin_;
    std::unique_ptr<admin::Server> management_, lambda_;
};

}  // namespace skerry::control
