// The verbs. Each runs once, prints, and returns the exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace skerry::ctl {

struct Common {
    std::string admin;  // socket of the admin API
    bool json = false;
};

struct DeployOptions {
    std::string name;
    std::string artifact;
    std::vector<std::string> environment;  // "NAME=value" each
    std::string runtime = "native";        // among the parameters too, when it was given
    // As the query of the API; only what was given, since the server has the defaults.
    std::vector<std::pair<std::string, std::string>> parameters;
    std::string sha256;          // of the artifact; needed where it is a URL
    std::string sign_key;        // file of a private key; at most one of the two
    std::string signature_file;  // what sign_artifact() has written
};

struct SignOptions {
    DeployOptions subject;   // what is signed, and by what
    std::string output;      // a new file; empty: standard output
    std::string public_key;  // file; to verify
};

struct AliasOptions {
    std::string alias;
    std::string version;
    bool gone = false;  // else `version` is needed
};

struct LogsOptions {
    std::string name;
    std::string since;    // "10m", or a time as RFC 3339 has it; empty: all that is kept
    std::string request;  // only of this one
    bool follow = false;
};

struct RouteOptions {
    std::vector<std::string> methods;
    std::string host;  // empty: any
    std::string path;
    std::vector<std::string> headers, query;  // conditions
    std::string function;                     // NAME[:QUALIFIER]
    std::string auth = "AWS_IAM";             // or NONE
};

struct RouteTestOptions {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
};

struct RuleOptions {
    std::string name;
    std::string pattern;
    std::string in = "path";
    std::string header;
    std::string action = "deny";
    std::uint16_t status = 0;  // 0, here and below: the server's default
    std::uint32_t per_second = 0, burst = 0;
    std::string key;
};

struct RuleTestOptions {
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
    std::string body;
};

struct InvokeOptions {
    std::string name;
    std::string payload;  // text, "@FILE", or "@-" for standard input
    std::string pop;      // ADDR[:PORT]
    std::string qualifier;
    std::string id;  // 32 hex digits; "": random
    std::uint32_t deadline_ms = 3000;
    bool no_retransmit = false;
    bool tail = false;
    bool idempotent = false;
};

int status(const Common& common);
int deploy(const Common& common, const DeployOptions& options);
// PATH and PATH.pub, neither of which may be there.
int make_key(const Common& common, const std::string& path);
int sign_artifact(const Common& common, const SignOptions& options);
// The bytes that a signature has to be of, for keys that no file has.
int show_statement(const Common& common, const SignOptions& options);
int list_fetches(const Common& common);
int verify_artifact(const Common& common, const SignOptions& options);
int list_functions(const Common& common);
int describe_function(const Common& common, const std::string& name);
int delete_function(const Common& common, const std::string& name);
int alias(const Common& common, const std::string& name, const AliasOptions& options);
int logs(const Common& common, const LogsOptions& options);
// "30s", "10m", "2h", "1d" before now, or a time as RFC 3339 has it, as the API takes it.
std::optional<std::string> since_text(const std::string& given, std::int64_t now_us);
int list_routes(const Common& common);
int add_route(const Common& common, const RouteOptions& options);
int load_routes(const Common& common, const std::string& file);
int delete_route(const Common& common, std::uint32_t number);
int test_route(const Common& common, const RouteTestOptions& options);
int list_rules(const Common& common);
int add_rule(const Common& common, const RuleOptions& options);
int load_rules(const Common& common, const std::string& file);
int delete_rule(const Common& common, const std::string& name);
int test_rules(const Common& common, const RuleTestOptions& options);
int list_regions(const Common& common);
int describe_region(const Common& common, const std::string& name);
int explain(const Common& common, const std::string& name);
int stats(const Common& common);
int drain(const Common& common, bool undo);
int show_events(const Common& common);
int list_tenants(const Common& common);
int list_keys(const Common& common, bool reload);
int invoke(const Common& common, const InvokeOptions& options);

}  // namespace skerry::ctl
