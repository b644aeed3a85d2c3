#include "control/fleet/fleet.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace skerry::fleet {

std::vector<Change> differences(const catalog::Draft& draft) {
    const auto& before = draft.base().functions;
    std::vector<Change> changes;
    for (const auto& [name, function] : draft.changed()) {
        const auto at = before.find(name);
        if (at == before.end() || !(at->second == function)) changes.push_back({name, &function});
    }
    for (const auto& [name, key] : draft.erased()) changes.push_back({name, nullptr});
    return changes;
}

Fleet::Fleet(Options options, Follower& follower)
    : options_(std::move(options)),
      follower_(follower),
      watcher_(options_.etcd),
      keeper_(options_.etcd),
      writer_(options_.etcd),
      mirror_(options_.prefix) {}

Fleet::~Fleet() {
    stop();
}

void Fleet::start(const std::string& fleet_id) {
    known_id_ = fleet_id;
    seen_revision_ = read_seen();
    threads_.emplace_back([this] { watch_main(); });
    threads_.emplace_back([this] { keep_main(); });
    threads_.emplace_back([this] { apply_main(); });
}

void Fleet::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    woken_.notify_all();
    watcher_.cancel();
    keeper_.cancel();
    writer_.cancel();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

Status Fleet::reachable_locked(bool joining) const {
    if (joining ? watching_ : is_fresh_locked()) return ok();
    std::string text = "this server shares its functions through etcd, which can't be reached";
    if (watching_ && confirmed_) text = "this server is about to join its fleet: try again soon";
    if (!error_.empty()) text += ": " + error_;
    return Error{EHOSTDOWN, text + "; nothing was changed"};
}

Status Fleet::commit(const std::vector<Change>& changes, bool joining) {
    const std::lock_guard one_at_a_time(writing_);
    etcd::Transaction transaction;
    for (const Change& change : changes) {
        const std::string key = mirror_.function_key(change.name);
        std::string value;
        if (change.function != nullptr)
            value = render(Record{options_.self.name, *change.function});
        if (value.size() > etcd::kMaxValueBytes)
            return Error{EMSGSIZE, change.name + " would have " + std::to_string(value.size()) +
                                       " bytes in etcd, allowed " +
                                       std::to_string(etcd::kMaxValueBytes) +
                                       ": give it smaller environments"};
        transaction.operations.push_back({key, std::move(value), change.function == nullptr, 0});
    }
    {
        const std::lock_guard lock(mutex_);
        if (const Status there = reachable_locked(joining); !there) return there;
        for (const Change& change : changes) {
            const auto have = have_.find(change.name);
            transaction.compares.push_back(
                {mirror_.function_key(change.name), have == have_.end() ? 0 : have->second});
        }
    }
    const auto answer = writer_.commit(transaction);
    if (answer && answer->succeeded) {
        note_commit(changes, answer->revision);
        return ok();
    }
    // An endpoint that did not answer may have done it; then the next one has refused.
    if (answer || answer.error().code != ECONNREFUSED)
        if (const auto revision = written(transaction.operations)) {
            note_commit(changes, *revision);
            return ok();
        }
    const std::lock_guard lock(mutex_);
    if (answer) {
        ++counts_.conflicts;
        return Error{ESTALE, "another member of the fleet has changed \"" + changes.front().name +
                                 "\" meanwhile; nothing was changed: look at it, and try again"};
    }
    const Error& why = answer.error();
    if (why.code == ECONNREFUSED || why.code == EPERM || why.code == EACCES)
        return Error{EHOSTDOWN, why.text + "; nothing was changed"};
    return Error{ETIMEDOUT, why.text + "; whether the change was made is not known: look again"};
}

// The revision with which all of it was written, if it is there.
std::optional<std::uint64_t> Fleet::written(const std::vector<etcd::Operation>& operations) {
    std::uint64_t revision = 0;
    for (const etcd::Operation& each : operations) {
        const auto found = writer_.range({.keys = {each.key, {}}});
        if (!found) return std::nullopt;
        const bool there = !found->found.empty();
        if (there == each.erase || (there && found->found.front().value != each.value))
            return std::nullopt;
        revision = std::max(revision, there ? found->found.front().mod_revision : found->revision);
    }
    return revision;
}

void Fleet::note_commit(const std::vector<Change>& changes, std::uint64_t revision) {
    for (const Change& change : changes)
        took_over(change.name, revision, change.function != nullptr);
}

void Fleet::took_over(const std::string& name, std::uint64_t revision, bool exists) {
    const std::lock_guard lock(mutex_);
    handled_[name] = std::max(handled_[name], revision);
    waiting_.erase(name);
    if (exists)
        have_[name] = revision;
    else
        have_.erase(name);
}

bool Fleet::is_news(const std::string& name, std::uint64_t revision) const {
    const std::lock_guard lock(mutex_);
    const auto at = handled_.find(name);
    return at == handled_.end() || revision > at->second;
}

Status Fleet::announce(const std::string& name) {
    const std::lock_guard one_at_a_time(writing_);
    const std::string key = mirror_.deploying_key(name);
    etcd::Transaction transaction;
    {
        const std::lock_guard lock(mutex_);
        if (const Status there = reachable_locked(false); !there) return there;
        if (lease_ == 0) return Error{EHOSTDOWN, "this server has no lease of etcd; try again"};
        transaction.operations.push_back({key, options_.self.name, false, lease_});
    }
    const auto found = writer_.range({.keys = {key, {}}});
    if (!found) return Error{EHOSTDOWN, found.error().text + "; nothing was changed"};
    std::uint64_t before = 0;
    if (!found->found.empty()) {
        const std::string& who = found->found.front().value;
        // Its own, from a life before this one.
        if (who != options_.self.name)
            return Error{EBUSY, who.substr(0, 15) + " is deploying \"" + name + "\" right now"};
        before = found->found.front().mod_revision;
    }
    transaction.compares.push_back({key, before});
    const auto answer = writer_.commit(transaction);
    if (!answer) return Error{EHOSTDOWN, answer.error().text + "; nothing was changed"};
    if (!answer->succeeded && !written(transaction.operations))
        return Error{EBUSY, "another member of the fleet is deploying \"" + name + "\" right now"};
    return ok();
}

void Fleet::withdraw(const std::string& name) {
    const std::lock_guard one_at_a_time(writing_);
    etcd::Transaction transaction;
    transaction.operations.push_back({mirror_.deploying_key(name), {}, true, 0});
    // It ends with the lease, then.
    if (const auto answer = writer_.commit(transaction); !answer)
        spdlog::warn("fleet: {}", answer.error().text);
}

Status Fleet::reachable() const {
    const std::lock_guard lock(mutex_);
    return reachable_locked(false);
}

bool Fleet::fresh() const {
    const std::lock_guard lock(mutex_);
    return is_fresh_locked();
}

bool Fleet::settled(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    if (!is_fresh_locked()) return false;
    const auto deploying = mirror_.deploying().find(name);
    if (deploying != mirror_.deploying().end() && deploying->second != options_.self.name)
        return false;
    const auto wanted = mirror_.functions().find(name);
    if (wanted == mirror_.functions().end()) return true;
    const auto handled = handled_.find(name);
    return handled != handled_.end() && handled->second >= wanted->second.revision;
}

void Fleet::tell_if_changed(bool was_fresh) {
    if (fresh() != was_fresh) follower_.on_fleet_changed();
}

std::vector<std::string> Fleet::sources(const std::string& by) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    const auto& members = mirror_.members();
    if (const auto first = members.find(by); first != members.end())
        all.push_back(first->second.management);
    for (const auto& [name, member] : members)
        if (name != by) all.push_back(member.management);
    std::erase_if(all, [&](const std::string& each) {
        return each.empty() || each == options_.self.management;
    });
    return all;
}

View Fleet::view() const {
    const std::lock_guard lock(mutex_);
    View view = counts_;
    view.joined = joined_;
    view.fresh = is_fresh_locked();
    view.age_s = seen_age_s();
    view.revision = mirror_.revision();
    view.error = error_;
    for (const auto& [name, member] : mirror_.members()) view.members.push_back(member);
    for (const auto& [name, why] : mirror_.damaged())
        view.pending.emplace_back(name, "its record can't be read: " + why);
    for (const auto& [name, wanted] : mirror_.functions()) {
        const auto handled = handled_.find(name);
        if (handled != handled_.end() && handled->second >= wanted.revision) continue;
        const auto waiting = waiting_.find(name);
        view.pending.emplace_back(name,
                                  waiting == waiting_.end() ? "under way" : waiting->second.why);
    }
    return view;
}

}  // namespace skerry::fleet
