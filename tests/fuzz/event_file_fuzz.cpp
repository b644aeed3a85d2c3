// Any bytes as the file of events, or any rows in a good one: an error, or a file that is set
// aside, or events that are valid, can be queued, executed and erased, and are the same when read
// again.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "control/events/queue.hpp"
#include "control/events/store.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;
namespace fs = std::filesystem;

constexpr std::uint64_t kBytes = 4u << 20;

const fs::path& folder() {
    static const fs::path made = [] {
        const char* base = fs::exists("/dev/shm") ? "/dev/shm" : "/tmp";
        fs::path path = fs::path(base) / ("skerry-event-fuzz-" + std::to_string(getpid()));
        std::atexit([] { fs::remove_all(folder()); });
        return path;
    }();
    return made;
}

class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    bool empty() const { return size_ == 0; }
    std::uint8_t byte() {
        if (size_ == 0) return 0;
        --size_;
        return *data_++;
    }
    std::string_view take(std::size_t count) {
        count = std::min(count, size_);
        const std::string_view taken(reinterpret_cast<const char*>(data_), count);
        data_ += count;
        size_ -= count;
        return taken;
    }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
};

// A value of any type that SQLite has; it keeps what it is given.
void bind(sqlite3_stmt* to, int column, Bytes& from) {
    switch (from.byte() % 6) {
        case 0:
            sqlite3_bind_int64(to, column, from.byte());
            break;
        case 1: {
            std::int64_t value = 0;
            const std::string_view bytes = from.take(8);
            std::memcpy(&value, bytes.data(), bytes.size());
            sqlite3_bind_int64(to, column, value);
            break;
        }
        case 2: {
            const std::string_view text = from.take(from.byte());
            sqlite3_bind_text(to, column, text.data(), static_cast<int>(text.size()),
                              SQLITE_TRANSIENT);
            break;
        }
        case 3: {
            const std::string_view blob = from.take(from.byte());
            sqlite3_bind_blob(to, column, blob.data(), static_cast<int>(blob.size()),
                              SQLITE_TRANSIENT);
            break;
        }
        case 4:
            sqlite3_bind_zeroblob(to, column, from.byte() << 13);
            break;
        default:
            sqlite3_bind_double(to, column, from.byte() * 1e17);
    }
}

void put_rows(Bytes from) {
    { SKERRY_CHECK(events::Store::open(folder(), events::Safety::written, kBytes)); }
    sqlite3* database = nullptr;
    SKERRY_CHECK(sqlite3_open((folder() / "events.db").c_str(), &database) == SQLITE_OK);
    sqlite3_exec(database, "PRAGMA synchronous = OFF; BEGIN", nullptr, nullptr, nullptr);
    sqlite3_stmt* insert = nullptr;
    SKERRY_CHECK(sqlite3_prepare_v2(
                     database, "INSERT OR REPLACE INTO events VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                     -1, &insert, nullptr) == SQLITE_OK);
    for (int row = 0; row < 16 && !from.empty(); ++row) {
        for (int column = 1; column <= 13; ++column) bind(insert, column, from);
        (void)sqlite3_step(insert);
        sqlite3_reset(insert);
        sqlite3_clear_bindings(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr);
    sqlite3_close(database);
}

// Everything that the service does with it.
void use(events::Store& store) {
    std::uint64_t malformed = 0;
    const auto kept = store.all(malformed);
    if (!kept) {
        SKERRY_CHECK(!kept.error().text.empty());
        return;
    }
    events::Queue queue({});
    std::uint64_t payload_bytes = 0;
    for (const events::Event& event : *kept) {
        SKERRY_CHECK(events::is_valid(event));
        queue.add(event);
        payload_bytes += event.payload_bytes;
        const auto payload = store.payload(event);
        SKERRY_CHECK(!payload || payload->size() == event.payload_bytes);
        SKERRY_CHECK(payload || events::is_damage(payload.error()));
    }
    SKERRY_CHECK(queue.bytes() == payload_bytes + kept->size() * events::Queue::kRecordBytes);
    const auto again = store.all(malformed);
    SKERRY_CHECK(!again || (again->size() == kept->size() && malformed == 0));
    std::vector<events::Store::Change> changes;
    for (int i = 0; i < 8; ++i) {
        const auto event = queue.start(std::uint64_t{1} << 48);
        if (!event) break;
        const auto status = i % 3 == 0   ? ReplyStatus::ok
                            : i % 3 == 1 ? ReplyStatus::function_error
                                         : ReplyStatus::overloaded;
        const events::Ended end = queue.ended(event->id, status, 1000);
        changes.push_back({end.what == events::Ended::What::again_failed
                               ? events::Store::ChangeKind::failures
                               : events::Store::ChangeKind::gone,
                           end.event});
    }
    (void)queue.expire(~std::uint64_t{0} >> 1, 1000);
    (void)store.commit({}, changes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    fs::remove_all(folder());
    // 'S' begins every file of SQLite's.
    if (data[0] == 'r') {
        put_rows(Bytes(data + 1, size - 1));
    } else {
        fs::create_directories(folder());
        std::ofstream(folder() / "events.db", std::ios::binary)
            .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    }
    const auto store = events::Store::open(folder(), events::Safety::written, kBytes);
    if (!store) {
        SKERRY_CHECK(!store.error().text.empty());
        return 0;
    }
    // Only what is damaged as a whole is set aside, and rows alone never are.
    SKERRY_CHECK(data[0] != 'r' || (*store)->moved_to().empty());
    use(**store);
    return 0;
}
