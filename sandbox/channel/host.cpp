#include "sandbox/channel/host.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <new>
#include <string>

namespace skerry::channel {
namespace {

// The size is fixed for good: whoever holds the memfd can neither shrink it under the other side
// (SIGBUS) nor grow it (memory nobody accounts for).
constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Error impossible(const std::string& what, std::uint64_t found, std::uint64_t low,
                 std::uint64_t high) {
    return Error{EINVAL, "channel: " + what + " is " + std::to_string(found) + ", needed is " +
                             std::to_string(low) + " to " + std::to_string(high)};
}

Status check(const Geometry& geometry) {
    if (geometry.slots < 1 || geometry.slots > kMaxSlotsPerChannel)
        return impossible("slots", geometry.slots, 1, kMaxSlotsPerChannel);
    const std::uint32_t ahead_max = geometry.slots == 1 ? kMaxSlotsPerChannel - 1 : 0;
    if (geometry.ahead_slots > ahead_max)
        return impossible("ahead_slots", geometry.ahead_slots, 0, ahead_max);
    if (geometry.core_count < 1 || geometry.core_count > kMaxCores)
        return impossible("core_count", geometry.core_count, 1, kMaxCores);
    if (geometry.request_area_bytes > kMaxAreaBytes)
        return impossible("request_area_bytes", geometry.request_area_bytes, 0, kMaxAreaBytes);
    if (geometry.response_area_bytes > kMaxAreaBytes)
        return impossible("response_area_bytes", geometry.response_area_bytes, 0, kMaxAreaBytes);
    return ok();
}

// `mode` is for whoever opens it again through /proc: a worker is neither its owner nor of its
// group, so nothing but the descriptor it was given counts. A memfd's own mode (0777) would let it
// be executed, and let workers leave attributes and times for each other on the one file that all
// have.
Result<UniqueFd> sized_memfd(const char* name, std::size_t bytes, mode_t mode) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return errno_error("memfd_create");
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
        return errno_error("ftruncate a memfd to " + std::to_string(bytes) + " bytes");
    if (::fchmod(fd.get(), mode) != 0) return errno_error("fchmod a memfd");
    return fd;
}

Result<std::byte*> map_shared(int fd, std::size_t bytes) {
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return errno_error("mmap " + std::to_string(bytes) + " bytes of a memfd");
    return static_cast<std::byte*>(base);
}

Result<UniqueFd> make_eventfd() {
    UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!fd) return errno_error("eventfd");
    return fd;
}

Result<UniqueFd> open_read_only(int fd) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd again(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!again) return errno_error("open " + path + " read-only");
    return again;
}

void write_header(std::byte* base, const Geometry& geometry, std::uint32_t stride) {
    auto* header = new (base) ChannelHeader{};
    header->magic = kMagic;
    header->abi_version = kAbiVersion;
    header->slot_count = geometry.slots;
    header->core_count = geometry.core_count;
    header->slot_stride = stride;
    header->request_area_bytes = geometry.request_area_bytes;
    header->response_area_bytes = geometry.response_area_bytes;
    header->spin_us = geometry.spin_us;
    header->ahead_slots = geometry.ahead_slots;
    // Touches the page of every slot, so that no core takes a page fault for it later. Not of those
    // for what is handed over ahead: most workers never need them, and zeros are what they hold.
    for (std::uint32_t i = 0; i < geometry.slots; ++i)
        new (base + kHeaderBytes + std::size_t{i} * stride) SlotControl{};
}

// The open file behind an eventfd is shared with the worker, which can take O_NONBLOCK away from it
// and fill it, so that an io_uring operation of ours blocks in the kernel. The worker has ended
// when its channel is destroyed: now nobody can undo this, and whatever blocks is let go.
void let_go(const UniqueFd& fd) {
    if (!fd) return;
    std::uint64_t count = 0;
    (void)::fcntl(fd.get(), F_SETFL, O_RDWR | O_NONBLOCK);
    (void)!::read(fd.get(), &count, sizeof count);  // a blocked writer goes on
    count = 1;
    (void)!::write(fd.get(), &count, sizeof count);  // a blocked reader goes on
}

}  // namespace

HostChannel::HostChannel(HostChannel&& other) noexcept
    : memfd(std::move(other.memfd)),
      wake(std::move(other.wake)),
      ready(std::move(other.ready)),
      done(std::move(other.done)),
      base(std::exchange(other.base, nullptr)),
      bytes(std::exchange(other.bytes, 0)),
      slot_stride(std::exchange(other.slot_stride, 0)),
      ahead_slots(std::exchange(other.ahead_slots, 0)) {}

HostChannel::~HostChannel() {
    if (base == nullptr) return;
    let_go(wake);
    let_go(ready);
    for (const UniqueFd& fd : done) let_go(fd);
    abandon();
}

void HostChannel::abandon() {
    if (base != nullptr) ::munmap(std::exchange(base, nullptr), bytes);
}

Result<HostChannel> create_channel(const Geometry& geometry) {
    if (auto status = check(geometry); !status) return status.error();
    const std::uint32_t stride =
        channel::slot_stride(geometry.request_area_bytes, geometry.response_area_bytes);
    const std::size_t bytes = channel_bytes(geometry.slots + geometry.ahead_slots, stride);

    HostChannel made;
    auto memfd = sized_memfd("skerry-channel", bytes, 0600);
    if (!memfd) return memfd.error();
    made.memfd = std::move(*memfd);
    auto base = map_shared(made.memfd.get(), bytes);
    if (!base) return base.error();
    made.base = *base;
    made.bytes = bytes;
    made.slot_stride = stride;
    made.ahead_slots = geometry.ahead_slots;
    write_header(made.base, geometry, stride);
    if (::fcntl(made.memfd.get(), F_ADD_SEALS, kSizeSeals) != 0)
        return errno_error("seal the memfd of a channel");

    for (UniqueFd* fd : {&made.wake, &made.ready}) {
        auto event = make_eventfd();
        if (!event) return event.error();
        *fd = std::move(*event);
    }
    for (std::uint32_t core = 0; core < geometry.core_count; ++core) {
        auto event = make_eventfd();
        if (!event) return event.error();
        made.done.push_back(std::move(*event));
    }
    return made;
}

Result<Doorbells> create_doorbells() {
    constexpr std::size_t kBytes = 4096;
    static_assert(sizeof(CoreDoorbell) * kMaxCores <= kBytes);
    auto memfd = sized_memfd("skerry-doorbells", kBytes, 0444);
    if (!memfd) return memfd.error();
    auto base = map_shared(memfd->get(), kBytes);
    if (!base) return base.error();
    Doorbells made;
    made.lines = new (*base) CoreDoorbell[kMaxCores]{};

    // A read-only descriptor alone is not enough: its holder could open /proc/self/fd/N for
    // writing. The seal forbids every writable mapping but the one that exists already.
    if (::fcntl(memfd->get(), F_ADD_SEALS, kSizeSeals | F_SEAL_FUTURE_WRITE) != 0)
        return errno_error("seal the memfd of the doorbells (needs Linux 5.1)");
    auto read_only = open_read_only(memfd->get());
    if (!read_only) return read_only.error();
    made.fd = std::move(*read_only);
    return made;
}

Result<UniqueFd> Doorbells::open_again() const {
    return open_read_only(fd.get());
}

}  // namespace skerry::channel
