// Hyperscan databases of expressions: compiled, or loaded from a folder in which each lies under
// the hash of what it was made of. Control thread; may take seconds, allocates.
//
// A file is believed only if it is a regular file of ours that nobody else may write, says that it
// was made of these very expressions by this Hyperscan for this kind of processor, and is whole
// (SHA-256); else it is compiled anew and replaced. Without a folder nothing is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/classify/database.hpp"

namespace skerry::routes {

// How a database matches.
enum class Form : std::uint8_t {
    whole,     // all of a text, from its first byte to its last
    anywhere,  // some of a text
    stream,    // the same, of a text that comes in pieces (HS_MODE_STREAM)
};

// What all of a text must match, from its first byte to its last.
std::string whole(std::string_view expression);

struct Expression {
    std::string text;         // the operator's
    std::uint32_t route = 0;  // for what is said of it
};

struct Failure {
    std::uint32_t expression = ~0u;  // which; ~0: all of them together
    std::int32_t at = -1;            // byte of its text
    std::string text;                // Hyperscan's reason
};

struct Loaded {
    classify::Database database;  // none: `failures` says why
    std::vector<Failure> failures;
    bool from_cache = false;
};

struct Cache {
    std::string folder;  // empty: none. Made if it is not there
    // What was used since, so that the rest can go.
    std::vector<std::string> used = {};
    std::uint32_t hits = 0, compiled = 0, refused = 0;  // refused: a file was there, and no good
};

// The ids are the places of the expressions.
Loaded load_database(const std::vector<Expression>& expressions, Cache& cache,
                     Form form = Form::whole);

// Whether Hyperscan takes it alone, and what it says if not. Empty text: it does.
Failure check_expression(std::string_view expression, Form form = Form::whole);

// Removes the files that nothing used, if there are more than `keep` of them.
void sweep(const Cache& cache, std::size_t keep);

// One scratch for all of them, of which each core gets a copy. False: no memory.
bool make_scratches(const std::vector<const hs_database_t*>& databases, std::uint32_t cores,
                    std::vector<classify::Scratch>& scratches);
bool make_scratches(const std::vector<classify::Database>& databases, std::uint32_t cores,
                    std::vector<classify::Scratch>& scratches);

}  // namespace skerry::routes
