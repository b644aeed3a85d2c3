// Any bytes as an order to the warden, with any of some sets of descriptors, over a real socket:
// refused, or a plan that starts nothing but an ordinary worker. The first byte chooses the set.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "sandbox/base/check.hpp"
#include "sandbox/channel/host.hpp"
#include "sandbox/warden/orders.hpp"
#include "sandbox/warden/transport.hpp"

namespace {

using namespace skerry;

// Our end and the warden's, and what is sent along.
class Skerryd {
  public:
    Skerryd()
        : channel_(channel::create_channel({.core_count = 2}).value()),
          doorbells_(channel::create_doorbells().value()),
          log_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
          snapshot_(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)) {
        int ends[2];
        SKERRY_CHECK(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        ours_.reset(ends[0]);
        its_.reset(ends[1]);
    }
    std::vector<int> fds(unsigned choice) const {
        std::vector<int> all = {channel_.memfd.get(),  doorbells_.fd.get(), channel_.wake.get(),
                                channel_.ready.get(),  log_.get(),          channel_.done[0].get(),
                                channel_.done[1].get()};
        switch (choice % 8) {
            case 0:
                return all;
            case 1:  // of a blank that gets its function: native, or another
                all.erase(all.begin() + 4);
                all.push_back(snapshot_.get());
                if (choice / 8 % 2 != 0) all = {snapshot_.get()};
                return all;
            case 2:
                all.pop_back();
                return all;
            case 3:
                std::rotate(all.begin(), all.begin() + 1 + choice / 8 % 6, all.end());
                return all;
            case 4:
                all[choice / 8 % all.size()] = its_.get();
                return all;
            case 5:
                return {};
            default:
                all.resize(choice / 8, log_.get());  // up to 31: more than any order has
                return all;
        }
    }
    void send(const std::uint8_t* data, std::size_t size, const std::vector<int>& fds) const {
        iovec bytes{const_cast<std::uint8_t*>(data), size};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 32)] = {};
        msghdr header{};
        header.msg_iov = &bytes;
        header.msg_iovlen = 1;
        if (!fds.empty()) {
            header.msg_control = control;
            header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
            cmsghdr* part = CMSG_FIRSTHDR(&header);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
            std::memcpy(CMSG_DATA(part), fds.data(), sizeof(int) * fds.size());
        }
        SKERRY_CHECK(::sendmsg(ours_.get(), &header, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
    }
    int its_end() const { return its_.get(); }

  private:
    channel::HostChannel channel_;
    channel::Doorbells doorbells_;
    UniqueFd log_, snapshot_, ours_, its_;
};

const warden::Fence kFence{"/srv/artifacts", "/srv/runtimes", "pop", -1, {{.name = "internet"}}};

bool is_one_of(const std::string& text, const char* allowed) {
    return !text.empty() && text.find_first_not_of(allowed) == std::string::npos;
}

// Directly in the artifacts' folder.
bool is_folder(const std::string& base, const std::string& name) {
    return base == kFence.artifacts_dir && name.size() < warden::kPathBytes && !name.empty() &&
           name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\0') == std::string::npos;
}

void check(const jail::Plan& plan, std::size_t fd_count) {
    const bool blank = plan.start == jail::Start::blank;
    const bool stands_by = blank || plan.start == jail::Start::standby;
    SKERRY_CHECK(stands_by ? plan.artifact.empty() : is_folder(plan.artifacts_dir, plan.artifact));
    SKERRY_CHECK(!blank || runtime::can_be_copied(plan.kind));
    SKERRY_CHECK(!stands_by || blank || runtime::can_stand_by(plan.kind));
    SKERRY_CHECK(plan.environment.empty() || plan.environment.back() == '\0');
    SKERRY_CHECK(plan.channel_fds.empty() == (runtime::speaks_runtime_api(plan.kind) || stands_by ||
                                              plan.start == jail::Start::template_of));
    SKERRY_CHECK(is_one_of(stands_by ? "a" : plan.function,
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."));
    SKERRY_CHECK(is_one_of(stands_by ? "a" : plan.version_hex, "0123456789abcdef"));
    SKERRY_CHECK(plan.host_uid >= warden::kLowestHostUid && plan.host_uid != ~0u);
    SKERRY_CHECK(plan.memory_mib >= 1 && plan.memory_mib <= warden::kMemoryMibMax);
    SKERRY_CHECK(plan.tmp_mib >= 1 && plan.tmp_mib <= warden::kTmpMibMax);
    const std::size_t snapshots = plan.snapshot_fd >= 0 ? 1 : 0;
    SKERRY_CHECK(plan.channel_fds.size() + 1 + snapshots == fd_count);
    SKERRY_CHECK(fd_count <= warden::kFdsMax);
    SKERRY_CHECK(plan.log_fd >= 0);
    SKERRY_CHECK(!stands_by || (plan.environment.empty() && plan.function.empty() &&
                                plan.version_hex.empty() && plan.handler.empty()));
}

void check(const jail::Assignment& assignment, std::size_t fd_count) {
    SKERRY_CHECK(is_folder(assignment.artifacts_dir, assignment.artifact));
    SKERRY_CHECK(assignment.memory_mib >= 1 && assignment.memory_mib <= warden::kMemoryMibMax);
    SKERRY_CHECK(assignment.tmp_mib >= 1 && assignment.tmp_mib <= warden::kTmpMibMax);
    SKERRY_CHECK(assignment.pids_max >= 1 && assignment.pids_max <= warden::kPidsMax);
    const bool blank = assignment.start == jail::Start::copy;
    SKERRY_CHECK(blank ? runtime::can_be_copied(assignment.kind)
                       : runtime::can_stand_by(assignment.kind));
    SKERRY_CHECK(assignment.fds.size() == fd_count && fd_count <= warden::kFdsMax);
    SKERRY_CHECK(assignment.fds.empty() != blank);
    SKERRY_CHECK((assignment.channel_bytes != 0) ==
                 (blank && assignment.kind == runtime::Kind::native));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Skerryd skerryd;
    if (size < 2 || size > 16384) return 0;  // a datagram of no bytes means the end
    skerryd.send(data + 1, size - 1, skerryd.fds(data[0]));
    warden::Message order;
    std::vector<UniqueFd> fds;
    const auto received = warden::receive_message(skerryd.its_end(), order, fds);
    if (received != warden::Received::message) {
        SKERRY_CHECK(received == warden::Received::malformed && fds.empty());
        return 0;
    }
    SKERRY_CHECK(size - 1 == warden::wire_bytes(order));
    const auto assignment = warden::assignment_of(order, fds, kFence);
    if (assignment) check(*assignment, fds.size());
    SKERRY_CHECK(assignment || !assignment.error().text.empty());
    const auto plan = warden::plan_of(order, fds, kFence);
    if (plan) check(*plan, fds.size());
    const auto network = warden::network_of(order, kFence);
    SKERRY_CHECK(network ? *network == 0 || *network == warden::kNoNetwork
                         : !network.error().text.empty());
    SKERRY_CHECK(plan || !plan.error().text.empty());
    return 0;
}
