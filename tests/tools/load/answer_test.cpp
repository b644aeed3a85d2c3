// Answers as they come off the wire, whole and in pieces of every size.
#include "tools/load/http/answer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skerry::load::http {
namespace {

using State = AnswerReader::State;

std::span<const std::uint8_t> bytes(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// In pieces of `piece` bytes; how many were taken.
std::size_t feed(AnswerReader& reader, const std::string& text, std::size_t piece) {
    std::size_t taken = 0;
    while (taken < text.size() && reader.state() != State::done &&
           reader.state() != State::broken) {
        const std::string next = text.substr(taken, piece);
        const std::size_t used = reader.take(bytes(next));
        taken += used;
        if (used < next.size()) break;
    }
    return taken;
}

struct Good {
    std::string text;
    int status;
    std::uint64_t body;
    bool keeps_open = true;
};

TEST(Answer, TheBodyIsComparedHoweverItComes) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    const std::string chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    for (std::size_t piece = 1; piece < 60; ++piece) {
        AnswerReader reader;
        const auto differs = [&](const std::string& answer, std::string_view expected) {
            reader.expect(expected);
            reader.begin();
            feed(reader, answer, piece);
            EXPECT_EQ(reader.state(), State::done);
            return reader.unexpected();
        };
        EXPECT_FALSE(differs(head + "hello", "hello"));
        EXPECT_TRUE(differs(head + "hellp", "hello"));
        EXPECT_TRUE(differs(head + "Hello", "hello"));
        EXPECT_TRUE(differs(head + "hello", "hello!"));
        EXPECT_TRUE(differs(head + "hello", "hell"));
        EXPECT_FALSE(differs(chunks, "hello"));
        EXPECT_TRUE(differs(chunks, "help!"));
        EXPECT_FALSE(differs(head + "hello", "")) << "nothing is expected";
    }
}

TEST(Answer, EndsWhereItEndsHoweverItComes) {
    const std::string head(9000, 'x');
    const Good answers[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 200, 3},
        {"HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", 200, 0},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, 0},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n", 304, 0},
        {"HTTP/1.1 404 Not Found\r\nConnection: a, Close\r\nCONTENT-LENGTH:\t2 \r\n\r\nno", 404, 2,
         false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, 1, false},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
         200, 1},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
         200, 15},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nA: b\r\nC: d\r\n\r\n", 200, 0},
        {"HTTP/1.1 200 OK\r\nX: " + head + "\r\nContent-Length: 1\r\n\r\nx", 200, 1},
    };
    for (const Good& good : answers)
        for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7},
                                        std::size_t{1460}, std::size_t{100000}}) {
            AnswerReader reader;
            reader.begin();
            EXPECT_FALSE(reader.begun());
            // What follows is not of it.
            EXPECT_EQ(feed(reader, good.text + "HTTP", piece), good.text.size()) << good.text;
            EXPECT_EQ(reader.state(), State::done) << good.text;
            EXPECT_EQ(reader.status(), good.status);
            EXPECT_EQ(reader.body_bytes(), good.body) << good.text;
            EXPECT_EQ(reader.keeps_open(), good.keeps_open) << good.text;
            reader.end_of_stream();
            EXPECT_EQ(reader.state(), State::done);
        }
}

TEST(Answer, BreaksWhereItCantBeReadInOneWay) {
    const std::string ok = "HTTP/1.1 200 OK\r\n",
                      chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
    const std::string answers[] = {
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2000\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        ok + "no colon\r\n\r\n",
        ok + ": no name\r\n\r\n",
        ok + "Content-Length : 1\r\n\r\nx",
        ok + "A: b\r\n folded\r\n\r\n",
        ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        ok + "Content-Length: -1\r\n\r\n",
        ok + "Content-Length: 1, 1\r\n\r\n",
        ok + "Content-Length:\r\n\r\n",
        ok + "Content-Length: 1234567890123456789\r\n\r\n",
        ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        chunked + "\r\n",
        chunked + "g\r\n",
        chunked + "1x\r\n",
        chunked + "1\n",
        chunked + "1\rx",
        chunked + "1111111111111111\r\n",
        chunked + "1\r\nxy",
        chunked + "1;" + std::string(AnswerReader::kMostLineBytes, 'e') + "\r\n",
        chunked + "0\r\n" + std::string(AnswerReader::kMostTrailerBytes + 1, 't'),
        ok + "A: " + std::string(AnswerReader::kMostHeadBytes + 8, 'h') + "\r\n\r\n",
        std::string(AnswerReader::kMostHeadBytes + 8, 'h'),
    };
    for (const std::string& text : answers)
        for (const std::size_t piece : {std::size_t{1}, std::size_t{1460}, std::size_t{100000}}) {
            AnswerReader reader;
            reader.begin();
            feed(reader, text, piece);
            EXPECT_EQ(reader.state(), State::broken) << text.substr(0, 200);
        }
}

TEST(Answer, WithoutALengthItGoesToTheEnd) {
    AnswerReader reader;
    reader.begin();
    EXPECT_EQ(feed(reader, "HTTP/1.1 200 OK\r\n\r\nabc", 5), 22u);
    EXPECT_EQ(reader.state(), State::body);
    reader.end_of_stream();
    EXPECT_EQ(reader.state(), State::done);
    EXPECT_EQ(reader.body_bytes(), 3u);
    EXPECT_FALSE(reader.keeps_open());
}

TEST(Answer, CutOffItIsBroken) {
    for (const std::string text :
         {"", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx"}) {
        AnswerReader reader;
        reader.begin();
        feed(reader, text, 100);
        reader.end_of_stream();
        EXPECT_EQ(reader.state(), State::broken) << text;
    }
}

TEST(Answer, ToHeadHasNoBody) {
    AnswerReader reader;
    reader.begin(true);
    feed(reader, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 100);
    EXPECT_EQ(reader.state(), State::done);
    reader.begin();  // the next one has
    feed(reader, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345678", 100);
    EXPECT_EQ(reader.state(), State::body);
}

}  // namespace
}  // namespace skerry::load::http
