// Version 1: a folder in the hierarchy of each controller.
#include <algorithm>
#include <cerrno>

#include "sandbox/cgroup/backend.hpp"
#include "sandbox/cgroup/files.hpp"

namespace skerry::cgroup {
namespace {

constexpr std::uint64_t kSharesOfWeight100 = 1024;
constexpr std::uint64_t kSharesMin = 2;

class V1 final : public Backend {
  public:
    explicit V1(const Hierarchy& hierarchy) : hierarchy_(hierarchy) {
        for (const std::string* parent :
             {&hierarchy.memory, &hierarchy.cpu, &hierarchy.cpuacct, &hierarchy.pids})
            if (!parent->empty() &&
                std::find(parents_.begin(), parents_.end(), *parent) == parents_.end())
                parents_.push_back(*parent);
    }

    std::vector<std::string> folders(const std::string& group) const override {
        std::vector<std::string> all;
        for (const std::string& parent : parents_) all.push_back(parent + "/" + group);
        return all;
    }

    int make_owner(const std::string& owner) const override {
        for (const std::string& folder : folders(owner))
            if (const int error = make_folder(folder); error != 0) return error;
        return 0;
    }

    int set(const std::string& group, const Limits& limits) const override {
        int error = 0;
        if (hierarchy_.has_memory) error = set_memory(hierarchy_.memory + "/" + group, limits);
        if (error == 0 && hierarchy_.has_cpu) error = set_cpu(hierarchy_.cpu + "/" + group, limits);
        if (error == 0 && hierarchy_.has_pids)
            error = write_file(hierarchy_.pids + "/" + group + "/pids.max",
                               std::to_string(limits.pids_max));
        return error;
    }

    Usage usage(const std::string& group) const override {
        Usage usage;
        if (hierarchy_.has_memory) {
            const std::string folder = hierarchy_.memory + "/" + group;
            usage.peak_memory_bytes =
                read_number(folder + "/memory.max_usage_in_bytes").value_or(0);
            usage.out_of_memory = lost_a_process(group);
        }
        if (!hierarchy_.cpuacct.empty())
            usage.cpu_us =
                read_number(hierarchy_.cpuacct + "/" + group + "/cpuacct.usage").value_or(0) / 1000;
        if (hierarchy_.has_cpu)
            usage.throttled =
                read_key(hierarchy_.cpu + "/" + group + "/cpu.stat", "nr_throttled").value_or(0);
        return usage;
    }

    bool lost_a_process(const std::string& group) const override {
        const std::string file = hierarchy_.memory + "/" + group + "/memory.oom_control";
        return hierarchy_.has_memory && read_key(file, "oom_kill").value_or(0) != 0;
    }

    Groups::CpuFile cpu_file(const std::string& group) const override {
        if (hierarchy_.cpuacct.empty()) return {};
        return {hierarchy_.cpuacct + "/" + group + "/cpuacct.usage", true};
    }

    void kill(const std::string& group) const override {
        for (const std::string& folder : folders(group)) (void)kill_each(folder);
    }

  private:
    // The limit with swap can't be below the one without, so it comes second, unless there is one
    // already and it has to be raised.
    static int set_memory(const std::string& folder, const Limits& limits) {
        const std::string bytes = std::to_string(limits.memory_bytes);
        const std::string plain = folder + "/memory.limit_in_bytes";
        const std::string with_swap = folder + "/memory.memsw.limit_in_bytes";
        int error = write_file(plain, bytes);
        const bool first = error == EINVAL;
        if (first || error == 0) error = write_if_there(with_swap, bytes);
        if (first && error == 0) error = write_file(plain, bytes);
        if (error != 0) return error;
        return write_if_there(folder + "/memory.swappiness", "0");
    }

    static int set_cpu(const std::string& folder, const Limits& limits) {
        const std::uint64_t shares =
            std::max(kSharesMin, limits.cpu_weight * kSharesOfWeight100 / 100);
        if (const int error = write_file(folder + "/cpu.shares", std::to_string(shares));
            error != 0)
            return error;
        if (limits.cpu_percent == 0) return 0;
        if (const int error =
                write_file(folder + "/cpu.cfs_period_us", std::to_string(kQuotaPeriod_us));
            error != 0)
            return error;
        return write_file(folder + "/cpu.cfs_quota_us",
                          std::to_string(kQuotaPeriod_us * limits.cpu_percent / 100));
    }

    Hierarchy hierarchy_;
    std::vector<std::string> parents_;
};

}  // namespace

std::unique_ptr<Backend> make_v1(const Hierarchy& hierarchy) {
    return std::make_unique<V1>(hierarchy);
}

}  // namespace skerry::cgroup
