#include "control/routes/builder.hpp"

#include <algorithm>
#include <bit>

#include "control/routes/order.hpp"
#include "dataplane/classify/hash.hpp"

namespace skerry::routes {
namespace {

using classify::Bucket;
using classify::Cell;
using classify::HashTable;
using classify::kNone;
using classify::Node;
using classify::Row;
using classify::Text;

void make_room(HashTable& table, std::size_t entries, bool keys) {
    table.cells.assign(std::bit_ceil(std::max<std::size_t>(8, entries * 2)), Cell{});
    table.mask = table.cells.size() - 1;
    if (keys) table.keys.assign(table.cells.size(), Text{});
}

void insert(HashTable& table, std::uint64_t hash, std::uint32_t owner, std::uint32_t value,
            Text key) {
    std::uint32_t probes = 0;
    while (table.cells[(hash + probes) & table.mask].value != kNone) ++probes;
    table.cells[(hash + probes) & table.mask] = {hash, owner, value};
    if (!table.keys.empty()) table.keys[(hash + probes) & table.mask] = key;
    table.longest_probe = std::max(table.longest_probe, probes);
}

}  // namespace

Text Builder::keep(std::string_view text) {
    std::string& texts = set_.table.texts;
    const Text where{static_cast<std::uint32_t>(texts.size()),
                     static_cast<std::uint32_t>(text.size())};
    if (texts.size() + text.size() <= classify::kTextBytesMax) {
        texts += text;
        return where;
    }
    if (problems_.empty() || problems_.back().where != "texts")
        problems_.push_back({kNoRoute, "texts", -1,
                             "more than " + std::to_string(classify::kTextBytesMax) +
                                 " bytes of hosts, paths and conditions"});
    return {};
}

Builder::HostDraft& Builder::host_of(const HostPattern& pattern, std::uint32_t route) {
    const std::string key = std::to_string(static_cast<int>(pattern.kind)) + pattern.text;
    const auto [it, is_new] = hosts_.try_emplace(key);
    HostDraft& draft = it->second;
    if (!is_new) return draft;
    draft.pattern = pattern;
    draft.index = static_cast<std::uint32_t>(set_.table.hosts.size());
    set_.table.hosts.emplace_back();
    const auto limit = [&](std::size_t count, std::uint32_t most, const char* what) {
        if (count == most + 1)
            problems_.push_back(
                {route, "host", -1, "more than " + std::to_string(most) + " " + what});
    };
    limit(set_.table.hosts.size(), classify::kHostsMax, "hosts");
    if (pattern.kind == HostKind::expression) {
        set_.table.host_patterns.push_back(draft.index);
        limit(set_.table.host_patterns.size(), classify::kHostPatternsMax,
              "hosts that are regular expressions");
    }
    return draft;
}

std::uint32_t Builder::new_bucket() {
    ranks_of_bucket_.emplace_back();
    set_.table.buckets.emplace_back();
    return static_cast<std::uint32_t>(ranks_of_bucket_.size() - 1);
}

std::uint32_t Builder::child_of(std::uint32_t node, const Segment& segment) {
    std::vector<Node>& nodes = set_.table.nodes;
    const auto make = [&] {
        nodes.emplace_back();
        literal_children_.emplace_back();
        return static_cast<std::uint32_t>(nodes.size() - 1);
    };
    if (segment.kind == SegmentKind::parameter) {
        if (nodes[node].parameter == kNone) {
            const std::uint32_t made = make();
            nodes[node].parameter = made;
        }
        return nodes[node].parameter;
    }
    const auto [it, is_new] = edges_.try_emplace({node, segment.text});
    if (is_new) {
        it->second = make();
        literal_children_[node].push_back(it->second);
        edge_list_.push_back(
            {node, it->second, keep(segment.text), classify::hash_of(segment.text)});
    }
    return it->second;
}

// The bucket at the end of the path's way through the tree of its host.
std::uint32_t Builder::leaf_of(HostDraft& draft, const PathPattern& path, std::uint32_t rank) {
    std::vector<Node>& nodes = set_.table.nodes;
    classify::Host& host = set_.table.hosts[draft.index];
    if (host.root == kNone) {
        host.root = static_cast<std::uint32_t>(nodes.size());
        nodes.emplace_back();
        literal_children_.emplace_back();
    }
    host.depth = std::max(host.depth, static_cast<std::uint32_t>(path.segments.size()));
    std::uint32_t node = host.root;
    nodes[node].best = std::min(nodes[node].best, rank);
    for (const Segment& segment : path.segments) {
        if (segment.kind == SegmentKind::rest) {
            if (nodes[node].rest == kNone) nodes[node].rest = new_bucket();
            return nodes[node].rest;
        }
        node = child_of(node, segment);
        nodes[node].best = std::min(nodes[node].best, rank);
    }
    if (nodes[node].end == kNone) nodes[node].end = new_bucket();
    return nodes[node].end;
}

std::uint32_t Builder::bucket_of(HostDraft& draft, const Parsed& parsed, std::uint32_t route,
                                 std::uint32_t rank) {
    const PathPattern& path = parsed.path;
    classify::Host& host = set_.table.hosts[draft.index];
    host.best = std::min(host.best, rank);
    if (path.kind == PathKind::exact) {
        host.best_exact = std::min(host.best_exact, rank);
        const auto [it, is_new] = exact_.try_emplace({draft.index, path.text});
        if (is_new) {
            it->second = new_bucket();
            set_.table.buckets[it->second].path = keep(path.text);
            exact_list_.emplace_back(draft.index, it->second);
        }
        return it->second;
    }
    if (path.expression.empty()) return leaf_of(draft, path, rank);
    host.best_pattern = std::min(host.best_pattern, rank);
    const auto [it, is_new] = draft.patterns.try_emplace(path.expression);
    if (is_new) {
        it->second = new_bucket();
        draft.routes[path.expression] = route;
    }
    return it->second;
}

void Builder::add_row(std::uint32_t rank, std::uint32_t route) {
    const Parsed& parsed = set_.parsed[route];
    HostDraft& draft = host_of(parsed.host, route);
    Row& row = set_.table.rows[rank];
    row.route = route;
    row.methods = parsed.methods;
    row.pattern = keep(parsed.path.kind == PathKind::expression ? "" : parsed.path.text);
    row.first_condition = static_cast<std::uint32_t>(set_.table.conditions.size());
    row.conditions = static_cast<std::uint16_t>(parsed.conditions.size());
    for (const ConditionText& each : parsed.conditions)
        set_.table.conditions.push_back(
            {each.kind, each.of_query, keep(each.name), keep(each.value)});
    row.bucket = bucket_of(draft, parsed, route, rank);
    ranks_of_bucket_[row.bucket].push_back(rank);
    if (ranks_of_bucket_[row.bucket].size() == classify::kRoutesOfOnePathMax + 1)
        problems_.push_back({route, "path", -1,
                             "more than " + std::to_string(classify::kRoutesOfOnePathMax) +
                                 " routes of this host have this path"});
}

void Builder::build() {
    classify::Table& table = set_.table;
    table.rows.resize(set_.routes.size());
    std::vector<std::uint32_t> by_rank(set_.routes.size());
    for (std::uint32_t route = 0; route < by_rank.size(); ++route)
        by_rank[set_.ranks[route]] = route;
    for (std::uint32_t rank = 0; rank < by_rank.size(); ++rank) add_row(rank, by_rank[rank]);
    fill_members();
    fill_hash_tables();
    check_visits();
}

void Builder::fill_members() {
    classify::Table& table = set_.table;
    for (std::size_t i = 0; i < ranks_of_bucket_.size(); ++i) {
        Bucket& bucket = table.buckets[i];
        bucket.first = static_cast<std::uint32_t>(table.members.size());
        bucket.count = static_cast<std::uint32_t>(ranks_of_bucket_[i].size());
        // Rows were added by rank.
        table.members.insert(table.members.end(), ranks_of_bucket_[i].begin(),
                             ranks_of_bucket_[i].end());
        warn_of_hidden(bucket);
    }
}

// A route that an earlier one of the same path leaves nothing to.
void Builder::warn_of_hidden(const Bucket& bucket) {
    const classify::Table& table = set_.table;
    for (std::uint32_t later = 1; later < bucket.count; ++later) {
        const std::uint32_t route = table.rows[table.members[bucket.first + later]].route;
        for (std::uint32_t earlier = 0; earlier < later; ++earlier) {
            const std::uint32_t before = table.rows[table.members[bucket.first + earlier]].route;
            const Parsed &a = set_.parsed[before], &b = set_.parsed[route];
            const bool covers =
                (b.methods & ~a.methods) == 0 &&
                std::all_of(a.conditions.begin(), a.conditions.end(),
                            [&](const ConditionText& each) {
                                return std::find(b.conditions.begin(), b.conditions.end(), each) !=
                                       b.conditions.end();
                            });
            if (!covers) continue;
            set_.warnings.push_back(
                {route, "path", -1,
                 "never wins: route " + std::to_string(before) + " matches whatever it does"});
            break;
        }
    }
}

void Builder::fill_hash_tables() {
    classify::Table& table = set_.table;
    make_room(table.literal_hosts, hosts_.size(), true);
    make_room(table.wildcard_hosts, hosts_.size(), true);
    for (const auto& [key, draft] : hosts_) {
        const HostPattern& pattern = draft.pattern;
        const std::uint32_t best = table.hosts[draft.index].best;
        switch (pattern.kind) {
            case HostKind::literal:
                insert(table.literal_hosts, classify::hash_of(pattern.text), 0, draft.index,
                       keep(pattern.text));
                break;
            case HostKind::wildcard:
                insert(table.wildcard_hosts, classify::hash_of(pattern.text), 0, draft.index,
                       keep(pattern.text));
                table.wildcard_labels |= 1u << pattern.labels;
                table.best_wildcard = std::min(table.best_wildcard, best);
                break;
            case HostKind::expression:
                table.best_host_pattern = std::min(table.best_host_pattern, best);
                break;
            case HostKind::any:
                table.any_host = draft.index;
                break;
        }
    }
    make_room(table.exact, exact_list_.size(), false);
    for (const auto& [host, bucket] : exact_list_)
        insert(table.exact,
               classify::hash_of(classify::hash_of(table.text(table.buckets[bucket].path)), host),
               host, bucket, {});
    make_room(table.segments, edge_list_.size(), true);
    for (const Edge& edge : edge_list_)
        insert(table.segments, classify::hash_of(edge.hash, edge.parent), edge.parent, edge.child,
               edge.text);
}

// The most nodes that one path can lead through: of the literal edges of a node it takes one at
// most.
std::uint64_t Builder::visits(std::uint32_t node) const {
    std::uint64_t literal = 0;
    for (const std::uint32_t child : literal_children_[node])
        literal = std::max(literal, visits(child));
    const std::uint32_t parameter = set_.table.nodes[node].parameter;
    return 1 + literal + (parameter == kNone ? 0 : visits(parameter));
}

void Builder::check_visits() {
    for (const auto& [key, draft] : hosts_) {
        const std::uint32_t root = set_.table.hosts[draft.index].root;
        if (root == kNone || visits(root) <= classify::kVisitsMax) continue;
        problems_.push_back({kNoRoute, "path", -1,
                             "the parameters of the paths of host " +
                                 (draft.pattern.text.empty() ? "*" : draft.pattern.text) +
                                 " overlap too much: one path could lead through " +
                                 std::to_string(visits(root)) + " of them"});
    }
}

void Builder::load_paths(HostDraft& draft, Cache& cache) {
    classify::Table& table = set_.table;
    std::vector<Expression> expressions;
    classify::Host& host = table.hosts[draft.index];
    host.first_pattern = static_cast<std::uint32_t>(table.pattern_buckets.size());
    for (const auto& [text, bucket] : draft.patterns) {
        expressions.push_back({text, draft.routes[text]});
        table.pattern_buckets.push_back(bucket);
    }
    Loaded loaded = load_database(expressions, cache);
    for (const Failure& failure : loaded.failures) {
        const bool one = failure.expression < expressions.size();
        // Behind the ~.
        problems_.push_back({one ? expressions[failure.expression].route : kNoRoute, "path",
                             failure.at < 0 ? -1 : failure.at + 1, failure.text});
    }
    if (loaded.database == nullptr) return;
    host.database = static_cast<std::uint32_t>(table.databases.size());
    table.databases.push_back(std::move(loaded.database));
}

void Builder::load_hosts(Cache& cache) {
    classify::Table& table = set_.table;
    std::vector<Expression> expressions;
    table.host_patterns.clear();
    for (const auto& [key, draft] : hosts_) {
        if (draft.pattern.kind != HostKind::expression) continue;
        const std::uint32_t best = table.hosts[draft.index].best;
        expressions.push_back({draft.pattern.text, table.rows[best].route});
        table.host_patterns.push_back(draft.index);
    }
    if (expressions.empty()) return;
    Loaded loaded = load_database(expressions, cache);
    for (const Failure& failure : loaded.failures) {
        const bool one = failure.expression < expressions.size();
        problems_.push_back({one ? expressions[failure.expression].route : kNoRoute, "host",
                             failure.at < 0 ? -1 : failure.at + 1, failure.text});
    }
    if (loaded.database == nullptr) return;
    table.host_database = static_cast<std::uint32_t>(table.databases.size());
    table.databases.push_back(std::move(loaded.database));
}

void Builder::load(std::uint32_t cores, Cache& cache) {
    for (auto& [key, draft] : hosts_)
        if (!draft.patterns.empty()) load_paths(draft, cache);
    load_hosts(cache);
    if (!problems_.empty()) return;
    set_.control_core = cores;
    if (!make_scratches(set_.table.databases, cores + 1, set_.table.scratches))
        problems_.push_back({kNoRoute, "path", -1, "no memory for what matches the patterns"});
}

}  // namespace skerry::routes
