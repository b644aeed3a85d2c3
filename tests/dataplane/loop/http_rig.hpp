// A client of HTTP whose TCP is a Stack, too, and the core that it speaks to. Ends by proving that
// no buffer of any pool was lost.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/net/tcp/stack.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {

inline constexpr std::uint16_t kPort = 8080;

inline std::string post(const std::string& function, const std::string& body) {
    return "POST /2015-03-31/functions/" + function +
           "/invocations HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

class HttpTest : public LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        info.http.port = kPort;
        info.http.connections = 64;
        info.http.send_blocks = 512;
        info.http.receive_bytes = 1 << 20;
        info.http.secret = {1, 2, 3};
        client_pool_ = rte_pktmbuf_pool_create("http-client", 1023, 0, 0, 2176, SOCKET_ID_ANY);
        ASSERT_NE(client_pool_, nullptr);
        own_ = {*net::IpPrefix::parse("10.0.0.9/24"), *net::IpPrefix::parse("10.0.0.10/24"),
                *net::IpPrefix::parse("10.0.0.11/24")};
        view_.mac = {{2, 0, 0, 0, 0, 9}};
        view_.tcp = true;
        view_.addresses = own_;
        net::tcp::Options options;
        options.limits.connections = 64;
        options.limits.send_blocks = 512;
        options.limits.connection_receive_bytes = window;
        options.delayed_ack = false;
        net::tcp::Environment around;
        around.ports = {&view_, 1};
        around.pool = client_pool_;
        around.counters = &counters_;
        around.sink = {[](void* self, rte_mbuf* frame, std::uint8_t) {
                           static_cast<HttpTest*>(self)->out_.push_back(frame);
                       },
                       this};
        auto stack = net::tcp::Stack::create(options, around, now_us());
        ASSERT_TRUE(stack);
        client_ = std::move(*stack);
    }
    void TearDown() override {
        for (const net::tcp::Handle each : connections_) client_->abort(each);
        step();
        step();
        client_.reset();
        for (rte_mbuf* frame : out_) rte_pktmbuf_free(frame);
        EXPECT_EQ(rte_mempool_in_use_count(client_pool_), 0u);
        rte_mempool_free(client_pool_);
        LoopTest::TearDown();
    }

    virtual void core_turn() { core->turn(); }
    // For tests with more peers: they speak before the core's turn, and may take frames of theirs.
    virtual void peers_speak() {}
    virtual bool peers_take(const std::vector<std::uint8_t>&) { return false; }

    static std::uint64_t now_us() { return rte_rdtsc() / (rte_get_tsc_hz() / 1000000); }

    // Everything that the client has to say, one turn of the core, and what it said.
    void step() {
        (void)client_->advance(now_us());
        (void)client_->flush(now_us());
        for (rte_mbuf* frame : std::exchange(out_, {})) {
            const auto* bytes = rte_pktmbuf_mtod(frame, const std::uint8_t*);
            send_frame({bytes, bytes + frame->data_len});
            rte_pktmbuf_free(frame);
        }
        peers_speak();
        core_turn();
        collect_sent();
        for (const std::vector<std::uint8_t>& frame : std::exchange(other_sent, {}))
            if (!peers_take(frame)) take(frame);
        net::tcp::Event events[16];
        for (std::uint32_t n = client_->poll(events); n-- > 0;)
            if ((events[n].bits & net::tcp::kClosed) != 0) ++closed;
    }
    template <typename Condition>
    bool step_until(Condition&& condition) {
        const std::uint64_t limit = now_us() + 5'000'000;
        while (!condition()) {
            if (now_us() > limit) return false;
            step();
        }
        return true;
    }

    net::tcp::Handle connect(std::uint16_t port = kPort, std::size_t from = 0) {
        const net::tcp::Handle made = client_->connect({.local = own_[from].address,
                                                        .peer = *net::IpAddress::parse("10.0.0.1"),
                                                        .next_hop = info.ports[0].mac,
                                                        .peer_port = port},
                                                       now_us());
        EXPECT_TRUE(bool(made));
        connections_.push_back(made);
        EXPECT_TRUE(
            step_until([&] { return client_->info(made).state == net::tcp::State::established; }));
        return made;
    }
    // It is gone, by a reset or in an orderly way.
    void leave(net::tcp::Handle connection, bool reset) {
        if (reset) {
            client_->abort(connection);
        } else {
            client_->close(connection);
        }
        std::erase(connections_, connection);
        for (int i = 0; i < 5; ++i) step();
    }
    void say(net::tcp::Handle connection, const std::string& text) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
        ASSERT_EQ(client_->write(connection, {bytes, text.size()}), text.size());
    }
    std::string heard(net::tcp::Handle connection) {
        std::string text;
        std::span<const std::uint8_t> spans[4];
        while (const std::uint32_t count = client_->read(connection, spans)) {
            std::uint32_t bytes = 0;
            for (std::uint32_t i = 0; i < count; ++i) {
                text.append(reinterpret_cast<const char*>(spans[i].data()), spans[i].size());
                bytes += static_cast<std::uint32_t>(spans[i].size());
            }
            client_->consume(connection, bytes);
        }
        return text;
    }
    // Until an answer's end, as its Content-Length has it.
    std::string answer(net::tcp::Handle connection) { return answer_rest(connection, {}); }
    // The same, what has been heard of it included.
    std::string answer_rest(net::tcp::Handle connection, std::string text) {
        EXPECT_TRUE(step_until([&] {
            text += heard(connection);
            const std::size_t end = text.find("\r\n\r\n");
            const std::size_t field = text.find("Content-Length: ");
            return end != std::string::npos && field != std::string::npos &&
                   text.size() >= end + 4 + std::stoul(text.substr(field + 16));
        })) << text;
        return text;
    }
    static std::string body_of(const std::string& answer) {
        return answer.substr(answer.find("\r\n\r\n") + 4);
    }

    std::uint32_t window = 256 * 1024;
    std::uint32_t closed = 0;
    std::unique_ptr<net::tcp::Stack> client_;

  private:
    void take(const std::vector<std::uint8_t>& bytes) {
        rte_mbuf* mbuf = rte_pktmbuf_alloc(client_pool_);
        ASSERT_NE(mbuf, nullptr);
        std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size())),
                    bytes.data(), bytes.size());
        const net::Frame frame = net::classify(mbuf, 0, view_, 4600, neighbours_, 0);
        if (frame.kind == net::FrameKind::tcp)
            client_->input(mbuf, frame, now_us());
        else
            rte_pktmbuf_free(mbuf);
    }

    rte_mempool* client_pool_ = nullptr;
    std::vector<net::IpPrefix> own_;
    net::PortView view_;
    net::Neighbours neighbours_;
    CoreCounters counters_;
    std::vector<rte_mbuf*> out_;
    std::vector<net::tcp::Handle> connections_;
};

}  // namespace skerry::test
