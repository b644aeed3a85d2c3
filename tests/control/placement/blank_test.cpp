// Blanks: made when there is a template and time, and given to a version that has one.
#include <sys/stat.h>

#include <cerrno>

#include "tests/control/placement/template_rig.hpp"

namespace skerry::placement {
namespace {

using warden::MessageKind;

constexpr std::uint64_t kQuiet_us = 10'000;  // longer than the pool waits for

class Blanks : public Templates {
  protected:
    void SetUp() override {
        Templates::SetUp();
        make_blank_pool(2, 16);
    }
    void make_blank_pool(std::uint32_t wanted, std::uint32_t workers_max) {
        pool_ = std::make_unique<WorkerPool>(
            shared_, *client_, doorbells_,
            WorkerLimits{.max = workers_max,
                         .standby = {.native = wanted, .python3 = wanted},
                         .server_name = "pop"});
    }
    // A version with a template, and one blank that waits. Its id.
    std::uint64_t blank_for(std::uint32_t entry) {
        make(entry);
        step(kQuiet_us);
        EXPECT_EQ(take_orders(), 1u);
        EXPECT_EQ(ordered_[last_].message.start, jail::Start::blank);
        const std::uint64_t blank = last_;
        tell(MessageKind::spawned, blank);
        step();
        return blank;
    }
    // One worker more is needed: what the blank is told.
    const warden::Message& assignment(std::uint32_t entry) {
        pool_->set_target(entry, pool_->workers(entry) + 1, true);
        step();
        (void)take_orders();
        EXPECT_EQ(assigned_.size(), 1u);
        return assigned_.back();
    }
    void assigned(std::uint64_t id, int error = 0) {
        warden::Message message;
        message.kind = MessageKind::assigned;
        message.worker_id = id;
        message.error_code = error;
        warden::put_text(message.text, error != 0 ? "no mount" : "");
        ASSERT_EQ(warden::send_message(warden_.get(), message, {}), 0);
    }
    void ring_ready() const {
        const std::uint64_t one = 1;
        ASSERT_EQ(::write(assigned_fds_.at(3).get(), &one, sizeof one), 8);
    }
    std::uint64_t copies_of_blanks(std::uint32_t entry) const {
        return pool_->history(entry).starts().ways[static_cast<std::size_t>(Way::standby_copy)];
    }
};

TEST_F(Blanks, AreMadeWhenThereIsATemplateAndNobodyWaits) {
    const std::uint32_t entry = open_with_templates();
    pool_->set_target(entry, 1, true);
    step(kQuiet_us);
    EXPECT_EQ(take_orders(), 1u);
    EXPECT_EQ(ordered_[last_].message.start, jail::Start::fresh) << "and nothing else";
    pool_->close_entry(entry);
    exited(last_);
    step();

    const std::uint32_t other = open_with_templates();
    make(other);
    EXPECT_EQ(take_orders(), 0u) << "a worker has just become ready";
    step(kQuiet_us);
    ASSERT_EQ(take_orders(), 1u);
    const Ordered& order = ordered_[last_];
    EXPECT_EQ(order.message.start, jail::Start::blank);
    EXPECT_EQ(order.message.runtime, runtime::Kind::native);
    EXPECT_STREQ(order.message.artifact_dir, "");
    EXPECT_EQ(order.message.core_count, 0u);
    EXPECT_EQ(order.fds.size(), 1u);  // the log
    step(kQuiet_us);
    EXPECT_EQ(take_orders(), 0u) << "one at a time";
    EXPECT_EQ(pool_->ready_standbys(runtime::Kind::native), 0u);
    tell(MessageKind::spawned, last_);
    step();
    EXPECT_EQ(take_orders(), 1u);
    EXPECT_EQ(pool_->ready_standbys(runtime::Kind::native), 1u);
    tell(MessageKind::spawned, last_);
    step(kQuiet_us);
    step(kQuiet_us);
    EXPECT_EQ(take_orders(), 0u) << "two are wanted";
    EXPECT_EQ(pool_->standbys(), 2u);
    EXPECT_EQ(pool_->workers(), 1u);
}

TEST_F(Blanks, BecomeCopiesOfTheVersionThatNeedsAWorker) {
    const std::uint32_t entry = open_with_templates();
    const std::uint64_t blank = blank_for(entry);
    (void)take_orders();
    const warden::Message order = assignment(entry);
    EXPECT_EQ(order.worker_id, blank);
    EXPECT_EQ(order.start, jail::Start::copy);
    EXPECT_EQ(order.runtime, runtime::Kind::native);
    EXPECT_STREQ(order.artifact_dir, "/a");
    EXPECT_STREQ(order.function, "");
    EXPECT_EQ(order.core_count, shared_.server.core_count);
    ASSERT_EQ(assigned_fds_.size(), 5u + shared_.server.core_count);
    char text[8] = {};
    EXPECT_EQ(::pread(assigned_fds_.back().get(), text, sizeof text, 0), 6);
    EXPECT_STREQ(text, "memory");
    EXPECT_EQ(pool_->ready(entry), 1u);
    assigned(blank);
    step();
    ring_ready();
    step();
    EXPECT_EQ(pool_->ready(entry), 2u);
    EXPECT_EQ(copies_of_blanks(entry), 1u);
    EXPECT_EQ(pool_->totals().copies, 1u);
    EXPECT_EQ(pool_->totals().stood_by, 1u);
    EXPECT_EQ(shared_.capacity->refs[entry][1].channel->index,
              ordered_[blank].message.host_uid - 210000);
}

TEST_F(Blanks, HaveAChannelOfTheFunctionsSize) {
    for (const std::uint32_t payload_bytes : {1024u, 65536u}) {  // the usual one is made ahead
        const std::uint32_t entry = open_with_templates(runtime::Kind::native, payload_bytes);
        (void)blank_for(entry);
        (void)take_orders();
        assigned_.clear();
        (void)assignment(entry);
        struct stat found {};
        ASSERT_EQ(::fstat(assigned_fds_.at(0).get(), &found), 0);
        EXPECT_EQ(static_cast<std::uint64_t>(found.st_size),
                  channel::channel_bytes(
                      1 + channel::kAheadSlots,
                      channel::slot_stride(payload_bytes + wire::kContextBytesMax, payload_bytes)));
        EXPECT_LE(static_cast<std::uint64_t>(found.st_size), warden::kBlankChannelBytes);
        make_blank_pool(2, 16);
    }
}

TEST_F(Blanks, MayBeReadyBeforeTheNewsOfTheirAssignment) {
    const std::uint32_t entry = open_with_templates();
    const std::uint64_t blank = blank_for(entry);
    (void)take_orders();
    (void)assignment(entry);
    ring_ready();
    step();
    EXPECT_EQ(pool_->ready(entry), 2u);
    EXPECT_EQ(copies_of_blanks(entry), 0u);
    assigned(blank);
    step();
    EXPECT_EQ(pool_->ready(entry), 2u);
    EXPECT_EQ(copies_of_blanks(entry), 1u);
}

TEST_F(Blanks, AnAssignmentThatFailsIsNobodysFaultAndAnOrdinaryCopyComes) {
    const std::uint32_t entry = open_with_templates();
    const std::uint64_t blank = blank_for(entry);
    (void)take_orders();
    (void)assignment(entry);
    assigned(blank, ENOENT);
    exited(blank, 9);
    step();
    step();
    EXPECT_EQ(take_orders(), 1u);
    EXPECT_EQ(ordered_[last_].message.start, jail::Start::copy);
    EXPECT_EQ(pool_->failed_starts(entry), 0u);
    EXPECT_EQ(pool_->snapshot_of(entry).copies_failed, 0u);
}

TEST_F(Blanks, OneThatEndsAsItIsAssignedIsNotTheFunctionsFault) {
    const std::uint32_t entry = open_with_templates();
    const std::uint64_t blank = blank_for(entry);
    (void)take_orders();
    (void)assignment(entry);
    exited(blank, 9);
    step();
    EXPECT_EQ(pool_->failed_starts(entry), 0u);
    step();
    EXPECT_GE(take_orders(), 1u);
    EXPECT_EQ(assigned_.size(), 1u);
    EXPECT_EQ(pool_->snapshot_of(entry).state, Template::State::ready);
}

TEST_F(Blanks, AreOfOneKind) {
    const std::uint32_t entry = open_with_templates();
    (void)blank_for(entry);
    (void)take_orders();
    const std::uint32_t python = open_with_templates(runtime::Kind::python3);
    pool_->set_target(python, 1, true);
    step();
    EXPECT_EQ(take_orders(), 1u);
    EXPECT_EQ(ordered_[last_].message.start, jail::Start::fresh);
    EXPECT_TRUE(assigned_.empty());
}

TEST_F(Blanks, NeitherWithEgressNorWithoutTemplates) {
    VersionSpec spec;
    EXPECT_TRUE(can_use_standby(spec));
    spec.egress = "internet";
    EXPECT_FALSE(can_use_standby(spec));
    spec.egress = "";
    spec.templates = false;
    EXPECT_FALSE(can_use_standby(spec));
    spec.templates = true;
    spec.kind = runtime::Kind::provided;
    EXPECT_FALSE(can_use_standby(spec));
}

TEST_F(Blanks, CanBeForbidden) {
    make_blank_pool(0, 16);
    const std::uint32_t entry = open_with_templates();
    make(entry);
    for (int i = 0; i < 3; ++i) step(kQuiet_us);
    EXPECT_EQ(take_orders(), 0u);
}

TEST_F(Blanks, EndWithTheLastVersionThatHasATemplate) {
    const std::uint32_t entry = open_with_templates();
    const std::uint64_t blank = blank_for(entry);
    pool_->close_entry(entry);
    step();
    (void)take_orders();
    EXPECT_NE(std::find(killed_.begin(), killed_.end(), blank), killed_.end());
    EXPECT_EQ(pool_->standbys(), 0u);
}

}  // namespace
}  // namespace skerry::placement
