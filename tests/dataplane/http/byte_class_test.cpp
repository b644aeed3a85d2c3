// The vectorised scans against the plain ones: every byte, at every place, in every length.
#include "dataplane/http/byte_class.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skerry::http {
namespace {

TEST(ByteClass, ScansAgreeWithThePlainOnes) {
    for (const ByteClass& of_class : {kToken, kTarget, kHost}) {
        for (std::size_t length = 0; length < 70; ++length) {
            // Exactly as long as it is said to be: AddressSanitizer sees who reads beyond.
            std::vector<char> text(length, 'a');
            EXPECT_EQ(leading(of_class, text.data(), length), length);
            for (std::size_t place = 0; place < length; ++place) {
                for (int byte = 0; byte < 256; ++byte) {
                    text[place] = static_cast<char>(byte);
                    ASSERT_EQ(leading(of_class, text.data(), length),
                              leading_plain(of_class, text.data(), length))
                        << byte << " at " << place << " of " << length;
                    ASSERT_EQ(before_control(text.data(), length),
                              before_control_plain(text.data(), length))
                        << byte << " at " << place << " of " << length;
                }
                text[place] = 'a';
            }
        }
    }
}

TEST(ByteClass, ClassesAreThoseOfTheRfcs) {
    for (int byte = 0; byte < 256; ++byte) {
        const auto c = static_cast<unsigned char>(byte);
        const bool separator =
            std::string("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) != std::string::npos;
        EXPECT_EQ(kToken.has(c), c > 0x20 && c < 0x7f && !separator) << byte;
        const char one = static_cast<char>(c);
        EXPECT_EQ(before_control_plain(&one, 1) == 0, (c < 0x20 && c != 9) || c == 0x7f) << byte;
    }
}

}  // namespace
}  // namespace skerry::http
