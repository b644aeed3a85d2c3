// What the service manager is told: that this server serves, that it ends, that it is alive. The
// protocol of sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names. Without one, nothing
// is said. The control thread's alone; never blocks.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::control {

class Notifier {
  public:
    // Reads NOTIFY_SOCKET, and WATCHDOG_USEC if WATCHDOG_PID is this process or not there. What
    // makes no sense is as if it were not there.
    static Notifier from_environment();
    // `socket_name`: a path, or "@name" of the abstract namespace; empty: nobody is told.
    Notifier(const std::string& socket_name, std::uint64_t watchdog_us);

    void ready();
    void stopping();
    // To be called at least every `period_us()`: says so when half of the watchdog's time is over.
    void alive(std::uint64_t now_us);
    std::uint64_t period_us() const { return period_us_; }  // 0: nobody waits for it

  private:
    void say(const char* what);

    UniqueFd socket_;
    std::string address_;  // of sun_path, with the zero in front of an abstract name
    std::uint64_t period_us_ = 0;
    std::uint64_t next_us_ = 0;
};

}  // namespace skerry::control
