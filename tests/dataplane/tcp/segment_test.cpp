// Headers byte by byte: what parse() takes and refuses, what emit() writes, checksums against the
// plain rule of RFC 1071.
#include "dataplane/net/tcp/segment.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "dataplane/net/checksum.hpp"
#include "tests/dataplane/frames.hpp"

namespace skerry::net::tcp {
namespace {

using frames::Bytes;

// A header with these options, padded with `padding` to whole words, and `payload` bytes behind it.
Bytes header(std::uint8_t flags, Bytes options, std::size_t payload = 0, std::uint8_t padding = 0) {
    while (options.size() % 4 != 0) options.push_back(padding);
    Bytes out = {0x9c, 0x40, 0x00, 0x50, 0x11, 0x22, 0x33, 0x44, 0xaa, 0xbb, 0xcc, 0xdd};
    out.push_back(static_cast<std::uint8_t>((20 + options.size()) / 4 << 4));
    out.push_back(flags);
    frames::put(out, Bytes{0xfa, 0xf0, 0, 0, 0x12, 0x34});
    frames::put(out, options);
    out.resize(out.size() + payload, 'x');
    return out;
}

bool takes(const Bytes& bytes, Segment& segment) {
    // To the heap, exactly: a sanitizer sees what is read beyond.
    const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.get());
    const bool good = parse(exact.get(), static_cast<std::uint16_t>(bytes.size()), segment);
    segment.payload = nullptr;
    return good;
}
bool takes(const Bytes& bytes) {
    Segment segment;
    return takes(bytes, segment);
}

TEST(TcpParse, ReadsEveryField) {
    Segment segment;
    ASSERT_TRUE(takes(header(kAck | kPsh, {}, 7), segment));
    EXPECT_EQ(segment.source, 40000);
    EXPECT_EQ(segment.destination, 80);
    EXPECT_EQ(segment.seq, 0x11223344u);
    EXPECT_EQ(segment.ack, 0xaabbccddu);
    EXPECT_EQ(segment.flags, kAck | kPsh);
    EXPECT_EQ(segment.window, 0xfaf0);
    EXPECT_EQ(segment.urgent, 0x1234);
    EXPECT_EQ(segment.header_bytes, 20);
    EXPECT_EQ(segment.payload_bytes, 7);
    EXPECT_FALSE(segment.has_mss || segment.has_scale || segment.sack_permitted ||
                 segment.has_timestamp);
    EXPECT_EQ(segment.sack_count, 0);
}

TEST(TcpParse, PayloadBeginsBehindTheOptions) {
    const Bytes bytes = header(kAck, {1, 1, 1, 1}, 3);
    Segment segment;
    ASSERT_TRUE(parse(bytes.data(), static_cast<std::uint16_t>(bytes.size()), segment));
    EXPECT_EQ(segment.payload, bytes.data() + 24);
    EXPECT_EQ(segment.payload_bytes, 3);
}

TEST(TcpParse, LengthCountsSynAndFin) {
    Segment segment;
    ASSERT_TRUE(takes(header(kSyn, {}, 5), segment));
    EXPECT_EQ(segment.length(), 6u);
    ASSERT_TRUE(takes(header(kFin | kAck, {}, 5), segment));
    EXPECT_EQ(segment.length(), 6u);
    ASSERT_TRUE(takes(header(kAck, {}, 5), segment));
    EXPECT_EQ(segment.length(), 5u);
}

TEST(TcpParse, RefusesWhatIsShorterThanItsHeader) {
    const Bytes whole = header(kAck, {1, 1, 1, 1});
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
        EXPECT_FALSE(takes(Bytes(whole.begin(), whole.begin() + static_cast<long>(bytes))))
            << bytes;
    EXPECT_TRUE(takes(whole));
}

TEST(TcpParse, RefusesADataOffsetBelowFive) {
    for (std::uint8_t words = 0; words < 5; ++words) {
        Bytes bytes = header(kAck, {}, 40);
        bytes[12] = static_cast<std::uint8_t>(words << 4);
        EXPECT_FALSE(takes(bytes)) << int{words};
    }
}

TEST(TcpParse, ReadsTheOptionsOfASyn) {
    Segment segment;
    ASSERT_TRUE(
        takes(header(kSyn, {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7}),
              segment));
    EXPECT_TRUE(segment.has_mss && segment.sack_permitted && segment.has_timestamp &&
                segment.has_scale);
    EXPECT_EQ(segment.mss, 1460);
    EXPECT_EQ(segment.scale, 7);
    EXPECT_EQ(segment.ts_value, 0x01020304u);
    EXPECT_EQ(segment.ts_echo, 0x05060708u);
}

TEST(TcpParse, ASynsOptionsMeanNothingLater) {
    Segment segment;
    ASSERT_TRUE(takes(header(kAck, {2, 4, 0x05, 0xb4, 4, 2, 1, 3, 3, 7}), segment));
    EXPECT_FALSE(segment.has_mss || segment.sack_permitted || segment.has_scale);
}

TEST(TcpParse, ScaleIsAtMostFourteen) {
    Segment segment;
    ASSERT_TRUE(takes(header(kSyn, {3, 3, 200}), segment));
    EXPECT_EQ(segment.scale, 14);
}

// What kernels send is read at once; what is nearly the same is read one by one, to the same end.
TEST(TcpParse, TheUsualSynTakesTheShortWay) {
    const Bytes usual = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 1, 3, 3, 15};
    Segment segment;
    ASSERT_TRUE(takes(header(kSyn, usual), segment));
    EXPECT_TRUE(segment.has_mss && segment.sack_permitted && segment.has_timestamp &&
                segment.has_scale);
    EXPECT_EQ(segment.mss, 1460);
    EXPECT_EQ(segment.ts_value, 7u);
    EXPECT_EQ(segment.ts_echo, 9u);
    EXPECT_EQ(segment.scale, kMaxScale);
    ASSERT_TRUE(takes(header(kAck, usual), segment));
    EXPECT_FALSE(segment.has_mss || segment.sack_permitted || segment.has_scale);
    EXPECT_TRUE(segment.has_timestamp);
    for (const std::size_t at : {1u, 5u, 7u, 18u}) {  // a length that is another
        Bytes other = usual;
        ++other[at];
        EXPECT_FALSE(takes(header(kSyn, other))) << at;
    }
    Bytes unknown = usual;
    unknown[0] = 99;
    ASSERT_TRUE(takes(header(kSyn, unknown), segment));
    EXPECT_FALSE(segment.has_mss);
    EXPECT_TRUE(segment.has_scale && segment.has_timestamp && segment.sack_permitted);
}

TEST(TcpParse, AlignedTimestampsTakeTheShortWay) {
    Segment segment;
    ASSERT_TRUE(takes(header(kAck, {1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 5}), segment));
    EXPECT_TRUE(segment.has_timestamp);
    EXPECT_EQ(segment.ts_value, 9u);
    EXPECT_EQ(segment.ts_echo, 5u);
}

TEST(TcpParse, OddTimestampsTakeTheLongWay) {
    Segment segment;
    ASSERT_TRUE(takes(header(kAck, {8, 10, 0, 0, 0, 9, 0, 0, 0, 5, 1, 1}), segment));
    EXPECT_TRUE(segment.has_timestamp);
    EXPECT_EQ(segment.ts_value, 9u);
}

TEST(TcpParse, ReadsUpToFourSackBlocks) {
    for (std::uint8_t blocks = 1; blocks <= 4; ++blocks) {
        Bytes options = {1, 1, 5, static_cast<std::uint8_t>(2 + 8 * blocks)};
        for (std::uint8_t i = 0; i < blocks; ++i)
            frames::put(options, Bytes{0, 0, i, 10, 0, 0, i, 20});
        Segment segment;
        ASSERT_TRUE(takes(header(kAck, options), segment));
        ASSERT_EQ(segment.sack_count, blocks);
        for (std::uint32_t i = 0; i < blocks; ++i)
            EXPECT_EQ(segment.sacks[i], (SackBlock{i << 8 | 10, i << 8 | 20}));
    }
}

TEST(TcpParse, NothingIsReadBehindTheEnd) {
    Segment segment;
    ASSERT_TRUE(takes(header(kSyn, {0, 2, 4, 0}), segment));
    EXPECT_FALSE(segment.has_mss);
}

TEST(TcpParse, UnknownOptionsAreSkipped) {
    Segment segment;
    ASSERT_TRUE(takes(header(kSyn, {253, 4, 0xab, 0xcd, 30, 2, 2, 4, 5, 0xb4}), segment));
    EXPECT_EQ(segment.mss, 1460);
}

TEST(TcpParse, RefusesOptionsThatDoNotEndInsideTheHeader) {
    const Bytes broken[] = {
        {1, 1, 1, 2},         // a kind, and no length
        {2, 0, 1, 1},         // a length of zero: would never end
        {2, 1, 1, 1},         // less than itself
        {99, 5, 1, 1},        // ends behind the header
        {99, 255, 1, 1},      //
        {8, 10, 0, 0, 0, 0},  //
    };
    for (const Bytes& options : broken) EXPECT_FALSE(takes(header(kSyn, options, 64)));
}

TEST(TcpParse, RefusesKnownOptionsOfAnotherLength) {
    const Bytes broken[] = {
        {2, 3, 5},          {2, 2}, {3, 2}, {3, 4, 7, 7}, {4, 3, 1}, {5, 2}, {5, 6, 1, 1, 1},
        {8, 6, 1, 1, 1, 1}, {8, 2},
    };
    for (const Bytes& options : broken) EXPECT_FALSE(takes(header(kSyn, options, 0, 1)));
    Bytes sacks = {5, 38};
    sacks.resize(38, 1);
    EXPECT_FALSE(takes(header(kAck, sacks, 0, 1))) << "4½ blocks";
}

Segment full_syn() {
    Segment segment;
    segment.source = 80;
    segment.destination = 40000;
    segment.seq = 0xfffffff0;
    segment.ack = 5;
    segment.flags = kSyn | kAck;
    segment.window = 65535;
    segment.has_mss = segment.has_scale = segment.sack_permitted = segment.has_timestamp = true;
    segment.mss = 1440;
    segment.scale = 9;
    segment.ts_value = 0xdeadbeef;
    segment.ts_echo = 0xcafe0001;
    return segment;
}

void expect_same(const Segment& a, const Segment& b) {
    EXPECT_EQ(a.source, b.source);
    EXPECT_EQ(a.destination, b.destination);
    EXPECT_EQ(a.seq, b.seq);
    EXPECT_EQ(a.ack, b.ack);
    EXPECT_EQ(a.flags, b.flags);
    EXPECT_EQ(a.window, b.window);
    EXPECT_EQ(a.has_mss, b.has_mss);
    EXPECT_EQ(a.mss, b.mss);
    EXPECT_EQ(a.has_scale, b.has_scale);
    EXPECT_EQ(a.scale, b.scale);
    EXPECT_EQ(a.sack_permitted, b.sack_permitted);
    EXPECT_EQ(a.has_timestamp, b.has_timestamp);
    EXPECT_EQ(a.ts_value, b.ts_value);
    EXPECT_EQ(a.ts_echo, b.ts_echo);
    EXPECT_EQ(a.sack_count, b.sack_count);
    for (int i = 0; i < a.sack_count; ++i) EXPECT_EQ(a.sacks[i], b.sacks[i]);
}

TEST(TcpEmit, EveryCombinationOfSynOptionsComesBack) {
    for (unsigned bits = 0; bits < 16; ++bits) {
        Segment segment = full_syn();
        if (!(segment.has_mss = bits & 1)) segment.mss = 0;
        if (!(segment.has_scale = bits & 2)) segment.scale = 0;
        segment.sack_permitted = bits & 4;
        if (!(segment.has_timestamp = bits & 8)) segment.ts_value = segment.ts_echo = 0;
        Bytes out(kMaxTcpHeaderBytes, 0xee);
        const auto [bytes, sum] = emit(out.data(), segment);
        EXPECT_EQ(fold(sum), fold(partial_sum(out.data(), bytes)));
        EXPECT_EQ(bytes, 20 + option_bytes(segment));
        EXPECT_EQ(bytes % 4, 0u);
        out.resize(bytes);
        Segment back;
        ASSERT_TRUE(takes(out, back)) << bits;
        EXPECT_EQ(back.header_bytes, bytes);
        expect_same(segment, back);
    }
}

TEST(TcpEmit, AsManySackBlocksAsFit) {
    for (const bool timestamps : {false, true}) {
        Segment segment = full_syn();
        segment.flags = kAck;
        segment.has_mss = segment.has_scale = segment.sack_permitted = false;
        segment.has_timestamp = timestamps;
        segment.sack_count = 4;
        for (std::uint32_t i = 0; i < 4; ++i) segment.sacks[i] = {100 * i, 100 * i + 50};
        Bytes out(kMaxTcpHeaderBytes);
        out.resize(emit(out.data(), segment).bytes);
        Segment back;
        ASSERT_TRUE(takes(out, back));
        EXPECT_EQ(back.sack_count, timestamps ? 3 : 4);
        EXPECT_EQ(back.sacks[0], segment.sacks[0]) << "the first is the newest: never left out";
    }
}

TEST(TcpEmit, TimestampsOfDataAreAligned) {
    Segment segment = full_syn();
    segment.flags = kAck;
    segment.has_mss = segment.has_scale = segment.sack_permitted = false;
    Bytes out(kMaxTcpHeaderBytes);
    ASSERT_EQ(emit(out.data(), segment).bytes, 32u);
    EXPECT_EQ(Bytes(out.begin() + 20, out.begin() + 24), (Bytes{1, 1, 8, 10}));
}

TEST(TcpChecksum, IsWhatThePlainRuleSays) {
    for (const auto& [source, destination] :
         {std::pair{"192.0.2.1", "198.51.100.255"}, std::pair{"2001:db8::1", "fe80::ffff"}}) {
        const IpAddress from = frames::ip(source);
        const IpAddress to = frames::ip(destination);
        for (std::size_t payload = 0; payload < 70; ++payload) {
            Bytes bytes = header(kAck, {}, payload);
            std::iota(bytes.begin() + 20, bytes.end(), std::uint8_t{0xf7});
            const auto size = static_cast<std::uint16_t>(bytes.size());
            const std::uint16_t plain = frames::transport_checksum(from, to, 6, bytes);
            put_checksum(bytes.data(),
                         add_piece(tcp_pseudo_sum(from, to, size), bytes.data(), size, 0));
            EXPECT_EQ(frames::get16(bytes, 16), plain);
            EXPECT_TRUE(checksum_is_good(from, to, bytes.data(), size));
            bytes[payload / 2] ^= 0x40;
            EXPECT_FALSE(checksum_is_good(from, to, bytes.data(), size));
        }
    }
}

TEST(TcpChecksum, PiecesOfAnyLengthAddUp) {
    Bytes bytes(61);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{200});
    const std::uint16_t whole = fold(add_piece(0, bytes.data(), bytes.size(), 0));
    for (std::size_t first = 0; first <= bytes.size(); ++first) {
        for (std::size_t second = first; second <= bytes.size(); ++second) {
            std::uint64_t sum = add_piece(0, bytes.data(), first, 0);
            sum = add_piece(sum, bytes.data() + first, second - first, first);
            sum = add_piece(sum, bytes.data() + second, bytes.size() - second, second);
            ASSERT_EQ(fold(sum), whole) << first << ' ' << second;
        }
    }
}

}  // namespace
}  // namespace skerry::net::tcp
