#include "sandbox/template/dump.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "sandbox/template/process.hpp"
#include "sandbox/template/raw.hpp"
#include "sandbox/template/smaps.hpp"
#include "sandbox/template/snapshot.h"

namespace skerry::snapshot {
namespace {

constexpr uint64_t kContentsMax = 1 << 30;
constexpr uint64_t kTailMax = 1 << 30;
// Shorter runs of zeros inside of contents are written: an area costs more than they do.
constexpr uint64_t kZeroRunBytes = 16 * kPageBytes;

uint64_t limit_of(int resource, uint64_t at_most) {
    rlimit limit;
    if (failed(raw_call(SYS_prlimit64, 0, number_of(resource), 0, number_of(&limit))) ||
        limit.rlim_cur > at_most)
        return at_most;
    return limit.rlim_cur;
}

bool is_zero(uint64_t page) {
    const auto* words = reinterpret_cast<const uint64_t*>(page);
    for (uint64_t i = 0; i < kPageBytes / 8; i += 8)
        if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] |
             words[i + 6] | words[i + 7]) != 0)
            return false;
    return true;
}

bool starts_with(const char* text, const char* beginning) {
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

class Dump {
  public:
    Dump(int memfd, bool exact, Header& header) : memfd_(memfd), exact_(exact), header_(header) {}
    int run();

  private:
    int dump(const Vma& vma);
    int dump_contents(const Vma& vma);
    int dump_runs(const Vma& vma, bool zeros_too);
    int add_special(const Vma& vma);
    int add_zero(const Vma& vma, uint64_t start, uint64_t end, uint16_t flags = 0);
    int add_contents(const Vma& vma, uint64_t start, uint64_t end, AreaKind kind);
    int add_file(const Vma& vma, uint32_t& index);
    int add(const Area& area);
    int write(uint64_t from, uint64_t bytes, uint64_t offset, bool may_be_missing);

    int memfd_;
    bool exact_;
    Header& header_;
    uint64_t end_max_ = 0;
};

int Dump::write(uint64_t from, uint64_t bytes, uint64_t offset, bool may_be_missing) {
    // The kernel would send SIGXFSZ.
    if (offset > end_max_ || bytes > end_max_ - offset) return SKERRY_SNAPSHOT_too_large;
    while (bytes > 0) {
        const long done = raw_call(SYS_pwrite64, number_of(memfd_), from, bytes, offset);
        uint64_t step = static_cast<uint64_t>(done);
        if (done == -EINTR) continue;
        if (done == -EFAULT && may_be_missing)
            step = kPageBytes - from % kPageBytes;  // a page behind the end of its file
        else if (done == -EFBIG || done == -ENOSPC || done == -ENOMEM)
            return SKERRY_SNAPSHOT_too_large;
        else if (done <= 0)
            return SKERRY_SNAPSHOT_memfd;
        if (step > bytes) step = bytes;
        from += step, offset += step, bytes -= step;
    }
    return 0;
}

int Dump::add(const Area& area) {
    if (header_.area_count == kAreasMax) return SKERRY_SNAPSHOT_too_many_areas;
    const uint64_t place = kAreasOffset + header_.area_count++ * sizeof area;
    return write(number_of(&area), sizeof area, place, false);
}

int Dump::add_zero(const Vma& vma, uint64_t start, uint64_t end, uint16_t flags) {
    if (start == end) return 0;
    if ((vma.traits & kUnreserved) != 0) flags |= kNoReserve;
    if ((vma.traits & kNotInherited) != 0) flags |= kDontFork;
    return add({start, end - start, 0, AreaKind::zero, vma.protection, flags, 0, 0});
}

int Dump::add_contents(const Vma& vma, uint64_t start, uint64_t end, AreaKind kind) {
    if (start == end) return 0;
    const Area area{start, end - start, header_.data_end, kind, vma.protection, 0, 0, 0};
    header_.data_end += area.bytes;
    if (const int reason = add(area); reason != 0) return reason;
    return write(start, area.bytes, area.offset, vma.inode != 0);
}

int Dump::add_special(const Vma& vma) {
    if (header_.special_count == kSpecialMax) return SKERRY_SNAPSHOT_special_memory;
    if (strcmp(vma.name, "[vdso]") == 0) header_.vdso_index = header_.special_count;
    header_.special[header_.special_count++] = {vma.start, vma.end - vma.start};
    return 0;
}

// index kFilesMax: it can't be mapped again in a copy.
int Dump::add_file(const Vma& vma, uint32_t& index) {
    static File last;  // libraries' areas follow each other
    index = kFilesMax;
    // /tmp is another one in each copy.
    if (vma.name[0] != '/' || vma.name_cut || starts_with(vma.name, "/tmp/")) return 0;
    if (header_.file_count > 0 && strcmp(last.path, vma.name) == 0) {
        index = header_.file_count - 1;
        return 0;
    }
    if (header_.file_count == kFilesMax) return 0;
    const ProcFile file(vma.name);
    struct stat found;
    if (file.fd() < 0 || failed(raw_call(SYS_fstat, number_of(file.fd()), number_of(&found))) ||
        !S_ISREG(found.st_mode) || found.st_ino != vma.inode)
        return 0;
    last = {found.st_dev,         found.st_ino,          static_cast<uint64_t>(found.st_size),
            found.st_mtim.tv_sec, found.st_mtim.tv_nsec, {}};
    memcpy(last.path, vma.name, sizeof last.path);
    index = header_.file_count++;
    return write(number_of(&last), sizeof last, kFilesOffset + index * sizeof last, false);
}

// Alternating runs of zeros and of contents. zeros_too: each is an area; else only contents are,
// inside of a zero area that is there already.
int Dump::dump_runs(const Vma& vma, bool zeros_too) {
    const AreaKind kind = zeros_too ? AreaKind::data : AreaKind::fill;
    uint64_t contents = vma.start, zeros = vma.start;  // where the two current runs begin
    for (uint64_t page = vma.start; page <= vma.end; page += kPageBytes) {
        if (page < vma.end && is_zero(page)) continue;
        // At the end: zeros that are not worth an area of their own stay with the contents.
        const bool all_zeros = page == vma.end && (contents == zeros || !zeros_too);
        if (page - zeros >= kZeroRunBytes || (all_zeros && zeros < page)) {
            if (const int reason = add_contents(vma, contents, zeros, kind); reason != 0)
                return reason;
            if (zeros_too)
                if (const int reason = add_zero(vma, zeros, page); reason != 0) return reason;
            contents = page;
        }
        zeros = page + kPageBytes;
    }
    return contents < vma.end ? add_contents(vma, contents, vma.end, kind) : 0;
}

int Dump::dump_contents(const Vma& vma) {
    const bool of_file = vma.inode != 0;
    const bool readable = (vma.protection & PROT_READ) != 0;
    const uint64_t bytes = vma.end - vma.start;
    // For a moment, and nobody else is here.
    if (!readable && failed(raw_call(SYS_mprotect, vma.start, bytes, PROT_READ)))
        return SKERRY_SNAPSHOT_special_memory;
    int reason = 0;
    if (of_file)
        reason = add_contents(vma, vma.start, vma.end, AreaKind::data);
    else
        reason = dump_runs(vma, true);
    if (!readable) raw_call(SYS_mprotect, vma.start, bytes, vma.protection);
    return reason;
}

int refuse_vma(const Vma& vma) {
    if ((vma.traits & kHugetlb) != 0) return SKERRY_SNAPSHOT_huge_pages;
    if ((vma.traits & (kDevice | kWatched | kShadowStack)) != 0)
        return SKERRY_SNAPSHOT_special_memory;
    if ((vma.traits & kLocked) != 0) return SKERRY_SNAPSHOT_locked_memory;
    if (vma.shared && (vma.traits & kMayWrite) != 0) return SKERRY_SNAPSHOT_shared_memory;
    if (vma.start < kReservedEnd) return SKERRY_SNAPSHOT_low_memory;
    if (vma.end > kAddressEnd) return SKERRY_SNAPSHOT_special_memory;
    const bool known = vma.name[0] != '[' || strcmp(vma.name, "[heap]") == 0 ||
                       strcmp(vma.name, "[stack]") == 0 || starts_with(vma.name, "[anon:");
    return known ? 0 : SKERRY_SNAPSHOT_special_memory;
}

int Dump::dump(const Vma& vma) {
    if (strcmp(vma.name, "[vsyscall]") == 0) return 0;  // the same in every process
    if (strcmp(vma.name, "[vdso]") == 0 || starts_with(vma.name, "[vvar")) return add_special(vma);
    if (const int reason = refuse_vma(vma); reason != 0) return reason;
    const bool anonymous = vma.inode == 0;
    if ((vma.traits & (kWiped | kDropped)) != 0)
        return add_zero(vma, vma.start, vma.end, kWipeOnFork);
    if (anonymous && vma.present_kib == 0) return add_zero(vma, vma.start, vma.end);
    const bool stack = (vma.traits & kStackLike) != 0;
    constexpr uint16_t kReadWrite = PROT_READ | PROT_WRITE;
    if (stack || (exact_ && anonymous && (vma.protection & kReadWrite) == kReadWrite)) {
        const int reason = add_zero(vma, vma.start, vma.end, stack ? uint16_t{kGrowsDown} : 0);
        return reason != 0 ? reason : dump_runs(vma, false);
    }
    if (!anonymous && vma.anonymous_kib == 0) {
        uint32_t file = 0;
        if (const int reason = add_file(vma, file); reason != 0) return reason;
        if (file != kFilesMax)
            return add({vma.start, vma.end - vma.start, vma.offset, AreaKind::file, vma.protection,
                        0, file, 0});
    }
    return dump_contents(vma);
}

int Dump::run() {
    static char buffer[4096];
    static char line[kLineBytesMax];
    static Vma vma;
    const uint64_t file_max = limit_of(RLIMIT_FSIZE, ~uint64_t{0} >> 1);
    end_max_ = file_max < kDataOffset + kContentsMax ? file_max : kDataOffset + kContentsMax;
    header_.data_end = kDataOffset;
    memset(&vma, 0, sizeof vma);
    const ProcFile smaps("/proc/self/smaps");
    uint64_t length = 0;
    for (;;) {
        const long got = smaps.read(buffer, sizeof buffer);
        if (got < 0) return SKERRY_SNAPSHOT_proc;
        if (got == 0) break;
        for (long i = 0; i < got; ++i) {
            if (buffer[i] != '\n') {
                if (length == sizeof line) return SKERRY_SNAPSHOT_proc;
                line[length++] = buffer[i];
                continue;
            }
            const Line kind = take_line(line, length, vma);
            length = 0;
            if (kind == Line::malformed) return SKERRY_SNAPSHOT_proc;
            if (kind == Line::more) continue;
            if (const int reason = dump(vma); reason != 0) return reason;
        }
    }
    if (header_.area_count == 0) return SKERRY_SNAPSHOT_proc;  // a kernel without smaps
    // A C library that enlarges a block may enlarge its mapping, and shall not find its end there.
    uint64_t tail = limit_of(RLIMIT_AS, kTailMax);
    if (tail > file_max - header_.data_end) tail = file_max - header_.data_end;
    if (failed(raw_call(SYS_ftruncate, number_of(memfd_), header_.data_end + tail)))
        return SKERRY_SNAPSHOT_memfd;
    return 0;
}

}  // namespace

int dump_memory(int memfd, bool exact, Header& header) {
    return Dump(memfd, exact, header).run();
}

}  // namespace skerry::snapshot
