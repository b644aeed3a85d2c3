#include "tools/skerryctl/artifact.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::ctl {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_whole(const std::string& path, std::uint64_t most) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return errno_error("open " + path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return errno_error("stat " + path);
    if (!S_ISREG(info.st_mode)) return Error{EINVAL, path + ": not a regular file"};
    std::string bytes;
    std::string block(1 << 16, '\0');
    while (true) {
        const ssize_t n = ::read(fd.get(), block.data(), block.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("read " + path);
        if (n == 0) return bytes;
        bytes.append(block.data(), static_cast<std::size_t>(n));
        if (bytes.size() > most)
            return Error{EFBIG, path + ": more than " + std::to_string(most) + " bytes"};
    }
}

struct Entry {
    std::string name;  // relative
    fs::file_type type = fs::file_type::none;
    bool executable = false;
};

Error refused(const std::string& path, const std::string& why) {
    return Error{EINVAL, path + ": " + why};
}

// Symbolic links are taken as links: the server judges whether they stay inside.
Result<std::vector<Entry>> list_folder(const std::string& root) {
    std::vector<Entry> entries;
    std::error_code error;
    fs::recursive_directory_iterator at(root, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        const fs::file_status status = at->symlink_status(error);
        if (error) break;
        const std::string path = at->path().string();
        if (!fs::is_regular_file(status) && !fs::is_directory(status) && !fs::is_symlink(status))
            return refused(path, "neither file, folder nor symbolic link");
        if (static_cast<std::size_t>(at.depth()) >= kMaxDepth)
            return refused(path, "deeper than " + std::to_string(kMaxDepth) + " folders");
        if (entries.size() == kMaxFiles)
            return refused(root, "more than " + std::to_string(kMaxFiles) + " entries");
        const bool executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
        entries.push_back(
            {at->path().lexically_relative(root).string(), status.type(), executable});
    }
    if (error) return Error{error.value(), "read " + root + ": " + error.message()};
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return entries;
}

class TarWriter {
  public:
    TarWriter() : tar_(archive_write_new(), archive_write_free) {
        archive_write_set_format_pax_restricted(tar_.get());
        archive_write_set_bytes_in_last_block(tar_.get(), 512);
        archive_write_open2(tar_.get(), &bytes_, nullptr, append, nullptr, nullptr);
    }

    Status add(const Entry& entry, const std::string& content) {
        std::unique_ptr<archive_entry, void (*)(archive_entry*)> e(archive_entry_new(),
                                                                   archive_entry_free);
        archive_entry_set_pathname(e.get(), entry.name.c_str());
        archive_entry_set_mtime(e.get(), 0, 0);
        archive_entry_set_uid(e.get(), 0);
        archive_entry_set_gid(e.get(), 0);
        if (entry.type == fs::file_type::directory) {
            archive_entry_set_filetype(e.get(), AE_IFDIR);
            archive_entry_set_perm(e.get(), 0755);
        } else if (entry.type == fs::file_type::symlink) {
            archive_entry_set_filetype(e.get(), AE_IFLNK);
            archive_entry_set_perm(e.get(), 0777);
            archive_entry_set_symlink(e.get(), content.c_str());
        } else {
            archive_entry_set_filetype(e.get(), AE_IFREG);
            archive_entry_set_perm(e.get(), entry.executable ? 0755 : 0644);
            archive_entry_set_size(e.get(), static_cast<la_int64_t>(content.size()));
        }
        if (archive_write_header(tar_.get(), e.get()) != ARCHIVE_OK) return failed(entry.name);
        if (entry.type != fs::file_type::regular || content.empty()) return ok();
        const la_ssize_t written = archive_write_data(tar_.get(), content.data(), content.size());
        return written == static_cast<la_ssize_t>(content.size()) ? ok() : failed(entry.name);
    }

    Result<std::string> finish() {
        if (archive_write_close(tar_.get()) != ARCHIVE_OK) return failed("end").error();
        if (bytes_.size() > kMaxArchiveBytes)
            return Error{EFBIG,
                         "the artifact has " + std::to_string(bytes_.size()) + " bytes, allowed " +
                             std::to_string(kMaxArchiveBytes) +
                             "; next: make a zip or tar.gz of it, or take out what is not needed"};
        return std::move(bytes_);
    }

  private:
    static la_ssize_t append(archive*, void* bytes, const void* data, std::size_t size) {
        static_cast<std::string*>(bytes)->append(static_cast<const char*>(data), size);
        return static_cast<la_ssize_t>(size);
    }
    Status failed(const std::string& name) {
        const char* why = archive_error_string(tar_.get());
        return Error{0, "tar: " + name + ": " + (why != nullptr ? why : "unknown")};
    }
    std::string bytes_;
    std::unique_ptr<archive, int (*)(archive*)> tar_;
};

Result<std::string> pack_folder(const std::string& root, bool has_handler) {
    auto entries = list_folder(root);
    if (!entries) return entries.error();
    const bool starts = std::any_of(entries->begin(), entries->end(), [](const Entry& e) {
        return e.name == "bootstrap" && (e.type == fs::file_type::symlink || e.executable);
    });
    if (!starts && !has_handler)
        return refused(root, "no executable called bootstrap in it; next: docs/sdk-guide.md");
    TarWriter tar;
    std::uint64_t total = 0;
    for (const Entry& entry : *entries) {
        const std::string path = root + "/" + entry.name;
        std::string content;
        if (entry.type == fs::file_type::symlink) {
            std::error_code error;
            content = fs::read_symlink(path, error).string();
            if (error) return Error{error.value(), "read " + path + ": " + error.message()};
        } else if (entry.type == fs::file_type::regular) {
            auto bytes = read_whole(path, kMaxUnpackedBytes - total);
            if (!bytes) return bytes;
            content = std::move(*bytes);
            total += content.size();
        }
        if (Status added = tar.add(entry, content); !added) return added.error();
    }
    return tar.finish();
}

bool is_archive(std::string_view bytes) {
    return bytes.substr(0, 4) == "PK\x03\x04" || bytes.substr(0, 2) == "\x1f\x8b" ||
           (bytes.size() > 262 && bytes.substr(257, 5) == "ustar");
}

bool is_program(std::string_view bytes) {
    return bytes.substr(0, 4) ==
               "\x7f"
               "ELF" ||
           bytes.substr(0, 2) == "#!";
}

}  // namespace

Result<std::string> make_artifact(const std::string& path, bool has_handler) {
    std::error_code error;
    if (fs::is_directory(path, error)) return pack_folder(path, has_handler);
    auto bytes = read_whole(path, kMaxArchiveBytes);
    if (!bytes) return bytes;
    if (is_archive(*bytes)) return bytes;
    if (!has_handler && !is_program(*bytes))
        return refused(path,
                       "needed is a folder with an executable bootstrap, a zip, tar or tar.gz "
                       "of one, or one executable");
    TarWriter tar;
    const std::string name = has_handler ? fs::path(path).filename().string() : "bootstrap";
    if (Status added = tar.add({name, fs::file_type::regular, !has_handler}, *bytes); !added)
        return added.error();
    return tar.finish();
}

}  // namespace skerry::ctl
