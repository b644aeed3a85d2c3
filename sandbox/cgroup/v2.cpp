// Version 2: one hierarchy, in which a group hands its controllers on to those below.
#include <unistd.h>

#include <cerrno>

#include "sandbox/cgroup/backend.hpp"
#include "sandbox/cgroup/files.hpp"

namespace skerry::cgroup {
namespace {

class V2 final : public Backend {
  public:
    explicit V2(const Hierarchy& hierarchy) : hierarchy_(hierarchy) {}

    std::vector<std::string> folders(const std::string& group) const override {
        return {hierarchy_.unified + "/" + group};
    }

    int make_owner(const std::string& owner) const override {
        int error = hand_on(hierarchy_.unified);
        // Not the root, and with this process in it: groups have processes or groups below.
        if (error == EBUSY) {
            const std::string leaf = hierarchy_.unified + "/" + std::string(kServerLeaf);
            if (error = make_folder(leaf); error != 0) return error;
            if (error = write_file(leaf + "/cgroup.procs", std::to_string(::getpid())); error != 0)
                return error;
            error = hand_on(hierarchy_.unified);
        }
        if (error != 0) return error;
        const std::string folder = hierarchy_.unified + "/" + owner;
        if (error = make_folder(folder); error != 0) return error;
        return hand_on(folder);
    }

    int set(const std::string& group, const Limits& limits) const override {
        const std::string folder = hierarchy_.unified + "/" + group;
        int error = 0;
        if (hierarchy_.has_memory) error = set_memory(folder, limits);
        if (error == 0 && hierarchy_.has_cpu) error = set_cpu(folder, limits);
        if (error == 0 && hierarchy_.has_pids)
            error = write_file(folder + "/pids.max", std::to_string(limits.pids_max));
        return error;
    }

    Usage usage(const std::string& group) const override {
        const std::string folder = hierarchy_.unified + "/" + group;
        Usage usage;
        usage.peak_memory_bytes = read_number(folder + "/memory.peak").value_or(0);
        usage.out_of_memory = lost_a_process(group);
        usage.cpu_us = read_key(folder + "/cpu.stat", "usage_usec").value_or(0);
        usage.throttled = read_key(folder + "/cpu.stat", "nr_throttled").value_or(0);
        return usage;
    }

    bool lost_a_process(const std::string& group) const override {
        const std::string file = hierarchy_.unified + "/" + group + "/memory.events";
        return hierarchy_.has_memory && read_key(file, "oom_kill").value_or(0) != 0;
    }

    Groups::CpuFile cpu_file(const std::string& group) const override {
        return {hierarchy_.unified + "/" + group + "/cpu.stat", false};
    }

    void kill(const std::string& group) const override {
        const std::string folder = hierarchy_.unified + "/" + group;
        // Linux 5.14; before, one by one.
        if (write_file(folder + "/cgroup.kill", "1") != 0) (void)kill_each(folder);
    }

  private:
    // Lets the groups below have controllers. Done already: not asked for again.
    int hand_on(const std::string& folder) const {
        std::string wanted;
        const std::string there = " " + read_file(folder + "/cgroup.subtree_control") + " ";
        const auto want = [&](bool has_it, const std::string& name) {
            const auto at = there.find(name);
            const bool given = at != std::string::npos && there[at - 1] == ' ' &&
                               (there[at + name.size()] == ' ' || there[at + name.size()] == '\n');
            if (has_it && !given) wanted += "+" + name + " ";
        };
        want(hierarchy_.has_memory, "memory");
        want(hierarchy_.has_cpu, "cpu");
        want(hierarchy_.has_pids, "pids");
        return wanted.empty() ? 0 : write_file(folder + "/cgroup.subtree_control", wanted);
    }

    static int set_memory(const std::string& folder, const Limits& limits) {
        if (const int error =
                write_file(folder + "/memory.max", std::to_string(limits.memory_bytes));
            error != 0)
            return error;
        if (const int error = write_if_there(folder + "/memory.swap.max", "0"); error != 0)
            return error;
        // A worker of which a part is gone is no worker. Before Linux 4.19 the kernel can't end
        // the whole: whoever reads lost_a_process() does.
        return write_if_there(folder + "/memory.oom.group", "1");
    }

    static int set_cpu(const std::string& folder, const Limits& limits) {
        if (const int error = write_file(folder + "/cpu.weight", std::to_string(limits.cpu_weight));
            error != 0)
            return error;
        if (limits.cpu_percent == 0) return 0;
        return write_file(folder + "/cpu.max",
                          std::to_string(kQuotaPeriod_us * limits.cpu_percent / 100) + " " +
                              std::to_string(kQuotaPeriod_us));
    }

    Hierarchy hierarchy_;
};

}  // namespace

std::unique_ptr<Backend> make_v2(const Hierarchy& hierarchy) {
    return std::make_unique<V2>(hierarchy);
}

}  // namespace skerry::cgroup
