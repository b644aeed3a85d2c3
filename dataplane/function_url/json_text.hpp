// Texts as JSON strings (RFC 8259 §7), handed on in pieces as they are made. What is no UTF-8
// becomes U+FFFD, so that what comes out always is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skerry::function_url {

// Takes what was made. False: it can't take any more, and nothing further counts.
class Sink {
  public:
    virtual bool put(std::string_view text) = 0;

  protected:
    ~Sink() = default;
};

// Gathers short pieces for a sink.
class JsonWriter {
  public:
    explicit JsonWriter(Sink& sink) : sink_(sink) {}
    JsonWriter& operator<<(std::string_view text);
    JsonWriter& operator<<(char c) { return *this << std::string_view(&c, 1); }
    JsonWriter& operator<<(std::uint64_t number);
    // With its quotes.
    JsonWriter& string(std::string_view text);
    // The rest goes to the sink; false: not everything did.
    bool flush();

  private:
    Sink& sink_;
    std::array<char, 512> bytes_;
    std::size_t size_ = 0;
    bool good_ = true;
};

// The inside of one string, in any pieces: a character may be cut.
struct Utf8State {
    std::array<std::uint8_t, 3> begun{};  // of a character that is not whole yet
    std::uint8_t count = 0;
    bool operator==(const Utf8State&) const = default;
};
void escape(JsonWriter& out, Utf8State& state, std::string_view piece);
void escape_end(JsonWriter& out, Utf8State& state);

}  // namespace skerry::function_url
