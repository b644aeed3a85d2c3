// The configuration of one skerryd, as read from its TOML file. docs/operator-guide.md explains
// each key with its default. Reading is strict: an unknown key, a wrong type or an impossible value
// is an error that names file, line, what was found and what is allowed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/address.hpp"
#include "dataplane/selection.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/egress/network.hpp"

namespace skerry::config {

enum class Role : std::uint8_t { pop, region };
enum class Memory : std::uint8_t { huge, no_huge };
enum class Idle : std::uint8_t { spin, sleep };
// What limits workers by cgroups: where none can be made, they are not enforced, or nothing starts.
enum class Cgroups : std::uint8_t { automatic, required, off };

struct Port {                              // [[port]]
    std::string devargs;                   // PCI address or vdev: "net_af_packet0,iface=eth0"
    std::vector<net::IpPrefix> addresses;  // ours; at least one over all ports
    std::vector<net::IpAddress> gateways;  // at most one of each family
    std::uint16_t mtu = 1500;              // 1280 … 9000
};

struct Region {        // [[region]]; only in a POP
    std::string name;  // 1 … 15 characters of [a-z0-9-]; unique
    net::IpAddress address;
    std::uint16_t udp_port = 4600;
    std::string management;              // "host:port" of its management API
    std::vector<std::string> tags;       // what it is called beside its name; shared by regions
    std::uint32_t weight_percent = 100;  // of the requests that would go there; 0: none
    std::uint32_t tags_line = 1;
};

// [[selection.rule]]: where the operator lets functions go, by names and tags of regions.
struct SelectionRule {
    std::vector<std::string> functions;  // auth::is_pattern()
    std::vector<std::string> pin;        // only there; empty: no such rule
    std::vector<std::string> deny;       // never there
    std::uint32_t line = 1;
};

struct Selection {  // [selection]; only in a POP
    select::Settings settings;
    NoRegion no_region = NoRegion::queue;
    RetryLimits retries;
    std::uint32_t hedge_percent = 5;  // of requests that go to regions; 0: none are hedged
    std::vector<SelectionRule> rules;
};

struct Dataplane {  // [dataplane]
    Memory memory = Memory::huge;
    std::uint32_t memory_mib = 512;
    std::uint32_t cores = 1;          // RX/TX queue pairs, and threads that serve them
    std::vector<std::uint32_t> cpus;  // empty: not pinned; else one CPU for each core
    std::optional<std::uint32_t> control_cpu;
    Idle idle = Idle::spin;
    std::uint32_t mbufs = 8192;                  // packet buffers a core
    std::uint32_t pending = 2048;                // forwarded requests a core can have in flight
    std::uint32_t queue = 1024;                  // requests a core can have waiting for a slot
    std::uint32_t reply_cache_entries = 131072;  // a core; rounded up to a power of two
    std::uint32_t reply_cache_mib = 8;           // a core; bytes of kept replies
    std::uint32_t reply_window_ms = 5000;        // how long a request id is remembered at least
    std::uint32_t function_rows = 1024;          // functions that are counted each for itself
    bool require_cookie = true;
    // Whose datagrams may invoke, and in a region whose trunks; not there: everybody's.
    std::optional<std::vector<net::IpPrefix>> invoke_from;
    // First of 256 UDP ports that answers from regions may come to; 0: none (then they all come to
    // udp_port, and are handed over between cores).
    std::uint16_t return_ports = 61440;
    std::string file_prefix;  // DPDK's; default: derived from name and pid
};

struct Workers {                       // [workers]
    std::uint32_t max = 64;            // worker processes on this server
    std::uint32_t first_uid = 210000;  // host uids used: first_uid … first_uid + max - 1
    std::uint32_t idle_timeout_ms =
        30000;  // a worker above the warm minimum, unused this long, ends
    // Where a function's habits are known: no idle worker above the minimum lives longer. At most
    // idle_timeout_ms: habits do not matter.
    std::uint32_t idle_max_ms = 600000;
    std::uint32_t memory_mib = 0;  // that workers may have by their functions' limits; 0: no limit
    double cpus = 0;               // that kept workers may keep busy; 0: no limit
    std::uint32_t spin_us = 0;     // how long an idle worker spins before it sleeps
    std::uint32_t start_timeout_ms = 10000;
    // Kept started, for functions of that kind.
    std::uint32_t standby_native = 2, standby_python3 = 2, standby_nodejs = 2;
    std::uint32_t starts_max = 0;  // at once, of all functions; 0: two for each CPU
    Cgroups cgroups = Cgroups::automatic;
    bool core_scheduling = false;  // no worker runs beside anybody else on one core, or none starts
    // One folder for each kind of runtime, made by tools/runtime-images.
    std::string runtimes_dir = "/var/lib/skerry/runtimes";
};

struct Prober {                           // [prober]
    std::uint32_t period_ms = 250;        // jittered by a fifth either way
    std::uint32_t failures_to_eject = 3;  // consecutive, active or passive
    std::uint32_t return_ms = 5000;       // from ejected back to full share, in steps
    std::uint32_t fresh_ms = 1000;        // numbers older than this make a region ineligible
};

struct Outliers {  // [outliers]; regions/outliers.hpp and health.hpp say what they do
    std::uint32_t interval_ms = 10000;
    std::uint32_t request_volume = 100;
    std::uint32_t failure_percent = 50;
    std::uint32_t stdev_permille = 1900;
    std::uint32_t stdev_regions = 5;
    std::uint32_t max_ejected_percent = 50;
    std::uint32_t panic_percent = 50;
    std::uint32_t base_ejection_ms = 2000;
    std::uint32_t max_ejection_ms = 60000;
};

struct Admission {               // [admission]
    double popular_per_s = 5.0;  // an `auto` function with at least this rate is kept warm here
    std::uint32_t rate_half_life_ms = 2000;
};

struct Http {                             // [http]; per core unless it says otherwise
    std::optional<std::uint16_t> port;    // 0: off; unset: 8080 in a POP, off in a region
    std::uint32_t connections = 16384;    // in any state, those that linger in TIME-WAIT included
    std::uint32_t body_mib = 32;          // of requests that are gathered, and answers not yet sent
    std::uint32_t send_mib = 32;          // sent and not acknowledged
    std::uint32_t receive_mib = 4;        // received and not yet looked at; in packet buffers
    std::uint32_t head_bytes = 8192;      // of one request's head
    std::uint32_t body_bytes = 6u << 20;  // of one request's body
    std::uint32_t idle_ms = 60000;        // a connection between requests
    std::uint32_t head_ms = 10000;        // a head, from its first byte to its last
    std::uint32_t min_body_bytes_per_s = 1024;  // of a body on its way in, or an answer out
    std::uint32_t retry_window_ms = 30000;      // an answer is kept for retries of it; 0: never
    std::uint32_t retry_entries = 16384;        // requests remembered for retries
    std::uint32_t retry_mib = 16;               // of answers that are kept
    std::string allow_origin;  // whose web pages may call: "*", or one origin; empty: nobody's

    // Invocations must be signed by an [[access_key]], for this region of AWS's; empty: for any.
    bool require_signature = true;
    std::string signing_region;

    std::uint16_t port_of(Role role) const {
        return port.value_or(role == Role::pop ? std::uint16_t{8080} : std::uint16_t{0});
    }
};

struct Rules {                        // [rules]: of what admission rules look at
    std::uint32_t body_bytes = 4096;  // of each body, from its start
    // Bodies that come in several pieces, of each core at once; who has been at it for longest
    // gives way.
    std::uint32_t streams = 1024;
};

// How safe an Event invocation is when its client is told that it will be executed.
enum class Persist : std::uint8_t { off, written, synced };

struct Events {  // [events]; where there is HTTP
    Persist persist = Persist::synced;
    std::uint32_t queue_records = 65536;
    std::uint32_t queue_mib = 256;
    std::uint32_t concurrency = 64;  // executed at once
    std::uint32_t retries = 2;       // after a function's failure
    std::uint32_t max_age_s = 21600;
    std::uint32_t retry_delay_ms = 60000;  // doubles, as the next one does
    std::uint32_t busy_delay_ms = 1000;    // when there was no room for it
};

// [limits]: what one source, and one function, may ask for. Of sources: per core.
struct Limits {
    std::uint32_t source_per_s = 0;        // requests, and connections begun; 0: no limit
    std::uint32_t source_burst = 0;        // 0: as many as source_per_s
    std::uint32_t source_connections = 0;  // at once; 0: no limit
    std::uint32_t sources = 65536;  // that are remembered; at least 4 × http.connections are
    std::uint8_t ipv4_prefix = 32;  // what is one source
    std::uint8_t ipv6_prefix = 64;
    std::uint32_t shed_ms = 100;        // 0: refused as long as it asks
    std::vector<net::IpPrefix> exempt;  // from all of the above
    // Of each function that does not say so itself; of all cores together.
    std::uint32_t function_per_s = 0;  // 0: no limit
    std::uint32_t function_burst = 0;  // 0: as many as function_per_s
    // Invocations that are executed here at once, of all tenants; 0: as many as workers.max, if
    // there are tenants.
    std::uint32_t concurrency = 0;
};

// [[tenant]]: who shares this server. Functions that name none of them belong to the default one.
struct Tenant {
    std::string name;            // of catalog::is_tenant_name(); unique
    std::uint32_t weight = 100;  // of the common permits, against the other tenants
    std::uint32_t reserved = 0;  // permits that nobody else gets
    std::uint32_t limit = 0;     // invocations in hand at once; 0: no limit
    std::uint32_t line = 1;
};

struct Trunks {                  // [trunks]; between POP and regions, of each core
    std::uint32_t per_core = 2;  // POP: to each region; 0, or no HTTP: datagrams only
    std::uint32_t max = 64;      // region: from POPs; 0: none
};

// [[access_key]]: who may invoke over HTTP. The only part of the file that is read again (SIGHUP,
// skerryctl key reload).
struct AccessKey {
    std::string id;                      // unique
    std::string secret_file;             // its text is the secret; nobody else may read it
    bool active = true;                  // status = "retired": as good as unknown
    std::vector<std::string> functions;  // auth::is_pattern()
    std::uint64_t not_after_s = 0;       // Unix time; 0: for ever
    bool manage = false;                 // it may change them, too ([lambda_api])
    std::string tenant = {};             // … if they are this one's; empty: any tenant's
    bool operator==(const AccessKey&) const = default;
};

struct Management {        // [management]; mutual TLS on a kernel socket
    std::string listen;    // "host:port"; a region's, and of a POP that is in a fleet
    std::string tls_cert;  // PEM files
    std::string tls_key;
    std::string tls_ca;
};

struct LambdaApi {       // [lambda_api]; plain HTTP on a kernel socket, every call signed
    std::string listen;  // "host:port"; empty: off
};

enum class StoreKind : std::uint8_t { embedded, etcd };

struct Store {  // [store]: where a POP's functions are kept, beside its state_dir
    StoreKind kind = StoreKind::embedded;
    std::vector<std::string> endpoints;     // of etcd: "http://10.0.0.1:2379" or "https://…"
    std::string prefix = "/skerry";         // of all keys; each fleet has its own
    std::string user;                       // of etcd's; empty: it asks for none
    std::string password_file;              // its text is the password
    std::string tls_ca, tls_cert, tls_key;  // PEM files, for https
    std::uint32_t lease_s = 10;             // a member that is silent that long has left
};

struct Artifacts {                          // [artifacts]: which versions are taken, and where from
    std::vector<std::string> trusted_keys;  // PEM files, an Ed25519 public key each
    bool require_signature = false;         // of one of them, of every version
    // "https://host[:port]": the only ones that artifacts are fetched from, wherever they are;
    // empty: from any, at public addresses.
    std::vector<std::string> origins;
    std::string tls_ca;                   // PEM file, for https; empty: the system's
    std::uint32_t fetch_timeout_s = 120;  // of one artifact, with all tries
};

struct Config {
    Role role = Role::pop;
    std::string name;          // 1 … 15 characters of [a-z0-9-]
    std::string state_dir;     // catalog, artifacts, logs
    std::string admin_socket;  // Unix socket
    std::uint16_t udp_port = 4600;
    Dataplane dataplane;
    Workers workers;
    Prober prober;
    Outliers outliers;
    Admission admission;
    Selection selection;
    Http http;
    Rules rules;
    Events events;
    Limits limits;
    Trunks trunks;
    Management management;
    LambdaApi lambda_api;
    Store store;
    Artifacts artifacts;
    std::vector<Port> ports;
    std::vector<Region> regions;
    std::vector<egress::Network> egress;  // [[egress]]: what functions may be granted
    std::vector<AccessKey> access_keys;
    std::vector<Tenant> tenants;  // the default one too, and first, when there are any
    std::string file;             // that it was read from; empty: from none

    std::uint32_t trunks_to_regions() const {
        return role == Role::pop && http.port_of(role) != 0 ? trunks.per_core : 0;
    }
    std::uint32_t trunks_from_pops() const { return role == Role::region ? trunks.max : 0; }
    // Whether invocations are counted by tenants, and how many may execute at once.
    bool counts_tenants() const { return !tenants.empty(); }
    std::uint32_t permits() const {
        return limits.concurrency != 0 ? limits.concurrency : workers.max;
    }
    std::uint32_t tenant_number(std::string_view tenant_name) const {
        for (std::size_t i = 0; i < tenants.size(); ++i)
            if (tenants[i].name == tenant_name) return static_cast<std::uint32_t>(i);
        return 0;
    }
    bool in_fleet() const { return store.kind == StoreKind::etcd; }
    bool speaks_tcp() const { return http.port_of(role) != 0 || trunks_from_pops() != 0; }
};

// All problems found, not the first only: `error().text` has one line each.
Result<Config> parse(std::string_view toml, const std::string& file_name);
Result<Config> load(const std::string& path);

}  // namespace skerry::config
