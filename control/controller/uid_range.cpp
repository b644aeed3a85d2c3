#include "control/controller/uid_range.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace skerry::control {
namespace {

struct flock bytes_of(std::uint32_t first_uid, std::uint32_t count) {
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = first_uid;
    range.l_len = count;
    return range;
}

std::string name_of(std::int64_t first_uid, std::int64_t count) {
    return std::to_string(first_uid) + " to " + std::to_string(first_uid + count - 1);
}

// Which of them somebody else has: one range of those that are in the way.
Error taken(int file, std::uint32_t first_uid, std::uint32_t count) {
    struct flock other = bytes_of(first_uid, count);
    std::string has;
    if (fcntl(file, F_OFD_GETLK, &other) == 0 && other.l_type != F_UNLCK)
        has = " has uids " + name_of(other.l_start, other.l_len);
    else
        has = " had some of them";
    return Error{EBUSY, "workers.first_uid, workers.max: uids " + name_of(first_uid, count) +
                            ": another skerryd of this machine" + has +
                            "; choose another first_uid, or stop it"};
}

}  // namespace

Result<UniqueFd> lock_uids(const std::string& folder, std::uint32_t first_uid,
                           std::uint32_t count) {
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return errno_error("mkdir " + folder);
    const std::string path = folder + "/uids";
    UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return errno_error("open " + path);
    struct flock range = bytes_of(first_uid, count);
    if (fcntl(file.get(), F_OFD_SETLK, &range) == 0) return file;
    if (errno != EAGAIN && errno != EACCES) return errno_error("lock " + path);
    return taken(file.get(), first_uid, count);
}

}  // namespace skerry::control
