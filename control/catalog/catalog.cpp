#include "control/catalog/catalog.hpp"

#include <unistd.h>

#include <algorithm>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog_file.hpp"
#include "control/catalog/files.hpp"
#include "dataplane/limits/token_bucket.hpp"

namespace skerry::catalog {
namespace {

// kMaxFunctions and kMaxTombstones without environments take 11 MiB at most. A version's
// environment is 4 KiB: what does not fit is refused when it is written.
constexpr std::uint64_t kMaxFileBytes = 64 << 20;

std::uint64_t leading_64_bits(const std::string& hex) {
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < 16 && i < hex.size(); ++i) {
        const char c = hex[i];
        key = key << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return key == 0 ? 1 : key;
}

Status in_range(const char* key, std::uint32_t found, std::uint32_t least, std::uint32_t most) {
    if (found >= least && found <= most) return ok();
    return Error{EINVAL, std::string(key) + ": found " + std::to_string(found) + ", allowed " +
                             std::to_string(least) + " to " + std::to_string(most)};
}

// With the list of versions that was given, or without one the list known before; with `current` in
// it.
void complete_versions(const Function* before, Function& function) {
    std::vector<std::string>& all = function.versions;
    if (all.empty() && before != nullptr) {
        all = before->versions;
        function.builds.insert(before->builds.begin(), before->builds.end());
        function.signatures.insert(before->signatures.begin(), before->signatures.end());
    }
    if (std::find(all.begin(), all.end(), function.current) == all.end())
        all.push_back(function.current);
    forget_oldest(function);
}

bool is_network_name(const std::string& text) {
    return text.size() <= 15 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

bool is_hex(const std::string& text) {
    return text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

}  // namespace

std::uint64_t function_key(const std::string& name) {
    return leading_64_bits(sha256_hex(name));
}

std::uint64_t alias_key(const std::string& alias) {
    return leading_64_bits(sha256_hex(alias));
}

std::uint64_t version_key(const std::string& digest_hex) {
    return leading_64_bits(digest_hex);
}

Status validate_name(const std::string& name) {
    const bool good = !name.empty() && name.size() <= kMaxNameBytes &&
                      std::all_of(name.begin(), name.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '-' || c == '_';
                      });
    if (good) return ok();
    return Error{EINVAL, "function name: found \"" + name.substr(0, kMaxNameBytes + 1) +
                             "\", allowed 1 to " + std::to_string(kMaxNameBytes) +
                             " of a-z, A-Z, 0-9, - and _"};
}

Status validate_alias(const std::string& alias) {
    const bool version = alias.size() >= 16 && is_hex(alias);
    if (!version && validate_name(alias)) return ok();
    return Error{EINVAL, "alias: found \"" + alias.substr(0, kMaxNameBytes + 1) +
                             "\", allowed 1 to " + std::to_string(kMaxNameBytes) +
                             " of a-z, A-Z, 0-9, - and _, and not 16 or more hex digits alone: "
                             "that is a version"};
}

std::string find_version(const Function& function, const std::string& version) {
    if (version.size() < 16 || !is_hex(version)) return {};
    for (const std::string& digest : function.versions)
        if (digest.compare(0, version.size(), version) == 0) return digest;
    return {};
}

bool is_aliased(const Function& function, const std::string& digest) {
    return std::any_of(function.aliases.begin(), function.aliases.end(),
                       [&](const auto& alias) { return alias.second == digest; }) ||
           std::any_of(function.alias_details.begin(), function.alias_details.end(),
                       [&](const auto& alias) { return alias.second.other == digest; });
}

void forget_oldest(Function& function) {
    for (const auto& [alias, details] : function.alias_details)
        if (details.latest) function.aliases[alias] = function.current;
    const auto may_go = [&](const std::string& digest) {
        return digest != function.current && !is_aliased(function, digest);
    };
    while (function.versions.size() > kMaxVersionsKept) {
        const auto oldest =
            std::find_if(function.versions.begin(), function.versions.end(), may_go);
        if (oldest == function.versions.end()) return;  // their aliases are too many: refused later
        std::erase_if(function.published,
                      [&](const Publication& each) { return each.version == *oldest; });
        function.builds.erase(*oldest);
        function.signatures.erase(*oldest);
        function.versions.erase(oldest);
    }
}

Build Function::build_of(const std::string& version) const {
    const auto known = builds.find(version);
    return known != builds.end() ? known->second : Build{version, {}};
}

std::string Function::set_build(const Build& build) {
    std::string version = version_of(build.archive, build.runtime);
    builds.erase(version);
    if (version != build.archive) builds.emplace(version, build);
    return version;
}

Status validate(const Limits& l) {
    const Status all[] = {
        in_range("memory_mib", l.memory_mib, 16, 4096),
        in_range("timeout_ms", l.timeout_ms, 1, 900000),
        in_range("concurrency", l.concurrency, 1, 64),
        in_range("warm_min", l.warm_min, 0, 64),
        in_range("warm_max", l.warm_max, std::max(1u, l.warm_min), 64),
        in_range("max_payload_bytes", l.max_payload_bytes, 1, 6291456),
        in_range("cold_cost_ms", l.cold_cost_ms, 0, 900000),
        in_range("cpu_percent", l.cpu_percent, 0, 6400),
        in_range("cpu_weight", l.cpu_weight, 1, 10000),
        in_range("latency_weight", l.latency_weight, 1, 10000),
        in_range("cpu_ms", l.cpu_ms, 0, 900000),
        in_range("max_per_s", l.max_per_s, 0, limits::kRateMax),
        in_range("max_burst", l.max_burst, 0, limits::kBurstMax),
        in_range("tmp_mib", l.tmp_mib, 1, 1024),
        in_range("pids_max", l.pids_max, 1, 1024),
        in_range("log_kib", l.log_kib, 1, 1024),
    };
    for (const auto& status : all)
        if (!status) return status;
    if (!l.tenant.empty() && (!is_tenant_name(l.tenant) || l.tenant == kDefaultTenant))
        return Error{EINVAL, "tenant: found \"" + l.tenant.substr(0, 40) + "\", allowed " +
                                 kTenantNameAllowed + ", or nothing for the default one"};
    if (l.egress.empty() || is_network_name(l.egress)) return ok();
    return Error{EINVAL, "egress: found \"" + l.egress.substr(0, 40) +
                             "\", allowed the name of a network: 1 to 15 of a-z, 0-9 and -"};
}

Status validate(const Limits& limits, const Runtime& runtime) {
    if (limits.concurrency == 1 || !runtime::speaks_runtime_api(runtime.kind)) return ok();
    return Error{EINVAL, "concurrency: found " + std::to_string(limits.concurrency) +
                             ", allowed 1: a worker of runtime " +
                             std::string(runtime::kind_name(runtime.kind)) +
                             " takes one invocation at a time"};
}

Status State::put(const Function& function) {
    if (Status valid = validate_name(function.name); !valid) return valid;
    const auto before = functions.find(function.name);
    Function stored = function;
    complete_versions(before == functions.end() ? nullptr : &before->second, stored);
    if (Status valid = validate(stored); !valid) return valid;
    if (before == functions.end() && functions.size() >= kMaxFunctions)
        return Error{ENOSPC, "found " + std::to_string(kMaxFunctions) +
                                 " functions, the most there can be; delete one first"};
    const std::uint64_t key = function_key(function.name);
    for (const auto& [name, other] : functions)
        if (name != function.name && function_key(name) == key)
            return Error{EEXIST, "the key of \"" + function.name + "\" is that of \"" + name +
                                     "\" too; choose another name"};
    functions[function.name] = std::move(stored);
    return ok();
}

Status State::erase(const std::string& name) {
    if (functions.erase(name) == 0)
        return Error{ENOENT, "no function \"" + name.substr(0, 64) + "\""};
    return ok();
}

Status State::replace(const Function& function) {
    const auto at = functions.find(function.name);
    if (at == functions.end()) return Error{ENOENT, "no function \"" + function.name + "\""};
    if (Status valid = validate(function); !valid) return valid;
    at->second = function;
    return ok();
}

Status State::set_alias(const std::string& name, const std::string& alias,
                        const std::string& version) {
    const auto at = functions.find(name);
    if (at == functions.end()) return Error{ENOENT, "no function is called \"" + name + "\""};
    if (Status valid = validate_alias(alias); !valid) return valid;
    Function& function = at->second;
    const std::string digest = find_version(function, version);
    if (digest.empty())
        return Error{ENOENT, "\"" + name + "\" has no version " + version.substr(0, 64) +
                                 "; see skerryctl function describe " + name};
    if (function.aliases.count(alias) == 0 && function.aliases.size() >= kMaxAliases)
        return Error{ENOSPC, "found " + std::to_string(kMaxAliases) +
                                 " aliases, the most a function can have; delete one first"};
    function.aliases[alias] = digest;
    function.alias_details.erase(alias);
    return ok();
}

Status State::erase_alias(const std::string& name, const std::string& alias) {
    const auto at = functions.find(name);
    if (at == functions.end()) return Error{ENOENT, "no function is called \"" + name + "\""};
    if (at->second.aliases.erase(alias) == 0)
        return Error{ENOENT, "\"" + name + "\" has no alias \"" + alias.substr(0, 64) + "\""};
    at->second.alias_details.erase(alias);
    return ok();
}

Status State::bury(const std::string& name, const std::set<std::string>& regions) {
    if (regions.empty()) return ok();
    if (tombstones.count(name) == 0 && tombstones.size() >= kMaxTombstones)
        return Error{ENOSPC, "found " + std::to_string(kMaxTombstones) +
                                 " functions that regions have to forget, the most there can be; "
                                 "is a region down for good? take it out of the configuration"};
    tombstones[name].insert(regions.begin(), regions.end());
    return ok();
}

void State::unbury(const std::string& name, const std::set<std::string>& regions) {
    const auto at = tombstones.find(name);
    if (at == tombstones.end()) return;
    for (const std::string& region : regions) at->second.erase(region);
    if (at->second.empty()) tombstones.erase(at);
}

Result<Catalog> Catalog::open(const std::string& state_dir) {
    if (Status made = make_folder(state_dir); !made) return made.error();
    Catalog catalog;
    catalog.path_ = state_dir + "/catalog.json";
    remove_temporaries(catalog.path_);
    auto bytes = read_file(catalog.path_, kMaxFileBytes);
    if (!bytes && bytes.error().code == ENOENT && access(catalog.path_.c_str(), F_OK) != 0) {
        if (Status saved = replace_file(catalog.path_, render(catalog.state_)); !saved)
            return saved.error();
        return catalog;
    }
    if (!bytes) return bytes.error();
    auto stored = parse(*bytes);
    if (!stored)
        return Error{EINVAL, catalog.path_ + ": damaged: " + stored.error().text +
                                 "; restore it from a copy, or move it away to start empty: mv " +
                                 catalog.path_ + " " + catalog.path_ + ".damaged"};
    catalog.state_ = std::move(*stored);
    return catalog;
}

const Function* Catalog::find(const std::string& name) const {
    const auto at = state_.functions.find(name);
    return at == state_.functions.end() ? nullptr : &at->second;
}

Status Catalog::write(State& draft) const {
    draft.epoch = std::max(state_.epoch, draft.epoch) + 1;
    const std::string text = render(draft);
    if (text.size() > kMaxFileBytes)
        return Error{ENOSPC, path_ + " would have " + std::to_string(text.size()) +
                                 " bytes, allowed " + std::to_string(kMaxFileBytes) +
                                 ": delete functions, or give them smaller environments"};
    return replace_file(path_, text);
}

Status Catalog::put(const Function& function) {
    State draft = state_;
    if (Status done = draft.put(function); !done) return done;
    if (Status saved = write(draft); !saved) return saved;
    take(draft);
    return ok();
}

Status Catalog::erase(const std::string& name) {
    State draft = state_;
    if (Status done = draft.erase(name); !done) return done;
    if (Status saved = write(draft); !saved) return saved;
    take(draft);
    return ok();
}

}  // namespace skerry::catalog
