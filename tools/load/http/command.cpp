#include "tools/load/http/command.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstring>
#include <fstream>

#include "tools/load/http/report.hpp"
#include "tools/load/http/run.hpp"
#include "tools/load/port_arguments.hpp"

namespace skerry::load::http {
namespace {

enum Exit : int { kDone = 0, kFailed = 1, kUsage = 2, kNoAnswer = 3 };

constexpr std::size_t kMostBodyBytes = 64u << 20;

std::atomic<bool> g_stop{false};

int fail(Exit code, const std::string& text) {
    std::fprintf(stderr, "skerry-load: %s\n", text.c_str());
    return code;
}

// What the command line says, before it has been understood.
struct Words {
    std::string url, body, hgrm, flood_from, flood_network;
    RequestText request;
    PortText port;
    bool as_json = false, quiet = false, echo = false;
};

void add_common(CLI::App& app, Options& o, Words& words) {
    app.add_option("--duration", o.duration_s, "seconds (10)")->check(CLI::Range(0.001, 86400.0));
    add_port_options(app, words.port, true);
    app.add_option("--flood-network", words.flood_network,
                   "a network that is yours to flood, on a port that leads elsewhere");
    app.add_flag("--json", words.as_json, "the report as one JSON document");
    app.add_flag("--quiet", words.quiet, "no line each second");
}

void add_http(CLI::App& app, Options& o, Words& words) {
    app.add_option("url", words.url, "http://ADDRESS[:PORT]/PATH")->required();
    app.add_option("--connections", o.connections, "that carry requests (64)")
        ->check(CLI::Range(0u, kMostConnections));
    app.add_option("--rate", o.rate_per_s,
                   "requests a second, due at even intervals; without: each follows the answer")
        ->check(CLI::Range(0.1, 1e8));
    app.add_option("--requests-each", o.requests_each,
                   "of a connection, then a new one; 1 asks the server to close (no limit)");
    app.add_option("--method", words.request.method, "(GET; POST with a body)");
    app.add_option("--body", words.body, "text or @FILE");
    app.add_flag("--echo", words.echo,
                 "answers have the request's body, or are counted as changed");
    app.add_option("--header", words.request.fields, "\"Name: value\", as often as wanted")
        ->allow_extra_args(false);
    app.add_option("--warm-up", o.warm_up_s, "seconds before, not counted (0)")
        ->check(CLI::Range(0.0, 3600.0));
    app.add_option("--timeout-ms", o.timeout_ms, "of a request and of a handshake (10000)")
        ->check(CLI::Range(1u, 900000u));
    app.add_option("--idle", o.idle, "connections held besides; each makes one request (0)")
        ->check(CLI::Range(0u, kMostIdle));
    app.add_option("--idle-rate", o.idle_per_s, "so many of them opened a second (20000)")
        ->check(CLI::Range(1u, 10'000'000u));
    app.add_option("--addresses", o.addresses,
                   "of ours, counted up from --address (as many as the connections need)")
        ->check(CLI::Range(1u, 256u));
    app.add_option("--flood-rate", o.flood.rate_per_s, "SYNs a second besides, see syn-flood (0)")
        ->check(CLI::Range(0.0, kMostFloodPerS));
    app.add_option("--flood-from", words.flood_from, "their sources, a prefix (198.18.0.0/15)");
    app.add_option("--hgrm", words.hgrm,
                   "file for the latencies (us) of answers below 400, in HdrHistogram's text form");
    app.add_flag("--spin", o.spin, "never sleep: a whole CPU");
}

Result<std::string> read_body(const std::string& given) {
    if (given.empty() || given[0] != '@') return given;
    std::ifstream file(given.substr(1), std::ios::binary);
    if (!file) return errno_error("--body: open " + given.substr(1));
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (bytes.size() > kMostBodyBytes) return Error{EINVAL, "--body: more than 64 MiB"};
    return bytes;
}

Status understand_flood(const Words& words, Options& o) {
    std::string from = words.flood_from;
    if (from.empty()) from = o.server.is_v4() ? "198.18.0.0/15" : "2001:db8:f100::/48";
    const auto prefix = net::IpPrefix::parse(from);
    if (!prefix)
        return Error{EINVAL,
                     "--flood-from: \"" + from + "\" is not a prefix, such as 198.18.0.0/15"};
    o.flood.from = *prefix;
    if (words.flood_network.empty()) return ok();
    o.flood.network = net::IpPrefix::parse(words.flood_network);
    if (!o.flood.network)
        return Error{EINVAL, "--flood-network: \"" + words.flood_network +
                                 "\" is not a prefix, such as 10.77.1.0/24"};
    return ok();
}

Status understand(Words& words, Options& o) {
    o.progress = !words.quiet;
    const auto port = read_port(words.port);
    if (!port) return port.error();
    o.port = **port;
    auto url = parse_url(words.url);
    if (!url) return url.error();
    o.server = url->address;
    o.server_port = url->port;
    auto body = read_body(words.body);
    if (!body) return body.error();
    words.request.body = std::move(*body);
    if (words.request.method.empty())
        words.request.method = words.request.body.empty() ? "GET" : "POST";
    if (words.echo) o.expected = words.request.body;
    words.request.close = o.requests_each == 1;
    o.to_head = words.request.method == "HEAD";
    auto request = build_request(*url, words.request);
    if (!request) return request.error();
    o.request = std::move(*request);
    return understand_flood(words, o);
}

bool write_hgrm(const std::string& path, const Histogram& histogram) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) return false;
    histogram.write_hgrm(file, 1000);
    return std::fclose(file) == 0;
}

int run_and_report(const Options& options, const Words& words) {
    for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { g_stop = true; });
    auto outcome = run(options, g_stop);
    if (!outcome) {
        const int code = outcome.error().code;
        return fail(code == EINVAL || code == EPERM ? kUsage : kFailed, outcome.error().text);
    }
    const nlohmann::json result = to_json(options, *outcome);
    if (words.as_json)
        std::printf("%s\n", result.dump().c_str());
    else
        print_text(result);
    if (!words.hgrm.empty() && !write_hgrm(words.hgrm, outcome->tally->good))
        return fail(kFailed, "write " + words.hgrm + ": " + std::strerror(errno));
    return options.connections != 0 && outcome->tally->answered == 0 ? kNoAnswer : kDone;
}

int parse_and_run(CLI::App& app, Options& options, Words& words, int argc, char** argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kDone : kUsage;
    }
    const Status understood = understand(words, options);
    if (!understood) return fail(kUsage, understood.error().text);
    return run_and_report(options, words);
}

}  // namespace

int http_command(int argc, char** argv) {
    CLI::App app{"Sends HTTP/1.1 requests over our own TCP, through a DPDK port.",
                 "skerry-load http"};
    app.footer(
        "Without --rate each connection asks again as soon as it was answered; with it, requests "
        "are due at even\nintervals and latency counts from when one was due. SIGINT ends early, "
        "with the report.\nExit codes: 0 done; 1 failed; 2 usage; 3 not one answer");
    Options options;
    Words words;
    words.request.method.clear();
    add_http(app, options, words);
    add_common(app, options, words);
    return parse_and_run(app, options, words, argc, argv);
}

int flood_command(int argc, char** argv) {
    CLI::App app{"Asks for connections at a given rate, from sources that never answer.",
                 "skerry-load syn-flood"};
    app.footer(
        "Only to and from addresses of private use, and only out of a port between two processes "
        "(net_memif,\nnet_virtio_user with a socket), or into the network that --flood-network "
        "names.\nExit codes: 0 done; 1 failed; 2 usage");
    Options options;
    Words words;
    options.connections = 0;
    options.flood.rate_per_s = 1000;
    app.add_option("url", words.url, "http://ADDRESS:PORT")->required();
    app.add_option("--rate", options.flood.rate_per_s, "SYNs a second (1000)")
        ->check(CLI::Range(0.1, kMostFloodPerS));
    app.add_option("--from", words.flood_from, "their sources, a prefix (198.18.0.0/15)");
    add_common(app, options, words);
    return parse_and_run(app, options, words, argc, argv);
}

}  // namespace skerry::load::http
