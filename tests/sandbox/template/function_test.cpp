// A native function that is copied, with a channel of its own for each copy.
#include <gtest/gtest.h>

#include "sandbox/channel/host.hpp"
#include "tests/sandbox/core_side.hpp"
#include "tests/sandbox/template/copies.hpp"

namespace skerry::test {
namespace {

constexpr std::uint32_t kAreaBytes = 300;

class Copy {
  public:
    explicit Copy(const Template& taken)
        : channel_(channel::create_channel({.request_area_bytes = kAreaBytes,
                                            .response_area_bytes = kAreaBytes,
                                            .core_count = 1})
                       .value()),
          doorbells_(channel::create_doorbells().value()),
          core_(channel_, doorbells_, kAreaBytes),
          process_({restorer()}, taken.memfd(), {},
                   {channel_.memfd.get(), doorbells_.fd.get(), channel_.wake.get(),
                    channel_.ready.get(), channel_.done[0].get()}) {}
    std::string ask(const std::string& payload) { return core_.ask(payload).bytes; }
    Outcome wait() { return process_.wait(); }

  private:
    channel::HostChannel channel_;
    channel::Doorbells doorbells_;
    CoreSide core_;
    Running process_;
};

TEST(TemplateOfAFunction, CopiesServe) {
    const Template taken({subject(), "serve"});
    ASSERT_TRUE(taken.good()) << taken.outcome().code << taken.outcome().output;
    for (int i = 0; i < 10; ++i) {
        Copy one(taken), other(taken);
        EXPECT_EQ(one.ask("a"), "initialised by the template: 1 a");
        EXPECT_EQ(other.ask("b"), "initialised by the template: 1 b");
        EXPECT_EQ(one.ask("c"), "initialised by the template: 1 c");
        for (Copy* copy : {&one, &other}) {
            copy->ask("");
            const Outcome outcome = copy->wait();
            EXPECT_EQ(outcome.code, 0) << outcome.output;
        }
    }
}

TEST(TemplateOfAFunction, SaysWhyItCannotBeOne) {
    const UniqueFd other(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Template taken({subject(), "serve"}, {}, {other.get()});
    EXPECT_EQ(taken.outcome().code, snapshot::kRefusedExit + 3);
    EXPECT_EQ(taken.outcome().output,
              "skerry: this function can't be a template: it has open descriptors besides 0, 1, 2 "
              "and the snapshot\n");
}

TEST(TemplateOfAFunction, OrdinaryWorkersAreNotOne) {
    const Outcome outcome = Running({subject(), "serve"}, -1).wait();
    EXPECT_EQ(outcome.code, 3);  // skerry_next: no channel
}

}  // namespace
}  // namespace skerry::test
