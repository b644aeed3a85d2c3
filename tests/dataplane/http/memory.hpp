// A Transport in memory and Invocations that do as a test says. The clients' side of each
// connection are two strings.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/http/server.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::http::testing {

class MemoryTransport final : public Transport {
  public:
    struct Connection {
        std::string input;                    // not consumed yet
        std::string output;                   // written
        std::size_t piece = ~std::size_t{0};  // bytes of one span
        std::size_t room = 1u << 20;          // left to be written
        std::size_t backlog = 0;              // written and not acknowledged
        bool shut = false, closed = false, aborted = false;
        bool wants_room = false, again = false;
        bool over() const { return closed || aborted; }
    };
    explicit MemoryTransport(std::uint32_t connections) : all(connections) {}
    std::vector<Connection> all;

    std::uint32_t read(std::uint32_t connection, std::span<Bytes> spans) override {
        Connection& c = all[connection];
        if (c.input.empty() || c.over()) return 0;
        // Exactly as long as it is said to be: AddressSanitizer sees who reads beyond.
        const std::size_t bytes = std::min(c.piece, c.input.size());
        exact_ = std::make_unique<std::uint8_t[]>(bytes);
        std::copy_n(c.input.data(), bytes, exact_.get());
        spans[0] = {exact_.get(), bytes};
        return 1;
    }
    void consume(std::uint32_t connection, std::uint32_t bytes) override {
        if (all[connection].over()) return;
        SKERRY_CHECK(bytes <= all[connection].input.size());
        all[connection].input.erase(0, bytes);
        exact_.reset();
    }
    std::uint32_t room(std::uint32_t connection) override {
        const Connection& c = all[connection];
        return c.over() || c.shut ? 0 : static_cast<std::uint32_t>(c.room);
    }
    std::uint32_t backlog(std::uint32_t connection) override {
        return static_cast<std::uint32_t>(all[connection].backlog);
    }
    std::uint32_t write(std::uint32_t connection, Bytes bytes) override {
        Connection& c = all[connection];
        SKERRY_CHECK(!c.over() && !c.shut);
        const std::size_t taken = std::min(c.room, bytes.size());
        c.output.append(reinterpret_cast<const char*>(bytes.data()), taken);
        c.room -= taken;
        c.backlog += taken;
        return static_cast<std::uint32_t>(taken);
    }
    void want_room(std::uint32_t connection) override { all[connection].wants_room = true; }
    void again(std::uint32_t connection) override { all[connection].again = true; }
    void shutdown(std::uint32_t connection) override { all[connection].shut = true; }
    void close(std::uint32_t connection) override { all[connection].closed = true; }
    void abort(std::uint32_t connection) override { all[connection].aborted = true; }

  private:
    std::unique_ptr<std::uint8_t[]> exact_;
};

class TestInvocations final : public Invocations {
  public:
    struct Started {
        std::string function, qualifier, payload;
        Call call;
        bool complete = false, cancelled = false, released = false;
        bool over = false;  // nothing may be said of it any more
        // For tests that answer in pieces.
        bool answered = false, more = false, total_known = false;
        std::size_t total_left = 0;
        std::string kept;
    };
    std::vector<Started> all;
    Answer refusal;  // of start(), if its status is not ok
    std::size_t room = ~std::size_t{0};
    std::size_t refuse_payload_at = ~std::size_t{0};
    bool is_ready = true;

    bool start(const Call& call, Answer& answer) override {
        answer = refusal;
        if (refusal.status != ReplyStatus::ok || call.dry_run) return false;
        Started& started = all.emplace_back();
        started.function = call.function;
        started.qualifier = call.qualifier;
        started.call = call;
        return true;
    }
    std::size_t payload_room(Exchange) override { return room; }
    bool payload(Exchange exchange, std::string_view piece, Answer& answer) override {
        Started& it = find(exchange);
        SKERRY_CHECK(!it.complete && !it.cancelled && piece.size() <= room);
        if (it.payload.size() + piece.size() > refuse_payload_at) {
            answer = {.status = ReplyStatus::too_large,
                      .reason = Reason::refused_too_large,
                      .limit_bytes = refuse_payload_at};
            it.over = true;
            return false;
        }
        if (room != ~std::size_t{0}) room -= piece.size();
        it.payload += piece;
        return true;
    }
    void payload_complete(Exchange exchange) override { find(exchange).complete = true; }
    void cancel(Exchange exchange) override {
        const Started& it = find(exchange);
        SKERRY_CHECK(!it.cancelled && !it.over && (!it.released || it.more));
        find(exchange).cancelled = true;
    }
    void release(Exchange exchange) override {
        SKERRY_CHECK(!find(exchange).cancelled && !find(exchange).over);
        SKERRY_CHECK(!find(exchange).released);
        find(exchange).released = true;
    }
    bool ready() override { return is_ready; }

    Started& find(Exchange exchange) {
        const auto it = std::find_if(all.begin(), all.end(), [&](const Started& started) {
            return started.call.exchange == exchange;
        });
        SKERRY_CHECK(it != all.end());
        return *it;
    }
};

// A server with its clients, and a clock that only stands or is moved.
class Rig {
  public:
    static constexpr std::uint64_t kUnix_s = 1795896000;  // Sat, 28 Nov 2026 20:00:00 GMT

    explicit Rig(Options options = {}, std::uint32_t connections = 32)
        : transport(connections),
          server(
              [&] {
                  options.connections = connections;
                  return options;
              }(),
              transport, invocations, *counters) {
        turn();
    }

    std::uint32_t open(std::size_t piece = ~std::size_t{0}) {
        transport.all[next_].piece = piece;
        server.opened(next_);
        return next_++;
    }
    void send(std::uint32_t connection, std::string_view bytes) {
        if (transport.all[connection].over()) return;
        transport.all[connection].input += bytes;
        server.readable(connection);
        settle(connection);
    }
    void settle(std::uint32_t connection) {
        while (transport.all[connection].again) {
            transport.all[connection].again = false;
            turn();
            if (!transport.all[connection].over()) server.readable(connection);
        }
    }
    // What the client has received since it last looked.
    std::string heard(std::uint32_t connection) {
        return std::exchange(transport.all[connection].output, {});
    }
    void answer(std::size_t index, std::string_view payload, Answer answer = {}) {
        answer.payload = reinterpret_cast<const std::uint8_t*>(payload.data());
        answer.payload_bytes = static_cast<std::uint32_t>(payload.size());
        const Exchange exchange = invocations.all[index].call.exchange;
        server.answered(exchange, answer);
        settle(exchange.connection);
    }
    // The client acknowledges, perhaps without the transport saying so yet.
    void acknowledge(std::uint32_t connection, std::size_t bytes) {
        MemoryTransport::Connection& c = transport.all[connection];
        c.backlog -= std::min(c.backlog, bytes);
    }
    void give_room(std::uint32_t connection, std::size_t bytes) {
        transport.all[connection].room += bytes;
        acknowledge(connection, bytes);
        transport.all[connection].wants_room = false;
        server.writable(connection);
        settle(connection);
    }
    // Time passes, in steps as turns have them.
    void pass(std::uint64_t us) {
        const std::uint64_t end = now_us_ + us;
        while (now_us_ < end) {
            now_us_ = std::min(end, std::max(now_us_ + 1, server.next_due_us()));
            turn();
            while (server.advance() != 0) {
            }
        }
    }
    std::uint64_t count(Reason reason) const {
        return counters->reasons[static_cast<std::size_t>(reason)].get();
    }

    // Of the turns that begin from now on.
    std::unique_ptr<const auth::AccessKeys> keys;
    std::shared_ptr<const rules::Set> rules;
    std::unique_ptr<CoreCounters> counters = std::make_unique<CoreCounters>();
    MemoryTransport transport;
    TestInvocations invocations;
    Server server;

  private:
    void turn() { server.begin_turn(now_us_, kUnix_s, keys.get(), rules.get()); }
    std::uint32_t next_ = 0;
    std::uint64_t now_us_ = 1;
};

inline std::string post(const std::string& body, const std::string& fields = "",
                        const std::string& name = "echo") {
    return "POST /2015-03-31/functions/" + name + "/invocations HTTP/1.1\r\nHost: h\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string get(const std::string& path = "/healthz", const std::string& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

}  // namespace skerry::http::testing
