// Stack: handles to connections, and everything to the Core.
#include "dataplane/net/tcp/stack.hpp"

#include <bit>

#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/isn.hpp"

namespace skerry::net::tcp {
namespace {

// What an idle connection costs: itself, its timer, its places in the table (half of them empty).
constexpr std::size_t kTimerBytes = 16;
constexpr std::size_t kTableBytes = 16;
static_assert(sizeof(Connection) + kTimerBytes + kTableBytes <= 512);

// The least scale with which the largest window can be said in 16 bits (RFC 7323 §2.2).
std::uint8_t scale_for(std::uint32_t window_bytes) {
    std::uint8_t scale = 0;
    while (scale < kMaxScale && (window_bytes >> scale) > 65535) ++scale;
    return scale;
}

Error refused(const std::string& text) {
    return Error{0, "tcp: " + text};
}

}  // namespace

Core::Core(const Options& given, const Environment& environment, std::uint64_t now)
    : options(given),
      limits(given.limits),
      ports(environment.ports),
      pool(environment.pool),
      counters(*environment.counters),
      sink(environment.sink),
      gate(environment.gate),
      pool_payload_bytes(rte_pktmbuf_data_room_size(environment.pool) - RTE_PKTMBUF_HEADROOM -
                         kMaxTcpHeaderBytes),
      table_key(derive_key(given.secret, 1)),
      sequence_key(derive_key(given.secret, 2)),
      timestamp_key(derive_key(given.secret, 3)),
      cookie_key(derive_key(given.secret, 4)),
      receive_scale(scale_for(given.limits.connection_receive_bytes)),
      now_us(now),
      connections(std::make_unique<Connection[]>(given.limits.connections)),
      table(given.limits.connections),
      wheel(given.limits.connections, now),
      blocks(given.limits.send_blocks),
      flights(given.limits.flights),
      syn_budget(given.limits.cookies_per_second, derive_key(given.secret, 5)) {
    for (std::uint32_t i = 0; i < limits.connections; ++i) free_list.push(connections.get(), i);
}

Core::~Core() {
    for (std::uint32_t i = 0; i < limits.connections; ++i) drop_received(connections[i]);
}

Result<std::unique_ptr<Stack>> Stack::create(const Options& options, const Environment& environment,
                                             std::uint64_t now_us) {
    const Limits& limits = options.limits;
    if (environment.pool == nullptr || environment.counters == nullptr ||
        environment.sink.send == nullptr || environment.ports.empty())
        return refused("pool, counters, sink or ports are missing");
    if (limits.connections == 0 || limits.connections > (1u << 24))
        return refused("connections must be 1 to 2^24");
    if (limits.connection_receive_bytes < 2048 || limits.connection_receive_bytes > (1u << 30))
        return refused("connection_receive_bytes must be 2 KiB to 1 GiB (RFC 7323 §2.3)");
    if (limits.connection_send_bytes < 2048 || limits.connection_send_bytes > (1u << 30))
        return refused("connection_send_bytes must be 2 KiB to 1 GiB");
    if (limits.send_blocks == 0 || limits.flights == 0)
        return refused("send_blocks and flights must not be 0");
    if (limits.cookies_per_second < SynBudget::kStepsASecond ||
        limits.cookies_per_second > (1u << 28))
        return refused("cookies_per_second must be 64 to 2^28");
    if (rte_pktmbuf_data_room_size(environment.pool) < RTE_PKTMBUF_HEADROOM + 60 + 576)
        return refused("packet buffers are too small for a segment");
    if (options.ephemeral_first == 0 || options.ephemeral_last < options.ephemeral_first)
        return refused("ephemeral ports: the first must be 1 to the last");
    return std::unique_ptr<Stack>(new Stack(std::make_unique<Core>(options, environment, now_us)));
}

Stack::Stack(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Stack::~Stack() = default;

void Stack::input(std::span<const Arrived> burst, std::uint64_t now_us) {
    core_->input(burst, now_us);
}
std::size_t Stack::answer_flood(std::span<rte_mbuf*> burst, std::uint8_t port,
                                std::uint64_t now_us) {
    return core_->answer_flood(burst, port, now_us);
}
std::uint32_t Stack::advance(std::uint64_t now_us, std::uint32_t budget) {
    return core_->advance(now_us, budget);
}
bool Stack::flush(std::uint64_t now_us, std::uint32_t budget) {
    return core_->flush(now_us, budget);
}
std::uint64_t Stack::next_due_us() const {
    const std::uint64_t timer_us = core_->wheel.next_due_us();
    if (core_->output_list.empty()) return timer_us;
    return std::min(timer_us, std::max(core_->stuck_until_us, core_->now_us));
}
bool Stack::listen(std::uint16_t port) {
    return core_->listen(port);
}
void Stack::unlisten(std::uint16_t port) {
    core_->unlisten(port);
}
Handle Stack::connect(const Connect& to, std::uint64_t now_us) {
    return core_->connect(to, now_us);
}
std::uint32_t Stack::poll(std::span<Event> events) {
    return core_->poll(events);
}
void Stack::again(Handle handle) {
    if (Connection* c = core_->find(handle)) core_->tell(*c, kReadable);
}
bool Stack::set_tag(Handle handle, std::uint64_t tag) {
    Connection* c = core_->find(handle);
    if (c == nullptr) return false;
    c->tag = tag;
    return true;
}
bool Stack::alive(Handle handle) const {
    return core_->find(handle) != nullptr;
}
Info Stack::info(Handle handle) const {
    const Connection* c = core_->find(handle);
    return c == nullptr ? Info{} : core_->info(*c);
}

std::uint32_t Stack::read(Handle handle, std::span<std::span<const std::uint8_t>> spans) const {
    const Connection* c = core_->find(handle);
    if (c == nullptr) return 0;
    std::uint32_t n = 0;
    for (rte_mbuf* at = c->received.head; at != nullptr && n < spans.size(); at = at->next)
        spans[n++] = {rte_pktmbuf_mtod(at, const std::uint8_t*), at->data_len};
    return n;
}
std::uint32_t Stack::readable_bytes(Handle handle) const {
    const Connection* c = core_->find(handle);
    return c == nullptr ? 0 : c->received.bytes;
}
void Stack::consume(Handle handle, std::uint32_t bytes) {
    if (Connection* c = core_->find(handle)) core_->consume(*c, bytes);
}
std::uint32_t Stack::write(Handle handle, std::span<const std::uint8_t> bytes) {
    Connection* c = core_->find(handle);
    return c == nullptr ? 0 : core_->write(*c, bytes);
}
std::uint32_t Stack::writable_bytes(Handle handle) const {
    const Connection* c = core_->find(handle);
    return c == nullptr ? 0 : core_->room(*c);
}
void Stack::want_writable(Handle handle) {
    if (Connection* c = core_->find(handle)) core_->want_writable(*c);
}
void Stack::shutdown(Handle handle) {
    if (Connection* c = core_->find(handle)) core_->shutdown(*c);
}
void Stack::close(Handle handle) {
    if (Connection* c = core_->find(handle)) core_->close(*c);
}
void Stack::abort(Handle handle) {
    if (Connection* c = core_->find(handle)) core_->abort(*c, Reason::tcp_closed_aborted);
}
const Stats& Stack::stats() const {
    return core_->stats;
}

}  // namespace skerry::net::tcp
