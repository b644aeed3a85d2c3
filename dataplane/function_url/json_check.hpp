// Whether a payload is JSON (RFC 8259): one value, white space around it, UTF-8. It is looked at as
// it comes, in pieces of any length, and nothing of it is kept but where in the grammar it is.
//
// No deeper than kDepthMax arrays and objects: what is deeper is taken for no JSON. A \u escape of
// half a surrogate pair is one, as the grammar has it (§7); the runtimes' own readers take them,
// too. Pure; no heap; plain text of a string is passed over eight bytes at a time.
#pragma once

#include <cstdint>
#include <string_view>

namespace skerry::function_url {

class JsonCheck {
  public:
    static constexpr std::uint32_t kDepthMax = 64;

    // False: it is none, whatever comes.
    bool take(std::string_view piece);
    // What was taken is a whole value.
    bool complete() const;

  private:
    enum class State : std::uint8_t {
        value,       // one must come
        first_item,  // behind "[": or its end
        first_name,  // behind "{": or its end
        name,        // behind "," of an object
        colon,
        after,  // behind a value: what its container goes on with, or nothing
        string,
        escape,
        hex,        // of \u: left_ digits
        multibyte,  // of UTF-8: left_ bytes, the next of them within least_ … most_
        word,       // true, false, null: at_ of word_
        minus,
        zero,
        integer,
        point,
        fraction,
        exponent,
        exponent_sign,
        exponent_digits,
        wrong,
    };

    void step(unsigned char c);
    void structure(unsigned char c);
    void begin(unsigned char c);
    void begin_word(std::uint8_t word);
    void in_word(unsigned char c);
    void in_number(unsigned char c);
    void in_string(unsigned char c);
    void in_escape(unsigned char c);
    void in_multibyte(unsigned char c);
    void expect(std::uint8_t bytes, std::uint8_t least, std::uint8_t most);
    void begin_string(bool is_name);
    void open(bool object);
    void close(bool object);
    bool in_object() const { return depth_ != 0 && (objects_ >> (depth_ - 1) & 1) != 0; }

    std::uint64_t objects_ = 0;  // bit d: what is d deep is an object, else an array
    State state_ = State::value;
    std::uint8_t depth_ = 0;
    bool is_name_ = false;
    std::uint8_t left_ = 0;
    std::uint8_t least_ = 0, most_ = 0;
    std::uint8_t word_ = 0, at_ = 0;
};
static_assert(sizeof(JsonCheck) == 16);  // of every connection there is one

}  // namespace skerry::function_url
