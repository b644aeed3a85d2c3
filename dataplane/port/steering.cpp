#include "dataplane/port/steering.hpp"

#include <rte_ethdev.h>
#include <rte_thash.h>

#include <bit>
#include <cstring>

#include "sandbox/base/check.hpp"

namespace skerry::port {
namespace {

// Host-order words of an address, as rte_softrss() wants them.
void put_words(const std::uint8_t* bytes, std::size_t count, std::uint32_t* to) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t word = 0;
        std::memcpy(&word, bytes + 4 * i, 4);
        to[i] = rte_be_to_cpu_32(word);
    }
}

std::vector<std::uint16_t> redirection_table(std::uint16_t dpdk_port, std::uint16_t size) {
    std::vector<rte_eth_rss_reta_entry64> groups((size + RTE_ETH_RETA_GROUP_SIZE - 1u) /
                                                 RTE_ETH_RETA_GROUP_SIZE);
    for (auto& group : groups) group.mask = ~std::uint64_t{0};
    if (size == 0 || rte_eth_dev_rss_reta_query(dpdk_port, groups.data(), size) != 0) return {};
    std::vector<std::uint16_t> table(size);
    for (std::uint16_t i = 0; i < size; ++i)
        table[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
    return table;
}

}  // namespace

Steering::Steering(std::vector<std::uint8_t> key, std::vector<std::uint16_t> table, bool udp4,
                   bool udp6, bool tcp4, bool tcp6)
    : table_(std::move(table)) {
    if (key.size() < kKeyBytes || !std::has_single_bit(table_.size())) return;
    key_.resize(key.size() / 4);
    std::memcpy(key_.data(), key.data(), key_.size() * 4);
    udp4_ = udp4;
    udp6_ = udp6;
    tcp4_ = tcp4;
    tcp6_ = tcp6;
}

Steering Steering::of_port(std::uint16_t dpdk_port) {
    rte_eth_dev_info device{};
    if (rte_eth_dev_info_get(dpdk_port, &device) != 0) return {};
    std::vector<std::uint8_t> key(device.hash_key_size != 0 ? device.hash_key_size : kKeyBytes);
    rte_eth_rss_conf conf{};
    conf.rss_key = key.data();
    conf.rss_key_len = static_cast<std::uint8_t>(key.size());
    if (rte_eth_dev_rss_hash_conf_get(dpdk_port, &conf) != 0) return {};
    return Steering(std::move(key), redirection_table(dpdk_port, device.reta_size),
                    (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0,
                    (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0,
                    (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0,
                    (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0);
}

std::uint32_t Steering::hash(const Inbound& datagram) const {
    SKERRY_CHECK((steers(datagram.from) || steers_tcp(datagram.from)) &&
                 datagram.from.is_v4() == datagram.to.is_v4());
    // Source address, destination address, source port, destination port.
    std::uint32_t words[RTE_THASH_V6_L4_LEN];
    const bool v4 = datagram.from.is_v4();
    const std::size_t address_words = v4 ? 1 : 4;
    const std::size_t skip = v4 ? 12 : 0;  // IPv4 lies in the last bytes
    put_words(&datagram.from.bytes[skip], address_words, words);
    put_words(&datagram.to.bytes[skip], address_words, words + address_words);
    words[2 * address_words] = std::uint32_t{datagram.from_udp} << 16 | datagram.to_udp;
    return rte_softrss(words, static_cast<std::uint32_t>(2 * address_words + 1),
                       reinterpret_cast<const std::uint8_t*>(key_.data()));
}

std::uint16_t Steering::queue(const Inbound& datagram) const {
    return table_[hash(datagram) & (table_.size() - 1)];
}

std::uint16_t Steering::return_port(Inbound datagram, std::uint16_t core,
                                    std::uint16_t first) const {
    if (!steers(datagram.from)) return 0;
    if (queue(datagram) == core) return datagram.to_udp;
    if (first == 0) return 0;
    for (std::uint16_t i = 0; i < net::kReturnPorts; ++i) {
        datagram.to_udp = static_cast<std::uint16_t>(first + i);
        if (queue(datagram) == core) return datagram.to_udp;
    }
    return 0;
}

}  // namespace skerry::port
