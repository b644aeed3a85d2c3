#include "dataplane/classify/normal.hpp"

#include <bit>
#include <cstring>

#ifdef __SSSE3__
#include <tmmintrin.h>
#endif

namespace skerry::classify {
namespace {

constexpr bool plain(unsigned char c) {
    if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) return true;
    for (const char mark : std::string_view("-._~!$&'()*+,;=:@"))
        if (c == static_cast<unsigned char>(mark)) return true;
    return false;
}

// 0xHL is plain if bit H of kLow[L] is set; no byte above 0x7f is.
constexpr std::array<std::uint8_t, 16> kLow = [] {
    std::array<std::uint8_t, 16> low{};
    for (unsigned c = 0; c < 128; ++c)
        if (plain(static_cast<unsigned char>(c)) || c == '/')
            low[c & 15] = static_cast<std::uint8_t>(low[c & 15] | 1u << (c >> 4));
    return low;
}();

constexpr std::array<bool, 256> kPlain = [] {
    std::array<bool, 256> made{};
    for (unsigned c = 0; c < 256; ++c) made[c] = plain(static_cast<unsigned char>(c));
    return made;
}();

bool is_normal_plainly(std::string_view raw, char previous) {
    bool fine = true;
    for (const char c : raw) {
        fine &= kPlain[static_cast<unsigned char>(c)] || c == '/';
        // A segment that begins with a dot may be a dot segment; one with ";" may hide one.
        fine &= !(previous == '/' && (c == '/' || c == '.')) && c != ';';
        previous = c;
    }
    return fine;
}

#ifdef __SSSE3__
// Whether it surely is its own normal form, 16 bytes at a time.
bool is_normal(std::string_view raw) {
    if (raw.size() < 16) return is_normal_plainly(raw.substr(1), '/');
    const __m128i low_table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kLow.data()));
    const __m128i bit_table =
        _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, static_cast<char>(0x80), 0, 0, 0, 0, 0, 0, 0, 0);
    std::uint32_t carry = 0, bad = 0;
    // The last step overlaps the one before: nothing beyond the text is read.
    for (std::size_t at = 0; at < raw.size();) {
        const std::size_t from = at + 16 <= raw.size() ? at : raw.size() - 16;
        if (from != at) carry = raw[from - 1] == '/' ? 1 : 0;
        const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(raw.data() + from));
        const __m128i high = _mm_and_si128(_mm_srli_epi16(text, 4), _mm_set1_epi8(0x0f));
        const __m128i in_class =
            _mm_and_si128(_mm_shuffle_epi8(low_table, text), _mm_shuffle_epi8(bit_table, high));
        const auto mask = [](__m128i set) {
            return static_cast<std::uint32_t>(_mm_movemask_epi8(set));
        };
        const std::uint32_t slashes = mask(_mm_cmpeq_epi8(text, _mm_set1_epi8('/')));
        const std::uint32_t dots = mask(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
        const std::uint32_t behind_slash = (slashes << 1 | carry) & 0xffff;
        bad |= mask(_mm_cmpeq_epi8(in_class, _mm_setzero_si128()));
        bad |= behind_slash & (slashes | dots);
        bad |= mask(_mm_cmpeq_epi8(text, _mm_set1_epi8(';')));
        carry = slashes >> 15;
        at = from + 16;
    }
    return bad == 0;
}
#else
bool is_normal(std::string_view raw) {
    return is_normal_plainly(raw.substr(1), '/');
}
#endif

// What a second decoder, or one that cuts at more than slashes, could take for a dot segment. Of a
// segment in its normal form.
bool hides_dots(std::string_view segment) {
    bool cut = false, dots = false;
    std::size_t part = 0;  // bytes since the last cut; only dots so far if `only`
    bool only = true;
    const auto end_part = [&] {
        dots |= only && (part == 1 || part == 2);
        part = 0;
        only = true;
    };
    for (std::size_t i = 0; i < segment.size(); ++i) {
        const bool escaped = segment.substr(i, 3) == "%2F" || segment.substr(i, 3) == "%5C";
        if (escaped || segment[i] == ';') {
            cut = true;
            end_part();
            if (escaped) i += 2;
            continue;
        }
        only &= segment[i] == '.';
        ++part;
    }
    end_part();
    return cut && dots;
}

// Writes segments as they come; knows where the last one began.
class Writer {
  public:
    explicit Writer(PathBuffer buffer) : buffer_(buffer) { buffer_[size_++] = '/'; }

    bool put(unsigned char c) {
        static constexpr char kDigits[] = "0123456789ABCDEF";
        if (kPlain[c]) {
            if (size_ + 1 > buffer_.size()) return false;
            buffer_[size_++] = static_cast<char>(c);
            return true;
        }
        if (size_ + 3 > buffer_.size()) return false;
        buffer_[size_++] = '%';
        buffer_[size_++] = kDigits[c >> 4];
        buffer_[size_++] = kDigits[c & 15];
        return true;
    }
    // `slash`: another segment follows.
    Fault end_segment(bool slash) {
        const std::string_view segment(&buffer_[begin_], size_ - begin_);
        if (segment == ".") {
            size_ = begin_;
        } else if (segment == "..") {
            if (begin_ == 1) return Fault::above_root;
            size_ = begin_ - 1;
            while (buffer_[size_ - 1] != '/') --size_;
            begin_ = size_;
        } else if (!segment.empty()) {
            if (hides_dots(segment)) return Fault::hidden_dots;
            if (slash) {
                if (size_ + 1 > buffer_.size()) return Fault::too_long;
                buffer_[size_++] = '/';
                begin_ = size_;
            }
        }
        return Fault::none;
    }
    std::string_view text() const { return {buffer_.data(), size_}; }

  private:
    PathBuffer buffer_;
    std::size_t size_ = 0;
    std::size_t begin_ = 1;
};

Fault rewrite(std::string_view raw, Writer& out) {
    for (std::size_t i = 1; i < raw.size(); ++i) {
        auto c = static_cast<unsigned char>(raw[i]);
        if (c == '/') {
            const Fault fault = out.end_segment(true);
            if (fault != Fault::none) return fault;
            continue;
        }
        if (c == '%') {
            if (i + 2 >= raw.size()) return Fault::bad_escape;
            const int high = hex_digit(raw[i + 1]), low = hex_digit(raw[i + 2]);
            if (high < 0 || low < 0) return Fault::bad_escape;
            c = static_cast<unsigned char>(high << 4 | low);
            i += 2;
        }
        if (c == 0) return Fault::nul;
        if (!out.put(c)) return Fault::too_long;
    }
    return out.end_segment(false);
}

bool is_host_byte(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

// Labels of a name: none empty, none too long.
bool is_name(std::string_view name) {
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.') {
            if (label == 0) return false;
            label = 0;
        } else if (!is_host_byte(static_cast<unsigned char>(c)) || ++label > kLabelBytesMax) {
            return false;
        }
    }
    return label != 0;
}

bool is_bracketed(std::string_view host) {
    if (host.size() < 4 || host.back() != ']') return false;
    for (const char c : host.substr(1, host.size() - 2))
        if (hex_digit(c) < 0 && c != ':' && c != '.') return false;
    return true;
}

}  // namespace

std::string_view text_of(Fault fault) {
    switch (fault) {
        case Fault::none:
            return "";
        case Fault::bad_escape:
            return "the path has a percent sign without two hexadecimal digits";
        case Fault::nul:
            return "the path has a NUL";
        case Fault::above_root:
            return "the path leads above its root";
        case Fault::hidden_dots:
            return "the path hides a dot segment";
        case Fault::too_long:
            return "the path is too long";
        case Fault::bad_host:
            return "the host is no name and no address";
    }
    return "";
}

bool is_plain(unsigned char c) {
    return kPlain[c];
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

Fault normalise_path(std::string_view raw, PathBuffer buffer, std::string_view& normal) {
    if (raw.size() <= kPathBytesMax && is_normal(raw)) [[likely]] {
        normal = raw;
        return Fault::none;
    }
    Writer out(buffer);
    const Fault fault = rewrite(raw, out);
    normal = fault == Fault::none ? out.text() : std::string_view{};
    return fault;
}

Fault normalise_host(std::string_view authority, HostBuffer buffer, std::string_view& normal) {
    normal = {};
    std::string_view host = authority;
    const bool bracketed = !host.empty() && host[0] == '[';
    const std::size_t end = bracketed ? host.find(']') : std::string_view::npos;
    const std::size_t colon = host.find(':', end == std::string_view::npos ? 0 : end);
    if (colon != std::string_view::npos) {
        if (host.substr(colon + 1).find_first_not_of("0123456789") != std::string_view::npos)
            return Fault::bad_host;
        host = host.substr(0, colon);
    }
    if (host.empty()) return authority.empty() ? Fault::none : Fault::bad_host;
    if (host.back() == '.' && !bracketed) host.remove_suffix(1);
    if (host.size() > kHostBytesMax) return Fault::bad_host;
    bool lower = true;
    for (std::size_t i = 0; i < host.size(); ++i) {
        const char c = host[i];
        const bool capital = c >= 'A' && c <= 'Z';
        lower &= !capital;
        buffer[i] = capital ? static_cast<char>(c | 0x20) : c;
    }
    const std::string_view made = lower ? host : std::string_view(buffer.data(), host.size());
    if (bracketed ? !is_bracketed(made) : !is_name(made)) return Fault::bad_host;
    normal = made;
    return Fault::none;
}

}  // namespace skerry::classify
