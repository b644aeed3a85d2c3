#include "sandbox/template/smaps.hpp"

#include <string.h>
#include <sys/mman.h>

namespace skerry::snapshot {
namespace {

// What is left of a line.
struct Rest {
    const char* at;
    const char* end;

    bool take(char expected) {
        if (at == end || *at != expected) return false;
        ++at;
        return true;
    }
    void skip_blanks() {
        while (at != end && *at == ' ') ++at;
    }
    bool take_number(unsigned base, uint64_t& value) {
        const char* first = at;
        for (value = 0; at != end; ++at) {
            unsigned digit = 0;
            if (*at >= '0' && *at <= '9')
                digit = static_cast<unsigned>(*at - '0');
            else if (*at >= 'a' && *at <= 'f')
                digit = static_cast<unsigned>(*at - 'a') + 10;
            else
                break;
            if (digit >= base || value > (UINT64_MAX - digit) / base) return false;
            value = value * base + digit;
        }
        return at != first;
    }
    bool take_text(const char* text) {
        const size_t length = strlen(text);
        if (static_cast<size_t>(end - at) < length || memcmp(at, text, length) != 0) return false;
        at += length;
        return true;
    }
};

bool take_permissions(Rest& rest, Vma& vma) {
    if (rest.end - rest.at < 4) return false;
    vma.protection = 0;
    if (rest.at[0] == 'r') vma.protection |= PROT_READ;
    if (rest.at[1] == 'w') vma.protection |= PROT_WRITE;
    if (rest.at[2] == 'x') vma.protection |= PROT_EXEC;
    vma.shared = rest.at[3] == 's';
    rest.at += 4;
    return true;
}

// 55719fd5f000-55719fd60000 r--p 00000000 fe:00 10954596                   /the/path
Line take_first_line(Rest rest, Vma& vma) {
    memset(&vma, 0, sizeof vma);
    uint64_t device = 0;
    const bool good =
        rest.take_number(16, vma.start) && rest.take('-') && rest.take_number(16, vma.end) &&
        rest.take(' ') && take_permissions(rest, vma) && rest.take(' ') &&
        rest.take_number(16, vma.offset) && rest.take(' ') && rest.take_number(16, device) &&
        rest.take(':') && rest.take_number(16, device) && rest.take(' ') &&
        rest.take_number(10, vma.inode);
    if (!good || vma.end <= vma.start) {
        vma.end = 0;  // there is no area until the next first line
        return Line::malformed;
    }
    rest.skip_blanks();
    size_t length = static_cast<size_t>(rest.end - rest.at);
    vma.name_cut = length >= sizeof vma.name;
    if (vma.name_cut) length = sizeof vma.name - 1;
    memcpy(vma.name, rest.at, length);
    return Line::more;
}

// Each is a word of two letters.
Line take_traits(Rest rest, Vma& vma) {
    static constexpr struct {
        char name[3];
        uint32_t trait;
    } kKnown[] = {{"mw", kMayWrite}, {"gd", kStackLike},    {"ht", kHugetlb},    {"io", kDevice},
                  {"pf", kDevice},   {"mm", kDevice},       {"lo", kLocked},     {"wf", kWiped},
                  {"dp", kDropped},  {"dc", kNotInherited}, {"nr", kUnreserved}, {"um", kWatched},
                  {"uw", kWatched},  {"ui", kWatched},      {"ss", kShadowStack}};
    for (rest.skip_blanks(); rest.end - rest.at >= 2; rest.skip_blanks()) {
        for (const auto& known : kKnown)
            if (memcmp(rest.at, known.name, 2) == 0) vma.traits |= known.trait;
        rest.at += 2;
    }
    return Line::complete;
}

Line take_amount(Rest rest, uint64_t& kib) {
    rest.skip_blanks();
    uint64_t more = 0;
    if (!rest.take_number(10, more) || more > UINT64_MAX / 2 || kib > UINT64_MAX / 2)
        return Line::malformed;
    kib += more;
    return Line::more;
}

}  // namespace

Line take_line(const char* line, size_t length, Vma& vma) {
    Rest rest{line, line + length};
    // Names of values begin with a capital, addresses are in small letters.
    if (length == 0) return Line::malformed;
    if (line[0] < 'A' || line[0] > 'Z') return take_first_line(rest, vma);
    if (vma.end == 0) return Line::malformed;
    if (rest.take_text("Rss:")) return take_amount(rest, vma.present_kib);
    if (rest.take_text("Anonymous:")) return take_amount(rest, vma.anonymous_kib);
    if (rest.take_text("Swap:")) {
        if (take_amount(rest, vma.present_kib) != Line::more) return Line::malformed;
        return take_amount(rest, vma.anonymous_kib);
    }
    if (rest.take_text("VmFlags:")) return take_traits(rest, vma);
    return Line::more;
}

}  // namespace skerry::snapshot
