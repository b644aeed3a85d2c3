// One core on a DPDK port, without control thread, for benchmarks: the very Core of skerryd, with
// functions and workers that the benchmark gives it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/loop.hpp"
#include "dataplane/port/ports.hpp"
#include "sandbox/channel/host.hpp"

namespace skerry::bench {

inline constexpr std::uint64_t kFunctionKey = 0x1111;
inline constexpr std::uint64_t kVersionKey = 0xaaaa;
inline constexpr std::uint64_t kCookieKey[2] = {1, 2};
inline constexpr std::uint16_t kUdpPort = 4600;
inline constexpr char kServerAddress[] = "10.0.0.1";
inline constexpr char kClientAddress[] = "10.0.0.9";

// Starts EAL with ordinary pages; ends the program with a message when it can't.
void start_eal(std::uint32_t memory_mib);
[[noreturn]] void fail(const std::string& text);

struct RigOptions {
    std::string devargs;
    std::uint32_t mbufs = 16383;
    std::uint32_t reply_cache_entries = 16384;
    std::uint32_t reply_window_ms = 600'000;
};

class Rig {
  public:
    explicit Rig(const RigOptions& options);
    ~Rig();

    Shared shared;
    channel::Doorbells doorbells;
    std::unique_ptr<port::Ports> ports;
    std::unique_ptr<Core> core;
    std::uint64_t count(Reason reason) const;

  private:
    std::unique_ptr<const Snapshot> snapshot_;
};

// A complete Ethernet frame with an invocation request from the client to the server.
std::vector<std::uint8_t> request_frame(const net::MacAddress& server, std::uint64_t id,
                                        std::uint64_t function_key, const std::string& payload);

}  // namespace skerry::bench
