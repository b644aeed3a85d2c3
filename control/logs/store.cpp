#include "control/logs/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::logs {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kEnding = ".log";
constexpr std::size_t kLastBytes = 64u << 10;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty() ||
        (text[0] == '0' && text.size() > 1))
        return std::nullopt;
    return value;
}

struct Name {
    std::string function;
    std::uint64_t file = 0;
};

// Functions' names have no dots.
std::optional<Name> parse_name(const std::string& name) {
    if (name.size() <= kEnding.size() ||
        name.compare(name.size() - kEnding.size(), kEnding.size(), kEnding) != 0)
        return std::nullopt;
    const std::string stem = name.substr(0, name.size() - kEnding.size());
    const auto dot = stem.find('.');
    if (dot == std::string::npos || dot == 0) return std::nullopt;
    const auto file = number(std::string_view(stem).substr(dot + 1));
    if (!file || *file == 0) return std::nullopt;
    return Name{stem.substr(0, dot), *file};
}

Result<std::string> read_from(const std::string& path, std::uint64_t offset) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return errno_error("open " + path);
    // Beyond its size only when somebody else wrote to it.
    std::string bytes(2 * kFileBytes, '\0');
    std::size_t size = 0;
    while (size < bytes.size()) {
        const ssize_t n = ::pread(fd.get(), bytes.data() + size, bytes.size() - size,
                                  static_cast<off_t>(offset + size));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("read " + path);
        if (n == 0) break;
        size += static_cast<std::size_t>(n);
    }
    bytes.resize(size);
    return bytes;
}

// Takes records from `bytes`, which begin at page.next. False: the page is full.
bool take_records(std::string_view bytes, const Question& question, std::size_t& text_bytes,
                  Page& page) {
    for (;;) {
        const auto end = bytes.find('\n');
        // The last line may be about to be written.
        if (end == std::string_view::npos) return true;
        auto record = parse(bytes.substr(0, end));
        const bool wanted = record && record->time_us >= question.since_us &&
                            (!question.request || record->request == *question.request);
        if (wanted) {
            if (page.records.size() == kMaxRecords ||
                text_bytes + record->text.size() > kMaxAnswerBytes)
                return false;
            text_bytes += record->text.size();
            page.records.push_back(std::move(*record));
        }
        bytes.remove_prefix(end + 1);
        page.next.offset += end + 1;
    }
}

}  // namespace

std::string cursor_text(const Cursor& cursor) {
    return std::to_string(cursor.file) + "." + std::to_string(cursor.offset);
}

std::optional<Cursor> parse_cursor(std::string_view text) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto file = number(text.substr(0, dot)), offset = number(text.substr(dot + 1));
    if (!file || !offset) return std::nullopt;
    return Cursor{*file, *offset};
}

std::string Store::path(const std::string& function, std::uint64_t file) const {
    return folder_ + "/" + function + "." + std::to_string(file) + std::string(kEnding);
}

std::set<std::uint64_t> Store::files(const std::string& function) const {
    std::set<std::uint64_t> numbers;
    std::error_code error;
    fs::directory_iterator entry(folder_, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const auto name = parse_name(entry->path().filename().string());
        if (name && name->function == function) numbers.insert(name->file);
    }
    return numbers;
}

Status Store::append(const std::string& function, std::string_view lines) {
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = growing_.try_emplace(function);
    Growing& growing = at->second;
    if (is_new) {
        const auto there = files(function);
        growing.file = there.empty() ? 1 : *there.rbegin();
        struct stat info {};
        if (stat(path(function, growing.file).c_str(), &info) == 0)
            growing.bytes = static_cast<std::uint64_t>(info.st_size);
    }
    if (growing.bytes != 0 && growing.bytes + lines.size() > kFileBytes) {
        growing = {growing.file + 1, 0};
        for (const std::uint64_t file : files(function))
            if (file + kFilesKept <= growing.file) (void)unlink(path(function, file).c_str());
    }
    const std::string name = path(function, growing.file);
    const UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (!fd) return errno_error("open " + name);
    while (!lines.empty()) {
        const ssize_t n = ::write(fd.get(), lines.data(), lines.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("write " + name);
        growing.bytes += static_cast<std::uint64_t>(n);
        lines.remove_prefix(static_cast<std::size_t>(n));
    }
    return ok();
}

Result<Page> Store::read(const std::string& function, const Question& question) const {
    Page page;
    const auto there = files(function);
    const auto first = there.lower_bound(question.after.file);
    page.next = question.after;
    if (first == there.end()) {
        // Nothing is there yet, or it has been deleted and begun anew.
        if (there.empty() || question.after.file == 0) return page;
        page.next = {};
        page.lost = true;
        return page;
    }
    page.lost = question.after.file != 0 && *first != question.after.file;
    std::size_t text_bytes = 0;
    for (auto file = first; file != there.end(); ++file) {
        if (*file != question.after.file || page.lost) page.next = {*file, 0};
        struct stat info {};
        const std::string name = path(function, *file);
        if (stat(name.c_str(), &info) != 0) continue;  // rotated away meanwhile
        const bool older = std::int64_t{info.st_mtim.tv_sec + 1} * 1'000'000 < question.since_us;
        const auto size = static_cast<std::uint64_t>(info.st_size);
        if (older || size < page.next.offset) {
            page.next.offset = size;
            continue;
        }
        const auto bytes = read_from(name, page.next.offset);
        if (!bytes) return bytes.error();
        if (!take_records(*bytes, question, text_bytes, page)) {
            page.more = true;
            return page;
        }
    }
    return page;
}

std::vector<Record> Store::last(const std::string& function, std::string_view version,
                                std::size_t most) const {
    const auto there = files(function);
    if (there.empty()) return {};
    const std::string name = path(function, *there.rbegin());
    struct stat info {};
    if (stat(name.c_str(), &info) != 0) return {};
    const auto size = static_cast<std::uint64_t>(info.st_size);
    auto bytes = read_from(name, size - std::min<std::uint64_t>(size, kLastBytes));
    if (!bytes) return {};
    std::vector<Record> records;
    std::string_view left = *bytes;
    for (auto end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
        auto record = parse(left.substr(0, end));
        if (record && record->version == version) records.push_back(std::move(*record));
        left.remove_prefix(end + 1);
    }
    if (records.size() > most)
        records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(most));
    return records;
}

std::size_t Store::sweep(const std::set<std::string>& keep) {
    const std::lock_guard lock(mutex_);
    std::size_t removed = 0;
    std::error_code error, failed;
    fs::directory_iterator entry(folder_, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const auto name = parse_name(entry->path().filename().string());
        if (name && keep.count(name->function) == 0 && fs::remove(entry->path(), failed)) ++removed;
    }
    std::erase_if(growing_, [&](const auto& each) { return keep.count(each.first) == 0; });
    return removed;
}

}  // namespace skerry::logs
