// What a port with checksum offload and TSO makes of a frame: the checksums, and several frames out
// of one. Strict about what it is given: as DPDK has it (rte_mbuf_core.h), and as its own
// rte_*_phdr_cksum() say.
#pragma once

#include <gtest/gtest.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <cstring>
#include <vector>

#include "sandbox/base/check.hpp"
#include "tests/dataplane/frames.hpp"

namespace skerry::net::tcp::test {

class CuttingPort {
  public:
    // Takes the mbuf; appends what goes over the wire.
    static void send(rte_mbuf* mbuf, rte_mempool* pool, std::vector<rte_mbuf*>& wire) {
        const Parts parts(mbuf);
        const bool is_cut = (mbuf->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
        EXPECT_TRUE(is_cut || mbuf->nb_segs == 1) << "several buffers, and not to be cut";
        const std::size_t piece = is_cut ? mbuf->tso_segsz : parts.payload.size();
        EXPECT_TRUE(!is_cut || (piece != 0 && parts.payload.size() > piece));
        std::size_t at = 0;
        do {
            const std::size_t bytes = std::min(piece, parts.payload.size() - at);
            wire.push_back(parts.piece(at, bytes, pool));
            at += bytes;
        } while (at < parts.payload.size());
        rte_pktmbuf_free(mbuf);
    }

  private:
    struct Parts {
        explicit Parts(const rte_mbuf* mbuf) {
            std::vector<std::uint8_t> all;
            for (const rte_mbuf* part = mbuf; part != nullptr; part = part->next) {
                const auto* bytes = rte_pktmbuf_mtod(part, const std::uint8_t*);
                all.insert(all.end(), bytes, bytes + part->data_len);
            }
            EXPECT_EQ(all.size(), mbuf->pkt_len);
            l3 = mbuf->l2_len;
            l4 = l3 + mbuf->l3_len;
            const std::size_t end = l4 + mbuf->l4_len;
            v4 = mbuf->l3_len == sizeof(rte_ipv4_hdr);
            header.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(end));
            payload.assign(all.begin() + static_cast<std::ptrdiff_t>(end), all.end());
            EXPECT_EQ(mbuf->l4_len, (header[l4 + 12] >> 4) * 4);
            EXPECT_TRUE(mbuf->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
            EXPECT_EQ(mbuf->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6),
                      v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
            std::uint16_t given, expected;
            std::memcpy(&given, &header[l4 + 16], 2);
            if (v4) {
                EXPECT_TRUE(mbuf->ol_flags & RTE_MBUF_F_TX_IP_CKSUM);
                rte_ipv4_hdr ip;
                std::memcpy(&ip, &header[l3], sizeof ip);
                EXPECT_EQ(ip.hdr_checksum, 0);
                EXPECT_EQ(rte_be_to_cpu_16(ip.total_length), all.size() - l3);
                expected = rte_ipv4_phdr_cksum(&ip, mbuf->ol_flags);
            } else {
                rte_ipv6_hdr ip;
                std::memcpy(&ip, &header[l3], sizeof ip);
                EXPECT_EQ(rte_be_to_cpu_16(ip.payload_len), all.size() - l4);
                expected = rte_ipv6_phdr_cksum(&ip, mbuf->ol_flags);
            }
            EXPECT_EQ(given, expected) << "what the port starts its checksum from";
        }

        // A frame of its own with [at, at + bytes) of the payload.
        rte_mbuf* piece(std::size_t at, std::size_t bytes, rte_mempool* pool) const {
            std::vector<std::uint8_t> frame = header;
            const bool last = at + bytes == payload.size();
            const auto put16 = [&](std::size_t to, std::size_t value) {
                frame[to] = static_cast<std::uint8_t>(value >> 8);
                frame[to + 1] = static_cast<std::uint8_t>(value);
            };
            const std::uint32_t seq = static_cast<std::uint32_t>(
                (frames::get16(frame, l4 + 4) << 16 | frames::get16(frame, l4 + 6)) + at);
            put16(l4 + 4, seq >> 16);
            put16(l4 + 6, seq & 0xffff);
            if (!last) frame[l4 + 13] &= static_cast<std::uint8_t>(~(1 | 8));  // FIN, PSH
            put16(l4 + 16, 0);
            frame.insert(frame.end(), payload.begin() + static_cast<std::ptrdiff_t>(at),
                         payload.begin() + static_cast<std::ptrdiff_t>(at + bytes));
            put16(v4 ? l3 + 2 : l3 + 4, frame.size() - (v4 ? l3 : l4));
            const auto address = [&](std::size_t from) {
                std::uint32_t four;
                std::memcpy(&four, &frame[from], 4);
                return v4 ? IpAddress::v4(four) : IpAddress::v6(&frame[from]);
            };
            const std::span<const std::uint8_t> rest(&frame[l4], frame.size() - l4);
            put16(l4 + 16, frames::transport_checksum(address(v4 ? l3 + 12 : l3 + 8),
                                                      address(v4 ? l3 + 16 : l3 + 24), 6, rest));
            if (v4) put16(l3 + 10, frames::internet_checksum({&frame[l3], l4 - l3}));
            rte_mbuf* made = rte_pktmbuf_alloc(pool);
            SKERRY_CHECK(made != nullptr);
            std::memcpy(rte_pktmbuf_append(made, static_cast<std::uint16_t>(frame.size())),
                        frame.data(), frame.size());
            return made;
        }

        std::size_t l3, l4;
        bool v4;
        std::vector<std::uint8_t> header, payload;
    };
};

}  // namespace skerry::net::tcp::test
