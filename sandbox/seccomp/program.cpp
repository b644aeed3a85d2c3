#include "sandbox/seccomp/program.hpp"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::seccomp {
namespace {

// Actions that libseccomp may use without asking the kernel of the moment, which may itself be
// behind a filter: whether it knows them is found out when the program is installed.
constexpr unsigned int kApiLevel = 6;

struct Release {
    void operator()(scmp_filter_ctx context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

std::uint32_t action_of(Otherwise otherwise) {
    switch (otherwise) {
        case Otherwise::notify:
            return SCMP_ACT_NOTIFY;
        case Otherwise::kill:
            return SCMP_ACT_KILL_PROCESS;
        case Otherwise::skip:
            break;
    }
    return SCMP_ACT_TRACE(0);  // nobody traces: ENOSYS
}

// 0, or a negative errno.
int add_line(scmp_filter_ctx context, const Line& line) {
    const std::uint32_t action = line.verdict == Verdict::allow
                                     ? SCMP_ACT_ALLOW
                                     : SCMP_ACT_ERRNO(static_cast<std::uint32_t>(line.error));
    std::vector<scmp_arg_cmp> conditions;
    for (const Condition& one : line.conditions)
        conditions.push_back({one.argument, SCMP_CMP_MASKED_EQ, one.mask, one.value});
    return ::seccomp_rule_add_exact_array(context, action, line.number,
                                          static_cast<unsigned int>(conditions.size()),
                                          conditions.data());
}

Result<Program> export_program(scmp_filter_ctx context) {
    const UniqueFd file(::memfd_create("skerry-seccomp", MFD_CLOEXEC));
    if (!file) return errno_error("memfd_create");
    if (const int rc = ::seccomp_export_bpf(context, file.get()); rc != 0)
        return errno_error("seccomp_export_bpf", -rc);
    struct stat found;
    if (::fstat(file.get(), &found) != 0) return errno_error("fstat the seccomp program");
    const auto bytes = static_cast<std::size_t>(found.st_size);
    Program program(bytes / sizeof(sock_filter));
    if (program.empty() || program.size() > BPF_MAXINSNS)
        return Error{E2BIG, "the seccomp program has " + std::to_string(program.size()) +
                                " instructions, allowed are 1 to " + std::to_string(BPF_MAXINSNS)};
    if (::pread(file.get(), program.data(), bytes, 0) != static_cast<ssize_t>(bytes))
        return errno_error("read the seccomp program");
    return program;
}

}  // namespace

Result<Program> compile(const Policy& policy, Otherwise otherwise) {
    const auto failed = [&policy](const std::string& doing, int rc) {
        return errno_error("compile " + policy.name + ": " + doing, -rc);
    };
    if (const int rc = ::seccomp_api_set(kApiLevel); rc != 0)
        return failed("libseccomp is older than 2.5", rc);
    const std::uint32_t action = action_of(otherwise);
    const Context context(::seccomp_init(action));
    if (!context) return failed("seccomp_init", -ENOMEM);
    int rc = ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, action);
    // A binary tree of the calls: the way to each is short, and about as long for all.
    if (rc == 0) rc = ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc != 0) return failed("set attributes", rc);
    for (const Line& line : policy.lines) {
        if (line.number < 0) continue;
        if (rc = add_line(context.get(), line); rc != 0) return failed(line.place, rc);
    }
    return export_program(context.get());
}

}  // namespace skerry::seccomp
