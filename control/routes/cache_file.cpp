#include "control/routes/cache_file.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "sandbox/base/check.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::routes {
namespace {

namespace fs = std::filesystem;

std::string digest_of(std::string_view payload) {
    Digest digest;
    digest.add(payload);
    return digest.finish();
}

bool read_all(int fd, char* into, std::size_t bytes) {
    while (bytes != 0) {
        const ssize_t got = ::read(fd, into, bytes);
        if (got <= 0) return false;
        into += got;
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

bool write_all(int fd, const char* from, std::size_t bytes) {
    while (bytes != 0) {
        const ssize_t put = ::write(fd, from, bytes);
        if (put <= 0) return false;
        from += put;
        bytes -= static_cast<std::size_t>(put);
    }
    return true;
}

// One that only we could have written.
bool is_ours(int fd, std::uint64_t& bytes) {
    struct stat found {};
    if (::fstat(fd, &found) != 0) return false;
    bytes = static_cast<std::uint64_t>(found.st_size);
    return S_ISREG(found.st_mode) && found.st_uid == ::geteuid() && (found.st_mode & 022) == 0;
}

bool is_key(const std::string& name) {
    return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

struct Digest::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~State() { EVP_MD_CTX_free(context); }
};

Digest::Digest() : state_(std::make_unique<State>()) {
    SKERRY_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Digest::~Digest() = default;

void Digest::add(std::string_view text) {
    const std::uint64_t bytes = text.size();
    SKERRY_CHECK(EVP_DigestUpdate(state_->context, &bytes, sizeof bytes) == 1);
    SKERRY_CHECK(EVP_DigestUpdate(state_->context, text.data(), text.size()) == 1);
}

std::string Digest::finish() {
    std::array<unsigned char, 32> bytes;
    SKERRY_CHECK(EVP_DigestFinal_ex(state_->context, bytes.data(), nullptr) == 1);
    std::string text;
    for (const unsigned char each : bytes) {
        text += "0123456789abcdef"[each >> 4];
        text += "0123456789abcdef"[each & 15];
    }
    return text;
}

CacheRead read_cache_file(const std::string& folder, const std::string& key, std::string& payload) {
    const UniqueFd fd(
        ::open((folder + "/" + key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) return errno == ENOENT ? CacheRead::missing : CacheRead::refused;
    std::uint64_t bytes = 0;
    CacheHeader header, wanted;
    std::memcpy(wanted.key.data(), key.data(), std::min(key.size(), wanted.key.size()));
    if (!is_ours(fd.get(), bytes) || bytes < sizeof header ||
        !read_all(fd.get(), reinterpret_cast<char*>(&header), sizeof header))
        return CacheRead::refused;
    if (header.magic != wanted.magic || header.key != wanted.key ||
        header.payload_bytes != bytes - sizeof header ||
        header.payload_bytes > kCachePayloadBytesMax)
        return CacheRead::refused;
    payload.resize(header.payload_bytes);
    if (!read_all(fd.get(), payload.data(), payload.size())) return CacheRead::refused;
    const std::string digest = digest_of(payload);
    return std::memcmp(digest.data(), header.digest.data(), header.digest.size()) == 0
               ? CacheRead::whole
               : CacheRead::refused;
}

void write_cache_file(const std::string& folder, const std::string& key, std::string_view payload) {
    if (payload.size() > kCachePayloadBytesMax) return;
    std::error_code ignored;
    fs::create_directories(folder, ignored);
    CacheHeader header;
    const std::string digest = digest_of(payload);
    std::memcpy(header.key.data(), key.data(), header.key.size());
    std::memcpy(header.digest.data(), digest.data(), header.digest.size());
    header.payload_bytes = payload.size();
    const std::string name = folder + "/" + key, beside = name + ".new";
    ::unlink(beside.c_str());
    const UniqueFd fd(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return;
    const bool written =
        write_all(fd.get(), reinterpret_cast<const char*>(&header), sizeof header) &&
        write_all(fd.get(), payload.data(), payload.size()) && ::fdatasync(fd.get()) == 0;
    if (!written || ::rename(beside.c_str(), name.c_str()) != 0) ::unlink(beside.c_str());
}

void sweep_cache_files(const std::string& folder, const std::vector<std::string>& used,
                       std::size_t keep) {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> unused;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!is_key(name) || std::find(used.begin(), used.end(), name) != used.end()) continue;
        std::error_code ignored;
        unused.emplace_back(fs::last_write_time(it->path(), ignored), it->path());
    }
    std::sort(unused.begin(), unused.end());
    for (std::size_t i = 0; i + keep < unused.size(); ++i) fs::remove(unused[i].second, error);
}

}  // namespace skerry::routes
