#include "dataplane/exchange/front.hpp"

#include <rte_cycles.h>
#include <rte_ring.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace skerry {
namespace {

net::tcp::Options tcp_options(const ServerInfo& server) {
    const HttpInfo& info = server.http;
    net::tcp::Options options;
    options.limits.connections = Front::connections(server);
    options.limits.core_receive_bytes = info.receive_bytes;
    options.limits.send_blocks = info.send_blocks;
    options.secret = info.secret;
    return options;
}

http::Options http_options(const ServerInfo& server, std::uint32_t core) {
    const HttpInfo& info = server.http;
    http::Options options;
    options.connections = Front::connections(server);  // it goes by the Stack's numbers
    options.limits.head_bytes = info.head_bytes;
    options.limits.body_bytes = info.body_bytes;
    options.times.idle_us = info.idle_ms * 1000;
    options.times.head_us = info.head_ms * 1000;
    options.times.min_bytes_per_s = info.min_bytes_per_s;
    options.allow_origin = info.allow_origin;
    options.core = core;
    // Request ids of two cores, or of two starts of a server, are never the same.
    options.seed = info.first_id ^ std::uint64_t{core + 1} << 56;
    options.require_signature = info.require_signature;
    options.signing_region = info.signing_region;
    return options;
}

void send(void* context, rte_mbuf* frame, std::uint8_t port) {
    static_cast<Context*>(context)->send(frame, port);
}

// Trunks are for peers, everything else for clients.
bool admit(void* self, std::uint32_t connection, const net::Path& path) {
    Context& context = *static_cast<Context*>(self);
    const ServerInfo& server = context.shared.server;
    if (server.trunks.accepted != 0 && path.local_udp == server.udp_port) {
        if (server.may_invoke(path.peer)) return true;
        context.counters.count(Reason::trunk_refused_source);
        return false;
    }
    return context.sources == nullptr ||
           context.sources->connected(connection, path.peer, context.now_tsc);
}

void gone(void* self, std::uint32_t connection) {
    Context& context = *static_cast<Context*>(self);
    if (context.sources != nullptr) context.sources->gone(connection);
}

// Not asked where there is nothing to be asked.
net::tcp::Gate gate(Context& context) {
    if (context.sources == nullptr && context.shared.server.anyone_invokes) return {};
    return {.admit = admit, .gone = gone, .context = &context};
}

}  // namespace

// Of HTTP and trunks together. Of trunks, twice as many as there can be: some linger in TIME-WAIT.
std::uint32_t Front::connections(const ServerInfo& server) {
    const TrunkInfo& trunks = server.trunks;
    return (server.http.port == 0 ? 64 : server.http.connections) +
           2 * (trunks.accepted + trunks.per_region * trunks.regions);
}

Result<std::unique_ptr<Front>> Front::create(Context& context, rte_mempool* payloads,
                                             StreamOwner& owner) {
    const ServerInfo& server = context.shared.server;
    const std::uint64_t per_ms = context.tsc_hz / 1000;
    auto stack = net::tcp::Stack::create(tcp_options(server),
                                         {.ports = server.ports,
                                          .pool = context.pool,
                                          .counters = &context.counters,
                                          .sink = {.send = send, .context = &context},
                                          .gate = gate(context)},
                                         rte_rdtsc() / per_ms * 1000);
    if (!stack) return stack.error();
    if (server.http.port != 0 && !(*stack)->listen(server.http.port))
        return Error{EADDRINUSE, "TCP port of HTTP"};
    if (server.trunks.accepted != 0 && !(*stack)->listen(server.udp_port))
        return Error{EADDRINUSE, "TCP port of trunks"};
    return std::unique_ptr<Front>(new Front(context, payloads, owner, std::move(*stack)));
}

Front::Front(Context& context, rte_mempool* payloads, StreamOwner& owner,
             std::unique_ptr<net::tcp::Stack> stack)
    : context_(context),
      payloads_(payloads),
      stack_(std::move(stack)),
      exchanges_(context, payloads, Front::connections(context.shared.server)),
      transport_(*stack_, Front::connections(context.shared.server)),
      server_(http_options(context.shared.server, context.core), transport_, exchanges_,
              context.counters),
      event_runs_(context, payloads) {
    exchanges_.serve(server_, transport_);
    if (context.shared.dedup != nullptr) {
        const HttpInfo& http = context.shared.server.http;
        dedup_ = std::make_unique<Dedup>(context, *context.shared.dedup, http.retry_bytes,
                                         http.retry_window_ms);
        context.dedup = dedup_.get();
    }
    context.exchanges = &exchanges_;
    context.event_runs = &event_runs_;
    const TrunkInfo& trunks = context.shared.server.trunks;
    if (trunks.per_region * trunks.regions != 0)
        trunks_ = std::make_unique<Trunks>(context, *stack_, payloads, owner);
    if (trunks.accepted != 0) {
        trunk_exchanges_ =
            std::make_unique<TrunkExchanges>(context, *stack_, payloads, trunks.accepted);
        context.trunk_exchanges = trunk_exchanges_.get();
    }
}

// Each to whom its connection belongs: trunks have a tag, or come to their own port.
void Front::take_events(std::span<const net::tcp::Event> events, bool of_trunks,
                        std::uint64_t now) {
    const std::uint16_t port = context_.shared.server.udp_port;
    for (const net::tcp::Event& event : events) {
        const bool accepted = (event.bits & net::tcp::kAccepted) != 0;
        const bool of_trunk =
            (event.tag & trunk::kTag) != 0 || (accepted && event.local_port == port);
        if (of_trunk != of_trunks) continue;
        if (!of_trunk) {
            transport_.tell(server_, event);
        } else if (trunk_exchanges_ != nullptr) {
            trunk_exchanges_->event(event, now);
        } else {
            trunks_->event(event, now);
        }
    }
}

std::uint32_t Front::turn() {
    const std::uint64_t now = now_us();
    const std::uint32_t due = stack_->advance(now);
    server_.begin_turn(now, context_.unix_ms(context_.now_tsc) / 1000, context_.access_keys,
                       context_.snapshot == nullptr ? nullptr : context_.snapshot->rules());
    std::array<net::tcp::Event, kEventsPerTurn> events;
    const std::uint32_t count = stack_->poll(events);
    const std::span<const net::tcp::Event> polled(events.data(), count);
    // Trunks first: what regions say is about exchanges that are there. Clients go after that, and
    // the core is told of it (take_gone()) before a region is heard again.
    take_events(polled, true, now);
    if (trunks_ != nullptr) trunks_->advance(now);
    if (trunk_exchanges_ != nullptr) trunk_exchanges_->advance(now);
    take_events(polled, false, now);
    std::uint32_t work = due + count + exchanges_.take_verdicts();
    if (event_runs_.busy()) ++work;
    if (dedup_ != nullptr) work += dedup_->turn();
    work += server_.advance();
    if (now >= next_gauges_us_) update_gauges(now);
    return work;
}

void Front::update_gauges(std::uint64_t now) {
    next_gauges_us_ = now + kGauges_us;
    CoreCounters& counters = context_.counters;
    counters.payload_buffers.set(rte_mempool_in_use_count(payloads_));
    if (trunks_ != nullptr) {
        counters.trunks.set(trunks_->up());
        counters.trunk_streams.set(trunks_->streams());
    }
    if (trunk_exchanges_ != nullptr) {
        counters.trunks.set(trunk_exchanges_->trunks());
        counters.trunk_streams.set(trunk_exchanges_->open_exchanges());
    }
}

std::uint32_t Front::take_gone(std::span<std::uint32_t> invocations) {
    const std::uint32_t count = exchanges_.take_gone(invocations);
    if (trunk_exchanges_ == nullptr) return count;
    return count + trunk_exchanges_->take_gone(invocations.subspan(count));
}

std::uint32_t Front::take(std::span<Arrival> arrivals) {
    std::uint32_t count = exchanges_.take(arrivals);
    if (trunk_exchanges_ != nullptr) count += trunk_exchanges_->take(arrivals.subspan(count));
    return count + event_runs_.take(arrivals.subspan(count));
}

bool Front::has_events() const {
    if (dedup_ != nullptr && dedup_->has_news()) return true;
    const Shared& shared = context_.shared;
    const std::uint32_t core = context_.core;
    if (shared.event_runs[core] == nullptr) return false;
    return rte_ring_count(shared.event_verdicts[core]) != 0 ||
           (!event_runs_.blocked() && rte_ring_count(shared.event_runs[core]) != 0);
}

bool Front::flush() {
    const std::uint64_t now = now_us();
    if (trunks_ != nullptr) trunks_->pump();
    if (trunk_exchanges_ != nullptr) trunk_exchanges_->pump();
    bool left = !stack_->flush(now, kSegmentsPerTurn);
    // What has just been sent made room for more.
    if (trunks_ != nullptr) left |= trunks_->more();
    if (trunk_exchanges_ != nullptr) left |= trunk_exchanges_->more();
    return left;
}

std::uint64_t Front::next_due_tsc() const {
    std::uint64_t us = std::min(stack_->next_due_us(), server_.next_due_us());
    if (trunks_ != nullptr) us = std::min(us, trunks_->next_due_us());
    if (trunk_exchanges_ != nullptr) us = std::min(us, trunk_exchanges_->next_due_us());
    if (us == ~std::uint64_t{0}) return us;
    const std::uint64_t per_ms = context_.tsc_hz / 1000;
    return us / 1000 * per_ms + us % 1000 * per_ms / 1000;
}

}  // namespace skerry
