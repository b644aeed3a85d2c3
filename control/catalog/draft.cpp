// What a change of the catalog makes of it: see catalog.hpp.
#include <algorithm>

#include "control/catalog/catalog.hpp"
#include "control/catalog/catalog_file.hpp"

namespace skerry::catalog {
namespace {

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

// Both ways: what was there is in `changed` then.
template <typename Value>
void exchange(std::map<std::string, Value>& all, std::map<std::string, Value>& changed) noexcept {
    for (auto each = changed.begin(); each != changed.end();) {
        const auto there = all.find(each->first);
        if (there == all.end()) {
            all.insert(changed.extract(each++));
        } else {
            std::swap(there->second, each->second);
            ++each;
        }
    }
}

}  // namespace

Status State::add(Function function) {
    const std::uint64_t key = function_key(function.name);
    if (functions.count(function.name) != 0 || !names.emplace(key, function.name).second)
        return Error{EEXIST, "function \"" + function.name + "\" is there twice"};
    std::string name = function.name;
    functions.emplace(std::move(name), std::move(function));
    return ok();
}

// Nodes change hands: nothing is allocated, so nothing can fail.
void State::take(Draft& draft) noexcept {
    std::swap(epoch, draft.epoch);
    fleet.swap(draft.fleet);
    exchange(functions, draft.put_);
    for (const auto& [name, key] : draft.erased_) {
        draft.put_.insert(functions.extract(name));
        names.erase(key);
    }
    names.merge(draft.names_);
    Tombstones gone;
    for (auto each = draft.tombstones_.begin(); each != draft.tombstones_.end();)
        if (const auto now = each++; now->second.empty())
            gone.insert(draft.tombstones_.extract(now));
    for (const auto& [name, regions] : gone) tombstones.erase(name);
    exchange(tombstones, draft.tombstones_);
}

Draft::Draft(const State& base)
    : epoch(base.epoch),
      fleet(base.fleet),
      base_(base),
      function_count_(base.functions.size()),
      tombstone_count_(base.tombstones.size()) {}

const Function* Draft::find(const std::string& name) const {
    if (const auto at = put_.find(name); at != put_.end()) return &at->second;
    if (erased_.count(name) != 0) return nullptr;
    const auto at = base_.functions.find(name);
    return at == base_.functions.end() ? nullptr : &at->second;
}

const std::set<std::string>& Draft::regions_to_forget(const std::string& name) const {
    static const std::set<std::string> none;
    if (const auto at = tombstones_.find(name); at != tombstones_.end()) return at->second;
    const auto at = base_.tombstones.find(name);
    return at == base_.tombstones.end() ? none : at->second;
}

// As it can be changed; nullptr: there is none.
Function* Draft::edit(const std::string& name) {
    const Function* there = find(name);
    if (there == nullptr) return nullptr;
    return &put_.try_emplace(name, *there).first->second;
}

Status Draft::put(const Function& function) {
    if (Status valid = validate_name(function.name); !valid) return valid;
    const Function* before = find(function.name);
    Function stored = function;
    complete_versions(before, stored);
    if (Status valid = validate(stored); !valid) return valid;
    if (before == nullptr) {
        if (function_count_ >= kMaxFunctions)
            return Error{ENOSPC, "found " + std::to_string(kMaxFunctions) +
                                     " functions, the most there can be; delete one first"};
        const std::uint64_t key = function_key(stored.name);
        const auto old = base_.names.find(key);
        const auto recent = names_.find(key);
        const std::string* other = old != base_.names.end() && erased_.count(old->second) == 0
                                       ? &old->second
                                   : recent != names_.end() ? &recent->second
                                                            : nullptr;
        if (other != nullptr)
            return Error{EEXIST, "the key of \"" + stored.name + "\" is that of \"" + *other +
                                     "\" too; choose another name"};
        if (erased_.erase(stored.name) == 0) names_.emplace(key, stored.name);
        ++function_count_;
    }
    std::string name = stored.name;
    put_.insert_or_assign(std::move(name), std::move(stored));
    return ok();
}

Status Draft::erase(const std::string& name) {
    if (find(name) == nullptr) return Error{ENOENT, "no function \"" + name.substr(0, 64) + "\""};
    const std::uint64_t key = function_key(name);
    if (base_.functions.count(name) != 0)
        erased_.emplace(name, key);
    else
        names_.erase(key);
    put_.erase(name);
    --function_count_;
    return ok();
}

Status Draft::replace(const Function& function) {
    if (find(function.name) == nullptr)
        return Error{ENOENT, "no function \"" + function.name + "\""};
    if (Status valid = validate(function); !valid) return valid;
    put_.insert_or_assign(function.name, function);
    return ok();
}

Status Draft::set_alias(const std::string& name, const std::string& alias,
                        const std::string& version) {
    const Function* there = find(name);
    if (there == nullptr) return Error{ENOENT, "no function is called \"" + name + "\""};
    if (Status valid = validate_alias(alias); !valid) return valid;
    const std::string digest = find_version(*there, version);
    if (digest.empty())
        return Error{ENOENT, "\"" + name + "\" has no version " + version.substr(0, 64) +
                                 "; see skerryctl function describe " + name};
    if (there->aliases.count(alias) == 0 && there->aliases.size() >= kMaxAliases)
        return Error{ENOSPC, "found " + std::to_string(kMaxAliases) +
                                 " aliases, the most a function can have; delete one first"};
    Function& function = *edit(name);
    function.aliases[alias] = digest;
    function.alias_details.erase(alias);
    return ok();
}

Status Draft::erase_alias(const std::string& name, const std::string& alias) {
    const Function* there = find(name);
    if (there == nullptr) return Error{ENOENT, "no function is called \"" + name + "\""};
    if (there->aliases.count(alias) == 0)
        return Error{ENOENT, "\"" + name + "\" has no alias \"" + alias.substr(0, 64) + "\""};
    Function& function = *edit(name);
    function.aliases.erase(alias);
    function.alias_details.erase(alias);
    return ok();
}

Status Draft::bury(const std::string& name, const std::set<std::string>& regions) {
    if (regions.empty()) return ok();
    const std::set<std::string>& before = regions_to_forget(name);
    if (before.empty()) {
        if (tombstone_count_ >= kMaxTombstones)
            return Error{ENOSPC, "found " + std::to_string(kMaxTombstones) +
                                     " functions that regions have to forget, the most there can "
                                     "be; is a region down for good? take it out of the "
                                     "configuration"};
        ++tombstone_count_;
    }
    tombstones_.try_emplace(name, before).first->second.insert(regions.begin(), regions.end());
    return ok();
}

void Draft::unbury(const std::string& name, const std::set<std::string>& regions) {
    const std::set<std::string>& before = regions_to_forget(name);
    std::set<std::string> left;
    std::set_difference(before.begin(), before.end(), regions.begin(), regions.end(),
                        std::inserter(left, left.end()));
    if (left.size() == before.size()) return;
    tombstone_count_ -= left.empty();
    tombstones_[name] = std::move(left);
}

}  // namespace skerry::catalog
