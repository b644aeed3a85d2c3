#include "dataplane/port/ports.hpp"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <optional>

#include "dataplane/port/wake.hpp"

namespace skerry::port {
namespace {

constexpr std::uint16_t kDescriptors = 1024;
constexpr std::uint32_t kPoolCache = 256;
constexpr std::uint64_t kRxOffloads =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
constexpr std::uint64_t kTxOffloads =
    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;

// TSO: what is cut lies in several buffers, and TCP's checksum is the port's. Whoever cuts makes IP
// headers; a port that has no IPv4 checksum otherwise (virtio) hands the whole on, with ours.
constexpr std::uint64_t kTsoOffloads = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
constexpr std::uint64_t kTsoNeeds = kTsoOffloads | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
// Of an IP packet's 65535 bytes, what headers leave; and buffers hold at least so much each.
constexpr std::uint32_t kMostTsoBytes = 65535 - 60 - 60;
constexpr std::uint32_t kLeastBufferBytes = 1900;

// LRO: what is put together lies in several buffers. A port that can't use several would find no
// room for it (virtio without mergeable buffers).
constexpr std::uint64_t kLroOffloads = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER;

Error port_error(const PortSpec& spec, const std::string& what, int code) {
    return Error{std::abs(code), "port \"" + spec.devargs + "\": " + what +
                                     (code != 0 ? ": " + std::string(rte_strerror(std::abs(code)))
                                                : std::string())};
}

std::optional<std::uint16_t> find(const std::string& devargs) {
    rte_dev_iterator iterator;
    std::uint16_t id = 0;
    std::optional<std::uint16_t> found;
    RTE_ETH_FOREACH_MATCHING_DEV(id, devargs.c_str(), &iterator) {
        if (!found) found = id;
    }
    return found;
}

// The device may be there already: a PCI port since EAL's start, a vdev that a test made.
Result<std::uint16_t> probe(const PortSpec& spec) {
    const std::string name = spec.devargs.substr(0, spec.devargs.find(','));
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
    const int error = rte_dev_probe(spec.devargs.c_str());
    if (error != 0) return port_error(spec, "DPDK can't open it", error);
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
    const auto found = find(spec.devargs);
    if (!found) return port_error(spec, "it opened, and is not a network port", 0);
    return *found;
}

rte_eth_conf configuration(const rte_eth_dev_info& device, const PortSpec& spec,
                           std::uint32_t cores, bool tcp) {
    rte_eth_conf conf{};
    conf.rxmode.mtu = spec.mtu;
    conf.rxmode.offloads = device.rx_offload_capa & kRxOffloads;
    conf.txmode.offloads = device.tx_offload_capa & kTxOffloads;
    if ((device.tx_offload_capa & kTsoNeeds) == kTsoNeeds) conf.txmode.offloads |= kTsoOffloads;
    if (tcp && (device.rx_offload_capa & kLroOffloads) == kLroOffloads) {
        conf.rxmode.offloads |= kLroOffloads;
        conf.rxmode.max_lro_pkt_size = device.max_lro_pkt_size;
    }
    const std::uint64_t hash =
        device.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP);
    if (cores > 1 && hash != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hash;
    }
    return conf;
}

Status set_up_queues(const PortSpec& spec, std::uint16_t id, const rte_eth_dev_info& device,
                     const rte_eth_conf& conf, const std::vector<rte_mempool*>& pools) {
    std::uint16_t rx = std::min<std::uint16_t>(kDescriptors, device.rx_desc_lim.nb_max);
    std::uint16_t tx = std::min<std::uint16_t>(kDescriptors, device.tx_desc_lim.nb_max);
    int error = rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx, &tx);
    if (error != 0) return port_error(spec, "descriptor counts", error);
    const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(id));
    const auto queues = static_cast<std::uint16_t>(pools.size());  // one for each core
    for (std::uint16_t queue = 0; queue < queues; ++queue) {
        rte_eth_rxconf rx_conf = device.default_rxconf;
        rx_conf.offloads = conf.rxmode.offloads;
        error = rte_eth_rx_queue_setup(id, queue, rx, socket, &rx_conf, pools[queue]);
        if (error != 0) return port_error(spec, "RX queue " + std::to_string(queue), error);
        rte_eth_txconf tx_conf = device.default_txconf;
        tx_conf.offloads = conf.txmode.offloads;
        error = rte_eth_tx_queue_setup(id, queue, tx, socket, &tx_conf);
        if (error != 0) return port_error(spec, "TX queue " + std::to_string(queue), error);
    }
    return ok();
}

Status configure(const PortSpec& spec, std::uint16_t id, const rte_eth_dev_info& device,
                 const rte_eth_conf& conf, const std::vector<rte_mempool*>& pools) {
    const auto queues = static_cast<std::uint16_t>(pools.size());
    const int error = rte_eth_dev_configure(id, queues, queues, &conf);
    if (error != 0) return port_error(spec, "configuration (mtu, queues, offloads)", error);
    return set_up_queues(spec, id, device, conf, pools);
}

// Round robin, whatever the driver's own idea was. A port that does not let its table be set keeps
// what it has: it is read afterwards.
void spread_evenly(std::uint16_t id, std::uint16_t table_size, std::uint16_t cores) {
    std::vector<rte_eth_rss_reta_entry64> groups((table_size + RTE_ETH_RETA_GROUP_SIZE - 1u) /
                                                 RTE_ETH_RETA_GROUP_SIZE);
    for (std::uint16_t i = 0; i < table_size; ++i) {
        auto& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
        group.mask |= std::uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
        group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = i % cores;
    }
    if (table_size != 0) (void)rte_eth_dev_rss_reta_update(id, groups.data(), table_size);
}

// Neighbour discovery needs its multicast groups; a port that can't be asked for all of them may
// still be asked for everything.
void receive_multicast(std::uint16_t id) {
    if (rte_eth_allmulticast_enable(id) != 0) rte_eth_promiscuous_enable(id);
}

}  // namespace

Status Ports::make_pools(const QueueSpec& queues, std::uint16_t largest_mtu) {
    const auto room =
        static_cast<std::uint16_t>(RTE_ALIGN_CEIL(RTE_PKTMBUF_HEADROOM + largest_mtu + 64u, 64u));
    for (std::uint32_t core = 0; core < queues.cores; ++core) {
        const std::string name = "skerry-core-" + std::to_string(core);
        rte_mempool* pool = rte_pktmbuf_pool_create(
            name.c_str(), queues.mbufs, kPoolCache, 0,
            std::max<std::uint16_t>(room, RTE_MBUF_DEFAULT_BUF_SIZE), SOCKET_ID_ANY);
        if (pool == nullptr)
            return Error{rte_errno, "packet buffers of core " + std::to_string(core) + " (" +
                                        std::to_string(queues.mbufs) + " of " +
                                        std::to_string(room) +
                                        " bytes): " + rte_strerror(rte_errno) +
                                        "; raise dataplane.memory_mib, or lower dataplane.mbufs"};
        pools_.push_back(pool);
    }
    return ok();
}

Status Ports::open_port(const PortSpec& spec, const QueueSpec& queues) {
    const Result<std::uint16_t> probed = probe(spec);
    if (!probed) return probed.error();
    const std::uint16_t id = *probed;
    rte_eth_dev_info device{};
    int error = rte_eth_dev_info_get(id, &device);
    if (error != 0) return port_error(spec, "device information", error);
    const auto cores = static_cast<std::uint16_t>(queues.cores);
    if (device.max_rx_queues < cores || device.max_tx_queues < cores)
        return port_error(spec,
                          "it has " +
                              std::to_string(std::min(device.max_rx_queues, device.max_tx_queues)) +
                              " queue pairs, and dataplane.cores = " + std::to_string(cores) +
                              " needs one for each core; lower dataplane.cores, or give the port "
                              "more (net_af_packet: qpairs=" +
                              std::to_string(cores) + ")",
                          0);
    rte_eth_conf conf = configuration(device, spec, queues.cores, queues.tcp);
    Status set = configure(spec, id, device, conf, pools_);
    if (!set && (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0) {
        // It has LRO, and not with such queues or buffers: nothing needs it.
        conf.rxmode.offloads &= ~kLroOffloads;
        conf.rxmode.max_lro_pkt_size = 0;
        set = configure(spec, id, device, conf, pools_);
    }
    if (!set) return set;
    error = rte_eth_dev_start(id);
    if (error != 0) return port_error(spec, "start", error);
    started_.push_back(id);
    receive_multicast(id);
    steerings_.emplace_back();
    if (conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS) {
        spread_evenly(id, device.reta_size, cores);
        steerings_.back() = Steering::of_port(id);
    }

    net::PortView view;
    view.dpdk_port = id;
    view.mtu = spec.mtu;
    rte_ether_addr mac{};
    rte_eth_macaddr_get(id, &mac);
    std::copy_n(mac.addr_bytes, 6, view.mac.bytes.begin());
    view.rx_ip_checksum = conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
    view.rx_udp_checksum = conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
    view.rx_tcp_checksum = conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
    view.tx_tcp_checksum = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    view.tx_ip_checksum = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
    view.tx_udp_checksum = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
    if ((conf.txmode.offloads & kTsoNeeds) == kTsoNeeds)
        view.tso_bytes = std::min(kMostTsoBytes, device.tx_desc_lim.nb_seg_max * kLeastBufferBytes);
    view.lro = conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO;
    view.tcp = queues.tcp;
    view.sticky = cores == 1 || conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS;
    if (steerings_.back().steers_any()) view.return_first = queues.return_first;
    addresses_.push_back(spec.addresses);
    view.addresses = addresses_.back();
    views_.push_back(view);
    return ok();
}

Status Ports::open_wake(const PortSpec& spec, const QueueSpec& queues) {
    const auto interface = wakeable_interface(spec.devargs);
    if (!interface) {
        all_wake_ = false;
        return ok();
    }
    for (std::uint32_t core = 0; core < queues.cores; ++core) {
        Result<UniqueFd> socket = open_wake_socket(*interface);
        if (!socket)
            return port_error(spec, "wake socket: " + socket.error().text, socket.error().code);
        wakes_[core].push_back(std::move(*socket));
    }
    return ok();
}

Result<std::unique_ptr<Ports>> Ports::open(std::span<const PortSpec> specs,
                                           const QueueSpec& queues) {
    std::unique_ptr<Ports> ports(new Ports);
    std::uint16_t largest_mtu = 0;
    for (const PortSpec& spec : specs) largest_mtu = std::max(largest_mtu, spec.mtu);
    ports->wakes_.resize(queues.cores);
    // Views hold spans into these: they must not move.
    ports->addresses_.reserve(specs.size());
    if (const Status made = ports->make_pools(queues, largest_mtu); !made) return made.error();
    for (const PortSpec& spec : specs) {
        // The wake socket first: the kernel hands a packet to the sockets of an interface newest
        // first, and a core that is woken must find in the port what it was woken for.
        const Status woken = queues.wake ? ports->open_wake(spec, queues) : ok();
        if (const Status opened = ports->open_port(spec, queues); !opened) return opened.error();
        if (!woken) return woken.error();
    }
    return ports;
}

std::vector<int> Ports::wake_fds(std::uint32_t core) const {
    std::vector<int> fds;
    for (const UniqueFd& fd : wakes_[core]) fds.push_back(fd.get());
    return fds;
}

Ports::~Ports() {
    for (const std::uint16_t id : started_) {
        rte_eth_dev_stop(id);
        rte_eth_dev_close(id);
    }
    for (rte_mempool* pool : pools_) rte_mempool_free(pool);
}

}  // namespace skerry::port
