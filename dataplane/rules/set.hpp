// Admission rules, compiled: made by the control thread (control/rules), published with the
// snapshot, read by every core. Immutable but for what is each core's own: scratch, streams,
// buckets, counts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/classify/database.hpp"
#include "dataplane/counters.hpp"
#include "dataplane/limits/bucket_table.hpp"
#include "dataplane/rules/limits.hpp"
#include "dataplane/rules/streams.hpp"

namespace skerry::rules {

// In the order in which they are looked at.
enum class Part : std::uint8_t {
    path,    // in its normal form (classify/normal.hpp)
    query,   // decoded
    header,  // the value of each field of that name, or of every field
    body,    // the first bytes of the content, however it was cut
};
enum class Action : std::uint8_t {
    count,  // nothing else
    deny,   // refused
    rate,   // refused, unless its bucket has a token
};

// Of one rule and one core: written by that core, read by anybody.
struct alignas(64) Tally {
    Counter matched;  // requests
    Counter refused;
};

// What a rule has on each core; it outlives the Set, since a rule that stays goes on counting, and
// owes what it owed.
struct Ledger {
    std::shared_ptr<Tally[]> tallies;                           // [core]
    std::vector<std::unique_ptr<limits::BucketTable>> buckets;  // [core]; of `rate` only
};

struct Rule {
    Action action = Action::count;
    std::uint16_t status = 403;  // HTTP's, of a refusal
    limits::Rate rate = {};      // in microseconds
    std::string key_field = {};  // in lower case: whose value is the key; empty: the source
    std::shared_ptr<Ledger> ledger = {};
};

// One database, and the rule (its place in Set::rules) that each of its ids stands for.
struct Patterns {
    classify::Database database;  // none: there are no rules of that kind
    std::vector<std::uint16_t> rules = {};
};
struct FieldPatterns {
    std::string lower_name;
    Patterns patterns;
};

struct Set {
    std::vector<Rule> rules;  // as declared
    Patterns path, query, every_field;
    std::vector<FieldPatterns> fields;
    Patterns body;                                  // in streaming mode
    std::uint32_t body_bytes = 0;                   // of each body that are looked at
    net::SipKey key = {};                           // of the values of fields
    std::vector<classify::Scratch> scratches;       // [core]
    std::vector<std::unique_ptr<Streams>> streams;  // [core]; none without rules for bodies

    Set() = default;
    Set(const Set&) = delete;
    Set& operator=(const Set&) = delete;

    // Bodies that are judged by it still; for when no core has the snapshot any more.
    bool in_use() const {
        for (const auto& each : streams)
            if (each->in_use() != 0) return true;
        return false;
    }
};

}  // namespace skerry::rules
