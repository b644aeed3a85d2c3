// What cores share of requests that are tried again.
#include <sys/random.h>

#include <algorithm>

#include "control/controller/server.hpp"
#include "dataplane/dedup/store.hpp"

namespace skerry::control {

// Of requests that are tried again. A table's entries have numbers of 16 bits, so many cores have
// fewer each.
Status Server::make_dedup(const ServerInfo& info) {
    if (info.http.retry_window_ms == 0 || !info.speaks_tcp()) return ok();
    net::SipKey secret;
    if (getrandom(&secret, sizeof secret, 0) != static_cast<ssize_t>(sizeof secret))
        return errno_error("getrandom");
    shared_.dedup = std::make_unique<dedup::Store>(
        info.core_count, std::min(info.http.retry_entries, dedup::kEntriesMax / info.core_count),
        secret);
    return ok();
}

}  // namespace skerry::control
