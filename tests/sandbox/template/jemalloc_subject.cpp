// A program with an allocator that counts on zeros where it gave memory back
// (madvise(MADV_DONTNEED)).
#include <jemalloc/jemalloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sandbox/template/layout.hpp"
#include "sandbox/template/snapshot.h"

namespace {

constexpr int kBlocks = 16;
constexpr std::size_t kBlockBytes = 1 << 20;

}  // namespace

int main() {
    static char* blocks[kBlocks];
    for (char*& block : blocks) {
        block = static_cast<char*>(std::malloc(kBlockBytes));
        std::memset(block, 'x', kBlockBytes);
    }
    const int result = skerry_snapshot(skerry::snapshot::kSnapshotFd);
    if (result != 1) return result == 0 ? 0 : skerry::snapshot::kRefusedExit - result;
    for (char* block : blocks) std::free(block);
    if (::mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0) != 0) return 2;
    for (int i = 0; i < kBlocks; ++i) {
        const auto* zeros = static_cast<const char*>(std::calloc(1, kBlockBytes));
        for (std::size_t at = 0; at < kBlockBytes; ++at)
            if (zeros[at] != 0) return 3;
    }
    std::puts("done");
    return 0;
}
