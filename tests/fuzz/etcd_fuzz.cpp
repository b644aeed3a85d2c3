// Any bytes as what etcd answers; the first one says to which question. Lines of a watch go into a
// mirror, one after the other.
#include <cstdint>
#include <string>
#include <string_view>

#include "control/base64/base64.hpp"
#include "control/catalog/catalog_file.hpp"
#include "control/etcd/messages.hpp"
#include "control/fleet/mirror.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;

void check(const etcd::KeyValue& pair) {
    SKERRY_CHECK(!pair.key.empty() && pair.key.size() <= etcd::kMaxKeyBytes);
    SKERRY_CHECK(pair.value.size() <= etcd::kMaxValueBytes);
}

void range(std::string_view text) {
    const auto answer = etcd::parse_range(text);
    if (!answer) return;
    for (const etcd::KeyValue& pair : answer->found) check(pair);
    fleet::Mirror mirror("/s");
    mirror.begin(answer->found, answer->revision, {"mine"});
}

void watch(std::string_view text) {
    fleet::Mirror mirror("/s");
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const auto answer = etcd::parse_watch(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!answer) continue;
        for (const etcd::WatchEvent& event : answer->events) {
            check(event.pair);
            mirror.take(event);
        }
    }
    for (const auto& [name, wanted] : mirror.functions()) {
        if (!wanted.record) continue;
        SKERRY_CHECK(wanted.record->function.name == name);
        SKERRY_CHECK(static_cast<bool>(catalog::validate(wanted.record->function)));
    }
}

void record(std::string_view text) {
    const auto read = fleet::parse_record("hello", text);
    if (read) {
        const auto again = fleet::parse_record("hello", fleet::render(*read));
        SKERRY_CHECK(again && again->function == read->function && again->by == read->by);
    }
    const auto member = fleet::parse_member("pop-1", text);
    if (member) SKERRY_CHECK(*fleet::parse_member("pop-1", fleet::render(*member)) == *member);
}

void bytes(std::string_view text) {
    SKERRY_CHECK(skerry::base64_decoded(skerry::base64(text)) == text);
    if (const auto decoded = skerry::base64_decoded(text))
        SKERRY_CHECK(skerry::base64(*decoded) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 8) {
        case 0:
            range(text);
            break;
        case 1:
            watch(text);
            break;
        case 2:
            (void)etcd::parse_transaction(text);
            break;
        case 3:
            (void)etcd::parse_lease(text);
            break;
        case 4:
            (void)etcd::parse_token(text);
            break;
        case 5:
            SKERRY_CHECK(!etcd::parse_refusal(400, text).text.empty());
            break;
        case 6:
            record(text);
            break;
        default:
            bytes(text);
            break;
    }
    return 0;
}
