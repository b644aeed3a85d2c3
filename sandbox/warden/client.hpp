// skerryd's end of the warden. One thread (control) uses it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/cgroup/groups.hpp"
#include "sandbox/warden/protocol.hpp"

namespace skerry::warden {

// What is settled when the warden is forked, and no order can change.
struct Options {
    std::string artifacts_dir;  // absolute; orders name folders of it, and nothing else
    std::string runtimes_dir =
        {};                        // absolute; an image for each kind; empty: native functions only
    std::string server_name = {};  // told to workers as their region
    cgroup::Mode cgroups = cgroup::Mode::automatic;
    // Processes kept prepared for workers to come (sandbox/jail); 0 … kReadyJailsMax.
    std::uint32_t ready_jails = 4;
    // Each worker with a cookie of its own (sandbox/base/core_scheduling.hpp), or none starts.
    bool core_scheduling = false;
    std::vector<egress::Network> networks = {};  // that orders may name; at most kNetworksMax
};

using jail::Start;

struct SpawnRequest {
    std::uint64_t worker_id = 0;
    runtime::Kind runtime = runtime::Kind::native;
    // Options::artifacts_dir + "/" + one name. To stand by: neither this nor the next four.
    std::string artifact_dir = {};
    std::string function = {};
    std::string version_hex = {};
    std::string handler = {};      // "file.function"; of the kinds that need one
    std::string environment = {};  // jail::check_environment
    std::uint32_t host_uid = 0;
    std::uint32_t memory_mib = 128;
    std::uint32_t tmp_mib = 16;
    std::uint32_t cpu_percent = 0;  // of one CPU; 0: no quota
    std::uint32_t cpu_weight = 100;
    std::uint32_t pids_max = 64;
    std::uint64_t log_bytes_max = 64u << 20;  // largest file, when the log is one
    std::string egress = {};                  // the name of a network; empty: none
    int log_fd = -1;                          // to write: a pipe, or a file with O_APPEND
    // The channel; native only.
    int channel_fd = -1;
    int doorbells_fd = -1;  // opened read-only
    int wake_fd = -1;
    int ready_fd = -1;
    std::vector<int> done_fds = {};  // one per core
    Start start = Start::fresh;      // templates have no channel, whatever the kind
    int snapshot_fd = -1;            // template: to be written; copy: opened read-only, sealed
};

// Of a worker that was spawned with Start::standby or Start::blank; once.
struct AssignRequest {
    std::uint64_t worker_id = 0;
    runtime::Kind runtime = runtime::Kind::nodejs;
    Start start = Start::fresh;  // Start::copy: of a blank
    std::string artifact_dir;
    std::uint32_t memory_mib = 128;
    std::uint32_t tmp_mib = 16;
    std::uint32_t cpu_percent = 0;
    std::uint32_t cpu_weight = 100;
    std::uint32_t pids_max = 64;
    // Of a blank. Native: the channel's, as it is to have them from 3 on, of so many cores; then,
    // of all, the snapshot, opened read-only and sealed.
    std::uint32_t core_count = 0;
    std::vector<int> fds = {};
};

struct Event {
    MessageKind kind;  // spawned, failed, exited or assigned
    std::uint64_t worker_id = 0;
    pid_t pid = 0;
    int exit_code = 0;
    int signal = 0;
    int error_code = 0;
    std::string text;  // spawned: its control group's name, empty without; failed: why
    // spawned, of a kind that speaks the Runtime API: non-blocking, listens where it will connect
    // to. None: this process has too many files open, and the worker can't be served.
    UniqueFd listener;
    // spawned, assigned
    std::uint32_t queue_us = 0;  // from the order's sending until the warden took it up
    jail::Phases phases;
    std::string addresses;  // in its egress network: "10.66.0.7 fd66::7"
    // exited
    bool out_of_memory = false;           // the kernel ended it for its memory limit
    std::string denied_call;              // the system call that it was ended for; empty: none
    std::uint64_t cpu_us = 0;             // of all its processes; 0: not known
    std::uint64_t peak_memory_bytes = 0;  // 0: not known
};

class Client {
  public:
    // Makes the control groups' folder, and forks the warden. Must be called while this process has
    // one thread, before DPDK starts. The warden ends all workers and itself when this end of the
    // socket closes, however that happens; the workers end when the warden does.
    static Result<Client> start(const Options& options);

    // For tests that play the warden themselves: speaks to whoever has the other end.
    static Client with_socket(UniqueFd socket, cgroup::Groups groups = {}) {
        return Client(std::move(socket), -1, std::move(groups));
    }

    // Both never wait. EAGAIN: the warden has not caught up yet, and nothing was sent.
    // The descriptors stay the caller's, and may be closed at once.
    Status spawn(const SpawnRequest& request);
    // Answered by `assigned`; of a worker that could not be assigned, and has been ended, with an
    // error_code and a text.
    Status assign(const AssignRequest& request);
    Status kill(std::uint64_t worker_id);  // of a worker that is gone already: does nothing
    // Non-blocking. nullopt: nothing there now. An error: the warden is gone.
    Result<std::optional<Event>> poll_event();
    int fd() const { return socket_.get(); }  // readable when an event is there
    pid_t pid() const { return pid_; }
    // What limits the workers' memory, CPU time and number of processes.
    const cgroup::Groups& groups() const { return groups_; }

    Client(Client&&) = default;
    Client& operator=(Client&& other) noexcept;  // ends the warden it had, as the destructor does
    ~Client();  // closes the socket, and waits for the warden to end (bounded)

  private:
    Client(UniqueFd socket, pid_t pid, cgroup::Groups groups)
        : socket_(std::move(socket)), pid_(pid), groups_(std::move(groups)) {}
    void end();

    UniqueFd socket_;
    pid_t pid_ = -1;
    cgroup::Groups groups_;
};

}  // namespace skerry::warden
