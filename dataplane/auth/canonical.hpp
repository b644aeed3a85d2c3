// The canonical request of AWS Signature Version 4: the one text that client and server make of a
// request that both can have written in different ways. Pure; no heap.
//
// Source: IAM User Guide, "Create a signed AWS API request", step 1. Where it leaves things open
// this does what botocore's signer does (tests/dataplane/auth compares them):
//   path      dot segments and doubled slashes are removed, then every byte but those unreserved
//             in RFC 3986 and "/" is escaped, those of escapes that were sent included (every
//             service but S3 has it so)
//   query     each name and value with its escapes undone and made again; in the order of names,
//             then values. A "+" is a plus, not a space
//   headers   runs of spaces and tabs are one space; values of one name are joined by commas
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/auth/request.hpp"

namespace skerry::auth {

inline constexpr std::size_t kParametersMax = 64;         // of a query; more: no canonical request
inline constexpr std::size_t kCanonicalBytesMax = 65536;  // longer: none, too
inline constexpr std::size_t kQueryBytesMax = 16384;

// Memory for making one; big, so it is made once and used again.
struct CanonicalBuffer {
    std::array<char, kCanonicalBytesMax> text;
    std::array<char, kQueryBytesMax> query;
};

// Which of the request's fields a list of signed headers names.
struct SignedFields {
    std::array<std::uint64_t, kFieldsMax / 64> bits{};
    bool has(std::size_t field) const { return bits[field / 64] >> field % 64 & 1; }
};

// All of the canonical request but its last line, the payload's hash. It lies in `buffer`. Empty:
// there is none, as the path is no path, a signed header is not there, an escape of the query is
// broken, or a limit is passed.
std::string_view canonical_request(const Request& request, std::string_view signed_headers,
                                   CanonicalBuffer& buffer, SignedFields& fields);

}  // namespace skerry::auth
