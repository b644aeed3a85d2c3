#include "sandbox/jail/egress.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sandbox/egress/connect.hpp"
#include "sandbox/jail/mounts.hpp"

namespace skerry::jail {
namespace {

Step step_of(egress::Part part) {
    switch (part) {
        case egress::Part::link:
            return Step::egress_link;
        case egress::Part::settings:
            return Step::egress_settings;
        case egress::Part::addresses:
            return Step::egress_addresses;
        default:
            return Step::egress_namespace;
    }
}

// Where its text is; the mount over the image's file shows the same.
constexpr char kPlace[] = "run/resolv.conf";
constexpr char kMountedAt[] = "etc/resolv.conf";

}  // namespace

void connect_egress(const Order& order, UniqueFd network, const Reporter& reporter) {
    if (!order.egress.used) return;
    const egress::Connected connected = egress::connect(order.egress, network.get());
    if (connected.failed != egress::Part::none)
        reporter.fail(step_of(connected.failed), connected.error);
}

void add_resolver(int root_fd, const Order& order, const Reporter& reporter) {
    const char* const text = order.egress.resolver_text;
    if (!order.egress.used || text[0] == '\0') return;
    reporter.need(::mkdirat(root_fd, "run", 0755), Step::resolver);
    {
        const UniqueFd file(
            ::openat(root_fd, kPlace, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444));
        reporter.need(file.get(), Step::resolver);
        const auto bytes = static_cast<ssize_t>(std::strlen(text));
        if (::write(file.get(), text, std::strlen(text)) != bytes)
            reporter.fail(Step::resolver, EIO);
    }
    // Without an image there is no /etc either.
    if (::mkdirat(root_fd, "etc", 0755) == 0) {
        reporter.need(::symlinkat("/run/resolv.conf", root_fd, kMountedAt), Step::resolver);
        return;
    }
    if (errno != EEXIST) reporter.fail(Step::resolver, errno);
    const UniqueFd mount = copy_tree(root_fd, kPlace, kReadOnlyTree | MOUNT_ATTR_NOEXEC);
    reporter.need(mount.get(), Step::resolver);
    if (!attach(mount.get(), root_fd, kMountedAt)) reporter.fail(Step::resolver, errno);
}

}  // namespace skerry::jail
