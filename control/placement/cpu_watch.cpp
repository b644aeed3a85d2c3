#include "control/placement/cpu_watch.hpp"

namespace skerry::placement {

bool CpuWatch::look(Channel& channel) {
    return samples_.look(channel.cpu, channel.slot_count + channel.ahead_slots,
                         channel.cpu_limit_us, [this] { return meter_.read_us(); });
}

}  // namespace skerry::placement
