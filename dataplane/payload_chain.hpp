// Bytes in a chain of packet buffers that grows at its end: payloads as they come in over
// connections. The buffers are those of one core's payload pool; each but the last is full, down to
// what append() was told to keep free.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace skerry {

struct PayloadChain {
    rte_mbuf* first = nullptr;
    rte_mbuf* last = nullptr;

    // False: no buffer is left; what was there before is still there, and some of `bytes`.
    // `taken`: how many of them. `kept_free` bytes of every buffer stay free: so much more can
    // always be appended without another buffer, once.
    bool append(rte_mempool* pool, const void* bytes, std::uint32_t count, std::uint32_t& taken,
                std::uint32_t kept_free = 0) {
        const auto* from = static_cast<const std::uint8_t*>(bytes);
        taken = 0;
        while (taken < count) {
            std::uint32_t room = last == nullptr ? 0 : rte_pktmbuf_tailroom(last);
            if (room <= kept_free) {
                rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
                if (mbuf == nullptr) return false;
                if (last == nullptr) {
                    first = mbuf;
                } else {
                    last->next = mbuf;
                    ++first->nb_segs;
                }
                last = mbuf;
                room = rte_pktmbuf_tailroom(mbuf);
            }
            const std::uint32_t piece = std::min(room - kept_free, count - taken);
            std::memcpy(rte_pktmbuf_mtod_offset(last, void*, last->data_len), from + taken, piece);
            last->data_len = static_cast<std::uint16_t>(last->data_len + piece);
            first->pkt_len += piece;
            taken += piece;
        }
        return true;
    }
    bool append(rte_mempool* pool, const void* bytes, std::uint32_t count) {
        std::uint32_t taken = 0;
        return append(pool, bytes, count, taken);
    }
    // Asks for room when no buffer is left, as often as make_room() says that it made some.
    template <typename MakeRoom>
    bool append_making_room(rte_mempool* pool, const void* bytes, std::uint32_t count,
                            MakeRoom&& make_room, std::uint32_t kept_free = 0) {
        const auto* from = static_cast<const std::uint8_t*>(bytes);
        std::uint32_t taken = 0;
        while (!append(pool, from, count, taken, kept_free)) {
            if (!make_room()) return false;
            from += taken;
            count -= taken;
        }
        return true;
    }

    // `more`: one buffer, not empty, behind what is there.
    void join(rte_mbuf* more) {
        last->next = more;
        last = more;
        ++first->nb_segs;
        first->pkt_len += more->data_len;
    }

    // The first buffer is not needed any more.
    void drop_first() {
        rte_mbuf* done = first;
        first = done->next;
        if (first == nullptr) last = nullptr;
        done->next = nullptr;
        done->nb_segs = 1;
        rte_pktmbuf_free_seg(done);
    }
    void free() {
        rte_pktmbuf_free(first);
        first = last = nullptr;
    }
    rte_mbuf* release() {
        last = nullptr;
        return std::exchange(first, nullptr);
    }
};

// What is left of a chain of `bytes` or more; the rest is freed. None is left of 0.
inline rte_mbuf* keep_first_bytes(rte_mbuf* chain, std::uint32_t bytes) {
    if (bytes == 0) {
        rte_pktmbuf_free(chain);
        return nullptr;
    }
    rte_mbuf* at = chain;
    std::uint32_t before = 0;
    std::uint16_t segments = 1;
    for (; before + at->data_len < bytes; at = at->next, ++segments) before += at->data_len;
    at->data_len = static_cast<std::uint16_t>(bytes - before);
    rte_pktmbuf_free(std::exchange(at->next, nullptr));
    chain->nb_segs = segments;
    chain->pkt_len = bytes;
    return chain;
}

// Where a payload is being read: `offset` bytes of `at` have been.
struct PayloadCursor {
    const rte_mbuf* at = nullptr;
    std::uint32_t offset = 0;

    // The next bytes, as they lie; the payload has some left.
    std::pair<const std::uint8_t*, std::uint32_t> next() {
        while (offset == at->data_len) {
            at = at->next;
            offset = 0;
        }
        return {rte_pktmbuf_mtod_offset(at, const std::uint8_t*, offset), at->data_len - offset};
    }
};

}  // namespace skerry
