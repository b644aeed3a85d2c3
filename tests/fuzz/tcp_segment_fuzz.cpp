// Any bytes as a TCP header with its options. What parses is written again, and what was written
// must parse to the same.
#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/tcp/segment.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry::net::tcp;

void check_again(const Segment& first) {
    std::uint8_t header[kMaxTcpHeaderBytes];
    const auto [bytes, sum] = emit(header, first);
    SKERRY_CHECK(skerry::net::fold(sum) ==
                 skerry::net::fold(skerry::net::partial_sum(header, bytes)));
    SKERRY_CHECK(bytes <= kMaxTcpHeaderBytes && bytes % 4 == 0);
    SKERRY_CHECK(bytes == kBareTcpHeaderBytes + option_bytes(first));
    Segment second;
    SKERRY_CHECK(parse(header, static_cast<std::uint16_t>(bytes), second));
    SKERRY_CHECK(second.seq == first.seq && second.ack == first.ack);
    SKERRY_CHECK(second.flags == first.flags && second.window == first.window);
    SKERRY_CHECK(second.has_mss == first.has_mss && second.has_scale == first.has_scale);
    SKERRY_CHECK(!first.has_mss || second.mss == first.mss);
    SKERRY_CHECK(!first.has_scale || second.scale == first.scale);
    SKERRY_CHECK(second.sack_permitted == first.sack_permitted);
    SKERRY_CHECK(second.has_timestamp == first.has_timestamp);
    SKERRY_CHECK(!first.has_timestamp ||
                 (second.ts_value == first.ts_value && second.ts_echo == first.ts_echo));
    SKERRY_CHECK(second.sack_count <= first.sack_count);
    SKERRY_CHECK(std::equal(second.sacks, second.sacks + second.sack_count, first.sacks));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 2000) return 0;
    Segment segment;
    if (!parse(data, static_cast<std::uint16_t>(size), segment)) return 0;
    SKERRY_CHECK(segment.header_bytes + segment.payload_bytes == size);
    SKERRY_CHECK(segment.payload == data + segment.header_bytes);
    SKERRY_CHECK(segment.sack_count <= kMaxSacks && segment.scale <= kMaxScale);
    SKERRY_CHECK(segment.has(kSyn) ||
                 !(segment.has_mss || segment.has_scale || segment.sack_permitted));
    check_again(segment);
    return 0;
}
