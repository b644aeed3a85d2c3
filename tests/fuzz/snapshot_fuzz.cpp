// Any bytes as the tables of a snapshot: refused with a text, or every area is where the restorer
// may put one. And any bytes as /proc/self/smaps: the kernel's, but the parser need not believe
// that.
#include <cstdint>
#include <cstring>
#include <vector>

#include "sandbox/base/check.hpp"
#include "sandbox/template/check.hpp"
#include "sandbox/template/smaps.hpp"

namespace {

using namespace skerry::snapshot;
using Wide = unsigned __int128;

constexpr std::uint64_t kFileBytes = std::uint64_t{64} << 20;

struct Filled {
    Header header{};
    std::vector<File> files = std::vector<File>(kFilesMax);
    std::vector<Area> areas = std::vector<Area>(kAreasMax);
};

// The header, some files, and areas up to the end.
void fill(Filled& tables, const std::uint8_t* data, std::size_t size) {
    const auto take = [&](void* to, std::size_t bytes) {
        const std::size_t some = size < bytes ? size : bytes;
        std::memcpy(to, data, some);
        data += some;
        size -= some;
    };
    take(&tables.header, sizeof tables.header);
    for (std::size_t i = 0; i < 2 && i < tables.header.file_count; ++i)
        take(&tables.files[i], sizeof(File));
    for (std::size_t i = 0; i < kAreasMax && size > 0; ++i) take(&tables.areas[i], sizeof(Area));
}

void check_range(Wide start, Wide bytes) {
    SKERRY_CHECK(start >= kReservedEnd && start + bytes <= kAddressEnd && bytes > 0);
    SKERRY_CHECK(start % kPageBytes == 0 && bytes % kPageBytes == 0);
}

void check_area(const Filled& tables, const Area& area, Wide& end, const Area*& mapping) {
    check_range(area.start, area.bytes);
    SKERRY_CHECK(area.protection <= 7);
    if (area.kind == AreaKind::data || area.kind == AreaKind::fill)
        SKERRY_CHECK(area.offset >= kDataOffset && area.offset % kPageBytes == 0 &&
                     Wide{area.offset} + area.bytes <= kFileBytes);
    if (area.kind == AreaKind::file) {
        SKERRY_CHECK(area.file < tables.header.file_count && area.file < kFilesMax);
        const File& file = tables.files[area.file];
        SKERRY_CHECK(file.path[0] == '/' && std::memchr(file.path, 0, sizeof file.path) != nullptr);
    }
    if (area.kind == AreaKind::fill) {
        SKERRY_CHECK(mapping != nullptr && mapping->kind == AreaKind::zero);
        SKERRY_CHECK((mapping->protection & 2) != 0 && area.start >= mapping->start);
        SKERRY_CHECK(Wide{area.start} + area.bytes <= end);
        return;
    }
    SKERRY_CHECK(area.start >= end);
    end = Wide{area.start} + area.bytes;
    mapping = &area;
}

void try_tables(const std::uint8_t* data, std::size_t size) {
    static Filled tables;
    static std::size_t dirty = 0;  // areas of the input before
    tables.header = {};
    for (std::size_t i = 0; i < 2; ++i) tables.files[i] = {};
    for (std::size_t i = 0; i < dirty; ++i) tables.areas[i] = {};
    dirty = size / sizeof(Area) + 1;
    fill(tables, data, size);
    const char* wrong =
        flaw({&tables.header, tables.files.data(), tables.areas.data()}, kFileBytes);
    if (wrong != nullptr) {
        SKERRY_CHECK(*wrong != '\0');
        return;
    }
    SKERRY_CHECK(tables.header.magic == kMagic && tables.header.special_count <= kSpecialMax);
    for (std::uint32_t i = 0; i < tables.header.special_count; ++i) {
        const Special& area = tables.header.special[i];
        check_range(area.start, area.bytes);
        SKERRY_CHECK(area.start - tables.header.special[0].start + area.bytes <= kSpecialBytesMax);
    }
    Wide end = 0;
    const Area* mapping = nullptr;
    for (std::uint32_t i = 0; i < tables.header.area_count; ++i)
        check_area(tables, tables.areas[i], end, mapping);
}

void try_smaps(const std::uint8_t* data, std::size_t size) {
    Vma vma{};
    const char* text = reinterpret_cast<const char*>(data);
    while (size > 0) {
        const auto* newline = static_cast<const char*>(std::memchr(text, '\n', size));
        const std::size_t length =
            newline == nullptr ? size : static_cast<std::size_t>(newline - text);
        if (take_line(text, length, vma) == Line::complete) SKERRY_CHECK(vma.end > vma.start);
        SKERRY_CHECK(std::memchr(vma.name, 0, sizeof vma.name) != nullptr && vma.protection <= 7);
        if (newline == nullptr) return;
        text += length + 1;
        size -= length + 1;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Texts begin with an address or a name, snapshots with their magic number.
    if (size > 0 && data[0] == 't')
        try_smaps(data + 1, size - 1);
    else
        try_tables(data, size);
    return 0;
}
