// A pool whose versions have templates, played by the test.
#pragma once

#include "tests/control/placement/rig.hpp"

namespace skerry::placement {

class Templates : public PoolTest {
  protected:
    std::uint32_t open_with_templates(runtime::Kind kind = runtime::Kind::native,
                                      std::uint32_t payload_bytes_max = 1024) {
        auto entry = pool_->open_entry({.function = "f",
                                        .version_hex = "00ff",
                                        .artifact_dir = "/a",
                                        .kind = kind,
                                        .workers_max = 4,
                                        .payload_bytes_max = payload_bytes_max});
        EXPECT_TRUE(entry);
        return *entry;
    }
    // The first worker is ready, and a template has been ordered. Its id.
    std::uint64_t ordered_template(std::uint32_t entry) {
        pool_->set_target(entry, 1, true);
        step();
        EXPECT_EQ(take_orders(), 1u);
        EXPECT_EQ(ordered_[last_].message.start, warden::Start::fresh);
        tell(warden::MessageKind::spawned, last_);
        ordered_[last_].ring_ready();
        step();
        EXPECT_EQ(take_orders(), 1u);
        EXPECT_EQ(ordered_[last_].message.start, warden::Start::template_of);
        EXPECT_EQ(ordered_[last_].fds.size(), 2u);  // the log, the snapshot
        EXPECT_EQ(ordered_[last_].message.core_count, 0u);
        return last_;
    }
    void end(std::uint64_t id, int exit_code, int signal = 0) {
        warden::Message message;
        message.kind = warden::MessageKind::exited;
        message.worker_id = id;
        message.exit_code = exit_code;
        message.signal = signal;
        ASSERT_EQ(warden::send_message(warden_.get(), message, {}), 0);
        step();
    }
    void make(std::uint32_t entry) {
        const std::uint64_t id = ordered_template(entry);
        ASSERT_EQ(::write(ordered_[id].fds[1].get(), "memory", 6), 6);
        end(id, 0);
        ASSERT_EQ(pool_->snapshot_of(entry).state, Template::State::ready);
    }
    // The next worker of the version: its id.
    std::uint64_t next_worker(std::uint32_t entry) {
        pool_->set_target(entry, pool_->workers(entry) + 1, true);
        step();
        EXPECT_EQ(take_orders(), 1u);
        return last_;
    }
};

}  // namespace skerry::placement
