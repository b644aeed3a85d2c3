// Every bucket whose host and path pattern match a request, in an order that finds the best early.
// What is looked for is the visitor's:
//   bool wants(rank)      whether a part of the table is to be looked into whose best has that rank
//   void operator()(b)    bucket b matches
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/classify/table.hpp"

namespace skerry::classify {

// A request in its normal form.
struct Subject {
    std::string_view host, path;
    std::uint64_t path_hash = 0;
};

template <typename Visitor>
class Walk {
  public:
    Walk(const Table& table, hs_scratch_t* scratch, const Subject& subject, Visitor& visitor)
        : table_(table), scratch_(scratch), subject_(subject), visitor_(visitor) {}

    // `literal`: what the host is among the literal ones, looked up already.
    void run(std::uint32_t literal) {
        if (literal != kNone) look_into(literal);
        if (table_.wildcard_labels != 0 && visitor_.wants(table_.best_wildcard)) wildcard_hosts();
        if (table_.host_database != kNone && visitor_.wants(table_.best_host_pattern))
            host_patterns();
        if (table_.any_host != kNone) look_into(table_.any_host);
    }

  private:
    struct Segment {
        std::string_view text;
        std::uint64_t hash = 0;
    };
    struct Step {
        std::uint32_t node, consumed;
    };

    void look_into(std::uint32_t index) {
        const Host& host = table_.hosts[index];
        if (!visitor_.wants(host.best)) return;
        if (host.best_exact != kNone) {
            const std::uint32_t bucket =
                table_.find_exact(index, subject_.path_hash, subject_.path);
            if (bucket != kNone) visitor_(bucket);
        }
        if (host.root != kNone && visitor_.wants(table_.nodes[host.root].best)) tree(host);
        if (host.database != kNone && visitor_.wants(host.best_pattern)) {
            const auto found = [this, &host](std::uint32_t id) {
                visitor_(table_.pattern_buckets[host.first_pattern + id]);
            };
            scan(table_.databases[host.database].get(), scratch_, subject_.path, found);
        }
    }

    // From the right: bounded by kWildcardLabelsMax.
    void wildcard_hosts() {
        std::array<std::uint32_t, kWildcardLabelsMax> found;
        std::uint32_t count = 0, labels = 0;
        for (std::size_t at = subject_.host.size(); at-- > 1 && labels < kWildcardLabelsMax;) {
            if (subject_.host[at] != '.') continue;
            if ((table_.wildcard_labels >> ++labels & 1) == 0) continue;
            const std::uint32_t host =
                table_.find_host(table_.wildcard_hosts, subject_.host.substr(at));
            if (host != kNone) found[count++] = host;
        }
        while (count != 0) look_into(found[--count]);  // the longest first
    }

    void host_patterns() {
        if (subject_.host.empty()) return;
        // One scan has to end before the next begins: they share the scratch.
        std::array<std::uint32_t, kHostPatternsMax> hosts;
        std::uint32_t count = 0;
        const auto found = [&](std::uint32_t id) { hosts[count++] = table_.host_patterns[id]; };
        scan(table_.databases[table_.host_database].get(), scratch_, subject_.host, found);
        for (std::uint32_t i = 0; i < count; ++i) look_into(hosts[i]);
    }

    // No more than `most` segments of the path; `more_` says whether there are more.
    void split(std::uint32_t most) {
        if (count_ != 0 && (!more_ || count_ >= most)) return;  // of an earlier host
        count_ = 0;
        std::string_view rest = subject_.path.substr(1);
        more_ = true;
        while (more_ && count_ < most) {
            const std::size_t end = rest.find('/');
            more_ = end != std::string_view::npos;
            const std::string_view text = rest.substr(0, end);
            segments_[count_++] = {text, hash_of(text)};
            if (more_) rest = rest.substr(end + 1);
        }
    }

    // Of each node at most two lead on, and the compiler has seen to it that no path leads through
    // more than kVisitsMax nodes.
    void tree(const Host& host) {
        split(host.depth);
        std::array<Step, 2 * kSegmentsMax + 2> steps;
        std::uint32_t left = 0;
        steps[left++] = {host.root, 0};
        while (left != 0) {
            const Step step = steps[--left];
            const Node& node = table_.nodes[step.node];
            if (!visitor_.wants(node.best)) continue;
            if (step.consumed == count_) {
                if (!more_ && node.end != kNone) visitor_(node.end);
                if (more_ && node.rest != kNone) visitor_(node.rest);
                continue;
            }
            if (node.rest != kNone) visitor_(node.rest);
            const Segment& segment = segments_[step.consumed];
            if (node.parameter != kNone && !segment.text.empty())
                steps[left++] = {node.parameter, step.consumed + 1};
            const std::uint32_t child = table_.find_segment(step.node, segment.hash, segment.text);
            if (child != kNone) steps[left++] = {child, step.consumed + 1};
        }
    }

    const Table& table_;
    hs_scratch_t* scratch_;
    const Subject& subject_;
    Visitor& visitor_;
    std::array<Segment, kSegmentsMax> segments_;
    std::uint32_t count_ = 0;
    bool more_ = false;
};

}  // namespace skerry::classify
