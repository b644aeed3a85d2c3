// What a caller says about itself beside the payload.
#include <utility>

#include "dataplane/exchange/exchanges.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

// Until the payload is whole: it goes behind that.
bool Exchanges::keep_context(Record& record, std::string_view context) {
    if (context.empty()) return true;
    const auto bytes = static_cast<std::uint32_t>(context.size());
    PayloadChain kept;
    while (!kept.append(buffers_, context.data(), bytes))
        if (!make_room(record)) return false;
    record.log = kept.first;
    SKERRY_CHECK(record.log->next == nullptr);
    return true;
}

void Exchanges::join_context(Record& record) {
    if (record.log == nullptr) return;
    rte_mbuf* context = std::exchange(record.log, nullptr);
    const std::uint32_t bytes = context->data_len;
    wire::put_context(*rte_pktmbuf_mtod(record.chain.first, wire::Header*), bytes);
    record.payload_bytes += bytes;
    // In one piece with the payload if it fits: then a datagram may carry it.
    if (rte_pktmbuf_tailroom(record.chain.last) < bytes) {
        record.chain.join(context);
        return;
    }
    std::uint32_t taken = 0;
    (void)record.chain.append(buffers_, rte_pktmbuf_mtod(context, const void*), bytes, taken);
    rte_pktmbuf_free(context);
}

}  // namespace skerry
