// What the lines of a script do that are not segments.
#include <algorithm>

#include "tests/dataplane/tcp/timeline/session.hpp"

namespace skerry::timeline {
namespace {

using Words = std::vector<std::string>;

std::uint64_t number_or_time(const std::string& word) {
    if (const auto number = parse_number(word)) return *number;
    if (const auto time = parse_time(word)) return *time;
    throw Mismatch{"'" + word + "' is neither a number nor a time"};
}

// "NAME N", "NAME = N", "NAME >= N", "NAME <= N" behind a verb: is it so?
bool holds(std::uint64_t is, const Words& words) {
    const std::string how = words.size() == 4 ? words[2] : "=";
    const std::uint64_t value = number_or_time(words.back());
    if (how == "=") return is == value;
    if (how == ">=") return is >= value;
    if (how == "<=") return is <= value;
    throw Mismatch{"'" + how + "' is none of = >= <="};
}

bool on_or_off(const std::string& word) {
    if (word != "on" && word != "off") throw Mismatch{"'" + word + "' is neither on nor off"};
    return word == "on";
}

const std::map<std::string, std::uint8_t> kEvents = {
    {"accepted", net::tcp::kAccepted},      {"connected", net::tcp::kConnected},
    {"readable", net::tcp::kReadable},      {"writable", net::tcp::kWritable},
    {"peer-closed", net::tcp::kPeerClosed}, {"closed", net::tcp::kClosed}};

const std::map<std::string, net::tcp::State> kStates = {
    {"closed", net::tcp::State::closed},
    {"syn-sent", net::tcp::State::syn_sent},
    {"syn-received", net::tcp::State::syn_received},
    {"established", net::tcp::State::established},
    {"fin-wait-1", net::tcp::State::fin_wait_1},
    {"fin-wait-2", net::tcp::State::fin_wait_2},
    {"close-wait", net::tcp::State::close_wait},
    {"closing", net::tcp::State::closing},
    {"last-ack", net::tcp::State::last_ack},
    {"time-wait", net::tcp::State::time_wait}};

std::string state_name(net::tcp::State state) {
    for (const auto& [name, each] : kStates)
        if (each == state) return name;
    return "?";
}

}  // namespace

void Session::set(const std::string& name, const std::string& value) {
    const std::map<std::string, bool*> switches = {{"timestamps", &options_.timestamps},
                                                   {"sack", &options_.sack},
                                                   {"scaling", &options_.window_scaling},
                                                   {"delayed-ack", &options_.delayed_ack},
                                                   {"nagle", &options_.nagle},
                                                   {"cookies", &options_.always_cookies}};
    auto& limits = options_.limits;
    const std::map<std::string, std::uint32_t*> numbers = {
        {"delayed-ack-time", &options_.delayed_ack_us},
        {"min-rto", &options_.min_rto_us},
        {"time-wait", &options_.time_wait_us},
        {"fin-wait", &options_.fin_wait_us},
        {"keep-alive", &options_.keep_alive_us},
        {"keep-alive-interval", &options_.keep_alive_interval_us},
        {"keep-alive-probes", &options_.keep_alive_probes},
        {"connect-time", &options_.connect_us},
        {"half-open-time", &options_.half_open_us},
        {"user-time", &options_.user_us},
        {"connections", &limits.connections},
        {"receive-bytes", &limits.connection_receive_bytes},
        {"send-bytes", &limits.connection_send_bytes},
        {"flights", &limits.flights},
        {"reassembly", &limits.reassembly_mbufs},
        {"half-open", &limits.half_open},
        {"backlog", &limits.backlog},
        {"challenges", &limits.challenges_per_second},
        {"resets", &limits.resets_per_second}};
    if (const auto found = switches.find(name); found != switches.end()) {
        *found->second = on_or_off(value);
    } else if (const auto numbered = numbers.find(name); numbered != numbers.end()) {
        *numbered->second = static_cast<std::uint32_t>(number_or_time(value));
    } else if (name == "core-receive-bytes") {
        limits.core_receive_bytes = number_or_time(value);
    } else if (name == "congestion") {
        if (value != "cubic" && value != "new-reno")
            throw Mismatch{"congestion is cubic or new-reno"};
        options_.congestion = value == "cubic" ? net::tcp::CongestionControl::cubic
                                               : net::tcp::CongestionControl::new_reno;
    } else {
        throw Mismatch{"there is no option '" + name + "'"};
    }
}

// Options come before anything that needs a stack.
void Session::before_start(const Words& words) {
    if (words[0] == "set") {
        set(words[1], words[2]);
    } else if (words[0] == "mtu") {
        mtu_ = static_cast<std::uint16_t>(number_or_time(words[1]));
    } else if (words[0] == "family") {
        v6_ = words[1] == "6";
    } else if (words[0] == "isn") {
        peer_->isn = static_cast<std::uint32_t>(number_or_time(words[1]));
    } else {
        start();
    }
}

void Session::choose_peer(std::uint16_t port) {
    peer_ = &peers_[port];
    peer_->port = port;
}

void Session::connect(const Words& words) {
    peer_->our_port =
        words.size() > 1 ? static_cast<std::uint16_t>(number_or_time(words[1])) : 50000;
    peer_->our_isn_known = false;
    peer_->handle = host_->stack().connect({.local = ours(),
                                            .peer = theirs(),
                                            .next_hop = kPeerMac,
                                            .peer_port = peer_->port,
                                            .local_port = peer_->our_port},
                                           host_->now_us());
    if (!peer_->handle) throw Mismatch{"connect() had no room"};
}

// A handshake that is not what the script is about. Options: those of the peer's SYN.
//   establish [win N] [rtt TIME] [<…>]     the peer connects
//   connected [win N] [rtt TIME] [<…>]     we do
void Session::establish(const Line& line, bool passive) {
    std::uint32_t window = 65535;
    std::uint64_t rtt_us = 10'000;
    for (std::size_t i = 1; i + 1 < line.words.size(); i += 2) {
        if (line.words[i] == "win") {
            window = static_cast<std::uint32_t>(number_or_time(line.words[i + 1]));
        } else if (line.words[i] == "rtt") {
            rtt_us = number_or_time(line.words[i + 1]);
        } else {
            throw Mismatch{"'" + line.words[i] + "' is neither win nor rtt"};
        }
    }
    const OptionsSpec options = line.segment.options.value_or(OptionsSpec{});
    peer_->stamps = options.has_timestamp;
    SegmentSpec syn;
    syn.flags = kSyn;
    syn.window = 65535;
    syn.options = options;
    const auto expected = [&](const char* what) {
        return next_sent(host_->now_us(), host_->now_us() + 2000, what);
    };
    if (passive) {
        if (!host_->stack().listen(peer_->our_port)) throw Mismatch{"listen() had no room"};
        arrives(syn);
        host_->flush();
        compare({.flags = kSyn | kAck, .ack = 1}, expected("a SYN-ACK"));
        host_->pass(host_->now_us() + rtt_us, false);
        SegmentSpec ack{.flags = kAck, .seq = 1, .ack = 1, .window = window};
        arrives(ack);
        host_->flush();
        event({"event", "accepted"}, true);
    } else {
        connect({"connect"});
        host_->flush();
        compare({.flags = kSyn}, expected("a SYN"));
        host_->pass(host_->now_us() + rtt_us, false);
        syn.flags = kSyn | kAck;
        syn.ack = 1;
        syn.window = std::min(window, 65535u);
        arrives(syn);
        host_->flush();
        compare({.flags = kAck, .seq = 1, .ack = 1}, expected("an ACK"));
        event({"event", "connected"}, true);
        peer_->window = static_cast<std::uint16_t>(window);
    }
}

void Session::event(const Words& words, bool wanted) {
    const auto found = kEvents.find(words[1]);
    if (found == kEvents.end()) throw Mismatch{"there is no event '" + words[1] + "'"};
    take_events();
    const bool is = (peer_->events & found->second) != 0;
    if (is != wanted) throw Mismatch{"event '" + words[1] + (is ? "' was told" : "' was not told")};
    peer_->events = static_cast<std::uint8_t>(peer_->events & ~found->second);
    if (words.size() < 3) return;
    const std::string_view reason = skerry::info(peer_->reason).name;
    if (reason != words[2]) throw Mismatch{"the reason is " + std::string(reason)};
}

void Session::write(const Words& words) {
    const auto bytes = static_cast<std::uint32_t>(number_or_time(words[1]));
    if (words.size() == 3 || (words.size() == 4 && words[2] != "takes"))
        throw Mismatch{"write BYTES [takes BYTES]"};
    const std::uint32_t takes =
        words.size() == 4 ? static_cast<std::uint32_t>(number_or_time(words[3])) : bytes;
    Bytes data(bytes);
    for (std::uint32_t i = 0; i < bytes; ++i) data[i] = pattern(true, peer_->written + i);
    const std::uint32_t taken = host_->stack().write(peer_->handle, data);
    peer_->written += taken;
    if (taken != takes)
        throw Mismatch{"write() took " + std::to_string(taken) + " bytes of " +
                       std::to_string(bytes)};
}

void Session::read(const std::string& much) {
    auto& stack = host_->stack();
    const std::uint32_t there = stack.readable_bytes(peer_->handle);
    const std::uint32_t bytes =
        much == "all" ? there : static_cast<std::uint32_t>(number_or_time(much));
    if (there < bytes || bytes == 0) throw Mismatch{std::to_string(there) + " bytes can be read"};
    std::uint32_t left = bytes;
    while (left != 0) {
        std::array<std::span<const std::uint8_t>, 4> spans;
        const std::uint32_t n = stack.read(peer_->handle, spans);
        std::uint32_t seen = 0;
        for (const auto& span : std::span(spans).first(n))
            for (const std::uint8_t byte :
                 span.first(std::min<std::size_t>(span.size(), left - seen)))
                if (byte != pattern(false, peer_->consumed + seen++))
                    throw Mismatch{"wrong data at " + std::to_string(peer_->consumed + seen)};
        if (seen == 0) throw Mismatch{"read() gives nothing of what is there"};
        stack.consume(peer_->handle, seen);
        peer_->consumed += seen;
        left -= seen;
    }
}

void Session::info(const Words& words) {
    const net::tcp::Info is = host_->stack().info(peer_->handle);
    const std::map<std::string, std::uint64_t> values = {{"mss", is.mss},
                                                         {"srtt", is.smoothed_rtt_us},
                                                         {"rto", is.rto_us},
                                                         {"cwnd", is.congestion_window},
                                                         {"flight", is.in_flight_bytes},
                                                         {"swnd", is.send_window},
                                                         {"rwnd", is.receive_window},
                                                         {"unread", is.unread_bytes},
                                                         {"unsent", is.unsent_bytes}};
    const auto found = values.find(words[1]);
    if (found == values.end()) throw Mismatch{"there is no info '" + words[1] + "'"};
    if (!holds(found->second, words))
        throw Mismatch{words[1] + " is " + std::to_string(found->second)};
}

void Session::counted(const Words& words) {
    const std::string& name = words[1];
    std::uint64_t is = 0;
    if (words[0] == "stat") {
        const net::tcp::Stats& stats = host_->stack().stats();
        const std::map<std::string, std::uint64_t> values = {
            {"connections", stats.connections.get()},
            {"time-waits", stats.time_waits.get()},
            {"receive-bytes", stats.receive_bytes.get()},
            {"send-blocks", stats.send_blocks_used.get()},
            {"flights", stats.flights_used.get()},
            {"retransmitted", stats.retransmitted_segments.get()},
            {"fast-recoveries", stats.fast_recoveries.get()},
            {"timeouts", stats.timeouts.get()},
            {"tail-probes", stats.tail_probes.get()},
            {"spurious", stats.spurious.get()},
            {"window-probes", stats.window_probes.get()},
            {"keep-alives", stats.keep_alives.get()},
            {"out-of-order", stats.out_of_order_in.get()}};
        const auto found = values.find(name);
        if (found == values.end()) throw Mismatch{"there is no stat '" + name + "'"};
        is = found->second;
    } else {
        is = host_->counted(name);
        if (is == ~std::uint64_t{0}) throw Mismatch{"there is no reason '" + name + "'"};
    }
    if (!holds(is, words)) throw Mismatch{name + " is " + std::to_string(is)};
}

// sends FIRST:END [by BYTES]: data segments that follow each other, none larger than `by`.
void Session::sends(const Words& words, std::uint64_t latest_us) {
    const std::size_t colon = words[1].find(':');
    if (colon == std::string::npos) throw Mismatch{"sends FIRST:END [by BYTES]"};
    std::uint64_t at = number_or_time(words[1].substr(0, colon));
    const std::uint64_t end = number_or_time(words[1].substr(colon + 1));
    const std::uint64_t by = words.size() == 4 ? number_or_time(words[3]) : 65535;
    while (at < end) {
        const Sent got = next_sent(0, latest_us, "data from " + std::to_string(at));
        const std::size_t bytes = got.segment.payload.size();
        if (bytes > by) throw Mismatch{"larger than expected: " + describe(got)};
        SegmentSpec spec;
        spec.flags = kAck;
        spec.seq = static_cast<std::uint32_t>(at);
        spec.bytes = static_cast<std::uint32_t>(bytes);
        compare(spec, got);
        if (bytes == 0 || at + bytes > end)
            throw Mismatch{"not what was expected: " + describe(got)};
        at += bytes;
    }
    take_events();
}

// icmp mtu N [seq N], icmp unreachable CODE [seq N]: about the segment that was sent last, or about
// one of that sequence number.
void Session::icmp(const Words& words) {
    if (last_packet_.empty()) throw Mismatch{"nothing was sent that ICMP could be about"};
    const auto value = static_cast<std::uint32_t>(number_or_time(words[2]));
    const std::size_t header = v6_ ? 40 : 20;
    Bytes quoted(last_packet_.begin(), last_packet_.begin() + static_cast<long>(header) + 20);
    if (words.size() == 4) {
        const std::uint32_t seq =
            static_cast<std::uint32_t>(number_or_time(words[3])) + peer_->our_isn;
        for (std::size_t i = 0; i < 4; ++i)
            quoted[header + 4 + i] = static_cast<std::uint8_t>(seq >> (24 - 8 * i));
    }
    const bool too_big = words[1] == "mtu";
    if (!too_big && words[1] != "unreachable") throw Mismatch{"icmp mtu or icmp unreachable"};
    Bytes rest;
    frames::put16(rest, 0);
    frames::put16(rest, static_cast<std::uint16_t>(too_big ? value : 0));
    frames::put(rest, quoted);
    if (v6_) {
        host_->arrive(frame_to_us(
            58, frames::icmp6(too_big ? 2 : 1, static_cast<std::uint8_t>(too_big ? 0 : value),
                              theirs(), ours(), rest)));
    } else {
        host_->arrive(
            frame_to_us(1, frames::icmp(3, static_cast<std::uint8_t>(too_big ? 4 : value), rest)));
    }
}

void Session::action(const Line& line) {
    const Words& words = line.words;
    const std::string& verb = words[0];
    auto& stack = host_->stack();
    const auto port = [&] { return static_cast<std::uint16_t>(number_or_time(words[1])); };
    if (verb == "set" || verb == "mtu" || verb == "family")
        throw Mismatch{"'" + verb + "' comes before anything happens"};
    if (verb == "peer") return choose_peer(port());
    if (verb == "local") return void(peer_->our_port = port());
    if (verb == "isn")
        return void(peer_->isn = static_cast<std::uint32_t>(number_or_time(words[1])));
    if (verb == "timestamps") return void(peer_->stamps = on_or_off(words[1]));
    if (verb == "listen") {
        if (!stack.listen(port())) throw Mismatch{"listen() had no room"};
        return;
    }
    if (verb == "unlisten") return stack.unlisten(port());
    if (verb == "connect") return connect(words);
    if (verb == "establish" || verb == "connected") return establish(line, verb == "establish");
    if (verb == "event" || verb == "no-event") return event(words, verb == "event");
    if (verb == "write") return write(words);
    if (verb == "read") return read(words[1]);
    if (verb == "shutdown") return stack.shutdown(peer_->handle);
    if (verb == "close") return stack.close(peer_->handle);
    if (verb == "abort") return stack.abort(peer_->handle);
    if (verb == "info") return info(words);
    if (verb == "count" || verb == "stat") return counted(words);
    if (verb == "hold" || verb == "resume") return void(holding_events_ = verb == "hold");
    if (verb == "icmp") return icmp(words);
    if (verb == "drain") return host_->sent.clear();
    if (verb == "no-buffers" || verb == "buffers") return host_->hold_buffers(verb == "no-buffers");
    if (verb == "alive" || verb == "gone") {
        if (stack.alive(peer_->handle) != (verb == "alive")) throw Mismatch{"it is not " + verb};
        return;
    }
    if (verb == "state") {
        if (kStates.count(words[1]) == 0) throw Mismatch{"there is no state '" + words[1] + "'"};
        const net::tcp::State is = stack.info(peer_->handle).state;
        if (is != kStates.at(words[1])) throw Mismatch{"the state is " + state_name(is)};
    }
}

}  // namespace skerry::timeline
