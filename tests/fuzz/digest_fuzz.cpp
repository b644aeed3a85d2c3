// Any bytes as what a region answers to a probe with a digest, and as a POP's word of itself: what
// is made of them stays within bounds. The first bytes say how much of what else happens.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>

#include "control/regions/catchment.hpp"
#include "control/regions/digest_book.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;

constexpr std::uint32_t kRegions = 2, kFunctions = 5;

// As dataplane/probe takes a reply.
ProbeResult result_of(const std::uint8_t* data, std::uint32_t bytes) {
    wire::ProbePayload payload{};
    std::memcpy(&payload, data, std::min<std::size_t>(bytes, sizeof payload));
    ProbeResult result;
    result.keep_ms = payload.keep_ms.get();
    result.crowding_permille = payload.crowding_permille.get();
    result.digest_entries = payload.digest_entries.get();
    result.catchment_milli = payload.catchment_milli.get();
    result.entry_count = wire::digest_entries(data, bytes);
    SKERRY_CHECK(result.entry_count == 0 ||
                 wire::probe_bytes(static_cast<std::uint32_t>(result.entry_count)) <= bytes);
    if (result.entry_count != 0)
        std::memcpy(result.entries.data(), data + wire::kDigestEntriesAt,
                    result.entry_count * sizeof(wire::DigestEntry));
    return result;
}

void check(const select::WarmthView& view) {
    float shares = 0;
    for (std::uint32_t r = 0; r < kRegions; ++r) {
        SKERRY_CHECK(std::isfinite(view.rate[r]) && view.rate[r] >= 0 && view.rate[r] < 5e6f);
        SKERRY_CHECK(std::isfinite(view.idle_s[r]) && view.idle_s[r] >= 0);
        SKERRY_CHECK(view.keep_s[r] >= 0 && view.keep_s[r] <= 86'401);
        SKERRY_CHECK(view.crowding[r] >= 0 && view.crowding[r] <= 1);
        SKERRY_CHECK(view.catchment[r] >= 0 && view.catchment[r] <= 1.001f);
        shares += view.catchment[r];
    }
    SKERRY_CHECK(shares <= 1.001f && view.busy < 1u << kRegions);
    alignas(64) select::Column<std::int32_t> row{};
    select::expected_cold_us(select::Warmth::stream, view, row.data());
    for (std::uint32_t r = 0; r < kRegions; ++r) SKERRY_CHECK(row[r] >= 0 && row[r] <= 300'000'000);
}

class Course {
  public:
    Course() {
        for (std::uint32_t f = 0; f < kFunctions; ++f)
            tracked_[f] = {.function = f, .key = 1 + f, .cold_cost_us = 100'000};
        book_.track(tracked_, 1e300);
        view_.count = kRegions;
        view_.own_rate = 1;
        view_.cold_cost_us = 100'000;
    }
    void step(std::uint8_t how, const std::uint8_t* data, std::uint32_t bytes) {
        const std::uint32_t region = how % kRegions;
        const float sent_per_s[kRegions] = {how & 2 ? 1.0f : 0.0f, 0};
        const std::uint64_t sent_us[kRegions] = {how & 4 ? now_us_ : 0, 0};
        if (how & 8) book_.reset(how % kFunctions);
        if (how & 16) book_.track(tracked_, 1);
        if (how & 32) book_.used(how % kFunctions, now_us_);
        ProbeCommand command;
        book_.ask(region, how & 64 ? 2 : ~0u, now_us_, command);
        SKERRY_CHECK(command.key_count <= kFunctions);
        now_us_ += std::uint64_t{how} * 10'000;
        ProbeResult result = result_of(data, bytes);
        // Keys are guessed too seldom: half of the time those that were asked for are in place.
        if (how & 128)
            for (std::uint32_t i = 0; i < command.key_count; ++i)
                result.entries[i].key.set(command.keys[i]);
        book_.take(region, result, now_us_);
        book_.read_regions(now_us_, view_);
        for (std::uint32_t f = 0; f < kFunctions; ++f) {
            book_.fade(f, 0.9f);
            book_.read_function(f, now_us_, sent_per_s, sent_us, view_);
            check(view_);
        }
    }

  private:
    regions::DigestBook book_{kRegions, 30.0};
    regions::Tracked tracked_[kFunctions];
    select::WarmthView view_;
    std::uint64_t now_us_ = 1'000'000;
};

}  // namespace

// A piece: how (1), length (2), so many bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto shared = std::make_unique<Shared>();
    Course course;
    regions::Catchment catchment(*shared);
    std::uint64_t most = 0;
    for (std::size_t at = 0, pieces = 0; at + 3 <= size && pieces < 8; ++pieces) {
        const std::uint8_t how = data[at];
        const std::size_t said = data[at + 1] | std::size_t{data[at + 2]} << 8;
        at += 3;
        const auto bytes = static_cast<std::uint32_t>(
            std::min({said, size - at, std::size_t{wire::kLongestProbeBytes}}));
        const auto exact = std::make_unique<std::uint8_t[]>(bytes);
        std::copy_n(data + at, bytes, exact.get());
        course.step(how, exact.get(), bytes);
        PopNote note;
        std::memcpy(&note, exact.get(), std::min<std::size_t>(bytes, sizeof note));
        catchment.note(note, pieces);
        most += regions::Catchment::kMostOfOne_milli;
        SKERRY_CHECK(catchment.rate_milli() <= most);
        at += bytes;
    }
    return 0;
}
