// A frame in several packet buffers, as ports hand on what they have put together (LRO), or what
// does not fit one of theirs.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "sandbox/base/check.hpp"
#include "tests/dataplane/frames.hpp"

namespace skerry::frames {

// From `pool`: the first buffer with up to `first_bytes`, then each with what `next_bytes` says, or
// with what there is room for. nullptr: the pool is empty.
inline rte_mbuf* chain_of(std::span<const std::uint8_t> frame, rte_mempool* pool,
                          std::size_t first_bytes, const std::function<std::size_t()>& next_bytes) {
    rte_mbuf* first = nullptr;
    rte_mbuf* last = nullptr;
    for (std::size_t wanted = first_bytes; !frame.empty(); wanted = next_bytes()) {
        rte_mbuf* more = rte_pktmbuf_alloc(pool);
        if (more == nullptr) {
            rte_pktmbuf_free(first);
            return nullptr;
        }
        const std::size_t bytes =
            std::min({frame.size(), wanted, std::size_t{rte_pktmbuf_tailroom(more)}});
        std::memcpy(rte_pktmbuf_mtod(more, void*), frame.data(), bytes);
        more->data_len = static_cast<std::uint16_t>(bytes);
        frame = frame.subspan(bytes);
        if (first == nullptr) {
            first = more;
        } else {
            last->next = more;
            ++first->nb_segs;
        }
        first->pkt_len += static_cast<std::uint32_t>(bytes);
        last = more;
    }
    return first;
}

// The same of buffers that end where their bytes end. Never to be freed by DPDK.
class BareChain {
  public:
    BareChain(std::span<const std::uint8_t> frame, std::size_t first_bytes,
              std::size_t piece_bytes) {
        for (std::size_t bytes = first_bytes; pieces_.empty() || !frame.empty();
             bytes = piece_bytes) {
            const auto piece = frame.first(std::min(bytes, frame.size()));
            pieces_.push_back(std::make_unique<BareMbuf>(piece));
            frame = frame.subspan(piece.size());
        }
        rte_mbuf* first = pieces_.front()->get();
        first->nb_segs = static_cast<std::uint16_t>(pieces_.size());
        for (std::size_t i = 1; i < pieces_.size(); ++i) {
            (*pieces_[i - 1])->next = pieces_[i]->get();
            first->pkt_len += (*pieces_[i])->data_len;
        }
    }
    rte_mbuf* get() const { return pieces_.front()->get(); }
    rte_mbuf* operator->() const { return get(); }

  private:
    std::vector<std::unique_ptr<BareMbuf>> pieces_;
};

}  // namespace skerry::frames
