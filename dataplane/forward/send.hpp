// One message of ours to one region: addresses, link address, buffer. Used for forwarded requests
// and for probes.
#pragma once

#include <cstdint>

#include "dataplane/context.hpp"

namespace skerry {

// Sends a copy of header and payload to region `region` of the snapshot. What stands in the way is
// counted (no buffer, next hop unresolved) and costs one transmission, as a loss on the wire would:
// the sender's timer covers it.
void send_to_region(Context& context, std::uint8_t region, const wire::Header& header,
                    const void* payload, std::uint32_t payload_bytes);

}  // namespace skerry
