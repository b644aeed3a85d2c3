// The header as bytes: every offset is written down here once more, by hand, because
// docs/protocol.md promises them to clients that are not compiled from message.hpp.
#include "dataplane/wire/message.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace skerry::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes message(std::size_t payload_bytes) {
    Bytes bytes(kHeaderBytes + payload_bytes, 0);
    const std::uint8_t start[5] = {'S', 'K', 'R', 'Y', 1};
    std::copy(std::begin(start), std::end(start), bytes.begin());
    for (int i = 0; i < 4; ++i)
        bytes[76 + static_cast<std::size_t>(i)] =
            static_cast<std::uint8_t>(payload_bytes >> (24 - 8 * i));
    return bytes;
}

// On a heap buffer of exactly that size: a sanitizer sees a read past it.
ParseError judge_bytes(const Bytes& bytes) {
    const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.get());
    return validate(exact.get(), bytes.size());
}

TEST(Message, HeaderAloneIsAMessage) {
    EXPECT_EQ(judge_bytes(message(0)), ParseError::none);
}

TEST(Message, EveryPayloadLengthThatAgreesIsAccepted) {
    for (const std::size_t n : {1u, 2u, 7u, 255u, 256u, 1360u, 65395u})
        EXPECT_EQ(judge_bytes(message(n)), ParseError::none) << n;
}

TEST(Message, ShorterThanAHeaderIsNotOurs) {
    for (std::size_t n = 0; n < kHeaderBytes; ++n) {
        Bytes bytes = message(0);
        bytes.resize(n);
        EXPECT_EQ(judge_bytes(bytes), ParseError::not_skerry) << n;
    }
}

TEST(Message, EachByteOfTheMagicCounts) {
    for (std::size_t i = 0; i < 4; ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            Bytes bytes = message(0);
            bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ (1 << bit));
            EXPECT_EQ(judge_bytes(bytes), ParseError::not_skerry) << i << ' ' << bit;
        }
    }
}

TEST(Message, EveryOtherVersionIsNamedAsThat) {
    for (int version = 0; version < 256; ++version) {
        if (version == kVersion) continue;
        Bytes bytes = message(3);
        bytes[4] = static_cast<std::uint8_t>(version);
        EXPECT_EQ(judge_bytes(bytes), ParseError::bad_version) << version;
    }
}

TEST(Message, AnotherVersionsLengthIsNotJudged) {
    Bytes bytes = message(3);
    bytes[4] = 2;
    bytes.push_back(0);
    EXPECT_EQ(judge_bytes(bytes), ParseError::bad_version);
}

// A request with a client context has a version of its own; nothing else has.
TEST(Message, AClientContextIsAPartOfThePayloadsEnd) {
    const auto with = [](std::uint16_t context, std::size_t payload, int kind = 1) {
        Bytes bytes = message(payload);
        bytes[4] = 2;
        bytes[5] = static_cast<std::uint8_t>(kind);
        bytes[94] = static_cast<std::uint8_t>(context >> 8);
        bytes[95] = static_cast<std::uint8_t>(context);
        return bytes;
    };
    for (const auto& [context, payload] :
         {std::pair{1, 1u}, {1, 1000u}, {1000, 1000u}, {2687, 2687u}, {2687, 9000u}}) {
        const Bytes bytes = with(static_cast<std::uint16_t>(context), payload);
        EXPECT_EQ(judge_bytes(bytes), ParseError::none) << context;
        Header header;
        std::copy_n(bytes.begin(), kHeaderBytes, reinterpret_cast<std::uint8_t*>(&header));
        EXPECT_EQ(context_of(header), static_cast<std::uint32_t>(context));
        EXPECT_EQ(argument_bytes(header), payload - static_cast<std::uint32_t>(context));
    }
    EXPECT_EQ(judge_bytes(with(0, 10)), ParseError::bad_length);
    EXPECT_EQ(judge_bytes(with(11, 10)), ParseError::bad_length);
    EXPECT_EQ(judge_bytes(with(1, 0)), ParseError::bad_length);
    EXPECT_EQ(judge_bytes(with(2688, 9000)), ParseError::bad_length);
    EXPECT_EQ(judge_bytes(with(0xffff, 9000)), ParseError::bad_length);
    Bytes longer = with(5, 10);
    longer.push_back(0);
    EXPECT_EQ(judge_bytes(longer), ParseError::bad_length);
    for (const int kind : {0, 2, 3, 4, 5, 6, 255})
        EXPECT_EQ(judge_bytes(with(5, 10, kind)), ParseError::bad_version) << kind;
    // Of the first version that field of a request says nothing.
    Bytes first = with(5, 10);
    first[4] = 1;
    ASSERT_EQ(judge_bytes(first), ParseError::none);
    Header header;
    std::copy_n(first.begin(), kHeaderBytes, reinterpret_cast<std::uint8_t*>(&header));
    EXPECT_EQ(context_of(header), 0u);
    EXPECT_EQ(argument_bytes(header), 10u);
}

TEST(Message, AForeignDatagramIsNotToldItsVersionIsWrong) {
    Bytes bytes = message(0);
    bytes[0] = 'X';
    bytes[4] = 9;
    EXPECT_EQ(judge_bytes(bytes), ParseError::not_skerry);
}

TEST(Message, PayloadLengthMustAgreeExactly) {
    for (const int delta : {-2, -1, 1, 2, 100}) {
        Bytes bytes = message(50);
        bytes.resize(static_cast<std::size_t>(static_cast<int>(bytes.size()) + delta));
        EXPECT_EQ(judge_bytes(bytes), ParseError::bad_length) << delta;
    }
    Bytes huge = message(0);
    std::fill_n(huge.begin() + 76, 4, std::uint8_t{0xff});
    EXPECT_EQ(judge_bytes(huge), ParseError::bad_length);
    // As a signed 32-bit number this one would be "-112": the sum would come out right.
    Bytes wrapping = message(0);
    const std::uint8_t minus_header[4] = {0xff, 0xff, 0xff, 0x90};
    std::copy(std::begin(minus_header), std::end(minus_header), wrapping.begin() + 76);
    EXPECT_EQ(judge_bytes(wrapping), ParseError::bad_length);
}

TEST(Message, KindFlagsAndKeysAreNotJudged) {
    Bytes bytes = message(4);
    for (std::size_t i = 5; i < 76; ++i) bytes[i] = 0xff;
    for (std::size_t i = 80; i < bytes.size(); ++i) bytes[i] = 0xff;
    EXPECT_EQ(judge_bytes(bytes), ParseError::none);
}

// One field after the other: it is set through Header, and read from its place in the bytes.
struct Field {
    const char* name;
    std::size_t offset;
    std::size_t size;
    void (*set)(Header&);
};

constexpr std::uint64_t k64 = 0x1122334455667788ull;
constexpr std::uint32_t k32 = 0x11223344u;

constexpr Field kFields[] = {
    {"magic", 0, 4, [](Header& h) { h.magic.set(k32); }},
    {"version", 4, 1, [](Header& h) { h.version = 0x11; }},
    {"kind", 5, 1, [](Header& h) { h.kind = 0x11; }},
    {"flags", 6, 2, [](Header& h) { h.flags.set(0x1122); }},
    {"request_id_hi", 8, 8, [](Header& h) { h.request_id_hi.set(k64); }},
    {"request_id_lo", 16, 8, [](Header& h) { h.request_id_lo.set(k64); }},
    {"function_key", 24, 8, [](Header& h) { h.function_key.set(k64); }},
    {"qualifier", 32, 8, [](Header& h) { h.qualifier.set(k64); }},
    {"trace_id_hi", 40, 8, [](Header& h) { h.trace_id_hi.set(k64); }},
    {"trace_id_lo", 48, 8, [](Header& h) { h.trace_id_lo.set(k64); }},
    {"span_id", 56, 8, [](Header& h) { h.span_id.set(k64); }},
    {"cookie", 64, 8, [](Header& h) { h.cookie.set(k64); }},
    {"deadline_us", 72, 4, [](Header& h) { h.deadline_us.set(k32); }},
    {"payload_bytes", 76, 4, [](Header& h) { h.payload_bytes.set(k32); }},
    {"hop_count", 80, 1, [](Header& h) { h.hop_count = 0x11; }},
    {"status", 81, 1, [](Header& h) { h.status = 0x11; }},
    {"attempts", 82, 1, [](Header& h) { h.attempts = 0x11; }},
    {"busy", 83, 1, [](Header& h) { h.busy = 0x11; }},
    {"queue_us", 84, 4, [](Header& h) { h.queue_us.set(k32); }},
    {"run_us", 88, 4, [](Header& h) { h.run_us.set(k32); }},
    {"copy", 92, 1, [](Header& h) { h.copy = 0x11; }},
    {"reserved", 93, 1, [](Header& h) { h.reserved = 0x11; }},
    {"tail_bytes", 94, 2, [](Header& h) { h.tail_bytes.set(0x1122); }},
    {"place", 96, 16,
     [](Header& h) {
         for (std::size_t i = 0; i < kPlaceBytes; ++i)
             h.place[i] = static_cast<char>(0x11 * (i + 1));
     }},
};

TEST(Message, ATailIsPartOfThePayload) {
    Header header{};
    header.payload_bytes.set(10);
    header.tail_bytes.set(10);
    EXPECT_EQ(tail_of(header), 10u);
    header.tail_bytes.set(11);
    EXPECT_EQ(tail_of(header), 0u) << "more than there is";
}

TEST(Message, EveryFieldHasItsPlaceAndIsBigEndian) {
    std::size_t next = 0;
    for (const Field& field : kFields) {
        EXPECT_EQ(field.offset, next) << field.name;
        next = field.offset + field.size;
        Header header{};
        field.set(header);
        std::array<std::uint8_t, kHeaderBytes> bytes;
        std::memcpy(bytes.data(), &header, sizeof header);
        std::array<std::uint8_t, kHeaderBytes> expected{};
        for (std::size_t i = 0; i < field.size; ++i)
            expected[field.offset + i] = static_cast<std::uint8_t>(0x11 * (i + 1));
        EXPECT_EQ(bytes, expected) << field.name;
    }
    EXPECT_EQ(next, kHeaderBytes);
}

TEST(Message, IntegersReadBackAsTheyWereSet) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, k64, ~std::uint64_t{0}}) {
        Header header{};
        header.cookie.set(value);
        header.deadline_us.set(static_cast<std::uint32_t>(value));
        header.flags.set(static_cast<std::uint16_t>(value));
        EXPECT_EQ(header.cookie.get(), value);
        EXPECT_EQ(header.deadline_us.get(), static_cast<std::uint32_t>(value));
        EXPECT_EQ(header.flags.get(), static_cast<std::uint16_t>(value));
    }
}

TEST(Message, ProbePayloadIsLaidOutAsSpecified) {
    ProbePayload payload{};
    payload.boot_id.set(k64);
    payload.catalog_epoch.set(k64);
    payload.in_flight.set(k32);
    payload.waiting.set(k32);
    payload.free_slots.set(k32);
    payload.draining.set(k32);
    payload.slots.set(1);
    payload.service_us.set(2);
    payload.region_us.set(3);
    payload.slow_permille.set(k32);
    payload.keep_ms.set(0x44332211);
    payload.crowding_permille.set(0x0504);
    payload.digest_entries.set(0x0706);
    payload.catchment_milli.set(k64);
    std::array<std::uint8_t, 64> bytes;
    std::memcpy(bytes.data(), &payload, sizeof payload);
    const std::array<std::uint8_t, 64> expected = {
        0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x11, 0x22, 0x33, 0x44, 0x55,
        0x66, 0x77, 0x88, 0x11, 0x22, 0x33, 0x44, 0x11, 0x22, 0x33, 0x44, 0x11, 0x22,
        0x33, 0x44, 0x11, 0x22, 0x33, 0x44, 0,    0,    0,    1,    0,    0,    0,
        2,    0,    0,    0,    3,    0x11, 0x22, 0x33, 0x44, 0x44, 0x33, 0x22, 0x11,
        0x05, 0x04, 0x07, 0x06, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    EXPECT_EQ(bytes, expected);
}

TEST(Message, ProbesHaveTheFirstLengthOrALongerOne) {
    for (const std::uint32_t bytes : {32u, 64u, 65u, 512u, 1088u})
        EXPECT_TRUE(is_probe_size(bytes)) << bytes;
    for (const std::uint32_t bytes : {0u, 31u, 33u, 63u, 1089u, ~0u})
        EXPECT_FALSE(is_probe_size(bytes)) << bytes;
}

TEST(Message, StatusBytesFromTheWireAreLookedUpSafely) {
    for (int code = 0; code < 256; ++code)
        EXPECT_EQ(is_known_status(static_cast<std::uint8_t>(code)), code < 24) << code;
    // What a sender may conclude from the ones that decide whether somebody else is asked.
    EXPECT_EQ(info(ReplyStatus::ok).retry, Retry::done);
    EXPECT_EQ(info(ReplyStatus::overloaded).retry, Retry::unstarted);
    EXPECT_EQ(info(ReplyStatus::worker_died).retry, Retry::unknown);
    EXPECT_EQ(info(ReplyStatus::reply_gone).retry, Retry::done);
}

}  // namespace
}  // namespace skerry::wire
