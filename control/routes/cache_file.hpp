// Files that are found by the hash of what they were made of, and believed only if they are whole.
// Control thread.
//
// A file: a CacheHeader, then the payload. Written beside its name and moved there, so that nobody
// finds half of one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace skerry::routes {

// SHA-256 of texts, each with its length before it, in 64 hexadecimal digits.
class Digest {
  public:
    Digest();
    ~Digest();
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    void add(std::string_view text);
    std::string finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

struct CacheHeader {
    std::array<char, 8> magic = {'S', 'K', 'R', 'O', 'U', 'T', 'E', '1'};
    std::array<char, 64> key{};     // the file's name
    std::array<char, 64> digest{};  // of the payload
    std::uint64_t payload_bytes = 0;
};
static_assert(sizeof(CacheHeader) == 144);

inline constexpr std::uint64_t kCachePayloadBytesMax = 512ull << 20;

enum class CacheRead : std::uint8_t {
    whole,
    missing,
    refused,  // another's, or writable by others, or not what it says it is
};
CacheRead read_cache_file(const std::string& folder, const std::string& key, std::string& payload);

// Makes the folder if need be. What can't be written is not kept: nothing depends on it.
void write_cache_file(const std::string& folder, const std::string& key, std::string_view payload);

// Removes files that are not `used`, the oldest first, until at most `keep` of them are left.
void sweep_cache_files(const std::string& folder, const std::vector<std::string>& used,
                       std::size_t keep);

}  // namespace skerry::routes
