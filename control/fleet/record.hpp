// What a fleet keeps in etcd, below its prefix:
//
//   PREFIX/fleet            which fleet this is: 32 hex digits, made by its first member
//   PREFIX/functions/NAME   a Record
//   PREFIX/deploying/NAME   the member that is deploying it; with its lease
//   PREFIX/members/NAME     a Member; with its lease
//
// Whatever is read is checked as catalog.db is: others can write there, too.
#pragma once

#include <string>
#include <string_view>

#include "control/catalog/catalog.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::fleet {

struct Record {
    std::string by;  // the member that has said so, and has its artifacts
    catalog::Function function;
};

struct Member {
    std::string name;        // the server's: 1 … 15 characters of a-z, 0-9 and -
    std::string management;  // "host:port", where others get artifacts from
    std::string boot_id;     // another one after each start: 16 hex digits
    std::string version;     // of Skerry
    bool operator==(const Member&) const = default;
};

std::string render(const Record& record);
std::string render(const Member& member);
// `name`: what the key says.
Result<Record> parse_record(const std::string& name, std::string_view text);
Result<Member> parse_member(const std::string& name, std::string_view text);
bool is_member_name(const std::string& text);
bool is_fleet_id(const std::string& text);

}  // namespace skerry::fleet
