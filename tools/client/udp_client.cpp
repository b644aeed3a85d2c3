#include "tools/client/udp_client.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include <optional>
#include <vector>

#include "sandbox/base/check.hpp"

namespace skerry::client {
namespace {

// After the deadline nothing is sent any more, but what the server says about it may be on its way.
constexpr std::uint64_t kGraceUs = 250'000;

// One invocation on its way.
class Exchange {
  public:
    Exchange(int fd, const Invocation& invocation, std::uint64_t& cookie)
        : fd_(fd), invocation_(invocation), cookie_(cookie), started_us_(now_us()) {
        id_ = invocation.id == wire::RequestId{} ? random_request_id() : invocation.id;
        deadline_us_ = started_us_ + std::uint64_t{invocation.deadline_ms} * 1000;
    }

    Result<Reply> run() {
        datagram_.resize(wire::kHeaderBytes + invocation_.payload.size());
        Request request;
        request.id = id_;
        request.function_key = invocation_.function_key;
        request.qualifier = invocation_.qualifier;
        request.want_accepted = invocation_.want_accepted;
        request.want_tail = invocation_.want_tail;
        request.idempotent = invocation_.idempotent;
        request.payload = invocation_.payload;
        SKERRY_CHECK(encode(request, datagram_) == datagram_.size());
        if (Status sent = transmit(); !sent) return sent.error();
        while (!reply_) {
            const std::uint64_t now = now_us();
            if (now >= deadline_us_ + kGraceUs) return given_up();
            if (now >= next_us_ && now < deadline_us_)
                if (Status sent = transmit(); !sent) return sent.error();
            if (Status heard = wait_for_more(now_us()); !heard) return heard.error();
        }
        return std::move(*reply_);
    }

  private:
    Error given_up() const {
        const std::string tries =
            std::to_string(transmissions_) + " transmission" + (transmissions_ == 1 ? "" : "s");
        if (refused_) return Error{ECONNREFUSED, "nobody listens there (" + tries + ")"};
        if (!heard_) return Error{EHOSTUNREACH, "nothing was heard from there (" + tries + ")"};
        return Error{ETIMEDOUT, "no answer within the deadline (" + tries +
                                    (accepted_ ? "; the server said that it had started" : "") +
                                    ")"};
    }

    Status transmit() {
        const std::uint64_t now = now_us();
        const std::uint64_t left_us = now < deadline_us_ ? deadline_us_ - now : 1;
        set_deadline_us(datagram_, static_cast<std::uint32_t>(left_us));
        set_cookie(datagram_, cookie_);
        ++transmissions_;
        std::uint64_t random = 0;
        (void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
        next_us_ = invocation_.retransmit
                       ? now + invocation_.backoff.wait_us(transmissions_, random)
                       : UINT64_MAX;
        while (::send(fd_, datagram_.data(), datagram_.size(), MSG_NOSIGNAL) < 0) {
            if (errno == EINTR) continue;
            if (errno == EMSGSIZE)
                return Error{EMSGSIZE, "a datagram of " + std::to_string(datagram_.size()) +
                                           " bytes is too large for this path"};
            // Whatever an earlier datagram met; this one was not sent.
            if (errno == ECONNREFUSED) {
                refused_ = true;
                continue;
            }
            if (errno == EAGAIN || errno == ENOBUFS) return ok();  // lost, like on any path
            return errno_error("send");
        }
        return ok();
    }

    Status wait_for_more(std::uint64_t now) {
        const std::uint64_t end_us =
            now < deadline_us_ ? std::min(next_us_, deadline_us_) : deadline_us_ + kGraceUs;
        const std::uint64_t wait_us = end_us > now ? end_us - now : 0;
        timespec timeout{static_cast<time_t>(wait_us / 1'000'000),
                         static_cast<long>(wait_us % 1'000'000 * 1000)};
        pollfd waiting{fd_, POLLIN, 0};
        if (::ppoll(&waiting, 1, &timeout, nullptr) < 0 && errno != EINTR)
            return errno_error("poll");
        if (waiting.revents == 0) return ok();
        return receive();
    }

    Status receive() {
        buffer_.resize(kMaxDatagramBytes);
        const ssize_t bytes = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (bytes < 0) {
            if (errno == ECONNREFUSED) refused_ = true;
            if (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED) return ok();
            return errno_error("receive");
        }
        const auto message =
            decode(std::span<const std::byte>(buffer_.data(), static_cast<std::size_t>(bytes)));
        // Late answers to earlier invocations, and whatever else reaches the port.
        if (!message || message->id != id_ || message->function_key != invocation_.function_key)
            return ok();
        refused_ = false;
        heard_ = true;
        if (message->kind == wire::Kind::challenge) return on_challenge(message->cookie);
        if (message->kind == wire::Kind::accepted)
            accepted_ = true;
        else
            take(*message);
        return ok();
    }

    Status on_challenge(std::uint64_t cookie) {
        // Each challenge costs one transmission, so they are limited: two ends that disagree about
        // a cookie must not talk for ever.
        if (challenges_ == kMaxChallenges || now_us() >= deadline_us_) return ok();
        // The answer to a copy that was sent before the cookie was known.
        if (challenges_ > 0 && cookie == cookie_) return ok();
        ++challenges_;
        cookie_ = cookie;
        return transmit();
    }

    void take(const Message& message) {
        reply_.emplace();
        reply_->status = message.status;
        reply_->payload = message.payload;
        reply_->tail = message.tail;
        reply_->place = message.place;
        reply_->version_key = message.version_key;
        reply_->flags = message.flags;
        reply_->attempts = message.attempts;
        reply_->busy = message.busy;
        reply_->queue_us = message.queue_us;
        reply_->run_us = message.run_us;
        reply_->id = id_;
        reply_->elapsed_us = now_us() - started_us_;
        reply_->transmissions = transmissions_;
        reply_->challenges = challenges_;
        reply_->accepted = accepted_;
    }

    int fd_;
    const Invocation& invocation_;
    std::uint64_t& cookie_;
    std::uint64_t started_us_;
    std::uint64_t deadline_us_ = 0;
    std::uint64_t next_us_ = 0;
    wire::RequestId id_;
    std::vector<std::byte> datagram_;
    std::vector<std::byte> buffer_;
    std::uint32_t transmissions_ = 0;
    std::uint32_t challenges_ = 0;
    bool accepted_ = false;
    bool refused_ = false;
    bool heard_ = false;
    std::optional<Reply> reply_;
};

}  // namespace

Result<UdpClient> UdpClient::connect(const Endpoint& server) {
    UniqueFd socket(::socket(server.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return errno_error("socket");
    // Servers take no fragments: what does not fit must be an error here, not a silence.
    const int no_fragments = IP_PMTUDISC_DO;
    if (server.address.ss_family == AF_INET)
        (void)setsockopt(socket.get(), IPPROTO_IP, IP_MTU_DISCOVER, &no_fragments, sizeof(int));
    else
        (void)setsockopt(socket.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, &no_fragments, sizeof(int));
    if (::connect(socket.get(), server.get(), server.bytes) != 0)
        return errno_error("connect to " + server.to_string());
    return UdpClient(std::move(socket));
}

Result<Reply> UdpClient::invoke(const Invocation& invocation) {
    if (invocation.payload.size() > kMaxPayloadBytes)
        return Error{EMSGSIZE, "found a payload of " + std::to_string(invocation.payload.size()) +
                                   " bytes, allowed " + std::to_string(kMaxPayloadBytes)};
    if (invocation.deadline_ms < 1 || invocation.deadline_ms > kMaxDeadlineMs)
        return Error{EINVAL, "found a deadline of " + std::to_string(invocation.deadline_ms) +
                                 " ms, allowed 1 to " + std::to_string(kMaxDeadlineMs)};
    return Exchange(socket_.get(), invocation, cookie_).run();
}

wire::RequestId random_request_id() {
    wire::RequestId id;
    do {
        SKERRY_CHECK(getrandom(&id, sizeof id, 0) == sizeof id);
    } while (id == wire::RequestId{});
    return id;
}

std::uint64_t now_us() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace skerry::client
