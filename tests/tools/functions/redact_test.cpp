#include <gtest/gtest.h>

#include "tools/functions/redact/scanner.hpp"

namespace skerry::functions {
namespace {

TEST(Redact, Emails) {
    EXPECT_EQ(redact("a@b.cc"), "[EMAIL]");
    EXPECT_EQ(redact("<first.last+tag@mail.example.co.uk>,"), "<[EMAIL]>,");
    EXPECT_EQ(redact("Write to o'neil@example.org."), "Write to [EMAIL].");
    EXPECT_EQ(redact("4111111111111111@example.org"), "[EMAIL]");
    for (const char* text :
         {"a@b", "@example.org", "a @ b.cc", "user@host.1", "a@-x.org", "twitter @ada"})
        EXPECT_EQ(redact(text), text);
}

TEST(Redact, Ibans) {
    EXPECT_EQ(redact("DE89370400440532013000"), "[IBAN]");
    EXPECT_EQ(redact("to GB29 NWBK 6016 1331 9268 19, now"), "to [IBAN], now");
    EXPECT_EQ(redact("NL91ABNA0417164300."), "[IBAN].");
    EXPECT_EQ(redact("FR14 2004 1010 0505 0001 3M02 606"), "[IBAN]");
    EXPECT_EQ(redact("MT84MALT011000012345MTLCAST001S"), "[IBAN]");
    for (const char* text :
         {"DE89370400440532013001", "DE8937040044053201300", "DE893704004405320130000",
          "XX89370400440532013000", "DE893 7040 0440 5320 1300 0", "XDE89370400440532013000"})
        EXPECT_EQ(redact(text), text);
}

TEST(Redact, Cards) {
    EXPECT_EQ(redact("4111111111111111"), "[CARD]");
    EXPECT_EQ(redact("card 4111-1111-1111-1111 ok"), "card [CARD] ok");
    EXPECT_EQ(redact("3782 822463 10005"), "[CARD]");
    EXPECT_EQ(redact("5555 5555 5555 4444"), "[CARD]");
    for (const char* text :
         {"4111111111111112", "411111111111", "1111111111111117", "x4111111111111111"})
        EXPECT_EQ(redact(text), text);
}

TEST(Redact, Addresses) {
    EXPECT_EQ(redact("from 192.168.0.1:80"), "from [IPV4]:80");
    EXPECT_EQ(redact("255.255.255.255."), "[IPV4].");
    for (const char* text :
         {"256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "v1.2.3.4x", "1.2.3.4a"})
        EXPECT_EQ(redact(text), text);
}

TEST(Redact, Phones) {
    EXPECT_EQ(redact("+49 30 1234567"), "[PHONE]");
    EXPECT_EQ(redact("call +1 (555) 123-4567!"), "call [PHONE]!");
    EXPECT_EQ(redact("0049/30/1234567"), "[PHONE]");
    EXPECT_EQ(redact("555-123-4567 or (555) 123-4567"), "[PHONE] or [PHONE]");
    EXPECT_EQ(redact("+44 20 7946 0958."), "[PHONE].");
    for (const char* text : {"+1", "+123456", "2024-01-02", "1 + 1234567", "555-123-456",
                             "5555-123-4567", "+1234567890123456"})
        EXPECT_EQ(redact(text), text);
}

TEST(Redact, OrdinaryTextStays) {
    for (const char* text : {"", "Order 12345 of 2024-11-24 10:20:30 costs 1,234.56 EUR.",
                             "std::vector<int> v[10];", "https://example.org/a/b?c=1#2",
                             "version 1.2.3, build 20241124", "Grüße aus Köln \xff\xfe"})
        EXPECT_EQ(redact(text), text);
}

// Each kind's look-ahead is bounded: text made to be looked at again and again costs no more than
// its length. Without the bound this takes minutes, and the test's time limit ends it.
TEST(Redact, NoTextIsSlow) {
    for (const char* piece : {"a.", "1 ", "1-", "a@", "+1 ", "DE89 ", "a@b.", "(5", "a-", "1."}) {
        std::string text;
        while (text.size() < (1u << 20)) text += piece;
        EXPECT_FALSE(redact(text).empty());
    }
}

}  // namespace
}  // namespace skerry::functions
