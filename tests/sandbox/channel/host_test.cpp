// Making a channel: its geometry, its contents, and what the other side can't do to it.
#include "sandbox/channel/host.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

namespace skerry::channel {
namespace {

constexpr Geometry kOrdinary{.slots = 3,
                             .request_area_bytes = 1000,
                             .response_area_bytes = 500,
                             .core_count = 2,
                             .spin_us = 20};

HostChannel make(const Geometry& geometry = kOrdinary) {
    auto made = create_channel(geometry);
    EXPECT_TRUE(made);
    return std::move(made).value();
}
const ChannelHeader& header_of(const HostChannel& channel) {
    return *reinterpret_cast<const ChannelHeader*>(channel.base);
}
off_t size_of(int fd) {
    struct stat found {};
    EXPECT_EQ(::fstat(fd, &found), 0);
    return found.st_size;
}

TEST(Channel, HeaderDescribesIt) {
    const HostChannel channel = make();
    const ChannelHeader& header = header_of(channel);
    EXPECT_EQ(header.magic, kMagic);
    EXPECT_EQ(header.abi_version, kAbiVersion);
    EXPECT_EQ(header.slot_count, 3u);
    EXPECT_EQ(header.core_count, 2u);
    EXPECT_EQ(header.request_area_bytes, 1000u);
    EXPECT_EQ(header.response_area_bytes, 500u);
    EXPECT_EQ(header.spin_us, 20u);
    EXPECT_EQ(header.slot_stride, 128u + 1024u + 512u);
    EXPECT_EQ(channel.slot_stride, header.slot_stride);
    EXPECT_EQ(channel.bytes, 12288u);  // 4096 + 3 × 1664, in whole pages
    EXPECT_EQ(size_of(channel.memfd.get()), 12288);
    EXPECT_EQ(channel.done.size(), 2u);
}

TEST(Channel, StartsEmptyAndAwake) {
    const HostChannel channel = make();
    const ChannelHeader& header = header_of(channel);
    EXPECT_EQ(header.pending.slots.load(), 0u);
    EXPECT_EQ(header.worker_asleep.asleep.load(), 0u);
    for (const DoneLine& done : header.done) EXPECT_EQ(done.slots.load(), 0u);
    const std::byte* const slots = channel.base + kHeaderBytes;
    const std::byte* const end = channel.base + channel.bytes;
    EXPECT_TRUE(std::all_of(slots, end, [](std::byte one) { return one == std::byte{0}; }));
    std::uint64_t rings;
    for (const int fd : {channel.wake.get(), channel.ready.get(), channel.done[0].get()}) {
        EXPECT_LT(::read(fd, &rings, sizeof rings), 0);
        EXPECT_EQ(errno, EAGAIN);
    }
}

TEST(Channel, LargestAndSmallestWork) {
    EXPECT_TRUE(create_channel({}));
    EXPECT_TRUE(create_channel({.slots = 1, .ahead_slots = kMaxSlotsPerChannel - 1}));
    EXPECT_FALSE(create_channel({.slots = 1, .ahead_slots = kMaxSlotsPerChannel}));
    EXPECT_FALSE(create_channel({.slots = 2, .ahead_slots = 1}));
    auto many = create_channel({.slots = kMaxSlotsPerChannel, .core_count = kMaxCores});
    ASSERT_TRUE(many);
    EXPECT_EQ(many->done.size(), kMaxCores);
    auto large =
        create_channel({.request_area_bytes = kMaxAreaBytes, .response_area_bytes = kMaxAreaBytes});
    ASSERT_TRUE(large);
    EXPECT_GE(large->bytes, std::size_t{2} * kMaxAreaBytes);
}

TEST(Channel, RefusesImpossibleGeometry) {
    const auto refusal = [](const Geometry& geometry) {
        auto made = create_channel(geometry);
        return made ? std::string() : made.error().text;
    };
    EXPECT_NE(refusal({.slots = 0}).find("slots is 0"), std::string::npos);
    EXPECT_NE(refusal({.slots = 65}).find("1 to 64"), std::string::npos);
    EXPECT_NE(refusal({.core_count = 0}), "");
    EXPECT_NE(refusal({.core_count = kMaxCores + 1}), "");
    EXPECT_NE(refusal({.request_area_bytes = kMaxAreaBytes + 1}), "");
    EXPECT_NE(refusal({.response_area_bytes = ~0u}), "");
}

TEST(Channel, CannotChangeItsSizeOrItsSeals) {
    const HostChannel channel = make();
    const int fd = channel.memfd.get();
    EXPECT_NE(::ftruncate(fd, 0), 0);
    EXPECT_EQ(errno, EPERM);
    EXPECT_NE(::ftruncate(fd, 1 << 20), 0);
    EXPECT_EQ(errno, EPERM);
    EXPECT_LT(::pwrite(fd, "x", 1, static_cast<off_t>(channel.bytes)), 0);
    EXPECT_NE(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    EXPECT_EQ(errno, EPERM);
}

TEST(Channel, DescriptorsAreNotInherited) {
    const HostChannel channel = make();
    for (const int fd : {channel.memfd.get(), channel.wake.get(), channel.ready.get(),
                         channel.done[0].get(), channel.done[1].get()})
        EXPECT_EQ(::fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(Channel, MovingKeepsTheMapping) {
    HostChannel first = make();
    std::byte* const base = first.base;
    const HostChannel second(std::move(first));
    EXPECT_EQ(first.base, nullptr);  // NOLINT: what a moved-from one is
    EXPECT_EQ(second.base, base);
    EXPECT_EQ(header_of(second).magic, kMagic);
}

// The open file is the worker's too: with O_NONBLOCK taken off it, our read or write would block.
TEST(Channel, DestructionMakesItsEventfdsNonBlockingAndReadable) {
    int copy = -1;
    {
        const HostChannel channel = make();
        copy = ::dup(channel.wake.get());
        ASSERT_GE(copy, 0);
        ASSERT_EQ(::fcntl(copy, F_SETFL, O_RDWR), 0);
    }
    EXPECT_NE(::fcntl(copy, F_GETFL) & O_NONBLOCK, 0);
    std::uint64_t rings = 0;
    EXPECT_EQ(::read(copy, &rings, sizeof rings), static_cast<ssize_t>(sizeof rings));
    ::close(copy);
}

TEST(Doorbells, CanBeReadButNotWrittenThroughTheDescriptor) {
    auto made = create_doorbells();
    ASSERT_TRUE(made) << made.error().text;
    const int fd = made->fd.get();
    EXPECT_EQ(::fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);

    void* seen = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
    ASSERT_NE(seen, MAP_FAILED);
    EXPECT_NE(::mprotect(seen, 4096, PROT_READ | PROT_WRITE), 0);
    made->lines[3].asleep.store(1);
    EXPECT_EQ(static_cast<const CoreDoorbell*>(seen)[3].asleep.load(), 1u);
    ::munmap(seen, 4096);

    // Opened again for writing, as root even: the seal stands.
    const UniqueFd again(
        ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC));
    if (again) {
        EXPECT_LT(::pwrite(again.get(), "x", 1, 0), 0);
        EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0),
                  MAP_FAILED);
    }
    EXPECT_NE(::ftruncate(fd, 0), 0);
}

TEST(Doorbells, EachWorkerHasAnOpenFileOfItsOwn) {
    auto made = create_doorbells();
    ASSERT_TRUE(made);
    auto one = made->open_again();
    auto two = made->open_again();
    ASSERT_TRUE(one && two);
    EXPECT_EQ(::lseek(one->get(), 100, SEEK_SET), 100);
    EXPECT_EQ(::lseek(two->get(), 0, SEEK_CUR), 0);
    EXPECT_EQ(::fcntl(one->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
    made->lines[3].asleep.store(1);
    std::uint32_t seen = 0;
    EXPECT_EQ(::pread(two->get(), &seen, sizeof seen, 3 * sizeof(CoreDoorbell)), 4);
    EXPECT_EQ(seen, 1u);
}

// Workers are neither the owner nor of the group: nothing but their descriptor counts.
TEST(Channel, NobodyElseCanOpenItAgain) {
    auto made = create_channel({.slots = 1, .core_count = 1});
    auto doorbells = create_doorbells();
    ASSERT_TRUE(made && doorbells);
    struct stat found {};
    ASSERT_EQ(::fstat(made->memfd.get(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777u, 0600u);
    ASSERT_EQ(::fstat(doorbells->fd.get(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777u, 0444u);
}

}  // namespace
}  // namespace skerry::channel
