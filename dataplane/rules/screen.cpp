#include "dataplane/rules/screen.hpp"

#include <algorithm>

#include "dataplane/classify/normal.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::rules {
namespace {

// Names of fields have no case (RFC 9110 §5.1). `lower` is in lower case.
bool equals_lower(std::string_view text, std::string_view lower) {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != lower[i]) return false;
    }
    return true;
}

// Once, "+" as a space; what is no escape stands for itself. In `buffer`, or as it is.
std::string_view decoded(std::string_view query, std::span<char, kQueryBytesMax> buffer) {
    if (query.find_first_of("%+") == std::string_view::npos) return query;
    SKERRY_CHECK(query.size() <= buffer.size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < query.size(); ++i) {
        char c = query[i] == '+' ? ' ' : query[i];
        if (c == '%' && i + 2 < query.size()) {
            const int high = classify::hex_digit(query[i + 1]);
            const int low = classify::hex_digit(query[i + 2]);
            if (high >= 0 && low >= 0) {
                c = static_cast<char>(high << 4 | low);
                i += 2;
            }
        }
        buffer[bytes++] = c;
    }
    return {buffer.data(), bytes};
}

// Hyperscan takes no text without an address.
constexpr std::string_view kNothing = "";

// Where a match is noted: Hyperscan knows one pointer.
struct Found {
    const std::uint16_t* rules;
    std::uint64_t* bits;
    bool* any;
};

int note(unsigned int id, unsigned long long, unsigned long long, unsigned int, void* context) {
    const Found& found = *static_cast<const Found*>(context);
    const std::uint32_t rule = found.rules[id];
    found.bits[rule / 64] |= std::uint64_t{1} << rule % 64;
    *found.any = true;
    return 0;
}

}  // namespace

Screen::Screen(std::uint32_t core, std::uint32_t connections)
    : core_(core), flows_(std::make_unique<Flow[]>(connections)) {}

void Screen::scan(const Set& set, const Patterns& patterns, std::string_view text) {
    if (patterns.database == nullptr) return;
    if (text.empty()) text = kNothing;
    Found found{patterns.rules.data(), fresh_.data(), &fresh_any_};
    SKERRY_CHECK(hs_scan(patterns.database.get(), text.data(),
                         static_cast<unsigned int>(text.size()), 0, set.scratches[core_].get(),
                         note, &found) == HS_SUCCESS);
}

void Screen::scan_fields(std::span<const Field> fields) {
    if (set_->fields.empty() && set_->every_field.database == nullptr) return;
    for (const Field& field : fields) {
        scan(*set_, set_->every_field, field.value);
        for (const FieldPatterns& each : set_->fields)
            if (equals_lower(field.name, each.lower_name)) {
                scan(*set_, each.patterns, field.value);
                break;
            }
    }
}

// What has matched since the last verdict, in the order of declaration: the first that refuses is
// the one that is told. Those behind it count the request as well, and take no tokens.
Verdict Screen::verdict(const Set& set, const net::IpAddress& source,
                        std::span<const Field> fields) {
    Verdict verdict;
    if (!fresh_any_) [[likely]]
        return verdict;
    fresh_any_ = false;
    for (std::uint32_t word = 0; word < fresh_.size(); ++word) {
        std::uint64_t bits = fresh_[word] & ~seen_[word];
        fresh_[word] = 0;
        seen_[word] |= bits;
        for (; bits != 0; bits &= bits - 1) {
            const std::uint32_t number =
                word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(bits));
            const Rule& rule = set.rules[number];
            Tally& tally = rule.ledger->tallies[core_];
            tally.matched.add();
            if (verdict.kind != Verdict::Kind::pass || rule.action == Action::count) continue;
            if (rule.action == Action::rate && take_token(set, rule, source, fields)) continue;
            tally.refused.add();
            verdict = {
                rule.action == Action::deny ? Verdict::Kind::denied : Verdict::Kind::over_rate,
                rule.status, number};
        }
    }
    return verdict;
}

// Requests without the field have one bucket in common.
bool Screen::take_token(const Set& set, const Rule& rule, const net::IpAddress& source,
                        std::span<const Field> fields) {
    limits::BucketTable& table = *rule.ledger->buckets[core_];
    std::uint64_t key = 0;
    if (rule.key_field.empty()) {
        // A host of IPv6 has a /64 to choose from.
        key = source.is_v4() ? table.key_of(std::uint64_t{source.v4_network_order()})
                             : table.key_of(source.high(), std::uint64_t{0});
    } else {
        const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& each) {
            return equals_lower(each.name, rule.key_field);
        });
        const std::string_view value = field == fields.end() ? std::string_view{} : field->value;
        key = table.key_of(net::siphash_of_text(set.key, value), std::uint64_t{1});
    }
    const limits::BucketTable::Place place = table.find_or_make(key, now_us_);
    return table.asked(place).take(table.rate_of(place, rule.rate), now_us_);
}

// As early as it can be known, and no further.
Verdict Screen::judge_head(const Head& head) {
    seen_ = {};
    if (!head.path.empty()) scan(*set_, set_->path, head.path);
    Verdict found = verdict(*set_, head.source, head.fields);
    if (found.kind != Verdict::Kind::pass) return found;
    if (set_->query.database != nullptr) scan(*set_, set_->query, decoded(head.query, query_));
    scan_fields(head.fields);
    return verdict(*set_, head.source, head.fields);
}

bool Screen::begin_body(std::uint32_t connection) {
    if (set_ == nullptr || set_->body.database == nullptr) return false;
    Flow& flow = flows_[connection];
    SKERRY_CHECK(flow.set == nullptr);
    flow = {set_, kNone, 0};
    set_->streams[core_]->begin();
    return true;
}

std::uint32_t Screen::in_the_way(std::uint32_t connection) const {
    const Flow& flow = flows_[connection];
    const Streams& streams = *flow.set->streams[core_];
    return flow.stream == kNone && streams.full() ? streams.longest_holder() : kNone;
}

void Screen::scan_stream(Flow& flow, std::string_view piece, bool end) {
    Streams& streams = *flow.set->streams[core_];
    hs_scratch_t* const scratch = flow.set->scratches[core_].get();
    Found found{flow.set->body.rules.data(), fresh_.data(), &fresh_any_};
    hs_stream_t* const stream = streams.at(flow.stream);
    if (piece.empty()) piece = kNothing;
    SKERRY_CHECK(hs_scan_stream(stream, piece.data(), static_cast<unsigned int>(piece.size()), 0,
                                scratch, note, &found) == HS_SUCCESS);
    // What matches at the end only.
    if (end) SKERRY_CHECK(hs_reset_stream(stream, 0, scratch, note, &found) == HS_SUCCESS);
}

Verdict Screen::judge_body(std::uint32_t connection, std::string_view piece, bool last,
                           const net::IpAddress& source, bool& done) {
    Flow& flow = flows_[connection];
    const Set& set = *flow.set;
    piece = piece.substr(0, set.body_bytes - flow.bytes);
    flow.bytes += static_cast<std::uint32_t>(piece.size());
    done = last || flow.bytes == set.body_bytes;
    Verdict found;
    if (flow.bytes != 0) {
        if (flow.stream == kNone) flow.stream = set.streams[core_]->take(connection);
        SKERRY_CHECK(flow.stream != kNone);
        seen_ = {};  // a pattern matches once in a stream
        scan_stream(flow, piece, done);
        found = verdict(set, source, {});
        done |= found.kind != Verdict::Kind::pass;
    }
    if (done) finish(flow);
    return found;
}

void Screen::stop(std::uint32_t connection) {
    finish(flows_[connection]);
}

void Screen::finish(Flow& flow) {
    SKERRY_CHECK(flow.set != nullptr);
    Streams& streams = *flow.set->streams[core_];
    if (flow.stream != kNone) streams.give_back(flow.stream);
    flow = {};
    streams.end();  // the last thing that is done with the set
}

}  // namespace skerry::rules
