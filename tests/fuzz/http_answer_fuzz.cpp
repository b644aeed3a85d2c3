// Any bytes as the answers that a load generator gets: read in pieces or at once they come to the
// same, what is taken is at most what was given, and nothing is taken of a broken one any more.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "sandbox/base/check.hpp"
#include "tools/load/http/answer.hpp"

namespace {

using skerry::load::http::AnswerReader;
using State = AnswerReader::State;

bool over(const AnswerReader& reader) {
    return reader.state() == State::done || reader.state() == State::broken;
}

std::size_t feed(AnswerReader& reader, std::span<const std::uint8_t> bytes, std::size_t piece) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !over(reader)) {
        const std::size_t given = std::min(piece, bytes.size() - taken);
        // Of its very size, so that a byte read beyond it is found.
        const auto exact = std::make_unique<std::uint8_t[]>(given);
        std::copy_n(bytes.data() + taken, given, exact.get());
        const std::size_t used = reader.take({exact.get(), given});
        SKERRY_CHECK(used <= given && (used == given || over(reader)));
        taken += used;
    }
    return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t piece = data[0] % 64 + 1u;
    const bool to_head = data[1] % 4 == 3;
    const std::span<const std::uint8_t> bytes(data + 2, size - 2);
    AnswerReader whole, pieces;
    whole.begin(to_head);
    pieces.begin(to_head);
    const std::size_t taken = feed(whole, bytes, std::max<std::size_t>(bytes.size(), 1));
    const std::size_t again = feed(pieces, bytes, piece);
    SKERRY_CHECK(whole.state() == pieces.state());
    if (whole.state() == State::broken) return 0;
    SKERRY_CHECK(taken == again && whole.status() == pieces.status());
    SKERRY_CHECK(whole.body_bytes() == pieces.body_bytes());
    SKERRY_CHECK(whole.keeps_open() == pieces.keeps_open());
    whole.end_of_stream();
    SKERRY_CHECK(over(whole) && !whole.keeps_open());
    return 0;
}
