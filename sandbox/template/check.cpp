#include "sandbox/template/check.hpp"

namespace skerry::snapshot {
namespace {

constexpr uint16_t kAllProtection = 7;  // PROT_READ | PROT_WRITE | PROT_EXEC
constexpr uint16_t kWritable = 2;       // PROT_WRITE
constexpr uint64_t kFileOffsetMax = uint64_t{1} << 60;

bool whole_pages(uint64_t number) {
    return number % kPageBytes == 0;
}

bool is_range(uint64_t start, uint64_t bytes) {
    return whole_pages(start) && whole_pages(bytes) && bytes != 0 && start >= kReservedEnd &&
           start < kAddressEnd && bytes <= kAddressEnd - start;
}

bool in_file(const Area& area, uint64_t file_bytes) {
    return whole_pages(area.offset) && area.offset >= kDataOffset && area.offset <= file_bytes &&
           area.bytes <= file_bytes - area.offset;
}

bool is_absolute_text(const File& file) {
    if (file.path[0] != '/') return false;
    for (const char c : file.path)
        if (c == '\0') return true;
    return false;
}

const char* flaw_of_special(const Header& header) {
    if (header.special_count > kSpecialMax) return "too many special areas";
    if (header.special_count != 0 && header.vdso_index >= header.special_count)
        return "no such special area";
    uint64_t end = 0;
    for (uint32_t i = 0; i < header.special_count; ++i) {
        const Special& area = header.special[i];
        if (!is_range(area.start, area.bytes) || area.start < end)
            return "a special area is out of place";
        end = area.start + area.bytes;
    }
    if (header.special_count != 0 && end - header.special[0].start > kSpecialBytesMax)
        return "special areas are too large or too far apart";
    return nullptr;
}

const char* flaw_of_mapping(const Header& header, const Area& area, uint64_t file_bytes) {
    if (area.kind != AreaKind::zero && area.flags != 0) return "flags of an area that has none";
    if (area.kind == AreaKind::data && !in_file(area, file_bytes))
        return "contents outside of the snapshot";
    if (area.kind == AreaKind::file && (area.file >= header.file_count ||
                                        !whole_pages(area.offset) || area.offset > kFileOffsetMax))
        return "no such file, or no such place in it";
    for (uint32_t i = 0; i < header.special_count; ++i)
        if (area.start < header.special[i].start + header.special[i].bytes &&
            header.special[i].start < area.start + area.bytes)
            return "an area covers a special one";
    return nullptr;
}

bool fills(const Area& area, const Area* mapping, uint64_t file_bytes) {
    return mapping != nullptr && mapping->kind == AreaKind::zero &&
           (mapping->protection & kWritable) != 0 && in_file(area, file_bytes) &&
           area.start >= mapping->start &&
           area.start + area.bytes <= mapping->start + mapping->bytes && area.flags == 0;
}

}  // namespace

const char* flaw(const Tables& tables, uint64_t file_bytes) {
    const Header& header = *tables.header;
    if (header.magic != kMagic || header.version != kVersion) return "not a finished snapshot";
    if (header.file_count > kFilesMax || header.area_count > kAreasMax) return "too many areas";
    if (header.context.mxcsr > 0xffff) return "control bits that no processor has";
    if (const char* wrong = flaw_of_special(header); wrong != nullptr) return wrong;
    for (uint32_t i = 0; i < header.file_count; ++i)
        if (!is_absolute_text(tables.files[i])) return "a path is none";
    const Area* mapping = nullptr;  // the last area that was one
    for (uint32_t i = 0; i < header.area_count; ++i) {
        const Area& area = tables.areas[i];
        if (area.kind > AreaKind::fill || (area.protection & ~kAllProtection) != 0 ||
            (area.flags & ~kAllFlags) != 0 || !is_range(area.start, area.bytes))
            return "an area is out of place";
        if (area.kind == AreaKind::fill) {
            if (!fills(area, mapping, file_bytes)) return "contents without a place";
            continue;
        }
        if (mapping != nullptr && area.start < mapping->start + mapping->bytes)
            return "areas overlap";
        if (const char* wrong = flaw_of_mapping(header, area, file_bytes); wrong != nullptr)
            return wrong;
        mapping = &area;
    }
    return nullptr;
}

}  // namespace skerry::snapshot
