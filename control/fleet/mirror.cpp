#include "control/fleet/mirror.hpp"

#include <algorithm>
#include <string_view>

namespace skerry::fleet {
namespace {

constexpr std::string_view kFunctions = "/functions/", kMembers = "/members/",
                           kDeploying = "/deploying/";

// What follows `folder` in the key; empty: it is not in there.
std::string name_in(const std::string& key, const std::string& prefix, std::string_view folder) {
    const std::size_t head = prefix.size() + folder.size();
    if (key.size() <= head || key.compare(prefix.size(), folder.size(), folder) != 0) return {};
    return key.substr(head);
}

}  // namespace

std::string Mirror::function_key(const std::string& name) const {
    return prefix_ + std::string(kFunctions) + name;
}

std::string Mirror::deploying_key(const std::string& name) const {
    return prefix_ + std::string(kDeploying) + name;
}

std::string Mirror::member_key(const std::string& name) const {
    return prefix_ + std::string(kMembers) + name;
}

void Mirror::begin(const std::vector<etcd::KeyValue>& all, std::uint64_t revision,
                   const std::set<std::string>& known) {
    std::set<std::string> missing = known;
    for (const auto& [name, wanted] : functions_)
        if (wanted.record) missing.insert(name);
    keys_.clear();
    members_.clear();
    deploying_.clear();
    damaged_.clear();
    fleet_id_.clear();
    // Also smaller than before: a cluster that was made anew counts from 1.
    revision_ = revision;
    for (const etcd::KeyValue& pair : all) {
        put(pair);
        if (const std::string name = name_in(pair.key, prefix_, kFunctions); !name.empty())
            missing.erase(name);
    }
    for (const std::string& name : missing) functions_[name] = {revision, std::nullopt};
}

void Mirror::clear() {
    functions_.clear();
    revision_ = 0;
}

void Mirror::take(const etcd::WatchEvent& event) {
    const std::string& key = event.pair.key;
    if (key.compare(0, prefix_.size(), prefix_) != 0) return;
    if (event.erased)
        erase(key, event.pair.mod_revision);
    else if (keys_.size() < kMaxKeys || keys_.count(key) != 0)
        put(event.pair);
    reached(event.pair.mod_revision);
}

void Mirror::reached(std::uint64_t revision) {
    revision_ = std::max(revision_, revision);
}

void Mirror::put(const etcd::KeyValue& pair) {
    keys_[pair.key] = pair.mod_revision;
    if (pair.key == fleet_key()) {
        fleet_id_ = is_fleet_id(pair.value) ? pair.value : std::string();
    } else if (const auto function = name_in(pair.key, prefix_, kFunctions); !function.empty()) {
        auto record = parse_record(function, pair.value);
        damaged_.erase(function);
        if (record)
            functions_[function] = {pair.mod_revision, std::move(*record)};
        else if (catalog::validate_name(function))
            damaged_[function] = record.error().text;
    } else if (const auto member = name_in(pair.key, prefix_, kMembers); !member.empty()) {
        auto read = parse_member(member, pair.value);
        if (read) members_[member] = std::move(*read);
    } else if (const auto name = name_in(pair.key, prefix_, kDeploying); !name.empty()) {
        if (is_member_name(pair.value)) deploying_[name] = pair.value;
    }
}

void Mirror::erase(const std::string& key, std::uint64_t revision) {
    if (keys_.erase(key) == 0) return;
    if (key == fleet_key()) fleet_id_.clear();
    if (const auto function = name_in(key, prefix_, kFunctions); !function.empty()) {
        functions_[function] = {revision, std::nullopt};
        damaged_.erase(function);
    }
    members_.erase(name_in(key, prefix_, kMembers));
    deploying_.erase(name_in(key, prefix_, kDeploying));
}

void Mirror::forget_deleted(const std::string& name) {
    const auto at = functions_.find(name);
    if (at != functions_.end() && !at->second.record) functions_.erase(at);
}

}  // namespace skerry::fleet
