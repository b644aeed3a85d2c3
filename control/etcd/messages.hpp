// What is said to etcd, and what it answers: version 3 of its API, in the JSON of its gateway
// (etcd 3.4, Documentation/dev-guide/apispec/swagger/rpc.swagger.json). Bytes are base64, 64-bit
// numbers are texts, and what is 0, false or empty is left out.
//
// Whatever comes is hostile: limited, checked, and an error that says what it was instead.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::etcd {

inline constexpr std::size_t kMaxKeyBytes = 512;
// Below etcd's own limit of a request, 1.5 MiB, in base64 and with what is around it.
inline constexpr std::size_t kMaxValueBytes = 512 << 10;
inline constexpr std::size_t kMaxAnswerBytes = 16 << 20;  // of one call, and of one line of a watch

struct KeyValue {
    std::string key, value;
    std::uint64_t mod_revision = 0;
};

// The keys from `first` on, up to but without `end`; no `end`: one key.
struct Keys {
    std::string first, end;
    // All that begin with it.
    static Keys with_prefix(const std::string& prefix);
};

struct RangeQuestion {
    Keys keys;
    std::uint32_t limit = 0;     // 0: all of them
    std::uint64_t revision = 0;  // 0: the newest
    bool newest_first = false;   // by mod_revision, else by key
    bool keys_only = false;
};
struct RangeAnswer {
    std::uint64_t revision = 0;  // of the whole store, as this was read
    std::uint64_t count = 0;     // of the keys there are, more than `found` perhaps
    std::vector<KeyValue> found;
    bool more = false;
};

// All of the comparisons hold, or nothing is done.
struct Compare {
    std::string key;
    std::uint64_t mod_revision = 0;  // 0: there is no such key
};
struct Operation {
    std::string key;
    std::string value;
    bool erase = false;
    std::uint64_t lease = 0;
};
struct Transaction {
    std::vector<Compare> compares;
    std::vector<Operation> operations;
};
struct TransactionAnswer {
    std::uint64_t revision = 0;  // what has been written has it as its mod_revision
    bool succeeded = false;
};

struct Lease {
    std::uint64_t id = 0;
    std::uint32_t ttl_s = 0;  // 0: it is over
};

struct WatchEvent {
    KeyValue pair;  // erased: no value
    bool erased = false;
};
// One line of a watch.
struct WatchAnswer {
    std::uint64_t revision = 0;
    bool cancelled = false;
    std::uint64_t compact_revision = 0;  // cancelled: what was asked for is older than this
    std::string why;                     // cancelled
    std::vector<WatchEvent> events;      // in the order of their revisions
};

std::string render(const RangeQuestion& question);
std::string render(const Transaction& transaction);
std::string render_grant(std::uint32_t ttl_s);
std::string render_lease(std::uint64_t id);
// From that revision on.
std::string render_watch(const Keys& keys, std::uint64_t revision);
std::string render_authenticate(const std::string& user, const std::string& password);

Result<RangeAnswer> parse_range(std::string_view text);
Result<TransactionAnswer> parse_transaction(std::string_view text);
Result<Lease> parse_lease(std::string_view text);  // of a grant, or within a "result"
Result<WatchAnswer> parse_watch(std::string_view line);
Result<std::string> parse_token(std::string_view text);
// What a refusal says. EACCES: whoever asks has to prove (again) who it is. ERANGE: the revision is
// compacted. ENOENT: no such lease. EPERM: not allowed. EAGAIN: another member may do it.
Error parse_refusal(int http_status, std::string_view text);

}  // namespace skerry::etcd
