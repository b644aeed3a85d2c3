#include "control/controller/server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstring>

#include "control/config/preflight.hpp"
#include "control/controller/notify.hpp"
#include "control/controller/uid_range.hpp"
#include "control/lambda_api/server.hpp"
#include "dataplane/net/flow.hpp"
#include "dataplane/net/return_ports.hpp"
#include "dataplane/net/tcp/stack.hpp"
#include "dataplane/port/eal.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::control {
namespace {

constexpr std::uint64_t kDrainTimeout_us = 10'000'000;

port::EalOptions eal_options(const config::Config& config) {
    port::EalOptions options;
    options.huge = config.dataplane.memory == config::Memory::huge;
    options.memory_mib = config.dataplane.memory_mib;
    options.file_prefix = config.dataplane.file_prefix.empty()
                              ? "skerry-" + config.name + "-" + std::to_string(getpid())
                              : config.dataplane.file_prefix;
    options.control_cpu = config.dataplane.control_cpu;
    for (const config::Port& port : config.ports)
        if (port::is_pci_address(port.devargs)) options.pci.push_back(port.devargs);
    return options;
}

int milliseconds(std::uint64_t us) {
    return static_cast<int>(std::min<std::uint64_t>(us / 1000 + 1, 60'000));
}

void pin(std::uint32_t cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    pthread_setaffinity_np(pthread_self(), sizeof only, &only);
}

}  // namespace

Server::Server(const config::Config& config, warden::Client warden)
    : config_(config), warden_(std::move(warden)) {}

Result<std::unique_ptr<Server>> Server::create(const config::Config& config,
                                               warden::Client warden) {
    std::unique_ptr<Server> server(new Server(config, std::move(warden)));
    Status (Server::*const steps[])() = {
        &Server::lock_state,  &Server::lock_workers_uids, &Server::open_ports,
        &Server::make_shared, &Server::make_rings,        &Server::make_event_rings,
        &Server::add_regions, &Server::open_state,        &Server::start_events,
        &Server::start_cores, &Server::start_http};
    for (const auto step : steps)
        if (const Status done = (server.get()->*step)(); !done) return done.error();
    return server;
}

Status Server::open_ports() {
    if (const Status started = port::start_eal(eal_options(config_)); !started) return started;
    std::vector<port::PortSpec> specs;
    for (const config::Port& port : config_.ports)
        specs.push_back({port.devargs, port.addresses, port.mtu});
    auto ports = port::Ports::open(specs, {.cores = config_.dataplane.cores,
                                           .mbufs = config_.dataplane.mbufs,
                                           .wake = config_.dataplane.idle == config::Idle::sleep,
                                           .tcp = config_.speaks_tcp(),
                                           .return_first = config_.dataplane.return_ports});
    if (!ports) return ports.error();
    ports_ = std::move(*ports);
    return ok();
}

Status Server::make_shared() {
    ServerInfo& info = shared_.server;
    const config::Dataplane& dataplane = config_.dataplane;
    info.is_pop = config_.role == config::Role::pop;
    info.idle_sleep = dataplane.idle == config::Idle::sleep;
    info.require_cookie = dataplane.require_cookie;
    info.udp_port = config_.udp_port;
    const std::string place = info.is_pop ? "pop" : config_.name;
    SKERRY_CHECK(place.size() < sizeof info.place);
    std::memcpy(info.place, place.data(), place.size());
    std::uint64_t random[5 + popularity::kSketchDepth];
    if (getrandom(random, sizeof random, 0) != sizeof random) return errno_error("getrandom");
    info.boot_id = random[0] | 1;
    info.cookie_key[0] = random[1];
    info.cookie_key[1] = random[2];
    info.forward_key[0] = random[3];
    info.forward_key[1] = random[4];
    std::array<std::uint64_t, popularity::kSketchDepth> factors;
    std::copy(random + 5, std::end(random), factors.begin());
    info.sketch_key = popularity::SketchKey(factors);
    info.tsc_hz = rte_get_tsc_hz();
    info.core_count = dataplane.cores;
    info.pending_limit = dataplane.pending;
    info.queue_limit = dataplane.queue;
    info.reply_cache_entries = dataplane.reply_cache_entries;
    info.reply_cache_bytes = dataplane.reply_cache_mib << 20;
    info.reply_window_ms = dataplane.reply_window_ms;
    info.ports = ports_->views();
    if (const Status http = make_http(info.http); !http) return http;
    info.selection = config_.selection.settings;
    info.no_region = config_.selection.no_region;
    info.retries = config_.selection.retries;
    info.hedge_percent = config_.selection.hedge_percent;
    info.trunks = {.per_region = config_.trunks_to_regions(),
                   .regions = static_cast<std::uint32_t>(config_.regions.size()),
                   .accepted = config_.trunks_from_pops()};

    info.anyone_invokes = !dataplane.invoke_from.has_value();
    info.invoke_from = dataplane.invoke_from.value_or(std::vector<net::IpPrefix>{});
    const config::Limits& limits = config_.limits;
    info.source_limits = {
        .per_second = limits.source_per_s,
        .burst = limits.source_burst != 0 ? limits.source_burst : limits.source_per_s,
        .connections = limits.source_connections,
        // So that those who hold connections never fill both sets of a newcomer.
        .places = std::max(limits.sources, 4 * Front::connections(info)),
        .v4_bits = limits.ipv4_prefix,
        .v6_bits = limits.ipv6_prefix,
        .shed_ms = limits.shed_ms,
        .exempt = limits.exempt};

    add_tenants(info);
    if (const Status dedup = make_dedup(info); !dedup) return dedup;
    auto doorbells = channel::create_doorbells();
    if (!doorbells) return doorbells.error();
    doorbells_ = std::move(*doorbells);
    shared_.doorbells = doorbells_.lines;
    for (std::uint32_t i = 0; i <= info.core_count; ++i) {
        event_fds_.emplace_back(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        if (!event_fds_.back()) return errno_error("eventfd");
    }
    info.control_fd = event_fds_[info.core_count].get();
    for (std::uint32_t core = 0; core < info.core_count; ++core) {
        if (info.idle_sleep) shared_.kick_fd[core] = event_fds_[core].get();
        shared_.counters[core] = std::make_unique<CoreCounters>();
    }
    return ok();
}

// The queues of a core are shared by weights alone, so that each tenant has a part that nobody else
// can fill.
void Server::add_tenants(ServerInfo& info) const {
    constexpr std::uint32_t kLeast = 16;
    std::uint64_t weights = 0;
    std::uint32_t reserved = 0;
    for (const config::Tenant& tenant : config_.tenants) {
        weights += tenant.weight;
        reserved += tenant.reserved;
    }
    const auto part = [&](std::uint32_t all, std::uint32_t weight) {
        return std::min(
            all,
            std::max(static_cast<std::uint32_t>(std::uint64_t{all} * weight / weights), kLeast));
    };
    for (const config::Tenant& tenant : config_.tenants)
        info.tenants.push_back({.name = tenant.name,
                                .weight = tenant.weight,
                                .reserved = tenant.reserved,
                                .limit = tenant.limit,
                                .queue_limit = part(info.queue_limit, tenant.weight),
                                .pending_limit = part(info.pending_limit, tenant.weight)});
    info.common_permits = config_.permits() - reserved;
}

Status Server::make_http(HttpInfo& info) const {
    const config::Http& http = config_.http;
    info.port = http.port_of(config_.role);
    info.connections = http.connections;
    info.send_blocks = http.send_mib * ((1u << 20) / net::tcp::kBlockBytes);
    info.receive_bytes = std::uint64_t{http.receive_mib} << 20;
    info.head_bytes = http.head_bytes;
    info.body_bytes = http.body_bytes;
    info.idle_ms = http.idle_ms;
    info.head_ms = http.head_ms;
    info.min_bytes_per_s = http.min_body_bytes_per_s;
    info.allow_origin = http.allow_origin;
    info.require_signature = http.require_signature;
    info.signing_region = http.signing_region;
    info.retry_window_ms = http.retry_window_ms;
    info.retry_entries = http.retry_entries;
    info.retry_bytes = std::uint64_t{http.retry_mib} << 20;
    if (getrandom(info.secret.data(), info.secret.size(), 0) !=
            static_cast<ssize_t>(info.secret.size()) ||
        getrandom(&info.first_id, sizeof info.first_id, 0) !=
            static_cast<ssize_t>(sizeof info.first_id))
        return errno_error("getrandom");
    return ok();
}

// The UDP port that each core asks the region from, so that the answer comes back to that core.
void Server::steer(RegionInfo& region) {
    const net::PortView& port = shared_.server.ports[region.port];
    const net::IpAddress* own = net::own_address(port, region.address);
    if (own == nullptr) return;
    const port::Inbound answer{region.address, *own, region.udp_port, config_.udp_port};
    for (std::uint16_t core = 0; core < config_.dataplane.cores; ++core)
        region.return_udp[core] =
            ports_->steering(region.port).return_port(answer, core, port.return_first);
    steer_trunks(region, {region.address, *own, region.udp_port, 0});
}

// The TCP ports that each core makes its trunks from: those whose segments come back to it, by RSS
// or by being handed over.
void Server::steer_trunks(RegionInfo& region, port::Inbound segment) {
    const net::PortView& port = shared_.server.ports[region.port];
    const port::Steering& steering = ports_->steering(region.port);
    const std::uint32_t cores = config_.dataplane.cores;
    const bool by_rss = port.sticky && steering.steers_tcp(segment.from);
    if (cores == 1 || (port.sticky && !by_rss)) return;
    std::array<std::uint32_t, channel::kMaxCores> found{};
    for (std::uint32_t i = 0; i < net::kTrunkPorts; ++i) {
        segment.to_udp = static_cast<std::uint16_t>(net::kFirstTrunkPort + i);
        const net::Path path{.local = segment.to,
                             .peer = segment.from,
                             .peer_mac = {},
                             .local_udp = segment.to_udp,
                             .peer_udp = segment.from_udp};
        const std::uint32_t core =
            by_rss ? steering.queue(segment) : net::owner_of_flow(path, cores);
        if (core < cores && found[core] < RegionInfo::kTrunkPorts)
            region.trunk_tcp[core][found[core]++] = segment.to_udp;
    }
}

// Which port leads to each region, and through which next hop.
Status Server::add_regions() {
    const auto ports = static_cast<std::uint8_t>(config_.ports.size());  // ≤ kMaxPorts
    for (const config::Region& region : config_.regions) {
        std::optional<net::Neighbours::NextHop> hop;
        for (std::uint8_t p = 0; p < ports && !hop; ++p)
            for (const net::IpPrefix& own : config_.ports[p].addresses)
                if (own.contains(region.address)) hop = {region.address, p};
        for (std::uint8_t p = 0; p < ports && !hop; ++p)
            for (const net::IpAddress& gateway : config_.ports[p].gateways)
                if (gateway.is_v4() == region.address.is_v4()) hop = {gateway, p};
        if (!hop)
            return Error{0, "region " + region.name + " (" + region.address.to_string() +
                                ") is on no port's network, and no port has a gateway of its "
                                "family: add one to [[port]] gateways"};
        const auto index = shared_.neighbours.add(*hop);
        if (!index) return Error{0, "more than 128 next hops"};
        RegionInfo info;
        info.address = region.address;
        info.udp_port = region.udp_port;
        info.next_hop = *index;
        info.port = hop->port;
        std::memcpy(info.name, region.name.data(), std::min(region.name.size(), sizeof info.name));
        const net::Path path{.local = {}, .peer = region.address, .peer_mac = {}};
        info.max_payload_bytes = static_cast<std::uint16_t>(
            net::max_udp_payload(path, shared_.server.ports[hop->port]) - wire::kHeaderBytes);
        steer(info);
        regions_.push_back(info);
    }
    return ok();
}

// Two servers with one state would remove each other's artifacts as nobody's. The kernel gives the
// lock back however this process ends.
Status Server::lock_state() {
    const std::string& path = config_.state_dir;
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return errno_error("mkdir " + path);
    state_lock_ = UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!state_lock_) return errno_error("open " + path);
    if (flock(state_lock_.get(), LOCK_EX | LOCK_NB) == 0) return ok();
    if (errno != EWOULDBLOCK) return errno_error("flock " + path);
    return Error{EBUSY, "state_dir " + path +
                            ": another skerryd uses it; stop it, or choose another state_dir"};
}

Status Server::lock_workers_uids() {
    auto lock = lock_uids(kUidFolder, config_.workers.first_uid, config_.workers.max);
    if (!lock) return lock.error();
    uids_lock_ = std::move(*lock);
    return ok();
}

Status Server::open_state() {
    auto catalog = catalog::Catalog::open(config_.state_dir);
    if (!catalog) return catalog.error();
    auto artifacts = catalog::ArtifactStore::open(config_.state_dir);
    if (!artifacts) return artifacts.error();
    const std::string logs = config_.state_dir + "/logs";
    if (mkdir(logs.c_str(), 0750) != 0 && errno != EEXIST) return errno_error("mkdir " + logs);
    controller_ =
        std::make_unique<Controller>(config_, shared_, warden_, doorbells_, std::move(*catalog),
                                     std::move(*artifacts), regions_);
    return controller_->prepare();
}

Status Server::start_events() {
    if (shared_.server.http.port == 0) return ok();
    const config::Events& e = config_.events;
    const events::Safety safety = e.persist == config::Persist::off       ? events::Safety::memory
                                  : e.persist == config::Persist::written ? events::Safety::written
                                                                          : events::Safety::synced;
    auto started =
        events::Service::start(shared_, {.folder = config_.state_dir + "/events",
                                         .safety = safety,
                                         .settings = {.records = e.queue_records,
                                                      .bytes = std::uint64_t{e.queue_mib} << 20,
                                                      .concurrency = e.concurrency,
                                                      .retries = e.retries,
                                                      .max_age_ms = e.max_age_s * 1000ull,
                                                      .retry_delay_ms = e.retry_delay_ms,
                                                      .busy_delay_ms = e.busy_delay_ms}});
    if (!started) return started.error();
    events_ = std::move(*started);
    shared_.event_bell_fd = events_->bell();
    controller_->use_events(events_.get());
    return ok();
}

Status Server::start_cores() {
    const std::uint32_t count = shared_.server.core_count;
    for (std::uint32_t core = 0; core < count; ++core) {
        const auto payloads = make_payload_pool(core);
        if (!payloads) return payloads.error();
        auto made = Core::create(shared_, core,
                                 {.pool = ports_->pool(core),
                                  .payload_pool = *payloads,
                                  .wake_fds = ports_->wake_fds(core),
                                  .all_ports_wake = ports_->all_ports_wake()});
        if (!made) return made.error();
        cores_.push_back(std::move(*made));
    }
    attach_errors_.assign(count, 0);
    for (std::uint32_t core = 0; core < count; ++core)
        threads_.emplace_back([this, core] { core_main(core); });
    while (attached_.load(std::memory_order_acquire) != count) usleep(1000);
    for (std::uint32_t core = 0; core < count; ++core)
        if (attach_errors_[core] != 0)
            return errno_error("core " + std::to_string(core) + " did not start",
                               attach_errors_[core]);
    return ok();
}

void Server::core_main(std::uint32_t core) {
    pthread_setname_np(pthread_self(), ("core-" + std::to_string(core)).c_str());
    if (core < config_.dataplane.cpus.size()) pin(config_.dataplane.cpus[core]);
    int error = rte_thread_register() == 0 ? 0 : rte_errno;
    if (error == 0) error = cores_[core]->attach();
    attach_errors_[core] = error;
    attached_.fetch_add(1, std::memory_order_release);
    if (error != 0) return;
    cores_[core]->run();
    rte_thread_unregister();
}

Status Server::start_http() {
    if (const Status started = controller_->start(); !started) return started;
    auto admin = admin::start_admin(config_.admin_socket, *controller_);
    if (!admin) return admin.error();
    admin_ = std::move(*admin);
    if (!config_.lambda_api.listen.empty()) {
        auto lambda =
            lambda_api::start(config_.lambda_api.listen, config_.http.signing_region, *controller_);
        if (!lambda) return lambda.error();
        lambda_ = std::move(*lambda);
    }
    if (config_.management.listen.empty()) return ok();
    const admin::Tls tls{config_.management.tls_cert, config_.management.tls_key,
                         config_.management.tls_ca};
    auto management = admin::start_management(config_.management.listen, tls, *controller_,
                                              /*for_fleet=*/shared_.server.is_pop);
    if (!management) return management.error();
    management_ = std::move(*management);
    return ok();
}

Status Server::run(int signal_fd) {
    spdlog::info("{} {} is up: UDP port {}, {} core(s), {} region(s)",
                 shared_.server.is_pop ? "pop" : "region", config_.name, config_.udp_port,
                 shared_.server.core_count, regions_.size());
    if (shared_.server.http.port != 0 && !shared_.server.http.require_signature)
        spdlog::warn(
            "http.require_signature = false: whoever reaches TCP port {} invokes any "
            "function",
            shared_.server.http.port);
    if (!config_.lambda_api.listen.empty() && !config::is_on_loopback(config_.lambda_api.listen))
        spdlog::warn(
            "lambda_api.listen = {}: not on loopback, and plain HTTP: who is on the way reads code "
            "and environments",
            config_.lambda_api.listen);
    std::uint64_t stop_at_us = 0;
    std::vector<pollfd> fds;
    Notifier manager = Notifier::from_environment();
    manager.ready();
    for (;;) {
        manager.alive(monotonic_us());
        int timeout_ms = controller_->step();
        if (controller_->warden_gone())
            return Error{0,
                         "the warden has ended, and with it every worker: see its last words "
                         "above; restart skerryd"};
        if (stop_at_us != 0 && (controller_->in_flight() == 0 || monotonic_us() >= stop_at_us))
            return ok();
        if (stop_at_us != 0) timeout_ms = std::min(timeout_ms, 10);
        if (manager.period_us() != 0)
            timeout_ms = std::min(timeout_ms, milliseconds(manager.period_us() / 2));
        fds.clear();
        fds.push_back({signal_fd, POLLIN, 0});
        controller_->add_descriptors(fds);
        if (poll(fds.data(), fds.size(), timeout_ms) < 0 && errno != EINTR)
            return errno_error("poll");
        signalfd_siginfo signal{};
        if (read(signal_fd, &signal, sizeof signal) != sizeof signal) continue;
        if (signal.ssi_signo == SIGHUP) {
            (void)controller_->read_access_keys_again();  // it logs how that ended
            continue;
        }
        if (stop_at_us != 0) return ok();
        stop_at_us = monotonic_us() + kDrainTimeout_us;
        manager.stopping();
        spdlog::info("{}: draining {} invocation(s), then ending", config_.name,
                     controller_->set_draining(true));
    }
}

void Server::stop_cores() {
    shared_.stop.store(true, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        if (shared_.kick_fd[core] >= 0 && write(shared_.kick_fd[core], &one, sizeof one) < 0)
            continue;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

Server::~Server() {
    // HTTP first: its threads call the controller, which lets none of them wait any longer. Cores
    // before what they read.
    if (controller_) controller_->stop();
    management_.reset();
    lambda_.reset();
    admin_.reset();
    stop_cores();
    events_.reset();
    controller_.reset();
    cores_.clear();
    ports_.reset();
    std::free(shared_.qsbr);
    port::stop_eal();
}

}  // namespace skerry::control
