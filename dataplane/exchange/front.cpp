#include "dataplane/exchange/front.hpp"

#include <rte_cycles.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace skerry {
namespace {

net::tcp::Options tcp_options(const HttpInfo& info) {
    net::tcp::Options options;
    options.limits.connections = info.connections;
    options.limits.core_receive_bytes = info.receive_bytes;
    options.limits.send_blocks = info.send_blocks;
    options.secret = info.secret;
    return options;
}

http::Options http_options(const HttpInfo& info, std::uint32_t core) {
    http::Options options;
    options.connections = info.connections;
    options.limits.head_bytes = info.head_bytes;
    options.limits.body_bytes = info.body_bytes;
    options.times.idle_us = info.idle_ms * 1000;
    options.times.head_us = info.head_ms * 1000;
    options.times.min_bytes_per_s = info.min_bytes_per_s;
    // Request ids of two cores, or of two starts of a server, are never the same.
    options.allow_origin = info.allow_origin;
    options.seed = info.first_id ^ std::uint64_t{core + 1} << 56;
    return options;
}

void send(void* context, rte_mbuf* frame, std::uint8_t port) {
    static_cast<Context*>(context)->send(frame, port);
}

}  // namespace

Result<std::unique_ptr<Front>> Front::create(Context& context, rte_mempool* payloads) {
    const ServerInfo& server = context.shared.server;
    const std::uint64_t per_ms = context.tsc_hz / 1000;
    auto stack = net::tcp::Stack::create(tcp_options(server.http),
                                         {.ports = server.ports,
                                          .pool = context.pool,
                                          .counters = &context.counters,
                                          .sink = {.send = send, .context = &context}},
                                         rte_rdtsc() / per_ms * 1000);
    if (!stack) return stack.error();
    if (!(*stack)->listen(server.http.port)) return Error{EADDRINUSE, "TCP port of HTTP"};
    return std::unique_ptr<Front>(new Front(context, payloads, std::move(*stack)));
}

Front::Front(Context& context, rte_mempool* payloads, std::unique_ptr<net::tcp::Stack> stack)
    : context_(context),
      stack_(std::move(stack)),
      exchanges_(context, payloads, context.shared.server.http.connections),
      transport_(*stack_, context.shared.server.http.connections),
      server_(http_options(context.shared.server.http, context.core), transport_, exchanges_,
              context.counters) {
    exchanges_.serve(server_, transport_);
    context.exchanges = &exchanges_;
}

std::uint32_t Front::turn() {
    const std::uint64_t now = now_us();
    std::uint32_t work = stack_->advance(now);
    server_.begin_turn(now, context_.unix_ms(context_.now_tsc) / 1000);
    work += transport_.take_events(server_, kEventsPerTurn);
    work += server_.advance();
    return work;
}

std::uint64_t Front::next_due_tsc() const {
    const std::uint64_t us = std::min(stack_->next_due_us(), server_.next_due_us());
    if (us == ~std::uint64_t{0}) return us;
    const std::uint64_t per_ms = context_.tsc_hz / 1000;
    return us / 1000 * per_ms + us % 1000 * per_ms / 1000;
}

}  // namespace skerry
