// A client of an etcd cluster (version 3). Calls block; one thread at a time, but for cancel().
// Endpoints are tried one after the other, beginning with the one that answered last; a call has
// asked each of them once when it gives up, or four times within 1.2 s if there was no leader.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control/etcd/http.hpp"
#include "control/etcd/messages.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::etcd {

struct Settings {
    std::vector<std::string> endpoints;  // "http://10.0.0.1:2379"; at least one
    Tls tls;
    std::string user, password;  // no user: none is needed
    std::uint32_t connect_ms = 700;
    std::uint32_t call_ms = 2500;  // asking one endpoint
};

class Client {
  public:
    explicit Client(Settings settings);

    // Errors beside parse_refusal()'s and Http's: those of the endpoint that was asked last.
    Result<RangeAnswer> range(const RangeQuestion& question);
    // An error does not say that it was not done, but with ECONNREFUSED or EPERM. Asking again does
    // it no second time if a comparison stands against that.
    Result<TransactionAnswer> commit(const Transaction& transaction);
    Result<Lease> grant(std::uint32_t ttl_s);
    // ttl_s 0: it is over.
    Result<Lease> keep_alive(std::uint64_t id);
    Status revoke(std::uint64_t id);

    // Tells about every change of `keys` from `revision` on, until the connection breaks, its
    // member has lost the cluster, or the revision is compacted (ERANGE): always an error, but when
    // `take` returns false.
    Status watch(const Keys& keys, std::uint64_t revision,
                 const std::function<bool(WatchAnswer&&)>& take);

    // Any thread: the call under way and all later ones end at once, until resume().
    void cancel() { http_.cancel(); }
    void resume() { http_.resume(); }
    // The next call begins with another endpoint.
    void rotate() { at_ = (at_ + 1) % settings_.endpoints.size(); }

  private:
    Result<std::string> call(const std::string& path, const std::string& body);
    Result<std::string> ask_all(const std::string& path, const std::string& body);
    Result<std::string> ask(const std::string& path, const std::string& body);
    Status authenticate();
    std::vector<std::string> headers() const;

    const Settings settings_;
    Http http_;
    std::size_t at_ = 0;  // in endpoints
    std::string token_;
};

}  // namespace skerry::etcd
