// DPDK's environment for a test program: ordinary pages, no devices, no files, no privileges.
#pragma once

#include <gtest/gtest.h>

#include "dataplane/port/eal.hpp"

namespace skerry::test {

class EalEnvironment : public ::testing::Environment {
  public:
    void SetUp() override {
        port::EalOptions options;
        options.huge = false;
        options.memory_mib = 128;
        options.file_prefix = "skerry-test-" + std::to_string(getpid());
        const Status started = port::start_eal(options);
        ASSERT_TRUE(started) << started.error().text;
    }
    void TearDown() override { port::stop_eal(); }
};

// In exactly one source of a test program: `const auto* environment = add_eal();`
inline ::testing::Environment* add_eal() {
    return ::testing::AddGlobalTestEnvironment(new EalEnvironment);
}

}  // namespace skerry::test
