// A region's load: what is read is what one writer wrote, whole.
#include <cstdint>
#include <span>

#include "dataplane/load/region_load.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

struct InTwoHalves {
    Atomic<std::uint32_t> wait_us, counts;
    void write(const RegionLoad& load) {
        wait_us.store(load.wait_us, SK_SEQ_CST);
        counts.store(std::uint32_t{load.in_flight} << 16 | load.waiting, SK_SEQ_CST);
    }
    RegionLoad read() const {
        const std::uint32_t wait = wait_us.load(SK_SEQ_CST), both = counts.load(SK_SEQ_CST);
        return {wait, static_cast<std::uint16_t>(both >> 16), static_cast<std::uint16_t>(both)};
    }
};

RegionLoad load(std::uint32_t i) {
    return {i, static_cast<std::uint16_t>(i + 1), static_cast<std::uint16_t>(i + 2)};
}

// Cores that write and read.
template <typename Word, int kCores>
struct WriteAndRead : rl::test_suite<WriteAndRead<Word, kCores>, kCores> {
    Word word;
    void before() { word.write(load(0)); }
    void thread(unsigned core) {
        word.write(load(core + 1));
        const RegionLoad seen = word.read();
        RL_ASSERT(seen == load(seen.wait_us));
    }
    void after() { RL_ASSERT(word.read() != load(0)); }
};

constexpr Model kModels[] = {
    {"two_cores", true, explore_all<WriteAndRead<RegionLoadWord, 2>>},
    {"three_cores", true, explore_some<WriteAndRead<RegionLoadWord, 3>>},
    {"halves_of_two_writers_make_no_load", false, explore_some<WriteAndRead<InTwoHalves, 2>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
