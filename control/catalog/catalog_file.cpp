#include "control/catalog/catalog_file.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "control/catalog/policy_words.hpp"

namespace skerry::catalog {
namespace {

using json = nlohmann::json;

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
E word(const json& object, const char* key, const std::string_view (&words)[N]) {
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
    const std::pair<const char*, std::uint32_t*> newer[] = {{"cpu_percent", &l.cpu_percent},
                                                            {"cpu_weight", &l.cpu_weight},
                                                            {"cpu_ms", &l.cpu_ms},
                                                            {"max_per_s", &l.max_per_s},
                                                            {"max_burst", &l.max_burst},
                                                            {"tmp_mib", &l.tmp_mib},
                                                            {"pids_max", &l.pids_max},
                                                            {"log_kib", &l.log_kib},
                                                            {"latency_weight", &l.latency_weight}};
    for (const auto& [key, value] : newer) *value = number_or(object, key, *value);
    l.single_use = flag_or(object, "single_use", l.single_use);
    l.templates = flag_or(object, "templates", l.templates);
    if (object.contains("egress")) l.egress = text(member(object, "egress"), "egress");
    if (object.contains("tenant")) l.tenant = text(member(object, "tenant"), "tenant");
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

std::map<std::string, std::string> read_signatures(const json& object) {
    const auto found = object.find("signatures");
    if (found == object.end()) return {};
    if (!found->is_object()) throw Damage{"\"signatures\" is not an object"};
    std::map<std::string, std::string> all;
    for (const auto& [version, signature] : found->items())
        all[version] = text(signature, "signatures");
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

// Of a key that older files do not have.
std::uint64_t wide_number_or_0(const json& object, const char* key) {
    return object.contains(key) ? number(object, key, INT64_MAX) : 0;
}

std::string text_or_none(const json& object, const char* key) {
    return object.contains(key) ? text(member(object, key), key) : std::string();
}

Details read_details(const json& object) {
    Details details;
    details.runtime = text_or_none(object, "label");
    details.role = text_or_none(object, "role");
    details.description = text_or_none(object, "description");
    details.modified_ms = static_cast<std::int64_t>(wide_number_or_0(object, "modified_ms"));
    details.revision = wide_number_or_0(object, "revision");
    return details;
}

std::vector<Publication> read_published(const json& object) {
    const auto found = object.find("published");
    if (found == object.end()) return {};
    if (!found->is_array() || found->size() > kMaxPublications)
        throw Damage{"\"published\" is not a list of at most " + std::to_string(kMaxPublications)};
    std::vector<Publication> all;
    for (const auto& each : *found)
        all.push_back({static_cast<std::uint32_t>(number(each, "number")),
                       text(member(each, "version"), "version"), read_details(each)});
    return all;
}

std::map<std::string, AliasDetails> read_alias_details(const json& object) {
    const auto found = object.find("alias_details");
    if (found == object.end()) return {};
    if (!found->is_object()) throw Damage{"\"alias_details\" is not an object"};
    std::map<std::string, AliasDetails> all;
    for (const auto& [alias, each] : found->items()) {
        AliasDetails& details = all[alias];
        details.number = number_or(each, "number", 0);
        details.latest = flag_or(each, "latest", false);
        details.other = text_or_none(each, "other");
        details.other_number = number_or(each, "other_number", 0);
        details.other_weight = number_or(each, "other_weight", 0);
        details.description = text_or_none(each, "description");
        details.revision = wide_number_or_0(each, "revision");
    }
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
    f.signatures = read_signatures(object);
    f.aliases = read_aliases(object);
    f.alias_details = read_alias_details(object);
    f.published = read_published(object);
    f.next_number = number_or(object, "next_number", 1);
    f.details = read_details(object);
    if (object.contains("reserved"))
        f.reserved = static_cast<std::uint32_t>(number(object, "reserved", kMaxReserved));
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
    for (const auto& object : functions) {
        Function f = read_function(object);
        if (Status valid = validate(f); !valid)
            throw Damage{"function \"" + f.name + "\": " + valid.error().text};
        if (Status added = state.add(std::move(f)); !added) throw Damage{added.error().text};
    }
    state.tombstones = read_tombstones(root);
    state.fleet = text_or_none(root, "fleet");
    if (state.fleet.size() > kMaxFleetIdBytes)
        throw Damage{"\"fleet\" has more than " + std::to_string(kMaxFleetIdBytes) + " bytes"};
    return state;
}

template <typename Read>
auto guarded(std::string_view bytes, Read read) -> decltype(read(json())) {
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

}  // namespace

Result<State> parse(std::string_view bytes) {
    return guarded(bytes, [](const json& root) -> Result<State> { return read(root); });
}

Result<Function> parse_function(std::string_view bytes) {
    return guarded(bytes, [](const json& root) -> Result<Function> {
        Function function = read_function(root);
        if (Status valid = validate(function); !valid) return valid.error();
        return function;
    });
}

}  // namespace skerry::catalog
