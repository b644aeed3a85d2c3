// Permits of tenants: never more common ones out than there are, nor more of a tenant's than its
// cap, nor more of its own than are reserved; and nothing lost.
#include <cstdint>
#include <span>

#include "dataplane/capacity/tenants.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

// Variants with one thing wrong each.
struct KeepsItsCommonOne : TenantLine {  // where there is none left
    Permit take(std::uint32_t reserved, BoundedCount& all, std::uint32_t common_permits) {
        if (own.enter(reserved)) return Permit::own;
        if (!common.enter(cap.load(SK_RELAXED))) return Permit::none;
        return all.enter(common_permits) ? Permit::common : Permit::none;
    }
};
struct GivesBackOne : TenantLine {  // of the two counts
    void give_back(Permit permit, BoundedCount& all) {
        if (permit == Permit::own) own.leave();
        if (permit == Permit::common) all.leave();
    }
};
struct ForgetsTheCap : TenantLine {
    Permit take(std::uint32_t reserved, BoundedCount& all, std::uint32_t common_permits) {
        if (own.enter(reserved)) return Permit::own;
        common.enter(~0u);
        if (all.enter(common_permits)) return Permit::common;
        common.leave();
        return Permit::none;
    }
};

// Cores 0 and 1 are of tenant 0, which has a reserved permit; the others are of tenant 1. `out` and
// `own_out` are the model's own account, exact.
template <typename Line, int kCores, int kRounds, std::uint32_t kReserved, std::uint32_t kCap,
          std::uint32_t kCommon>
struct TakeAndGiveBack
    : rl::test_suite<TakeAndGiveBack<Line, kCores, kRounds, kReserved, kCap, kCommon>, kCores> {
    Line lines[2];
    BoundedCount all;
    Atomic<std::uint32_t> out, own_out, of_tenant[2];

    void before() {
        for (Line& line : lines) {
            line.own.count.store(0, SK_RELAXED);
            line.common.count.store(0, SK_RELAXED);
            line.cap.store(kCap, SK_RELAXED);
        }
        all.count.store(0, SK_RELAXED);
        out.store(0, SK_RELAXED);
        own_out.store(0, SK_RELAXED);
        for (auto& each : of_tenant) each.store(0, SK_RELAXED);
    }
    void thread(unsigned core) {
        const int tenant = core < 2 ? 0 : 1;
        for (int round = 0; round < kRounds; ++round) {
            const Permit permit = lines[tenant].take(tenant == 0 ? kReserved : 0, all, kCommon);
            if (permit == Permit::own) {
                RL_ASSERT(own_out.fetch_add(1, SK_SEQ_CST) < kReserved);
                own_out.fetch_sub(1, SK_SEQ_CST);
            } else if (permit == Permit::common) {
                RL_ASSERT(out.fetch_add(1, SK_SEQ_CST) < kCommon);
                RL_ASSERT(of_tenant[tenant].fetch_add(1, SK_SEQ_CST) < kCap);
                of_tenant[tenant].fetch_sub(1, SK_SEQ_CST);
                out.fetch_sub(1, SK_SEQ_CST);
            }
            lines[tenant].give_back(permit, all);
        }
    }
    void after() {
        RL_ASSERT(all.count.load(SK_RELAXED) == 0);
        for (Line& line : lines) {
            RL_ASSERT(line.own.count.load(SK_RELAXED) == 0);
            RL_ASSERT(line.common.count.load(SK_RELAXED) == 0);
        }
    }
};

constexpr Model kModels[] = {
    {"two_cores_one_reserved_one_common", true,
     explore_some<TakeAndGiveBack<TenantLine, 2, 1, 1, 1, 1>>},
    {"two_tenants_one_common", true, explore_some<TakeAndGiveBack<TenantLine, 3, 1, 1, 1, 1>>},
    {"two_tenants_two_common", true, explore_some<TakeAndGiveBack<TenantLine, 4, 2, 1, 1, 2>>},
    {"no_common", true, explore_some<TakeAndGiveBack<TenantLine, 3, 1, 1, 1, 0>>},
    {"who_keeps_a_common_one_shuts_itself_out", false,
     explore_some<TakeAndGiveBack<KeepsItsCommonOne, 3, 2, 0, 1, 1>>},
    {"who_gives_back_one_count_loses_the_other", false,
     explore_some<TakeAndGiveBack<GivesBackOne, 2, 1, 0, 1, 1>>},
    {"who_forgets_the_cap_has_too_many", false,
     explore_some<TakeAndGiveBack<ForgetsTheCap, 2, 1, 0, 1, 2>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
