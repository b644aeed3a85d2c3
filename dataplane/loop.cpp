#include "dataplane/loop.hpp"

namespace skerry {
namespace {

// Charges the cycles between two stages to the one that ran.
class StageClock {
  public:
    explicit StageClock(CoreCounters& counters) : counters_(counters), last_(rte_rdtsc()) {}

    std::uint32_t operator()(Stage stage, std::uint32_t packets) {
        const std::uint64_t now = rte_rdtsc();
        StageCounters& counter = counters_.stages[static_cast<std::size_t>(stage)];
        counter.cycles.add(now - last_);
        if (packets != 0) counter.packets.add(packets);
        last_ = now;
        return packets;
    }

  private:
    CoreCounters& counters_;
    std::uint64_t last_;
};

}  // namespace

// The packet path.
void Core::turn() {
    context_.begin_turn();
    StageClock spent(context_.counters);

    std::uint32_t work = spent(Stage::receive, receive());
    work += spent(Stage::headers, headers());
    work += spent(Stage::messages, messages());
    work += spent(Stage::exchanges, exchanges());
    work += spent(Stage::decide, decide());
    work += spent(Stage::dispatch, dispatch());
    work += spent(Stage::forward, forward());
    work += spent(Stage::collect, collect());
    work += spent(Stage::waiting, waiting());
    work += spent(Stage::timers, timers());
    work += spent(Stage::probes, probes());
    work += spent(Stage::neighbours, neighbours());
    work += spent(Stage::segments, segments());
    work += spent(Stage::transmit, transmit());

    // Nothing of this turn's snapshot is held any more.
    rte_rcu_qsbr_quiescent(context_.shared.qsbr, context_.core);
    idle(work != 0);
    spent(Stage::idle, 0);
    context_.counters.turns.add();
}

void Core::run() {
    while (!context_.shared.stop.load(std::memory_order_relaxed)) turn();
    context_.begin_turn();
    transmit();
    rte_rcu_qsbr_thread_offline(context_.shared.qsbr, context_.core);
}

}  // namespace skerry
