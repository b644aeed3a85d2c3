// The thread that lists and watches.
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>

#include "control/fleet/fleet.hpp"

namespace skerry::fleet {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{100}, kLongestPause{3000};
constexpr std::uint32_t kPage = 16;  // records of kMaxValueBytes fit into one answer

Result<std::string> random_id() {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return errno_error("getrandom");
    std::string id;
    for (const unsigned char byte : bytes) {
        id += "0123456789abcdef"[byte >> 4];
        id += "0123456789abcdef"[byte & 15];
    }
    return id;
}

}  // namespace

void Fleet::pause(milliseconds time) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, time, [this] { return stopping_; });
}

void Fleet::watch_main() {
    milliseconds retry = kFirstPause;
    for (;;) {
        const auto began = Clock::now();
        const auto from = resume_or_list();
        const Status ended = from ? watcher_.watch(mirror_.keys(), *from,
                                                   [this](etcd::WatchAnswer&& answer) {
                                                       return take(std::move(answer));
                                                   })
                                  : Status(from.error());
        const bool was_fresh = fresh();
        // Or one cancel() would be the last call: a watch that missed something ends so.
        watcher_.resume();
        {
            const std::lock_guard lock(mutex_);
            watching_ = false;
            if (stopping_) return;
            if (!ended && ended.error().code == ERANGE) ++counts_.compactions, resumable_ = false;
            if (!ended && ended.error().code != ECANCELED) error_ = ended.error().text;
        }
        tell_if_changed(was_fresh);
        // What is there now is asked for.
        if (!ended && ended.error().code == ERANGE) continue;
        watcher_.rotate();
        if (Clock::now() - began > kLongestPause) retry = kFirstPause;
        pause(retry);
        retry = std::min(2 * retry, kLongestPause);
    }
}

// Where a watch ended another one goes on, with any member of the cluster. Unless it has ended
// again before anybody could see that nothing was missed, or what it missed is compacted.
Result<std::uint64_t> Fleet::resume_or_list() {
    std::uint64_t heard = 0;
    {
        const std::lock_guard lock(mutex_);
        if (resumable_) heard = mirror_.revision();
    }
    if (heard == 0) return list();
    // Is there a leader, does it know us, and does its history go on from ours?
    const auto newest = watcher_.range({.keys = mirror_.keys(), .limit = 1, .keys_only = true});
    if (!newest) return newest.error();
    return newest->revision < heard ? list() : heard + 1;
}

// Everything there is, as of one revision. The one to be watched from.
Result<std::uint64_t> Fleet::list() {
    std::vector<etcd::KeyValue> all;
    etcd::RangeQuestion question{.keys = mirror_.keys(), .limit = kPage};
    for (;;) {
        auto page = watcher_.range(question);
        if (!page) return page.error();
        if (question.revision == 0) question.revision = page->revision;
        if (page->more && page->found.empty()) return Error{EBADMSG, "etcd's list has no end"};
        if (!page->found.empty()) question.keys.first = page->found.back().key + '\0';
        std::move(page->found.begin(), page->found.end(), std::back_inserter(all));
        if (all.size() > kMaxKeys)
            return Error{E2BIG, "more than " + std::to_string(kMaxKeys) + " keys below " +
                                    options_.prefix + " in etcd"};
        if (!page->more) break;
    }
    const std::string key = mirror_.fleet_key();
    const auto id = std::find_if(all.begin(), all.end(),
                                 [&](const etcd::KeyValue& pair) { return pair.key == key; });
    if (id == all.end()) {
        if (const Status made = make_id(); !made) return made.error();
        return list();
    }
    if (!is_fleet_id(id->value))
        return Error{EBADMSG, key + " in etcd is no fleet's id: is the prefix another program's?"};
    const std::set<std::string> here = follower_.function_names();
    const std::lock_guard lock(mutex_);
    // What was here before this server joined is the fleet's, too, if it has nothing of that name.
    // What it had as a member, and the fleet has not, was deleted.
    const bool joining = id->value != known_id_;
    // A cluster that was restored from a backup counts from there. What it does not have was made
    // after the backup, as far as anybody knows: it is contributed again, not deleted.
    const bool went_back = question.revision < std::max(mirror_.revision(), seen_revision_);
    if (went_back)
        spdlog::warn("fleet: etcd has gone back to revision {}: restored from a backup?",
                     question.revision);
    seen_revision_ = 0;
    if (joining) joined_ = false;
    if (joining || went_back) {
        have_.clear();
        handled_.clear();
        waiting_.clear();
        mirror_.clear();
    }
    mirror_.begin(all, question.revision, joining || went_back ? std::set<std::string>() : here);
    contributions_.clear();
    if (joining || went_back)
        for (const std::string& name : here)
            if (mirror_.functions().count(name) == 0 ||
                !mirror_.functions().at(name).record.has_value())
                contributions_.insert(name);
    ++counts_.lists;
    woken_.notify_all();
    return question.revision + 1;
}

Status Fleet::make_id() {
    const auto id = random_id();
    if (!id) return id.error();
    const std::string key = mirror_.fleet_key();
    // Whoever is first; the others find it.
    const auto made = watcher_.commit({{{key, 0}}, {{key, *id, false, 0}}});
    return made ? ok() : Status(made.error());
}

// Also called with no events, as the watch begins.
bool Fleet::take(etcd::WatchAnswer&& answer) {
    bool tell = false;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        // Another cluster, or restored from a backup: its past is not ours.
        if (answer.revision < mirror_.revision()) return resumable_ = false;
        const std::size_t deploying = mirror_.deploying().size();
        for (const etcd::WatchEvent& event : answer.events) mirror_.take(event);
        tell = mirror_.deploying().size() < deploying;
        if (!watching_) {
            watching_ = true;
            confirmed_ = resumable_ = false;  // until somebody has looked
        }
        woken_.notify_all();
    }
    if (tell) follower_.on_fleet_changed();
    return true;
}

}  // namespace skerry::fleet
