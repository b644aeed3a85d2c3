// Any bytes as a datagram on our port: judged without reading beyond them. Then the same bytes as a
// course of events at the reply cache, compared with a plain map of what may be remembered.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/decide/lane.hpp"
#include "dataplane/load/to_region_load.hpp"
#include "dataplane/wire/message.hpp"
#include "dataplane/wire/reply_cache.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;
using wire::ReplyCache;
using wire::Seen;

constexpr std::uint32_t kWindowMs = 1000;

void judge(const std::uint8_t* data, std::size_t size) {
    const auto exact = std::make_unique<std::uint8_t[]>(size);
    std::copy_n(data, size, exact.get());
    if (wire::validate(exact.get(), size) != wire::ParseError::none) return;
    const auto* header = reinterpret_cast<const wire::Header*>(exact.get());
    const bool with_context = header->version == wire::kVersionWithContext;
    SKERRY_CHECK(header->magic.get() == wire::kMagic &&
                 (with_context || header->version == wire::kVersion));
    SKERRY_CHECK((wire::context_of(*header) != 0) == with_context);
    SKERRY_CHECK(wire::context_of(*header) <= wire::kContextBytesMax &&
                 wire::argument_bytes(*header) <= header->payload_bytes.get());
    SKERRY_CHECK(wire::kHeaderBytes + header->payload_bytes.get() == size);
}

// Any bytes as what a region says of its load, and as the numbers that are kept of regions: a
// choice is made, within bounds.
void choose(const std::uint8_t* data, std::size_t size) {
    std::uint64_t words[8] = {};
    std::memcpy(words, data, std::min(size, sizeof words));
    const wire::Load load = wire::unpack_load(words[0]);
    SKERRY_CHECK(wire::unpack_load(wire::pack(load)) == load);
    const RegionLoad said = to_region_load(load);
    SKERRY_CHECK(said.wait_us <= 60'000'000 && said.in_flight >= said.waiting);
    select::Candidates regions;
    regions.count = 2;
    for (std::uint32_t r = 0; r < 2; ++r) {
        // As far as control/regions/monitor.cpp lets them through.
        const auto up_to = [&](std::size_t word, std::uint32_t most) {
            return static_cast<std::uint32_t>(words[(word + r) % 8] % (std::uint64_t{most} + 1));
        };
        RegionNumbers numbers{.rtt_us = up_to(1, 600'000'000),
                              .weight_permille = 1000,
                              .slots = up_to(2, ~0u),
                              .region_us = up_to(3, 600'000'000),
                              .service_us = up_to(4, 600'000'000),
                              .slow_permille = 1000 + up_to(5, 99'000),
                              .fresh_until_tsc = ~std::uint64_t{0}};
        regions.id[r] = r;
        write_lane(regions, r, numbers, said, {1, 1e-6, 7});
        regions.outstanding[r] = static_cast<std::int32_t>(up_to(6, 1u << 20));
        regions.max_payload_bytes[r] = 1000;
    }
    select::count_own(regions);
    select::prepare(regions);
    for (std::uint32_t policy = 0; policy < select::kPolicies; ++policy) {
        const select::Settings settings{.policy = static_cast<select::Policy>(policy)};
        const auto choice = select::select_region(settings, {.allowed = 3}, regions,
                                                  {.now_ms = 7, .deadline_us = 0x7fffffff});
        SKERRY_CHECK(choice.found() && choice.region < 2);
    }
}

struct Remembered {
    std::uint32_t entry = 0;
    bool answered = false;
    std::uint32_t answered_ms = 0;
    std::string reply;
};

// Five bytes an event: what, for whom (2), how much later or how long (2).
class Course {
  public:
    void step(const std::uint8_t* event) {
        const std::uint16_t who = static_cast<std::uint16_t>(event[1] | event[2] << 8);
        const std::uint32_t amount = event[3] | event[4] << 8;
        net::Path path;
        path.peer.bytes[15] = event[2];
        path.peer_udp = event[1];
        const std::uint64_t tag = cache_.tag(path, {who, 0});
        look_up(tag);
        switch (event[0] % 4) {
            case 0:
                now_ms_ += amount;
                break;
            case 1:
                arrive(tag);
                break;
            case 2:
                finish(tag, amount, static_cast<char>(event[0]));
                break;
            case 3:
                refuse(tag);
                break;
        }
    }

  private:
    // What a cancel finds.
    void look_up(std::uint64_t tag) const {
        const auto known = remembered_.find(tag);
        const bool in_flight = known != remembered_.end() && !known->second.answered;
        SKERRY_CHECK(
            cache_.invocation_of(tag, 1) ==
            (in_flight ? static_cast<std::uint32_t>(tag) & 0xffff : ReplyCache::kNoInvocation));
        SKERRY_CHECK(cache_.invocation_of(tag, 2) == ReplyCache::kNoInvocation);
    }
    void arrive(std::uint64_t tag) {
        const auto found = cache_.find_or_reserve(tag, 1, now_ms_);
        const auto known = remembered_.find(tag);
        switch (found.seen) {
            case Seen::fresh:
                // Executed twice, if it was known: only a window after its answer may that happen.
                SKERRY_CHECK(known == remembered_.end() ||
                             (known->second.answered && late(known->second)));
                forget_entry(found.entry);
                remembered_[tag] = {.entry = found.entry};
                cache_.bind(found.entry, static_cast<std::uint32_t>(tag) & 0xffff);
                break;
            case Seen::in_flight:
                SKERRY_CHECK(known != remembered_.end() && !known->second.answered);
                break;
            case Seen::answered:
                SKERRY_CHECK(known != remembered_.end() && known->second.answered);
                SKERRY_CHECK((std::string_view(reinterpret_cast<const char*>(found.reply),
                                               found.reply_bytes) == known->second.reply));
                break;
            case Seen::gone:
                SKERRY_CHECK(known != remembered_.end() && known->second.answered);
                break;
            case Seen::full:
                break;
            case Seen::reused:
                SKERRY_CHECK(!"one function only");
                break;
        }
    }
    void finish(std::uint64_t tag, std::uint32_t bytes, char fill) {
        const auto known = remembered_.find(tag);
        if (known == remembered_.end() || known->second.answered) return;
        Remembered& it = known->second;
        it.answered = true;
        it.answered_ms = now_ms_;
        it.reply = std::string(112, 'h') + std::string(std::min(bytes, 65000u), fill);
        cache_.answer(it.entry, it.reply.data(), 112, it.reply.data() + 112,
                      static_cast<std::uint32_t>(it.reply.size() - 112), now_ms_);
        const auto found = cache_.find_or_reserve(tag, 1, now_ms_);
        SKERRY_CHECK(found.seen == Seen::answered && found.reply_bytes == it.reply.size());
    }
    void refuse(std::uint64_t tag) {
        const auto known = remembered_.find(tag);
        if (known == remembered_.end() || known->second.answered) return;
        cache_.forget(known->second.entry);
        remembered_.erase(known);
    }
    bool late(const Remembered& it) const { return now_ms_ - it.answered_ms >= kWindowMs; }
    // A cell that was given to somebody else: its last owner's answer must have been old enough.
    void forget_entry(std::uint32_t entry) {
        for (auto it = remembered_.begin(); it != remembered_.end(); ++it) {
            if (it->second.entry != entry) continue;
            SKERRY_CHECK(it->second.answered && late(it->second));
            remembered_.erase(it);
            return;
        }
    }

    ReplyCache cache_{32, 0, kWindowMs, 7};
    std::uint32_t now_ms_ = 0xffff'0000u;  // wraps soon
    std::map<std::uint64_t, Remembered> remembered_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    judge(data, size);
    choose(data, size);
    Course course;
    for (std::size_t at = 0; at + 5 <= std::min<std::size_t>(size, 2000); at += 5)
        course.step(data + at);
    return 0;
}
