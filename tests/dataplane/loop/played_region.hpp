// Regions that a test plays, with TCP of their own and the other ends of the POP's trunks; and the
// POP's core between them and a client of HTTP.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/net/tcp/stack.hpp"
#include "tests/dataplane/loop/http_rig.hpp"
#include "tests/dataplane/trunk/ends.hpp"

namespace skerry::test {

using trunk::kStreams;
using trunk::testing::End;

inline std::string pattern(std::size_t bytes) {
    std::string made(bytes, ' ');
    for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<char>('a' + i * 7 % 26);
    return made;
}

// One region: a Stack that listens, and an End for each trunk.
class Region {
  public:
    explicit Region(std::uint32_t number) : number_(number) {
        const Peer peer = region_peer(number);
        pool_ = rte_pktmbuf_pool_create(("region" + std::to_string(number)).c_str(), 1023, 0, 0,
                                        2176, SOCKET_ID_ANY);
        own_ = {*net::IpPrefix::parse(peer.address.to_string() + "/24")};
        view_.mac = peer.mac;
        view_.tcp = true;
        view_.addresses = own_;
        net::tcp::Options options;
        options.limits.connections = 64;
        options.limits.send_blocks = 512;
        options.delayed_ack = false;
        options.min_rto_us = 20'000;
        net::tcp::Environment around;
        around.ports = {&view_, 1};
        around.pool = pool_;
        around.counters = &counters_;
        around.sink = {[](void* self, rte_mbuf* frame, std::uint8_t) {
                           static_cast<Region*>(self)->out_.push_back(frame);
                       },
                       this};
        auto stack = net::tcp::Stack::create(options, around, now_us());
        EXPECT_TRUE(stack);
        stack_ = std::move(*stack);
        EXPECT_TRUE(stack_->listen(4600));
    }
    ~Region() {
        stack_.reset();
        for (rte_mbuf* frame : out_) rte_pktmbuf_free(frame);
        EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u);
        rte_mempool_free(pool_);
    }
    static std::uint64_t now_us() { return rte_rdtsc() / (rte_get_tsc_hz() / 1000000); }

    bool is_for(const std::vector<std::uint8_t>& frame) const {
        return std::memcmp(frame.data(), view_.mac.bytes.data(), 6) == 0;
    }
    void take(const std::vector<std::uint8_t>& bytes) {
        if (gone) return;
        rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
        ASSERT_NE(mbuf, nullptr);
        std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size())),
                    bytes.data(), bytes.size());
        const net::Frame frame = net::classify(mbuf, 0, view_, 4600, neighbours_, 0);
        if (frame.kind == net::FrameKind::tcp)
            stack_->input(mbuf, frame, now_us());
        else
            rte_pktmbuf_free(mbuf);
    }
    // Everything it has to say, as frames.
    std::vector<std::vector<std::uint8_t>> speak() {
        (void)stack_->advance(now_us());
        net::tcp::Event events[16];
        const std::uint32_t count = stack_->poll(events);
        for (std::uint32_t i = 0; i < count; ++i) {
            if (events[i].bits & net::tcp::kAccepted) {
                trunks.emplace_back(events[i].connection,
                                    std::make_unique<End>(trunk::Role::server, 64 * 1024));
                trunks.back().second->grants = grants;
            }
        }
        for (auto& [connection, end] : trunks) run(connection, *end);
        (void)stack_->flush(now_us());
        std::vector<std::vector<std::uint8_t>> frames;
        for (rte_mbuf* frame : std::exchange(out_, {})) {
            const auto* bytes = rte_pktmbuf_mtod(frame, const std::uint8_t*);
            if (!gone) frames.emplace_back(bytes, bytes + frame->data_len);
            rte_pktmbuf_free(frame);
        }
        return frames;
    }
    // Its trunk with a stream whose request is whole, and that was not answered yet.
    struct Asked {
        End* end = nullptr;
        std::uint32_t place = 0;
        explicit operator bool() const { return end != nullptr; }
        End::Stream& operator*() const { return end->streams[place]; }
        End::Stream* operator->() const { return &end->streams[place]; }
    };
    Asked asked(bool whole = true) {
        for (auto& [connection, end] : trunks)
            for (std::uint32_t place = 0; place < kStreams; ++place)
                if (end->streams[place].open && !end->streams[place].replied &&
                    (end->streams[place].complete || !whole))
                    return {end.get(), place};
        return {};
    }
    void answer(const Asked& asked, const std::string& payload,
                ReplyStatus status = ReplyStatus::ok, std::uint32_t tail_bytes = 0) {
        asked->replied = true;
        asked->says = payload;
        asked->said = 0;
        wire::Header header = asked->header;
        header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
        header.status = static_cast<std::uint8_t>(status);
        header.payload_bytes.set(static_cast<std::uint32_t>(payload.size()));
        header.tail_bytes.set(static_cast<std::uint16_t>(tail_bytes));
        std::memset(header.place, 0, sizeof header.place);
        std::snprintf(header.place, sizeof header.place, "r%u", number_);
        asked.end->link.reply(asked.place, header);
    }
    // All its trunks end, by a reset.
    void break_trunks() {
        for (auto& [connection, end] : std::exchange(trunks, {})) stack_->abort(connection);
    }

    std::vector<std::pair<net::tcp::Handle, std::unique_ptr<End>>> trunks;
    bool gone = false;  // nothing reaches it, nothing comes from it
    bool grants = true;
    std::string raw;  // instead of what the ends have to say

  private:
    void run(net::tcp::Handle connection, End& end) {
        std::span<const std::uint8_t> spans[8];
        while (const std::uint32_t count = stack_->read(connection, spans)) {
            std::uint32_t bytes = 0;
            for (std::uint32_t i = 0; i < count; ++i) {
                EXPECT_TRUE(end.link.take(spans[i])) << static_cast<int>(end.link.fault());
                bytes += static_cast<std::uint32_t>(spans[i].size());
            }
            stack_->consume(connection, bytes);
        }
        end.left = stack_->writable_bytes(connection);
        end.pump();
        const std::string says = std::exchange(end.output, {}) + std::exchange(raw, {});
        (void)stack_->write(connection,
                            {reinterpret_cast<const std::uint8_t*>(says.data()), says.size()});
    }

    const std::uint32_t number_;
    rte_mempool* pool_ = nullptr;
    std::vector<net::IpPrefix> own_;
    net::PortView view_;
    net::Neighbours neighbours_;
    CoreCounters counters_;
    std::vector<rte_mbuf*> out_;
    std::unique_ptr<net::tcp::Stack> stack_;
};

class TrunkPop : public HttpTest {
  protected:
    void SetUp() override {
        HttpTest::SetUp();
        targets[0].entry = kNoEntry;
        targets[0].holders = 3;
        targets[0].max_payload_bytes = 6 << 20;
        targets[0].timeout_us = 4'000'000;
        region_count = 2;
        info.trunks = {.per_region = 1, .regions = 2, .accepted = 0};
        payload_buffers = 1024;
        for (std::uint32_t r = 0; r < 2; ++r) regions[r] = std::make_unique<Region>(r);
    }
    void TearDown() override {
        for (auto& region : regions) region->break_trunks();
        for (int i = 0; i < 5; ++i) step();
        HttpTest::TearDown();
        for (auto& region : regions) region.reset();
    }
    void peers_speak() override {
        for (auto& region : regions)
            for (const auto& frame : region->speak()) send_frame(frame);
    }
    bool peers_take(const std::vector<std::uint8_t>& frame) override {
        for (auto& region : regions) {
            if (!region->is_for(frame)) continue;
            region->take(frame);
            return true;
        }
        return false;
    }
    // Starts, with region 0 nearer than region 1 and trunks to both.
    void begin(RetryPolicy retry = RetryPolicy::unstarted) {
        targets[0].retry = retry;
        start();
        set_region(0, 1000);
        set_region(1, 2000);
        ASSERT_TRUE(step_until([&] { return count(Reason::trunk_up) == 2; }));
    }
    Region::Asked wait_for(std::uint32_t region, bool whole = true) {
        Region::Asked asked;
        EXPECT_TRUE(step_until([&] { return bool(asked = regions[region]->asked(whole)); }));
        return asked;
    }
    // The region that gets the next one; which that is, is not always the test's business.
    std::uint32_t wait_for_any(Region::Asked& asked) {
        std::uint32_t region = 0;
        EXPECT_TRUE(step_until([&] {
            region = 1 - region;
            return bool(asked = regions[region]->asked(true));
        }));
        return region;
    }
    std::string ask(const std::string& body) {
        const net::tcp::Handle connection = connect();
        std::string request = post("f0", body);
        std::size_t said = 0;
        while (said < request.size()) {
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(request.data()) + said;
            said += client_->write(connection, {bytes, request.size() - said});
            step();
        }
        last_ = connection;
        return {};
    }
    std::string reply() { return answer(last_); }

    std::array<std::unique_ptr<Region>, 2> regions;
    net::tcp::Handle last_;
};

}  // namespace skerry::test
