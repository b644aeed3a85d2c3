// Membership in a fleet: servers that share their functions through etcd. Each change is a
// transaction against the revision that this server has taken over, and the others hear of it by a
// watch; what is heard is given to the Follower, one function after the other.
//
// Three threads: one lists and watches, one keeps the lease and asks whether the watch has missed
// anything, one calls the Follower. None of them is the control thread. The Fleet's lock is held
// for no call of etcd or of the Follower, so it may be asked under any other lock.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control/etcd/client.hpp"
#include "control/fleet/mirror.hpp"
#include "control/fleet/record.hpp"
#include "control/fleet/view.hpp"

namespace skerry::fleet {

// Called on the Fleet's threads, and may block.
class Follower {
  public:
    virtual ~Follower() = default;
    virtual std::set<std::string> function_names() = 0;
    // Makes the function what the record says, or deletes it (nullptr), and calls took_over(). On
    // an error it is called again, ever more rarely.
    virtual Status take_over(const std::string& name, std::uint64_t revision,
                             const Record* record) = 0;
    // Calls commit() for a function that the fleet does not have. Nothing to do if it has gone.
    virtual Status contribute(const std::string& name) = 0;
    // This server is of that fleet from now on, also after a restart.
    virtual Status joined(const std::string& fleet_id) = 0;
    // fresh() or what is settled() may have become another.
    virtual void on_fleet_changed() = 0;
};

struct Options {
    etcd::Settings etcd;
    std::string prefix;
    Member self;
    std::uint32_t lease_s = 10;
    // Its mtime: when the fleet's state was last confirmed; in it, etcd's revision then.
    std::string seen_file;
};

struct Change {
    std::string name;
    const catalog::Function* function = nullptr;  // nullptr: deletes it
};

// What the draft makes of the functions that it is a draft of; points into the draft.
std::vector<Change> differences(const catalog::Draft& draft);

class Fleet {
  public:
    Fleet(Options options, Follower& follower);
    ~Fleet();  // stops

    // `fleet_id`: of which fleet what this server has is; empty: of none.
    void start(const std::string& fleet_id);
    void stop();

    // All of the changes or none, and then this server has taken them over. Callers take turns.
    // ESTALE: another member was faster. EHOSTDOWN: etcd can't be reached. ETIMEDOUT: it was lost
    // meanwhile, and whether the change was made will be seen. EMSGSIZE: too large for etcd.
    // `joining`: on behalf of contribute().
    Status commit(const std::vector<Change>& changes, bool joining = false);
    // That this server is about to deploy the function: regions may have what nobody knows yet.
    // EBUSY: another member is at it. EHOSTDOWN.
    Status announce(const std::string& name);
    void withdraw(const std::string& name);

    bool fresh() const;
    // EHOSTDOWN, and why: it is not fresh, so nothing can be changed.
    Status reachable() const;
    // What this server has of the function is what the fleet has, and nobody is at it.
    bool settled(const std::string& name) const;
    // Whether a record of that revision is newer than what this server has.
    bool is_news(const std::string& name, std::uint64_t revision) const;
    void took_over(const std::string& name, std::uint64_t revision, bool exists);
    // Where an artifact may be got from: that member first.
    std::vector<std::string> sources(const std::string& by) const;
    View view() const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Waiting {
        std::uint64_t revision = 0;
        Clock::time_point until;
        std::chrono::milliseconds pause{0};
        std::string why;
    };
    struct Job {
        std::string name;
        bool contribution = false;
        Wanted wanted;
    };

    // fleet.cpp
    Status reachable_locked(bool joining) const;
    bool is_fresh_locked() const { return joined_ && watching_ && confirmed_; }
    std::optional<std::uint64_t> written(const std::vector<etcd::Operation>& operations);
    void note_commit(const std::vector<Change>& changes, std::uint64_t revision);
    void tell_if_changed(bool was_fresh);

    // watcher.cpp
    void watch_main();
    Result<std::uint64_t> resume_or_list();
    Result<std::uint64_t> list();
    Status make_id();
    bool take(etcd::WatchAnswer&& answer);
    void pause(std::chrono::milliseconds time);

    // keeper.cpp
    void keep_main();
    Status keep_lease();
    Status confirm();
    void note_confirmation(const Status& confirmed);
    double seen_age_s() const;
    std::uint64_t read_seen() const;
    void write_seen(std::uint64_t revision) const;

    // applier.cpp
    void apply_main();
    std::optional<Job> next_job(Clock::time_point& wake);
    void run(const Job& job);
    void finish_joining();

    const Options options_;
    Follower& follower_;
    etcd::Client watcher_, keeper_, writer_;  // one of each thread, and one of all callers
    std::mutex writing_;                      // whoever has it uses writer_; before mutex_

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable woken_;
    bool stopping_ = false;
    Mirror mirror_;
    std::string known_id_;  // the fleet of what is here
    // That this server had heard of before it was restarted; 0 after the first list.
    std::uint64_t seen_revision_ = 0;
    bool joined_ = false;      // known_id_ is the mirror's, and all of ours is in etcd
    bool watching_ = false;    // no event was missed that we know of
    bool resumable_ = false;   // what is mirrored was confirmed since the last watch began
    bool confirmed_ = false;   // the last look found nothing that was missed
    std::uint64_t lease_ = 0;  // 0: none
    std::string error_;
    std::set<std::string> contributions_;
    std::map<std::string, std::uint64_t> have_;     // functions → the record's mod_revision
    std::map<std::string, std::uint64_t> handled_;  // the newest revision; also of deleted ones
    std::map<std::string, Waiting> waiting_;
    View counts_;  // its counters alone
    std::vector<std::thread> threads_;
};

}  // namespace skerry::fleet
