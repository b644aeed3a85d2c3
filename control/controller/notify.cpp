#include "control/controller/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace skerry::control {
namespace {

std::uint64_t number_in(const char* name) {
    const char* text = std::getenv(name);
    std::uint64_t value = 0;
    if (text == nullptr) return 0;
    const char* end = text + std::strlen(text);
    const auto [at, problem] = std::from_chars(text, end, value);
    return problem == std::errc{} && at == end ? value : 0;
}

std::string text_in(const char* name) {
    const char* text = std::getenv(name);
    return text == nullptr ? "" : text;
}

}  // namespace

Notifier Notifier::from_environment() {
    const std::uint64_t pid = number_in("WATCHDOG_PID");
    const bool ours = pid == 0 || pid == static_cast<std::uint64_t>(getpid());
    return {text_in("NOTIFY_SOCKET"), ours ? number_in("WATCHDOG_USEC") : 0};
}

Notifier::Notifier(const std::string& socket_name, std::uint64_t watchdog_us) {
    const bool absolute = !socket_name.empty() && socket_name[0] == '/';
    const bool abstract = socket_name.size() > 1 && socket_name[0] == '@';
    if ((!absolute && !abstract) || socket_name.size() >= sizeof(sockaddr_un::sun_path)) return;
    socket_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return;
    address_ = socket_name;
    if (abstract) address_[0] = '\0';
    period_us_ = watchdog_us / 2;
}

// A manager that does not listen is not waited for.
void Notifier::say(const char* what) {
    if (!socket_) return;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, address_.data(), address_.size());
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    if (sendto(socket_.get(), what, std::strlen(what), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), bytes) < 0)
        return;
}

void Notifier::ready() {
    say("READY=1");
}

void Notifier::stopping() {
    say("STOPPING=1");
}

void Notifier::alive(std::uint64_t now_us) {
    if (period_us_ == 0 || now_us < next_us_) return;
    next_us_ = now_us + period_us_;
    say("WATCHDOG=1");
}

}  // namespace skerry::control
