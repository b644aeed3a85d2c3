// Compiling may take seconds, on a thread of the admin server's: those that would wait for it are
// not to take them all.
#pragma once

#include <atomic>
#include <cstdint>

#include "control/admin/backend.hpp"

namespace skerry::control {

// One of those that change or test something that is compiled, if there are not too many.
class CompileCall {
  public:
    static constexpr std::uint32_t kMax = 4;

    explicit CompileCall(std::atomic<std::uint32_t>& calls)
        : calls_(calls), taken_(calls.fetch_add(1) < kMax) {}
    ~CompileCall() { calls_.fetch_sub(1); }
    CompileCall(const CompileCall&) = delete;
    CompileCall& operator=(const CompileCall&) = delete;
    explicit operator bool() const { return taken_; }
    // `what`: "routes", "rules".
    static admin::ApiError busy(const std::string& what) {
        return {409, "busy", what + " are being compiled, and others wait for it; try again", {}};
    }

  private:
    std::atomic<std::uint32_t>& calls_;
    const bool taken_;
};

}  // namespace skerry::control
