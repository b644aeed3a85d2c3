#include "tools/load/tally.hpp"

#include <cinttypes>

namespace skerry::load {
namespace {

constexpr char kOther[] = "other";

std::string version_text(std::uint64_t key) {
    if (key == 0) return "none";
    char text[17];
    std::snprintf(text, sizeof text, "%016" PRIx64, key);
    return text;
}

}  // namespace

bool was_executed(std::uint8_t status) {
    return status == static_cast<std::uint8_t>(ReplyStatus::ok) ||
           status == static_cast<std::uint8_t>(ReplyStatus::function_error);
}

void Tally::on_reply(const client::Message& reply, std::size_t function, std::uint64_t latency_ns,
                     std::uint64_t since_start_ns) {
    ++answered;
    ++by_function_[function].answered;
    ++by_status_[reply.status];
    if (last_answer_ns_ != UINT64_MAX && since_start_ns - last_answer_ns_ > longest_gap_ns) {
        longest_gap_ns = since_start_ns - last_answer_ns_;
        longest_gap_at_ns = last_answer_ns_;
    }
    last_answer_ns_ = since_start_ns;
    cold += (reply.flags & wire::flag::cold) != 0;
    replayed += (reply.flags & wire::flag::replayed) != 0;
    maybe_repeated += (reply.flags & wire::flag::maybe_repeated) != 0;
    if (!was_executed(reply.status)) {
        others_.record(latency_ns);
        return;
    }
    executed_.record(latency_ns);
    recent.record(latency_ns);
    std::string place = reply.place[0] == '\0' ? "unnamed" : reply.place;
    if (by_place_.size() >= kMostPlaces && !by_place_.contains(place)) place = kOther;
    auto& histogram = by_place_[place];
    if (histogram == nullptr) histogram = std::make_unique<Histogram>();
    histogram->record(latency_ns);
    std::string version = version_text(reply.version_key);
    if (by_version_.size() >= kMostVersions && !by_version_.contains(version)) version = kOther;
    ++by_version_[version];
}

}  // namespace skerry::load
