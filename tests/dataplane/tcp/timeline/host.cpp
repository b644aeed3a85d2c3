#include "tests/dataplane/tcp/timeline/host.hpp"

#include <algorithm>
#include <stdexcept>

#include "tests/dataplane/chains.hpp"

namespace skerry::timeline {
namespace {

constexpr std::uint32_t kBuffers = 4095;
constexpr std::size_t kHeaderBytes = 14 + 40 + 60;  // of any frame, at most
constexpr int kTurnsAtOneInstant = 10'000;          // more, and the stack is going round in circles

// One for the whole program: pools have names.
rte_mempool* shared_pool() {
    static rte_mempool* pool =
        rte_pktmbuf_pool_create("timeline", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (pool == nullptr) throw std::runtime_error("no pool of packet buffers");
    return pool;
}

}  // namespace

Host::Host(const net::tcp::Options& options, std::uint16_t mtu, CoreCounters* counters)
    : pool_(shared_pool()),
      own_counters_(counters == nullptr ? std::make_unique<CoreCounters>() : nullptr),
      counters_(counters == nullptr ? own_counters_.get() : counters) {
    prefixes_ = {{addresses.ours4, 24}, {addresses.ours6, 64}};
    ports_[0].mac = kOurMac;
    ports_[0].mtu = mtu;
    ports_[0].tcp = ports_[0].lro = true;
    ports_[0].addresses = prefixes_;
    auto made = net::tcp::Stack::create(options,
                                        {.ports = ports_,
                                         .pool = pool_,
                                         .counters = counters_,
                                         .sink = {.send = &Host::send, .context = this}},
                                        now_us_);
    if (!made) throw std::runtime_error(made.error().text);
    stack_ = std::move(*made);
}

Host::~Host() {
    hold_buffers(false);
}

void Host::send(void* self, rte_mbuf* frame, std::uint8_t) {
    auto& host = *static_cast<Host*>(self);
    Bytes bytes;
    for (const rte_mbuf* piece = frame; piece != nullptr; piece = piece->next) {
        const auto* start = rte_pktmbuf_mtod(piece, const std::uint8_t*);
        bytes.insert(bytes.end(), start, start + piece->data_len);
    }
    host.sent.push_back({host.now_us_, std::move(bytes)});
    rte_pktmbuf_free(frame);
}

void Host::arrive(const Bytes& frame) {
    const std::size_t most = piece_bytes == 0 ? RTE_MBUF_DEFAULT_DATAROOM : piece_bytes;
    rte_mbuf* mbuf =
        frames::chain_of(frame, pool_, std::max(most, kHeaderBytes), [most] { return most; });
    if (mbuf == nullptr) throw std::runtime_error("no packet buffer for a frame that arrives");
    if (takes_short_way && stack_->answer_flood({&mbuf, 1}, 0, now_us_) == 0) return;
    const net::Frame found = net::classify(mbuf, 0, ports_[0], 4600, neighbours_, 1);
    if (found.kind == net::FrameKind::tcp || found.kind == net::FrameKind::tcp_error) {
        stack_->input(mbuf, found, now_us_);
        return;
    }
    counters_->count(found.reason);
    rte_pktmbuf_free(mbuf);
}

void Host::flush() {
    // Without buffers nothing more is sent, however often it is asked.
    for (std::size_t before = sent.size(); !stack_->flush(now_us_); before = sent.size())
        if (sent.size() == before) return;
}

void Host::pass(std::uint64_t until_us, bool stop_at_frame) {
    int turns = 0;
    const std::uint64_t step_us = std::max<std::uint64_t>(1000, (until_us - now_us_) / 1000);
    flush();
    while (!(stop_at_frame && !sent.empty())) {
        const std::uint64_t due_us = stack_->next_due_us();
        if (due_us > until_us) break;
        const std::uint64_t was_us = now_us_;
        // Without buffers there is something to do at once, and nothing to do it with.
        now_us_ = std::max(now_us_, held_.empty() ? due_us : std::min(until_us, now_us_ + step_us));
        if (!held_.empty() && now_us_ == until_us) break;
        turns = now_us_ > was_us ? 0 : turns + 1;
        if (turns == kTurnsAtOneInstant)
            throw std::runtime_error("next_due_us() stays at one instant");
        stack_->advance(now_us_);
        flush();
    }
    if (stop_at_frame && !sent.empty()) return;
    now_us_ = std::max(now_us_, until_us);
    stack_->advance(now_us_);
    flush();
}

std::uint64_t Host::counted(std::string_view reason) const {
    for (std::size_t i = 0; i < kReasonCount; ++i)
        if (kReasons[i].name == reason) return counters_->reasons[i].get();
    return ~std::uint64_t{0};
}

void Host::hold_buffers(bool hold) {
    if (hold) {
        while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_)) held_.push_back(mbuf);
        return;
    }
    for (rte_mbuf* mbuf : held_) rte_pktmbuf_free(mbuf);
    held_.clear();
}

std::uint32_t Host::buffers_in_use() const {
    return rte_mempool_in_use_count(pool_);
}

}  // namespace skerry::timeline
