// The table of requests that are tried again: of tries at the same time one is executed, whoever
// was told to wait is told of the answer, what is read is the answer to that very request, and an
// entry that is used again is mistaken for nothing. The code is dataplane/dedup/table.hpp itself.
#include <array>
#include <cstdint>
#include <iterator>

#include "dataplane/dedup/table.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

using dedup::Answer;
using dedup::Entry;
using dedup::Key;
using dedup::Phase;
using dedup::Ref;
using dedup::TableView;
using Found = TableView::Found;

constexpr std::byte kSomething{};

struct Real : TableView {
    using TableView::TableView;
};
struct PublishesRelaxed : Real {
    using Real::Real;
    std::uint32_t publish(std::uint32_t mine, const Answer&) {
        Entry& entry = entries_[mine];
        std::uint64_t word = entry.state.load(SK_RELAXED);
        while (!entry.state.compare_exchange_strong(word, word_of(generation_of(word), Phase::kept),
                                                    SK_RELAXED)) {
        }
        return static_cast<std::uint32_t>(word & kWaitersMask);
    }
};
struct PublishesInTwoSteps : Real {
    using Real::Real;
    std::uint32_t publish(std::uint32_t mine, const Answer&) {
        Entry& entry = entries_[mine];
        const std::uint64_t word = entry.state.load(SK_ACQUIRE);
        entry.state.store(word_of(generation_of(word), Phase::kept), SK_RELEASE);
        return static_cast<std::uint32_t>(word & kWaitersMask);
    }
};
struct RetiresWhatIsRead : Real {
    using Real::Real;
    bool retire(std::uint32_t mine, std::uint64_t hash) {
        const std::uint64_t word = entries_[mine].state.load(SK_ACQUIRE);
        entries_[mine].state.store(word_of(generation_of(word), Phase::free), SK_RELEASE);
        remove(mine, hash);
        return true;
    }
};
struct WithdrawsBlindly : Real {
    using Real::Real;
    bool withdraw(std::uint32_t mine, std::uint64_t hash) {
        const std::uint64_t word = entries_[mine].state.load(SK_ACQUIRE);
        if ((word & kWaitersMask) != 0) return false;
        entries_[mine].state.store(word_of(generation_of(word), Phase::free), SK_RELEASE);
        remove(mine, hash);
        return true;
    }
};
struct UnpinsRelaxed : Real {
    using Real::Real;
    void unpin(const Ref& ref) { (void)entries_[ref.entry].state.fetch_sub(kReader, SK_RELAXED); }
};
// Claims once more, with one thing missing.
enum class Missing { nothing, second_look, changes };
template <Missing kMissing>
struct Claims : Real {
    using Real::Real;
    static std::uint64_t put(std::uint64_t word, std::uint32_t way, std::uint32_t value) {
        word = with(word, way, value);
        return kMissing == Missing::changes ? word & 0xffff'ffff'ffffull : word;
    }
    Claim claim(std::uint32_t mine, const Key& key, std::uint64_t) {
        for (;;) {
            std::uint64_t word = buckets_[0].load(SK_ACQUIRE);
            std::uint32_t free_way = kWays;
            bool again = false;
            for (std::uint32_t way = 0; way < kWays && !again; ++way) {
                const std::uint32_t number = at(word, way);
                if (number == 0) {
                    free_way = way;
                    continue;
                }
                const Entry& other = entries_[number - 1];
                const std::uint64_t state = other.state.load(SK_ACQUIRE);
                if (other.hi.load(SK_ACQUIRE) != key.hi || other.lo.load(SK_ACQUIRE) != key.lo)
                    continue;
                again = kMissing != Missing::second_look && buckets_[0].load(SK_ACQUIRE) != word;
                if (again || phase_of(state) == Phase::free) continue;
                const Ref ref{number - 1, generation_of(state)};
                return {found_of(state, ref), ref};
            }
            if (again) continue;
            Entry& entry = entries_[mine];
            const std::uint32_t generation = generation_of(entry.state.load(SK_RELAXED)) + 1;
            entry.hi.store(key.hi, SK_RELEASE);
            entry.lo.store(key.lo, SK_RELEASE);
            const std::uint64_t before = entry.state.load(SK_RELAXED);
            entry.state.store(word_of(generation, Phase::running), SK_RELEASE);
            if (buckets_[0].compare_exchange_strong(word, put(word, free_way, mine + 1),
                                                    SK_ACQ_REL))
                return {Found::fresh, {mine, generation}};
            entry.state.store(before, SK_RELEASE);
        }
    }
    bool retire(std::uint32_t mine, std::uint64_t) {
        if (!leave(mine, Phase::free)) return false;
        std::uint64_t word = buckets_[0].load(SK_ACQUIRE);
        for (;;) {
            std::uint32_t way = 0;
            while (way < kWays && at(word, way) != mine + 1) ++way;
            if (way == kWays) return true;
            if (buckets_[0].compare_exchange_strong(word, put(word, way, 0), SK_ACQ_REL))
                return true;
        }
    }
};

// One bucket; an entry for each core; what the answers say lies beside them.
template <int kCores>
struct Shared {
    std::array<Entry, kCores> entries;
    Atomic<std::uint64_t> bucket;
    std::array<rl::var<std::uint64_t>, kCores> answers;

    void start() {
        bucket.store(0, SK_RELAXED);
        for (Entry& entry : entries) {
            entry.state.store(0, SK_RELAXED);
            entry.hi.store(0, SK_RELAXED);
            entry.lo.store(0, SK_RELAXED);
        }
    }
    template <typename Table>
    Table table() {
        return Table(entries.data(), &bucket, 1);
    }
};

// All cores have the same request.
template <typename Table, int kCores>
struct Once : rl::test_suite<Once<Table, kCores>, kCores> {
    Shared<kCores> shared;
    int executions = 0;
    std::uint32_t told = 0, waited = 0;

    void before() {
        shared.start();
        executions = 0;
        told = waited = 0;
    }
    void thread(unsigned who) {
        Table table = shared.template table<Table>();
        const auto claim = table.claim(who, {7, 9}, 0);
        RL_ASSERT(claim.found != Found::full && claim.found != Found::gone);
        Found found = claim.found;
        if (found == Found::running) {
            found = table.wait(claim.ref, who);
            if (found == Found::running) waited |= 1u << who;
        }
        if (found == Found::fresh) {
            ++executions;
            shared.answers[who]($) = 79;
            told = table.publish(who, {&kSomething, 1});
        }
        if (found == Found::kept) {
            Answer answer;
            RL_ASSERT(table.pin(claim.ref, answer));
            RL_ASSERT(shared.answers[claim.ref.entry]($) == 79);
            table.unpin(claim.ref);
        }
    }
    void after() {
        RL_ASSERT(executions == 1);
        RL_ASSERT(told == waited);
    }
};

// Core 0 has one request, forgets it, and has another one in the same entry. The others ask for
// either: the second is executed once, and nobody is given what belongs to the other.
template <typename Table, int kCores>
struct UsedAgain : rl::test_suite<UsedAgain<Table, kCores>, kCores> {
    Shared<kCores> shared;
    int second_executions = 0;

    void before() {
        shared.start();
        second_executions = 0;
    }
    void execute(Table& table, unsigned who, std::uint64_t request) {
        if (request == 2) ++second_executions;
        shared.answers[who]($) = request;
        (void)table.publish(who, {&kSomething, 1});
    }
    void ask(Table& table, unsigned who, std::uint64_t request) {
        const auto claim = table.claim(who, {request, request}, 0);
        RL_ASSERT(claim.found != Found::full);
        if (claim.found == Found::fresh) return execute(table, who, request);
        // The second is never forgotten.
        if (request == 2) RL_ASSERT(claim.found != Found::gone);
        if (claim.found != Found::kept) return;
        Answer answer;
        if (!table.pin(claim.ref, answer)) {
            RL_ASSERT(request == 1);
            return;
        }
        RL_ASSERT(shared.answers[claim.ref.entry]($) == request);
        table.unpin(claim.ref);
    }
    void thread(unsigned who) {
        Table table = shared.template table<Table>();
        if (who != 0) return ask(table, who, who == 1 ? 2 : 1);
        if (table.claim(0, {1, 1}, 0).found != Found::fresh) return;
        execute(table, 0, 1);
        if (table.retire(0, 0)) ask(table, 0, 2);
    }
    void after() { RL_ASSERT(second_executions <= 1); }
};

// One is taken back while others ask for it.
template <typename Table>
struct TakenBack : rl::test_suite<TakenBack<Table>, 3> {
    Shared<3> shared;
    bool withdrawn = false, waits = false;

    void before() {
        shared.start();
        withdrawn = waits = false;
    }
    void thread(unsigned who) {
        Table table = shared.template table<Table>();
        const auto claim = table.claim(who, {1, 2}, 0);
        if (who == 0 && claim.found == Found::fresh) withdrawn = table.withdraw(0, 0);
        if (who != 0 && claim.found == Found::running && claim.ref.entry == 0)
            waits |= table.wait(claim.ref, who) == Found::running;
    }
    void after() { RL_ASSERT(!(withdrawn && waits)); }
};

// Three cores: of two, Relacy's random scheduler tries few orders.
constexpr Model kModels[] = {
    {"once", true, explore_some<Once<Real, 3>>},
    {"used_again", true, explore_some<UsedAgain<Real, 3>>},
    {"taken_back", true, explore_some<TakenBack<Real>>},
    {"variant_with_nothing_missing", true, explore_some<UsedAgain<Claims<Missing::nothing>, 3>>},
    {"published_relaxed_is_read_too_early", false, explore_some<Once<PublishesRelaxed, 3>>},
    {"published_in_two_steps_forgets_who_waits", false, explore_some<Once<PublishesInTwoSteps, 3>>},
    {"withdrawn_in_two_steps_forgets_who_waits", false, explore_some<TakenBack<WithdrawsBlindly>>},
    {"retired_while_read_is_written_over", false, explore_some<UsedAgain<RetiresWhatIsRead, 3>>},
    {"unpinned_relaxed_is_written_over", false, explore_some<UsedAgain<UnpinsRelaxed, 3>>},
    {"without_the_second_look_finds_another", false,
     explore_some<UsedAgain<Claims<Missing::second_look>, 3>>},
    {"without_counting_changes_executes_twice", false,
     explore_some<UsedAgain<Claims<Missing::changes>, 3>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
