#include "control/base64/base64.hpp"

#include <gtest/gtest.h>

namespace skerry {
namespace {

// RFC 4648 §10.
TEST(Base64, ReadsAndWritesTheVectorsOfItsRfc) {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(base64_decoded(text), bytes);
    }
}

TEST(Base64, TakesEveryByteThereIs) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    for (std::size_t from = 0; from < 4; ++from)
        EXPECT_EQ(base64_decoded(base64(all.substr(from))), all.substr(from));
}

TEST(Base64, RefusesWhatItNeverWrites) {
    for (const char* text :
         {"Z", "Zg", "Zg=", "Zg===", "====", "=Zg=", "Zh==", "Zm9=", "Zm9v=", "Zg==Zg==", "Z g=",
          "Zg==\n", " Zg==", "    ", "  ==", "\n\n\n\n", "Zm-_"})
        EXPECT_FALSE(base64_decoded(text)) << text;
    EXPECT_FALSE(base64_decoded(std::string("Zm\0v", 4)));
}

}  // namespace
}  // namespace skerry
