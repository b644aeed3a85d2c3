#include "control/catalog/catalog.hpp"

#include <algorithm>
#include <limits>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog_file.hpp"
#include "control/catalog/database.hpp"
#include "control/catalog/files.hpp"
#include "control/catalog/import.hpp"
#include "dataplane/limits/token_bucket.hpp"

namespace skerry::catalog {
namespace {

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

Catalog::Catalog() = default;
Catalog::Catalog(Catalog&&) noexcept = default;
Catalog::~Catalog() = default;

Result<Catalog> Catalog::open(const std::string& state_dir) {
    if (Status made = make_folder(state_dir); !made) return made.error();
    const std::string path = state_dir + "/catalog.db", json = state_dir + "/catalog.json";
    remove_temporaries(path);
    remove_temporaries(json);
    if (Status made = make_database(path, json); !made) return made.error();
    Catalog catalog;
    auto database = Database::open(path);
    if (!database) return database.error();
    catalog.database_ = std::move(*database);
    auto stored = catalog.database_->read();
    if (!stored) return stored.error();
    catalog.state_ = std::move(*stored);
    if (Status ended = end_import(json, *catalog.database_); !ended) return ended.error();
    return catalog;
}

const Function* Catalog::find(const std::string& name) const {
    const auto at = state_.functions.find(name);
    return at == state_.functions.end() ? nullptr : &at->second;
}

Status Catalog::write(Draft& draft) {
    const std::uint64_t before = std::max(state_.epoch, draft.epoch);
    if (before >= std::numeric_limits<std::uint64_t>::max() - 1)
        return Error{EIO, "the catalog's epoch is as large as it can be"};
    draft.epoch = before + 1;
    Differing changed;
    for (const auto& [name, function] : draft.changed()) changed.functions.insert(name);
    for (const auto& [name, key] : draft.erased()) changed.functions.insert(name);
    for (const auto& [name, regions] : draft.changed_tombstones()) changed.tombstones.insert(name);
    // What the file could not be told before is told now.
    differing_.functions.insert(changed.functions.begin(), changed.functions.end());
    differing_.tombstones.insert(changed.tombstones.begin(), changed.tombstones.end());
    Database::Change change{
        .epoch = draft.epoch, .fleet = draft.fleet, .functions = {}, .tombstones = {}};
    for (const std::string& name : differing_.functions)
        change.functions.push_back({name, draft.find(name)});
    for (const std::string& name : differing_.tombstones)
        change.tombstones.push_back({name, draft.regions_to_forget(name)});
    if (Status written = database_->write(change); !written) return written;
    differing_ = std::move(changed);  // until it is taken
    draft.written_ = ++writes_;
    return ok();
}

void Catalog::take(Draft& draft) noexcept {
    if (draft.written_ == writes_) {
        differing_.functions.clear();
        differing_.tombstones.clear();
    }
    state_.take(draft);
}

Status Catalog::put(const Function& function) {
    Draft changed(state_);
    if (Status done = changed.put(function); !done) return done;
    if (Status saved = write(changed); !saved) return saved;
    take(changed);
    return ok();
}

Status Catalog::erase(const std::string& name) {
    Draft changed(state_);
    if (Status done = changed.erase(name); !done) return done;
    if (Status saved = write(changed); !saved) return saved;
    take(changed);
    return ok();
}

}  // namespace skerry::catalog
