// The capacity table: never two owners of a slot, no slot lost, and whoever claims a slot sees what
// was written by the one who had it before.
//
// `content[i]` stands for all that belongs to the owner of slot i. It is a plain variable for
// Relacy: two threads at it without a happens-before between them are reported as a data race.
#include <array>
#include <bit>
#include <cstdint>
#include <iterator>

#include "dataplane/capacity/capacity_table.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

constexpr std::uint32_t kSlots = 2;
constexpr std::uint64_t kAllSlots = (1u << kSlots) - 1;

// Variants with one thing wrong each.
struct ClaimRelaxed : CapacityEntry {
    std::uint32_t claim(std::uint32_t) {
        for (std::uint32_t slot = 0; slot < kSlots; ++slot)
            if (free_slots.fetch_and(~(std::uint64_t{1} << slot), SK_RELAXED) >> slot & 1)
                return slot;
        return kNoSlot;
    }
};
struct ClaimInTwoSteps : CapacityEntry {
    std::uint32_t claim(std::uint32_t) {
        const std::uint64_t seen = free_slots.load(SK_ACQUIRE);
        if (seen == 0) return kNoSlot;
        const auto slot = static_cast<std::uint32_t>(std::countr_zero(seen));
        free_slots.store(seen & ~(std::uint64_t{1} << slot), SK_RELEASE);
        return slot;
    }
};
struct ClaimIgnoresBefore : CapacityEntry {
    std::uint32_t claim(std::uint32_t) {
        const std::uint64_t seen = free_slots.load(SK_ACQUIRE);
        if (seen == 0) return kNoSlot;
        const auto slot = static_cast<std::uint32_t>(std::countr_zero(seen));
        free_slots.fetch_and(~(std::uint64_t{1} << slot), SK_ACQ_REL);
        return slot;
    }
};
struct ReleaseRelaxed : CapacityEntry {
    void release(std::uint32_t slot) { free_slots.fetch_or(std::uint64_t{1} << slot, SK_RELAXED); }
};
struct RetireRelaxed : CapacityEntry {
    void retire(std::uint32_t slot) {
        retired_slots.fetch_or(std::uint64_t{1} << slot, SK_RELAXED);
    }
};
struct TakeBackRelaxed : CapacityEntry {
    bool take_back(std::uint32_t slot) {
        const std::uint64_t bit = std::uint64_t{1} << slot;
        return (free_slots.fetch_and(~bit, SK_RELAXED) & bit) != 0;
    }
};

template <typename Entry>
struct Shared {
    Entry entry;
    std::array<rl::var<int>, kSlots> content;

    void start(std::uint64_t slots) {
        entry.free_slots.store(slots, SK_RELAXED);
        entry.retired_slots.store(0, SK_RELAXED);
        for (auto& cell : content) cell($) = 0;
    }
    void use(std::uint32_t slot) { cell(slot)($) = cell(slot)($) + 1; }
    rl::var<int>& cell(std::uint32_t slot) {
        RL_ASSERT(slot < kSlots);
        return content[slot];
    }
};

// Cores that claim, use and release, more of them than slots.
template <typename Entry, int kCores, int kRounds>
struct ClaimAndRelease : rl::test_suite<ClaimAndRelease<Entry, kCores, kRounds>, kCores> {
    Shared<Entry> shared;
    std::array<int, kCores> uses{};

    void before() { shared.start(kAllSlots); }
    void thread(unsigned core) {
        for (int round = 0; round < kRounds; ++round) {
            const std::uint32_t slot = shared.entry.claim(core);
            if (slot == kNoSlot) continue;
            shared.use(slot);
            ++uses[core];
            shared.entry.release(slot);
        }
    }
    void after() {
        RL_ASSERT(shared.entry.free_slots.load(SK_RELAXED) == kAllSlots);
        int seen = 0, done = 0;
        for (std::uint32_t slot = 0; slot < kSlots; ++slot) seen += shared.content[slot]($);
        for (const int n : uses) done += n;
        RL_ASSERT(seen == done);
    }
};

// The control thread (0) introduces a slot, cores claim it, and retire it as of a dead worker; the
// control thread collects it, gives it another meaning, and introduces it once more.
template <typename Entry>
struct Retirement : rl::test_suite<Retirement<Entry>, 3> {
    Shared<Entry> shared;
    int retired = 0, collected = 0;

    void before() { shared.start(0); }
    void thread(unsigned who) {
        if (who == 0) {
            shared.use(0);
            shared.entry.add(0);
            if (shared.entry.take_retired() == 0) return;
            ++collected;
            shared.use(0);
            shared.entry.add(0);
            return;
        }
        const std::uint32_t slot = shared.entry.claim(0);
        if (slot == kNoSlot) return;
        shared.use(slot);
        if (retired == 0 && who == 1) {
            ++retired;
            shared.entry.retire(slot);
        } else {
            shared.entry.release(slot);
        }
    }
    void after() {
        const std::uint64_t free = shared.entry.free_slots.load(SK_RELAXED);
        const std::uint64_t waiting = shared.entry.retired_slots.load(SK_RELAXED);
        RL_ASSERT((free ^ waiting) == 1 && (free & waiting) == 0);
        RL_ASSERT(waiting == static_cast<std::uint64_t>(retired - collected));
    }
};

// The control thread takes a slot back while cores claim and release it.
template <typename Entry>
struct TakingBack : rl::test_suite<TakingBack<Entry>, 3> {
    Shared<Entry> shared;
    bool taken = false;

    void before() { shared.start(1); }
    void thread(unsigned who) {
        if (who == 0) {
            taken = shared.entry.take_back(0);
            if (taken) shared.use(0);
            return;
        }
        const std::uint32_t slot = shared.entry.claim(0);
        if (slot == kNoSlot) return;
        shared.use(slot);
        shared.entry.release(slot);
    }
    void after() { RL_ASSERT(shared.entry.free_slots.load(SK_RELAXED) == (taken ? 0u : 1u)); }
};

constexpr Model kModels[] = {
    {"claim_and_release_two_cores", true, explore_all<ClaimAndRelease<CapacityEntry, 2, 1>>},
    {"claim_and_release_three_cores", true, explore_some<ClaimAndRelease<CapacityEntry, 3, 3>>},
    {"retirement", true, explore_some<Retirement<CapacityEntry>>},
    {"taking_back", true, explore_some<TakingBack<CapacityEntry>>},
    {"claim_relaxed_races", false, explore_some<ClaimAndRelease<ClaimRelaxed, 3, 3>>},
    {"claim_in_two_steps_has_two_owners", false,
     explore_some<ClaimAndRelease<ClaimInTwoSteps, 2, 1>>},
    {"claim_that_ignores_what_was_before_has_two_owners", false,
     explore_some<ClaimAndRelease<ClaimIgnoresBefore, 2, 1>>},
    {"release_relaxed_races", false, explore_some<ClaimAndRelease<ReleaseRelaxed, 3, 3>>},
    {"retire_relaxed_races", false, explore_some<Retirement<RetireRelaxed>>},
    {"take_back_relaxed_races", false, explore_some<TakingBack<TakeBackRelaxed>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
