// Finds personal data in text and replaces it. One pass from left to right, with a look-ahead that
// is bounded for each kind: linear in the text, whatever the text is.
//
//   [EMAIL]  local@domain.tld; ASCII, the common subset of RFC 5321
//   [IBAN]   country, length and check digits right (ISO 13616); grouped by four or not
//   [CARD]   13 to 19 digits with the Luhn digit right, in groups or not; first digit 2 to 6
//   [IPV4]   four numbers of 0 to 255
//   [PHONE]  +CC or 00CC and 7 to 15 digits in all; or NNN-NNN-NNNN, (NNN) NNN-NNNN
//
// What fails its check digits stays: it is an order number, not a card. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace skerry::functions {

std::string redact(std::string_view text);

}  // namespace skerry::functions
