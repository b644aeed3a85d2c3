#include "dataplane/trunk/over_tcp.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "sandbox/base/check.hpp"

namespace skerry::trunk {
namespace {

class TcpOutput final : public Output {
  public:
    TcpOutput(net::tcp::Stack& stack, net::tcp::Handle connection, std::uint32_t room)
        : stack_(stack), connection_(connection), room_(room) {}

    std::uint32_t room() override { return room_; }
    void write(Bytes bytes) override {
        const std::uint32_t taken = stack_.write(connection_, bytes);
        SKERRY_CHECK(taken == bytes.size());
        room_ -= taken;
        written += taken;
    }
    std::uint32_t written = 0;

  private:
    net::tcp::Stack& stack_;
    const net::tcp::Handle connection_;
    std::uint32_t room_;
};

}  // namespace

OverTcp::OverTcp(net::tcp::Stack& stack, Role role, std::uint32_t trunks,
                 std::uint32_t window_bytes, Handler& handler)
    : stack_(stack), ends_(trunks), ready_((trunks + 63) / 64) {
    for (std::uint32_t i = 0; i < trunks; ++i)
        ends_[i].link = std::make_unique<Link>(role, i, window_bytes, handler);
}

void OverTcp::begin(std::uint32_t trunk, net::tcp::Handle connection) {
    End& end = ends_[trunk];
    SKERRY_CHECK(!end.connection && connection);
    end.connection = connection;
    end.written_bytes = 0;
    end.link->reset();
}

void OverTcp::reset(std::uint32_t trunk) {
    stack_.abort(ends_[trunk].connection);
    forget(trunk);
}

void OverTcp::close(std::uint32_t trunk) {
    stack_.close(ends_[trunk].connection);
    forget(trunk);
}

void OverTcp::forget(std::uint32_t trunk) {
    ends_[trunk].connection = {};
    ends_[trunk].link->reset();
    ready_[trunk / 64] &= ~(std::uint64_t{1} << (trunk % 64));
}

bool OverTcp::read(std::uint32_t trunk, bool& heard) {
    End& end = ends_[trunk];
    std::uint32_t taken = 0;
    heard = false;
    while (taken < kReadBytes) {
        std::array<Bytes, 16> spans;
        const std::uint32_t count = stack_.read(end.connection, spans);
        if (count == 0) return true;
        std::uint32_t bytes = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            bytes += static_cast<std::uint32_t>(spans[i].size());
            if (!end.link->take(spans[i])) return false;
        }
        heard = true;
        stack_.consume(end.connection, bytes);
        taken += bytes;
        speaks(trunk);
    }
    stack_.again(end.connection);
    return true;
}

std::uint32_t OverTcp::room(const End& end) const {
    const std::uint32_t unsent = stack_.info(end.connection).unsent_bytes;
    return unsent >= kAheadBytes
               ? 0
               : std::min(kAheadBytes - unsent, stack_.writable_bytes(end.connection));
}

void OverTcp::pump() {
    for (std::size_t word = 0; word < ready_.size(); ++word) {
        for (std::uint64_t left = ready_[word]; left != 0; left &= left - 1) {
            const auto bit = static_cast<std::uint32_t>(std::countr_zero(left));
            End& end = ends_[word * 64 + bit];
            if (end.connection) {
                TcpOutput output(stack_, end.connection, room(end));
                (void)end.link->pump(output);
                end.written_bytes += output.written;
                if (end.link->wants_output()) continue;
            }
            ready_[word] &= ~(std::uint64_t{1} << bit);
        }
    }
}

bool OverTcp::more() const {
    for (std::size_t word = 0; word < ready_.size(); ++word)
        for (std::uint64_t left = ready_[word]; left != 0; left &= left - 1) {
            const End& end = ends_[word * 64 + static_cast<std::size_t>(std::countr_zero(left))];
            if (end.connection && end.link->wants_output() && room(end) >= kAheadBytes / 2)
                return true;
        }
    return false;
}

std::uint32_t OverTcp::kept_bytes(std::uint32_t trunk) const {
    return stack_.info(ends_[trunk].connection).kept_bytes;
}

std::uint64_t OverTcp::acknowledged_bytes(std::uint32_t trunk) const {
    return ends_[trunk].written_bytes - kept_bytes(trunk);
}

}  // namespace skerry::trunk
