// A compiled set of routes: immutable, made by the control thread (control/routes), published with
// the snapshot and read by every core.
//
// Routes are rows in the order of their rank: of those that match a request the one with the lowest
// rank is the request's, whatever structure found it. The rank does not depend on the request
// (docs/routes.md has the order), so every part of the table can say what the best is that could be
// found there, and is passed over when better was found already.
//
//   host    a hash table of literal hosts, one of the suffixes of wildcards, and a database of
//   hosts
//           that are regular expressions; each leads to a Host, and "any host" is one too
//   path    exact: a hash table of (host, path). :param and prefix: a tree of segments of each
//   host,
//           its literal edges in one hash table. Wildcards and regular expressions: a database of
//           each host that has some
//   bucket  the routes of one path pattern of one host, by rank: they differ in methods and
//           conditions
//
// Whatever is looked up, no run of cells is longer than the longest when the table was made, and no
// path leads through more than kVisitsMax nodes of a tree.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/classify/database.hpp"
#include "dataplane/classify/hash.hpp"
#include "dataplane/classify/limits.hpp"

namespace skerry::classify {

inline constexpr std::uint32_t kNone = ~0u;

// Bits of methods, in the order of http::Method.
namespace method {
inline constexpr std::uint16_t get = 1 << 0, head = 1 << 1, post = 1 << 2, put = 1 << 3,
                               delete_ = 1 << 4, options = 1 << 5, patch = 1 << 6, trace = 1 << 7,
                               connect = 1 << 8, any = 0x1ff;
}  // namespace method

struct Text {  // in Table::texts
    std::uint32_t at = 0, bytes = 0;
};

struct Condition {
    enum class Kind : std::uint8_t { present, absent, equal, prefix };
    Kind kind = Kind::present;
    bool of_query = false;  // else of a header field, whose name is in lower case
    Text name, value;
};

struct Row {
    std::uint32_t route = 0;  // its place among the routes that were compiled
    std::uint32_t bucket = 0;
    std::uint32_t first_condition = 0;
    std::uint16_t methods = 0;
    std::uint16_t conditions = 0;
    Text pattern;  // of the path, for params_of()
};
static_assert(sizeof(Row) == 24);

struct Bucket {
    std::uint32_t first = 0, count = 0;  // in Table::members
    Text path;                           // exact: what the path must be
};
static_assert(sizeof(Bucket) == 16);

struct Host {
    std::uint32_t best = kNone;          // of all its routes
    std::uint32_t best_exact = kNone;    // of those with an exact path
    std::uint32_t best_pattern = kNone;  // of those in its database
    std::uint32_t database = kNone;      // in Table::databases
    std::uint32_t first_pattern = 0;     // in Table::pattern_buckets: what its ids stand for
    std::uint32_t root = kNone;          // in Table::nodes
    std::uint32_t depth = 0;             // most segments of a path in its tree
};

struct Node {
    std::uint32_t best = kNone;       // of it and all below
    std::uint32_t parameter = kNone;  // the node behind any segment that is not empty
    std::uint32_t end = kNone;        // bucket of paths that end here
    std::uint32_t rest = kNone;       // bucket of paths that go on, however
};
static_assert(sizeof(Node) == 16);

// Open addressing, at most half full, its size a power of two. An empty cell's value is kNone.
struct Cell {
    std::uint64_t hash = 0;
    std::uint32_t owner = 0;  // host of an exact path, parent of a segment; else 0
    std::uint32_t value = kNone;
};
static_assert(sizeof(Cell) == 16);

struct HashTable {
    std::vector<Cell> cells;
    std::vector<Text> keys;  // of the cells; empty for exact paths, whose buckets have them
    std::uint64_t mask = 0;
    std::uint32_t longest_probe = 0;

    const Cell* cell_of(std::uint64_t hash) const { return &cells[hash & mask]; }
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(cell_of(hash)); }
    // `same(cell index)`: whether its text is the one looked for. kNone: there is none.
    template <typename Same>
    std::uint32_t find(std::uint64_t hash, std::uint32_t owner, Same same) const {
        if (cells.empty()) return kNone;
        for (std::uint32_t n = 0; n <= longest_probe; ++n) {
            const std::uint64_t i = (hash + n) & mask;
            const Cell& cell = cells[i];
            if (cell.value == kNone) return kNone;
            if (cell.hash == hash && cell.owner == owner && same(i)) return cell.value;
        }
        return kNone;
    }
};

struct Table {
    std::string texts;
    std::vector<Row> rows;  // by rank
    std::vector<Condition> conditions;
    std::vector<Bucket> buckets;
    std::vector<std::uint32_t> members;  // ranks
    std::vector<Host> hosts;
    std::vector<Node> nodes;
    HashTable literal_hosts, wildcard_hosts, exact, segments;
    std::uint32_t any_host = kNone;
    std::uint32_t wildcard_labels = 0;         // bit n: there are wildcards with n labels
    std::uint32_t best_wildcard = kNone;       // of all hosts that are wildcards
    std::uint32_t best_host_pattern = kNone;   // of all that are regular expressions
    std::uint32_t host_database = kNone;       // its ids are of host_patterns
    std::vector<std::uint32_t> host_patterns;  // hosts
    std::vector<std::uint32_t> pattern_buckets;
    std::vector<Database> databases;
    std::vector<Scratch> scratches;  // of each core; the memory is the core's, to be written to

    std::string_view text(Text where) const { return {texts.data() + where.at, where.bytes}; }
    std::uint32_t find_host(const HashTable& among, std::string_view host) const {
        return among.find(hash_of(host), 0,
                          [&](std::uint64_t i) { return text(among.keys[i]) == host; });
    }
    std::uint32_t find_exact(std::uint32_t host, std::uint64_t path_hash,
                             std::string_view path) const {
        return exact.find(hash_of(path_hash, host), host, [&](std::uint64_t i) {
            return text(buckets[exact.cells[i].value].path) == path;
        });
    }
    std::uint32_t find_segment(std::uint32_t node, std::uint64_t segment_hash,
                               std::string_view segment) const {
        return segments.find(hash_of(segment_hash, node), node,
                             [&](std::uint64_t i) { return text(segments.keys[i]) == segment; });
    }
};

}  // namespace skerry::classify
