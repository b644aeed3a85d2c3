// How often each function is asked for, of functions that no row is kept of: a count-min sketch, of
// one core. kSketchDepth lines of kSketchWidth cells; each request adds one to one cell of each
// line. The smallest of a function's cells is never less than its requests, and seldom much more.
//
// HOW MUCH MORE. A line's hash is multiplication by a random odd number (Dietzfelbinger et al.
// 1997): two functions meet in a cell with a probability of 2 / kSketchWidth at most. So of N
// requests in all, a function's smallest cell has more than 2·e·N / kSketchWidth (0.13 % of N) that
// are not its own with a probability of e^-kSketchDepth (1.8 %) at most; Cormode and Muthukrishnan,
// "An improved data stream summary: the count-min sketch and its applications" (J. Algorithms
// 55(1), 2005). The numbers are drawn at each start, so that nobody who chooses names of functions
// can make two meet.
//
// LINEAR. Cells only count. What was counted between two looks is the difference of what they read,
// and the sum of two cores' sketches is the sketch of both their requests: so cores are put
// together, and the past fades, in a copy that the control thread keeps (control/popularity), and
// no core's cells are ever written by another thread. Conservative update (Estan and Varghese 2002:
// raise only the smallest cells) would count closer, and is not linear: neither would hold.
//
// THREADS. add(): the core that owns it, alone. cell(): any thread, at any time. All is relaxed: a
// reader sees some recent value of each cell, never one twice, and sees the rest the next time.
// Cells wrap at 2^32; who takes differences must look once in 2^32 requests.
// COST. kSketchDepth loads and stores, wait-free; 64 KiB a core.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace skerry::popularity {

inline constexpr std::uint32_t kSketchDepth = 4;
inline constexpr std::uint32_t kSketchBits = 12;
inline constexpr std::uint32_t kSketchWidth = 1u << kSketchBits;

// What the lines hash with; the same for all sketches that are to be put together.
class SketchKey {
  public:
    // For tests; a server draws its own.
    SketchKey()
        : SketchKey({0x9e3779b97f4a7c15ull, 0xd6e8feb86659fd93ull, 0xff51afd7ed558ccdull,
                     0xc4ceb9fe1a85ec53ull}) {}
    explicit SketchKey(const std::array<std::uint64_t, kSketchDepth>& random) : odd_(random) {
        for (std::uint64_t& each : odd_) each |= 1;
    }
    std::uint32_t place(std::uint32_t line, std::uint64_t function_key) const {
        return static_cast<std::uint32_t>((odd_[line] * function_key) >> (64 - kSketchBits));
    }

  private:
    std::array<std::uint64_t, kSketchDepth> odd_;
};

class Sketch {
  public:
    void add(const SketchKey& key, std::uint64_t function_key) {
        for (std::uint32_t line = 0; line < kSketchDepth; ++line) {
            std::atomic<std::uint32_t>& cell = cells_[line][key.place(line, function_key)];
            cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
    }
    std::uint32_t cell(std::uint32_t line, std::uint32_t place) const {
        return cells_[line][place].load(std::memory_order_relaxed);
    }

  private:
    alignas(
        64) std::array<std::array<std::atomic<std::uint32_t>, kSketchWidth>, kSketchDepth> cells_{};
};

}  // namespace skerry::popularity
