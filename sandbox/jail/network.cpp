#include "sandbox/jail/network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/runtime/kind.hpp"

namespace skerry::jail {
namespace {

// A worker has one connection, and some while it makes a new one.
constexpr int kBacklog = 16;

}  // namespace

void raise_loopback(const Reporter& reporter) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    reporter.need(socket.get(), Step::network);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    reporter.need(::ioctl(socket.get(), SIOCGIFFLAGS, &request), Step::network);
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    reporter.need(::ioctl(socket.get(), SIOCSIFFLAGS, &request), Step::network);
}

UniqueFd make_listener(const Reporter& reporter) {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    reporter.need(listener.get(), Step::network);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(runtime::kRuntimeApiPort);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    reporter.need(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place),
                  Step::network);
    reporter.need(::listen(listener.get(), kBacklog), Step::network);
    return listener;
}

bool forbid_fast_open() {
    const UniqueFd setting(::open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY | O_CLOEXEC));
    return setting && ::write(setting.get(), "0", 1) == 1;
}

}  // namespace skerry::jail
