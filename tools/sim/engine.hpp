// One run: a world, a stream of requests, somebody who chooses, and what came of it.
//
// Discrete events. A request: arrival at its POP → (executed there, or) a choice → arrival at the
// region half a round trip later → reply, half a round trip after it is done → POP. The way
// between user and POP is left out: it is the same whatever is chosen.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "dataplane/select/select.hpp"
#include "dataplane/select/trial.hpp"
#include "dataplane/select/warmth.hpp"
#include "tools/sim/arrivals.hpp"
#include "tools/sim/brain.hpp"
#include "tools/sim/calendar.hpp"
#include "tools/sim/faults.hpp"
#include "tools/sim/metrics.hpp"
#include "tools/sim/oracle.hpp"
#include "tools/sim/pairs.hpp"
#include "tools/sim/pool.hpp"
#include "tools/sim/pop.hpp"
#include "tools/sim/region.hpp"

namespace skerry::sim {

class Engine {
  public:
    // `placement`: for Brain::hindsight, else nullptr. All must outlive the engine.
    Engine(const Scenario& scenario, const World& world, Brain brain, const Placement* placement);

    Metrics run(Arrivals& arrivals);
    // Also of each request, the warm-up's too, in the order of the answers.
    void keep_answers(std::vector<Answer>& to) { answers_ = &to; }
    double mean_keep_s(std::uint32_t region) const { return regions_[region].mean_keep_s(); }

  private:
    enum EventKind : std::uint32_t { deliver, reply, silence, local_done, pool_alarm };
    struct Flight {
        Arrival arrival;
        std::int64_t sent_us = 0;
        std::int64_t start_us = 0;
        std::uint64_t tried = 0;
        float run_us = 0, cold_us = 0;
        std::uint8_t region = 0, baseline = 0;
        bool cold = false, control = false, was_kept = false, delivered = false;
    };

    void prefetch(const Arrival& arrival) const;
    void advance(std::int64_t until_us);
    void handle(const Event& event);
    void report(std::int64_t now_us);
    void on_arrival(const Arrival& arrival);
    bool admit(PopSim& pop, PopFunction& mine, const Arrival& arrival);
    void keep(PopSim& pop, PopFunction& mine, std::uint32_t function, std::int64_t now_us);
    void plan_pop(std::uint32_t pop, std::int64_t now_us);
    bool serve_here(PopSim& pop, PopFunction& mine, std::uint32_t flight);
    void forward(std::uint32_t flight, std::int64_t now_us);
    void on_deliver(std::uint32_t flight, std::int64_t now_us);
    void on_reply(std::uint32_t flight, std::int64_t now_us);
    void on_silence(std::uint32_t flight, std::int64_t now_us);
    void finish(std::uint32_t flight, std::int64_t now_us, bool here);
    void give_up(std::uint32_t flight, bool refused);

    // engine_choice.cpp
    select::Choice choose(Flight& flight, std::int64_t now_us);
    void take_report(PopSim& pop, std::uint32_t region, const Report& report);
    void refresh(PopSim& pop, std::uint32_t index, std::int64_t now_us);
    void make_row(const PopSim& pop, const PopFunction& mine, const Flight& flight,
                  std::int64_t now_us);
    std::uint64_t holders(std::uint32_t function, std::int64_t now_us) const;
    std::uint32_t version(std::uint32_t function, std::int64_t now_us) const;
    select::Choice greedy(const Flight& flight, const select::Function& function, const PopSim& pop,
                          const select::Now& now, std::int64_t now_us);
    std::int64_t silence_us(const Flight& flight) const;

    // engine_pools.cpp: a world with [workers]. Servers are the regions, then the POPs.
    struct ServerLoad {  // as control/load measures it
        double service_us = 0, wait_us = 0;
    };
    bool has_pools() const { return !pools_.empty(); }
    std::uint32_t server_of_pop(std::uint32_t pop) const {
        return pop + static_cast<std::uint32_t>(stride_);
    }
    void make_pools();
    bool run_in_pool(std::uint32_t flight);
    void deliver_to_pool(std::uint32_t flight, std::int64_t now_us);
    void on_pool_alarm(std::uint32_t subject, std::int64_t now_us);
    void step_pools(std::int64_t now_us);
    void drain_pools();
    void plan_pool(std::uint32_t pop, std::int64_t now_us);
    double saved_us(std::uint32_t pop, std::uint32_t function, const PopFunction& mine,
                    std::int64_t now_us);
    Report report_of(std::uint32_t region, std::int64_t now_us) const;
    void take_outcome(std::uint32_t server);
    void note_warmth(std::uint32_t region, std::uint32_t function, std::int64_t now_us);
    struct Sent {  // of a function, from a POP to a region
        float last_s = -select::kNeverUsed_s, rate = 0, at_s = 0;
    };
    void make_pool_row(const PopFunction& mine, std::uint32_t pop, std::uint32_t function,
                       std::int64_t now_us);
    // Its rate is as of now.
    Sent& sent(std::uint32_t pop, std::uint32_t function, std::uint32_t region,
               std::int64_t now_us);
    void note_sent(std::uint32_t pop, std::uint32_t function, std::uint32_t region,
                   std::int64_t now_us);

    std::uint32_t take_flight();
    PopFunction& mine(const Arrival& a) { return pop_functions_.at(a.pop, a.function); }
    Cell* cells(std::uint32_t region) { return cells_.data() + region; }
    bool measured(const Arrival& a) const { return a.at_us >= warm_up_us_; }
    TimelineBin& bin(std::int64_t at_us);
    Metrics take_metrics();

    const Scenario& s_;
    const World& world_;
    Brain brain_;
    const Placement* placement_;
    Faults faults_;
    Calendar calendar_;
    std::vector<RegionSim> regions_;
    std::vector<PopSim> pops_;
    std::vector<Cell> cells_;  // by function, then region
    std::size_t stride_;
    PairTable pop_functions_;
    std::unordered_map<std::uint64_t, select::Trial> trials_;
    std::vector<Flight> flights_;
    std::vector<std::uint32_t> unused_;
    std::vector<Pool> pools_;
    std::vector<ServerLoad> loads_;
    std::vector<Report> told_;   // with the reply, by flight
    std::vector<Sent> sent_;     // by POP, then function, then region
    std::vector<bool> popular_;  // by POP, then function
    std::vector<std::uint8_t> busy_looks_;
    std::uint64_t starts_ = 0;
    std::vector<Answer>* answers_ = nullptr;
    std::vector<bool> in_band_;
    select::WarmthView view_;
    select::Column<std::int32_t> row_{};
    select::Column<float> age_s_{};
    std::int64_t report_us_;
    std::int64_t warm_up_us_, next_report_us_ = 0;
    std::int64_t failed_from_us_;
    std::vector<bool> was_down_;
    double keep_s_;
    float rate_half_life_s_;
    Metrics m_;
};

}  // namespace skerry::sim
