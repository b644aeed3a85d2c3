#include "dataplane/classify/classifier.hpp"

#include "dataplane/classify/walk.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::classify {
namespace {

// The route with the lowest rank that has the request's method and whose conditions hold.
class Best {
  public:
    Best(const Table& table, const Request& request) : table_(table), request_(request) {}

    std::uint32_t rank() const { return best_; }
    bool wants(std::uint32_t rank) const { return rank < best_; }
    void operator()(std::uint32_t index) {
        const Bucket& bucket = table_.buckets[index];
        for (std::uint32_t i = 0; i < bucket.count; ++i) {
            const std::uint32_t rank = table_.members[bucket.first + i];
            if (rank >= best_) return;
            const Row& row = table_.rows[rank];
            if ((row.methods & request_.method) == 0) continue;
            if (row.conditions != 0 && !conditions_hold(table_, row, request_)) continue;
            best_ = rank;
            return;
        }
    }

  private:
    const Table& table_;
    const Request& request_;
    std::uint32_t best_ = kNone;
};

class Methods {
  public:
    Methods(const Table& table, const Request& request) : table_(table), request_(request) {}

    std::uint16_t methods() const { return methods_; }
    bool wants(std::uint32_t) const { return true; }
    void operator()(std::uint32_t index) {
        const Bucket& bucket = table_.buckets[index];
        for (std::uint32_t i = 0; i < bucket.count; ++i) {
            const Row& row = table_.rows[table_.members[bucket.first + i]];
            if (conditions_hold(table_, row, request_))
                methods_ = static_cast<std::uint16_t>(methods_ | row.methods);
        }
    }

  private:
    const Table& table_;
    const Request& request_;
    std::uint16_t methods_ = 0;
};

hs_scratch_t* scratch_of(const Table& table, std::uint32_t core) {
    return table.databases.empty() ? nullptr : table.scratches[core].get();
}

}  // namespace

Classifier::Classifier(std::uint32_t core)
    : core_(core), buffers_(std::make_unique<std::array<Buffers, kBurstMax>>()) {}

void Classifier::classify(const Table& table, std::span<const Request> requests,
                          std::span<Outcome> outcomes) {
    SKERRY_CHECK(requests.size() <= kBurstMax && outcomes.size() >= requests.size());
    struct Lookup {
        Subject subject;
        std::uint32_t literal = kNone;
    };
    std::array<Lookup, kBurstMax> lookups;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        Outcome& outcome = outcomes[i] = Outcome{};
        Buffers& buffers = (*buffers_)[i];
        outcome.fault = normalise_path(requests[i].path, buffers.path, outcome.path);
        if (outcome.fault == Fault::none)
            outcome.fault = normalise_host(requests[i].host, buffers.host, outcome.host);
        if (outcome.fault != Fault::none) {
            outcome.verdict = Verdict::malformed;
            continue;
        }
        Subject& subject = lookups[i].subject;
        subject.host = outcome.host;
        subject.path = outcome.path;
        subject.path_hash = hash_of(outcome.path);
    }
    // The cells that each needs first are on their way while the others are looked at.
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (outcomes[i].verdict == Verdict::malformed) continue;
        Lookup& lookup = lookups[i];
        lookup.literal = table.find_host(table.literal_hosts, lookup.subject.host);
        const std::uint32_t host = lookup.literal != kNone ? lookup.literal : table.any_host;
        if (!table.exact.cells.empty())
            table.exact.prefetch(hash_of(lookup.subject.path_hash, host));
    }
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (outcomes[i].verdict == Verdict::malformed) continue;
        Best best(table, requests[i]);
        Walk(table, scratch_of(table, core_), lookups[i].subject, best).run(lookups[i].literal);
        outcomes[i].rank = best.rank();
        if (best.rank() != kNone) [[likely]] {
            outcomes[i].verdict = Verdict::route;
            continue;
        }
        outcomes[i].allowed =
            allowed_methods(table, core_, requests[i], outcomes[i].host, outcomes[i].path);
        if (outcomes[i].allowed != 0) outcomes[i].verdict = Verdict::wrong_method;
    }
}

std::uint16_t allowed_methods(const Table& table, std::uint32_t core, const Request& request,
                              std::string_view host, std::string_view path) {
    const Subject subject{host, path, hash_of(path)};
    Methods methods(table, request);
    Walk(table, scratch_of(table, core), subject, methods)
        .run(table.find_host(table.literal_hosts, host));
    return methods.methods();
}

std::uint32_t params_of(std::string_view pattern, std::string_view path,
                        std::span<Param, kParamsMax> params) {
    std::uint32_t count = 0;
    // Both begin with a slash; segment by segment, as they match.
    while (!pattern.empty() && !path.empty() && count < kParamsMax) {
        pattern.remove_prefix(1);
        path.remove_prefix(1);
        const std::size_t pattern_end = pattern.find('/'), path_end = path.find('/');
        const std::string_view segment = pattern.substr(0, pattern_end);
        if (segment.size() > 1 && segment[0] == ':') {
            const bool rest = segment.back() == '*';
            params[count++] = {segment.substr(1, segment.size() - (rest ? 2 : 1)),
                               rest ? path : path.substr(0, path_end)};
            if (rest) break;
        }
        pattern = pattern_end == std::string_view::npos ? std::string_view{}
                                                        : pattern.substr(pattern_end);
        path = path_end == std::string_view::npos ? std::string_view{} : path.substr(path_end);
    }
    return count;
}

}  // namespace skerry::classify
