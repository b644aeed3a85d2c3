// A script being run: the host, the peers that it plays, and the verbs. Internal to runner.cpp and
// actions.cpp.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/dataplane/tcp/timeline/host.hpp"
#include "tests/dataplane/tcp/timeline/script.hpp"

namespace skerry::timeline {

// What did not happen as it should have.
struct Mismatch {
    std::string what;
};

// The n-th byte of what a side sends: the same whenever it is sent, and not the other side's.
inline std::uint8_t pattern(bool ours, std::uint32_t offset) {
    return static_cast<std::uint8_t>((offset * 7 + offset / 251) ^ (ours ? 0x55 : 0));
}

// One connection as the script sees it: known by the peer's port.
struct Peer {
    std::uint16_t port = 40000;
    std::uint16_t our_port = 80;
    std::uint32_t isn = 1'000'000;  // of the peer
    std::uint32_t our_isn = 0;
    bool our_isn_known = false;
    std::uint16_t window = 65535;    // what it says if a line does not
    bool stamps = false;             // timestamps on segments that do not say
    std::uint32_t stamp_origin = 0;  // the peer's clock is so much ahead of ours, in milliseconds
    std::uint32_t stamp_base = 0;    // our first timestamp
    bool stamp_base_known = false;
    std::uint32_t last_stamp = 0;  // our newest, relative
    net::tcp::Handle handle;
    std::uint8_t events = 0;  // told and not yet asked for
    Reason reason = Reason::tcp_closed_done;
    std::uint32_t written = 0;
    std::uint32_t consumed = 0;
};

class Session {
  public:
    explicit Session(bool short_way) : short_way_(short_way) {}
    void run(const Script& script);
    const std::vector<std::string>& log() const { return log_; }
    void finish();  // nothing is left over: frames, buffers

  private:
    void step(const Line& line, bool turn_goes_on);
    void start();  // the stack, once the options are known
    // runner.cpp
    void arrives(const SegmentSpec& spec);
    void sent(const Line& line);
    void compare(const SegmentSpec& spec, const Sent& got);
    void compare_options(const OptionsSpec& spec, const TcpOptions& got);
    TcpOptions options_of(const OptionsSpec& spec);
    Sent next_sent(std::uint64_t earliest_us, std::uint64_t latest_us, const std::string& expected);
    void learn(const Sent& got);
    void expect_silence();
    void take_events();
    std::string describe(const Sent& got) const;
    Bytes frame_to_us(std::uint8_t protocol, const Bytes& l4) const;
    const IpAddress& ours() const { return v6_ ? host_->addresses.ours6 : host_->addresses.ours4; }
    const IpAddress& theirs() const {
        return v6_ ? host_->addresses.peer6 : host_->addresses.peer4;
    }
    // actions.cpp
    void action(const Line& line);
    void before_start(const std::vector<std::string>& words);
    void set(const std::string& name, const std::string& value);
    void choose_peer(std::uint16_t port);
    void connect(const std::vector<std::string>& words);
    void establish(const Line& line, bool passive);
    void event(const std::vector<std::string>& words, bool wanted);
    void write(const std::vector<std::string>& words);
    void read(const std::string& much);
    void info(const std::vector<std::string>& words);
    void counted(const std::vector<std::string>& words);
    void sends(const std::vector<std::string>& words, std::uint64_t latest_us);
    void icmp(const std::vector<std::string>& words);

    const bool short_way_;
    net::tcp::Options options_;
    std::uint16_t mtu_ = 1500;
    bool v6_ = false;
    bool holding_events_ = false;
    std::unique_ptr<Host> host_;
    std::map<std::uint16_t, Peer> peers_;
    Peer* peer_ = nullptr;
    std::vector<std::string> log_;
    Bytes last_packet_;  // for ICMP to quote
};

}  // namespace skerry::timeline
