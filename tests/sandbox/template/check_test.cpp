// The two parsers: a snapshot's tables, and the kernel's list of memory areas.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "sandbox/template/check.hpp"
#include "sandbox/template/smaps.hpp"

namespace skerry::snapshot {
namespace {

constexpr uint64_t kFileBytes = 8 << 20;
constexpr uint64_t kStart = 0x555555554000;

class Check : public ::testing::Test {
  protected:
    Check() : files_(kFilesMax), areas_(kAreasMax) {
        header_.magic = kMagic;
        header_.version = kVersion;
        header_.context.mxcsr = 0x1f80;
    }
    Area& add(AreaKind kind, uint64_t start, uint64_t bytes, uint64_t offset = 0) {
        areas_[header_.area_count] = {start, bytes, offset, kind, PROT_READ | PROT_WRITE, 0, 0, 0};
        return areas_[header_.area_count++];
    }
    std::string wrong() {
        const char* text = flaw({&header_, files_.data(), areas_.data()}, kFileBytes);
        return text == nullptr ? "" : text;
    }
    void clear() { header_.area_count = 0; }

    Header header_{};
    std::vector<File> files_;
    std::vector<Area> areas_;
};

TEST_F(Check, TakesWhatATemplateWrites) {
    EXPECT_EQ(wrong(), "");
    std::snprintf(files_[0].path, sizeof files_[0].path, "/lib/libc.so.6");
    header_.file_count = 1;
    add(AreaKind::file, kStart, 8192, 4096);
    add(AreaKind::data, kStart + 8192, 8192, kDataOffset);
    add(AreaKind::zero, kStart + 16384, 1 << 20).flags = kGrowsDown;
    add(AreaKind::fill, kStart + 20480, 4096, kFileBytes - 4096);
    add(AreaKind::fill, kStart + 28672, 4096, kDataOffset);
    header_.special_count = 2;
    header_.vdso_index = 1;
    header_.special[0] = {0x7fff00000000, 16384};
    header_.special[1] = {0x7fff00004000, 8192};
    EXPECT_EQ(wrong(), "");
}

TEST_F(Check, RefusesAreasOutOfPlace) {
    const std::pair<uint64_t, uint64_t> places[] = {{kReservedEnd - 4096, 4096},
                                                    {0, 4096},
                                                    {kStart + 1, 4096},
                                                    {kStart, 4095},
                                                    {kStart, 0},
                                                    {kAddressEnd, 4096},
                                                    {kAddressEnd - 4096, 8192},
                                                    {kStart, 0 - kStart},
                                                    {~uint64_t{0} - 4095, 4096}};
    for (const auto& place : places) {
        clear();
        add(AreaKind::zero, place.first, place.second);
        EXPECT_EQ(wrong(), "an area is out of place") << place.first << " " << place.second;
    }
    clear();
    add(AreaKind::zero, kStart, 8192);
    add(AreaKind::zero, kStart + 4096, 8192);
    EXPECT_EQ(wrong(), "areas overlap");
    clear();
    add(AreaKind::zero, kStart, 4096).protection = 8;
    EXPECT_EQ(wrong(), "an area is out of place");
    clear();
    add(static_cast<AreaKind>(4), kStart, 4096);
    EXPECT_EQ(wrong(), "an area is out of place");
}

TEST_F(Check, RefusesContentsOutOfPlace) {
    for (const uint64_t offset : {uint64_t{0}, kDataOffset - 4096, kDataOffset + 1, kFileBytes,
                                  kFileBytes + 4096, ~uint64_t{0} - 4095}) {
        clear();
        add(AreaKind::data, kStart, 4096, offset);
        EXPECT_EQ(wrong(), "contents outside of the snapshot") << offset;
    }
    clear();
    add(AreaKind::file, kStart, 4096);
    EXPECT_EQ(wrong(), "no such file, or no such place in it");
    clear();
    add(AreaKind::data, kStart, 4096, kDataOffset).flags = kGrowsDown;
    EXPECT_EQ(wrong(), "flags of an area that has none");
}

TEST_F(Check, RefusesFillsWithoutAPlace) {
    add(AreaKind::fill, kStart, 4096, kDataOffset);
    EXPECT_EQ(wrong(), "contents without a place");
    const auto with = [this](AreaKind kind, uint16_t protection, uint64_t start, uint64_t bytes) {
        clear();
        add(kind, kStart, 8192, kind == AreaKind::zero ? 0 : kDataOffset).protection = protection;
        add(AreaKind::fill, start, bytes, kDataOffset);
        return wrong();
    };
    EXPECT_EQ(with(AreaKind::zero, PROT_READ | PROT_WRITE, kStart, 8192), "");
    EXPECT_EQ(with(AreaKind::zero, PROT_READ, kStart, 8192), "contents without a place");
    EXPECT_EQ(with(AreaKind::data, PROT_READ | PROT_WRITE, kStart, 8192),
              "contents without a place");
    EXPECT_EQ(with(AreaKind::zero, PROT_WRITE, kStart + 4096, 8192), "contents without a place");
    EXPECT_EQ(with(AreaKind::zero, PROT_WRITE, kStart - 4096, 4096), "contents without a place");
}

TEST_F(Check, RefusesTablesThatCannotBe) {
    header_.area_count = kAreasMax + 1;
    EXPECT_EQ(wrong(), "too many areas");
    header_.area_count = 0;
    header_.file_count = 1;
    EXPECT_EQ(wrong(), "a path is none");
    std::memset(files_[0].path, '/', sizeof files_[0].path);
    EXPECT_EQ(wrong(), "a path is none");
    header_.file_count = 0;
    header_.special_count = 5;
    EXPECT_EQ(wrong(), "too many special areas");
    header_.special_count = 1;
    EXPECT_EQ(wrong(), "a special area is out of place");
    header_.special[0] = {kStart, kSpecialBytesMax + 4096};
    EXPECT_EQ(wrong(), "special areas are too large or too far apart");
    header_.special[0] = {kStart, 4096};
    add(AreaKind::zero, kStart, 4096);
    EXPECT_EQ(wrong(), "an area covers a special one");
    header_.context.mxcsr = ~0u;
    EXPECT_EQ(wrong(), "control bits that no processor has");
    header_.version = 2;
    EXPECT_EQ(wrong(), "not a finished snapshot");
}

Line take(const std::string& line, Vma& vma) {
    return take_line(line.data(), line.size(), vma);
}

TEST(Smaps, ReadsAnArea) {
    Vma vma{};
    EXPECT_EQ(take("7fc8f9a3b000-7fc8f9a48000 rw-p 001cf000 fe:00 332835                     "
                   "/a path/x (deleted)",
                   vma),
              Line::more);
    EXPECT_EQ(take("Rss:                  20 kB", vma), Line::more);
    EXPECT_EQ(take("Anonymous:             8 kB", vma), Line::more);
    EXPECT_EQ(take("AnonHugePages:       800 kB", vma), Line::more);
    EXPECT_EQ(take("Swap:                  4 kB", vma), Line::more);
    EXPECT_EQ(take("SwapPss:             400 kB", vma), Line::more);
    EXPECT_EQ(take("VmFlags: rd wr mr mw me gd ac wf ", vma), Line::complete);
    EXPECT_EQ(vma.start, 0x7fc8f9a3b000u);
    EXPECT_EQ(vma.end, 0x7fc8f9a48000u);
    EXPECT_EQ(vma.offset, 0x1cf000u);
    EXPECT_EQ(vma.inode, 332835u);
    EXPECT_EQ(vma.protection, PROT_READ | PROT_WRITE);
    EXPECT_FALSE(vma.shared);
    EXPECT_STREQ(vma.name, "/a path/x (deleted)");
    EXPECT_EQ(vma.present_kib, 24u);
    EXPECT_EQ(vma.anonymous_kib, 12u);
    EXPECT_EQ(vma.traits, kMayWrite | kStackLike | kWiped);
}

TEST(Smaps, RefusesWhatTheKernelDoesNotSay) {
    for (const char* line : {"", "7fc8-", "7fc8-7fc7 rw-p 0 fe:00 1", "7fc8-7fc9 rw", "x",
                             "11112222333344445-2 rw-p 0 0:0 0", "VmFlags: rd"}) {
        Vma vma{};
        EXPECT_EQ(take(line, vma), Line::malformed) << line;
    }
    Vma vma{};
    EXPECT_EQ(take("1000-2000 r--s 0 0:0 0", vma), Line::more);
    EXPECT_EQ(take("Rss: much", vma), Line::malformed);
    EXPECT_EQ(take("1000-2000 r--s 0 0:0 0 /" + std::string(1000, 'a'), vma), Line::more);
    EXPECT_TRUE(vma.name_cut && vma.shared);
}

}  // namespace
}  // namespace skerry::snapshot
