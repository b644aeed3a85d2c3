// Rows of functions: a POP that knows more functions than it has rows, and a server that may not.
#include "tests/control/controller/rig.hpp"

namespace skerry::control {
namespace {

class Rows : public ControllerTest {
  protected:
    void SetUp() override {
        ControllerTest::SetUp();
        config_.dataplane.function_rows = 2;
        config_.workers.idle_timeout_ms = 1000;
    }
    static catalog::Function function(const std::string& name) {
        catalog::Function made;
        made.name = name;
        made.versions.push_back(catalog::sha256_hex(name));
        made.current = made.versions.back();
        return made;
    }
    // What the cores would count it in.
    std::uint32_t row(const std::string& name) {
        rte_rcu_qsbr_thread_online(shared_->qsbr, 0);
        const Target* target = shared_->snapshot.load()->find(catalog::function_key(name), 0);
        const std::uint32_t found = target == nullptr ? ~0u : target->function;
        rte_rcu_qsbr_thread_offline(shared_->qsbr, 0);
        return found;
    }
    admin::DeployRequest limited(const std::string& name) {
        admin::DeployRequest made = request(name);
        made.limits.max_per_s = 100;
        return made;
    }
    // As a core counts a request.
    void ask(const std::string& name, int times) {
        CoreCounters& core = *shared_->counters[0];
        const std::uint32_t at = row(name);
        for (int i = 0; i < times; ++i) {
            core.functions[at].arrivals.add();
            if (at == kCommonRow)
                core.sketch.add(shared_->server.sketch_key, catalog::function_key(name));
        }
    }
    template <typename Condition>
    bool while_asked(const std::string& name, int times, Condition condition) {
        return eventually([&] {
            ask(name, times);
            return condition();
        });
    }
};

TEST_F(Rows, AServerWithoutRegionsRefusesWhatItHasNoRowFor) {
    open();
    ASSERT_TRUE(deploy("a", echo_archive("1")).ok);
    ASSERT_TRUE(deploy("b", echo_archive("1")).ok);
    const auto refused = deploy("c", echo_archive("1"));
    ASSERT_FALSE(refused.ok);
    EXPECT_EQ(refused.error.code, "too-many-functions");
    EXPECT_NE(refused.error.message.find("\"c\" needs a row of its own"), std::string::npos)
        << refused.error.message;
    EXPECT_TRUE(deploy("b", echo_archive("2")).ok) << "a new version needs no further one";
}

TEST_F(Rows, APopKnowsMoreFunctionsThanItHasRows) {
    add_region("north");
    open();
    for (const char* name : {"a", "b", "c", "d"}) {
        const auto deployed = deploy(name, echo_archive("1"));
        ASSERT_TRUE(deployed.ok) << name << ": " << deployed.error.message;
    }
    EXPECT_LT(row("a"), kOwnRows);
    EXPECT_LT(row("b"), kOwnRows);
    EXPECT_NE(entry("b"), kNoEntry);
    for (const char* name : {"c", "d"}) {
        EXPECT_EQ(row(name), kCommonRow);
        EXPECT_EQ(entry(name), kNoEntry);
        EXPECT_EQ(held_by(name), std::vector<std::string>{"north"});
        EXPECT_FALSE(controller_->function(name).value.row.own);
    }
    EXPECT_TRUE(deploy("c", echo_archive("2")).ok);
    EXPECT_EQ(row("c"), kCommonRow);
    // Its row is for the next one that is deployed.
    ASSERT_TRUE(controller_->erase("a").ok);
    ASSERT_TRUE(deploy("d", echo_archive("2")).ok);
    EXPECT_LT(row("d"), kOwnRows);
    EXPECT_NE(entry("d"), kNoEntry);
}

TEST_F(Rows, WithoutARowItIsNobodysWhereNoRegionTakesIt) {
    add_region("north");
    open();
    for (const char* name : {"a", "b"}) ASSERT_TRUE(deploy(name, echo_archive("1")).ok);
    regions_[0]->stop();
    const auto refused = deploy("c", echo_archive("1"));
    ASSERT_FALSE(refused.ok);
    EXPECT_EQ(refused.error.code, "no-region");
}

TEST_F(Rows, WhoNeedsOneTakesItAndIsRefusedWhenAllAreNeeded) {
    add_region("north");
    open();
    for (const char* name : {"a", "b"}) ASSERT_TRUE(deploy(name, echo_archive("1")).ok);
    for (const char* name : {"c", "d"}) {
        const auto deployed = controller_->deploy(limited(name), echo_archive("1"));
        ASSERT_TRUE(deployed.ok) << name << ": " << deployed.error.message;
        EXPECT_LT(row(name), kOwnRows);
        EXPECT_NE(entry(name), kNoEntry);
    }
    EXPECT_NE(row("c"), row("d"));
    for (const char* name : {"a", "b"}) {
        EXPECT_EQ(row(name), kCommonRow);
        EXPECT_EQ(entry(name), kNoEntry);
    }
    const auto refused = controller_->deploy(limited("e"), echo_archive("1"));
    ASSERT_FALSE(refused.ok);
    EXPECT_NE(refused.error.message.find("max_per_s"), std::string::npos) << refused.error.message;
    EXPECT_FALSE(controller_->function("e").ok);
    // One that is there already, and is to have what needs a row.
    EXPECT_FALSE(controller_->deploy(limited("a"), echo_archive("2")).ok);
    EXPECT_EQ(controller_->function("a").value.function.limits.max_per_s, 0u);
    const auto reserve = [](const catalog::Function*, catalog::Function& next) {
        next.reserved = 3;
        return std::optional<admin::ApiError>();
    };
    const auto changed = controller_->change("a", reserve);
    ASSERT_FALSE(changed.ok);
    EXPECT_NE(changed.error.message.find("reserved concurrency"), std::string::npos);
    EXPECT_FALSE(controller_->function("a").value.function.reserved);
    ASSERT_TRUE(controller_->erase("c").ok);
    ASSERT_TRUE(controller_->change("a", reserve).ok);
    EXPECT_LT(row("a"), kOwnRows);
    EXPECT_NE(entry("a"), kNoEntry);
}

TEST_F(Rows, WithARateForAllFunctionsEachNeedsItsOwn) {
    add_region("north");
    config_.limits.function_per_s = 1000;
    open();
    for (const char* name : {"a", "b"}) ASSERT_TRUE(deploy(name, echo_archive("1")).ok);
    const auto refused = deploy("c", echo_archive("1"));
    ASSERT_FALSE(refused.ok);
    EXPECT_NE(refused.error.message.find("limits.function_per_s"), std::string::npos);
}

TEST_F(Rows, TheyFollowPopularityAndCountsAddUp) {
    add_region("north");
    config_.admission.popular_per_s = 1'000'000;  // no workers: this is about rows
    open();
    for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(deploy(name, echo_archive("1")).ok);
    ask("a", 5);
    EXPECT_TRUE(while_asked("c", 10, [&] { return row("c") != kCommonRow; }));
    EXPECT_TRUE(while_asked("c", 10, [&] { return entry("c") != kNoEntry; }));
    const std::string loser = row("a") == kCommonRow ? "a" : "b";
    EXPECT_EQ(row(loser), kCommonRow);
    EXPECT_EQ(entry(loser), kNoEntry);
    EXPECT_NE(row(loser == "a" ? "b" : "a"), kCommonRow) << "one row was enough";
    const auto total = [&] {
        const admin::CountedFunctions counted = controller_->counted_functions();
        std::uint64_t sum = counted.others.arrivals;
        for (const auto& each : counted.functions) sum += each.arrivals;
        return sum;
    };
    std::uint64_t truth = 0;
    for (const FunctionCounters& each : shared_->counters[0]->functions)
        truth += each.arrivals.get();
    EXPECT_EQ(total(), truth);
    EXPECT_EQ(controller_->counted_functions().others.functions, 1u);
    // Nobody asks for it any more, and another is asked for.
    EXPECT_TRUE(while_asked(loser, 10, [&] { return row(loser) != kCommonRow; }));
}

TEST_F(Rows, AtTheStartThoseThatMustHaveOneComeFirst) {
    add_region("north");
    auto all = std::vector{function("a"), function("b"), function("c"), function("d")};
    all[2].limits.max_per_s = all[3].limits.max_per_s = 10;
    fill(all);
    open();
    EXPECT_LT(row("c"), kOwnRows);
    EXPECT_LT(row("d"), kOwnRows);
    EXPECT_EQ(row("a"), kCommonRow);
    EXPECT_EQ(row("b"), kCommonRow);
}

}  // namespace
}  // namespace skerry::control
