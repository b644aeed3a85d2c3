// The Authorization header of AWS Signature Version 4, and the time that goes with it. Pure.
//
//   AWS4-HMAC-SHA256 Credential=ID/20150830/us-east-1/lambda/aws4_request,
//   SignedHeaders=host;x-amz-date, Signature=64 hex digits
//
// Source: AWS General Reference / IAM User Guide, "Elements of an AWS API request signature".
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/auth/sha256.hpp"

namespace skerry::auth {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
inline constexpr std::size_t kRegionBytesMax = 32;

struct Authorization {
    std::string_view key_id;  // is_key_id()
    std::string_view date;    // YYYYMMDD
    std::string_view region;  // 1 … kRegionBytesMax of a-z, 0-9 and -
    std::string_view service, terminator;
    std::string_view signed_headers;  // names in lower case, ascending, each once
    Digest signature{};
};

// False: it is not one, something of it is missing, malformed or there twice.
bool parse_authorization(std::string_view text, Authorization& into);

// Takes the first name off a list of signed headers. False: there is none left.
bool next_name(std::string_view& list, std::string_view& name);

// "20150830T123600Z" as Unix time; years 1970 … 9999. False: it is no such thing.
bool parse_time(std::string_view text, std::uint64_t& unix_s);

}  // namespace skerry::auth
