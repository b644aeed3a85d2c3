// The monitor against core 0 and regions played by the test, which also moves the clock.
#pragma once

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include <map>
#include <vector>

#include "control/regions/monitor.hpp"
#include "tests/dataplane/loop/environment.hpp"

namespace skerry::regions {

inline constexpr std::uint64_t kPeriod_us = 250'000;
inline const MonitorLimits kLimits{
    .period_us = kPeriod_us,
    .fresh_us = 1'000'000,
    .health = {.failures_to_eject = 3, .return_us = 1'000'000, .base_ejection_us = 100'000}};
inline constexpr std::uint64_t kStep_us = 1000;

inline rte_ring* make_ring(const char* name, std::uint32_t bytes) {
    return rte_ring_create_elem(name, bytes, kProbeRingSize, SOCKET_ID_ANY,
                                RING_F_SP_ENQ | RING_F_SC_DEQ);
}

class MonitorTest : public ::testing::Test {
  protected:
    void SetUp() override {
        shared_.server.core_count = 1;
        shared_.server.tsc_hz = rte_get_tsc_hz();
        shared_.server.forward_key[0] = 1;
        shared_.server.forward_key[1] = 2;
        shared_.counters[0] = std::make_unique<CoreCounters>();
        shared_.probe_commands[0] = make_ring("test-commands", sizeof(ProbeCommand));
        shared_.probe_results[0] = make_ring("test-results", sizeof(ProbeResult));
        ASSERT_NE(shared_.probe_commands[0], nullptr);
        ASSERT_NE(shared_.probe_results[0], nullptr);
    }
    void TearDown() override {
        rte_ring_free(shared_.probe_commands[0]);
        rte_ring_free(shared_.probe_results[0]);
    }

    // Region 0, which answers each probe after rtt_us_ if it is up; others never do.
    void pass(Monitor& monitor, std::uint64_t us) {
        for (const std::uint64_t end_us = now_us_ + us; now_us_ < end_us; now_us_ += kStep_us) {
            std::erase_if(out_, [&](const Out& probe) {
                if (now_us_ - probe.sent_us < probe.rtt_us) return false;
                answer(probe);
                return true;
            });
            monitor.step(now_us_);
            ProbeCommand command;
            while (rte_ring_dequeue_elem(shared_.probe_commands[0], &command, sizeof command) ==
                   0) {
                sent_us_.push_back(now_us_);
                tokens_.push_back(command.token);
                probe_bytes_ = command.payload_bytes;
                if (command.region == 0) last_ = command;
                too_long_ += command.payload_bytes > longest_;
                if ((all_up_ || command.region == 0) && up_ && command.payload_bytes <= longest_)
                    out_.push_back({command.token, now_us_, rtt_us(command.region)});
            }
        }
    }
    std::uint64_t rtt_us(std::uint32_t region) const {
        const auto own = rtts_us_.find(region);
        return own != rtts_us_.end() ? own->second : rtt_us_;
    }
    Standing look(Monitor& monitor) { return monitor.standing(0, now_us_); }

    struct Out {
        std::uint64_t token, sent_us, rtt_us;
    };
    void answer(const Out& probe) {
        const ProbeResult result{
            .token = probe.token,
            .rtt_tsc = probe.rtt_us * (shared_.server.tsc_hz / 1000) / 1000,
            .boot_id = boot_id_,
            .catalog_epoch = catalog_epoch_,
            .cookie = 99,
            .in_flight = in_flight_,
            .waiting = waiting_,
            .free_slots = 3,
            .slots = slots_,
            .service_us = service_us_,
            .region_us = service_us_,
            .slow_permille = slow_permille_,
            .longer = longer_,
            .digest_entries = digest_entries_,
        };
        ASSERT_EQ(rte_ring_enqueue_elem(shared_.probe_results[0], const_cast<ProbeResult*>(&result),
                                        sizeof result),
                  0);
    }

    Shared shared_;
    std::uint64_t now_us_ = 10'000'000;
    bool up_ = true, all_up_ = false;
    std::uint64_t rtt_us_ = 20'000;
    std::uint32_t in_flight_ = 1, waiting_ = 0, slots_ = 0, service_us_ = 0, slow_permille_ = 0;
    std::uint64_t longer_ = 0;
    std::map<std::uint32_t, std::uint64_t> rtts_us_;  // of regions with their own
    std::uint32_t longest_ = 2000, too_long_ = 0;     // bytes that the way carries; probes lost so
    std::uint16_t digest_entries_ = 0;
    std::uint32_t probe_bytes_ = 0;  // of the last one
    ProbeCommand last_;              // to region 0
    std::uint64_t boot_id_ = 5, catalog_epoch_ = 1;
    std::vector<Out> out_;
    std::vector<std::uint64_t> sent_us_, tokens_;
};

}  // namespace skerry::regions
