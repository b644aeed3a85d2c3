// What etcd has below a fleet's prefix, as far as it has been heard: begun by a list, kept by a
// watch, begun again when a watch is lost. No I/O, no threads, no clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/etcd/messages.hpp"
#include "control/fleet/record.hpp"

namespace skerry::fleet {

inline constexpr std::size_t kMaxKeys = 8192;  // below the prefix; a list with more is refused

struct Wanted {
    std::uint64_t revision = 0;    // of etcd, when it became so
    std::optional<Record> record;  // none: it was deleted
};

class Mirror {
  public:
    // "/skerry": without a slash at its end.
    explicit Mirror(std::string prefix) : prefix_(std::move(prefix)) {}

    etcd::Keys keys() const { return etcd::Keys::with_prefix(prefix_ + "/"); }
    std::string fleet_key() const { return prefix_ + "/fleet"; }
    std::string function_key(const std::string& name) const;
    std::string deploying_key(const std::string& name) const;
    std::string member_key(const std::string& name) const;

    // All there is, as of `revision`. Functions that were there before, and `known` ones, are
    // wanted deleted if they are not among them.
    void begin(const std::vector<etcd::KeyValue>& all, std::uint64_t revision,
               const std::set<std::string>& known);
    void take(const etcd::WatchEvent& event);
    // What comes next is another history: nothing that was heard says anything about it.
    void clear();
    // A watch was told that everything up to this revision has been told.
    void reached(std::uint64_t revision);

    const std::string& fleet_id() const { return fleet_id_; }
    const std::map<std::string, Wanted>& functions() const { return functions_; }
    const std::map<std::string, Member>& members() const { return members_; }
    // Function → member.
    const std::map<std::string, std::string>& deploying() const { return deploying_; }
    // Functions whose record can't be read, and why: the one before it stands.
    const std::map<std::string, std::string>& damaged() const { return damaged_; }
    // The newest revision that was heard of.
    std::uint64_t revision() const { return revision_; }
    // What a member that has lost no event agrees with: how many keys there are, and that none is
    // newer than what was heard.
    bool agrees(std::uint64_t count, std::uint64_t newest_key) const {
        return count == keys_.size() && newest_key <= revision_;
    }
    // That a function was deleted need not be remembered any longer.
    void forget_deleted(const std::string& name);

  private:
    void put(const etcd::KeyValue& pair);
    void erase(const std::string& key, std::uint64_t revision);

    const std::string prefix_;
    std::string fleet_id_;
    std::map<std::string, std::uint64_t> keys_;  // → mod_revision
    std::map<std::string, Wanted> functions_;
    std::map<std::string, Member> members_;
    std::map<std::string, std::string> deploying_;
    std::map<std::string, std::string> damaged_;
    std::uint64_t revision_ = 0;
};

}  // namespace skerry::fleet
