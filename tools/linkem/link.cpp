#include "tools/linkem/link.hpp"

#include <algorithm>

namespace skerry::linkem {

bool Link::chance(double probability) {
    if (probability <= 0) return false;
    return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

std::uint64_t Link::delay_ns() {
    if (quality_.jitter_ns == 0) return quality_.delay_ns;
    const std::uint64_t low = quality_.delay_ns - std::min(quality_.delay_ns, quality_.jitter_ns);
    return low + random_() % (quality_.delay_ns + quality_.jitter_ns - low + 1);
}

Link::Fate Link::pass(std::uint64_t now_ns, std::uint32_t bytes, std::uint32_t in_flight) {
    ++statistics_.packets;
    Fate fate;
    if (in_flight >= quality_.queue_packets) {
        ++statistics_.overflowed;
        return fate;
    }
    if (chance(quality_.loss)) {
        ++statistics_.lost;
        return fate;
    }
    std::uint64_t sent_ns = now_ns;
    if (quality_.rate_bits_per_s != 0) {
        line_free_ns_ = std::max(line_free_ns_, now_ns) +
                        bytes * 8ull * 1'000'000'000ull / quality_.rate_bits_per_s;
        sent_ns = line_free_ns_;
    }
    if (chance(quality_.reorder)) {
        ++statistics_.reordered;
        fate.due_ns[fate.copies++] = sent_ns;
    } else {
        // Jitter delays, it does not reorder: a packet never leaves before the one that came first.
        last_due_ns_ = std::max(last_due_ns_, sent_ns + delay_ns());
        fate.due_ns[fate.copies++] = last_due_ns_;
    }
    // What the link layer's own check would have caught is not for IP to see: only what comes after
    // its header.
    constexpr std::uint32_t kEthernetBits = 14 * 8;
    if (bytes * 8 > kEthernetBits && chance(quality_.corrupt)) {
        ++statistics_.corrupted;
        fate.flipped_bit =
            static_cast<std::uint32_t>(kEthernetBits + random_() % (bytes * 8 - kEthernetBits));
    }
    if (in_flight + 1 < quality_.queue_packets && chance(quality_.duplicate)) {
        ++statistics_.duplicated;
        fate.due_ns[fate.copies++] = fate.due_ns[0];
    }
    return fate;
}

}  // namespace skerry::linkem
