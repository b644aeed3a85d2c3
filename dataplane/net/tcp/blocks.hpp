// What applications have written and peers have not acknowledged: bytes in blocks of one pool a
// core, chained by index. A byte is copied once into a block and once into each frame it goes out
// in, so a frame that is still in a driver's hands never points into memory that is used again.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "dataplane/net/tcp/list.hpp"
#include "dataplane/net/tcp/stack.hpp"

namespace skerry::net::tcp {

class BlockPool {
  public:
    explicit BlockPool(std::uint32_t blocks)
        : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(std::size_t{blocks} * kBlockBytes)),
          next_(std::make_unique<std::uint32_t[]>(blocks)),
          free_(blocks) {
        for (std::uint32_t i = 0; i < blocks; ++i) next_[i] = i + 1 < blocks ? i + 1 : kNone;
        free_head_ = blocks == 0 ? kNone : 0;
    }
    std::uint32_t take() {
        const std::uint32_t block = free_head_;
        if (block == kNone) return kNone;
        free_head_ = next_[block];
        next_[block] = kNone;
        --free_;
        return block;
    }
    void give(std::uint32_t block) {
        next_[block] = free_head_;
        free_head_ = block;
        ++free_;
    }
    std::uint8_t* bytes(std::uint32_t block) { return &bytes_[std::size_t{block} * kBlockBytes]; }
    std::uint32_t& next(std::uint32_t block) { return next_[block]; }
    std::uint32_t free_blocks() const { return free_; }

  private:
    std::unique_ptr<std::uint8_t[]> bytes_;
    std::unique_ptr<std::uint32_t[]> next_;
    std::uint32_t free_;
    std::uint32_t free_head_;
};

// The bytes of one connection. Offsets count from the first byte that is not acknowledged.
class SendQueue {
  public:
    std::uint32_t bytes() const { return bytes_; }

    // How much of `data` there was room for in the pool.
    std::uint32_t append(BlockPool& pool, std::span<const std::uint8_t> data) {
        std::uint32_t done = 0;
        while (done < data.size()) {
            const std::uint32_t used = (skipped_ + bytes_) % kBlockBytes;
            if (tail_ == kNone || used == 0) {
                const std::uint32_t block = pool.take();
                if (block == kNone) break;
                (tail_ == kNone ? head_ : pool.next(tail_)) = block;
                tail_ = block;
            }
            const auto part = static_cast<std::uint32_t>(
                std::min<std::size_t>(kBlockBytes - used, data.size() - done));
            std::memcpy(pool.bytes(tail_) + used, data.data() + done, part);
            bytes_ += part;
            done += part;
        }
        return done;
    }
    // The first `count` bytes were acknowledged.
    void drop(BlockPool& pool, std::uint32_t count) {
        skipped_ += count;
        bytes_ -= count;
        while (skipped_ >= kBlockBytes) {
            skipped_ -= kBlockBytes;
            cursor_at_ = cursor_at_ < kBlockBytes ? 0 : cursor_at_ - kBlockBytes;
            const std::uint32_t block = head_;
            head_ = pool.next(block);
            if (cursor_ == block) cursor_ = kNone;
            pool.give(block);
        }
        if (bytes_ == 0) clear(pool);
        if (head_ == kNone) tail_ = kNone;
    }
    void clear(BlockPool& pool) {
        while (head_ != kNone) {
            const std::uint32_t block = head_;
            head_ = pool.next(block);
            pool.give(block);
        }
        *this = {};
    }
    // Copies [offset, offset + count), which must be there. New data are read one after the other:
    // the cursor remembers where the last copy ended.
    void copy(BlockPool& pool, std::uint32_t offset, std::uint32_t count, std::uint8_t* to) {
        std::uint32_t at = skipped_ + offset;  // from the start of the first block
        std::uint32_t block = head_;
        std::uint32_t block_at = 0;
        if (cursor_ != kNone && cursor_at_ <= at) {
            block = cursor_;
            block_at = cursor_at_;
        }
        while (count > 0) {
            while (at - block_at >= kBlockBytes) {
                block = pool.next(block);
                block_at += kBlockBytes;
            }
            const std::uint32_t in_block = at - block_at;
            const std::uint32_t part = std::min(count, kBlockBytes - in_block);
            std::memcpy(to, pool.bytes(block) + in_block, part);
            to += part;
            at += part;
            count -= part;
        }
        cursor_ = block;
        cursor_at_ = block_at;
    }

  private:
    std::uint32_t head_ = kNone;
    std::uint32_t tail_ = kNone;
    std::uint32_t skipped_ = 0;  // bytes of the first block that are acknowledged
    std::uint32_t bytes_ = 0;
    std::uint32_t cursor_ = kNone;
    std::uint32_t cursor_at_ = 0;  // where the cursor's block starts, from the first block's start
};

}  // namespace skerry::net::tcp
