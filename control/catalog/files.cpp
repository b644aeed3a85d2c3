#include "control/catalog/files.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::catalog {

Status make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0755) == 0) {
        // The mode that was asked for, whatever the umask says: workers read below it.
        if (chmod(path.c_str(), 0755) != 0) return errno_error("chmod " + path);
        return ok();
    }
    if (errno != EEXIST) return errno_error("mkdir " + path);
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return errno_error("stat " + path);
    if (!S_ISDIR(info.st_mode)) return Error{ENOTDIR, path + ": found a file, needed a folder"};
    return ok();
}

Status write_all(int fd, std::string_view bytes, const std::string& name) {
    while (!bytes.empty()) {
        const ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return errno_error("write " + name, n == 0 ? EIO : errno);
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return ok();
}

Status replace_file(const std::string& path, std::string_view bytes) {
    std::string temporary = path + kTemporaryMark + "XXXXXX";
    // Mode 0600: a catalog has the environments of functions, and with them what tenants call
    // secret.
    UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd) return errno_error("create " + temporary);
    Status done = write_all(fd.get(), bytes, temporary);
    if (done && fsync(fd.get()) != 0) done = errno_error("fsync " + temporary);
    if (done && rename(temporary.c_str(), path.c_str()) != 0)
        done = errno_error("rename " + temporary + " to " + path);
    if (!done) {
        unlink(temporary.c_str());
        return done;
    }
    return sync_folder(path.substr(0, path.rfind('/')));
}

void remove_temporaries(const std::string& path) {
    namespace fs = std::filesystem;
    const std::string prefix = fs::path(path).filename().string() + kTemporaryMark;
    std::error_code error, ignored;
    fs::directory_iterator entry(fs::path(path).parent_path(), error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error))
        if (entry->path().filename().string().rfind(prefix, 0) == 0)
            fs::remove(entry->path(), ignored);
}

Result<std::string> read_file(const std::string& path, std::uint64_t most_bytes) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return errno_error("open " + path);
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return errno_error("stat " + path);
    if (!S_ISREG(info.st_mode)) return Error{0, path + ": not a regular file"};
    if (static_cast<std::uint64_t>(info.st_size) > most_bytes)
        return Error{0, path + ": found " + std::to_string(info.st_size) + " bytes, allowed " +
                            std::to_string(most_bytes)};
    std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
    std::size_t size = 0;
    while (size < bytes.size()) {
        const ssize_t n = read(fd.get(), bytes.data() + size, bytes.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("read " + path);
        if (n == 0) break;
        size += static_cast<std::size_t>(n);
    }
    bytes.resize(size);
    return bytes;
}

Status sync_folder(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return errno_error("open " + path);
    if (fsync(fd.get()) != 0) return errno_error("fsync " + path);
    return ok();
}

}  // namespace skerry::catalog
