// Fills a table. Part of compile().
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/routes/compile.hpp"
#include "control/routes/databases.hpp"

namespace skerry::routes {

class Builder {
  public:
    Builder(RouteSet& set, std::vector<Problem>& problems) : set_(set), problems_(problems) {}

    // Everything but the databases; the routes are parsed, and ranked.
    void build();
    // The databases, and what scans them.
    void load(std::uint32_t cores, Cache& cache);

  private:
    // What the operator wrote for one host, or leads to a bucket of it.
    struct HostDraft {
        HostPattern pattern;
        std::uint32_t index = 0;                        // in Table::hosts
        std::map<std::string, std::uint32_t> patterns;  // expression → bucket, in a fixed order
        std::map<std::string, std::uint32_t> routes;    // expression → the route it is from
    };
    struct Edge {
        std::uint32_t parent, child;
        classify::Text text;
        std::uint64_t hash;
    };

    classify::Text keep(std::string_view text);
    HostDraft& host_of(const HostPattern& pattern, std::uint32_t route);
    std::uint32_t bucket_of(HostDraft& host, const Parsed& parsed, std::uint32_t route,
                            std::uint32_t rank);
    std::uint32_t leaf_of(HostDraft& host, const PathPattern& path, std::uint32_t rank);
    std::uint32_t child_of(std::uint32_t node, const Segment& segment);
    std::uint32_t new_bucket();
    void add_row(std::uint32_t rank, std::uint32_t route);
    void fill_members();
    void fill_hash_tables();
    void warn_of_hidden(const classify::Bucket& bucket);
    std::uint64_t visits(std::uint32_t node) const;
    void check_visits();
    void load_paths(HostDraft& draft, Cache& cache);
    void load_hosts(Cache& cache);

    RouteSet& set_;
    std::vector<Problem>& problems_;
    std::map<std::string, HostDraft> hosts_;  // by kind and text
    std::vector<std::vector<std::uint32_t>> ranks_of_bucket_;
    std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> exact_, edges_;
    std::vector<std::vector<std::uint32_t>> literal_children_;  // of each node
    std::vector<Edge> edge_list_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> exact_list_;  // host, bucket
};

}  // namespace skerry::routes
