// Any bytes as a datagram that a client gets: nothing, or a message that is safe to print, whose
// payload and tail lie in the datagram.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "sandbox/base/check.hpp"
#include "tools/client/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry;
    // Of its very size, so that a byte read beyond it is found.
    const auto exact = std::make_unique<std::byte[]>(size);
    std::copy_n(reinterpret_cast<const std::byte*>(data), size, exact.get());
    const auto message = client::decode(std::span<const std::byte>(exact.get(), size));
    if (!message) return 0;
    SKERRY_CHECK(message->kind == wire::Kind::reply || message->kind == wire::Kind::challenge ||
                 message->kind == wire::Kind::accepted);
    SKERRY_CHECK(message->kind != wire::Kind::challenge || message->cookie != 0);
    SKERRY_CHECK(message->place[wire::kPlaceBytes] == '\0');
    for (const char* c = message->place; *c != '\0'; ++c) SKERRY_CHECK(*c > ' ' && *c < 0x7f);
    const auto* begin = reinterpret_cast<const char*>(exact.get());
    SKERRY_CHECK(message->payload.data() == begin + wire::kHeaderBytes);
    SKERRY_CHECK(message->tail.data() == message->payload.data() + message->payload.size());
    SKERRY_CHECK(message->payload.size() + message->tail.size() == size - wire::kHeaderBytes);
    SKERRY_CHECK(!client::status_name(message->status).empty());
    return 0;
}
