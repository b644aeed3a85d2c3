// CUBIC's growth in congestion avoidance (RFC 9438 §4.2–4.5).
#include <cmath>

#include "dataplane/net/tcp/congestion.hpp"

namespace skerry::net::tcp {
namespace {

constexpr double kC = 0.4;                                // segments per second³, §5
constexpr double kBeta = 0.7;                             // §4.6
constexpr double kAlpha = 3 * (1 - kBeta) / (1 + kBeta);  // §4.3

}  // namespace

void Congestion::grow_cubic(const CongestionAck& ack) {
    const double mss = mss_;
    if (phase_ != Phase::avoidance) {
        begin_epoch(ack.now_us);
        epoch_.estimate = window_;
        if (after_timeout_ || w_max_ <= window_) {
            w_max_ = window_;  // K = 0: on from here (§4.8, and where no loss was seen yet)
            if (prior_ < window_) prior_ = window_;
        } else {
            epoch_.k_ms =
                static_cast<std::uint32_t>(1000 * std::cbrt((w_max_ - window_) / mss / kC));
        }
        after_timeout_ = false;
    }
    const double now_s = (static_cast<std::uint32_t>(ack.now_us / 1000) - epoch_.start_ms) / 1000.0;
    const double k_s = epoch_.k_ms / 1000.0;
    const auto cubic = [&](double t) {
        return kC * (t - k_s) * (t - k_s) * (t - k_s) * mss + w_max_;
    };

    const double bytes = ack.bytes < window_ ? ack.bytes : window_;
    // Where Reno would be with the same mean window (§4.3).
    const double alpha = epoch_.estimate >= prior_ ? 1 : kAlpha;
    epoch_.estimate += alpha * mss * bytes / window_;
    if (cubic(now_s) < epoch_.estimate) {
        if (epoch_.estimate > window_)
            add_credit(epoch_.estimate - window_ - static_cast<double>(epoch_.credit));
        return;
    }
    // One round trip ahead, and never by more than half (§4.4, §4.5).
    double target = cubic(now_s + ack.srtt_us / 1e6);
    if (target > 1.5 * window_) target = 1.5 * window_;
    if (target > window_) add_credit((target - window_) * bytes / window_);
}

}  // namespace skerry::net::tcp
