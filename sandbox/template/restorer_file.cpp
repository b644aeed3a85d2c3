#include "sandbox/template/restorer_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace skerry::snapshot {
namespace {

// Since Linux 6.3 (and then perhaps needed: sysctl vm.memfd_noexec); headers may be older.
constexpr unsigned int kMemfdExecutable = 0x10;
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

UniqueFd new_file() {
    constexpr unsigned int kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    UniqueFd file(::memfd_create("skerry-restore", kFlags | kMemfdExecutable));
    if (!file && errno == EINVAL) file = UniqueFd(::memfd_create("skerry-restore", kFlags));
    return file;
}

}  // namespace

UniqueFd open_restorer() {
    UniqueFd file = new_file();
    if (!file) return file;
    const ssize_t written = ::write(file.get(), kRestorer, kRestorerBytes);
    if (written != static_cast<ssize_t>(kRestorerBytes) || ::fchmod(file.get(), 0555) != 0 ||
        ::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0)
        return UniqueFd();
    // Nobody may have open for writing what is executed.
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace skerry::snapshot
