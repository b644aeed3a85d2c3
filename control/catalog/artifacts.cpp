#include "control/catalog/artifacts.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "control/catalog/files.hpp"
#include "control/catalog/unpack.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;
constexpr char kTemporary[] = ".tmp-";

bool is_digest(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Error not_a_digest(const std::string& text) {
    return Error{EINVAL,
                 "found \"" + text.substr(0, 70) + "\", needed a SHA-256: 64 of 0-9 and a-f"};
}

bool is_kind(const std::string& path, mode_t kind) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

// Removes the folder unless it has been renamed away.
class TemporaryFolder {
  public:
    explicit TemporaryFolder(const std::string& root) : path_(root + "/" + kTemporary + "XXXXXX") {
        made_ = mkdtemp(path_.data()) != nullptr;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (made_) fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    explicit operator bool() const { return made_; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool made_;
};

}  // namespace

std::string sha256_hex(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    SKERRY_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
    SKERRY_CHECK(size == 32);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
        hex += "0123456789abcdef"[digest[i] >> 4];
        hex += "0123456789abcdef"[digest[i] & 15];
    }
    return hex;
}

bool is_archives_fault(const Error& error) {
    return error.code == EINVAL || error.code == EFBIG || error.code == ENAMETOOLONG;
}

Result<ArtifactStore> ArtifactStore::open(const std::string& state_dir) {
    if (Status made = make_folder(state_dir); !made) return made.error();
    ArtifactStore store;
    store.root_ = state_dir + "/artifacts";
    if (Status made = make_folder(store.root_); !made) return made.error();
    // What an install or erase left behind when the process ended in its middle.
    std::error_code error, ignored;
    fs::directory_iterator entry(store.root_, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.find(kTemporary) != std::string::npos) fs::remove_all(entry->path(), ignored);
    }
    if (error) return Error{error.value(), "read " + store.root_ + ": " + error.message()};
    return store;
}

Result<std::string> ArtifactStore::install(std::string_view archive, const Runtime& runtime) const {
    if (archive.size() > kMaxArchiveBytes)
        return Error{EFBIG, "found an archive of " + std::to_string(archive.size()) +
                                " bytes, allowed " + std::to_string(kMaxArchiveBytes)};
    const std::string digest = sha256_hex(archive);
    if (holds(digest)) {
        if (Status found = check_entry(folder(digest), runtime); !found) return found.error();
        return digest;
    }
    TemporaryFolder temporary(root_);
    if (!temporary) return errno_error("create a folder in " + root_);
    if (Status done = unpack(archive, temporary.path()); !done) return done.error();
    if (Status found = check_entry(temporary.path(), runtime); !found) return found.error();
    if (chmod(temporary.path().c_str(), 0755) != 0) return errno_error("chmod " + temporary.path());
    // The folder first: holds() wants both, so the blob is what completes an install. A folder that
    // is there already came whole, by this same rename.
    if (rename(temporary.path().c_str(), folder(digest).c_str()) != 0 && errno != EEXIST &&
        errno != ENOTEMPTY)
        return errno_error("rename " + temporary.path() + " to " + folder(digest));
    if (Status done = replace_file(folder(digest) + ".blob", archive); !done) return done.error();
    return digest;
}

bool ArtifactStore::holds(const std::string& digest_hex) const {
    return is_digest(digest_hex) && is_kind(folder(digest_hex) + ".blob", S_IFREG) &&
           is_kind(folder(digest_hex), S_IFDIR);
}

std::string ArtifactStore::folder(const std::string& digest_hex) const {
    SKERRY_CHECK(is_digest(digest_hex));
    return root_ + "/" + digest_hex;
}

Result<std::string> ArtifactStore::archive_bytes(const std::string& digest_hex) const {
    if (!is_digest(digest_hex)) return not_a_digest(digest_hex);
    const std::string path = folder(digest_hex) + ".blob";
    auto bytes = read_file(path, kMaxArchiveBytes);
    if (!bytes) return bytes;
    const std::string found = sha256_hex(*bytes);
    if (found != digest_hex)
        return Error{EIO,
                     path + ": damaged: found SHA-256 " + found + "; delete it and deploy again"};
    return bytes;
}

std::uint64_t ArtifactStore::archive_size(const std::string& digest_hex) const {
    struct stat info {};
    if (!is_digest(digest_hex) || stat((folder(digest_hex) + ".blob").c_str(), &info) != 0)
        return 0;
    return static_cast<std::uint64_t>(info.st_size);
}

Status ArtifactStore::erase(const std::string& digest_hex) const {
    if (!is_digest(digest_hex)) return not_a_digest(digest_hex);
    const std::string blob = folder(digest_hex) + ".blob";
    if (unlink(blob.c_str()) != 0 && errno != ENOENT) return errno_error("unlink " + blob);
    // Renamed first, so that a crash in the middle leaves no half of a folder under its digest.
    TemporaryFolder grave(root_);
    if (!grave) return errno_error("create a folder in " + root_);
    if (rename(folder(digest_hex).c_str(), grave.path().c_str()) != 0 && errno != ENOENT)
        return errno_error("rename " + folder(digest_hex));
    return sync_folder(root_);
}

std::set<std::string> ArtifactStore::list() const {
    std::set<std::string> digests;
    std::error_code error;
    fs::directory_iterator entry(root_, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        std::string name = entry->path().filename().string();
        if (entry->path().extension() == ".blob") name = entry->path().stem().string();
        if (is_digest(name)) digests.insert(std::move(name));
    }
    return digests;
}

}  // namespace skerry::catalog
