// skerry-load: an open-loop load generator of the native protocol; `http` and `syn-flood` are
// commands of their own (http/command.hpp).

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstring>
#include <fstream>

#include "tools/client/codec.hpp"
#include "tools/load/generator.hpp"
#include "tools/load/http/command.hpp"
#include "tools/load/port_arguments.hpp"
#include "tools/load/report.hpp"

namespace {

using namespace skerry;

enum Exit : int { kDone = 0, kFailed = 1, kUsage = 2, kNoAnswer = 3 };

std::atomic<bool> g_stop{false};

int fail(Exit code, const std::string& text) {
    std::fprintf(stderr, "skerry-load: %s\n", text.c_str());
    return code;
}

Result<std::string> read_payload(const std::string& given) {
    if (given.empty() || given[0] != '@') return given;
    std::ifstream file(given.substr(1), std::ios::binary);
    if (!file) return errno_error("open " + given.substr(1));
    std::string bytes(client::kMaxPayloadBytes + 1, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
}

void add_options(CLI::App& app, load::Options& o, std::string& pop, std::string& payload) {
    app.add_option("--pop", pop, "ADDR[:PORT]; env SKERRY_POP")->envname("SKERRY_POP")->required();
    app.add_option("--function", o.functions, "names, the most popular first (a,b,c)")
        ->delimiter(',');
    app.add_option("--zipf", o.zipf, "exponent of the functions' popularity; 0: all alike (0)")
        ->check(CLI::Range(0.0, 10.0));
    app.add_option("--rate", o.rate_per_s, "requests a second (1000)")->check(CLI::Range(0.1, 1e7));
    app.add_option("--duration", o.duration_s, "seconds (10)")->check(CLI::Range(0.001, 86400.0));
    app.add_flag("--poisson", o.poisson, "times between requests by chance, not even");
    app.add_option("--payload", payload, "text or @FILE");
    app.add_option("--sockets", o.sockets, "source ports (4)")
        ->check(CLI::Range(1u, load::kMostSockets));
    app.add_option("--deadline-ms", o.deadline_ms, "of each request (3000)")
        ->check(CLI::Range(1u, 900000u));
    app.add_option("--retransmit", o.retransmit_ms,
                   "send again after so many ms, then twice that, …; 0: never (0)")
        ->check(CLI::Range(0u, 60000u));
    app.add_option("--seed", o.seed, "of all chances (1)");
    app.add_flag("--spin", o.spin, "never sleep: exact sending times, for a whole CPU");
}

bool write_answers(const std::string& path, const load::Options& options,
                   const std::vector<load::Answered>& answers) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) return false;
    const bool written = load::write_answers(file, options.functions, answers);
    return std::fclose(file) == 0 && written;
}

bool write_hgrm(const std::string& path, const load::Histogram& histogram) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) return false;
    histogram.write_hgrm(file, 1000);
    return std::fclose(file) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "http") return load::http::http_command(argc - 1, argv + 1);
    if (command == "syn-flood") return load::http::flood_command(argc - 1, argv + 1);
    CLI::App app{"Sends invocations at a given rate, and measures from when each was due."};
    app.footer(
        "Latencies are of what was executed; refusals are counted apart. SIGINT ends early, with "
        "the report.\nBeside it: skerry-load http --help, skerry-load syn-flood --help.\nExit "
        "codes: 0 done; 1 failed; 2 usage; 3 not one answer");
    load::Options options;
    std::string pop, payload, hgrm, replay, answers;
    bool as_json = false, quiet = false;
    add_options(app, options, pop, payload);
    auto* replayed = app.add_option(
        "--replay", replay,
        "file of requests instead: AT_US FUNCTION PAYLOAD, one a line, in order of time");
    for (const char* other :
         {"--function", "--zipf", "--rate", "--duration", "--poisson", "--payload"})
        replayed->excludes(app.get_option(other));
    app.add_option("--answers", answers, "file for what became of each request of a replay (CSV)")
        ->needs(replayed);
    load::PortText port_text;
    load::add_port_options(app, port_text, false);
    app.add_flag("--json", as_json, "the report as one JSON document");
    app.add_option("--hgrm", hgrm, "file for the latencies (us) in HdrHistogram's text form");
    app.add_flag("--quiet", quiet, "no line each second");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kDone : kUsage;
    }
    options.progress = !quiet;
    auto endpoint = client::parse_endpoint(pop);
    if (!endpoint) return fail(kUsage, "--pop: " + endpoint.error().text);
    options.pop = *endpoint;
    const auto port = load::read_port(port_text);
    if (!port) return fail(kUsage, port.error().text);
    options.port = *port;
    auto bytes = read_payload(payload);
    if (!bytes) return fail(kUsage, "--payload: " + bytes.error().text);
    options.payload = std::move(*bytes);
    if (options.payload.size() > client::kMaxPayloadBytes)
        return fail(kUsage, "--payload: more than " + std::to_string(client::kMaxPayloadBytes) +
                                " bytes, which is what one datagram carries");
    if (!replay.empty()) {
        auto schedule = load::load_schedule(replay);
        if (!schedule) return fail(kUsage, "--replay: " + schedule.error().text);
        options.functions = schedule->functions;
        options.duration_s = schedule->seconds();
        options.rate_per_s =
            static_cast<double>(schedule->requests.size()) / std::max(options.duration_s, 1.0);
        options.keep_answers = !answers.empty();
        options.replay = std::move(*schedule);
    }
    if (options.functions.empty()) return fail(kUsage, "--function or --replay is required");
    if (options.functions.size() > load::kMostFunctions)
        return fail(kUsage, "--function: at most " + std::to_string(load::kMostFunctions));
    if (!options.replay && options.rate_per_s * options.duration_s < 1)
        return fail(kUsage, "--rate × --duration: less than one request");

    for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { g_stop = true; });
    auto outcome = load::run(options, g_stop);
    if (!outcome)
        return fail(outcome.error().code == EINVAL ? kUsage : kFailed, outcome.error().text);
    const nlohmann::json result = load::to_json(options, *outcome);
    if (as_json)
        std::printf("%s\n",
                    result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    else
        load::print_text(result);
    if (!hgrm.empty() && !write_hgrm(hgrm, outcome->tally.executed()))
        return fail(kFailed, "write " + hgrm + ": " + std::strerror(errno));
    if (!answers.empty() && !write_answers(answers, options, outcome->answers))
        return fail(kFailed, "write " + answers + ": " + std::strerror(errno));
    return outcome->tally.answered == 0 ? kNoAnswer : kDone;
}
