// Templates of the tests' function, and blanks that become copies of it.
#pragma once

#include <sys/mman.h>

#include <string>

#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {

// The function's memory after its initialisation: sealed, opened to be read. None: it failed.
inline UniqueFd take_template(warden::Client& client, const Folder& folder,
                              channel::Doorbells& doorbells, std::uint64_t id) {
    UniqueFd memfd(::memfd_create("skerry-template", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    Place place(folder, doorbells, id);
    place.order.start = warden::Start::template_of;
    place.order.snapshot_fd = memfd.get();
    EXPECT_TRUE(client.spawn(place.order));
    const auto spawned = next_event(client);
    const auto exited = next_event(client);
    if (!spawned || !exited || exited->exit_code != 0) {
        ADD_FAILURE() << (spawned ? spawned->text : "") << read_all(folder.log());
        return {};
    }
    EXPECT_EQ(
        ::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
        0);
    return UniqueFd(
        ::open(("/proc/self/fd/" + std::to_string(memfd.get())).c_str(), O_RDONLY | O_CLOEXEC));
}

// The same order, without a function.
inline warden::SpawnRequest blank_order(const Place& place) {
    warden::SpawnRequest order;
    order.worker_id = place.order.worker_id;
    order.host_uid = place.order.host_uid;
    order.log_fd = place.order.log_fd;
    order.start = warden::Start::blank;
    return order;
}

// What makes it a worker of the place's function, with this snapshot.
inline warden::AssignRequest request_for(const Place& place, int snapshot_fd) {
    const warden::SpawnRequest& order = place.order;
    warden::AssignRequest request{.worker_id = order.worker_id,
                                  .runtime = order.runtime,
                                  .start = warden::Start::copy,
                                  .artifact_dir = order.artifact_dir,
                                  .memory_mib = order.memory_mib,
                                  .tmp_mib = order.tmp_mib,
                                  .cpu_percent = order.cpu_percent,
                                  .cpu_weight = order.cpu_weight,
                                  .pids_max = order.pids_max,
                                  .core_count = static_cast<std::uint32_t>(order.done_fds.size())};
    request.fds = {order.channel_fd, order.doorbells_fd, order.wake_fd, order.ready_fd};
    request.fds.insert(request.fds.end(), order.done_fds.begin(), order.done_fds.end());
    request.fds.push_back(snapshot_fd);
    return request;
}

}  // namespace skerry::test
