// Targets by the names that people use. The table is built by the control thread from names it has
// validated; what is looked up in it is a stranger's text, which can make a lookup miss but not
// long: the longest run of cells is known.
#include <algorithm>
#include <bit>

#include "dataplane/snapshot/snapshot.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

// FNV-1a, then a finalizer: names are short, and nobody but the operator chooses what is in here.
std::uint64_t mix(std::uint64_t x, std::string_view text) {
    for (const char c : text) x = (x ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    return x;
}

std::uint64_t name_hash(std::string_view function, std::string_view qualifier) {
    // ':' is in no name, so no two pairs are one text.
    const std::uint64_t x = mix(mix(mix(0xcbf29ce484222325ull, function), ":"), qualifier);
    return (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
}

bool hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

std::uint64_t key_of_digits(std::string_view digits) {
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < Snapshot::kVersionDigitsMin; ++i) {
        const char c = digits[i];
        key = key << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return key == 0 ? 1 : key;  // as catalog::version_key()
}

}  // namespace

void Snapshot::add_names(const std::vector<Target>& targets) {
    SKERRY_CHECK(names_.size() == targets.size());
    name_of_cell_.resize(cells_.size(), kNoEntry);
    name_cells_.resize(std::bit_ceil(std::max<std::size_t>(8, names_.size() * 2)));
    const std::size_t mask = name_cells_.size() - 1;
    for (std::uint32_t n = 0; n < names_.size(); ++n) {
        const Target* cell = find(targets[n].function_key, targets[n].qualifier);
        SKERRY_CHECK(cell != nullptr);
        const auto index = static_cast<std::uint32_t>(cell - cells_.data());
        name_of_cell_[index] = n;
        const std::uint64_t hash = name_hash(names_[n].function, names_[n].qualifier);
        std::uint32_t probes = 0;
        while (name_cells_[(hash + probes) & mask].name != kNoEntry) ++probes;
        name_cells_[(hash + probes) & mask] = {hash, index, n};
        longest_name_probe_ = std::max(longest_name_probe_, probes);
    }
}

const Target* Snapshot::find_exactly(std::string_view function, std::string_view qualifier) const {
    if (name_cells_.empty()) return nullptr;
    const std::size_t mask = name_cells_.size() - 1;
    const std::uint64_t hash = name_hash(function, qualifier);
    for (std::uint32_t n = 0; n <= longest_name_probe_; ++n) {
        const NameCell& cell = name_cells_[(hash + n) & mask];
        if (cell.name == kNoEntry) return nullptr;
        if (cell.hash == hash && names_[cell.name].function == function &&
            names_[cell.name].qualifier == qualifier)
            return &cells_[cell.cell];
    }
    return nullptr;
}

const Target* Snapshot::find(std::string_view function, std::string_view qualifier) const {
    if (qualifier == "$LATEST") qualifier = {};
    const Target* found = find_exactly(function, qualifier);
    if (found != nullptr) return found;
    // The beginning of a version. An alias is never all hex digits of that length.
    if (qualifier.size() < kVersionDigitsMin || qualifier.size() > 64 ||
        !std::all_of(qualifier.begin(), qualifier.end(), hex_digit))
        return nullptr;
    const Target* current = find_exactly(function, {});
    if (current == nullptr) return nullptr;
    found = find(current->function_key, key_of_digits(qualifier));
    if (found == nullptr || version_text(*found).substr(0, qualifier.size()) != qualifier)
        return nullptr;
    return found;
}

const TargetName* Snapshot::name_of(const Target& target) const {
    if (name_of_cell_.empty()) return nullptr;
    const std::uint32_t name = name_of_cell_[static_cast<std::size_t>(&target - cells_.data())];
    return name == kNoEntry ? nullptr : &names_[name];
}

std::string_view Snapshot::version_text(const Target& target) const {
    const TargetName* name = name_of(target);
    return name == nullptr ? std::string_view{} : std::string_view{name->version};
}

std::uint32_t Snapshot::version_number(const Target& target) const {
    const TargetName* name = name_of(target);
    return name == nullptr ? 0 : name->number;
}

bool Snapshot::is_lambda(const Target& target) const {
    const TargetName* name = name_of(target);
    return name != nullptr && name->lambda;
}

}  // namespace skerry
