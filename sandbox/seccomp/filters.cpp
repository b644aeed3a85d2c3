#include "sandbox/seccomp/filters.hpp"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "sandbox/seccomp/policies.hpp"

namespace skerry::seccomp {
namespace {

long set_filter(const Program& program, unsigned int flags) {
    // The kernel only reads the program; its interface is older than const.
    const sock_fprog described{static_cast<unsigned short>(program.size()),
                               const_cast<sock_filter*>(program.data())};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &described);
}

// The same program with another default: compiling takes longer than all the rest of a start.
Program with_kill(Program program) {
    for (sock_filter& one : program)
        if (one.code == (BPF_RET | BPF_K) && one.k == SECCOMP_RET_USER_NOTIF)
            one.k = SECCOMP_RET_KILL_PROCESS;
    return program;
}

Status make_filter(const std::string& name, Filter& filter) {
    auto policy = parse_policy(name + ".policy", policy_text);
    if (!policy) return policy.error();
    auto notify = compile(*policy, Otherwise::notify);
    if (!notify) return notify.error();
    Program kill = with_kill(*notify);
    filter = Filter{std::move(*notify), std::move(kill)};
    return ok();
}

}  // namespace

Result<Filters> Filters::make() {
    Filters filters;
    for (std::size_t i = 0; i < filters.all_.size(); ++i)
        if (auto made = make_filter(std::string(runtime::kKindNames[i]), filters.all_[i]); !made)
            return made.error();
    if (auto made = make_filter("native-egress", filters.native_egress_); !made)
        return made.error();
    return filters;
}

Result<Program> make_warden_program() {
    auto policy = parse_policy("warden.policy", policy_text);
    if (!policy) return policy.error();
    return compile(*policy, Otherwise::skip);
}

Installed install(const Filter& filter) {
    Installed installed;
    const long listener = set_filter(filter.notify, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (listener >= 0) {
        installed.listener.reset(static_cast<int>(listener));
    } else if (errno == EBUSY || errno == EINVAL) {
        installed.error = install(filter.kill);
    } else {
        installed.error = errno;
    }
    return installed;
}

int install(const Program& program) {
    return set_filter(program, 0) == 0 ? 0 : errno;
}

}  // namespace skerry::seccomp
