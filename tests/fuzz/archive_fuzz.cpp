// Archives of strangers, unpacked: whatever they are, all that is made lies in the folder given,
// and is what a worker may be given. Inputs that begin with 'R' are recipes for a tar (names and
// links made of a few words, in every combination); all others are the archive itself.
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/unpack.hpp"
#include "sandbox/base/check.hpp"

namespace {

namespace fs = std::filesystem;
using namespace skerry;

// Nobody's: had the target this user's rights alone, it could not write anywhere else.
constexpr uid_t kNobody = 65534;
constexpr std::size_t kBlock = 512;

void fix_checksum(char* header) {
    std::memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(header[i]);
    (void)std::snprintf(header + 148, 8, "%06o", sum);
}

// A changed tar would nearly always be refused for its checksums, before anything of interest.
void fix_checksums(std::string& archive) {
    for (std::size_t at = 0; at + kBlock <= archive.size(); at += kBlock)
        if (std::memcmp(archive.data() + at + 257, "ustar", 5) == 0)
            fix_checksum(archive.data() + at);
}

class Recipe {
  public:
    explicit Recipe(std::string_view bytes) : bytes_(bytes) {}
    std::string tar() {
        std::string all;
        while (!bytes_.empty() && all.size() < (256u << 10)) all += entry();
        return all + std::string(2 * kBlock, '\0');
    }

  private:
    unsigned next() {
        if (bytes_.empty()) return 0;
        const unsigned value = static_cast<unsigned char>(bytes_.front());
        bytes_.remove_prefix(1);
        return value;
    }
    std::string path() {
        static const char* const kWords[] = {"a", "b",  "c", "bootstrap", "..", ".",
                                             "",  "..", "a", "canary",    "in", "b"};
        std::string made;
        for (unsigned left = next() % 6; left != 0; --left)
            made += std::string(kWords[next() % std::size(kWords)]) + (left > 1 ? "/" : "");
        return made.substr(0, 99);
    }
    std::string entry() {
        static const char kKinds[] = "00005521123746";
        char header[kBlock] = {};
        const unsigned choice = next();
        const char kind = kKinds[choice % (sizeof kKinds - 1)];
        const std::string name = path();
        const std::string target = kind == '1' || kind == '2' ? path() : "";
        const std::size_t bytes = kind == '0' ? choice / 16 : 0;
        std::memcpy(header, name.data(), name.size());
        (void)std::snprintf(header + 100, 8, "%07o", choice > 250 ? 04755u : 0644u);
        (void)std::snprintf(header + 124, 12, "%011zo", bytes);
        header[156] = kind;
        std::memcpy(header + 157, target.data(), target.size());
        std::memcpy(header + 257, "ustar\00000", 8);
        fix_checksum(header);
        std::string made(header, kBlock);
        if (bytes != 0) made += std::string(bytes, 'x') + std::string(kBlock - bytes, '\0');
        return made;
    }

    std::string_view bytes_;
};

// outer/canary, and outer/in to unpack into.
class Place {
  public:
    Place() {
        char path[] = "/dev/shm/skerry-fuzz-XXXXXX";
        SKERRY_CHECK(::mkdtemp(path) != nullptr);
        outer_ = fs::canonical(path).string();
        // `in` alone can be written by nobody.
        SKERRY_CHECK(::chmod(path, 0755) == 0);
        std::ofstream(outer_ + "/canary") << "sings";
        SKERRY_CHECK(::mkdir(folder().c_str(), 0755) == 0);
        if (::geteuid() == 0) SKERRY_CHECK(::chown(folder().c_str(), kNobody, kNobody) == 0);
    }
    ~Place() {
        std::error_code ignored;
        fs::remove_all(outer_, ignored);
    }
    Place(const Place&) = delete;

    std::string folder() const { return outer_ + "/in"; }
    void check() const {
        std::size_t around = 0;
        for (const auto& entry : fs::directory_iterator(outer_)) {
            ++around;
            const std::string name = entry.path().filename();
            SKERRY_CHECK(name == "canary" || name == "in");
        }
        SKERRY_CHECK(around == 2);
        std::ifstream canary(outer_ + "/canary");
        std::string song;
        SKERRY_CHECK(std::getline(canary, song) && song == "sings");
        std::uint64_t entries = 0, bytes = 0;
        for (const auto& entry : fs::recursive_directory_iterator(folder())) {
            check_entry(entry.path(), bytes);
            ++entries;
        }
        SKERRY_CHECK(entries <= catalog::kMaxFiles && bytes <= catalog::kMaxUnpackedBytes);
    }

  private:
    bool inside(const fs::path& path) const {
        const std::string text = path.string();
        return text == folder() || text.rfind(folder() + "/", 0) == 0;
    }
    void check_entry(const fs::path& path, std::uint64_t& bytes) const {
        struct stat info {};
        SKERRY_CHECK(::lstat(path.c_str(), &info) == 0);
        if (S_ISLNK(info.st_mode)) {
            std::error_code error;  // links in a circle lead nowhere
            const auto target =
                fs::weakly_canonical(path.parent_path() / fs::read_symlink(path), error);
            SKERRY_CHECK(error || inside(target));
            return;
        }
        SKERRY_CHECK(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
        SKERRY_CHECK((info.st_mode & (S_ISUID | S_ISGID | S_ISVTX | S_IWOTH | S_IWGRP)) == 0);
        if (S_ISREG(info.st_mode)) bytes += static_cast<std::uint64_t>(info.st_size);
    }

    std::string outer_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string archive(reinterpret_cast<const char*>(data), size);
    if (!archive.empty() && archive[0] == 'R')
        archive = Recipe(std::string_view(archive).substr(1)).tar();
    else
        fix_checksums(archive);
    const Place place;
    const bool root = ::geteuid() == 0;
    if (root) (void)::setfsuid(kNobody);
    const Status unpacked = catalog::unpack(archive, place.folder());
    if (root) (void)::setfsuid(0);
    place.check();
    // Never this machine's fault: above all not EACCES, which is what an attempt to leave ends
    // with.
    if (!unpacked) {
        if (!catalog::is_archives_fault(unpacked.error()))
            (void)std::fprintf(stderr, "%d: %s\n", unpacked.error().code,
                               unpacked.error().text.c_str());
        SKERRY_CHECK(catalog::is_archives_fault(unpacked.error()));
        SKERRY_CHECK(!unpacked.error().text.empty());
        return 0;
    }
    if (!catalog::check_entry(place.folder(), {})) return 0;
    struct stat info {};
    SKERRY_CHECK(::stat((place.folder() + "/bootstrap").c_str(), &info) == 0);
    SKERRY_CHECK(S_ISREG(info.st_mode) && info.st_size > 0 && (info.st_mode & 0777) == 0755);
    return 0;
}
