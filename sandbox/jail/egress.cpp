#include "sandbox/jail/egress.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

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
        case egress::Part::sources:
            return Step::egress_sources;
        case egress::Part::addresses:
            return Step::egress_addresses;
        default:
            return Step::egress_namespace;
    }
}

constexpr char kNameServices[] =
    "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n";

// `name` of /etc says `text`: over the image's file, or without an image by itself. The text is in
// /run; a mount shows it in its place.
void put_file(int root_fd, const char* name, const char* text, bool has_etc,
              const Reporter& reporter) {
    const std::string place = std::string("run/") + name;
    const std::string mounted_at = std::string("etc/") + name;
    {
        const UniqueFd file(
            ::openat(root_fd, place.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444));
        reporter.need(file.get(), Step::resolver);
        const auto bytes = static_cast<ssize_t>(std::strlen(text));
        if (::write(file.get(), text, std::strlen(text)) != bytes)
            reporter.fail(Step::resolver, EIO);
    }
    if (!has_etc) {
        reporter.need(::symlinkat(("/" + place).c_str(), root_fd, mounted_at.c_str()),
                      Step::resolver);
        return;
    }
    const UniqueFd mount = copy_tree(root_fd, place.c_str(), kReadOnlyTree | MOUNT_ATTR_NOEXEC);
    reporter.need(mount.get(), Step::resolver);
    if (!attach(mount.get(), root_fd, mounted_at.c_str())) reporter.fail(Step::resolver, errno);
}

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
    const bool has_etc = ::mkdirat(root_fd, "etc", 0755) != 0;
    if (has_etc && errno != EEXIST) reporter.fail(Step::resolver, errno);
    put_file(root_fd, "resolv.conf", text, has_etc, reporter);
    // Our images ask no name server: there usually is none. One without the file asks one anyway.
    if (!has_etc || ::faccessat(root_fd, "etc/nsswitch.conf", F_OK, 0) == 0)
        put_file(root_fd, "nsswitch.conf", kNameServices, has_etc, reporter);
}

}  // namespace skerry::jail
