// A POP's controller without its packet path: real state, a real warden and workers, and a thread
// that steps it as skerryd's main thread does. There are no cores, so a grace period ends at once.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/controller/controller.hpp"
#include "tests/control/controller/played_region.hpp"

namespace skerry::control {

// An archive with a function that answers, or with one that can't be started. `salt`: what makes
// the version another one.
std::string echo_archive(const std::string& salt);
std::string broken_archive(const std::string& salt);

class ControllerTest : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    // Before open().
    void add_region(const std::string& name);
    // The controller with what is in the state folder.
    void open();
    void close();
    // Writes a catalog, and artifacts that look as if they were there.
    void fill(const std::vector<catalog::Function>& functions);

    static admin::DeployRequest request(const std::string& name);
    admin::ApiResult<admin::DeployOutcome> deploy(const std::string& name,
                                                  const std::string& archive);
    // What the cores would find: the capacity entry, kNoEntry if there is none.
    std::uint32_t entry(const std::string& name, const std::string& digest = {});
    std::vector<std::string> held_by(const std::string& name);
    std::string state() const { return std::string(folder_) + "/state"; }
    std::string artifact(const std::string& digest) const {
        return state() + "/artifacts/" + digest;
    }
    // Saving the catalog fails from now on.
    void break_catalog();
    void mend_catalog();

    char folder_[40] = "/tmp/skerry-controller-XXXXXX";
    Fleet fleet_;
    std::vector<std::unique_ptr<PlayedRegion>> regions_;
    config::Config config_;
    std::unique_ptr<Shared> shared_;
    std::unique_ptr<Controller> controller_;

  private:
    void make_shared();
    rte_ring* ring(std::size_t element);

    std::unique_ptr<warden::Client> warden_;
    channel::Doorbells doorbells_;
    UniqueFd control_fd_;
    std::vector<void*> memory_;
    std::atomic<bool> end_ = false;
    std::thread stepper_;
};

// Makes fsync(2) and fdatasync(2) of this process take that long: a slow disk.
extern std::atomic<int> fsync_ms;

}  // namespace skerry::control
