#include "sandbox/sdk/attach.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace skerry::sdk {
namespace {

using namespace channel;

constexpr std::size_t kDoorbellBytes = sizeof(CoreDoorbell) * kMaxCores;

// A regular file (a memfd is one) of at least `bytes_needed`.
int check_file(int fd, std::size_t bytes_needed, std::size_t& bytes) {
    struct stat found;
    if (::fstat(fd, &found) != 0) return EBADF;
    if (!S_ISREG(found.st_mode) || found.st_size < 0) return EPROTO;
    bytes = static_cast<std::size_t>(found.st_size);
    return bytes < bytes_needed ? EPROTO : 0;
}

int read_geometry(const ChannelHeader& header, std::size_t file_bytes, Attachment& out) {
    if (header.magic != kMagic || header.abi_version != kAbiVersion) return EPROTO;
    out.slot_count = header.slot_count;
    out.ahead_slots = header.ahead_slots;
    out.core_count = header.core_count;
    out.slot_stride = header.slot_stride;
    out.request_area_bytes = header.request_area_bytes;
    out.response_area_bytes = header.response_area_bytes;
    out.spin_us = header.spin_us;
    if (out.slot_count < 1 || out.slot_count > kMaxSlotsPerChannel) return EPROTO;
    if (out.ahead_slots > kMaxSlotsPerChannel - out.slot_count) return EPROTO;
    if (out.core_count < 1 || out.core_count > kMaxCores) return EPROTO;
    if (out.request_area_bytes > kMaxAreaBytes || out.response_area_bytes > kMaxAreaBytes)
        return EPROTO;
    if (out.slot_stride != slot_stride(out.request_area_bytes, out.response_area_bytes))
        return EPROTO;
    return channel_bytes(out.slot_count + out.ahead_slots, out.slot_stride) > file_bytes ? EPROTO
                                                                                         : 0;
}

void* map(int fd, std::size_t bytes, int protection) {
    void* base = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
    return base == MAP_FAILED ? nullptr : base;
}

int map_channel(Attachment& out) {
    std::size_t file_bytes = 0;
    if (const int error = check_file(kChannelFd, kHeaderBytes, file_bytes); error != 0)
        return error;
    void* header = map(kChannelFd, kHeaderBytes, PROT_READ);
    if (header == nullptr) return errno == ENOMEM ? ENOMEM : EPROTO;
    const int error = read_geometry(*static_cast<ChannelHeader*>(header), file_bytes, out);
    ::munmap(header, kHeaderBytes);
    if (error != 0) return error;
    void* base = map(kChannelFd, channel_bytes(out.slot_count + out.ahead_slots, out.slot_stride),
                     PROT_READ | PROT_WRITE);
    if (base == nullptr) return errno == ENOMEM ? ENOMEM : EPROTO;
    out.base = static_cast<std::byte*>(base);
    return 0;
}

int map_doorbells(Attachment& out) {
    std::size_t file_bytes = 0;
    if (const int error = check_file(kDoorbellsFd, kDoorbellBytes, file_bytes); error != 0)
        return error;
    void* lines = map(kDoorbellsFd, kDoorbellBytes, PROT_READ);
    if (lines == nullptr) return errno == ENOMEM ? ENOMEM : EPROTO;
    out.doorbells = static_cast<const CoreDoorbell*>(lines);
    return 0;
}

}  // namespace

int attach(Attachment& out) {
    if (const int error = map_channel(out); error != 0) return error;
    if (const int error = map_doorbells(out); error != 0) return error;
    const int last_fd = kFirstDoneFd + static_cast<int>(out.core_count) - 1;
    for (int fd = kChannelFd; fd <= last_fd; ++fd)
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return EBADF;
    return 0;
}

}  // namespace skerry::sdk
