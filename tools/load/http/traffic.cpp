#include "tools/load/http/traffic.hpp"

#include <algorithm>

namespace skerry::load::http {
namespace {

using net::tcp::Event;

constexpr std::uint64_t kLookNs = 100'000'000;
constexpr std::uint32_t kMostIdleConnecting = 512;
constexpr std::uint32_t kLeaveATurn = 32;

}  // namespace

Traffic::Traffic(Host& host, const Options& options)
    : host_(host),
      tcp_(host.tcp()),
      options_(options),
      slots_(options.connections + options.idle),
      tally_(std::make_unique<Tally>()) {
    for (Slot& slot : slots_) slot.answer.expect(options.expected);
    ready_.reserve(options.connections);
    closed_.reserve(options.connections);
}

std::uint32_t Traffic::turn() {
    Event events[128];
    const std::uint32_t count = tcp_.poll(events);
    for (std::uint32_t i = 0; i < count; ++i) take(events[i]);
    if (idle_from_ns_ != 0 && idle_opened_ < options_.idle) open_idle();
    if (!closed_.empty()) open_again();
    if (options_.rate_per_s > 0) send_due();
    if (host_.now_ns() >= next_look_ns_) look_for_late_ones();
    return count;
}

void Traffic::begin_idle() {
    idle_from_ns_ = host_.now_ns();
}

void Traffic::begin_requests() {
    start_ns_ = host_.now_ns();
    for (std::uint32_t i = 0; i < options_.connections; ++i) open(i);
}

void Traffic::begin_counting() {
    tally_ = std::make_unique<Tally>();
}

bool Traffic::idle_settled() const {
    return idle_opened_ == options_.idle && idle_connecting_ == 0;
}

void Traffic::phase(Slot& slot, Phase next) {
    const bool idle = is_idle(static_cast<std::uint32_t>(&slot - slots_.data()));
    const auto counts = [&](Phase phase, std::uint32_t by) {
        if (phase == Phase::held) held_ += by;
        if (idle && (phase == Phase::connecting || phase == Phase::waiting)) idle_connecting_ += by;
        if (!idle && phase == Phase::waiting) waiting_ += by;
        if (!idle && phase != Phase::closed && phase != Phase::connecting) established_ += by;
    };
    counts(slot.phase, ~0u);
    counts(next, 1);
    slot.phase = next;
}

void Traffic::open(std::uint32_t index) {
    Slot& slot = slots_[index];
    slot.connection = host_.connect(options_.server_port, index);
    if (!slot.connection) {
        ++tally_->not_connected;
        reopen(index);
        return;
    }
    slot.requests = 0;
    slot.since_ns = host_.now_ns();
    slot.answer.begin(options_.to_head);
    phase(slot, Phase::connecting);
}

// With the next turn: what can't be opened now would not be at once.
void Traffic::reopen(std::uint32_t index) {
    if (!is_idle(index)) closed_.push_back(index);
}

void Traffic::open_again() {
    if (stopped_) return;
    for (std::size_t left = closed_.size(); left != 0; --left) {
        const std::uint32_t index = closed_.back();
        closed_.pop_back();
        open(index);
        if (!slots_[index].connection) return;
    }
}

void Traffic::open_idle() {
    const double seconds = static_cast<double>(host_.now_ns() - idle_from_ns_) / 1e9;
    const auto wanted = static_cast<std::uint64_t>(seconds * options_.idle_per_s);
    while (idle_opened_ < options_.idle && idle_opened_ < wanted &&
           idle_connecting_ < kMostIdleConnecting)
        open(options_.connections + idle_opened_++);
}

void Traffic::take(const Event& event) {
    if (event.tag >= slots_.size()) return;
    const auto index = static_cast<std::uint32_t>(event.tag);
    const auto of_ours = [&] { return slots_[index].connection == event.connection; };
    if (!of_ours()) return;  // it has been closed since
    if ((event.bits & net::tcp::kConnected) != 0) connected(index);
    if ((event.bits & net::tcp::kReadable) != 0 && of_ours()) readable(index);
    if ((event.bits & net::tcp::kWritable) != 0 && of_ours()) write(slots_[index]);
    if ((event.bits & net::tcp::kPeerClosed) != 0 && of_ours()) peer_closed(index);
    if ((event.bits & net::tcp::kClosed) != 0 && of_ours()) closed(index, event.reason);
}

void Traffic::connected(std::uint32_t index) {
    Slot& slot = slots_[index];
    ++tally_->connected;
    tally_->connects.record(host_.now_ns() - slot.since_ns);
    phase(slot, Phase::ready);
    if (is_idle(index)) {
        // One request each: a server gives a connection that never asked anything less time.
        request(index, host_.now_ns());
    } else {
        want_request(index);
    }
}

void Traffic::want_request(std::uint32_t index) {
    Slot& slot = slots_[index];
    if (stopped_) return;
    if (options_.rate_per_s <= 0) return request(index, host_.now_ns());
    if (!slot.listed) ready_.push_back(index);
    slot.listed = true;
}

// From the start, so that rounding does not add up.
std::uint64_t Traffic::due_of(std::uint64_t number) const {
    return start_ns_ +
           static_cast<std::uint64_t>(static_cast<double>(number) * 1e9 / options_.rate_per_s);
}

void Traffic::send_due() {
    while (!stopped_ && !ready_.empty() && due_of(next_) <= host_.now_ns()) {
        const std::uint32_t index = ready_.back();
        ready_.pop_back();
        slots_[index].listed = false;
        if (slots_[index].phase != Phase::ready) continue;
        request(index, due_of(next_++));
    }
}

void Traffic::request(std::uint32_t index, std::uint64_t due_ns) {
    Slot& slot = slots_[index];
    slot.due_ns = due_ns;
    slot.since_ns = host_.now_ns();
    slot.written = 0;
    ++slot.requests;
    slot.answer.begin(options_.to_head);
    phase(slot, Phase::waiting);
    if (!is_idle(index)) ++tally_->sent;
    write(slot);
}

void Traffic::write(Slot& slot) {
    if (slot.phase != Phase::waiting || slot.written == options_.request.size()) return;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(options_.request.data());
    slot.written +=
        tcp_.write(slot.connection, {bytes + slot.written, options_.request.size() - slot.written});
}

void Traffic::readable(std::uint32_t index) {
    using State = AnswerReader::State;
    Slot& slot = slots_[index];
    std::span<const std::uint8_t> spans[16];
    while (const std::uint32_t count = tcp_.read(slot.connection, spans)) {
        if (slot.phase != Phase::waiting) break;
        std::uint32_t taken = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::size_t used = slot.answer.take(spans[i]);
            taken += static_cast<std::uint32_t>(used);
            if (slot.answer.state() == State::done || used < spans[i].size()) break;
        }
        tcp_.consume(slot.connection, taken);
        if (slot.answer.state() == State::broken) {
            ++tally_->malformed;
            return end(index, true);
        }
        if (slot.answer.state() != State::done) continue;
        if (tcp_.readable_bytes(slot.connection) != 0) break;
        return answered(index);
    }
    if (tcp_.readable_bytes(slot.connection) == 0) return;
    ++tally_->unasked;  // one request, and more than one answer
    end(index, true);
}

void Traffic::answered(std::uint32_t index) {
    Slot& slot = slots_[index];
    if (is_idle(index)) {
        if (!slot.answer.keeps_open()) return end(index, false);
        return phase(slot, Phase::held);
    }
    ++tally_->answered;
    tally_->body_bytes += slot.answer.body_bytes();
    tally_->changed += slot.answer.unexpected() ? 1 : 0;
    ++tally_->by_status[slot.answer.status()];
    const std::uint64_t took_ns = host_.now_ns() - std::min(slot.due_ns, host_.now_ns());
    (slot.answer.status() < 400 ? tally_->good : tally_->others).record(took_ns);
    if (!slot.answer.keeps_open()) return phase(slot, Phase::draining);
    if (options_.requests_each != 0 && slot.requests >= options_.requests_each)
        return end(index, false);
    phase(slot, Phase::ready);
    want_request(index);
}

void Traffic::peer_closed(std::uint32_t index) {
    Slot& slot = slots_[index];
    if (slot.phase == Phase::waiting) {
        slot.answer.end_of_stream();
        if (slot.answer.state() == AnswerReader::State::done) {
            answered(index);
        } else if (!is_idle(index)) {
            ++tally_->cut_off;
        }
    }
    end(index, false);
}

void Traffic::closed(std::uint32_t index, Reason reason) {
    Slot& slot = slots_[index];
    if (slot.phase == Phase::connecting) {
        ++tally_->not_connected;
    } else if (slot.phase == Phase::waiting && !is_idle(index)) {
        ++tally_->cut_off;
    }
    ++tally_->closed_for[static_cast<std::size_t>(reason)];
    end(index, false);
}

// A handle that is dead already is closed once more: nothing happens.
void Traffic::end(std::uint32_t index, bool reset) {
    Slot& slot = slots_[index];
    if (reset) {
        tcp_.abort(slot.connection);
    } else {
        tcp_.close(slot.connection);
    }
    if (is_idle(index)) ++idle_lost_;
    slot.connection = {};
    phase(slot, Phase::closed);
    reopen(index);
}

void Traffic::look_for_late_ones() {
    next_look_ns_ = host_.now_ns() + kLookNs;
    const std::uint64_t patience_ns = std::uint64_t{options_.timeout_ms} * 1'000'000;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.phase != Phase::connecting && slot.phase != Phase::waiting &&
            slot.phase != Phase::draining)
            continue;
        if (host_.now_ns() - slot.since_ns < patience_ns) continue;
        ++tally_->timed_out;
        end(i, true);
    }
}

bool Traffic::leave() {
    const auto most = static_cast<std::uint32_t>(slots_.size());
    for (std::uint32_t i = 0; i < kLeaveATurn && left_ < most; ++i, ++left_) {
        Slot& slot = slots_[left_];
        if (slot.phase == Phase::closed) continue;
        tcp_.abort(slot.connection);
        slot.connection = {};
        phase(slot, Phase::closed);
    }
    return left_ < most;
}

}  // namespace skerry::load::http
