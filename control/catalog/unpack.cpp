#include "control/catalog/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/files.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::catalog {
namespace {

std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> parts;
    std::size_t at = 0;
    while (at <= path.size()) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string part = path.substr(at, end - at);
        if (!part.empty() && part != ".") parts.push_back(part);
        at = end + 1;
    }
    return parts;
}

Error refused(const std::string& path, const std::string& why) {
    std::string shown;
    for (const char c : path.substr(0, 100)) shown += c >= 0 && c < ' ' ? '?' : c;
    return Error{EINVAL, "archive entry \"" + shown + "\": " + why};
}

class Unpacker {
  public:
    Unpacker(archive* source, int root) : source_(source), root_(root) {}

    Status all() {
        for (;;) {
            archive_entry* entry = nullptr;
            const int got = archive_read_next_header(source_, &entry);
            if (got == ARCHIVE_EOF) return entries_ == 0 ? Status(empty()) : ok();
            // A warning is a name in another character set: entry_path() copes, or refuses.
            if (got != ARCHIVE_OK && got != ARCHIVE_WARN) return damaged();
            if (Status done = one(entry); !done) return done;
        }
    }

  private:
    static Error empty() { return Error{EINVAL, "the archive is empty"}; }

    Error damaged() const {
        const char* text = archive_error_string(source_);
        return Error{
            EINVAL, std::string("not a readable zip, tar or tar.gz: ") + (text ? text : "damaged")};
    }

    Status count_entry(const std::string& path) {
        if (++entries_ > kMaxFiles)
            return refused(path, "more than " + std::to_string(kMaxFiles) + " entries");
        return ok();
    }

    static const char* entry_path(archive_entry* entry) {
        const char* path = archive_entry_pathname_utf8(entry);
        return path != nullptr ? path : archive_entry_pathname(entry);
    }

    Status one(archive_entry* entry) {
        const char* raw = entry_path(entry);
        if (raw == nullptr) return refused("?", "its name can't be read");
        auto path = clean_path(raw);
        if (!path) return path.error();
        if (Status counted = count_entry(*path); !counted) return counted;
        if (archive_entry_is_encrypted(entry) != 0) return refused(*path, "it is encrypted");
        // Archives of metadata alone could be unpacked from little for ever.
        if (static_cast<std::uint64_t>(archive_filter_bytes(source_, 0)) > 2 * kMaxUnpackedBytes)
            return refused(*path, "the archive is too large when uncompressed");
        if (archive_entry_hardlink(entry) != nullptr) return hard_link(entry, *path);
        switch (archive_entry_filetype(entry)) {
            case AE_IFDIR: {
                auto folder = make_folders(*path);
                return folder ? drain(*path, -1) : Status(folder.error());
            }
            case AE_IFREG:
                return file(entry, *path);
            case AE_IFLNK:
                return soft_link(entry, *path);
            default:
                return refused(*path,
                               "only files, folders and links are taken, no devices, sockets "
                               "or pipes");
        }
    }

    // The folder at `path`, made where it is missing. Never through a link.
    Result<UniqueFd> make_folders(const std::string& path) {
        UniqueFd at(openat(root_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!at) return errno_error("open the folder to unpack into");
        for (const auto& part : split(path)) {
            const bool made = mkdirat(at.get(), part.c_str(), 0755) == 0;
            if (!made && errno != EEXIST) return errno_error("mkdir " + path);
            UniqueFd next(
                openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!next)
                return refused(path,
                               "\"" + part + "\" on its way is a link or a file, not a folder");
            if (made) {
                if (Status counted = count_entry(path); !counted) return counted.error();
                if (fchmod(next.get(), 0755) != 0) return errno_error("chmod " + path);
            }
            at = std::move(next);
        }
        return at;
    }

    struct Location {
        UniqueFd folder;
        std::string parent, name;
    };

    Result<Location> locate(const std::string& path) {
        if (path.empty()) return refused(path, "it has no name");
        const auto slash = path.rfind('/');
        std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
        auto folder = make_folders(parent);
        if (!folder) return folder.error();
        return Location{std::move(*folder), std::move(parent),
                        slash == std::string::npos ? path : path.substr(slash + 1)};
    }

    Status file(archive_entry* entry, const std::string& path) {
        const auto mode = archive_entry_mode(entry);
        if ((mode & (S_ISUID | S_ISGID)) != 0) return refused(path, "it is setuid or setgid");
        if (archive_entry_size_is_set(entry) != 0 &&
            static_cast<std::uint64_t>(archive_entry_size(entry)) > kMaxUnpackedBytes - unpacked_)
            return too_large(path);
        auto where = locate(path);
        if (!where) return where.error();
        UniqueFd fd(openat(where->folder.get(), where->name.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!fd && errno == EEXIST) return refused(path, "the archive has it twice");
        if (!fd) return errno_error("create " + path);
        if (Status done = drain(path, fd.get()); !done) return done;
        if (fchmod(fd.get(), (mode & 0111) != 0 ? 0755 : 0644) != 0)
            return errno_error("chmod " + path);
        return ok();
    }

    static Error too_large(const std::string& path) {
        return refused(path, "unpacked, the archive has more than " +
                                 std::to_string(kMaxUnpackedBytes >> 20) + " MiB");
    }

    // Reads the entry's data to its end, whatever its header said of its size. fd -1: dropped.
    Status drain(const std::string& path, int fd) {
        for (;;) {
            const auto n = archive_read_data(source_, buffer_.data(), buffer_.size());
            if (n == 0) return ok();
            if (n < 0) return damaged();
            unpacked_ += static_cast<std::uint64_t>(n);
            if (unpacked_ > kMaxUnpackedBytes) return too_large(path);
            if (fd < 0) continue;
            const std::string_view part(buffer_.data(), static_cast<std::size_t>(n));
            if (Status done = write_all(fd, part, path); !done) return done;
        }
    }

    Status soft_link(archive_entry* entry, const std::string& path) {
        const char* target = archive_entry_symlink_utf8(entry);
        if (target == nullptr) target = archive_entry_symlink(entry);
        if (target == nullptr) return refused(path, "a link to nothing");
        auto where = locate(path);
        if (!where) return where.error();
        if (!link_stays_inside(where->parent, target))
            return refused(path,
                           "a link that could leave the folder; a link's target must be "
                           "relative, with \"..\" at its beginning alone");
        if (symlinkat(target, where->folder.get(), where->name.c_str()) != 0)
            return errno == EEXIST ? Status(refused(path, "the archive has it twice"))
                                   : Status(errno_error("symlink " + path));
        return ok();
    }

    Status hard_link(archive_entry* entry, const std::string& path) {
        const char* raw = archive_entry_hardlink_utf8(entry);
        if (raw == nullptr) raw = archive_entry_hardlink(entry);
        auto target = clean_path(raw != nullptr ? raw : "");
        if (!target) return target.error();
        auto from = locate(*target);
        if (!from) return from.error();
        struct stat info {};
        if (fstatat(from->folder.get(), from->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            return refused(path,
                           "a hard link to something that is not an earlier file of the "
                           "archive");
        auto to = locate(path);
        if (!to) return to.error();
        if (linkat(from->folder.get(), from->name.c_str(), to->folder.get(), to->name.c_str(), 0) !=
            0)
            return errno == EEXIST ? Status(refused(path, "the archive has it twice"))
                                   : Status(errno_error("link " + path));
        return drain(path, -1);
    }

    archive* source_;
    int root_;
    std::uint64_t entries_ = 0;
    std::uint64_t unpacked_ = 0;
    std::vector<char> buffer_ = std::vector<char>(256 << 10);
};

// Archives made on some systems have no modes. Whether there has to be one, the runtime says.
Status finish_bootstrap(int root) {
    struct stat info {};
    // Links are followed: none of them leaves the folder.
    if (fstatat(root, "bootstrap", &info, 0) != 0 || !S_ISREG(info.st_mode)) return ok();
    if (fchmodat(root, "bootstrap", 0755, 0) != 0) return errno_error("chmod bootstrap");
    return ok();
}

}  // namespace

Result<std::string> clean_path(const std::string& path) {
    if (path.size() > kMaxPathBytes)
        return refused(path, "a path of more than " + std::to_string(kMaxPathBytes) + " bytes");
    if (!path.empty() && path[0] == '/') return refused(path, "an absolute path");
    if (path.find('\\') != std::string::npos) return refused(path, "a path with a backslash");
    if (std::any_of(path.begin(), path.end(),
                    [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }))
        return refused(path, "a path with a control character");
    const auto parts = split(path);
    if (parts.size() > kMaxPathDepth)
        return refused(path, "deeper than " + std::to_string(kMaxPathDepth) + " folders");
    std::string clean;
    for (const auto& part : parts) {
        if (part == "..") return refused(path, "a path with \"..\"");
        if (part.size() > 255) return refused(path, "a name of more than 255 bytes");
        clean += (clean.empty() ? "" : "/") + part;
    }
    return clean;
}

bool link_stays_inside(const std::string& parent, const std::string& target) {
    if (target.empty() || target[0] == '/' || target.size() > kMaxPathBytes) return false;
    std::size_t up = 0;
    bool down = false;
    for (const auto& part : split(target)) {
        if (part != "..") {
            down = true;
        } else if (down || ++up > split(parent).size()) {
            return false;
        }
    }
    return true;
}

Status unpack(std::string_view bytes, const std::string& folder) {
    UniqueFd root(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return errno_error("open " + folder);
    std::unique_ptr<archive, int (*)(archive*)> source(archive_read_new(), archive_read_free);
    if (source == nullptr) return Error{ENOMEM, "no memory to read the archive"};
    archive_read_support_format_zip(source.get());
    archive_read_support_format_tar(source.get());
    archive_read_support_filter_gzip(source.get());
    if (archive_read_open_memory(source.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
        const char* text = archive_error_string(source.get());
        return Error{EINVAL, std::string("not a zip, tar or tar.gz: ") + (text ? text : "unknown")};
    }
    if (Status done = Unpacker(source.get(), root.get()).all(); !done) return done;
    if (Status done = finish_bootstrap(root.get()); !done) return done;
    // One call for all of its files: some thousand fsync() would take minutes on a disk.
    if (syncfs(root.get()) != 0) return errno_error("sync " + folder);
    return ok();
}

}  // namespace skerry::catalog
