#include "tools/sim/arrivals.hpp"

#include <algorithm>
#include <numbers>

namespace skerry::sim {
namespace {

std::vector<double> zipf(std::uint32_t count, double exponent) {
    std::vector<double> weights;
    for (std::uint32_t i = 0; i < count; ++i)
        weights.push_back(1.0 / std::pow(static_cast<double>(i) + 1.0, exponent));
    return weights;
}

// Which POP a request for `function` enters at.
class Origin {
  public:
    Origin(const Scenario& scenario, const World& world)
        : world_(world), local_share_(scenario.functions.local_share), people_(world.pop_weight) {}
    std::uint16_t pop(Random& random, std::uint32_t function) const {
        if (local_share_ == 0 || random.uniform() >= local_share_)
            return static_cast<std::uint16_t>(people_(random.next()));
        const std::uint32_t home = world_.functions[function].home;
        return world_.neighbours[std::size_t{home} * World::kNeighbours +
                                 random.next() % World::kNeighbours];
    }

  private:
    const World& world_;
    double local_share_;
    Alias people_;
};

// Poisson, thinned by the time of day at the POP's longitude; flash crowds on top.
class Generated : public Arrivals {
  public:
    Generated(const Scenario& s, const World& world, std::uint64_t seed)
        : s_(s),
          world_(world),
          random_(mix64(seed ^ 0xa221)),
          functions_(zipf(s.functions.count, s.functions.zipf)),
          origin_(s, world) {
        if (s.arrivals == ArrivalKind::diurnal) amplitude_ = s.amplitude;
        base_ = s.requests_per_s * (1 + amplitude_);
        peak_ = base_;
        for (const Flash& flash : s.flashes) peak_ += flash.requests_per_s;
    }

    bool next(Arrival& a) override {
        for (;;) {
            now_s_ += random_.exponential(peak_);
            if (now_s_ >= s_.seconds) return false;
            double pick = random_.uniform() * peak_;
            if (pick < base_) {
                a.function = functions_(random_.next());
                a.pop = origin_.pop(random_, a.function);
                if (amplitude_ != 0 && random_.uniform() * (1 + amplitude_) > day(a.pop)) continue;
            } else if (!flash(pick - base_, a)) {
                continue;
            }
            a.at_us = static_cast<std::int64_t>(now_s_ * 1e6);
            a.seed = random_.next();
            return true;
        }
    }

  private:
    // The share of its mean rate that a POP has now: most at three in the afternoon, local time.
    double day(std::uint16_t pop) const {
        const double turn = now_s_ / s_.day_s + world_.pops[pop].longitude / 360.0 - 15.0 / 24.0;
        return 1 + amplitude_ * std::cos(2 * std::numbers::pi * turn);
    }
    bool flash(double pick, Arrival& a) {
        for (const Flash& flash : s_.flashes) {
            if (pick >= flash.requests_per_s) {
                pick -= flash.requests_per_s;
                continue;
            }
            if (now_s_ < flash.from_s || now_s_ >= flash.to_s) return false;
            a.function = flash.first + static_cast<std::uint32_t>(random_.next() % flash.functions);
            a.pop = origin_.pop(random_, a.function);
            return true;
        }
        return false;
    }

    const Scenario& s_;
    const World& world_;
    Random random_;
    Alias functions_;
    Origin origin_;
    double amplitude_ = 0, base_ = 0, peak_ = 0, now_s_ = 0;
};

// A trace of counts a minute: within its minute a function's invocations come at random instants.
class Replayed : public Arrivals {
  public:
    Replayed(const Scenario& s, const World& world, const MinuteTrace& trace, std::uint64_t seed)
        : s_(s), trace_(trace), random_(mix64(seed ^ 0xa222)), origin_(s, world) {}

    bool next(Arrival& a) override {
        while (at_ == minute_.size()) {
            if (!fill()) return false;
        }
        a = minute_[at_++];
        return a.at_us < static_cast<std::int64_t>(s_.seconds * 1e6);
    }

  private:
    bool fill() {
        if (next_minute_ >= trace_.minutes) return false;
        minute_.clear();
        at_ = 0;
        for (std::uint32_t f = 0; f < trace_.functions.size() && f < s_.functions.count; ++f) {
            for (std::uint32_t n = trace_.count(f, next_minute_); n > 0; --n) {
                const double at_s = 60.0 * (next_minute_ + random_.uniform());
                minute_.push_back({static_cast<std::int64_t>(at_s * 1e6), random_.next(), f,
                                   origin_.pop(random_, f)});
            }
        }
        std::sort(minute_.begin(), minute_.end(),
                  [](const Arrival& x, const Arrival& y) { return x.at_us < y.at_us; });
        ++next_minute_;
        return true;
    }

    const Scenario& s_;
    const MinuteTrace& trace_;
    Random random_;
    Origin origin_;
    std::vector<Arrival> minute_;
    std::size_t at_ = 0;
    std::uint32_t next_minute_ = 0;
};

}  // namespace

std::unique_ptr<Arrivals> make_arrivals(const Scenario& scenario, const World& world,
                                        const MinuteTrace* trace, std::uint64_t seed) {
    if (trace != nullptr) return std::make_unique<Replayed>(scenario, world, *trace, seed);
    return std::make_unique<Generated>(scenario, world, seed);
}

}  // namespace skerry::sim
