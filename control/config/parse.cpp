#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "control/config/access_keys.hpp"
#include "control/config/artifacts.hpp"
#include "control/config/checks.hpp"
#include "control/config/config.hpp"
#include "control/config/egress.hpp"
#include "control/config/reader.hpp"
#include "control/config/selection.hpp"
#include "control/config/tenants.hpp"
#include "dataplane/limits/token_bucket.hpp"
#include "dataplane/net/return_ports.hpp"
#include "dataplane/snapshot/snapshot.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::config {
namespace {

constexpr std::size_t kMaxFileBytes = 64 << 10;
// toml++ walks nested tables by recursion. Dotted keys and inline tables are what nests; these
// bound the depth to some thousand levels, and are far above what any configuration of ours needs.
constexpr std::size_t kMaxDotsPerLine = 40;
constexpr std::size_t kMaxInlineTables = 80;

constexpr std::size_t kNetworksMax = 64;  // looked through one by one, for what they are asked

constexpr char kOriginAllowed[] =
    "\"*\", or an origin like \"https://app.example\": a scheme, a host, perhaps a port";
constexpr char kPathAllowed[] = "an absolute path, at most 400 bytes";

// Before toml++ sees it. Reports at most one problem of each kind.
bool bounded(std::string_view text, Problems& problems) {
    if (text.size() > kMaxFileBytes) {
        problems.add(1, "file", std::to_string(text.size()) + " bytes",
                     "at most " + std::to_string(kMaxFileBytes));
        return false;
    }
    std::uint32_t line = 1;
    std::size_t dots = 0, tables = 0;
    for (const char c : text) {
        if (c == '\n') ++line, dots = 0;
        if (c == '.' && ++dots > kMaxDotsPerLine) {
            problems.add(line, "line", "more than " + std::to_string(kMaxDotsPerLine) + " dots",
                         "at most that many on one line");
            return false;
        }
        if (c == '{' && ++tables > kMaxInlineTables) {
            problems.add(line, "line",
                         "more than " + std::to_string(kMaxInlineTables) + " of \"{\"",
                         "at most that many in the file; use [table] headers");
            return false;
        }
    }
    return true;
}

void read_networks(Reader& r, std::string_view key, const std::string& table,
                   std::vector<net::IpPrefix>& out, Problems& problems) {
    const std::string allowed =
        "a list of at most " + std::to_string(kNetworksMax) + " networks, like \"10.0.0.0/8\"";
    r.list(key, kNetworksMax, allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        const auto network = text != nullptr ? net::IpPrefix::parse(text->get()) : std::nullopt;
        if (!network)
            return problems.add(line_of(node), table + std::string(key), describe(node), allowed);
        out.push_back(*network);
    });
}

void read_dataplane(Reader& top, Dataplane& d, Lines& lines, Problems& problems) {
    const toml::table* table = top.table("dataplane");
    if (table == nullptr) return;
    Reader r(*table, "dataplane.", problems);
    static constexpr Word<Memory> kPages[] = {{"huge", Memory::huge}, {"no-huge", Memory::no_huge}};
    static constexpr Word<Idle> kIdle[] = {{"spin", Idle::spin}, {"sleep", Idle::sleep}};
    r.word("memory", d.memory, kPages);
    r.integer("memory_mib", d.memory_mib, 64, 1 << 20);
    r.integer("cores", d.cores, 1, kMaxCores);
    const std::string cpu_allowed = "a list of CPU numbers, each from 0 to 1023";
    r.list("cpus", kMaxCores, cpu_allowed, [&](const toml::node& node) {
        const auto* cpu = node.as_integer();
        if (cpu == nullptr || cpu->get() < 0 || cpu->get() > 1023)
            problems.add(line_of(node), "dataplane.cpus", describe(node), cpu_allowed);
        else
            d.cpus.push_back(static_cast<std::uint32_t>(cpu->get()));
    });
    std::uint32_t control_cpu = 0;
    if (r.integer("control_cpu", control_cpu, 0, 1023)) d.control_cpu = control_cpu;
    r.word("idle", d.idle, kIdle);
    r.integer("mbufs", d.mbufs, 1024, 1 << 20);
    r.integer("pending", d.pending, 16, 65536);
    r.integer("queue", d.queue, 1, 65536);
    r.integer("reply_cache_entries", d.reply_cache_entries, 64, 1 << 22);
    r.integer("reply_cache_mib", d.reply_cache_mib, 1, 1024);
    r.integer("reply_window_ms", d.reply_window_ms, 100, 600000);
    r.integer("function_rows", d.function_rows, 1, kOwnRows);
    r.flag("require_cookie", d.require_cookie);
    if (r.has("invoke_from")) {
        d.invoke_from.emplace();
        read_networks(r, "invoke_from", "dataplane.", *d.invoke_from, problems);
        if (!d.invoke_from->empty() && !d.require_cookie)
            r.problem("invoke_from", "networks, without require_cookie",
                      "[], or require_cookie = true: an address must be proved to mean anything");
    }
    r.integer("return_ports", d.return_ports, 0, 65535 - net::kReturnPorts + 1);
    r.text("file_prefix", d.file_prefix, "1 to 31 characters of a-z, A-Z, 0-9, - and _",
           [](const std::string& s) {
               return !s.empty() && s.size() <= 31 && std::all_of(s.begin(), s.end(), [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_';
               });
           });
    lines.dataplane = line_of(*table);
    lines.return_ports = r.line("return_ports");
    lines.mbufs = r.line("mbufs");
    lines.cpus = r.line("cpus");
    lines.control_cpu = r.line("control_cpu");
    lines.memory_mib = r.line("memory_mib");
    r.finish();
}

void read_workers(Reader& top, Workers& w, Lines& lines, Problems& problems) {
    const toml::table* table = top.table("workers");
    if (table == nullptr) return;
    Reader r(*table, "workers.", problems);
    r.integer("max", w.max, 1, 1024);
    r.integer("first_uid", w.first_uid, 1000, (1ll << 31) - 1);
    r.integer("idle_timeout_ms", w.idle_timeout_ms, 100, 86400000);
    r.integer("idle_max_ms", w.idle_max_ms, 0, 86400000);
    r.integer("memory_mib", w.memory_mib, 0, 1 << 24);
    r.number("cpus", w.cpus, 0, 4096);
    r.integer("spin_us", w.spin_us, 0, 1000000);
    r.integer("start_timeout_ms", w.start_timeout_ms, 100, 600000);
    r.integer("standby_native", w.standby_native, 0, 64);
    r.integer("standby_python3", w.standby_python3, 0, 64);
    r.integer("standby_nodejs", w.standby_nodejs, 0, 64);
    r.integer("starts_max", w.starts_max, 0, 1024);
    static constexpr Word<Cgroups> kCgroups[] = {
        {"auto", Cgroups::automatic}, {"required", Cgroups::required}, {"off", Cgroups::off}};
    r.word("cgroups", w.cgroups, kCgroups);
    r.flag("core_scheduling", w.core_scheduling);
    r.text("runtimes_dir", w.runtimes_dir, kPathAllowed, is_absolute_path);
    lines.first_uid = r.line("first_uid");
    r.finish();
}

void read_prober(Reader& top, Prober& p, Lines& lines, Problems& problems) {
    const toml::table* table = top.table("prober");
    if (table == nullptr) return;
    Reader r(*table, "prober.", problems);
    r.integer("period_ms", p.period_ms, 10, 60000);
    r.integer("failures_to_eject", p.failures_to_eject, 1, 100);
    r.integer("return_ms", p.return_ms, 0, 600000);
    r.integer("fresh_ms", p.fresh_ms, 20, 600000);
    lines.fresh_ms = r.line("fresh_ms");
    r.finish();
}

void read_outliers(Reader& top, Outliers& o, Lines& lines, Problems& problems) {
    const toml::table* table = top.table("outliers");
    if (table == nullptr) return;
    Reader r(*table, "outliers.", problems);
    r.integer("interval_ms", o.interval_ms, 100, 3'600'000);
    r.integer("request_volume", o.request_volume, 1, 1'000'000'000);
    r.integer("failure_percent", o.failure_percent, 0, 100);
    r.integer("stdev_permille", o.stdev_permille, 0, 1'000'000);
    r.integer("stdev_regions", o.stdev_regions, 2, 64);
    r.integer("max_ejected_percent", o.max_ejected_percent, 0, 100);
    r.integer("panic_percent", o.panic_percent, 0, 100);
    r.integer("base_ejection_ms", o.base_ejection_ms, 0, 3'600'000);
    r.integer("max_ejection_ms", o.max_ejection_ms, 0, 86'400'000);
    lines.max_ejection_ms = r.line("max_ejection_ms");
    r.finish();
}

void read_admission(Reader& top, Admission& a, Problems& problems) {
    const toml::table* table = top.table("admission");
    if (table == nullptr) return;
    Reader r(*table, "admission.", problems);
    r.number("popular_per_s", a.popular_per_s, 0, 1e6);
    r.integer("rate_half_life_ms", a.rate_half_life_ms, 100, 600000);
    r.finish();
}

void read_http(Reader& top, Http& h, Lines& lines, Problems& problems) {
    const toml::table* table = top.table("http");
    if (table == nullptr) return;
    Reader r(*table, "http.", problems);
    std::uint16_t port = 0;
    if (r.integer("port", port, 0, 65535)) h.port = port;
    lines.http_port = r.line("port");
    r.integer("connections", h.connections, 16, 1 << 24);
    r.integer("body_mib", h.body_mib, 1, 1 << 16);
    r.integer("send_mib", h.send_mib, 1, 1 << 16);
    r.integer("receive_mib", h.receive_mib, 1, 1 << 16);
    r.integer("head_bytes", h.head_bytes, 256, 16384);
    r.integer("body_bytes", h.body_bytes, 0, 6 << 20);
    r.integer("idle_ms", h.idle_ms, 100, 3600000);
    r.integer("head_ms", h.head_ms, 100, 3600000);
    r.integer("min_body_bytes_per_s", h.min_body_bytes_per_s, 1, 1 << 30);
    r.integer("retry_window_ms", h.retry_window_ms, 0, 600000);
    r.integer("retry_entries", h.retry_entries, 16, 65535);
    r.integer("retry_mib", h.retry_mib, 1, 1024);
    r.text("allow_origin", h.allow_origin, kOriginAllowed, is_origin);
    r.flag("require_signature", h.require_signature);
    r.text("signing_region", h.signing_region, kSigningRegionAllowed, is_signing_region);
    r.finish();
}

void read_rules(Reader& top, Rules& rules, Problems& problems) {
    const toml::table* table = top.table("rules");
    if (table == nullptr) return;
    Reader r(*table, "rules.", problems);
    r.integer("body_bytes", rules.body_bytes, 1, 65536);
    r.integer("streams", rules.streams, 1, 65536);
    r.finish();
}

void read_events(Reader& top, Events& e, Problems& problems) {
    const toml::table* table = top.table("events");
    if (table == nullptr) return;
    Reader r(*table, "events.", problems);
    static constexpr Word<Persist> kPersist[] = {
        {"off", Persist::off}, {"written", Persist::written}, {"synced", Persist::synced}};
    r.word("persist", e.persist, kPersist);
    r.integer("queue_records", e.queue_records, 1, 1 << 20);
    r.integer("queue_mib", e.queue_mib, 2, 1 << 16);
    r.integer("concurrency", e.concurrency, 1, 1024);
    r.integer("retries", e.retries, 0, 10);
    r.integer("max_age_s", e.max_age_s, 1, 604800);
    r.integer("retry_delay_ms", e.retry_delay_ms, 10, 3600000);
    r.integer("busy_delay_ms", e.busy_delay_ms, 10, 300000);
    r.finish();
}

void read_limits(Reader& top, Limits& l, Problems& problems) {
    const toml::table* table = top.table("limits");
    if (table == nullptr) return;
    Reader r(*table, "limits.", problems);
    r.integer("source_per_s", l.source_per_s, 0, limits::kRateMax);
    r.integer("source_burst", l.source_burst, 0, limits::kBurstMax);
    r.integer("source_connections", l.source_connections, 0, 1 << 24);
    r.integer("sources", l.sources, 1024, 1 << 24);
    r.integer("ipv4_prefix", l.ipv4_prefix, 8, 32);
    r.integer("ipv6_prefix", l.ipv6_prefix, 16, 128);
    r.integer("shed_ms", l.shed_ms, 0, 60000);
    read_networks(r, "exempt", "limits.", l.exempt, problems);
    r.integer("function_per_s", l.function_per_s, 0, limits::kRateMax);
    r.integer("function_burst", l.function_burst, 0, limits::kBurstMax);
    r.integer("concurrency", l.concurrency, 0, 1'000'000);
    r.finish();
}

void read_trunks(Reader& top, Trunks& t, Problems& problems) {
    const toml::table* table = top.table("trunks");
    if (table == nullptr) return;
    Reader r(*table, "trunks.", problems);
    r.integer("per_core", t.per_core, 0, kTrunksPerRegion);
    r.integer("max", t.max, 0, 1024);
    r.finish();
}

void read_management(Reader& top, Management& m, Lines& lines, Problems& problems) {
    const toml::table* table = top.table("management");
    if (table == nullptr) return;
    Reader r(*table, "management.", problems);
    r.text("listen", m.listen, kHostPortAllowed, is_host_port);
    r.text("tls_cert", m.tls_cert, kPathAllowed, is_absolute_path);
    r.text("tls_key", m.tls_key, kPathAllowed, is_absolute_path);
    r.text("tls_ca", m.tls_ca, kPathAllowed, is_absolute_path);
    lines.management = line_of(*table);
    r.finish();
}

void read_lambda_api(Reader& top, Config& config, Problems& problems) {
    const toml::table* table = top.table("lambda_api");
    if (table == nullptr) return;
    Reader r(*table, "lambda_api.", problems);
    r.text("listen", config.lambda_api.listen, kHostPortAllowed, is_host_port);
    r.require("listen", kHostPortAllowed);
    if (config.role == Role::region)
        r.problem("listen", quoted(config.lambda_api.listen),
                  "nothing in a region: its functions are what POPs say");
    r.finish();
}

void read_store(Reader& top, Store& s, Lines& lines, Problems& problems) {
    const toml::table* table = top.table("store");
    if (table == nullptr) return;
    Reader r(*table, "store.", problems);
    static constexpr Word<StoreKind> kKinds[] = {{"embedded", StoreKind::embedded},
                                                 {"etcd", StoreKind::etcd}};
    r.word("kind", s.kind, kKinds);
    const std::string allowed =
        "a list of 1 to " + std::to_string(kMaxEndpoints) + " URLs, like \"http://10.0.0.1:2379\"";
    r.list("endpoints", kMaxEndpoints, allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        if (text == nullptr || !is_endpoint(text->get()))
            return problems.add(line_of(node), "store.endpoints", describe(node), allowed);
        s.endpoints.push_back(text->get());
    });
    r.text("prefix", s.prefix, "2 to 128 printable characters: a / first, none last",
           is_store_prefix);
    r.text("user", s.user, "1 to 64 printable characters", is_user);
    r.text("password_file", s.password_file, kPathAllowed, is_absolute_path);
    r.text("tls_ca", s.tls_ca, kPathAllowed, is_absolute_path);
    r.text("tls_cert", s.tls_cert, kPathAllowed, is_absolute_path);
    r.text("tls_key", s.tls_key, kPathAllowed, is_absolute_path);
    r.integer("lease_s", s.lease_s, 3, 600);
    lines.store = line_of(*table);
    r.finish();
}

void read_port(const toml::table& table, std::size_t index, Config& config, Lines& lines,
               Problems& problems) {
    const std::string name = "port[" + std::to_string(index) + "].";
    Reader r(table, name, problems);
    Port port;
    PortLines at;
    const std::string devargs_allowed =
        "DPDK device arguments without spaces: a PCI address or \"net_af_packet0,iface=eth0\"";
    r.text("devargs", port.devargs, devargs_allowed, is_devargs);
    r.require("devargs", devargs_allowed);
    const std::string address_allowed =
        "a list of host addresses with prefix length, like \"10.0.0.2/24\" or \"fd00::2/64\"";
    r.list("addresses", kMaxAddressesPerPort, address_allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        const bool slash = text != nullptr && text->get().find('/') != std::string::npos;
        const auto prefix = slash ? net::IpPrefix::parse(text->get()) : std::nullopt;
        if (!prefix || !is_host_prefix(*prefix))
            return problems.add(line_of(node), name + "addresses", describe(node), address_allowed);
        port.addresses.push_back(*prefix);
        at.addresses.push_back(line_of(node));
    });
    const std::string gateway_allowed = "a list of IP addresses, at most one of each family";
    r.list("gateways", 2, gateway_allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        const auto address = text != nullptr ? net::IpAddress::parse(text->get()) : std::nullopt;
        if (!address || !is_host_address(*address))
            return problems.add(line_of(node), name + "gateways", describe(node), gateway_allowed);
        port.gateways.push_back(*address);
        at.gateways.push_back(line_of(node));
    });
    r.integer("mtu", port.mtu, 1280, 9000);
    at.self = line_of(table);
    at.devargs = r.line("devargs");
    r.finish();
    config.ports.push_back(std::move(port));
    lines.ports.push_back(std::move(at));
}

void read_region(const toml::table& table, std::size_t index, Config& config, Lines& lines,
                 Problems& problems) {
    const std::string name = "region[" + std::to_string(index) + "].";
    Reader r(table, name, problems);
    Region region;
    r.text("name", region.name, kNameAllowed, is_name);
    r.require("name", kNameAllowed);
    const std::string address_allowed = "an IP address of one host";
    std::string address;
    const auto is_address = [](const std::string& s) {
        const auto parsed = net::IpAddress::parse(s);
        return parsed && is_host_address(*parsed);
    };
    if (r.text("address", address, address_allowed, is_address))
        region.address = *net::IpAddress::parse(address);
    r.require("address", address_allowed);
    r.integer("udp_port", region.udp_port, 1, 65535);
    r.text("management", region.management, kHostPortAllowed, is_host_port);
    r.require("management", kHostPortAllowed);
    read_region_choice(r, name, region, problems);
    lines.regions.push_back({line_of(table), r.line("name"), r.line("address")});
    r.finish();
    config.regions.push_back(std::move(region));
}

void read_top(const toml::table& table, Config& config, Lines& lines, Problems& problems) {
    Reader r(table, "", problems);
    static constexpr Word<Role> kRoles[] = {{"pop", Role::pop}, {"region", Role::region}};
    r.word("role", config.role, kRoles);
    r.text("name", config.name, kNameAllowed, is_name);
    r.require("name", kNameAllowed);
    r.text("state_dir", config.state_dir, kPathAllowed, is_absolute_path);
    r.require("state_dir", kPathAllowed);
    // A socket path is short by the kernel's rule, so the default is checked like a given one.
    if (!r.has("admin_socket") && !config.state_dir.empty())
        config.admin_socket = config.state_dir + "/admin.sock";
    const std::string socket_allowed =
        "an absolute path, at most 107 bytes (a Unix socket's limit)";
    r.text("admin_socket", config.admin_socket, socket_allowed, is_socket_path);
    if (!config.admin_socket.empty() && !is_socket_path(config.admin_socket))
        r.problem("admin_socket", quoted(config.admin_socket) + " by default", socket_allowed);
    r.integer("udp_port", config.udp_port, 1, 65535);
    read_dataplane(r, config.dataplane, lines, problems);
    read_workers(r, config.workers, lines, problems);
    read_prober(r, config.prober, lines, problems);
    read_outliers(r, config.outliers, lines, problems);
    read_admission(r, config.admission, problems);
    read_selection(r, config.selection, problems);
    read_http(r, config.http, lines, problems);
    read_rules(r, config.rules, problems);
    read_events(r, config.events, problems);
    read_limits(r, config.limits, problems);
    read_trunks(r, config.trunks, problems);
    read_management(r, config.management, lines, problems);
    read_lambda_api(r, config, problems);
    read_store(r, config.store, lines, problems);
    read_artifacts(r, config.artifacts, problems);

    std::size_t index = 0;
    r.list("port", kMaxPorts, "[[port]] tables", [&](const toml::node& node) {
        if (!node.is_table())
            problems.add(line_of(node), "port", describe(node), "[[port]] tables");
        else
            read_port(*node.as_table(), index++, config, lines, problems);
    });
    if (!r.has("port")) r.problem("port", "nothing", "1 to 8 tables [[port]]");
    if (r.has("port") && table.get("port")->is_array() && table.get("port")->as_array()->empty())
        r.problem("port", "an empty list", "1 to 8 tables [[port]]");
    index = 0;
    r.list("region", kMaxRegions, "[[region]] tables", [&](const toml::node& node) {
        if (!node.is_table())
            problems.add(line_of(node), "region", describe(node), "[[region]] tables");
        else
            read_region(*node.as_table(), index++, config, lines, problems);
    });
    index = 0;
    r.list("egress", egress::kNetworksMax, "[[egress]] tables", [&](const toml::node& node) {
        if (!node.is_table())
            problems.add(line_of(node), "egress", describe(node), "[[egress]] tables");
        else
            read_egress(*node.as_table(), index++, config, problems);
    });
    index = 0;
    r.list("access_key", kAccessKeysMax, "[[access_key]] tables", [&](const toml::node& node) {
        if (!node.is_table())
            problems.add(line_of(node), "access_key", describe(node), "[[access_key]] tables");
        else
            read_access_key(*node.as_table(), index++, config, problems);
    });
    read_tenants(r, config, problems);
    r.finish();
}

Result<Config> parse_bounded(std::string_view text, const std::string& file_name) {
    Problems problems(file_name);
    if (!bounded(text, problems)) return Error{0, problems.text()};
    Config config;
    Lines lines;
    try {
        const toml::table table = toml::parse(text);
        read_top(table, config, lines, problems);
    } catch (const toml::parse_error& error) {
        problems.add(std::max<std::uint32_t>(1, error.source().begin.line), "syntax",
                     std::string(error.description()), "TOML 1.0");
        return Error{0, problems.text()};
    }
    check_together(config, lines, problems);
    if (!problems.empty()) return Error{0, problems.text()};
    return config;
}

}  // namespace

Result<Config> parse(std::string_view toml, const std::string& file_name) {
    try {
        return parse_bounded(toml, file_name);
    } catch (const std::exception& error) {  // out of memory
        return Error{0, file_name + ": " + error.what()};
    }
}

Result<Config> load(const std::string& path) {
    // Not blocking: a FIFO in the place of the file must not hang the start.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return errno_error("open " + path);
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return errno_error("stat " + path);
    if (!S_ISREG(info.st_mode)) return Error{0, path + ": not a regular file"};
    std::string text(kMaxFileBytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("read " + path);
        if (n == 0) break;
        size += static_cast<std::size_t>(n);
    }
    text.resize(size);
    auto config = parse(text, path);
    if (config) config->file = path;
    return config;
}

}  // namespace skerry::config
