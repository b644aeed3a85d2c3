#include "control/catalog/catalog_file.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace skerry::catalog {
namespace {

using json = nlohmann::json;
constexpr std::uint64_t kFormat = 1;

constexpr const char* kPlaces[] = {"auto", "pop", "region"};
constexpr const char* kRetries[] = {"unstarted", "idempotent", "never"};

// Thrown and caught inside this file only: the reader below is a deep tree of small steps.
struct Damage {
    std::string text;
};

const json& member(const json& object, const char* key) {
    if (!object.is_object()) throw Damage{std::string("no object around \"") + key + "\""};
    const auto at = object.find(key);
    if (at == object.end()) throw Damage{std::string("no \"") + key + "\""};
    return *at;
}

std::uint64_t number(const json& object, const char* key, std::uint64_t most = UINT32_MAX) {
    const json& value = member(object, key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
        throw Damage{std::string("\"") + key + "\" is not a number in its range"};
    return value.get<std::uint64_t>();
}

std::string text(const json& value, const char* key) {
    if (!value.is_string()) throw Damage{std::string("\"") + key + "\" is not a text"};
    return value.get<std::string>();
}

std::vector<std::string> texts(const json& object, const char* key) {
    const json& value = member(object, key);
    if (!value.is_array()) throw Damage{std::string("\"") + key + "\" is not a list"};
    std::vector<std::string> all;
    for (const auto& element : value) all.push_back(text(element, key));
    return all;
}

template <typename E, std::size_t N>
E word(const json& object, const char* key, const char* const (&words)[N]) {
    const std::string found = text(member(object, key), key);
    for (std::size_t i = 0; i < N; ++i)
        if (found == words[i]) return static_cast<E>(i);
    throw Damage{std::string("\"") + key + "\" is not one of its words"};
}

// Of a key that older files do not have.
std::uint32_t number_or(const json& object, const char* key, std::uint32_t otherwise) {
    return object.contains(key) ? static_cast<std::uint32_t>(number(object, key)) : otherwise;
}

bool flag_or(const json& object, const char* key, bool otherwise) {
    const auto found = object.find(key);
    if (found == object.end()) return otherwise;
    if (!found->is_boolean()) throw Damage{std::string("\"") + key + "\" is not true or false"};
    return found->get<bool>();
}

Limits read_limits(const json& object) {
    Limits l;
    const std::pair<const char*, std::uint32_t*> fields[] = {
        {"memory_mib", &l.memory_mib},    {"timeout_ms", &l.timeout_ms},
        {"concurrency", &l.concurrency},  {"warm_min", &l.warm_min},
        {"warm_max", &l.warm_max},        {"max_payload_bytes", &l.max_payload_bytes},
        {"cold_cost_ms", &l.cold_cost_ms}};
    for (const auto& [key, value] : fields)
        *value = static_cast<std::uint32_t>(number(object, key));
    const std::pair<const char*, std::uint32_t*> newer[] = {
        {"cpu_percent", &l.cpu_percent}, {"cpu_weight", &l.cpu_weight}, {"cpu_ms", &l.cpu_ms},
        {"max_per_s", &l.max_per_s},     {"max_burst", &l.max_burst},   {"tmp_mib", &l.tmp_mib},
        {"pids_max", &l.pids_max},       {"log_kib", &l.log_kib}};
    for (const auto& [key, value] : newer) *value = number_or(object, key, *value);
    l.single_use = flag_or(object, "single_use", l.single_use);
    l.templates = flag_or(object, "templates", l.templates);
    if (object.contains("egress")) l.egress = text(member(object, "egress"), "egress");
    return l;
}

Build read_build(const json& object) {
    Build build;
    build.archive = text(member(object, "archive"), "archive");
    const std::string kind = text(member(object, "runtime"), "runtime");
    const auto known = runtime::kind_of(kind);
    if (!known) throw Damage{"\"runtime\" is not one of its words"};
    build.runtime.kind = *known;
    build.runtime.handler = text(member(object, "handler"), "handler");
    const json& environment = member(object, "environment");
    if (!environment.is_object()) throw Damage{"\"environment\" is not an object"};
    Variables variables;
    for (const auto& [name, value] : environment.items())
        variables.emplace_back(name, text(value, "environment"));
    auto packed = pack_environment(std::move(variables));
    if (!packed) throw Damage{packed.error().text};
    build.runtime.environment = std::move(*packed);
    return build;
}

std::map<std::string, Build> read_builds(const json& object) {
    const auto found = object.find("builds");
    if (found == object.end()) return {};
    if (!found->is_object()) throw Damage{"\"builds\" is not an object"};
    std::map<std::string, Build> all;
    for (const auto& [version, build] : found->items()) all[version] = read_build(build);
    return all;
}

std::map<std::string, std::string> read_aliases(const json& object) {
    const auto found = object.find("aliases");
    if (found == object.end()) return {};  // written before there were any
    if (!found->is_object()) throw Damage{"\"aliases\" is not an object"};
    std::map<std::string, std::string> all;
    for (const auto& [alias, digest] : found->items()) all[alias] = text(digest, "aliases");
    return all;
}

Function read_function(const json& object) {
    Function f;
    f.name = text(member(object, "name"), "name");
    f.limits = read_limits(member(object, "limits"));
    f.policy.place = word<Place>(object, "place", kPlaces);
    f.policy.retry = word<RetryPolicy>(object, "retry", kRetries);
    f.policy.regions = texts(object, "regions");
    f.current = text(member(object, "current"), "current");
    f.versions = texts(object, "versions");
    f.builds = read_builds(object);
    f.aliases = read_aliases(object);
    return f;
}

Tombstones read_tombstones(const json& root) {
    const auto list = root.find("tombstones");
    if (list == root.end()) return {};  // written before there were any
    if (!list->is_array() || list->size() > kMaxTombstones)
        throw Damage{"\"tombstones\" is not a list of at most " + std::to_string(kMaxTombstones)};
    Tombstones all;
    for (const auto& object : *list) {
        const std::string name = text(member(object, "name"), "name");
        const std::vector<std::string> regions = texts(object, "regions");
        std::set<std::string> different(regions.begin(), regions.end());
        if (!validate_name(name) || different.empty() || different.size() != regions.size() ||
            !std::all_of(regions.begin(), regions.end(),
                         [](const auto& region) { return bool(validate_region_name(region)); }) ||
            !all.emplace(name, std::move(different)).second)
            throw Damage{"a tombstone is no function's name with its regions"};
    }
    return all;
}

State read(const json& root) {
    State state;
    if (number(root, "format") != kFormat)
        throw Damage{"\"format\" is not " + std::to_string(kFormat) +
                     ": written by another version"};
    state.epoch = number(root, "epoch", UINT64_MAX - 1);
    if (state.epoch == 0) throw Damage{"\"epoch\" is 0"};
    const json& functions = member(root, "functions");
    if (!functions.is_array() || functions.size() > kMaxFunctions)
        throw Damage{"\"functions\" is not a list of at most " + std::to_string(kMaxFunctions)};
    std::set<std::uint64_t> keys;
    for (const auto& object : functions) {
        Function f = read_function(object);
        if (Status valid = validate(f); !valid)
            throw Damage{"function \"" + f.name + "\": " + valid.error().text};
        if (!keys.insert(function_key(f.name)).second)
            throw Damage{"function \"" + f.name + "\" is there twice"};
        state.functions.emplace(f.name, std::move(f));
    }
    state.tombstones = read_tombstones(root);
    return state;
}

}  // namespace

bool is_digest(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Status validate_region_name(const std::string& name) {
    if (!name.empty() && name.size() <= 15 &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos)
        return ok();
    return Error{EINVAL, "regions: found \"" + name.substr(0, 40) +
                             "\", allowed names of 1 to 15 of a-z, 0-9 and -"};
}

Status validate(const Policy& policy) {
    if (policy.place > Place::region || policy.retry > RetryPolicy::never)
        return Error{EINVAL, "place or retry is not one of its words"};
    if (policy.regions.size() > kMaxRegions)
        return Error{EINVAL, "regions: found " + std::to_string(policy.regions.size()) +
                                 ", allowed " + std::to_string(kMaxRegions)};
    std::set<std::string> seen;
    for (const auto& region : policy.regions) {
        if (Status valid = validate_region_name(region); !valid) return valid;
        if (!seen.insert(region).second)
            return Error{EINVAL, "regions: found \"" + region + "\" twice"};
    }
    return ok();
}

Status validate(const Function& f) {
    if (Status valid = validate_name(f.name); !valid) return valid;
    if (Status valid = validate(f.limits); !valid) return valid;
    if (Status valid = validate(f.policy); !valid) return valid;
    const std::set<std::string> different(f.versions.begin(), f.versions.end());
    if (f.versions.empty() || f.versions.size() > kMaxVersionsKept ||
        different.size() != f.versions.size() ||
        !std::all_of(f.versions.begin(), f.versions.end(), is_digest))
        return Error{EINVAL, "versions: needed 1 to " + std::to_string(kMaxVersionsKept) +
                                 " different digests of 64 hex digits"};
    if (different.count(f.current) == 0) return Error{EINVAL, "current is not among the versions"};
    for (const auto& [version, build] : f.builds) {
        if (Status valid = validate(build.runtime); !valid) return valid;
        if (different.count(version) == 0 || !is_digest(build.archive) ||
            version == build.archive || version_of(build.archive, build.runtime) != version)
            return Error{EINVAL, "builds: " + version.substr(0, 64) +
                                     " is no version that is kept, or is made of something else"};
    }
    if (Status valid = validate(f.limits, f.build_of(f.current).runtime); !valid) return valid;
    if (f.aliases.size() > kMaxAliases)
        return Error{EINVAL, "aliases: found " + std::to_string(f.aliases.size()) + ", allowed " +
                                 std::to_string(kMaxAliases)};
    for (const auto& [alias, digest] : f.aliases) {
        if (Status valid = validate_alias(alias); !valid) return valid;
        if (different.count(digest) == 0)
            return Error{EINVAL, "alias \"" + alias + "\" stands for no version that is kept"};
    }
    return ok();
}

namespace {

json limits_json(const Limits& l) {
    return {{"memory_mib", l.memory_mib},     {"timeout_ms", l.timeout_ms},
            {"concurrency", l.concurrency},   {"warm_min", l.warm_min},
            {"warm_max", l.warm_max},         {"max_payload_bytes", l.max_payload_bytes},
            {"cold_cost_ms", l.cold_cost_ms}, {"cpu_percent", l.cpu_percent},
            {"max_per_s", l.max_per_s},       {"max_burst", l.max_burst},
            {"cpu_weight", l.cpu_weight},     {"cpu_ms", l.cpu_ms},
            {"tmp_mib", l.tmp_mib},           {"pids_max", l.pids_max},
            {"log_kib", l.log_kib},           {"single_use", l.single_use},
            {"templates", l.templates},       {"egress", l.egress}};
}

json builds_json(const std::map<std::string, Build>& builds) {
    json all = json::object();
    for (const auto& [version, build] : builds) {
        json environment = json::object();
        for (const auto& [name, value] : variables_of(build.runtime.environment))
            environment[name] = value;
        all[version] = {{"archive", build.archive},
                        {"runtime", runtime::kind_name(build.runtime.kind)},
                        {"handler", build.runtime.handler},
                        {"environment", std::move(environment)}};
    }
    return all;
}

}  // namespace

std::string render(const State& stored) {
    json functions = json::array();
    for (const auto& [name, f] : stored.functions) {
        functions.push_back({{"name", f.name},
                             {"limits", limits_json(f.limits)},
                             {"place", kPlaces[static_cast<std::size_t>(f.policy.place)]},
                             {"retry", kRetries[static_cast<std::size_t>(f.policy.retry)]},
                             {"regions", f.policy.regions},
                             {"current", f.current},
                             {"versions", f.versions},
                             {"builds", builds_json(f.builds)},
                             {"aliases", f.aliases}});
    }
    json tombstones = json::array();
    for (const auto& [name, regions] : stored.tombstones)
        tombstones.push_back({{"name", name}, {"regions", regions}});
    const json root = {{"format", kFormat},
                       {"epoch", stored.epoch},
                       {"functions", std::move(functions)},
                       {"tombstones", std::move(tombstones)}};
    return root.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<State> parse(std::string_view bytes) {
    try {
        const json root = json::parse(bytes, nullptr, /*allow_exceptions=*/false);
        if (root.is_discarded()) return Error{EINVAL, "not JSON"};
        return read(root);
    } catch (const Damage& damage) {
        return Error{EINVAL, damage.text};
    } catch (const std::exception& error) {
        return Error{EINVAL, error.what()};
    }
}

}  // namespace skerry::catalog
