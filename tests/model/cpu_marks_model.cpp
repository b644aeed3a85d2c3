// The marks of the CPU watch: who is marked has used more than it may, and who is ended is who was
// marked. The code is dataplane/dispatch/cpu_marks.hpp itself.
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>

#include "dataplane/dispatch/cpu_marks.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

using Marks = BasicCpuMarks<1>;

// What invocations use in all, one after the other in one slot; a limit that only the third breaks.
constexpr std::array<std::uint64_t, 4> kUse_us = {2, 2, 12, 2};
constexpr std::uint64_t kLimit_us = 3, kPart_us = 2;
constexpr int kLooks = 6;

struct Real {
    using Samples = BasicCpuSamples<1>;
    static void count_turn(Marks& marks) { marks.count_turn(0); }
    static bool is_now(const Marks& marks, std::uint64_t name) { return marks.is_now(name); }
    static std::uint64_t read(const Atomic<std::uint64_t>& used_us) {
        return used_us.load(SK_ACQUIRE);
    }
};

// The watch once more for one slot, with one thing missing.
enum class Missing { nothing, acquire, second_look };
template <Missing kMissing>
struct Look : Real {
    struct Samples {
        std::uint64_t seen_turn = 0, from_us = 0;
        template <typename Meter>
        bool look(Marks& marks, std::uint32_t, std::uint64_t limit_us, Meter&& meter) {
            const std::uint64_t turn = kMissing == Missing::acquire
                                           ? marks.turns[0].load(SK_RELAXED)
                                           : marks.turns[0].load(SK_ACQUIRE);
            if ((turn & 1) == 0) return false;
            const std::uint64_t used_us = *meter();
            if (seen_turn != turn) {
                seen_turn = turn;
                from_us = used_us;
                return false;
            }
            const bool same =
                kMissing == Missing::second_look || marks.turns[0].load(SK_ACQUIRE) == turn;
            const std::uint64_t name = Marks::name_of(0, turn);
            if (!same || used_us - from_us <= limit_us || marks.over.load(SK_RELAXED) == name)
                return false;
            marks.over.store(name, SK_RELEASE);
            return true;
        }
    };
};
struct CountsRelaxed : Real {
    static void count_turn(Marks& marks) {
        marks.turns[0].store(marks.turns[0].load(SK_RELAXED) + 1, SK_RELAXED);
    }
};
struct MeterOrdersNothing : Real {
    static std::uint64_t read(const Atomic<std::uint64_t>& used_us) {
        return used_us.load(SK_RELAXED);
    }
};
struct NamesTheSlotAlone : Real {
    static bool is_now(const Marks&, std::uint64_t name) { return name != 0; }
};

// kCores threads pass the slot on as the capacity table does, and play the worker, too: what it
// uses it uses between taking the request and the core's sight of the answer. One thread watches.
template <typename Ops, int kCores>
struct Watched : rl::test_suite<Watched<Ops, kCores>, kCores + 1> {
    Marks marks;
    Atomic<std::uint64_t> used_us;
    Atomic<std::uint32_t> next;  // invocation; the slot is whose turn it is

    void before() {
        marks.turns[0].store(0, SK_RELAXED);
        used_us.store(0, SK_RELAXED);
        next.store(0, SK_RELAXED);
    }
    static std::uint64_t use_of(std::uint64_t name) {
        return kUse_us[static_cast<std::size_t>((name & 0xff) / 2)];
    }
    void thread(unsigned who) {
        if (who == kCores) return watch();
        for (std::uint32_t i = who; i < kUse_us.size(); i += kCores) {
            rl::linear_backoff backoff;
            while (next.load(SK_ACQUIRE) != i) backoff.yield($);
            invoke(i);
            next.store(i + 1, SK_RELEASE);
        }
    }
    void invoke(std::uint32_t i) {
        Ops::count_turn(marks);
        for (std::uint64_t used = 0; used < kUse_us[i]; used += kPart_us) {
            used_us.fetch_add(kPart_us, SK_ACQ_REL);
            const std::uint64_t over = marks.over.load(SK_ACQUIRE);
            if (over != 0 && Ops::is_now(marks, over)) RL_ASSERT(kUse_us[i] > kLimit_us);
        }
        Ops::count_turn(marks);
    }
    void watch() {
        typename Ops::Samples samples;
        for (int look = 0; look < kLooks; ++look) {
            const bool told = samples.look(marks, 1, kLimit_us,
                                           [&] { return std::optional(Ops::read(used_us)); });
            if (told) RL_ASSERT(use_of(marks.over.load(SK_RELAXED)) > kLimit_us);
        }
    }
};

constexpr Model kModels[] = {
    {"one_core", true, explore_some<Watched<Real, 1>>},
    {"two_cores", true, explore_some<Watched<Real, 2>>},
    {"variant_with_nothing_missing", true, explore_some<Watched<Look<Missing::nothing>, 2>>},
    {"counted_relaxed_charges_another", false, explore_some<Watched<CountsRelaxed, 2>>},
    {"looked_at_relaxed_charges_another", false, explore_some<Watched<Look<Missing::acquire>, 2>>},
    {"without_the_second_look_charges_another", false,
     explore_some<Watched<Look<Missing::second_look>, 2>>},
    {"a_meter_that_orders_nothing_charges_another", false,
     explore_some<Watched<MeterOrdersNothing, 2>>},
    {"a_slot_without_its_turn_ends_another", false, explore_some<Watched<NamesTheSlotAlone, 1>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
