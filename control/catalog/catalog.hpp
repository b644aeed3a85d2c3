// The catalog: which functions exist, in which versions, and what regions still have to forget.
// Kept in `state_dir`/catalog.db, a SQLite database to which each change writes what it has
// changed, in one transaction; artifacts are beside it, see artifacts.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/catalog/runtime.hpp"
#include "control/catalog/tenant_name.hpp"
#include "control/signing/signature.hpp"
#include "dataplane/snapshot/snapshot.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::catalog {

// Not all of them have a row (dataplane/snapshot/snapshot.hpp).
inline constexpr std::size_t kMaxFunctions = 16'384;
inline constexpr std::size_t kMaxNameBytes = 63;     // of a function: [a-zA-Z0-9_-], 1 … 63
inline constexpr std::size_t kMaxVersionsKept = 16;  // of one function; older ones are forgotten
inline constexpr std::size_t kMaxAliases = 8;        // of one function
inline constexpr std::size_t kMaxTombstones = 4096;  // functions that some region has to forget
inline constexpr std::size_t kMaxPublications = 32;  // numbers kept of one function
inline constexpr std::size_t kMaxFleetIdBytes = 64;
inline constexpr std::uint32_t kMaxReserved = 1'000'000;  // concurrency that can be reserved
inline constexpr std::size_t kMaxDescriptionBytes = 256, kMaxRoleBytes = 256, kMaxLabelBytes = 32;
inline constexpr std::uint32_t kWholeWeight = 1'000'000;  // weights of aliases are in millionths

struct Limits {
    std::uint32_t memory_mib = 128;           // 16 … 4096
    std::uint32_t timeout_ms = 3000;          // 1 … 900000
    std::uint32_t concurrency = 1;            // slots in one worker's channel: 1 … 64
    std::uint32_t warm_min = 0;               // workers kept ready: 0 … 64
    std::uint32_t warm_max = 4;               // workers at most: max(1, warm_min) … 64
    std::uint32_t max_payload_bytes = 65536;  // request and response: 1 … 6291456
    std::uint32_t cold_cost_ms = 0;           // 0: as measured
    std::uint32_t cpu_percent = 0;            // quota in percent of one CPU: 1 … 6400; 0: none
    std::uint32_t cpu_weight = 100;           // share against others: 1 … 10000
    std::uint32_t latency_weight = 100;  // of what its callers wait, for placement: 1 … 10000
    std::uint32_t cpu_ms = 0;            // CPU time of one invocation: 1 … 900000; 0: no limit
    std::uint32_t tmp_mib = 16;          // of a worker's /tmp: 1 … 1024
    std::uint32_t pids_max = 64;         // processes and threads of a worker: 1 … 1024
    std::uint32_t log_kib = 64;          // kept of what one invocation writes: 1 … 1024
    std::uint32_t max_per_s = 0;  // requests, where they enter: 1 … 10^8; 0: as [limits] says
    std::uint32_t max_burst = 0;  // 0: as many as max_per_s
    bool single_use = false;      // a worker serves one invocation, and ends
    bool templates = true;        // workers may be copied from one that has initialised
    std::string egress = {};      // the network it has been granted; empty: none
    std::string tenant = {};      // whose it is; empty: the default tenant's
    bool operator==(const Limits&) const = default;
};

struct Policy {
    Place place = Place::automatic;
    RetryPolicy retry = RetryPolicy::unstarted;
    std::vector<std::string> regions;  // where it is replicated to; empty: all regions
    bool operator==(const Policy&) const = default;
};

// What a version was made of.
struct Build {
    std::string archive;  // its digest: where the artifact store has it
    Runtime runtime;
    bool operator==(const Build&) const = default;
};

// What clients of Lambda's management calls say of a function and are told again. Nothing here
// depends on it.
struct Details {
    std::string runtime;            // in their words, "python3.11"; empty: they did not make it
    std::string role, description;  // bytes, as they came
    std::int64_t modified_ms = 0;   // Unix time of the last change; 0: older than this is kept
    std::uint64_t revision = 0;     // the catalog's epoch with that change
    bool operator==(const Details&) const = default;
};

// A number that stands for one of the function's versions for ever.
struct Publication {
    std::uint32_t number = 0;  // 1 …
    std::string version;       // digest
    Details details;
    bool operator==(const Publication&) const = default;
};

// What an alias is, beside the version that it stands for.
struct AliasDetails {
    std::uint32_t number = 0;  // of the version, as it was named; 0: by its digest, or $LATEST
    bool latest = false;       // stands for whatever is current
    // Another version that gets a part of the requests: its digest, number and millionths. Empty
    // and 0: none.
    std::string other;
    std::uint32_t other_number = 0, other_weight = 0;
    std::string description;
    std::uint64_t revision = 0;
    bool operator==(const AliasDetails&) const = default;
};

struct Function {
    std::string name;
    Limits limits;
    Policy policy;
    std::string current;                // digest, 64 hex digits: version_of() its archive
    std::vector<std::string> versions;  // digests, oldest first; contains `current`
    // Of the versions that are not simply a native archive; see build_of().
    std::map<std::string, Build> builds;
    // Of the versions that are signed: signing::Signature as text, which nobody has verified.
    std::map<std::string, std::string> signatures;
    // Names that stand for one of its versions, until they are pointed at another: alias → digest.
    std::map<std::string, std::string> aliases;
    std::map<std::string, AliasDetails> alias_details;  // of those that have any
    std::vector<Publication> published;                 // numbers ascending
    std::uint32_t next_number = 1;
    Details details;
    // Invocations at once on this server, at most; 0: none at all. Not set: as many as there is
    // room for.
    std::optional<std::uint32_t> reserved;

    // The number's digest. Empty: there is no such number.
    std::string version_numbered(std::uint32_t number) const;
    // The newest number of the version; 0: it has none.
    std::uint32_t number_of(const std::string& version) const;
    Build build_of(const std::string& version) const;
    std::string signature_of(const std::string& version) const;  // empty: it has none
    // Remembers what the version is made of, and returns its digest. Does not add it.
    std::string set_build(const Build& build);
    bool operator==(const Function&) const = default;
};

// What a signature of the version has to be of.
signing::Statement statement_of(const std::string& function, const Build& build);

// First 8 bytes, big-endian, of SHA-256(name): Header::function_key. Never 0 (then 1).
std::uint64_t function_key(const std::string& name);
// First 8 bytes of a digest: Header::qualifier of an explicit version. Never 0 (then 1).
std::uint64_t version_key(const std::string& digest_hex);

// First 8 bytes of SHA-256(alias): Header::qualifier of an alias. Never 0 (then 1).
std::uint64_t alias_key(const std::string& alias);

Status validate_name(const std::string& name);
// As a name, and nothing that could be meant as a version.
Status validate_alias(const std::string& alias);
// The digest among its versions that is `version`, or begins with it: 16 to 64 hex digits. Empty:
// none does.
std::string find_version(const Function& function, const std::string& version);
bool is_aliased(const Function& function, const std::string& digest);
// Gives the current version the next number; or the last one, if nothing has changed since. Beyond
// kMaxPublications the oldest that no alias names is forgotten.
Publication& publish(Function& function);
bool next_publication_is_known(const Function& function);  // nothing has changed since the last
// Whether an alias names the number.
bool is_numbered_by_alias(const Function& function, std::uint32_t number);
// Beyond kMaxVersionsKept the oldest are forgotten, with their numbers, but neither the current one
// nor what an alias stands for. Aliases of $LATEST come to stand for the current one.
void forget_oldest(Function& function);
Status validate(const Limits& limits);
// The two fit together: several invocations at once are a native worker's alone.
Status validate(const Limits& limits, const Runtime& runtime);

// Function name → regions that may hold it, are to forget it, and have not confirmed that yet.
using Tombstones = std::map<std::string, std::set<std::string>>;

class Draft;

// All that is kept.
struct State {
    std::uint64_t epoch = 1;  // grows with each change, across restarts
    std::map<std::string, Function> functions;
    std::map<std::uint64_t, std::string> names;  // of the functions, by function_key()
    Tombstones tombstones;
    std::string fleet;  // whose functions these are (control/fleet); empty: this server's own

    // As it was read. EEXIST: there is one of that name, or key.
    Status add(Function function);
    // What the draft, which is one of this state, has changed. In exchange the draft gets what was
    // there before, for its caller to free, and is good for nothing else. Costs what has changed.
    void take(Draft& draft) noexcept;
};

// A change that is being made: what is different from a state, and how. The state is not to change
// meanwhile. What fails changes nothing.
class Draft {
  public:
    explicit Draft(const State& base);
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    // As it is with what has changed so far. Pointers are good until the next change of the same
    // function. nullptr: there is none.
    const Function* find(const std::string& name) const;
    // Empty: no region has to forget it.
    const std::set<std::string>& regions_to_forget(const std::string& name) const;

    // Adds or updates; makes `current` current. Refuses a name whose key collides with another's,
    // and more than kMaxFunctions.
    Status put(const Function& function);
    Status erase(const std::string& name);
    // Puts the same function in another state in its place: other names, details or numbers of the
    // same versions. ENOENT: there is none.
    Status replace(const Function& function);
    // Points the alias at a version that is kept. ENOENT: no such function or version; ENOSPC:
    // kMaxAliases others.
    Status set_alias(const std::string& name, const std::string& alias, const std::string& version);
    Status erase_alias(const std::string& name, const std::string& alias);
    // ENOSPC: kMaxTombstones functions wait already.
    Status bury(const std::string& name, const std::set<std::string>& regions);
    void unbury(const std::string& name, const std::set<std::string>& regions);

    // What has changed.
    const State& base() const { return base_; }
    const std::map<std::string, Function>& changed() const { return put_; }
    const std::map<std::string, std::uint64_t>& erased() const { return erased_; }  // name → key
    const Tombstones& changed_tombstones() const { return tombstones_; }  // of none: no region

    std::uint64_t epoch;
    std::string fleet;

  private:
    friend struct State;
    friend class Catalog;
    Function* edit(const std::string& name);

    const State& base_;
    std::map<std::string, Function> put_;           // new ones, and those of the base that differ
    std::map<std::string, std::uint64_t> erased_;   // of the base
    std::map<std::uint64_t, std::string> names_;    // of the new ones
    Tombstones tombstones_;                         // those that differ
    std::size_t function_count_, tombstone_count_;  // with what has changed
    std::uint64_t written_ = 0;                     // Catalog::writes_, when it was
};

class Database;

// A change has three steps: a draft() is changed, written, and taken. Only the last one touches
// what others read, and only the second one waits for the disk: whoever shares a Catalog lets one
// thread at a time change it, and needs to keep readers out for take() alone. Each step costs what
// has changed, however many functions there are.
class Catalog {
  public:
    // Opens or creates; a catalog.json of earlier versions is taken over (import.hpp). A damaged
    // file is an error that names it; it is never overwritten silently.
    static Result<Catalog> open(const std::string& state_dir);
    Catalog(Catalog&&) noexcept;  // not while there is a draft
    ~Catalog();

    const std::map<std::string, Function>& functions() const { return state_.functions; }
    const Tombstones& tombstones() const { return state_.tombstones; }
    std::uint64_t epoch() const { return state_.epoch; }
    const Function* find(const std::string& name) const;

    Draft draft() const { return Draft(state_); }
    const std::string& fleet() const { return state_.fleet; }
    // Persisted when this returns; gives the draft its epoch, one more than both have. EFBIG: the
    // file would be too large. EIO: whatever else the disk, or who else uses the file, does not
    // allow; the text says what.
    Status write(Draft& draft);
    // Of a draft that write() was asked to write. If it could not, what it has changed stands until
    // this process ends, and is written with the next draft that can be. `draft` has what was there
    // before, for its caller to free.
    void take(Draft& draft) noexcept;

    // All three steps.
    Status put(const Function& function);
    Status erase(const std::string& name);

  private:
    // Names whose rows in the file may say something else than state_.
    struct Differing {
        std::set<std::string> functions, tombstones;
    };

    Catalog();

    std::unique_ptr<Database> database_;
    State state_;
    Differing differing_;
    std::uint64_t writes_ = 0;
};

}  // namespace skerry::catalog
