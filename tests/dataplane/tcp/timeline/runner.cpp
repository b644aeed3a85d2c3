#include "tests/dataplane/tcp/timeline/runner.hpp"

#include <algorithm>

#include "tests/dataplane/tcp/timeline/session.hpp"

namespace skerry::timeline {
namespace {

// Timers have ticks of a millisecond, and fire within the one after.
constexpr std::uint64_t kToleranceUs = 2'000;

std::string flags_text(std::uint8_t flags) {
    std::string text;
    for (const auto& [bit, letter] : {std::pair{kSyn, 'S'},
                                      {kFin, 'F'},
                                      {kRst, 'R'},
                                      {kPsh, 'P'},
                                      {kUrg, 'U'},
                                      {std::uint8_t{64}, 'E'},
                                      {std::uint8_t{128}, 'W'},
                                      {kAck, '.'}})
        if ((flags & bit) != 0) text += letter;
    return text.empty() ? "-" : text;
}

std::string milliseconds(std::uint64_t us) {
    return std::to_string(us / 1000) + "." + std::to_string(us % 1000 + 1000).substr(1) + "ms";
}

}  // namespace

void Session::run(const Script& script) {
    choose_peer(40000);
    for (std::size_t i = 0; i < script.lines.size(); ++i) {
        const Line& line = script.lines[i];
        log_.push_back("    " + std::to_string(line.number) + ": " + line.text);
        const bool goes_on = i + 1 < script.lines.size() && script.lines[i + 1].same_turn;
        step(line, goes_on);
    }
    if (host_ == nullptr) throw Mismatch{"nothing was started"};
    expect_silence();
}

void Session::start() {
    if (host_ != nullptr) return;
    host_ = std::make_unique<Host>(options_, mtu_);
    host_->takes_short_way = short_way_;
}

void Session::step(const Line& line, bool turn_goes_on) {
    if (line.kind == Line::Kind::action && host_ == nullptr) {
        before_start(line.words);
        if (host_ == nullptr) return;
    }
    start();
    if (line.kind == Line::Kind::sent) return sent(line);
    if (line.kind == Line::Kind::action && line.words[0] == "sends")
        return sends(line.words, host_->now_us() + line.after_us + kToleranceUs);
    if (!line.same_turn) host_->pass(host_->now_us() + line.after_us, false);
    if (line.kind == Line::Kind::arrives) {
        if (!line.same_turn) expect_silence();
        arrives(line.segment);
    } else {
        if (line.words[0] != "drain" && !line.same_turn) expect_silence();
        action(line);
    }
    take_events();
    if (!turn_goes_on) host_->flush();
}

void Session::expect_silence() {
    if (host_->sent.empty()) return;
    std::string wrong;
    const std::uint64_t at_us = host_->sent.front().at_us;
    const auto got = from_frame(host_->sent.front().frame, wrong);
    const std::string what = got ? describe(*got) : wrong;
    throw Mismatch{"sent and not expected, " + milliseconds(host_->now_us() - at_us) +
                   " ago: " + what};
}

Bytes Session::frame_to_us(std::uint8_t protocol, const Bytes& l4) const {
    const frames::Ethernet link{
        .to = kOurMac, .from = kPeerMac, .type = static_cast<std::uint16_t>(v6_ ? 0x86dd : 0x0800)};
    if (v6_)
        return frames::ethernet(
            link, frames::ipv6({.from = theirs(), .to = ours(), .next_header = protocol}, l4));
    return frames::ethernet(
        link, frames::ipv4({.from = theirs(), .to = ours(), .protocol = protocol}, l4));
}

TcpOptions Session::options_of(const OptionsSpec& spec) {
    TcpOptions options;
    options.mss = spec.mss;
    options.scale = spec.scale;
    options.sack_ok = spec.sack_ok;
    options.raw = spec.raw;
    if (spec.has_timestamp) {
        const std::uint32_t echo =
            spec.ts_echo.kind == Number::Kind::last ? peer_->last_stamp : spec.ts_echo.value;
        peer_->stamp_origin =
            spec.ts_value.value - static_cast<std::uint32_t>(host_->now_us() / 1000);
        const bool zero = !peer_->stamp_base_known;  // a SYN echoes nothing
        options.timestamp = Timestamp{spec.ts_value.value, zero ? 0 : echo + peer_->stamp_base};
    }
    for (const Block& block : spec.sacks)
        options.sacks.push_back({block.left + peer_->our_isn, block.right + peer_->our_isn});
    return options;
}

void Session::arrives(const SegmentSpec& spec) {
    TcpSegment segment;
    segment.from = peer_->port;
    segment.to = peer_->our_port;
    segment.seq = spec.seq + peer_->isn;
    segment.flags = spec.flags;
    if ((spec.flags & kAck) != 0) segment.ack = spec.ack.value_or(0) + peer_->our_isn;
    segment.window = static_cast<std::uint16_t>(spec.window.value_or(peer_->window));
    if (spec.window) peer_->window = segment.window;
    segment.urgent = spec.urgent.value_or(0);
    if (spec.options) {
        segment.options = options_of(*spec.options);
    } else if (peer_->stamps && peer_->stamp_base_known) {
        segment.options.timestamp =
            Timestamp{static_cast<std::uint32_t>(host_->now_us() / 1000) + peer_->stamp_origin,
                      peer_->last_stamp + peer_->stamp_base};
    }
    for (std::uint32_t i = 0; i < spec.bytes; ++i)
        segment.payload.push_back(
            pattern(false, spec.seq + i - ((spec.flags & kSyn) != 0 ? 0 : 1)));
    Bytes l4 = to_bytes(segment, theirs(), ours());
    if (spec.bad_checksum) l4[16] = static_cast<std::uint8_t>(l4[16] ^ 0x10);
    host_->arrive(frame_to_us(6, l4));
}

Sent Session::next_sent(std::uint64_t earliest_us, std::uint64_t latest_us,
                        const std::string& expected) {
    if (host_->sent.empty()) host_->pass(latest_us, true);
    if (host_->sent.empty()) throw Mismatch{"nothing was sent; expected " + expected};
    const SentAt next = host_->sent.front();
    host_->sent.pop_front();
    std::string wrong;
    const auto got = from_frame(next.frame, wrong);
    if (!got) throw Mismatch{"a broken frame was sent: " + wrong};
    learn(*got);
    last_packet_ = got->packet;
    const std::string what = describe(*got);
    if (got->segment.to != peer_->port ||
        (peer_->our_port != 0 && got->segment.from != peer_->our_port))
        throw Mismatch{"sent to another peer: port " + std::to_string(got->segment.from) + " to " +
                       std::to_string(got->segment.to) + ": " + what};
    if (!(got->to == theirs()) || !(got->from == ours()))
        throw Mismatch{"sent from or to another address: " + what};
    log_.push_back("        sent: " + what);
    if (next.at_us < earliest_us)
        throw Mismatch{"sent " + milliseconds(earliest_us - next.at_us) + " too early: " + what};
    if (next.at_us > latest_us)
        throw Mismatch{"sent " + milliseconds(next.at_us - latest_us) + " too late: " + what};
    return *got;
}

// Numbers that only the stack knows: its SYN's, and where its timestamps begin.
void Session::learn(const Sent& got) {
    const auto found = peers_.find(got.segment.to);
    if (found == peers_.end()) return;
    Peer& peer = found->second;
    if (peer.our_port == 0) peer.our_port = got.segment.from;
    if ((got.segment.flags & kSyn) != 0) {
        peer.our_isn = got.segment.seq;
        peer.our_isn_known = true;
    }
    if (!got.segment.options.timestamp) return;
    const std::uint32_t value = got.segment.options.timestamp->value;
    if (!peer.stamp_base_known) peer.stamp_base = value;
    peer.stamp_base_known = true;
    peer.last_stamp = value - peer.stamp_base;
}

void Session::sent(const Line& line) {
    const std::uint64_t start_us = host_->now_us();
    const std::uint64_t latest_us =
        start_us + (line.latest_us ? *line.latest_us : line.after_us + kToleranceUs);
    // What was sent at this very instant is in the list already.
    const std::uint64_t earliest_us = host_->sent.empty() || line.after_us != 0
                                          ? start_us + line.after_us
                                          : host_->sent.front().at_us;
    compare(line.segment, next_sent(earliest_us, latest_us, line.text));
    take_events();
}

void Session::compare(const SegmentSpec& spec, const Sent& got) {
    const TcpSegment& segment = got.segment;
    const std::uint8_t ignored = (spec.flags & kPsh) != 0 ? 0 : kPsh;
    const auto differ = [&](const char* what, std::uint64_t is, std::uint64_t expected) {
        if (is == expected) return;
        throw Mismatch{std::string(what) + " is " + std::to_string(is) + ", expected " +
                       std::to_string(expected) + ": " + describe(got)};
    };
    if (((segment.flags ^ spec.flags) & ~ignored & 0xff) != 0)
        throw Mismatch{"flags are " + flags_text(segment.flags) + ", expected " +
                       flags_text(spec.flags) + ": " + describe(got)};
    differ("sequence number", segment.seq - peer_->our_isn, spec.seq);
    differ("length", segment.payload.size(), spec.bytes);
    if (spec.ack) differ("acknowledgement", segment.ack - peer_->isn, *spec.ack);
    if (spec.window) differ("window", segment.window, *spec.window);
    if (spec.urgent) differ("urgent pointer", segment.urgent, *spec.urgent);
    for (std::uint32_t i = 0; i < segment.payload.size(); ++i)
        if (segment.payload[i] != pattern(true, spec.seq - 1 + i))
            throw Mismatch{"wrong data at " + std::to_string(spec.seq + i) + ": " + describe(got)};
    if (spec.options) compare_options(*spec.options, segment.options);
}

void Session::compare_options(const OptionsSpec& spec, const TcpOptions& got) {
    if (spec.mss != got.mss)
        throw Mismatch{"mss is " + (got.mss ? std::to_string(*got.mss) : "not there")};
    if (spec.scale != got.scale)
        throw Mismatch{"window scale is " + (got.scale ? std::to_string(*got.scale) : "not there")};
    if (spec.sack_ok != got.sack_ok)
        throw Mismatch{std::string("SACK-permitted is ") + (got.sack_ok ? "there" : "not there")};
    std::vector<Block> blocks;
    std::string text;
    for (const Block& block : got.sacks) {
        blocks.push_back({block.left - peer_->isn, block.right - peer_->isn});
        text +=
            " " + std::to_string(blocks.back().left) + ":" + std::to_string(blocks.back().right);
    }
    if (blocks != spec.sacks) throw Mismatch{"SACK blocks are" + (text.empty() ? " none" : text)};
    if (spec.has_timestamp != got.timestamp.has_value())
        throw Mismatch{std::string("a timestamp is ") + (got.timestamp ? "there" : "not there")};
    if (!spec.has_timestamp) return;
    const std::uint32_t value = got.timestamp->value - peer_->stamp_base;
    if (spec.ts_value.kind == Number::Kind::exact && value != spec.ts_value.value)
        throw Mismatch{"timestamp is " + std::to_string(value)};
    if (spec.ts_echo.kind == Number::Kind::exact && got.timestamp->echo != spec.ts_echo.value)
        throw Mismatch{"timestamp echoes " + std::to_string(got.timestamp->echo)};
}

std::string Session::describe(const Sent& got) const {
    const TcpSegment& segment = got.segment;
    const auto found = peers_.find(segment.to);
    const std::uint32_t seq = segment.seq - (found == peers_.end() ? 0 : found->second.our_isn);
    const std::uint32_t isn = found == peers_.end() ? 0 : found->second.isn;
    std::string text = "> " + flags_text(segment.flags) + " " + std::to_string(seq);
    if (!segment.payload.empty()) text += ":" + std::to_string(seq + segment.payload.size());
    if ((segment.flags & kAck) != 0) text += " ack " + std::to_string(segment.ack - isn);
    text += " win " + std::to_string(segment.window) + " <";
    if (segment.options.mss) text += " mss " + std::to_string(*segment.options.mss);
    if (segment.options.scale) text += " ws " + std::to_string(*segment.options.scale);
    if (segment.options.sack_ok) text += " sack-ok";
    if (segment.options.timestamp && found != peers_.end())
        text += " ts " +
                std::to_string(segment.options.timestamp->value - found->second.stamp_base) + ":" +
                std::to_string(segment.options.timestamp->echo);
    for (const Block& block : segment.options.sacks)
        text +=
            " sack " + std::to_string(block.left - isn) + ":" + std::to_string(block.right - isn);
    return text + " > at " + milliseconds(host_->now_us() - 1'000'000'000);
}

void Session::take_events() {
    if (holding_events_) return;
    std::array<net::tcp::Event, 16> events;
    for (std::uint32_t n = host_->stack().poll(events); n != 0; n = host_->stack().poll(events)) {
        for (const net::tcp::Event& event : std::span(events).first(n)) {
            Peer* of = nullptr;
            if ((event.bits & net::tcp::kAccepted) != 0) {
                const auto path = host_->stack().info(event.connection).path;
                const auto found = peers_.find(path.peer_udp);
                if (found == peers_.end()) throw Mismatch{"accepted from a peer that nobody plays"};
                of = &found->second;
                of->handle = event.connection;
            }
            for (auto& [port, peer] : peers_)
                if (of == nullptr && peer.handle == event.connection) of = &peer;
            if (of == nullptr) throw Mismatch{"an event of a connection that nobody knows"};
            of->events |= event.bits;
            of->reason = event.reason;
        }
    }
}

void Session::finish() {
    if (host_ == nullptr) return;
    host_->hold_buffers(false);
    host_->destroy_stack();
    if (host_->buffers_in_use() != 0)
        throw Mismatch{std::to_string(host_->buffers_in_use()) +
                       " packet buffers were never freed"};
}

std::string run_script(const Script& script, bool short_way) {
    Session session(short_way);
    std::string wrong;
    try {
        session.run(script);
    } catch (const Mismatch& mismatch) {
        wrong = mismatch.what;
    } catch (const std::exception& error) {
        wrong = error.what();
    }
    if (wrong.empty()) {
        try {
            session.finish();
        } catch (const Mismatch& mismatch) {
            wrong = mismatch.what;
        }
    }
    if (wrong.empty()) return {};
    std::string text = script.name + ": " + wrong + "\n";
    const auto& log = session.log();
    for (std::size_t i = log.size() > 25 ? log.size() - 25 : 0; i < log.size(); ++i)
        text += log[i] + "\n";
    return text;
}

}  // namespace skerry::timeline
