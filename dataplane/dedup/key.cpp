#include "dataplane/dedup/key.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/auth/sha256.hpp"

namespace skerry::dedup {
namespace {

bool is_visible(char c) {
    return c > ' ' && c < 0x7f;
}

template <typename Number>
void put(auth::Sha256& hash, Number number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    hash.update({bytes, sizeof bytes});
}

// With its length before it: what follows can't be taken for a part of it.
void put_text(auth::Sha256& hash, std::string_view text) {
    put(hash, static_cast<std::uint32_t>(text.size()));
    hash.update(text);
}

Key first_of(const auth::Digest& digest) {
    Key key;
    std::memcpy(&key.hi, digest.data(), sizeof key.hi);
    std::memcpy(&key.lo, digest.data() + sizeof key.hi, sizeof key.lo);
    return key;
}

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Of what one client sends under one id: it need not withstand anybody, and a payload of some MiB
// must not take SHA-256's time. wyhash's multiplication, two words at once; the pieces of a chain
// are joined.
class PayloadHash {
  public:
    void update(const char* bytes, std::uint32_t count) {
        while (count != 0) {
            const std::uint32_t take = std::min(count, kBlock - held_);
            if (held_ == 0 && take == kBlock) {
                mix(bytes);
            } else {
                std::memcpy(block_.data() + held_, bytes, take);
                held_ = (held_ + take) % kBlock;
                if (held_ == 0) mix(block_.data());
            }
            bytes += take;
            count -= take;
        }
    }
    Key finish() {
        std::fill(block_.begin() + held_, block_.end(), '\0');
        mix(block_.data());
        return {a_, b_};
    }

  private:
    static constexpr std::uint32_t kBlock = 32;
    void mix(const char* block) {
        std::uint64_t word[4];
        std::memcpy(word, block, sizeof word);
        a_ = fold(a_ ^ word[0], word[1] ^ 0xa0761d6478bd642full);
        b_ = fold(b_ ^ word[2], word[3] ^ 0xe7037ed1a0b428dbull);
    }

    std::uint64_t a_ = 0x8ebc6af09c88c6e3ull, b_ = 0x589965cc75374cc3ull;
    std::uint32_t held_ = 0;
    std::array<char, kBlock> block_;
};

}  // namespace

bool is_id(std::string_view text) {
    return !text.empty() && text.size() <= kIdBytesMax &&
           std::all_of(text.begin(), text.end(), is_visible);
}

Key key_of(const Attempt& attempt) {
    auth::Sha256 hash = auth::Sha256::begin();
    hash.update(attempt.access_key.empty() ? "skerry retry 1 address"
                                           : "skerry retry 1 access key");
    put_text(hash, attempt.access_key.empty() ? attempt.address : attempt.access_key);
    put(hash, attempt.function_key);
    put(hash, attempt.qualifier);
    put(hash, static_cast<std::uint8_t>(attempt.wants_tail));
    put(hash, attempt.context_bytes);
    put(hash, static_cast<std::uint8_t>(attempt.later));
    for (const std::string_view part : attempt.target) put_text(hash, part);
    put_text(hash, attempt.id);
    return first_of(hash.finish());
}

Key with_payload(const Key& key, const rte_mbuf* chain, std::uint32_t skip, std::uint32_t bytes) {
    PayloadHash payload;
    for (std::uint32_t left = bytes; chain != nullptr && left != 0; chain = chain->next) {
        const std::uint32_t passed = std::min<std::uint32_t>(skip, chain->data_len);
        skip -= passed;
        const std::uint32_t piece = std::min<std::uint32_t>(left, chain->data_len - passed);
        payload.update(rte_pktmbuf_mtod_offset(chain, const char*, passed), piece);
        left -= piece;
    }
    const Key of_payload = payload.finish();
    auth::Sha256 hash = auth::Sha256::begin();
    put(hash, key.hi);
    put(hash, key.lo);
    put(hash, bytes);
    put(hash, of_payload.hi);
    put(hash, of_payload.lo);
    return first_of(hash.finish());
}

}  // namespace skerry::dedup
