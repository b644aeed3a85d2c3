// skerryd's end of the warden. One thread (control) uses it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/warden/protocol.hpp"

namespace skerry::warden {

struct SpawnRequest {
    std::uint64_t worker_id = 0;
    std::string artifact_dir;
    std::string function;
    std::string version_hex;
    std::uint32_t host_uid = 0;
    std::uint32_t memory_mib = 128;
    std::uint32_t tmp_mib = 16;
    std::uint64_t log_bytes_max = 64u << 20;
    int channel_fd = -1;
    int doorbells_fd = -1;  // opened read-only
    int wake_fd = -1;
    int ready_fd = -1;
    int log_fd = -1;            // O_APPEND
    std::vector<int> done_fds;  // one per core
};

struct Event {
    MessageKind kind;  // spawned, failed or exited
    std::uint64_t worker_id = 0;
    pid_t pid = 0;
    int exit_code = 0;
    int signal = 0;
    int error_code = 0;
    std::string text;
};

class Client {
  public:
    // Forks the warden. Must be called while this process has one thread, before DPDK starts.
    // The warden ends all workers and itself when this end of the socket closes, however that
    // happens; the workers end when the warden does.
    static Result<Client> start();

    // For tests that play the warden themselves: speaks to whoever has the other end.
    static Client with_socket(UniqueFd socket) { return Client(std::move(socket), -1); }

    // Both never wait. EAGAIN: the warden has not caught up yet, and nothing was sent.
    // The descriptors stay the caller's, and may be closed at once.
    Status spawn(const SpawnRequest& request);
    Status kill(std::uint64_t worker_id);  // of a worker that is gone already: does nothing
    // Non-blocking. nullopt: nothing there now. An error: the warden is gone.
    Result<std::optional<Event>> poll_event();
    int fd() const { return socket_.get(); }  // readable when an event is there
    pid_t pid() const { return pid_; }

    Client(Client&&) = default;
    Client& operator=(Client&& other) noexcept;  // ends the warden it had, as the destructor does
    ~Client();  // closes the socket, and waits for the warden to end (bounded)

  private:
    Client(UniqueFd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}
    UniqueFd socket_;
    pid_t pid_ = -1;
};

}  // namespace skerry::warden
