#include "sandbox/jail/environment.hpp"

#include <algorithm>
#include <cerrno>

#include "sandbox/jail/order.hpp"

namespace skerry::jail {
namespace {

// Told by us, and believed by what the function is made of: no setting may say something else.
constexpr std::string_view kReserved[] = {
    "_HANDLER",   "_X_AMZN_TRACE_ID",   "LAMBDA_TASK_ROOT",  "LAMBDA_RUNTIME_DIR",
    "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
};
constexpr std::string_view kReservedPrefixes[] = {"AWS_LAMBDA_", "SKERRY_"};

bool is_reserved(std::string_view name) {
    return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved) ||
           std::any_of(std::begin(kReservedPrefixes), std::end(kReservedPrefixes),
                       [name](std::string_view prefix) { return name.starts_with(prefix); });
}

bool is_name(std::string_view name) {
    constexpr std::string_view kAllowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return !name.empty() && (name[0] < '0' || name[0] > '9') &&
           name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string_view name_of(std::string_view variable) {
    return variable.substr(0, variable.find('='));
}

bool has(const std::vector<std::string>& all, std::string_view name) {
    return std::any_of(all.begin(), all.end(),
                       [name](const std::string& each) { return name_of(each) == name; });
}

// The pieces of a text in which each piece ends with a zero.
std::vector<std::string> split(std::string_view settings) {
    std::vector<std::string> all;
    while (!settings.empty()) {
        const auto end = settings.find('\0');
        all.emplace_back(settings.substr(0, end));
        if (end == std::string_view::npos) break;
        settings.remove_prefix(end + 1);
    }
    return all;
}

// Whatever the function is.
constexpr std::string_view kOfEachApiWorker[] = {
    "TZ=:UTC",      "PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin:/var/task",
    "LANG=C.UTF-8", "HOME=/tmp",
    "TMPDIR=/tmp",
};

std::string runtime_api() {
    return "AWS_LAMBDA_RUNTIME_API=127.0.0.1:" + std::to_string(runtime::kRuntimeApiPort);
}

// As a worker of the Runtime API expects it; the names are part of that interface.
std::vector<std::string> told_to_api_worker(const Told& told) {
    const std::string function(told.function);
    const std::string version(told.version_hex.substr(0, 12));
    const std::string server(told.server_name);
    std::vector<std::string> all = {
        runtime_api(),
        "_HANDLER=" + std::string(told.handler.empty() ? "bootstrap" : told.handler),
        "LAMBDA_TASK_ROOT=/var/task",
        "LAMBDA_RUNTIME_DIR=/var/runtime",
        "AWS_LAMBDA_FUNCTION_NAME=" + function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + std::to_string(told.memory_mib),
        "AWS_LAMBDA_FUNCTION_VERSION=" + version,
        "AWS_REGION=" + server,
        "AWS_DEFAULT_REGION=" + server,
        "AWS_EXECUTION_ENV=Skerry_" + std::string(runtime::kind_name(told.kind)),
        "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + function,
        "AWS_LAMBDA_LOG_STREAM_NAME=" + server + "/[" + version + "]",
        "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
    };
    all.insert(all.end(), std::begin(kOfEachApiWorker), std::end(kOfEachApiWorker));
    return all;
}

std::vector<std::string> told_to_native_worker(const Told& told) {
    return {"SKERRY_FUNCTION=" + std::string(told.function),
            "SKERRY_VERSION=" + std::string(told.version_hex),
            "PATH=/task",
            "HOME=/tmp",
            "TMPDIR=/tmp",
            "LANG=C.UTF-8"};
}

std::vector<std::string> told_to_standby() {
    std::vector<std::string> all = {runtime_api(), "SKERRY_STANDBY=1"};
    all.insert(all.end(), std::begin(kOfEachApiWorker), std::end(kOfEachApiWorker));
    return all;
}

}  // namespace

Status check_environment(std::string_view settings) {
    const auto wrong = [](const std::string& what) {
        return Error{EINVAL, "environment: " + what};
    };
    if (settings.size() > kEnvironmentBytesMax)
        return wrong("has " + std::to_string(settings.size()) + " bytes, allowed are " +
                     std::to_string(kEnvironmentBytesMax));
    if (!settings.empty() && settings.back() != '\0') return wrong("the last one has no end");
    std::vector<std::string> seen;
    for (const std::string& variable : split(settings)) {
        const std::string name(name_of(variable));
        if (name.size() == variable.size()) return wrong("'" + variable + "' is not NAME=value");
        if (!is_name(name))
            return wrong("the name '" + name +
                         "' must be of letters, digits and '_', and not begin with a digit");
        if (is_reserved(name)) return wrong(name + " is told by the server, and can't be set");
        if (has(seen, name)) return wrong(name + " is set twice");
        seen.push_back(variable);
    }
    return ok();
}

bool can_come_later(std::string_view settings) {
    constexpr std::string_view kLookedAtOnce[] = {"TZ", "LANG", "LANGUAGE"};
    constexpr std::string_view kPrefixes[] = {"NODE_", "UV_",      "LD_",     "LC_",   "ICU_",
                                              "SSL_",  "OPENSSL_", "MALLOC_", "GLIBC_"};
    for (const std::string& variable : split(settings)) {
        const std::string_view name = name_of(variable);
        // For programs, not for Node.js itself, whatever it is called.
        if (name != "NODE_ENV" &&
            (std::find(std::begin(kLookedAtOnce), std::end(kLookedAtOnce), name) !=
                 std::end(kLookedAtOnce) ||
             std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                         [name](std::string_view prefix) { return name.starts_with(prefix); })))
            return false;
    }
    return std::all_of(settings.begin(), settings.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::vector<std::string> make_environment(const Told& told) {
    std::vector<std::string> all = split(told.environment);
    const std::vector<std::string> ours = runtime::speaks_runtime_api(told.kind)
                                              ? told_to_api_worker(told)
                                              : told_to_native_worker(told);
    for (const std::string& variable : ours)
        if (!has(all, name_of(variable))) all.push_back(variable);
    return all;
}

std::vector<std::string> make_environment(const Order& order) {
    if (order.start == Start::standby) return told_to_standby();
    if (order.start == Start::blank) return {};  // copies have their template's
    return make_environment(Told{.kind = order.kind,
                                 .function = order.function,
                                 .version_hex = order.version_hex,
                                 .handler = order.handler,
                                 .server_name = order.server_name,
                                 .environment = {order.environment, order.environment_bytes},
                                 .memory_mib = order.memory_mib});
}

}  // namespace skerry::jail
