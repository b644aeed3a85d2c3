// What a port with LRO makes of the frames of a burst: those of one connection that follow upon one
// another become one, in several buffers. As Linux's GRO, it merges what has the same header but
// for the sequence number, PSH and FIN, and a good checksum; and hands on everything else as it
// came.
#pragma once

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <cstring>
#include <random>
#include <vector>

#include "sandbox/base/check.hpp"
#include "tests/dataplane/chains.hpp"

namespace skerry::net::tcp::test {

class MergingPort {
  public:
    // How buffers are cut, and whether the port says how large the segments were.
    explicit MergingPort(std::uint64_t seed) : random_(seed) {}

    // `out`: what the frame, or those before it, have become. Takes the mbuf.
    void take(rte_mbuf* mbuf, std::vector<rte_mbuf*>& out) {
        Parts next;
        if (!read(mbuf, next)) {
            finish(out);
            out.push_back(mbuf);
            return;
        }
        if (count_ != 0 && follows(next)) {
            held_.bytes.insert(held_.bytes.end(), next.bytes.begin() + next.headers(),
                               next.bytes.end());
            held_.bytes[held_.l4 + 13] |= next.bytes[next.l4 + 13];
            ++count_;
        } else {
            finish(out);
            held_ = next;
            count_ = 1;
            segment_bytes_ = static_cast<std::uint16_t>(next.payload());
            pool_ = mbuf->pool;
        }
        const bool last = (next.bytes[next.l4 + 13] & RTE_TCP_FIN_FLAG) != 0;
        if (last || next.payload() < segment_bytes_) finish(out);
        rte_pktmbuf_free(mbuf);
    }
    void finish(std::vector<rte_mbuf*>& out) {
        if (count_ == 0) return;
        out.push_back(made());
        merged_ += count_ > 1;
        count_ = 0;
    }
    std::uint64_t merged() const { return merged_; }

  private:
    struct Parts {
        frames::Bytes bytes;
        std::size_t l4 = 0;
        std::ptrdiff_t headers() const {
            return static_cast<std::ptrdiff_t>(l4) + (bytes[l4 + 12] >> 4) * 4;
        }
        std::size_t payload() const { return bytes.size() - static_cast<std::size_t>(headers()); }
        std::uint32_t seq() const {
            return std::uint32_t{frames::get16(bytes, l4 + 4)} << 16 | frames::get16(bytes, l4 + 6);
        }
        IpAddress address(std::size_t v4_at, std::size_t v6_at) const {
            std::uint32_t four;
            std::memcpy(&four, &bytes[14 + v4_at], 4);
            return v4() ? IpAddress::v4(four) : IpAddress::v6(&bytes[14 + v6_at]);
        }
        bool v4() const { return frames::get16(bytes, 12) == 0x0800; }
    };

    // Data, with nothing that says more than "here it is".
    static bool read(const rte_mbuf* mbuf, Parts& parts) {
        const auto* at = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        if (mbuf->nb_segs != 1 || mbuf->data_len < 74) return false;
        parts.bytes.assign(at, at + mbuf->data_len);
        parts.l4 = parts.v4() ? 34 : 54;
        if (parts.v4() ? at[14] != 0x45 || at[23] != 6 : at[20] != 6) return false;
        if (parts.headers() >= static_cast<std::ptrdiff_t>(parts.bytes.size())) return false;
        if ((at[parts.l4 + 13] & ~(1 | 8)) != 16) return false;  // ACK, PSH, FIN
        if (parts.v4() && frames::internet_checksum({at + 14, 20}) != 0) return false;
        return frames::transport_checksum(parts.address(12, 8), parts.address(16, 24), 6,
                                          {at + parts.l4, mbuf->data_len - parts.l4}) == 0;
    }
    bool follows(const Parts& next) const {
        const auto same = [&](std::size_t at, std::size_t bytes) {
            return std::memcmp(&held_.bytes[at], &next.bytes[at], bytes) == 0;
        };
        const std::size_t l4 = held_.l4;
        const auto headers = static_cast<std::size_t>(held_.headers());
        const std::size_t addresses = held_.v4() ? 26 : 22;
        return next.l4 == l4 && next.headers() == held_.headers() && same(0, 14) &&
               same(addresses, l4 - addresses) && same(l4, 4) && same(l4 + 8, 5) &&
               same(l4 + 14, 2) && same(l4 + 20, headers - l4 - 20) &&
               next.seq() == held_.seq() + held_.payload() && next.payload() <= segment_bytes_ &&
               held_.bytes.size() + next.payload() < 65536;
    }
    rte_mbuf* made() {
        frames::Bytes& all = held_.bytes;
        const std::size_t l4 = held_.l4;
        const auto put16 = [&](std::size_t to, std::size_t value) {
            all[to] = static_cast<std::uint8_t>(value >> 8);
            all[to + 1] = static_cast<std::uint8_t>(value);
        };
        if (held_.v4()) {
            put16(16, all.size() - 14);
            put16(24, 0);
            put16(24, frames::internet_checksum({&all[14], 20}));
        } else {
            put16(18, all.size() - l4);
        }
        put16(l4 + 16, 0);
        put16(l4 + 16, frames::transport_checksum(held_.address(12, 8), held_.address(16, 24), 6,
                                                  {&all[l4], all.size() - l4}));
        const std::size_t most = random_() % 4 == 0 ? 100 : 4096;
        rte_mbuf* mbuf = frames::chain_of(
            all, pool_, static_cast<std::size_t>(held_.headers()) + random_() % most,
            [&] { return 1 + random_() % most; });
        SKERRY_CHECK(mbuf != nullptr);
        if (count_ > 1 && random_() % 2 == 0) {
            mbuf->ol_flags |= RTE_MBUF_F_RX_LRO;
            mbuf->tso_segsz = segment_bytes_;
        }
        return mbuf;
    }

    std::mt19937_64 random_;
    Parts held_;
    rte_mempool* pool_ = nullptr;
    std::uint32_t count_ = 0;
    std::uint16_t segment_bytes_ = 0;
    std::uint64_t merged_ = 0;
};

}  // namespace skerry::net::tcp::test
