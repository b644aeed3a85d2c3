// skerryctl: asks and tells one skerryd, and invokes functions.
#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>

#include "tools/client/udp_client.hpp"
#include "tools/skerryctl/admin_client.hpp"
#include "tools/skerryctl/commands.hpp"
#include "tools/skerryctl/output.hpp"

namespace {

using namespace skerry::ctl;

// The verb that was chosen. CLI11 fills the options first and calls this afterwards.
using Run = std::function<int()>;

struct Options {
    Common common;
    DeployOptions deploy;
    SignOptions sign;
    InvokeOptions invoke;
    AliasOptions alias;
    LogsOptions logs;
    std::string name;
    bool undo = false;
    RouteOptions route;
    RouteTestOptions route_test;
    std::uint32_t route_number = 0;
    RuleOptions rule;
    RuleTestOptions rule_test;
};

// An option that is passed on as it was typed: the server judges it, and says what is allowed.
void pass_on(CLI::App& verb, DeployOptions& options, const char* flag, const char* parameter,
             const char* help) {
    verb.add_option_function<std::string>(
        flag,
        [&options, parameter](const std::string& value) {
            options.parameters.emplace_back(parameter, value);
        },
        help);
}

CLI::App* add_verb(CLI::App& parent, const char* name, const char* help) {
    CLI::App* verb = parent.add_subcommand(name, help);
    verb->fallthrough();  // --json and --admin may stand behind the verb too
    return verb;
}

// What a version is made of, beside its limits and where it may run.
void add_version_options(CLI::App& verb, DeployOptions& options) {
    verb.add_option("--artifact", options.artifact,
                    "a folder with an executable bootstrap or with the handler's file, a zip or "
                    "tar of one, one executable or handler's file; or the URL of a zip or tar, "
                    "with --sha256");
    verb.add_option("--sha256", options.sha256, "what the artifact hashes to");
    verb.add_option_function<std::string>(
        "--runtime",
        [&options](const std::string& value) {
            options.runtime = value;
            options.parameters.emplace_back("runtime", value);
        },
        "native, provided, python3 or nodejs (native)");
    pass_on(verb, options, "--handler", "handler", "file.function, of python3 and nodejs");
    verb.add_option("--env", options.environment,
                    "NAME=value, a variable of the function's environment; may be repeated")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_artifact_verbs(CLI::App& app, Options& o, Run& run) {
    CLI::App* artifact = add_verb(app, "artifact", "Keys and signatures, and what is fetched");
    artifact->require_subcommand(1);
    CLI::App* keygen = add_verb(*artifact, "keygen", "An Ed25519 key: FILE, and FILE.pub");
    keygen->add_option("file", o.name, "where there is nothing yet")->required();
    keygen->final_callback([&] { run = [&] { return make_key(o.common, o.name); }; });
    add_verb(*artifact, "fetches", "Artifacts that this server fetches from their origins")
        ->final_callback([&] { run = [&] { return list_fetches(o.common); }; });
    const auto about = [&](const char* verb, const char* help,
                           int (*command)(const Common&, const SignOptions&)) {
        CLI::App* added = add_verb(*artifact, verb, help);
        added->add_option("name", o.sign.subject.name, "the function's name")->required();
        add_version_options(*added, o.sign.subject);
        added->final_callback(
            [&o, &run, command] { run = [&o, command] { return command(o.common, o.sign); }; });
        return added;
    };
    CLI::App* sign = about("sign", "A signature of one function's version", sign_artifact);
    sign->add_option("--sign-key", o.sign.subject.sign_key, "file of the private key, in PEM")
        ->required();
    sign->add_option("--output", o.sign.output, "a new file for the signature (standard output)");
    about("statement", "What a signature has to be of, byte for byte", show_statement);
    CLI::App* verify = about("verify", "Whether a signature is good", verify_artifact);
    verify->add_option("--signature", o.sign.subject.signature_file, "file")->required();
    verify->add_option("--key", o.sign.public_key, "file of the public key, in PEM")->required();
}

void add_function_verbs(CLI::App& app, Options& o, Run& run) {
    CLI::App* function = add_verb(app, "function", "Functions: deploy, list, describe, delete");
    function->require_subcommand(1);
    CLI::App* deploy =
        add_verb(*function, "deploy", "Make a version current: replicated, warm, then switched");
    deploy->add_option("name", o.deploy.name, "the function's name")->required();
    add_version_options(*deploy, o.deploy);
    deploy->add_option("--sign-key", o.deploy.sign_key,
                       "file of a private key, in PEM: the version is signed by it");
    deploy->add_option("--signature", o.deploy.signature_file,
                       "file that skerryctl artifact sign has written");
    pass_on(*deploy, o.deploy, "--memory-mib", "memory_mib", "memory of a worker (128)");
    pass_on(*deploy, o.deploy, "--timeout-ms", "timeout_ms", "longest invocation (3000)");
    pass_on(*deploy, o.deploy, "--concurrency", "concurrency", "invocations a worker takes (1)");
    pass_on(*deploy, o.deploy, "--warm-min", "warm_min", "workers kept ready (0)");
    pass_on(*deploy, o.deploy, "--warm-max", "warm_max", "workers at most (4)");
    pass_on(*deploy, o.deploy, "--place", "place", "auto, pop or region (auto)");
    pass_on(*deploy, o.deploy, "--retry", "retry",
            "unstarted, idempotent, marked or never (unstarted)");
    pass_on(*deploy, o.deploy, "--regions", "regions",
            "a,b: names or tags of regions, only there (all)");
    pass_on(*deploy, o.deploy, "--cpu-percent", "cpu_percent",
            "most it may use of one CPU; 0: all (0)");
    pass_on(*deploy, o.deploy, "--cpu-weight", "cpu_weight", "its share against others (100)");
    pass_on(*deploy, o.deploy, "--latency-weight", "latency_weight",
            "what its callers' waiting counts against others', for placement (100)");
    pass_on(*deploy, o.deploy, "--cpu-ms", "cpu_ms",
            "CPU time of one invocation; 0: no limit but its time's (0)");
    pass_on(*deploy, o.deploy, "--max-per-s", "max_per_s",
            "requests a second; 0: as [limits] says (0)");
    pass_on(*deploy, o.deploy, "--max-burst", "max_burst",
            "of them, at once after a pause; 0: as many as in a second (0)");
    pass_on(*deploy, o.deploy, "--tmp-mib", "tmp_mib", "a worker's /tmp (16)");
    pass_on(*deploy, o.deploy, "--pids-max", "pids_max", "processes and threads of a worker (64)");
    pass_on(*deploy, o.deploy, "--log-kib", "log_kib", "log kept of one invocation (64)");
    deploy->add_flag_callback(
        "--single-use", [&] { o.deploy.parameters.emplace_back("single_use", "true"); },
        "a worker serves one invocation, and ends");
    deploy->add_flag_callback(
        "--no-templates", [&] { o.deploy.parameters.emplace_back("templates", "false"); },
        "each worker initialises by itself; none is a copy of one that has");
    pass_on(*deploy, o.deploy, "--egress", "egress",
            "the network its workers are in, by its name in the configuration (none)");
    pass_on(*deploy, o.deploy, "--tenant", "tenant",
            "whose it is, by the tenant's name in the configuration (default)");
    pass_on(*deploy, o.deploy, "--cold-cost-ms", "cold_cost_ms",
            "a cold start's cost (as measured)");
    pass_on(*deploy, o.deploy, "--max-payload-bytes", "max_payload_bytes",
            "request and response (65536)");
    deploy->final_callback([&] { run = [&] { return skerry::ctl::deploy(o.common, o.deploy); }; });

    add_verb(*function, "list", "All functions")->final_callback([&] {
        run = [&] { return list_functions(o.common); };
    });
    const auto named = [&](const char* verb, const char* help,
                           int (*command)(const Common&, const std::string&)) {
        CLI::App* added = add_verb(*function, verb, help);
        added->add_option("name", o.name, "the function's name")->required();
        added->final_callback(
            [&o, &run, command] { run = [&o, command] { return command(o.common, o.name); }; });
    };
    named("describe", "Limits, versions, who holds them", describe_function);
    named("delete", "Here and in all regions", delete_function);
    CLI::App* alias = add_verb(*function, "alias", "Point an alias at a version, or delete it");
    alias->add_option("name", o.name, "the function's name")->required();
    alias->add_option("alias", o.alias.alias, "1 to 63 of a-z, A-Z, 0-9, - and _")->required();
    auto* version = alias->add_option("--version", o.alias.version,
                                      "16 to 64 hex digits of the version's digest");
    auto* gone = alias->add_flag("--delete", o.alias.gone, "it stands for nothing any more");
    version->excludes(gone);
    alias->final_callback(
        [&] { run = [&] { return skerry::ctl::alias(o.common, o.name, o.alias); }; });
}

void repeated(CLI::App& verb, const char* name, std::vector<std::string>& to, const char* help) {
    verb.add_option(name, to, help)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_route_verbs(CLI::App& app, Options& o, Run& run) {
    CLI::App* route = add_verb(app, "route", "HTTP routes: add, list, delete, load, test");
    route->require_subcommand(1);
    add_verb(*route, "list", "All routes, as declared")->final_callback([&] {
        run = [&] { return list_routes(o.common); };
    });
    CLI::App* add = add_verb(*route, "add", "A route behind those that there are; docs/routes.md");
    add->add_option("path", o.route.path, "/a/:b/*.c, /a/*, or ~expression")->required();
    add->add_option("function", o.route.function, "NAME, or NAME:QUALIFIER")->required();
    add->add_option("--host", o.route.host, "name, *.name, or ~expression (any)");
    repeated(*add, "--method", o.route.methods, "one of them; may be repeated (any)");
    repeated(*add, "--header", o.route.headers, "NAME, !NAME, NAME=VALUE or NAME=VALUE*");
    repeated(*add, "--query", o.route.query, "NAME, !NAME, NAME=VALUE or NAME=VALUE*");
    add->add_option("--auth", o.route.auth,
                    "AWS_IAM: signed by who may invoke the function (default); NONE: anybody");
    add->final_callback([&] { run = [&] { return add_route(o.common, o.route); }; });
    CLI::App* gone = add_verb(*route, "delete", "Those behind it move up");
    gone->add_option("number", o.route_number, "as `list` has it")->required();
    gone->final_callback([&] { run = [&] { return delete_route(o.common, o.route_number); }; });
    CLI::App* load = add_verb(*route, "load", "All of a file, in place of those that there are");
    load->add_option("file", o.name, R"({"version":1,"routes":[...]}, as `list --json` has them)")
        ->required();
    load->final_callback([&] { run = [&] { return load_routes(o.common, o.name); }; });
    CLI::App* test = add_verb(*route, "test", "Which route a request would take, and why");
    test->add_option("url", o.route_test.url, "http://HOST/PATH?QUERY, or /PATH")->required();
    test->add_option("--method", o.route_test.method, "of the request (GET)");
    repeated(*test, "--header", o.route_test.headers, "'Name: value'; may be repeated");
    test->final_callback([&] { run = [&] { return test_route(o.common, o.route_test); }; });
}

void add_rule_verbs(CLI::App& app, Options& o, Run& run) {
    CLI::App* rule = add_verb(app, "rule", "Admission rules: add, list, delete, load, test");
    rule->require_subcommand(1);
    add_verb(*rule, "list", "All rules, and how many requests each has met")->final_callback([&] {
        run = [&] { return list_rules(o.common); };
    });
    CLI::App* add = add_verb(*rule, "add", "A rule behind those that there are; docs/admission.md");
    add->add_option("name", o.rule.name, "of letters, digits, -, _ and .")->required();
    add->add_option("pattern", o.rule.pattern, "an expression, found anywhere")->required();
    add->add_option("--in", o.rule.in, "path, query, header or body (path)");
    add->add_option("--header", o.rule.header, "of --in header: this one alone (every one)");
    add->add_option("--action", o.rule.action, "deny, count or rate (deny)");
    add->add_option("--status", o.rule.status, "of a refusal (403; of a rate 429)");
    add->add_option("--per-second", o.rule.per_second, "of a rate: requests of one key");
    add->add_option("--burst", o.rule.burst, "of a rate: at once (as many)");
    add->add_option("--key", o.rule.key, "of a rate: source, or header:NAME (source)");
    add->final_callback([&] { run = [&] { return add_rule(o.common, o.rule); }; });
    CLI::App* gone = add_verb(*rule, "delete", "No longer asked");
    gone->add_option("name", o.name, "the rule's name")->required();
    gone->final_callback([&] { run = [&] { return delete_rule(o.common, o.name); }; });
    CLI::App* load = add_verb(*rule, "load", "All of a file, in place of those that there are");
    load->add_option("file", o.name, R"({"version":1,"rules":[...]}, as `list --json` has them)")
        ->required();
    load->final_callback([&] { run = [&] { return load_rules(o.common, o.name); }; });
    CLI::App* test = add_verb(*rule, "test", "Which rules a request would meet, and its verdict");
    test->add_option("url", o.rule_test.url, "http://HOST/PATH?QUERY, or /PATH")->required();
    repeated(*test, "--header", o.rule_test.headers, "'Name: value'; may be repeated");
    test->add_option("--body", o.rule_test.body, "its content, as text");
    test->final_callback([&] { run = [&] { return test_rules(o.common, o.rule_test); }; });
}

void add_region_verbs(CLI::App& app, Options& o, Run& run) {
    CLI::App* region = add_verb(app, "region", "Regions: list, describe");
    region->require_subcommand(1);
    add_verb(*region, "list", "All regions")->final_callback([&] {
        run = [&] { return list_regions(o.common); };
    });
    CLI::App* describe = add_verb(*region, "describe", "Health, load and traffic of one");
    describe->add_option("name", o.name, "the region's name")->required();
    describe->final_callback([&] { run = [&] { return describe_region(o.common, o.name); }; });
}

void add_tenant_verbs(CLI::App& app, Options& o, Run& run) {
    CLI::App* tenant = add_verb(app, "tenant", "Tenants, and how they share this server: list");
    tenant->require_subcommand(1);
    add_verb(*tenant, "list", "All of them, with what each has and may have")->final_callback([&] {
        run = [&] { return list_tenants(o.common); };
    });
}

void add_key_verbs(CLI::App& app, Options& o, Run& run) {
    CLI::App* key = add_verb(app, "key", "Access keys of clients over HTTP: list, reload");
    key->require_subcommand(1);
    add_verb(*key, "list", "All of them, without their secrets")->final_callback([&] {
        run = [&] { return list_keys(o.common, false); };
    });
    add_verb(*key, "reload", "Read them again from the configuration's file")->final_callback([&] {
        run = [&] { return list_keys(o.common, true); };
    });
}

void add_server_verbs(CLI::App& app, Options& o, Run& run) {
    add_verb(app, "events", "The queue of Event invocations")->final_callback([&] {
        run = [&] { return show_events(o.common); };
    });
    add_verb(app, "status", "What this skerryd is, and how it is")->final_callback([&] {
        run = [&] { return status(o.common); };
    });
    add_verb(app, "stats", "Cores, stages, and every reason a packet left by")->final_callback([&] {
        run = [&] { return stats(o.common); };
    });
    CLI::App* explained =
        add_verb(app, "explain", "What would be decided for a request now, and why");
    explained->add_option("name", o.name, "the function's name")->required();
    explained->final_callback([&] { run = [&] { return explain(o.common, o.name); }; });
    CLI::App* drained = add_verb(app, "drain", "Refuse new requests, finish those in flight");
    drained->add_flag("--undo", o.undo, "take requests again");
    drained->final_callback([&] { run = [&] { return drain(o.common, o.undo); }; });
}

void add_logs(CLI::App& app, Options& o, Run& run) {
    CLI::App* verb = add_verb(app, "logs", "What a function's workers wrote here");
    verb->add_option("name", o.logs.name, "the function's name")->required();
    verb->add_flag("--follow", o.logs.follow, "go on with what comes");
    verb->add_option("--since", o.logs.since,
                     "30s, 10m, 2h, 1d ago, or 2026-01-31T12:00:00Z (all)");
    verb->add_option("--request", o.logs.request,
                     "of one request: its id, 32 hex digits or a UUID");
    verb->final_callback([&] { run = [&] { return skerry::ctl::logs(o.common, o.logs); }; });
}

void add_invoke(CLI::App& app, Options& o, Run& run) {
    CLI::App* verb = add_verb(app, "invoke", "Execute a function; its result goes to stdout");
    verb->add_option("name", o.invoke.name, "the function's name")->required();
    verb->add_option("--payload", o.invoke.payload, "text, @FILE, or @- for standard input");
    verb->add_option("--pop", o.invoke.pop, "ADDR[:PORT] of a POP or region; env SKERRY_POP")
        ->envname("SKERRY_POP");
    verb->add_option("--qualifier", o.invoke.qualifier,
                     "an alias, or a version: 16 to 64 hex digits of its digest (the current one)");
    verb->add_option("--deadline-ms", o.invoke.deadline_ms, "time for all of it (3000)")
        ->check(CLI::Range(1u, skerry::client::kMaxDeadlineMs));
    verb->add_option("--id", o.invoke.id, "request id, 32 hex digits (random)");
    verb->add_flag("--tail", o.invoke.tail,
                   "the last lines of its log, to stderr (or in --json's document)");
    verb->add_flag("--idempotent", o.invoke.idempotent,
                   "to execute it twice does no harm: may be hedged, if it was deployed with "
                   "--retry marked");
    verb->add_flag("--no-retransmit", o.invoke.no_retransmit, "send it once");
    verb->final_callback([&] { run = [&] { return invoke(o.common, o.invoke); }; });
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App app{"Asks and tells one skerryd, and invokes functions. docs/skerryctl.md"};
    app.footer(kExitHelp);
    app.require_subcommand(1);
    Options options;
    Run run;
    options.common.admin = kDefaultSocket;
    app.add_option("--admin", options.common.admin,
                   "the admin API's socket; env SKERRY_ADMIN (" + std::string(kDefaultSocket) + ")")
        ->envname("SKERRY_ADMIN");
    app.add_flag("--json", options.common.json, "one JSON document instead of text");
    add_server_verbs(app, options, run);
    add_function_verbs(app, options, run);
    add_artifact_verbs(app, options, run);
    add_route_verbs(app, options, run);
    add_rule_verbs(app, options, run);
    add_region_verbs(app, options, run);
    add_tenant_verbs(app, options, run);
    add_key_verbs(app, options, run);
    add_logs(app, options, run);
    add_invoke(app, options, run);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        // CLI11 may not have come as far as --json.
        bool as_json = options.common.json;
        for (int i = 1; i < argc; ++i) as_json = as_json || std::string_view(argv[i]) == "--json";
        return report(
            {kExitUsage, "usage", std::string(error.what()) + "; see skerryctl --help", {}},
            as_json);
    }
    return run();
}
