// Templates: made once a version has shown that it starts, used by the workers after it, and given
// up when they are of no use.
#include <sys/stat.h>

#include "tests/control/placement/template_rig.hpp"

namespace skerry::placement {
namespace {

using State = Template::State;

TEST_F(Templates, FurtherWorkersAreCopiesOfASealedSnapshot) {
    const std::uint32_t entry = open_with_templates();
    make(entry);
    EXPECT_EQ(pool_->workers(entry), 1u);  // a template is no worker
    EXPECT_EQ(pool_->totals().templates, 1u);
    const Ordered& copy = ordered_[next_worker(entry)];
    EXPECT_EQ(copy.message.start, warden::Start::copy);
    const int snapshot = copy.fds.back().get();
    char text[8] = {};
    EXPECT_EQ(::pread(snapshot, text, sizeof text, 0), 6);
    EXPECT_STREQ(text, "memory");
    EXPECT_EQ(::fcntl(snapshot, F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(::fcntl(snapshot, F_GET_SEALS),
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    EXPECT_EQ(pool_->totals().copies, 1u);
}

TEST_F(Templates, WhatCanNotBeCopiedStartsAfresh) {
    const std::uint32_t entry = open_with_templates();
    end(ordered_template(entry), 82);
    EXPECT_EQ(pool_->snapshot_of(entry).state, State::refused);
    EXPECT_EQ(pool_->snapshot_of(entry).why, "it has more than one thread");
    EXPECT_EQ(ordered_[next_worker(entry)].message.start, warden::Start::fresh);
    EXPECT_EQ(pool_->start_failure(entry), "");
}

TEST_F(Templates, CopiesThatDoNotStartGiveTheTemplateUpAndNotTheFunction) {
    const std::uint32_t entry = open_with_templates();
    make(entry);
    pool_->set_target(entry, 2, true);
    for (int i = 0; i < 3; ++i) {
        step();
        ASSERT_EQ(take_orders(), 1u);
        EXPECT_EQ(ordered_[last_].message.start, warden::Start::copy);
        tell(warden::MessageKind::spawned, last_);
        end(last_, 125);
    }
    EXPECT_EQ(pool_->snapshot_of(entry).state, State::refused);
    EXPECT_EQ(pool_->start_failure(entry), "");
    step();
    take_orders();
    EXPECT_EQ(ordered_[last_].message.start, warden::Start::fresh);
}

TEST_F(Templates, OneThatDoesNotInitialiseInTimeIsEnded) {
    const std::uint32_t entry = open_with_templates();
    const std::uint64_t id = ordered_template(entry);
    step(11'000'000);
    EXPECT_EQ(pool_->snapshot_of(entry).state, State::refused);
    take_orders();
    ASSERT_FALSE(killed_.empty());
    EXPECT_EQ(killed_.back(), id);
    end(id, -1, 9);
    EXPECT_EQ(pool_->snapshot_of(entry).why, "it did not initialise in time");
}

TEST_F(Templates, NotOfNodeNorWhereItIsForbidden) {
    const std::uint32_t forbidden = open(1, 4);
    pool_->set_target(forbidden, 1, true);
    start_one();
    for (int i = 0; i < 5; ++i) step();
    EXPECT_EQ(take_orders(), 0u);
    EXPECT_FALSE(has_templates(runtime::Kind::nodejs));
    EXPECT_FALSE(has_templates(runtime::Kind::provided));
}

TEST_F(Templates, AClosedEntryWaitsForItsTemplate) {
    const std::uint32_t entry = open_with_templates();
    const std::uint64_t id = ordered_template(entry);
    pool_->close_entry(entry);
    step();
    take_orders();
    for (const std::uint64_t killed : std::vector<std::uint64_t>(killed_))
        if (killed != id) end(killed, -1, 9);
    EXPECT_EQ(pool_->workers(), 1u);
    EXPECT_NE(std::find(killed_.begin(), killed_.end(), id), killed_.end());
    end(id, -1, 9);
    EXPECT_EQ(pool_->workers(), 0u);
    EXPECT_EQ(open_with_templates(), entry);  // it is free again
}

}  // namespace
}  // namespace skerry::placement
