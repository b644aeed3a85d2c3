#include "sandbox/cgroup/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::cgroup {
namespace {

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

}  // namespace

std::string read_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    char block[4096];
    while (fd) {
        const ssize_t got = ::read(fd.get(), block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        text.append(block, static_cast<std::size_t>(got));
    }
    return text;
}

int write_file(const std::string& path, std::string_view text) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return errno;
    ssize_t written;
    do written = ::write(fd.get(), text.data(), text.size());
    while (written < 0 && errno == EINTR);
    if (written < 0) return errno;
    return static_cast<std::size_t>(written) == text.size() ? 0 : EIO;
}

std::optional<std::uint64_t> read_number(const std::string& path) {
    return number_of(read_file(path));
}

std::optional<std::uint64_t> read_key(const std::string& path, std::string_view key) {
    const std::string text = read_file(path);
    std::string_view left = text;
    while (!left.empty()) {
        const std::string_view line = left.substr(0, left.find('\n'));
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
            return number_of(line.substr(key.size() + 1));
        if (line.size() == left.size()) break;
        left.remove_prefix(line.size() + 1);
    }
    return std::nullopt;
}

int make_folder(const std::string& path) {
    return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST ? 0 : errno;
}

int remove_folder(const std::string& path) {
    return ::rmdir(path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

std::vector<std::string> folders_in(const std::string& path) {
    std::vector<std::string> names;
    struct Close {
        void operator()(DIR* stream) const { ::closedir(stream); }
    };
    const std::unique_ptr<DIR, Close> stream(::opendir(path.c_str()));
    if (!stream) return names;
    while (const dirent* entry = ::readdir(stream.get()))
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    return names;
}

}  // namespace skerry::cgroup
