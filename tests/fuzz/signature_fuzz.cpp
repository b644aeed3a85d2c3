// Any bytes as a signature, and as the file of a key: refused, or the same again; never trusted.
#include <cstdint>
#include <string_view>

#include "control/signing/trust.hpp"
#include "sandbox/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry::signing;
    static const PrivateKey key = PrivateKey::make().value();
    static const PublicKey open = key.public_key().value();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)PublicKey::parse(text);
    const auto signature = parse(text);
    if (!signature) return 0;
    SKERRY_CHECK(render(*signature) == text);
    const Statement statement{"f", std::string(64, 'a'), "native", "", ""};
    // Nobody has the key that was made just now.
    SKERRY_CHECK(!open.verifies(text_of(statement), *signature));
    return 0;
}
